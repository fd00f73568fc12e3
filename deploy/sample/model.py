"""What the generator knows of a household before it becomes rows: money in fen, labels as the form prints them."""

from dataclasses import dataclass, field
from datetime import date

from deploy.sample.figures import (
    WORKING_AGE_FROM,
    WORKING_AGE_TO_FEMALE,
    WORKING_AGE_TO_MALE,
    Figures,
)

LIVING, MEDICAL, SCHOOLING = "年度生活救助", "医疗救助", "金秋助学"
OUT_OF_WORK = frozenset({"下（待）岗", "失（无）业"})
STUDENTS = frozenset({"大学生", "研究生", "高中", "中职中技"})
HIGH_RANKS = frozenset({"全国劳模", "省部级劳模", "地市级劳模"})
COUNTED_COSTS = ("因病刚性支出", "因残刚性支出", "因学刚性支出", "住房刚性支出", "长期照料费用")
OTHER_COSTS = ("必要就业成本", "其他刚性支出")


def age_on(birth: date, day: date) -> int:
    """Full years (周岁) on the day."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


@dataclass(slots=True)
class Person:
    """One person of a household; ``standing`` is 工作状态 of the worker or 身份 of a member."""

    relation: str
    name: str
    ethnic: str
    male: bool
    number: str
    birth: date
    standing: str
    politics: str = "群众"
    health: str = "良好"
    disability: str = ""
    insurance: str = "城乡居民基本医疗保险"
    unit: str = ""
    monthly: int = 0
    pension: int = 0
    able: bool = False
    aided: bool = False

    def counted(self, figures: Figures, monthly: int | None = None) -> int:
        """Counted monthly income in fen; ``monthly`` stands in for the recorded one."""
        income = self.monthly if monthly is None else monthly
        if not figures.counts_pension:
            income = max(0, income - self.pension)
        return max(income, figures.minimum_wage) if self.imputed(figures) else income

    def imputed(self, figures: Figures) -> bool:
        """Whether the county counts this person at the minimum wage at least (核定收入)."""
        upper = WORKING_AGE_TO_MALE if self.male else WORKING_AGE_TO_FEMALE
        in_age = WORKING_AGE_FROM <= age_on(self.birth, figures.day) < upper
        return figures.imputes and self.able and self.standing in OUT_OF_WORK and in_age


@dataclass(slots=True)
class Household:
    """One household with the outcome it was built for (``kind``: deep, relative, accident or none)."""

    people: list[Person]
    kind: str
    number: int = 0
    town: str = ""
    address: str = ""
    rank: str = "非劳模"
    costs: dict[str, int] = field(default_factory=dict)
    other_income: int = 0
    properties: tuple[str, ...] = ()
    loss: int = 0
    compensation: int = 0
    applications: list[str] = field(default_factory=list)
    card: str = ""
    opened: date = date.min
    updated: date = date.min

    @property
    def worker(self) -> Person:
        """The head of the household (户主): the worker on whose name the file is kept."""
        return self.people[0]

    def line(self, figures: Figures) -> int:
        """The minimum living standard of the whole household for a year, in fen."""
        return figures.line * 12 * len(self.people)

    def rigid(self) -> int:
        """Counted rigid costs of the year in fen."""
        return sum(self.costs.get(kind, 0) for kind in COUNTED_COSTS)

    def yearly(self, figures: Figures) -> int:
        """Counted yearly income in fen."""
        return 12 * sum(person.counted(figures) for person in self.people) + self.other_income

    def entitled(self) -> bool:
        """Whether yearly relief has a ground: deep difficulty or a high model worker (domain 4.4.1)."""
        return self.kind == "deep" or (self.rank in HIGH_RANKS and not self.properties)

    def in_difficulty(self) -> bool:
        """Whether the household was built to be in difficulty."""
        return self.kind != "none"

    def students(self) -> list[Person]:
        """Members in a stage of schooling that autumn schooling aid knows."""
        return [person for person in self.people[1:] if person.standing in STUDENTS]


@dataclass(frozen=True, slots=True)
class Event:
    """A row of the third sheet: something that happens after the survey."""

    kind: str
    number: int
    programme: str = ""
    amount: int | None = None
    note: str = ""
