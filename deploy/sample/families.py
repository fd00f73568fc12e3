"""Composes families: who lives together, how old they are, what they do."""

from dataclasses import dataclass
from datetime import date, timedelta

from deploy.sample import names, wording
from deploy.sample.chance import Stream
from deploy.sample.identity import Registry
from deploy.sample.model import Household, Person

_SIZES = ((1, 14), (2, 24), (3, 32), (4, 18), (5, 8), (6, 4))
_WORKER = (
    ("在岗", 38),
    ("下（待）岗", 14),
    ("失（无）业", 18),
    ("灵活就业（新就业形态）", 12),
    ("病休", 6),
    ("内退", 4),
    ("离岗", 3),
    ("退休", 5),
)
_SPOUSE = (("在岗", 34), ("失（无）业", 26), ("下（待）岗", 8), ("农民工", 16), ("退休", 6), ("无劳动能力", 10))
_GROWN = (("在岗", 40), ("失（无）业", 30), ("农民工", 20), ("研究生", 10))
_ILL = ("恶性肿瘤", "心血管病", "脑血管病", "终末期肾病", "糖尿病", "腰颈椎病", "高血压病", "一般疾病", "肝病")
_DISABLED = ("视力残疾", "听力残疾", "言语残疾", "肢体残疾", "智力残疾", "精神残疾", "多重残疾")
_ABLE = frozenset({"在岗", "下（待）岗", "失（无）业", "灵活就业（新就业形态）", "离岗", "农民工"})


@dataclass(frozen=True, slots=True)
class AgeEdge:
    """An able-bodied person out of work whose birthday lies on or one day after the decision day."""

    years: int
    male: bool
    days_after: int
    child: bool = False


AGE_EDGES = (
    AgeEdge(60, True, 0),
    AgeEdge(60, True, 1),
    AgeEdge(55, False, 0),
    AgeEdge(55, False, 1),
    AgeEdge(16, True, 0, True),
    AgeEdge(16, False, 1, True),
)

_ROSTER_DAYS_BEFORE = 7


class Families:
    """Families of one county."""

    def __init__(self, chance: Stream, registry: Registry, day: date) -> None:
        self._chance = chance
        self._registry = registry
        self._day = day

    def compose(self, kind: str, edge: AgeEdge | None, *, student: bool) -> Household:
        """A family without money yet.

        ``edge`` puts one person at a limit of the working age, ``student`` a child in school.
        """
        size = max(self._chance.weighted(_SIZES), 2 if student or (edge and edge.child) else 1)
        worker_edge = edge if edge and not edge.child else None
        worker = self._worker(worker_edge)
        family = names.family_of(worker.name, self._chance)
        people = [worker]
        if size > 1 and self._chance.happens(75) and not (size == 2 and (student or edge)):
            people.append(self._spouse(worker))
        if edge and edge.child:
            people.append(self._child_at(family, worker.ethnic, edge))
        if student and len(people) < size:
            people.append(self._child(worker, family, low=15, high=23))
        while len(people) < size:
            people.append(self._further(worker, family, people))
        return Household(people, kind)

    def newborn(self, household: Household) -> tuple[Person, date]:
        """A child born after the decision day, and the birthday."""
        birth = self._day + timedelta(days=self._chance.randint(20, 80))
        male = self._chance.happens(51)
        worker = household.worker
        family = names.family_of(worker.name, self._chance)
        return self._person("儿子" if male else "女儿", family, worker.ethnic, male, birth, "学龄前儿童"), birth

    def _birth(self, years: int) -> date:
        latest = date(self._day.year - years, self._day.month, self._day.day)
        days = self._chance.randint(2, 363)
        # The roster is filled in some days before the decision day: nobody in it is born after that.
        return latest - timedelta(days=days if years else max(days, _ROSTER_DAYS_BEFORE))

    def _person(self, relation: str, family: str, ethnic: str, male: bool, birth: date, standing: str) -> Person:
        chance = self._chance
        person = Person(
            relation=relation,
            name=names.full_name(chance, family, ethnic, male=male),
            ethnic=ethnic,
            male=male,
            number=self._registry.issue(birth, male=male),
            birth=birth,
            standing=standing,
            able=standing in _ABLE,
            unit=wording.school(chance, standing),
        )
        self._condition(person)
        return person

    def _condition(self, person: Person) -> None:
        chance = self._chance
        if person.standing == "无劳动能力" and chance.happens(45):
            person.health, person.disability = "残疾", chance.choice(_DISABLED)
        elif chance.happens(70 if person.standing in {"病休", "无劳动能力"} else 14):
            person.health = chance.choice(_ILL)
        if person.standing in {"在岗", "内退", "退休"}:
            person.insurance = "职工基本医疗保险"
        elif chance.happens(6):
            person.insurance = "未参保"
        if person.standing in {"高中", "大学生", "中职中技"} and chance.happens(60):
            person.politics = "共青团员"
        elif person.standing in _ABLE and chance.happens(9):
            person.politics = "中共党员"
        if person.standing in {"在岗", "农民工"}:
            person.unit = wording.firm(chance, "")[0]

    def _worker(self, edge: AgeEdge | None) -> Person:
        chance = self._chance
        male = edge.male if edge else chance.happens(55)
        if edge:
            latest = date(self._day.year - edge.years, self._day.month, self._day.day)
            birth, standing = latest + timedelta(days=edge.days_after), "失（无）业"
        else:
            standing = chance.weighted(_WORKER)
            retired = standing in {"退休", "内退"}
            low, high = ((60, 64) if male else (55, 60)) if retired else ((27, 59) if male else (25, 54))
            birth = self._birth(chance.randint(low, high))
        worker = self._person("户主", names.surname(chance), names.ethnic_group(chance), male, birth, standing)
        if edge is None and standing in {"失（无）业", "下（待）岗"} and chance.happens(20):
            worker.able = False
        return worker

    def _years(self, person: Person) -> int:
        return (self._day - person.birth).days // 365

    def _spouse(self, worker: Person) -> Person:
        chance = self._chance
        age = min(max(self._years(worker) + chance.randint(-5, 4), 22), 66)
        standing = chance.weighted(_SPOUSE)
        if age >= 60:
            standing = "退休" if chance.happens(50) else "无劳动能力"
        elif standing == "退休" and age < 50:
            standing = "失（无）业"
        relation = "妻子" if worker.male else "丈夫"
        ethnic = worker.ethnic if chance.happens(80) else "汉族"
        spouse = self._person(relation, names.surname(chance), ethnic, not worker.male, self._birth(age), standing)
        if standing == "无劳动能力" and age >= 60:
            spouse.pension = chance.randint(12_300, 24_680)
        return spouse

    def _child(self, worker: Person, family: str, low: int = 0, high: int = 26) -> Person:
        chance = self._chance
        ceiling = max(min(self._years(worker) - 21, high), 0)
        age = chance.randint(min(low, ceiling), ceiling)
        male = chance.happens(52)
        child = self._person("儿子" if male else "女儿", family, worker.ethnic, male, self._birth(age), self._stage(age))
        child.aided = child.standing in {"大学生", "高中", "中职中技", "研究生"} and chance.happens(18)
        return child

    def _child_at(self, family: str, ethnic: str, edge: AgeEdge) -> Person:
        latest = date(self._day.year - edge.years, self._day.month, self._day.day)
        birth = latest + timedelta(days=edge.days_after)
        return self._person("儿子" if edge.male else "女儿", family, ethnic, edge.male, birth, "失（无）业")

    def _stage(self, age: int) -> str:
        chance = self._chance
        for upper, stage in ((6, "学龄前儿童"), (12, "小学"), (15, "初中")):
            if age < upper:
                return stage
        if age < 18:
            return "高中" if chance.happens(60) else "中职中技"
        if age < 23:
            return "大学生" if chance.happens(75) else "失（无）业"
        return chance.weighted(_GROWN)

    def _further(self, worker: Person, family: str, people: list[Person]) -> Person:
        """One more member: mostly a child, else a parent not yet there, else another relative."""
        taken = {person.relation for person in people}
        children = len(taken & {"儿子", "女儿"})
        if children < 2 and self._years(worker) > 23 and self._chance.happens(72):
            return self._child(worker, family)
        for relation in ("母亲", "父亲"):
            if relation not in taken and self._years(worker) < 66:
                return self._elder(worker, family, relation)
        return self._elder(worker, names.surname(self._chance), "其他")

    def _elder(self, worker: Person, family: str, relation: str) -> Person:
        chance = self._chance
        male = relation == "父亲" or (relation == "其他" and chance.happens(40))
        age = min(self._years(worker) + chance.randint(22, 30), 93)
        if age < 55:
            standing = "农民工" if chance.happens(60) else "无劳动能力"
        else:
            standing = "退休" if chance.happens(30) else "无劳动能力"
        elder = self._person(
            relation, family if male else names.surname(chance), worker.ethnic, male, self._birth(age), standing
        )
        if standing == "无劳动能力" and age >= 60:
            elder.pension = chance.randint(12_300, 24_680)
        return elder
