"""A person's row as it is stored: what identifies is sealed under the person's own key, masked, and made findable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from core.db.base import new_id
from core.exchange.identity_index import ON_FILE
from core.people.identity_number import IdentityNumber
from core.people.search.words import search_words
from core.scope import current_scope
from core.tenancy.keys import tenant_key, tokens
from core.text.pinyin import name_pinyin
from core.vault import masking
from core.vault.keys import PersonKey
from core.vault.sensitive import Sensitive
from core.vault.tokens import TokenKind


@dataclass(frozen=True, slots=True)
class SealedPerson:
    """A new person's row with the key under which the household's account and house number are sealed as well."""

    id: UUID
    key: PersonKey
    row: dict[str, Any]
    searches: list[dict[str, Any]]
    mark: dict[str, Any]


class Sealer:
    """Seals the persons of the tenant in scope."""

    def __init__(self, session: Session) -> None:
        scope = current_scope()
        self._tenant = scope.tenant
        self._province = scope.province
        self._year = scope.business_date.year
        self._keys = tenant_key(session)
        self._tokens = tokens()

    def identity_token(self, number: str) -> bytes:
        """The token by which an identity number is found inside this tenant."""
        return self._tokens.tenant_token(self._tenant, TokenKind.IDENTITY, number)

    def phone_token(self, number: str) -> bytes:
        """The token by which a telephone number is found inside this tenant."""
        return self._tokens.tenant_token(self._tenant, TokenKind.PHONE, number)

    def account_token(self, number: str) -> bytes:
        """The token by which a bank account is found inside this tenant."""
        return self._tokens.tenant_token(self._tenant, TokenKind.ACCOUNT, number)

    def account(self, key: PersonKey, number: Sensitive[str] | None) -> dict[str, Any]:
        """Columns of the bank account (银行卡号), sealed under the worker's key."""
        if number is None:
            return {"account_cipher": None, "account_masked": None, "account_token": None}
        plain = number.reveal()
        return {
            "account_cipher": key.seal("account_cipher", plain),
            "account_masked": masking.bank_account(plain),
            "account_token": self.account_token(plain),
        }

    def address(self, key: PersonKey, address: str) -> dict[str, Any]:
        """The address (住址) down to the village, and the rest sealed under the worker's key."""
        shown = masking.address(address)
        if not shown.endswith(masking.HIDDEN):
            return {"address": shown, "house_number_cipher": None}
        place = shown.removesuffix(masking.HIDDEN)
        # The mask folds full-width signs one for one, so the place is as long in the address as written.
        return {"address": place, "house_number_cipher": key.seal("house_number_cipher", address.strip()[len(place) :])}

    def person(
        self,
        identity: IdentityNumber,
        columns: Mapping[str, Any],
        *,
        phone: Sensitive[str] | None = None,
        more_searches: Iterable[str] = (),
    ) -> SealedPerson:
        """A new person with ``columns`` (name and what needs no seal); ``more_searches`` are further search tokens."""
        person_id = new_id()
        key, wrapped = self._keys.new_person_key(person_id)
        number = identity.number.reveal()
        spoken = name_pinyin(columns["name"])
        row = {
            **columns,
            "id": person_id,
            "pinyin": spoken.sort_key,
            "wrapped_key": wrapped,
            "identity_cipher": key.seal("identity_cipher", number),
            "identity_masked": identity.masked,
            "identity_token": self.identity_token(number),
            **self.phone(key, phone),
        }
        words = search_words(columns["name"], spoken, number, more_searches, phone.reveal() if phone else None)
        searches = [{"token": word, "subject_kind": "person", "subject_id": person_id} for word in sorted(words)]
        mark = {
            "province": self._province,
            "hash": self._tokens.identity_index_hash(number),
            "year": self._year,
            "matter": ON_FILE,
        }
        return SealedPerson(person_id, key, row, searches, mark)

    def phone(self, key: PersonKey, phone: Sensitive[str] | None) -> dict[str, Any]:
        """Columns of the telephone number, sealed under the person's key."""
        if phone is None:
            return {"phone_cipher": None, "phone_masked": None, "phone_token": None}
        plain = phone.reveal()
        return {
            "phone_cipher": key.seal("phone_cipher", plain),
            "phone_masked": masking.phone(plain),
            "phone_token": self.phone_token(plain),
        }
