"""Drawings that the server makes: meters and workflow pictures (no script, no style attribute)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

StateKind = Literal["done", "now", "next", "off", "wait"]

_BOX_HEIGHT = 46
_BOX_WIDTH = 112
_GAP = 30
_ROW = 76
_BRANCH = 107
_PER_ROW = 7
# About a full row: a short workflow is drawn as large as a long one, not blown up.
_LEAST_WIDTH = 980
_KIND_WORDS: Mapping[StateKind, str] = {
    "done": "已完成",
    "now": "现在",
    "wait": "等待他方",
    "next": "接下来",
    "off": "未走的路",
}


@dataclass(frozen=True, slots=True)
class FlowState:
    """One state of a workflow as it is drawn (办理环节). ``branch`` states stand below the main line."""

    key: str
    label: str
    kind: StateKind = "next"
    note: str = ""
    branch: bool = False


@dataclass(frozen=True, slots=True)
class FlowBox:
    """A state with its place; all lengths in SVG user units, ``x`` and ``y`` of the upper left corner."""

    state: FlowState
    x: float
    y: float
    width: float
    height: float = _BOX_HEIGHT

    @property
    def centre(self) -> float:
        """Half the width: where the text is centred."""
        return self.width / 2


@dataclass(frozen=True, slots=True)
class FlowLine:
    """A transition as an SVG path."""

    path: str
    kind: Literal["done", "next", "off"]


@dataclass(frozen=True, slots=True)
class FlowDrawing:
    """A drawn workflow and the sentence that says the same; it reaches from ``left`` over ``width``."""

    left: float
    width: float
    height: float
    boxes: tuple[FlowBox, ...]
    lines: tuple[FlowLine, ...]
    description: str


def meter_parts(parts: Sequence[tuple[float, str]]) -> list[tuple[float, float, str]]:
    """``(share of 100, tone)`` pairs laid end to end as ``(x, width, tone)``; cut off at 100, never below 0."""
    placed: list[tuple[float, float, str]] = []
    start = 0.0
    for share, tone in parts:
        width = round(min(max(float(share), 0.0), 100.0 - start), 2)
        placed.append((round(start, 2), width, tone))
        start += width
    return placed


def _text_width(text: str, size: float) -> float:
    """Rough width of ``text``: a Chinese character is as wide as it is high, a Latin one a little over half."""
    return sum(size if ord(character) > 0x2E7F else size * 0.56 for character in text)


def _box_width(state: FlowState) -> float:
    needed = max(_text_width(state.label, 14), _text_width(state.note, 12)) + 20
    return max(_BOX_WIDTH, round(needed))


def _place_main(states: Sequence[FlowState], row_heights: Sequence[float]) -> dict[str, FlowBox]:
    boxes: dict[str, FlowBox] = {}
    x, y = 0.0, 0.0
    for index, state in enumerate(states):
        if index and index % _PER_ROW == 0:
            x, y = 0.0, y + row_heights[index // _PER_ROW - 1]
        width = _box_width(state)
        boxes[state.key] = FlowBox(state, x, y, width)
        x += width + _GAP
    return boxes


def _sources(transitions: Sequence[tuple[str, str]]) -> dict[str, str]:
    """First source of each state."""
    first: dict[str, str] = {}
    for source, target in transitions:
        first.setdefault(target, source)
    return first


def _main_ancestor(key: str, main: Mapping[str, FlowBox], sources: Mapping[str, str]) -> FlowBox | None:
    """The main state that a branch state hangs from, through other branch states if need be."""
    seen: set[str] = set()
    while key in sources and key not in seen:
        seen.add(key)
        key = sources[key]
        if key in main:
            return main[key]
    return None


def _place_branches(
    states: Sequence[FlowState], main: Mapping[str, FlowBox], sources: Mapping[str, str], right_edge: float
) -> dict[str, FlowBox]:
    """Below the state they leave from; pushed right where two would overlap, back left where the row would not hold."""
    rows: dict[float, list[FlowBox]] = {}
    for state in states:
        parent = _main_ancestor(state.key, main, sources)
        width = _box_width(state)
        x = parent.x + parent.centre - width / 2 if parent else 0.0
        rows.setdefault(parent.y if parent else 0.0, []).append(FlowBox(state, x, 0, width))
    placed: dict[str, FlowBox] = {}
    for y, row in rows.items():
        row.sort(key=lambda box: box.x)
        positions: list[float] = []
        free_from = 0.0
        for box in row:
            positions.append(max(box.x, free_from))
            free_from = positions[-1] + box.width + _GAP
        limit = right_edge
        for index in range(len(row) - 1, -1, -1):
            positions[index] = min(positions[index], limit - row[index].width)
            limit = positions[index] - _GAP
        for box, x in zip(row, positions, strict=True):
            placed[box.state.key] = FlowBox(box.state, x, y + _BRANCH, box.width)
    return placed


def _line_kind(source: FlowState, target: FlowState) -> Literal["done", "next", "off"]:
    if target.kind == "off" or source.kind == "off":
        return "off"
    walked = {"done", "now", "wait"}
    return "done" if source.kind in walked and target.kind in walked else "next"


def _path(source: FlowBox, target: FlowBox) -> str:
    half = _BOX_HEIGHT / 2
    if source.y == target.y:
        left, right = (source, target) if source.x <= target.x else (target, source)
        return f"M{left.x + left.width:g} {left.y + half:g}H{right.x:g}"
    upper, lower = (source, target) if source.y < target.y else (target, source)
    start, end = upper.x + upper.centre, lower.x + lower.centre
    middle = lower.y - 23
    if start == end:
        return f"M{start:g} {upper.y + _BOX_HEIGHT:g}V{lower.y:g}"
    return f"M{start:g} {upper.y + _BOX_HEIGHT:g}V{middle:g}H{end:g}V{lower.y:g}"


def _describe(states: Sequence[FlowState]) -> str:
    parts: list[str] = []
    for kind, words in _KIND_WORDS.items():
        named = [f"{state.label}（{state.note}）" if state.note else state.label for state in states if state.kind == kind]
        if named:
            parts.append(f"{words}：{'、'.join(named)}")
    return "；".join(parts) + "。"


def _drawn(transitions: Sequence[tuple[str, str]], boxes: Mapping[str, FlowBox]) -> list[tuple[str, str]]:
    """Transitions worth a line: both ends drawn, one line for two directions, none that jumps along a row."""
    ordered = list(boxes)
    kept: list[tuple[str, str]] = []
    for source, target in transitions:
        if source == target or source not in boxes or target not in boxes or (target, source) in kept:
            continue
        same_row = boxes[source].y == boxes[target].y
        row = sorted((key for key in ordered if boxes[key].y == boxes[source].y), key=lambda key: boxes[key].x)
        if same_row and abs(row.index(source) - row.index(target)) != 1:
            continue
        kept.append((source, target))
    return kept


def draw_workflow(states: Sequence[FlowState], transitions: Sequence[tuple[str, str]]) -> FlowDrawing:
    """A workflow as boxes and lines: the main line in rows of seven, branches below the state they leave from.

    ``transitions`` are pairs of state keys. Pairs along one row that skip a box have no line; the description names
    every state in words.
    """
    main_states = [state for state in states if not state.branch]
    branches = [state for state in states if state.branch]
    sources = _sources(transitions)
    flat = _place_main(main_states, [0.0] * (len(main_states) // _PER_ROW + 1))
    row_of = {state.key: index // _PER_ROW for index, state in enumerate(main_states)}
    rows = (len(main_states) + _PER_ROW - 1) // _PER_ROW or 1
    tall = {row_of[parent.state.key] if (parent := _main_ancestor(state.key, flat, sources)) else 0 for state in branches}
    heights = [_BRANCH + _ROW if row in tall else _ROW for row in range(rows)]
    boxes = _place_main(main_states, heights)
    right = max((box.x + box.width for box in boxes.values()), default=0.0)
    boxes |= _place_branches(branches, boxes, sources, right)
    by_key = {state.key: state for state in states}
    lines = tuple(
        FlowLine(_path(boxes[source], boxes[target]), _line_kind(by_key[source], by_key[target]))
        for source, target in _drawn(transitions, boxes)
    )
    height = max((box.y for box in boxes.values()), default=0.0) + _BOX_HEIGHT
    left = min((box.x for box in boxes.values()), default=0.0)
    return FlowDrawing(left, max(right, _LEAST_WIDTH) - left, height, tuple(boxes.values()), lines, _describe(states))
