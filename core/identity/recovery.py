"""Recovery codes (恢复码): each stands in for the second factor once. Only their keyed hashes are stored."""

from __future__ import annotations

import hmac
import secrets
import uuid
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from core.identity.models import RecoveryCode
from core.identity.totp import tidied
from core.settings import settings
from core.vault.key_file import load_installation_key

HOW_MANY: Final = 10
# No letter that is taken for another one or for a digit.
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_HALF: Final = 5


@lru_cache(maxsize=1)
def _key() -> bytes:
    return load_installation_key(settings().installation_key_file).derive("identity/recovery")


def _digest(account_id: uuid.UUID, typed: str) -> bytes:
    # Keyed: fifty bits alone could be tried out by whoever holds a copy of the database.
    return hmac.new(_key(), account_id.bytes + tidied(typed).encode(), sha256).digest()


def _new_code() -> str:
    halves = ("".join(secrets.choice(_LETTERS) for _ in range(_HALF)) for _ in range(2))
    return "-".join(halves)


def renew_codes(session: Session, account_id: uuid.UUID) -> list[str]:
    """New codes in place of all former ones. They are shown now and never again."""
    drop_codes(session, account_id)
    codes = [_new_code() for _ in range(HOW_MANY)]
    session.add_all(RecoveryCode(account_id=account_id, code_hash=_digest(account_id, code)) for code in codes)
    session.flush()
    return codes


def drop_codes(session: Session, account_id: uuid.UUID) -> None:
    """Take all codes back."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account_id))


def use_code(session: Session, account_id: uuid.UUID, typed: str, at: datetime) -> bool:
    """Use up the code that was typed; False where there is no such one left."""
    found = session.scalar(
        update(RecoveryCode)
        .where(
            RecoveryCode.account_id == account_id,
            RecoveryCode.code_hash == _digest(account_id, typed),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=at)
        .returning(RecoveryCode.code_hash)
    )
    return found is not None


def codes_left(session: Session, account_id: uuid.UUID) -> int:
    """How many codes can still be used."""
    unused = select(func.count()).where(RecoveryCode.account_id == account_id, RecoveryCode.used_at.is_(None))
    return session.scalar(unused) or 0
