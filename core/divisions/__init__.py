"""Administrative divisions (行政区划): present codes as a tree, retired codes by name."""

from core.divisions.loader import (
    Division,
    Level,
    RetiredDivision,
    all_divisions,
    ancestors,
    children,
    division,
    full_name,
    is_known_code,
    retired_division,
)

__all__ = [
    "Division",
    "Level",
    "RetiredDivision",
    "all_divisions",
    "ancestors",
    "children",
    "division",
    "full_name",
    "is_known_code",
    "retired_division",
]
