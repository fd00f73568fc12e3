"""Writing a county to a file: recorded first, read on one snapshot, read back in the end."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO, Final

from psycopg import sql
from sqlalchemy import select

from core.db.base import new_id
from core.db.session import reference_work, unit_of_work
from core.errors import Conflict, InvalidInput
from core.host.manager import host
from core.scope import Standing, entered
from core.tenancy import life
from core.tenancy.models import Tenant
from core.trail.service import record
from core.vault.ciphers import DATA_KEY_BYTES
from core.vault.key_file import InstallationKey
from deploy.county_archive import figures
from deploy.county_archive.container import FORMAT, Opened, PieceWriter, write_header
from deploy.county_archive.files import Hashed, Seen, files_of, on_disk
from deploy.county_archive.passing import Keys, Passage, map_hashes, passed, tenant_key_of
from deploy.county_archive.readiness import MATTERS, TRANSFERS, UNSENT, count_of, ready
from deploy.county_archive.reading import FILES, MANIFEST, REFERENCE, Archive, part_name, read_archive
from deploy.county_archive.reference import parameters_in, read_reference, reference_shape
from deploy.county_archive.session import ACTOR, Work, in_county, operator, own_key, owner_work, scope_in, today
from deploy.county_archive.tables import COPY_FORM, KEYS, PERSON, Driver, Table, rows_of, tables_here
from deploy.county_archive.ways import Way

_PART_BYTES: Final = 4 * 1024 * 1024
_MARKS: Final = """
    select count(*) from identity_mark m where m.tenant = %s
    and not exists (select 1 from crossing_hash c where c.old = m.hash)
"""
_HEAD: Final = "select seq from trail_head where tenant = %s"
_LINES: Final = """
    select plugin, bool_or(on_now), sum(cases)::bigint from (
        select plugin, enabled as on_now, 0 as cases from tenant_plugin where tenant = %(tenant)s
        union all select plugin, false, count(*) from case_record where tenant = %(tenant)s group by 1) said
    group by 1 order by 1
"""


def export_county(
    code: str,
    path: Path,
    way: Way,
    key: InstallationKey | None = None,
    *,
    reason: str,
    final: bool = False,
    actor: str = ACTOR,
) -> Archive:
    """Write the county ``code`` as one file to ``path``, sealed for whoever ``way`` says; what the file says of itself.

    The export enters the county's trail before the first byte is read. ``final``: the county is left for reading
    first, and the file is refused where its trail went on nevertheless; without it the archive calls itself a copy.

    Raises ``InvalidInput`` without a reason or where the file is there already, ``NotFound``, ``Conflict`` for a county that
    was never opened or has work under way, ``NotEqual`` for a broken trail. No file stays behind where anything is raised.
    """
    refuse_no_reason(reason)
    archive, on = new_id(), today()
    with owner_work() as work:
        ready(work.driver, code, final=final)
    if final:
        _hand_over(code, on, reason, archive)
    # waits for whoever writes the trail at this moment; on a snapshot it would fail on a busy day
    with owner_work(snapshot=False) as work, in_county(work, code, on, actor) as session:
        said = {"archive": archive, "kind": _kind(final), "reason": reason.strip(), "operator": operator()}
        record(session, "county.export", "tenant", None, said)
    with _new_file(path, archive) as (out, part):
        secret = os.urandom(DATA_KEY_BYTES)
        opened = write_header(out, archive, secret, way)
        with owner_work() as work:
            # what came up between the first look and the snapshot is in the snapshot
            ready(work.driver, code, final=final)
            manifest = _Writer(work, code, opened, out, on, key or own_key()).write(_kind(final), reason.strip())
        out.flush()
        written = read_archive(part, _Known(secret))
        with owner_work() as work:
            head = work.driver.execute(_HEAD, [code]).fetchone()
        if final and head and head[0] != manifest["trail"]["length"]:
            raise Conflict(
                "导出期间该单位仍有办理，档案包已作废",
                "the county went on working during the export; the file was taken away",
                where=code,
                mend_zh="单位已停止办理，请再导出一次",
                mend_en="it rests now: export once more",
            )
    return replace(written, path=path)


def refuse_no_reason(reason: str) -> None:
    """Refuse with ``InvalidInput`` what nobody gives a reason for."""
    if not reason.strip():
        raise InvalidInput(
            "请填写依据", "a reason is needed", where="--reason", mend_zh="写明文号或会议决定", mend_en="state why"
        )


class _Known:
    """Whoever has just written an archive reads it back by its key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def unwrap(self, _archive: uuid.UUID, _said: dict[str, Any]) -> bytes:
        """The key."""
        return self._key


def _kind(final: bool) -> str:
    return "final" if final else "copy"


def _hand_over(code: str, on: date, reason: str, archive: uuid.UUID) -> None:
    """Leave the county for reading, in the scope of the level above: from here on the database takes no write in it, and
    nothing that waits is carried out. ``resume`` undoes it."""
    with reference_work() as session:
        county = session.scalars(select(Tenant).where(Tenant.code == code)).one()
        if county.state in (Standing.READ_ONLY, Standing.CLOSED):
            return
        above = session.scalars(select(Tenant).where(Tenant.code == (county.prefecture or county.province))).one()
    with entered(scope_in(above, on, ACTOR)), unit_of_work() as session:
        life.move(session, [code], "read_only", reason=reason, detail={"archive": str(archive)})


@contextmanager
def _new_file(path: Path, archive: uuid.UUID) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file (0600), written beside its place; it appears under its name when the body is through, and not at all where
    anything is raised."""
    part = path.with_name(f"{path.name}.{archive}.part")
    if path.exists():
        raise _is_there(path)
    try:
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise _not_written(path, error) from None
    try:
        with os.fdopen(handle, "wb") as out:
            yield out, part
            out.flush()
            os.fsync(out.fileno())
        _publish(part, path)
    finally:
        part.unlink(missing_ok=True)


def _publish(part: Path, path: Path) -> None:
    """Give the file its name, which nobody else may have taken meanwhile."""
    try:
        try:
            path.hardlink_to(part)
        except FileExistsError:
            raise
        except OSError:
            # a file system without links (a memory stick): the name is taken first, then filled
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            part.replace(path)
        on_disk(path.parent)
    except FileExistsError:
        raise _is_there(path) from None
    except OSError as error:
        raise _not_written(path, error) from None


def _is_there(path: Path) -> InvalidInput:
    return InvalidInput(
        "文件已存在，不会覆盖",
        "the file is there already and is not overwritten",
        where=str(path),
        mend_zh="请换一个文件名",
        mend_en="name another file",
    )


def _not_written(path: Path, error: OSError) -> InvalidInput:
    return InvalidInput(
        f"文件无法写入（{type(error).__name__}）",
        f"the file cannot be written ({type(error).__name__})",
        where=str(path),
        mend_zh="请检查目录和权限",
        mend_en="check the folder and its permissions",
    )


class _Writer:
    """Writes one archive from one snapshot."""

    def __init__(self, work: Work, code: str, opened: Opened, out: BinaryIO, on: date, key: InstallationKey) -> None:
        self._work = work
        self._driver = work.driver
        self._code = code
        self._opened = opened
        self._on = on
        self._passage = Passage(work.driver, code, Keys(key), Keys(opened.inner))
        self._pieces = PieceWriter(out, opened)

    def write(self, kind: str, reason: str) -> dict[str, Any]:
        """Everything; the manifest."""
        tables = tables_here(self._driver)
        pieces: Any = self._pieces
        with tarfile.open(fileobj=pieces, mode="w|", bufsize=1 << 18, format=tarfile.PAX_FORMAT) as tar:
            self._tar = tar
            reference = read_reference(self._driver, self._code)
            self._put(REFERENCE, _json(reference))
            map_hashes(self._passage, sql.Identifier(*PERSON.split(".")), self._own_tenant_key(tables))
            told = [self._table(table) for table in tables]
            documents = self._documents()
            manifest = {
                "format": FORMAT,
                "archive": str(self._opened.id),
                "kind": kind,
                "reason": reason,
                "county": self._code,
                "union": reference["tenant"][-1]["union_name"],
                "platform": version("bangfu"),
                "schema": self._revisions(tables),
                "plugins": self._plugins(tables, told),
                "business_date": self._on.isoformat(),
                "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "reference": reference_shape(self._driver),
                "parameters": parameters_in(self._work, self._code, self._on),
                "tables": told,
                "rows": sum(table["rows"] for table in told),
                "documents": documents,
                "money": figures.money(self._driver, self._code),
                "sums": figures.sums(self._driver, self._code, tables),
                "trail": figures.chain(self._driver, self._code),
                "stayed": self._stayed(),
            }
            self._put(MANIFEST, _json(manifest))
        self._pieces.finish()
        return manifest

    def _own_tenant_key(self, tables: list[Table]) -> Any:
        keys = next(table for table in tables if table.full == KEYS)
        return tenant_key_of(self._passage, self._passage.old, keys.identifier)

    def _put(self, name: str, data: bytes) -> None:
        self._add(name, len(data), io.BytesIO(data))

    def _add(self, name: str, size: int, content: Any) -> None:
        info = tarfile.TarInfo(name)
        info.size = size
        self._tar.addfile(info, content)
        # the library keeps a list of what it wrote
        self._tar.members = []  # type: ignore[attr-defined]  # documented, not typed

    def _table(self, table: Table) -> dict[str, Any]:
        made = table.rule.passed_on
        joined = passed(self._passage, table, table.identifier)
        blank = {token.column for token in table.rule.tokens}
        query = rows_of(table, self._code, blank=blank, joined=joined, made=made)
        digest, rows, number = hashlib.sha256(), 0, 0
        for part, lines in _parts(self._driver, query):
            number, rows = number + 1, rows + lines
            digest.update(part)
            self._put(part_name(table.full, number), gzip.compress(part, 1, mtime=0))
        kept = digest
        if made:
            kept, _ = digest_of(self._driver, rows_of(table, self._code, blank=table.hung, joined=joined))
        return {**table.described(), "rows": rows, "sha256": digest.hexdigest(), "kept_sha256": kept.hexdigest()}

    def _documents(self) -> dict[str, Any]:
        seen = Seen(self._driver)
        for name, path in files_of(self._code):
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                hashed = Hashed(file)
                self._add(FILES + name, size, hashed)
            seen.note(name, size, hashed.digest())
        return seen.summary(self._code)

    def _revisions(self, tables: list[Table]) -> dict[str, str]:
        schemas = sorted({table.schema for table in tables})
        found = {}
        for schema in schemas:
            place = sql.Identifier(schema, "alembic_version")
            if self._driver.execute("select to_regclass(%s)", [f"{schema}.alembic_version"]).fetchone() != (None,):
                row = self._driver.execute(sql.SQL("select version_num from {}").format(place)).fetchone()
                found[schema] = str(row[0]) if row else ""
        return found

    def _plugins(self, tables: list[Table], told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Lines that the county has switched on, has cases of or rows in."""
        lines = {name: (on, cases) for name, on, cases in self._driver.execute(_LINES, {"tenant": self._code})}
        rows: dict[str, int] = {}
        for table, said in zip(tables, told, strict=True):
            if table.plugin is not None:
                rows[table.plugin] = rows.get(table.plugin, 0) + int(said["rows"])
        found = {}
        for name in sorted(lines.keys() | {plugin for plugin, count in rows.items() if count}):
            on, cases = lines.get(name, (False, 0))
            if on or cases or rows.get(name):
                release = host().infos[name].version if name in host().infos else None
                found[name] = {"version": release, "on": bool(on), "cases": int(cases), "rows": rows.get(name, 0)}
        return found

    def _stayed(self) -> dict[str, int]:
        """What stays behind, counted: rows of the outbox, marks in the identity index of nobody whom the county knows, and what
        is under way with other unions, whose side of it is not in the archive."""
        outbox = self._driver.execute(UNSENT, [self._code]).fetchall()
        return {
            "outbox_unsent": sum(count for _, count in outbox),
            "identity_marks": count_of(self._driver, _MARKS, self._code),
            "matters_under_way": count_of(self._driver, MATTERS, self._code),
            "transfers_under_way": count_of(self._driver, TRANSFERS, self._code),
        }


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1, default=str).encode()


def _copied(query: sql.Composable) -> sql.Composed:
    return sql.SQL("copy ({}) to stdout ({}, header)").format(query, sql.SQL(COPY_FORM))


def _parts(driver: Driver, query: sql.Composable) -> Iterator[tuple[bytes, int]]:
    """The rows of a query as CSV, some megabytes at a time with their number; the first part begins with the names."""
    held, lines = bytearray(), -1
    with driver.cursor() as cursor, cursor.copy(_copied(query)) as copy:
        for row in copy:
            held += row
            lines += 1
            if len(held) >= _PART_BYTES:
                yield bytes(held), lines
                held.clear()
                lines = 0
    if held or lines:
        yield bytes(held), lines


def digest_of(driver: Driver, query: sql.Composable) -> tuple[Any, int]:
    """The digest of a query's rows as an archive would hold them, and their number."""
    digest, rows = hashlib.sha256(), 0
    for part, lines in _parts(driver, query):
        digest.update(part)
        rows += lines
    return digest, rows
