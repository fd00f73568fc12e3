"""Single values as forms send them. What is refused, and in which words, is said by whoever asked."""

from __future__ import annotations

import uuid
from datetime import date

from core.errors import BangfuError


def id_typed(text: str, refusal: BangfuError) -> uuid.UUID:
    """The id that was chosen; ``refusal`` is raised for what is none."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise refusal from None


def day_typed(text: str, refusal: BangfuError) -> date:
    """The day that was typed as 2025-03-01; ``refusal`` is raised for what is none."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise refusal from None
