"""The tree of groups in the directory: one for each tenant along its codes, and below it one for each role that somebody holds
(``/510000/510100/510104/caseworker``)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.identity.changes import TENANT_OPENED, kept_elsewhere
from core.identity.directory.models import DirectoryDifference
from core.identity.directory.there import directory
from core.jobs.outbox import on_topic
from core.tenancy.life import is_there
from core.tenancy.models import Tenant

GROUP_MISSING = "group_missing"
_OURS = re.compile(r"/[0-9]{6}(/.*)?")


def is_ours(path: str) -> bool:
    """Whether a group belongs to the tree of tenants; all others are somebody else's and left alone."""
    return _OURS.fullmatch(path) is not None


def path_of(tenant: Tenant) -> str:
    """Where a tenant's group stands."""
    above = dict.fromkeys(code for code in (tenant.province, tenant.prefecture) if code and code != tenant.code)
    return "/" + "/".join([*above, tenant.code])


def paths_of(session: Session, codes: Iterable[str]) -> dict[str, str]:
    """Where the groups of open tenants stand, by code."""
    found = session.scalars(select(Tenant).where(Tenant.code.in_(set(codes)), is_there()))
    return {tenant.code: path_of(tenant) for tenant in found}


@on_topic(TENANT_OPENED)
def make_group(session: Session, payload: Mapping[str, Any]) -> None:
    """Make the group of a tenant, and those above it, where they are not there. Roles' groups come with the people."""
    code = payload["tenant"]
    path = paths_of(session, [code]).get(code)
    if path is None or not kept_elsewhere():
        return
    directory().group(path)
    gone = delete(DirectoryDifference).where(DirectoryDifference.kind == GROUP_MISSING, DirectoryDifference.key == path)
    session.execute(gone)
