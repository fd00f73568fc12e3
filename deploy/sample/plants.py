"""What the sample plants on purpose: later events, shared accounts, cross-county households, stale files."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta

from deploy.sample import names
from deploy.sample.chance import Stream, stream
from deploy.sample.divisions import County
from deploy.sample.families import Families
from deploy.sample.figures import MEDICAL_THRESHOLD, STALE_AFTER_DAYS, Figures
from deploy.sample.identity import shared_number
from deploy.sample.model import HIGH_RANKS, LIVING, MEDICAL, OUT_OF_WORK, SCHOOLING, Event, Household, Person

_HOUSEHOLDS_PER_PLANT = 150
_DOCUMENTS = {LIVING: "收入证明", MEDICAL: "医药费收据（医保结算单）", SCHOOLING: "学校证明（学籍证明）"}
_RETURNS = ("户名不符", "账户已销户", "账户冻结或止付", "卡已挂失")
_CROSS_COUNTY_SURNAMES = ("仇", "解", "单", "曾", "欧阳")


def cross_county(first: County, second: County, day: date, seed: int) -> Household:
    """A household that stands in the rosters of both counties: same people, same small income, deep everywhere."""
    chance = stream(seed, day.year, "shared", first.code, second.code)
    family = chance.choice(_CROSS_COUNTY_SURNAMES)
    people = []
    for place, (relation, male, years, standing) in enumerate(
        (("户主", True, 41, "在岗"), ("妻子", False, 39, "无劳动能力"), ("女儿", False, 10, "小学"))
    ):
        birth = date(day.year - years, 1, 1) + timedelta(days=chance.randint(0, 200))
        people.append(
            Person(
                relation=relation,
                name=names.full_name(chance, family if relation != "妻子" else "尉迟", "汉族", male=male),
                ethnic="汉族",
                male=male,
                number=shared_number(first.code, birth, place, male=male),
                birth=birth,
                standing=standing,
                able=standing == "在岗",
            )
        )
    people[0].monthly = chance.randint(80_000, 120_000)
    people[0].unit = f"{first.name}锦穗家政服务公司"
    return Household(people, "deep", applications=[LIVING])


def plant(households: list[Household], families: Families, known: Figures, chance: Stream) -> list[Event]:
    """Plant everything into one county's households and return the events of the third sheet.

    Each planted household carries one plant only, is in deep difficulty, and has a case of yearly relief.
    """
    times = max(2, len(households) // _HOUSEHOLDS_PER_PLANT)
    pool = _Pool(households, chance)
    events = _corrections(pool, times, known, chance) + _withdrawals(pool, times)
    events += [_newcomer(household, families) for household in pool.take(times)]
    events += _returns(pool, times, chance)
    for giver, taker in zip(pool.take(times), pool.take(times), strict=False):
        taker.card = giver.card
    _stale(pool, times, known, chance)
    return sorted(events, key=lambda event: (event.kind, event.number))


def _any(_: Household) -> bool:
    return True


class _Pool:
    """Households that may carry a plant; each is handed out once."""

    def __init__(self, households: Iterable[Household], chance: Stream) -> None:
        self._free = [
            household
            for household in households
            if household.kind == "deep" and LIVING in household.applications and not _is_cross(household)
        ]
        chance.shuffle(self._free)

    def take(self, count: int, fits: Callable[[Household], bool] = _any) -> list[Household]:
        """Up to ``count`` households that fit."""
        taken = [household for household in self._free if fits(household)][:count]
        self._free = [household for household in self._free if household not in taken]
        return taken


def _is_cross(household: Household) -> bool:
    return household.worker.number[14:17] >= "990"


def _ill(household: Household) -> bool:
    return MEDICAL in household.applications and household.costs.get("因病刚性支出", 0) >= MEDICAL_THRESHOLD


def _studying(household: Household) -> bool:
    return SCHOOLING in household.applications and any(not person.aided for person in household.students())


def _withdrawals(pool: _Pool, times: int) -> list[Event]:
    """材料撤回: the paper behind an approved case is taken back; living, medical and schooling in turn."""
    turns = ((LIVING, _any), (MEDICAL, _ill), (SCHOOLING, _studying))
    events = []
    for turn in range(times):
        programme, fits = turns[turn % len(turns)]
        for household in pool.take(1, fits):
            events.append(Event("材料撤回", household.number, programme, note=f"材料：{_DOCUMENTS[programme]}"))
    return events


def _corrections(pool: _Pool, times: int, known: Figures, chance: Stream) -> list[Event]:
    """收入更正: some lose every ground, some keep relative difficulty only, model workers keep less, one keeps all."""

    def steady(household: Household) -> bool:
        return household.worker.standing not in OUT_OF_WORK and not household.loss

    def ordinary(household: Household) -> bool:
        return steady(household) and household.rank not in HIGH_RANKS

    def honoured(household: Household) -> bool:
        return steady(household) and household.rank in HIGH_RANKS

    events = []
    for household in pool.take(times, honoured):
        events.append(_correction(household, household.line(known), chance.randint(0, 2_000), known))
    for turn, household in enumerate(pool.take(2 * times, ordinary)):
        limit = household.line(known) if turn % 2 else household.line(known) * known.multiple // 10_000
        events.append(_correction(household, limit, chance.randint(0, 2_000), known))
    for household in pool.take(1, ordinary):
        events.append(_correction(household, household.line(known) - 1_200 * len(household.people), 0, known))
    return events


def _correction(household: Household, net: int, above: int, known: Figures) -> Event:
    """The worker's monthly income that lifts the household's net income to ``net`` or just over it, plus ``above``."""
    gap = net - (household.yearly(known) - household.rigid())
    monthly = household.worker.monthly + max(-(-gap // 12), 0) + above
    return Event("收入更正", household.number, LIVING, monthly, "说明：单位补报工资，自认定日前即为此数")


def _newcomer(household: Household, families: Families) -> Event:
    """新增成员: a child born after the survey."""
    child, birth = families.newborn(household)
    facts = {
        "姓名": child.name,
        "关系": child.relation,
        "性别": "男" if child.male else "女",
        "出生日期": str(birth),
        "身份证号": child.number,
    }
    note = "；".join(f"{name}：{value}" for name, value in facts.items())
    return Event("新增成员", household.number, note=note)


def _returns(pool: _Pool, times: int, chance: Stream) -> list[Event]:
    """银行退回: the first attempt fails, the second succeeds."""
    returned = [(household, LIVING) for household in pool.take(times)]
    returned += [(household, MEDICAL) for household in pool.take(1, _ill)]
    return [
        Event("银行退回", household.number, programme, note=f"退回原因：{chance.choice(_RETURNS)}")
        for household, programme in returned
    ]


def _stale(pool: _Pool, times: int, known: Figures, chance: Stream) -> None:
    """Files untouched for over a year on the day of the audit, one only by a day; and one a year old, not stale."""
    limit = known.audit_day - timedelta(days=STALE_AFTER_DAYS)
    for place, household in enumerate(pool.take(times + 1)):
        household.updated = limit - timedelta(days=(0, 1)[place] if place < 2 else chance.randint(20, 500))
        household.opened = min(household.opened, household.updated)
