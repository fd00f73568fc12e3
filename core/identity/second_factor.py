"""The second factor of an account (第二重验证): setting it up, showing it, and whose posts need one (MLPS 2.0 level 3)."""

from __future__ import annotations

import base64
import binascii
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from sqlalchemy.orm import Session

from core.errors import InvalidInput
from core.identity.models import Account
from core.identity.recovery import drop_codes, renew_codes, use_code
from core.identity.service import roles
from core.identity.totp import is_code, matching_step, new_secret, setup_address
from core.settings import settings
from core.vault.ciphers import AES_256_GCM, Sealer
from core.vault.errors import SealBroken
from core.vault.key_file import load_installation_key

_SETUP_LASTS: Final = timedelta(minutes=15)
_MONEY: Final = frozenset({"funds.prepare", "funds.approve_payment", "funds.pay"})


@dataclass(frozen=True, slots=True)
class Setup:
    """A second factor that is being set up: the secret for typing, the address for the QR code, and both sealed, to be sent
    back with the first code. Nothing is stored before that."""

    secret: str
    address: str
    sealed: str


class WrongCode(InvalidInput):
    """The code does not fit the secret."""

    code = "wrong_code"


@lru_cache(maxsize=1)
def _sealer() -> Sealer:
    return Sealer(AES_256_GCM, load_installation_key(settings().installation_key_file).derive("identity/totp"))


def _place(account_id: uuid.UUID, use: str) -> bytes:
    return f"{use}/{account_id}".encode()


def roles_that_need_it() -> frozenset[str]:
    """The roles whose holders must have a second factor here (setting ``second_factor``)."""
    wanted = settings().second_factor_for
    if wanted == "optional":
        return frozenset()
    money = _MONEY if wanted == "administrators_and_money" else frozenset()
    return frozenset(code for code, role in roles().items() if role.administers is not None or role.permissions & money)


def begin_setup(account_id: uuid.UUID, login: str, at: datetime) -> Setup:
    """A new secret for the account, to be confirmed within a quarter of an hour."""
    return _setup(account_id, login, new_secret(), at + _SETUP_LASTS)


def resume_setup(account_id: uuid.UUID, login: str, sealed: str, at: datetime) -> Setup:
    """The setup whose first code was wrong, so that it need not be scanned again. Raises ``InvalidInput`` where it is over."""
    secret, until = _open_setup(account_id, sealed, at)
    return _setup(account_id, login, secret, until)


def _setup(account_id: uuid.UUID, login: str, secret: str, until: datetime) -> Setup:
    told = _sealer().seal(f"{int(until.timestamp())} {secret}".encode(), _place(account_id, "setup"))
    return Setup(secret, setup_address(secret, login), base64.urlsafe_b64encode(told).decode())


def _open_setup(account_id: uuid.UUID, sealed: str, at: datetime) -> tuple[str, datetime]:
    try:
        told = _sealer().open(base64.urlsafe_b64decode(sealed), _place(account_id, "setup")).decode()
    except (SealBroken, binascii.Error, ValueError):
        told = "0 -"
    until, _, secret = told.partition(" ")
    ends = datetime.fromtimestamp(int(until), tz=at.tzinfo)
    if ends < at:
        raise InvalidInput(
            "设置已过期，请重新扫码",
            "setting up took too long; scan the new code",
            where="code",
            mend_zh="请删除验证器中刚才添加的条目，再扫新的二维码",
            mend_en="remove the entry from the application and scan the new one",
        )
    return secret, ends


def finish_setup(session: Session, account: Account, sealed: str, code: str, at: datetime) -> list[str]:
    """Make the secret count, once its first code is shown; the new recovery codes.

    Raises ``WrongCode``, and ``InvalidInput`` where the setup is over. The caller holds the account's row.
    """
    secret, _ = _open_setup(account.id, sealed, at)
    step = matching_step(secret, code, at, None)
    if step is None:
        raise WrongCode(
            "验证码不正确",
            "the code does not fit",
            where="code",
            mend_zh="请输入验证器当前显示的 6 位数字；仍不对时请检查手机时间是否自动校准",
            mend_en="type the six digits shown now; check that the telephone sets its clock by itself",
        )
    account.totp_cipher = _sealer().seal(secret.encode(), _place(account.id, "secret"))
    account.totp_step = step
    return renew_codes(session, account.id)


def shown(session: Session, account: Account, typed: str, at: datetime) -> bool:
    """Whether ``typed`` is the account's present code or an unused recovery code; it is used up then.

    The caller holds the account's row (``for update``), so that one code is taken once among simultaneous tries.
    """
    if account.totp_cipher is None:
        return False
    if not is_code(typed):
        return use_code(session, account.id, typed, at)
    secret = _sealer().open(account.totp_cipher, _place(account.id, "secret")).decode()
    step = matching_step(secret, typed, at, account.totp_step)
    if step is None:
        return False
    account.totp_step = step
    return True


def remove_second_factor(session: Session, account: Account) -> None:
    """Take the second factor and its recovery codes away (lost telephone; reset by an administrator)."""
    account.totp_cipher = None
    account.totp_step = None
    drop_codes(session, account.id)
