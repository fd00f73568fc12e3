"""A type for personal data that shows itself masked wherever it is not asked for in full (domain 12)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from core.vault.errors import PrintedOnly
from core.vault.masking import hidden

T = TypeVar("T")


class Sensitive(Generic[T]):
    """Personal data (敏感个人信息) in memory.

    str, repr, format, logging and JSON give the masked form; only :meth:`reveal` gives the value, and whoever calls it
    records that. Equality takes the same time wherever two values differ; there is no hash and no pickle, so that a
    value does not end up as a dictionary key or in a queue. A pydantic field ``Sensitive[str]`` is validated from str;
    ``Annotated[Sensitive[str], MaskedBy(masking.phone)]`` also says how it is masked. In ``model_dump()`` the object
    itself stays (a masked text could be stored by mistake as if it were the value); in JSON the masked text stands.
    """

    __slots__ = ("_mask", "_value")

    def __init__(self, value: T, mask: Callable[[T], str] = hidden) -> None:
        self._value = value
        self._mask = mask

    def reveal(self) -> T:
        """The value in full. Showing it to a person is recorded by the caller."""
        return self._value

    def masked_by(self, mask: Callable[[T], str]) -> Sensitive[T]:
        """The same value under another mask."""
        return Sensitive(self._value, mask)

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

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        arguments = get_args(source)
        inner = handler.generate_schema(arguments[0]) if arguments else core_schema.any_schema()

        def validate(value: Any, inside: core_schema.ValidatorFunctionWrapHandler) -> Sensitive[Any]:
            if isinstance(value, Sensitive):
                return Sensitive(inside(value._value), value._mask)
            return Sensitive(inside(value))

        return core_schema.no_info_wrap_validator_function(
            validate,
            inner,
            serialization=core_schema.plain_serializer_function_ser_schema(_serialised, info_arg=True),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string"} if handler.mode == "serialization" else handler(schema)


@dataclass(frozen=True, slots=True)
class MaskedBy:
    """Names the mask of a pydantic field: ``Annotated[Sensitive[str], MaskedBy(masking.identity_number)]``."""

    mask: Callable[[Any], str]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        mask = self.mask

        def remask(value: Sensitive[Any]) -> Sensitive[Any]:
            return value.masked_by(mask)

        return core_schema.no_info_after_validator_function(remask, handler(source))


class PersonalModel(BaseModel):
    """Base of pydantic models with sensitive fields: a failed validation does not print what was typed.

    Whoever sends ``ValidationError.errors()`` on still asks for ``include_input=False``.
    """

    model_config = ConfigDict(hide_input_in_errors=True)


def _serialised(value: Sensitive[Any], info: core_schema.SerializationInfo[Any]) -> str | Sensitive[Any]:
    return value.masked if info.mode_is_json() else value


def _comparable(value: object) -> bytes:
    return value if isinstance(value, bytes) else f"{type(value).__qualname__}/{value!r}".encode()
