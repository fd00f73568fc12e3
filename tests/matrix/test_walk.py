"""A covering set of the table's cells through the running application: every route, every role, every role with every state."""

from __future__ import annotations

import re
import uuid
from collections.abc import Hashable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import text

from core.authorisation import Verdict
from core.db.session import reference_work
from core.host.manager import host
from core.identity.service import give_post
from core.web.pages.words import newest_workflows
from deploy.sample.generate import generate
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, Database
from tests.core.lines import LINES, PDF
from tests.matrix.cover import covering
from tests.matrix.declared import SAFE, Cell, Relation, application, cells, errands
from tests.matrix.expected import expected
from tests.matrix.world import Thing, World, filled
from tests.web.conftest import SINCE, Person, signed_in
from tests.web.county import Acting

FEW = 40
"""At least so many cells go on one request: the whole must not cost more than a minute or so."""
STATE_SAYS = "cannot make the step"
STATUS = {Verdict.NOT_FOUND: 404, Verdict.FORBIDDEN: 403, Verdict.CONFLICT: 409}
WORDS = {"note": "记录", "reason": "工作需要", "text": "已核实", "answer": "已核实", "title": "公示", "state": "explained",
         "decision": "approved", "kind": "identity_card", "field": "identity_number"}  # fmt: skip
"""What the forms of all pages ask for; each takes what it knows."""


def goals_of(cell: Cell) -> frozenset[Hashable]:
    """What trying a cell shows: an answer of a route and of what is tried there, a role seen from a relation, a role with a
    state."""
    errand, verdict = cell.errand, expected(cell)
    kind = errand.thing[0] if errand.thing else ""
    met: set[Hashable] = {
        ("route", errand.route.method, errand.route.path, verdict),
        ("variant", errand.variant, kind, errand.changes, verdict),
        ("role", cell.role, cell.seat.relation),
    }
    if errand.step and not cell.on:
        met.add(("line off", errand.variant, kind, verdict))
    if errand.thing and cell.seat.relation is Relation.OWN:
        met.add(("state", cell.role, *errand.thing))
    return frozenset(met)


def consumes(cell: Cell) -> bool:
    """Whether the cell changes what it is tried on."""
    return cell.errand.changes and expected(cell) is Verdict.ALLOWED


def _dear(cell: Cell) -> tuple[bool, bool, bool]:
    """What a cell costs: an object of its own, an answer with content, a page instead of a resource."""
    return consumes(cell), expected(cell) is Verdict.ALLOWED, not cell.errand.route.is_api


def chosen() -> list[Cell]:
    """The covering set, of what is cheap where there is a choice, ordered so that posts and lines change seldom."""
    everything = sorted(cells(errands()), key=_dear)
    taken = covering(everything, goals_of)
    return sorted(taken, key=lambda cell: (not cell.on, cell.role, cell.seat.home, consumes(cell)))


def smuggled() -> list[Cell]:
    """For each route that names an object, somebody of another county who might do it at home names this county's."""
    found: dict[tuple[str, str], Cell] = {}
    for cell in cells(errands()):
        errand, seat = cell.errand, cell.seat
        if errand.thing and cell.on and seat.home == seat.addressed == COUNTY and expected(cell) is Verdict.ALLOWED:
            away = replace(cell, seat=replace(seat, home=OTHER_COUNTY, addressed=OTHER_COUNTY))
            found.setdefault((errand.route.method, errand.route.path), away)
    return list(found.values())


@pytest.fixture(scope="module")
def roster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("roster"), counties=[COUNTY], households=40)[0]


@pytest.fixture
def client(db: Database) -> Iterator[TestClient]:
    """A browser before the application with the built-in lines alone; one loop for all its requests."""
    with TestClient(application(), follow_redirects=False) as opened:
        yield opened
    host.cache_clear()


class Walk:
    """One account that takes one seat after the other and does what the cells say."""

    def __init__(self, client: TestClient, db: Database, world: World) -> None:
        self._db, self._world = db, world
        self._who: Person = signed_in(client, "holder", role=None)
        self._seated: tuple[str, str] | None = None
        self._lines = (True, COUNTY)

    def go(self, cell: Cell) -> Response:
        """The answer to what the cell tries."""
        thing = self._thing(cell)
        lines = (cell.on, cell.seat.home)
        if self._lines != lines:
            # elsewhere lines stay on: the union above takes what is reported up
            self._world.owner("update tenant_plugin set enabled = :on or tenant <> :home", on=cell.on, home=cell.seat.home)
            self._lines = lines
        if self._seated != (cell.role, cell.seat.home):
            with self._db.owner.begin() as connection:
                connection.execute(text("delete from post where account_id = :id"), {"id": self._who.account_id})
            with reference_work() as session:
                give_post(session, self._who.account_id, cell.seat.home, cell.role, valid_from=SINCE)
            self._seated = (cell.role, cell.seat.home)
        return self._send(cell, thing)

    def _thing(self, cell: Cell) -> Thing:
        if cell.errand.thing is None:
            return Thing({})
        # of the level above only jobs are reached by whoever has his post there; all else stops at the right
        tenant = PREFECTURE if cell.seat.home == PREFECTURE and cell.errand.thing[0] == "job" else COUNTY
        alone = consumes(cell) and cell.seat.home != OTHER_COUNTY
        return (self._world.spare if alone else self._world.shared)(*cell.errand.thing, tenant)

    def _send(self, cell: Cell, thing: Thing) -> Response:
        errand, route = cell.errand, cell.errand.route
        if route.method in SAFE:
            address = url_of(cell, thing)
            query = {"workflow": errand.variant} if errand.variant else None
            return self._who.client.request(route.method, address, params=query)
        headers = {"X-CSRF-Token": self._who.csrf}
        if route.is_api:
            if thing.version:
                headers["If-Match"] = f'"{thing.version}"'
            return self._who.client.request(route.method, url_of(cell, thing), json=self._json(cell), headers=headers)
        data = {**WORDS, **thing.form, "version": str(thing.version), **self._form(cell)}
        files = {"paper": ("a.pdf", PDF, "application/pdf")} if route.path.endswith("/documents") else None
        return self._who.client.request(route.method, url_of(cell, thing), data=data, files=files, headers=headers)

    def _form(self, cell: Cell) -> dict[str, str]:
        path, variant = cell.errand.route.path, cell.errand.variant
        if path == "/{tenant}/jobs":
            return {"kind": variant, "year": "2025"}
        if path != "/{tenant}/cases/new":
            return {}
        flow = newest_workflows()[variant]
        household = str(self._world.household) if flow.needs_household else ""
        fields = {f"field.{name}": value for name, value in filled(flow).items()}
        return {**fields, "workflow": variant, "applicant": "李明", "household": household}

    def _json(self, cell: Cell) -> dict[str, Any]:
        path, variant = cell.errand.route.path, cell.errand.variant
        if path == "/api/v1/{tenant}/jobs":
            return {"kind": variant, "year": 2025}
        if path.endswith("/transitions/{code}"):
            return {"note": "记录"}
        if path != "/api/v1/{tenant}/cases":
            return {}
        flow = newest_workflows()[variant]
        party: dict[str, str] = {"role": "applicant", "label": "李明"}
        if flow.needs_household:
            party = {"role": "household", "household_id": str(self._world.household)}
        return {"plugin": flow.plugin, "workflow": variant, "parties": [party], "form": filled(flow)}


def url_of(cell: Cell, thing: Thing) -> str:
    """The address of a cell; a row that nobody has where it is done to nothing in particular."""
    named: dict[str, object] = {"tenant": cell.seat.addressed, "year": 2025, "code": cell.errand.variant, **thing.path}
    return re.sub(r"\{([^}]+)\}", lambda found: str(named.get(found[1], uuid.UUID(int=7))), cell.errand.route.path)


def fits(cell: Cell, answer: Response) -> bool:
    """Whether the answer is the expected one. What is allowed on an object is done; where the address names a row that nobody
    has, or the form is empty, whoever may is told so."""
    verdict, route = expected(cell), cell.errand.route
    if verdict is not Verdict.ALLOWED:
        return answer.status_code == STATUS[verdict]
    if _line_of(cell) - LINES:
        return answer.status_code not in {401, 403, 404} and answer.status_code < 500 and STATE_SAYS not in answer.text
    if cell.errand.thing is not None or cell.errand.variant:
        return answer.status_code in ({200} if route.method in SAFE else {200, 201, 204, 303})
    if route.names_a_row:
        return answer.status_code in ({404} if route.method in SAFE else {404, 422, 428})
    if route.method in SAFE:
        # a query that is needed and that nobody could guess is asked for
        return answer.status_code in {200, 422}
    return answer.status_code not in {401, 403} and answer.status_code < 500


def _line_of(cell: Cell) -> set[str]:
    """The service line whose cases a change is about. Lines other than the first four may ask for more than the walk has: with
    them it is enough that neither right nor state is in the way."""
    opened = newest_workflows().get(cell.errand.variant)
    flow = cell.errand.step[0] if cell.errand.step else opened
    return {flow.plugin} if flow is not None and cell.errand.changes else set()


@pytest.mark.slow
def test_a_covering_set_is_answered_by_the_application_as_the_table_says(
    client: TestClient, db: Database, acting: Acting, roster: Path
) -> None:
    taken = chosen()
    walk = Walk(client, db, World(db, acting, roster))
    elsewhere = [(cell, walk.go(cell)) for cell in smuggled()]
    assert [said(cell, answer) for cell, answer in elsewhere if answer.status_code != 404] == []
    wrong = [said(cell, answer) for cell in taken if not fits(cell, answer := walk.go(cell))]
    assert not wrong, "\n".join(map(str, wrong))


def said(cell: Cell, answer: Response) -> tuple[object, ...]:
    """A cell that went wrong, in short."""
    errand = cell.errand
    shown = re.search(r"没有办成：[^<]*", answer.text)
    words = shown[0] if shown else answer.text[:300] if errand.route.is_api else ""
    where = (errand.route.method, errand.route.path, errand.variant, errand.thing)
    return (cell.role, cell.seat.relation.value, cell.on, *where, expected(cell).value, answer.status_code, words)


def test_the_covering_set_covers() -> None:
    taken, everything = chosen(), list(cells(errands()))
    assert len(taken) * FEW < len(everything)
    assert {goal for cell in taken for goal in goals_of(cell)} == {goal for cell in everything for goal in goals_of(cell)}
    assert {cell.errand.route.path for cell in taken} == {cell.errand.route.path for cell in everything}
