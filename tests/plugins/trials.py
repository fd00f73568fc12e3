"""What tests of lines that are off by default share: days, files, money that comes in and goes out, counted statements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from importlib import import_module

from sqlalchemy import event, select, update

from core.db.session import unit_of_work
from core.funds.models import PaymentAttempt
from core.funds.service import (
    BankTotals,
    approve_batch,
    prepare_batch,
    receive,
    send_batch,
    take_return,
)
from core.host.manager import host
from core.people.models import WorkerFile
from core.tenancy.models import BusinessClock
from deploy.testing.installation import COUNTY, Database
from deploy.testing.trial import Family, Trial


def installed_for(name: str) -> None:
    """Have the line ``name`` in this process, also where its entry point is not installed."""
    if name not in host().infos:
        host().register(import_module(f"plugins.{name}").plugin, name)


def trial_with(database: Database, name: str) -> Trial:
    """A trial in which the line ``name`` is installed, and on in the first county alone."""
    installed_for(name)
    trial = Trial(database)
    trial.switch_on(name)
    return trial


def on_day(trial: Trial, day: date) -> None:
    """Let the platform's day be ``day``."""
    with trial.database.owner.begin() as connection:
        connection.execute(update(BusinessClock).values(on=day))


def filed(trial: Trial, families: list[Family], **columns: object) -> None:
    """As if these were on the families' files."""
    with trial.scope(), unit_of_work() as session:
        for file in session.scalars(select(WorkerFile)):
            if file.household_id in {family.household_id for family in families}:
                for name, value in columns.items():
                    setattr(file, name, value)


def fund(trial: Trial, day: date, source: str, purpose: str, fen: int) -> None:
    """Money comes in."""
    with trial.scope(actor="treasurer", on=day), unit_of_work() as session:
        receive(session, year=day.year, source=source, purpose=purpose, amount_fen=fen, key=f"{source}-{fen}", note="到账")


def pay_all(trial: Trial, day: date) -> tuple[int, int]:
    """Pay all that is due through a batch of three people: number of payments and their sum in fen."""
    with trial.scope(actor="manager", on=day), unit_of_work() as session:
        batch = prepare_batch(session, year=day.year, key=f"{day}")
    with trial.scope(actor="payment_approver", on=day), unit_of_work() as session:
        approve_batch(session, batch.id)
    with trial.scope(actor="payer", on=day), unit_of_work() as session:
        send_batch(session, batch.id)
    with trial.scope(actor="payer", on=day), unit_of_work() as session:
        sums = session.scalars(select(PaymentAttempt.amount_fen).where(PaymentAttempt.batch_id == batch.id)).all()
        take_return(session, batch.id, {}, BankTotals(len(sums), sum(sums)))
    return len(sums), sum(sums)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The statements that the application sends meanwhile."""
    seen: list[str] = []

    def note(_conn: object, _cursor: object, sql: str, *_rest: object) -> None:
        seen.append(sql)

    event.listen(database.app, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.app, "before_cursor_execute", note)


__all__ = ["COUNTY", "filed", "fund", "on_day", "pay_all", "statements", "trial_with"]
