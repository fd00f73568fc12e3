"""Imports of spreadsheets (导入): sent, looked through column by column, corrected, written or given up."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Mapping, Sequence
from tempfile import TemporaryFile
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, Response

from core.db.session import unit_of_work
from core.errors import BangfuError, Conflict, Forbidden, NotFound
from core.jobs.repository import OPEN
from core.jobs.service import progress
from core.people.imports.annotated import annotate
from core.people.imports.changes import label_of
from core.people.imports.jobs import STEPS
from core.people.imports.models import STATES, RosterImport
from core.people.imports.service import (
    BY_ITSELF,
    COMMIT,
    CORRECT,
    DISCARD,
    KEPT_DAYS,
    LEAVE,
    READ,
    SEND,
    SUFFIXES,
    changes,
    choose_changes,
    correct_columns,
    discard,
    facets,
    go_on,
    import_named,
    imports,
    problems,
    said_of,
    send,
    start_commit,
)
from core.people.roster import KINDS, Understanding, targets
from core.settings import settings
from core.web.context import changed, go, requires, show
from core.web.handing_out import streamed
from core.web.pages import words
from core.web.paging import After, cut, next_url

router = APIRouter()
_READS = Depends(requires(READ))
_PAGE = 50
_CHANGES = 100
_TONES = {"committed": "ok", "refused": "bad", "discarded": "", "checked": "warn"}
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Filter = Annotated[str | None, Query(max_length=60)]
Number = Annotated[int, Query(ge=0, le=2**31 - 1)]


@router.get("/imports", dependencies=[_READS])
def import_list(request: Request, after: After = None) -> HTMLResponse:
    """All imports, the newest first, and the form by which a file is sent."""
    return _list(request, after)


@router.post("/imports", dependencies=[Depends(requires(SEND))])
def upload(request: Request, tenant: str, file: Annotated[UploadFile | None, File()] = None) -> Response:
    """Send a file; it is checked in the background. The same file again leads to the import that is there."""
    if file is None:
        return _list(request, refused=_no_file())
    try:
        with unit_of_work() as session:
            sent = send(session, file.filename or "", file.file)
            url, state = f"/{tenant}/imports/{sent.made.id}", STATES[sent.made.state]
    except (Forbidden, NotFound):
        raise
    except BangfuError as error:
        return _list(request, refused=error)
    return go(
        url, "已收到文件，正在核对" if sent.new else f"这个文件已上传过（{state}），未重复导入", "ok" if sent.new else "info"
    )


def _no_file() -> Conflict:
    return Conflict("请选择要导入的文件", "no file was chosen", where="file")


def _list(request: Request, after: uuid.UUID | None = None, refused: BangfuError | None = None) -> HTMLResponse:
    with unit_of_work() as session:
        page = cut(imports(session, after, _PAGE + 1), _PAGE, lambda row: row.id)
    return show(
        request,
        "imports.html",
        refusal=refused,
        rows=page.rows,
        next=next_url(request, page.after),
        states=STATES,
        tones=_TONES,
        names=words.staff_names(row.actor for row in page.rows),
        suffixes=SUFFIXES,
        limit_mb=settings().import_limit_bytes // 1024 // 1024,
        kept_days=KEPT_DAYS,
    )


@router.get("/imports/{import_id}", dependencies=[_READS])
def one_import(
    request: Request,
    import_id: uuid.UUID,
    severity: Filter = None,
    kind: Filter = None,
    sheet: Annotated[str | None, Query(max_length=200)] = None,
    after: Number = 0,
    changes_after: Number = 0,
) -> HTMLResponse:
    """What was understood of a file, what becomes of its households, and everything that is wrong with it."""
    return _page(request, import_id, {"severity": severity, "kind": kind, "sheet": sheet}, after, changes_after)


@router.get("/imports/{import_id}/progress", dependencies=[_READS])
def news(request: Request, import_id: uuid.UUID) -> HTMLResponse:
    """How far the work is; when it is over the browser is told to load the whole page anew."""
    with unit_of_work() as session:
        made = import_named(session, import_id)
        job = progress(session, made.job_id, chunks=False) if made.job_id else None
    answer = show(request, "import_progress.html", made=made, **_work(made, job))
    if made.state not in ("checking", "committing") or job is None or job["state"] not in OPEN:
        answer.headers["HX-Refresh"] = "true"
    return answer


@router.get("/imports/{import_id}/annotated", dependencies=[_READS])
def annotated_copy(import_id: uuid.UUID) -> Response:
    """The file written anew, with a list of what is wrong and comments at the cells, as a download."""
    file = TemporaryFile(prefix="bangfu-annotated-")  # noqa: SIM115 - closed by what sends it
    try:
        with unit_of_work() as session:
            name = annotate(session, import_id, file)
        file.seek(0, os.SEEK_END)
    except BaseException:
        file.close()
        raise
    return streamed(file, _XLSX, name)


@router.post("/imports/{import_id}/columns", dependencies=[Depends(requires(CORRECT))])
def columns(
    request: Request,
    tenant: str,
    import_id: uuid.UUID,
    key: Annotated[list[str] | None, Form(max_length=600)] = None,
    target: Annotated[list[str] | None, Form(max_length=600)] = None,
) -> Response:
    """Say what headings mean; remembered for the county's later files."""
    chosen = dict(zip(key or (), target or (), strict=False))
    return changed(
        lambda session: correct_columns(session, import_id, chosen).state,
        lambda state: go(
            f"/{tenant}/imports/{import_id}", "已记住列名对应，正在重新核对" if state == "checking" else "列名对应没有变化"
        ),
        lambda error: _page(request, import_id, refused=error),
    )


@router.post("/imports/{import_id}/changes", dependencies=[Depends(requires(COMMIT))])
def choices(
    request: Request,
    tenant: str,
    import_id: uuid.UUID,
    shown: Annotated[list[int] | None, Form(max_length=_CHANGES)] = None,
    taken: Annotated[list[int] | None, Form(max_length=_CHANGES)] = None,
) -> Response:
    """Say for which values that were corrected here the file's value is taken."""
    return changed(
        lambda session: choose_changes(session, import_id, shown or (), taken or ()),
        lambda _: go(f"/{tenant}/imports/{import_id}", "已保存选择"),
        lambda error: _page(request, import_id, refused=error),
    )


@router.post("/imports/{import_id}/commit", dependencies=[Depends(requires(COMMIT))])
def commit(request: Request, tenant: str, import_id: uuid.UUID) -> Response:
    """Have the import written."""
    return changed(
        lambda session: start_commit(session, import_id),
        lambda _: go(f"/{tenant}/imports/{import_id}", "已开始导入"),
        lambda error: _page(request, import_id, refused=error),
    )


@router.post("/imports/{import_id}/resume", dependencies=[Depends(requires(SEND))])
def resume(request: Request, tenant: str, import_id: uuid.UUID) -> Response:
    """Take up interrupted work again."""
    return changed(
        lambda session: go_on(session, import_id),
        lambda _: go(f"/{tenant}/imports/{import_id}", "已继续办理"),
        lambda error: _page(request, import_id, refused=error),
    )


@router.post("/imports/{import_id}/discard", dependencies=[Depends(requires(DISCARD))])
def give_up(request: Request, tenant: str, import_id: uuid.UUID) -> Response:
    """Give the import up; nothing of it was written."""
    return changed(
        lambda session: discard(session, import_id).file_name,
        lambda name: go(f"/{tenant}/imports", f"已放弃导入 {name}，没有写入任何档案"),
        lambda error: _page(request, import_id, refused=error),
    )


def _work(made: RosterImport, job: Mapping[str, Any] | None) -> dict[str, Any]:
    """How far the work of an import is, as its page says it."""
    at_work = made.state in ("checking", "committing")
    said = job["result"] if job and job["state"] in OPEN else {}
    return {
        "job": job,
        "running": bool(at_work and job and job["state"] in OPEN),
        "interrupted": bool(at_work and (job is None or job["state"] not in OPEN)),
        "step": STEPS.get(said.get("step", ""), "等待办理"),
        "done": int(said.get("done", 0)),
        "total": int(said.get("total", 0)),
    }


def _page(
    request: Request,
    import_id: uuid.UUID,
    chosen: Mapping[str, str | None] | None = None,
    after: int = 0,
    changes_after: int = 0,
    refused: BangfuError | None = None,
) -> HTMLResponse:
    filters = {name: value for name, value in (chosen or {}).items() if value}
    with unit_of_work() as session:
        made = import_named(session, import_id)
        job = progress(session, made.job_id, chunks=False) if made.job_id else None
        found = problems(session, import_id, **filters, after=after, limit=_PAGE + 1)
        parts = facets(session, import_id)
        differing = changes(session, import_id, after=changes_after, limit=_CHANGES + 1)
    url = f"/{made.tenant}/imports/{made.id}"
    return show(
        request,
        "import.html",
        refusal=refused,
        made=made,
        states=STATES,
        tones=_TONES,
        **_work(made, job),
        sheets=_sheets(made),
        targets=[(BY_ITSELF, "自动识别"), (LEAVE, "不导入此列"), *targets()],
        problems=found[:_PAGE],
        next=next_url(request, str(found[_PAGE - 1].no)) if len(found) > _PAGE else None,
        tabs=_tabs(url, filters, parts),
        kinds=_choices(parts, filters),
        filters=filters,
        changes=differing[:_CHANGES],
        changes_next=_more(request, differing),
        label_of=label_of,
        may_correct=CORRECT.fits(made.state),
        may_commit=COMMIT.fits(made.state) and made.households > 0,
        may_discard=DISCARD.fits(made.state) and not (made.state == "committing" and job and job["state"] in OPEN),
        may_copy=made.kept_until is not None
        and (made.state == "checked" or (made.state == "refused" and bool(made.understanding))),
        names=words.staff_names([made.actor, made.committed_by, *(one.by for one in differing)]),
    )


def _more(request: Request, differing: Sequence[Any]) -> str | None:
    if len(differing) <= _CHANGES:
        return None
    url = request.url.include_query_params(changes_after=differing[_CHANGES - 1].no)
    return f"{url.path}?{url.query}#changes"


def _tabs(url: str, filters: Mapping[str, str], parts: Sequence[Any]) -> list[words.Tab]:
    """Errors and warnings as filters of the list, with their numbers."""
    found = [words.Tab("全部", f"{url}#problems", "severity" not in filters, sum(one.count for one in parts))]
    for severity, label in (("error", "错误"), ("warning", "提示")):
        count = sum(one.count for one in parts if one.severity == severity)
        found.append(words.Tab(label, f"{url}?severity={severity}#problems", filters.get("severity") == severity, count))
    return found


def _choices(parts: Sequence[Any], filters: Mapping[str, str]) -> dict[str, list[tuple[str, str]]]:
    """The kinds and sheets by which the list can be narrowed, with their numbers."""
    severity = filters.get("severity")
    fitting = [one for one in parts if severity is None or one.severity == severity]
    by_kind: dict[str, int] = {}
    by_sheet: dict[str, int] = {}
    for one in fitting:
        by_kind[one.kind] = by_kind.get(one.kind, 0) + one.count
        by_sheet[one.sheet] = by_sheet.get(one.sheet, 0) + one.count
    return {
        "kind": [("", "全部类型"), *((code, f"{_kind_zh(code)}（{count}）") for code, count in by_kind.items())],
        "sheet": [("", "全部工作表"), *((name, f"{name}（{count}）") for name, count in by_sheet.items())],
    }


def _kind_zh(code: str) -> str:
    """What a kind of problem says in general, without the words of one case."""
    kind = KINDS.get(code)
    return re.sub(r"\{\w+\}", "…", kind.zh) if kind else code


def _sheets(made: RosterImport) -> list[dict[str, Any]]:
    """Sheets and columns as they were understood, with masked samples and what stands chosen."""
    if not made.understanding:
        return []
    found = []
    for sheet in Understanding.from_json(made.understanding).sheets:
        samples = made.samples.get(str(sheet.index), {})
        columns = [
            {
                "letter": column.letter,
                "heading": column.heading,
                "key": column.key,
                "how": column.how,
                "label_zh": column.label_zh,
                "samples": samples.get(str(column.index), []),
                "chosen": said_of({"field": column.field, "how": column.how}),
            }
            for column in sheet.columns
        ]
        found.append({"of": sheet, "columns": columns})
    return found
