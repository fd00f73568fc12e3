"""Erasing a person's data (PIPL Art. 47): nothing that tells who it was is left, everything that is counted is."""

from __future__ import annotations

import json
import uuid
from datetime import date

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from core.db.session import NoRecordedAct, erasing, unit_of_work
from core.db.statements import tenant_sql
from core.documents.models import Document
from core.documents.service import read_document
from core.errors import Conflict, Forbidden, Misconfigured, NotFound
from core.exchange.models import IdentityMark
from core.people.models import Person, SearchToken, WorkerFile
from core.people.service import reveal
from core.rights import listed
from core.rights.emptying import erase_again, is_back, settle
from core.rights.erasing import Held, decide, propose, withdraw
from core.rights.hindrances import due_files, hindrances
from core.rights.models import Erasure, RightsRequest
from core.rights.requests import NewRequest, answer, register
from core.settings import settings
from core.trail.models import TrailEntry
from core.trail.service import first_break
from tests.conftest import COUNTY, OTHER_COUNTY, TODAY, Database
from tests.core.rights_story import (
    LONG_AFTER,
    STRANGER,
    WIFE,
    WORKER,
    Acting,
    Family,
    aid,
    county,
    everybody,
    family,
    no_list,
    propose_and_confirm,
    standing_in_the_database,
)

__all__ = ["county", "no_list"]

MONEY = ("ledger_entry", "relief_grant", "instalment", "fund_account", "payment_batch", "grant_occurrence", "deadline")
DECISIONS = "select id, case_id, clerk, decided_by, outcome, business_date, snapshot from case_decision order by id"
PAID = "select id, instalment_id, payee_id, amount_fen, state, settled_on from payment_attempt order by id"
COUNTED = "select status, kind, count(*) from worker_file group by 1, 2 order by 1, 2"


def _money(db: Database) -> list[object]:
    with db.owner.connect() as connection:
        asked = [f"select to_jsonb(t)::text from {table} t order by id" for table in MONEY]
        return [connection.execute(text(one)).all() for one in (*asked, DECISIONS, PAID, COUNTED)]


def _papers() -> list[str]:
    folder = settings().files_dir / COUNTY
    return [str(path) for path in folder.rglob("*") if path.is_file()]


def test_nothing_tells_who_it_was_and_all_that_is_counted_stays(county: Acting, db: Database) -> None:
    theirs = family(county, WORKER, WIFE)
    case = aid(county, theirs)
    beside = family(county, STRANGER, number="SB2")
    elsewhere = family(county, WORKER, WIFE, tenant=OTHER_COUNTY)
    told = (*WORKER.told(), *WIFE.told())
    assert len({line.partition(":")[0] for line in standing_in_the_database(db, told)}) > 10
    before, others = _money(db), standing_in_the_database(db, STRANGER.told())
    away = standing_in_the_database(db, told, OTHER_COUNTY)
    erasure = propose_and_confirm(county, theirs)
    assert standing_in_the_database(db, told) == []
    assert _money(db) == before
    assert standing_in_the_database(db, STRANGER.told()) == others
    assert standing_in_the_database(db, told, OTHER_COUNTY) == away
    assert elsewhere.household != beside.household
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
        people = session.scalars(select(Person).where(Person.id.in_(theirs.persons))).all()
        assert {(one.name, one.wrapped_key, one.identity_cipher, one.identity_token, one.birth_date) for one in people} == {
            ("已删除", None, None, None, None)
        }
        assert all(one.erased_at for one in people)
        assert session.scalars(select(SearchToken).where(SearchToken.subject_id.in_((*theirs.persons, case)))).all() == []
        assert len(session.scalars(select(IdentityMark)).all()) == 1
        with pytest.raises(NotFound):
            reveal(session, theirs.persons[0], "phone", "核对")
        assert first_break(session) is None
        told_of = session.scalars(select(TrailEntry).where(TrailEntry.action == "rights.erased")).one()
        assert json.loads(told_of.content)["fields"]["erasure"] == str(erasure)


def test_papers_go_after_the_commit_also_where_the_process_was_killed_in_between(county: Acting, db: Database) -> None:
    theirs, beside = family(county, WORKER, WIFE), family(county, STRANGER, number="SB2")
    assert len(_papers()) == 2
    erasure = propose_and_confirm(county, theirs)
    # killed here: the rows are gone, the papers and the list are not
    assert len(_papers()) == 2
    assert listed.erasures_listed() == []
    for _ in range(2):
        with everybody(county, "system:settle", LONG_AFTER), unit_of_work() as session:
            settle(session)
    assert len(_papers()) == 1
    assert [one.erasure for one in listed.erasures_listed()] == [erasure]
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
        row = session.scalars(select(Erasure)).one()
        assert (row.state, row.objects, row.objects_gone_at is None, row.reason) == ("done", [], False, "已删除")
        papers = {paper.household_id: paper for paper in session.scalars(select(Document))}
        assert (papers[theirs.household].title, papers[theirs.household].erased_on) == ("已删除", LONG_AFTER)
        assert papers[beside.household].erased_on is None
        with pytest.raises(NotFound, match="已按规定删除"):
            read_document(session, papers[theirs.household].id)


def _cast(name: str) -> str:
    return f"cast(:{name} as jsonb)" if name == "opinions" else f":{name}"


def test_what_a_restore_brings_back_is_erased_again(county: Acting, db: Database) -> None:
    theirs = family(county, WORKER, WIFE)
    family(county, STRANGER, number="SB2")
    told = (*WORKER.told(), *WIFE.told())
    with db.owner.connect() as connection:
        kept = {
            table: [dict(row._mapping) for row in connection.execute(text(f"select * from {table} where tenant = '{COUNTY}'"))]
            for table in ("person", "search_token", "worker_file")
        }
    propose_and_confirm(county, theirs)
    with everybody(county, "system:settle", LONG_AFTER), unit_of_work() as session:
        settle(session)
    # the backup comes back: rows as they were, and nothing of the erasure
    with db.owner.begin() as connection:
        connection.execute(text("delete from erasure"))
        for table, rows in kept.items():
            for row in rows:
                columns = [name for name in row if name not in ("tenant", "id")]
                if table == "search_token":
                    names = ", ".join(row)
                    binds = ", ".join(f":{name}" for name in row)
                    connection.execute(text(f"insert into search_token ({names}) values ({binds}) on conflict do nothing"), row)
                    continue
                change = ", ".join(f"{name} = {_cast(name)}" for name in columns)
                connection.execute(
                    text(f"update {table} set {change} where tenant = :tenant and id = :id"),
                    row | ({"opinions": json.dumps(row["opinions"])} if "opinions" in row else {}),
                )
    assert standing_in_the_database(db, told)
    (line,) = listed.erasures_listed()
    again = []
    for _ in range(2):
        with everybody(county, "system:erasures", LONG_AFTER), unit_of_work() as session:
            again.append((is_back(session, line), erase_again(session, line), settle(session)))
    assert again == [(True, True, 1), (False, False, 0)]
    assert standing_in_the_database(db, told) == []
    assert standing_in_the_database(db, STRANGER.told())
    assert len(listed.erasures_listed()) == 1


def test_one_person_goes_and_the_household_keeps_its_words(county: Acting, db: Database) -> None:
    theirs = family(county, WORKER, WIFE)
    erasure = propose_and_confirm(county, theirs, person_id=theirs.persons[1])
    assert standing_in_the_database(db, WIFE.told()) == []
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
        row = session.get_one(Erasure, (COUNTY, erasure))
        assert (row.whole, row.persons) == (False, [theirs.persons[1]])
        file = session.scalars(select(WorkerFile)).one()
        assert file.remark == f"{WORKER.name} {WORKER.number} ※"
        assert reveal(session, theirs.persons[0], "account", "核对") == WORKER.account


def test_two_people_and_nobody_else(county: Acting) -> None:
    theirs = family(county, WORKER, WIFE)
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
        made = propose(session, theirs.household, reason="保存期满").id
        with pytest.raises(Conflict, match="已有待复核"):
            propose(session, theirs.household, reason="保存期满")
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session, pytest.raises(Conflict, match="两人"):
        decide(session, made, confirmed=True)
    with county(COUNTY, actor="other", on=LONG_AFTER), unit_of_work() as session, pytest.raises(Forbidden):
        decide(session, made, confirmed=True)
    with everybody(county, "other", tenant=OTHER_COUNTY), unit_of_work() as session, pytest.raises(NotFound):
        decide(session, made, confirmed=True)
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
        assert withdraw(session, made).state == "withdrawn"


def _codes(county: Acting, found: Family, on: date = LONG_AFTER, *, whole: bool = True, wish: bool = False) -> set[str]:
    with everybody(county, "clerk", on), unit_of_work() as session:
        return {one.code for one in hindrances(session, found.household, found.persons, whole=whole, wish=wish)}


def test_what_stands_in_the_way_is_told(county: Acting, db: Database) -> None:
    theirs, live = family(county, WORKER, WIFE), family(county, STRANGER, number="SB2", status="on_file")
    assert _codes(county, theirs, TODAY) == {"retention"}
    assert _codes(county, theirs, TODAY, wish=True) == set()
    assert _codes(county, live) == {"live"}
    aid(county, theirs)
    assert _codes(county, theirs, TODAY, wish=True) == {"retention"}
    assert _codes(county, theirs) == set()

    def owner(statement: str) -> None:
        with db.owner.begin() as connection:
            connection.execute(text(statement))

    owner("update case_record set closed_on = null")
    owner("update payment_attempt set state = 'open', settled_on = null")
    owner(
        "insert into audit_finding (tenant, id, year, check_code, severity, fingerprint, title, detail, subject_kind,"
        " subject_id, clause, state, found_on, version, at) values"
        f" ('{COUNTY}', gen_random_uuid(), 2025, 'c', 'minor', 'f', 't', '{{}}', 'household', '{theirs.household}', 'x',"
        " 'open', '2025-01-01', 1, now())"
    )
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
        register(session, NewRequest("export", theirs.household, theirs.persons[0], "身份证原件"))
    assert _codes(county, theirs) == {"open_case", "paying", "finding", "asked"}
    with (
        everybody(county, "clerk", LONG_AFTER),
        unit_of_work() as session,
        pytest.raises(Held, match=r"未办结的个案.*审计问题"),
    ):
        propose(session, theirs.household, reason="保存期满")


def test_files_are_due_by_their_end_and_by_whether_aid_was_paid(county: Acting) -> None:
    theirs, live = family(county, WORKER, WIFE), family(county, STRANGER, number="SB2", status="on_file")

    def due(year: int) -> list[uuid.UUID]:
        with everybody(county, "clerk", LONG_AFTER.replace(year=year)), unit_of_work() as session:
            return [one.household_id for one in due_files(session)]

    assert live.household not in due(2056)
    assert (due(2034), due(2036)) == ([], [theirs.household])
    aid(county, theirs)
    assert (due(2036), due(2056)) == ([], [theirs.household])


def test_personal_columns_change_by_an_erasure_alone(county: Acting) -> None:
    theirs = family(county, WORKER, WIFE)
    aid(county, theirs)
    for statement in (
        "update case_step set note = ''",
        "update read_log set reason = ''",
        "update case_record set form = '{}'",
    ):
        with everybody(county, "clerk"), pytest.raises(ProgrammingError), unit_of_work() as session:
            session.execute(tenant_sql(f"{statement} where tenant = :tenant"))
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
        made = propose(session, theirs.household, reason="保存期满").id
        with pytest.raises(NoRecordedAct), erasing(session, made):
            pass


def test_a_wish_is_answered_by_the_erasure(county: Acting) -> None:
    theirs = family(county, WORKER, WIFE)
    with everybody(county, "clerk"), unit_of_work() as session:
        asked = register(
            session, NewRequest("erasure", theirs.household, theirs.persons[0], "身份证原件", reason="不再需要")
        ).id
    with everybody(county, "clerk"), unit_of_work() as session, pytest.raises(Conflict, match="尚未办理"):
        answer(session, asked, outcome="answered", why="已删除")
    propose_and_confirm(county, theirs, request_id=asked)
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
        row = session.scalars(select(RightsRequest)).one()
        assert (row.state, row.answered_by, row.evidence, row.reason) == ("answered", "decider", "已删除", "已删除")


def test_the_list_tells_where_it_was_changed_and_mends_a_broken_end(county: Acting, db: Database) -> None:
    ids = [uuid.uuid4() for _ in range(3)]
    lines = [listed.Listed(one, COUNTY, uuid.uuid4(), True, (uuid.uuid4(),), "retention", "2056-09-01") for one in ids]
    assert listed.list_erasures(lines[:2]) == 2
    assert listed.list_erasures(lines[:2]) == 0
    with listed.list_file().open("ab") as file:
        file.write(b'{"erasure": "cut o')
    assert listed.list_erasures(lines) == 1
    assert listed.erasures_listed() == lines
    whole = listed.list_file().read_bytes()
    listed.list_file().write_bytes(whole.replace(b"2056-09-01", b"2056-09-02", 1))
    with pytest.raises(Misconfigured):
        listed.erasures_listed()
    listed.list_file().write_bytes(b"".join(whole.splitlines(keepends=True)[1:]))
    with pytest.raises(Misconfigured):
        listed.erasures_listed()
