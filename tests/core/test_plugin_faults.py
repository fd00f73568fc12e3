"""A stranger's plugin that fails fails alone: its own case, check, figure, chunk, table. It is reported, and can be shut off
for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from core.audit.models import AuditFinding, AuditRun
from core.audit.service import last_run, not_made, run_audit
from core.cases.models import Case
from core.cases.service import NewCase, NewParty, advance, open_cases
from core.cases.workflows import sync_workflows
from core.db.migrate import PluginSchema, migrate_all
from core.db.session import app_engine, reference_work, unit_of_work
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.exchange.facts import report_facts
from core.exchange.models import Fact
from core.host import faults
from core.host.declarations import AuditCheckDecl, ChunkPlan, FactDecl, GuardDecl, JobKindDecl, TransitionDecl
from core.host.declared import QUARANTINE
from core.host.manager import LeftOut, PluginBroken, host
from core.host.models import PluginFault, PluginQuarantine
from core.host.quarantine import BY_MIGRATION, let_in, quarantined, shut_off, shut_off_by_migration
from core.host.watching import PluginFailed, watched
from core.jobs.runner import Outcome, plan_job, run_chunk, run_inline
from core.jobs.service import start_job
from core.parameters.service import sync_national
from core.scope import Scope
from core.settings import settings
from core.tenancy.models import TenantPlugin
from core.tenancy.service import system_scope
from core.trail.models import TrailEntry
from tests.conftest import COUNTY, OTHER_COUNTY, PREFECTURE, PROVINCE, Database
from tests.core.lines import permissions
from tests.core.strangers import Stranger, failing, finding, flow, info, nothing

Acting = Callable[..., AbstractContextManager[Scope]]
SHAKY, SOUND = "shaky", "sound"
BOTH = frozenset({SHAKY, SOUND})


def _sound() -> Stranger:
    return Stranger(
        SOUND,
        {
            "audit_checks": [AuditCheckDecl("sound.check", "核查", "check", "minor", "none", finding)],
            "facts": [FactDecl("sound.fact", "指标", "fact", lambda _session, _year: [("sound.fact", "none", 7)])],
            "workflows": [flow(SOUND)],
        },
    )


@pytest.fixture(autouse=True)
def strangers(db: Database) -> Iterator[None]:
    """A line that fails wherever it is called, and one that does not, both of strangers and on in the county."""
    host.cache_clear()
    host().register(failing(SHAKY), SHAKY, built_in=False)
    host().register(_sound(), SOUND, built_in=False)
    with db.owner.begin() as connection:
        sync_workflows(connection)
        sync_national(connection)
        for name in BOTH:
            connection.execute(
                text(
                    "insert into tenant_plugin_change (tenant, id, plugin, version, enabled, reason, actor, business_date)"
                    " values (:t, gen_random_uuid(), :p, 1, true, '', 'x', '2025-01-02')"
                ),
                {"t": COUNTY, "p": name},
            )
            connection.execute(
                text("insert into tenant_plugin (tenant, plugin, enabled, version) values (:t, :p, true, 1)"),
                {"t": COUNTY, "p": name},
            )
    yield
    host.cache_clear()


def _faults() -> dict[tuple[str, str], PluginFault]:
    with reference_work() as session:
        return {(row.plugin, row.place): row for row in faults.recent_faults(session)}


def _opened(acting: Acting, line: str) -> Case:
    with acting(COUNTY, actor="clerk", permissions=permissions(), plugins=BOTH), unit_of_work() as session:
        [case] = open_cases(session, [NewCase(line, line, (NewParty("applicant", label="李明"),))])
        return case


def _closed(acting: Acting, case: Case) -> None:
    with acting(COUNTY, actor="other", permissions=permissions(), plugins=BOTH), unit_of_work() as session:
        advance(session, [case.id], "close", None)


def test_a_guard_that_raises_stops_its_own_case_alone(acting: Acting) -> None:
    shaky, sound = _opened(acting, SHAKY), _opened(acting, SOUND)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            _closed(acting, shaky)
    _closed(acting, sound)
    found = _faults()[SHAKY, "guard shaky.guard"]
    assert (found.count, found.version) == (2, "1")
    assert found.first_at < found.last_at
    assert "strangers.py" in found.trace
    assert "ZeroDivisionError" in found.said
    assert "张三" not in found.said + found.trace
    assert str(Path(__file__).parents[2]) not in found.trace


def test_a_guard_that_forgets_a_case_is_no_answer(acting: Acting) -> None:
    host.cache_clear()
    silent = Stranger(
        SHAKY,
        {
            "guards": [GuardDecl("shaky.guard", "条件", "guard", nothing)],
            "workflows": [flow(SHAKY, guards=("shaky.guard",))],
        },
    )
    host().register(silent, SHAKY, built_in=False)
    case = _opened(acting, SHAKY)
    with pytest.raises(PluginFailed):
        _closed(acting, case)
    assert (SHAKY, "guard shaky.guard") in _faults()


def test_a_check_that_raises_leaves_the_audit_to_the_others(acting: Acting) -> None:
    with acting(COUNTY, permissions=permissions(), plugins=BOTH), unit_of_work() as session:
        kept = run_audit(session, 2025)
    assert kept["sound.check"].new == 1
    assert "shaky.check" not in kept
    with acting(COUNTY), unit_of_work() as session:
        assert session.scalars(select(AuditFinding.check_code).where(AuditFinding.check_code.like("s%.check"))).all() == [
            "sound.check"
        ]
        [run] = session.scalars(select(AuditRun))
        [missed] = [row for row in run.checks if row.get("failed")]
        assert missed["check"] == "shaky.check"
        assert missed["why"].startswith("程序内部错误")
        assert not_made(last_run(session, 2025)) == [(missed["zh"], missed["why"])]
        assert last_run(session, 2024) is None
    assert (SHAKY, "check shaky.check") in _faults()


def test_a_figure_that_raises_leaves_the_others(acting: Acting) -> None:
    with acting(COUNTY, plugins=BOTH), unit_of_work() as session:
        report_facts(session, 2025)
    with acting(COUNTY), unit_of_work() as session:
        assert "sound.fact" in session.scalars(select(Fact.name)).all()
    assert (SHAKY, "fact shaky.fact") in _faults()


def test_a_figure_under_another_ones_name_is_none(acting: Acting) -> None:
    host.cache_clear()
    steals = FactDecl("shaky.fact", "指标", "fact", lambda _session, _year: [("fund.paid", "none", 10**9)])
    host().register(Stranger(SHAKY, {"facts": [steals]}), SHAKY, built_in=False)
    with acting(COUNTY, plugins=BOTH), unit_of_work() as session:
        report_facts(session, 2025)
        assert 10**9 not in session.scalars(select(Fact.value)).all()
    assert (SHAKY, "fact shaky.fact") in _faults()


def test_a_job_that_raises_fails_its_own_chunk(acting: Acting) -> None:
    with acting(COUNTY, permissions=permissions(), plugins=BOTH), unit_of_work() as session:
        job = start_job(session, "shaky.job", "2025", {})
    assert run_inline(COUNTY, job.id)["state"] == "failed"
    assert (SHAKY, "job shaky.job run") in _faults()


# What is no fault


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (Conflict("不行", "no"), False),
        (PluginBroken("坏", "broken"), True),
        (OperationalError("select 1", {}, Exception("deadlock")), False),
        (DBAPIError("select 1", {}, Exception("no such table")), True),
        (KeyError("x"), True),
    ],
)
def test_a_refusal_in_words_and_a_busy_database_are_no_faults(error: Exception, fault: bool) -> None:
    def raises() -> None:
        raise error

    with pytest.raises(type(error)):
        watched(info("some"), "here", raises, lambda _arguments, _answer: True)()
    assert (("some", "here") in _faults()) is fault


def test_without_a_database_the_log_has_the_fault(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    for url in ("", "postgresql+psycopg://nobody@127.0.0.1:1/none"):
        monkeypatch.setenv("BANGFU_DATABASE_URL", url)
        settings.cache_clear()
        faults.keep("some", "here", f"at {url or 'none'}", "")
        assert f"plugin some failed at here: at {url or 'none'}" in caplog.text
    monkeypatch.undo()
    settings.cache_clear()


# Connections


def test_a_connection_that_is_kept_is_taken_back(acting: Acting) -> None:
    kept: list[Connection] = []

    def keeps() -> None:
        kept.append(app_engine().connect())
        with app_engine().connect():
            pass

    before = app_engine().pool.checkedout()  # type: ignore[attr-defined]  # a queue pool counts
    with acting(COUNTY), unit_of_work() as session:
        session.scalars(select(TenantPlugin)).all()
        for _ in range(30):
            watched(info("leaky"), "job", keeps, lambda _arguments, _answer: True)()
        # what was borrowed before it goes on
        assert len(session.scalars(select(TenantPlugin)).all()) == 2
    assert app_engine().pool.checkedout() == before  # type: ignore[attr-defined]  # as above
    assert _faults()["leaky", "job (connections)"].count == 30


# Shut off for all


def _provincial(acting: Acting, *held: str) -> AbstractContextManager[Scope]:
    return acting(PROVINCE, actor="sys", permissions=frozenset(held))


def test_one_act_shuts_a_plugin_off_in_every_county_and_one_lets_it_in(acting: Acting) -> None:
    assert system_scope(COUNTY, "test").plugins >= BOTH
    with _provincial(acting, QUARANTINE), unit_of_work() as session:
        shut_off(session, SHAKY, " 反复出错 ")
    assert system_scope(COUNTY, "test").plugins & BOTH == {SOUND}
    with acting(COUNTY), unit_of_work() as session:
        assert quarantined(session)[SHAKY].reason == "反复出错"
        assert session.scalar(select(TenantPlugin.enabled).where(TenantPlugin.plugin == SHAKY)) is True
    with _provincial(acting, QUARANTINE), unit_of_work() as session, pytest.raises(Conflict, match="已在全省停用"):
        shut_off(session, SHAKY, "再次")
    with _provincial(acting, QUARANTINE), unit_of_work() as session:
        let_in(session, SHAKY, "已修复")
        assert quarantined(session) == {}
    assert system_scope(COUNTY, "test").plugins >= BOTH
    with acting(PROVINCE), unit_of_work() as session:
        assert session.scalars(select(TrailEntry.action).order_by(TrailEntry.seq)).all() == [
            "plugin.quarantined",
            "plugin.released",
        ]


def test_work_that_is_under_way_stops_at_its_next_chunk_and_goes_on_when_it_is_let_in(acting: Acting) -> None:
    done: list[int] = []

    def run(_session: Any, _params: Any, payload: Any) -> dict[str, int]:
        done.append(payload["no"])
        return {}

    parts = [ChunkPlan(str(number), {"no": number}) for number in (1, 2)]
    host().register(
        Stranger("slow", {"job_kinds": [JobKindDecl("slow.job", "任务", "job", lambda _s, _p: parts, run)]}),
        "slow",
        built_in=False,
    )
    with acting(COUNTY, permissions=permissions(), plugins=frozenset({"slow"})), unit_of_work() as session:
        job = start_job(session, "slow.job", "1", {}).id
    plan_job(COUNTY, job)
    assert run_chunk(COUNTY, job, 1) is Outcome.DONE
    with _provincial(acting, QUARANTINE), unit_of_work() as session:
        shut_off(session, "slow", "反复出错")
    assert (plan_job(COUNTY, job), run_chunk(COUNTY, job, 2)) == ([], Outcome.HALTED)
    seen = run_inline(COUNTY, job)
    assert (seen["state"], seen["halted"], seen["done"], seen["queued"]) == ("running", True, 1, 1)
    assert "已暂停" in seen["state_zh"]
    with _provincial(acting, QUARANTINE), unit_of_work() as session:
        let_in(session, "slow", "已修复")
    assert run_inline(COUNTY, job)["state"] == "done"
    assert done == [1, 2]


def test_the_scope_costs_no_statement_more(db: Database) -> None:
    asked: list[str] = []

    def heard(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "tenant_plugin" in statement:
            asked.append(statement)

    event.listen(app_engine(), "before_cursor_execute", heard)
    try:
        system_scope(COUNTY, "test")
    finally:
        event.remove(app_engine(), "before_cursor_execute", heard)
    assert ["plugin_quarantine" in statement for statement in asked] == [True]


def test_who_may_not_shut_off_and_what_cannot_be(acting: Acting) -> None:
    host().left_out.append(LeftOut("absent", "cannot be loaded"))
    for tenant, held, error in (
        (PROVINCE, frozenset[str](), Forbidden),
        (PREFECTURE, frozenset({QUARANTINE}), Forbidden),
        (COUNTY, frozenset({QUARANTINE}), Forbidden),
    ):
        with acting(tenant, actor="sys", permissions=held), unit_of_work() as session, pytest.raises(error):
            shut_off(session, SHAKY, "试")
    with acting(COUNTY, actor="system:cli"), unit_of_work() as session, pytest.raises(Forbidden):
        shut_off(session, SHAKY, "试")
    with _provincial(acting, QUARANTINE), unit_of_work() as session:
        for name, reason, refused in (
            ("nobody", "试", NotFound),
            ("core", "试", Conflict),
            ("tenants", "试", Conflict),
            (SHAKY, "  ", InvalidInput),
        ):
            with pytest.raises(refused):
                shut_off(session, name, reason)
        with pytest.raises(Conflict, match="没有被停用"):
            let_in(session, SHAKY, "试")
        shut_off(session, "absent", "无法载入")
    assert SHAKY in system_scope(COUNTY, "test").plugins
    assert SHAKY not in system_scope(OTHER_COUNTY, "test").plugins


# Migrations and workflows


def _script(folder: Path, name: str, body: str) -> PluginSchema:
    versions = folder / name / "versions"
    versions.mkdir(parents=True)
    (versions / "a001.py").write_text(
        f"from alembic import op\nrevision = 'a001'\ndown_revision = None\ndef upgrade():\n    {body}\n", encoding="utf-8"
    )
    return PluginSchema(name, folder / name, built_in=False)


@pytest.fixture
def two_schemas(db: Database, tmp_path: Path) -> Iterator[Sequence[PluginSchema]]:
    yield (
        _script(tmp_path, SHAKY, "op.execute('create table shaky.half (id int)'); raise RuntimeError('half way')"),
        _script(tmp_path, SOUND, "op.execute('create table sound.whole (id int)')"),
    )
    with db.owner.begin() as connection:
        for name in BOTH:
            connection.execute(text(f"drop schema if exists {name} cascade"))


def test_a_migration_that_fails_leaves_the_rest_and_its_plugin_out(db: Database, two_schemas: Sequence[PluginSchema]) -> None:
    with db.owner.connect() as connection:
        failed = migrate_all(connection, two_schemas)
        assert [(name, str(error)) for name, error in failed.items()] == [(SHAKY, "half way")]
        assert connection.scalar(text("select to_regclass('sound.whole')")) is not None
        assert connection.scalar(text("select to_regclass('shaky.half')")) is None
        connection.rollback()
    for wrong, on in ((failed, {SOUND}), ({}, BOTH)):
        with db.owner.begin() as connection:
            shut_off_by_migration(connection, wrong, BOTH - wrong.keys())
        assert system_scope(COUNTY, "test").plugins & BOTH == on
    with reference_work() as session:
        row = session.get(PluginQuarantine, SHAKY)
        assert row is not None
        assert (row.actor, "half way" in row.reason) == (BY_MIGRATION, True)


def test_what_a_person_shut_off_stays_so_after_a_sound_migration(db: Database, acting: Acting) -> None:
    with _provincial(acting, QUARANTINE), unit_of_work() as session:
        shut_off(session, SHAKY, "反复出错")
    with db.owner.begin() as connection:
        shut_off_by_migration(connection, {}, BOTH)
    assert SHAKY not in system_scope(COUNTY, "test").plugins


def test_a_built_in_migration_that_fails_is_raised(db: Database, two_schemas: Sequence[PluginSchema]) -> None:
    own = PluginSchema(SHAKY, two_schemas[0].scripts)
    with db.owner.connect() as connection, pytest.raises(RuntimeError, match="half way"):
        migrate_all(connection, [own])


def test_a_strangers_broken_workflow_is_left_out_of_what_is_stored(db: Database) -> None:
    host.cache_clear()
    nowhere = TransitionDecl("close", "办结", "close", ("opened",), "nowhere", "case.advance")
    host().register(Stranger(SHAKY, {"workflows": [flow(SHAKY, version=2, transitions=(nowhere,))]}), SHAKY, built_in=False)
    host().register(Stranger(SOUND, {"workflows": [flow(SOUND, version=2)]}), SOUND, built_in=False)
    told: dict[str, Exception] = {}
    with db.owner.begin() as connection:
        sync_workflows(connection, lambda name, error: told.setdefault(name, error))
        stored = connection.execute(text("select name, version from workflow_version where plugin in ('shaky', 'sound')")).all()
    assert set(stored) == {(SHAKY, 1), (SOUND, 1), (SOUND, 2)}
    assert list(told) == [SHAKY]
