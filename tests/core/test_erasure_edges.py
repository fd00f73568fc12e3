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
from core.errors import Conflict, InvalidInput, NotFound
from core.exchange.models import Envelope
from core.jobs.models import Job
from core.people.changes.models import PersonCorrection
from core.people.duplicates.merging import merge
from core.people.imports.models import RosterImport, RosterProblem
from core.people.life.service import take_step
from core.people.models import Household, Membership, Person, WorkerFile
from core.rights import listed
from core.rights.emptying import destroy_papers, settle
from core.rights.erasing import decide, propose
from core.rights.hindrances import due_files, hindrances
from core.rights.models import Erasure
from core.rights.partner_models import PartnerErasure
from core.rights.partners import ANSWER, answer_partner, names_here, partner_erasures, undecided
from core.settings import settings
from core.tenancy.keys import tenant_key
from core.transfers.models import BroughtPerson, HouseholdTransfer
from tests.conftest import COUNTY, OTHER_COUNTY, OTHER_PREFECTURE, TODAY, Database
from tests.core.audit_story import relay
from tests.core.lines import PDF, with_key
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
    no_list,
    propose_and_confirm,
    standing_in_the_database,
)
from tests.core.staffing import close_into

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
        _joins(county, back, person)
    with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
        with pytest.raises(Conflict, match="另有未终止或保存期未满的档案"):
            propose(session, theirs.household, reason="保存期满")
        ends = "update worker_file set status = 'out_of_difficulty' where tenant = :tenant and file_number = 'SB2'"
        session.execute(tenant_sql(ends))
    propose_and_confirm(county, back)
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


HEIR = OTHER_PREFECTURE
"""Who takes over from a county that closes: any tenant would do."""


def _sent(county: Acting, gone: Family, giver: str = COUNTY, receiver: str = OTHER_COUNTY) -> dict[str, object]:
    """The giver's side of a household that has moved; what both sides have in common."""
    moved = {"transfer_id": new_id(), "state": "arrived", "reason": "迁居", "begun_by": "clerk", "begun_on": TODAY}
    with everybody(county, "clerk", tenant=giver), unit_of_work() as session:
        session.add(HouseholdTransfer(direction="out", peer=receiver, household_id=gone.household, **moved))
    return moved


def _moved(county: Acting, gone: Family, come: Family, giver: str = COUNTY, receiver: str = OTHER_COUNTY) -> None:
    moved = _sent(county, gone, giver, receiver)
    with everybody(county, "clerk", tenant=receiver), unit_of_work() as session:
        session.add(HouseholdTransfer(direction="in", peer=giver, household_id=come.household, **moved))
        session.add_all(
            BroughtPerson(peer=giver, peer_person_id=there, person_id=here)
            for there, here in zip(gone.persons, come.persons, strict=True)
        )


def _joins(county: Acting, other: Family, person: uuid.UUID) -> None:
    with everybody(county, "clerk"), unit_of_work() as session:
        since = date(2025, 2, 1)
        session.add(Membership(household_id=other.household, person_id=person, relation="parent", valid_from=since))


def test_the_county_to_which_a_household_moved_is_told_and_decides_itself(county: Acting, db: Database) -> None:
    theirs, there = family(county, WORKER), family(county, WORKER, tenant=OTHER_COUNTY)
    _moved(county, theirs, there)
    propose_and_confirm(county, theirs)
    for _ in range(2):
        relay(county, COUNTY)
    with everybody(county, "desk", tenant=OTHER_COUNTY), unit_of_work() as session:
        [told] = partner_erasures(session)
        assert (told.direction, told.household_id, told.persons, told.whole) == ("in", there.household, [*there.persons], True)
        assert (names_here(session, [told]), undecided(session)) == ({there.persons[0]: WORKER.name}, 1)
        for wrong in (("maybe", "依据"), ("kept", " ")):
            with pytest.raises(InvalidInput):
                answer_partner(session, told.id, *wrong)
        answer_partner(session, told.id, "kept", f"{WORKER.name}在本县受助，保存期未满")
        with pytest.raises(Conflict):
            answer_partner(session, told.id, "erasing", "x")
    for _ in range(2):
        relay(county, OTHER_COUNTY)
    with everybody(county, "desk", LONG_AFTER), unit_of_work() as session:
        [sent] = partner_erasures(session)
        assert (sent.direction, sent.outcome, sent.answer, undecided(session)) == ("out", "kept", None, 0)
        with pytest.raises(NotFound):
            answer_partner(session, sent.id, "kept", "x")
    # the former county holds no word about whom it erased, nor does what travelled
    assert standing_in_the_database(db, WORKER.told()) == []


@pytest.mark.parametrize("heir", [None, COUNTY, HEIR])
def test_a_household_is_followed_through_a_county_that_has_closed(county: Acting, db: Database, heir: str | None) -> None:
    """A closed receiver keeps nobody from being erased; where the household went on, the county that holds it now is told."""
    theirs, between = family(county, WORKER), family(county, WORKER, tenant=OTHER_COUNTY)
    _moved(county, theirs, between)
    if heir == HEIR:
        with_key(county, HEIR)
        there = family(county, WORKER, tenant=HEIR)
        _moved(county, between, there, OTHER_COUNTY, HEIR)
    elif heir is not None:
        _sent(county, between, OTHER_COUNTY, heir)
    close_into(db, OTHER_COUNTY, heir)
    propose_and_confirm(county, theirs)
    relay(county, COUNTY)
    with everybody(county, "desk", LONG_AFTER), unit_of_work() as session:
        assert [row.peer for row in partner_erasures(session)] == ([HEIR] if heir == HEIR else [])
    if heir != HEIR:
        return
    with everybody(county, "desk", tenant=HEIR), unit_of_work() as session:
        [told] = partner_erasures(session)
        assert (told.peer, told.household_id, told.persons) == (COUNTY, there.household, [*there.persons])
        answer_partner(session, told.id, "erasing", "不再需要")
    relay(county, HEIR)
    with everybody(county, "desk", LONG_AFTER), unit_of_work() as session:
        assert [row.outcome for row in partner_erasures(session)] == ["erasing"]


@pytest.mark.parametrize(("heir", "late"), [(None, True), (OTHER_COUNTY, True), (HEIR, True), (HEIR, False)])
def test_an_answer_to_a_county_that_has_closed_holds_nobody_up(
    county: Acting, db: Database, heir: str | None, late: bool
) -> None:
    there = family(county, WORKER, tenant=OTHER_COUNTY)
    told = PartnerErasure(
        envelope_id=new_id(), direction="in", peer=COUNTY, household_id=there.household, whole=True, persons=[*there.persons],
        ground="retention", told_on=TODAY,
    )  # fmt: skip
    with everybody(county, "desk", tenant=OTHER_COUNTY), unit_of_work() as session:
        session.add(told)
    if late:
        close_into(db, COUNTY, heir)
    with everybody(county, "desk", tenant=OTHER_COUNTY), unit_of_work() as session:
        answer_partner(session, told.id, "kept", "保存期未满")
        assert undecided(session) == 0
        assert len(session.scalars(select(Envelope).where(Envelope.kind == ANSWER)).all()) == (not late)
    if not late:
        close_into(db, COUNTY, heir)
        relay(county, OTHER_COUNTY)
        with everybody(county, "desk", tenant=OTHER_COUNTY), unit_of_work() as session:
            assert session.scalars(select(Envelope.state).where(Envelope.kind == ANSWER)).all() == ["delivered"]


def test_every_county_that_holds_one_of_them_is_told(county: Acting) -> None:
    """Also of other households in which they stood, and twice where two went to one county; each as far as it was erased."""
    theirs, other = family(county, WORKER, WIFE), family(county, STRANGER, number="SB2")
    there = family(county, WORKER, WIFE, tenant=OTHER_COUNTY)
    beside = family(county, STRANGER, number="SB2", tenant=OTHER_COUNTY)
    _joins(county, other, theirs.persons[1])
    _moved(county, theirs, there)
    _moved(county, other, beside)
    propose_and_confirm(county, theirs, person_id=theirs.persons[1])
    relay(county, COUNTY)
    with everybody(county, "desk", tenant=OTHER_COUNTY), unit_of_work() as session:
        told = {(row.household_id, tuple(row.persons), row.whole) for row in partner_erasures(session)}
    assert told == {(home.household, (there.persons[1],), False) for home in (there, beside)}


def test_a_household_that_counts_as_one_is_told_of_where_it_moved(county: Acting) -> None:
    """The erasure is proposed on the page of the file that was merged; the other one has moved."""
    theirs, there = family(county, WORKER, status="on_file"), family(county, WORKER, tenant=OTHER_COUNTY)
    double = family(county, DOUBLE, number="SB2", status="on_file")
    with everybody(county, "clerk"), unit_of_work() as session:
        merge(session, double.persons[0], theirs.persons[0], "同一人，已核对证件", households=True)
        session.execute(tenant_sql("update worker_file set status = 'moved' where tenant = :tenant and file_number = 'SB1'"))
    _moved(county, theirs, there)
    propose_and_confirm(county, double)
    relay(county, COUNTY)
    with everybody(county, "desk", tenant=OTHER_COUNTY), unit_of_work() as session:
        [told] = partner_erasures(session)
        assert (told.household_id, told.persons, told.whole) == (there.household, [*there.persons], True)


@pytest.mark.parametrize("whole", [True, False])
def test_a_package_on_its_way_is_waited_for(county: Acting, whole: bool) -> None:
    """Also for one person alone, and where another household takes the person along: the package still holds everybody."""
    theirs, other = family(county, WORKER, WIFE), family(county, STRANGER, number="SB2")
    _joins(county, other, theirs.persons[1])
    found = []
    for home in (theirs, other):
        sent = _sent(county, home)
        for state in ("sent", "arrived"):
            with everybody(county, "clerk", LONG_AFTER), unit_of_work() as session:
                asked = select(HouseholdTransfer).where(HouseholdTransfer.transfer_id == sent["transfer_id"])
                session.scalars(asked).one().state = state
                session.flush()
                held = hindrances(session, theirs.household, theirs.persons[1:], whole=whole, wish=False)
                found.append([one.code for one in held])
    assert found == [["moving"], [], ["moving"], []]


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
