"""Standing in for somebody on leave: who may name whom, what excludes it, what it gives, and when it ends."""

from __future__ import annotations

import uuid
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as given_settings
from hypothesis import strategies as st
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError

from core.cases.engine import SamePerson
from core.cases.models import Case
from core.cases.service import NewCase, NewParty, advance, next_steps, open_cases
from core.db.session import reference_work, unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.identity import service
from core.identity.delegation import delegable_posts, delegate, delegations, revoke
from core.identity.duties import DutiesExclude, HeldAlready
from core.identity.grants import WITH_ORIGINAL, NotYours, end_post
from core.identity.models import Post
from core.identity.service import Grant, give_post, roles, scope_for
from core.scope import Level, entered
from core.trail.service import record
from tests.conftest import COUNTY, OTHER_COUNTY, PROVINCE, TODAY, Database
from tests.core.lines import Acting, install, post, with_key
from tests.core.staffing import SINCE, WHY, admin, allow, at_desk, hire, posts_of, stand_at, trail_of
from tests.core.test_cases_engine import _legal_form
from tests.web.county import switch_lines

MONDAY, FRIDAY = TODAY + timedelta(days=7), TODAY + timedelta(days=12)


@pytest.fixture(autouse=True)
def office(db: Database) -> None:
    install(db)
    stand_at(db)


def _name(by: uuid.UUID, whose: uuid.UUID, login: str, since: date = MONDAY, until: date | None = FRIDAY) -> Post:
    with at_desk(by) as session:
        return delegate(session, posts_of(whose)[0].id, login, valid_from=since, valid_to=until, reason="年休假")


def test_a_delegate_acts_within_the_days_and_the_trail_says_for_whom(db: Database) -> None:
    holder, deputy = hire("zhu", (COUNTY, "case_approver")), hire("dai", (COUNTY, "reviewer"))
    given = _name(holder, holder, " DAI ")
    assert (given.delegated_from, given.granted_by, given.reason) == (posts_of(holder)[0].id, str(holder), "年休假")
    for day, acts in ((TODAY, False), (MONDAY, True), (FRIDAY - timedelta(days=1), True), (FRIDAY, False)):
        stand_at(db, day)
        scope = scope_for(deputy, COUNTY)
        assert ("case.decide" in scope.permissions) == acts, day
        assert scope.principals == ({str(holder)} if acts else set())
        assert scope.persons == scope.principals | {str(deputy)}
        with entered(scope), unit_of_work() as session:
            record(session, "trial", "post", given.id)
    said = [entry.get("delegated_from") for entry in trail_of(COUNTY, "trial")]
    assert said == [None, [str(holder)], [str(holder)], None]
    fields = trail_of(COUNTY, "post.delegated")[0]["fields"]
    assert isinstance(fields, dict)
    assert (fields["delegated_from"], fields["to"]) == (str(posts_of(holder)[0].id), str(FRIDAY))


def test_days_reason_and_delegate_must_be_right() -> None:
    holder = hire("zhu", (COUNTY, "reviewer"))
    hire("dai", (COUNTY, "survey_visitor"))
    hire("far", (OTHER_COUNTY, "leader"))
    post_id = posts_of(holder)[0].id
    for login, since, until, reason, where in (
        ("dai", MONDAY, None, WHY, "valid_to"),
        ("dai", MONDAY, MONDAY, WHY, "valid_to"),
        ("dai", TODAY - timedelta(days=1), FRIDAY, WHY, "valid_from"),
        ("dai", MONDAY, FRIDAY, " ", "reason"),
        ("zhu", MONDAY, FRIDAY, WHY, "login"),
        ("far", MONDAY, FRIDAY, WHY, "login"),
        ("", MONDAY, FRIDAY, WHY, "login"),
    ):
        with at_desk(holder) as session, pytest.raises(InvalidInput) as refused:
            delegate(session, post_id, login, valid_from=since, valid_to=until, reason=reason)
        assert refused.value.where == where


def test_it_lies_within_the_posts_own_days_and_does_not_overlap_the_same_role() -> None:
    boss, holder, deputy = admin(), hire("zhu", (COUNTY, "reviewer")), hire("dai", (COUNTY, "leader"))
    _name(holder, holder, "dai")
    with pytest.raises(HeldAlready):
        _name(holder, holder, "dai", FRIDAY - timedelta(days=1), FRIDAY + timedelta(days=3))
    _name(holder, holder, "dai", FRIDAY, FRIDAY + timedelta(days=3))
    with at_desk(boss) as session:
        end_post(session, posts_of(holder)[0].id, on=FRIDAY + timedelta(days=9), reason=WHY)
    with pytest.raises(Conflict, match="任期之内"):
        _name(holder, holder, "dai", FRIDAY + timedelta(days=3), FRIDAY + timedelta(days=10))
    assert len(posts_of(deputy)) == 3


def test_only_the_holder_or_an_administrator_names_a_delegate() -> None:
    boss, holder = admin(), hire("zhu", (COUNTY, "reviewer"))
    other = hire("other", (COUNTY, "leader"))
    with pytest.raises(NotFound):
        _name(other, holder, "other")
    far = hire("far", (OTHER_COUNTY, "tenant_admin"))
    with pytest.raises(NotFound), at_desk(far, OTHER_COUNTY) as session:
        delegate(session, posts_of(holder)[0].id, "far", valid_from=MONDAY, valid_to=FRIDAY, reason=WHY)
    with pytest.raises(NotYours, match="不能为本人"):
        _name(boss, holder, f"admin-{COUNTY}")
    assert _name(boss, holder, "other").granted_by == str(boss)


def test_administrators_posts_and_delegated_ones_are_not_delegated() -> None:
    boss, holder = admin(), hire("zhu", (COUNTY, "reviewer"))
    deputy = hire("dai", (COUNTY, "leader"))
    hire("third", (COUNTY, "survey_visitor"))
    with pytest.raises(NotYours, match="管理员"):
        _name(boss, boss, "dai")
    given = _name(holder, holder, "dai")
    for who in (deputy, boss):
        with at_desk(who) as session, pytest.raises(Conflict, match="不能再转托"):
            delegate(session, given.id, "third", valid_from=MONDAY, valid_to=FRIDAY, reason=WHY)
    with at_desk(boss) as session:
        assert given.id not in {found.id for found, _ in delegable_posts(session, of_all=True)}
        assert {found.role for found, _ in delegable_posts(session, of_all=True)} == {"reviewer", "leader", "survey_visitor"}
        assert delegable_posts(session) == []


def test_what_the_county_may_not_give_is_not_handed_on_either() -> None:
    boss, holder = admin(), hire("zhu", (COUNTY, "reviewer"))
    hire("dai", (COUNTY, "leader"))
    allow(PROVINCE, ["caseworker"])
    for who in (holder, boss):
        with pytest.raises(NotYours, match="不能自行"):
            _name(who, holder, "dai")


def test_a_switched_off_account_is_no_delegate(db: Database) -> None:
    holder, deputy = hire("zhu", (COUNTY, "reviewer")), hire("dai", (COUNTY, "leader"))
    with db.owner.begin() as connection:
        connection.execute(text("update account set disabled_at = now() where id = :id"), {"id": deputy})
    with pytest.raises(Conflict, match="停用"):
        _name(holder, holder, "dai")


def test_it_ends_with_the_original_post(db: Database) -> None:
    boss, holder, deputy = admin(), hire("zhu", (COUNTY, "case_approver")), hire("dai", (COUNTY, "reviewer"))
    running = _name(holder, holder, "dai", TODAY, MONDAY)
    later = _name(holder, holder, "dai", FRIDAY, FRIDAY + timedelta(days=5))
    assert "case.decide" in scope_for(deputy, COUNTY).permissions
    with at_desk(boss) as session:
        end_post(session, posts_of(holder)[0].id, on=TODAY, reason=WHY)
    assert "case.decide" not in scope_for(deputy, COUNTY).permissions
    ended = {found.id: found for found in posts_of(deputy)}
    assert [(ended[one.id].valid_to, ended[one.id].end_reason) for one in (running, later)] == [
        (TODAY, WITH_ORIGINAL),
        (FRIDAY, WITH_ORIGINAL),
    ]
    assert len(trail_of(COUNTY, "post.ended")) == 3


def test_it_gives_nothing_once_the_original_is_over_however_that_came(db: Database) -> None:
    """Even where the service was passed by: a scope asks for the original."""
    holder, deputy = hire("zhu", (COUNTY, "case_approver")), hire("dai", (COUNTY, "reviewer"))
    _name(holder, holder, "dai", TODAY, FRIDAY)
    with db.owner.begin() as connection:
        connection.execute(update(Post).where(Post.account_id == holder).values(valid_to=TODAY))
    scope = scope_for(deputy, COUNTY)
    assert scope.roles == {"reviewer"}
    assert not scope.principals


def test_a_delegation_without_an_end_is_no_row(db: Database) -> None:
    holder, deputy = hire("zhu", (COUNTY, "case_approver")), hire("dai", (COUNTY, "reviewer"))
    grant = Grant(str(holder), WHY, posts_of(holder)[0].id)
    with pytest.raises(IntegrityError, match="a_delegation_ends"), reference_work() as session:
        give_post(session, deputy, COUNTY, "case_approver", valid_from=TODAY, grant=grant)


@pytest.mark.parametrize("by", ["holder", "deputy", "boss"])
def test_it_is_taken_back_by_those_whom_it_concerns(by: str) -> None:
    people = {"boss": admin(), "holder": hire("zhu", (COUNTY, "case_approver")), "deputy": hire("dai", (COUNTY, "reviewer"))}
    stranger = hire("other", (COUNTY, "leader"))
    given = _name(people["holder"], people["holder"], "dai", TODAY, FRIDAY)
    for who, seen in ((people["holder"], 1), (people["deputy"], 1), (stranger, 0)):
        with at_desk(who) as session:
            assert len(delegations(session)) == seen
    with at_desk(stranger) as session, pytest.raises(Forbidden):
        delegations(session, of_all=True)
    with at_desk(people["boss"]) as session:
        assert [(found.delegate, found.holder) for found in delegations(session, of_all=True)] == [("员工dai", "员工zhu")]
    with at_desk(stranger) as session, pytest.raises(NotFound):
        revoke(session, given.id, reason=WHY)
    with at_desk(people[by]) as session, pytest.raises(NotFound):
        revoke(session, posts_of(people["holder"])[0].id, reason=WHY)
    with at_desk(people[by]) as session:
        revoke(session, given.id, reason="提前返岗")
    assert scope_for(people["deputy"], COUNTY).roles == {"reviewer"}
    with at_desk(people["holder"]) as session:
        assert delegations(session) == []
        with pytest.raises(Conflict):
            revoke(session, given.id, reason=WHY)


# What excludes


def _clear(db: Database) -> None:
    with db.owner.begin() as connection:
        connection.execute(text("truncate post, account, staff_session, recovery_code cascade"))


COUNTY_ROLES = ("caseworker", "reviewer", "case_approver", "payment_approver", "fund_manager", "payer", "auditor", "leader")
days = st.integers(0, 12)


def _excludes(one: str, other: str) -> bool:
    """The rule of one tenant, by the roles' data."""
    first, second = roles()[one], roles()[other]
    duties = first.duty is not None and second.duty is not None and first.duty != second.duty
    sides = first.audit_side is not None and second.audit_side is not None and first.audit_side != second.audit_side
    return duties or sides or one == other


@given_settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    held=st.lists(st.tuples(st.sampled_from(COUNTY_ROLES), days, days), max_size=4),
    wanted=st.tuples(st.sampled_from(COUNTY_ROLES), days, days),
)
def test_service_and_database_refuse_the_same_delegations(
    db: Database, held: list[tuple[str, int, int]], wanted: tuple[str, int, int]
) -> None:
    """Whatever posts a delegate holds, on whatever days: both refuse where the rule says so, and only there."""
    _clear(db)
    role, since, until = wanted
    if until <= since:
        return
    holder, deputy = hire("zhu", (COUNTY, role)), hire("dai")
    kept: list[tuple[str, int, int]] = []
    for one, first, last in held:
        apart = all(not _excludes(one, other) or last <= start or end <= first for other, start, end in kept)
        if first < last and apart:
            kept.append((one, first, last))
            with reference_work() as session:
                give_post(session, deputy, COUNTY, one, valid_from=_day(first), valid_to=_day(last))
    expected = any(_excludes(role, one) and first < until and since < last for one, first, last in kept)
    grant = Grant(str(holder), WHY, posts_of(holder)[0].id)
    assert _refused(deputy, role, _day(since), _day(until), grant, by_database=False) == expected
    assert _refused(deputy, role, _day(since), _day(until), grant, by_database=True) == expected


def _day(number: int) -> date:
    return TODAY + timedelta(days=number)


class _TakenBack(Exception):
    """Ends a transaction without keeping anything."""


def _refused(who: uuid.UUID, role: str, since: date, until: date, grant: Grant, *, by_database: bool) -> bool:
    """Whether the post is refused by the service, or with the service's question left out by the table."""
    with pytest.MonkeyPatch.context() as patched:
        if by_database:
            patched.setattr(service, "refuse_excluded", lambda *_: None)
        try:
            with reference_work() as session:
                give_post(session, who, COUNTY, role, valid_from=since, valid_to=until, grant=grant)
                raise _TakenBack
        except (DutiesExclude, HeldAlready):
            assert not by_database
            return True
        except IntegrityError:
            assert by_database
            return True
        except _TakenBack:
            return False


def test_the_rule_of_this_test_knows_all_roles_of_a_county() -> None:
    known = {role.code for role in roles().values() if Level.COUNTY in role.levels and role.audit_side != "audited"}
    assert known <= set(COUNTY_ROLES)


def test_a_delegate_does_not_decide_what_the_holder_of_the_post_filed(db: Database, acting: Acting) -> None:
    """What the holder could not do himself is not done for him."""
    switch_lines(db, COUNTY)
    with_key(acting)
    holder, deputy = hire("zhu"), hire("dai", (COUNTY, "reviewer"))
    with reference_work() as session:
        give_post(session, holder, COUNTY, "caseworker", valid_from=SINCE, valid_to=TODAY)
        approver = give_post(session, holder, COUNTY, "case_approver", valid_from=TODAY)
    filed = [_legal_aid_case(acting, str(actor)) for actor in (holder, uuid.uuid4())]
    with at_desk(holder) as session:
        delegate(session, approver.id, "dai", valid_from=TODAY, valid_to=FRIDAY, reason="年休假")
    with at_desk(deputy) as session:
        offers = [[step.transition.code for step in next_steps(session, case) if step.allowed] for case in filed]
        assert ["refuse" in codes for codes in offers] == [False, True]
        with pytest.raises(SamePerson, match="代理"):
            advance(session, [filed[0].id], "refuse", note="不符合条件")
        advance(session, [filed[1].id], "refuse", note="不符合条件")


def _legal_aid_case(acting: Acting, clerk: str) -> Case:
    with post(acting, clerk), unit_of_work() as session:
        draft = NewCase("legal_aid", "legal_aid", (NewParty("applicant", label="李明"),), form=_legal_form())
        return open_cases(session, [draft])[0]
