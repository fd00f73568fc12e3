"""Consents and authorisations of families (授权书、同意书): given, by a guardian for a child, and withdrawn (domain 12)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.codes.loader import code_list
from core.errors import Conflict, InvalidInput, NotFound
from core.people.changes.act import refuse_ended
from core.people.life.models import Consent
from core.people.models import Person, WorkerFile
from core.people.repository import members_on, require_household
from core.scope import current_scope
from core.text.lines import reason_given
from core.trail.service import record

OWN_CONSENT_AGE: Final = 14
"""From this age on somebody consents for himself (PIPL Art. 31)."""
ADULT_AGE: Final = 18
_LENGTH: Final = 200


def give_consent(
    session: Session,
    household_id: uuid.UUID,
    kind: str,
    *,
    reference: str,
    given_on: date,
    person_id: uuid.UUID | None = None,
    guardian_id: uuid.UUID | None = None,
    until: date | None = None,
) -> Consent:
    """Record that a family, or one of its members, signed a paper (登记授权同意); without ``person_id`` it holds for the whole
    household.

    Raises ``Forbidden`` without people.write, ``NotFound`` for an unknown household, ``InvalidInput`` for a kind that is not
    in the list, somebody who is no member, a child under 14 without a grown-up member who signed, or days that do not fit,
    ``Conflict`` where the file has ended and is only read.
    """
    scope = current_scope()
    if not scope.is_system:
        scope.require("people.write")
    code_list("consent_kind").item(kind)
    paper = reason_given(reference, "请填写文书编号或存放处", _LENGTH, where="reference")
    require_household(session, household_id, None)
    if (file := session.scalar(select(WorkerFile).where(WorkerFile.household_id == household_id))) is not None:
        refuse_ended(file)
    if given_on > scope.business_date or (until is not None and until < given_on):
        raise InvalidInput("签署日期不能晚于今天，有效期不能早于签署日期", "the days of the paper do not fit", where="given_on")
    _check_signer(session, household_id, person_id, guardian_id, given_on)
    made = Consent(
        household_id=household_id,
        person_id=person_id,
        guardian_id=guardian_id,
        kind=kind,
        given_on=given_on,
        until=until,
        reference=paper,
        recorded_by=scope.actor,
    )
    session.add(made)
    session.flush()
    record(session, "consent.given", "household", household_id, {"kind": kind, "person": person_id, "consent": made.id})
    return made


def _check_signer(
    session: Session, household_id: uuid.UUID, person_id: uuid.UUID | None, guardian_id: uuid.UUID | None, on: date
) -> None:
    members = members_on(session, household_id, current_scope().business_date)
    for one, where in ((person_id, "person_id"), (guardian_id, "guardian_id")):
        if one is not None and one not in members:
            raise InvalidInput("此人不是该户现在的家庭成员", "the person is no member of the household today", where=where)
    wanted = [one for one in (person_id, guardian_id) if one is not None]
    born = {row.id: row.birth_date for row in session.scalars(select(Person).where(Person.id.in_(wanted)))}
    if person_id is not None and guardian_id is None and _younger(born[person_id], OWN_CONSENT_AGE, on):
        raise InvalidInput(
            f"不满 {OWN_CONSENT_AGE} 周岁的，须由监护人签署",
            f"for somebody under {OWN_CONSENT_AGE} the guardian signs",
            where="guardian_id",
            mend_zh="请选择签署的监护人",
            mend_en="choose the guardian who signed",
        )
    if guardian_id is not None and (person_id is None or guardian_id == person_id):
        raise InvalidInput("监护人只为家庭成员个人签署", "a guardian signs for another member", where="guardian_id")
    if guardian_id is not None and _younger(born[guardian_id], ADULT_AGE, on):
        raise InvalidInput("监护人须为成年人", "a guardian is grown up", where="guardian_id")


def _younger(born: date | None, years: int, on: date) -> bool:
    return born is not None and on.year - born.year - ((on.month, on.day) < (born.month, born.day)) < years


def withdraw_consent(session: Session, consent_id: uuid.UUID, why: str, *, of: uuid.UUID | None = None) -> Consent:
    """Record that a consent was withdrawn (撤回同意, PIPL Art. 15): what depends on it stops from today; what was done on it
    stays. ``of``: the household whose consent it is to be.

    Raises ``Forbidden``, ``NotFound``, ``Conflict`` where it is withdrawn already, ``InvalidInput`` without a word.
    """
    scope = current_scope()
    if not scope.is_system:
        scope.require("people.write")
    said = reason_given(why, "请填写撤回情况", _LENGTH, where="why")
    found = session.scalar(select(Consent).where(Consent.id == consent_id).with_for_update())
    if found is None or of not in (None, found.household_id):
        raise NotFound("没有这份文书", "no such consent", where=str(consent_id))
    if found.withdrawn_on is not None:
        raise Conflict("这份文书已撤回", "it was withdrawn before", where=found.reference)
    found.withdrawn_on, found.withdrawn_why, found.withdrawn_by = scope.business_date, said, scope.actor
    session.flush()
    record(session, "consent.withdrawn", "household", found.household_id, {"kind": found.kind, "consent": found.id})
    return found


def consents_of(session: Session, household_id: uuid.UUID) -> Sequence[Consent]:
    """All papers of a household, the newest first, also those that are withdrawn or over."""
    return session.scalars(
        select(Consent).where(Consent.household_id == household_id).order_by(Consent.given_on.desc(), Consent.id.desc())
    ).all()


def missing_consents(session: Session, household_id: uuid.UUID, kinds: Sequence[str]) -> list[str]:
    """Chinese names of the kinds that are not in force today: signed for the whole household, or by each of its grown-up
    members and for each child."""
    today = current_scope().business_date
    rows = session.execute(
        select(Consent.kind, Consent.person_id).where(
            Consent.household_id == household_id,
            Consent.kind.in_(kinds),
            Consent.withdrawn_on.is_(None),
            or_(Consent.until.is_(None), Consent.until >= today),
        )
    ).all()
    members = set(members_on(session, household_id, today))
    missing = []
    for kind in kinds:
        signed = {person for code, person in rows if code == kind}
        if None not in signed and not (members and members <= signed):
            missing.append(code_list("consent_kind").item(kind).zh)
    return missing
