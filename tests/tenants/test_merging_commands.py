"""``bangfu county merge`` and ``confirm``: the same closing on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import InvalidInput
from deploy.cli import app
from deploy.testing.browsers import PASSWORD, account
from tests.conftest import COUNTY, OTHER_COUNTY, PROVINCE, Database
from tests.core.lines import Acting
from tests.tenants.merging_story import WHY, tell


def run(*order: str, typed: str | None = None) -> str:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["county", *order], input=typed, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_county_is_merged_from_the_command_line(db: Database, acting: Acting, tmp_path: Path) -> None:
    tell(db, acting)
    account("leader-sc", tenant=PROVINCE, role="leader")
    out = tmp_path / "out.json"
    shown = run("merge", COUNTY, "--into", OTHER_COUNTY, "--dry-run", "--json", str(out))
    assert "信访（续办）" in shown
    told = json.loads(out.read_text())
    assert (told["held"]["counts"]["households"], told["twice"], told["blocks"]) == (3, 1, [])
    asked = run("merge", COUNTY, "--into", OTHER_COUNTY, "--reason", WHY, "--json", str(out))
    closing = json.loads(out.read_text())["id"]
    assert closing in asked
    word = ("confirm", closing, "--province", PROVINCE, "--as", "leader-sc")
    with pytest.raises(InvalidInput):
        run(*word, typed="不对\n")
    assert "已撤并" in run(*word, "--run", "--json", str(out), typed=f"{PASSWORD}\n")
    done = json.loads(out.read_text())
    assert (done["state"], done["result"]["households"], done["result"]["twice"]) == ("done", 3, 1)
