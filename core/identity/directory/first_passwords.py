"""First passwords on their way to the identity provider, and passwords that were kept here before (初始密码, domain 12).

A first password is shown to the administrator once and waits here, sealed under the installation's key, until it has arrived.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, or_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.identity.directory.models import DirectoryEntry
from core.identity.local import first_password
from core.identity.oidc.sealing import sealed, unsealed

_USE = "directory/first-password"
_PHC_PARTS = 6


def leave_password(session: Session, account_id: uuid.UUID, *, second_factor_too: bool = False) -> str:
    """A new first password, left to be carried to the provider; its text, to be shown once.

    It takes the place of one that has not arrived yet. ``second_factor_too`` has the second factor taken away there.
    """
    password = _with_all_kinds(first_password())
    session.flush()
    left = {
        "password_cipher": sealed(_USE, password, account_id.bytes),
        "password_before": None,
        "drops_second_factor": second_factor_too,
    }
    entry = insert(DirectoryEntry).values(account_id=account_id, told_at=func.clock_timestamp(), **left)
    drops = or_(DirectoryEntry.drops_second_factor, entry.excluded.drops_second_factor)
    session.execute(entry.on_conflict_do_update(index_elements=["account_id"], set_={**left, "drops_second_factor": drops}))
    return password


def _with_all_kinds(password: str) -> str:
    """``password`` with a capital letter and a digit: realms may ask for them, and for a sign, which it has."""
    first = next(place for place, letter in enumerate(password) if letter.isalpha())
    cased = password[:first] + password[first].upper() + password[first + 1 :]
    return cased if any(letter.isdigit() for letter in cased) else cased[:-1] + "7"


def opened(account_id: uuid.UUID, cipher: bytes) -> str:
    """The text of a first password; raises ``SealBroken``."""
    return unsealed(_USE, cipher, account_id.bytes)


def credential_of(stored: str) -> Mapping[str, Any] | None:
    """A password that is kept here as the provider takes it over, by its hash alone; None for a form that it does not know.

    ``stored`` is argon2's own form: ``$argon2id$v=19$m=…,t=…,p=…$salt$hash``.
    """
    parts = stored.split("$")
    if len(parts) != _PHC_PARTS or parts[1] != "argon2id":
        return None
    costs = dict(part.split("=") for part in parts[3].split(","))
    salt, value = (part + "=" * (-len(part) % 4) for part in parts[4:])
    length = len(parts[5]) * 3 // 4
    told = {
        "algorithm": "argon2",
        "hashIterations": int(costs["t"]),
        "additionalParameters": {
            "hashLength": [str(length)],
            "memory": [costs["m"]],
            "type": ["id"],
            "version": ["1.3"],
            "parallelism": [costs["p"]],
        },
    }
    kept = {"value": value, "salt": salt, "additionalParameters": {}}
    return {"type": "password", "credentialData": json.dumps(told), "secretData": json.dumps(kept)}
