"""Handlers of a confidential case change, and a case that nobody sees any more opens, each by two people."""

from __future__ import annotations

import json
import re
import uuid
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from core.audit.models import AuditFinding
from core.audit.own_work import OwnWork, refuse_own_work
from core.cases.handler_changes import (
    Emergency,
    SamePerson,
    ask_change,
    ask_emergency,
    decide_change,
    withdraw_change,
)
from core.cases.handler_lists import (
    changes_of_mine,
    changes_to_decide,
    emergencies_found,
    emergency_candidates,
    handled_case,
    handler_news,
    put_away,
)
from core.cases.handler_rewrite import moving_models
from core.cases.models import Case, HandlerChange
from core.cases.service import advance, case_view, list_cases
from core.db.base import new_id
from core.db.session import NoRecordedAct, opening
from core.documents.service import read_document
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.identity.delegation import delegate
from core.identity.models import Post
from core.trail.service import first_break
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY, Database
from tests.core.handler_story import NOBODY_LEFT, WHY, Story, agreed, asked, tell
from tests.core.lines import job_seeker
from tests.core.staffing import at_desk, hire, stand_at, trail_of

ORDER = Emergency("order", "成纪函〔2025〕3号", clears=False)
OF_A_CASE = {"case_record", "case_step", "deadline", "document", "party", "search_token"}
STAYS = {"handler_change", "trail_entry"}
"""What stays with those for whom it was written: what was asked, and what was done."""


@pytest.fixture
def story(db: Database) -> Story:
    return tell(db)


def _ask(story: Story, by: uuid.UUID, add: list[uuid.UUID], remove: list[uuid.UUID] = []) -> uuid.UUID:  # noqa: B006 - never changed
    with at_desk(by) as session:
        names = [str(one) for one in add], [str(one) for one in remove]
        return ask_change(session, story.case_id, add=names[0], remove=names[1], reason=WHY).id


def _sees(account: uuid.UUID, tenant: str = COUNTY) -> list[str]:
    with at_desk(account, tenant) as session:
        return list(session.scalars(select(Case.number)))


def _news(account: uuid.UUID) -> list[str]:
    with at_desk(account) as session:
        return [item.part for item in handler_news(session)]


# A handler asks


def test_a_lone_handler_hands_over_with_the_vice_chair_s_word(story: Story) -> None:
    change = _ask(story, story.handler, [story.fresh], [story.handler])
    with at_desk(story.vice) as session:
        [waits] = changes_to_decide(session)
        assert (waits.change.id, waits.number, waits.change.decides) == (change, story.number, "vice_chair")
        assert list_cases(session) == []
    agreed(story.vice, change)
    assert story.handlers() == [str(story.fresh)]
    assert (_sees(story.handler), _sees(story.fresh), _sees(story.vice)) == ([], [story.number], [])
    assert (_news(story.handler), _news(story.fresh), _news(story.vice)) == (["left"], ["joined"], [])
    with at_desk(story.fresh) as session:
        view = case_view(session, story.case_id)
        assert view.form["subject"] == "机密事由"
        assert [step.note for step in view.steps] == [None, "机密意见"]
        assert [party.label for party in view.parties] == ["周明"]
        assert view.deadlines
        [paper] = view.documents
        assert read_document(session, paper.id)[1].startswith(b"%PDF")
        advance(session, [story.case_id], "answer", "已答复")
        assert view.case.assigned_to is None
    with at_desk(story.handler) as session, pytest.raises(NotFound):
        case_view(session, story.case_id)


def test_two_handlers_agree_among_themselves(story: Story) -> None:
    agreed(story.vice, _ask(story, story.handler, [story.second]))
    change = _ask(story, story.handler, [story.fresh])
    with at_desk(story.vice) as session:
        assert changes_to_decide(session) == []
        assert session.get(HandlerChange, (COUNTY, change)) is None
        with pytest.raises(NotFound):
            decide_change(session, change, agreed=True)
    with at_desk(story.second) as session:
        [waits] = changes_to_decide(session)
        decide_change(session, waits.change.id, agreed=True)
    assert story.handlers() == [str(story.handler), str(story.second), str(story.fresh)]
    assert (_news(story.handler), _news(story.second), _news(story.fresh)) == (["stays", "stays"], ["joined"], ["joined"])


def test_what_a_handler_cannot_ask(story: Story) -> None:
    payer = hire("chu", (COUNTY, "payer"))
    refused: tuple[tuple[list[uuid.UUID], list[uuid.UUID], str], ...] = (
        ([], [], "请选择"),
        ([payer], [], "没有办理该业务的岗位"),
        ([], [story.second], "不是本件承办人"),
        ([story.handler], [], "已是本件承办人"),
        ([], [story.handler], "没有能够办理"),
        ([story.fresh], [story.fresh], "既指定又移出"),
    )
    for add, remove, why in refused:
        with pytest.raises(InvalidInput, match=why):
            _ask(story, story.handler, add, remove)
    with at_desk(story.handler) as session, pytest.raises(InvalidInput, match="变更原因"):
        ask_change(session, story.case_id, add=[str(story.fresh)], reason=" ")
    for stranger in (story.second, story.vice):
        with pytest.raises(NotFound):
            _ask(story, stranger, [story.fresh])
    _ask(story, story.handler, [story.fresh])
    with pytest.raises(Conflict, match="待同意"):
        _ask(story, story.handler, [story.second])


def test_who_asks_withdraws_and_who_refuses_says_why(story: Story) -> None:
    change = _ask(story, story.handler, [story.fresh])
    with at_desk(story.vice) as session, pytest.raises(NotFound):
        withdraw_change(session, change)
    with at_desk(story.handler) as session:
        withdraw_change(session, change)
    with pytest.raises(Conflict, match="处理结果"):
        agreed(story.vice, change)
    change = _ask(story, story.handler, [story.fresh])
    with at_desk(story.vice) as session, pytest.raises(InvalidInput, match="理由"):
        decide_change(session, change, agreed=False)
    with at_desk(story.vice) as session:
        decide_change(session, change, agreed=False, why="须先办结")
        decide_change(session, change, agreed=False, why="再说一遍")
        assert [line.state for line in changes_of_mine(session)] == ["refused"]
    with at_desk(story.handler) as session:
        assert [line.change.decided_why for line in changes_of_mine(session)] == ["须先办结", None]
        with pytest.raises(Conflict):
            withdraw_change(session, change)
    assert story.handlers() == [str(story.handler)]


# An emergency


def test_a_case_that_nobody_sees_any_more_opens_to_those_named_alone(story: Story) -> None:
    story.close_account(story.handler)
    before = story.rows()
    assert set(before) >= OF_A_CASE
    change = asked(story, story.fresh)
    agreed(story.leader, change)
    assert story.handlers() == [str(story.fresh)]
    for account in (story.vice, story.leader, story.second):
        assert _sees(account) == []
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


# Two people


def test_nobody_is_both_persons(story: Story) -> None:
    story.close_account(story.handler)
    both = hire("both", (COUNTY, "vice_chair_in_charge"), (COUNTY, "leader"))
    with at_desk(both) as session:
        change = ask_emergency(session, story.number, add=[str(story.fresh)], what=NOBODY_LEFT, reason=WHY).id
        assert changes_to_decide(session) == []
    with pytest.raises(SamePerson):
        agreed(both, change)
    agreed(story.leader, change)


def test_nobody_opens_a_case_to_himself(story: Story) -> None:
    story.close_account(story.handler)
    with pytest.raises(SamePerson):
        asked(story, story.vice)
    head = hire("tou", (COUNTY, "leader"), (COUNTY, "petition_handler"))
    change = asked(story, head)
    with pytest.raises(SamePerson):
        agreed(head, change)
    agreed(story.leader, change)
    assert story.handlers() == [str(head)]
    with at_desk(story.vice) as session:
        assert str(story.vice) not in {one.actor for one in emergency_candidates(session)}


def _deputy(post_of: uuid.UUID, role: str, login: str) -> uuid.UUID:
    """Somebody new who stands in for a post from today."""
    deputy = hire(login, (COUNTY, "survey_visitor"))
    with at_desk(post_of) as session:
        post = session.scalars(select(Post).where(Post.account_id == post_of, Post.role == role)).one()
        delegate(session, post.id, login, valid_from=TODAY, valid_to=TODAY + timedelta(days=9), reason="年休假")
    return deputy


def test_who_stands_in_counts_as_the_one_he_stands_in_for(story: Story) -> None:
    story.close_account(story.handler)
    head = hire("tou", (COUNTY, "leader"), (COUNTY, "petition_handler"))
    change = asked(story, head)
    deputy = _deputy(head, "leader", "dai")
    with at_desk(deputy) as session:
        assert changes_to_decide(session) == []
        with pytest.raises(SamePerson):
            decide_change(session, change, agreed=True)
    with at_desk(story.vice) as session:
        withdraw_change(session, change)
    both = hire("both", (COUNTY, "vice_chair_in_charge"), (COUNTY, "leader"))
    with at_desk(_deputy(both, "vice_chair_in_charge", "dai2")) as session:
        with pytest.raises(SamePerson):
            ask_emergency(session, story.number, add=[str(both)], what=NOBODY_LEFT, reason=WHY)
        change = ask_emergency(session, story.number, add=[str(story.fresh)], what=NOBODY_LEFT, reason=WHY).id
    with pytest.raises(SamePerson):
        agreed(both, change)
    agreed(story.leader, change)


_INSERT = (
    "insert into handler_change (tenant, id, case_id, added, removed, clears, reason, ground, decides, asked_by, asked_persons,"
    " asked_on, expires_on, state, decided_by)"
    " values (:tenant, :id, :case_id, :added, '{}', :clears, 'x', :ground, :decides, :asked_by, :asked_persons,"
    " :on, :on, :state, :decided_by)"
)


def _row(story: Story, **more: object) -> dict[str, object]:
    vice = str(story.vice)
    usual = {"tenant": COUNTY, "id": new_id(), "case_id": story.case_id, "added": [str(story.fresh)], "clears": True}
    said = {"ground": "nobody_left", "decides": "leader", "asked_by": vice, "asked_persons": [vice], "on": TODAY}
    return usual | said | {"state": "asked", "decided_by": None} | more


def test_the_database_holds_that_two_people_acted(story: Story) -> None:
    vice, leader, fresh = str(story.vice), str(story.leader), str(story.fresh)
    broken: tuple[tuple[str, dict[str, object]], ...] = (
        ("two_people", {"state": "agreed", "decided_by": vice}),
        ("two_people", {"state": "agreed", "decided_by": leader, "asked_persons": [leader, vice]}),
        ("not_decided_by_the_named", {"state": "agreed", "decided_by": fresh}),
        ("nobody_opens_it_to_himself", {"added": [vice]}),
        ("asked_by_a_person", {"asked_persons": [leader]}),
        ("decided_by_somebody", {"state": "agreed"}),
        ("names_somebody", {"added": []}),
        ("an_emergency_has_a_ground", {"ground": None, "clears": False}),
        ("an_order_has_a_number", {"ground": "order"}),
    )
    for name, more in broken:
        with pytest.raises(IntegrityError, match=f"ck_handler_change_{name}"), story.db.owner.begin() as connection:
            connection.execute(text(_INSERT), _row(story, **more))


def test_an_ask_runs_out(story: Story) -> None:
    story.close_account(story.handler)
    change = asked(story, story.fresh)
    stand_at(story.db, TODAY + timedelta(days=8))
    with at_desk(story.leader) as session:
        assert changes_to_decide(session) == []
    with pytest.raises(Conflict, match="过期"):
        agreed(story.leader, change)
    again = asked(story, story.fresh)
    with at_desk(story.vice) as session:
        assert [line.state for line in changes_of_mine(session)] == ["asked", "lapsed"]
    stand_at(story.db, TODAY + timedelta(days=15))
    agreed(story.leader, again)


def test_what_does_not_fit_any_more_is_not_carried_out(story: Story) -> None:
    pending = _ask(story, story.handler, [story.second])
    story.close_account(story.handler)
    change = asked(story, story.fresh)
    story.close_account(story.fresh)
    with pytest.raises(Conflict, match="已不能办理"):
        agreed(story.leader, change)
    with at_desk(story.vice) as session:
        withdraw_change(session, change)
    agreed(story.leader, asked(story, story.second))
    with pytest.raises(Conflict, match="处理结果"):
        agreed(story.vice, pending)


def test_of_two_agreements_at_once_one_is_carried_out(story: Story) -> None:
    story.close_account(story.handler)
    change = asked(story, story.fresh)
    leaders, start, said = [story.leader, hire("zhu2", (COUNTY, "leader"))], Barrier(2), []

    def agree(leader: uuid.UUID) -> None:
        start.wait()
        try:
            agreed(leader, change)
            said.append("done")
        except Conflict as error:
            said.append(error.code)

    threads = [Thread(target=agree, args=(leader,)) for leader in leaders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["conflict", "done"]
    assert story.handlers() == [str(story.fresh)]
    assert len(trail_of(COUNTY, "handlers.agreed")) == 1


# Who learns what


def test_the_log_says_who_and_when_and_not_who_handles(story: Story) -> None:
    ordinary = _ask(story, story.handler, [story.second])
    agreed(story.vice, ordinary)
    agreed(story.leader, asked(story, story.fresh, what=ORDER))
    first, second = trail_of(COUNTY, "handlers.agreed")
    assert first["fields"] == {"emergency": False}
    assert second["fields"] == {"emergency": True, "ground": "order", "number": story.number}
    for action in ("handlers.asked", "handlers.agreed"):
        said = json.dumps(trail_of(COUNTY, action))
        assert str(story.second) not in said
        assert str(story.fresh) not in said
    assert trail_of(COUNTY, "case.handlers") == []
    with story.db.owner.connect() as connection:
        sealed = connection.scalars(text("select handlers from trail_entry where action = 'case.handlers' order by seq")).all()
    assert sealed[-1] == [str(story.handler), str(story.second), str(story.fresh)]


def test_what_was_told_is_put_away_by_the_one_it_was_told(story: Story) -> None:
    agreed(story.vice, _ask(story, story.handler, [story.second]))
    with at_desk(story.second) as session:
        [item] = handler_news(session)
        put_away(session, item.id)
    with at_desk(story.handler) as session:
        assert handler_news(session)
        with pytest.raises(NotFound):
            put_away(session, item.id)
    assert _news(story.second) == []
    with at_desk(story.handler) as session:
        found = handled_case(session, story.case_id)
        assert [one.actor for one in found.candidates] == [str(story.fresh)]


def test_who_had_a_part_in_an_emergency_does_not_answer_for_it(story: Story) -> None:
    change = asked(story, story.fresh, what=ORDER)
    agreed(story.leader, change)
    finding = AuditFinding(subject_kind="handler_change", subject_id=change, detail={})
    with at_desk(story.vice) as session, pytest.raises(OwnWork):
        refuse_own_work(session, finding)
    with at_desk(hire("fen2", (COUNTY, "vice_chair_in_charge"))) as session:
        refuse_own_work(session, finding)


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
    with at_desk(story.handler) as session, pytest.raises(ProgrammingError, match="permission denied"):
        session.connection().exec_driver_sql(f"update case_record set {column} = {column}")
