"""ETags of lines and their settings: the state that was read, which a change names again (If-Match)."""

from __future__ import annotations

import re

from core.errors import InvalidInput

_ETAG = re.compile(r'"([0-9]{1,9}(?:\.[0-9]{1,9}){0,2})"')


def etag(state: int | str) -> str:
    """The header's value for a state."""
    return f'"{state}"'


def named_state(if_match: str | None) -> str | None:
    """The state that ``If-Match`` names, None without the header; raises ``InvalidInput``."""
    if if_match is None:
        return None
    named = _ETAG.fullmatch(if_match.strip())
    if named is None:
        raise InvalidInput("If-Match 应为读取时的 ETag", "If-Match holds the ETag that was read", where="If-Match")
    return named.group(1)
