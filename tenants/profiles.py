"""Profiles of onboarding (开通方案): with which lines and settings a new county begins.

The platform brings two, made of what its lines say of themselves; a province, and a prefecture for its counties, adds its own
or gives one of those another content, from a day on. A profile is where a county begins: rules from above hold anyway, and
afterwards the county switches and sets what is its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.statements import tenant_core
from core.errors import InvalidInput, NotFound
from core.host.manager import host
from core.scope import current_scope
from core.tenancy.models import OnboardingProfile
from core.tenancy.service import next_numbers
from core.trail.service import record
from tenants.lifecycle import require_keeper

DEFAULT = "full"
_OF_PLATFORM: Mapping[str, str] = MappingProxyType({"full": "全部业务", "relief": "仅生活救助"})
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile as it holds: ``tenant`` says whose it is (None: the platform's), ``settings`` is plugin to field to value."""

    code: str
    title: str
    plugins: tuple[str, ...]
    settings: Mapping[str, Mapping[str, Any]]
    tenant: str | None = None
    valid_from: date | None = None


def profiles(session: Session) -> dict[str, Profile]:
    """The profiles that the tenant in scope may choose today, by code: one statement."""
    scope = current_scope()
    found = {code: _of_platform(code, title) for code, title in _OF_PLATFORM.items()}
    line = [code for code in (scope.province, scope.prefecture, scope.tenant) if code is not None]
    wanted = select(OnboardingProfile).where(
        OnboardingProfile.tenant.in_(line), OnboardingProfile.valid_from <= scope.business_date
    )
    rows = session.scalars(tenant_core(wanted.order_by(OnboardingProfile.valid_from, OnboardingProfile.version))).all()
    for code in dict.fromkeys(line):
        for row in rows:
            if row.tenant != code:
                continue
            if row.retired:
                found.pop(row.code, None)
            else:
                found[row.code] = Profile(row.code, row.title, tuple(row.plugins), row.settings, row.tenant, row.valid_from)
    return found


def _of_platform(code: str, title: str) -> Profile:
    return Profile(code, title, tuple(name for name, info in host().infos.items() if code in info.profiles), {})


def profile_named(session: Session, code: str) -> Profile:
    """The profile with that code; raises ``NotFound``."""
    found = profiles(session).get(code)
    if found is None:
        raise NotFound("没有这个开通方案", f"no profile is called {code!r}", where="profile")
    return found


def set_profile(
    session: Session,
    code: str,
    title: str,
    *,
    plugins: Sequence[str],
    reason: str,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    valid_from: date | None = None,
    retired: bool = False,
) -> OnboardingProfile:
    """Give a profile of the tenant in scope new content from a day on (today), or take it out of use (``retired``).

    Needs what ``require_keeper`` asks for. Raises ``NotFound`` for an unknown line, ``InvalidInput`` (code, title, reason, a
    day that has passed, settings of a line that the profile does not have).
    """
    scope = current_scope()
    day = valid_from or scope.business_date
    given = settings or {}
    for holds, zh, en, where in (
        (_CODE.fullmatch(code) is not None, "方案代码用小写字母、数字和下划线", "a code is lower case", "code"),
        (bool(title.strip()), "请填写方案名称", "the title is missing", "title"),
        (bool(reason.strip()), "请填写依据", "a reason is needed", "reason"),
        (day >= scope.business_date, "生效日期不得早于今天", "it cannot hold from a day that has passed", "valid_from"),
        (set(given) <= set(plugins), "只能为方案所含业务预设参数", "settings of a line that it does not have", "settings"),
    ):
        if not holds:
            raise InvalidInput(zh, en, where=where)
    require_keeper(session)
    for name in plugins:
        if host().info(name).always_on:
            raise InvalidInput(f"{host().info(name).title_zh}始终启用，不列入方案", f"{name} is always on", where="plugins")
    row = OnboardingProfile(
        code=code,
        version=next_numbers(session, f"onboarding_profile:{code}", 0).start,
        title=title.strip(),
        valid_from=day,
        plugins=list(dict.fromkeys(plugins)),
        settings={name: dict(values) for name, values in given.items()},
        retired=retired,
        reason=reason.strip(),
        actor=scope.actor,
        business_date=scope.business_date,
    )
    session.add(row)
    session.flush()
    record(session, "tenant.profile_set", "onboarding_profile", row.id, {"code": code, "version": row.version})
    return row
