"""``bangfu staff``: people let in, posts ended, accounts switched, and the first administrators."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text
from typer.testing import CliRunner

from core.db.session import unit_of_work
from core.errors import BangfuError, Conflict, Forbidden, InvalidInput, NotFound
from core.identity import passwords
from core.identity.first import seat_first_administrator
from core.identity.local import sign_in
from core.scope import entered
from deploy.cli import app
from tests.conftest import COUNTY, PROVINCE, TODAY, Database, scope_of
from tests.core.lines import install
from tests.core.staffing import WHY, admin, hire, stand_at, trail_of

HERE = ("--county", COUNTY, "--as", f"admin-{COUNTY}", "--reason", WHY)


@pytest.fixture(autouse=True)
def office(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    install(db)
    stand_at(db)
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


def _run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["staff", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def _password(said: str) -> str:
    found = re.search(r"初始密码 (\S+)", said)
    assert found is not None
    return found.group(1)


def test_somebody_is_let_in_and_out() -> None:
    admin()
    first = _password(_run("invite", "xin", "caseworker", "--name", "新来的", *HERE))
    assert sign_in("xin", first) is not None
    listed = _run("list", "--county", COUNTY, "--as", f"admin-{COUNTY}")
    assert "新来的" in listed
    assert "经办人" in listed
    assert "已停用" in _run("off", "xin", *HERE)
    assert sign_in("xin", first) is None
    assert "停用" in _run("list", "--county", COUNTY, "--as", f"admin-{COUNTY}")
    assert "已启用" in _run("on", "xin", *HERE)
    assert sign_in("xin", _password(_run("password", "xin", *HERE))) is not None
    later = (TODAY + timedelta(days=3)).isoformat()
    assert later in _run("end", "xin", "caseworker", "--on", later, *HERE)
    assert "已授予岗位" in _run("invite", "xin", "leader", "--existing", "--until", later, *HERE)


@pytest.mark.parametrize(
    ("order", "error"),
    [
        (("end", "nobody", "caseworker"), NotFound),
        (("end", "w", "payer"), NotFound),
        (("off", "nobody"), NotFound),
        (("invite", "x", "tenant_admin", "--name", "新"), Forbidden),
        (("invite", "x", "caseworker"), InvalidInput),
    ],
)
def test_what_may_not_be_is_refused(order: tuple[str, ...], error: type[BangfuError]) -> None:
    admin()
    hire("w", (COUNTY, "leader"))
    with pytest.raises(error):
        CliRunner().invoke(app, ["staff", *order, *HERE], catch_exceptions=False)


def test_the_first_administrators_are_seated_once_by_the_platform() -> None:
    place = ("--county", PROVINCE, "--name", "首任", "--reason", WHY)
    for role in ("security_administrator", "system_administrator", "audit_administrator", "tenant_admin"):
        login = role.replace("_", "-")
        assert sign_in(login, _password(_run("first", login, role, *place))) is not None
    assert [entry["actor"] for entry in trail_of(PROVINCE, "post.given")] == ["system:first-administrator"] * 4
    for order, error in (
        (("first", "second", "security_administrator", *place), Conflict),
        (("first", "second", "caseworker", *place), InvalidInput),
        (("first", "second", "security_administrator", "--county", COUNTY, "--name", "首任", "--reason", WHY), InvalidInput),
        (("first", "second", "tenant_admin", "--county", COUNTY, "--name", " ", "--reason", WHY), InvalidInput),
        (("first", "second", "tenant_admin", "--county", COUNTY, "--name", "首任", "--reason", " "), InvalidInput),
    ):
        with pytest.raises(error):
            CliRunner().invoke(app, ["staff", *order], catch_exceptions=False)


def test_where_all_were_switched_off_the_platform_seats_one_again(db: Database) -> None:
    place = ("--county", PROVINCE, "--name", "首任", "--reason", WHY)
    _run("first", "one", "security_administrator", *place)
    with db.owner.begin() as connection:
        connection.execute(text("update account set disabled_at = now(), disabled_why = 'dormant'"))
    assert sign_in("two", _password(_run("first", "two", "security_administrator", *place))) is not None


def test_no_person_seats_a_first_administrator() -> None:
    with entered(scope_of(COUNTY, actor="somebody")), unit_of_work() as session, pytest.raises(Forbidden):
        seat_first_administrator(session, "x", "新", "tenant_admin", reason=WHY)
