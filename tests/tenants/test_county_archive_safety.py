"""What an archive, an interruption or a second operator could do to a county that is at work: each is refused or mended."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from core.db.session import unit_of_work
from core.errors import BangfuError, Conflict, InvalidInput
from core.identity.service import scope_for
from core.jobs.recovery import sweep_all
from core.scope import NotAtWork, Standing, entered
from core.tenancy.life import READS
from core.tenancy.service import system_scope
from core.trail.service import record
from deploy.county_archive import session as owners
from deploy.county_archive import taking_in, writing
from deploy.county_archive.errors import ArchiveBroken, DoesNotFit
from deploy.county_archive.files import Incoming
from deploy.county_archive.reading import Archive, read_archive
from deploy.county_archive.taking_in import import_county
from deploy.county_archive.ways import Opener, Passphrase
from tenants.lifecycle import resume
from tests.conftest import COUNTY, PREFECTURE, Database
from tests.dummy_plugin import NAME as DUMMY
from tests.tenants.hostile_archives import HOSTILE, altered, manifest_with
from tests.tenants.moved import WHY, WORDS, Moving, acting, damaged, moving, rows_of_county, settle_outside

PAPER = Path("ab") / ("ab" + "0" * 38)


@pytest.fixture(scope="module")
def way(migrated: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moving]:
    with moving(migrated, tmp_path_factory.mktemp("moving")) as found:
        yield found


@pytest.fixture(scope="module")
def archive(way: Moving, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return way.export(tmp_path_factory.mktemp("archive"))


class Killed(BaseException):
    """As if the machine had stopped."""


def taken_in(archive: Archive, **more: Any) -> taking_in.Taken:
    """The county, at the installation where the process is."""
    return import_county(archive, reason=WHY, **{"copy": True, **more})


def _killed_at(archive: Archive, patched: pytest.MonkeyPatch, *, before: bool) -> None:
    """An import that stops right before or after its files get the county's name; nobody tidies up."""
    real = Incoming.rename

    def stop(incoming: Incoming) -> None:
        if not before:
            real(incoming)
        raise Killed

    with patched.context() as inner:
        inner.setattr(Incoming, "rename", stop)
        inner.setattr(taking_in, "_tidy", lambda _code: None)
        with pytest.raises(Killed):
            taken_in(archive)


@pytest.mark.parametrize("lives_by", ["its state", "a document"])
def test_a_mark_that_was_left_takes_no_file_of_a_county_that_works_here(
    way: Moving, archive: Archive, monkeypatch: pytest.MonkeyPatch, lives_by: str
) -> None:
    way.fresh()
    with way.there.here():
        _killed_at(archive, monkeypatch, before=False)
        paper = way.there.home / "files" / COUNTY / PAPER
        paper.parent.mkdir(exist_ok=True)
        paper.write_bytes(b"a paper of the county")
        with way.there.owner.begin() as connection:
            if lives_by == "its state":
                connection.execute(text("update tenant set state = 'preparing' where code = '510104'"))
            else:
                _document(connection)
        with pytest.raises(BangfuError):
            taken_in(archive)
        assert paper.read_bytes() == b"a paper of the county"
        assert not (way.there.home / "files" / COUNTY / ".taken-in").exists()


def _document(connection: Connection) -> None:
    connection.execute(
        text(
            "insert into document (tenant, id, kind, title, storage_name, media_type, size,"
            " sha256, sealed_sha256, wrapped_key, received_on, received_by, at)"
            " values (:t, gen_random_uuid(), 'x', 'x', 'x', 'x', 1, '\\x00', '\\x00', '\\x00',"
            " '2025-01-01', 'system:test', now())"
        ),
        {"t": COUNTY},
    )


def test_renaming_that_a_power_cut_took_back_is_finished(
    way: Moving, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    way.fresh()
    files = way.there.home / "files"
    with way.there.here():
        with monkeypatch.context() as patched:
            patched.setattr(taking_in, "_tidy", lambda _code: None)
            taken_in(archive)
        # as the disk shows it after the cut: the folder under its former name
        (files / COUNTY).rename(files / f"{COUNTY}.{archive.opened.id}")
        assert taken_in(archive).already
    assert [path.name for path in files.iterdir()] == [COUNTY]
    assert not (files / COUNTY / ".taken-in").exists()
    assert sum(path.is_file() for path in (files / COUNTY).rglob("*")) == archive.manifest["documents"]["count"]


def test_the_lock_is_older_than_the_snapshot(way: Moving, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second either waits outside or sees what the first has committed: never the state before it."""
    way.fresh()
    real, met = owners._refuse_blind, list[str]()

    def first_one_more(connection: Connection) -> None:
        real(connection)
        if connection.exec_driver_sql("show transaction_isolation").scalar_one() == "repeatable read" and not met:
            met.append("the snapshot is there")
            with pytest.raises(Conflict, match="正在导入"):
                taken_in(archive)

    with way.there.here():
        monkeypatch.setattr(owners, "_refuse_blind", first_one_more)
        assert not taken_in(archive).already
        assert met
        assert taken_in(archive).already
    assert any((way.there.home / "files" / COUNTY).iterdir())


@pytest.mark.parametrize("what", HOSTILE)
def test_a_manifest_is_bound_to_its_one_county_and_to_its_file(way: Moving, archive: Archive, what: str) -> None:
    beside = way.there.home / "backups.2025"
    beside.mkdir(exist_ok=True)
    (way.there.home / "files").mkdir(exist_ok=True)
    with way.there.here(), pytest.raises(ArchiveBroken):
        taken_in(HOSTILE[what](archive))
    assert beside.is_dir()


def test_a_folder_of_files_is_named_by_a_code_alone(archive: Archive) -> None:
    with pytest.raises(ArchiveBroken):
        Incoming("../backups", archive.opened.id)


def test_two_people_do_not_get_one_login(way: Moving, archive: Archive) -> None:
    way.fresh()
    with way.there.here(), pytest.raises(DoesNotFit, match="登录名 x 有 2 人使用"):
        taken_in(archive, logins={"ban": "x", "er": "x"})


@pytest.mark.parametrize("name", ["public", "petitions", "nobody"])
def test_only_a_plugin_that_is_missing_here_is_left_aside(way: Moving, archive: Archive, name: str) -> None:
    way.fresh()
    with way.there.here(), pytest.raises(InvalidInput, match="不能留下"):
        taken_in(archive, leave_aside=[name])


def test_a_plugin_with_cases_is_not_left_aside(way: Moving, archive: Archive) -> None:
    way.fresh()
    plugins = {**archive.manifest["plugins"], "gone": {"version": "1", "on": True, "cases": 2, "rows": 3}}
    with way.there.here(), pytest.raises(DoesNotFit, match="2 件个案"):
        taken_in(manifest_with(plugins=plugins)(archive), leave_aside=["gone"])


def test_plugins_have_the_same_version_at_both(way: Moving, archive: Archive) -> None:
    way.fresh()
    plugins = {**archive.manifest["plugins"], DUMMY: {**archive.manifest["plugins"][DUMMY], "version": "0.0"}}
    with way.there.here(), pytest.raises(DoesNotFit, match=f"{DUMMY} 0.0"):
        taken_in(manifest_with(plugins=plugins)(archive))


def test_no_workflow_comes_in_that_no_case_of_the_county_has(way: Moving, archive: Archive) -> None:
    way.fresh()
    more = [*archive.reference["workflow_version"], {**archive.reference["workflow_version"][0], "version": 999}]
    with way.there.here(), pytest.raises(ArchiveBroken, match="流程"):
        taken_in(replace(archive, reference={**archive.reference, "workflow_version": more}))
    with way.there.owner.connect() as connection:
        assert connection.scalar(text("select count(*) from workflow_version where version = 999")) == 0


@pytest.mark.parametrize(
    ("table", "change", "refused"),
    [
        ("public.job", lambda data: data.replace(b"cancelled", b"queued"), "后台任务尚未结束"),
        ("public.person", lambda data: data + data.splitlines(keepends=True)[1], "数据库的约束"),
        ("public.payment_batch", lambda data: data.replace(b",510104,", b",51010x,"), "数据库的约束|不一致"),
        ("public.tenant_counter", lambda data: data.splitlines(keepends=True)[0] + b"510104\n", "数据库的约束"),
    ],
)
def test_rows_that_cannot_stand_here_are_refused_with_words(
    way: Moving, archive: Archive, monkeypatch: pytest.MonkeyPatch, table: str, change: Callable[[bytes], bytes], refused: str
) -> None:
    way.fresh()
    with way.there.here(), monkeypatch.context() as patched:
        altered(patched, table, change)
        with pytest.raises(Conflict, match=refused):
            taken_in(archive)
    assert rows_of_county(way.there) == {}


def test_whose_post_is_over_arrives_disabled_and_nobody_announces_him(way: Moving, archive: Archive) -> None:
    way.fresh()
    posts = [
        {**row, "valid_to": row["valid_from"]} if row["account_id"] == str(way.second) else row
        for row in archive.reference["post"]
    ]
    with way.there.here():
        taken_in(replace(archive, reference={**archive.reference, "post": posts}))
    with way.there.owner.connect() as connection:
        told = connection.execute(text("select login, disabled_at is not null from account where login in ('ban', 'er')")).all()
    assert sorted(told) == [("ban", False), ("er", True)]


def _salt(data: bytes) -> bytes:
    first, second, rest = data.split(b"\n", 2)
    said = json.loads(second)
    said["key"]["salt"] = base64.b64encode(b"abc").decode()
    return b"\n".join([first, json.dumps(said).encode(), rest])


@pytest.mark.parametrize(
    "change", [_salt, lambda data: data.split(b"\n", 1)[0] + b"\n" + b"[" * 4000 + b"\n"], ids=["a short salt", "deep"]
)
def test_a_header_that_makes_no_sense_is_refused_with_words(
    archive: Archive, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    file = tmp_path / "forged.bfc"
    file.write_bytes(change(archive.path.read_bytes()))
    with pytest.raises(ArchiveBroken):
        read_archive(file, Passphrase(WORDS))


@pytest.mark.parametrize(("part", "data"), [("gzip", b"no gzip"), ("_json", b"{")])
def test_inner_parts_that_make_no_sense_are_refused_with_words(
    way: Moving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, data: bytes
) -> None:
    wrong = SimpleNamespace(compress=lambda *_a, **_k: data) if part == "gzip" else lambda _value: data
    monkeypatch.setattr(writing, part, wrong)
    with pytest.raises(ArchiveBroken):
        way.export(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ArchiveBroken("坏", "broken")])
def test_a_file_has_its_name_only_when_it_was_proved(
    way: Moving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException
) -> None:
    seen = list[str]()

    def prove(path: Path, _opener: Opener) -> Archive:
        seen.extend(one.name for one in tmp_path.iterdir())
        raise stop

    monkeypatch.setattr(writing, "read_archive", prove)
    with pytest.raises((KeyboardInterrupt, ArchiveBroken)):
        way.export(tmp_path)
    assert [name.rsplit(".", 1)[1] for name in seen] == ["part"]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_came_meanwhile_is_not_written_over(way: Moving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = read_archive

    def meanwhile(path: Path, opener: Opener) -> Archive:
        (tmp_path / path.name.split(".bfc")[0]).with_suffix(".bfc").write_text("somebody else's")
        return real(path, opener)

    monkeypatch.setattr(writing, "read_archive", meanwhile)
    for links in (True, False):
        with monkeypatch.context() as patched:
            if not links:
                patched.setattr(Path, "hardlink_to", _no_links)
            with pytest.raises(InvalidInput, match="不会覆盖"):
                way.export(tmp_path)
    assert {one.read_text() for one in tmp_path.iterdir()} == {"somebody else's"}


def test_a_county_with_a_damaged_person_does_not_leave_in_part(way: Moving, tmp_path: Path) -> None:
    with damaged(way.home) as person:
        with pytest.raises(Conflict, match="已损坏") as refusal:
            way.export(tmp_path)
        assert refusal.value.where == str(person)
        assert list(tmp_path.iterdir()) == []


def _no_links(_path: Path, _target: Path) -> None:
    raise PermissionError


def test_a_file_system_without_links_will_do(way: Moving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "hardlink_to", _no_links)
    made = way.export(tmp_path)
    assert list(tmp_path.iterdir()) == [made.path]
    assert made.path.stat().st_mode & 0o077 == 0


def test_a_copy_comes_in_by_word_alone_and_for_reading(way: Moving, archive: Archive) -> None:
    way.fresh()
    with way.there.here():
        with pytest.raises(DoesNotFit, match="副本"):
            taken_in(archive, copy=False)
        assert taken_in(archive).state == "read_only"
        _takes_no_writes(way)
        with acting(PREFECTURE), unit_of_work() as session:
            resume(session, COUNTY, WHY)
        with entered(system_scope(COUNTY, "test")), unit_of_work() as session:
            record(session, "test.works", "tenant", None)


def _takes_no_writes(way: Moving) -> None:
    """No person, no job and no sweep does anything in the county."""
    scope = scope_for(way.handler, COUNTY)
    assert scope.standing is Standing.READ_ONLY
    assert scope.permissions <= READS
    assert scope.pause is not None
    assert scope.pause.reason == WHY
    with pytest.raises(NotAtWork, match="仅供查阅"):
        scope.require(min(scope.withheld))
    for one in (scope, system_scope(COUNTY, "test")):
        with entered(one), pytest.raises(DBAPIError, match="read-only"), unit_of_work() as session:
            record(session, "test.writes", "tenant", None)


_LATE = {
    "后台任务": "insert into job (tenant, id, kind, key, title, state, actor, permissions, business_date, params, total, done,"
    " failed, result, cancel_requested) values ('510104', :id, 'audit.run', 'late', 't', 'queued', 'system:x', '{}',"
    " '2025-01-01', '{}', 0, 0, 0, '{}', false)",
    "未送出的事项": "insert into outbox (tenant, id, topic, payload, attempts) values ('510104', :id, 'envelope', '{}', 0)",
    "payment_batch 1": "insert into payment_batch (tenant, id, number, idempotency_key, state, year, total_fen, items,"
    " prepared_by, prepared_on) values ('510104', :id, 'late', 'late', 'draft', 2025, 1, 1, 'system:x', '2025-01-01')",
}


@pytest.mark.parametrize("what", _LATE)
def test_what_came_up_before_the_county_rested_is_not_moved_in_two(
    way: Moving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    real, late = writing._hand_over, uuid.uuid4()

    def meanwhile(*given: Any) -> None:
        with way.home.owner.begin() as connection:
            connection.execute(text(_LATE[what]), {"id": late})
        real(*given)

    with way.home.owner.begin() as connection:
        settle_outside(connection)
    monkeypatch.setattr(writing, "_hand_over", meanwhile)
    try:
        with pytest.raises(Conflict, match=what):
            way.export(tmp_path, final=True)
        assert list(tmp_path.iterdir()) == []
    finally:
        with way.home.owner.begin() as connection:
            for table in ("job", "outbox", "payment_batch"):
                connection.execute(text(f"delete from {table} where id = :id"), {"id": late})
            connection.execute(text("update tenant set state = 'open' where code = '510104'"))


def test_a_county_that_moved_away_rests_wholly_until_it_is_resumed(way: Moving, tmp_path: Path) -> None:
    way.fresh()
    with way.home.owner.begin() as connection:
        settle_outside(connection)
    made = way.export(tmp_path, final=True)
    with way.home.here():
        _takes_no_writes(way)
        waiting = "insert into outbox (tenant, id, topic, payload, attempts) values ('510104', :id, 'envelope', '{}', 0)"
        with way.home.owner.begin() as connection:
            connection.execute(text(waiting), {"id": (late := uuid.uuid4())})
        sweep_all()
        with way.home.owner.begin() as connection:
            touched = "delete from outbox where id = :id returning attempts, sent_at"
            assert connection.execute(text(touched), {"id": late}).one() == (0, None)
        with acting(PREFECTURE), unit_of_work() as session:
            resume(session, COUNTY, WHY)
        with entered(system_scope(COUNTY, "test")), unit_of_work() as session:
            record(session, "test.works", "tenant", None)
    with way.there.here():
        taken = taken_in(made, copy=False)
        assert taken.state == "suspended"
