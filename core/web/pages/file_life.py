"""Steps in the life of a file, consents, and what the platform proposes, as the household's page sends them (档案办理)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from core.errors import InvalidInput, NotFound
from core.notices.files import post_files
from core.people.life.consents import give_consent, withdraw_consent
from core.people.life.models import Consent
from core.people.life.service import decline, take_step
from core.people.life.steps import DECIDE, STEP
from core.people.models import WorkerFile
from core.scope import current_scope
from core.web.context import changed, go, requires
from core.web.pages.households import household_page
from core.web.pages.notices import file_notices_refused
from core.web.typed import day_typed, id_typed

router = APIRouter()

Text = Annotated[str, Form(max_length=2000)]
Word = Annotated[str, Form(max_length=60)]


def _step_typed(step: Word = "", note: Text = "", reason: Word = "", evidence: Text = "", done_on: Word = "") -> dict[str, str]:
    return {"step": step, "note": note, "reason": reason, "evidence": evidence, "done_on": done_on}


StepTyped = Annotated[dict[str, str], Depends(_step_typed)]


@router.post("/households/{household_id}/steps", dependencies=[Depends(requires("people.write"))])
def make_step(request: Request, tenant: str, household_id: uuid.UUID, typed: StepTyped) -> Response:
    """Make a step that is a clerk's."""
    return _step(request, tenant, household_id, typed, decides=False)


@router.post("/households/{household_id}/decisions", dependencies=[Depends(requires(DECIDE))])
def decide(request: Request, tenant: str, household_id: uuid.UUID, typed: StepTyped) -> Response:
    """Make a step that is the approver's."""
    return _step(request, tenant, household_id, typed, decides=True)


def _step(request: Request, tenant: str, household_id: uuid.UUID, typed: dict[str, str], *, decides: bool) -> Response:
    def act(session: Session) -> WorkerFile:
        step = STEP.get(typed["step"])
        if step is None or not step.hand or step.decides != decides:
            raise NotFound("没有这一环节", "no such step of a file", where="step")
        return take_step(
            session,
            household_id,
            step.code,
            note=typed["note"],
            reason=typed["reason"] or None,
            evidence=typed["evidence"],
            done_on=day_of(typed["done_on"], "done_on"),
        )

    done = STEP[typed["step"]].zh if typed["step"] in STEP else ""
    return _changed(request, tenant, household_id, act, f"已办理：{done}", "life", typed)


@router.post("/households/{household_id}/proposals/{kind}", dependencies=[Depends(requires("people.write"))])
def say_no(request: Request, tenant: str, household_id: uuid.UUID, kind: str, note: Text = "") -> Response:
    """Say no to what the platform proposed."""
    typed = {"proposal": kind, "note": note}
    return _changed(
        request,
        tenant,
        household_id,
        lambda session: decline(session, household_id, kind, note),
        "已记录不予采纳",
        "life",
        typed,
    )


@router.post("/households/{household_id}/consents", dependencies=[Depends(requires("people.write"))])
def add_consent(
    request: Request,
    tenant: str,
    household_id: uuid.UUID,
    kind: Word = "",
    person_id: Word = "",
    guardian_id: Word = "",
    reference: Text = "",
    given_on: Word = "",
    until: Word = "",
) -> Response:
    """Record a paper that the family signed."""
    typed = {
        "consent_kind": kind,
        "consent_person": person_id,
        "guardian": guardian_id,
        "reference": reference,
        "given_on": given_on,
        "until": until,
    }

    def act(session: Session) -> Consent:
        return give_consent(
            session,
            household_id,
            kind,
            reference=reference,
            given_on=day_of(given_on, "given_on") or current_scope().business_date,
            person_id=_id_of(person_id, "person_id"),
            guardian_id=_id_of(guardian_id, "guardian_id"),
            until=day_of(until, "until"),
        )

    return _changed(request, tenant, household_id, act, "已登记授权同意", "consents", typed)


@router.post("/households/{household_id}/consents/{consent_id}/withdraw", dependencies=[Depends(requires("people.write"))])
def take_back(request: Request, tenant: str, household_id: uuid.UUID, consent_id: uuid.UUID, why: Text = "") -> Response:
    """Record that the family withdrew a consent."""

    def act(session: Session) -> Consent:
        return withdraw_consent(session, consent_id, why, of=household_id)

    return _changed(request, tenant, household_id, act, "已登记撤回", "consents", {"withdrawing": str(consent_id), "why": why})


@router.post("/notices/files", dependencies=[Depends(requires("notice.post"))])
def post_file_notice(
    request: Request,
    tenant: str,
    title: Annotated[str, Form(max_length=400)] = "",
    household: Annotated[list[uuid.UUID] | None, Form()] = None,
) -> Response:
    """Post the names of those whose files are to be opened."""
    chosen = household or []
    return changed(
        lambda session: post_files(session, chosen, title),
        lambda batch: go(f"/{tenant}/notices/{batch.id}", f"已张贴 {batch.number}"),
        lambda error: file_notices_refused(request, error, title, frozenset(chosen)),
    )


def _changed(
    request: Request,
    tenant: str,
    household_id: uuid.UUID,
    act: Callable[[Session], Any],
    done: str,
    place: str,
    typed: dict[str, str],
) -> Response:
    """Make a change and lead back to its place on the page; a refusal shows what was typed."""
    return changed(
        act,
        lambda _: go(f"/{tenant}/households/{household_id}#{place}", done),
        lambda error: household_page(request, household_id, refused=error, typed=typed),
    )


def day_of(text: str, where: str) -> date | None:
    """A day as a form sends it; None where it is blank."""
    wrong = InvalidInput(
        "不是有效的日期", "no such date", where=where, mend_zh="按 2025-03-01 的样式填写", mend_en="write 2025-03-01"
    )
    return day_typed(text, wrong) if text.strip() else None


def _id_of(text: str, where: str) -> uuid.UUID | None:
    wrong = InvalidInput("请从该户成员中选择", "choose a member", where=where)
    return id_typed(text.strip(), wrong) if text.strip() else None
