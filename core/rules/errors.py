"""What can keep the rules from deciding."""

from __future__ import annotations

from core.errors import BangfuError, Conflict


class ParameterMissing(Conflict):
    """A figure of policy that the rules need has no value on the day."""

    code = "parameter_missing"


class OutOfBounds(BangfuError):
    """A value is so large that exact arithmetic could not be guaranteed, or so odd that it must be a mistake."""

    code = "out_of_bounds"
    status = 422


class RulesUnknown(Conflict):
    """No installed plugin has the rule set in the version asked for."""

    code = "rules_unknown"
