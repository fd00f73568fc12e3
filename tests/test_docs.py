"""The documents speak of what is there: every hook, every link, and an example that works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from core.cases.workflows import problems_of
from core.host import hookspecs
from core.host.manager import PluginHost
from core.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
HOOKS = sorted(name for name in vars(hookspecs) if name.startswith("bangfu_"))


def test_the_guide_lists_the_hooks_that_exist() -> None:
    guide = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `(bangfu_\w+)`", guide, re.MULTILINE)) == HOOKS
    assert set(re.findall(r"\bbangfu_[a-z_]+", guide)) <= {*HOOKS, "bangfu_visits", "bangfu_queue"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    broken = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert not broken


def test_the_example_of_the_guide_is_a_plugin() -> None:
    guide = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", guide, re.DOTALL)
    assert found is not None
    made: dict[str, Any] = {}
    exec(compile(found[1], "docs/plugins.md", "exec"), made)
    host = PluginHost()
    host.register(made["plugin"], "visits")
    assert [name for name, _ in host.asked("bangfu_navigation", {"visits"})] == ["visits"]
    assert not host.asked("bangfu_navigation", set())
    (workflow,) = host.collected("bangfu_workflows")
    assert problems_of(workflow, set(), set()) == []


def test_operations_names_every_setting() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    missing = [name for name in Settings.model_fields if f"BANGFU_{name.upper()}" not in text]
    assert not missing
