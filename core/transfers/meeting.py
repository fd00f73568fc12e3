"""Who of a package is here already, before anything of it is written: persons who came before or bear a number that is on file
here, and the files that hold them.

Nobody is merged by it. Whose key here is damaged is met as somebody new, beside the row that cannot be sealed for any more.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.db.statements import among, tenant_sql
from core.people.life.steps import ENDED
from core.people.models import Person, WorkerFile
from core.people.repository import files_of
from core.transfers.models import BroughtPerson
from core.transfers.packing import Package, members_today
from core.transfers.resealing import Resealer

_TWICE = """
select m.person_id::text as person, f.file_number from membership m
join worker_file f on f.tenant = m.tenant and f.household_id = m.household_id
where m.tenant = :tenant and m.person_id = any (:persons) and f.status <> all (:ended)
"""


class Meeting:
    """What a package and this county have in common. Ids are texts, as the package holds them."""

    def __init__(self, session: Session, peer: str, package: Package, reseal: Resealer) -> None:
        self._session = session
        self._peer = peer
        self._package = package
        self._reseal = reseal
        self.new: dict[str, str] = {}
        """Id there to id here."""
        self.known: set[str] = set()
        """Persons (id there) who came with an earlier package."""
        self.returned: list[str] = []
        """Persons (id there) who have a row here, but no file that is alive."""
        self.apart: dict[str, str] = {}
        """Persons (id there) who have a row here whose key is damaged, with its id."""
        self.twice: dict[str, set[str]] = {}
        """Persons (id there) whose identity number is on file here, with the numbers of those files."""
        self.members: dict[str, set[str]] = {}
        """Persons (id there) who came before and belong to files here today, with the numbers of those files."""
        self.here_already: dict[str, set[str]] = defaultdict(set)
        """Households (id there) with the numbers of files here that hold one of them."""

    def find(self) -> None:
        """Ask for all of it: a fixed number of statements."""
        self._meet()
        self._find_members()
        self._find_twice()
        self._find_files_here()

    def _meet(self) -> None:
        """Persons who came before; whoever was erased here since, or whose key is damaged, comes anew."""
        there = [row["id"] for row in self._package.of("person")]
        found = self._session.execute(
            select(BroughtPerson.peer_person_id, Person.id, Person.wrapped_key)
            .join(Person, (Person.tenant == BroughtPerson.tenant) & (Person.id == BroughtPerson.person_id))
            .where(BroughtPerson.peer == self._peer, among(BroughtPerson.peer_person_id, map(uuid.UUID, there)))
            .where(Person.erased_at.is_(None))
        )
        for peer_person, person, wrapped in found:
            if not self._reseal.meet(person, wrapped):
                self.apart[str(peer_person)] = str(person)
                continue
            self.new[str(peer_person)] = str(person)
            self.known.add(str(peer_person))

    def _find_twice(self) -> None:
        plain = self._package.plain["person"]
        numbers = {there: found["identity_cipher"] for there, found in plain.items() if "identity_cipher" in found}
        by_token = self._reseal.identity_tokens(numbers.values())
        rows = self._session.execute(
            tenant_sql(
                "select id, wrapped_key, identity_token from person where tenant = :tenant and identity_token = any (:tokens)"
            ),
            {"tokens": list(by_token)},
        ).all()
        if not rows:
            return
        here = {by_token[bytes(row.identity_token)]: row for row in rows}
        files: dict[str, set[str]] = defaultdict(set)
        for row in self._session.execute(tenant_sql(_TWICE), {"persons": [row.id for row in rows], "ended": sorted(ENDED)}):
            files[row.person].add(row.file_number)
        for there, number in numbers.items():
            if number not in here:
                continue
            person = here[number]
            if there in self.known and self.new[there] == str(person.id):
                continue  # the row to which the number leads: asked for by itself above
            if files[str(person.id)]:
                self.twice[there] = files[str(person.id)]
            elif there in self.known:
                continue
            elif self._reseal.meet(person.id, person.wrapped_key):
                # somebody who comes back, or was only ever in files that are closed here: one person, one row
                self.new[there] = str(person.id)
                self.returned.append(there)
            else:
                self.apart[there] = str(person.id)

    def _find_members(self) -> None:
        """Files here of those who came before: since then somebody may have put them on file."""
        there_of = {self.new[there]: there for there in self.known} | {here: there for there, here in self.apart.items()}
        here = list(map(uuid.UUID, there_of))
        alive = select(WorkerFile.worker_id, WorkerFile.file_number).where(WorkerFile.status.not_in(ENDED))
        for person, numbers in files_of(self._session, here).items():
            self.members.setdefault(there_of[str(person)], set()).update(numbers)
        for worker, number in self._session.execute(alive.where(among(WorkerFile.worker_id, here))):
            self.members.setdefault(there_of[str(worker)], set()).add(number)

    def _find_files_here(self) -> None:
        """Files here that hold one of a household's persons already: anybody who was ever a member counts where the number is
        on file, today's members where somebody came before."""
        workers = {(row["household_id"], row["worker_id"]) for row in self._package.of("worker_file")}
        ever = {(row["household_id"], row["person_id"]) for row in self._package.of("membership")} | workers
        for people, files in ((ever, self.twice), (members_today(self._package) | workers, self.members)):
            for home, person in people:
                self.here_already[home] |= files.get(person, set())

    def leave_apart(self, tokens_here: Collection[bytes | None]) -> None:
        """Have numbers lead no more to rows whose keys are damaged, as far as they lead to persons who come now."""
        if not self.apart:
            return
        left = among(Person.id, map(uuid.UUID, self.apart.values()))
        taken = Person.identity_token.in_([token for token in tokens_here if token is not None])
        self._session.execute(update(Person).where(left, taken).values(identity_token=None))
