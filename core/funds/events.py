"""What follows when grants have been paid in full: their cases are closed, and the identity index says who was aided."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import TypeAlias

from sqlalchemy.orm import Session

from core.funds import repository

Follower: TypeAlias = Callable[[Session, Sequence[uuid.UUID]], None]


def close_cases(session: Session, case_ids: Sequence[uuid.UUID]) -> None:
    """Let the case engine make the transition ``paid`` of the cases. One that was closed before, by a payment that the bank
    sent back later, stays closed."""
    # The case engine's effects call this package; importing it above would close the circle.
    from core.cases.service import close_paid

    close_paid(session, repository.unclosed_cases(session, case_ids))


def mark_beneficiaries(session: Session, case_ids: Sequence[uuid.UUID]) -> None:
    """Mark in the identity index who was aided, so that another tenant learns of it when it asks."""
    from core.exchange.marks import mark_aided

    mark_aided(session, case_ids)


AFTER_PAID: list[Follower] = [close_cases, mark_beneficiaries]
"""Called in the transaction that takes the bank's return, with the cases whose grants are now paid in full."""
