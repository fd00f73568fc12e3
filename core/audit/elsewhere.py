"""Aided in two counties: the province's question over the identity index; its answers reach the counties by envelope."""

from __future__ import annotations

from sqlalchemy.orm import Session

from core.audit.service import keep_findings
from core.exchange.envelopes import on_arrival, personal_content, seal_envelope
from core.exchange.identity_index import aided_twice
from core.exchange.marks import household_of
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

    Returns how many packages were sealed. Tenants recognise a repeated package by its fingerprint.
    """
    sealed = 0
    for twice in aided_twice(session, year):
        for tenant in twice.tenants:
            seal_envelope(
                session,
                peer=tenant,
                kind=KIND,
                body={
                    "year": year,
                    "matter": twice.matter,
                    "fingerprint": f"{twice.matter}:{twice.hash.hex()[:32]}",
                    "others": [other for other in twice.tenants if other != tenant],
                },
                personal={"hash": twice.hash.hex()},
            )
            sealed += 1
    return sealed


@on_arrival(KIND)
def _becomes_a_finding(session: Session, arrived: Envelope) -> None:
    body = arrived.body
    digest = bytes.fromhex(str(personal_content(arrived)["hash"]))
    household = household_of(session, digest, int(body["year"]), str(body["matter"]).removeprefix("aided:"))
    draft = FindingDraft(
        fingerprint=str(body["fingerprint"]),
        title=f"同一人在本地和其他 {len(body['others'])} 地同年受助",
        subject_kind="household",
        subject_id=household,
        detail={"matter": body["matter"], "package": str(arrived.envelope_id)},
    )
    keep_findings(session, CHECK, int(body["year"]), [draft])
