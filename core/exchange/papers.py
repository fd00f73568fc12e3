"""Papers of an envelope (移交材料): files that the sender's folder holds are opened with the keys that the envelope brings and
sealed anew for the receiver, while it is delivered.

Like the package itself they pass at this one place. Which files, the sealed content says, and each is proved against the
digest in it, so nothing but what the sender sealed is ever read.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy.orm import Session

from core.db.base import new_id
from core.documents import store
from core.documents.sealing import Altered, PaperKeys, StoredPaper
from core.documents.store import SealedPaper
from core.errors import NotFound
from core.exchange.models import Envelope
from core.scope import Scope, entered
from core.tenancy.service import system_scope

_AT_ONCE = 8
"""Files held in memory at a time, sealed; of what is open there is one."""


@dataclass(frozen=True, slots=True)
class TakenPaper:
    """A paper as the receiver holds it."""

    id: uuid.UUID
    storage_name: str
    sealed_sha256: bytes
    wrapped_key: bytes


def take_papers(session: Session, envelope: Envelope, papers: Sequence[StoredPaper]) -> list[TakenPaper | None]:
    """Bring the sender's papers into the folder of the tenant in scope, each under a new key; in their order, None where the
    sender's store has lost or altered one."""
    if not papers:
        return []
    keys, there, rest = PaperKeys(session), system_scope(envelope.peer, "relay"), iter(papers)
    taken: list[TakenPaper | None] = []
    while some := list(islice(rest, _AT_ONCE)):
        made = [(new_id(), paper) for paper in some]
        sealed = {id_: found for id_, paper in made if (found := _sealed_anew(keys, there, id_, paper))}
        names = dict(zip(sealed, store.put_all(session, list(sealed.values())), strict=True))
        for id_, _ in made:
            one = sealed.get(id_)
            taken.append(None if one is None else TakenPaper(id_, names[id_], one.digest, one.wrapped_key))
    return taken


def _sealed_anew(keys: PaperKeys, sender: Scope, paper_id: uuid.UUID, paper: StoredPaper) -> SealedPaper | None:
    try:
        with entered(sender):
            data = paper.read()
    except (NotFound, Altered):
        return None
    return keys.seal(paper_id, data)
