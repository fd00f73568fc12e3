"""The yearly review of access, and accounts that nobody uses."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from io import BytesIO

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import event, select, text

from core.db.session import reference_work, unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.identity.grants import NotYours, end_post, grant_post
from core.identity.models import Account, Post, StaffSession
from core.identity.names import DORMANT_DAYS, REVIEW_MONTHS
from core.identity.review import (
    Behind,
    Standing,
    behind,
    confirm,
    ends_on,
    left_to_confirm,
    posts_to_review,
    standing,
    switch_off_dormant,
)
from core.identity.review_file import review_file
from core.identity.service import scope_for
from core.identity.sessions import Origin, open_session, session_of
from core.identity.staff import enable
from core.identity.subtree import administering
from core.jobs.runner import run_inline
from core.jobs.service import start_for_year, startable_kinds
from core.parameters.service import set_parameter
from core.scope import entered
from core.trail.service import note_permissions
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, TODAY, Database, scope_of
from tests.core.lines import install
from tests.core.staffing import SINCE, WHY, admin, at_desk, hire, posts_of, stand_at, trail_of

OLD = timedelta(days=91)


@pytest.fixture(autouse=True)
def office(db: Database) -> None:
    install(db)
    stand_at(db)


def _chair() -> uuid.UUID:
    return hire("chair", (COUNTY, "vice_chair_in_charge"))


def test_the_list_says_who_holds_what_and_when_it_was_used() -> None:
    chair, boss = _chair(), admin()
    clerk = hire("jing", (COUNTY, "caseworker"), (OTHER_COUNTY, "leader"))
    gone = hire("gone", (COUNTY, "payer"))
    scope_for(clerk, COUNTY)
    with at_desk(boss) as session:
        end_post(session, posts_of(gone)[0].id, on=TODAY, reason=WHY)
    with at_desk(chair) as session:
        found = posts_to_review(session)
        first = posts_to_review(session, limit=1)
        rest = posts_to_review(session, after=first[0].post.id)
        assert standing(session) == Standing(3, 3)
    assert [(held.login, held.post.role, held.post.last_used_on) for held in found] == [
        ("chair", "vice_chair_in_charge", TODAY),
        (f"admin-{COUNTY}", "tenant_admin", TODAY),
        ("jing", "caseworker", TODAY),
    ]
    assert [held.post.id for held in (*first, *rest)] == [held.post.id for held in found]


def test_confirming_is_for_the_head_and_for_others_posts() -> None:
    chair, boss = _chair(), admin()
    clerk, far = hire("jing", (COUNTY, "caseworker")), hire("far", (OTHER_COUNTY, "caseworker"))
    post, own, foreign = (posts_of(who)[0] for who in (clerk, chair, far))
    with at_desk(boss) as session, pytest.raises(Forbidden):
        confirm(session, [post.id])
    with at_desk(boss) as session:
        assert len(posts_to_review(session)) == 3
    with at_desk(clerk) as session, pytest.raises(Forbidden):
        posts_to_review(session)
    with at_desk(chair) as session:
        with pytest.raises(InvalidInput):
            confirm(session, [])
        with pytest.raises(NotFound):
            confirm(session, [foreign.id])
    with at_desk(chair) as session, pytest.raises(NotYours, match="本人"):
        confirm(session, [own.id])
    with at_desk(chair) as session:
        assert confirm(session, [post.id, post.id]) == 1
        assert confirm(session, [post.id]) == 0
        assert standing(session) == Standing(3, 2)
        assert [held.post.id for held in posts_to_review(session, unconfirmed=True)] == [own.id, posts_of(boss)[0].id]
    kept = posts_of(clerk)[0]
    assert (kept.reviewed_on, kept.reviewed_by) == (TODAY, str(chair))
    [said] = trail_of(COUNTY, "post.confirmed")
    assert said["fields"] == {"account": str(clerk), "year": TODAY.year}
    with entered(scope_for(admin(PREFECTURE), PREFECTURE)), administering(COUNTY, "代管") as session:
        assert confirm(session, [own.id]) == 1


def test_a_new_year_asks_anew_and_an_ended_post_is_not_confirmed(db: Database) -> None:
    chair, boss, clerk = _chair(), admin(), hire("jing", (COUNTY, "caseworker"))
    post = posts_of(clerk)[0]
    with at_desk(chair) as session:
        confirm(session, [post.id])
    stand_at(db, TODAY.replace(year=TODAY.year + 1))
    with at_desk(chair) as session:
        assert standing(session) == Standing(3, 3)
        assert confirm(session, [post.id]) == 1
    with at_desk(boss) as session:
        end_post(session, post.id, on=TODAY.replace(year=TODAY.year + 1), reason=WHY)
    with at_desk(chair) as session, pytest.raises(Conflict, match="已终止"):
        confirm(session, [post.id])


def test_who_stands_in_for_the_head_confirms_nothing(db: Database) -> None:
    from core.identity.delegation import delegate

    chair, deputy, clerk = _chair(), hire("dai", (COUNTY, "reviewer")), hire("jing", (COUNTY, "caseworker"))
    with at_desk(chair) as session:
        own = posts_of(chair)[0].id
        delegate(session, own, "dai", valid_from=TODAY, valid_to=TODAY + timedelta(days=5), reason=WHY)
    with at_desk(deputy) as session, pytest.raises(Forbidden, match="代理"):
        confirm(session, [posts_of(clerk)[0].id])


def test_the_list_says_which_rights_a_post_brings_and_which_were_never_used() -> None:
    chair, boss = _chair(), admin()
    visitor = hire("visitor", (COUNTY, "survey_visitor"))
    with at_desk(boss) as session:
        post = grant_post(session, visitor, "leader", reason=WHY, valid_from=TODAY)
    with at_desk(visitor) as session:
        note_permissions(session, ["people.read"])
    with at_desk(chair) as session:
        held = {(row.login, row.post.role): row for row in posts_to_review(session)}
    survey = held["visitor", "survey_visitor"]
    assert {right.permission: right.last_used_on for right in survey.rights} == {"home.read": None, "people.read": TODAY}
    assert [right.zh for right in survey.unused] == ["查看首页待办"]
    given = held["visitor", "leader"].post
    assert (given.id, given.granted_by, given.reason) == (post.id, str(boss), WHY)


def test_the_list_asks_as_often_for_many_posts_as_for_one(db: Database) -> None:
    chair = _chair()
    counts = []
    for turn in range(2):
        sent: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_rest: object, sent: list[str] = sent) -> None:
            sent.append(statement)

        with at_desk(chair) as session:
            session.connection()
            event.listen(db.app, "before_cursor_execute", note)
            posts_to_review(session)
            event.remove(db.app, "before_cursor_execute", note)
        counts.append(len(sent))
        for number in range(30):
            hire(f"many{turn}-{number}", (COUNTY, "caseworker"), (OTHER_COUNTY, "leader"))
    assert counts == [3, 3]


def test_it_opens_with_the_year_for_whoever_confirms(db: Database) -> None:
    chair, deputy = _chair(), hire("dai", (COUNTY, "reviewer"))
    hire("jing", (COUNTY, "caseworker"))
    stand_at(db, date(2026, 1, 1))
    with at_desk(chair) as session:
        assert (left_to_confirm(session), ends_on(session)) == (2, date(2026, 3, 31))
        confirm(session, [posts_of(deputy)[0].id])
        assert left_to_confirm(session) == 1
        assert standing(session) == Standing(3, 2)
    with at_desk(deputy) as session:
        assert left_to_confirm(session) == 0


def test_what_is_not_confirmed_in_time_is_shown_to_the_level_above(db: Database) -> None:
    chair, boss, clerk = _chair(), admin(PREFECTURE), hire("jing", (COUNTY, "caseworker"))
    top, far = admin(PROVINCE), hire("far", (OTHER_COUNTY, "caseworker"))
    stand_at(db, date(2026, 3, 31))
    with at_desk(boss, PREFECTURE) as session:
        assert behind(session) == []
    stand_at(db, date(2026, 4, 1))
    with at_desk(boss, PREFECTURE) as session:
        assert behind(session) == [Behind(COUNTY, "锦江区总工会", 2, 2)]
    with at_desk(chair) as session:
        confirm(session, [posts_of(clerk)[0].id])
        assert behind(session) == []
    with entered(scope_for(boss, PREFECTURE)), administering(COUNTY, "代管") as session:
        confirm(session, [posts_of(chair)[0].id])
    with at_desk(boss, PREFECTURE) as session:
        assert behind(session) == []
    with at_desk(top, PROVINCE) as session:
        assert [(one.tenant, one.unconfirmed) for one in behind(session)] == [(PREFECTURE, 1), (OTHER_COUNTY, 1)]
    with at_desk(far, OTHER_COUNTY) as session, pytest.raises(Forbidden):
        behind(session)


def test_the_time_for_it_is_the_level_s_own_parameter(db: Database) -> None:
    boss = admin(PREFECTURE)
    hire("jing", (COUNTY, "caseworker"))
    with entered(scope_of(COUNTY)), unit_of_work() as session:
        set_parameter(session, REVIEW_MONTHS, SINCE, 12, "本单位规定", "无")
        with pytest.raises(InvalidInput, match="不得少于 1"):
            set_parameter(session, REVIEW_MONTHS, SINCE, 0, "本单位规定", "无")
    stand_at(db, date(2026, 4, 1))
    with at_desk(boss, PREFECTURE) as session:
        assert [one.tenant for one in behind(session)] == [COUNTY]
    with entered(scope_of(PREFECTURE)), unit_of_work() as session:
        set_parameter(session, REVIEW_MONTHS, date(2026, 1, 1), 6, "市总工会规定", "无")
    with at_desk(boss, PREFECTURE) as session:
        assert (ends_on(session), behind(session)) == (date(2026, 6, 30), [])


def test_the_list_goes_to_the_file_as_texts_alone() -> None:
    chair, boss, clerk = _chair(), admin(), hire("jing", (COUNTY, "caseworker"))
    with at_desk(boss) as session:
        grant_post(session, clerk, "survey_visitor", reason="=1+1", valid_from=TODAY)
    with at_desk(chair) as session:
        confirm(session, [posts_of(clerk)[0].id])
        name, data = review_file(session)
    assert name == f"{COUNTY}-{TODAY.year}-岗位权限复核表.xlsx"
    title, told, heads, *rows = CalamineWorkbook.from_filelike(BytesIO(data)).get_sheet_by_index(0).to_python()
    assert "2025 年度岗位权限复核表" in str(title[0])
    assert "在任岗位 4 个，未确认 3 个；复核期限 2025-03-31" in str(told[0])
    found = {(row[1], row[2]): dict(zip(heads, row, strict=True)) for row in rows}
    assert len(found) == 4
    assert found["jing", "经办人"]["确认人"] == "员工chair"
    assert found["jing", "入户调查员"]["授予依据"] == "=1+1"
    with at_desk(clerk) as session, pytest.raises(Forbidden):
        review_file(session)


# Dormant accounts


def _age(db: Database, account: uuid.UUID, column: str, by: timedelta = OLD) -> None:
    with db.owner.begin() as connection:
        connection.execute(
            text(f"update account set {column} = now() - :by where id = :id"),
            {"by": by, "id": account},
        )


def _off(account: uuid.UUID) -> str | None:
    with reference_work() as session:
        return session.scalars(select(Account.disabled_why).where(Account.id == account)).one()


def _sweep(on: date = TODAY) -> list[uuid.UUID]:
    with entered(scope_of(on=on)), unit_of_work() as session:
        return [account.id for account in switch_off_dormant(session)]


def test_an_account_that_nobody_used_for_the_term_is_switched_off(db: Database) -> None:
    idle, fresh, far = hire("idle", (COUNTY, "leader")), hire("new", (COUNTY, "leader")), hire("far", (OTHER_COUNTY, "leader"))
    for account in (idle, far):
        _age(db, account, "created_at")
    with reference_work() as session:
        token, _ = open_session(session, session.get_one(Account, idle), Origin())
    _age(db, idle, "signed_in_at")
    assert session_of(token) is not None
    assert _sweep() == [idle]
    assert (_off(idle), _off(fresh), _off(far)) == ("dormant", None, None)
    assert session_of(token) is None
    with reference_work() as session:
        assert session.scalars(select(StaffSession.ended_at)).one() is not None
    assert _sweep() == []
    assert trail_of(COUNTY, "account.disabled")[0]["fields"] == {"why": "dormant", "days": 90}


def test_use_of_any_kind_keeps_an_account(db: Database) -> None:
    signed, acted, back = (hire(login, (COUNTY, "leader")) for login in ("signed", "acted", "back"))
    for account in (signed, acted, back):
        _age(db, account, "created_at")
    _age(db, signed, "signed_in_at", timedelta(days=89))
    scope_for(acted, COUNTY)
    assert _sweep() == [back]
    with at_desk(admin()) as session:
        enable(session, back, reason=WHY)
    assert _sweep() == []
    assert _sweep(TODAY + OLD) == [acted]


def test_the_term_is_a_parameter(db: Database) -> None:
    idle = hire("idle", (COUNTY, "leader"))
    _age(db, idle, "created_at", timedelta(days=40))
    assert _sweep() == []
    with entered(scope_of(PROVINCE)), unit_of_work() as session:
        set_parameter(session, DORMANT_DAYS, SINCE, 30, "省总工会规定", "domain 12")
    assert _sweep() == [idle]


def test_the_work_is_started_for_a_tenant_or_for_all_below(db: Database) -> None:
    boss, top = admin(), admin(PROVINCE)
    idle = [hire(f"idle{code}", (code, "leader")) for code in (COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE)]
    for account in idle:
        _age(db, account, "created_at")
    with at_desk(boss) as session:
        kinds = {kind.kind for kind in startable_kinds()}
        assert ("dormant" in kinds, "dormant.below" in kinds) == (True, False)
        own = start_for_year(session, "dormant", TODAY.year).job.id
    done = run_inline(COUNTY, own)
    assert (done["state"], done["result"]) == ("done", {})
    assert [_off(account) for account in idle] == ["dormant", None, None, None]
    with at_desk(top, PROVINCE) as session:
        job = start_for_year(session, "dormant.below", TODAY.year).job.id
    done = run_inline(PROVINCE, job)
    assert (done["state"], done["result"]) == ("done", {"switched_off": 3})
    assert {_off(account) for account in idle} == {"dormant"}
    assert trail_of(OTHER_COUNTY, "account.disabled")[0]["fields"] == {"why": "dormant", "days": 90}


def test_when_somebody_was_let_in_again_is_kept(db: Database) -> None:
    boss, who = admin(), hire("w", (COUNTY, "leader"))
    with reference_work() as session:
        session.get_one(Account, who).disabled_at = datetime.now(UTC)
    with at_desk(boss) as session:
        enable(session, who, reason=WHY)
    with reference_work() as session:
        kept = session.scalars(select(Account.enabled_at).where(Account.id == who)).one()
        assert kept is not None
        assert session.scalars(select(Post.valid_to).where(Post.account_id == who)).one() is None
