"""The papers of a file: taken in bare, replaced, removed, put back; whole numbers open on record alone."""

from __future__ import annotations

import uuid
from io import BytesIO

import pytest
from PIL import Image
from pypdf import PdfReader
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.documents.models import Document
from core.documents.service import NewDocument, add_documents
from core.errors import BangfuError, Conflict, Forbidden, InvalidInput, NotFound
from core.people.fields import BY_CODE
from core.people.listing import FileFilter
from core.people.models import Household, Person, WorkerFile
from core.people.papers.attachments import (
    HEALTH,
    OF_HEALTH,
    WHOLE_NUMBERS,
    NewPaper,
    add_paper,
    open_paper,
    papers_of,
    photos_of,
    remove_paper,
    restore_paper,
)
from core.people.papers.batches import JOBS, Wanted, fetch_made, list_now, plan_forms, run_forms, run_list, start
from core.people.papers.prints import file_to_print
from core.people.whole_files import whole_files
from core.printing.models import PrintedFile
from core.printing.waiting import KEPT_DAYS, expire, fetch, waiting
from core.settings import settings
from core.tenancy.keys import tenant_key
from core.trail.models import ReadLog
from tests.conftest import OTHER_COUNTY, TODAY
from tests.core.files_story import Acting
from tests.core.people_story import number_of, put_on_file
from tests.core.test_printing import bomb, photo

PDF = b"%PDF-1.7 a scan"
CLERK = frozenset({"people.read", "people.write", "document.add", "document.read", "document.withdraw"})
LEADER = CLERK | {"people.reveal"}
PHONE = "13800001234"


@pytest.fixture
def household(acting: Acting) -> uuid.UUID:
    with acting(), unit_of_work() as session:
        made = put_on_file(
            session, ("欧阳𠮷", number_of(11)), ("王小二", number_of(12)), phone=PHONE, address="成都市锦江区书院街"
        )
        worker = session.scalars(select(Person).where(Person.id == made.persons[0])).one()
        assert worker.wrapped_key is not None
        key = tenant_key(session).person_key(worker.id, worker.wrapped_key)
        lives = session.scalars(select(Household).where(Household.id == made.household_id)).one()
        lives.house_number_cipher = key.seal("house_number_cipher", " 7 号")
        return made.household_id


def _photo_of(session: Session, household: uuid.UUID) -> bytes | None:
    return photos_of(session, whole_files(session, [household])).get(household)


def test_a_photo_is_kept_small_and_bare_and_a_new_one_takes_its_place(acting: Acting, household: uuid.UUID) -> None:
    with acting(actor="clerk", permissions=CLERK), unit_of_work() as session:
        taken = photo(1600, 1200, comment=b"SecretPlace")
        first = add_paper(session, household, NewPaper("photo", "", taken))
        kept = open_paper(session, household, first.id)[1]
        assert b"Secret" not in kept
        with Image.open(BytesIO(kept)) as opened:
            assert opened.size == (640, 480)
        assert _photo_of(session, household) == kept
        second = add_paper(session, household, NewPaper("photo", "", photo(90, 120, "PNG")))
        assert _photo_of(session, household) not in (None, kept)
        assert (first.withdrawn_on, first.withdrawn_by) == (TODAY, "clerk")
        # a slip: the former one comes back, and the new one makes room
        restore_paper(session, household, first.id)
        assert _photo_of(session, household) == kept
        assert second.withdrawn_on == TODAY
        remove_paper(session, household, first.id, "拍错人")
        assert _photo_of(session, household) is None
        assert [paper.id for paper in papers_of(session, household)] == [second.id, first.id]
        with pytest.raises(Conflict):
            remove_paper(session, household, first.id, "再次移除")


def test_what_is_no_photo_is_refused(acting: Acting, household: uuid.UUID) -> None:
    large = photo() + b"\0" * settings().upload_limit_bytes
    refused = [
        NewPaper("photo", "", PDF),
        NewPaper("photo", "", bomb(40_000)),
        NewPaper("photo", "", b"\xff\xd8\xff damaged"),
        NewPaper("photo", "", b"GIF89a"),
        NewPaper("photo", "", b""),
        NewPaper("photo", "", large),
        NewPaper("income_proof", "", b"<html>"),
        NewPaper("income_proof", "x" * 201, PDF),
        NewPaper("petition_letter", "", PDF),
        NewPaper("income_proof", "", photo(), "application/pdf"),
    ]
    with acting(actor="clerk", permissions=CLERK), unit_of_work() as session:
        for new in refused:
            with pytest.raises(InvalidInput):
                add_paper(session, household, new)
        assert papers_of(session, household) == []


def test_a_paper_is_replaced_by_one_of_its_kind(acting: Acting, household: uuid.UUID) -> None:
    with acting(actor="clerk", permissions=CLERK), unit_of_work() as session:
        old = add_paper(session, household, NewPaper("income_proof", "三月工资条", PDF))
        new = add_paper(session, household, NewPaper("", "", photo(), replaces=old.id))
        assert (new.kind, new.title, new.media_type) == ("income_proof", "三月工资条", "image/jpeg")
        assert old.withdrawn_reason
        restore_paper(session, household, old.id)
        assert old.withdrawn_on is None
        with pytest.raises(Conflict):
            restore_paper(session, household, old.id)
        assert open_paper(session, household, old.id)[1] == PDF


def test_a_card_opens_with_the_right_and_a_reason_on_record(acting: Acting, household: uuid.UUID) -> None:
    with acting(actor="clerk", permissions=CLERK), unit_of_work() as session:
        card = add_paper(session, household, NewPaper("identity_card", "", photo())).id
        with pytest.raises(Forbidden):
            open_paper(session, household, card, "核对")
    with acting(actor="leader", permissions=LEADER), unit_of_work() as session:
        with pytest.raises(InvalidInput):
            open_paper(session, household, card)
        assert open_paper(session, household, card, "核对身份")[1]
        read = session.scalars(select(ReadLog)).one()
        assert (read.what, read.subject_id, read.reason, read.actor) == (
            "paper.identity_card",
            household,
            "核对身份",
            "leader",
        )


def test_papers_of_another_county_household_or_right_are_not_there(acting: Acting, household: uuid.UUID) -> None:
    with acting(actor="clerk", permissions=CLERK), unit_of_work() as session:
        paper = add_paper(session, household, NewPaper("income_proof", "", PDF)).id
        other = put_on_file(session, ("张三", number_of(13))).household_id
        with pytest.raises(NotFound):
            open_paper(session, other, paper)
    with acting(OTHER_COUNTY, actor="clerk", permissions=LEADER), unit_of_work() as session:
        for act in (
            lambda: papers_of(session, household),
            lambda: add_paper(session, household, NewPaper("photo", "", photo())),
            lambda: open_paper(session, household, paper, "看"),
            lambda: remove_paper(session, household, paper, "删"),
            lambda: restore_paper(session, household, paper),
            lambda: file_to_print(session, household),
        ):
            with pytest.raises(NotFound):
                act()
    with acting(actor="reader", permissions=frozenset({"people.read"})), unit_of_work() as session:
        assert [one.id for one in papers_of(session, household)] == [paper]
        for act in (
            lambda: add_paper(session, household, NewPaper("photo", "", photo())),
            lambda: open_paper(session, household, paper),
            lambda: remove_paper(session, household, paper, "删"),
            lambda: file_to_print(session, household, "核对"),
        ):
            with pytest.raises(Forbidden):
                act()


def test_a_file_that_is_only_read_takes_no_paper(acting: Acting, household: uuid.UUID) -> None:
    with acting(actor="clerk", permissions=CLERK), unit_of_work() as session:
        session.scalars(select(WorkerFile).where(WorkerFile.household_id == household)).one().status = "cancelled"
        session.flush()
        with pytest.raises(Conflict):
            add_paper(session, household, NewPaper("photo", "", photo()))
        bare = Household(address="某社区")
        session.add(bare)
        session.flush()
        with pytest.raises(Conflict):
            add_paper(session, bare.id, NewPaper("photo", "", photo()))
        assert isinstance(add_paper(session, bare.id, NewPaper("household_book", "", PDF)), Document)


def test_the_form_is_masked_unless_a_reason_is_given(acting: Acting, household: uuid.UUID) -> None:
    with acting(actor="clerk", permissions=LEADER), unit_of_work() as session:
        add_paper(session, household, NewPaper("photo", "", photo()))
        masked = file_to_print(session, household)
        assert session.scalars(select(ReadLog)).all() == []
        with pytest.raises(InvalidInput):
            file_to_print(session, household, " ")
        full = file_to_print(session, household, "报送复核")
        read = session.scalars(select(ReadLog)).all()
    told, whole = str(masked.sheet.values), str(full.sheet.values)
    secrets = [number_of(11), number_of(12), PHONE]
    assert [secret for secret in secrets if secret in told] == []
    assert [secret for secret in secrets if secret not in whole] == []
    assert "书院街****" in told
    assert "书院街 7 号" in whole
    assert masked.sheet.picture is not None
    assert "0.00 元" not in told, "an income that nobody has recorded is unknown, not nothing"
    assert {(one.what, one.reason) for one in read} == {
        ("identity_number", "报送复核"),
        ("phone", "报送复核"),
        ("address", "报送复核"),
    }
    assert len([one for one in read if one.what == "identity_number"]) == 2
    assert (masked.foot.masked, full.foot.masked) == (True, False)


def test_many_forms_wait_sealed_for_their_maker_and_are_fetched_once(acting: Acting, household: uuid.UUID) -> None:
    with acting(actor="clerk", permissions=LEADER), unit_of_work() as session:
        put_on_file(session, ("张三", number_of(14)), status="out_of_difficulty")
        wanted = Wanted("forms", reason="报送复核")
        job = start(session, wanted, "once")
        assert start(session, wanted, "once").id == job.id
        (plan,) = plan_forms(session, job.params)
        for _ in range(2):
            assert run_forms(session, job.params, plan.payload) == {"files": 2}
        assert run_list(session, job.params | {"batch": str(uuid.uuid4())}, {"no": 1}) == {"files": 2}
        files = {one.file_name.rpartition(".")[2]: one for one in waiting(session)}
        assert set(files) == {"pdf", "xlsx"}
        assert all((one.masked, one.items) == (False, 2) for one in files.values())
        sealed = session.scalars(select(PrintedFile.sealed)).all()
        assert [data[:4] for data in sealed if data[:4] in (b"%PDF", b"PK\3\4")] == []
        pdf_id = files["pdf"].id
    with acting(actor="somebody", permissions=LEADER), unit_of_work() as session:
        assert waiting(session) == []
        with pytest.raises(NotFound):
            fetch(session, pdf_id)
    lost = LEADER - {"people.reveal"}
    with acting(actor="clerk", permissions=lost), pytest.raises(Forbidden), unit_of_work() as session:
        fetch_made(session, pdf_id)
    with acting(actor="clerk", permissions=LEADER), unit_of_work() as session:
        fetched = fetch_made(session, pdf_id)
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(fetched.data)).pages)
    assert all(number_of(one) in text for one in (11, 12, 14))
    with acting(actor="clerk", permissions=LEADER), unit_of_work() as session:
        with pytest.raises(NotFound):
            fetch(session, pdf_id)
        left = session.scalars(select(PrintedFile.id)).all()
        assert len(left) == 1
    with acting(actor="clerk", on=TODAY.fromordinal(TODAY.toordinal() + KEPT_DAYS + 1)), unit_of_work() as session:
        assert waiting(session) == []
        with pytest.raises(NotFound):
            fetch(session, left[0])
        assert expire(session) == 1
    with acting(OTHER_COUNTY), unit_of_work() as session:
        assert expire(session) == 0


def test_a_batch_needs_files_and_for_full_numbers_the_right(acting: Acting, household: uuid.UUID) -> None:
    reader = frozenset({"people.read"})
    with acting(actor="reader", permissions=reader), unit_of_work() as session:
        for wanted, refusal in (
            (Wanted("forms", reason="报送"), Forbidden),
            (Wanted("list", reason="报送"), Forbidden),
            (Wanted("forms", FileFilter(kind="deep")), InvalidInput),
            (Wanted("list", FileFilter(status="died")), InvalidInput),
        ):
            with pytest.raises(refusal):
                list_now(session, wanted) if wanted.made == "list" else start(session, wanted, "x")
        assert list_now(session, Wanted("list", FileFilter(kind="none"))).data
    with acting(actor="leader", permissions=LEADER), unit_of_work() as session, pytest.raises(BangfuError):
        start(session, Wanted("forms", reason="  "), "x")
    assert {job.permission for job in JOBS} == {"people.read"}


def test_a_photo_that_is_no_picture_holds_no_batch_up(acting: Acting, household: uuid.UUID) -> None:
    with acting(actor="clerk", permissions=LEADER), unit_of_work() as session:
        # by another door of a former day
        add_documents(session, [NewDocument("photo", "", PDF, household_id=household)])
        files = whole_files(session, [household])
        assert photos_of(session, files) == {}


@pytest.mark.parametrize("kind", sorted(OF_HEALTH - WHOLE_NUMBERS))
def test_papers_of_health_open_for_whoever_sees_it_on_the_file(acting: Acting, household: uuid.UUID, kind: str) -> None:
    with acting(actor="clerk", permissions=LEADER), unit_of_work() as session:
        made = add_paper(session, household, NewPaper(kind, "", PDF))
    with acting(actor="clerk", permissions=LEADER), unit_of_work() as session, pytest.raises(Forbidden):
        open_paper(session, household, made.id)
    with acting(actor="clerk", permissions=LEADER | {"survey.read"}), unit_of_work() as session:
        assert open_paper(session, household, made.id)[1] == PDF


def test_what_the_kinds_of_health_need_is_what_the_file_needs() -> None:
    assert BY_CODE["health"].full == {HEALTH.permission}
