"""The survey as background work: households in chunks by id, each determined in one transaction (批量认定)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from core.host.declarations import ChunkPlan
from core.scope import current_scope
from core.surveys import repository

CHUNK = 2_000
"""Households of one chunk: a few seconds of work."""


def plan(session: Session, params: Mapping[str, Any]) -> Sequence[ChunkPlan]:
    """Open the round of ``params["year"]`` if need be, lay down its day of decision, and cut the households into chunks."""
    from core.surveys.service import open_round

    opened = open_round(session, int(params["year"]))
    repository.settle_day(session, opened.id, current_scope().business_date)
    return [
        ChunkPlan(f"第 {number} 批（{chunk['households']} 户）", chunk)
        for number, chunk in enumerate(repository.chunks(session, CHUNK), start=1)
    ]


def run(session: Session, params: Mapping[str, Any], payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Determine the households of one chunk that the round has not determined yet."""
    from core.surveys.service import determine, open_round

    opened = open_round(session, int(params["year"]))
    households = repository.households_between(session, uuid.UUID(payload["first"]), uuid.UUID(payload["last"]))
    return {"households": len(households), "determined": determine(session, opened.id, households)}


def finish(session: Session, params: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """How many households the round looked at, and what it found of them."""
    found = {kind or "none": number for kind, number in repository.counted(session, int(params["year"]))}
    return {"households": sum(int(result["households"]) for result in results), "found": found}


def measured(session: Session, year: int) -> list[tuple[str, str, int]]:
    """Households determined in the year's survey by kind of difficulty, for the levels above."""
    return [("households_determined", kind or "none", number) for kind, number in repository.counted(session, year)]
