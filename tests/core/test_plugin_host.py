"""The plugin host: what it takes in, what it leaves out, whom it asks; and a plugin's tables in a schema of its own."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distribution, entry_points
from pathlib import Path
from typing import Any

import pytest
from alembic.util import CommandError
from sqlalchemy import Connection, text

import core
from core.builtin import core_plugin
from core.db.base import new_id
from core.db.migrate import PluginSchema, migrate_plugin
from core.db.session import unit_of_work
from core.db.statements import tenant_sql
from core.errors import NotFound
from core.host import ENTRY_POINTS, hookimpl, manager
from core.host.declarations import NavEntry, PluginInfo
from core.host.manager import PluginBroken, PluginHost, host, is_built_in
from core.scope import NoScope
from tests.conftest import COUNTY, OTHER_COUNTY, Database
from tests.core.lines import Acting
from tests.core.test_catalogue import breaches
from tests.dummy_plugin import NAME, DummyPlugin, plugin


def _info(name: str, api: str = ">=1,<2", **more: Any) -> PluginInfo:
    return PluginInfo(name, "1", api, name, name, "", "", "none", **more)


class Stranger:
    """A plugin of which only the name, the range of the api and the navigation matter."""

    def __init__(self, name: str, api: str = ">=1,<2", **more: Any) -> None:
        self._info = _info(name, api, **more)

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        return self._info

    @hookimpl
    def bangfu_navigation(self) -> list[NavEntry]:
        return [NavEntry(self._info.name, self._info.name, "/", "puzzle", "none")]


class Unknown(Stranger):
    """Implements a hook that no specification knows."""

    @hookimpl
    def bangfu_weather(self) -> str:
        return "rain"


class Silent(Stranger):
    """Answers a hook with nothing."""

    @hookimpl
    def bangfu_audit_checks(self) -> None:
        return None


class Nameless:
    """Does not say who it is."""

    @hookimpl
    def bangfu_navigation(self) -> list[NavEntry]:
        return []


class WrongArguments(Stranger):
    """Takes an argument that the specification does not give."""

    @hookimpl
    def bangfu_facts(self, county: str) -> list[object]:
        return [county]


class Boom(Stranger):
    """Fails while it says who it is."""

    def __init__(self) -> None:
        super().__init__("boom")

    @hookimpl
    def bangfu_plugin(self) -> PluginInfo:
        raise RuntimeError("boom")


@dataclass
class Point:
    """An entry point that gives ``target`` or raises it."""

    name: str
    target: object
    dist: Distribution | None = None

    def load(self) -> object:
        if isinstance(self.target, Exception):
            raise self.target
        return self.target


def _discovered(monkeypatch: pytest.MonkeyPatch, *points: Point) -> PluginHost:
    def found(group: str) -> list[Point]:
        assert group == ENTRY_POINTS
        return list(points)

    monkeypatch.setattr(manager, "entry_points", found)
    made = PluginHost()
    made.discover()
    return made


def test_the_installed_package_brings_the_built_in_plugins() -> None:
    made = PluginHost()
    made.register(core_plugin, "core")
    made.discover()
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shipped = set(project["entry-points"][ENTRY_POINTS])
    assert {point.name for point in entry_points(group=ENTRY_POINTS) if is_built_in(point)} == shipped
    assert set(made.infos) >= shipped | {"core"}
    assert {"core", "tenants"} <= made.always_on
    assert not made.always_on & (shipped - {"tenants"})
    orders = [info.order for info in made.infos.values()]
    assert orders == sorted(orders)


def test_the_core_names_no_plugin() -> None:
    root = Path(core.__file__).parent
    quoted = [f'"{point.name}"' for point in entry_points(group=ENTRY_POINTS) if is_built_in(point)]
    assert len(quoted) > 1
    told = {path: path.read_text(encoding="utf-8") for path in root.rglob("*.py") if "node_modules" not in path.parts}
    assert [(path.name, name) for path, text in told.items() for name in quoted if name in text] == []


def test_an_entry_point_is_loaded_by_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint(NAME, "tests.dummy_plugin:plugin", ENTRY_POINTS)
    monkeypatch.setattr(manager, "entry_points", lambda **_: [point])
    made = PluginHost()
    made.discover()
    assert list(made.infos) == [NAME]
    assert made.left_out == []


@pytest.mark.parametrize(
    ("api", "fits"),
    [
        (">=1,<2", True),
        ("~=1.0", True),
        ("==1.0", True),
        (">=1.1", True),
        (">=1.2", False),
        (">=2", False),
        ("<1", False),
        ("one", False),
    ],
)
def test_a_plugin_states_the_range_that_it_works_with(api: str, fits: bool) -> None:
    made = PluginHost()
    if fits:
        made.register(Stranger("other", api), "other")
        assert list(made.infos) == ["other"]
    else:
        with pytest.raises(PluginBroken, match="接口"):
            made.register(Stranger("other", api), "other")
        assert made.infos == {}
        assert made.installed("bangfu_navigation") == []


@pytest.mark.parametrize(
    ("broken", "name", "said"),
    [
        (Unknown("weather"), "weather", "bangfu_weather"),
        (Nameless(), "nameless", "未声明自己"),
        (Stranger("other"), "name", "自称"),
        (WrongArguments("arguments"), "arguments", "county"),
        (Boom(), "boom", "boom"),
    ],
)
def test_a_plugin_that_breaks_the_contract_is_not_taken_in(broken: object, name: str, said: str) -> None:
    made = PluginHost()
    made.register(Stranger("sound"), "sound")
    with pytest.raises(PluginBroken, match=said):
        made.register(broken, name)
    assert list(made.infos) == ["sound"]
    made.register(Stranger(name), name)
    assert [owner for owner, _ in made.installed("bangfu_navigation")] == sorted(["sound", name])


def test_a_name_is_taken_once_and_the_first_stays() -> None:
    made = PluginHost()
    made.register(Stranger("sound"), "sound")
    with pytest.raises(PluginBroken):
        made.register(Stranger("sound"), "sound")
    assert [owner for owner, _ in made.installed("bangfu_navigation")] == ["sound"]


def test_a_strangers_broken_plugin_is_left_out_and_the_rest_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    made = _discovered(
        monkeypatch,
        Point("absent", ImportError("no module of that name")),
        Point("future", Stranger("future", ">=2")),
        Point("sound", Stranger("sound")),
    )
    assert list(made.infos) == ["sound"]
    assert {out.name: out.reason for out in made.left_out}.keys() == {"absent", "future"}
    assert all(out.reason for out in made.left_out)


@pytest.mark.parametrize("target", [ImportError("broken"), Stranger("petitions", ">=2"), Unknown("petitions")])
def test_a_built_in_plugin_that_fails_stops_the_start(monkeypatch: pytest.MonkeyPatch, target: object) -> None:
    with pytest.raises((ImportError, PluginBroken)):
        _discovered(monkeypatch, Point("petitions", target, distribution("bangfu")), Point("sound", Stranger("sound")))


def test_a_stranger_with_a_built_in_name_does_not_stop_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    made = _discovered(
        monkeypatch,
        Point("petitions", ImportError("broken"), distribution("pytest")),
        Point("sound", Stranger("sound")),
    )
    assert list(made.infos) == ["sound"]
    assert [out.name for out in made.left_out] == ["petitions"]


@pytest.fixture
def three() -> PluginHost:
    made = PluginHost()
    made.register(Stranger("one"), "one")
    made.register(Stranger("two"), "two")
    made.register(Stranger("ever", always_on=True), "ever")
    return made


def test_a_plugin_is_asked_only_where_it_is_on(three: PluginHost, acting: Acting) -> None:
    def owners() -> list[str]:
        found = [owner for owner, _ in three.asked("bangfu_navigation")]
        assert [entry.zh for entry in three.collected_here("bangfu_navigation")] == found
        return found

    with acting(COUNTY, plugins=frozenset({"two"})):
        assert owners() == ["ever", "two"]
        with acting(OTHER_COUNTY, plugins=frozenset({"one", "gone"})):
            assert owners() == ["ever", "one"]
        assert owners() == ["ever", "two"]
        assert [owner for owner, _ in three.asked("bangfu_navigation", ["one"])] == ["ever", "one"]
        assert [owner for owner, _ in three.installed("bangfu_navigation")] == ["ever", "one", "two"]
    with acting(COUNTY):
        assert owners() == ["ever"]
    with pytest.raises(NoScope):
        three.asked("bangfu_navigation")


def test_a_hook_that_answers_nothing_is_named(three: PluginHost, acting: Acting) -> None:
    three.register(Silent("silent"), "silent")
    with pytest.raises(PluginBroken, match="silent 的钩子 bangfu_audit_checks"):
        three.installed("bangfu_audit_checks")
    with acting(COUNTY, plugins=frozenset({"one"})):
        assert three.asked("bangfu_audit_checks") == []
    with acting(COUNTY, plugins=frozenset({"silent"})), pytest.raises(PluginBroken):
        three.asked("bangfu_audit_checks")


def test_answers_go_with_their_plugins_in_any_order_of_registration() -> None:
    for names in (("b", "a", "c"), ("c", "b", "a")):
        made = PluginHost()
        for name in names:
            made.register(Stranger(name), name)
        assert [(owner, answer[0].zh) for owner, answer in made.installed("bangfu_navigation")] == [
            ("a", "a"),
            ("b", "b"),
            ("c", "c"),
        ]


def test_an_unknown_plugin_is_not_found(three: PluginHost) -> None:
    with pytest.raises(NotFound, match="nobody"):
        three.info("nobody")
    assert three.info("one").name == "one"


def test_codes_that_plugins_declare_are_theirs() -> None:
    for name, declared in host().installed("bangfu_permissions"):
        if name != "core":
            assert all(permission.code.startswith(f"{name}.") for permission in declared), name
    for hook in ("bangfu_permissions", "bangfu_roles", "bangfu_audit_checks"):
        codes = [one.code for one in host().collected(hook)]
        assert len(codes) == len(set(codes)), hook


# A plugin's own tables


@pytest.fixture
def schema(db: Database) -> Iterator[Connection]:
    """The owner's connection, with the dummy plugin's schema migrated; gone afterwards."""
    made = PluginHost()
    made.register(DummyPlugin(), NAME)
    [(name, declared)] = made.installed("bangfu_migrations")
    with db.owner.connect() as connection:
        migrate_plugin(connection, PluginSchema(name, declared.scripts))
        try:
            yield connection
        finally:
            connection.rollback()
            connection.execute(text(f"drop schema {NAME} cascade"))
            connection.commit()


def _versions(connection: Connection, place: str) -> list[str]:
    return list(connection.execute(text(f"select version_num from {place}.alembic_version")).scalars())


def test_a_plugins_schema_has_a_history_of_its_own(schema: Connection) -> None:
    core_version = _versions(schema, "public")
    assert _versions(schema, NAME) == ["d002"]
    migrate_plugin(schema, PluginSchema(NAME, plugin.bangfu_migrations().scripts))
    assert _versions(schema, NAME) == ["d002"]
    assert _versions(schema, "public") == core_version


def test_a_plugins_schema_obeys_the_catalogue_rules(schema: Connection) -> None:
    def found() -> list[str]:
        return [line for line in breaches(schema, (NAME,)) if "no model declares" not in line]

    assert found() == []
    schema.execute(text(f"create table {NAME}.loose (tenant char(6), id uuid)"))
    assert "loose: row-level security is not forced" in found()
    schema.rollback()


def test_a_plugins_rows_stay_in_their_tenant(schema: Connection, acting: Acting) -> None:
    with acting(COUNTY), unit_of_work() as session:
        session.execute(
            tenant_sql(f"insert into {NAME}.parcel (tenant, id, what, grams) values (:tenant, :id, '米', 500)"),
            {"id": new_id()},
        )
    for tenant, count in ((COUNTY, 1), (OTHER_COUNTY, 0)):
        with acting(tenant), unit_of_work() as session:
            assert session.connection().exec_driver_sql(f"select count(*) from {NAME}.parcel").scalar() == count


def test_a_broken_script_leaves_the_former_version(schema: Connection, tmp_path: Path) -> None:
    versions = tmp_path / "versions"
    versions.mkdir()
    for script in (plugin.bangfu_migrations().scripts / "versions").glob("d*.py"):
        (versions / script.name).write_text(script.read_text())
    (versions / "d003_broken.py").write_text(
        "from alembic import op\nrevision = 'd003'\ndown_revision = 'd002'\n"
        f"def upgrade():\n    op.execute('create table {NAME}.half (id int)')\n    raise RuntimeError('half way')\n"
    )
    with pytest.raises(RuntimeError, match="half way"):
        migrate_plugin(schema, PluginSchema(NAME, tmp_path))
    schema.rollback()
    assert _versions(schema, NAME) == ["d002"]
    assert schema.execute(text(f"select to_regclass('{NAME}.half')")).scalar() is None


def test_a_history_that_lacks_the_present_version_is_refused(schema: Connection, tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    with pytest.raises(CommandError, match="d002"):
        migrate_plugin(schema, PluginSchema(NAME, tmp_path))


@pytest.mark.parametrize("name", ["public", "pg_catalog", "information_schema", "Upper", "a;b", "", "1a"])
def test_a_schema_has_a_name_of_its_own(db: Database, name: str, tmp_path: Path) -> None:
    with db.owner.connect() as connection, pytest.raises(ValueError, match="schema name"):
        migrate_plugin(connection, PluginSchema(name, tmp_path))
