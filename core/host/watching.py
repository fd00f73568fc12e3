"""The functions inside a stranger's declarations, watched: what one of them raises or answers wrongly fails its own case,
chunk, check or page and is reported; connections that it keeps are taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

from core.db.borrowed import loans, take_back
from core.errors import BangfuError
from core.host import faults
from core.host.answers import is_own
from core.host.declarations import (
    AuditCheckDecl,
    ChunkPlan,
    EffectDecl,
    FactDecl,
    FindingDraft,
    GuardDecl,
    GuardVerdict,
    JobKindDecl,
    PluginInfo,
)

Sound = Callable[[Sequence[Any], Any], bool]


class PluginFailed(BangfuError):
    """A plugin's function answered something else than it declares."""

    code = "plugin_failed"
    status = 500


def watched(info: PluginInfo, place: str, function: Callable[..., Any], sound: Sound) -> Callable[..., Any]:
    """``function`` of a plugin, reporting what it raises; an answer that is not ``sound`` (arguments, answer) raises
    ``PluginFailed``."""

    @wraps(function)
    def run(*arguments: Any) -> Any:
        with loans() as out:
            try:
                answer = function(*arguments)
                if not sound(arguments, answer):
                    raise _nonsense(info, place, answer)
            except Exception as error:
                if faults.is_fault(error):
                    faults.note(info.name, place, error, version=info.version)
                raise
            finally:
                report_loans(info, place, take_back(out))
        return answer

    return run


def report_loans(info: PluginInfo, place: str, count: int) -> None:
    """Report connections that had to be taken back."""
    if count:
        said = f"{count} 个数据库连接没有归还 / {count} connections were not given back"
        faults.keep(info.name, f"{place} (connections)", said, "", version=info.version)


def _nonsense(info: PluginInfo, place: str, answer: object) -> PluginFailed:
    return PluginFailed(
        f"插件{info.title_zh}的 {place} 返回了不符合约定的内容",
        f"{place} of the plugin {info.name} answered a {type(answer).__name__} that is not what it declares",
        where=info.name,
        mend_zh="请联系插件提供方",
        mend_en="tell whoever wrote the plugin",
    )


def _verdicts(arguments: Sequence[Any], answer: Any) -> bool:
    return isinstance(answer, Mapping) and all(isinstance(answer.get(case.id), GuardVerdict) for case in arguments[1])


def _all_are(kind: type) -> Sound:
    return lambda _arguments, answer: isinstance(answer, Sequence) and all(isinstance(found, kind) for found in answer)


def _is_mapping(_arguments: Sequence[Any], answer: Any) -> bool:
    return isinstance(answer, Mapping)


def _figures_of(plugin: str) -> Sound:
    def sound(_arguments: Sequence[Any], answer: Any) -> bool:
        return isinstance(answer, Sequence) and all(_is_figure(plugin, row) for row in answer)

    return sound


def _is_figure(plugin: str, row: Any) -> bool:
    match row:
        case (str() as name, str(), int() as value):
            return is_own(plugin, name) and not isinstance(value, bool)
    return False


def watch(info: PluginInfo, declared: Any) -> Any:
    """A declaration with its functions watched; one without functions as it is."""
    plugin = info.name
    match declared:
        case GuardDecl():
            return replace(declared, judge=watched(info, f"guard {declared.name}", declared.judge, _verdicts))
        case EffectDecl():
            return replace(declared, apply=watched(info, f"effect {declared.name}", declared.apply, lambda _a, _b: True))
        case AuditCheckDecl():
            return replace(declared, run=watched(info, f"check {declared.code}", declared.run, _all_are(FindingDraft)))
        case FactDecl():
            return replace(declared, measure=watched(info, f"fact {declared.name}", declared.measure, _figures_of(plugin)))
        case JobKindDecl():
            place = f"job {declared.kind}"
            finish = declared.finish
            return replace(
                declared,
                plan=watched(info, f"{place} plan", declared.plan, _all_are(ChunkPlan)),
                run=watched(info, f"{place} run", declared.run, _is_mapping),
                finish=watched(info, f"{place} finish", finish, _is_mapping) if finish else None,
            )
    return declared
