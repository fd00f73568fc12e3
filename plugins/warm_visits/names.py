"""Names that the parts of the line share."""

from __future__ import annotations

from typing import Literal, get_args

NAME = "warm_visits"
READ = "warm_visits.read"
PLAN = "warm_visits.plan"
APPROVE = "warm_visits.approve"
VISIT = "warm_visits.visit"

CASH = "warm_visits_cash"
"""The programme of the money that is given (慰问金)."""
GRANT = "warm_visits.grant"
RELEASE = "warm_visits.release"
IN_PLAN = "warm_visits.in_plan"
GOODS_ONLY = "warm_visits.goods_only"
VISITED = "warm_visits.visited"
SIGNED = "warm_visits.signed"
LEAST_VISITORS = "warm_visits.least_visitors"

Kind = Literal["deep", "relative", "accident", "model_worker", "hospitalised", "other"]
"""Why a household is visited: a difficulty on its file, a model worker, or what a clerk states."""
KINDS: dict[str, str] = {
    "deep": "深度困难",
    "relative": "相对困难",
    "accident": "意外致困",
    "model_worker": "劳动模范",
    "hospitalised": "患病住院",
    "other": "其他",
}
ENGLISH: dict[str, str] = {
    "deep": "deep difficulty",
    "relative": "relative difficulty",
    "accident": "difficulty through an accident",
    "model_worker": "model worker",
    "hospitalised": "in hospital",
    "other": "other",
}
BY_HAND = ("hospitalised", "other")
"""Kinds that no file shows: a clerk names the worker and says why."""
MODEL_RANKS = ("national", "provincial", "prefecture", "county")

assert set(get_args(Kind)) == set(KINDS) == set(ENGLISH)  # noqa: S101 - a slip in this file, found when it is loaded


def cash_parameter(kind: str) -> str:
    """The dated figure that says how much a household of this kind is given."""
    return f"{NAME}.cash_{kind}"


def occurrence_of(year: int) -> str:
    """The occurrence (发放周期) of the season that ends with the Spring Festival of ``year``."""
    return f"{year}-new-year"
