"""A covering set of the table's cells through the running application: every route, every role, every role with every state of
what it may come to."""

from __future__ import annotations

import re
import uuid
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import text

from core.authorisation import Verdict
from core.cases.handler_changes import CHANGE
from core.db.session import reference_work
from core.host.manager import host
from core.identity.grants import POST
from core.identity.service import give_post
from core.identity.staff import ACCOUNT
from core.web.pages.words import newest_workflows
from deploy.sample.generate import generate
from tenants.switching import SWITCHED
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, Database
from tests.core.lines import LINES, PDF
from tests.matrix.cover import covering
from tests.matrix.declared import ALIKE, SAFE, SWITCHING, Cell, Relation, application, cells, errands
from tests.matrix.expected import expected, rights_of
from tests.matrix.ground import Thing
from tests.matrix.world import World, filled
from tests.web.conftest import SINCE, Person, signed_in
from tests.web.county import Acting

FEW = 40
"""At least so many cells go on one request: the whole must not cost more than a minute or so."""
STATE_SAYS, GUARDS_SAY = "cannot make the step", "guards_not_met"
"""How a page refuses a step for the state, and a resource one whose conditions are not met."""
STATUS = {Verdict.NOT_FOUND: 404, Verdict.FORBIDDEN: 403, Verdict.CONFLICT: 409}
WORDS = {"note": "记录", "reason": "工作需要", "text": "已核实", "answer": "已核实", "title": "公示", "state": "explained",
         "decision": "approved", "kind": "identity_card", "field": "identity_number", "outcome": "agreed"}  # fmt: skip
"""What the forms of all pages ask for; each takes what it knows."""


Judged = tuple[Verdict, Cell]
BODIES: dict[str, dict[str, Any]] = {
    "/api/v1/{tenant}/handler-changes/{change_id}/decision": {"agreed": True},
    "/api/v1/{tenant}/opening-balances/{balance_id}/decision": {"confirmed": False},
    "/api/v1/{tenant}/staff": {"login": "somebody", "role": "nobodys", "reason": "工作需要"},
    "/api/v1/{tenant}/staff/{account_id}/posts": {"role": "nobodys", "reason": "工作需要"},
    "/api/v1/{tenant}/access-review": {"posts": []},
    "/api/v1/{tenant}/imports/{import_id}/choices": {"decided": [], "taken": []},
    "/api/v1/{tenant}/imports/{import_id}/columns": {"columns": {}},
}
"""What is sent to resources that look at the body before they look for the tenant or the row that is named."""


NOBODYS = "519999"
"""The code of a tenant that there is not."""


def goals_of(judged: Judged) -> frozenset[Hashable]:
    """What trying a cell shows: an answer of a route and of what is tried there, a role seen from a relation, a role with a
    state."""
    verdict, cell = judged
    errand = cell.errand
    kind = errand.thing[0] if errand.thing else ""
    met: set[Hashable] = {
        ("route", errand.route.method, errand.route.path, verdict),
        ("variant", errand.variant, kind, errand.changes, verdict),
        ("role", cell.role, cell.seat.relation),
    }
    if cell.seat.of is not None:
        met.add(("of", errand.route.method, errand.route.path, cell.seat.relation, verdict))
    if errand.step and not cell.on:
        met.add(("line off", errand.variant, kind, verdict))
    if errand.thing and cell.seat.relation is Relation.OWN:
        # whoever is refused at the door is so whatever the state: once for each kind
        at_the_door = not errand.route.permissions <= rights_of(cell.role, cell.on)
        state = "refused" if at_the_door else errand.thing[1]
        met.add(("state", cell.role, kind.split(":")[0] if kind.startswith(CHANGE.code) else kind, state))
        if verdict is Verdict.NOT_FOUND:
            met.add(("line not read", cell.role, errand.route.method, errand.route.path))
    return frozenset(met)


def consumes(cell: Cell) -> bool:
    """Whether the cell changes what it is tried on."""
    return cell.errand.changes and expected(cell) is Verdict.ALLOWED


def _dear(judged: Judged) -> tuple[bool, bool, bool]:
    """What a cell costs: an object of its own, an answer with content, a page instead of a resource."""
    verdict, cell = judged
    allowed = verdict is Verdict.ALLOWED
    return cell.errand.changes and allowed, allowed, not cell.errand.route.is_api


@lru_cache(maxsize=1)
def everything() -> Sequence[Judged]:
    """All cells with what is expected of each, the cheap ones first."""
    return sorted(((expected(cell), cell) for cell in cells(errands())), key=_dear)


@lru_cache(maxsize=1)
def chosen() -> Sequence[Cell]:
    """The covering set, of what is cheap where there is a choice, ordered so that posts and lines change seldom."""
    taken = [cell for _, cell in covering(everything(), goals_of)]
    return sorted(taken, key=lambda cell: (not cell.on, cell.role, cell.seat.home, consumes(cell)))


def smuggled() -> list[Cell]:
    """For each route that names a tenant's object, somebody of another county who might do it at home names this county's."""
    found: dict[tuple[str, str], Cell] = {}
    for verdict, cell in everything():
        errand, seat = cell.errand, cell.seat
        named = errand.thing is not None and errand.thing[0] not in ALIKE
        if named and cell.on and seat.home == seat.addressed == COUNTY and verdict is Verdict.ALLOWED:
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

    @property
    def account(self) -> uuid.UUID:
        """Who walks."""
        return self._who.account_id

    def go(self, cell: Cell) -> Response:
        """The answer to what the cell tries."""
        thing = self._thing(cell)
        lines = (cell.on, cell.seat.home)
        if self._lines != lines:
            # elsewhere lines stay on: the union above takes what is reported up
            self._world.owner("delete from plugin_rule")
            self._world.owner("update tenant_plugin set enabled = :on or tenant <> :home", on=cell.on, home=cell.seat.home)
            self._lines = lines
        if cell.errand.thing is not None and cell.errand.thing[0] == SWITCHED.code:
            # a line's own state is the thing: it is put there last, and what is switched is put right by the next cell
            thing, self._lines = self._world.spare(*cell.errand.thing), (not cell.on, "")
        if self._seated != (cell.role, cell.seat.home):
            with self._db.owner.begin() as connection:
                connection.execute(text("delete from post where account_id = :id"), {"id": self._who.account_id})
            with reference_work() as session:
                give_post(session, self._who.account_id, cell.seat.home, cell.role, valid_from=SINCE)
            self._seated = (cell.role, cell.seat.home)
        return self._send(cell, thing)

    def _thing(self, cell: Cell) -> Thing:
        if cell.errand.thing is None or cell.errand.thing[0] == SWITCHED.code:
            return Thing({})
        # of the level above only jobs and people are reached by whoever has his post there; all else stops at the right
        kind, near = cell.errand.thing[0], {COUNTY, PREFECTURE, PROVINCE}
        reached = (kind == "job" and cell.seat.home == PREFECTURE) or kind in {ACCOUNT.code, POST.code}
        tenant = cell.seat.about if reached and {cell.seat.home, cell.seat.about} <= near else COUNTY
        alone = consumes(cell) and cell.seat.home != OTHER_COUNTY
        return (self._world.spare if alone else self._world.shared)(*cell.errand.thing, tenant)

    def _send(self, cell: Cell, thing: Thing) -> Response:
        errand, route = cell.errand, cell.errand.route
        query = {"of": cell.seat.of} if cell.seat.of is not None else {}
        if route.method in SAFE:
            address = url_of(cell, thing)
            query |= {"workflow": errand.variant} if errand.variant else {}
            return self._who.client.request(route.method, address, params=query or None)
        headers = {"X-CSRF-Token": self._who.csrf}
        if route.is_api:
            if thing.version:
                headers["If-Match"] = f'"{thing.version}"'
            told = self._json(cell, thing)
            return self._who.client.request(route.method, url_of(cell, thing), params=query or None, json=told, headers=headers)
        data = {**WORDS, **thing.form, "version": str(thing.version), **self._form(cell, thing)}
        files = {"paper": ("a.pdf", PDF, "application/pdf")} if route.path.endswith("/documents") else None
        return self._who.client.request(
            route.method, url_of(cell, thing), params=query or None, data=data, files=files, headers=headers
        )

    def _form(self, cell: Cell, thing: Thing) -> dict[str, str]:
        path, variant = cell.errand.route.path, cell.errand.variant
        if path == "/{tenant}/jobs":
            return {"kind": variant, "year": thing.form.get("year", "2025")}
        if (cell.errand.route.method, path) in SWITCHING:
            return {"enabled": variant, "version": ""}
        if path == "/{tenant}/staff":
            return {"kind": "new"}
        if path != "/{tenant}/cases/new":
            return {}
        flow = newest_workflows()[variant]
        household = str(self._world.household) if flow.needs_household else ""
        fields = {f"field.{name}": value for name, value in filled(flow).items()}
        return {**fields, "workflow": variant, "applicant": "李明", "household": household}

    def _json(self, cell: Cell, thing: Thing) -> dict[str, Any]:
        path, variant = cell.errand.route.path, cell.errand.variant
        if path == "/api/v1/{tenant}/jobs":
            return {"kind": variant, "year": int(thing.form.get("year", "2025"))}
        if (cell.errand.route.method, path) in SWITCHING:
            return {"enabled": variant == "on", "reason": WORDS["reason"]}
        if path in BODIES:
            return BODIES[path]
        if cell.errand.thing is not None and cell.errand.thing[0] in {ACCOUNT.code, POST.code}:
            return {"reason": WORDS["reason"]} | ({"to": thing.form["to"]} if path.endswith("/move") else {})
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
    named: dict[str, object] = {
        "tenant": cell.seat.addressed,
        "year": 2025,
        "code": cell.errand.variant or NOBODYS,
        **thing.path,
    }
    return re.sub(r"\{([^}]+)\}", lambda found: str(named.get(found[1], uuid.UUID(int=7))), cell.errand.route.path)


def fits(cell: Cell, answer: Response) -> bool:
    """Whether the answer is the expected one. What is allowed on an object is done; where the address names a row that nobody
    has, or the form is empty, whoever may is told so."""
    verdict, route = expected(cell), cell.errand.route
    if verdict is not Verdict.ALLOWED:
        return answer.status_code == STATUS[verdict]
    if _waits_for_its_line(cell) and answer.status_code == 409:
        return GUARDS_SAY in answer.text if route.is_api else STATE_SAYS not in answer.text
    if cell.errand.thing is not None or cell.errand.variant:
        return answer.status_code in ({200} if route.method in SAFE else {200, 201, 204, 303})
    if route.names_a_row:
        return answer.status_code in ({404} if route.method in SAFE else {404, 422, 428})
    if route.method in SAFE:
        # a query that is needed and that nobody could guess is asked for
        return answer.status_code in {200, 422}
    return answer.status_code not in {401, 403} and answer.status_code < 500


def _waits_for_its_line(cell: Cell) -> bool:
    """Whether it is a step of another line than the first four for which that line has conditions of its own (in the plan,
    insured, visited): the walk's cases do not all meet them, and then the conditions alone are in the way."""
    step = cell.errand.step
    return step is not None and step[0].plugin not in LINES and bool(step[1].guards)


@pytest.mark.slow
@pytest.mark.parametrize("quarter", [0, *(pytest.param(one, marks=pytest.mark.long) for one in (1, 2, 3))])
def test_a_covering_set_is_answered_by_the_application_as_the_table_says(
    client: TestClient, db: Database, acting: Acting, roster: Path, quarter: int
) -> None:
    """Every fourth cell at a time: the quarters together are the covering set."""
    taken = chosen()[quarter::4]
    world = World(db, acting, roster)
    walk = Walk(client, db, world)
    world.walker = walk.account
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
    taken, all_of = chosen(), everything()
    assert len(taken) * FEW < len(all_of)
    met = {goal for cell in taken for goal in goals_of((expected(cell), cell))}
    assert met == {goal for judged in all_of for goal in goals_of(judged)}
    assert {cell.errand.route.path for cell in taken} == {cell.errand.route.path for _, cell in all_of}
