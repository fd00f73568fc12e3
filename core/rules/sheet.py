"""The explanation of one determination, from the stated facts to the amounts (认定说明书)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from core.rules.declarations import ColumnKind, Unit


@dataclass(frozen=True, slots=True)
class SheetParameter:
    """A figure of policy as it held on the day: who set it, from when, on what ground."""

    name: str
    zh: str
    en: str
    unit: str
    value: Any
    level: str
    tenant: str | None
    valid_from: date
    source: str
    clause: str

    def plain(self) -> dict[str, Any]:
        """As it stands in a stored parameter set."""
        return {
            "zh": self.zh,
            "en": self.en,
            "unit": self.unit,
            "value": self.value,
            "level": self.level,
            "tenant": self.tenant,
            "valid_from": self.valid_from.isoformat(),
            "source": self.source,
            "clause": self.clause,
        }

    @classmethod
    def from_plain(cls, name: str, plain: Mapping[str, Any]) -> SheetParameter:
        """The inverse of ``plain``."""
        return cls(name, **{**plain, "valid_from": date.fromisoformat(plain["valid_from"])})


@dataclass(frozen=True, slots=True)
class SheetValue:
    """A stated value or a figure: fen, flag, code, date or count, by ``unit``; ``label_zh`` where codes have labels."""

    name: str
    zh: str
    en: str
    unit: ColumnKind | Unit
    clause: str
    value: Any
    label_zh: str | None = None
    reads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SheetPredicate:
    """Whether a condition held, and what it reads."""

    name: str
    zh: str
    en: str
    clause: str
    held: bool
    reads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SheetProgramme:
    """Whether the household qualifies for a programme, on which grounds, for how much, to whose benefit."""

    code: str
    zh: str
    en: str
    clause: str
    qualifies: bool
    amount_fen: int
    grounds: tuple[SheetPredicate, ...]
    shares: tuple[tuple[uuid.UUID, int], ...]


@dataclass(frozen=True, slots=True)
class ExplanationSheet:
    """Everything that one determination rests on, in the order in which an official reads it."""

    household_id: uuid.UUID
    decided_on: date
    rule_set: str
    rule_version: str
    title_zh: str
    title_en: str
    clause: str
    eligible: bool
    kind: str | None
    kind_zh: str
    kind_en: str
    parameters: tuple[SheetParameter, ...]
    stated: tuple[SheetValue, ...]
    persons: tuple[tuple[SheetValue, ...], ...]
    """Per member: what was stated, then what follows from it."""
    figures: tuple[SheetValue, ...]
    predicates: tuple[SheetPredicate, ...]
    programmes: tuple[SheetProgramme, ...]
