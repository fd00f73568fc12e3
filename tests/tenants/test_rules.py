"""Lines that are on from a later day, that need or exclude each other, and what the levels above require or forbid."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from core.audit.service import plugins_on_in
from core.db.session import unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.scope import Level, Scope
from core.tenancy.models import PluginRule
from core.tenancy.plugin_state import Own, Place, Rule, enabled_plugins, rules_over_scope, states
from core.tenancy.service import system_scope
from tenants.rules import coming, rules_made, set_rule
from tenants.switching import PluginCard, plugin_cards, switch_plugin
from tests.conftest import COUNTY, OTHER_COUNTY, OTHER_PREFECTURE, PREFECTURE, PROVINCE, TODAY
from tests.tenants.conftest import asked
from tests.tenants.steered import NAME

Admin = Callable[..., AbstractContextManager[Scope]]
NEXT_YEAR = date(TODAY.year + 1, 1, 1)

pytestmark = pytest.mark.usefixtures("steered")


def switch(admin: Admin, enabled: bool, name: str = NAME, tenant: str = COUNTY, on: date = TODAY, **more: Any) -> None:
    with admin(tenant, on), unit_of_work() as session:
        switch_plugin(session, name, enabled=enabled, reason="主席办公会决定", **more)


def rule(admin: Admin, tenant: str, word: str, name: str = NAME, on: date = TODAY, **more: Any) -> PluginRule:
    with admin(tenant, on), unit_of_work() as session:
        return set_rule(session, name, word, reason="川工发〔2025〕9号", **more)


def card(admin: Admin, name: str = NAME, tenant: str = COUNTY, on: date = TODAY) -> PluginCard:
    with admin(tenant, on), unit_of_work() as session:
        return next(found for found in plugin_cards(session) if found.info.name == name)


def is_on(tenant: str, on: date = TODAY, name: str = NAME) -> bool:
    """As every request and task sees it."""
    return name in system_scope(tenant, "test", on=on).plugins


def test_a_line_comes_on_at_its_day_by_the_date_alone(admin: Admin) -> None:
    switch(admin, True, on_from=NEXT_YEAR)
    before = card(admin)
    assert (before.enabled, before.on_from, before.version, before.state.why) == (False, NEXT_YEAR, 1, "waits")
    assert [is_on(COUNTY, day) for day in (TODAY, NEXT_YEAR - timedelta(days=1), NEXT_YEAR)] == [False, False, True]
    assert not is_on(OTHER_COUNTY, NEXT_YEAR)
    with pytest.raises(Conflict, match="已处于"):
        switch(admin, True, on_from=NEXT_YEAR)
    switch(admin, True, on_from=NEXT_YEAR + timedelta(days=31))
    switch(admin, False)
    assert not is_on(COUNTY, NEXT_YEAR + timedelta(days=60))
    switch(admin, True, on_from=NEXT_YEAR)
    switch(admin, True)
    assert (is_on(COUNTY), card(admin).on_from) == (True, None)
    with pytest.raises(Conflict, match="已经启用"):
        switch(admin, True, on_from=NEXT_YEAR)


def test_days_that_do_not_fit(admin: Admin) -> None:
    with pytest.raises(InvalidInput, match="不得早于今天"):
        switch(admin, True, on_from=TODAY - timedelta(days=1))
    switch(admin, True, on_from=TODAY)
    with pytest.raises(InvalidInput, match="停用自即日起"):
        switch(admin, False, on_from=NEXT_YEAR)


def test_lines_that_need_each_other(admin: Admin) -> None:
    with pytest.raises(Conflict, match="须与试行业务一同启用"):
        switch(admin, True, "leaning")
    switch(admin, True, on_from=NEXT_YEAR)
    with pytest.raises(Conflict, match="一同启用"):
        switch(admin, True, "leaning")
    switch(admin, True, "leaning", on_from=NEXT_YEAR)
    with pytest.raises(Conflict, match="附属业务依赖试行业务"):
        switch(admin, False)
    assert is_on(COUNTY, NEXT_YEAR, "leaning")
    switch(admin, False, "leaning")
    switch(admin, False)


def test_lines_that_exclude_each_other(admin: Admin) -> None:
    switch(admin, True)
    with pytest.raises(Conflict, match="互斥业务不能与试行业务同时启用"):
        switch(admin, True, "rival")
    switch(admin, False)
    switch(admin, True, "rival")
    with pytest.raises(Conflict, match="试行业务不能与互斥业务同时启用"):
        switch(admin, True)


def test_the_province_requires_and_forbids_in_words(admin: Admin) -> None:
    rule(admin, PROVINCE, "require")
    assert [is_on(tenant) for tenant in (COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE)] == [True, True, False, False]
    assert (card(admin).state.why, card(admin).version) == ("required", 0)
    with pytest.raises(Conflict, match="四川省总工会要求启用试行业务，本单位不能停用"):
        switch(admin, False)
    rule(admin, PROVINCE, "forbid")
    assert not is_on(COUNTY)
    with pytest.raises(Conflict, match="四川省总工会不允许启用试行业务"):
        switch(admin, True)
    rule(admin, PROVINCE, "free")
    # what the county itself said holds again
    assert not is_on(COUNTY)
    switch(admin, True)
    rule(admin, PROVINCE, "forbid")
    assert not is_on(COUNTY)
    switch(admin, False)
    rule(admin, PROVINCE, "free")
    assert not is_on(COUNTY)


def test_a_rule_for_one_prefecture_goes_before_the_one_for_all(admin: Admin) -> None:
    rule(admin, PROVINCE, "require")
    rule(admin, PROVINCE, "forbid", prefecture=OTHER_PREFECTURE)
    assert [is_on(tenant) for tenant in (COUNTY, OTHER_COUNTY)] == [True, False]
    rule(admin, PROVINCE, "general", prefecture=OTHER_PREFECTURE)
    assert is_on(OTHER_COUNTY)
    with pytest.raises(InvalidInput):
        rule(admin, PROVINCE, "general")
    for code in (COUNTY, PROVINCE, "510999"):
        with pytest.raises(NotFound):
            rule(admin, PROVINCE, "require", prefecture=code)


def test_a_prefecture_speaks_where_the_province_leaves_it_free(admin: Admin) -> None:
    rule(admin, PREFECTURE, "require")
    assert [is_on(tenant) for tenant in (COUNTY, OTHER_COUNTY)] == [True, False]
    with pytest.raises(Conflict, match="成都市总工会要求启用"):
        switch(admin, False)
    rule(admin, PROVINCE, "forbid")
    assert not is_on(COUNTY)
    with pytest.raises(Conflict, match="四川省总工会已规定试行业务不允许启用"):
        rule(admin, PREFECTURE, "free")
    with pytest.raises(NotFound):
        rule(admin, PREFECTURE, "forbid", prefecture=PREFECTURE, name="leaning")


def test_a_rule_holds_from_its_day(admin: Admin) -> None:
    switch(admin, True)
    rule(admin, PROVINCE, "forbid", valid_from=NEXT_YEAR)
    assert [is_on(COUNTY, day) for day in (TODAY, NEXT_YEAR)] == [True, False]
    with admin(COUNTY) as scope, unit_of_work() as session:
        assert [(one.word, one.valid_from) for one in coming(rules_over_scope(session), scope, NAME)] == [("forbid", NEXT_YEAR)]
        assert [(row.tenant, row.word, row.reason) for row in rules_made(session, NAME)] == [
            (PROVINCE, "forbid", "川工发〔2025〕9号")
        ]


def test_refusals(admin: Admin, acting: Admin) -> None:
    with pytest.raises(Forbidden, match="没有下级"):
        rule(admin, COUNTY, "require")
    with acting(PROVINCE, actor="clerk"), unit_of_work() as session, pytest.raises(Forbidden):
        set_rule(session, NAME, "require", reason="试")
    for more in ({"word": "maybe"}, {"word": "require", "valid_from": TODAY - timedelta(days=1)}):
        with pytest.raises(InvalidInput):
            rule(admin, PROVINCE, **more)
    with admin(PROVINCE), unit_of_work() as session, pytest.raises(InvalidInput, match="依据"):
        set_rule(session, NAME, "require", reason=" ")
    for name, said in (("core", "始终启用"), (NAME, "已是“由各县自定”")):
        with pytest.raises(Conflict, match=said):
            rule(admin, PROVINCE, "free", name)
    rule(admin, PROVINCE, "require", expected_version=0)
    with pytest.raises(Conflict, match="他人更改"):
        rule(admin, PROVINCE, "forbid", expected_version=0)


def test_what_is_required_has_what_it_needs_required(admin: Admin) -> None:
    with pytest.raises(Conflict, match="须同时要求启用试行业务"):
        rule(admin, PROVINCE, "require", "leaning")
    rule(admin, PROVINCE, "require")
    rule(admin, PROVINCE, "require", "leaning", valid_from=NEXT_YEAR)
    for word in ("free", "forbid"):
        with pytest.raises(Conflict, match="须同时要求启用试行业务"):
            rule(admin, PROVINCE, word)
    with pytest.raises(Conflict, match="须同时要求启用试行业务"):
        rule(admin, PROVINCE, "forbid", prefecture=PREFECTURE)
    with pytest.raises(Conflict, match="同时要求启用"):
        rule(admin, PROVINCE, "require", "rival")


def test_a_countys_own_line_gives_way_to_a_required_one(admin: Admin) -> None:
    switch(admin, True, "rival")
    rule(admin, PROVINCE, "require")
    assert (is_on(COUNTY), is_on(COUNTY, name="rival")) == (True, False)
    assert (card(admin, "rival").state.why, card(admin, "rival").state.others) == ("conflicts", (NAME,))
    rule(admin, PROVINCE, "free")
    assert is_on(COUNTY, name="rival")


def test_a_county_makes_no_rule_for_others_and_reads_no_siblings(admin: Admin) -> None:
    rule(admin, OTHER_PREFECTURE, "require")
    with admin(COUNTY), unit_of_work() as session:
        assert rules_over_scope(session) == []
    row = PluginRule(
        tenant=PROVINCE, plugin=NAME, version=1, word="forbid", valid_from=TODAY, reason="x", actor="x", business_date=TODAY
    )
    with pytest.raises(DBAPIError, match="row-level security"), admin(COUNTY), unit_of_work() as session:
        session.add(row)


def test_a_scope_costs_one_statement_for_its_plugins(admin: Admin) -> None:
    for word in ("require", "free", "forbid", "require"):
        rule(admin, PROVINCE, word)
    for tenant in (COUNTY, PREFECTURE, PROVINCE):
        with admin(tenant), unit_of_work() as session:
            session.connection()
            with asked() as statements:
                enabled_plugins(session)
        assert len(statements) == 1


def test_checks_are_owed_for_each_year_in_which_it_was_on_by_whosever_word(admin: Admin) -> None:
    rule(admin, PROVINCE, "require", valid_from=NEXT_YEAR)
    rule(admin, PROVINCE, "forbid", on=date(NEXT_YEAR.year + 1, 1, 1))
    switch(admin, True, "rival", on_from=date(NEXT_YEAR.year + 2, 3, 1), on=date(NEXT_YEAR.year + 1, 6, 1))
    switch(admin, False, "rival", on=date(NEXT_YEAR.year + 1, 9, 1))
    owed = {}
    for year in range(TODAY.year, NEXT_YEAR.year + 4):
        with admin(COUNTY, date(year, 12, 31)), unit_of_work() as session:
            owed[year] = plugins_on_in(session, year) & {NAME, "rival"}
    assert owed == {year: {NAME} if year == NEXT_YEAR.year else set() for year in owed}


def test_states_of_a_county_that_stands_under_its_province() -> None:
    from core.host.manager import host

    place = Place(Level.COUNTY, "460000", None)
    rules = [Rule("460000", NAME, None, "require", TODAY, 1), Rule("460000", NAME, "460100", "forbid", TODAY, 2)]
    found = states(host().infos, {"leaning": Own(True)}, rules, place, TODAY)
    assert (found[NAME].on, found["leaning"].on) == (True, True)
    assert states(host().infos, {"leaning": Own(True)}, [], place, TODAY)["leaning"].why == "lacks"
