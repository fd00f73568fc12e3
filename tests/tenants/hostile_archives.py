"""Archives that somebody has tampered with, each from a sound one."""

from __future__ import annotations

import gzip
import io
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from deploy.county_archive.reading import Archive, Member
from tests.conftest import PREFECTURE


def manifest_with(**said: Any) -> Callable[[Archive], Archive]:
    """What makes an archive whose manifest says something else."""
    return lambda archive: replace(archive, manifest={**archive.manifest, **said})


def _rows(table: str, **said: Any) -> Callable[[Archive], Archive]:
    def change(archive: Archive) -> Archive:
        rows = [{**row, **said} for row in archive.reference[table]]
        return replace(archive, reference={**archive.reference, table: rows})

    return change


def _without(name: str) -> Callable[[Archive], Archive]:
    return lambda archive: replace(archive, manifest={key: one for key, one in archive.manifest.items() if key != name})


HOSTILE: dict[str, Callable[[Archive], Archive]] = {
    "a code that leads out of the store": manifest_with(county="../backups"),
    "a code that is a pattern": manifest_with(county="5101*"),
    "another county's code": manifest_with(county="510105"),
    "another archive's id": manifest_with(archive=str(uuid.UUID(int=1))),
    "another format": manifest_with(format=2),
    "another kind": manifest_with(kind="both"),
    "no documents": _without("documents"),
    "no plugins": _without("plugins"),
    "rows that are no number": manifest_with(rows="many"),
    "documents of no shape": manifest_with(documents=[]),
    "a post of an account of here": _rows("post", account_id=str(uuid.UUID(int=2))),
    "a post that stands in for one of here": _rows("post", delegated_from=str(uuid.UUID(int=3))),
    "a post of another tenant": _rows("post", tenant_code=PREFECTURE),
    "history of another tenant": lambda archive: replace(
        archive, reference={**archive.reference, "tenant_change": [{"tenant_code": PREFECTURE}]}
    ),
    "a tenant of another line": _rows("tenant", code="510105"),
    "no county": lambda archive: replace(archive, reference={**archive.reference, "tenant": []}),
    "an account without a login": lambda archive: replace(
        archive, reference={**archive.reference, "account": [{"id": row["id"]} for row in archive.reference["account"]]}
    ),
}


def altered(patched: pytest.MonkeyPatch, table: str, change: Callable[[bytes], bytes]) -> None:
    """Have every archive come with other rows of one table."""
    real = Archive.members

    def members(self: Archive) -> Iterator[Member]:
        for member in real(self):
            if member.table == table:
                yield Member(member.name, io.BytesIO(gzip.compress(change(gzip.decompress(member.content.read())))))
            else:
                yield member

    patched.setattr(Archive, "members", members)
