"""The sample's year end to end, by the program that a newcomer starts, against the independent recount.

The recount reads the workbooks and imports nothing of the platform (``tests/recount/recount.py``).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).parent.parent.parent
HOUSEHOLDS = "40"

pytestmark = pytest.mark.slow


def _command(home: Path, out: Path, *more: str) -> list[str]:
    up = ["up", "--home", str(home), "--once", "--json", str(out), "--households", HOUSEHOLDS]
    return [sys.executable, "-m", "deploy.cli", *up, *more]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("BANGFU_")}


def _run(home: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(home, out, *more), cwd=ROOT, env=_environment(), capture_output=True, text=True, timeout=400, check=False
    )


def _summary(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    found.pop("seconds")
    return found


def _recount(home: Path, tmp: Path) -> dict[str, Any]:
    [workbooks] = [folder for folder in (home / "sample").iterdir() if folder.is_dir()]
    out = tmp / "recount.json"
    subprocess.run(
        [
            sys.executable,
            "-I",
            str(ROOT / "tests" / "recount" / "recount.py"),
            str(workbooks),
            "--year",
            "2025",
            "--day",
            "2025-09-01",
            "--json",
            str(out),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return {name: found[name] for name in ("counties", "households", "persons", "eligible", "cases", "paid_fen", "findings")}


def _left_running(home: Path) -> list[str]:
    return [
        " ".join(process.info["cmdline"] or [])
        for process in psutil.process_iter(["cmdline"])
        if str(home) in " ".join(process.info["cmdline"] or [])
    ]


@pytest.mark.long
def test_the_year_killed_at_several_places_agrees_with_the_recount(tmp_path: Path) -> None:
    """kill -9 at three places of the story, then a run to the end, then a second run on the kept data."""
    home, out = tmp_path / "home", tmp_path / "out.json"
    for step in ("import", "cases", "audit"):
        _kill_in(home, out, step)
    done = _run(home, out)
    assert done.returncode == 0, done.stdout + done.stderr
    first = _summary(out)
    assert first == _recount(home, tmp_path)
    assert _left_running(home) == []
    again = _run(home, out)
    assert again.returncode == 0, again.stdout + again.stderr
    assert _summary(out) == first
    other = _run(home, out, "--seed", "7")
    assert other.returncode == 1
    assert "--home" in other.stderr
    assert _left_running(home) == []


_STEPS = {"import": "二、", "cases": "四、", "audit": "六、"}


def _kill_in(home: Path, out: Path, step: str) -> None:
    """Start the program and kill it with signal 9 as soon as it says that it is in ``step``."""
    with subprocess.Popen(
        _command(home, out), cwd=ROOT, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if _STEPS[step] in line:
                process.send_signal(signal.SIGKILL)
                break
        process.stdout.close()
        process.wait(timeout=30)
        assert process.returncode == -signal.SIGKILL, "".join(said)
