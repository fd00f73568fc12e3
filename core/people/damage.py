"""A person's sealed data that do not open any more (加密信息损坏): told with whose they are and how that is mended.

Whoever acts on one person meets them here; what is done for many goes past one (``core.tenancy.keys.person_key_if_whole``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from core.errors import Conflict, NotFound
from core.people.models import Person
from core.people.repository import files_of
from core.tenancy.keys import person_key_if_whole, tenant_key
from core.vault import masking
from core.vault.errors import SealBroken
from core.vault.keys import PersonKey

_VALUES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "identity_cipher": ("身份证号", "identity number"),
        "phone_cipher": ("手机", "phone"),
        "account_cipher": ("银行卡号", "bank account"),
        "house_number_cipher": ("住址", "address"),
        "former_account_cipher": ("原银行卡号", "former bank account"),
    }
)
_TYPED_ANEW: Final = frozenset({"phone_cipher", "account_cipher", "house_number_cipher"})
"""Values that a clerk can enter anew under the person's key, without what stood before."""


class SealedDamaged(Conflict):
    """The key of a person does not open, or under a whole key one value (``column``). ``name`` is masked, ``files`` are the
    numbers of the files to which the person belongs; the id is what the operator restores by."""

    code = "people.sealed_damaged"

    def __init__(self, person_id: UUID, name: str, files: Sequence[str], column: str | None = None) -> None:
        zh, en = _VALUES[column] if column else ("加密信息", "sealed data")
        whom = f"{name}（{'、'.join(files)} 号档案）" if files else name
        anew = column in _TYPED_ANEW
        super().__init__(
            f"{whom}的{zh}已损坏，无法解开，没有办成",
            f"the person's {en} cannot be opened: damaged; nothing was done",
            where="、".join(files) or None,
            mend_zh=f"请联系系统管理员从备份恢复后再办（人员编号 {person_id}）" + (f"，或先重新登记{zh}" if anew else ""),
            mend_en=f"have it restored from a backup (person {person_id})" + (f", or enter the {en} anew" if anew else ""),
            files=files,
        )


def whole_key(session: Session, person: Person) -> PersonKey:
    """The person's key. Raises ``NotFound`` where it was destroyed, ``SealedDamaged`` where it does not open."""
    if person.wrapped_key is None:
        raise NotFound("此人信息已删除", "the person's data were erased")
    key = person_key_if_whole(tenant_key(session), person.id, person.wrapped_key)
    if key is None:
        raise _damaged(session, person)
    return key


def opened(session: Session, person: Person, column: str, blob: bytes) -> str:
    """What is sealed under the person's key in a column. Raises as ``whole_key``, also where this value alone is damaged."""
    key = whole_key(session, person)
    try:
        return key.open(column, blob)
    except SealBroken:
        raise _damaged(session, person, column) from None


def _damaged(session: Session, person: Person, column: str | None = None) -> SealedDamaged:
    files = sorted(files_of(session, [person.id]).get(person.id, ()))
    return SealedDamaged(person.id, masking.public_name(person.name), files, column)
