"""Logs of the launcher's children: a large one is put aside at the next start, and kept for six months."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from deploy.embedded import processes
from deploy.embedded.processes import put_aside

DAY_S = 24 * 3600


def test_a_large_log_is_put_aside_and_nothing_younger_than_six_months_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_LOG_LIMIT_BYTES", 10)
    log = tmp_path / "web.log"
    put_aside(log)
    log.write_text("short")
    put_aside(log)
    assert log.read_text() == "short"
    for days in (183, 185):
        former = tmp_path / f"web.log.{days}"
        former.touch()
        os.utime(former, (0, time.time() - days * DAY_S))
    (tmp_path / "worker.log.185").touch()
    log.write_text("long enough to be put aside")
    put_aside(log)
    assert not log.exists()
    kept = {path.name for path in tmp_path.iterdir()}
    assert {"web.log.183", "worker.log.185"} <= kept
    assert "web.log.185" not in kept
    assert len(kept) == 3
