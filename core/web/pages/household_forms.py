"""What the forms about a household on file have in common: the household, what was typed and what is on record, the page."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.errors import BangfuError, Conflict
from core.people.entry import Item, said, shown
from core.people.fields import HEALTH_COSTS, sees
from core.people.repository import HouseholdView, household_named
from core.scope import current_scope
from core.web.context import changed, go, show
from core.web.pages.entry_forms import Group, errors_of, told

_HEALTH = frozenset({"health_status", "disability_kind", "disability_grade", *(f"cost_{kind}_fen" for kind in HEALTH_COSTS)})
_ASIDE = frozenset({"other_contact"})
"""Shown masked elsewhere, so that no form repeats it; blank leaves it as it is."""


def view_of(session: Session, household_id: uuid.UUID) -> HouseholdView:
    """The household; raises ``NotFound``, and ``Conflict`` where it has no file."""
    view = household_named(session, household_id)
    if view.file is None:
        raise Conflict("该户尚未建档", "the household has no file", where="household_id")
    return view


def seen(items: Sequence[Item]) -> list[Item]:
    """The items that the post may see: some tell of somebody's health."""
    return [item for item in items if item.name not in _HEALTH or sees("health", current_scope())]


def typed(items: Sequence[Item], filled: Mapping[str, str]) -> dict[str, str]:
    """What the form says of ``items``; a box that is not ticked is not sent, and one that was kept aside is left as it is."""
    told_of = {item.name: filled.get(item.name, "") for item in items}
    return {name: text for name, text in told_of.items() if text.strip() or name not in _ASIDE}


def as_is(items: Sequence[Item], row: object | None) -> dict[str, str]:
    """What is on record, as the form writes it."""
    return {item.name: shown(item, getattr(row, item.name, None)) for item in items if item.name not in _ASIDE}


def was_of(items: Sequence[Item], row: object | None) -> dict[str, str]:
    """What is on record, in words."""
    return {item.name: "" if item.name in _ASIDE else said(item, getattr(row, item.name, None)) for item in items}


def page_of(
    request: Request,
    view: HouseholdView,
    heading: str,
    action: str,
    groups: Sequence[Group],
    refused: BangfuError | None,
    note: str = "",
    *,
    back: str = "",
) -> HTMLResponse:
    """The form in its page; somebody else's change meanwhile is told with both sides in sight."""
    tenant = current_scope().tenant
    here = f"/{tenant}/households/{view.household.id}"
    head = view.members[0].person.name if view.members else "家庭档案"
    said_of = told(refused, [field.name for group in groups for field in group.fields])
    conflict = isinstance(refused, Conflict) and refused.where == "version"
    return show(
        request,
        "entry_form.html",
        status=said_of.status,
        heading=heading,
        trail=[("困难职工档案", f"/{tenant}/files"), (head, here)],
        action=here + action,
        back=here + back,
        groups=groups,
        errors=errors_of(groups),
        general=said_of.general,
        hidden={"version": view.file.version if view.file else ""},
        submit="保存",
        note=note,
        conflict=conflict,
    )


def act_on(
    household_id: uuid.UUID,
    act: Callable[[Session], object],
    again: Callable[[BangfuError], HTMLResponse],
    done: str = "已保存",
    to: str = "",
) -> Response:
    """Make the change and go back to the household, or show the form again."""
    back = f"/{current_scope().tenant}/households/{household_id}{to}"
    return changed(act, lambda _: go(back, done), again)
