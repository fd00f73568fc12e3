"""What can keep the rules from deciding."""

from __future__ import annotations

import uuid

from core.errors import BangfuError, Conflict


class ParameterMissing(Conflict):
    """A figure of policy that the rules need has no value on the day."""

    code = "parameter_missing"


class OutOfBounds(BangfuError):
    """A value is so large that exact arithmetic could not be guaranteed, or so odd that it must be a mistake.

    ``household`` and ``column`` say where it stands; ``household`` is None for a figure of policy.
    """

    code = "out_of_bounds"
    status = 422
    household: uuid.UUID | None = None
    column = ""

    @classmethod
    def of(cls, household: uuid.UUID, zh: str, en: str, column: str) -> OutOfBounds:
        """What is wrong in ``column`` of a household."""
        error = cls(
            zh,
            en,
            where=f"{household} / {column}",
            mend_zh="请核对该户登记的信息",
            mend_en="check what is recorded of that household",
        )
        error.household, error.column = household, column
        return error


class RulesUnknown(Conflict):
    """No installed plugin has the rule set in the version asked for."""

    code = "rules_unknown"
