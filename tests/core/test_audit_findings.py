"""Findings of the audit: kept once, answered once, and open again where what was said to be mended is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from core.audit import elsewhere
from core.audit.models import AuditFinding, AuditRun
from core.audit.own_work import OwnWork
from core.audit.service import answer_finding, keep_findings, list_findings, run_audit
from core.db.session import unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound, PreconditionFailed
from core.funds.models import FundAccount, Grant, LedgerEntry
from core.host.declarations import FindingDraft
from core.scope import entered
from core.trail.models import TrailEntry
from tests.conftest import COUNTY, OTHER_COUNTY, Database, scope_of
from tests.core.audit_story import AUDITED, YEAR, OrderlyCounty, orderly, same_account
from tests.core.lines import Acting, install

FIRST = AUDITED - timedelta(days=1)


@pytest.fixture
def county(db: Database, acting: Acting) -> Iterator[OrderlyCounty]:
    install(db)
    with orderly(db, acting) as made:
        yield made


def test_a_whole_county_of_findings_is_kept_at_once(acting: Acting) -> None:
    drafts = [FindingDraft(f"file:{no}", "档案未更新", "household", None) for no in range(5000)]
    with acting(COUNTY), unit_of_work() as session:
        assert keep_findings(session, elsewhere.CHECK, YEAR, [*drafts, drafts[0]]) == (5000, 0)
        assert keep_findings(session, elsewhere.CHECK, YEAR, [*drafts, FindingDraft("x", "x", "household", None)]) == (1, 0)
        assert keep_findings(session, elsewhere.CHECK, YEAR, []) == (0, 0)


def test_a_finding_is_answered_once_by_one_who_may(county: OrderlyCounty, acting: Acting) -> None:
    same_account(county)
    county.audit()
    with county.post("auditor"), unit_of_work() as session:
        [found] = list_findings(session, YEAR, severity="major", state="open")
        assert list_findings(session, YEAR, severity="minor") == []
        assert list_findings(session, YEAR, after=found.id) == []
    with acting(COUNTY, actor="nobody"), unit_of_work() as session, pytest.raises(Forbidden):
        answer_finding(session, found.id, state="rectified", answer="已更正")
    with acting(OTHER_COUNTY, permissions=frozenset({"audit.answer"})), unit_of_work() as session, pytest.raises(NotFound):
        answer_finding(session, found.id, state="rectified", answer="已更正")
    with county.post("chair"), unit_of_work() as session:
        for state, answer, where in (("open", "已更正", "state"), ("rectified", " ", "answer")):
            with pytest.raises(InvalidInput) as refused:
                answer_finding(session, found.id, state=state, answer=answer)
            assert refused.value.where == where
        with pytest.raises(PreconditionFailed):
            answer_finding(session, found.id, state="rectified", answer="已更正", expected_version=2)
        answered = answer_finding(session, found.id, state="rectified", answer=" 已更正 ", expected_version=1)
        assert (answered.state, answered.answer, answered.answered_by, answered.version) == ("rectified", "已更正", "chair", 2)
        with pytest.raises(Conflict):
            answer_finding(session, found.id, state="dismissed", answer="再答")


def _answered(county: OrderlyCounty, state: str) -> AuditFinding:
    with county.post("chair"), unit_of_work() as session:
        [found] = list_findings(session, YEAR, state="open")
        return answer_finding(session, found.id, state=state, answer="已更正")


def _audited_first(county: OrderlyCounty) -> None:
    with county.post("auditor", on=FIRST), unit_of_work() as session:
        assert sum(kept.new for kept in run_audit(session, YEAR).values()) == 1


def _audited_again(county: OrderlyCounty) -> AuditFinding:
    with county.post("auditor", on=AUDITED), unit_of_work() as session:
        assert all(kept.new == 0 for kept in run_audit(session, YEAR).values())
        [found] = list_findings(session, YEAR)
        return found


def test_what_was_said_to_be_rectified_and_is_found_again_is_open_again(county: OrderlyCounty) -> None:
    same_account(county)
    _audited_first(county)
    before = _answered(county, "rectified")
    found = _audited_again(county)
    assert (found.id, found.state, found.version) == (before.id, "open", before.version + 1)
    assert (found.reopened_on, found.found_on, found.due_on) == (AUDITED, FIRST, AUDITED + timedelta(days=30))
    assert (found.answer, found.answered_by) == ("已更正", "chair")
    with county.post("auditor"), unit_of_work() as session:
        seen = session.scalars(select(TrailEntry.action).where(TrailEntry.subject_id == found.id)).all()
        assert sorted(seen) == ["finding.answered", "finding.reopened"]
        [last] = session.scalars(select(AuditRun).where(AuditRun.run_on == AUDITED)).all()
        assert [row["reopened"] for row in last.checks if row["found"]] == [1]
    assert _audited_again(county).version == found.version
    assert _answered(county, "rectified").state == "rectified"


@pytest.mark.parametrize("state", ["explained", "dismissed"])
def test_what_was_explained_or_dismissed_stays_so(county: OrderlyCounty, state: str) -> None:
    same_account(county)
    _audited_first(county)
    before = _answered(county, state)
    found = _audited_again(county)
    assert (found.state, found.version, found.reopened_on) == (state, before.version, None)


def _subject(county: OrderlyCounty, kind: str) -> FindingDraft:
    """A finding about the first household's relief, by whatever it was found."""
    home = county.homes[0]
    if kind == "evidence":
        return FindingDraft("x", "重复发放", "trail", None, {"cases": [str(home.case_id)]})
    if kind == "ledger_entry":
        with county.post("auditor"), unit_of_work() as session:
            paid = select(LedgerEntry.id).join(Grant, Grant.id == LedgerEntry.grant_id).where(LedgerEntry.kind == "pay")
            entry = session.scalars(paid.where(Grant.case_id == home.case_id)).one()
        return FindingDraft("x", "改变资金用途", kind, entry)
    return FindingDraft("x", "问题", kind, home.case_id if kind == "case" else home.household_id)


@pytest.mark.parametrize("kind", ["case", "evidence", "household", "ledger_entry"])
def test_nobody_answers_a_finding_on_his_own_work(county: OrderlyCounty, acting: Acting, kind: str) -> None:
    draft = _subject(county, kind)
    with county.post("auditor"), unit_of_work() as session:
        keep_findings(session, elsewhere.CHECK, YEAR, [draft])
        [found] = list_findings(session, YEAR)
    for actor in ("clerk", "decider", "manager", "approver", "payer"):
        with county.post(actor), unit_of_work() as session, pytest.raises(OwnWork):
            answer_finding(session, found.id, state="dismissed", answer="属实")
    stands_in = replace(scope_of(actor="chair", permissions=frozenset({"audit.answer"})), principals=frozenset({"decider"}))
    with entered(stands_in), unit_of_work() as session, pytest.raises(OwnWork, match="代理"):
        answer_finding(session, found.id, state="dismissed", answer="属实")
    with county.post("chair"), unit_of_work() as session:
        assert answer_finding(session, found.id, state="dismissed", answer="属实").answered_by == "chair"


def test_a_finding_on_an_account_or_the_trail_is_nobodys_own(county: OrderlyCounty) -> None:
    with county.post("auditor"), unit_of_work() as session:
        account = session.scalars(select(FundAccount.id)).first()
        keep_findings(session, elsewhere.CHECK, YEAR, [FindingDraft("a", "a", "fund_account", account)])
        [found] = list_findings(session, YEAR)
    with county.post("clerk"), unit_of_work() as session:
        assert answer_finding(session, found.id, state="explained", answer="说明").state == "explained"
