"""The tutorial is done as a reader does it: its commands are run and its files written, in the order of the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.kit.made import ROOT, clean_environment

PAGE = ROOT / "docs" / "tutorial.md"
_BLOCK = re.compile(
    r"^(?:`(?P<file>[^`\n]+)`\n\n)?```(?P<kind>\w+)(?P<more>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass
class Reader:
    """Somebody at a terminal: where he stands, what the last commands printed."""

    at: Path
    environment: dict[str, str]
    site: Path
    said: str = ""
    commands: list[str] = field(default_factory=list)

    def runs(self, line: str, *, fails: bool) -> None:
        """Run one line of the page."""
        self.commands.append(line)
        if line.startswith("cd "):
            self.at = self.at / line.removeprefix("cd ")
            return
        done = subprocess.run(
            ["bash", "-c", f"{_FUNCTIONS}\n{line}"],
            cwd=self.at,
            env=self.environment,
            text=True,
            check=False,
            capture_output=True,
        )
        self.said += done.stdout + done.stderr
        assert (done.returncode != 0) is fails, f"{line}\n{self.said[-6000:]}"


# The page's programs are those of this environment; what pip installs goes to a folder of the test.
_FUNCTIONS = """
bangfu() { "$PYTHON" -m deploy.cli "$@"; }
pytest() { "$PYTHON" -m pytest -p no:cacheprovider "$@"; }
pip() {
  local words=()
  for word in "${@:2}"; do [ "$word" = -e ] || words+=("$word"); done
  "$PYTHON" -m pip "$1" --quiet --no-index --target "$SITE" "${words[@]}"
}
"""


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    site = tmp_path / "site"
    site.mkdir()
    here = {
        "PYTHON": sys.executable,
        "SITE": str(site),
        "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)]),
        "BANGFU_HOME": str(tmp_path / "home"),
    }
    desk = tmp_path / "desk"
    desk.mkdir()
    return Reader(desk, clean_environment() | here, site)


@pytest.mark.long
def test_the_tutorial_is_done_from_beginning_to_end(reader: Reader) -> None:
    blocks = list(_BLOCK.finditer(PAGE.read_text(encoding="utf-8")))
    assert len(blocks) > 10
    for block in blocks:
        kind, text = block["kind"], block["text"]
        if kind == "sh":
            reader.said = ""
            for line in text.splitlines():
                reader.runs(line, fails="fails" in block["more"])
        elif kind == "text":
            assert text.strip() in reader.said, reader.said[-6000:]
        else:
            (reader.at / block["file"]).write_text(text, encoding="utf-8")
            _installed_again(reader, block["file"])
    assert any(line.startswith("bangfu plugin try") for line in reader.commands)


def _installed_again(reader: Reader, file: str) -> None:
    """A reader's installation follows his folder (``-e``); here the file is put beside what was installed."""
    if file.startswith("bangfu_"):
        (reader.site / file).write_text((reader.at / file).read_text(encoding="utf-8"), encoding="utf-8")
