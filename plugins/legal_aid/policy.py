"""What a tenant may set of legal aid (业务设置): the panel of its lawyers, whose turn it is, and the act that reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pydantic import BaseModel, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.cases.models import Case, CaseStep
from core.cases.repository import last_notes
from core.errors import InvalidInput
from core.host.declarations import EffectDecl
from core.scope import current_scope
from core.tenancy.settings import plugin_settings

NAME = "legal_aid"
ON_PANEL = "legal_aid.on_panel"
ASSIGN = "legal_aid.assign"


class Settings(BaseModel):
    """What a tenant may set; every field has a default."""

    lawyers: list[str] = Field(
        default=[],
        max_length=100,
        title="援助律师名册",
        description="每行一名律师的姓名，按轮值先后排列",
        json_schema_extra={"group": "指派"},
    )
    panel_only: bool = Field(
        False,
        title="只指派名册内律师",
        description="选“是”的，指派说明中须写明一名名册内律师的姓名",
        json_schema_extra={"group": "指派"},
    )


def settings_here(session: Session) -> Settings:
    """The settings as they hold in the tenant in scope."""
    return plugin_settings(session, NAME, model=Settings)


@dataclass(frozen=True, slots=True)
class Lawyer:
    """A lawyer of the panel: how many cases he was assigned this year, and whether the next one is his."""

    name: str
    assigned: int
    is_next: bool


def panel(session: Session) -> list[Lawyer]:
    """The panel in its order, with whose turn it is: whoever has had the fewest cases this year. Two statements, none beside
    the settings where there is no panel."""
    names = list(dict.fromkeys(settings_here(session).lawyers))
    if not names:
        return []
    first = date(current_scope().business_date.year, 1, 1)
    counts = [func.count().filter(CaseStep.note.contains(name, autoescape=True)) for name in names]
    asked = (
        select(*counts)
        .join(Case, (Case.tenant == CaseStep.tenant) & (Case.id == CaseStep.case_id))
        .where(Case.plugin == NAME, CaseStep.transition == "assign", CaseStep.business_date >= first)
    )
    found = session.execute(asked).one()
    following = names[min(range(len(names)), key=lambda place: (found[place], place))]
    return [Lawyer(name, count, name == following) for name, count in zip(names, found, strict=True)]


def on_panel(session: Session, cases: Sequence[Case]) -> None:
    """Refuse an assignment whose note names no lawyer of the panel, where the tenant assigns no other (指派名册内律师)."""
    wanted = settings_here(session)
    if not wanted.panel_only:
        return
    notes = last_notes(session, [case.id for case in cases])
    for case in cases:
        if not any(name in (notes[case.id] or "") for name in wanted.lawyers):
            raise InvalidInput(
                f"个案 {case.number} 的指派说明没有写明名册内律师的姓名",
                f"{case.number}: the note names no lawyer of the panel",
                where="note",
                mend_zh=f"名册：{'、'.join(wanted.lawyers) or '尚未登记，请由管理员在业务设置中登记'}",
                mend_en="name one of the panel; an administrator keeps it in the settings",
            )


EFFECTS = (EffectDecl(ON_PANEL, "核对援助律师名册", "look the lawyer up in the panel", on_panel),)
