"""A county with everything that can hang on it, in the tests' own installation, and its archive: planted once for a module."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select, text

import core.models
from core.cases.service import NewCase, NewParty, advance, open_cases
from core.db.migrate import PluginSchema, migrate_plugin
from core.db.session import unit_of_work
from core.documents.service import NewDocument, add_documents
from core.host.manager import host
from core.people.models import Person
from core.scope import Scope, entered
from core.tenancy.keys import tenant_key
from core.tenancy.setting_secrets import sealed_secret
from deploy.county_archive.reading import Archive
from deploy.county_archive.ways import COSTS, ForInstallation, Passphrase
from deploy.county_archive.writing import export_county
from deploy.sample.generate import generate
from deploy.testing.installation import empty, migrate_plugins, plant_tenants
from tests.conftest import COUNTY, OTHER_COUNTY, Database, scope_of
from tests.core.lines import PDF, PETITION
from tests.core.staffing import at_desk, hire
from tests.dummy_plugin import NAME as DUMMY
from tests.dummy_plugin import DummyPlugin
from tests.tenants.two_installations import Installation, another, first
from tests.web.county import Planted, plant

WORDS = "一句相当长的口令 用来测试 2025"
WHY = "川工发〔2025〕12号"
SECRET = "接口口令-7"
MIGRATIONS = Path(__file__).parents[1] / "dummy_plugin" / "migrations"


def acting(tenant: str = COUNTY, **more: Any) -> AbstractContextManager[Scope]:
    """As the fixture of that name, for a module."""
    return entered(scope_of(tenant, **more))


@contextmanager
def damaged(installation: Installation) -> Iterator[uuid.UUID]:
    """The id of a person of the county whose key does not open there for the body."""
    one = text("select id, wrapped_key from person where tenant = :county and identity_cipher is not null limit 1")
    given = text("update person set wrapped_key = :key where id = :id")
    with installation.owner.begin() as connection:
        person, key = connection.execute(one, {"county": COUNTY}).one()
        connection.execute(given, {"id": person, "key": b"xx"})
    try:
        yield person
    finally:
        with installation.owner.begin() as connection:
            connection.execute(given, {"id": person, "key": key})


@dataclass(frozen=True)
class Moving:
    """The county at home, another installation, and what must be the same at both."""

    home: Installation
    there: Installation
    planted: Planted
    accusation: uuid.UUID
    handler: uuid.UUID
    second: uuid.UUID
    """A handler of petitions who does not handle this one."""
    person: uuid.UUID
    number: str
    """Somebody on file, and the identity number."""

    def fresh(self, *, planned: bool = True) -> None:
        """An empty installation there: the levels above, and the county planned at most."""
        with self.there.owner.begin() as connection:
            empty(connection)
            connection.execute(text(f"delete from {DUMMY}.parcel"))
            plant_tenants(connection)
            connection.execute(text("delete from tenant where code = :code"), {"code": OTHER_COUNTY})
            if planned:
                connection.execute(text("update tenant set state = 'planned', onboarded_on = null where code = '510104'"))
            else:
                connection.execute(text("delete from tenant where level <> 'province'"))
        shutil.rmtree(self.there.home / "files", ignore_errors=True)

    def export(self, folder: Path, *, final: bool = False, key: str = "") -> Archive:
        """The archive of the county."""
        way = ForInstallation(key) if key else Passphrase(WORDS)
        with self.home.here():
            return export_county(COUNTY, folder / f"{uuid.uuid4()}.bfc", way, reason=WHY, final=final)


@contextmanager
def moving(database: Database, folder: Path) -> Iterator[Moving]:
    """Plant the county at home and make an empty installation beside it."""
    costs = dict(COSTS)
    COSTS.update(time=1, memory_kib=64, parallelism=1)
    with database.owner.begin() as connection:
        empty(connection)
        plant_tenants(connection)
    with database.owner.connect() as connection:
        migrate_plugin(connection, PluginSchema(DUMMY, MIGRATIONS))
    host.cache_clear()
    host().register(DummyPlugin(), DUMMY)
    migrate_plugins(database)
    try:
        (roster,) = generate(folder, counties=[COUNTY], households=24)
        planted = plant(database, acting, roster)
        people = [hire(login, (COUNTY, "petition_handler")) for login in ("ban", "er")]
        accusation = _accuse(people[0])
        person, number = _somebody()
        with database.owner.begin() as connection:
            _fill(connection)
        with another(database, folder / "elsewhere") as there:
            yield Moving(first(database), there, planted, accusation, people[0], people[1], person, number)
    finally:
        COSTS.update(costs)
        host.cache_clear()
        with database.owner.begin() as connection:
            connection.execute(text(f"drop schema {DUMMY} cascade"))


def _accuse(handler: uuid.UUID) -> uuid.UUID:
    draft = NewCase(
        "petitions",
        "petition",
        (NewParty("applicant", label="周明"),),
        form=PETITION | {"kind": "accusation", "subject": "机密事由"},
    )
    with at_desk(handler) as session:
        [case] = open_cases(session, [draft])
        advance(session, [case.id], "accept", "机密意见")
        add_documents(session, [NewDocument("application_letter", "机密材料", PDF, case_id=case.id)])
        return case.id


def _somebody() -> tuple[uuid.UUID, str]:
    with acting(), unit_of_work() as session:
        person = session.scalars(select(Person).where(Person.identity_cipher.is_not(None)).order_by(Person.id).limit(1)).one()
        assert person.wrapped_key
        assert person.identity_cipher
        key = tenant_key(session).person_key(person.id, person.wrapped_key)
        return person.id, key.open("identity_cipher", person.identity_cipher)


def _fill(connection: Connection) -> None:
    """What no service of the county has made: a stranger's rows in both counties, a secret, jobs that are over."""
    for tenant, count in ((COUNTY, 3), (OTHER_COUNTY, 2)):
        for grams in range(count):
            connection.execute(
                text(f"insert into {DUMMY}.parcel (tenant, id, what, grams) values (:t, gen_random_uuid(), :w, :g)"),
                {"t": tenant, "w": '大米，"十斤"\n\\N 与换行', "g": grams},
            )
    connection.execute(
        text(
            "insert into plugin_setting_change (tenant, id, plugin, version, valid_from, given, secrets, resets, locks,"
            " withdraws, reason, actor, business_date) values (:t, gen_random_uuid(), 'petitions', 1, '2025-01-01', '{}',"
            " cast(:s as jsonb), '{}', '{}', '{}', '试行', 'system:test', '2025-01-01')"
        ),
        {"t": COUNTY, "s": f'{{"token": "{sealed_secret(COUNTY, "petitions", "token", SECRET)}"}}'},
    )
    connection.execute(text("update job set state = 'cancelled' where state in ('queued', 'running')"))


def settle_outside(connection: Connection) -> None:
    """As if everything under way in the county with banks and other unions had come to its end, and the worker had run."""
    for table, states, ended in (
        ("job", "'queued', 'running'", "cancelled"),
        ("payment_batch", "'draft', 'approved'", "cancelled"),
        ("household_transfer", "'offered', 'accepted', 'sent'", "withdrawn"),
        ("envelope", "'sealed', 'delivered', 'taken'", "closed"),
    ):
        over = f"update {table} set state = '{ended}' where tenant = :t and state in ({states})"
        connection.execute(text(over), {"t": COUNTY})
    returned = "update payment_batch set state = 'returned', returned_by = 'system:test' where tenant = :t and state = 'sent'"
    connection.execute(text(returned), {"t": COUNTY})
    connection.execute(text("update outbox set sent_at = now() where tenant = :t and sent_at is null"), {"t": COUNTY})


def rows_of_county(installation: Installation, tenant: str = COUNTY) -> dict[str, int]:
    """Rows of a county by table, as the owner sees them; tables without any are left out."""
    tables = [*core.models.metadata.sorted_tables]
    found = {}
    with installation.owner.connect() as connection:
        names = [table.fullname for table in tables if "tenant" in table.columns and table.schema is None]
        for name in [*names, f"{DUMMY}.parcel"]:
            count = connection.scalar(text(f"select count(*) from {name} where tenant = :t"), {"t": tenant})
            if count:
                found[name] = int(count)
    return found
