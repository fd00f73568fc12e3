"""The filter of the list of files as the query of an address: the list, the printing of what it shows, and the interface read
the same one."""

from __future__ import annotations

import uuid
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query

from core.people.listing import FileFilter


def file_filter(
    status: Annotated[str, Query(max_length=40, description="state of the file")] = "",
    kind: Annotated[str, Query(max_length=40, description="kind of difficulty; none: never determined")] = "",
    category: Annotated[str, Query(max_length=40, description="code of the list worker_category")] = "",
    township: Annotated[str, Query(max_length=40, description="name of the township; none: files without one")] = "",
    stale: Annotated[bool, Query(description="on file and unchanged for too long")] = False,
    reassess: Annotated[bool, Query(description="with a kind of an older scheme alone")] = False,
    proposed: Annotated[str, Query(max_length=40, description="above_line, stale or head_died")] = "",
    employer: Annotated[uuid.UUID | None, Query(description="id of the employer")] = None,
) -> FileFilter:
    """What the query asks for; a name left blank leaves a thing open."""
    return FileFilter(
        status or None, kind or None, stale, reassess, proposed or None, employer, category or None, township or None
    )


Asked = Annotated[FileFilter, Depends(file_filter)]


def query_of(wanted: FileFilter) -> str:
    """The query that asks for the same, without the question mark."""
    told = {
        "status": wanted.status,
        "kind": wanted.kind,
        "category": wanted.category,
        "township": wanted.township,
        "stale": "yes" if wanted.stale else None,
        "reassess": "yes" if wanted.reassess else None,
        "proposed": wanted.proposed,
        "employer": wanted.employer_id,
    }
    return urlencode({name: str(value) for name, value in told.items() if value is not None})
