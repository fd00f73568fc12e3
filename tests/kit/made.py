"""A plugin made by the kit and installed beside Bangfu for the time of a test, without touching Bangfu's own environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.kit import programs

ROOT = Path(__file__).parents[2]


def clean_environment() -> dict[str, str]:
    """The environment without what the tests of this process have set."""
    ours = ("BANGFU_", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {"COLUMNS": "200"}


@dataclass
class Desk:
    """Somebody at a terminal of his own: where he stands, and where ``pip`` puts what he installs."""

    at: Path
    prefix: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def site(self) -> Path:
        """The folder of what was installed."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.prefix / "lib" / version / "site-packages"

    def tries(self, program: str, arguments: Sequence[str]) -> tuple[int, str]:
        """What ``bangfu``, ``pytest`` or ``pip`` answers and prints."""
        environment = clean_environment() | self.environment
        if program != "pip":
            return programs.run(program, arguments, cwd=self.at, env=environment, sites=[self.site])
        # The real one, since a plugin is a package; offline, with the build tools that are there.
        quiet = [
            sys.executable,
            "-m",
            "pip",
            arguments[0],
            "--quiet",
            "--no-index",
            "--prefix",
            str(self.prefix),
            *arguments[1:],
        ]
        done = subprocess.run(quiet, cwd=self.at, env=environment, text=True, check=False, capture_output=True)
        return done.returncode, done.stdout + done.stderr

    def runs(self, program: str, *arguments: str) -> str:
        """What a program prints; fails with it where the program fails."""
        status, said = self.tries(program, arguments)
        assert status == 0, f"{program} {' '.join(arguments)}\n{said[-8000:]}"
        return said

    def installs(self, package: Path) -> None:
        """Install a package from its folder, which is followed from then on."""
        self.runs("pip", "install", "--no-deps", "--no-build-isolation", "-e", str(package))
