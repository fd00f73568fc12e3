"""Refusals of the fund. Their texts name amounts, sources and the applicant's own case, never another person."""

from __future__ import annotations

from core.errors import Conflict, Forbidden


class Overdrawn(Conflict):
    """An account does not hold enough for the act (可用资金不足, domain 7.1)."""

    code = "funds.overdrawn"


class AidedAlready(Conflict):
    """The household or a beneficiary has had this programme's occurrence (domain 4.4.1)."""

    code = "funds.aided_already"

    def __init__(self, where: str | None = None) -> None:
        super().__init__(
            "该家庭或受益人在本发放周期内已享受同一救助项目，不得重复救助",
            "the household or a beneficiary has already been granted this programme in this period",
            where=where,
            mend_zh="请核对家庭成员与既往救助记录",
            mend_en="compare the members of the household with earlier grants",
        )


class KeyUsed(Conflict):
    """An idempotency key comes back with another content than the first time."""

    code = "funds.key_used"

    def __init__(self, where: str) -> None:
        super().__init__(
            "该操作编号已用于另一笔内容不同的业务",
            "this idempotency key was used for another act",
            where=where,
            mend_zh="请刷新页面后重新提交",
            mend_en="reload and submit again with a new key",
        )


class SamePerson(Forbidden):
    """Two duties that must lie with different people are with one (不相容岗位分离, domain 7.1, 7.4)."""

    code = "funds.same_person"

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(
            zh, en, mend_zh="请由另一位具备岗位职责的人员办理", mend_en="another person holding the post must do it"
        )
