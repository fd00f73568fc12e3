"""The ladder of keys: installation key > tenant key > person key > sealed fields (domain 12).

Each wrapped key is bound to its place: a wrapped key or sealed field that is copied to another tenant, person or
column does not open. A person is erased by deleting the row's wrapped key; nothing sealed under it opens again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from uuid import UUID

from core.vault.ciphers import AES_256_GCM, DATA_KEY_BYTES, Cipher, Sealer, nonces
from core.vault.key_file import InstallationKey

_TENANT: Final = re.compile(r"[0-9]{6}")
_TENANTS_HELD: Final = 512


class PersonKey:
    """Seals and opens the fields of one person."""

    __slots__ = ("_place", "_sealer")

    def __init__(self, sealer: Sealer, place: bytes) -> None:
        self._sealer = sealer
        self._place = b"field/" + place

    def seal(self, field: str, text: str) -> bytes:
        """The stored form of one field's text; ``field`` is the column's name and is bound to it."""
        return self._sealer.seal(text.encode(), self._place + field.encode())

    @staticmethod
    def seal_each(keys: Sequence[PersonKey], field: str, texts: Sequence[str | None]) -> list[bytes | None]:
        """``seal`` of one field of many persons, each under the person's own key; None stays None."""
        name = field.encode()
        return [
            None if text is None else key._sealer.seal_with(nonce, text.encode(), key._place + name)
            for key, text, nonce in zip(keys, texts, nonces(len(texts)), strict=True)
        ]

    def open(self, field: str, blob: bytes) -> str:
        """The text; raises SealBroken for another person's, another field's or an altered value."""
        return self._sealer.open(blob, self._place + field.encode()).decode()

    def __repr__(self) -> str:
        return "PersonKey(****)"


class TenantKey:
    """Makes and unwraps the person keys of one tenant."""

    __slots__ = ("_cipher", "_sealer", "_tenant")

    def __init__(self, cipher: Cipher, tenant: str, key: bytes) -> None:
        self._cipher = cipher
        self._tenant = tenant.encode()
        self._sealer = Sealer(cipher, key)

    def new_person_key(self, person: UUID) -> tuple[PersonKey, bytes]:
        """A new person's key, and its wrapped form to store in the person's row."""
        made, wrapped = self.new_person_keys([person.bytes])
        return made[0], wrapped[0]

    def new_person_keys(self, persons: Sequence[bytes]) -> tuple[list[PersonKey], list[bytes]]:
        """New keys of many persons, named by the 16 bytes of their ids, and the wrapped forms in the same order."""
        drawn = os.urandom(DATA_KEY_BYTES * len(persons))
        keys = [drawn[at : at + DATA_KEY_BYTES] for at in range(0, len(drawn), DATA_KEY_BYTES)]
        places = [self._tenant + person for person in persons]
        wrap, cipher = self._sealer.seal_with, self._cipher
        wrapped = [
            wrap(nonce, key, b"person-key/" + place) for key, place, nonce in zip(keys, places, nonces(len(keys)), strict=True)
        ]
        return [PersonKey(Sealer(cipher, key), place) for key, place in zip(keys, places, strict=True)], wrapped

    def person_key(self, person: UUID, wrapped: bytes) -> PersonKey:
        """The person's key from its wrapped form; raises SealBroken when it belongs to another tenant or person."""
        place = self._tenant + person.bytes
        return PersonKey(Sealer(self._cipher, self._sealer.open(wrapped, b"person-key/" + place)), place)

    def seal(self, place: str, data: bytes) -> bytes:
        """The stored form of bytes that belong to the tenant and to no one person; ``place`` says where they belong."""
        return self._sealer.seal(data, b"tenant/" + self._tenant + place.encode())

    def open(self, place: str, blob: bytes) -> bytes:
        """The bytes; raises SealBroken for another tenant's, another place's or altered ones."""
        return self._sealer.open(blob, b"tenant/" + self._tenant + place.encode())

    def __repr__(self) -> str:
        return f"TenantKey({self._tenant.decode()}, ****)"


class KeyRing:
    """Makes and unwraps tenant keys; holds the unwrapped ones, with their ciphers set up, for the process's life."""

    def __init__(self, installation: InstallationKey, cipher: Cipher = AES_256_GCM) -> None:
        self._cipher = cipher
        self._sealer = Sealer(cipher, installation.derive("vault/tenant-keys"))
        self._held = lru_cache(maxsize=_TENANTS_HELD)(self._unwrap)

    def new_tenant_key(self, tenant: str) -> bytes:
        """A new tenant's key in its wrapped form, to store in the tenant's row."""
        return self._sealer.seal(os.urandom(DATA_KEY_BYTES), _tenant_place(tenant))

    def tenant_key(self, tenant: str, wrapped: bytes) -> TenantKey:
        """The tenant's key from its wrapped form; raises SealBroken when it belongs to another tenant."""
        return self._held(tenant, wrapped)

    def passed_on(self, other: KeyRing, tenant: str, wrapped: bytes) -> bytes:
        """The same tenant's key as ``other`` wraps it: what is sealed under it opens there, and no row changes."""
        place = _tenant_place(tenant)
        return other._sealer.seal(self._sealer.open(wrapped, place), place)

    def _unwrap(self, tenant: str, wrapped: bytes) -> TenantKey:
        return TenantKey(self._cipher, tenant, self._sealer.open(wrapped, _tenant_place(tenant)))

    def __repr__(self) -> str:
        return f"KeyRing({self._cipher.name}, ****)"


def _tenant_place(tenant: str) -> bytes:
    # A fixed length keeps the joined parts of a person's place unambiguous.
    if not _TENANT.fullmatch(tenant):
        raise ValueError("a tenant has six digits")
    return b"tenant-key/" + tenant.encode()
