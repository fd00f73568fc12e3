"""Papers at rest (材料加密存放): the bytes of each lie sealed under a key of its own, which the tenant's key wraps and the row
holds (domain 12, PIPL Art. 51).

Both are bound to tenant and paper: a file that is changed, or put in another's place, does not open. An erasure empties the
row's key, so that a copy of the file store that still holds the file holds nothing that anybody can read (PIPL Art. 47).
"""

from __future__ import annotations

import hashlib
import os
import uuid
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from core.documents import store
from core.documents.models import Document
from core.documents.store import SealedPaper
from core.errors import BangfuError, NotFound
from core.scope import current_scope
from core.tenancy.keys import tenant_key
from core.vault.ciphers import AES_256_GCM, DATA_KEY_BYTES, open_sealed, seal
from core.vault.errors import SealBroken


class Altered(BangfuError):
    """A stored file is not the one that was taken in."""

    code = "document_altered"
    status = 500

    def __init__(self, paper_id: uuid.UUID) -> None:
        super().__init__(
            "材料文件被改动、调换，或与登记的校验值不符",
            "the stored file was altered or swapped: it is not the one that was taken in",
            where=str(paper_id),
            mend_zh="请从备份恢复该文件，或重新登记材料",
            mend_en="restore the file from a backup, or take the paper in anew",
        )


@dataclass(frozen=True, slots=True)
class StoredPaper:
    """A paper in the folder of the tenant whose it is, with the key that opens it."""

    id: uuid.UUID
    storage_name: str
    sha256: bytes
    """Of the bytes that were taken in."""
    key: bytes = field(repr=False)

    def read(self) -> bytes:
        """The bytes, in the scope of the paper's tenant; raises ``NotFound`` where the file is missing, ``Altered`` where it is
        not the one that was taken in."""
        try:
            data = open_sealed(self.key, store.get(self.storage_name), _place(self.id))
        except SealBroken:
            raise Altered(self.id) from None
        if hashlib.sha256(data).digest() != self.sha256:
            raise Altered(self.id)
        return data


class PaperKeys:
    """Makes and unwraps the keys of papers of the tenant in scope; one question, however many papers."""

    def __init__(self, session: Session) -> None:
        self._tenant_key = tenant_key(session)

    def seal(self, paper_id: uuid.UUID, data: bytes) -> SealedPaper:
        """Seal the bytes of a new paper under a new key."""
        key = os.urandom(DATA_KEY_BYTES)
        return SealedPaper(self._tenant_key.seal(_key_place(paper_id), key), seal(AES_256_GCM, key, data, _place(paper_id)))

    def unwrap(self, paper_id: uuid.UUID, wrapped: bytes) -> bytes:
        """A paper's key; raises ``SealBroken`` for another paper's or another tenant's."""
        return self._tenant_key.open(_key_place(paper_id), wrapped)

    def unwrap_if_whole(self, paper_id: uuid.UUID, wrapped: bytes) -> bytes:
        """As ``unwrap``, for what goes on without a paper whose key is damaged: then a key that opens nothing, so that reading
        raises ``Altered``."""
        try:
            return self.unwrap(paper_id, wrapped)
        except SealBroken:
            return bytes(DATA_KEY_BYTES)

    def stored(self, paper: Document) -> StoredPaper:
        """A paper that can be read; raises ``NotFound`` where it was destroyed with the data of whom it was about, ``Altered``
        for a key that is another paper's."""
        if paper.wrapped_key is None:
            raise NotFound("该份材料已按规定删除", "the paper was destroyed with the person's data", where=str(paper.id))
        try:
            key = self.unwrap(paper.id, paper.wrapped_key)
        except SealBroken:
            raise Altered(paper.id) from None
        return StoredPaper(paper.id, paper.storage_name, paper.sha256, key)


def _key_place(paper_id: uuid.UUID) -> str:
    return f"document/{paper_id}"


def _place(paper_id: uuid.UUID) -> bytes:
    return f"document/{current_scope().tenant}/{paper_id}".encode()
