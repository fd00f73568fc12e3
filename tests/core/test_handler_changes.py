"""Handlers of a confidential case change by two people, each a person of his own; who learns of it."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from core.audit.models import AuditFinding
from core.audit.own_work import OwnWork, refuse_own_work
from core.cases.handler_changes import (
    SamePerson,
    ask_change,
    ask_emergency,
    decide_change,
    withdraw_change,
)
from core.cases.handler_lists import (
    changes_of_mine,
    changes_to_decide,
    emergency_candidates,
    handled_case,
    handler_news,
    put_away,
)
from core.cases.models import HandlerChange
from core.cases.service import advance, case_view, list_cases
from core.db.base import new_id
from core.documents.service import read_document
from core.errors import Conflict, InvalidInput, NotFound
from core.identity.delegation import delegate
from core.identity.models import Post
from tests.conftest import COUNTY, TODAY, Database
from tests.core.handler_story import NOBODY_LEFT, ORDER, WHY, Story, agreed, ask_by, asked, news, sees, tell
from tests.core.staffing import at_desk, hire, stand_at, trail_of


@pytest.fixture
def story(db: Database) -> Story:
    return tell(db)


# A handler asks


def test_a_lone_handler_hands_over_with_the_vice_chair_s_word(story: Story) -> None:
    change = ask_by(story, story.handler, [story.fresh], [story.handler])
    with at_desk(story.vice) as session:
        [waits] = changes_to_decide(session)
        assert (waits.change.id, waits.number, waits.change.decides) == (change, story.number, "vice_chair")
        assert list_cases(session) == []
    agreed(story.vice, change)
    assert story.handlers() == [str(story.fresh)]
    assert (sees(story.handler), sees(story.fresh), sees(story.vice)) == ([], [story.number], [])
    assert (news(story.handler), news(story.fresh), news(story.vice)) == (["left"], ["joined"], [])
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
    agreed(story.vice, ask_by(story, story.handler, [story.second]))
    change = ask_by(story, story.handler, [story.fresh])
    with at_desk(story.vice) as session:
        assert changes_to_decide(session) == []
        assert session.get(HandlerChange, (COUNTY, change)) is None
        with pytest.raises(NotFound):
            decide_change(session, change, agreed=True)
    with at_desk(story.second) as session:
        [waits] = changes_to_decide(session)
        decide_change(session, waits.change.id, agreed=True)
    assert story.handlers() == [str(story.handler), str(story.second), str(story.fresh)]
    assert (news(story.handler), news(story.second), news(story.fresh)) == (["stays", "stays"], ["joined"], ["joined"])


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
            ask_by(story, story.handler, add, remove)
    with at_desk(story.handler) as session, pytest.raises(InvalidInput, match="变更原因"):
        ask_change(session, story.case_id, add=[str(story.fresh)], reason=" ")
    for stranger in (story.second, story.vice):
        with pytest.raises(NotFound):
            ask_by(story, stranger, [story.fresh])
    ask_by(story, story.handler, [story.fresh])
    with pytest.raises(Conflict, match="待同意"):
        ask_by(story, story.handler, [story.second])


def test_who_asks_withdraws_and_who_refuses_says_why(story: Story) -> None:
    change = ask_by(story, story.handler, [story.fresh])
    with at_desk(story.vice) as session, pytest.raises(NotFound):
        withdraw_change(session, change)
    with at_desk(story.handler) as session:
        withdraw_change(session, change)
    with pytest.raises(Conflict, match="处理结果"):
        agreed(story.vice, change)
    change = ask_by(story, story.handler, [story.fresh])
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
    pending = ask_by(story, story.handler, [story.second])
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
    ordinary = ask_by(story, story.handler, [story.second])
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
    agreed(story.vice, ask_by(story, story.handler, [story.second]))
    with at_desk(story.second) as session:
        [item] = handler_news(session)
        put_away(session, item.id)
    with at_desk(story.handler) as session:
        assert handler_news(session)
        with pytest.raises(NotFound):
            put_away(session, item.id)
    assert news(story.second) == []
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
