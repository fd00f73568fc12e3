"""Switching a line on and off: versioned, with reason, permission and trail; felt by every process at its next scope."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from core.db.session import make_engine, unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.host.manager import host
from core.settings import settings as installation
from core.tenancy.models import TenantPlugin
from core.tenancy.plugin_state import enabled_plugins
from core.tenancy.service import system_scope
from core.trail.models import TrailEntry
from tenants.plugin import SWITCH
from tenants.switching import plugin_cards, plugin_history, switch_plugin
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, TODAY, Database
from tests.core.lines import Acting, install
from tests.dummy_plugin import NAME, DummyPlugin

LINE = "petitions"


@pytest.fixture(autouse=True)
def lines(db: Database) -> None:
    install(db)


@pytest.fixture
def dummy() -> Iterator[str]:
    """The dummy plugin, installed for the time of a test."""
    host.cache_clear()
    host().register(DummyPlugin(), NAME)
    yield NAME
    host.cache_clear()


def switch(acting: Acting, enabled: bool, name: str = LINE, tenant: str = COUNTY, **more: Any) -> TenantPlugin:
    """Switch a line as the tenant's administrator."""
    reason = more.pop("reason", "主席办公会决定")
    with acting(tenant, actor="admin", permissions=frozenset({SWITCH})), unit_of_work() as session:
        return switch_plugin(session, name, enabled=enabled, reason=reason, **more)


def test_each_change_has_a_version_a_reason_and_an_entry_in_the_trail(acting: Acting) -> None:
    for version, enabled in enumerate((True, False, True), start=1):
        row = switch(acting, enabled, reason=f" 第 {version} 次 ")
        assert (row.version, row.enabled) == (version, enabled)
    with acting(COUNTY), unit_of_work() as session:
        history = plugin_history(session, LINE)
        assert [(row.version, row.enabled, row.reason, row.actor, row.business_date) for row in history] == [
            (3, True, "第 3 次", "admin", TODAY),
            (2, False, "第 2 次", "admin", TODAY),
            (1, True, "第 1 次", "admin", TODAY),
        ]
        entries = session.scalars(select(TrailEntry).order_by(TrailEntry.seq)).all()
        assert [entry.action for entry in entries] == ["plugin.on", "plugin.off", "plugin.on"]
        assert json.loads(entries[1].content)["fields"] == {"plugin": LINE, "version": 2}
        assert {entry.subject_id for entry in entries} == {row.id for row in history}


def test_a_switch_stays_in_its_tenant(acting: Acting) -> None:
    switch(acting, True)
    assert LINE in system_scope(COUNTY, "test").plugins
    for foreign in (OTHER_COUNTY, PREFECTURE, PROVINCE):
        assert LINE not in system_scope(foreign, "test").plugins
        with acting(foreign), unit_of_work() as session:
            assert plugin_history(session, LINE) == []
            assert {card.info.name: card.enabled for card in plugin_cards(session)}[LINE] is False


def test_another_process_feels_it_at_its_next_scope(acting: Acting) -> None:
    """A process that is running before the switch asks before and after, without being started again."""
    asking = (
        "import sys\nfrom core.tenancy.service import system_scope\n"
        "for line in sys.stdin:\n"
        f"    print('{LINE}' in system_scope(line.strip(), 'test').plugins, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", asking], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def answer(tenant: str) -> bool:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{tenant}\n")
            process.stdin.flush()
            return process.stdout.readline() == "True\n"

        assert not answer(COUNTY)
        switch(acting, True)
        assert answer(COUNTY)
        assert not answer(OTHER_COUNTY)
        switch(acting, False)
        assert not answer(COUNTY)
        process.stdin.close()
        assert process.wait(timeout=20) == 0


def test_another_engine_sees_it_only_once_it_is_committed(acting: Acting) -> None:
    other = make_engine(installation().database_url, pool_size=1)
    with acting(COUNTY, actor="system:test"):
        with unit_of_work() as session:
            switch_plugin(session, LINE, enabled=True, reason="试行")
            with unit_of_work(engine=other) as second:
                assert LINE not in enabled_plugins(second)
        with unit_of_work(engine=other) as second:
            assert LINE in enabled_plugins(second)
    other.dispose()


def test_only_one_who_may_switches_and_nothing_is_left_of_a_refusal(acting: Acting) -> None:
    with (
        acting(COUNTY, actor="clerk", permissions=frozenset({"case.open"})),
        unit_of_work() as session,
        pytest.raises(Forbidden),
    ):
        switch_plugin(session, LINE, enabled=True, reason="试行")
    for refused in ("", "  "):
        with pytest.raises(InvalidInput) as error:
            switch(acting, True, reason=refused)
        assert error.value.where == "reason"
    with pytest.raises(NotFound):
        switch(acting, True, "nobody")
    for always in ("core", "tenants"):
        with pytest.raises(Conflict, match="不可停用"):
            switch(acting, False, always)
    with acting(COUNTY), unit_of_work() as session:
        assert session.scalars(select(TrailEntry)).all() == []
        assert [card.enabled for card in plugin_cards(session)].count(True) == 0


def test_nothing_to_change_and_a_stale_version_are_conflicts(acting: Acting) -> None:
    with pytest.raises(Conflict, match="停用状态"):
        switch(acting, False)
    switch(acting, True, expected_version=0)
    with pytest.raises(Conflict, match="已处于"):
        switch(acting, True)
    with pytest.raises(Conflict, match="他人"):
        switch(acting, False, expected_version=0)
    assert switch(acting, False, expected_version=1).version == 2


def test_a_line_that_is_gone_is_not_on(acting: Acting, dummy: str) -> None:
    switch(acting, True, dummy)
    assert dummy in system_scope(COUNTY, "test").plugins
    host.cache_clear()
    assert dummy not in system_scope(COUNTY, "test").plugins
