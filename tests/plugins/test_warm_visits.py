"""New-year visits from plan to signed list in one county of two: by page, resource, money, figures and audit."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date

import pytest
from sqlalchemy import select

from core.audit.models import AuditFinding
from core.audit.service import run_audit
from core.cases.models import Case
from core.db.session import unit_of_work
from core.exchange.facts import report_facts
from core.exchange.models import Fact
from core.funds.models import Grant
from core.notices.service import post_notice
from core.parameters.service import set_parameter
from core.people.models import WorkerFile
from deploy.testing.browsers import Person
from deploy.testing.installation import COUNTY, OTHER_COUNTY, Database
from deploy.testing.trial import Family, Trial
from plugins.warm_visits.models import Goods, Route, Season, Stop, Visit
from plugins.warm_visits.names import CASH, NAME
from tests.plugins.trials import filed, fund, on_day, pay_all, statements, trial_with

START, OVER = date(2026, 1, 5), date(2026, 1, 19)
"""The day on which the plan is made, and one after the notice."""
PAGE = f"/{COUNTY}/warm_visits"
API = f"/api/v1/{COUNTY}/warm_visits"
PDF = b"%PDF-1.7\n% signed\n"
GROUP = "赵明\n钱丽"


@dataclass
class Plan:
    """A season with four households: two in deep difficulty, a model worker and one in hospital."""

    trial: Trial
    clerk: Person
    season: uuid.UUID
    families: list[Family]

    def post(self, path: str, who: Person | None = None, /, **fields: object) -> str:
        """What a form's answer says: the address that follows, or the page that refuses."""
        by = who or self.clerk
        answer = by.client.post(f"{PAGE}{path}", data={"csrf_token": by.csrf, **fields})
        return answer.headers["location"] if answer.status_code == 303 else answer.text

    def stops(self) -> list[Stop]:
        with self.trial.scope(), unit_of_work() as session:
            return list(session.scalars(select(Stop).order_by(Stop.id)))

    def states(self) -> list[str]:
        with self.trial.scope(), unit_of_work() as session:
            return list(session.scalars(select(Case.state).join(Stop, Stop.case_id == Case.id).order_by(Stop.id)))


@pytest.fixture
def trial(db: Database) -> Trial:
    return trial_with(db, NAME)


@pytest.fixture
def plan(trial: Trial) -> Plan:
    on_day(trial, START)
    families = trial.families(5)
    filed(trial, families[:2], kind="deep")
    filed(trial, families[2:3], model_worker_rank="provincial")
    clerk = trial.signed_in()
    opened = {"csrf_token": clerk.csrf, "year": "2026", "starts_on": "2025-12-20", "ends_on": "2026-02-28"}
    assert clerk.client.post(PAGE, data=opened).status_code == 303
    with trial.scope(), unit_of_work() as session:
        season = session.scalars(select(Season.id)).one()
    made = Plan(trial, clerk, season, families)
    made.post(f"/{season}/plan", kind="deep")
    made.post(f"/{season}/plan", kind="model_worker")
    made.post(f"/{season}/named", file_number=_number(trial, families[3]), kind="hospitalised", reason="心脏手术住院")
    made.post(f"/{season}/goods", name="大米", unit="袋", quantity="3", per_visit="1")
    return made


def _number(trial: Trial, family: Family) -> str:
    with trial.scope(), unit_of_work() as session:
        return session.scalars(select(WorkerFile.file_number).where(WorkerFile.household_id == family.household_id)).one()


def _approved(plan: Plan) -> Route:
    """The whole plan posted, funded, approved and on one route."""
    stops = plan.stops()
    with plan.trial.scope(actor="poster", on=START), unit_of_work() as session:
        post_notice(session, [stop.case_id for stop in stops], "送温暖慰问公示")
    fund(plan.trial, START, "union", NAME, 1_000_000)
    on_day(plan.trial, OVER)
    approver = plan.trial.signed_in("case_approver")
    said = plan.post(f"/{plan.season}/approve", approver, step="approve", case=[str(stop.case_id) for stop in stops])
    assert said == f"{PAGE}/{plan.season}", said
    ids = [str(stop.id) for stop in stops]
    said = plan.post(f"/{plan.season}/routes", title="城南", visit_on="2026-01-20", visitors=GROUP, stop=ids)
    assert said.startswith(f"{PAGE}/routes/"), said
    on_day(plan.trial, date(2026, 1, 20))
    with plan.trial.scope(), unit_of_work() as session:
        return session.scalars(select(Route)).one()


def _rice(trial: Trial) -> str:
    with trial.scope(), unit_of_work() as session:
        return str(session.scalars(select(Goods.id)).one())


def _visit(plan: Plan, route: Route, stop: Stop, **fields: object) -> str:
    told = {"made_on": "2026-01-20", "visitors": GROUP, "received_by": "本人", "note": ""}
    return plan.post(f"/routes/{route.id}/stops/{stop.id}/visit", **told | fields)


def test_the_rule_takes_households_on_file_and_a_clerk_names_others(plan: Plan) -> None:
    stops = plan.stops()
    assert [stop.kind for stop in stops] == ["deep", "deep", "model_worker", "hospitalised"]
    assert {stop.household_id for stop in stops} == {family.household_id for family in plan.families[:4]}
    page = plan.clerk.client.get(f"{PAGE}/{plan.season}").text
    assert all(family.name in page for family in plan.families[:4])
    assert "Households" in plan.clerk.client.get(f"{PAGE}/{plan.season}?lang=en").text
    assert "慰问对象" in plan.clerk.client.get(f"{PAGE}/{plan.season}?lang=zh").text
    with plan.trial.scope(), unit_of_work() as session:
        case = session.scalars(select(Case).where(Case.id == stops[0].case_id)).one()
    assert (case.programme, case.requested_fen) == (CASH, 100_000)
    assert case.form["basis"] == "慰问金标准（深度困难） 1,000.00 元，自 2020-01-01 起执行，依据：各地工会送温暖慰问通行做法"
    assert "没有可列入计划" in plan.post(f"/{plan.season}/plan", kind="deep")
    typed = {"file_number": "查无此号", "kind": "other", "reason": "突发火灾"}
    refused = plan.post(f"/{plan.season}/named", **typed)
    assert "没有编号相符的在档家庭" in refused
    assert "突发火灾" in refused


def test_a_season_is_opened_once_and_with_days_that_fit(plan: Plan) -> None:
    token = {"csrf_token": plan.clerk.csrf}
    other = {"year": "2026", "starts_on": "2025-12-01", "ends_on": "2026-02-28"}
    assert plan.clerk.client.post(PAGE, data=token | other).status_code == 409
    wrong = {"year": "2027", "starts_on": "2027-02-01", "ends_on": "2027-01-01"}
    answer = plan.clerk.client.post(PAGE, data=token | wrong)
    assert (answer.status_code, "起止日期不正确" in answer.text, "2027-02-01" in answer.text) == (422, True, True)
    assert "尚有未办结的慰问对象" in plan.post(f"/{plan.season}/close")


def test_from_the_plan_to_the_signed_list(plan: Plan) -> None:
    route = _approved(plan)
    first, second, third, fourth = plan.stops()
    sheet = plan.clerk.client.get(f"{PAGE}/routes/{route.id}/sheet").text
    assert all(text in sheet for text in (plan.families[0].name, "大米 1 袋", "1,000.00", "赵明、钱丽", "签收人（签字）"))
    assert "慰问人员须有 2 至 20 人" in _visit(plan, route, first, visitors="赵明")
    rice = {f"goods-{_rice(plan.trial)}": "2"}
    assert _visit(plan, route, first, **rice) == f"{PAGE}/routes/{route.id}"
    assert "已走访" in _visit(plan, route, first, **rice)
    assert "仅剩 1 袋" in _visit(plan, route, second, **rice)
    body = {"made_on": "2026-01-20", "visitors": ["赵明", "钱丽"], "received_by": "家属"}
    token = {"X-CSRF-Token": plan.clerk.csrf}
    for stop in (second, third):
        path = f"{API}/routes/{route.id}/stops/{stop.id}/visit"
        assert plan.clerk.client.post(path, json=body, headers=token).status_code == 201
    assert plan.states() == ["visited", "visited", "visited", "approved"]
    why = {"made_on": "2026-01-20", "note": "外地住院，家中无人"}
    assert plan.post(f"/routes/{route.id}/stops/{fourth.id}/missed", **why) == f"{PAGE}/routes/{route.id}"
    paper = {"paper": ("list.pdf", PDF, "application/pdf")}
    kept = plan.clerk.client.post(f"{PAGE}/routes/{route.id}/lists", data={"csrf_token": plan.clerk.csrf}, files=paper)
    assert kept.status_code == 303, kept.text
    told = plan.clerk.client.get(f"{API}/routes/{route.id}").json()
    assert [line["missed"] for line in told["lines"]] == [None, None, None, "外地住院，家中无人"]
    scan = plan.clerk.client.get(f"{PAGE}/routes/{route.id}/lists/{told['lists'][0]['id']}")
    assert scan.content == PDF
    assert pay_all(plan.trial, date(2026, 1, 20)) == (4, 400_000)
    assert plan.states() == ["closed"] * 4
    with plan.trial.scope(on=date(2026, 3, 2)), unit_of_work() as session:
        report_facts(session, 2026)
        facts = {
            (fact.name, fact.dimension): fact.value for fact in session.scalars(select(Fact)) if fact.name.startswith(NAME)
        }
        codes = {code for code in run_audit(session, 2026) if code.startswith(NAME)}
        found = session.scalars(select(AuditFinding).where(AuditFinding.check_code.startswith(NAME))).all()
    assert facts[f"{NAME}.households", "deep"] == 2
    assert facts[f"{NAME}.cash_fen", "union"] == 400_000
    assert facts[f"{NAME}.goods", "none"] == 2
    assert codes == {f"{NAME}.cash_without_list", f"{NAME}.visited_twice", f"{NAME}.too_few_visitors"}
    # Paid, and not visited: nobody signed for the fourth.
    assert [finding.check_code for finding in found] == [f"{NAME}.cash_without_list"]
    assert found[0].subject_id == fourth.case_id
    summary = plan.clerk.client.get(f"{API}/seasons/{plan.season}/summary").json()
    assert (summary["planned"], summary["visited"], summary["paid_fen"], summary["goods"]) == (4, 3, 400_000, 2)
    assert plan.post(f"/{plan.season}/close") == PAGE


def test_what_could_not_be_visited_is_given_up_and_its_money_is_free_again(plan: Plan) -> None:
    route = _approved(plan)
    stop = plan.stops()[3]
    plan.post(f"/routes/{route.id}/stops/{stop.id}/missed", made_on="2026-01-20", note="已迁往外省")
    with plan.trial.scope(), unit_of_work() as session:
        case = session.scalars(select(Case).where(Case.id == stop.case_id)).one()
    plan.trial.walk(case, "drop", note="已迁往外省")
    with plan.trial.scope(), unit_of_work() as session:
        states = dict(session.execute(select(Grant.case_id, Grant.state)).all())
    assert states[stop.case_id] == "released"
    assert plan.states()[3] == "dropped"
    assert "已终止" in _visit(plan, route, stop)


def test_goods_alone_need_no_notice_and_are_closed_by_the_signed_list(plan: Plan) -> None:
    family = plan.families[4]
    with plan.trial.scope(on=START, actor="system:parameters"), unit_of_work() as session:
        set_parameter(session, "warm_visits.cash_other", START, 0, "县总工会慰问方案", "一")
    plan.post(f"/{plan.season}/named", file_number=_number(plan.trial, family), kind="other", reason="敬老")
    stop = plan.stops()[4]
    approver = plan.trial.signed_in("case_approver")
    chosen = {"step": "approve_goods", "case": [str(stop.case_id)]}
    assert plan.post(f"/{plan.season}/approve", approver, **chosen) == f"{PAGE}/{plan.season}"
    cash = {"step": "approve_goods", "case": [str(plan.stops()[0].case_id)]}
    assert "含慰问金，须经公示" in plan.post(f"/{plan.season}/approve", approver, **cash)
    on_day(plan.trial, OVER)
    plan.post(f"/{plan.season}/routes", title="城北", visit_on=f"{OVER}", visitors=GROUP, stop=[str(stop.id)])
    with plan.trial.scope(), unit_of_work() as session:
        route = session.scalars(select(Route)).one()
    _visit(plan, route, stop, made_on=f"{OVER}")
    assert plan.states()[4] == "visited"
    paper = {"paper": ("list.pdf", PDF, "application/pdf")}
    token = {"X-CSRF-Token": plan.clerk.csrf}
    assert plan.clerk.client.post(f"{API}/routes/{route.id}/lists", files=paper, headers=token).status_code == 201
    assert plan.states()[4] == "closed"


def test_a_route_keeps_its_length_its_group_and_its_order(plan: Plan) -> None:
    ids = [str(stop.id) for stop in plan.stops()]
    typed = {"title": "城南", "visit_on": "2026-01-20", "visitors": "赵明", "stop": ids}
    refused = plan.post(f"/{plan.season}/routes", **typed)
    assert ("慰问人员须有" in refused, "城南" in refused) == (True, True)
    assert "日期须在慰问季内" in plan.post(f"/{plan.season}/routes", **typed | {"visitors": GROUP, "visit_on": "2026-05-01"})
    made = plan.post(f"/{plan.season}/routes", **typed | {"visitors": GROUP})
    route = made.removeprefix(f"{PAGE}/routes/")
    plan.post(f"/routes/{route}/stops/{ids[1]}/up")
    told = plan.clerk.client.get(f"{API}/routes/{route}").json()
    assert [line["id"] for line in told["lines"]] == [ids[1], ids[0], ids[2], ids[3]]
    plan.post(f"/routes/{route}", visit_on="2026-01-21", visitors="孙伟\n李强")
    [told] = plan.clerk.client.get(f"{API}/seasons/{plan.season}/routes").json()
    assert (told["visit_on"], told["visitors"], told["stops"]) == ("2026-01-21", ["孙伟", "李强"], 4)
    assert "尚未审批同意" in _visit(plan, Route(id=uuid.UUID(route)), plan.stops()[0], made_on=f"{START}")


def test_the_audit_finds_who_was_visited_twice_or_by_one_person_alone(plan: Plan) -> None:
    route = _approved(plan)
    first, second, *_ = plan.stops()
    for stop in (first, second):
        _visit(plan, route, stop)
    with plan.trial.scope(), unit_of_work() as session:
        again = {"route_id": route.id, "outcome": "visited", "made_on": OVER, "received_by": "本人", "note": "", "actor": "x"}
        session.add(Visit(stop_id=first.id, visitors=["赵明", "钱丽"], **again))
    with plan.trial.scope(), unit_of_work() as session:
        session.add(Visit(stop_id=plan.stops()[2].id, visitors=["赵明"], **again))
    with plan.trial.scope(on=date(2026, 3, 2)), unit_of_work() as session:
        run_audit(session, 2026)
        found = session.scalars(select(AuditFinding).where(AuditFinding.check_code.startswith(NAME))).all()
    assert {finding.check_code for finding in found} == {f"{NAME}.visited_twice", f"{NAME}.too_few_visitors"}
    assert [finding.subject_id for finding in found if finding.check_code.endswith("twice")] == [first.case_id]


def test_the_other_county_sees_nothing_of_it(plan: Plan) -> None:
    other = plan.trial.signed_in(tenant=OTHER_COUNTY)
    for path in (f"/{OTHER_COUNTY}/warm_visits", f"/api/v1/{OTHER_COUNTY}/warm_visits/seasons"):
        assert other.client.get(path).status_code == 404
    assert "送温暖慰问" not in other.client.get(f"/{OTHER_COUNTY}/").text
    with plan.trial.scope(OTHER_COUNTY), unit_of_work() as session:
        assert not any(code.startswith(NAME) for code in run_audit(session, 2026))
    plan.trial.switch_on(NAME, tenant=OTHER_COUNTY)
    assert other.client.get(f"/{OTHER_COUNTY}/warm_visits").status_code == 200
    assert other.client.get(f"/{OTHER_COUNTY}/warm_visits/{plan.season}").status_code == 404
    assert other.client.get(f"/api/v1/{OTHER_COUNTY}/warm_visits/seasons").json() == []


def test_a_page_asks_as_much_of_four_households_as_of_one(plan: Plan) -> None:
    asked = []
    for most in (1, 4):
        route = plan.post(
            f"/{plan.season}/routes",
            title=f"第{most}",
            visit_on="2026-01-20",
            visitors=GROUP,
            stop=[str(stop.id) for stop in plan.stops()[:most]],
        )
        for path in (route, f"{PAGE}/{plan.season}"):
            # The first time, that a right was used is kept as well.
            plan.clerk.client.get(path)
            with statements(plan.trial.database) as seen:
                assert plan.clerk.client.get(path).status_code == 200
            asked.append(len(seen))
    assert asked[0] == asked[2]
    assert asked[1] == asked[3]
