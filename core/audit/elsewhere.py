"""Aided in two counties: the province's question over the identity index; its answers reach the counties by envelope."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy.orm import Session

from core.audit.service import keep_findings
from core.exchange.envelopes import on_arrival, personal_content, seal_envelope
from core.exchange.identity_index import aided_twice
from core.exchange.marks import Aided, aided_among
from core.exchange.models import Envelope
from core.host.declarations import AuditCheckDecl, FindingDraft

KIND = "audit.aided_twice"


def _nothing_here(_session: Session, _year: int) -> list[FindingDraft]:
    """A county cannot see other counties' marks: this check's findings arrive by envelope."""
    return []


CHECK = AuditCheckDecl(
    "aided_in_two_counties",
    "同一人不得在两地重复受助",
    "nobody is aided in two counties",
    "critical",
    "domain 7.2, 10",
    _nothing_here,
)


def tell_both(session: Session, year: int) -> int:
    """In the province's scope: find everybody aided for the same matter in several tenants and tell each of these tenants.

    Each tenant gets one package with all that concerns it. Returns how many packages were sealed. Tenants recognise what
    they were told before by its fingerprint.
    """
    found: dict[str, list[dict[str, object]]] = defaultdict(list)
    for twice in aided_twice(session, year):
        for tenant in twice.tenants:
            found[tenant].append({"matter": twice.matter, "hash": twice.hash.hex(), "others": len(twice.tenants) - 1})
    for tenant, people in sorted(found.items()):
        seal_envelope(session, peer=tenant, kind=KIND, body={"year": year}, personal={"found": people})
    return len(found)


@on_arrival(KIND)
def _become_findings(session: Session, arrived: Envelope) -> None:
    year = int(arrived.body["year"])
    found = [(str(one["matter"]), bytes.fromhex(one["hash"]), int(one["others"])) for one in personal_content(arrived)["found"]]
    aided = aided_among(session, year, {(_programme(matter), digest) for matter, digest, _ in found})
    whom = [(matter, digest, others, aided.get((_programme(matter), digest))) for matter, digest, others in found]
    drafts = [
        FindingDraft(
            fingerprint=f"{matter}:{_named(digest, known)}",
            title=f"同一人在本地和其他 {others} 地同年受助",
            subject_kind="household",
            subject_id=known.household_id if known else None,
            detail={"matter": matter, "package": str(arrived.envelope_id)},
        )
        for matter, digest, others, known in whom
    ]
    keep_findings(session, CHECK, year, drafts)


def _named(digest: bytes, known: Aided | None) -> str:
    """The person by his id, which is the same at every installation. Of somebody who is erased there is the mark alone, which
    does not go along with a county."""
    return str(known.person_id) if known else digest.hex()[:32]


def _programme(matter: str) -> str:
    return matter.removeprefix("aided:")
