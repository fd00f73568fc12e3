"""The life of a file (档案办理流程, domain 10): its states, and the steps that lead from one to another.

Declared data: the service asks it who may, the page draws it, and the database checks every step on record against it. A file
is no case: it has no amount and no clerk of its own, comes in by the thousand with a roster, and lives on for years.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from core.authorisation import Demand, Kind


@dataclass(frozen=True, slots=True)
class FileState:
    """A state of a file; ``waits_zh`` is what the office does next."""

    code: str
    zh: str
    en: str
    opening: bool = False
    closed: bool = False
    waits_zh: str = ""


@dataclass(frozen=True, slots=True)
class FileStepDecl:
    """A step in the life of a file.

    ``unlike`` names steps whose makers, since the file was last a draft (of ``apply``: ever), must not make this one.
    ``consents`` names the kinds (list consent_kind) that must be in force for the household. ``reasons`` is the code list of
    which one is given; ``note`` whether a word is needed besides. ``evidence`` names the paper whose number or place is written
    down. ``hand`` is False for what only another act brings about: a notice, a transfer, a roster.
    """

    code: str
    zh: str
    en: str
    sources: tuple[str, ...]
    target: str
    clause: str
    permission: str = "people.write"
    unlike: tuple[str, ...] = ()
    consents: tuple[str, ...] = ()
    reasons: str | None = None
    note: bool = False
    evidence: str | None = None
    after_notice: bool = False
    """Whether the public notice must be over without a standing objection."""
    hand: bool = True

    @property
    def decides(self) -> bool:
        """Whether it is a decision of the approver's."""
        return self.permission == DECIDE


DECIDE: Final = "people.decide"
STATES: Final = (
    FileState("draft", "待初审", "applied", opening=True, waits_zh="初审申请材料和家庭情况"),
    FileState("first_checked", "已初审", "first check done", opening=True, waits_zh="入户核查，取得授权和同意"),
    FileState("visited", "已入户核查", "visited and authorised", opening=True, waits_zh="送民政部门核对"),
    FileState("civil_affairs_checked", "民政已核对", "checked by civil affairs", opening=True, waits_zh="张贴公示"),
    FileState("public_notice", "公示中", "under public notice", opening=True, waits_zh="公示期满无异议后审批建档"),
    FileState("on_file", "在档", "on file"),
    FileState("out_of_difficulty", "已脱困", "out of difficulty", closed=True),
    FileState("moved", "已迁出", "moved to another county", closed=True),
    FileState("died", "已亡故", "died", closed=True),
    FileState("cancelled", "已注销", "struck off", closed=True),
    FileState("merged", "已并入其他档案", "merged into another file", closed=True),
)
_OPENING = tuple(state.code for state in STATES if state.opening)
_STANDING = (*_OPENING, "on_file", "out_of_difficulty")
_AUTHORISED = ("income_check_authorisation", "sensitive_information")
_STEPS_BEFORE = ("apply", "first_check", "visit", "civil_affairs_check")

STEPS: Final = (
    FileStepDecl("apply", "登记申请", "application taken", (), "draft", "domain 10", hand=False),
    FileStepDecl("first_check", "初审", "first check", ("draft",), "first_checked", "domain 10", note=True),
    FileStepDecl(
        "visit",
        "入户核查并取得授权",
        "visited and authorised",
        ("first_checked",),
        "visited",
        "domain 10, 12",
        consents=_AUTHORISED,
        note=True,
        evidence="入户核查记录编号或存放处",
    ),
    FileStepDecl(
        "civil_affairs_check",
        "民政核对通过",
        "passed by civil affairs",
        ("visited",),
        "civil_affairs_checked",
        "domain 10",
        unlike=("visit",),
        consents=_AUTHORISED,
        evidence="民政核对结果编号",
    ),
    FileStepDecl(
        "post_notice",
        "张贴公示",
        "notice posted",
        ("civil_affairs_checked",),
        "public_notice",
        "domain 7.4, 10",
        permission="notice.post",
        hand=False,
    ),
    FileStepDecl(
        "put_on_file",
        "审批建档",
        "put on file",
        ("public_notice",),
        "on_file",
        "domain 7.4, 10",
        permission=DECIDE,
        unlike=_STEPS_BEFORE,
        consents=_AUTHORISED,
        after_notice=True,
    ),
    FileStepDecl(
        "send_back",
        "退回重办",
        "sent back",
        tuple(code for code in _OPENING if code != "draft"),
        "draft",
        "domain 10",
        note=True,
    ),
    FileStepDecl(
        "refuse",
        "不予建档",
        "refused",
        _OPENING,
        "cancelled",
        "domain 10",
        permission=DECIDE,
        unlike=_STEPS_BEFORE,
        reasons="relief_refusal_reason",
        note=True,
    ),
    FileStepDecl("confirm_unchanged", "复核无变化", "confirmed unchanged", ("on_file",), "on_file", "domain 10", note=True),
    FileStepDecl("end_difficulty", "脱困退出", "out of difficulty", ("on_file",), "out_of_difficulty", "domain 10", note=True),
    FileStepDecl("record_death", "亡故销档", "closed by death", _STANDING, "died", "domain 10", note=True),
    FileStepDecl(
        "strike_off",
        "注销",
        "struck off",
        ("on_file", "out_of_difficulty"),
        "cancelled",
        "domain 10",
        permission=DECIDE,
        reasons="exit_reason",
        note=True,
    ),
    FileStepDecl(
        "reopen",
        "重新建档",
        "opened again",
        ("out_of_difficulty", "died", "cancelled"),
        "draft",
        "domain 10",
        note=True,
    ),
    FileStepDecl(
        "take_back_death", "撤销亡故登记", "death taken back", ("died",), "on_file", "domain 10", note=True, hand=False
    ),
    FileStepDecl("undo_registration", "撤销误登", "registration undone", ("draft",), "cancelled", "domain 10", hand=False),
    FileStepDecl("move", "转出", "moved to another county", _STANDING, "moved", "domain 10", hand=False),
    FileStepDecl("come_back", "转出未达，恢复在档", "back on file", ("moved",), "on_file", "domain 10", hand=False),
    FileStepDecl(
        "come_back_ended",
        "转出未达，恢复已脱困",
        "back, out of difficulty",
        ("moved",),
        "out_of_difficulty",
        "domain 10",
        hand=False,
    ),
    FileStepDecl("come_back_open", "转出未达，重新初审", "back, to be checked", ("moved",), "draft", "domain 10", hand=False),
    FileStepDecl("settle_as_kept", "核为建档", "kept beside another", ("draft",), "on_file", "domain 10", hand=False),
    FileStepDecl("settle_as_double", "核为重复并注销", "a duplicate", _STANDING, "cancelled", "domain 10", hand=False),
)
STATE: Final = MappingProxyType({state.code: state for state in STATES})
STEP: Final = MappingProxyType({step.code: step for step in STEPS})
OPENING: Final = frozenset(_OPENING)
"""States of a file that is being opened."""
CLOSED: Final = frozenset(state.code for state in STATES if state.closed)
ENDED: Final = CLOSED - {"out_of_difficulty"}
"""States of a file after which it is only read, and its members may be on file elsewhere."""

FILE: Final = Kind("worker_file", "困难职工档案", {state.code: state.zh for state in STATES})


def demand_of(step: FileStepDecl) -> Demand:
    """What a step asks for of whoever makes it."""
    return Demand(step.permission, of=FILE, states=frozenset(step.sources))


def steps_from(state: str) -> list[FileStepDecl]:
    """The steps that are made by hand from a state, in order."""
    return [step for step in STEPS if step.hand and state in step.sources]


def allowed_in_sql() -> str:
    """The check of the database on every step on record: nothing but what is declared above."""
    parts = []
    for step in STEPS:
        before = "from_state is null" if not step.sources else f"from_state in ({', '.join(map(_quoted, step.sources))})"
        parts.append(f"step = {_quoted(step.code)} and {before} and to_state = {_quoted(step.target)}")
    return " or ".join(f"({part})" for part in parts)


def _quoted(text: str) -> str:
    return f"'{text}'"
