"""Where others learn that an account or its posts changed: whoever keeps the same accounts elsewhere (an identity provider).

The core itself needs no such news. A part that does declares a handler of ``IDENTITY_CHANGED`` with ``on_topic``; from then on
each change leaves an item in the outbox, in its own transaction.
"""

from __future__ import annotations

import uuid
from typing import Literal

from sqlalchemy.orm import Session

from core.jobs.outbox import TOPICS, post

IDENTITY_CHANGED = "identity.changed"

What = Literal["account", "posts", "password", "sessions"]


def tell_changed(session: Session, account_id: uuid.UUID, what: What) -> None:
    """Leave word, in this transaction, that the account, its posts, its password or its sessions changed.

    The item names the account alone: how things stand is read when it is carried out, so late and double words do no harm.
    Where nobody listens nothing is written.
    """
    if IDENTITY_CHANGED in TOPICS:
        post(session, IDENTITY_CHANGED, {"account": str(account_id), "what": what})
