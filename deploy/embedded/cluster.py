"""The cluster's one-time making and the roles that every start brings back to what they must be."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
from psycopg import sql

from deploy.embedded.checks import EngineFailed, disk_errors, disk_full
from deploy.embedded.private import write_private
from deploy.embedded.run_as import Place

DATABASE = "bangfu"
SUPERUSER = "postgres"
OWNER = "bangfu_owner"
APP = "bangfu_app"
MAJOR = "18"

_ROLE_OPTIONS = {
    OWNER: "LOGIN NOSUPERUSER BYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION",
    APP: "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT",
}
_HBA = """\
# Written at each start. No line but these: a password for every role, by the socket alone.
local all all scram-sha-256
"""


def make_cluster(place: Place, password: str, *, durable: bool) -> None:
    """Make the data folder where there is none; a killed earlier attempt is thrown away."""
    if place.data.exists():
        _require_version(place.data)
        return
    fresh = place.folder / "data.new"
    password_file = place.folder / ".superuser"
    with disk_errors(place.folder):
        shutil.rmtree(fresh, ignore_errors=True)
        write_private(password_file, password)
        place.own(password_file)
    try:
        done = place.run(
            "initdb",
            f"--pgdata={fresh}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
            *([] if durable else ["--no-sync"]),
        )
    finally:
        password_file.unlink(missing_ok=True)
    if done.returncode != 0:
        said = f"{done.stdout}\n{done.stderr}".strip()
        if "No space left on device" in said:
            raise disk_full(place.folder)
        last = " | ".join(said.splitlines()[-5:])
        raise EngineFailed(f"无法创建数据库:{last}", f"initdb failed: {last}", where=str(place.folder))
    fresh.rename(place.data)


def _require_version(data: Path) -> None:
    version = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    if version != MAJOR:
        raise EngineFailed(
            f"数据目录属于 PostgreSQL {version},当前组件为 {MAJOR}",
            f"the data folder is of PostgreSQL {version}, the installed server is {MAJOR}",
            where=str(data),
            mend_zh="请用原版本导出后再导入",
            mend_en="dump it with the earlier version and restore it",
        )


def write_access_rules(place: Place) -> None:
    """Replace pg_hba.conf: scram-sha-256 for every role and database, socket only."""
    path = place.data / "pg_hba.conf"
    write_private(path, _HBA)
    place.own(path)


def ensure_roles(sockets: Path, superuser_password: str, passwords: dict[str, str]) -> None:
    """Make the roles and the database where they are missing, and bring attributes, passwords and grants back.

    ``bangfu_owner`` owns the database and bypasses row-level security (migrations, bulk loads, backup);
    ``bangfu_app`` owns nothing, is a member of nothing and bypasses nothing. Neither is a superuser.
    """
    with psycopg.connect(
        host=str(sockets), dbname="postgres", user=SUPERUSER, password=superuser_password, autocommit=True
    ) as connection:
        for role, options in _ROLE_OPTIONS.items():
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
            # Hashed here, so that no statement, and so no server log, ever holds the password.
            hashed = connection.pgconn.encrypt_password(passwords[role].encode(), role.encode(), b"scram-sha-256")
            connection.execute(
                sql.SQL("{} ROLE {} {} PASSWORD {}").format(
                    sql.SQL("ALTER" if known else "CREATE"),
                    sql.Identifier(role),
                    sql.SQL(options),
                    sql.Literal(hashed.decode()),
                )
            )
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER)))
        for name in ("postgres", "template1", DATABASE):
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
        # TEMPORARY: the application role cannot COPY into a table under row-level security, but into a temporary one.
        connection.execute(
            sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(sql.Identifier(DATABASE), sql.Identifier(APP))
        )
