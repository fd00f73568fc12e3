"""Documents: what the bytes are counts, not what a name says; nothing is left behind, nothing is deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from core.db.session import unit_of_work
from core.documents.models import Document
from core.documents.sealing import Altered
from core.documents.service import NewDocument, add_documents, missing_kinds, read_document, withdraw_document
from core.errors import BangfuError, Conflict, InvalidInput, NotFound
from core.settings import settings
from tests.conftest import COUNTY, OTHER_COUNTY, Database
from tests.core.lines import PDF, Acting, install, job_seeker, papers, post, with_key

PNG, JPEG = b"\x89PNG\r\n\x1a\n rest", b"\xff\xd8\xff\xe0 rest"


@pytest.fixture(autouse=True)
def lines(db: Database, acting: Acting) -> None:
    install(db)
    with_key(acting)


def _files() -> set[Path]:
    return {path for path in (settings().files_dir / COUNTY).rglob("*") if path.is_file()}


def test_papers_lie_under_random_names_and_come_back_whole(acting: Acting) -> None:
    before = _files()
    with post(acting, "clerk"), unit_of_work() as session:
        [case] = job_seeker(session)
        made = add_documents(
            session,
            [NewDocument("photo", "../../etc/passwd", data, case_id=case.id) for data in (PDF, PNG, JPEG)],
        )
        assert [paper.media_type for paper in made] == ["application/pdf", "image/png", "image/jpeg"]
        assert read_document(session, made[1].id)[1] == PNG
    new = _files() - before
    assert len(new) == 3
    assert all(path.stat().st_mode & 0o777 == 0o600 and not path.suffix for path in new)
    folders = {folder for path in new for folder in (path.parent, path.parent.parent, settings().files_dir)}
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}
    with post(acting, "clerk"), unit_of_work() as session:
        one, other, third = (settings().files_dir / COUNTY / paper.storage_name for paper in made)
        for altered in (other.read_bytes(), one.read_bytes()[:-1], PDF, b""):
            third.write_bytes(altered)
            with pytest.raises(Altered):
                read_document(session, made[2].id)
        # key and file of another paper, put in this one's place together
        made[2].wrapped_key, made[2].storage_name = made[1].wrapped_key, made[1].storage_name
        session.add(made[2])
        with pytest.raises(Altered):
            read_document(session, made[2].id)
    with post(acting, "clerk", tenant=OTHER_COUNTY), unit_of_work() as session, pytest.raises(NotFound):
        read_document(session, made[0].id)


@pytest.mark.parametrize(
    ("kind", "data", "claimed"),
    [
        ("photo", b"", None),
        ("photo", b"MZ\x90\x00 a program", "application/pdf"),
        ("photo", b"<html>", None),
        ("photo", PNG, "application/pdf"),
        ("unheard_of", PDF, None),
        ("photo", PDF + bytes(10 * 1024 * 1024), None),
    ],
)
def test_what_is_no_paper_is_refused(acting: Acting, kind: str, data: bytes, claimed: str | None) -> None:
    with post(acting, "clerk"), unit_of_work() as session:
        [case] = job_seeker(session)
        with pytest.raises(InvalidInput):
            add_documents(session, [NewDocument(kind, "", data, claimed, case_id=case.id)])


def test_a_rolled_back_act_leaves_no_file(acting: Acting) -> None:
    before = _files()
    with post(acting, "clerk"), unit_of_work() as session:
        [case] = job_seeker(session)
        add_documents(session, [NewDocument("photo", "", PDF, case_id=case.id)])
        assert len(_files() - before) == 1
        session.rollback()
    assert _files() == before


def test_a_withdrawn_paper_stays_but_no_longer_counts(acting: Acting) -> None:
    with post(acting, "clerk"), unit_of_work() as session:
        cases = job_seeker(session)
        papers(session, cases)
        assert missing_kinds(session, cases) == {cases[0].id: []}
        paper = session.scalars(select(Document).where(Document.kind == "photo")).one()
        with pytest.raises(InvalidInput):
            withdraw_document(session, paper.id, " ")
        withdraw_document(session, paper.id, "照片不清")
        assert missing_kinds(session, cases) == {cases[0].id: ["photo"]}
        assert read_document(session, paper.id)[0].withdrawn_reason == "照片不清"
        with pytest.raises(Conflict):
            withdraw_document(session, paper.id, "再次")


def test_a_paper_is_reached_by_its_own_case_alone(acting: Acting) -> None:
    with post(acting, "clerk"), unit_of_work() as session:
        case, other = job_seeker(session, 2)
        [paper] = add_documents(session, [NewDocument("photo", "", PDF, case_id=case.id)])
        with pytest.raises(NotFound):
            read_document(session, paper.id, case_id=other.id)
        with pytest.raises(NotFound):
            withdraw_document(session, paper.id, "照片不清", case_id=other.id)
        assert read_document(session, paper.id, case_id=case.id)[1] == PDF
        withdraw_document(session, paper.id, "照片不清", case_id=case.id)


def test_a_paper_belongs_to_one_thing_and_needs_a_post(acting: Acting) -> None:
    with post(acting, "clerk"), unit_of_work() as session, pytest.raises(InvalidInput):
        add_documents(session, [NewDocument("photo", "", PDF)])
    with acting(COUNTY, actor="guest"), unit_of_work() as session, pytest.raises(BangfuError):
        add_documents(session, [NewDocument("photo", "", PDF)])
