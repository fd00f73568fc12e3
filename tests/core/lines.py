"""What tests of cases, documents and notices share: the built-in lines installed, and actors with posts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from importlib import import_module

from sqlalchemy import update
from sqlalchemy.orm import Session

from core.cases.models import Case
from core.cases.service import NewCase, NewParty, open_cases
from core.cases.workflows import sync_workflows
from core.db.session import unit_of_work
from core.documents.service import NewDocument, add_documents, required_kinds
from core.host.manager import host
from core.parameters.service import sync_national
from core.scope import Scope
from core.tenancy.keys import give_key
from tests.conftest import COUNTY, TODAY, Database

Acting = Callable[..., AbstractContextManager[Scope]]
LINES = frozenset({"living_relief", "employment", "petitions", "legal_aid"})
PDF = b"%PDF-1.7\n% a paper\n"
JOB = {"employment_status": "unemployed", "education": "61", "wanted_work": "保安"}
PETITION = {"kind": "settlement", "channel": "visit", "subject": "工资", "content": "拖欠工资两个月"}


def install(db: Database) -> None:
    """Register the built-in lines where the entry points are not installed, and write their reference rows."""
    for name in sorted(LINES - set(host().infos)):
        host().register(import_module(f"plugins.{name}").plugin, name)
    with db.owner.begin() as connection:
        sync_workflows(connection)
        sync_national(connection)


def permissions() -> frozenset[str]:
    """All that any post may hold."""
    return frozenset(found.code for found in host().collected("bangfu_permissions")) - {"case.settle"}


def post(acting: Acting, actor: str, on: date = TODAY, tenant: str = COUNTY) -> AbstractContextManager[Scope]:
    """Act as ``actor`` with every permission and every line on."""
    return acting(tenant, actor=actor, permissions=permissions(), plugins=LINES, on=on)


def with_key(acting: Acting, tenant: str = COUNTY) -> None:
    """Give the tenant its data key."""
    with post(acting, "system:key", tenant=tenant), unit_of_work() as session:
        give_key(session)


def job_seeker(session: Session, count: int = 1, name: str = "李明") -> list[Case]:
    """Cases of job seekers."""
    draft = NewCase("employment", "job_seeking", (NewParty("applicant", label=name),), form=JOB)
    return open_cases(session, [draft] * count)


def as_if_opened(db: Database, **columns: object) -> None:
    """As if all cases had been opened with these values, which the program never rewrites."""
    with db.owner.begin() as connection:
        connection.execute(update(Case).values(**columns))


def papers(session: Session, cases: list[Case]) -> None:
    """Give each case all papers that its workflow asks for."""
    from core.cases.workflows import workflow_of

    new = [
        NewDocument(kind, "", PDF + kind.encode(), case_id=case.id)
        for case in cases
        for kind in required_kinds(workflow_of(session, case), case.programme)
    ]
    give_key(session)
    add_documents(session, new)
