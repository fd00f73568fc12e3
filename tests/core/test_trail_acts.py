"""Every act of the trail has words: what the code records is declared, and what is declared is recorded."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path

import pytest
from sqlalchemy import CheckConstraint

from core.host import hookimpl
from core.host.declarations import PluginInfo, TrailActDecl
from core.host.manager import PluginHost, host
from core.models import metadata
from core.trail.acts import called, codes_of
from core.trail.models import SignInEvent
from deploy.kit.breach import dotted, each_call
from deploy.kit.code_rules import codes_in

ROOT = Path(__file__).parents[2]
PARTS = ("core", "plugins", "tenants", "worker", "deploy")
RECORD = {"record": 1}
"""Which argument is the code."""
BELOW = {("core/identity/own_account.py", "payload['action']"): "an own change, told to the other tenants"}
"""Codes that came from elsewhere, each with where they were seen."""


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for part in PARTS:
        for path in sorted((ROOT / part).rglob("*.py")):
            if not {"plugin-template", "node_modules"} & set(path.parts):
                yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def _calls(tree: ast.AST, code_at: Mapping[str, int]) -> Iterator[ast.expr]:
    """What the functions of ``code_at`` are told as the code."""
    for call, name in each_call(tree):
        if name in code_at and len(call.args) > code_at[name]:
            yield call.args[code_at[name]]


def _handing_on(tree: ast.Module) -> dict[str, tuple[int, list[ast.expr]]]:
    """Functions that hand an argument on as the code: by name, which one, and where they do."""
    found: dict[str, tuple[int, list[ast.expr]]] = {}
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    grown = True
    while grown:
        grown = False
        known = RECORD | {name: place for name, (place, _) in found.items()}
        for function in functions:
            arguments = [argument.arg for argument in function.args.args]
            given = [node for node in _calls(function, known) if dotted(node) in arguments]
            if given and function.name not in found:
                found[function.name] = (arguments.index(dotted(given[0])), given)
                grown = True
    return found


def _recorded() -> dict[str, str]:
    """Code, or pattern of codes, to the file that records it."""
    sources = dict(_sources())
    handing_on = {file: found for file, tree in sources.items() if (found := _handing_on(tree))}
    everywhere = {
        name: place for found in handing_on.values() for name, (place, _) in found.items() if not name.startswith("_")
    }
    codes: dict[str, str] = {}
    for file, tree in sources.items():
        own = handing_on.get(file, {})
        handed_on = {id(node) for _, given in own.values() for node in given}
        for node in _calls(tree, RECORD | everywhere | {name: place for name, (place, _) in own.items()}):
            if id(node) in handed_on or (file, ast.unparse(node)) in BELOW:
                continue
            said = codes_in(node, {})
            assert said, f"{file}:{node.lineno}: {ast.unparse(node)} does not show which code it is"
            codes.update(dict.fromkeys(said, file))
    return codes


@pytest.fixture(scope="module")
def recorded() -> dict[str, str]:
    return _recorded()


def _declared() -> list[tuple[str, TrailActDecl]]:
    return [(plugin, act) for plugin, acts in host().installed("bangfu_trail_acts") for act in acts]


def test_what_is_recorded_is_declared(recorded: dict[str, str]) -> None:
    assert len(recorded) > 100
    known = called()
    unsaid = {code: file for code, file in recorded.items() if not any(fnmatch(one, code) for one in known)}
    assert unsaid == {}, "declare them as TRAIL_ACTS in declared.py of the part, or at bangfu_trail_acts"


def test_what_is_declared_is_recorded(recorded: dict[str, str]) -> None:
    [outcomes] = [
        re.findall(r"'(\w+)'", str(rule.sqltext))
        for rule in metadata.tables[SignInEvent.__tablename__].constraints
        if isinstance(rule, CheckConstraint) and "outcome in" in str(rule.sqltext)
    ]
    signed_in = {f"sign_in.{outcome}" for outcome in outcomes}
    declared = {act.code for _, act in _declared()}
    assert signed_in <= declared
    # A pattern of steps stands for no code of its own.
    patterns = [code for code in recorded if code != "case.*"]
    assert [code for code in declared - signed_in if not any(fnmatch(code, one) for one in patterns)] == []


def test_codes_and_words_name_one_act_each() -> None:
    for plugin, act in _declared():
        assert re.fullmatch(r"[a-z_]+\.[a-z_]+", act.code), act.code
        assert re.search(r"[\u4e00-\u9fff]", act.zh), act.code
        assert act.en.isascii(), act.code
        assert plugin in ("core", "tenants") or act.code.startswith(f"{plugin}."), act.code
    for words in ("code", "zh", "en"):
        counted = Counter(getattr(act, words) for _, act in _declared())
        assert [said for said, times in counted.items() if times > 1] == []


def test_steps_of_cases_are_called_what_the_workflows_call_them() -> None:
    known = called()
    assert known["case.approve"].zh == "审批同意"
    assert known["case.assign"].zh == "指派承办人／指派援助律师"
    assert set(known["case.close"].zh.split("／")) >= {"办结", "办结归档"}
    steps = {f"case.{step.code}" for flow in host().collected("bangfu_workflows") for step in flow.transitions}
    assert steps <= set(known)


def test_words_lead_to_codes() -> None:
    assert codes_of("设定政策参数") == ["parameter.set"]
    assert codes_of("办结") == ["case.close", "case.settle"]
    assert codes_of("指派承办人") == codes_of("指派承办人／指派援助律师") == ["case.assign"]
    assert codes_of("post.") == ["post."]
    assert codes_of("没有的事项") == ["没有的事项"]


class _Stranger:
    """A plugin of a stranger, made for the first version, that says a code of its own and one of the platform's."""

    def __init__(self, *acts: TrailActDecl) -> None:
        self._acts = acts

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return PluginInfo("breaker", "1", "==1.0", "测试", "Test", "", "", "none")

    @hookimpl
    def bangfu_trail_acts(self) -> tuple[TrailActDecl, ...]:
        return self._acts


def test_a_stranger_names_his_own_acts_alone() -> None:
    own, foreign = TrailActDecl("breaker.looked", "查看", "looked"), TrailActDecl("post.given", "授予", "given")
    mine, taken = PluginHost(), PluginHost()
    mine.register(_Stranger(own), "breaker", built_in=False)
    taken.register(_Stranger(own, foreign), "breaker", built_in=False)
    assert called(mine) == {"breaker.looked": own}
    assert (called(taken), [one.name for one in taken.left_out]) == ({}, ["breaker"])
