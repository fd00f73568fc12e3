"""Fits incomes, costs and losses to the outcome a household is built for, exact to the fen."""

from deploy.sample.chance import Stream
from deploy.sample.figures import ACCIDENT_SHARE, MEDICAL_THRESHOLD, Figures
from deploy.sample.model import COUNTED_COSTS, OTHER_COSTS, Household, Person

_WEIGHTS = {
    "在岗": 10,
    "农民工": 9,
    "灵活就业（新就业形态）": 8,
    "退休": 8,
    "内退": 6,
    "病休": 4,
    "离岗": 4,
    "下（待）岗": 3,
    "失（无）业": 1,
}
_EXCLUSIONS = (
    "两套（含）以上住房",
    "拥有、经常使用机动车辆",
    "子女就读高收费私立学校或自费留学",
    "公司控股股东或实际控制人",
    "拥有商业店铺或雇佣他人经营",
)


def fit(household: Household, aim: str, figures: Figures, chance: Stream) -> None:
    """Give the household means that meet the aim (see ``plan.AIMS``)."""
    line = household.line(figures)
    edge = line * figures.multiple // 10_000
    needs = _base_costs(household, aim, line, chance)
    _set_means(household, _target(aim, household.kind, line, edge, chance), needs, figures, chance)
    if aim == "property":
        household.properties = tuple(chance.sample(_EXCLUSIONS, 2 if chance.happens(15) else 1))
    if household.kind == "accident" or aim in {"share_reached", "loss_at_line"}:
        _set_loss(household, aim, line, figures, chance)
    elif household.kind != "none" and chance.happens(5):
        household.compensation = chance.randint(100_000, 900_000)
        household.loss = household.compensation + chance.randint(-90_000, 200_000)
    for kind in OTHER_COSTS:
        if chance.happens(12):
            household.costs[kind] = chance.randint(30_000, 900_000)


def _target(aim: str, kind: str, line: int, edge: int, chance: Stream) -> int:
    """Net income of the year (after rigid costs) in fen; ``line`` and ``edge`` are the limits of deep and relative."""
    fixed = {
        "below_line": line - 1,
        "at_line": line,
        "below_multiple": edge - 1,
        "at_multiple": edge,
        "share_reached": line * 11 // 2,
        "loss_at_line": line * 11 // 5,
    }
    if aim in fixed:
        return fixed[aim]
    if aim == "property":
        return int(line * chance.uniform(0.3, 1.2))
    if kind == "deep":
        return -chance.randint(1, line // 2) if chance.happens(6) else int(line * chance.uniform(0.15, 0.99))
    if kind == "relative":
        return chance.randint(line + 1, edge - 2)
    return int(edge * chance.uniform(1.02, 1.9))


def _base_costs(household: Household, aim: str, line: int, chance: Stream) -> dict[str, int]:
    """Rigid costs of the year by kind, before the books are balanced."""
    if aim in {"share_reached", "loss_at_line"}:
        return {}
    costs: dict[str, int] = {}
    if aim == "medical_at_threshold":
        costs["因病刚性支出"] = MEDICAL_THRESHOLD
    elif aim == "medical_below_threshold":
        costs["因病刚性支出"] = MEDICAL_THRESHOLD - 1
    elif any(person.health not in {"良好", "残疾"} for person in household.people) and chance.happens(80):
        costs["因病刚性支出"] = chance.randint(120_000, 1_600_000)
    if any(person.disability for person in household.people):
        costs["因残刚性支出"] = chance.randint(60_000, 400_000)
    if household.students():
        costs["因学刚性支出"] = sum(chance.randint(180_000, 900_000) for _ in household.students())
    if chance.happens(18):
        costs["住房刚性支出"] = chance.randint(300_000, 960_000)
    if any(person.health in {"脑血管病", "终末期肾病"} for person in household.people) and chance.happens(40):
        costs["长期照料费用"] = chance.randint(200_000, line // 2)
    return costs


def _set_means(household: Household, target: int, costs: dict[str, int], figures: Figures, chance: Stream) -> None:
    """Split the income among the earners so that yearly income less rigid costs is exactly ``target``."""
    for person in household.people:
        person.monthly = person.pension
    wanted = max(target + sum(costs.values()), 0)
    earners = [person for person in household.people if person.standing in _WEIGHTS and not person.imputed(figures)]
    free = int(wanted * chance.uniform(0.8, 1.0)) // 12 - sum(person.counted(figures) for person in household.people)
    if earners and free > 0:
        _share(earners, free, chance)
    gap = target + sum(costs.values()) - household.yearly(figures)
    if gap >= 0:
        household.other_income = gap
    else:
        _raise_costs(costs, -gap, household, chance)
    household.costs = costs


def _raise_costs(costs: dict[str, int], amount: int, household: Household, chance: Stream) -> None:
    """Add to the costs what income exceeds; an illness cost set at the edge stays untouched."""
    edge = costs.get("因病刚性支出") in {MEDICAL_THRESHOLD, MEDICAL_THRESHOLD - 1}
    first = "住房刚性支出" if edge or all(person.health == "良好" for person in household.people) else "因病刚性支出"
    part = amount if chance.happens(50) else amount * chance.randint(30, 90) // 100
    costs[first] = costs.get(first, 0) + part
    if amount > part:
        second = chance.choice([kind for kind in COUNTED_COSTS[2:] if kind != first])
        costs[second] = costs.get(second, 0) + amount - part


def _share(earners: list[Person], total: int, chance: Stream) -> None:
    weights = [_WEIGHTS[person.standing] * chance.randint(6, 10) for person in earners]
    left = total
    for person, weight in zip(earners[1:], weights[1:], strict=True):
        part = total * weight // sum(weights)
        person.monthly += part
        left -= part
    earners[0].monthly += left


def _set_loss(household: Household, aim: str, line: int, figures: Figures, chance: Stream) -> None:
    """A loss (意外损失) that just fits: over the share of income, or one that leaves less than the line."""
    yearly = household.yearly(figures)
    share = yearly * ACCIDENT_SHARE // 10_000
    over_line = yearly - household.rigid() - line
    exact = {
        "share_reached": share,
        "share_exceeded": share + 1,
        "loss_at_line": over_line,
        "loss_below_line": over_line + 1,
    }
    net_loss = exact.get(aim, max(share, over_line) + chance.randint(1, 500_000))
    household.compensation = chance.randint(50_000, 3_000_000) if chance.happens(50) else 0
    household.loss = net_loss + household.compensation
