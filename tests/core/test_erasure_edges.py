"""Erasing where it is not so plain: names inside names, records that count as one, several files, races, forged acts."""

from __future__ import annotations

import json
import uuid
from datetime import date

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from core.db.base import new_id
from core.db.session import unit_of_work
from core.db.statements import tenant_sql
from core.documents import store
from core.documents.models import Document
from core.documents.sealing import PaperKeys
from core.errors import Conflict, NotFound
from core.jobs.models import Job
from core.people.changes.models import PersonCorrection
from core.people.duplicates.merging import merge
from core.people.imports.models import RosterImport, RosterProblem
from core.people.life.service import take_step
from core.people.models import Household, Membership, Person, WorkerFile
from core.rights import listed
from core.rights.emptying import destroy_papers, erase_again, settle
from core.rights.erasing import FileGoing, decide, files_going, files_together, propose, proposed
from core.rights.hindrances import due_files, hindrances
from core.rights.models import Erasure
from core.settings import settings
from core.tenancy.keys import tenant_key
from tests.conftest import COUNTY, TODAY, Database
from tests.core.lines import PDF
from tests.core.rights_story import (
    DOUBLE,
    LONG_AFTER,
    STRANGER,
    WIFE,
    WORKER,
    Acting,
    Family,
    Somebody,
    aid,
    county,
    everybody,
    family,
    joins,
    no_list,
    propose_and_confirm,
    standing_in_the_database,
)

__all__ = ["county", "no_list"]

DAUGHTER = Somebody("上官婉琴心", "510104201001010027", "13611112222")
FORMER = Somebody("欧阳旧名", "510104198001011259", "13912345678")


def _proposed(county: Acting, household: uuid.UUID, person: uuid.UUID | None = None) -> uuid.UUID:
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
        return propose(session, household, person_id=person, reason="保存期满").id


def test_a_name_goes_and_a_longer_one_with_it_inside_stays(county: Acting, db: Database) -> None:
    theirs = family(county, WORKER, WIFE, DAUGHTER)
    said = [{"union": "unit", "text": f"{WIFE.name}与{DAUGHTER.name}", WIFE.name: int(WIFE.phone), "on": "2025-01-02"}]
    with everybody(county, "clerk"), unit_of_work() as session:
        file = session.scalars(select(WorkerFile)).one()
        file.opinions, file.remark = said, f"{DAUGHTER.name}的母亲{WIFE.name}"
        daughter = session.get_one(Person, (COUNTY, theirs.persons[2]))
        daughter.phone_masked = session.get_one(Person, (COUNTY, theirs.persons[1])).phone_masked
    propose_and_confirm(county, theirs, person_id=theirs.persons[1])
    with everybody(county, "clerk"), unit_of_work() as session:
        file = session.scalars(select(WorkerFile)).one()
        # neither a key of JSON nor a number in it is words about her
        assert file.opinions == [said[0] | {"text": f"※与{DAUGHTER.name}"}]
        assert file.remark == f"{DAUGHTER.name}的母亲※"
        daughter = session.get_one(Person, (COUNTY, theirs.persons[2]))
        assert (daughter.name, daughter.phone_masked) == (DAUGHTER.name, "138****4321")


def test_former_names_and_numbers_go_as_well(county: Acting, db: Database) -> None:
    theirs = family(county, WORKER, WIFE)
    with everybody(county, "clerk"), unit_of_work() as session:
        wife = session.get_one(Person, (COUNTY, theirs.persons[1]))
        key = tenant_key(session).person_key(wife.id, wife.wrapped_key or b"")
        session.add(
            PersonCorrection(
                person_id=wife.id, field="name", reason="登记错误", answered_on=TODAY, actor="clerk",
                former_name_cipher=key.seal("former_name_cipher", FORMER.name),
                former_identity_cipher=key.seal("former_identity_cipher", FORMER.number),
            )
        )  # fmt: skip
        # what does not open, since a key was lost, keeps nobody from being erased
        session.scalars(select(WorkerFile)).one().account_cipher = b"\x01" + bytes(60)
        session.scalars(select(WorkerFile)).one().remark = f"{FORMER.name} {FORMER.number}"
    propose_and_confirm(county, theirs, person_id=theirs.persons[1])
    assert standing_in_the_database(db, (FORMER.name, FORMER.number)) == []
    propose_and_confirm(county, theirs)
    assert standing_in_the_database(db, WORKER.told()) == []


def test_a_damaged_key_keeps_nobody_from_being_erased(county: Acting, db: Database) -> None:
    """Neither when it is confirmed nor when a restore is erased again; what does not open is destroyed unread."""
    theirs = family(county, WORKER, WIFE)
    with db.owner.begin() as connection:
        connection.execute(text("update person set wrapped_key = :key"), {"key": bytes(60)})
    made = propose_and_confirm(county, theirs)
    assert standing_in_the_database(db, (WORKER.name, WIFE.name)) == []
    with db.owner.begin() as connection:
        connection.execute(text("update person set wrapped_key = :key, erased_at = null"), {"key": bytes(60)})
    line = listed.Listed(made, COUNTY, theirs.household, True, theirs.persons, "retention", "2056-09-01")
    with everybody(county, "system:erasures", LONG_AFTER), unit_of_work() as session:
        assert erase_again(session, line)
        assert set(session.scalars(select(Person.wrapped_key))) == {None}


def test_records_that_count_as_one_go_together(county: Acting, db: Database) -> None:
    theirs = family(county, WORKER, WIFE, status="on_file")
    double = family(county, DOUBLE, number="SB2", status="on_file")
    with everybody(county, "clerk"), unit_of_work() as session:
        session.get_one(Household, (COUNTY, double.household)).address = "旧地址哨兵"
    with everybody(county, "clerk"), unit_of_work() as session:
        merge(session, double.persons[0], theirs.persons[0], "同一人，已核对证件", households=True)
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
        # the file that counts as a part of a live one is not erased under it
        found = hindrances(session, double.household, double.persons, whole=True, wish=False)
        assert {one.code for one in found} == {"live"}
        assert [one.household_id for one in due_files(session)] == []
        session.execute(
            tenant_sql("update worker_file set status = 'out_of_difficulty' where tenant = :tenant and file_number = 'SB1'")
        )
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
        assert [one.household_id for one in due_files(session)] == [theirs.household]
    propose_and_confirm(county, theirs)
    told = (*WORKER.told(), *WIFE.told(), *DOUBLE.told(), "旧地址哨兵")
    assert standing_in_the_database(db, told) == []
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
        settle(session)
        assert due_files(session) == []
    (line,) = listed.erasures_listed()
    assert set(line.persons) == {*theirs.persons, *double.persons}


def test_a_file_goes_also_where_its_worker_stays_in_another(county: Acting, db: Database) -> None:
    theirs = family(county, WORKER, WIFE)
    other = family(county, STRANGER, number="SB2", status="on_file")
    with everybody(county, "clerk"), unit_of_work() as session:
        session.add(
            Membership(
                household_id=other.household, person_id=theirs.persons[0], relation="spouse", valid_from=date(2025, 2, 1)
            )
        )
    propose_and_confirm(county, theirs)
    assert standing_in_the_database(db, (*WIFE.told(), WORKER.account)) == []
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
        assert session.get_one(Person, (COUNTY, theirs.persons[0])).name == WORKER.name
        file = session.scalars(select(WorkerFile).where(WorkerFile.household_id == theirs.household)).one()
        assert (file.remark, file.account_cipher, file.account_masked) == ("已删除", None, "已删除")
        assert due_files(session) == []
        # with the last file that stood he goes too: the one that was emptied keeps him no more
        ends = "update worker_file set status = 'out_of_difficulty' where tenant = :tenant and file_number = 'SB2'"
        session.execute(tenant_sql(ends))
    propose_and_confirm(county, other)
    assert standing_in_the_database(db, (*WORKER.told(), *STRANGER.told())) == []


def test_who_moved_away_and_came_back_goes_with_both_files(county: Acting, db: Database) -> None:
    """Each file would keep him for ever otherwise. As long as one of them stands, he stays, and that is said."""
    theirs = family(county, WORKER, WIFE)
    back = family(county, STRANGER, number="SB2", status="on_file")
    with everybody(county, "clerk"), unit_of_work() as session:
        # the file to which they came back, with the same persons
        file = session.scalars(select(WorkerFile).where(WorkerFile.household_id == back.household)).one()
        file.worker_id = theirs.persons[0]
        session.execute(
            tenant_sql("update worker_file set status = 'moved' where tenant = :tenant and household_id = :home"),
            {"home": theirs.household},
        )
    for person in theirs.persons:
        joins(county, back, person)
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
        with pytest.raises(Conflict, match="另有未终止或保存期未满的档案"):
            propose(session, theirs.household, reason="保存期满")
        ends = "update worker_file set status = 'out_of_difficulty' where tenant = :tenant and file_number = 'SB2'"
        session.execute(tenant_sql(ends))
        both = [FileGoing(theirs.household, "SB1", "moved"), FileGoing(back.household, "SB2", "out_of_difficulty")]
        assert files_together(session, theirs.household) == files_together(session, back.household) == both
    made = _proposed(county, back.household)
    with everybody(county, "decider", LONG_AFTER), unit_of_work() as session:
        rows = proposed(session)
        assert files_going(session, rows) == {made: both}
        decide(session, made, confirmed=True)
    assert standing_in_the_database(db, (*WORKER.told(), *WIFE.told(), *STRANGER.told())) == []
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
        assert due_files(session) == []
        with pytest.raises(Conflict, match="已按规定删除"):
            propose(session, theirs.household, reason="保存期满")


def test_whoever_came_since_it_was_proposed_is_not_left_behind(county: Acting) -> None:
    theirs = family(county, WORKER, WIFE)
    made = _proposed(county, theirs.household)
    with everybody(county, "clerk"), unit_of_work() as session:
        child = new_id()
        _, wrapped = tenant_key(session).new_person_key(child)
        session.add(Person(id=child, name=DAUGHTER.name, pinyin="", gender="2", wrapped_key=wrapped))
        session.flush()
        session.add(Membership(household_id=theirs.household, person_id=child, relation="child", valid_from=date(2025, 2, 1)))
    with everybody(county, "decider", LONG_AFTER), unit_of_work() as session, pytest.raises(Conflict, match="有变动"):
        decide(session, made, confirmed=True)


def test_a_spreadsheet_or_a_print_that_was_called_by_the_name_is_called_so_no_more(county: Acting, db: Database) -> None:
    theirs = family(county, WORKER)
    with everybody(county, "clerk"), unit_of_work() as session:
        made = RosterImport(
            id=new_id(), digest="0" * 64, file_name=f"{WORKER.name}.xlsx", state="committed", business_date=TODAY,
            actor="clerk", understanding={"sheets": [{"name": f"{WORKER.name}户", "rows": 7}]},
        )  # fmt: skip
        session.add(made)
        session.flush()
        said = {"zh": f"{WORKER.name}重复", "en": "", "mend_zh": "", "mend_en": "", "value": ""}
        session.add(
            RosterProblem(
                import_id=made.id, no=1, severity="warning", compared=False, kind="k", sheet=WORKER.name, row=1, letter="A",
                column="", household=f"{WORKER.name}户", **said,
            )
        )  # fmt: skip
        session.add(
            Job(kind="k", key="1", title=f"导入 {WORKER.name}.xlsx", actor="clerk", business_date=TODAY, state="done",
                params={"reason": f"{WORKER.name}申请", "count": 3})
        )  # fmt: skip
    propose_and_confirm(county, theirs)
    assert standing_in_the_database(db, WORKER.told()) == []
    with everybody(county, "clerk"), unit_of_work() as session:
        assert session.scalars(select(Job.params).where(Job.kind == "k")).one() == {"reason": "※申请", "count": 3}
        assert session.scalars(select(RosterImport)).one().understanding == {"sheets": [{"name": "※户", "rows": 7}]}


@pytest.mark.parametrize("state", ["checking", "checked", "committing"])
def test_an_import_that_waits_is_dealt_with_first(county: Acting, state: str) -> None:
    theirs = family(county, WORKER)
    with everybody(county, "clerk"), unit_of_work() as session:
        session.add(RosterImport(digest="0" * 64, file_name="a.xlsx", state=state, business_date=TODAY, actor="clerk"))
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
        found = hindrances(session, theirs.household, theirs.persons, whole=True, wish=False)
    assert {one.code for one in found} == {"importing"}


def test_whoever_is_erased_is_not_written_anew(county: Acting) -> None:
    """What was read before the erasure, by an import under way, cannot be written after it."""
    theirs = family(county, WORKER)
    with everybody(county, "clerk"), unit_of_work() as session:
        person = session.get_one(Person, (COUNTY, theirs.persons[0]))
        sealed, token = person.phone_cipher, person.identity_token
    propose_and_confirm(county, theirs)
    for column, value in (("phone_cipher", sealed), ("identity_token", token), ("birth_date", date(1980, 1, 1))):
        with everybody(county, "clerk"), pytest.raises(IntegrityError, match="ck_person_erased"), unit_of_work() as session:
            session.execute(
                tenant_sql(f"update person set {column} = :value where tenant = :tenant and id = :id"),
                {"value": value, "id": theirs.persons[0]},
            )


def test_a_file_that_was_erased_is_not_opened_again(county: Acting) -> None:
    theirs = family(county, WORKER)
    propose_and_confirm(county, theirs)
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session, pytest.raises(Conflict, match="已按规定删除"):
        take_step(session, theirs.household, "reopen", note="重新困难", evidence="申请书")


FORGED = (
    "update case_step set note = '' where tenant = :tenant",
    "update read_log set reason = '' where tenant = :tenant",
    "update case_record set form = '{}' where tenant = :tenant",
    "update case_decision set reason = '' where tenant = :tenant",
)


REFUSED = "only an erasure empties|row-level security"


def _forge(named: uuid.UUID, statement: str) -> None:
    with unit_of_work() as session:
        session.connection().exec_driver_sql(f"set local app.erasing = '{named}'")
        session.execute(tenant_sql(statement))


@pytest.mark.parametrize("statement", FORGED)
def test_to_name_an_erasure_opens_nothing(county: Acting, statement: str) -> None:
    """Only one that was confirmed in the very transaction does: no random one, none that waits, none of an earlier day, and
    none of the county next door."""
    gone, there = family(county, WORKER), family(county, STRANGER, number="SB2")
    aid(county, there)
    done = propose_and_confirm(county, gone)
    waiting = _proposed(county, there.household)
    for named in (uuid.uuid4(), waiting, done):
        with everybody(county, "clerk", LONG_AFTER), pytest.raises(ProgrammingError, match=REFUSED):
            _forge(named, statement)
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
        assert session.get_one(Erasure, (COUNTY, waiting)).state == "proposed"


def test_papers_that_a_restored_file_store_brings_back_are_destroyed(county: Acting) -> None:
    theirs = family(county, WORKER)
    family(county, STRANGER, number="SB2")
    folder = settings().files_dir / COUNTY
    with everybody(county, "clerk"), unit_of_work() as session:
        names = session.scalars(select(Document.storage_name).where(Document.household_id == theirs.household)).all()
    backup = (folder / names[0]).read_bytes()
    propose_and_confirm(county, theirs)
    with everybody(county, "system:settle", LONG_AFTER), unit_of_work() as session:
        settle(session)
    assert not (folder / names[0]).exists()
    (folder / names[0]).write_bytes(backup)
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
        gone = session.scalars(select(Document).where(Document.erased_on.is_not(None))).one()
        # the backup's file alone tells nothing: its key went with the erasure
        assert (gone.wrapped_key, PDF in backup) == (None, False)
        with pytest.raises(NotFound):
            PaperKeys(session).stored(gone)
    with everybody(county, "system:erasures", LONG_AFTER), unit_of_work() as session:
        destroy_papers(session)
        assert not (folder / names[0]).exists()
        [kept] = session.scalars(select(Document.storage_name).where(Document.erased_on.is_(None)))
        assert store.get(kept)


def _ids(found: Family) -> list[str]:
    return [str(one) for one in found.persons]


def test_the_line_names_ids_alone(county: Acting, db: Database) -> None:
    theirs = family(county, WORKER, WIFE)
    propose_and_confirm(county, theirs)
    with everybody(county, "system:settle", LONG_AFTER), unit_of_work() as session:
        settle(session)
    line = listed.list_file().read_text()
    assert json.loads(line)["persons"] == sorted(_ids(theirs))
    assert [told for told in (*WORKER.told(), *WIFE.told()) if told in line] == []
    with db.owner.connect() as connection:
        assert connection.scalar(text("select count(*) from erasure where state = 'done'")) == 1
