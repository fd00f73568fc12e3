"""Plugins that break the contract in one place each, written as files from one that keeps it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.kit.breach import Breach
from deploy.kit.check import breaches_of

CLEAN = {
    "__init__.py": '''"""慰问."""
from core.host import hookimpl
from core.host.declarations import *
from pathlib import Path
from PACKAGE.work import router, Settings, judge, check


class Line:
    @hookimpl
    def bangfu_plugin(self):
        return PluginInfo("breaker", "1", ">=1.1,<2", "慰问", "Visits", "慰问走访", "visits", "domain 2")

    @hookimpl
    def bangfu_permissions(self):
        return (PermissionDecl("breaker.read", "查看", "read", personal=True),)

    @hookimpl
    def bangfu_role_grants(self):
        return (RoleGrant("caseworker", frozenset({"breaker.read"})),)

    @hookimpl
    def bangfu_settings(self):
        return Settings

    @hookimpl
    def bangfu_guards(self):
        return (GuardDecl("breaker.guard", "条件", "guard", judge),)

    @hookimpl
    def bangfu_workflows(self):
        form = FormDecl("breaker_form", 1, "表", "form", (FormField("why", "事由", "why"),))
        states = (StateDecl("a", "甲", "a"), StateDecl("b", "乙", "b", True))
        steps = (TransitionDecl("go", "办", "go", ("a",), "b", "breaker.read", ("breaker.guard",)),)
        more = {"open_permission": "breaker.read"}
        return (WorkflowDecl("breaker", 1, "breaker", "慰问", "visit", "WW", "a", states, steps, form, **more),)

    @hookimpl
    def bangfu_audit_checks(self):
        return (AuditCheckDecl("breaker.check", "核查", "check", "minor", "none", check),)

    @hookimpl
    def bangfu_programmes(self):
        return ()

    @hookimpl
    def bangfu_trail_acts(self):
        return (TrailActDecl("breaker.looked", "核查", "looked"),)

    @hookimpl
    def bangfu_navigation(self):
        return (NavEntry("慰问", "Visits", "/breaker", "users", "breaker.read"),)

    @hookimpl
    def bangfu_page_routes(self):
        return router

    @hookimpl
    def bangfu_templates(self):
        return str(Path(__file__).parent / "templates")

    @hookimpl
    def bangfu_translations(self):
        return str(Path(__file__).parent / "locale")


plugin = Line()
''',
    "work.py": '''"""What is done."""
from core.db.statements import tenant_sql
from core.host.manager import host
from core.scope import current_scope
from core.tenancy.settings import plugin_settings
from core.trail.service import record
from core.web.context import requires
from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

router = APIRouter()
NAME = "breaker"


class Settings(BaseModel):
    limit: int = Field(3, title="份数")


def settings_here(session) -> Settings:
    return plugin_settings(session, NAME)


@router.get("/breaker", dependencies=[Depends(requires("breaker.read"))])
def page() -> str:
    return "seen"


def judge(session, cases):
    limit = settings_here(session).limit
    day = current_scope().business_date
    return {case.id: (limit, day) for case in cases}


def check(session, year):
    names = [info.name for info in host().infos.values()]
    record(session, f"{NAME}.looked", "tenant", None)
    return session.execute(tenant_sql("select 1 where :tenant <> ''")), names
''',
    "templates/page.html": '<p>{{ _("慰问") }}</p>\n',
    "locale/en/LC_MESSAGES/messages.po": """msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"

msgid "慰问"
msgstr "Visits"
""",
}


@contextmanager
def written(folder: Path, package: str, changes: dict[str, tuple[str, str]], more: dict[str, str]) -> Iterator[Path]:
    """The files of ``CLEAN`` as a package, with one text of a file replaced by another, and further files."""
    for name, text in {**CLEAN, **more}.items():
        before, after = changes.get(name, ("", ""))
        if before and before not in text:
            raise LookupError(f"{name} has no {before!r}")
        place = folder / package / name
        place.parent.mkdir(parents=True, exist_ok=True)
        changed = text.replace(before, after) if before else text
        place.write_text(changed.replace("PACKAGE", package), encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        yield folder / package
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == package]:
            del sys.modules[name]


def found_in(
    folder: Path, package: str, changes: dict[str, tuple[str, str]] | None = None, more: dict[str, str] | None = None
) -> list[Breach]:
    """What the check says of such a package."""
    with written(folder, package, changes or {}, more or {}):
        plugin = importlib.import_module(package).plugin
        return breaches_of(plugin, "breaker", folder)
