"""What stands in the way of a start is told in both languages, with how to mend it."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from core.errors import BangfuError
from deploy.embedded import checks, private


def told(error: BangfuError) -> None:
    assert error.zh
    assert error.en
    assert error.mend_zh
    assert error.mend_en


def test_a_taken_port_is_named_with_how_to_choose_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(checks.PortTaken) as raised:
            checks.require_port("127.0.0.1", port)
    told(raised.value)
    assert str(port) in raised.value.zh
    assert 'make run ARGS="--port 8010"' in str(raised.value)
    checks.require_port("127.0.0.1", port)


def test_a_port_that_cannot_be_had_for_another_reason_is_told_too() -> None:
    with pytest.raises(checks.PortTaken, match=r"192\.0\.2\.1"):
        checks.require_port("192.0.2.1", 8000)


def test_a_full_disk_is_refused_and_a_nearly_full_one_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checks.require_space(tmp_path, needed=1, comfortable=1)
    assert not caplog.text
    checks.require_space(tmp_path, needed=1, comfortable=2**62)
    assert "磁盘空间即将用尽" in caplog.text
    with pytest.raises(checks.DiskFull) as raised:
        checks.require_space(tmp_path, needed=2**62)
    told(raised.value)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, checks.DiskFull),
        (errno.EDQUOT, checks.DiskFull),
        (errno.EACCES, checks.HomeNotWritable),
        (errno.EROFS, checks.HomeNotWritable),
    ],
)
def test_errors_of_the_operating_system_become_ours(tmp_path: Path, number: int, kind: type[BangfuError]) -> None:
    with pytest.raises(kind) as raised, checks.disk_errors(tmp_path):
        raise OSError(number, os.strerror(number), str(tmp_path / "file"))
    told(raised.value)


def test_a_disk_that_fills_while_writing_is_told(tmp_path: Path) -> None:
    with pytest.raises(checks.DiskFull), checks.disk_errors(tmp_path):
        Path("/dev/full").write_text("x")


def test_a_home_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(checks.HomeNotWritable) as raised:
        checks.require_home(tmp_path / "file")
    told(raised.value)
    with pytest.raises(checks.HomeNotWritable):
        checks.require_home(tmp_path / "file" / "below")


def test_an_open_home_is_closed_to_others(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    checks.require_home(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert list(home.iterdir()) == []


def test_a_secret_is_made_once_and_kept_closed(tmp_path: Path) -> None:
    first = private.secret(tmp_path, "database")
    (tmp_path / "secrets" / "database").chmod(0o644)
    assert private.secret(tmp_path, "database") == first
    assert private.secret(tmp_path, "other") != first
    assert len(first) >= 43
    assert stat.S_IMODE((tmp_path / "secrets" / "database").stat().st_mode) == 0o600
