"""A plugin made by the kit and installed beside Bangfu for the time of a test, without touching Bangfu's own environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(command: Sequence[str], *, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> str:
    """What a program prints; fails with it where the program fails."""
    done = subprocess.run(
        command, cwd=cwd, env={**clean_environment(), **(env or {})}, text=True, check=False, capture_output=True
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-6000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def clean_environment() -> dict[str, str]:
    """The environment without what the tests of this process have set."""
    ours = ("BANGFU_", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {"COLUMNS": "200"}


def bangfu(*arguments: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> str:
    """What ``bangfu …`` prints."""
    return run([sys.executable, "-m", "deploy.cli", *arguments], env={"PYTHONPATH": str(ROOT), **(env or {})}, cwd=cwd)


def installed(package: Path, target: Path) -> dict[str, str]:
    """Install a package into ``target`` with pip, offline; the environment in which it is there."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    run([*pip, "--target", str(target), str(package)])
    return {"PYTHONPATH": os.pathsep.join([str(target), str(ROOT)])}
