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


def test_a_list_that_was_lost_is_told(db: Database, acting: Acting) -> None:
    """After a restore of database and list together nobody is found to be back: at least the gap is told."""
    keyed(db, acting)
    propose_and_confirm(acting, family(acting, WORKER))
    with everybody(acting, "system:settle", LONG_AFTER), unit_of_work() as session:
        settle(session)
    whole = listed.list_file().read_bytes()
    listed.list_file().unlink()
    found = _check()
    assert (found.good, "1 次" in found.said) == (False, True)
    assert "丢失" in _run(db, "replay")
    listed.list_file().write_bytes(whole)
    assert _check().good
    assert "丢失" not in _run(db, "replay")


def test_single_tables_that_were_restored_are_emptied_again(db: Database, acting: Acting) -> None:
    keyed(db, acting)
    theirs = family(acting, WORKER)
    propose_and_confirm(acting, theirs)
    with everybody(acting, "system:settle", LONG_AFTER), unit_of_work() as session:
        settle(session)
    with db.owner.begin() as connection:
        connection.execute(
            text(
                "insert into search_token (tenant, token, subject_kind, subject_id) values (:tenant, :name, 'person', :person)"
            ),
            {"tenant": COUNTY, "name": WORKER.name, "person": theirs.persons[0]},
        )
        connection.execute(text("update worker_file set remark = :name"), {"name": WORKER.name})
    assert "再次删除 0 次" in _run(db, "replay")
    assert standing_in_the_database(db, WORKER.told())
    assert "再次删除 1 次" in _run(db, "replay", "--all")
    assert standing_in_the_database(db, WORKER.told()) == []
    assert "共 1 次" in _run(db, "list")
