"""Sign-ins that a real Keycloak refuses stand in the log of sign-ins, each once, without what was typed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import pytest
from sqlalchemy import select

from core.db.session import reference_work, unit_of_work
from core.identity.directory.errors import DirectoryAway
from core.identity.directory.sign_ins import copy_refusals
from core.identity.service import scope_for
from core.jobs.runner import run_inline
from core.jobs.service import start_for_year
from core.scope import entered
from core.settings import settings
from core.trail.log import sign_ins
from core.trail.models import SignInEvent
from tests.conftest import COUNTY, PROVINCE, TODAY
from tests.core.staffing import at_desk, hire
from tests.keycloak.office import first_sign_in, let_in, new_login, office, send
from tests.keycloak.running import RunningKeycloak

__all__ = ["office"]

pytestmark = pytest.mark.keycloak


def _try(keycloak: RunningKeycloak, login: str, password: str = "不是这个密码") -> None:
    visitor = keycloak.visitor()
    visitor.ask()
    visitor.send(username=login, password=password)
    assert not visitor.arrived


def _copy() -> int:
    with reference_work() as session:
        return copy_refusals(session)


def _kept(*accounts: uuid.UUID | None) -> Sequence[SignInEvent]:
    """What stands in the log of these accounts, oldest first."""
    with reference_work() as session:
        rows = session.scalars(select(SignInEvent).order_by(SignInEvent.id)).all()
        return [row for row in rows if row.account_id in accounts and row.event_id is not None]


def test_what_is_refused_there_is_copied_once_without_what_was_typed(office: RunningKeycloak) -> None:
    boss = hire(new_login(), (COUNTY, "tenant_admin"))
    account, password = let_in(boss)
    assert send() == 0
    first_sign_in(office, account.login, password)
    _copy()
    _try(office, account.login)
    _try(office, account.login)
    _try(office, f"typed-{uuid.uuid4().hex}")
    before = len(_kept(None))
    assert _copy() == 3
    mine = _kept(account.id)
    assert [(row.way, row.outcome) for row in mine] == [("provider", "refused")] * 2
    assert len(_kept(None)) == before + 1
    assert all(row.address for row in mine)
    assert mine[0].at <= mine[1].at
    assert _copy() == 0
    assert len(_kept(account.id)) == 2
    # A success is written by the web itself, when the person comes in there.
    with at_desk(hire(new_login(), (COUNTY, "auditor"))) as session:
        lines = [line for line in sign_ins(session) if line.subject_id == account.id]
    assert [line.action for line in lines] == ["sign_in.refused"] * 2


def test_the_job_reads_them_for_the_province(office: RunningKeycloak) -> None:
    boss = hire(new_login(), (COUNTY, "tenant_admin"))
    account, _ = let_in(boss)
    assert send() == 0
    _try(office, account.login)
    operator = hire(new_login(), (PROVINCE, "system_administrator"))
    with entered(scope_for(operator, PROVINCE)), unit_of_work() as session:
        job = start_for_year(session, "identity.sign_ins", TODAY.year).job.id
    run_inline(PROVINCE, job)
    assert [row.outcome for row in _kept(account.id)] == ["refused"]


def test_where_it_is_away_nothing_is_lost(office: RunningKeycloak, monkeypatch: pytest.MonkeyPatch) -> None:
    boss = hire(new_login(), (COUNTY, "tenant_admin"))
    account, _ = let_in(boss)
    assert send() == 0
    _try(office, account.login)
    right = settings().keycloak_url
    monkeypatch.setenv("BANGFU_KEYCLOAK_URL", "http://127.0.0.1:9")
    settings.cache_clear()
    with pytest.raises(DirectoryAway):
        _copy()
    monkeypatch.setenv("BANGFU_KEYCLOAK_URL", right)
    settings.cache_clear()
    _copy()
    assert len(_kept(account.id)) == 1
