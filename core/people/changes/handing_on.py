"""A file goes over to another head (户主变更): what is sealed under the former one's key, and the account, which was his."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.people.changes.models import HouseholdChange
from core.people.damage import opened, whole_key
from core.people.models import Household, Person, WorkerFile
from core.people.sealing import Sealer
from core.vault.keys import PersonKey
from core.vault.sensitive import Sensitive

ACCOUNT: Final = ("bank_name", "bank_branch", "account_cipher", "account_masked", "account_token")
"""Columns of the household's account."""


def hand_on(session: Session, file: WorkerFile, former: Person, new: Person) -> dict[str, Any]:
    """Make the file the new head's: the house number is sealed under that key. The account was the former head's, so a payment
    to the new one would go astray: it is taken out. Gives the columns in which a ``HouseholdChange`` keeps it. Raises
    ``SealedDamaged``: what does not open would be lost."""
    household = session.scalars(select(Household).where(Household.id == file.household_id)).one()
    if household.house_number_cipher is not None:
        plain = _opened(session, former, "house_number_cipher", household.house_number_cipher)
        key = _key(session, new)
        household.house_number_cipher = key.seal("house_number_cipher", plain) if key and plain is not None else None
    taken_out: dict[str, Any] = {"former_bank_name": file.bank_name, "former_bank_branch": file.bank_branch}
    if file.account_cipher is not None:
        plain, key = _opened(session, former, "account_cipher", file.account_cipher), _key(session, former)
        sealed = key.seal("former_account_cipher", plain) if key and plain is not None else None
        taken_out["former_account_cipher"] = sealed
    file.worker_id = new.id
    for name in ACCOUNT:
        setattr(file, name, None)
    return taken_out


def put_back(session: Session, file: WorkerFile, slip: HouseholdChange, worker: Person) -> None:
    """Put the account back that ``slip`` took out, now that the file is ``worker``'s again. Raises ``SealedDamaged``."""
    file.bank_name, file.bank_branch = slip.former_bank_name, slip.former_bank_branch
    if slip.former_account_cipher is None:
        return
    plain, key = _opened(session, worker, "former_account_cipher", slip.former_account_cipher), _key(session, worker)
    if plain is not None and key is not None:
        for name, value in Sealer(session).account(key, Sensitive(plain)).items():
            setattr(file, name, value)


def _key(session: Session, person: Person) -> PersonKey | None:
    """The person's key; None where it is destroyed."""
    return whole_key(session, person) if person.wrapped_key is not None else None


def _opened(session: Session, person: Person, column: str, blob: bytes) -> str | None:
    return opened(session, person, column, blob) if person.wrapped_key is not None else None
