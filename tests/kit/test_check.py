"""``bangfu plugin check`` tells each breach with file, line and mend, and says nothing of what keeps the contract."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from core.errors import InvalidInput, NotFound
from core.host import ENTRY_POINTS
from core.host.manager import is_built_in
from deploy.kit import code_rules, declared_rules, file_rules
from deploy.kit.check import RULES, breaches_of, check_plugin
from tests.dummy_plugin import NAME, DummyPlugin
from tests.kit.breaches import CLEAN, found_in

_NUMBERS = itertools.count()
INIT, WORK = "__init__.py", "work.py"
LINES = sorted({point.name for point in entry_points(group=ENTRY_POINTS) if is_built_in(point)} - {"tenants"})
_RECORDED = (
    "    return {case.id: (limit",
    '    from core.trail.service import record\n    record(session, "breaker.gone", "case", None)\n    return {case.id: (limit',
)

BREACHES: list[tuple[str, str, str, str, str]] = [
    ("unknown_hook", INIT, "def bangfu_programmes", "def bangfu_weather", "bangfu_weather"),
    ("hook_mark", INIT, "    @hookimpl\n    def bangfu_programmes", "    def bangfu_programmes", "@hookimpl"),
    ("hook_arguments", INIT, "def bangfu_programmes(self)", "def bangfu_programmes(self, county)", "没有参数"),
    ("hook_kind", INIT, "def bangfu_programmes", "async def bangfu_programmes", "普通函数"),
    ("bangfu_plugin", INIT, "def bangfu_plugin", "def describe", "bangfu_plugin"),
    ("answer", INIT, "        return ()", "        return None", "bangfu_programmes"),
    ("answer", INIT, "personal=True),)", 'personal="yes"),)', "personal"),
    ("prefix", INIT, '"breaker.guard"', '"guard"', "guard does not begin"),
    ("prefix", INIT, '"breaker.check"', '"grant_before_notice"', "grant_before_notice"),
    ("texts", INIT, '"查看", "read"', '"read", "read"', "zh 缺少中文"),
    ("texts", INIT, '"查看", "read"', '"查看", "查看"', "en 缺少英文"),
    ("texts", INIT, 'FormField("why", "事由", "why")', 'FormField("why", "事由", "")', "en 缺少英文"),
    ("texts", WORK, 'title="份数"', 'title="limit"', "limit 缺少中文标题"),
    ("duty", INIT, 'RoleGrant("caseworker"', 'RoleGrant("leader"', "leader"),
    ("duty", INIT, 'RoleGrant("caseworker"', 'RoleGrant("security_administrator"', "security_administrator"),
    ("unknown_role", INIT, 'RoleGrant("caseworker"', 'RoleGrant("king"', "king"),
    ("unknown_permission", INIT, '"open_permission": "breaker.read"', '"open_permission": "breaker.open"', "breaker.open"),
    ("unknown_permission", INIT, '"users", "breaker.read"', '"users", "breaker.see"', "breaker.see"),
    ("unknown_permission", WORK, 'requires("breaker.read")', 'requires("breaker.look")', "breaker.look"),
    ("workflow", INIT, '("a",), "b", "breaker.read", ("breaker.guard",)', '("a",), "c", "breaker.read"', "unknown state c"),
    ("workflow", INIT, '("breaker.guard",)),)', '("breaker.gone",)),)', "unknown guard breaker.gone"),
    ("workflow", INIT, '("breaker.guard",)),)', '("notice_over",)),)', "post_notice"),
    (
        "unknown_parameter",
        INIT,
        "form, **more",
        'form, (), (DeadlineDecl("d", "时限", "d", ("a",), "calendar", "none", None, "gone"),), **more',
        "gone",
    ),
    ("route_permission", WORK, ', dependencies=[Depends(requires("breaker.read"))]', "", "没有权限要求"),
    ("route_prefix", WORK, 'router.get("/breaker"', 'router.get("/visits"', "/visits"),
    ("outdated", INIT, '">=1.1,<2"', '"==1.0"', "1.1"),
    ("undeclared_setting", WORK, "settings_here(session).limit", "settings_here(session).most", "most"),
    (
        "undeclared_setting",
        WORK,
        "    limit = settings_here(session).limit\n",
        "    own = settings_here(session)\n    limit = own.least\n",
        "least",
    ),
    ("unsuited_setting", WORK, "    limit: int = Field(3, title=", "    limit: dict[str, int] = Field({}, title=", "limit"),
    ("foreign_setting", WORK, "plugin_settings(session, NAME)", 'plugin_settings(session, "petitions")', "petitions"),
    ("unscoped", WORK, "from core.scope import", "from sqlalchemy import text\nfrom core.scope import", ""),
    (
        "unscoped",
        WORK,
        "session.execute(tenant_sql(\"select 1 where :tenant <> ''\"))",
        'session.connection().exec_driver_sql("select 1")',
        "tenant_sql",
    ),
    ("unscoped", WORK, "    limit = ", "    app_engine().connect()\n    limit = ", "app_engine"),
    ("unscoped", WORK, "    limit = ", "    with reference_work() as other: pass\n    limit = ", "reference_work"),
    ("commit", WORK, "    limit = ", "    session.commit()\n    limit = ", "unit_of_work"),
    ("clock", WORK, "day = current_scope().business_date", "day = date.today()", "business_date"),
    ("clock", WORK, "day = current_scope().business_date", "day = datetime.now()", "business_date"),
    ("hook_per_row", WORK, "{case.id: (limit, day) for case in cases}", "{case.id: host().infos for case in cases}", "循环"),
    ("hook_per_row", WORK, "    limit = ", "    for case in cases:\n        host().info(case)\n    limit = ", "循环"),
    ("imports", WORK, "from core.scope import", "from tenants.plugin import SWITCH\nfrom core.scope import", "tenants.plugin"),
    (
        "imports",
        WORK,
        "from core.scope import",
        "import plugins.petitions.workflow\nfrom core.scope import",
        "plugins.petitions",
    ),
    ("imports", WORK, "from core.scope import", "import pluggy\nfrom core.scope import", "hookimpl"),
    ("undeclared_act", WORK, *_RECORDED, "breaker.gone"),
    ("undeclared_act", WORK, _RECORDED[0], _RECORDED[1].replace('"breaker.gone"', 'f"{NAME}.go_{day}"'), "breaker.go_*"),
    ("translation", "templates/page.html", "慰问", "走访", "走访"),
    ("inline", "templates/page.html", "<p>", '<p style="color: red">', "内联"),
]


def _package() -> str:
    return f"bangfu_breaker{next(_NUMBERS)}"


def test_a_plugin_that_keeps_the_contract_has_no_breach(tmp_path: Path) -> None:
    assert [str(breach) for breach in found_in(tmp_path, _package())] == []


@pytest.mark.parametrize(("rule", "file", "before", "after", "said"), BREACHES)
def test_a_breach_is_told_with_its_place(tmp_path: Path, rule: str, file: str, before: str, after: str, said: str) -> None:
    if rule == "unscoped" and "import text" in after:
        before, after = "def judge", "from sqlalchemy import text\ntext('select 1')\n\n\ndef judge"
    package = _package()
    found = [breach for breach in found_in(tmp_path, package, {file: (before, after)}) if breach.rule == rule]
    assert found, [str(breach) for breach in found_in(tmp_path, _package(), {file: (before, after)})]
    [breach, *_] = [one for one in found if said in f"{one.zh} {one.en}"]
    assert breach.path.startswith(f"{package}/")
    text = (tmp_path / breach.path).read_text(encoding="utf-8")
    assert 1 <= breach.line <= text.count("\n") + 1
    assert re.search(r"[\u4e00-\u9fff]", breach.zh)
    assert not re.search(r"[\u4e00-\u9fff]", breach.en.replace(said, ""))


_MODELS = '''"""Tables."""
from core.db.base import Base, ReferenceTable, TenantRow
from sqlalchemy.orm import Mapped, mapped_column


class BreakerNUMBER(TenantRow):
    __tablename__ = "breaker_NUMBER"
    __table_args__ = ({"schema": "breaker"},)
    what: Mapped[str]
'''


@pytest.fixture
def unmapped() -> Iterator[None]:
    """Classes that a test maps are gone after it, so that no other test meets their tables."""
    from core.db.base import Base

    before = set(Base.metadata.tables)
    yield
    for mapper in [mapper for mapper in Base.registry.mappers if mapper.local_table.fullname not in before]:  # type: ignore[attr-defined]  # a Table
        Base.registry._dispose_cls(mapper.class_)
    for name in set(Base.metadata.tables) - before:
        Base.metadata.remove(Base.metadata.tables[name])


def test_tables_are_the_tenants_own_in_a_schema_of_the_plugin(tmp_path: Path, unmapped: None) -> None:
    migrations = (
        "    @hookimpl\n    def bangfu_migrations(self):\n"
        "        return MigrationDecl(Path(__file__).parent / 'migrations')\n\n\nplugin = Line()"
    )
    script = {"migrations/versions/a001.sql": "create table breaker.parcel (id int);\n"}
    wrong = {"migrations/versions/a001.sql": "create table breaker.parcel (id int);\n\nalter table person add x int;\n"}
    for models, migrated, scripts, rules in (
        (_MODELS, True, script, set[str]()),
        (_MODELS, True, wrong, {"schema"}),
        (_MODELS, False, script, {"migrations"}),
        (_MODELS.replace('    __table_args__ = ({"schema": "breaker"},)\n', ""), True, script, {"schema"}),
        (
            _MODELS.replace("(TenantRow)", "(Base)").replace(
                "    what:",
                "    __rule__ = ReferenceTable('x')\n    id: Mapped[int] = mapped_column(primary_key=True)\n    what:",
            ),
            True,
            script,
            {"tenant_row"},
        ),
    ):
        number = str(next(_NUMBERS))
        begin = '"""慰问."""\n'
        with_tables = {INIT: ("plugin = Line()", migrations if migrated else "plugin = Line()")}
        more = {
            "models.py": models.replace("NUMBER", number),
            INIT: CLEAN[INIT].replace(begin, f"{begin}import PACKAGE.models\n"),
            **scripts,
        }
        folder = tmp_path / number
        assert {breach.rule for breach in found_in(folder, _package(), with_tables, more)} == rules


def test_whoever_pays_is_audited(tmp_path: Path) -> None:
    pays = 'return (ProgrammeDecl("breaker_aid", "慰问金", "aid", "breaker", "living", ("union",), "event", "none"),)'
    programmes = CLEAN[INIT].replace("        return ()", f"        {pays}")
    assert {breach.rule for breach in found_in(tmp_path / "a", _package(), more={INIT: programmes})} == set()
    unaudited = programmes.replace(
        'return (AuditCheckDecl("breaker.check", "核查", "check", "minor", "none", check),)', "return ()"
    )
    assert {breach.rule for breach in found_in(tmp_path / "b", _package(), more={INIT: unaudited})} == {"audit_check"}


@pytest.mark.parametrize("line", LINES)
def test_the_built_in_lines_keep_the_contract(line: str) -> None:
    name, breaches = check_plugin(line)
    assert (name, [str(breach) for breach in breaches]) == (line, [])


def test_the_dummy_plugin_keeps_the_contract() -> None:
    found = breaches_of(DummyPlugin(), NAME, Path(__file__).parents[2])
    # it is a part of the tests, and knows it
    assert [str(breach) for breach in found if breach.rule not in {"imports", "outdated"}] == []


def test_every_rule_has_a_docstring_and_every_breach_a_test() -> None:
    assert all(rule.__doc__ for rule in RULES)
    text = "".join(
        Path(str(module.__file__)).read_text(encoding="utf-8") for module in (code_rules, declared_rules, file_rules)
    )
    named = set(re.findall(r'^\s+"([a-z_]+)",$', text, re.MULTILINE)) | set(
        re.findall(r'(?:breach\([^"]*|line, )"([a-z_]+)"', text)
    )
    tried = {rule for rule, *_ in BREACHES} | {"schema", "migrations", "tenant_row", "audit_check"}
    assert named - tried == set()


def test_what_is_no_plugin_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nobody"):
        check_plugin("nobody")
    with pytest.raises(InvalidInput, match="没有声明插件入口"):
        check_plugin(str(tmp_path))
    project = tmp_path / "pyproject.toml"
    project.write_text(f'[project.entry-points."{ENTRY_POINTS}"]\nabsent = "bangfu_absent_module:plugin"\n', encoding="utf-8")
    with pytest.raises(InvalidInput, match="无法导入"):
        check_plugin(str(tmp_path))
    assert not any(point.name == "absent" for point in entry_points(group=ENTRY_POINTS))
    shutil.rmtree(tmp_path)
