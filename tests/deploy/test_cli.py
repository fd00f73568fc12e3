"""The command line: the small lines go through the same services as the pages, and errors are one clear message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.cases.workflows import sync_workflows, workflow_named
from core.db.session import reference_work, unit_of_work
from core.documents.service import required_kinds
from core.errors import Conflict, Forbidden, NotFound
from core.identity.service import give_post, make_account
from core.scope import entered
from core.tenancy.keys import give_key
from core.tenancy.service import system_scope
from deploy.cli import app
from deploy.story.papers import paper
from deploy.story.staff import by_platform
from tenants.switching import switch_plugin
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY, Database

LINES = {
    "petition": (
        "petition_handler",
        {"kind": "settlement", "channel": "visit", "subject": "欠薪", "content": "拖欠三个月工资"},
        (("accept", "petition_handler"), ("answer", "case_approver"), ("close", "petition_handler")),
    ),
    "legal_aid": (
        "caseworker",
        {
            "matter": "labour_dispute",
            "way": "advice",
            "person_kind": "worker_in_difficulty",
            "opponent": "某公司",
            "facts": "拖欠工资",
        },
        (
            ("check", "caseworker"),
            ("grant", "case_approver"),
            ("assign", "caseworker"),
            ("close", "legal_aid_lawyer"),
        ),
    ),
    "job_seeking": (
        "employment_officer",
        {"employment_status": "unemployed", "education": "20", "wanted_work": "缝纫工"},
        (("counsel", "employment_officer"), ("place", "employment_officer"), ("follow_up", "employment_officer")),
    ),
}
ROLES = ("petition_handler", "case_approver", "caseworker", "legal_aid_lawyer", "employment_officer")


@pytest.fixture
def office(db: Database) -> None:
    """A county with the three lines on and one account for each role, its login the role's name."""
    with db.owner.begin() as connection:
        sync_workflows(connection)
    with entered(system_scope(COUNTY, "test", on=TODAY)), unit_of_work() as session:
        give_key(session)
        for name in ("petitions", "legal_aid", "employment"):
            switch_plugin(session, name, enabled=True, reason="测试")
    with reference_work() as session:
        for role in ROLES:
            account = make_account(session, role, role, "足够长的密码-1")
            give_post(session, account.id, COUNTY, role, valid_from=TODAY)


def _run(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("workflow", LINES)
def test_a_line_is_opened_advanced_and_closed(office: None, workflow: str, tmp_path: Path) -> None:
    clerk, form, steps = LINES[workflow]
    place = ("--county", COUNTY)
    said = _run(
        "case", "open", workflow, *place, "--as", clerk, "--applicant", "张三", "--form", json.dumps(form, ensure_ascii=False)
    )
    number = said.split()[0]
    for kind in required_kinds(workflow_named(workflow), None):
        file = tmp_path / f"{kind}.pdf"
        file.write_bytes(paper(kind, number))
        _run("case", "document", number, kind, str(file), *place, "--as", clerk)
    for step, role in steps:
        said = _run("case", "advance", number, step, *place, "--as", role, "--note", "依规办理")
    assert said.strip().endswith("closed")


def test_a_line_is_switched_and_what_is_off_takes_no_case(office: None) -> None:
    assert "已停用" in _run("plugin", "off", "petitions", "--county", COUNTY, "--reason", "试")
    clerk, form, _ = LINES["petition"]
    order = ["case", "open", "petition", "--county", COUNTY, "--as", clerk, "--applicant", "张三", "--form", json.dumps(form)]
    with pytest.raises((Forbidden, NotFound, Conflict)):
        CliRunner().invoke(app, order, catch_exceptions=False)
    assert "停用" in _run("plugin", "list", "--county", COUNTY)
    with by_platform(OTHER_COUNTY, "test"), pytest.raises(Forbidden):
        CliRunner().invoke(app, [*order[:3], "--county", OTHER_COUNTY, *order[5:]], catch_exceptions=False)
