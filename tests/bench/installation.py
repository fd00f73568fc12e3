"""Figures of a fresh installation in a temporary folder: onboarding a province, taking in a roster, booking money."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

from sqlalchemy import select

from core.db.session import app_engine, reference_work, unit_of_work
from core.funds.service import receive
from core.people.imports.importer import import_roster
from core.scope import Scope, entered
from core.tenancy.models import Tenant
from core.tenancy.service import system_scope
from deploy.connection import OWNER, bring_up_to_date, owner_engine, use
from deploy.embedded.postgres import EmbeddedPostgres
from deploy.sample.generate import generate
from tenants.checklist import checklists
from tenants.onboarding import open_tenants, plant_tree
from tenants.opening import add, prepare_all

PROVINCE, COUNTY, DAY = "510000", "510104", date(2025, 9, 1)
HOUSEHOLDS, POSTINGS = 300, 300

Figures = list[tuple[str, str]]


@contextmanager
def installation() -> Iterator[None]:
    """A migrated database under a temporary home, with fsync as in production."""
    with tempfile.TemporaryDirectory(prefix="bangfu-bench-") as folder:
        home = Path(folder) / "home"
        home.mkdir(mode=0o700)
        with EmbeddedPostgres(home) as urls:
            use({"BANGFU_HOME": str(home), "BANGFU_DATABASE_URL": urls.app, OWNER: urls.owner})
            bring_up_to_date()
            yield
            app_engine().dispose()


def onboard() -> Figures:
    """Plant the tree of a province, open its prefectures, then all its counties by the profile with all lines, as
    ``bangfu county add --all`` does, and ask for their checklists."""
    started = time.perf_counter()
    engine = owner_engine()
    with engine.begin() as connection:
        codes = plant_tree(connection, PROVINCE, DAY)
    engine.dispose()
    planted = time.perf_counter()
    with reference_work() as session:
        levels = dict(session.execute(select(Tenant.code, Tenant.level)).all())
    counties = [code for code in codes if levels[code] == "county"]
    open_tenants({code: ["petitions"] for code in codes if levels[code] != "county"}, DAY, "性能实测")
    begun = time.perf_counter()
    with entered(system_scope(PROVINCE, "bench", on=DAY)), unit_of_work() as session:
        add(session, counties, "性能实测")
    said = time.perf_counter()
    prepare_all(counties)
    ended = time.perf_counter()
    with entered(system_scope(PROVINCE, "bench", on=DAY)), unit_of_work() as session:
        lists = checklists(session, counties)
    checked = time.perf_counter()
    return [
        ("tenants planted", f"{len(codes)} in {planted - started:.2f} s"),
        ("counties said to be opened (state, history, trail, outbox)", f"{len(counties)} in {said - begun:.2f} s"),
        ("counties equipped (key, four lines, trail)", f"{len(counties)} in {ended - said:.2f} s"),
        ("counties opened, all in all", f"{len(counties)} in {ended - begun:.2f} s"),
        ("checklists of counties", f"{len(lists)} in {checked - ended:.2f} s"),
    ]


def roster() -> Figures:
    """Take in a generated workbook of ``HOUSEHOLDS`` households."""
    with tempfile.TemporaryDirectory(prefix="bangfu-bench-") as folder:
        (path,) = generate(Path(folder), counties=[COUNTY], households=HOUSEHOLDS)
        started = time.perf_counter()
        with entered(system_scope(COUNTY, "bench", on=DAY)), unit_of_work() as session:
            made = import_roster(session, path)
        took = time.perf_counter() - started
    counted = f"{made.households} households, {made.persons} persons"
    return [("roster taken in", f"{counted} in {took:.2f} s"), ("persons per second", f"{made.persons / took:,.0f}")]


def _cashier() -> Scope:
    return replace(system_scope(COUNTY, "bench", on=DAY), permissions=frozenset({"funds.receive"}))


def ledger() -> Figures:
    """Book receipts, one transaction each, with their entries in the trail."""
    with entered(_cashier()):
        started = time.perf_counter()
        for number in range(POSTINGS):
            with unit_of_work() as session:
                receive(
                    session,
                    year=DAY.year,
                    source="union",
                    purpose="living",
                    amount_fen=100_000,
                    key=f"bench-{number}",
                    note="性能实测",
                )
        took = time.perf_counter() - started
    return [("ledger postings per second, one per transaction", f"{POSTINGS / took:,.0f}")]


def need_county() -> None:
    """Plant the tree and open the one county where the entry that opens all of them has not run."""
    with reference_work() as session:
        if session.get(Tenant, COUNTY) is not None:
            return
    engine = owner_engine()
    with engine.begin() as connection:
        plant_tree(connection, PROVINCE, DAY)
    engine.dispose()
    open_tenants({COUNTY: ["living_relief"]}, DAY, "性能实测")
