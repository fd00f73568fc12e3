"""The work behind an import: reading and checking a file, writing what was checked.

Each is one transaction, all or nothing; how far it is stands in the job's own row.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import InvalidInput
from core.host.declarations import COUNTIES, ChunkPlan, JobKindDecl
from core.jobs.service import start_job
from core.jobs.telling import tell
from core.people.heaps import without_collections
from core.people.imports.changes import Wanted
from core.people.imports.holding import changed_since, holds
from core.people.imports.importer import Told, commit, examined, keep_found, lock_imports, read, remembered
from core.people.imports.models import RosterChange, RosterImport
from core.people.imports.service import CHECK_JOB, COMMIT_JOB
from core.people.imports.staging import keep_drafts, kept_drafts, open_kept, sealed_drafts
from core.people.roster import Checked, Understanding, understand
from core.people.roster.checking import columns_of
from core.people.roster.fields import field_of
from core.people.roster.grid import value_of_inline
from core.people.roster.problems import shown
from core.scope import current_scope
from core.spreadsheets.cells import Reading
from core.tenancy.keys import tenant_key

DUPLICATES: Final = "duplicates"
"""The job that looks for persons who may be here twice (``core.people.duplicates.jobs``), started after each import."""
Params = Mapping[str, Any]
Samples = dict[str, dict[str, list[str]]]
STEPS: Final[Mapping[str, str]] = {
    "read": "读取并核对表格",
    "compare": "与在册档案比对",
    "write": "写入档案",
}
"""Steps of the work as the page says them."""
_EVERY_S: Final = 0.5
_COMPARISONS: Final = 5
"""Clerks may save changes while a roster is compared; each time what they saved is locked and compared anew."""
_ROWS_SAMPLED: Final = 20
_SAMPLES: Final = 3


def _plan_check(_session: Session, _params: Params) -> Sequence[ChunkPlan]:
    return [ChunkPlan("读取、核对、比对", {})]


def _plan_commit(_session: Session, _params: Params) -> Sequence[ChunkPlan]:
    return [ChunkPlan("写入档案", {})]


def teller(job_id: UUID | None) -> Told:
    """Tells in the row of a job how far it is, a few times a second at most."""
    last = 0.0

    def told(step: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if job_id is not None and now - last >= _EVERY_S:
            last = now
            tell(job_id, {"step": step, "done": done, "total": total})

    return told


def check_import(session: Session, params: Params, _payload: Params) -> Params:
    """Read, check and compare the file of an import, and keep what was found. One that was discarded or corrected meanwhile is
    left alone."""
    with without_collections():  # what was read is gone again when they go on
        return _checked(session, params)


def _checked(session: Session, params: Params) -> Params:
    import_id = UUID(params["import"])
    made = _due(session, params)
    if made is None:
        return {}
    told, understanding, samples = teller(made.job_id), None, {}
    told("read", 0, 0)
    try:
        with open_kept(session, import_id, made.file_name) as reading:
            understanding = understand(reading, remembered(session))
            samples = samples_of(reading, understanding)
            checked = read(reading, understanding)
        with ThreadPoolExecutor(1) as aside:
            sealing = aside.submit(sealed_drafts, tenant_key(session), import_id, checked.drafts)
            found = examined(session, checked, told=told)
    except InvalidInput as error:
        return _refused(session, params, understanding, samples, error)
    made = _due(session, params, lock=True)
    if made is None:
        return {}
    made.understanding = understanding.as_json()
    made.state, made.checked_at = "checked", datetime.now(UTC)
    made.samples, made.counts = samples, {}
    keep_drafts(session, import_id, sealing.result())
    keep_found(session, made, found, {})
    session.flush()
    return {"households": made.households, "held_back": made.held_back}


def _due(session: Session, params: Params, *, lock: bool = False) -> RosterImport | None:
    """The import, where it still waits for this very check."""
    asked = select(RosterImport).where(RosterImport.id == UUID(params["import"]))
    asked = asked.where(RosterImport.state == "checking", RosterImport.rounds == params["rounds"])
    return session.scalar(asked.with_for_update().execution_options(populate_existing=True) if lock else asked)


def samples_of(reading: Reading, understanding: Understanding) -> Samples:
    """Masked values of the first rows of each sheet that is read, by numbers of sheet and column."""
    found: Samples = {}
    for sheet in understanding.sheets:
        if sheet.layout == "ignored":
            continue
        rows = next(iter(reading.rows(sheet.index)), [])
        below = [row.cells for row in rows if row.number >= sheet.first_row][:_ROWS_SAMPLED]
        of_sheet = found.setdefault(str(sheet.index), {})
        for column in sheet.columns:
            holds = field_of(column.field).holds if column.field else ""
            if column.row:  # a label of a form, which has its value in one place
                places = [row.cells[column.index : column.index + 1] for row in rows if row.number == column.row]
                values = [value_of_inline(cell, column.heading) for cells in places for cell in cells if cell is not None]
            else:
                values = [cells[column.index] for cells in below if cells[column.index : column.index + 1] not in ([], [None])]
            of_sheet[str(column.index)] = list(dict.fromkeys(shown(holds, value) for value in values))[:_SAMPLES]
    return found


def _refused(
    session: Session, params: Params, understanding: Understanding | None, samples: Samples, error: InvalidInput
) -> Params:
    """Keep why a file cannot be read; that is an answer, not a failure of the work."""
    made = _due(session, params, lock=True)
    if made is not None:
        made.state, made.checked_at = "refused", datetime.now(UTC)
        made.understanding = understanding.as_json() if understanding is not None else {}
        made.samples, made.refusal = samples, refusal_of(error)
        session.flush()
    return {"refused": getattr(error, "kind", error.code)}


def refusal_of(error: InvalidInput) -> dict[str, Any]:
    """Why a file cannot be read, as it is kept and told."""
    return {
        "kind": getattr(error, "kind", error.code),
        "message": f"{error.zh}。{error.mend_zh}" if error.mend_zh else error.zh,
        "zh": error.zh,
        "en": error.en,
        "mend_zh": error.mend_zh or "",
        "mend_en": error.mend_en or "",
    }


def commit_import(session: Session, params: Params, _payload: Params) -> Params:
    """Write a checked import, compared anew with what is on file now; once it is written nothing happens again."""
    import_id = UUID(params["import"])
    lock_imports(session)
    asked = select(RosterImport).where(RosterImport.id == import_id, RosterImport.state == "committing")
    made = session.scalar(asked.with_for_update())
    if made is None:
        return {}
    told = teller(made.job_id)
    counts = dict(made.counts["read"])
    wanted = _wanted(session, import_id)
    with without_collections():
        drafts = [draft for piece in kept_drafts(session, import_id) for draft in piece]
        columns = columns_of(Understanding.from_json(made.understanding))
        for _ in range(_COMPARISONS):
            found = examined(session, Checked(drafts=drafts, counts=Counter(counts), columns=columns), counts, told)
            if holds(session, found.compared):
                break
        else:
            raise changed_since(made.file_name)
        commit(session, made, found, wanted, told)
    if made.persons and _may_look_for_doubles():
        start_job(session, DUPLICATES, f"import/{import_id}", {}, f"查找疑似重复人员（{made.file_name}）")
    session.flush()
    return {"households": made.households, "persons": made.persons, "held_back": made.held_back}


def _may_look_for_doubles() -> bool:
    scope = current_scope()
    return scope.is_system or scope.may("people.write")


def _wanted(session: Session, import_id: UUID) -> Wanted:
    """The contested values for which the file's was chosen, as they were shown."""
    asked = select(RosterChange).where(RosterChange.import_id == import_id, RosterChange.contested, RosterChange.taken)
    return {(row.household_id, row.person_id, row.part, row.column): row.becomes for row in session.scalars(asked)}


def _sum(_session: Session, _params: Params, results: Sequence[Params]) -> Params:
    return dict(results[0]) if results else {}


JOB_KINDS = (
    JobKindDecl(
        CHECK_JOB,
        "核对导入文件",
        "check a file to be imported",
        _plan_check,
        check_import,
        _sum,
        "people.import",
        levels=COUNTIES,
        listed=False,
    ),
    JobKindDecl(
        COMMIT_JOB,
        "导入困难职工档案",
        "write an import",
        _plan_commit,
        commit_import,
        _sum,
        "people.import",
        levels=COUNTIES,
        listed=False,
    ),
)
