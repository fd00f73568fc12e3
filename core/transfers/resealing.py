"""What was sealed in one county is sealed anew in another: under keys of its own, with tokens that mean something there."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping

from sqlalchemy.orm import Session

from core.db.base import new_id
from core.scope import current_scope
from core.tenancy.keys import person_key_if_whole, tenant_key, tokens
from core.transfers.packing import SEALED, Row
from core.vault.keys import PersonKey
from core.vault.tokens import TokenKind


class Resealer:
    """Seals what arrives for the tenant in scope, and keeps the keys of the persons it has made or met."""

    def __init__(self, session: Session) -> None:
        self._tenant = current_scope().tenant
        self._keys = tenant_key(session)
        self._held: dict[str, PersonKey] = {}

    def meet(self, person_id: uuid.UUID, wrapped: bytes | None) -> bool:
        """Take the key of somebody who is here already, by the id here; False where it is damaged, so that nothing can be
        sealed for that row any more."""
        key = person_key_if_whole(self._keys, person_id, wrapped)
        if key is not None:
            self._held[str(person_id)] = key
        return key is not None or wrapped is None

    def person(self, row: Row, plain: Mapping[str, str] | None) -> Row:
        """A new person's row. Without ``plain`` (the data were erased there) there is no key and nothing sealed."""
        person_id, wrapped = new_id(), None
        if plain is not None:
            self._held[str(person_id)], wrapped = self._keys.new_person_key(person_id)
        return row | {"id": str(person_id), "wrapped_key": wrapped} | self.columns("person", str(person_id), plain or {})

    def columns(self, table: str, owner: str | None, plain: Mapping[str, str]) -> Row:
        """The sealed columns of a row of ``table`` under the key of ``owner``, with their tokens."""
        key = self._held.get(owner) if owner else None
        found: Row = {}
        for column, token in SEALED[table].items():
            text = plain.get(column) if key is not None else None
            found[column] = None if key is None or text is None else key.seal(column, text)
            if token is not None:
                found[token[1]] = None if text is None else tokens().tenant_token(self._tenant, token[0], text)
        return found

    def identity_tokens(self, numbers: Iterable[str]) -> dict[bytes, str]:
        """Identity numbers by the tokens by which they are found here."""
        return {tokens().tenant_token(self._tenant, TokenKind.IDENTITY, number): number for number in numbers}
