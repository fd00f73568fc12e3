"""Grants: deciding to give an amount reserves it (资金预留), taking the decision back frees it (domain 4.4, 7)."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.db.base import new_id
from core.db.statements import among
from core.errors import Conflict, InvalidInput, NotFound
from core.funds import repository
from core.funds.errors import AidedAlready, SamePerson
from core.funds.ledger import AccountKey, Posting, hold, lock_existing, overdrawn, post
from core.funds.models import Grant, GrantBeneficiary, Instalment, Occurrence
from core.host.declarations import ProgrammeDecl
from core.money import Fen
from core.people.duplicates.merging import as_one
from core.people.models import WorkerFile
from core.scope import current_scope
from core.trail.service import record

_SHOWN_CASES = 5


@dataclass(frozen=True, slots=True)
class GrantDraft:
    """What a case asks the fund for: programme, occurrence (发放周期) and how many fen for whom."""

    case_id: uuid.UUID
    clerk: str
    """Actor key of the applicant's clerk (经办人), who must not be the one who approves."""
    programme: ProgrammeDecl
    occurrence: str
    """E.g. ``2025`` for a civil year, ``2025-2026`` for a school year, an event's own key otherwise."""
    household_id: uuid.UUID
    beneficiaries: tuple[tuple[uuid.UUID, Fen], ...]

    @property
    def amount_fen(self) -> Fen:
        """The whole grant."""
        return sum(fen for _, fen in self.beneficiaries)

    @property
    def subjects(self) -> tuple[uuid.UUID, ...]:
        """Whom the occurrence is unique for: the household and every beneficiary."""
        return (self.household_id, *(person for person, _ in self.beneficiaries))


def approve_grants(session: Session, drafts: Sequence[GrantDraft]) -> list[Grant]:
    """Grant and reserve all of ``drafts``, or none; in their order.

    The money of a programme comes from the first of its sources that covers all its drafts together. A case that has its
    grant already gives that grant again. Raises ``Overdrawn`` where no source suffices, ``AidedAlready`` for a second
    aid in one occurrence, ``Conflict`` for a household that has moved away or was struck off, ``SamePerson``
    where the actor is a case's clerk.
    """
    if not drafts:
        return []
    _check(drafts)
    year = current_scope().business_date.year
    hold(session, [year])
    granted = repository.grants_of_cases(session, [draft.case_id for draft in drafts])
    for draft in drafts:
        if draft.case_id in granted:
            _refuse_other_content(draft, granted[draft.case_id])
    fresh = [draft for draft in drafts if draft.case_id not in granted]
    if fresh:
        # Before the files are locked: a merge takes these two in the same order.
        same = as_one(session, [subject for draft in fresh for subject in draft.subjects], until_commit=True)
        _refuse_ended(session, fresh)
        _refuse_second_aid(session, fresh, same)
        sources = _choose_sources(session, year, fresh)
        made = [_grant(draft, sources[draft.programme.code], year) for draft in fresh]
        _write(session, fresh, made)
        post(session, [_reservation(grant) for grant in made])
        record(
            session,
            "funds.granted",
            "grant",
            made[0].id if len(made) == 1 else None,
            {"grants": [grant.id for grant in made], "amount_fen": sum(grant.amount_fen for grant in made)},
        )
        granted.update((grant.case_id, grant) for grant in made)
    return [granted[draft.case_id] for draft in drafts]


def _check(drafts: Sequence[GrantDraft]) -> None:
    actors = current_scope().persons
    for draft in drafts:
        persons = [person for person, _ in draft.beneficiaries]
        if not persons or len(set(persons)) != len(persons) or any(fen <= 0 for _, fen in draft.beneficiaries):
            raise InvalidInput(
                "救助决定须有受益人，每人一项且金额大于零",
                "a grant names each beneficiary once, with an amount above zero",
                where=str(draft.case_id),
            )
        if draft.clerk in actors:
            raise SamePerson("审批人不得是该申请的经办人", "the approver must not be the applicant's clerk")
    if len({draft.case_id for draft in drafts}) != len(drafts):
        raise InvalidInput("同一个案重复提交", "a case stands twice in one approval")


def _refuse_other_content(draft: GrantDraft, grant: Grant) -> None:
    asked = (draft.programme.code, draft.occurrence, draft.household_id, draft.amount_fen)
    if grant.state == "released" or asked != (grant.programme, grant.occurrence, grant.household_id, grant.amount_fen):
        raise Conflict(
            "该个案已有救助决定，内容不同或已撤销",
            "the case has a grant already, which differs or was released",
            where=str(draft.case_id),
            mend_zh="如需再次救助，请另立个案",
            mend_en="open another case for another grant",
        )


def _refuse_ended(session: Session, drafts: Sequence[GrantDraft]) -> None:
    """A household that went to another county is aided there, and one whose file was struck off is not aided on it. Files stay
    as they are until this is committed, so that none leaves at the same moment."""
    mine = among(WorkerFile.household_id, [draft.household_id for draft in drafts])
    files = session.execute(
        select(WorkerFile.file_number, WorkerFile.status).where(mine).order_by(WorkerFile.id).with_for_update(read=True)
    ).all()
    if struck := [number for number, status in files if status == "cancelled"]:
        raise Conflict(
            f"{'、'.join(struck[:_SHOWN_CASES])} 号档案已注销，不能救助",
            "the household's file was struck off",
            where=struck[0],
            mend_zh="请先重新建档，或撤回该申请",
            mend_en="have the file opened again first, or withdraw the application",
            files=struck,
        )
    if moved := [number for number, status in files if status == "moved"]:
        raise Conflict(
            f"{'、'.join(moved[:_SHOWN_CASES])} 号档案已转出，不能在本单位救助",
            "the household has moved to another county",
            where=moved[0],
            mend_zh="请由转入单位办理",
            mend_en="let the county to which it moved aid it",
            files=moved,
        )


def _refuse_second_aid(session: Session, drafts: Sequence[GrantDraft], same: Mapping[uuid.UUID, frozenset[uuid.UUID]]) -> None:
    """``same`` has for everybody all records that are the same person or household."""
    keys = {draft.case_id: _occurrence_keys(draft, same) for draft in drafts}
    taken = repository.aided(
        session,
        [(draft.programme.code, draft.occurrence) for draft in drafts],
        {one for group in same.values() for one in group},
    )
    asked = Counter(key for own in keys.values() for key in own)
    refused = [case_id for case_id, own in keys.items() if any(key in taken or asked[key] > 1 for key in own)]
    refused += [draft.case_id for draft in drafts if _names_one_twice(draft, same) and draft.case_id not in refused]
    if refused:
        numbers = repository.case_numbers(session, refused)
        more = "…" if len(numbers) > _SHOWN_CASES else ""
        raise AidedAlready("、".join(numbers[:_SHOWN_CASES]) + more)


def _names_one_twice(draft: GrantDraft, same: Mapping[uuid.UUID, frozenset[uuid.UUID]]) -> bool:
    """Whether two beneficiaries of one grant are the same person, under two records."""
    groups = [same[person] for person, _ in draft.beneficiaries]
    return len(set(groups)) < len(groups)


def _occurrence_keys(draft: GrantDraft, same: Mapping[uuid.UUID, frozenset[uuid.UUID]]) -> set[tuple[str, str, uuid.UUID]]:
    """What the grant takes up: the occurrence of everybody in it, under all records that are the same one."""
    return {(draft.programme.code, draft.occurrence, one) for subject in draft.subjects for one in same[subject]}


def _choose_sources(session: Session, year: int, drafts: Sequence[GrantDraft]) -> dict[str, str]:
    """Source by programme. Programmes that share an earmark draw on it one after the other, by code."""
    programmes = {draft.programme.code: draft.programme for draft in drafts}
    needed: Counter[str] = Counter()
    for draft in drafts:
        needed[draft.programme.code] += draft.amount_fen
    keys = {
        AccountKey(year, source, programme.purpose, "available")
        for programme in programmes.values()
        for source in programme.sources
    }
    left = {key: account.balance_fen for key, account in lock_existing(session, keys).items()}
    chosen = {}
    for code, programme in sorted(programmes.items()):
        accounts = {source: AccountKey(year, source, programme.purpose, "available") for source in programme.sources}
        fitting = [source for source in programme.sources if left.get(accounts[source], 0) >= needed[code]]
        if not fitting:
            held = {source: left.get(key, 0) for source, key in accounts.items()}
            raise overdrawn(needed[code], held, programme.zh)
        chosen[code] = fitting[0]
        left[accounts[fitting[0]]] -= needed[code]
    return chosen


def _grant(draft: GrantDraft, source: str, year: int) -> Grant:
    scope = current_scope()
    return Grant(
        id=new_id(),
        case_id=draft.case_id,
        clerk=draft.clerk,
        approved_by=scope.actor,
        programme=draft.programme.code,
        occurrence=draft.occurrence,
        year=year,
        household_id=draft.household_id,
        source=source,
        purpose=draft.programme.purpose,
        amount_fen=draft.amount_fen,
        state="reserved",
        approved_on=scope.business_date,
    )


def _write(session: Session, drafts: Sequence[GrantDraft], grants: Sequence[Grant]) -> None:
    session.add_all(grants)
    session.flush()
    for draft, grant in zip(drafts, grants, strict=True):
        session.add(Instalment(grant_id=grant.id, no=1, due_on=grant.approved_on, amount_fen=grant.amount_fen))
        session.add(_occurrence(grant, "household", draft.household_id))
        for person, fen in draft.beneficiaries:
            session.add(GrantBeneficiary(grant_id=grant.id, person_id=person, amount_fen=fen))
            session.add(_occurrence(grant, "beneficiary", person))
    try:
        session.flush()
    except IntegrityError as error:
        # The look before misses only a grant of another fund year that commits in between.
        if "uq_grant_occurrence_once" in str(error.orig):
            raise AidedAlready from None
        raise


def _occurrence(grant: Grant, kind: str, subject: uuid.UUID) -> Occurrence:
    return Occurrence(
        programme=grant.programme, occurrence=grant.occurrence, subject_kind=kind, subject_id=subject, grant_id=grant.id
    )


def _account(grant: Grant, state: str) -> AccountKey:
    return AccountKey(grant.year, grant.source, grant.purpose, state)


def _reservation(grant: Grant) -> Posting:
    return Posting(
        "reserve",
        f"reserve:{grant.id}",
        _account(grant, "available"),
        _account(grant, "reserved"),
        grant.amount_fen,
        "救助审批预留",
        grant_id=grant.id,
    )


def release_grants(session: Session, grant_ids: Iterable[uuid.UUID], reason: str) -> list[Grant]:
    """Take back grants of which nothing has been or is being paid: the money is available again, the occurrence free.

    Grants released before are left as they are. Raises ``Conflict`` where a payment is open or has succeeded.
    """
    wanted = list(dict.fromkeys(grant_ids))
    hold(session, repository.years_of_grants(session, wanted))
    grants = repository.lock_grants(session, wanted)
    if len(grants) != len(wanted):
        raise NotFound("没有该救助决定", "no such grant")
    if repository.grants_in_payment(session, wanted):
        raise Conflict(
            "救助资金已在发放或已发放，不能撤销",
            "a payment of the grant is under way or done",
            mend_zh="如仍在批次中，请先撤销该批次",
            mend_en="cancel the payment batch first where it has not been sent",
        )
    standing = [grant for grant in grants if grant.state == "reserved"]
    if standing:
        _free(session, standing, reason)
    return grants


def _free(session: Session, grants: Sequence[Grant], reason: str) -> None:
    ids = [grant.id for grant in grants]
    session.execute(update(Instalment).where(among(Instalment.grant_id, ids)).values(state="cancelled"))
    for grant in grants:
        grant.state = "released"
    session.flush()
    post(
        session,
        [
            Posting(
                "release",
                f"release:{grant.id}",
                _account(grant, "reserved"),
                _account(grant, "available"),
                grant.amount_fen,
                reason,
                grant_id=grant.id,
            )
            for grant in grants
        ],
    )
    amount = sum(grant.amount_fen for grant in grants)
    record(
        session,
        "funds.released",
        "grant",
        ids[0] if len(ids) == 1 else None,
        {"grants": ids, "amount_fen": amount},
    )
