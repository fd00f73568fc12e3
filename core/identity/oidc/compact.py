"""The outer form of a token: a JWS in compact serialisation (RFC 7515 7.1), read strictly before anything is believed."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any

from core.identity.oidc.errors import Reason

LONGEST = 16 * 1024
"""Characters of the longest token that is read at all."""

DEEPEST = 8
"""Levels of nesting of the deepest JSON that is read; Keycloak's own tokens have three."""

_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)

_REFUSED_HEADERS = ("jwk", "jku", "x5u", "x5c", "crit", "b64", "cty", "enc", "zip")
"""Parameters that bring a key of the sender's choice, or change what is signed or how it is read."""


class NotReadable(ValueError):
    """A text that is not what it should be, and why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Envelope:
    """What an unverified token says of itself: nothing of it is believed but to choose the key."""

    algorithm: str
    key_id: str
    type: str
    """``typ`` in lower case without ``application/`` (RFC 7515 4.1.9); empty where there is none."""


def envelope_of(token: str) -> Envelope:
    """Read the header of a token. Raises ``NotReadable``: too long, not three parts, not canonical base64url (several
    spellings of one signature would make several tokens of one), JSON that is ambiguous, a header that is refused."""
    if len(token) > LONGEST:
        raise NotReadable(Reason.TOO_LONG)
    parts = _FORM.fullmatch(token)
    if parts is None:
        raise NotReadable(Reason.MALFORMED)
    header = json_object(_decoded(parts[1]))
    for part in (parts[2], parts[3]):
        _decoded(part)
    if any(name in header for name in _REFUSED_HEADERS):
        raise NotReadable(Reason.HEADER)
    algorithm, key_id, kind = header.get("alg"), header.get("kid"), header.get("typ", "")
    if not isinstance(algorithm, str):
        raise NotReadable(Reason.ALGORITHM)
    if not isinstance(key_id, str) or not key_id:
        raise NotReadable(Reason.KEY_ID)
    if not isinstance(kind, str):
        raise NotReadable(Reason.TYPE)
    return Envelope(algorithm, key_id, kind.lower().removeprefix("application/"))


def json_object(text: bytes) -> dict[str, Any]:
    """The JSON object in ``text``. Raises ``NotReadable`` where it is none, says a name twice (readers differ in which one
    they take), is nested too deeply, or holds what JSON has not (NaN, Infinity)."""
    _check_depth(text)
    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=_unambiguous, parse_constant=_no_constant)
    except NotReadable:
        raise
    except ValueError:
        # From None: the cause's message quotes the text.
        raise NotReadable(Reason.MALFORMED) from None
    if not isinstance(value, dict):
        raise NotReadable(Reason.MALFORMED)
    return value


def _decoded(part: str) -> bytes:
    try:
        value = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        raise NotReadable(Reason.MALFORMED) from None
    if base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii") != part:
        raise NotReadable(Reason.MALFORMED)
    return value


def _check_depth(text: bytes) -> None:
    """Before parsing: the parser itself is recursive."""
    depth = 0
    for sign in _STRING.sub(b"", text):
        if sign in b"{[":
            depth += 1
            if depth > DEEPEST:
                raise NotReadable(Reason.TOO_DEEP)
        elif sign in b"}]":
            depth -= 1


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise NotReadable(Reason.DUPLICATE)
    return value


def _no_constant(_name: str) -> None:
    raise NotReadable(Reason.MALFORMED)
