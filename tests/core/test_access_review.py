"""The yearly review of access, and accounts that nobody uses."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, text

from core.db.session import reference_work, unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.identity.grants import NotYours, end_post
from core.identity.models import Account, Post, StaffSession
from core.identity.names import DORMANT_DAYS
from core.identity.review import Standing, confirm, posts_to_review, standing, switch_off_dormant
from core.identity.service import scope_for
from core.identity.sessions import Origin, open_session, session_of
from core.identity.staff import enable
from core.identity.subtree import administering
from core.jobs.runner import run_inline
from core.jobs.service import start_for_year, startable_kinds
from core.parameters.service import set_parameter
from core.scope import entered
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
