"""What the fixtures of plugin authors do, apart from pytest: lines switched on, households on file, cases walked through."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import insert, select

from core.cases.models import Case
from core.cases.opening import NewCase, NewParty, open_cases
from core.cases.service import advance
from core.cases.workflows import workflow_named
from core.db.session import unit_of_work
from core.documents.service import NewDocument, add_documents, required_kinds
from core.host.manager import host
from core.people.imports.importer import import_roster
from core.people.models import Person as OnFile
from core.people.models import WorkerFile
from core.scope import Scope, entered
from core.tenancy.keys import give_key
from core.tenancy.models import BusinessClock, Tenant
from core.tenancy.service import system_scope
from core.web.app import make_app
from deploy.sample.generate import generate
from deploy.testing.browsers import Person, signed_in
from deploy.testing.installation import COUNTY, TODAY, Database, empty, plant_tenants, scope_of
from tenants.switching import switch_plugin

_PDF = b"%PDF-1.7\n% a paper\n"


@dataclass(frozen=True)
class Family:
    """A household on file with the worker whose file it is."""

    household_id: uuid.UUID
    worker_id: uuid.UUID
    name: str


@lru_cache(maxsize=2)
def _application(_plugins: frozenset[str]) -> FastAPI:
    """The application with the plugins that are there: its first request puts all routes together, which costs more than a
    test."""
    return make_app()


class Trial:
    """One test's installation: two counties below two prefectures of one province, with keys and the day ``TODAY``."""

    def __init__(self, database: Database) -> None:
        self.database = database
        with database.owner.begin() as connection:
            empty(connection)
            plant_tenants(connection)
            connection.execute(insert(BusinessClock).values(id=1, on=TODAY))
        from deploy.testing.installation import migrate_plugins

        migrate_plugins(database)
        with database.owner.connect() as connection:
            codes = list(connection.scalars(select(Tenant.code).order_by(Tenant.code)))
        for code in codes:
            with self.scope(code, actor="system:test"), unit_of_work() as session:
                give_key(session)
        self._people = 0

    @contextmanager
    def scope(
        self,
        tenant: str = COUNTY,
        *,
        actor: str = "tester",
        permissions: frozenset[str] | None = None,
        on: date = TODAY,
    ) -> Iterator[Scope]:
        """Act in a tenant with the plugins that it has on: with every permission, or with ``permissions`` alone."""
        every = frozenset(one.code for one in host().collected("bangfu_permissions")) - {"case.settle"}
        plugins = system_scope(tenant, "test").plugins
        held = every if permissions is None else permissions
        with entered(scope_of(tenant, actor=actor, permissions=held, plugins=plugins, on=on)) as scope:
            yield scope

    def switch_on(self, plugin: str, tenant: str = COUNTY, *, enabled: bool = True) -> None:
        """Switch a plugin on, or off, as the tenant's administrator does."""
        with self.scope(tenant), unit_of_work() as session:
            switch_plugin(session, plugin, enabled=enabled, reason="试行")

    def signed_in(self, role: str = "caseworker", tenant: str = COUNTY) -> Person:
        """A browser in which somebody with this post is signed in; it follows no redirect by itself."""
        self._people += 1
        client = TestClient(_application(frozenset(host().infos)), follow_redirects=False)
        return signed_in(client, f"{role}{self._people}", tenant=tenant, role=role)

    def families(self, count: int = 1, tenant: str = COUNTY) -> list[Family]:
        """Households of invented workers, taken in from a generated roster. Once for each tenant and test."""
        # A roster has faults planted in it, and rows with a fault are turned back.
        more = count * 2 + 4
        with tempfile.TemporaryDirectory(prefix="bangfu-") as folder:
            (roster,) = generate(Path(folder), counties=[tenant], households=more)
            with self.scope(tenant), unit_of_work() as session:
                import_roster(session, roster)
        with self.scope(tenant), unit_of_work() as session:
            asked = (
                select(WorkerFile, OnFile.name).join(OnFile, OnFile.id == WorkerFile.worker_id).order_by(WorkerFile.file_number)
            )
            return [Family(file.household_id, file.worker_id, name) for file, name in session.execute(asked.limit(count))]

    def open_case(self, workflow: str, form: Mapping[str, Any], *, tenant: str = COUNTY, family: Family | None = None) -> Case:
        """A case of a workflow with all papers that it asks for; of somebody without a file where ``family`` is not given."""
        flow = workflow_named(workflow)
        parties: tuple[NewParty, ...] = (NewParty("applicant", label="李明"),)
        if family is not None:
            parties = (
                NewParty("applicant", person_id=family.worker_id, label=family.name),
                NewParty("household", household_id=family.household_id, label=family.name),
            )
        with self.scope(tenant), unit_of_work() as session:
            (case,) = open_cases(session, [NewCase(flow.plugin, workflow, parties, form=form)])
            papers = [NewDocument(kind, "", _PDF + kind.encode(), case_id=case.id) for kind in required_kinds(flow, None)]
            if papers:
                add_documents(session, papers)
            return case

    def walk(self, case: Case, *steps: str, tenant: str = COUNTY, note: str = "情况属实") -> Case:
        """The case after ``steps``, each made in a transaction of its own by another person; a refusal is raised."""
        for number, step in enumerate(steps):
            with self.scope(tenant, actor=f"walker{number}"), unit_of_work() as session:
                (case,) = advance(session, [case.id], step, note)
        return case
