"""The annual audit: each check finds its deviation in an orderly county, and nothing but it; nothing near to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, select, update

from core.audit import elsewhere
from core.audit.elsewhere import tell_both
from core.audit.models import AuditRun
from core.audit.service import finding_detail, findings_by_severity, list_findings, plugins_on_in, run_audit
from core.cases.models import Case
from core.cases.workflows import sync_workflows, workflow_named
from core.db.base import new_id
from core.db.session import unit_of_work
from core.documents.models import Document
from core.documents.service import withdraw_document
from core.exchange.query_models import IdentityQuestionCount
from core.funds.models import Grant, GrantBeneficiary
from core.host import hookimpl
from core.host.declarations import DocumentRequirement, PluginInfo, WorkflowDecl
from core.host.manager import host
from core.notices.models import NoticeItem
from core.people.duplicates.models import RecordMerge
from core.people.models import Household, Membership, WorkerFile
from core.people.service import add_member, correct_income
from core.tenancy.models import TenantPluginChange
from tests.conftest import COUNTY, OTHER_COUNTY, PROVINCE, Database
from tests.core.audit_story import APPROVED, AUDITED, SURVEYED, YEAR, OrderlyCounty, number_of, orderly, relay, same_account
from tests.core.lines import Acting, install, papers

Plant = Callable[[OrderlyCounty], None]


@pytest.fixture(autouse=True)
def lines(db: Database) -> None:
    install(db)


@pytest.fixture
def county(db: Database, acting: Acting) -> Iterator[OrderlyCounty]:
    with orderly(db, acting) as made:
        yield made


def _forced(sql: str, table: str = "", constraint: str = "") -> Plant:
    return lambda county: county.force(sql, table, constraint)


def _another_grant(county: OrderlyCounty, occurrence: str, *, split: bool, year: int = YEAR) -> None:
    """A further grant to the first household, or (``split``) to its worker as a member of a household of his own."""
    home, apart = county.homes[0], new_id()
    with county.post("decider", on=APPROVED), unit_of_work() as session:
        grant = session.scalars(select(Grant).where(Grant.case_id == home.case_id)).one()
        case = session.get_one(Case, (county.tenant, home.case_id))
        if split:
            session.add(Household(id=apart, address="蜀门北路"))
            session.flush()
        further = Case(
            id=new_id(), number=f"{case.number}-{occurrence}", plugin="living_relief", programme=case.programme,
            workflow=case.workflow, workflow_version=1, state="closed", clerk=case.clerk, opened_on=case.opened_on,
        )  # fmt: skip
        session.add(further)
        session.flush()
        second = Grant(
            id=new_id(), case_id=further.id, clerk=grant.clerk, approved_by=grant.approved_by, programme=grant.programme,
            occurrence=occurrence, year=year, household_id=apart if split else home.household_id, source=grant.source,
            purpose=grant.purpose, amount_fen=1, approved_on=APPROVED,
        )  # fmt: skip
        session.add(second)
        session.flush()
        session.add(GrantBeneficiary(grant_id=second.id, person_id=home.worker_id, amount_fen=1))
        [item] = session.scalars(select(NoticeItem).where(NoticeItem.case_id == home.case_id)).all()
        session.add(NoticeItem(batch_id=item.batch_id, case_id=further.id, masked_name="李*", matter=item.matter, amount_fen=1))
        session.flush()
        papers(session, [further])


def _withdraw(county: OrderlyCounty) -> None:
    with county.post("clerk"), unit_of_work() as session:
        paper = session.scalars(select(Document).where(Document.case_id == county.homes[0].case_id)).first()
        assert paper is not None
        withdraw_document(session, paper.id, "家属取回")


def _stale(county: OrderlyCounty) -> None:
    with county.post("clerk"), unit_of_work() as session:
        file = session.scalars(select(WorkerFile).order_by(WorkerFile.file_number)).all()[0]
        file.updated_on = AUDITED - timedelta(days=366)


def _cancelled_file(county: OrderlyCounty) -> None:
    """A file of long ago that is on file no more, with the account of one that is."""
    household = new_id()
    with county.post("clerk"), unit_of_work() as session:
        first = session.scalars(select(WorkerFile).order_by(WorkerFile.file_number)).all()[0]
        session.add(Household(id=household, address="蜀门北路"))
        session.flush()
        session.add(
            WorkerFile(
                household_id=household, worker_id=first.worker_id, file_number="D9", status="cancelled",
                opened_on=date(2020, 1, 1), updated_on=date(2020, 1, 1), account_token=first.account_token,
            )
        )  # fmt: skip


def _newcomer(county: OrderlyCounty, *, present: bool) -> None:
    household = county.homes[0].household_id
    with county.post("clerk"), unit_of_work() as session:
        person = add_member(
            session, household, name="李小明", identity_number=number_of(90 + present), relation="son", valid_from=SURVEYED
        )
        if not present:
            session.add(
                Membership(household_id=household, person_id=person.id, relation="son", valid_from=APPROVED, present=False)
            )


def _earned(county: OrderlyCounty, yuan: int, since: date) -> None:
    with county.post("clerk"), unit_of_work() as session:
        correct_income(session, county.homes[0].worker_id, lines={"income_unsorted_fen": yuan * 100}, valid_from=since)


def _merged(county: OrderlyCounty, *, undone: bool) -> None:
    """The second household counts as the first with its worker; both were aided."""
    one, other = county.homes[:2]
    act, gone = new_id(), (AUDITED, "clerk", "两户") if undone else (None, None, None)
    with county.post("clerk"), unit_of_work() as session:
        for kind, merged, stays in (
            ("household", other.household_id, one.household_id),
            ("person", other.worker_id, one.worker_id),
        ):
            session.add(
                RecordMerge(
                    act_id=act, subject_kind=kind, merged_id=merged, survivor_id=stays, reason="核对户口簿", merged_by="clerk",
                    merged_on=AUDITED, undone_on=gone[0], undone_by=gone[1], undone_why=gone[2],
                )
            )  # fmt: skip


def _asked(county: OrderlyCounty, in_vain: int) -> None:
    """Somebody asked the identity index a hundred times in a day."""
    with county.post("clerk"), unit_of_work() as session:
        session.add(IdentityQuestionCount(on_day=SURVEYED, actor=f"clerk{in_vain}", asked=100, in_vain=in_vain))


def _nothing(county: OrderlyCounty) -> None:
    """The orderly county itself is what lies nearest: the first free day after the notice, a file of 365 days, and so on."""


@dataclass(frozen=True)
class Trial:
    """What the check must find, once, and something near to it that it must not find."""

    hit: Plant
    near: Plant = _nothing


DECISION = "ck_case_decision_approver_is_not_the_clerk"
OF_CASE = "where tenant = :tenant and case_id = :case"
PAID = "where tenant = :tenant and kind = 'pay' and grant_id = (select id from relief_grant " + OF_CASE + ")"
ELSEWHERE = (
    "(select to_jsonb(id::text) from fund_account where tenant = :tenant and state = 'available' and purpose = 'medical')"
)

EMERGENCY = f"""
    with sealed as (insert into sealed_case select tenant, id, number from case_record
                    where tenant = :tenant and id = :case returning tenant, id)
    insert into handler_change (tenant, id, case_id, added, removed, clears, reason, ground, decides, asked_by, asked_persons,
                                asked_on, expires_on, state, decided_by, decided_on)
    select tenant, gen_random_uuid(), id, '{{new}}', '{{}}', true, 'x', 'nobody_left', 'leader', 'vice', '{{vice}}',
           '{APPROVED}', '{APPROVED}', 'refused', 'leader', '{APPROVED}' from sealed
"""

TRIALS: dict[str, tuple[Trial, ...]] = {
    "ledger_balance": (
        Trial(_forced("update fund_account set balance_fen = balance_fen + 1 where tenant = :tenant and state = 'paid'")),
        Trial(
            _forced(
                f"update ledger_entry set legs = jsonb_set(legs, '{{1,fen}}', '1') {PAID}",
                "ledger_entry",
                "ck_ledger_entry_balanced",
            )
        ),
    ),
    "trail_chain": (
        Trial(_forced("update trail_entry set content = content || 'x'::bytea where tenant = :tenant and seq = 2")),
    ),
    "payment_without_approval": (
        Trial(_forced(f"delete from case_decision {OF_CASE}")),
        Trial(_forced(f"update case_decision set outcome = 'refused' {OF_CASE}")),
    ),
    "approver_is_clerk": (Trial(_forced(f"update case_decision set decided_by = clerk {OF_CASE}", "case_decision", DECISION)),),
    "paid_twice": (
        Trial(
            lambda county: _another_grant(county, "2025", split=True),
            lambda county: _another_grant(county, "2024", split=False),
        ),
        Trial(
            lambda county: _another_grant(county, "2025", split=True, year=YEAR - 1),
            lambda county: _another_grant(county, "2024", split=False, year=YEAR - 1),
        ),
    ),
    "aided_before_merge": (Trial(lambda county: _merged(county, undone=False), lambda county: _merged(county, undone=True)),),
    "identity_probing": (Trial(lambda county: _asked(county, 100), lambda county: _asked(county, 99)),),
    "missing_document": (Trial(_withdraw),),
    "notice_not_kept": (
        Trial(_forced(f"update relief_grant set approved_on = approved_on - 1 {OF_CASE}")),
        Trial(_forced(f"delete from notice_item {OF_CASE}")),
    ),
    "earmark_broken": (Trial(_forced(f"update ledger_entry set legs = jsonb_set(legs, '{{1,account}}', {ELSEWHERE}) {PAID}")),),
    "one_account_several_households": (Trial(same_account, _cancelled_file),),
    "file_stale": (Trial(_stale, _cancelled_file),),
    "member_never_surveyed": (
        Trial(lambda county: _newcomer(county, present=True), lambda county: _newcomer(county, present=False)),
    ),
    "ineligible_on_decision_day": (
        Trial(lambda county: _earned(county, 9000, SURVEYED), lambda county: _earned(county, 9000, APPROVED)),
    ),
    "handlers_by_emergency": (
        Trial(_forced("update handler_change set state = 'agreed' where tenant = :tenant"), _forced(EMERGENCY)),
    ),
}
"""By code of check. A check without a trial fails the test below."""

ALSO = {"earmark_broken": {"ledger_balance": 2}}
"""What a deviation entails beside itself: money booked to another account is missing here and too much there."""


def test_every_declared_check_has_a_trial() -> None:
    tried_apart = {"warm_visits": "test_warm_visits.py", "mutual_aid": "test_mutual_aid.py"}
    found = {plugin: {check.code for check in checks} for plugin, checks in host().installed("bangfu_audit_checks")}
    assert set().union(*(codes for plugin, codes in found.items() if plugin not in tried_apart)) == set(TRIALS)
    for plugin, file in tried_apart.items():
        text = (Path(__file__).parents[1] / "plugins" / file).read_text(encoding="utf-8")
        assert {code for code in found[plugin] if code.removeprefix(f"{plugin}.") not in text} == set()


@pytest.mark.parametrize(
    ("code", "trial"),
    [pytest.param(code, trial, id=f"{code}-{no}") for code in TRIALS for no, trial in enumerate(TRIALS[code])],
)
def test_a_check_finds_its_deviation_once_and_nothing_near(county: OrderlyCounty, code: str, trial: Trial) -> None:
    trial.near(county)
    assert county.audit() == {}
    trial.hit(county)
    assert county.audit() == {code: 1} | ALSO.get(code, {})
    assert county.audit() == {}
    with county.post("auditor"), unit_of_work() as session:
        [found] = [row for row in list_findings(session, YEAR) if row.check_code == code]
        [check] = [one for one in host().collected("bangfu_audit_checks") if one.code == code]
        assert (found.severity, found.clause, found.state) == (check.severity, check.clause, "open")
        assert found.title
        assert found.due_on is not None
        link = finding_detail(found)["link"]
        paths = {"case": "/cases/", "household": "/households/"}
        assert (link is None) == (found.subject_kind not in paths)
        assert link is None or link.startswith(paths[found.subject_kind])


def test_who_is_aided_in_two_counties_is_found_in_both(db: Database, acting: Acting) -> None:
    with orderly(db, acting, (1, 2)) as one, orderly(db, acting, (2, 3), OTHER_COUNTY) as other:
        for _ in range(2):
            with acting(PROVINCE), unit_of_work() as session:
                assert tell_both(session, YEAR - 1) == 0
                assert tell_both(session, YEAR) == 2
            relay(acting, PROVINCE)
        for county, home in ((one, one.homes[1]), (other, other.homes[0])):
            assert county.audit() == {}
            with county.post("auditor"), unit_of_work() as session:
                [found] = list_findings(session, YEAR)
                assert (found.check_code, found.severity) == (elsewhere.CHECK.code, "critical")
                assert found.subject_id == home.household_id
                assert number_of(2) not in f"{found.title}{found.detail}"


def test_two_counties_with_nobody_in_common_hear_nothing(db: Database, acting: Acting) -> None:
    with orderly(db, acting, (1,)), orderly(db, acting, (2,), OTHER_COUNTY), acting(PROVINCE), unit_of_work() as session:
        assert tell_both(session, YEAR) == 0


def _statements(db: Database, county: OrderlyCounty) -> int:
    seen: list[str] = []

    def note(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(db.app, "before_cursor_execute", note)
    try:
        county.audit()
    finally:
        event.remove(db.app, "before_cursor_execute", note)
    return len(seen)


def test_the_audit_asks_as_often_of_many_households_as_of_one(db: Database, acting: Acting) -> None:
    with orderly(db, acting, (1,)) as one, orderly(db, acting, range(2, 10), OTHER_COUNTY) as many:
        counts = []
        for county in (one, many):
            with county.post("clerk"), unit_of_work() as session:
                session.execute(update(WorkerFile).values(updated_on=date(2020, 1, 1)))
            counts.append(_statements(db, county))
        assert counts[0] == counts[1]


def test_a_run_says_what_it_looked_at_and_stays_in_its_tenant(county: OrderlyCounty, acting: Acting) -> None:
    same_account(county)
    county.audit()
    with county.post("auditor"), unit_of_work() as session:
        run = session.scalars(select(AuditRun)).one()
        assert {row["check"] for row in run.checks} == set(TRIALS)
        assert {row["check"] for row in run.checks if row["found"]} == {"one_account_several_households"}
        assert findings_by_severity(session, YEAR) == {"major": 1}
    with acting(OTHER_COUNTY), unit_of_work() as session:
        assert list_findings(session) == []
        assert session.scalars(select(AuditRun)).all() == []


def test_a_line_owes_its_checks_for_every_year_in_which_it_was_on(acting: Acting) -> None:
    for version, (enabled, day) in enumerate(((True, date(2023, 5, 1)), (False, date(2025, 5, 1))), start=1):
        with acting(COUNTY), unit_of_work() as session:
            session.add(
                TenantPluginChange(
                    plugin="living_relief",
                    version=version,
                    enabled=enabled,
                    reason="r",
                    actor="a",
                    business_date=day,
                )
            )
    with acting(COUNTY), unit_of_work() as session:
        owed = {year: "living_relief" in plugins_on_in(session, year) for year in range(2022, 2027)}
        assert owed == {2022: False, 2023: True, 2024: True, 2025: True, 2026: False}
        assert plugins_on_in(session, 2026) == host().always_on
        assert "ineligible_on_decision_day" not in run_audit(session, 2026)


def test_a_new_version_of_a_workflow_asks_nothing_of_old_cases(db: Database, county: OrderlyCounty) -> None:
    flow = workflow_named("living_relief")
    more = DocumentRequirement("housing_proof", "domain 10")
    assert more.kind not in {need.kind for need in flow.documents}
    newer = replace(flow, version=flow.version + 1, plugin="newer", documents=(*flow.documents, more))
    host().register(_Newer(newer), "newer")
    try:
        with db.owner.begin() as connection:
            sync_workflows(connection)
        assert county.audit() == {}
        county.force(f"update case_record set workflow_version = {newer.version} where tenant = :tenant and id = :case")
        assert county.audit() == {"missing_document": 1}
    finally:
        host.cache_clear()


class _Newer:
    """A plugin with a newer version of a workflow."""

    def __init__(self, flow: WorkflowDecl) -> None:
        self._flow = flow

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return PluginInfo("newer", "1", ">=1,<2", "新版", "Newer", "测试", "Newer", "none", always_on=True)

    @hookimpl
    def bangfu_workflows(self) -> list[WorkflowDecl]:
        return [self._flow]
