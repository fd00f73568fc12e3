"""Which value of a figure of policy holds where and when."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from core.db.session import unit_of_work
from core.errors import Forbidden, InvalidInput, NotFound
from core.host.manager import host
from core.parameters.models import TenantParameter
from core.parameters.service import Parameters, Word, resolve, set_by_levels, set_parameter, sync_national
from core.rules.errors import ParameterMissing
from core.scope import Scope
from plugins.living_relief import plugin
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, TODAY, Database

Acting = Callable[..., AbstractContextManager[Scope]]
LINE = "minimum_living_standard"


@pytest.fixture
def national(db: Database) -> None:
    if "living_relief" not in host().infos:
        host().register(plugin, "living_relief")
    with db.owner.begin() as connection:
        sync_national(connection)


@pytest.fixture
def put(acting: Acting, national: None) -> Callable[..., None]:
    def put_in(tenant: str, name: str, valid_from: date, value: Any) -> None:
        with acting(tenant), unit_of_work() as session:
            set_parameter(session, name, valid_from, value, f"{tenant}号文件", "domain 10")

    return put_in


@pytest.fixture
def here(acting: Acting) -> Callable[..., Parameters]:
    def resolved(tenant: str = COUNTY, on: date = TODAY) -> Parameters:
        with acting(tenant), unit_of_work() as session:
            return resolve(session, on)

    return resolved


def test_a_lower_level_wins_even_with_an_older_date(put: Callable[..., None], here: Callable[..., Parameters]) -> None:
    put(PROVINCE, LINE, date(2025, 7, 1), 78_500)
    put(PREFECTURE, LINE, date(2024, 7, 1), 109_000)
    assert [here(tenant).value(LINE) for tenant in (PROVINCE, PREFECTURE, COUNTY, OTHER_COUNTY)] == [
        78_500,
        109_000,
        109_000,
        78_500,
    ]
    put(COUNTY, LINE, date(2020, 1, 1), 80_000)
    found = here()[LINE]
    assert (found.value, found.level, found.tenant, found.valid_from) == (80_000, "county", COUNTY, date(2020, 1, 1))
    assert (found.source, found.clause) == (f"{COUNTY}号文件", "domain 10")
    assert here(PREFECTURE).value(LINE) == 109_000


def test_the_latest_day_that_has_come_wins_then_what_was_recorded_last(
    put: Callable[..., None], here: Callable[..., Parameters]
) -> None:
    put(COUNTY, "relative_multiple", date(2025, 1, 1), 16_000)
    put(COUNTY, "relative_multiple", date(2024, 1, 1), 17_000)
    put(COUNTY, "relative_multiple", date(2025, 9, 2), 18_000)
    assert here().value("relative_multiple") == 16_000
    assert here(on=date(2025, 9, 2)).value("relative_multiple") == 18_000
    assert here(on=date(2023, 12, 31)).value("relative_multiple") == 15_000
    put(COUNTY, "relative_multiple", date(2025, 1, 1), 16_500)
    assert here().value("relative_multiple") == 16_500


def test_national_values_hold_where_nobody_has_set_one(national: None, here: Callable[..., Parameters]) -> None:
    found = here()["notice_working_days"]
    assert (found.value, found.level, found.tenant) == (5, "nation", None)
    with pytest.raises(ParameterMissing, match="minimum_wage"):
        here().value("minimum_wage")


def test_writing_national_values_again_changes_nothing(db: Database, national: None, here: Callable[..., Parameters]) -> None:
    before = dict(here())
    with db.owner.begin() as connection:
        sync_national(connection)
    assert dict(here()) == before


def test_values_must_fit_their_unit_and_name_a_source(acting: Acting, national: None) -> None:
    with acting(), unit_of_work() as session:
        for name, value in (
            (LINE, "800"),
            (LINE, -1),
            (LINE, True),
            (LINE, 10**10 + 1),
            ("impute_minimum_wage", 1),
            ("rigid_expense_kinds", "illness"),
        ):
            with pytest.raises(InvalidInput, match="unit"):
                set_parameter(session, name, TODAY, value, "文件", "domain 10")
        with pytest.raises(InvalidInput, match="source"):
            set_parameter(session, LINE, TODAY, 80_000, " ", "domain 10")
        with pytest.raises(NotFound):
            set_parameter(session, "unheard_of", TODAY, 1, "文件", "domain 10")


def test_no_person_sets_a_figure_alone(acting: Acting, national: None) -> None:
    every = frozenset({"parameters.write", "parameters.adopt"})
    for rights in (frozenset[str](), every):
        with acting(actor="chief", permissions=rights), unit_of_work() as session, pytest.raises(Forbidden, match="两人"):
            set_parameter(session, LINE, TODAY, 80_000, "文件", "domain 10")
    row = TenantParameter(name=LINE, valid_from=TODAY, value=1, source="文件", clause="", actor="chief")
    with acting(actor="chief", permissions=every), pytest.raises(DBAPIError, match="proposed"), unit_of_work() as session:
        session.add(row)


def test_a_level_without_a_word_follows_the_one_above_again(
    acting: Acting, put: Callable[..., None], here: Callable[..., Parameters]
) -> None:
    put(PROVINCE, LINE, date(2025, 1, 1), 80_000)
    put(COUNTY, LINE, date(2025, 1, 1), 90_000)
    with acting(COUNTY), unit_of_work() as session:
        session.add(TenantParameter(name=LINE, valid_from=TODAY, value=None, source="文", clause="", actor="system:x"))
    assert (here()[LINE].value, here()[LINE].tenant) == (80_000, PROVINCE)
    with acting(COUNTY), unit_of_work() as session:
        assert set_by_levels(session, LINE, TODAY) == {PROVINCE: 80_000}
        assert resolve(session, TODAY - timedelta(days=1)).value(LINE) == 90_000
        word = Word(PROVINCE, LINE, TODAY, 70_000, "", "")
        assert resolve(session, TODAY, supposing=word).value(LINE) == 70_000


def test_supposing_leaves_what_holds_alone(national: None, here: Callable[..., Parameters]) -> None:
    held = here()
    supposed = held.supposing({"minimum_wage": 250_000, "relative_multiple": 20_000})
    assert (supposed.value("minimum_wage"), supposed["relative_multiple"].level) == (250_000, "what_if")
    assert held.value("relative_multiple") == 15_000
