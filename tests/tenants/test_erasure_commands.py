"""``bangfu erasures`` and ``bangfu doctor``: whom a restored backup brings back is told, and erased again by the list."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from core.db.session import unit_of_work
from core.rights import listed
from core.rights.emptying import settle
from deploy.cli import app
from deploy.connection import use
from deploy.doctor import Check, _erasures
from tests.conftest import COUNTY, Database
from tests.core.rights_story import (
    LONG_AFTER,
    STRANGER,
    WORKER,
    Acting,
    everybody,
    family,
    keyed,
    propose_and_confirm,
    standing_in_the_database,
)


@pytest.fixture(autouse=True)
def _no_list(db: Database) -> Iterator[None]:
    yield
    use({})
    listed.list_file().unlink(missing_ok=True)


def _run(db: Database, *order: str) -> str:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["erasures", *order, "--home", str(db.home)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def _check() -> Check:
    return _erasures()


@pytest.mark.parametrize("standing", ["open", "closed"])
def test_a_restore_is_told_and_mended(db: Database, acting: Acting, standing: str) -> None:
    keyed(db, acting)
    theirs = family(acting, WORKER)
    family(acting, STRANGER, number="SB2")
    with db.owner.connect() as connection:
        row = dict(connection.execute(text("select * from person where id = :id"), {"id": theirs.persons[0]}).one()._mapping)
    propose_and_confirm(acting, theirs)
    with everybody(acting, "system:settle", LONG_AFTER), unit_of_work() as session:
        settle(session)
    assert _check().good
    assert "共 1 次" in _run(db, "list")
    change = ", ".join(f"{name} = :{name}" for name in row if name not in ("tenant", "id"))
    with db.owner.begin() as connection:
        connection.execute(text(f"update person set {change} where tenant = :tenant and id = :id"), row)
        connection.execute(text("delete from erasure"))
        if standing == "closed":
            connection.execute(
                text("update tenant set state = 'closed', closed_on = '2026-01-01' where code = :c"), {"c": COUNTY}
            )
    found = _check()
    assert (found.good, found.mend) == (False, "请运行 bangfu erasures replay")
    assert "1 次" in _run(db, "replay", "--dry-run")
    assert not _check().good
    assert "再次删除 1 次" in _run(db, "replay")
    assert "再次删除 0 次" in _run(db, "replay")
    assert _check().good
    assert standing_in_the_database(db, WORKER.told()) == []
    assert standing_in_the_database(db, STRANGER.told())
    listed.list_file().write_bytes(listed.list_file().read_bytes().replace(b"retention", b"retentiom"))
    broken = _check()
    assert not broken.good
    assert "改动或损坏" in broken.said
