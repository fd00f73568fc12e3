"""A county leaves one installation as a file and arrives in another one, equal to the byte and to the fen."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from typer.testing import CliRunner

from core.cases.models import Case
from core.db.migrate import PluginSchema, migrate_plugin
from core.db.session import reference_work, unit_of_work
from core.errors import Conflict, InvalidInput, Misconfigured, NotFound
from core.host.manager import host
from core.identity import changes
from core.identity.models import Account
from core.jobs.models import OutboxItem
from core.settings import settings
from core.tenancy.models import Tenant
from core.trail.service import record
from deploy.cli import app
from deploy.connection import OWNER
from deploy.county_archive import figures, taking_in, writing
from deploy.county_archive.errors import ArchiveBroken, DoesNotFit, NotEqual
from deploy.county_archive.files import Incoming
from deploy.county_archive.reading import Archive, Member, read_archive
from deploy.county_archive.session import own_key, owner_work
from deploy.county_archive.tables import tables_here
from deploy.county_archive.taking_in import import_county
from deploy.county_archive.ways import Opener, Passphrase, ThisInstallation, public_text
from deploy.county_archive.writing import export_county
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, TODAY, Database
from tests.core.staffing import at_desk, hire
from tests.dummy_plugin import NAME as DUMMY
from tests.dummy_plugin import DummyPlugin
from tests.tenants.arrived import rows_open, sealed_for_its_handler_alone, staff_without_secrets
from tests.tenants.moved import MIGRATIONS, SECRET, WHY, WORDS, Moving, acting, moving, rows_of_county, settle_outside


@pytest.fixture(scope="module")
def way(migrated: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moving]:
    with moving(migrated, tmp_path_factory.mktemp("moving")) as found:
        yield found


@pytest.fixture(scope="module")
def archive(way: Moving, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return way.export(tmp_path_factory.mktemp("archive"))


def taken_in(archive: Archive, **more: Any) -> taking_in.Taken:
    """Read the file anew and take it in."""
    return import_county(read_archive(archive.path, Passphrase(WORDS)), reason=WHY, copy=True, **more)


def nothing_is_there(way: Moving) -> None:
    """No row, no file, no account of the county at the other installation."""
    assert rows_of_county(way.there) == {}
    assert list((way.there.home / "files").glob("*")) == []
    with way.there.owner.connect() as connection:
        assert connection.scalar(text("select count(*) from account where login in ('ban', 'er')")) == 0
        assert connection.scalar(text("select state from tenant where code = '510104'")) in (None, "planned")


def test_it_arrives_equal_and_works_under_the_other_installations_key(way: Moving, archive: Archive) -> None:
    way.fresh()
    before = rows_of_county(way.home)
    with way.there.here():
        taken = taken_in(archive)
    report = taken.report()
    assert not taken.already
    assert report["money"] == archive.manifest["money"]
    assert sum(fen for *_, fen in report["money"]["balances"]) == 0
    assert report["money"]["grants"]
    assert report["sums"]["public.relief_grant.amount_fen"] == sum(one["fen"] for one in report["money"]["grants"].values())
    after = rows_of_county(way.there)
    del before["outbox"]
    # the arrival itself is one entry of the trail more
    assert after == {name: count + (name in ("trail_entry", "trail_link")) for name, count in before.items()}
    assert taken.rows == sum(before.values())
    assert rows_of_county(way.there, OTHER_COUNTY) == {}
    with way.there.here():
        rows_open(way)
        sealed_for_its_handler_alone(way)
        staff_without_secrets(way)
        assert taken_in(archive).already
        assert rows_of_county(way.there) == after


def test_the_archive_holds_nothing_of_another_county_and_no_secret_in_plain(way: Moving, archive: Archive) -> None:
    assert COUNTY.encode() not in archive.opened.header
    inside = b""
    for member in archive.members():
        data = member.content.read()
        inside += gzip.decompress(data) if member.table else data
    assert COUNTY.encode() in inside
    assert OTHER_COUNTY.encode() not in inside
    for secret in (way.number, SECRET, "机密事由", "$argon2"):
        assert secret.encode() not in inside


def test_it_opens_at_the_installation_that_it_was_made_for_and_brings_the_levels_above(way: Moving, tmp_path: Path) -> None:
    way.fresh(planned=False)
    with way.there.here():
        key = public_text(own_key())
    made = way.export(tmp_path, key=key)
    known = "insert into account (id, login, display_name, is_program, must_change_password, password_hash)"
    with way.there.owner.begin() as connection:
        # who has come with another county before keeps what he has
        connection.execute(text(f"{known} values (:id, 'er', '员工er', false, false, 'x')"), {"id": way.second})
    with way.there.here():
        taken = import_county(read_archive(made.path, ThisInstallation(own_key())), reason=WHY, copy=True)
        assert taken.opened == taken.checks["identity_numbers_opened"] > 0
        # the province's figure did not come along
        assert taken.parameters_differ["minimum_living_standard"] == {"archive": 80_000, "here": None}
        with reference_work() as session:
            assert set(session.scalars(select(Tenant.code))) == {"510000", PREFECTURE, COUNTY}
            assert session.scalars(select(Account.password_hash).where(Account.id == way.second)).one() == "x"


def test_what_is_not_equal_is_taken_back_whole(way: Moving, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    way.fresh()
    real = figures.money
    with monkeypatch.context() as patched, way.there.here():
        patched.setattr(figures, "money", lambda driver, tenant: {**real(driver, tenant), "grants": {}})
        with pytest.raises(NotEqual, match="money"):
            taken_in(archive)
    nothing_is_there(way)


class Killed(BaseException):
    """As if the machine had stopped."""


def test_an_import_that_is_interrupted_leaves_nothing_and_can_be_repeated(
    way: Moving, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    way.fresh()

    def stop(*_: object) -> None:
        raise Killed

    with way.there.here():
        with monkeypatch.context() as patched:
            patched.setattr(taking_in._Taking, "_settle", stop)
            with pytest.raises(Killed):
                taken_in(archive)
        nothing_is_there(way)
        # killed with its files in place: nobody tidies up before the next one comes
        with monkeypatch.context() as patched:
            settle = Incoming.settle

            def settle_and_stop(incoming: Incoming) -> None:
                settle(incoming)
                raise Killed

            patched.setattr(Incoming, "settle", settle_and_stop)
            patched.setattr(taking_in, "_tidy", lambda _code: None)
            with pytest.raises(Killed):
                taken_in(archive)
        assert rows_of_county(way.there) == {}
        assert (way.there.home / "files" / COUNTY / ".taken-in").exists()
        # killed right after the commit: the files are the county's
        with monkeypatch.context() as patched:
            patched.setattr(taking_in, "_tidy", lambda _code: None)
            assert not taken_in(archive).already
        assert (way.there.home / "files" / COUNTY / ".taken-in").exists()
        assert taken_in(archive).already
        assert not (way.there.home / "files" / COUNTY / ".taken-in").exists()
        rows_open(way)


def test_a_plugin_that_is_not_here_is_refused_with_words_or_left_aside(way: Moving, archive: Archive) -> None:
    way.fresh()
    with way.there.owner.begin() as connection:
        connection.execute(text(f"drop schema {DUMMY} cascade"))
    host.cache_clear()
    try:
        with way.there.here():
            with pytest.raises(DoesNotFit, match=DUMMY) as refused:
                taken_in(archive)
            assert "3 行" in str(refused.value)
            nothing_is_there_but_the_plugins_table(way)
            taken = taken_in(archive, leave_aside=[DUMMY])
        assert taken.left_aside == {f"{DUMMY}.parcel": 3}
        assert taken.checks["rows"] == archive.manifest["rows"] - 3
    finally:
        host().register(DummyPlugin(), DUMMY)
        with way.there.owner.connect() as connection:
            connection.execute(text(f"create schema {DUMMY}"))
            connection.commit()
            migrate_plugin(connection, PluginSchema(DUMMY, MIGRATIONS))


def nothing_is_there_but_the_plugins_table(way: Moving) -> None:
    with way.there.owner.connect() as connection:
        assert connection.scalar(text("select count(*) from household")) == 0
        assert connection.scalar(text("select state from tenant where code = '510104'")) == "planned"


def test_what_differs_here_is_named_before_anything_is_written(way: Moving, archive: Archive) -> None:
    way.fresh()
    with way.there.here():
        hire("ban")
        with way.there.owner.begin() as connection:
            connection.execute(text("update tenant set union_name = '成都市工会' where code = '510100'"))
            [flow] = [row for row in archive.reference["workflow_version"] if row["name"] == "petition"]
            other = (
                "insert into workflow_version (name, version, plugin, definition, form) select 'petition', :v, 'x', '{}', '{}'"
            )
            connection.execute(text(other), {"v": flow["version"]})
        with pytest.raises(DoesNotFit) as refused:
            taken_in(archive)
        for part in ("union_name: 成都市总工会 ≠ 成都市工会", "流程 petition", "登录名 ban 已被占用"):
            assert part in str(refused.value)
        with way.there.owner.begin() as connection:
            connection.execute(text("update tenant set union_name = '成都市总工会' where code = '510100'"))
            connection.execute(text("delete from workflow_version"))
        with pytest.raises(DoesNotFit, match="--login nobody"):
            taken_in(archive, logins={"ban": "ban-510104", "nobody": "x"})
        taken = taken_in(archive, logins={"ban": "ban-510104"})
        assert taken.state == "read_only"
        with at_desk(way.handler) as session:
            assert session.scalar(select(Case.id).where(Case.id == way.accusation)) is not None
        with reference_work() as session:
            assert session.scalars(select(Account.login).where(Account.id == way.handler)).one() == "ban-510104"


def test_rows_of_another_county_do_not_come_in_whoever_wrote_the_archive(
    way: Moving, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    way.fresh()
    posts = [{**row, "tenant_code": PREFECTURE} for row in archive.reference["post"]]
    with way.there.here():
        with pytest.raises(ArchiveBroken, match="其他单位"):
            import_county(replace(archive, reference={**archive.reference, "post": posts}), reason=WHY, copy=True)
        real = Archive.members

        def more(self: Archive) -> Iterator[Member]:
            for member in real(self):
                if member.table == "public.tenant_counter":
                    plain = gzip.decompress(member.content.read())
                    line = plain.splitlines(keepends=True)[1].replace(COUNTY.encode(), OTHER_COUNTY.encode())
                    yield Member(member.name, io.BytesIO(gzip.compress(plain + line)))
                else:
                    yield member

        with monkeypatch.context() as patched:
            patched.setattr(Archive, "members", more)
            with pytest.raises(NotEqual, match="tenant_counter"):
                import_county(archive, reason=WHY, copy=True)
    assert rows_of_county(way.there, OTHER_COUNTY) == {}
    nothing_is_there(way)


def test_where_keycloak_keeps_the_accounts_it_is_told(way: Moving, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    way.fresh()
    with way.there.here():
        with monkeypatch.context() as patched:
            patched.setattr(changes, "kept_elsewhere", lambda: True)
            taken_in(archive)
        with acting(), unit_of_work() as session:
            topics = session.scalars(select(OutboxItem.topic)).all()
    assert sorted(topics) == ["identity.changed", "identity.changed", "identity.tenant_opened"]


def test_a_county_that_works_here_is_not_written_over(way: Moving, archive: Archive) -> None:
    with way.home.here(), pytest.raises(DoesNotFit, match="已有数据"):
        taken_in(archive)


def _with_work_meanwhile(path: Path, opener: Opener) -> Archive:
    """As if a transaction of the county that began before the export had ended after it."""
    with acting(), unit_of_work() as session:
        record(session, "test.late", "tenant", None)
    return read_archive(path, opener)


def test_moving_away_leaves_the_county_for_reading_and_needs_its_work_to_be_over(
    way: Moving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Conflict, match="还有未送出的事项"):
        way.export(tmp_path, final=True)
    with way.home.owner.begin() as connection:
        connection.execute(text("update job set state = 'queued' where tenant = '510104'"))
    with pytest.raises(Conflict, match="后台任务尚未结束"):
        way.export(tmp_path)
    with way.home.owner.begin() as connection:
        connection.execute(text("update job set state = 'cancelled' where tenant = '510104'"))
        connection.execute(text("update outbox set sent_at = now()"))
    with pytest.raises(Conflict, match="与银行或其他单位往来未办结") as refused:
        way.export(tmp_path, final=True)
    assert "移交件 envelope" in str(refused.value)
    with way.home.owner.begin() as connection:
        settle_outside(connection)
    with monkeypatch.context() as patched:
        patched.setattr(writing, "read_archive", _with_work_meanwhile)
        with pytest.raises(Conflict, match="导出期间该单位仍有办理"):
            way.export(tmp_path, final=True)
    assert list(tmp_path.iterdir()) == []
    made = way.export(tmp_path, final=True)
    assert made.manifest["kind"] == "final"
    with way.home.owner.connect() as connection:
        assert connection.scalar(text("select state from tenant where code = '510104'")) == "read_only"
    assert made.path.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [made.path]


def test_nothing_leaves_without_a_reason_or_over_a_file(way: Moving, archive: Archive) -> None:
    with way.home.here():
        with pytest.raises(InvalidInput, match="依据"):
            export_county(COUNTY, archive.path.with_name("new"), Passphrase(WORDS), reason=" ")
        with pytest.raises(NotFound, match="没有代码为 510100 的县级单位"):
            export_county(PREFECTURE, archive.path.with_name("new"), Passphrase(WORDS), reason=WHY)
        with pytest.raises(InvalidInput, match="不会覆盖"):
            export_county(COUNTY, archive.path, Passphrase(WORDS), reason=WHY)


def test_a_role_that_does_not_see_everything_is_refused(way: Moving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with way.home.here():
        monkeypatch.setenv(OWNER, way.home.app_url)
        settings.cache_clear()
        with pytest.raises(Misconfigured, match="行级安全"):
            export_county(COUNTY, tmp_path / "blind", Passphrase(WORDS), reason=WHY)
    assert list(tmp_path.iterdir()) == []


def test_a_closed_county_travels_as_a_closed_one(way: Moving, tmp_path: Path) -> None:
    way.fresh()
    moved = "update tenant set state = :state, closed_on = :on where code = '510104'"
    with way.home.owner.begin() as connection:
        former = connection.scalar(text("select state from tenant where code = '510104'"))
        connection.execute(text(moved), {"state": "closed", "on": TODAY})
    try:
        made = way.export(tmp_path)
        with way.there.here():
            assert taken_in(made).state == "closed"
    finally:
        with way.home.owner.begin() as connection:
            connection.execute(text(moved), {"state": former, "on": None})


def test_the_command_line_exports_inspects_and_refuses(way: Moving, tmp_path: Path) -> None:
    words, file, told = tmp_path / "words", tmp_path / "county.bfc", tmp_path / "told.json"
    words.write_text(f"{WORDS}\n", encoding="utf-8")
    opening = ["--passphrase-file", str(words), "--home", str(way.home.home)]
    runner = CliRunner(env={"COLUMNS": "200"})
    with way.home.here():
        exported = runner.invoke(app, ["county", "export", COUNTY, "--to", str(file), "--reason", WHY, *opening])
        assert exported.exit_code == 0, exported.output
        assert "已导出并读回核对" in exported.output
        inspected = runner.invoke(app, ["county", "inspect", str(file), "--json", str(told), *opening])
        assert inspected.exit_code == 0, inspected.output
        assert json.loads(told.read_text(encoding="utf-8"))["county"] == COUNTY
        key = runner.invoke(app, ["county", "transfer-key", "--home", str(way.home.home)])
        assert key.output.strip() == public_text(own_key())
        refused = runner.invoke(app, ["county", "import", str(file), "--reason", WHY, *opening])
        assert isinstance(refused.exception, DoesNotFit)
        assert "副本" in str(refused.exception)
        wrong = runner.invoke(app, ["county", "import", str(file), "--reason", WHY, "--login", "ban", *opening])
        assert isinstance(wrong.exception, InvalidInput)
    way.fresh()
    with way.there.here():
        there = ["--passphrase-file", str(words), "--home", str(way.there.home)]
        taken = runner.invoke(app, ["county", "import", str(file), "--reason", WHY, "--copy", "--json", str(told), *there])
        assert taken.exit_code == 0, taken.output
        assert "逐表逐分一致" in taken.output
        assert json.loads(told.read_text(encoding="utf-8"))["checks"]["tables_equal_to_the_byte"] > 40
        again = runner.invoke(app, ["county", "import", str(file), "--reason", WHY, "--copy", *there])
        assert "已导入过" in again.output


def test_every_table_with_rows_of_tenants_goes_along_or_says_why_not(way: Moving) -> None:
    with way.home.here(), owner_work() as work:
        going = {table.full for table in tables_here(work.driver)}
    with way.home.owner.connect() as connection:
        there = set(
            connection.scalars(
                text(
                    "select n.nspname || '.' || c.relname from pg_attribute a join pg_class c on c.oid = a.attrelid"
                    " join pg_namespace n on n.oid = c.relnamespace where a.attname = 'tenant' and c.relkind = 'r'"
                    " and n.nspname !~ '^pg_'"
                )
            )
        )
    assert there - going == {"public.outbox", "public.printed_file", "public.roster_part"}
    assert f"{DUMMY}.parcel" in going
