"""Administrative divisions (行政区划): present codes as a tree, retired codes as a set."""

from core.divisions.loader import (
    Division,
    Level,
    all_divisions,
    children,
    division,
    is_known_code,
)

__all__ = [
    "Division",
    "Level",
    "all_divisions",
    "children",
    "division",
    "is_known_code",
]
