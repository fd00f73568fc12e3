"""A person's row as it is stored: what identifies is sealed under the person's own key, masked, and made findable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias
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

Mark: TypeAlias = tuple[str, bytes, int, str]
"""A mark in the identity index: province, hash, year, matter."""


class Sealed(NamedTuple):
    """What is stored of a new person's name, number and telephone."""

    key: PersonKey
    """The person's, under which the household's account and house number are sealed as well."""
    columns: dict[str, Any]
    words: set[str]
    """Words by which the search box finds the person."""
    mark: Mark


@dataclass(frozen=True, slots=True)
class SealedPerson:
    """A new person's row, and those of the words by which he is found."""

    id: UUID
    row: dict[str, Any]
    searches: list[dict[str, Any]]


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
        sealed = self.sealed(
            person_id.bytes, columns["name"], identity.number.reveal(), phone.reveal() if phone else None, more_searches
        )
        searches = [{"token": word, "subject_kind": "person", "subject_id": person_id} for word in sorted(sealed.words)]
        return SealedPerson(person_id, {**columns, "id": person_id, **sealed.columns}, searches)

    def sealed(self, person: bytes, name: str, number: str, phone: str | None, more_searches: Iterable[str] = ()) -> Sealed:
        """What is stored of a new person of whom the id (its 16 bytes), name, checked number and telephone are given."""
        key, wrapped = self._keys.new_key_at(person)
        spoken = name_pinyin(name)
        columns = self._phone(key, phone)
        columns["pinyin"] = spoken.sort_key
        columns["wrapped_key"] = wrapped
        columns["identity_cipher"] = key.seal("identity_cipher", number)
        columns["identity_masked"] = masking.identity_number(number)
        columns["identity_token"] = self.identity_token(number)
        words = search_words(name, spoken, number, more_searches, phone)
        return Sealed(key, columns, words, self.mark(number))

    def mark(self, number: str) -> Mark:
        """The mark in the identity index of somebody who is on file."""
        return (self._province, self._tokens.identity_index_hash(number), self._year, ON_FILE)

    def phone(self, key: PersonKey, phone: Sensitive[str] | None) -> dict[str, Any]:
        """Columns of the telephone number, sealed under the person's key."""
        return self._phone(key, phone.reveal() if phone else None)

    def _phone(self, key: PersonKey, plain: str | None) -> dict[str, Any]:
        if plain is None:
            return {"phone_cipher": None, "phone_masked": None, "phone_token": None}
        return {
            "phone_cipher": key.seal("phone_cipher", plain),
            "phone_masked": masking.phone(plain),
            "phone_token": self.phone_token(plain),
        }
