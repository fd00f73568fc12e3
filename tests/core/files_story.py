"""Households whose files are led through their life, for tests."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from core.db.base import new_id
from core.people.life.consents import give_consent
from core.people.models import Household, Membership, Person, WorkerFile
from core.scope import Scope
from tests.conftest import COUNTY, TODAY

Acting = Callable[..., AbstractContextManager[Scope]]
SINCE = date(2025, 1, 1)
CLERK = frozenset({"people.read", "people.write", "notice.post", "notice.register_objection", "notice.read"})
DECIDER = frozenset({"people.read", "people.decide", "notice.answer_objection"})
WORDS: dict[str, dict[str, Any]] = {
    "first_check": {"note": "材料齐全"},
    "visit": {"note": "家庭情况属实", "evidence": "入户记录 12 号"},
    "civil_affairs_check": {"evidence": "民政核字 7 号"},
    "send_back": {"note": "请补充说明"},
    "refuse": {"reason": "income_above_line", "note": "收入高于标准"},
    "strike_off": {"reason": "own_request", "note": "本人申请"},
    "confirm_unchanged": {"note": "入户核实，无变化"},
    "end_difficulty": {"note": "已就业"},
    "record_death": {"note": "亡故"},
    "reopen": {"note": "再次困难"},
}
"""What is written with each step that is made by hand."""


def plant_file(
    session: Session,
    number: int = 1,
    status: str = "draft",
    *,
    born: date = date(1980, 1, 1),
    opened_on: date = SINCE,
    updated_on: date = TODAY,
    pinyin: str = "zhang san",
    **file: object,
) -> uuid.UUID:
    """A household of one worker with a file in this state; its id."""
    household, person = new_id(), new_id()
    session.execute(
        insert(Person),
        [{"id": person, "name": f"张三{number}", "pinyin": pinyin, "gender": "1", "birth_date": born}],
    )
    session.execute(insert(Household), [{"id": household, "address": "某社区"}])
    session.execute(
        insert(Membership),
        [{"household_id": household, "person_id": person, "relation": "head", "valid_from": SINCE}],
    )
    columns = {"file_number": f"K{number:06}", "status": status, "opened_on": opened_on, "updated_on": updated_on}
    session.execute(insert(WorkerFile), [{"household_id": household, "worker_id": person, **columns, **file}])
    return household


def clerk(acting: Acting, actor: str = "clerk", **more: object) -> AbstractContextManager[Scope]:
    """A caseworker of the county."""
    return acting(more.pop("tenant", COUNTY), actor=actor, permissions=CLERK, **more)


def decider(acting: Acting, actor: str = "decider", **more: object) -> AbstractContextManager[Scope]:
    """An approver of the county."""
    return acting(more.pop("tenant", COUNTY), actor=actor, permissions=DECIDER, **more)


def sign(session: Session, household_id: uuid.UUID) -> None:
    """The whole household signs what a visit needs."""
    for kind in ("income_check_authorisation", "sensitive_information"):
        give_consent(session, household_id, kind, reference="授权书 1 号", given_on=TODAY)
