"""Dated changes of who belongs to a household (家庭变动): birth, death, moves, marriage, divorce, another head, a split.

Each is one act with its day, reason and paper (`core.people.changes.act`), and can be undone on the day on which it was made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.centre.numbering import draw
from core.codes.loader import code_list
from core.db.base import new_id
from core.db.statements import among
from core.errors import Conflict, InvalidInput, NotFound
from core.people.changes.act import Act, Succession, Why
from core.people.changes.models import HouseholdChange
from core.people.changes.persons import Newcomer, checked, person_of, text_of
from core.people.damage import whole_key
from core.people.entry import Faults
from core.people.life.service import apply, take_step
from core.people.life.steps import STEP
from core.people.models import Household, Person, WorkerFile
from core.people.sealing import Sealer
from core.people.search.words import renew_search_words
from core.people.townships import township_in, township_of
from core.scope import current_scope
from core.text.normalise import fold_name

JOINING: Final = ("birth", "moved_in", "marriage")
LEAVING: Final = ("death", "moved_out", "divorce")
MOVING: Final = ("moved_in", "marriage", "divorce")
FOUNDING: Final = ("split", "divorce", "marriage")
ADDRESS_LENGTH: Final = 200
_OF_A_CHILD: Final = ("son", "daughter", "other")


@dataclass(frozen=True, slots=True)
class Founding:
    """A household that members leave for: who of them is head, how the others are related to him, and where they live."""

    head: UUID
    relations: Mapping[UUID, str]
    """Relations of the others who leave along."""
    address: str


def join(session: Session, household_id: UUID, new: Newcomer, *, kind: str, valid_from: date, why: Why) -> Person:
    """A child is born (birth), somebody moves in, or marries into the household; the person gets no facts by it.

    A newborn may have no identity number yet; it is added later by ``correct_identity``. Raises ``Refused`` with all faults,
    ``Conflict`` for who belongs here or to another household on file (domain 10) or is known by another name,
    ``SealedDamaged`` for who is known here by a damaged key, ``NotFound``.
    """
    _refuse_kind(kind, JOINING)
    act = Act(session, kind, valid_from, why, [household_id])
    faults = Faults()
    known = checked(new, faults, newborn=kind == "birth")
    if new.relation == "head":
        faults.add("relation", "与户主关系", "新增成员不能是户主", "a new member is not the head of the household")
    if kind == "birth" and new.relation not in ("", *_OF_A_CHILD):
        faults.add("relation", "与户主关系", "新生子女的关系是儿子、女儿或其他", "a newborn is a son, a daughter or other")
    if kind == "marriage" and new.relation in ("son", "daughter", "father", "mother"):
        faults.add("relation", "与户主关系", "因结婚加入的是配偶或其他", "who marries in is a spouse or other")
    if kind == "birth" and known is not None and known.birth_date != valid_from:
        faults.add("valid_from", "日期", "出生登记的日期应为出生日期", "a birth holds from the birth date")
    faults.raise_any()
    if known is None:  # without faults there is somebody
        raise InvalidInput("请填写姓名", "the name is missing", where="name")
    if known.identity is None:
        _refuse_same_child(act, household_id, known.name, known.birth_date)
    person, _ = person_of(session, known)
    act.knows(person)
    act.joins(household_id, person.id, known.relation)
    act.write()
    return person


def _refuse_same_child(act: Act, household_id: UUID, name: str, born: date) -> None:
    for one in act.members(household_id):
        other = act.persons[one]
        if other.birth_date == born and fold_name(other.name) == fold_name(name):
            raise Conflict(
                "该户已有同名同日出生的成员",
                "a member of that name and birth date is there",
                where="name",
                mend_zh="请核对是否重复登记",
            )


def leave(
    session: Session,
    household_id: UUID,
    person_id: UUID,
    *,
    kind: str,
    valid_from: date,
    why: Why,
    succession: Succession | None = None,
) -> HouseholdChange:
    """A member died, moved out of what is on file here, or left by divorce.

    Where the head leaves, the ``succession`` names the new one. A head who dies as the last of the household ends the file;
    otherwise raises ``Conflict`` where nobody would be left. Raises ``NotFound`` for who did not belong on that day.
    """
    _refuse_kind(kind, LEAVING)
    act = Act(session, kind, valid_from, why, [household_id], [person_id])
    was_head = act.members(household_id).get(person_id) == "head"
    act.leaves(household_id, person_id)
    if kind == "death":
        _note_death(act.persons[person_id], valid_from)
    if was_head and act.members(household_id):
        act.succeeds(household_id, succession)
    elif was_head and kind == "death":
        act.ends[household_id] = "record_death"
    change = act.write()
    for home, step in act.ends.items():
        take_step(session, home, step, note=why.reason)
    return change


def _note_death(person: Person, day: date) -> None:
    if person.died_on is not None:
        raise Conflict("此人已登记死亡", "the person is recorded as dead", where="person_id")
    if person.birth_date is not None and day < person.birth_date:
        raise InvalidInput("死亡日期早于出生日期", "the day of death lies before the birth", where="valid_from")
    person.died_on = day


def move_between(
    session: Session,
    household_id: UUID,
    person_id: UUID,
    to: UUID,
    *,
    relation: str,
    kind: str,
    valid_from: date,
    why: Why,
    succession: Succession | None = None,
) -> HouseholdChange:
    """A member leaves one household on file here for another: one act that ends there and begins here.

    Raises ``InvalidInput`` for the same household or a head's relation, and what ``leave`` and ``join`` raise.
    """
    _refuse_kind(kind, MOVING)
    if to == household_id:
        raise InvalidInput("请选择另一户", "choose another household", where="to")
    if relation == "head":
        raise InvalidInput(
            "迁入后不能直接成为户主", "who moves in is not the head at once", where="relation", mend_zh="迁入后再办理户主变更"
        )
    _refuse_relation(relation)
    act = Act(session, kind, valid_from, why, [household_id, to], [person_id])
    was_head = act.members(household_id).get(person_id) == "head"
    act.leaves(household_id, person_id)
    if was_head and act.members(household_id):
        act.succeeds(household_id, succession)
    act.joins(to, person_id, relation)
    return act.write()


def change_head(session: Session, household_id: UUID, succession: Succession, *, valid_from: date, why: Why) -> HouseholdChange:
    """Another member is head from a day on (户主变更); all relations are told anew, the former head's among them.

    The account was the former head's and is registered anew; an undoing brings it back. Raises ``InvalidInput`` for a relation
    left open.
    """
    act = Act(session, "head_changed", valid_from, why, [household_id])
    act.succeeds(household_id, succession)
    return act.write()


def split(
    session: Session,
    household_id: UUID,
    founding: Founding,
    *,
    kind: str,
    valid_from: date,
    why: Why,
    succession: Succession | None = None,
) -> WorkerFile:
    """Members leave to found a household of their own (分户), which gets a file of its own in its first state.

    Facts of the persons stay theirs; those of the household are the former one's and are told anew. Raises what ``leave``
    raises.
    """
    _refuse_kind(kind, FOUNDING)
    address = text_of(founding.address, "address", "住址", ADDRESS_LENGTH)
    act = Act(session, kind, valid_from, why, [household_id])
    leaving = {founding.head: "head", **founding.relations}
    for one, relation in leaving.items():
        _refuse_relation(relation)
        if relation == "head" and one != founding.head:
            raise InvalidInput("一户只能有一名户主", "a household has one head", where=f"relation.{one}")
    head_leaves = any(act.members(household_id).get(one) == "head" for one in leaving)
    for one in leaving:
        act.leaves(household_id, one)
    if head_leaves and act.members(household_id):
        act.succeeds(household_id, succession)
    file = found_file(session, act.persons[founding.head], address, {})
    act.begins(file.household_id, file)
    for one, relation in leaving.items():
        act.joins(file.household_id, one, relation)
    act.write()
    return file


def found_file(session: Session, head: Person, address: str, columns: Mapping[str, object]) -> WorkerFile:
    """A household and its file in the first state of its life, with a number drawn. Raises as ``whole_key`` of the head."""
    day, key = current_scope().business_date, whole_key(session, head)
    township = township_of(str(columns.get("township") or "")) or township_in(address)
    household = Household(id=new_id(), **Sealer(session).address(key, address))
    session.add(household)
    session.flush()
    [number] = draw(session, "file", day.year, 1)
    file = WorkerFile(
        household_id=household.id,
        worker_id=head.id,
        file_number=number,
        status="draft",
        opened_on=day,
        updated_on=day,
        **dict(columns) | {"township": township},
    )
    session.add(file)
    session.flush()
    apply(session, STEP["apply"], [file])
    renew_search_words(session, [head.id])
    return file


def undo(session: Session, change_id: UUID, *, reason: str, of: UUID | None = None) -> HouseholdChange:
    """Take a slip back on the day on which it was made (撤销误登): rows that restore what was, and the slip stays on record.

    ``of``: the household whose slip it is to be. Raises ``NotFound``, ``Conflict`` for another day, for what was undone
    already, or where something else was recorded of the households since. A head's account that the act took out is on the
    file again.
    """
    slip = session.scalar(select(HouseholdChange).where(HouseholdChange.id == change_id))
    if slip is None or of not in (None, slip.household_id, slip.peer_household_id):
        raise NotFound("没有这项变动登记", "no such change")
    homes = list(dict.fromkeys(UUID(step["household"]) for step in slip.steps))
    _refuse_undoing(session, slip, homes)
    if slip.kind == "death":
        _revive(session, slip, reason)
    people = [UUID(step["person"]) for step in slip.steps]
    act = Act(session, slip.kind, slip.valid_from, Why(reason), homes, people)
    for step in slip.steps:
        home, person = UUID(step["household"]), UUID(step["person"])
        if slip.kind == "death" and step["now"] is None:
            act.persons[person].died_on = None
        if step["was"] is None:
            act.leaves(home, person)
        elif step["now"] is None:
            act.joins(home, person, step["was"])
        else:
            act.relates(home, person, step["was"])
    act.ends |= {home: "undo_registration" for home in homes if not act.members(home)}
    change = act.write(undoes=slip)
    for home, life_step in act.ends.items():
        take_step(session, home, life_step, note=reason)
    return change


def _refuse_undoing(session: Session, slip: HouseholdChange, homes: Sequence[UUID]) -> None:
    if slip.kind == "undone" or slip.business_date != current_scope().business_date:
        raise Conflict(
            "只能撤销当天登记的变动", "only a change recorded today can be undone", where="change",
            mend_zh="请按实际情况登记新的变动", mend_en="record what happened as a change of its own",
        )  # fmt: skip
    touched = or_(among(HouseholdChange.household_id, homes), among(HouseholdChange.peer_household_id, homes))
    rows = session.execute(
        select(HouseholdChange.id, HouseholdChange.undoes).where(touched, HouseholdChange.id >= slip.id)
    ).all()
    undone = {row.undoes for row in rows}
    if slip.id in undone:
        raise Conflict("该变动已撤销", "it was undone already", where="change")
    if any(row.id != slip.id and row.undoes is None and row.id not in undone for row in rows):
        raise Conflict("此后另有变动登记，请先撤销后一项", "undo the later change first", where="change")


def _revive(session: Session, slip: HouseholdChange, reason: str) -> None:
    """Where the death had ended the file: back on file if it was, else it begins anew as a draft."""
    home = slip.household_id
    if session.scalar(select(WorkerFile.status).where(WorkerFile.household_id == home)) == "died":
        was_on_file = slip.before[str(home)]["status"] == "on_file"
        take_step(session, home, "take_back_death" if was_on_file else "reopen", note=reason)


def changes_of(session: Session, household_id: UUID) -> list[HouseholdChange]:
    """The acts on a household, the newest first; those of another household in which it took part among them."""
    mine = or_(HouseholdChange.household_id == household_id, HouseholdChange.peer_household_id == household_id)
    return list(session.scalars(select(HouseholdChange).where(mine).order_by(HouseholdChange.id.desc()).limit(200)))


def suggested(relation: str, head_gender: str, new_head_relation: str, former_head: bool) -> str:
    """How a member is probably related to a new head, from the relation to the former one; a proposal for the form."""
    if former_head:
        back = {"husband": "wife", "wife": "husband"}
        if new_head_relation in back:
            return back[new_head_relation]
        if new_head_relation in ("son", "daughter"):
            return "father" if head_gender == "1" else "mother"
        return {"1": "son", "2": "daughter"}.get(head_gender, "other") if new_head_relation in ("father", "mother") else "other"
    if new_head_relation in ("husband", "wife"):
        return relation if relation in ("son", "daughter") else "other"
    if new_head_relation in ("son", "daughter"):
        return {"husband": "father", "wife": "mother"}.get(relation, "other")
    if new_head_relation in ("father", "mother"):
        return {"father": "husband", "mother": "wife"}.get(relation, "other")
    return "other"


def _refuse_kind(kind: str, kinds: tuple[str, ...]) -> None:
    if kind not in kinds:
        raise InvalidInput("没有这类变动", f"no such change; one of {', '.join(kinds)}", where="kind")


def _refuse_relation(relation: str) -> None:
    if relation not in code_list("relationship_form"):
        raise InvalidInput("请选择关系", "the relation is missing", where="relation")
