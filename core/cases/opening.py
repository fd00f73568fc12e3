"""Opening cases of all service lines: form, parties, handlers and amount checked, number and clocks given (domain 2, 4)."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from core.authorisation import Verdict, answer, require
from core.cases import repository
from core.cases.deadlines import start_clocks
from core.cases.forms import is_confidential, read_form
from core.cases.handlers import Office
from core.cases.models import Case, CaseStep, Party, SealedCase
from core.cases.occurrences import refuse_second_case
from core.cases.repeats import KeyUsed, refuse_other_content
from core.cases.sealing import sealed_form
from core.cases.workflows import opening, programme_named, workflow_named
from core.centre.numbering import draw
from core.db.base import new_id
from core.db.bulk import insert_rows
from core.errors import Conflict, InvalidInput, NotFound
from core.host.declarations import WorkflowDecl
from core.people.life.steps import FILE
from core.people.models import SearchToken
from core.scope import Scope, current_scope
from core.text.normalise import fold, fold_name
from core.text.pinyin import name_pinyin
from core.trail.service import record


@dataclass(frozen=True, slots=True)
class NewParty:
    """Who takes part (当事人): a person or household on file, or only the name given."""

    role: str
    person_id: uuid.UUID | None = None
    household_id: uuid.UUID | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case to be opened. ``workflow`` names the plugin's workflow; its newest version is pinned.

    ``handlers`` makes the case confidential: only those accounts, and the one who opens it, see it. A case that is
    confidential by its form needs them too, unless who opens it may take it up. Of a case that rests on a determination the
    amount is the determination's, and ``requested_fen`` need not be given. ``opening_key`` makes opening safe to repeat.
    """

    plugin: str
    workflow: str
    parties: tuple[NewParty, ...]
    programme: str | None = None
    form: Mapping[str, Any] = field(default_factory=dict)
    determination_id: uuid.UUID | None = None
    requested_fen: int | None = None
    opening_key: str | None = None
    handlers: Sequence[str] | None = None

    @property
    def households(self) -> set[uuid.UUID]:
        """The households on file that take part."""
        return {party.household_id for party in self.parties if party.household_id is not None}


def open_cases(session: Session, drafts: Sequence[NewCase]) -> list[Case]:
    """Open cases; the actor becomes their clerk (经办人). A draft whose opening key was used gives that case again.

    Raises ``NotFound`` where the line is off, the workflow or programme is unknown, or a party is not on file here,
    ``Forbidden`` where the post may not, ``InvalidInput`` for a form, parties, handlers or an amount that do not fit,
    ``KeyUsed`` for a key that comes with other content, ``Conflict`` for a household's second open case of a programme.
    """
    flows = {name: openable(name) for name in {draft.workflow for draft in drafts}}
    for draft in drafts:
        _check(draft, flows[draft.workflow])
    repository.open_one_by_one(session)
    known = repository.cases_by_opening_key(session, [draft.opening_key for draft in drafts if draft.opening_key])
    repeated = [(draft, known[draft.opening_key]) for draft in drafts if draft.opening_key in known]
    refuse_other_content(session, repeated)
    new = _without_repeats([draft for draft in drafts if draft.opening_key not in known])
    _refuse_unknown_parties(session, new)
    _refuse_unopened_files(
        session, {home for draft in new if flows[draft.workflow].needs_household for home in draft.households}
    )
    found_due, office = _found_due(session, new), Office(session)
    amounts = [_amount(draft, found_due) for draft in new]
    refuse_second_case(session, [(draft.programme, home) for draft in new if draft.programme for home in draft.households])
    fresh = [(draft, _made(session, draft, flows[draft.workflow], office)) for draft in new]
    for (_, case), fen in zip(fresh, amounts, strict=True):
        case.requested_fen = fen
    if fresh:
        _store(session, fresh, flows)
    known |= {draft.opening_key: case for draft, case in fresh if draft.opening_key}
    unkeyed = iter([case for draft, case in fresh if not draft.opening_key])
    return [known[draft.opening_key] if draft.opening_key else next(unkeyed) for draft in drafts]


def openable(workflow: str) -> WorkflowDecl:
    """The newest version of a workflow of which the actor may open cases here.

    Raises ``NotFound`` where there is none or its line is off, as its addresses then do not exist (law 4), and ``Forbidden``
    where the post may not.
    """
    scope, flow = current_scope(), workflow_named(workflow)
    demand = opening(flow)
    if answer(demand, scope) is Verdict.NOT_FOUND:
        raise NotFound(
            "本单位未启用该业务",
            f"the service line {flow.plugin} is switched off here",
            where=flow.plugin,
            mend_zh="请联系本级管理员启用",
            mend_en="ask the tenant's administrator to switch it on",
        )
    require(demand)
    return flow


def _check(draft: NewCase, flow: WorkflowDecl) -> None:
    """Refuse what does not hold together, whatever the database holds."""
    if flow.plugin != draft.plugin:
        raise InvalidInput(f"流程 {flow.name} 不属于该业务", f"the workflow belongs to {flow.plugin}", where="plugin")
    _check_parties(draft, flow)
    if draft.programme is not None and programme_named(draft.programme).plugin != draft.plugin:
        raise InvalidInput("救助项目不属于该业务", "the programme is another line's", where="programme")


def _without_repeats(drafts: Sequence[NewCase]) -> list[NewCase]:
    """Each key once; raises ``KeyUsed`` where it comes with two contents."""
    found: list[NewCase] = []
    by_key: dict[str, NewCase] = {}
    for draft in drafts:
        if draft.opening_key is None or draft.opening_key not in by_key:
            found.append(draft)
        elif by_key[draft.opening_key] != draft:
            raise KeyUsed
        if draft.opening_key is not None:
            by_key[draft.opening_key] = draft
    return found


def _refuse_unknown_parties(session: Session, drafts: Sequence[NewCase]) -> None:
    parties = [party for draft in drafts for party in draft.parties]
    persons = {party.person_id for party in parties if party.person_id is not None}
    households = {party.household_id for party in parties if party.household_id is not None}
    if persons | households and persons | households != repository.on_file(session, persons, households):
        raise NotFound(
            "没有这个人或这户家庭",
            "a party is a person or household that is not on file here",
            where="parties",
            mend_zh="请先建档，再从档案中选择",
            mend_en="open the file first and choose from it",
        )


def _refuse_unopened_files(session: Session, households: set[uuid.UUID]) -> None:
    """Relief follows the file (先建档、后帮扶, domain 10): a file that is not open yet, or has ended, takes no case."""
    for number, status in repository.files_not_open(session, households):
        raise Conflict(
            f"档案 {number} 现为“{FILE.states[status]}”，须先建档、后帮扶",
            f"the file is {status}: relief needs a file that is open",
            where=number,
            mend_zh="请先办完建档；已退出的，先重新建档",
            mend_en="have the file opened first, or opened again",
        )


def _found_due(session: Session, drafts: Sequence[NewCase]) -> dict[uuid.UUID, repository.FoundDue]:
    """What the determinations found on which drafts rest."""
    ids = {draft.determination_id for draft in drafts if draft.determination_id is not None}
    return repository.amounts_determined(session, ids) if ids else {}


def _amount(draft: NewCase, found_due: Mapping[uuid.UUID, repository.FoundDue]) -> int | None:
    """What the case asks for: what was determined, which alone is posted and granted (domain 7.4); else what was asked."""
    if draft.determination_id is None or draft.programme is None:
        return draft.requested_fen
    found = found_due.get(draft.determination_id)
    if found is None or found.household_id not in draft.households:
        raise InvalidInput("没有该户的这份认定", "no such determination of the household", where="determination_id")
    due: int | None = found.amounts.get(draft.programme)
    if draft.requested_fen is not None and draft.requested_fen != due:
        raise InvalidInput(
            "申请金额与认定结果不符：有认定的个案以认定金额为准",
            "the amount of a case that rests on a determination is the determination's",
            where="requested",
            mend_zh="不填写申请金额；认定有变化的，请重新认定",
            mend_en="leave the amount out; determine the household anew where its situation changed",
        )
    return due


def _made(session: Session, draft: NewCase, flow: WorkflowDecl, office: Office) -> Case:
    scope = current_scope()
    values = read_form(flow.form, draft.form)
    handlers = None
    if draft.handlers is not None or is_confidential(flow.form, values):
        handlers = office.handlers(flow, draft.handlers or ())
    case_id = new_id()
    return Case(
        id=case_id,
        plugin=draft.plugin,
        programme=draft.programme,
        workflow=flow.name,
        workflow_version=flow.version,
        state=flow.initial,
        clerk=scope.actor,
        opened_on=scope.business_date,
        form={} if handlers is not None else values,
        form_cipher=sealed_form(session, case_id, values) if handlers is not None else None,
        determination_id=draft.determination_id,
        opening_key=draft.opening_key,
        handlers=handlers,
        version=1,
    )


def _check_parties(draft: NewCase, flow: WorkflowDecl) -> None:
    if not draft.parties:
        raise InvalidInput("请登记当事人", "a case needs a party", where="parties")
    if flow.needs_household and not any(party.household_id for party in draft.parties):
        raise InvalidInput(
            f"{flow.zh}须先建档、后帮扶",
            f"{flow.en} needs a household on file",
            where="parties",
            mend_zh="请先为该家庭建档",
            mend_en="open the household's file first",
        )


def _store(session: Session, fresh: Sequence[tuple[NewCase, Case]], flows: Mapping[str, WorkflowDecl]) -> None:
    scope = current_scope()
    by_prefix: dict[str, list[Case]] = defaultdict(list)
    for _, case in fresh:
        by_prefix[flows[case.workflow].number_prefix].append(case)
    year = scope.business_date.year
    for prefix, cases in sorted(by_prefix.items()):
        for number, case in zip(draw(session, "case", year, len(cases), line=prefix), cases, strict=True):
            case.number = number
    session.add_all(case for _, case in fresh)
    session.flush()
    insert_rows(session, Party, [_party(case, party) for draft, case in fresh for party in draft.parties])
    insert_rows(session, CaseStep, [_opening(case, scope) for _, case in fresh])
    sealed = [case for _, case in fresh if case.handlers is not None]
    insert_rows(session, SealedCase, [{"id": case.id, "number": case.number} for case in sealed])
    insert_rows(session, SearchToken, [token for draft, case in fresh for token in _search_tokens(draft, case)])
    start_clocks(session, [(case, flows[case.workflow]) for _, case in fresh])
    for _, case in fresh:
        fields = {"number": case.number, "plugin": case.plugin, "programme": case.programme}
        record(session, "case.open", "case", case.id, fields, handlers=case.handlers)


def _party(case: Case, party: NewParty) -> dict[str, Any]:
    return {
        "case_id": case.id,
        "role": party.role,
        "person_id": party.person_id,
        "household_id": party.household_id,
        "label": party.label,
        "handlers": case.handlers,
    }


def _opening(case: Case, scope: Scope) -> dict[str, Any]:
    return {
        "case_id": case.id,
        "seq": 1,
        "transition": "open",
        "source": "",
        "target": case.state,
        "actor": scope.actor,
        "business_date": scope.business_date,
        "handlers": case.handlers,
    }


def _search_tokens(draft: NewCase, case: Case) -> list[dict[str, Any]]:
    words = {fold(case.number)}
    for party in draft.parties:
        if party.label and party.role not in ("household", "anonymous"):
            read = name_pinyin(party.label)
            words |= {fold_name(party.label), read.full, read.initials}
    return [{"token": word, "subject_kind": "case", "subject_id": case.id, "handlers": case.handlers} for word in sorted(words)]
