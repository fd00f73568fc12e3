"""How many households of which outcome a county gets, and which of them stand exactly at an edge of a rule."""

from dataclasses import dataclass

from deploy.sample.chance import Stream
from deploy.sample.families import AGE_EDGES, AgeEdge

AIMS = {
    "ordinary": "",
    "below_line": "deep",
    "at_line": "relative",
    "below_multiple": "relative",
    "at_multiple": "none",
    "share_exceeded": "accident",
    "share_reached": "none",
    "loss_below_line": "accident",
    "loss_at_line": "none",
    "medical_at_threshold": "deep",
    "medical_below_threshold": "deep",
    "property": "none",
}
"""Aim: the outcome it leads to. The edges are one fen apart on the two sides of each limit."""

_SHARES = (("deep", 35), ("relative", 20), ("accident", 6), ("property", 9), ("none", 30))
_RANKS = (("全国劳模", 1), ("省部级劳模", 2), ("地市级劳模", 4), ("县级劳模", 3), ("其他", 1))


@dataclass(frozen=True, slots=True)
class Plan:
    """What one household is to become."""

    kind: str
    aim: str = "ordinary"
    edge: AgeEdge | None = None
    rank: str = "非劳模"


def plans(count: int, chance: Stream) -> list[Plan]:
    """Plans of a county's households in random order: edges first seen to, the rest by the usual shares."""
    chosen = [Plan(kind, aim) for aim, kind in AIMS.items() if kind]
    chosen += [Plan(chance.choice(("deep", "relative")), edge=edge) for edge in AGE_EDGES]
    chosen += [Plan("none", rank=rank) for rank, _ in _RANKS]
    chosen += [Plan("none", "property", rank="地市级劳模"), Plan("relative", rank="省部级劳模")]
    chosen += [Plan("deep", rank="地市级劳模")] * max(3, count // 100)
    del chosen[count:]
    while len(chosen) < count:
        share = chance.weighted(_SHARES)
        rank = chance.weighted(_RANKS) if chance.happens(2) else "非劳模"
        chosen.append(Plan("none", "property", rank=rank) if share == "property" else Plan(share, rank=rank))
    chance.shuffle(chosen)
    return chosen
