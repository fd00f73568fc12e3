"""The embedded database: who can log in, what is readable by whom, and what it survives."""

from __future__ import annotations

import os
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy.engine import make_url

from core.errors import BangfuError
from deploy.embedded import private
from deploy.embedded.postgres import DatabaseUrls, EmbeddedPostgres

ROLES = """
SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolcanlogin
FROM pg_roles WHERE rolname IN ('bangfu_owner', 'bangfu_app') ORDER BY rolname
"""
OWNED_OR_MEMBER = """
SELECT (SELECT count(*) FROM pg_class WHERE relowner = r.oid)
     + (SELECT count(*) FROM pg_namespace WHERE nspowner = r.oid)
     + (SELECT count(*) FROM pg_database WHERE datdba = r.oid)
     + (SELECT count(*) FROM pg_auth_members WHERE member = r.oid OR roleid = r.oid)
FROM pg_roles r WHERE rolname = 'bangfu_app'
"""


def connect(url: str, **changes: str | None) -> psycopg.Connection[tuple[object, ...]]:
    parsed = make_url(url)
    given = {
        "host": str(parsed.query["host"]),
        "user": parsed.username,
        "password": parsed.password,
        "dbname": parsed.database,
    } | changes
    return psycopg.connect(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]  # libpq keywords


def one(url: str, statement: str) -> object:
    with connect(url) as connection:
        row = connection.execute(statement.encode()).fetchone()
    return row[0] if row else None


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def urls(home: Path) -> Iterator[DatabaseUrls]:
    with EmbeddedPostgres(home, durable=False) as started:
        yield started


@pytest.fixture(autouse=True)
def no_password_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """libpq would look for a password in the environment and in the user's home."""
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))


def test_roles_are_what_the_isolation_rests_on(urls: DatabaseUrls) -> None:
    with connect(urls.owner) as connection:
        roles = connection.execute(ROLES.encode()).fetchall()
        assert roles == [
            ("bangfu_app", False, False, False, False, True),
            ("bangfu_owner", False, True, False, False, True),
        ]
        assert connection.execute(OWNED_OR_MEMBER.encode()).fetchone() == (0,)
        owner = connection.execute(
            b"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        assert owner == ("bangfu_owner",)


def test_encoding_and_collation_do_not_depend_on_the_machine(urls: DatabaseUrls) -> None:
    with connect(urls.owner) as connection:
        row = connection.execute(
            b"SELECT pg_encoding_to_char(encoding), datlocprovider::text, datlocale FROM pg_database WHERE datname = 'bangfu'"
        ).fetchone()
    assert row == ("UTF8", "b", "C.UTF-8")


@pytest.mark.parametrize("user", ["bangfu_app", "bangfu_owner", "postgres"])
@pytest.mark.parametrize("password", [None, "wrong", "app's"])
def test_nobody_logs_in_without_his_own_password(urls: DatabaseUrls, user: str, password: str | None) -> None:
    if password == "app's":
        password = make_url(urls.app).password if user != "bangfu_app" else make_url(urls.owner).password
    parsed = make_url(urls.app)
    given = {"password": password} if password else {}
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host=str(parsed.query["host"]), user=user, dbname="bangfu", **given)  # type: ignore[arg-type]  # libpq keywords


@pytest.mark.parametrize(
    "statement",
    [
        "SET ROLE bangfu_owner",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION bangfu_owner",
        "CREATE TABLE t (i int)",
        "CREATE SCHEMA s",
        "CREATE ROLE r",
        "ALTER ROLE bangfu_app BYPASSRLS",
        "GRANT bangfu_owner TO bangfu_app",
        "SELECT pg_read_file('pg_hba.conf')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT rolpassword FROM pg_authid",
    ],
)
def test_the_application_role_cannot_become_or_make_anything(urls: DatabaseUrls, statement: str) -> None:
    with connect(urls.app) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_the_application_role_reaches_its_own_database_only(urls: DatabaseUrls) -> None:
    for other in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            connect(urls.app, dbname=other)


def test_the_application_role_may_fill_a_temporary_table(urls: DatabaseUrls) -> None:
    with connect(urls.app) as connection:
        connection.execute(b"CREATE TEMPORARY TABLE incoming (i int)")


def test_there_is_no_tcp(urls: DatabaseUrls) -> None:
    assert one(urls.app, "SHOW listen_addresses") == ""


def test_everything_is_closed_to_others(home: Path, urls: DatabaseUrls) -> None:
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    for path in home.rglob("*"):
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert not mode & 0o077, f"{path} {mode:o}"
    for path in (home / "secrets").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (home / "postgres" / "data" / "PG_VERSION").stat().st_uid == os.geteuid()


def test_no_log_and_no_process_list_holds_a_password(home: Path, urls: DatabaseUrls) -> None:
    secrets = [path.read_text() for path in (home / "secrets").iterdir()]
    seen = (home / "logs" / "postgres.log").read_text()
    for process in psutil.process_iter(["cmdline"]):
        seen += " ".join(process.info["cmdline"] or [])
    assert len(secrets) == 3
    assert not [secret for secret in secrets if secret in seen]
    assert repr(urls) == "DatabaseUrls()"


def test_kept_data_survives_stop_and_kill(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "home", durable=False)
    try:
        first = server.start()
        with connect(first.owner) as connection:
            connection.execute(b"CREATE TABLE kept AS SELECT 1 AS i")
        server.stop()
        again = server.start()
        assert again == first
        assert one(again.owner, "SELECT i FROM kept") == 1

        assert server.child is not None
        assert server.child.pid is not None
        os.kill(server.child.pid, signal.SIGKILL)
        after_kill = EmbeddedPostgres(tmp_path / "home", durable=False)
        try:
            assert one(after_kill.start().owner, "SELECT i FROM kept") == 1
        finally:
            after_kill.stop()
    finally:
        server.stop()


def test_a_live_server_of_a_crashed_launcher_is_ended_cleanly(tmp_path: Path) -> None:
    left = EmbeddedPostgres(tmp_path / "home", durable=False)
    try:
        left.start()
        assert left.child is not None
        assert left.child.pid is not None
        pid = left.child.pid
        # Without the record only postmaster.pid tells of it.
        (tmp_path / "home" / "run" / "postgres.pid").unlink()
        with EmbeddedPostgres(tmp_path / "home", durable=False) as urls:
            assert one(urls.app, "SELECT 1") == 1
            assert left.child.exit_code() == 0
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    finally:
        left.stop()


def test_a_stranger_with_the_stale_process_number_is_left_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with EmbeddedPostgres(home, durable=False):
        lock = (home / "postgres" / "data" / "postmaster.pid").read_text()
    stranger = psutil.Popen(["sleep", "60"])
    try:
        _, rest = lock.split("\n", 1)
        (home / "postgres" / "data" / "postmaster.pid").write_text(f"{stranger.pid}\n{rest}")
        with EmbeddedPostgres(home, durable=False) as urls:
            assert one(urls.app, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_interrupted_creation_is_made_anew(tmp_path: Path) -> None:
    half = tmp_path / "home" / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(tmp_path / "home", durable=False) as urls:
        assert one(urls.app, "SELECT 1") == 1
    assert not half.exists()


def test_lost_passwords_and_foreign_versions_are_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    data = home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("17\n")
    with pytest.raises(BangfuError, match="口令文件缺失"):
        EmbeddedPostgres(home).start()
    private.secret(home, "postgres")
    with pytest.raises(BangfuError, match="PostgreSQL 17"):
        EmbeddedPostgres(home).start()


def test_a_long_path_takes_its_sockets_elsewhere(tmp_path: Path) -> None:
    home = tmp_path / ("很" * 40) / "home"
    with EmbeddedPostgres(home, durable=False) as urls:
        sockets = Path(str(make_url(urls.app).query["host"]))
        assert one(urls.app, "SELECT 1") == 1
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    with EmbeddedPostgres(home, durable=False) as urls:
        assert Path(str(make_url(urls.app).query["host"])) == sockets
    sockets.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user for the server")
def test_without_user_namespaces_root_runs_it_as_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with tempfile.TemporaryDirectory() as folder:
        elsewhere = Path(folder)
        elsewhere.chmod(0o711)
        home = tmp_path / "home"
        for value in (1, 2):
            server = EmbeddedPostgres(home, durable=False, namespaces=False, elsewhere=elsewhere)
            with server as urls, connect(urls.owner) as connection:
                connection.execute(b"CREATE TABLE IF NOT EXISTS kept (i int)")
                connection.execute(b"INSERT INTO kept VALUES (1)")
                assert connection.execute(b"SELECT count(*) FROM kept").fetchone() == (value,)
                assert server.child is not None
                assert psutil.Process(server.child.pid).username() == "nobody"
        (made,) = elsewhere.iterdir()
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
        assert made.owner() == "nobody"
        assert not (home / "postgres" / "data").exists()
        assert "nobody" in caplog.text
        with pytest.raises(psycopg.OperationalError):
            connect(urls.app)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a namespace")
def test_with_user_namespaces_everything_stays_roots(home: Path, urls: DatabaseUrls) -> None:
    assert {path.lstat().st_uid for path in home.rglob("*")} == {0}
    pid = int((home / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    assert Path(f"/proc/{pid}/ns/user").readlink() != Path("/proc/self/ns/user").readlink()
