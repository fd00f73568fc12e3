"""The reference is up to date, and each hook has a meaning, an example that runs, and an implementation in the dummy plugin."""

from __future__ import annotations

import inspect

import pytest

from core.host import hookspecs
from core.host.answers import HOOKS
from core.host.manager import PluginHost
from tests.dummy_plugin import NAME, DummyPlugin
from tests.kit.reference import DOCS, declared_kinds, hook_names, pages


@pytest.fixture(scope="module")
def dummy() -> PluginHost:
    made = PluginHost()
    made.register(DummyPlugin(), NAME, built_in=False)
    return made


@pytest.mark.parametrize("page", ["hooks.md", "declarations.md", "services.md"])
def test_the_reference_is_up_to_date(page: str) -> None:
    assert (DOCS / page).read_text(encoding="utf-8") == pages()[page], "python -m tests.kit.reference"


def test_every_hook_has_a_type_and_a_place_in_the_reference() -> None:
    assert set(hook_names()) == set(HOOKS)
    text = pages()["hooks.md"]
    assert [line.removeprefix("## `").removesuffix("`") for line in text.splitlines() if line.startswith("## ")] == hook_names()


@pytest.mark.parametrize("hook", hook_names())
def test_every_hook_has_a_meaning_and_an_example_that_runs(hook: str, dummy: PluginHost) -> None:
    assert len((inspect.getdoc(getattr(hookspecs, hook)) or "").split()) > 4
    assert hasattr(DummyPlugin, hook)
    [(owner, answer)] = dummy.installed(hook)
    assert (owner, dummy.left_out) == (NAME, [])
    assert answer


def test_every_declaration_is_told_of() -> None:
    for kind in declared_kinds():
        assert len((inspect.getdoc(kind) or "").split()) > 3, kind.__name__
