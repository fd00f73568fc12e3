"""Addresses that are kept hold nothing that was typed: histories and the logs of proxies keep them (不回显)."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from core.vault.unsaid import ROW_ID, without_numbers

_CODE = re.compile(rf"[a-z][a-z_]{{0,59}}|[0-9]{{1,6}}|{ROW_ID}")


def kept_query(query: str) -> list[tuple[str, str]]:
    """Of a query only codes, short numbers and ids."""
    return [(name, value) for name, value in parse_qsl(query) if _CODE.fullmatch(value) and _CODE.fullmatch(name)]


def kept_address(url: str) -> str | None:
    """Path and query of ``url`` as somebody may be led back to, of the query what ``kept_query`` leaves. None where it is
    no address, or its path holds a long number."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if without_numbers(parts.path) != parts.path:
        return None
    query = urlencode(kept_query(parts.query))
    return f"{parts.path}?{query}" if query else parts.path
