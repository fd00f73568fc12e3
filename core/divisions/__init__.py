"""Administrative divisions (行政区划): present codes as a tree, retired codes with their last names."""

from core.divisions.loader import (
    Division,
    Level,
    Retired,
    above,
    all_divisions,
    below,
    children,
    division,
    is_known_code,
    matching,
    retired,
)

__all__ = [
    "Division",
    "Level",
    "Retired",
    "above",
    "all_divisions",
    "below",
    "children",
    "division",
    "is_known_code",
    "matching",
    "retired",
]
