"""What an archive's manifest and reference rows must say to be believed: whoever wrote it, it speaks of one county alone."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from core.scope import TENANT_CODE
from deploy.county_archive.container import FORMAT
from deploy.county_archive.errors import ArchiveBroken
from deploy.county_archive.reference import ACCOUNT_COLUMNS, Rows, governed_tables


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True)


class _Table(_Strict):
    table: str
    key: list[str]
    columns: list[list[str]]
    rows: int
    sha256: str
    kept_sha256: str


class _Plugin(_Strict):
    version: str | None
    on: bool
    cases: int
    rows: int


class _Documents(_Strict):
    count: int
    bytes: int
    unsound: int
    unsound_ids: list[str]


class _Counted(_Strict):
    count: int
    fen: int


class _Money(_Strict):
    balances: list[list[int | str]]
    entries: dict[str, _Counted]
    grants: dict[str, _Counted]
    instalments: dict[str, _Counted]
    payments: dict[str, _Counted]


class _Trail(_Strict):
    length: int
    head: str


class _Manifest(_Strict):
    """As docs/county-archive.md says of each."""

    format: int
    archive: str
    kind: str
    reason: str
    county: str
    union: str
    platform: str
    revisions: dict[str, str] = Field(alias="schema")
    plugins: dict[str, _Plugin]
    business_date: str
    written_at: str
    reference: dict[str, list[str]]
    parameters: dict[str, Any]
    tables: list[_Table]
    rows: int
    documents: _Documents
    money: _Money
    sums: dict[str, int]
    trail: _Trail
    stayed: dict[str, int]


_REFERENCE: Final = TypeAdapter(dict[str, list[dict[str, Any]]])
_NAMED: Final[Mapping[str, Sequence[str]]] = {
    "tenant": ("code", "level", "province", "prefecture", "parent", "name", "union_name", "state"),
    "account": ACCOUNT_COLUMNS,
    "post": ("id", "account_id", "tenant_code", "delegated_from", "valid_from", "valid_to"),
    "workflow_version": ("name", "version", "plugin"),
}
"""Columns that are read before the database has looked at a row."""


def refuse_unshaped(archive: uuid.UUID, manifest: Mapping[str, Any], reference: Mapping[str, Rows]) -> None:
    """Refuse with ``ArchiveBroken`` what is not built as an archive is, or speaks of anything but its one county."""
    try:
        _Manifest.model_validate(manifest)
        _REFERENCE.validate_python(reference)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ArchiveBroken("档案包目录不合规", "the manifest is not built as it should be", where=place) from None
    for table, columns in [*_NAMED.items(), *((name, (column,)) for name, column in governed_tables())]:
        if any(not row.keys() >= set(columns) for row in reference.get(table, ())) or table not in reference:
            raise ArchiveBroken("档案包缺少必要的内容", "reference rows lack what is needed", where=table)
    said = (manifest["format"], manifest["archive"], manifest["kind"] in ("copy", "final"))
    if said != (FORMAT, str(archive), True):
        raise ArchiveBroken("档案包目录与文件头不符", "the manifest belongs to another archive", where=manifest["archive"])
    _refuse_strange(manifest["county"], reference)


def _refuse_strange(code: str, reference: Mapping[str, Rows]) -> None:
    """An archive brings rows of its county and names those above it, and nothing else."""
    county = reference["tenant"][-1] if reference["tenant"] else {}
    line = {code, county.get("province"), county.get("prefecture") or county.get("province")}
    accounts = {row["id"] for row in reference["account"]}
    posts = {row["id"]: row for row in reference["post"]}
    strange = (
        # the code becomes part of paths and statements
        not TENANT_CODE.fullmatch(code)
        or (county.get("code"), county.get("level")) != (code, "county")
        or {row["code"] for row in reference["tenant"]} != line
        or any(row["account_id"] not in accounts for row in posts.values())
        or any(row["delegated_from"] not in {None, *posts} for row in posts.values())
    )
    for table, column in [*governed_tables(), ("post", "tenant_code")]:
        strange = strange or any(row[column] != code for row in reference[table])
    if strange:
        raise ArchiveBroken("档案包中有其他单位的内容", "the archive holds rows of other tenants")
