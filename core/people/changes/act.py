"""One act on the membership of one or two households: locked, checked as a whole, written with its reason (家庭变动).

Rows of membership are only ever added. Whatever the act, afterwards nobody belongs to two households on file here (domain 10),
and each household has one head, whose file it is, unless the file has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.codes.loader import code_list
from core.db.statements import among
from core.documents.models import Document
from core.errors import Conflict, InvalidInput, NotFound
from core.people.changes.handing_on import hand_on, put_back
from core.people.changes.models import HouseholdChange
from core.people.changes.persons import locked_persons, settle_marks, text_of
from core.people.duplicates.merging import hold_merges
from core.people.life.steps import ENDED
from core.people.models import Membership, Person, WorkerFile
from core.people.repository import files_joined_since, members_on
from core.people.search.words import renew_search_words
from core.scope import current_scope
from core.trail.service import record

REASON_LENGTH: Final = 500
SPOUSES: Final = ("husband", "wife")
_SEX: Final[Mapping[str, str]] = {
    "husband": "1", "son": "1", "father": "1", "wife": "2", "daughter": "2", "mother": "2",
}  # fmt: skip
_ENDED_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "moved": ("该户已转往其他单位", "请由转入单位办理"),
    "died": ("该档案因户主去世已结束", "确需更改的，请先重新建档"),
    "cancelled": ("该档案已注销", "确需更改的，请先重新建档"),
    "merged": ("该档案已并入其他档案", "请在并入的档案上办理"),
}
_OLDER: Final = ("father", "mother")
_YOUNGER: Final = ("son", "daughter")


@dataclass(frozen=True, slots=True)
class Why:
    """The reason of an act, and the household's paper that shows it."""

    reason: str
    document_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Succession:
    """Who is head from now on, and how each of the others is related to the new head."""

    head: UUID
    relations: Mapping[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """A person in a household: relation before and after; None where the person does not belong."""

    household_id: UUID
    person_id: UUID
    was: str | None
    now: str | None


class Act:
    """An act under way. Files and persons are locked from here to the end of the transaction."""

    def __init__(
        self,
        session: Session,
        kind: str,
        valid_from: date,
        why: Why,
        households: Iterable[UUID],
        persons: Iterable[UUID] = (),
    ) -> None:
        scope = current_scope()
        if not scope.is_system:
            scope.require("people.write")
        self._session, self._kind, self.valid_from, self._today = session, kind, valid_from, scope.business_date
        self._reason = text_of(why.reason, "reason", "原因", REASON_LENGTH)
        if valid_from > scope.business_date:
            raise InvalidInput("日期不能晚于今天", "the day lies in the future", where="valid_from", mend_zh="事后再登记")
        self._homes = list(dict.fromkeys(households))
        hold_merges(session)
        # Files before persons, in every act: two of them wait for each other and never crosswise.
        self.files = locked_files(session, self._homes)
        refuse_no_paper(session, why.document_id, self._homes)
        self._document_id = why.document_id
        self._then = {home: _relations(session, home, valid_from) for home in self._homes}
        self._now = {home: _relations(session, home, self._today) for home in self._homes}
        for home in self._homes:
            if self._now[home] and not self._then[home]:
                raise _contradiction(
                    "valid_from", "日期早于该户成员登记之日", "the day lies before the household's first record"
                )
        here = {one for state in (*self._then.values(), *self._now.values()) for one in state}
        self.persons = locked_persons(session, here | set(persons) | {file.worker_id for file in self.files.values()})
        self._before = {str(home): {"worker": str(f.worker_id), "status": f.status} for home, f in self.files.items()}
        self._steps: dict[tuple[UUID, UUID], Step] = {}
        self._taken_out: dict[str, Any] = {}
        self.ends: dict[UUID, str] = {}
        """Files that end with this act, with the step of their life by which they do."""

    def members(self, household_id: UUID) -> dict[UUID, str]:
        """Relations of the members on the day of the act, as far as it has come."""
        return self._then[household_id]

    def knows(self, person: Person) -> None:
        """A person that was found or made, and locked, after the act began."""
        self.persons[person.id] = person

    def begins(self, household_id: UUID, file: WorkerFile) -> None:
        """A household that is founded by this act."""
        self._homes.append(household_id)
        self.files[household_id] = file
        self._then[household_id], self._now[household_id] = {}, {}

    def joins(self, household_id: UUID, person_id: UUID, relation: str) -> None:
        """The person belongs from the day on. Raises ``Conflict`` for one who does already."""
        if person_id in self._then[household_id] or person_id in self._now[household_id]:
            raise Conflict("此人已是该户家庭成员", "the person belongs to the household already", where="person_id")
        self._put(household_id, person_id, relation)

    def leaves(self, household_id: UUID, person_id: UUID) -> None:
        """The person belongs no more from the day on. Raises ``NotFound`` for one who did not."""
        if person_id not in self._then[household_id]:
            raise NotFound("此人在该日不是该户家庭成员", "the person did not belong to the household on that day")
        self._put(household_id, person_id, None)

    def relates(self, household_id: UUID, person_id: UUID, relation: str) -> None:
        """The member's relation to the head is another from the day on."""
        if self._then[household_id].get(person_id) != relation:
            self._put(household_id, person_id, relation)

    def succeeds(self, household_id: UUID, succession: Succession | None) -> None:
        """The household has another head; called once who leaves has left. Raises ``InvalidInput`` where none is named, none of
        the household, or a relation is left open."""
        staying = [one for one, relation in self._then[household_id].items() if relation is not None]
        if succession is None:
            raise InvalidInput(
                "户主离开，须同时确定新户主", "the head leaves: name a new one in the same act", where="new_head",
                mend_zh="请在其余成员中选择新户主，并填写各成员与新户主的关系", mend_en="choose one of the other members",
            )  # fmt: skip
        if succession.head not in staying:
            raise InvalidInput("新户主须是该户家庭成员", "the new head is no member of the household", where="new_head")
        self._refuse_later(household_id)
        others = [one for one in staying if one != succession.head]
        for one in others:
            relation = succession.relations.get(one, "")
            if relation not in code_list("relationship_form") or relation == "head":
                name = self.persons[one].name
                raise InvalidInput(
                    f"请选择{name}与新户主的关系", "say how each member is related to the new head", where=f"relation.{one}"
                )
        self.relates(household_id, succession.head, "head")
        for one in others:
            self.relates(household_id, one, succession.relations[one])

    def _put(self, household_id: UUID, person_id: UUID, relation: str | None) -> None:
        place = household_id, person_id
        former = self._steps.get(place)
        was = former.was if former else self._then[household_id].get(person_id)
        self._steps[place] = Step(household_id, person_id, was, relation)
        for state in (self._then[household_id], self._now[household_id]):
            if relation is None:
                state.pop(person_id, None)
            else:
                state[person_id] = relation

    def _refuse_later(self, household_id: UUID) -> None:
        later = select(Membership.valid_from).where(
            Membership.household_id == household_id, Membership.valid_from > self.valid_from
        )
        if (day := self._session.scalar(later.order_by(Membership.valid_from).limit(1))) is not None:
            raise _out_of_order(day)

    def write(self, undoes: HouseholdChange | None = None) -> HouseholdChange:
        """Check the whole and write it. ``undoes``: the slip that is taken back; an account that it took out comes back."""
        if not self._steps:
            raise InvalidInput("没有需要登记的变动", "nothing changes", where="relations")
        steps = list(self._steps.values())
        self._check_order(steps)
        self._check_persons(steps)
        self._session.add_all(
            Membership(
                household_id=step.household_id,
                person_id=step.person_id,
                relation=step.now or step.was or "other",
                present=step.now is not None,
                reason="undone" if undoes else self._kind,
                valid_from=self.valid_from,
            )
            for step in steps
        )
        self._session.flush()
        for home in self._homes:
            self._check_household(home)
            self._touch(home, undoes)
        for step in steps:
            if step.was is None and step.now is not None:
                self._refuse_two_households(step)
        change = HouseholdChange(
            household_id=self._homes[0],
            peer_household_id=self._homes[1] if len(self._homes) > 1 else None,
            kind="undone" if undoes else self._kind,
            valid_from=self.valid_from,
            reason=self._reason,
            document_id=self._document_id,
            steps=[_as_json(step) for step in steps],
            before=self._before,
            **self._taken_out,
            undoes=undoes.id if undoes else None,
            actor=current_scope().actor,
            business_date=self._today,
        )
        self._session.add(change)
        self._session.flush()
        settle_marks(self._session, [self.persons[one] for one in dict.fromkeys(step.person_id for step in steps)])
        fields = {"change": change.id, "kind": self._kind, "valid_from": self.valid_from, "persons": len(steps)}
        for home in self._homes:
            record(self._session, "people.change_undone" if undoes else "people.household_changed", "household", home, fields)
        return change

    def _check_order(self, steps: Iterable[Step]) -> None:
        """Acts are told in the order of their days: one before a later row of the same member would be without effect."""
        places = {(step.household_id, step.person_id) for step in steps}
        later = select(Membership).where(
            among(Membership.household_id, {home for home, _ in places}),
            among(Membership.person_id, {person for _, person in places}),
            Membership.valid_from > self.valid_from,
        )
        for row in self._session.scalars(later.order_by(Membership.valid_from)):
            if (row.household_id, row.person_id) in places:
                raise _out_of_order(row.valid_from)

    def _check_persons(self, steps: Iterable[Step]) -> None:
        for step in steps:
            person = self.persons[step.person_id]
            if step.now is None:
                continue
            if person.birth_date is not None and self.valid_from < person.birth_date:
                raise _contradiction("valid_from", f"{person.name}在该日尚未出生", "the person was not born on that day")
            if person.died_on is not None and self.valid_from >= person.died_on:
                raise _contradiction("valid_from", f"{person.name}在该日已去世", "the person had died by that day")
            if person.gender in ("1", "2") and _SEX.get(step.now, person.gender) != person.gender:
                raise _contradiction("relation", f"{person.name}的性别与所填关系不符", "the relation does not fit the sex")

    def _check_household(self, household_id: UUID) -> None:
        for state in (self._then[household_id], self._now[household_id]):
            heads = [one for one, relation in state.items() if relation == "head"]
            if household_id in self.ends and not state:
                continue
            if not state:
                raise Conflict(
                    "该户将没有成员", "nobody would be left in the household", where=self.files[household_id].file_number,
                    mend_zh="请办理档案注销，或先登记其他成员", mend_en="end the file, or record other members first",
                    files=[self.files[household_id].file_number],
                )  # fmt: skip
            if len(heads) != 1:
                raise Conflict(
                    "一户只能有一名户主", "a household has one head", where="new_head",
                    mend_zh="请用“户主变更”登记", mend_en="record a change of head",
                )  # fmt: skip
            if sum(relation in SPOUSES for relation in state.values()) > 1:
                raise _contradiction("relation", "户主已有登记在册的配偶", "the head has a spouse on record")
            self._check_ages(state, heads[0])

    def _check_ages(self, state: Mapping[UUID, str], head: UUID) -> None:
        born = self.persons[head].birth_date
        for one, relation in state.items():
            other = self.persons[one].birth_date
            if born is None or other is None:
                continue
            if (relation in _OLDER and other >= born) or (relation in _YOUNGER and other <= born):
                raise _contradiction("relation", f"{self.persons[one].name}与户主的关系和出生日期不符", "ages contradict it")

    def _touch(self, household_id: UUID, undoes: HouseholdChange | None) -> None:
        file = self.files[household_id]
        file.updated_on = max(file.updated_on, self._today)
        file.version += 1
        heads = [one for one, relation in self._now[household_id].items() if relation == "head"]
        if heads and heads[0] != file.worker_id:
            former = file.worker_id
            self._taken_out |= hand_on(self._session, file, self.persons[former], self.persons[heads[0]])
            if undoes is not None and undoes.before.get(str(household_id), {}).get("worker") == str(file.worker_id):
                put_back(self._session, file, undoes, self.persons[file.worker_id])
            self._session.flush()
            renew_search_words(self._session, [former, file.worker_id])

    def _refuse_two_households(self, step: Step) -> None:
        others = files_joined_since(self._session, step.person_id, step.household_id, self.valid_from)
        if others:
            raise Conflict(
                "此人是本单位另一户的家庭成员，一人只能在一户建档",
                "the person belongs to another household on file here; nobody is on file in two",
                where="、".join(others),
                mend_zh="请核对两份档案；确已迁出的，从原户办理迁入本户",
                mend_en="compare the two files; where the person has moved, record the move from the other household",
                files=others,
            )


def locked_files(session: Session, homes: list[UUID]) -> dict[UUID, WorkerFile]:
    """The files of households by household, locked in one order and read fresh.

    Raises ``NotFound`` for a household without a file, and as ``refuse_ended``.
    """
    asked = select(WorkerFile).where(among(WorkerFile.household_id, homes)).order_by(WorkerFile.id).with_for_update()
    found = session.scalars(asked.execution_options(populate_existing=True))
    files = {file.household_id: file for file in found.unique()}
    for home in homes:
        if home not in files:
            raise NotFound("没有这户家庭的档案", "no such household on file", where="household_id")
        refuse_ended(files[home])
    return files


def refuse_ended(file: WorkerFile) -> None:
    """Raise ``Conflict`` for a file that is only read: moved away, ended by death, struck off."""
    if file.status in ENDED:
        zh, mend = _ENDED_WORDS[file.status]
        number = file.file_number
        raise Conflict(f"{zh}，只供查阅", f"the file is closed: {file.status}", where=number, mend_zh=mend, files=[number])


def refuse_no_paper(session: Session, document_id: UUID | None, homes: Sequence[UUID]) -> None:
    """Raise ``InvalidInput`` where a paper is named that is none of the households', or was removed."""
    if document_id is None:
        return
    held = select(Document.id).where(
        Document.id == document_id, among(Document.household_id, homes), Document.withdrawn_on.is_(None)
    )
    if session.scalar(held) is None:
        raise InvalidInput("该户没有这份材料", "no such paper of the household", where="document_id")


def _relations(session: Session, household_id: UUID, on: date) -> dict[UUID, str]:
    return {person: row.relation for person, row in members_on(session, household_id, on).items()}


def _out_of_order(day: date) -> Conflict:
    return Conflict(
        f"{day.isoformat()} 起另有变动登记，须按时间先后登记",
        f"another change holds from {day.isoformat()} on: record them in the order of their days",
        where="valid_from",
        mend_zh="日期填写有误的请更正；后一变动登记有误的，先撤销后一变动",
        mend_en="correct the day, or undo the later change first",
    )


def _contradiction(where: str, zh: str, en: str) -> Conflict:
    return Conflict(zh, en, where=where, mend_zh="请核对关系和日期", mend_en="check the relation and the day")


def _as_json(step: Step) -> dict[str, str | None]:
    home, person = str(step.household_id), str(step.person_id)
    return {"household": home, "person": person, "was": step.was, "now": step.now}
