"""Builds one county's roster: households, applications, and everything planted for the year's later events."""

from dataclasses import dataclass
from datetime import date, timedelta

from deploy.sample import plants, wording
from deploy.sample.chance import Stream, stream
from deploy.sample.divisions import County
from deploy.sample.families import Families
from deploy.sample.figures import MEDICAL_THRESHOLD, Figures, figures
from deploy.sample.identity import Registry, card_number
from deploy.sample.means import fit
from deploy.sample.model import LIVING, MEDICAL, SCHOOLING, Event, Household
from deploy.sample.plan import Plan, plans

_SCHOOLING_AIMS = 30


@dataclass(frozen=True, slots=True)
class Roster:
    """Everything that goes into one county's workbook."""

    county: County
    figures: Figures
    households: list[Household]
    events: list[Event]


def build(county: County, ring: tuple[County, County], households: int, seed: int, year: int) -> Roster:
    """The county's roster; ``ring`` names the counties before and after it, with each of which it shares a household.

    The number of households varies by a fifteenth around ``households``.
    """
    chance = stream(seed, year, county.code)
    known = figures(county.code, year)
    families = Families(chance, Registry(county, chance), known.day)
    count = chance.randint(households * 14 // 15, households * 16 // 15)
    built = [_household(plan, families, known, chance) for plan in plans(count, chance)]
    for first, second in ((county, ring[1]), (ring[0], county)):
        if first.code != second.code:
            built.insert(chance.randrange(len(built) + 1), plants.cross_county(first, second, known.day, seed))
    for number, household in enumerate(built, start=1):
        _dress(household, number, county, known, chance)
    events = plants.plant(built, families, known, chance)
    return Roster(county, known, built, events)


def _household(plan: Plan, families: Families, known: Figures, chance: Stream) -> Household:
    household = families.compose(plan.kind, plan.edge, student=chance.happens(_SCHOOLING_AIMS))
    household.rank = plan.rank
    fit(household, plan.aim, known, chance)
    household.applications = _applications(household, chance, sure=plan.aim != "ordinary" or plan.rank != "非劳模")
    return household


def _applications(household: Household, chance: Stream, *, sure: bool) -> list[str]:
    """申请项目: most who qualify apply, a few apply without qualifying; edge households always apply."""
    illness = household.costs.get("因病刚性支出", 0)
    chosen = []
    if sure or chance.happens(90 if household.entitled() else 30 if household.in_difficulty() else 12):
        chosen.append(LIVING)
    if chance.happens(75 if illness >= MEDICAL_THRESHOLD else 3) or (sure and abs(illness - MEDICAL_THRESHOLD) <= 1):
        chosen.append(MEDICAL)
    if household.students() and chance.happens(80 if household.in_difficulty() else 15):
        chosen.append(SCHOOLING)
    return chosen


def _dress(household: Household, number: int, county: County, known: Figures, chance: Stream) -> None:
    """Number, address, account and dates of the file."""
    household.number = number
    household.town = county.name
    household.address = wording.address(chance, f"四川省{county.prefecture_name}{county.name}")
    household.card = card_number(county.code, number)
    year = known.day.year
    household.updated = date(year, 1, 6) + timedelta(days=chance.randint(0, 230))
    household.opened = household.updated - timedelta(days=chance.randint(0, 1500))
