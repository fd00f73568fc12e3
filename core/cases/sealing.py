"""Sealing what a row keeps secret under a key of the row's own (domain 4.2.4, 12).

Stored: the row's key wrapped by the tenant's, then the sealed text. Both are bound to the tenant, the row and the column.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from sqlalchemy.orm import Session

from core.cases.models import Case
from core.tenancy.keys import tenant_key
from core.vault.ciphers import DATA_KEY_BYTES, NONCE_BYTES, TAG_BYTES

_WRAPPED = 1 + NONCE_BYTES + DATA_KEY_BYTES + TAG_BYTES


def seal(session: Session, row_id: uuid.UUID, column: str, text: str) -> bytes:
    """The stored form of ``text`` in one row's column."""
    key, wrapped = tenant_key(session).new_person_key(row_id)
    return wrapped + key.seal(column, text)


def unseal(session: Session, row_id: uuid.UUID, column: str, stored: bytes) -> str:
    """The text; raises ``SealBroken`` for another row's, another column's or an altered value."""
    return tenant_key(session).person_key(row_id, stored[:_WRAPPED]).open(column, stored[_WRAPPED:])


def sealed_form(session: Session, case_id: uuid.UUID, form: dict[str, Any]) -> bytes:
    """The stored form of a confidential case's form."""
    return seal(session, case_id, "form_cipher", json.dumps(form, ensure_ascii=False))


def form_of(session: Session, case: Case) -> dict[str, Any]:
    """What was filled in, opened where it is sealed. Whoever sees the row may read it: its policy names the handlers."""
    if case.form_cipher is None:
        return case.form
    opened: dict[str, Any] = json.loads(unseal(session, case.id, "form_cipher", case.form_cipher))
    return opened
