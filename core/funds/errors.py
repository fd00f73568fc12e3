"""Refusals of the fund. Their texts name amounts, sources and the applicant's own case; another person in no other place than
``AccountsDamaged``, to whoever pays these people and sees their names beside it."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import Conflict, Forbidden

_SHOWN_PAYEES = 5


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


class AccountsDamaged(Conflict):
    """Sealed accounts of payees of a batch do not open: of ``keys`` the person's key is damaged, of ``accounts`` the account
    alone. Both are payees with their files in words."""

    code = "funds.accounts_damaged"

    def __init__(self, batch: str, keys: Sequence[str], accounts: Sequence[str]) -> None:
        told = [*keys, *accounts]
        more = f"等 {len(told)} 人" if len(told) > _SHOWN_PAYEES else ""
        ways_zh, ways_en = list[str](), list[str]()
        if keys:
            ways_zh.append("请联系系统管理员从备份恢复；本批未发盘的，也可由资金专管员作废后重新编制，其余款项先行发放")
            ways_en.append("have the keys restored from a backup; a batch that was not sent can be cancelled and prepared anew")
        if accounts:
            ways_zh.append("只是账号损坏的，可在档案中重新登记银行卡号，再作废本批、重新编制")
            ways_en.append("where the account alone is damaged, enter it anew in the file, then cancel and prepare anew")
        super().__init__(
            f"以下收款人的银行账号已损坏，无法解开，不能生成银行文件：{'、'.join(told[:_SHOWN_PAYEES])}{more}",
            "accounts of payees are damaged and cannot be opened: there is no bank file",
            where=batch,
            mend_zh="；".join(ways_zh),
            mend_en="; ".join(ways_en),
            files=told,
        )


class SamePerson(Forbidden):
    """Two duties that must lie with different people are with one (不相容岗位分离, domain 7.1, 7.4)."""

    code = "funds.same_person"

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(
            zh, en, mend_zh="请由另一位具备岗位职责的人员办理", mend_en="another person holding the post must do it"
        )
