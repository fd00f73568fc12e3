"""Who is shown what of a person: every role reads every page and resource, and what appears is what is declared."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from core.db.session import reference_work
from core.host.manager import host
from core.identity.service import case_lines_of, give_post, roles
from core.people.fields import BY_CODE, FIELDS
from core.scope import Level
from core.web.pages.words import newest_workflows
from tests.conftest import COUNTY, PREFECTURE, Database
from tests.matrix.declared import application, held, home_of, routes
from tests.matrix.sentinels import FULL, MASKED, NAME, PLANTED_IN, SECRET, Known, plant
from tests.web.conftest import SINCE, Person, signed_in
from tests.web.county import Acting
from tests.web.routes import Found


@pytest.fixture
def reader(db: Database, acting: Acting) -> Iterator[tuple[Person, Known]]:
    """Somebody signed in without a post yet, and what there is to read."""
    with TestClient(application(), follow_redirects=False) as client:
        known = plant(db, acting)
        yield signed_in(client, "reader", role=None), known
    host.cache_clear()


def seat(db: Database, who: Person, role: str) -> str:
    """Give somebody one post alone; the tenant where it is."""
    home = COUNTY if home_of(roles()[role]) is Level.COUNTY else PREFECTURE
    with db.owner.begin() as connection:
        connection.execute(text("delete from post where account_id = :id"), {"id": who.account_id})
    with reference_work() as session:
        give_post(session, who.account_id, home, role, valid_from=SINCE)
    return home


def addresses(route: Found, tenant: str, known: Known) -> list[str]:
    """Where a page or resource shows the household, or something of it; empty where it names what was not planted."""
    path = route.path.replace("{tenant}", tenant).replace("{year}", "2025")
    if path.endswith("/cases/new"):
        return [f"{path}?workflow={name}&household={known.household_id}" for name in newest_workflows()]
    fillings: dict[str, tuple[uuid.UUID, ...]] = {
        "case_id": known.cases,
        "batch_id": known.batch_ids,
        "household_id": (known.household_id,),
        "envelope_id": (known.envelope_id,),
    }
    named = re.findall(r"\{([^}]+)\}", path)
    if len(named) > 1 or any(name not in fillings for name in named):
        return []
    return [path.replace(f"{{{name}}}", str(value)) for name in named for value in fillings[name]] if named else [path]


def everything_read(who: Person, tenant: str, rights: frozenset[str], known: Known, found: list[Found]) -> str:
    """All that somebody reads in a tenant: every page and resource that his rights open, and the search for the name."""
    told = []
    for route in found:
        if route.permissions <= rights:
            told += [who.client.get(address) for address in addresses(route, tenant, known)]
    if "people.read" in rights:
        told.append(who.client.post(f"/{tenant}/find", data={"q": NAME}, headers={"X-CSRF-Token": who.csrf}))
    return "\n".join(answer.text for answer in told if answer.status_code == 200)


def seen_in(said: str, code: str) -> str:
    """How a kind of content appears in what was read."""
    if any(shown in said for shown in FULL[code]):
        return "full"
    return "masked" if code in MASKED and MASKED[code] in said else "nothing"


def test_every_kind_of_content_is_looked_for() -> None:
    assert set(FULL) == {kind.code for kind in FIELDS} == set(BY_CODE)
    assert set(MASKED) == {kind.code for kind in FIELDS if kind.masked}
    declared = {permission.code for permission in host().collected("bangfu_permissions")}
    for kind in FIELDS:
        assert kind.full | kind.masked | kind.on_reason <= declared
        assert kind.within is None or kind.within in declared


@pytest.mark.slow
def test_every_role_is_shown_what_is_declared_and_nothing_else(reader: tuple[Person, Known], db: Database) -> None:
    (who, known), found = reader, [route for route in routes() if route.method == "GET"]
    wrong = []
    for code, role in roles().items():
        home, rights = seat(db, who, code), held(role, on=True)
        said = everything_read(who, home, rights, known, found)
        assert SECRET not in said, code
        lines = case_lines_of([code], frozenset(host().infos))
        for kind in FIELDS:
            shown, declared = seen_in(said, kind.code), kind.sight(rights)
            if lines is not None and kind.code in PLANTED_IN and PLANTED_IN[kind.code] not in lines:
                declared = "nothing"
            if shown != declared:
                wrong.append((code, kind.code, shown, declared))
    assert wrong == []


def test_whoever_never_sees_persons_is_shown_nothing_of_them() -> None:
    blind = [role for role in roles().values() if not role.sees_persons]
    assert {"leader", "tenant_admin", "system_administrator", "security_administrator", "audit_administrator"} <= {
        role.code for role in blind
    }
    for role in blind:
        rights = held(role, on=True)
        assert {kind.sight(rights) for kind in FIELDS} == {"nothing"}, role.code
        assert not any(kind.on_reason & rights for kind in FIELDS), role.code


@pytest.mark.parametrize(("role", "there"), [("caseworker", True), ("tenant_admin", False), ("payer", False)])
def test_the_search_box_stands_where_it_may_be_used(reader: tuple[Person, Known], db: Database, role: str, there: bool) -> None:
    who, _ = reader
    home = seat(db, who, role)
    assert ('id="find-box"' in who.client.get(f"/{home}/").text) is there


def test_a_household_is_named_on_a_new_case_by_whoever_may_read_files(reader: tuple[Person, Known], db: Database) -> None:
    who, known = reader
    home = seat(db, who, "petition_handler")
    address = f"/{home}/cases/new?workflow=petition"
    assert who.client.get(address).status_code == 200
    assert who.client.get(f"{address}&household={known.household_id}").status_code == 403
    sent = {"workflow": "petition", "household": str(known.household_id)}
    assert who.client.post(f"/{home}/cases/new", data=sent, headers={"X-CSRF-Token": who.csrf}).status_code == 403
