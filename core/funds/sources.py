"""Where money comes from (资金来源): the plans' three, and those that plugins declare for purposes of their own (domain 6)."""

from __future__ import annotations

from core.codes import code_list
from core.errors import InvalidInput
from core.funds.models import SOURCES
from core.host.declarations import FundSourceDecl, ProgrammeDecl
from core.host.manager import host


def source_names() -> dict[str, str]:
    """Chinese names of all sources by code, of plugins that are off too: old money keeps its name."""
    declared: list[FundSourceDecl] = host().collected("bangfu_fund_sources")
    return {item.code: item.zh for item in code_list("fund_source").items} | {one.code: one.zh for one in declared}


def sources_here() -> tuple[str, ...]:
    """Sources of which money may come in for the tenant in scope."""
    return (*SOURCES, *_declared_here())


def check_source(source: str, purpose: str) -> None:
    """Raise ``InvalidInput`` for what is no source or purpose here, and for a source whose money is not for ``purpose``."""
    declared = _declared_here()
    if source not in SOURCES and source not in declared:
        raise InvalidInput("资金来源不正确", "not a source of funds", where="source", mend_en=", ".join(sources_here()))
    if purpose not in code_list("fund_purpose") and purpose not in _earmarks():
        raise InvalidInput("资金用途不正确", "not a purpose of funds", where="purpose")
    if source in declared and purpose not in declared[source].purposes:
        one = declared[source]
        raise InvalidInput(
            f"“{one.zh}”专款专用，不能登记为该用途",
            f"money of {one.en} is for {', '.join(one.purposes)} alone",
            where="purpose",
        )


def _declared_here() -> dict[str, FundSourceDecl]:
    return {one.code: one for one in host().collected_here("bangfu_fund_sources")}


def _earmarks() -> set[str]:
    programmes: list[ProgrammeDecl] = host().collected("bangfu_programmes")
    return {programme.purpose for programme in programmes}
