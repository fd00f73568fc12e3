"""Third door: envelopes (移交包). A sealed package is written in the sender's scope and delivered in the receiver's by the
relay; each side keeps rows of its own.

What an envelope of a kind does on arrival is stated with ``on_arrival``; it runs in the receiver's scope, in the transaction
of the delivery. What becomes of one that cannot arrive, because its receiver has closed and nobody took over, or is left for
reading (it has moved to another installation), is stated with ``on_return``; it runs in the sender's scope.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from core.db.base import new_id
from core.db.session import unit_of_work
from core.db.statements import among
from core.errors import Conflict, InvalidInput, NotFound
from core.exchange.models import Envelope
from core.jobs.outbox import on_topic, post
from core.scope import current_scope, entered
from core.settings import settings
from core.tenancy.models import Tenant
from core.tenancy.service import reached_at, system_scope, tenant_named
from core.trail.service import record
from core.vault.ciphers import AES_256_GCM, open_sealed, seal
from core.vault.key_file import InstallationKey, load_installation_key

TOPIC = "envelope"

Arrival = Callable[[Session, Envelope], None]
_arrivals: dict[str, Arrival] = {}
_returns: dict[str, Arrival] = {}
UNDELIVERED_ZH: Final = "接收单位已撤并或迁出，没有可送达的单位，已退回本单位"
"""Why a package came back, as a person reads it."""
UNHEARD_ZH: Final = "对方单位已撤并或迁出，答复未能送达。仍需告知的，请线下联系承接其工作的单位或上级工会"
"""Of an answer of which the other side never heard, and what to do."""


def on_arrival(kind: str) -> Callable[[Arrival], Arrival]:
    """Have the decorated function run in the receiver's scope when an envelope of ``kind`` arrives."""

    def keep(function: Arrival) -> Arrival:
        _arrivals[kind] = function
        return function

    return keep


def on_return(kind: str) -> Callable[[Arrival], Arrival]:
    """Have the decorated function run in the sender's scope when an envelope of ``kind`` cannot arrive: its receiver closed
    before and nobody else took over, or it takes no writes any more. What is sealed in it can still be opened, for the last
    time."""

    def keep(function: Arrival) -> Arrival:
        _returns[kind] = function
        return function

    return keep


def _key(envelope_id: uuid.UUID, sender: str, receiver: str) -> bytes:
    return _derived(load_installation_key(settings().installation_key_file), envelope_id, sender, receiver)


def _derived(installation: InstallationKey, envelope_id: uuid.UUID, sender: str, receiver: str) -> bytes:
    return installation.derive(f"envelope {envelope_id} {sender} {receiver}")


def seal_envelope(
    session: Session,
    *,
    peer: str,
    kind: str,
    body: Mapping[str, Any],
    personal: Mapping[str, Any] | None = None,
    case_id: uuid.UUID | None = None,
    in_reply_to: uuid.UUID | None = None,
) -> Envelope:
    """Seal a package for ``peer`` in the scope of the sender; the relay delivers it after the commit.

    ``body`` holds no personal data; ``personal`` is encrypted. A former code of the peer's is as good as its own. Raises
    ``NotFound`` where there is no such tenant, ``InvalidInput`` for the tenant in scope.
    """
    scope = current_scope()
    peer = tenant_named(session, peer).code
    if peer == scope.tenant:
        raise InvalidInput("不能发给本单位", "nothing is sent to oneself", where="peer")
    envelope_id = new_id()
    cipher = None
    if personal is not None:
        text = json.dumps(personal, ensure_ascii=False, sort_keys=True).encode()
        cipher = seal(AES_256_GCM, _key(envelope_id, scope.tenant, peer), text, envelope_id.bytes)
    envelope = Envelope(
        envelope_id=envelope_id,
        direction="out",
        peer=peer,
        kind=kind,
        in_reply_to=in_reply_to,
        state="sealed",
        case_id=case_id,
        body=dict(body),
        body_cipher=cipher,
        sealed_on=scope.business_date,
    )
    session.add(envelope)
    post(session, TOPIC, {"envelope": str(envelope_id)})
    session.flush()
    record(session, "envelope.sealed", "envelope", envelope.id, {"kind": kind, "peer": peer, "package": envelope_id})
    return envelope


def seal_reply(
    session: Session,
    *,
    peer: str,
    kind: str,
    body: Mapping[str, Any],
    personal: Mapping[str, Any] | None = None,
    in_reply_to: uuid.UUID | None,
) -> Envelope | None:
    """``seal_envelope`` for words that only answer or end something: None where ``peer`` has closed, or is left for reading,
    and nobody else is there to hear them."""
    if reached_at(session, peer) in (None, current_scope().tenant):
        return None
    return seal_envelope(session, peer=peer, kind=kind, body=body, personal=personal, in_reply_to=in_reply_to)


def unheard(session: Session, kind: str, answered: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those of ``answered``, packages that were answered here by words of ``kind``, of whose last answer the other side never
    heard: it had closed before, or the answer came back."""
    sent = select(Envelope.in_reply_to, Envelope.state).where(
        Envelope.direction == "out", Envelope.kind == kind, among(Envelope.in_reply_to, answered)
    )
    states = dict(session.execute(sent.order_by(Envelope.id)).all())
    return {one for one in answered if states.get(one, "undelivered") == "undelivered"}


def passed_on(
    sealed: bytes, envelope_id: uuid.UUID, sender: str, receiver: str, old: InstallationKey, new: InstallationKey
) -> bytes:
    """The personal content of an envelope as another installation stores it; raises ``SealBroken``."""
    text = open_sealed(_derived(old, envelope_id, sender, receiver), sealed, envelope_id.bytes)
    return seal(AES_256_GCM, _derived(new, envelope_id, sender, receiver), text, envelope_id.bytes)


def personal_content(envelope: Envelope) -> dict[str, Any]:
    """The decrypted personal content of an envelope that the tenant in scope sent or received."""
    if envelope.body_cipher is None:
        return {}
    own = current_scope().tenant
    sender, receiver = (own, envelope.peer) if envelope.direction == "out" else (envelope.peer, own)
    key = _key(envelope.envelope_id, sender, receiver)
    content: dict[str, Any] = json.loads(open_sealed(key, envelope.body_cipher, envelope.envelope_id.bytes))
    return content


@on_topic(TOPIC)
def _carry(_session: Session, payload: Mapping[str, Any]) -> None:
    deliver(current_scope().tenant, payload)


def deliver(tenant: str, payload: Mapping[str, Any]) -> None:
    """Carry one sealed package from ``tenant`` to its peer; safe to run twice.

    First the receiver's transaction (its own row and what the arrival does), then the sender's mark: killed in between, the
    next run finds the receiver's row and only marks.
    """
    envelope_id = uuid.UUID(str(payload["envelope"]))
    with entered(system_scope(tenant, "relay")) as sender_scope:
        with unit_of_work() as session:
            sent = _one(session, envelope_id, "out")
            if sent.state != "sealed":
                return
            if not _readdress(session, sent):
                _give_back(session, sent)
                return
            facts = {
                "envelope_id": sent.envelope_id,
                "kind": sent.kind,
                "in_reply_to": sent.in_reply_to,
                "body": sent.body,
                "body_cipher": sent.body_cipher,
                "sealed_on": sent.sealed_on,
            }
            peer = sent.peer
        with entered(system_scope(peer, "relay", closed=True)) as receiver_scope, unit_of_work() as session:
            arrived = session.scalar(select(Envelope).where(Envelope.envelope_id == envelope_id, Envelope.direction == "in"))
            if arrived is None:
                _refuse_after_closing(session, peer)
                arrived = Envelope(
                    **facts,
                    direction="in",
                    peer=sender_scope.tenant,
                    state="delivered",
                    delivered_on=receiver_scope.business_date,
                )
                session.add(arrived)
                session.flush()
                record(session, "envelope.arrived", "envelope", arrived.id, {"kind": arrived.kind, "peer": tenant})
                arrival = _arrivals.get(arrived.kind)
                if arrival is not None:
                    arrival(session, arrived)
        with unit_of_work() as session:
            sent = _one(session, envelope_id, "out")
            if sent.state == "sealed":
                sent.state = "delivered"
                sent.delivered_on = current_scope().business_date


def hold_arrivals(session: Session, tenant: str) -> None:
    """Until the end of the transaction nothing arrives at ``tenant``; what is under way is waited for. For whoever compares
    what is there and closes it."""
    session.execute(select(func.pg_advisory_xact_lock(_arrivals_at(tenant))).where(Tenant.code == tenant))


def _refuse_after_closing(session: Session, receiver: str) -> None:
    """Raise ``Conflict`` where the receiver has closed since its scope was opened: the next try goes to whoever took over."""
    session.execute(select(func.pg_advisory_xact_lock_shared(_arrivals_at(receiver))).where(Tenant.code == receiver))
    if reached_at(session, receiver) != receiver:
        raise Conflict("接收单位刚刚关闭，将改送承接单位", "the receiver has closed since", where=receiver)


def _arrivals_at(tenant: str) -> ColumnElement[int]:
    return func.hashtextextended(f"arrivals/{tenant}", 0)


def _readdress(session: Session, sent: Envelope) -> bool:
    """Send a package on whose receiver has closed since it was sealed: to the tenant that took over, sealed for that one.
    False where nobody did, or the sender itself, or where the receiver is left for reading; and for words on a package that
    another tenant sent or received: whoever took over knows nothing of it."""
    heir = reached_at(session, sent.peer)
    if _meant_for(session, sent) not in (None, heir):
        heir = None
    if heir == sent.peer:
        return True
    former, sender = sent.peer, current_scope().tenant
    with entered(system_scope(former, "relay", closed=True)), unit_of_work() as there:
        if there.scalar(select(Envelope.id).where(Envelope.envelope_id == sent.envelope_id, Envelope.direction == "in")):
            return True  # it arrived before that one closed, and only the mark is missing
    if heir is None or heir == sender:
        return False
    if sent.body_cipher is not None:
        content = open_sealed(_key(sent.envelope_id, sender, former), sent.body_cipher, sent.envelope_id.bytes)
        sent.body_cipher = seal(AES_256_GCM, _key(sent.envelope_id, sender, heir), content, sent.envelope_id.bytes)
    sent.peer = heir
    session.flush()
    record(session, "envelope.readdressed", "envelope", sent.id, {"kind": sent.kind, "peer": heir, "former": former})
    return True


def _meant_for(session: Session, sent: Envelope) -> str | None:
    """The tenant that sent or received the package to which ``sent`` answers; None where it answers none, or where that one is
    on its way still, so that it may go to another."""
    about = select(Envelope.peer).where(Envelope.envelope_id == sent.in_reply_to, Envelope.state != "sealed")
    return None if sent.in_reply_to is None else session.scalar(about)


def _give_back(session: Session, sent: Envelope) -> None:
    """End a package that cannot arrive: what it stood for is undone here or says so, and nothing of it is kept twice."""
    sent.state, sent.acknowledged_on = "undelivered", current_scope().business_date
    session.flush()
    record(session, "envelope.undelivered", "envelope", sent.id, {"kind": sent.kind, "peer": sent.peer})
    back = _returns.get(sent.kind)
    if back is not None:
        back(session, sent)
    sent.body_cipher = None


def _one(session: Session, envelope_id: uuid.UUID, direction: str) -> Envelope:
    found = session.scalar(
        select(Envelope).where(Envelope.envelope_id == envelope_id, Envelope.direction == direction).with_for_update()
    )
    if found is None:
        raise NotFound("没有该移交包", "no such envelope", where=str(envelope_id))
    return found


def envelopes(session: Session, direction: str, *, kind: str | None = None, limit: int = 100) -> list[Envelope]:
    """The newest envelopes of the tenant in scope, received (``in``) or sent (``out``)."""
    wanted = select(Envelope).where(Envelope.direction == direction).order_by(Envelope.id.desc()).limit(limit)
    if kind is not None:
        wanted = wanted.where(Envelope.kind == kind)
    return list(session.scalars(wanted))
