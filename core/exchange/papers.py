"""Papers of an envelope (移交材料): files that the sender's folder holds are copied into the receiver's, while it is delivered.

Like the package itself they pass at this one place. Which files, the sealed content says, and each is proved against the
digest in it, so nothing but what the sender sealed is ever read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import islice

from sqlalchemy.orm import Session

from core.documents import store
from core.errors import NotFound
from core.exchange.models import Envelope
from core.scope import entered
from core.tenancy.service import system_scope

_AT_ONCE = 8
"""Files held in memory at a time."""


def take_papers(session: Session, envelope: Envelope, papers: Sequence[tuple[str, str]]) -> list[str | None]:
    """Copy the sender's files, given by storage name and SHA-256 (hex), into the folder of the tenant in scope; the names here
    in their order, None where the sender's store has lost or altered one."""
    if not papers:
        return []
    there, names, rest = system_scope(envelope.peer, "relay"), [], iter(papers)
    while some := list(islice(rest, _AT_ONCE)):
        with entered(there):
            contents = [_proved(name, digest) for name, digest in some]
        stored = iter(store.put_all(session, [data for data in contents if data is not None]))
        names += [None if data is None else next(stored) for data in contents]
    return names


def _proved(name: str, digest: str) -> bytes | None:
    try:
        data = store.get(name)
    except NotFound:
        return None
    return data if hashlib.sha256(data).hexdigest() == digest.removeprefix("\\x") else None
