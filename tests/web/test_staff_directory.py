"""Pages of staff and system where people are kept at an identity provider that does not answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from core.db.session import reference_work, unit_of_work
from core.identity.directory.comparison import ENABLED, LEFTOVER
from core.identity.directory.models import DirectoryDifference, DirectoryEntry
from core.identity.models import Account, StaffSession
from core.identity.sessions import Origin, open_session
from core.jobs import outbox
from core.jobs.models import Job, OutboxItem
from core.scope import entered
from core.settings import settings
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, Database, scope_of
from tests.core.lines import install
from tests.core.staffing import WHY, hire, stand_at
from tests.core.test_directory import NOWHERE
from tests.web.conftest import Person

Desk = Callable[..., Person]


@pytest.fixture(autouse=True)
def elsewhere(db: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """People are kept at an identity provider that does not answer; whoever is signed in works on."""
    install(db)
    stand_at(db)
    for name, value in NOWHERE.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def person(browser: Callable[[], TestClient]) -> Desk:
    """An account with a post, whom the provider has signed in."""

    def made(login: str, *, tenant: str = COUNTY, role: str = "caseworker") -> Person:
        who, client = hire(login, (tenant, role)), browser()
        with reference_work() as session:
            account = session.get_one(Account, who)
            account.subject = f"subject-{login}"
            token, row = open_session(session, account, Origin("10.0.0.9", "Firefox"))
            row.provider_sid, row.fresh_until = f"sid-{login}", datetime.now(UTC) + timedelta(hours=1)
            csrf = row.csrf_token
        client.cookies.set("bangfu_session", token)
        return Person(client, who, csrf, token)

    return made


def _page(who: Person, path: str, tenant: str = COUNTY) -> str:
    answer = who.client.get(f"/{tenant}{path}")
    assert answer.status_code == 200, (path, answer.status_code)
    return answer.text


def _send(who: Person, path: str, tenant: str = COUNTY, **form: str) -> tuple[int, str]:
    answer = who.client.post(f"/{tenant}{path}", data={"csrf_token": who.csrf, **form})
    return answer.status_code, answer.headers.get("location") or answer.text


def test_who_is_let_in_waits_for_the_provider(person: Desk) -> None:
    boss = person("boss", role="tenant_admin")
    status, page = _send(boss, "/staff", login="xin", display_name="新来的", role="caseworker", reason=WHY)
    assert status == 200
    password = re.search(r"<kbd>([A-Za-z0-9-]{19})</kbd>", page)
    assert password is not None
    assert "约数秒后在统一身份认证生效" in page
    with reference_work() as session:
        who = session.scalars(select(Account.id).where(Account.login == "xin")).one()
    listed = _page(boss, "/staff")
    assert "待同步" in listed.split("新来的")[1]
    assert "待同步" not in listed.split("新来的")[0]
    seen = _page(boss, f"/staff/{who}")
    assert "变动约数秒后" in seen
    assert "初始密码尚未生效" in seen
    assert outbox.relay(COUNTY).failed == 1
    seen = _page(boss, f"/staff/{who}")
    assert "统一身份认证没有响应。恢复后自动继续" in seen
    assert "127.0.0.1" not in seen
    assert password.group(1) not in seen


def test_sessions_that_cannot_be_asked_for_are_said_to_be(person: Desk) -> None:
    boss, who = person("boss", role="tenant_admin"), person("li")
    seen = _page(boss, f"/staff/{who.account_id}")
    assert "10.0.0.9" in seen
    assert "统一身份认证暂时无法连接" in seen
    # nobody asks about somebody who is not his to look after
    other = hire("far", (COUNTY, "leader"), (OTHER_COUNTY, "leader"))
    with reference_work() as session:
        session.execute(update(Account).where(Account.id == other).values(subject="far"))
    assert "暂时无法连接" not in _page(boss, f"/staff/{other}")
    assert _send(boss, f"/staff/{who.account_id}/sessions/end")[0] == 303
    with reference_work() as session:
        ended = session.scalars(select(StaffSession.ended_at).where(StaffSession.account_id == who.account_id)).all()
    assert None not in ended


def test_a_reset_may_take_the_second_factor_there(person: Desk) -> None:
    boss, who = person("boss", role="tenant_admin"), person("li")
    assert 'name="second_factor"' in _page(boss, f"/staff/{who.account_id}")
    status, page = _send(boss, f"/staff/{who.account_id}/password", reason="丢失手机", second_factor="true")
    assert (status, "约数秒后在统一身份认证生效" in page) == (200, True)
    with reference_work() as session:
        entry = session.get_one(DirectoryEntry, who.account_id)
        assert (entry.drops_second_factor, entry.password_cipher is not None) == (True, True)
        assert session.get_one(Account, who.account_id).password_hash is None
    answer = boss.client.post(
        f"/api/v1/{COUNTY}/staff/{who.account_id}/password",
        json={"reason": WHY, "second_factor": True},
        headers={"X-CSRF-Token": boss.csrf},
    ).json()
    assert (len(answer["first_password"]), answer["on_its_way"]) == (19, True)
    found = boss.client.get(f"/api/v1/{COUNTY}/staff/{who.account_id}").json()
    assert found["in_step"] is False


def _differ(kind: str, key: str, tenant: str | None, **more: object) -> None:
    with reference_work() as session:
        session.add(
            DirectoryDifference(
                kind=kind,
                key=key,
                area="people",
                tenant_code=tenant,
                here="启用",
                there="停用",
                seen_at=datetime.now(UTC),
                **more,
            )
        )


def test_differences_are_shown_and_mended_within_the_subtree(person: Desk) -> None:
    keeper = person("keeper", tenant=PROVINCE, role="system_administrator")
    lower = person("lower", tenant=PREFECTURE, role="system_administrator")
    li, far = hire("li", (COUNTY, "leader")), hire("far", (OTHER_COUNTY, "leader"))
    _differ(ENABLED, str(li), COUNTY, account_id=li)
    _differ(ENABLED, str(far), OTHER_COUNTY, account_id=far)
    _differ(LEFTOVER, "x", None, subject="leftover-x")
    assert "/system/directory" in _page(keeper, "/system", PROVINCE)
    page = _page(keeper, "/system/directory", PROVINCE)
    for shown in ("启用状态不一致", "多余的人员", "须在认证服务处理", "leftover-x", ">li ", ">far ", "以本平台为准重新同步"):
        assert shown in page, shown
    assert "员工li" not in page
    below = _page(lower, "/system/directory", PREFECTURE)
    assert (">li " in below, ">far " in below, "leftover-x" in below, "现在核对" in below) == (True, False, False, False)
    assert _send(lower, "/system/directory/mend", PREFECTURE)[0] == 303
    assert _told(PREFECTURE) == [str(li)]
    assert _send(keeper, "/system/directory/mend", PROVINCE)[0] == 303
    assert sorted(_told(PROVINCE)) == sorted([str(li), str(far)])
    assert outbox.relay(PREFECTURE).failed == 1
    assert "没有响应" in _page(keeper, "/system/directory", PROVINCE)
    assert _send(lower, "/system/directory/compare", PREFECTURE)[0] == 403
    for _ in range(2):
        assert _send(keeper, "/system/directory/compare", PROVINCE)[0] == 303
    with entered(scope_of(PROVINCE)), unit_of_work() as session:
        assert len(session.scalars(select(Job).where(Job.kind == "identity.drift")).all()) == 1
    boss = person("boss", role="tenant_admin")
    assert boss.client.get(f"/{COUNTY}/system/directory").status_code == 403


def _told(tenant: str) -> list[str]:
    with entered(scope_of(tenant)), unit_of_work() as session:
        wanted = select(OutboxItem.payload).where(OutboxItem.topic == "identity.changed").order_by(OutboxItem.id)
        return [payload["account"] for payload in session.scalars(wanted)]


def test_who_is_not_known_there_yet_is_behind(person: Desk) -> None:
    boss = person("boss", role="tenant_admin")
    for number in range(5):
        hire(f"w{number}", (COUNTY, "leader"))
    assert _page(boss, "/staff").count("待同步") == 5
