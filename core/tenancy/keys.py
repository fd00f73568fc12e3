"""The tenant's data key and the keyed tokens, as services use them."""

from __future__ import annotations

import uuid
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from core.db.statements import tenant_core
from core.errors import Misconfigured
from core.scope import current_scope
from core.settings import settings
from core.tenancy.models import TenantKey as TenantKeyRow
from core.vault.errors import SealBroken
from core.vault.key_file import load_installation_key
from core.vault.keys import KeyRing, PersonKey, TenantKey
from core.vault.tokens import Tokens


@lru_cache(maxsize=1)
def key_ring() -> KeyRing:
    """The key ring of this installation, from its key file."""
    return KeyRing(load_installation_key(settings().installation_key_file))


@lru_cache(maxsize=1)
def tokens() -> Tokens:
    """Keyed tokens of this installation: identity index hashes and equality tokens inside a tenant."""
    return Tokens(load_installation_key(settings().installation_key_file))


def give_key(session: Session) -> bool:
    """Make the data key of the tenant in scope, once; whether it was made now. Part of onboarding.

    Whoever comes second, also at the same time, waits for the first and makes none.
    """
    tenant = current_scope().tenant
    new = insert(TenantKeyRow).values(tenant=tenant, version=1, wrapped=key_ring().new_tenant_key(tenant))
    made = session.execute(tenant_core(new.on_conflict_do_nothing().returning(TenantKeyRow.version)))
    return made.first() is not None


def tenant_key(session: Session) -> TenantKey:
    """The data key of the tenant in scope; raises ``Misconfigured`` where onboarding has made none."""
    tenant = current_scope().tenant
    wrapped = session.scalar(select(TenantKeyRow.wrapped).order_by(TenantKeyRow.version.desc()).limit(1))
    if wrapped is None:
        raise Misconfigured(
            "本单位尚未生成数据密钥",
            "the tenant has no data key yet",
            where=tenant,
            mend_zh="请重新执行开通",
            mend_en="run the onboarding again",
        )
    return key_ring().tenant_key(tenant, wrapped)


def person_key_if_whole(key: TenantKey, person: uuid.UUID, wrapped: bytes | None) -> PersonKey | None:
    """The key of a person; None where there is none, or where it is damaged and one person must not stop what is done for
    many."""
    try:
        return None if wrapped is None else key.person_key(person, wrapped)
    except SealBroken:
        return None
