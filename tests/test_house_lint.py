"""Each house rule finds its breach, and lets a clean text pass; the allow list names rules and files that exist."""

from __future__ import annotations

import pytest

from tests.house_lint import code, files
from tests.house_lint.breach import Source
from tests.house_lint.tree import ALLOWED, ROOT, breaches_of

_TEXT = "from sqlalchemy import text\n"
_BREACHES = [
    ("clock", "core/x/service.py", "day = date.today()\n"),
    ("clock", "core/x/service.py", "at = datetime.now()\n"),
    ("clock", "core/x/service.py", "day = datetime.now(UTC).date()\n"),
    ("commit", "plugins/x/service.py", "session.commit()\n"),
    ("commit", "deploy/x.py", "self.session.rollback()\n"),
    ("raw_sql", "core/x/repository.py", _TEXT + 'text("select 1")\n'),
    ("raw_sql", "tenants/x.py", 'connection.exec_driver_sql("select 1")\n'),
    ("set_config", "core/db/x.py", "sql = \"select set_config('app.tenant', '', false)\"\n"),
    ("set_config", "core/db/x.py", "func.set_config('app.tenant', '', False)\n"),
    ("session_set", "core/db/x.py", "sql = \"set app.tenant = '510104'\"\n"),
    ("session_set", "core/db/x.py", 'sql = "select 1; SET ROLE bangfu_owner"\n'),
    ("session_set", "worker/x.py", 'sql = "set search_path to living_relief"\n'),
    ("plugin_calls", "core/cases/x.py", "import pluggy\n"),
    ("plugin_calls", "plugins/x/__init__.py", "from pluggy import HookimplMarker\n"),
    ("plugin_calls", "core/cases/x.py", "pm.hook.bangfu_facts()\n"),
    ("money", "core/x.py", "shown = float(grant.amount_fen)\n"),
    ("money", "core/x.py", "half = amount_fen / 2\n"),
    ("money", "core/x.py", "amount_fen: float = 0\n"),
    ("style", "core/x.py", "drawn = '<div style=\"width: 3%\">'\n"),
    ("size", "core/x.py", "a = 1\n" * 401),
    ("size", "tests/x.py", "a = 1\n" * 501),
    ("name", "core/x/utils.py", "a = 1\n"),
    ("unfinished", "core/x.py", "a = 1  # TODO: later\n"),
    ("unfinished", "docs/x.md", "FIXME\n"),
    ("registry_host", "Makefile", "pip install --index-url https://packages.example/simple\n"),
    ("machine_path", "docs/x.md", "see /home/somebody/notes\n"),
    ("silenced", "core/x.py", "a = b()  # type: ignore[no-any-return]\n"),
    ("silenced", "core/x.py", "a = b()  # noqa: S603\n"),
    ("silenced", "core/x.py", "a = b()  # noqa\n"),
    ("style", "core/web/templates/x.html", '<p style="color: red">\n'),
    ("script", "core/web/templates/x.html", "<script>start()</script>\n"),
    ("script", "core/web/templates/x.html", '<a onclick="start()">\n'),
]
_CLEAN = [
    ("core/x/service.py", '"""date.today() in prose."""\nday = current_scope().business_date\nat = datetime.now(UTC)\n'),
    ("core/db/session.py", "session.commit()\nsql = \"set local app.tenant = '510104'\"\n"),
    ("core/x/repository.py", 'tenant_sql("update fact set value = 1 where tenant = :tenant")\ncells.text("姓名")\n'),
    ("core/x/models.py", _TEXT + 'Index("ix", "at", postgresql_where=text("sent_at is null"))\n'),
    ("core/x/errors.py", 'mend = "set it to true and serve over HTTPS"\n'),
    ("core/host/manager.py", "import pluggy\n"),
    ("plugins/x/__init__.py", "from core.host import hookimpl\n"),
    ("core/x.py", "share = 3 / 4\nhalf_fen = amount_fen // 2\nseconds = float(value)\n"),
    ("core/x.py", "a = 1\n" * 400),
    ("core/db/migrations/versions/0001_x.sql", "select 1;\n" * 900),
    (
        "core/x.py",
        "a = b()  # type: ignore[no-any-return]  # the library has no types\nc = d()  # noqa: S603 - own arguments\n",
    ),
    ("core/x.py", 'a = "# noqa is what people write"\n'),
    (
        "core/web/templates/x.html",
        "{# no style= and no <script> here #}\n<script src=\"{{ asset('bangfu.js') }}\" defer></script>\n",
    ),
    ("docs/x.md", "Addresses are /510104/cases and /var/lib/bangfu.\n"),
]


def _rules(path: str, text: str) -> set[str]:
    return {breach.rule for breach in breaches_of(Source(path, text))}


@pytest.mark.parametrize(("rule", "path", "text"), _BREACHES)
def test_a_breach_is_found(rule: str, path: str, text: str) -> None:
    assert _rules(path, text) == {rule}


@pytest.mark.parametrize(("path", "text"), _CLEAN)
def test_a_clean_text_passes(path: str, text: str) -> None:
    assert _rules(path, text) == set()


def test_a_breach_says_where_and_how_to_mend_it() -> None:
    (breach,) = breaches_of(Source("core/x.py", "\nday = date.today()\n"))
    assert str(breach) == "core/x.py:2: [clock] take the day from current_scope().business_date"


def test_allowed_breaches_have_a_file_and_a_reason() -> None:
    assert all((ROOT / path).is_file() and reason for (_, path), reason in ALLOWED.items())


def test_every_rule_has_a_docstring() -> None:
    assert all(rule.__doc__ for rule in (*files.RULES, *code.RULES))
