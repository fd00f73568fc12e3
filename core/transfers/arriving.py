"""The receiver's side of a transfer (转入): a package becomes rows of this county, once, in the transaction of its delivery.

Everything is written for the whole package at a time. Who is known here by the identity number is not merged: the household
that comes is marked as one that may be here twice, and stays a draft until somebody has looked. Whose key here is damaged comes
as a person of his own: the file there is closed already, and what it brings can be sealed under a new key alone.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.cases.models import Case, CaseStep, Deadline, Party
from core.cases.workflows import workflow_named
from core.centre.numbering import draw
from core.db.base import Base, new_id
from core.db.bulk import insert_rows
from core.db.statements import among
from core.documents.models import Document
from core.exchange.envelopes import on_arrival, personal_content, seal_reply
from core.exchange.identity_index import ON_FILE, mark
from core.exchange.models import Envelope
from core.exchange.papers import take_papers
from core.funds.models import Occurrence
from core.people.changes.models import PersonCorrection
from core.people.employers.models import Employer
from core.people.life.models import Consent, FileStep
from core.people.life.steps import OPENING
from core.people.models import Household, HouseholdFact, Membership, Person, PersonFact, SearchToken, WorkerFile
from core.scope import current_scope
from core.tenancy.keys import tokens
from core.text.normalise import fold
from core.trail.service import record
from core.transfers.departing import ARRIVED, PACKAGE
from core.transfers.meeting import Meeting
from core.transfers.models import BroughtCase, BroughtPerson, HouseholdTransfer
from core.transfers.packing import Package, Row, unpacked
from core.transfers.resealing import Resealer

POINTING = ("household_id", "person_id", "guardian_id", "worker_id", "case_id", "subject_id")
"""Columns of what travels that point at other rows: they are found here anew."""
LEFT_BEHIND = ("import_id", "determination_id", "grant_id", "employer_id", "document_id")
"""Those whose target stays with the giver."""


@on_arrival(PACKAGE)
def _arrive(session: Session, envelope: Envelope) -> None:
    content = personal_content(envelope)
    arrival = _Arrival(session, envelope, unpacked(content), str(content["reason"]))
    arrival.write()
    numbers = {transfer: arrival.file_numbers[home] for home, transfer in arrival.transfers.items()}
    seal_reply(session, peer=envelope.peer, kind=ARRIVED, body={"numbers": numbers}, in_reply_to=envelope.envelope_id)
    envelope.body_cipher = None  # it stands in this county's rows now, and nobody needs it twice
    envelope.acknowledged_on = current_scope().business_date


class _Arrival:
    """One package on its way into the rows of the tenant in scope. Ids are texts, as the package holds them."""

    def __init__(self, session: Session, envelope: Envelope, package: Package, reason: str) -> None:
        self._session = session
        self._reason = reason
        self._envelope = envelope
        self._package = package
        self._reseal = Resealer(session)
        self._met = Meeting(session, envelope.peer, package, self._reseal)
        self._new = self._met.new
        self._came_as = {row["household_id"]: row["status"] for row in package.of("worker_file")}
        self.transfers = {row["household_id"]: row["transfer_id"] for row in package.of("transfer")}
        self.file_numbers: dict[str, str] = {}

    def write(self) -> None:
        """Write all of it."""
        self._met.find()
        for row in (*self._package.of("household"), *self._package.of("case_record")):
            self._new[row["id"]] = str(new_id())
        self._number_files()
        self._write_people()
        self._write_households()
        self._write_cases()
        self._write_tokens()
        self._end_transfers(self._write_papers())

    def _number_files(self) -> None:
        """New numbers for the files, by the pattern that holds here."""
        year, wanted = current_scope().business_date.year, [row["household_id"] for row in self._package.of("worker_file")]
        self.file_numbers = dict(zip(wanted, draw(self._session, "file", year, len(wanted)), strict=True))

    def _here(self, row: Row, *, keep_id: bool = False) -> Row:
        """A row as it stands here: what it points at is found here or left out, and it has an id of its own."""
        moved = {name: None if name in LEFT_BEHIND else value for name, value in row.items() if name not in ("tenant", "at")}
        moved |= {name: self._new.get(row[name]) if row[name] else None for name in POINTING if name in row}
        return moved | {"id": self._new[row["id"]] if keep_id else str(new_id())}

    def _write_people(self) -> None:
        plain, rows, brought = self._package.plain["person"], [], []
        holders = self._holders()
        for row in self._package.of("person"):
            if row["id"] in self._met.known:
                continue
            if row["id"] in self._met.returned:
                brought.append(self._brought(row["id"]))
                continue
            made = self._reseal.person({name: value for name, value in row.items() if name != "tenant"}, plain.get(row["id"]))
            if row["id"] in self._met.twice or row["id"] in self._met.members or row["id"] not in holders:
                made["identity_token"] = None  # unique here, and another's until somebody has looked
            self._new[row["id"]] = made["id"]
            rows.append(made)
            brought.append(self._brought(row["id"]))
        self._met.leave_apart({row["identity_token"] for row in rows})
        insert_rows(self._session, Person, rows)
        insert_rows(self._session, BroughtPerson, brought, keep_former=True)
        insert_rows(self._session, PersonFact, self._all("person_fact"), keep_former=True)
        insert_rows(self._session, PersonCorrection, self._corrections())
        numbers = (plain[one]["identity_cipher"] for one in self._package.present if "identity_cipher" in plain.get(one, {}))
        mark(
            self._session,
            [tokens().identity_index_hash(number) for number in numbers],
            current_scope().business_date.year,
            ON_FILE,
        )

    def _corrections(self) -> list[Row]:
        """What was put right of those who are new here, sealed under their keys here; of the others it came before."""
        plain, had = self._package.plain.get("person_correction", {}), self._met.known.union(self._met.returned)
        rows = [row for row in self._package.of("person_correction") if row["person_id"] not in had]
        return [
            self._here(row) | self._reseal.columns("person_correction", self._new[row["person_id"]], plain.get(row["id"], {}))
            for row in rows
        ]

    def _employers_here(self) -> dict[str, str]:
        """The employer here of each there, by the credit code."""
        code_of = {row["credit_code"]: row["id"] for row in self._package.of("employer") if row["credit_code"]}
        found = self._session.execute(select(Employer.credit_code, Employer.id).where(Employer.credit_code.in_(list(code_of))))
        return {code_of[code]: str(one) for code, one in found}

    def _holders(self) -> set[str]:
        """To whom of the package a number leads, where two rows there bear the same: to whoever belongs to a household."""
        plain, present = self._package.plain["person"], set(self._package.present)
        ids = sorted((row["id"] for row in self._package.of("person")), key=lambda one: (one not in present, one))
        first: dict[str, str] = {}
        for one in ids:
            first.setdefault(plain.get(one, {}).get("identity_cipher", one), one)
        return set(first.values())

    def _brought(self, there: str) -> Row:
        return {"peer": self._envelope.peer, "peer_person_id": there, "person_id": self._new[there]}

    def _all(self, table: str) -> list[Row]:
        return [self._here(row) for row in self._package.of(table)]

    def _write_households(self) -> None:
        plain, worker_of = self._package.plain, {r["household_id"]: r["worker_id"] for r in self._package.of("worker_file")}
        homes = []
        for row in self._package.of("household"):
            worker = worker_of.get(row["id"])
            owner = self._new[worker] if worker else None
            sealed = self._reseal.columns("household", owner, plain["household"].get(row["id"], {}))
            homes.append(self._here(row, keep_id=True) | sealed)
        employers = self._employers_here()
        files = [
            self._file(row) | {"employer_id": employers.get(row["employer_id"])} for row in self._package.of("worker_file")
        ]
        occurrences = [self._here(row) | {"former_tenant": self._envelope.peer} for row in self._package.of("grant_occurrence")]
        tables: tuple[tuple[type[Base], list[Row]], ...] = (
            (Household, homes),
            (Membership, self._all("membership")),
            (WorkerFile, files),
            (HouseholdFact, self._all("household_fact")),
            (FileStep, self._all("file_step")),
            (Consent, self._all("consent")),
        )
        for table, rows in tables:
            insert_rows(self._session, table, rows)
        insert_rows(self._session, Occurrence, occurrences, keep_former=True)

    def _file(self, row: Row) -> Row:
        sealed = self._reseal.columns(
            "worker_file", self._new[row["worker_id"]], self._package.plain["worker_file"].get(row["id"], {})
        )
        new = {"file_number": self.file_numbers[row["household_id"]], "version": 1}
        new |= dict.fromkeys(("import_key", "township", "pinyin"))
        if row["status"] in OPENING or (self._met.here_already[row["household_id"]] and row["status"] == "on_file"):
            new["status"] = "draft"
        return self._here(row) | sealed | new

    def _write_cases(self) -> None:
        found = self._package.of("case_record")
        if not found:
            return
        by_prefix: dict[str, list[Row]] = defaultdict(list)
        for row in found:
            by_prefix[workflow_named(row["workflow"]).number_prefix].append(row)
        day = current_scope().business_date
        cases, brought, steps = [], [], self._all("case_step")
        for prefix, rows in sorted(by_prefix.items()):
            numbers = draw(self._session, "case", day.year, len(rows), line=prefix)
            for row, number in zip(rows, numbers, strict=True):
                new = {
                    "number": number,
                    "assigned_to": None,
                    "opening_key": f"moved:{row['id']}",
                    "outside_state": None,
                    "version": 1,
                }
                case = self._here(row, keep_id=True) | new
                cases.append(case)
                brought.append(
                    {"peer": self._envelope.peer, "peer_number": row["number"], "case_id": case["id"], "arrived_on": day}
                )
        insert_rows(self._session, Case, cases)
        insert_rows(self._session, Party, self._all("party"))
        insert_rows(self._session, CaseStep, steps)
        insert_rows(self._session, Deadline, self._all("deadline"))
        insert_rows(self._session, BroughtCase, brought)
        for row in brought:
            fields = {"peer": row["peer"], "peer_number": row["peer_number"]}
            record(self._session, "case.arrived", "case", uuid.UUID(str(row["case_id"])), fields)
        self._package.rows["new_case"] = cases

    def _write_papers(self) -> set[str]:
        """Bring the files over, sealed anew; the households and cases (ids there) of which the sender's store has lost one."""
        papers, rows, missing = self._package.papers(), [], set()
        for (row, _), paper in zip(papers, take_papers(self._session, self._envelope, [one for _, one in papers]), strict=True):
            if paper is None:
                missing.add(row["household_id"] or row["case_id"])
            else:
                rows.append(self._here(row) | asdict(paper))
        insert_rows(self._session, Document, rows)
        return missing

    def _write_tokens(self) -> None:
        had = self._met.known.union(self._met.returned)
        rows = [self._here(row) for row in self._package.of("search_token") if row["subject_id"] not in had]
        for row in self._package.of("worker_file"):
            number = self.file_numbers[row["household_id"]]
            rows.append(_token(number, "person", self._new[row["worker_id"]]))
        rows += [_token(row["number"], "case", row["id"]) for row in self._package.of("new_case")]
        # A number that is kept finds the same person as before, and a token is there once.
        insert_rows(self._session, SearchToken, [row | {"handlers": None} for row in rows], keep_former=True)

    def _end_transfers(self, missing: set[str]) -> None:
        scope = current_scope()
        agreed = set(
            self._session.scalars(
                update(HouseholdTransfer)
                .where(
                    HouseholdTransfer.direction == "in",
                    among(HouseholdTransfer.transfer_id, map(uuid.UUID, self.transfers.values())),
                )
                .values(state="arrived")
                .returning(HouseholdTransfer.transfer_id)
            )
        )
        former = {row["household_id"]: row["file_number"] for row in self._package.of("worker_file")}
        rows = []
        for home, transfer in self.transfers.items():
            history: dict[str, Any] = dict(self._package.history.get(home, {}))
            history["status"] = self._came_as[home]
            if home in missing:
                history["missing_papers"] = True
            told = {
                "transfer_id": transfer,
                "household_id": self._new[home],
                "file_number": self.file_numbers[home],
                "peer_household_id": home,
                "peer_file_number": former[home],
                "package_id": self._envelope.envelope_id,
                "ended_on": scope.business_date,
                "history": history,
                "twice": sorted(self._met.here_already[home]),
            }
            rows.append(told)
            fields = {"peer": self._envelope.peer, "package": self._envelope.envelope_id, "twice": bool(told["twice"])}
            if self._met.apart:
                fields["damaged_here"] = sorted(self._met.apart.values())
            record(self._session, "household.arrived", "household", uuid.UUID(self._new[home]), fields)
        begun = {
            "direction": "in",
            "peer": self._envelope.peer,
            "state": "arrived",
            "reason": self._reason,
            "begun_by": scope.actor,
            "begun_on": self._envelope.sealed_on,
        }
        insert_rows(
            self._session, HouseholdTransfer, [begun | row for row in rows if uuid.UUID(row["transfer_id"]) not in agreed]
        )
        self._finish_agreed([row for row in rows if uuid.UUID(row["transfer_id"]) in agreed])

    def _finish_agreed(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Complete transfers that this county had accepted beforehand; they come one by one."""
        for row in rows:
            columns = {name: value for name, value in row.items() if name != "transfer_id"}
            self._session.execute(
                update(HouseholdTransfer)
                .where(HouseholdTransfer.direction == "in", HouseholdTransfer.transfer_id == uuid.UUID(str(row["transfer_id"])))
                .values(**columns)
            )


def _token(word: str, kind: str, subject: str) -> Row:
    return {"token": fold(word), "subject_kind": kind, "subject_id": subject}
