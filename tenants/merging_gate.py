"""What a county holds, and what has to be finished before it can close (撤并前清理): asked in the county's own scope, in
figures alone, by a fixed number of statements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.cases.models import Case
from core.cases.workflows import declared_workflows
from core.db.statements import tenant_sql
from core.funds.carrying import Held, held
from core.money import Fen
from core.scope import current_scope
from core.transfers.departing import MOVING, travelling_workflows


@dataclass(frozen=True, slots=True)
class OpenCases:
    """Open ordinary cases of one workflow, and whether they go on in another county."""

    workflow: str
    zh: str
    plugin: str
    count: int
    travels: bool


@dataclass(frozen=True, slots=True)
class Block:
    """Something that must be finished first: how much of it, the mend, and the page (behind ``/{tenant}``) where it is done."""

    code: str
    zh: str
    en: str
    mend_zh: str
    mend_en: str
    path: str
    count: int


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a county holds. ``counts`` are single figures by name, as in ``_COUNTED``."""

    counts: Mapping[str, int]
    cases: tuple[OpenCases, ...]
    money: tuple[Held, ...]

    @property
    def available_fen(self) -> Fen:
        """All that is available."""
        return sum(row.available_fen for row in self.money)

    @property
    def households(self) -> int:
        """Households whose file is alive: what goes along."""
        return self.counts["households"]

    def as_json(self) -> dict[str, Any]:
        """The figures, for the record of the closing."""
        return {
            "counts": dict(self.counts),
            "cases": [asdict(row) for row in self.cases],
            "money": [asdict(row) for row in self.money],
        }


_COUNTED: Final[Mapping[str, str]] = {
    "households": "from worker_file where tenant = :tenant and status = any (:moving)",
    "on_file": "from worker_file where tenant = :tenant and status = 'on_file'",
    "moved": "from worker_file where tenant = :tenant and status = 'moved'",
    "persons": "from person where tenant = :tenant",
    "papers": "from document where tenant = :tenant and handlers is null",
    "sealed": "from sealed_case where tenant = :tenant and closed_on is null",
    "outside": "from case_record where tenant = :tenant and closed_on is null and outside_state in ('offered', 'taken')",
    "matters": "from envelope where tenant = :tenant and direction = 'in' and kind = 'matter'"
    " and state in ('delivered', 'taken')",
    "transfers": "from household_transfer where tenant = :tenant and state in ('offered', 'accepted')",
    "twice": "from household_transfer t join worker_file f on f.tenant = t.tenant and f.household_id = t.household_id"
    " where t.tenant = :tenant and t.direction = 'in' and t.state = 'arrived' and t.twice <> '[]' and t.settled_as is null"
    " and f.status = any (:moving)",
    "batches": "from payment_batch where tenant = :tenant and state in ('draft', 'approved')",
    "sent": "from payment_batch where tenant = :tenant and state = 'sent'",
    "reversals": "from payment_reversal where tenant = :tenant and state = 'told'",
    "unpaid": "from relief_grant where tenant = :tenant and state = 'reserved'",
    "notices": "from notice_batch where tenant = :tenant and ends_on >= :today",
    "objections": "from objection where tenant = :tenant and answered_on is null",
    "rounds": "from survey_round where tenant = :tenant and decided_on is null",
    "jobs": "from job where tenant = :tenant and state in ('queued', 'running')",
    "findings": "from audit_finding where tenant = :tenant and state = 'open'",
}

_BLOCKING: Final[Sequence[tuple[str, str, str, str, str, str]]] = (
    (
        "sealed",
        "{n} 件保密信访件尚未办结",
        "{n} confidential petitions are open",
        "保密件不随撤并移转，由原承办人在本单位办结；确不能办结的，由承办人按保密规定线下移交后办结",
        "they never travel: their handlers finish them here, or hand them over on paper",
        "/cases",
    ),
    ("outside", "{n} 件已移交其他单位、未收到答复", "{n} matters are with another union", "请等待答复或退回", "wait", "/cases"),
    ("matters", "{n} 件接收的移交事项未答复", "{n} received matters are unanswered", "请答复或退回", "answer them", "/matters"),
    (
        "transfers",
        "{n} 户转移未办完",
        "{n} transfers are pending",
        "请办完或撤回",
        "finish or withdraw",
        "/files",
    ),
    (
        "twice",
        "{n} 户疑似重复档案未核对",
        "{n} households may be on file twice",
        "请核对后确定保留或注销",
        "say of each whether it stands",
        "/files/twice",
    ),
    (
        "batches",
        "{n} 个发放批次未发放",
        "{n} batches were not sent",
        "请发放或撤销批次",
        "send or cancel them",
        "/funds",
    ),
    (
        "sent",
        "{n} 个发放批次未回盘",
        "{n} batches have no bank return",
        "请办理回盘",
        "take the bank's return",
        "/funds",
    ),
    ("reversals", "{n} 笔退汇待审批", "{n} sent-back payments wait", "请审批", "have them decided", "/funds"),
    (
        "unpaid",
        "{n} 笔已审批的救助未发放",
        "{n} approved grants are unpaid",
        "已审批的救助由本单位发放完毕；不应发放的，撤销救助决定",
        "pay them here, or release them",
        "/funds",
    ),
    ("notices", "{n} 批公示尚未期满", "{n} notices stand", "请等待公示期满", "wait until they are over", "/notices"),
    ("objections", "{n} 件异议未答复", "{n} objections are unanswered", "请答复", "answer them", "/notices"),
    ("rounds", "{n} 个年度调查未结束", "{n} survey rounds are open", "请完成认定", "finish the determinations", "/files"),
    ("jobs", "{n} 项后台任务未结束", "{n} jobs are under way", "请等待完成或中止", "wait or cancel them", "/jobs"),
)


def holdings(session: Session) -> Holdings:
    """What the county in scope holds: three statements."""
    asked = ", ".join(f"(select count(*) {rest}) as {name}" for name, rest in _COUNTED.items())
    values = {"moving": list(MOVING), "today": current_scope().business_date}
    counted = session.execute(tenant_sql(f"select {asked}"), values).mappings().one()
    return Holdings({name: int(counted[name]) for name in _COUNTED}, _open_cases(session), tuple(held(session)))


def _open_cases(session: Session) -> tuple[OpenCases, ...]:
    travelling, titles = set(travelling_workflows()), {flow.name: flow.zh for flow in declared_workflows().values()}
    counted = (
        select(Case.plugin, Case.workflow, func.count())
        .where(Case.closed_on.is_(None), Case.handlers.is_(None))
        .group_by(Case.plugin, Case.workflow)
        .order_by(Case.plugin, Case.workflow)
    )
    return tuple(
        OpenCases(flow, titles.get(flow, flow), plugin, number, flow in travelling)
        for plugin, flow, number in session.execute(counted)
    )


def blocks(found: Holdings, *, heir: bool) -> list[Block]:
    """What of it stands in the way of closing; without an ``heir`` nothing may be left at all."""
    standing = [
        Block(
            code, zh.format(n=found.counts[code]), en.format(n=found.counts[code]), mend_zh, mend_en, path, found.counts[code]
        )
        for code, zh, en, mend_zh, mend_en, path in _BLOCKING
        if found.counts[code]
    ]
    for row in found.cases:
        if not (heir and row.travels):
            standing.append(_case_block(row))
    if not heir:
        standing += _left(found)
    return standing


def _case_block(row: OpenCases) -> Block:
    return Block(
        f"cases.{row.workflow}",
        f"{row.count} 件{row.zh}未办结",
        f"{row.count} cases of {row.workflow} are open",
        "认定、公示和预留资金都以本单位的标准和账目为准，请在本单位办结或由申请人撤回"
        if not row.travels
        else "没有承接单位，请办结或移交上级",
        "finish them here: determination, notice and money are this county's",
        f"/cases?line={row.plugin}",
        row.count,
    )


def _left(found: Holdings) -> list[Block]:
    left = []
    if found.households:
        left.append(
            Block(
                "households",
                f"{found.households} 户档案仍在本单位",
                f"{found.households} households are still here",
                "没有承接单位的，须先转至其他单位或注销",
                "transfer them to other counties or cancel the files",
                "/files",
                found.households,
            )
        )
    if found.available_fen:
        left.append(
            Block(
                "money",
                "专项资金仍有余额",
                "the accounts still hold money",
                "没有承接单位的，须先按规定上缴或用完",
                "spend or return it first",
                "/funds",
                1,
            )
        )
    return left
