"""A person's row as it is stored: what identifies is sealed under the person's own key, masked, and made findable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from core.db.base import new_id
from core.exchange.identity_index import ON_FILE
from core.people.identity_number import IdentityNumber
from core.people.search.words import found_by, further_words, last_four
from core.scope import current_scope
from core.tenancy.keys import tenant_key, tokens
from core.text.pinyin import name_pinyin
from core.vault import masking
from core.vault.keys import PersonKey
from core.vault.sensitive import Sensitive
from core.vault.tokens import TokenKind


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is stored of new persons' names, numbers and telephones: everything in the order in which they were given."""

    keys: list[PersonKey]
    """The persons' own, under which the household's account and house number are sealed as well."""
    columns: dict[str, list[Any]]
    words: list[set[str]]
    """Words by which the search box finds each, beside the columns."""


@dataclass(frozen=True, slots=True)
class SealedPerson:
    """A new person's row, and those of further words by which he is found."""

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

    def identity_tokens(self, numbers: Sequence[str]) -> list[bytes]:
        """``identity_token`` of many numbers."""
        return self._tokens.tenant_tokens(self._tenant, TokenKind.IDENTITY, numbers)

    def phone_token(self, number: str) -> bytes:
        """The token by which a telephone number is found inside this tenant."""
        return self._tokens.tenant_token(self._tenant, TokenKind.PHONE, number)

    def account_token(self, number: str) -> bytes:
        """The token by which a bank account is found inside this tenant."""
        return self._tokens.tenant_token(self._tenant, TokenKind.ACCOUNT, number)

    def account(self, key: PersonKey, number: Sensitive[str] | None) -> dict[str, Any]:
        """Columns of the bank account (银行卡号), sealed under the worker's key."""
        sealed = self.sealed_accounts([key], [None if number is None else number.reveal()])
        return {name: values[0] for name, values in sealed.items()}

    def address(self, key: PersonKey, address: str) -> dict[str, Any]:
        """The address (住址) down to the village, and the rest sealed under the worker's key."""
        return {name: values[0] for name, values in self.sealed_addresses([key], [address]).items()}

    def person(
        self,
        identity: IdentityNumber,
        columns: Mapping[str, Any],
        *,
        phone: Sensitive[str] | None = None,
        more_searches: Iterable[str] = (),
    ) -> SealedPerson:
        """A new person with ``columns`` (name and what needs no seal); ``more_searches`` are further words."""
        person_id = new_id()
        number = identity.number.reveal()
        sealed = self.sealed(
            [person_id.bytes], [columns["name"]], [number], [None if phone is None else phone.reveal()], [tuple(more_searches)]
        )
        searches = [{"token": word, "subject_kind": "person", "subject_id": person_id} for word in sorted(sealed.words[0])]
        own = {name: values[0] for name, values in sealed.columns.items()}
        return SealedPerson(person_id, {**columns, "id": person_id, **own}, searches)

    def sealed(
        self,
        ids: Sequence[bytes],
        names: Sequence[str],
        numbers: Sequence[str],
        phones: Sequence[str | None],
        more_searches: Sequence[Iterable[str]],
    ) -> Sealed:
        """What is stored of new persons of whom ids (16 bytes each), names, checked numbers and telephones are given.

        Many are sealed at once: an import has a hundred thousand, and one by one they would take twice as long.
        """
        keys, wrapped = self._keys.new_person_keys(ids)
        spoken = list(map(name_pinyin, names))
        columns: dict[str, list[Any]] = {
            "pinyin": [one.sort_key for one in spoken],
            "wrapped_key": wrapped,
            "identity_cipher": PersonKey.seal_each(keys, "identity_cipher", numbers),
            "identity_masked": list(map(masking.identity_number, numbers)),
            "identity_token": self.identity_tokens(numbers),
            **self.sealed_phones(keys, phones),
            **found_by(names, spoken, numbers),
        }
        return Sealed(keys, columns, list(map(further_words, names, more_searches)))

    def sealed_accounts(self, keys: Sequence[PersonKey], numbers: Sequence[str | None]) -> dict[str, list[Any]]:
        """``account`` of many files."""
        return {
            "account_cipher": PersonKey.seal_each(keys, "account_cipher", numbers),
            "account_masked": [number and masking.bank_account(number) for number in numbers],
            "account_token": self._told_tokens(TokenKind.ACCOUNT, numbers),
        }

    def sealed_addresses(self, keys: Sequence[PersonKey], addresses: Sequence[str]) -> dict[str, list[Any]]:
        """``address`` of many households."""
        shown = list(map(_place_and_rest, addresses))
        return {
            "address": [place for place, _ in shown],
            "house_number_cipher": PersonKey.seal_each(keys, "house_number_cipher", [rest for _, rest in shown]),
        }

    def sealed_phones(self, keys: Sequence[PersonKey], numbers: Sequence[str | None]) -> dict[str, list[Any]]:
        """``phone`` of many persons."""
        masked = [number and masking.phone(number) for number in numbers]
        return {
            "phone_cipher": PersonKey.seal_each(keys, "phone_cipher", numbers),
            "phone_masked": masked,
            # Nobody is found by more than the masked form shows: of a landline that is less than four digits.
            "phone_last_four": list(map(last_four, masked)),
            "phone_token": self._told_tokens(TokenKind.PHONE, numbers),
        }

    def phone(self, key: PersonKey, phone: Sensitive[str] | None) -> dict[str, Any]:
        """Columns of the telephone number, sealed under the person's key."""
        return {
            name: values[0] for name, values in self.sealed_phones([key], [None if phone is None else phone.reveal()]).items()
        }

    def _told_tokens(self, kind: TokenKind, numbers: Sequence[str | None]) -> list[bytes | None]:
        """Tokens of the numbers that are told; None of those that are not."""
        made = iter(self._tokens.tenant_tokens(self._tenant, kind, [number for number in numbers if number is not None]))
        return [None if number is None else next(made) for number in numbers]

    @property
    def mark(self) -> dict[str, Any]:
        """What the marks in the identity index (身份索引) of all who are on file have in common."""
        return {"province": self._province, "year": self._year, "matter": ON_FILE}

    def marks(self, numbers: Sequence[str]) -> list[bytes]:
        """The hashes by which the identity index knows numbers."""
        return self._tokens.identity_index_hashes(numbers)


def _place_and_rest(address: str) -> tuple[str, str | None]:
    """An address parted where what is not shown begins; None where all of it is."""
    shown = masking.address(address)
    if not shown.endswith(masking.HIDDEN):
        return shown, None
    place = shown.removesuffix(masking.HIDDEN)
    # The mask folds full-width signs one for one, so the place is as long in the address as written.
    return place, address.strip()[len(place) :]
