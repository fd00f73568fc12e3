"""The command line: the small lines go through the same services as the pages, and errors are one clear message."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from core.cases.handler_changes import ask_change
from core.cases.models import Case
from core.cases.workflows import state_of, sync_workflows, workflow_named
from core.db.session import reference_work, unit_of_work
from core.documents.service import required_kinds
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.identity.models import Account
from core.identity.service import give_post, make_account
from core.people.imports.importer import TakenIn
from core.scope import entered
from core.tenancy.keys import give_key
from core.tenancy.service import system_scope
from deploy import cli
from deploy.cli import app
from deploy.cli_common import write_json
from deploy.story.papers import paper
from deploy.story.staff import acting_as, by_platform
from tenants.switching import switch_plugin
from tests.conftest import COUNTY, OTHER_COUNTY, PROVINCE, TODAY, Database
from tests.core.lines import install

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
    assert said.split()[1] == state_of(workflow_named(workflow), workflow_named(workflow).initial).zh
    for kind in required_kinds(workflow_named(workflow), None):
        file = tmp_path / f"{kind}.pdf"
        file.write_bytes(paper(kind, number))
        _run("case", "document", number, kind, str(file), *place, "--as", clerk)
    for step, role in steps:
        said = _run("case", "advance", number, step, *place, "--as", role, "--note", "依规办理")
    assert said.strip().endswith(f"→ {state_of(workflow_named(workflow), 'closed').zh}")


def test_a_confidential_case_is_opened_for_the_handlers_named(office: None, db: Database) -> None:
    install(db)
    _, form, _ = LINES["petition"]
    order = ["case", "open", "petition", "--county", COUNTY, "--as", "caseworker", "--applicant", "张三"]
    order += ["--form", json.dumps(dict(form) | {"kind": "accusation"})]
    for stranger in ([], ["--handler", "nobody"]):
        with pytest.raises(InvalidInput):
            _run(*order, *stranger)
    number = _run(*order, "--handler", "petition_handler", "--handler", "case_approver").split()[0]
    at = ("--county", COUNTY, "--as")
    assert "已受理" in _run("case", "advance", number, "accept", *at, "petition_handler", "--note", "依规受理")
    with reference_work() as session:
        accounts = dict(session.execute(select(Account.login, Account.id)).all())
    with acting_as("petition_handler", COUNTY) as session:
        case_id = session.scalars(select(Case.id)).one()
        leaving = [str(accounts["caseworker"])]
        ask_change(session, case_id, remove=leaving, reason="已移交")
    said = _run("case", "handlers", *at, "case_approver")
    assert re.findall(r"^(\S+)：(\d+)$", said, re.MULTILINE) == [("待同意", "1"), ("提出和办理的", "0")]
    assert f"{number} 变更" in said


def test_a_line_is_switched_and_what_is_off_takes_no_case(office: None) -> None:
    assert "已停用" in _run("plugin", "off", "petitions", "--county", COUNTY, "--reason", "试")
    clerk, form, _ = LINES["petition"]
    order = ["case", "open", "petition", "--county", COUNTY, "--as", clerk, "--applicant", "张三", "--form", json.dumps(form)]
    with pytest.raises((Forbidden, NotFound, Conflict)):
        CliRunner().invoke(app, order, catch_exceptions=False)
    assert "停用" in _run("plugin", "list", "--county", COUNTY)
    with by_platform(OTHER_COUNTY, "test"), pytest.raises(Forbidden):
        CliRunner().invoke(app, [*order[:3], "--county", OTHER_COUNTY, *order[5:]], catch_exceptions=False)


@pytest.mark.parametrize(
    ("order", "where"),
    [
        (["job", "resume", "seven"], "seven"),
        (["case", "open", "petition", "--as", "x", "--applicant", "张三", "--form", "{"], "--form"),
        (["case", "open", "petition", "--as", "x", "--applicant", "张三", "--form", "[1]"], "--form"),
        (["case", "document", "XF-1", "identity_card", "nowhere.pdf", "--as", "x"], "nowhere.pdf"),
        (["import", "roster", "nowhere.xlsx"], "nowhere.xlsx"),
    ],
)
def test_what_was_typed_wrong_is_refused_with_its_place_and_mend(db: Database, order: list[str], where: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        CliRunner().invoke(app, [*order, "--county", COUNTY], catch_exceptions=False)
    assert refused.value.where == where
    assert refused.value.mend_zh
    assert refused.value.mend_en


def test_a_result_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="结果无法写入"):
        write_json(tmp_path, {})


def test_work_of_a_year_is_done_again_and_told_in_chinese(db: Database) -> None:
    install(db)
    for level, code in (("县", COUNTY), ("省", PROVINCE)):
        order = ("audit", "--county", code, "--year", "2025")
        title = "全省年度审计" if level == "省" else "年度审计"
        for _ in range(2):
            assert _run(*order).splitlines()[-1] == f"{code} {title}：已完成"
    listed = _run("job", "list", "--county", COUNTY)
    assert listed.count("已完成") == 2
    assert "done" not in listed


def test_a_job_that_fails_says_why_and_exits_with_one(db: Database) -> None:
    result = CliRunner().invoke(app, ["survey", "--county", COUNTY, "--year", "2025"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    with db.owner.begin() as connection:
        connection.execute(text("update job set state = 'cancelled' where tenant = :tenant"), {"tenant": COUNTY})
        job = connection.execute(text("select id from job where tenant = :tenant"), {"tenant": COUNTY}).scalar_one()
        connection.execute(
            text(
                "insert into job_chunk (tenant, id, job_id, no, label, state, payload, result, attempts, handlers)"
                " values (:tenant, gen_random_uuid(), :job, 1, '第 1 批', 'queued', '{}', '{}', 0, null)"
            ),
            {"tenant": COUNTY, "job": job},
        )
    result = CliRunner().invoke(app, ["job", "resume", str(job), "--county", COUNTY], catch_exceptions=False)
    assert result.exit_code == 1
    assert "年度调查认定：未完成" in result.output
    assert "第 1 批：程序内部错误" in result.output


def test_problems_of_an_import_are_a_table(db: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    where = {"sheet": "困难职工档案表", "row": 7, "column": "姓名", "value": "张*", "severity": "error", "kind": "name_missing"}
    problem = where | {"zh": "姓名为空", "mend_zh": "请填写姓名", "message": "姓名为空。请填写姓名"}
    counts = {"read": {"households": 1, "persons": 2}, "new": 0, "changed": 0, "same": 0}
    made = TakenIn(None, 0, 0, 1, [problem] * 21, counts)
    monkeypatch.setattr("deploy.cli_work.look_through", lambda *_: made)
    file, out = tmp_path / "roster.xlsx", tmp_path / "out.json"
    file.write_bytes(b"-")
    said = _run("import", "roster", str(file), "--county", COUNTY, "--dry-run", "--json", str(out))
    assert "{" not in said
    for word in ("姓名为空", "请填写姓名", "其余 1 个问题"):
        assert word in said
    told = json.loads(out.read_text())
    assert (len(told["errors"]), told["warnings"], told["households"], told["persons"]) == (21, [], 1, 2)
    assert told["written"] is None


def test_a_file_that_cannot_be_read_is_told_as_refused(db: Database, tmp_path: Path) -> None:
    file, out = tmp_path / "roster.xlsx", tmp_path / "out.json"
    file.write_bytes(b"no spreadsheet \x00\x01")
    result = CliRunner().invoke(app, ["import", "roster", str(file), "--county", COUNTY, "--dry-run", "--json", str(out)])
    assert result.exit_code == 1
    assert json.loads(out.read_text())["refused"].keys() >= {"kind", "message"}


def test_tenants_are_listed_without_the_owner_s_password(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BANGFU_OWNER_DATABASE_URL", raising=False)
    assert [line[:6] for line in _run("county", "list", "--level", "county").splitlines()] == [COUNTY, OTHER_COUNTY]
    assert PROVINCE in _run("county", "list").split()


def test_a_database_that_does_not_answer_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lost() -> None:
        raise OperationalError("select 1", {}, ConnectionError("secret"))

    monkeypatch.setattr(cli, "app", lost)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert "数据库没有响应" in said
    assert "BANGFU_DATABASE_URL" in said
    assert "secret" not in said
