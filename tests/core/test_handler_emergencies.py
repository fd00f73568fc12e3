"""A case that nobody sees any more opens by two people who do not see it, and by nothing else (紧急变更)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from core.cases.handler_changes import (
    Emergency,
    ask_emergency,
    decide_change,
    withdraw_change,
)
from core.cases.handler_lists import (
    changes_of_mine,
    emergencies_found,
)
from core.cases.handler_rewrite import moving_models
from core.cases.models import Case
from core.cases.service import case_view
from core.db.session import NoRecordedAct, opening
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.trail.service import first_break
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY, Database
from tests.core.handler_story import NOBODY_LEFT, ORDER, WHY, Story, agreed, asked, sees, tell
from tests.core.lines import job_seeker
from tests.core.staffing import at_desk, hire

OF_A_CASE = {"case_record", "case_step", "deadline", "document", "party", "search_token"}
STAYS = {"handler_change", "trail_entry"}
"""What stays with those for whom it was written: what was asked, and what was done."""


@pytest.fixture
def story(db: Database) -> Story:
    return tell(db)


# An emergency


def test_a_case_that_nobody_sees_any_more_opens_to_those_named_alone(story: Story) -> None:
    story.close_account(story.handler)
    before = story.rows()
    assert set(before) >= OF_A_CASE
    change = asked(story, story.fresh)
    agreed(story.leader, change)
    assert story.handlers() == [str(story.fresh)]
    for account in (story.vice, story.leader, story.second):
        assert sees(account) == []
    with at_desk(story.fresh) as session:
        assert case_view(session, story.case_id).form["subject"] == "机密事由"
    after = story.rows()
    for table, held in after.items():
        if table not in STAYS:
            assert len(held) == len(before[table]), table
            assert all(handlers == [str(story.fresh)] for handlers in held), table
    with at_desk(story.vice) as session:
        assert first_break(session) is None
        assert all(line.change.state == "agreed" for line in changes_of_mine(session))


def test_every_table_of_cases_goes_over_or_says_that_it_stays(story: Story) -> None:
    moving = {model.__tablename__ for model, _, _ in moving_models()}  # type: ignore[attr-defined]  # mapped classes have one
    assert moving >= OF_A_CASE
    assert not moving & {*STAYS, "handler_news"}
    with story.db.owner.connect() as connection:
        assert set(story.rows()) <= moving | STAYS
        rows = connection.execute(text("select number, id from sealed_case")).all()
    assert [tuple(row) for row in rows] == [(story.number, story.case_id)]


def test_where_a_handler_can_act_only_an_order_opens_the_case(story: Story) -> None:
    with pytest.raises(Conflict, match="仍有能够办理"):
        agreed(story.leader, asked(story, story.fresh))
    assert story.handlers() == [str(story.handler)]
    with at_desk(story.vice) as session:
        [line] = changes_of_mine(session)
        assert line.state == "asked"
        withdraw_change(session, line.change.id)
    agreed(story.leader, asked(story, story.fresh, what=ORDER))
    assert story.handlers() == [str(story.handler), str(story.fresh)]
    agreed(story.leader, asked(story, story.second, what=Emergency("order", "法函1号")))
    assert story.handlers() == [str(story.second)]
    with at_desk(story.vice) as session:
        found = emergencies_found(session, TODAY.year)
        assert emergencies_found(session, TODAY.year - 1) == []
    assert [draft.severity for draft in found] == ["major", "major"]
    assert story.number in found[0].title
    assert found[0].detail == {
        "number": story.number,
        "asked_by": str(story.vice),
        "decided_by": str(story.leader),
        "ground": "order",
    }


def test_no_number_tells_whether_there_is_an_open_case(story: Story) -> None:
    with at_desk(hire("jing", (COUNTY, "caseworker"))) as session:
        [plain] = job_seeker(session)
    said = set()
    for number in (plain.number, "XF-2025-0999", "", "' or 1=1"):
        with at_desk(story.vice) as session, pytest.raises(InvalidInput) as refused:
            ask_emergency(session, number, add=[str(story.fresh)], what=NOBODY_LEFT, reason=WHY)
        said.add(str(refused.value))
    assert len(said) == 1
    with at_desk(story.stranger, OTHER_COUNTY) as session, pytest.raises(InvalidInput) as refused:
        ask_emergency(session, story.number, add=[str(story.fresh)], what=NOBODY_LEFT, reason=WHY)
    assert {str(refused.value)} == said


@pytest.mark.parametrize(
    ("what", "where"),
    [
        (Emergency(""), "ground"),
        (Emergency("order"), "order_number"),
        (Emergency("nobody_left", "法函1号"), "order_number"),
        (Emergency("order", "长" * 101), "order_number"),
    ],
)
def test_an_emergency_has_its_ground(story: Story, what: Emergency, where: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        asked(story, story.fresh, what=what)
    assert refused.value.where == where


def test_only_the_vice_chair_asks_and_only_the_leader_agrees(story: Story) -> None:
    story.close_account(story.handler)
    for account in (story.second, story.leader, hire("boss", (COUNTY, "tenant_admin"))):
        with at_desk(account) as session, pytest.raises(Forbidden):
            ask_emergency(session, story.number, add=[str(story.fresh)], what=NOBODY_LEFT, reason=WHY)
    change = asked(story, story.fresh)
    other_vice = hire("fen2", (COUNTY, "vice_chair_in_charge"))
    for account, tenant in ((story.second, COUNTY), (other_vice, COUNTY), (story.stranger, OTHER_COUNTY)):
        with at_desk(account, tenant) as session, pytest.raises(NotFound):
            decide_change(session, change, agreed=True)


# The wall


def test_nothing_opens_a_case_but_an_act_recorded_in_the_same_transaction(story: Story) -> None:
    change = asked(story, story.fresh, what=ORDER)
    with at_desk(story.leader) as session, pytest.raises(NoRecordedAct), opening(session, story.case_id, change):
        pass
    agreed(story.leader, change)
    with at_desk(story.leader) as session, pytest.raises(NoRecordedAct), opening(session, story.case_id, change):
        pass
    with at_desk(story.leader) as session:
        assert session.execute(select(Case.id)).all() == []


def test_only_the_helper_sets_what_opens_a_case() -> None:
    root = Path(__file__).parents[2]
    sources = [file for part in ("core", "plugins", "tenants", "worker", "deploy") for file in (root / part).rglob("*.py")]
    assert len(sources) > 100
    setting, calling = re.compile(r"(set local|set_config)[^\n]*app\.opened"), re.compile(r"with [^\n]*\bopening\(")
    assert _files_with(root, sources, setting) == {"core/db/session.py"}
    assert _files_with(root, sources, calling) == {"core/cases/handler_rewrite.py"}


def _files_with(root: Path, sources: list[Path], what: re.Pattern[str]) -> set[str]:
    return {file.relative_to(root).as_posix() for file in sources if what.search(file.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("column", ["clerk", "number", "form", "requested_fen", "opening_key", "workflow"])
def test_what_a_case_was_opened_with_is_never_rewritten(story: Story, column: str) -> None:
    with at_desk(story.handler) as session, pytest.raises(ProgrammingError, match=r"permission denied|only an erasure empties"):
        session.connection().exec_driver_sql(f"update case_record set {column} = {column}")
