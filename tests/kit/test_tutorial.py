"""The tutorial is done as a reader does it: its commands are run and its files written, in the order of the page."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.kit.made import ROOT, Desk

PAGE = ROOT / "docs" / "tutorial.md"
_BLOCK = re.compile(
    r"^(?:`(?P<file>[^`\n]+)`\n\n)?```(?P<kind>\w+)(?P<more>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass
class Reader:
    """Somebody who follows the page at his desk: what the last commands printed, and all that he typed."""

    desk: Desk
    said: str = ""
    commands: list[str] = field(default_factory=list)

    def runs(self, line: str, *, fails: bool) -> None:
        """Run one line of the page."""
        self.commands.append(line)
        program, *arguments = shlex.split(line)
        if program == "cd":
            self.desk.at = self.desk.at / arguments[0]
            return
        status, said = self.desk.tries(program, arguments)
        self.said += said
        assert (status != 0) is fails, f"{line}\n{self.said[-6000:]}"


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    place = tmp_path / "desk"
    place.mkdir()
    return Reader(Desk(place, tmp_path / "prefix", {"BANGFU_HOME": str(tmp_path / "home")}))


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
            (reader.desk.at / block["file"]).write_text(text, encoding="utf-8")
    assert any(line.startswith("bangfu plugin try") for line in reader.commands)
