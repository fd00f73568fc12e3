"""Figures of a county's way from one installation to another: written to a file, read back, taken in, proved equal.

``python -m tests.bench.archive 50000`` does it with so many households, and tells how much memory the process took on the way.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from core.db.base import new_id
from core.db.bulk import insert_rows
from core.db.session import ScopedSession, app_engine, unit_of_work
from core.exchange.models import IdentityMark
from core.people.models import Household, HouseholdFact, Membership, Person, PersonFact, SearchToken, WorkerFile
from core.scope import entered
from core.tenancy.keys import tenant_key, tokens
from core.tenancy.service import system_scope
from core.trail.service import record
from core.vault.key_file import create_installation_key
from core.vault.tokens import TokenKind
from deploy.connection import OWNER, bring_up_to_date, owner_engine, use
from deploy.county_archive.reading import read_archive
from deploy.county_archive.tables import known_rules
from deploy.county_archive.taking_in import import_county
from deploy.county_archive.ways import ForInstallation, ThisInstallation, public_text
from deploy.county_archive.writing import export_county
from deploy.embedded.postgres import EmbeddedPostgres
from tenants.onboarding import open_tenants, plant_tree

PROVINCE, COUNTY, DAY = "510000", "510104", date(2025, 9, 1)
HOUSEHOLDS, PERSONS, TRAIL, STEP = 2_000, 3, 4, 500


@contextmanager
def an_installation(home: Path, *, opened: bool) -> Iterator[None]:
    """An embedded database with a province's tree of tenants; ``opened``: with the county at work."""
    with EmbeddedPostgres(home) as urls:
        use({"BANGFU_HOME": str(home), "BANGFU_DATABASE_URL": urls.app, OWNER: urls.owner})
        bring_up_to_date()
        engine = owner_engine()
        with engine.begin() as connection:
            plant_tree(connection, PROVINCE, DAY)
        engine.dispose()
        if opened:
            open_tenants({COUNTY: ["living_relief"]}, DAY, "性能实测")
        yield
        app_engine().dispose()


def fill(households: int) -> None:
    """A county with so many households of three, each with sealed values, facts, tokens and entries of the trail."""
    for start in range(0, households, STEP):
        with entered(system_scope(COUNTY, "bench", on=DAY)), unit_of_work() as session:
            _some(session, range(start, min(start + STEP, households)))


def _some(session: ScopedSession, numbers: range) -> None:
    key, made = tenant_key(session), tokens()
    rows: dict[Any, list[dict[str, Any]]] = {model: [] for model in _MODELS}
    for number in numbers:
        home = new_id()
        rows[Household].append({"id": home, "address": f"蜀门北路 {number}", "house_number_cipher": None})
        rows[HouseholdFact].append({"household_id": home, "valid_from": DAY, "loss_fen": number, "source": "bench"})
        people = [_person(key, made, rows, home, number * PERSONS + place) for place in range(PERSONS)]
        rows[WorkerFile].append(_file(home, people[0], number))
        for count in range(TRAIL):
            record(session, "bench.filed", "household", home, {"count": count})
    for model in _MODELS:
        insert_rows(session, model, rows[model])


_MODELS = (Person, Household, Membership, WorkerFile, PersonFact, HouseholdFact, SearchToken, IdentityMark)


def _person(key: Any, made: Any, rows: dict[Any, list[dict[str, Any]]], home: Any, count: int) -> Any:
    person, number = new_id(), f"51010419800101{count % 10_000:04}" if count < 10_000 else f"{count:017}X"
    own, wrapped = key.new_person_key(person)
    rows[Person].append(
        {
            "id": person,
            "name": "李明",
            "pinyin": "li ming",
            "spelling": "liming",
            "sounds": "nimin",
            "initials": "lm liming",
            "given_name": "明",
            "last_four": "0000",
            "gender": "1",
            "wrapped_key": wrapped,
            "identity_cipher": own.seal("identity_cipher", number),
            "identity_masked": "510104********0000",
            "identity_token": made.tenant_token(COUNTY, TokenKind.IDENTITY, number),
        }
    )
    rows[Membership].append({"household_id": home, "person_id": person, "relation": "head", "valid_from": DAY})
    rows[PersonFact].append({"person_id": person, "valid_from": DAY, "income_unsorted_fen": 123_400, "source": "bench"})
    rows[SearchToken].append({"token": f"jj-{count}", "subject_kind": "person", "subject_id": person})
    rows[IdentityMark].append(
        {"province": PROVINCE, "hash": made.identity_index_hash(number), "year": DAY.year, "matter": "on_file"}
    )
    return person


def _file(home: Any, worker: Any, number: int) -> dict[str, Any]:
    return {
        "household_id": home,
        "worker_id": worker,
        "file_number": f"D{number:08}",
        "status": "on_file",
        "opened_on": DAY,
        "updated_on": DAY,
    }


def measure(households: int = HOUSEHOLDS) -> list[tuple[str, str]]:
    """Fill a county, export it, take it in at a second installation."""
    with tempfile.TemporaryDirectory(prefix="bangfu-bench-") as folder:
        file, home = Path(folder) / "county.bfc", Path(folder) / "to"
        (home / "secrets").mkdir(mode=0o700, parents=True)
        home.chmod(0o700)
        key = create_installation_key(home / "secrets" / "installation.key")
        (Path(folder) / "from").mkdir(mode=0o700)
        with an_installation(Path(folder) / "from", opened=True):
            fill(households)
            known_rules()  # loads the plugins, which takes as long for any county
            before, started = _peak_mb(), time.perf_counter()
            manifest = export_county(COUNTY, file, ForInstallation(public_text(key)), reason="性能实测").manifest
            exported, peak = time.perf_counter() - started, _peak_mb()
        rows, size = int(manifest["rows"]), file.stat().st_size
        with an_installation(home, opened=False):
            started = time.perf_counter()
            taken = import_county(read_archive(file, ThisInstallation(key)), reason="性能实测", copy=True)
            imported, at_last = time.perf_counter() - started, _peak_mb()
    if taken.rows != rows:
        raise AssertionError("not equal")
    return [
        ("county archived", f"{households:,} households, {rows:,} rows, {size / 2**20:,.0f} MB"),
        ("rows per second written and read back", f"{rows / exported:,.0f} ({exported:.1f} s)"),
        ("rows per second read, taken in and proved equal", f"{rows / imported:,.0f} ({imported:.1f} s)"),
        ("most memory before, after export, after import", f"{before:,.0f}, {peak:,.0f}, {at_last:,.0f} MB"),
    ]


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    for what, figure in measure(int(sys.argv[1]) if sys.argv[1:] else HOUSEHOLDS):
        print(f"{what}: {figure}")
