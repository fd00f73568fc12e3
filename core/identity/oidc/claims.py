"""Claims of a token whose signature was verified, read with their kinds (RFC 7519 4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from core.identity.oidc.errors import Reason, TokenRefused

LONGEST_TEXT = 512
"""Characters of the longest text taken from a claim: identifiers, group paths, names."""

_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control signs, which would forge lines of a log, and halves of surrogate pairs; the database takes neither NUL nor these."""

_LAST_INSTANT = 253_402_300_800
"""The year 10000 in seconds of Unix time: beyond it a datetime cannot go."""


class Claims:
    """The claims of one token; ``kind`` (``access_token`` ...) is named in refusals, values never are."""

    def __init__(self, values: Mapping[str, Any], kind: str) -> None:
        self._values = values
        self.kind = kind

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def refusal(self, reason: Reason, name: str) -> TokenRefused:
        """The refusal of this token over the claim ``name``."""
        return TokenRefused(reason, f"{self.kind}.{name}")

    def raw(self, name: str) -> Any:
        """The claim as JSON has it; None where there is none."""
        return self._values.get(name)

    def text(self, name: str) -> str:
        """A text that must be there, without control signs."""
        return self._text(name, self._values.get(name))

    def optional_text(self, name: str) -> str | None:
        """A text, or None where the claim is missing."""
        return self.text(name) if name in self._values else None

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; empty where the claim is missing."""
        value = self._values.get(name, [])
        if not isinstance(value, list):
            raise self.refusal(Reason.CLAIM, name)
        return tuple(self._text(name, item) for item in value)

    def _text(self, name: str, value: Any) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TEXT or _UNFIT.search(value):
            raise self.refusal(Reason.CLAIM, name)
        return value

    def audience(self) -> tuple[str, ...]:
        """Whom the token is meant for: one text or a list of them (RFC 7519 4.1.3)."""
        return (self.text("aud"),) if isinstance(self._values.get("aud"), str) else self.texts("aud")

    def seconds(self, name: str) -> int:
        """An instant that must be there, in seconds of Unix time. Whole ones only, which is what issuers write: a float
        may be infinite."""
        value = self._values.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _LAST_INSTANT:
            raise self.refusal(Reason.CLAIM, name)
        return value

    def instant(self, name: str) -> datetime:
        """An instant that must be there, in UTC."""
        return datetime.fromtimestamp(self.seconds(name), UTC)

    def optional_instant(self, name: str) -> datetime | None:
        """An instant in UTC, or None where the claim is missing."""
        return self.instant(name) if name in self._values else None
