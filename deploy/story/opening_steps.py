"""The first half of the sample's year: onboarding, money, rosters, survey."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from sqlalchemy import select

from core.db.session import reference_work, unit_of_work
from core.funds.service import receive
from core.identity.passwords import hashed
from core.jobs.service import start_job
from core.parameters.service import NewParameter, set_parameters
from core.people.imports.importer import import_roster
from core.scope import entered
from core.tenancy.models import Tenant
from core.tenancy.service import system_scope
from deploy.embedded.private import secret
from deploy.story.calendar import Days
from deploy.story.desks import Errand, Said
from deploy.story.ledger import Progress
from deploy.story.sample_files import parameters
from deploy.story.staff import ADMINISTRATORS, COUNTY_ROLES, UPPER_ROLES, DemoAccount, at_desk, by_platform, hire
from deploy.story.waiting import wait_for_jobs
from tenants.onboarding import open_tenants, plant_tree

PROVINCE = "510000"
MONEY_PER_HOUSEHOLD = {("appropriation", "living"): 150_000, ("union", "medical"): 150_000, ("donation", "schooling"): 150_000}
"""Fen that come in per household of the sample, by source and purpose."""
_LEAST_HOUSEHOLDS = 100
"""A small county gets as much as one of this size: its few planted households at the rules' edges need more than the mean."""


def demo_password(home: Path) -> str:
    """The password of all demonstration accounts of this home, made once and kept (0600)."""
    return secret(home, "demo_password")


def _lines_of(code: str, level: str) -> list[str]:
    """Which lines a tenant of the sample has on: not all the same. Living relief is on in every county."""
    if level == "province":
        return ["petitions"]
    if level == "prefecture":
        return ["petitions", "legal_aid"]
    position = int(code) % 100
    chosen = ["living_relief"]
    if position % 2 == 0:
        chosen.append("employment")
    if position % 3 != 0:
        chosen.append("petitions")
    if position % 4 != 1:
        chosen.append("legal_aid")
    return chosen


def onboard(progress: Progress, days: Days) -> None:
    """Make the province's tenants with their keys, plugins and parameters."""
    if progress.done("onboard"):
        return
    progress.move_to(days.onboarding)
    with progress.owner.begin() as connection:
        plant_tree(connection, PROVINCE, days.onboarding)
    with reference_work() as session:
        levels = {row.code: row.level for row in session.execute(select(Tenant.code, Tenant.level).order_by(Tenant.code))}
    open_tenants({code: _lines_of(code, level) for code, level in levels.items()}, days.onboarding, "开通单位（样例）")
    wanted = defaultdict(list)
    for item in parameters():
        wanted[item.tenant].append(NewParameter(item.name, item.valid_from, item.value, item.source, item.clause))
    done = progress.done_in("parameters")
    for code, values in wanted.items():
        if code not in done:
            with by_platform(code, "onboarding") as session:
                set_parameters(session, values)
            progress.mark("parameters", code)
    progress.mark("onboard", result={"tenants": len(levels)})


def staff(days: Days, counties: list[str], password: str) -> list[DemoAccount]:
    """Hire the staff of the sample's counties, their prefectures and the province."""
    with reference_work() as session:
        tenants = {row.code: row for row in session.scalars(select(Tenant))}
    secret_hash = hashed(password)
    uppers = sorted({PROVINCE, *(tenants[code].prefecture or PROVINCE for code in counties[:3])})
    accounts: list[DemoAccount] = []
    for code in uppers:
        held = UPPER_ROLES + (ADMINISTRATORS if code == PROVINCE else ())
        accounts += hire(code, tenants[code].union_name, held, secret_hash, days.onboarding)
    for code in counties:
        accounts += hire(code, tenants[code].union_name, COUNTY_ROLES, secret_hash, days.onboarding)
    return accounts


def take_in_money(errand: Errand) -> Said:
    """The year's money comes in, by source and purpose."""
    year = errand.days.year
    with at_desk(errand.county, "fund_manager") as (_, session):
        for (source, purpose), fen in MONEY_PER_HOUSEHOLD.items():
            receive(
                session,
                year=year,
                source=source,
                purpose=purpose,
                amount_fen=fen * max(errand.households, _LEAST_HOUSEHOLDS),
                key=f"sample:{year}:{source}:{purpose}",
                note=f"{year} 年度资金到账（样例）",
            )
    return {"fen": sum(MONEY_PER_HOUSEHOLD.values()) * max(errand.households, _LEAST_HOUSEHOLDS)}


def take_in_roster(errand: Errand) -> Said:
    """The county's caseworker imports the roster."""
    with at_desk(errand.county, "caseworker") as (_, session):
        made = import_roster(session, errand.book)
        return {"households": made.households, "persons": made.persons, "held_back": made.held_back}


def survey(progress: Progress, days: Days, counties: list[str]) -> None:
    """The survey's determination over every household, as background work of each county."""
    done = progress.done_in("survey")
    left = [code for code in counties if code not in done]
    if not left:
        return
    progress.move_to(days.survey)
    jobs = {}
    for code in left:
        with entered(system_scope(code, "survey")), unit_of_work() as session:
            jobs[code] = start_job(session, "survey", str(days.year), {"year": days.year}).id
    for code, result in wait_for_jobs(jobs, progress):
        progress.mark("survey", code, dict(result["result"]))
