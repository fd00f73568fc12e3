"""Connections that a plugin borrows: only what is kept is taken back."""

from __future__ import annotations

from core.db.borrowed import loans, take_back
from core.db.session import app_engine
from tests.conftest import Database


def test_nothing_is_taken_from_whoever_gives_back(db: Database) -> None:
    with loans() as out:
        with app_engine().connect() as connection:
            connection.exec_driver_sql("select 1")
            assert len(out) == 1
        assert take_back(out) == 0
