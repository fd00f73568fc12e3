"""``bangfu case … handlers``: two people, each proven in the terminal; and every act of the command line on record."""

from __future__ import annotations

import re
import uuid

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError
from typer.testing import CliRunner

from core.cases.handler_changes import SamePerson
from core.cases.service import list_cases
from core.db.session import reference_work, unit_of_work
from core.errors import InvalidInput, NotFound
from core.identity.changes import kept_elsewhere
from core.identity.models import Account
from core.identity.passwords import hashed
from core.scope import entered
from core.trail.models import PermissionUse, ReadLog
from deploy import cli_proof
from deploy.cli import app
from deploy.cli_proof import NoProofHere
from deploy.story.staff import acting_as
from tests.conftest import COUNTY, OTHER_COUNTY, Database, scope_of
from tests.core.handler_story import Story, tell

PASSWORD = "松下问童子-1962"


@pytest.fixture
def story(db: Database) -> Story:
    told = tell(db)
    with reference_work() as session:
        common = hashed(PASSWORD)
        for account in session.scalars(select(Account)):
            account.password_hash = common
    return told


def _run(*order: str, login: str, typed: str = PASSWORD, tenant: str = COUNTY) -> str:
    at = ("--county", tenant, "--as", login)
    result = CliRunner().invoke(app, ["case", *order, *at], input=f"{typed}\n", catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert typed not in result.output
    return result.output


def _id_in(text: str) -> str:
    found = re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", text)
    assert found is not None
    return found[0]


def _reads() -> list[tuple[str, str, str | None]]:
    with entered(scope_of(COUNTY)), unit_of_work() as session:
        rows = session.scalars(select(ReadLog).order_by(ReadLog.id))
        return [(row.actor, row.what, row.permission) for row in rows]


def _uses(actor: uuid.UUID) -> set[str]:
    with entered(scope_of(COUNTY)), unit_of_work() as session:
        return set(session.scalars(select(PermissionUse.permission).where(PermissionUse.actor == str(actor))))


def test_a_handler_asks_and_a_second_person_agrees(story: Story) -> None:
    said = _run("ask-handlers", story.number, "--add", "er", "--reason", "力量不足", login="ban")
    assert "等待分管主席同意" in said
    change = _id_in(said)
    assert change in _run("handlers", login="fen")
    # who asked, and who is named, does not decide
    for login in ("ban", "er"):
        with pytest.raises((SamePerson, NotFound)):
            _run("decide-handlers", change, "--agree", login=login)
    assert "已变更" in _run("decide-handlers", change, "--agree", login="fen")
    assert set(story.handlers()) == {str(story.handler), str(story.second)}


def test_an_emergency_goes_by_the_number_and_may_be_refused_or_taken_back(story: Story) -> None:
    order = ["ask-handlers-emergency", story.number, "--add", "er", "--ground", "order", "--order", "〔2025〕1号"]
    change = _id_in(_run(*order, "--reason", "书面要求", "--keep", login="fen"))
    assert "已答复不同意" in _run("decide-handlers", change, "--refuse", "--why", "文号不符", login="zhu")
    change = _id_in(_run(*order, "--reason", "书面要求", login="fen"))
    assert "已撤回" in _run("withdraw-handlers", change, login="fen")
    assert story.handlers() == [str(story.handler)]


def test_nobody_acts_without_the_proof(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    order = ["ask-handlers", story.number, "--add", "er", "--reason", "力量不足"]
    with pytest.raises(InvalidInput, match="密码或验证码不正确"):
        _run(*order, login="ban", typed="不是这个")
    with reference_work() as session:
        session.scalars(select(Account).where(Account.login == "ban")).one().must_change_password = True
    with pytest.raises(InvalidInput, match="初始密码"):
        _run(*order, login="ban")
    monkeypatch.setattr(cli_proof, "kept_elsewhere", lambda: not kept_elsewhere())
    with pytest.raises(NoProofHere, match="请在网页上办理"):
        _run(*order, login="ban")
    assert story.handlers() == [str(story.handler)]


def test_what_is_not_the_persons_to_see_is_not_there(story: Story) -> None:
    with pytest.raises(NotFound):
        _run("ask-handlers", story.number, "--add", "er", "--reason", "力量不足", login="er")
    with pytest.raises(NotFound):
        _run("decide-handlers", str(uuid.uuid4()), "--agree", login="far", tenant=OTHER_COUNTY)
    with pytest.raises(InvalidInput, match="不是变更编号"):
        _run("decide-handlers", "1", "--agree", login="fen")


def test_acts_of_the_command_line_are_on_record(story: Story) -> None:
    _run("open", "petition", "--applicant", "周明", "--form", '{"kind": "settlement", "channel": "visit", '
         '"subject": "工资", "content": "拖欠工资"}', login="ban")  # fmt: skip
    assert _reads() == [], "a change stands in the trail"
    assert "petitions.register" in _uses(story.handler)
    with pytest.raises(NotFound):
        _run("advance", "XF-2025-9999", "accept", login="ban")
    assert _reads() == [], "what was not shown is no look"
    result = CliRunner().invoke(app, ["staff", "list", "--county", COUNTY, "--as", "ban"], catch_exceptions=True)
    assert result.exit_code != 0


def test_a_look_leaves_its_row_before_anything_is_shown(story: Story, db: Database) -> None:
    with acting_as("ban", COUNTY) as session:
        assert len(list_cases(session)) == 1
    assert [(actor, permission) for actor, _, permission in _reads()] == [(str(story.handler), "case.read")]
    assert "case.read" in _uses(story.handler)
    with db.owner.begin() as connection:
        connection.execute(text("revoke insert on read_log from bangfu_app"))
    try:
        # commands print what they found once the act is over
        with pytest.raises(ProgrammingError), acting_as("ban", COUNTY) as session:
            list_cases(session)
    finally:
        with db.owner.begin() as connection:
            connection.execute(text("grant insert on read_log to bangfu_app"))
