"""From a bare clone to an installation: what is done, what is not done twice, what is said when it fails."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import bootstrap

SOURCE = Path(bootstrap.__file__)


def program(path: Path, script: str) -> Path:
    """A small shell program; it writes its name and arguments to ``calls`` beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho "{path.name} $*" >> "{path.parent}/calls"\n{script}\n')
    path.chmod(0o755)
    return path


def calls(folder: Path) -> list[str]:
    """What the programs of ``folder`` were called with since the last look."""
    log = folder / "calls"
    said = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return said


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The smallest tree that can be prepared: locks, a project file, an environment whose uv only notes its calls."""
    root = tmp_path / "clone"
    (root / "requirements").mkdir(parents=True)
    for name in ("bootstrap", "main", "dev", "node"):
        (root / "requirements" / f"{name}.txt").write_text(f"{name}==1\n")
    (root / "pyproject.toml").write_text("[project]\n")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root / ".venv")], check=True)
    program(root / ".venv" / "bin" / "uv", "")
    environment = bootstrap.Environment(root)
    environment.stamp("bootstrap", bootstrap.digest(root / "requirements" / "bootstrap.txt")).set()
    return root


@pytest.fixture
def assets(clone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Front-end sources in the clone, and a machine whose npm writes what the real one would."""
    folder = clone / "core" / "web" / "assets"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"engines": {"node": ">=20"}}))
    (folder / "package-lock.json").write_text("{}")
    tools = clone.parent / "tools"
    program(tools / "node", "echo v20.1.0")
    program(tools / "npm", "case $1 in ci) mkdir -p node_modules;; run) mkdir -p ../static/vendor;; esac")
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.defpath}")
    return folder


def npm_calls(assets: Path) -> list[str]:
    return [call.split()[1] for call in calls(assets.parents[3] / "tools") if call.startswith("npm")]


def test_an_old_python_can_read_the_program_and_is_told_what_it_lacks(tmp_path: Path) -> None:
    ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 7))
    pretend = (
        "import sys; sys.hexversion = 0x03090200; sys.version = '3.9.2 (main)';"
        f"exec(compile(open({str(SOURCE)!r}, encoding='utf-8').read(), 'bootstrap.py', 'exec'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", pretend], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Python 版本过低(3.9.2)" in done.stderr
    assert "3.11 or newer is needed" in done.stderr


def test_an_old_python_hands_over_to_a_newer_one(tmp_path: Path) -> None:
    program(tmp_path / "python3.12", 'case $1 in -c) exit 1;; esac; echo "broken"')
    program(tmp_path / "python3.11", 'case $1 in -c) exit 0;; esac; echo "taken over"')
    pretend = f"import sys; sys.hexversion = 0x03090200; sys.argv = ['b']; exec(open({str(SOURCE)!r}, encoding='utf-8').read())"
    done = subprocess.run(
        [sys.executable, "-c", pretend], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.stdout == "taken over\n"


def test_nothing_is_done_twice_and_dev_holds_main(clone: Path) -> None:
    tools = clone / ".venv" / "bin"
    bootstrap.prepare(clone, dev=False, browser=False)
    first = calls(tools)
    assert [call for call in first if "--require-hashes" in call and "main.txt" in call]
    assert [call for call in first if f"--no-build-isolation -e {clone}" in call]
    assert len(first) == 2
    bootstrap.prepare(clone, dev=False, browser=False)
    assert calls(tools) == []

    bootstrap.prepare(clone, dev=True, browser=False)
    (dev,) = calls(tools)
    assert "dev.txt" in dev
    (clone / "requirements" / "main.txt").write_text("main==2\n")
    bootstrap.prepare(clone, dev=False, browser=False)
    assert calls(tools) == []
    (clone / "requirements" / "dev.txt").write_text("dev==2\n")
    bootstrap.prepare(clone, dev=True, browser=False)
    assert len(calls(tools)) == 1


def test_a_failed_step_is_tried_again(clone: Path) -> None:
    uv = program(clone / ".venv" / "bin" / "uv", "echo 'No space left on device (os error 28)'; exit 2")
    with pytest.raises(bootstrap.Trouble, match="磁盘空间不足") as raised:
        bootstrap.prepare(clone, dev=False, browser=False)
    assert "the disk is full" in raised.value.text
    program(uv, "")
    calls(uv.parent)
    bootstrap.prepare(clone, dev=False, browser=False)
    assert len(calls(uv.parent)) == 2


def test_a_moved_folder_gets_a_new_environment(clone: Path) -> None:
    bootstrap.Environment(clone).ensure()
    moved = clone.with_name("moved")
    clone.rename(moved)
    bootstrap.Environment(moved).ensure()
    assert not (moved / ".venv" / "bin" / "uv").exists()
    (moved / ".venv" / "witness").touch()
    bootstrap.Environment(moved).ensure()
    assert (moved / ".venv" / "witness").exists()


def test_the_environment_of_another_folder_is_left_alone(clone: Path) -> None:
    bootstrap.Environment(clone).ensure()
    (clone / ".venv" / "witness").touch()
    other = clone.with_name("other")
    other.mkdir()
    (other / ".venv").symlink_to(clone / ".venv")
    bootstrap.Environment(other).ensure()
    assert (clone / ".venv" / "witness").exists()
    assert not (other / ".venv").is_symlink()
    assert bootstrap.Environment(other).python.exists()


def test_the_command_line_tells_what_failed_and_shows_the_output(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(clone / ".venv" / "bin" / "uv", "echo 'error: Failed to fetch: the-package'; exit 2")
    monkeypatch.setattr(bootstrap, "ROOT", clone)
    monkeypatch.setattr(sys, "argv", ["bootstrap.py"])
    assert bootstrap.main() == 1
    said = capsys.readouterr().err
    assert "首次安装需要网络" in said
    assert "the first start needs a network" in said
    assert "the-package" in said


@pytest.mark.parametrize(
    ("said", "zh"),
    [
        ("OSError: [Errno 28] No space left on device", "磁盘空间不足"),
        ("npm error code ENOSPC", "磁盘空间不足"),
        ("The virtual environment was not created successfully because ensurepip is not available", "python3-venv"),
        ("No module named venv", "python3-venv"),
        ("Because x has no usable wheels and building from source is disabled", "没有适用于本机的安装包"),
        ("npm error code ENOTFOUND", "首次安装需要网络"),
        ("error: Failed to fetch: dns error: failed to lookup address", "首次安装需要网络"),
        ("anything else", "请按下方输出处理"),
    ],
)
def test_a_failure_is_explained_by_its_own_words(said: str, zh: str) -> None:
    trouble = bootstrap.explained(said, "安装失败", "installing failed")
    assert zh in trouble.text
    assert trouble.text.startswith("安装失败")
    assert trouble.said == said


def test_pips_settings_are_given_to_uv_in_pips_order(tmp_path: Path) -> None:
    listing = (
        "global.index-url='http://127.0.0.1:1/global'\n"
        "install.index-url='http://127.0.0.1:1/install'\n"
        ":env:.index-url='http://127.0.0.1:1/env'\n"
        "global.extra-index-url='\\nhttp://127.0.0.1:1/a\\nhttp://127.0.0.1:1/b'\n"
        "global.timeout='12.5'\n"
        ":env:.find-links='one two'\n"
        "global.cert='/ca.pem'\n"
        "global.cert='/ca.pem'\n"
        "global.unheard-of='x'\n"
    )
    plain = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert bootstrap.uv_environment(listing, plain) == {
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_DEFAULT_INDEX": "http://127.0.0.1:1/env",
        "UV_INDEX": "http://127.0.0.1:1/a http://127.0.0.1:1/b",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_HTTP_TIMEOUT": "12",
        "UV_FIND_LINKS": "one,two",
        "SSL_CERT_FILE": "/ca.pem",
    }
    assert "SSL_CERT_FILE" not in bootstrap.uv_environment(listing, {**plain, "SSL_CERT_FILE": "/own.pem"})


def test_a_machine_that_configures_uv_itself_is_left_to_that(tmp_path: Path) -> None:
    listing = "global.index-url='http://127.0.0.1:1/pip'\n"
    alone = {"UV_PYTHON_DOWNLOADS": "never"}
    plain = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert bootstrap.uv_environment(listing, {**plain, "UV_DEFAULT_INDEX": "x"}) == alone
    (tmp_path / "uv").mkdir()
    (tmp_path / "uv" / "uv.toml").touch()
    assert bootstrap.uv_environment(listing, plain) == alone


def test_assets_are_installed_and_built_only_when_their_inputs_change(clone: Path, assets: Path) -> None:
    def ensure() -> list[str]:
        bootstrap.Assets(clone, bootstrap.Environment(clone)).ensure()
        return npm_calls(assets)

    assert ensure() == ["ci", "run"]
    assert ensure() == []
    templates = clone / "plugins" / "relief" / "templates"
    templates.mkdir(parents=True)
    (templates / "page.html").write_text('<p class="new">')
    assert ensure() == ["run"]
    (assets / "package-lock.json").write_text('{"changed": true}')
    assert ensure() == ["ci", "run"]
    assert ensure() == []


def test_an_old_or_missing_node_is_replaced_by_the_locked_wheel(
    clone: Path, assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(clone.parent / "tools" / "node", "echo v12.22.9")
    tools = clone / ".venv" / "bin"
    with pytest.raises(bootstrap.Trouble, match="缺少 npm") as raised:
        bootstrap.Assets(clone, bootstrap.Environment(clone)).ensure()
    assert "Node.js 20" in raised.value.text
    assert "node.txt" in calls(tools)[0]
    program(tools / "npm", "command -v node; case $1 in ci) mkdir -p node_modules;; run) mkdir -p ../static/vendor;; esac")
    bootstrap.Assets(clone, bootstrap.Environment(clone)).ensure()
    assert [call.split()[1] for call in calls(tools)] == ["ci", "run"]
    assert npm_calls(assets) == []


def test_a_clone_without_front_end_needs_no_npm(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    bootstrap.Assets(clone, bootstrap.Environment(clone)).ensure()


def test_a_machine_that_cannot_get_a_browser_is_told_that_tests_are_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    bootstrap.ensure_browser()
    said = capsys.readouterr().err
    assert "浏览器测试将被跳过" in said
    assert "browser tests are skipped" in said
    program(tmp_path / "chromium", "")
    program(tmp_path / "fc-list", "echo Noto Sans CJK SC")
    bootstrap.ensure_browser()
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may install by apt")
def test_root_gets_a_browser_and_a_chinese_font_by_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "apt-get", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    bootstrap.ensure_browser()
    update, install = calls(tmp_path)
    assert update.endswith("update")
    assert install.endswith("chromium fontconfig fonts-noto-cjk")
