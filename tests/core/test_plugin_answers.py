"""What a plugin answers to a hook is held against the hook's type once; a stranger's nonsense is left out, the platform's own
stops the start."""

from __future__ import annotations

import timeit
import types
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from core.errors import BangfuError
from core.host import API_VERSION, SPOKEN, PluginOutdated, hookimpl, hookspecs, limits, manager
from core.host.answers import HOOKS, is_own, problems_of
from core.host.declarations import (
    COUNTIES,
    FactDecl,
    GuardDecl,
    NavEntry,
    ParameterDecl,
    PermissionDecl,
    ProgrammeDecl,
    RoleDecl,
)
from core.host.hookspecs import hookspec
from core.host.manager import PluginBroken, PluginHost
from tests.core.strangers import Stranger, boom, flow, hang, nothing

ENTRY = NavEntry("甲", "a", "/a", "puzzle", "home.read")


def _host(*strangers: Stranger, built_in: bool = False) -> PluginHost:
    made = PluginHost()
    made.register(Stranger("sound", {"navigation": [ENTRY]}), "sound")
    for stranger in strangers:
        made.register(stranger, stranger.bangfu_plugin().name, built_in=built_in)
    return made


def test_every_hook_has_a_type() -> None:
    assert set(HOOKS) == {name for name in vars(hookspecs) if name.startswith("bangfu_")}


READ = PermissionDecl("broken.read", "查看", "read", personal=True)


def _with(declared: Any, **wrong: Any) -> Any:
    """A declaration with a value that its type forbids."""
    return replace(declared, **wrong)


NONSENSE: list[tuple[str, Any, str | None]] = [
    ("navigation", boom, "boom"),
    ("navigation", lambda: None, "nothing"),
    ("navigation", 3, "int"),
    ("navigation", "text", "str"),
    ("navigation", [ENTRY, "text"], "item 1 is str"),
    ("navigation", [_with(ENTRY, zh=7)], "zh"),
    ("navigation", [_with(ENTRY, levels={"county"})], "levels"),
    ("permissions", [_with(READ, personal="yes")], "personal"),
    ("permissions", [PermissionDecl("other.read", "查看", "read", personal=True)], "does not begin with broken"),
    ("roles", [RoleDecl("caseworker", "经办人", "caseworker", frozenset(), COUNTIES)], "does not begin"),
    ("parameters", [_with(ParameterDecl("broken.most", "最多", "most", "count", "none"), unit="pieces")], "unit"),
    ("guards", [GuardDecl("documents_complete", "材料齐全", "complete", nothing)], "does not begin"),
    ("facts", [_with(FactDecl("broken.x", "指标", "fact", lambda _session, _year: []), measure="select 1")], "measure"),
    ("workflows", [flow("broken", plugin="petitions")], "names the plugin petitions"),
    ("workflows", [flow("broken", states=())], None),
    ("workflows", [_with(flow("broken"), states=[])], "states"),
    ("programmes", [ProgrammeDecl("broken_x", "甲", "a", "other", "living", ("union",), "event", "none")], "names the plugin"),
    ("settings", dict, "not a pydantic model"),
    ("templates", "/nowhere/at/all", "folder"),
    ("page_routes", [], "APIRouter"),
    ("migrations", "migrations", "MigrationDecl"),
]


@pytest.mark.parametrize(("hook", "answer", "said"), NONSENSE)
def test_nonsense_of_a_stranger_is_left_out_and_told(hook: str, answer: Any, said: str | None) -> None:
    made = _host(Stranger("broken", {hook: answer}))
    found = [name for name, _ in made.installed(f"bangfu_{hook}")]
    if said is None:
        assert found == ["broken"]
        return
    assert "broken" not in found
    [out] = made.left_out
    assert (out.name, said in out.reason) == ("broken", True), out.reason
    assert [name for name, _ in made.installed("bangfu_navigation")][-1:] == ["sound"]
    assert len(made.left_out) == 1


@pytest.mark.parametrize(("hook", "answer"), [("navigation", boom), ("navigation", 3), ("facts", [3])])
def test_nonsense_of_the_platforms_own_is_raised(hook: str, answer: Any) -> None:
    made = _host(Stranger("broken", {hook: answer}), built_in=True)
    with pytest.raises((PluginBroken, RuntimeError)):
        made.installed(f"bangfu_{hook}")
    assert made.left_out == []


def test_a_stranger_takes_no_name_that_the_platform_has() -> None:
    made = PluginHost()
    made.register(Stranger("first", {"permissions": [PermissionDecl("case.read", "查看", "read", personal=True)]}), "first")
    stolen = Stranger("case", {"permissions": [PermissionDecl("case.read", "查看", "read", personal=False)]})
    made.register(stolen, "case", built_in=False)
    [(owner, _)] = made.installed("bangfu_permissions")
    assert owner == "first"
    assert "declared by the platform" in made.left_out[0].reason


@pytest.mark.parametrize(
    ("plugin", "name", "own"),
    [("visits", "visits", True), ("visits", "visits.x", True), ("visits", "visits_x", True), ("visits", "visitsx", False)],
)
def test_names_that_are_a_plugins_own(plugin: str, name: str, own: bool) -> None:
    assert is_own(plugin, name) is own


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("public", {}, "no name"),
        ("pg_x", {}, "no name"),
        ("Upper", {}, "no name"),
        ("two__bars", {}, "no name"),
        ("x" * 41, {}, "no name"),
        ("stays", {"always_on": True}, "nobody can switch it off"),
    ],
)
def test_a_stranger_is_not_taken_in(name: str, more: dict[str, Any], said: str) -> None:
    with pytest.raises(PluginBroken, match=said):
        PluginHost().register(Stranger(name, **more), name, built_in=False)


def test_a_plugin_is_asked_once_for_each_hook() -> None:
    asked: list[str] = []

    def entries() -> list[NavEntry]:
        asked.append("navigation")
        return [ENTRY]

    made = _host(Stranger("counted", {"navigation": entries}))
    for _ in range(3):
        made.installed("bangfu_navigation").clear()
        made.collected_here("bangfu_navigation", ["counted"]).clear()
    assert len(made.collected("bangfu_navigation")) == 2
    made.register(Stranger("later", {"navigation": [ENTRY]}), "later")
    assert [name for name, _ in made.installed("bangfu_navigation")] == ["counted", "later", "sound"]
    assert asked == ["navigation"]


def test_a_call_costs_nothing_to_speak_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bench prints the figure; here only that ten plugins are not asked again, by counting what is called."""
    made = _host(*(Stranger(f"line{number}", {"navigation": [ENTRY]}) for number in range(10)))
    plugins = frozenset(made.infos)
    assert len(made.collected_here("bangfu_navigation", plugins)) == 11
    called: list[str] = []
    caller: Callable[..., Any] = made._manager.subset_hook_caller

    def heard(hook: str, others: list[object]) -> Any:
        called.append(hook)
        return caller(hook, others)

    monkeypatch.setattr(made._manager, "subset_hook_caller", heard)
    assert timeit.timeit(lambda: made.collected_here("bangfu_navigation", frozenset(plugins)), number=100) > 0
    assert called == []


def test_a_stranger_that_hangs_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "START_LIMIT_S", 0.05)
    made = _host(Stranger("stuck", {"navigation": hang}))
    assert [name for name, _ in made.installed("bangfu_navigation")] == ["sound"]
    assert "0.05 s" in made.left_out[0].reason


def test_a_stranger_that_is_slow_works_and_is_told_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "SLOW_START_S", 0.0)
    made = _host(Stranger("lazy", {"navigation": [ENTRY]}))
    assert [name for name, _ in made.installed("bangfu_navigation")] == ["lazy", "sound"]
    assert made.left_out == []
    assert "lazy failed at start (slow)" in caplog.text


def test_a_load_that_fails_in_its_thread_is_raised_here() -> None:
    with pytest.raises(RuntimeError, match="boom"):
        limits.within(5, boom)
    assert limits.within(5, lambda: 7)[0] == 7
    with pytest.raises(BangfuError, match="s"):
        limits.within(0.01, hang)


def test_a_plugin_that_needs_another_is_left_out_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    strangers = {
        "alone": Stranger("alone"),
        "needs": Stranger("needs", requires=("absent",)),
        "leans": Stranger("leans", requires=("needs",)),
    }
    points = [types.SimpleNamespace(name=name, dist=None, load=lambda found=found: found) for name, found in strangers.items()]
    monkeypatch.setattr(manager, "entry_points", lambda **_: points)
    made = PluginHost()
    made.discover()
    assert list(made.infos) == ["alone"]
    assert {out.name for out in made.left_out} == {"needs", "leans"}


# Versions


def test_a_plugin_of_the_minor_version_before_works_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    assert len(SPOKEN) == 2
    made = _host(Stranger("old", {"navigation": [ENTRY]}, api=f"=={SPOKEN[1]}"), Stranger("new", api=f"=={API_VERSION}"))
    assert [name for name, _ in made.installed("bangfu_navigation")] == ["old", "sound"]
    [notice] = made.notices("old")
    assert (API_VERSION in notice.zh, API_VERSION in notice.en) == (True, True)
    assert "plugin old" in caplog.text
    assert made.notices("new") == made.notices("nobody") == ()


class _Specs:
    """Specifications of a host that is about to drop a hook and an argument."""

    @hookspec
    def bangfu_plugin(self) -> None: ...

    @hookspec(warn_on_impl=PluginOutdated("bangfu_menu 将在 1.2 版取消，请改用 bangfu_navigation", "use bangfu_navigation"))
    def bangfu_menu(self) -> None: ...

    @hookspec(warn_on_impl_args={"county": PluginOutdated("参数 county 将取消", "the argument county goes away")})
    def bangfu_entries(self, county: str, tenant: str) -> None: ...


class _Menu(Stranger):
    @hookimpl
    def bangfu_menu(self) -> list[str]:
        return ["甲"]


class _Entries(Stranger):
    @hookimpl
    def bangfu_entries(self, county: str) -> list[str]:
        return [county]


def test_a_hook_that_goes_away_works_and_whoever_uses_it_is_told() -> None:
    made = PluginHost(_Specs)
    made.register(_Menu("menu"), "menu", built_in=False)
    made.register(_Entries("entries"), "entries", built_in=False)
    assert made.installed("bangfu_menu") == [("menu", ["甲"])]
    assert [notice.en for notice in made.notices("menu")] == ["use bangfu_navigation"]
    assert [notice.zh for notice in made.notices("entries")] == ["参数 county 将取消"]


def test_types_are_looked_at_to_the_bottom() -> None:
    deep = flow("x", transitions=(_with(flow("x").transitions[0], sources=["opened"]),))
    assert any("transitions.sources" in problem for problem in problems_of("bangfu_workflows", [deep]))
    assert problems_of("bangfu_weather", "rain") == []
