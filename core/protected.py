"""Which addresses nobody on the way can read or change: https, or plain http that does not leave this machine."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_protected(address: str) -> bool:
    """Whether an address is https, or plain http that does not leave this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    if not host or parts.username is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
