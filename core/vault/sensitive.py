"""A type for personal data that shows itself masked wherever it is not asked for in full (domain 12)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Generic, NoReturn, TypeVar

from core.vault.errors import PrintedOnly
from core.vault.masking import hidden

T = TypeVar("T")


class Sensitive(Generic[T]):
    """Personal data (敏感个人信息) in memory.

    str, repr, format and logging give the masked form; only :meth:`reveal` gives the value, and whoever calls it records
    that. Equality takes the same time wherever two values differ; there is no hash, no pickle and no field of a pydantic
    model, so that a value does not end up as a dictionary key, in a queue or in an answer.
    """

    __slots__ = ("_mask", "_value")

    def __init__(self, value: T, mask: Callable[[T], str] = hidden) -> None:
        self._value = value
        self._mask = mask

    def reveal(self) -> T:
        """The value in full. Showing it to a person is recorded by the caller."""
        return self._value

    @property
    def masked(self) -> str:
        """The masked form."""
        return self._mask(self._value)

    def __str__(self) -> str:
        return self.masked

    def __repr__(self) -> str:
        return f"Sensitive({self.masked})"

    def __format__(self, spec: str) -> str:
        return format(self.masked, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sensitive):
            return NotImplemented
        return hmac.compare_digest(_comparable(self._value), _comparable(other._value))

    def __copy__(self) -> Sensitive[T]:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Sensitive[T]:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise PrintedOnly("a sensitive value cannot be pickled; pass the person's id and open it there")


def _comparable(value: object) -> bytes:
    return value if isinstance(value, bytes) else f"{type(value).__qualname__}/{value!r}".encode()
