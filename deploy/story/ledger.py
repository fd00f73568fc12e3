"""What of the story has been done: kept in the database, keyed by year and county, so that nothing is repeated or mixed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Engine, delete, select, text
from sqlalchemy.dialects.postgresql import insert

from core.errors import Conflict
from core.money import format_yuan
from core.tenancy.models import BusinessClock, Installation
from deploy.story.bars import SAID_ONE_BY_ONE, bar
from deploy.story.desks import Act, Desks, Errand, Said


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the sample is made of. Two runs on one home must agree on it."""

    year: int
    counties: int
    households: int
    seed: int


@dataclass
class Progress:
    """The story's memory and its clock. ``owner`` is an engine of the owner's role: the story is not the web."""

    owner: Engine
    arguments: Arguments
    say: Callable[[str], None]
    check: Callable[[], None] = lambda: None
    """Raises where going on is hopeless: a process that the story rests on has died. Asked wherever the story waits."""
    desks: Desks = field(default_factory=Desks)
    seconds: dict[str, float] = field(default_factory=dict)

    def require_same_arguments(self) -> None:
        """Refuse to mix samples: raises ``Conflict`` where the home holds another one of the same year."""
        own = {
            "counties": self.arguments.counties,
            "households": self.arguments.households,
            "seed": self.arguments.seed,
        }
        key = f"story:{self.arguments.year}"
        kept = self._value(key)
        if kept is None:
            self._keep(key, own)
        elif kept != own:
            raise Conflict(
                f"此目录已有 {self.arguments.year} 年样例：{kept}，与本次参数 {own} 不同",
                f"this home holds another sample of {self.arguments.year}: {kept}, asked now: {own}",
                where="--counties, --households, --seed",
                mend_zh="请沿用原参数，或用 --home 指定新的数据目录",
                mend_en="use the former arguments, or another folder with --home",
            )

    def done(self, step: str) -> bool:
        """Whether a step that is no county's was done."""
        return self._value(self._key(step, "")) is not None

    def done_in(self, step: str) -> frozenset[str]:
        """The counties that have done the step."""
        prefix = self._key(step, "") + ":"
        with self.owner.connect() as connection:
            found = connection.scalars(select(Installation.key).where(Installation.key.startswith(prefix, autoescape=True)))
            return frozenset(key.removeprefix(prefix) for key in found)

    def mark(self, step: str, county: str = "", result: dict[str, Any] | None = None) -> None:
        """Note that the step is done."""
        self._keep(self._key(step, county), result or {})

    def each(self, step: str, on: date, act: Act, errands: Sequence[Errand], told: str) -> None:
        """Carry out a step on the business date ``on`` for every county that has not done it yet, and note each.

        ``told`` is the line that is shown, for one county or for the sum of all, with the names of what the acts tell in
        braces; ``{fen}`` is shown in yuan.
        """
        done = self.done_in(step)
        left = [errand for errand in errands if errand.county not in done]
        if not left:
            return
        self.move_to(on)
        total: Said = {}
        with bar(step, len(left)) as advance:
            for errand, said in self.desks.each(act, left, self.check):
                self.mark(step, errand.county, dict(said))
                total = _added(total, said)
                if len(errands) <= SAID_ONE_BY_ONE:
                    self.say(f"  {errand.county}  {_words(told, said)}")
                advance()
        if len(errands) > SAID_ONE_BY_ONE:
            self.say(f"  {len(left)} 县  {_words(told, total)}")

    @contextmanager
    def timed(self, step: str, title: str) -> Iterator[None]:
        """Show and time a step."""
        self.say(title)
        started = time.monotonic()
        yield
        self.seconds[step] = round(self.seconds.get(step, 0.0) + time.monotonic() - started, 2)

    def move_to(self, day: date) -> None:
        """Move the business date of the installation."""
        with self.owner.begin() as connection:
            statement = insert(BusinessClock).values(id=1, on=day)
            connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"on": day}))

    def take_stock(self) -> None:
        """Have the database look at its tables after a bulk load, so that it plans by what is there."""
        with self.owner.begin() as connection:
            connection.execute(text("analyze"))

    def let_the_date_go(self) -> None:
        """Give the business date back to the real calendar."""
        with self.owner.begin() as connection:
            connection.execute(delete(BusinessClock))

    def _key(self, step: str, county: str) -> str:
        return f"story:{self.arguments.year}:{step}:{county}" if county else f"story:{self.arguments.year}:{step}"

    def _value(self, key: str) -> dict[str, Any] | None:
        with self.owner.connect() as connection:
            found: dict[str, Any] | None = connection.scalar(select(Installation.value).where(Installation.key == key))
            return found

    def _keep(self, key: str, value: dict[str, Any]) -> None:
        with self.owner.begin() as connection:
            connection.execute(insert(Installation).values(key=key, value=value).on_conflict_do_nothing())


def _added(total: Said, said: Said) -> Said:
    added = dict(total)
    for name, value in said.items():
        former = added.get(name)
        if isinstance(value, int) and isinstance(former, int):
            added[name] = former + value
        elif former is None or str(value) > str(former):
            added[name] = value
    return added


def _words(told: str, said: Said) -> str:
    return told.format_map({name: format_yuan(int(value)) if name == "fen" else value for name, value in said.items()})
