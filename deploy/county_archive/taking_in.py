"""Taking a county in from a file: compared with what is here, written in one transaction, proved equal before the commit."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import insert
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from core.db.base import new_id
from core.errors import Conflict
from core.identity.changes import tell_changed, tell_tenant_opened
from core.scope import Standing
from core.tenancy.models import TenantChange
from core.trail.service import record
from core.vault.key_file import InstallationKey
from deploy.county_archive import figures
from deploy.county_archive.errors import DoesNotFit, NotEqual
from deploy.county_archive.files import Incoming, Seen, drop_marked, finish_renaming, keep_marked, marked
from deploy.county_archive.fitting import fitting_tables, refuse_unfit_rows
from deploy.county_archive.passing import Keys, Passage, map_hashes, passed, tenant_key_of, tokens_made
from deploy.county_archive.reading import FILES, Archive, Member
from deploy.county_archive.reference import REREAD, Arrival, fitted, holding, parameters_in, read_reference, write_reference
from deploy.county_archive.session import ACTOR, Work, in_county, operator, own_key, owner_work, today
from deploy.county_archive.tables import COPY_FORM, KEYS, PERSON, Driver, Table, rows_of
from deploy.county_archive.writing import digest_of, refuse_no_reason

_NOTE: Final = "county-archive/"
_ARRIVES: Final = {Standing.SUSPENDED.value: "suspend", Standing.READ_ONLY.value: "read_only"}
_OPENED: Final = """
    select exists (select 1 from tenant where code = %(tenant)s and state <> 'planned')
        or exists (select 1 from document where tenant = %(tenant)s)
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of it: ``already`` where this very archive had been taken in before, and nothing was done."""

    archive: Archive
    already: bool
    rows: int = 0
    opened: int = 0
    """Persons whose identity number opened under this installation's keys."""
    left_aside: Mapping[str, int] = field(default_factory=dict)
    """Rows by table of plugins that are not installed here and were left in the file, as was asked for."""
    state: str = ""
    checks: Mapping[str, Any] = field(default_factory=dict)
    """What was compared with the manifest and found the same, with its figures."""
    parameters_differ: Mapping[str, Any] = field(default_factory=dict)
    """Figures of policy that hold otherwise here: what the archive says, and what holds. The levels above have to see to it."""

    def report(self) -> dict[str, Any]:
        """For the console and ``--json``."""
        said = self.archive.manifest
        return {
            "archive": said["archive"],
            "county": said["county"],
            "union": said["union"],
            "kind": said["kind"],
            "already": self.already,
            "state": self.state,
            "rows": self.rows,
            "tables": {table["table"]: table["rows"] for table in said["tables"]},
            "documents": said["documents"],
            "money": said["money"],
            "sums": said["sums"],
            "trail": said["trail"],
            "identities_opened": self.opened,
            "left_aside": dict(self.left_aside),
            "stayed": said["stayed"],
            "checks": dict(self.checks),
            "parameters_differ": dict(self.parameters_differ),
        }


def import_county(
    archive: Archive,
    key: InstallationKey | None = None,
    *,
    reason: str,
    logins: Mapping[str, str] | None = None,
    leave_aside: Collection[str] = (),
    copy: bool = False,
    actor: str = ACTOR,
) -> Taken:
    """Take in the county of an archive that was read whole; nothing is there unless everything is, and equal.

    ``logins`` gives other logins to accounts whose own is taken here; ``leave_aside`` names plugins that are not installed
    here and whose rows stay in the file. A county that was at work arrives suspended, from a copy, which ``copy`` allows, for
    reading: the level above lets it go on.

    Raises ``InvalidInput`` without a reason, ``DoesNotFit`` with all that differs, ``Conflict`` while the same county is being
    taken in, ``NotEqual`` where what was written is not what the archive says.
    """
    refuse_no_reason(reason)
    code, on = archive.county, today()
    if archive.manifest["kind"] == "copy" and not copy:
        raise DoesNotFit(
            "档案包是副本，该单位可能仍在原处办理",
            "the archive is a copy: the county may be at work where it was made",
            where=archive.manifest["archive"],
            mend_zh="迁移请用 --final 导出的档案包；演练或留存的加 --copy，导入后仅供查阅",
            mend_en="to move a county, export it with --final; to rehearse or keep it add --copy: it is taken in for reading",
        )
    try:
        with owner_work(alone=code) as work:
            _mend(work.driver, code)
            if _known(work.driver, archive.opened.id):
                finish_renaming(code, archive.opened.id)
                _mend(work.driver, code)
                return Taken(archive, already=True)
            taking = _Taking(work, archive, key or own_key(), on, actor)
            taking.fit(dict(logins or {}), frozenset(leave_aside))
            with Incoming(code, archive.opened.id) as incoming:
                with _told():
                    taken = taking.take(reason.strip(), incoming)
                incoming.settle()
    finally:
        _tidy(code)
    return taken


def _tidy(code: str) -> None:
    """Say of files that were settled whose they are now: asked of the database, which alone knows whether the commit held."""
    if marked(code) is not None:
        # whoever is at it meanwhile says it himself
        with suppress(Conflict), owner_work(alone=code) as work:
            _mend(work.driver, code)


def _mend(driver: Driver, code: str) -> None:
    """End what an interrupted import left. Its files are the county's where it was committed; they are nobody's where it was
    not, unless the county has been opened here meanwhile and keeps its own files beside them."""
    left = marked(code)
    if left is None:
        return
    opened = driver.execute(_OPENED, {"tenant": code}).fetchone()
    if _known(driver, left) or opened != (False,):
        keep_marked(code)
    else:
        drop_marked(code)


@contextmanager
def _told() -> Iterator[None]:
    """What the database refuses of an archive, in words that name the place."""
    try:
        yield
    except (psycopg.IntegrityError, psycopg.DataError, IntegrityError, DataError) as error:
        found = error.orig if isinstance(error, DBAPIError) else error
        said = found.diag if isinstance(found, psycopg.Error) else None
        place = [part for part in (said.table_name, said.column_name, said.constraint_name) if part] if said else []
        raise DoesNotFit(
            "档案包中的数据不符合本安装数据库的约束，已全部撤回",
            "the database refuses what is in the archive; all was taken back",
            where=" ".join(place) or type(found).__name__,
            mend_zh="请保留档案包，核对两边的版本；无法查明的联系开发方",
            mend_en="keep the archive, compare the versions of both sides, or report it",
        ) from None
    except psycopg.errors.SerializationFailure:
        raise Conflict("导入期间另有人办理该单位，请重试", "somebody else was at the county meanwhile: try again") from None


def _known(driver: Driver, archive: object) -> bool:
    return driver.execute("select 1 from installation where key = %s", [f"{_NOTE}{archive}"]).fetchone() is not None


class _Taking:
    """One county on its way in, inside of one transaction."""

    def __init__(self, work: Work, archive: Archive, key: InstallationKey, on: date, actor: str) -> None:
        self._work = work
        self._driver = work.driver
        self._archive = archive
        self._code = archive.county
        self._on = on
        self._actor = actor
        self._passage = Passage(work.driver, self._code, Keys(archive.opened.inner), Keys(key))
        self._staged: dict[str, sql.Composable] = {}
        self._loaded: dict[str, int] = {}
        self._opened = 0

    def fit(self, logins: Mapping[str, str], leave_aside: frozenset[str]) -> None:
        """Compare everything with what is here, before anything is written; raises ``DoesNotFit``."""
        self._tables, self._aside = fitting_tables(self._driver, self._archive.manifest, self._code, leave_aside)
        self._arrival = fitted(self._driver, self._archive.reference, logins)

    def take(self, reason: str, incoming: Incoming) -> Taken:
        """Everything, proved equal."""
        tables, arrival, state = self._tables, self._arrival, self._state()
        self._reference(arrival, state)
        seen = Seen(self._driver)
        for table, members in self._archive.by_table():
            if table is not None:
                if table in tables:
                    self._load(tables[table], members)
                continue
            for member in members:
                if member.name.startswith(FILES):
                    name = member.name.removeprefix(FILES)
                    seen.note(name, *incoming.put(name, member.content))
        refuse_unfit_rows(self._driver, self._archive.reference, self._code)
        checks = self._prove(tables, seen.summary(self._code))
        self._open_levels(arrival)
        self._settle(arrival, state, reason)
        rows = sum(table["rows"] for table in self._archive.manifest["tables"] if table["table"] in tables)
        differ = self._parameters()
        return Taken(self._archive, False, rows, self._opened, self._aside, state, checks, differ)

    def _parameters(self) -> dict[str, Any]:
        here = parameters_in(self._work, self._code, self._on)
        there = self._archive.manifest["parameters"]
        return {
            name: {"archive": there.get(name), "here": here.get(name)}
            for name in sorted(there.keys() | here.keys())
            if there.get(name) != here.get(name)
        }

    def _state(self) -> str:
        """The state in which the county arrives: what was at work waits until the level above lets it go on, a copy in reading
        alone, since the county may be at work where the copy was made."""
        there = Standing(self._archive.reference["tenant"][-1]["state"])
        if there not in (Standing.OPEN, Standing.SUSPENDED, Standing.READ_ONLY):
            return there.value
        return (Standing.READ_ONLY if self._archive.manifest["kind"] == "copy" else Standing.SUSPENDED).value

    def _reference(self, arrival: Arrival, state: str) -> None:
        try:
            write_reference(self._driver, self._archive.reference, arrival, state, self._on)
        except psycopg.errors.ExclusionViolation as error:
            raise DoesNotFit(
                "岗位与本安装已有岗位互斥",
                "a post excludes one that the account holds here",
                where=error.diag.constraint_name,
                mend_zh="三员等岗位不得兼任：请在导出方先终止该岗位后重新导出",
                mend_en="end the post at the exporting installation and export again",
            ) from None

    def _load(self, table: Table, members: Iterator[Member]) -> None:
        hung = bool(table.hung)
        target = self._staging(table) if hung else table.identifier
        query = sql.SQL("copy {} ({}) from stdin ({}, header match)").format(target, table.column_list(), sql.SQL(COPY_FORM))
        with self._driver.cursor() as cursor:
            with cursor.copy(query) as copy:
                for member in members:
                    copy.write(gzip.decompress(member.content.read()))
            self._loaded[table.full] = cursor.rowcount
        if hung:
            self._settle_hung(table, target)

    def _staging(self, table: Table) -> sql.Composable:
        place = sql.Identifier(f"staged_{table.schema}_{table.name}"[:63])
        self._driver.execute(
            sql.SQL("create temporary table {} on commit drop as select {} from {} with no data").format(
                place, table.column_list(), table.identifier
            )
        )
        self._staged[table.full] = place
        return place

    def _settle_hung(self, table: Table, staged: sql.Composable) -> None:
        """From the staging table into its own, with what hangs on the installation's key made anew."""
        made = [token.column for token in table.rule.tokens]
        joined: sql.Composable | None
        if made:
            key = tenant_key_of(self._passage, self._passage.old, self._staged[KEYS])
            if table.full == PERSON:
                self._opened = map_hashes(self._passage, staged, key)
            joined = tokens_made(self._passage, table, staged, key)
        else:
            made = list(table.rule.passed_on)
            joined = passed(self._passage, table, staged)
        rows = rows_of(table, self._code, blank=(), source=staged, joined=joined, made=made)
        self._driver.execute(sql.SQL("insert into {} ({}) {}").format(table.identifier, table.column_list(), rows))

    def _prove(self, tables: Mapping[str, Table], documents: Mapping[str, Any]) -> dict[str, Any]:
        """Compare what stands here now with the manifest, to the byte and to the fen; what was the same, in figures. Raises
        ``NotEqual``."""
        said = self._archive.manifest
        unequal = []
        for one in said["tables"]:
            if (table := tables.get(one["table"])) is not None:
                digest, rows = digest_of(self._driver, rows_of(table, self._code, blank=table.hung))
                # rows of another county, which no archive has, would be counted on one side alone
                if not rows == one["rows"] == self._loaded.get(table.full) or digest.hexdigest() != one["kept_sha256"]:
                    unequal.append(f"{table.full}: {rows} ≠ {one['rows']}")
                self._advance_numbers(table)
        kept = {name: fen for name, fen in said["sums"].items() if name.rsplit(".", 1)[0] in tables}
        found = {
            "documents": documents,
            "money": figures.money(self._driver, self._code),
            "sums": figures.sums(self._driver, self._code, list(tables.values())),
            "trail": figures.chain(self._driver, self._code),
        }
        unequal += [name for name, value in found.items() if value != (kept if name == "sums" else said[name])]
        reread = read_reference(self._driver, self._code)
        unequal += [name for name in REREAD if reread[name] != self._archive.reference[name]]
        if figures.unbalanced(self._driver, self._code):
            unequal.append("ledger_entry")
        # the county's key opens under this installation's: everything sealed under it does
        tenant_key_of(self._passage, self._passage.new, tables[KEYS].identifier)
        if unequal:
            raise NotEqual(
                f"导入结果与档案包不一致：{'、'.join(unequal[:10])}，已全部撤回",
                f"what was written is not what the archive says: {', '.join(unequal[:10])}; all was taken back",
                where=self._code,
                mend_zh="请保留档案包并联系开发方",
                mend_en="keep the archive and report it",
            )
        return {
            "tables_equal_to_the_byte": len(tables),
            "rows": sum(self._loaded.values()),
            "columns_of_amounts_equal_to_the_fen": len(kept),
            "accounts_of_the_ledger_balanced": len(said["money"]["balances"]),
            "links_of_the_trail": said["trail"]["length"],
            "documents": documents["count"],
            "identity_numbers_opened": self._opened,
        }

    def _advance_numbers(self, table: Table) -> None:
        """Have numbers that the database counts up itself go on behind the greatest that came in."""
        for name, kind in table.columns:
            if kind in ("integer", "bigint", "smallint"):
                row = self._driver.execute("select pg_get_serial_sequence(%s, %s)", [table.full, name]).fetchone()
                if row and row[0]:
                    self._driver.execute(
                        sql.SQL("select setval({}, greatest((select coalesce(max({}), 1) from {}), nextval({})))").format(
                            sql.Literal(row[0]), sql.Identifier(name), table.identifier, sql.Literal(row[0])
                        )
                    )

    def _open_levels(self, arrival: Arrival) -> None:
        """Levels above that came along have no rows here; they need a data key to work."""
        for row in arrival.tenants:
            self._driver.execute(
                "insert into tenant_key (tenant, version, wrapped) values (%s, 1, %s)",
                [row["code"], self._passage.new.ring.new_tenant_key(row["code"])],
            )

    def _settle(self, arrival: Arrival, state: str, reason: str) -> None:
        """Say in the county's history and trail that it came, and remember the archive."""
        said = self._archive.manifest
        county = self._archive.reference["tenant"][-1]
        detail = {"archive": said["archive"], "kind": said["kind"], "written_at": said["written_at"]}
        if (act := _ARRIVES.get(state)) is not None:
            change = insert(TenantChange).values(
                id=new_id(),
                tenant_code=self._code,
                province=county["province"],
                prefecture=county["prefecture"],
                act=act,
                state=state,
                reason=reason,
                detail=detail,
                actor=self._actor,
                by_tenant=county["prefecture"] or county["province"],
                business_date=self._on,
            )
            self._work.connection.execute(change)
        self._driver.execute(
            "insert into installation (key, value) values (%s, %s)",
            [_NOTE + said["archive"], Jsonb({**detail, "county": self._code, "rows": said["rows"]})],
        )
        with in_county(self._work, self._code, self._on, self._actor) as session:
            fields = {
                **detail,
                "reason": reason,
                "operator": operator(),
                "rows": said["rows"],
                "head": said["trail"]["head"],
            }
            record(session, "county.import", "tenant", None, fields)
            tell_tenant_opened(session, self._code)
            held = holding(self._archive.reference, self._on)
            for row in arrival.accounts:
                if row["id"] in held and not row["is_program"]:
                    tell_changed(session, uuid.UUID(row["id"]), "account")
