"""Taking in an office's roster (导入困难职工档案): read, checked, compared with what is on file, written in one transaction.

A household with an error is held back whole, the others are written; all errors and warnings stay with the import. Sent
again, the same file writes nothing, and a corrected one only what differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.db.base import new_id
from core.db.bulk import copy_rows
from core.db.statements import tenant_sql
from core.errors import Conflict, InvalidInput
from core.host.manager import host
from core.people.heaps import without_collections
from core.people.imports.changes import Wanted, keep_changes, write_changed
from core.people.imports.holding import changed_since, holds
from core.people.imports.matching import Compared, compare
from core.people.imports.models import RosterChange, RosterHeading, RosterImport, RosterProblem
from core.people.imports.staging import drop_parts
from core.people.imports.writing import Adding, write_new
from core.people.roster import Checked, Problem, Understanding, check, understand
from core.people.roster.problems import NO_COLUMN, named
from core.people.sealing import Sealer
from core.scope import current_scope
from core.spreadsheets.cells import Reading
from core.spreadsheets.reading import open_spreadsheet

Told = Callable[[str, int, int], None]
"""Is told how far the work is: the step (``read``, ``compare``, ``write``), how many households, of how many."""
PROBLEM_COLUMNS: Final = (
    "import_id", "no", "severity", "compared", "kind", "sheet", "row", "letter", "column", "value", "household",
    "zh", "en", "mend_zh", "mend_en",
)  # fmt: skip
_APART: Final = 1_000_000
_FORMATS: Final[Mapping[str, tuple[str, str]]] = {
    "xlsx": (" .xlsx 工作簿", "an .xlsx workbook"),
    "xls": (" .xls 工作簿", "an .xls workbook"),
    "ods": (" .ods 电子表格", "an .ods spreadsheet"),
    "text": ("文本（.csv、.txt）", "a text (.csv, .txt)"),
}
"""Formats in words, Chinese and English."""


def silent(_step: str, _done: int, _total: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found in a file, and how it compares with what is on file. ``read`` are the counts of the file alone;
    ``from_file`` of the problems are its own, the others come of comparing."""

    checked: Checked
    compared: Compared
    read: Mapping[str, int]
    from_file: int

    @property
    def of_comparing(self) -> list[Problem]:
        """Problems that what is on file has shown."""
        return self.checked.problems[self.from_file :]

    @property
    def counts(self) -> dict[str, Any]:
        """Households by what becomes of them, persons, errors and warnings, values that change."""
        compared = self.compared
        changes = [change for known in compared.changed for change in known.changes]
        return {
            "read": dict(self.read),
            "errors": self.checked.counts["errors"],
            "warnings": self.checked.counts["warnings"],
            "new": len(compared.new),
            "new_persons": sum(len(one.draft.people) - len(one.known) for one in compared.new),
            "changed": len(compared.changed),
            "same": compared.same,
            "held_back": self.read["held_back"] + len(compared.held_back),
            "former": sum(one.draft.file.get("former_kind") is not None for one in compared.new),
            "changes": len(changes),
            "contested": sum(change.contested for change in changes),
        }


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What came of a roster; ``id`` is None where nothing was to be written. ``problems`` as they are shown, errors first."""

    id: UUID | None
    households: int
    persons: int
    held_back: int
    problems: list[dict[str, Any]]
    counts: dict[str, Any]


def programme_labels() -> dict[str, str]:
    """Labels of 申请项目 and the codes of the programmes that installed plugins bring."""
    return {programme.zh: programme.code for programme in host().collected("bangfu_programmes")}


def remembered(session: Session) -> dict[str, str | None]:
    """What the county has said of headings, by heading."""
    return {row.heading: row.field for row in session.execute(select(RosterHeading.heading, RosterHeading.field))}


def examine(
    session: Session, reading: Reading, programmes: Mapping[str, str] | None = None, told: Told = silent
) -> tuple[Understanding, Examined]:
    """Understand, check and compare a file for the tenant in scope, as of the business date; writes nothing.

    Raises ``InvalidInput`` where no roster can be read from it.
    """
    understanding = understand(reading, remembered(session))
    return understanding, examined(session, read(reading, understanding, programmes), told=told)


def read(reading: Reading, understanding: Understanding, programmes: Mapping[str, str] | None = None) -> Checked:
    """The households of a file, and everything that is wrong with it; asks nothing of what is on file."""
    scope = current_scope()
    labels = programme_labels() if programmes is None else programmes
    checked = check(reading, understanding, scope.business_date, labels, county=scope.tenant)
    if reading.misnamed:
        checked.problems.insert(0, _misnamed(reading, understanding))
        checked.counts["warnings"] += 1
    return checked


def _misnamed(reading: Reading, understanding: Understanding) -> Problem:
    """What is told of a file whose name says another format than its bytes; as the first sheet's, for each problem is some
    sheet's."""
    zh, en = _FORMATS[reading.format]
    words = {"ending": Path(reading.file_name).suffix, "format": zh, "format_en": en}
    return Problem(understanding.sheets[0].name, 0, NO_COLUMN, "misnamed", words=words)


def examined(session: Session, checked: Checked, counts: Mapping[str, int] | None = None, told: Told = silent) -> Examined:
    """Compare what was read with what is on file now. ``counts`` are those of the file, where it was read before."""
    own = counts or {**checked.counts, "held_back": len(checked.held_back)}
    from_file, total = len(checked.problems), len(checked.drafts)
    compared = compare(session, checked, lambda done: told("compare", done, total))
    return Examined(checked, compared, own, from_file)


def look_through(session: Session, path: Path, *, programmes: Mapping[str, str] | None = None) -> TakenIn:
    """What would come of the file at ``path``; nothing is written. Raises as ``import_roster``."""
    _require()
    with open_spreadsheet(path) as reading:
        _, found = examine(session, reading, programmes)
    counts = found.counts
    persons = counts["new_persons"]
    return TakenIn(
        None, counts["new"] + counts["changed"], persons, counts["held_back"], sorted_problems(found.checked), counts
    )


def import_roster(session: Session, path: Path, *, programmes: Mapping[str, str] | None = None, told: Told = silent) -> TakenIn:
    """Take in the file at ``path`` for the tenant in scope, as of the business date, without a preview.

    A file that was taken in before (same bytes) gives what came of it and writes nothing, unless households were held back:
    then it is read again, and what went in is found unchanged. What somebody here corrected after the last import stays as it
    is. ``programmes`` maps labels of 申请项目 to codes (by default those of the installed
    plugins). Raises ``Forbidden`` without people.import, ``InvalidInput`` where no roster can be read from the file, and
    ``Conflict`` while the same file is being worked on.
    """
    _require()
    digest = digest_of(path)
    lock_imports(session)
    made = import_of(session, digest)
    if made is not None and made.state == "committed":
        return taken_in_before(session, made)
    if made is not None and made.state in ("checking", "committing"):
        raise Conflict("同一文件正在办理导入", "the same file is being worked on", where=path.name)
    with without_collections(), open_spreadsheet(path) as reading:
        understanding, found = examine(session, reading, programmes, told)
    if made is None:
        made = new_import(digest, path.name, path.stat().st_size)
        session.add(made)
    made.understanding = understanding.as_json()
    session.flush()
    if not holds(session, found.compared):
        raise changed_since(made.file_name)
    with without_collections():
        commit(session, made, found, {}, told)
    return TakenIn(made.id, made.households, made.persons, made.held_back, sorted_problems(found.checked), dict(made.counts))


def _require() -> None:
    scope = current_scope()
    if not scope.is_system:
        scope.require("people.import")


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal. Raises ``InvalidInput`` where there is no such file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        raise InvalidInput(
            "找不到文件", "no such file", where=path.name, mend_zh="请重新选择文件", mend_en="choose the file again"
        ) from None


def lock_imports(session: Session) -> None:
    """Let one import of the tenant at a time decide what is written; the second of two waits here for the first."""
    session.execute(tenant_sql("select pg_advisory_xact_lock(hashtext('roster_import' || :tenant))"))


def import_of(session: Session, digest: str) -> RosterImport | None:
    """The import of a file with these bytes that was not discarded: the one that waits, else the last that was written. None
    where that held households back: what held them may have changed since, so the file may come again as it is."""
    asked = select(RosterImport).where(RosterImport.digest == digest, RosterImport.state != "discarded")
    made = session.scalars(asked.order_by(RosterImport.state == "committed", RosterImport.id.desc()).limit(1)).first()
    return None if made is not None and made.state == "committed" and made.held_back else made


def new_import(digest: str, file_name: str, size: int) -> RosterImport:
    """An import that begins, by whom and on which business date."""
    scope = current_scope()
    return RosterImport(
        id=new_id(),
        digest=digest,
        file_name=named(file_name),
        size=size,
        state="checking",
        actor=scope.actor,
        business_date=scope.business_date,
    )


def commit(session: Session, made: RosterImport, found: Examined, wanted: Wanted, told: Told = silent) -> None:
    """Write what was examined, in the transaction of the caller, and say in the import what came of it. The caller has seen
    that the comparison holds (``core.people.imports.holding``)."""
    scope, compared = current_scope(), found.compared
    keep_found(session, made, found, wanted)
    adding = Adding(Sealer(session), made.id, scope.business_date.replace(month=1, day=1), scope.business_date)
    changed, added = write_changed(session, adding, compared.changed, wanted)
    write_new(session, made.id, compared.new, lambda done: told("write", done, len(compared.new)))
    made.state, made.refusal = "committed", None
    made.committed_at = datetime.now(UTC)
    made.committed_by = scope.actor
    made.households = len(compared.new) + changed
    made.persons = made.counts["new_persons"] + added
    made.counts = made.counts | {"written_changed": changed, "added_members": added}
    made.kept_until = None
    drop_parts(session, [made.id])
    session.flush()


def keep_found(session: Session, made: RosterImport, found: Examined, wanted: Wanted) -> None:
    """Keep what was found in the place of what was found before: problems, changes, counts. Where the file was read before, its
    own problems stand already, and those of comparing alone are new."""
    again = found.from_file == 0 and "read" in made.counts
    gone = delete(RosterProblem).where(RosterProblem.import_id == made.id)
    session.execute(gone.where(RosterProblem.compared) if again else gone)
    session.execute(delete(RosterChange).where(RosterChange.import_id == made.id))
    problems = [(one, False) for one in found.checked.problems[: found.from_file]]
    problems += [(one, True) for one in found.of_comparing]
    copy_rows(session, RosterProblem, list(_problem_rows(made.id, problems)), PROBLEM_COLUMNS)
    keep_changes(session, made.id, found.compared.changed, wanted)
    made.counts = found.counts
    made.held_back = made.counts["held_back"]
    made.households = made.counts["new"] + made.counts["changed"]
    made.persons = made.counts["new_persons"]


def _problem_rows(import_id: UUID, problems: Sequence[tuple[Problem, bool]]) -> Iterator[tuple[Any, ...]]:
    """Rows numbered so that errors come before warnings, and those of the file before those of comparing."""
    for no, (one, compared) in enumerate(problems, 1):
        place = no + _APART * (2 * (one.severity != "error") + compared)
        where = (one.sheet, one.row, one.letter, one.column, one.value, one.household)
        yield (import_id, place, one.severity, compared, one.kind, *where, one.zh, one.en, one.mend_zh, one.mend_en)


def ordered(problems: Sequence[Problem]) -> list[Problem]:
    """Errors first, then warnings, each in the order of the file."""
    return sorted(problems, key=lambda one: one.severity != "error")


def sorted_problems(checked: Checked) -> list[dict[str, Any]]:
    """All problems as they are shown, errors first."""
    return [one.as_json() for one in ordered(checked.problems)]


def taken_in_before(session: Session, made: RosterImport) -> TakenIn:
    """What came of an import when it was written."""
    asked = select(RosterProblem).where(RosterProblem.import_id == made.id).order_by(RosterProblem.no)
    names = [name for name in PROBLEM_COLUMNS if name not in ("import_id", "no", "compared")]
    problems = [
        {name: getattr(one, name) for name in names} | {"message": f"{one.zh}。{one.mend_zh}"} for one in session.scalars(asked)
    ]
    return TakenIn(made.id, made.households, made.persons, made.held_back, problems, dict(made.counts))
