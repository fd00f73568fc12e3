"""An import and what clerks do meanwhile and before: nothing is written over, whoever comes back is found, as the file says."""

from __future__ import annotations

import string
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Boolean, Column, Date, DateTime, Integer, LargeBinary, MetaData, Table, Text, Uuid, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Session

from core.db.copy_text import write_out
from core.db.session import unit_of_work
from core.errors import Conflict
from core.exchange.models import IdentityMark
from core.people.changes.act import Why
from core.people.changes.facts import change_address
from core.people.changes.membership import leave
from core.people.imports import importer, jobs
from core.people.imports.importer import Examined, import_roster
from core.people.imports.service import changes, start_commit
from core.people.imports.writing import blanks_of, columns_of
from core.people.models import Household, HouseholdFact, Person, PersonFact, WorkerFile
from core.people.roster.fields import FIELDS, Field
from core.people.search.finding import find
from core.tenancy.keys import tokens
from tests.conftest import TODAY, Database
from tests.core.rosters import Acting, Row, clerk, counties, family, number_of, saved
from tests.core.test_roster_import import committed, finished, sent

__all__ = ["counties"]
MOVED = "成都市锦江区沙河源街道古柏路7号"


def _file(session: Session) -> WorkerFile:
    return session.scalars(select(WorkerFile)).one()


def _meanwhile(counties: Acting, monkeypatch: pytest.MonkeyPatch, where: Any) -> list[int]:
    """Let a clerk change the address right after the first comparison; how many comparisons there were."""
    compare, times = where.examined, list[int]()

    def compared(session: Session, *told: Any, **more: Any) -> Examined:
        found: Examined = compare(session, *told, **more)
        if not times:
            with unit_of_work() as other:
                change_address(other, _file(other).household_id, MOVED, {})
        times.append(1)
        return found

    monkeypatch.setattr(where, "examined", compared)
    return times


def test_what_a_clerk_saves_while_it_is_compared_is_not_written_over(counties: Acting, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = family(1)
    committed(counties, rows)
    made = sent(counties, [rows[0].but(住址="成都市锦江区蜀门北路99号", 银行卡号="6217000123456780099"), rows[1]])
    with clerk(counties), unit_of_work() as session:
        made = start_commit(session, made.id)
    times = _meanwhile(counties, monkeypatch, jobs)
    finished(counties, made)
    assert len(times) == 2
    with clerk(counties), unit_of_work() as session:
        assert session.scalars(select(Household.address)).one().startswith("成都市锦江区沙河源街道")
        assert {one.contested for one in changes(session, made.id)} == {True}
        assert (_file(session).version, _file(session).township) == (2, "沙河源街道")


def test_the_direct_way_says_that_something_changed_meanwhile(
    counties: Acting, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    rows = family(1)
    committed(counties, rows)
    _meanwhile(counties, monkeypatch, importer)
    path = saved(tmp_path, "册.xlsx", [rows[0].but(住址="成都市锦江区蜀门北路99号"), rows[1]])
    with pytest.raises(Conflict, match="比对后"), clerk(counties), unit_of_work() as session:
        import_roster(session, path)
    with clerk(counties), unit_of_work() as session:
        assert session.scalars(select(Household.address)).one().startswith("成都市锦江区沙河源街道")


def test_whoever_comes_back_by_an_import_is_marked_and_found(counties: Acting) -> None:
    rows = [family(1)[0], Row("H1", "子女", "王小明", 11)]
    committed(counties, rows)
    digest = tokens().identity_index_hash(number_of(11))

    def marked(session: Session) -> bool:
        return session.scalar(select(IdentityMark.hash).where(IdentityMark.hash == digest)) is not None

    def moves_out() -> UUID:
        with clerk(counties), unit_of_work() as session:
            grown = session.scalars(select(Person).where(Person.name == "王小明")).one()
            assert marked(session)
            leave(session, _file(session).household_id, grown.id, kind="moved_out", valid_from=TODAY, why=Why("分户另住"))
            assert not marked(session)
            return grown.id

    moves_out()
    committed(counties, [rows[0].but(income=1300), rows[1]])
    grown = moves_out()
    committed(counties, [Row("H9", "户主", "王小明", 11)])
    with clerk(counties), unit_of_work() as session:
        assert marked(session)
        assert find(session, "D0011")[0].person_id == grown


def test_the_township_follows_the_address_of_a_later_file(counties: Acting) -> None:
    rows = family(1)
    committed(counties, [rows[0].but(住址="成都市锦江区营门口街道一路1号"), rows[1]])
    with clerk(counties), unit_of_work() as session:
        assert _file(session).township == "营门口街道"
    committed(counties, [rows[0].but(住址=MOVED), rows[1]])
    with clerk(counties), unit_of_work() as session:
        assert _file(session).township == "沙河源街道"
        # the page sends back the township that stood before
        change_address(session, _file(session).household_id, "成都市锦江区营门口街道二路2号", {"township": "沙河源街道"})
        assert _file(session).township == "营门口街道"
        change_address(session, _file(session).household_id, MOVED, {"township": "五块石"})
        assert _file(session).township == "五块石"


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30) | st.text(
    string.whitespace + "\\N.", max_size=6
)
KINDS = Table(
    "kinds",
    MetaData(),
    *(Column(name, kind) for name, kind in zip("abcd", (Text, LargeBinary, Date, Boolean), strict=True)),
    *(Column(name, kind) for name, kind in zip("efi", (Uuid, Integer, Text), strict=True)),
    Column("g", ARRAY(Text)),
    Column("h", JSONB),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.none() | TEXTS,
            st.none() | st.binary(max_size=20),
            st.none() | st.dates(),
            st.booleans(),
            st.uuids(),
            st.integers(-9, 9),
            st.none() | st.lists(TEXTS, max_size=3),
            st.none() | st.dictionaries(TEXTS, TEXTS, max_size=2),
            st.sampled_from(["一", "二"]),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_rows_written_out_arrive_as_they_are(db: Database, rows: list[tuple[Any, ...]]) -> None:
    told = write_out(KINDS, dict(zip("abcdefghi", zip(*rows, strict=True), strict=True)))
    assert set(told.names) | set(told.alike) == set("abcdefghi")
    assert told.names
    with db.owner.connect() as connection, connection.begin() as work:
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor:
            cursor.execute(
                "create temporary table kinds (a text, b bytea, c date, d boolean, e uuid, f int, g text[], h jsonb, i text)"
                " on commit drop"
            )
            with cursor.copy(f"copy kinds ({', '.join(told.names)}) from stdin") as copy:
                copy.write(told.lines)
            cursor.execute(f"select {', '.join(told.names)} from kinds")
            found = [{**dict(zip(told.names, row, strict=True)), **told.alike} for row in cursor.fetchall()]
        work.rollback()
    assert [tuple(row[name] for name in "abcdefghi") for row in found] == rows


def test_instants_are_written_out_and_unknown_kinds_refused() -> None:
    at = datetime(2025, 1, 1, 8, tzinfo=UTC)
    table = Table("other", MetaData(), Column("at", DateTime(timezone=True)), Column("no", Integer))
    assert write_out(table, {"at": [at, None], "no": [1, 1]}).lines == f"{at.isoformat()}\n\\N\n".encode()
    with pytest.raises(TypeError):
        write_out(table, {"at": [1.5, 2.5]})


FILLED = {"person": Person, "fact": PersonFact, "household": Household, "file": WorkerFile, "means": HouseholdFact}


@pytest.mark.parametrize("field", [field for field in FIELDS if field.place in FILLED], ids=lambda field: field.code)
def test_what_a_field_of_a_roster_fills_is_a_column_that_an_import_writes(field: Field) -> None:
    """The opinions of the unions become one column, and what identifies is sealed on the way."""
    sealed = {"address", "account", "phone"}
    columns: dict[str, Any] = dict(blanks_of(FILLED[field.place]))
    assert field.key in sealed or field.key.startswith("opinion_") or field.key in columns
    with pytest.raises(ValueError, match="no_column"):
        columns_of(FILLED[field.place], [{"no_column": 1}])
