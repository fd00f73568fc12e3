"""A plugin of the tests with kinds of jobs that can be made to fail; its effects are rows that a second insert would break."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.errors import Conflict
from core.exchange.models import Fact
from core.host import hookimpl
from core.host.declarations import ChunkPlan, JobKindDecl, PluginInfo
from core.jobs.service import cancel_job, county_chunks, recent_jobs
from core.scope import current_scope

_SERIALIZATION = "do $$ begin raise exception 'again' using errcode = '40001'; end $$"


def effect(session: Session, no: int) -> None:
    """Leave a row that says that this part was done, by whom."""
    scope = current_scope()
    session.add(Fact(province=scope.province, name="dummy", period=str(no), dimension="", value=no, as_of=scope.business_date))
    session.flush()


def _parts(_session: Session, params: Mapping[str, Any]) -> Sequence[ChunkPlan]:
    if params.get("no_plan"):
        raise Conflict("无法拆分", "cannot be planned")
    return [ChunkPlan(f"第 {no} 段", {"no": no}) for no in range(1, params["parts"] + 1)]


def _no_parts(_session: Session, _params: Mapping[str, Any]) -> Sequence[ChunkPlan]:
    return []


def _part(session: Session, params: Mapping[str, Any], payload: Mapping[str, Any]) -> Mapping[str, Any]:
    no = payload["no"]
    effect(session, no)
    if params.get("cancel_in") == no:
        with unit_of_work() as other:
            cancel_job(other, recent_jobs(other, 1)[0].id)
    wish = params.get("wish")
    if wish and no in params.get("fail", ()) and not Path(wish).exists():
        raise Conflict("资料不齐", "papers are missing")
    if no == params.get("slip"):
        raise KeyError("51010419900101002X")
    if no == params.get("clash") and not Path(params["wish"]).exists():
        Path(params["wish"]).touch()
        session.connection().exec_driver_sql(_SERIALIZATION)
    return {"no": no, "actor": current_scope().actor}


def _sum(_session: Session, _params: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return {"sum": sum(result["no"] for result in results)}


def _county(session: Session, params: Mapping[str, Any], payload: Mapping[str, Any]) -> Mapping[str, Any]:
    effect(session, 1)
    if payload["tenant"] in params.get("fail", ()):
        raise Conflict("本县数据有误", "this county's data are wrong")
    return {"no": 1, "tenant": current_scope().tenant, "reason": current_scope().guest_reason}


def _stuck(session: Session, params: Mapping[str, Any], payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave an effect, say which process does it, and on the first attempt wait for ever."""
    effect(session, payload["no"])
    first = not Path(params["flag"]).exists()
    Path(params["flag"]).touch()
    Path(params["at_work"]).write_text(f"{os.getpid()}\n")
    if first:
        Path(params["never"]).open().close()
    return {"no": payload["no"]}


def _tell(session: Session, params: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    Path(params["over"]).write_text("over\n")
    return _sum(session, params, results)


class DummyJobs:
    """Kinds ``dummy.parts``, ``dummy.counties``, ``dummy.years`` and ``dummy.stuck``."""

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return PluginInfo("dummy", "1", ">=1,<2", "测试", "Dummy", "测试", "Dummy", "none", always_on=True)

    @hookimpl
    def bangfu_job_kinds(self) -> Sequence[JobKindDecl]:
        return [
            JobKindDecl("dummy.parts", "分段任务", "Parts", _parts, _part, _sum),
            JobKindDecl(
                "dummy.counties", "逐县任务", "Counties", lambda session, _: county_chunks(session), _county, _sum, fan_out=True
            ),
            JobKindDecl("dummy.years", "按年任务", "Years", _no_parts, _part, permission="survey.open"),
            JobKindDecl("dummy.stuck", "卡住的任务", "Stuck", _parts, _stuck, _tell),
        ]
