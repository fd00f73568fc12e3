"""The file that goes to the bank (银行批量代发文件): CSV in UTF-8 with BOM, one line per payment."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from core.funds import repository
from core.funds.errors import AccountsDamaged
from core.funds.models import PaymentBatch
from core.tenancy.keys import person_key_if_whole, tenant_key
from core.trail.service import record_read
from core.vault.errors import SealBroken

ACCOUNT_FIELD = "account_cipher"
"""The field's name under which a payee's key seals the account number."""
HEADER = ("序号", "支付编号", "收款人", "开户银行", "支行名称", "收款账号", "金额（元）", "摘要")

_FORMULA = re.compile(r"^[\s]*[=+\-@＝＋－＠]")
_BREAKS = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


def plain_cell(text: str | None) -> str:
    """``text`` as a spreadsheet shows it and never runs it: no line breaks or control characters, a quote before what
    would be taken for a formula."""
    line = _BREAKS.sub(" ", text or "").strip()
    return f"'{line}" if _FORMULA.match(line) else line


def written(session: Session, batch: PaymentBatch) -> bytes:
    """The file of a batch. Opens each payee's account number and records that it was read; raises ``AccountsDamaged``, before
    anything is recorded, for those that do not open."""
    lines = repository.bank_lines(session, batch.id)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADER)
    for no, (line, account) in enumerate(zip(lines, _accounts(session, batch, lines), strict=True), 1):
        record_read(session, ACCOUNT_FIELD, "person", line.payee_id, f"发放批次 {batch.number} 银行代发文件")
        writer.writerow(
            (
                no,
                line.id,
                plain_cell(line.name),
                plain_cell(line.bank_name),
                plain_cell(line.bank_branch),
                plain_cell(account),
                f"{line.amount_fen // 100}.{line.amount_fen % 100:02d}",
                plain_cell(f"困难职工帮扶资金 {batch.number}"),
            )
        )
    session.flush()
    return out.getvalue().encode("utf-8-sig")


def _accounts(session: Session, batch: PaymentBatch, lines: Sequence[Any]) -> list[str]:
    """The account numbers of all lines; names every payee whose account does not open."""
    keys, opened = tenant_key(session), list[str]()
    no_key, no_account = list[str](), list[str]()
    for line in lines:
        payee = f"{line.name}（{line.file_number} 号档案）"
        key = person_key_if_whole(keys, line.payee_id, line.wrapped_key)
        if key is None:
            no_key.append(payee)
            continue
        try:
            opened.append(key.open(ACCOUNT_FIELD, line.account_cipher or b""))
        except SealBroken:
            no_account.append(payee)
    if no_key or no_account:
        raise AccountsDamaged(batch.number, no_key, no_account)
    return opened
