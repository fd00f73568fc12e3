"""``bangfu doctor`` finds what is wrong, says how to mend it, and never ends in a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from core.errors import Misconfigured
from core.host.manager import LeftOut, Notice, host
from core.jobs import recovery
from deploy.cli import app
from deploy.connection import use
from deploy.doctor import Check, examine
from tests.conftest import Database

NOWHERE = "postgresql+psycopg://bangfu_app:hidden@127.0.0.1:1/bangfu"


@pytest.fixture(autouse=True)
def settled(db: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The settings of the other tests are in force again afterwards."""
    yield
    monkeypatch.undo()
    use({})


def looked(home: Path) -> dict[str, Check]:
    return {check.zh: check for check in examine(home)}


def test_a_sound_installation_without_a_queue(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANGFU_VALKEY_URL", "redis://127.0.0.1:1/0")
    found = looked(db.home)
    for name in ("数据目录权限 0700", "安装密钥", "业务插件", "数据库可连接", "应用账号权限受限"):
        assert found[name].good, found[name]
    assert not found["消息队列"].good
    monkeypatch.setenv("BANGFU_VALKEY_URL", "")
    assert not looked(db.home)["消息队列"].good


def test_a_background_that_stands_still_is_told(db: Database) -> None:
    assert not looked(db.home)["后台任务循环"].good
    recovery.sweep_all()
    found = looked(db.home)["后台任务循环"]
    assert found.good
    assert "最近一次巡检" in found.said


def test_a_database_that_does_not_answer_is_not_called_good(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANGFU_DATABASE_URL", NOWHERE)
    checks = [check for check in examine(db.home) if check.zh == "数据库可连接"]
    assert [check.good for check in checks] == [False]
    assert "BANGFU_DATABASE_URL" in checks[0].mend
    assert "hidden" not in checks[0].said


def test_a_role_that_is_too_powerful_is_told_and_the_queue_looked_at_still(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = db.owner.url.render_as_string(hide_password=False)
    monkeypatch.setenv("BANGFU_DATABASE_URL", owner)
    found = looked(db.home)
    assert found["数据库可连接"].good
    assert not found["应用账号权限受限"].good
    assert "消息队列" in found


def test_lines_are_counted_and_plugins_left_out_are_told(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    core = {name: info for name, info in host().infos.items() if not info.service_line}
    assert core
    bare = SimpleNamespace(
        infos=core,
        left_out=[LeftOut("stranger", "needs api 9")],
        installed=lambda _: [],
        notices=lambda _: [Notice("旧", "old")],
    )
    monkeypatch.setattr("deploy.doctor.host", lambda: bare)
    found = looked(db.home / "nowhere")
    assert (found["业务插件"].good, found["业务插件"].said) == (False, "0 项业务")
    assert (found["插件 stranger"].good, found["插件 stranger"].said) == (False, "needs api 9")
    assert (found["插件 core"].good, found["插件 core"].said) == (True, "旧")

    def broken() -> object:
        raise Misconfigured("坏了", "broken")

    monkeypatch.setattr("deploy.doctor.host", broken)
    assert not looked(db.home / "nowhere")["业务插件"].good


def test_without_its_key_an_installation_is_not_touched(db: Database, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    found = looked(tmp_path)
    assert not found["安装密钥"].good
    assert "数据库可连接" not in found
    assert list(tmp_path.iterdir()) == []


def test_the_home_is_the_one_of_the_settings(db: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Path] = []

    def note(home: Path) -> Iterator[Check]:
        asked.append(home)
        yield Check("试", good=False, said="[坏]", mend="修")

    monkeypatch.setattr("deploy.doctor.examine", note)
    monkeypatch.setenv("BANGFU_HOME", str(tmp_path))
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "[坏]" in result.output
    CliRunner().invoke(app, ["doctor", "--home", str(db.home)])
    assert asked == [tmp_path, db.home]
