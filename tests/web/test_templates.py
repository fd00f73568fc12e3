"""Templates and macros: well formed, without inline style or script, escaped, strict about undefined names."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateNotFound, UndefinedError

from core.web import charts, filters
from core.web.render import ICON_NAMES, TEMPLATES, asset, icon, make_environment, render_public
from tests.web.gallery import FLOW, INSTANT, TRANSITIONS, announcement_page, gallery_page, page_context

VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])
GALLERY = gallery_page()
ANNOUNCEMENT = announcement_page()


class Checker(HTMLParser):
    """Collects what is wrong with a page: unclosed or crossed tags, inline style and script, double ids."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        if len(values) != len(attrs):
            self.faults.append(f"double attribute in <{tag}>")
        self.faults += [f"inline {name} in <{tag}>" for name in values if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and not values.get("src")):
            self.faults.append(f"inline <{tag}>")
        if identity := values.get("id"):
            self.ids.append(identity)
        for name in ("for", "aria-labelledby", "aria-describedby", "aria-controls"):
            self.targets += (values.get(name) or "").split()
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> does not close the last open tag")


def checked(html: str) -> Checker:
    checker = Checker()
    checker.feed(html)
    checker.close()
    return checker


@pytest.mark.parametrize("html", [GALLERY, ANNOUNCEMENT], ids=["gallery", "announcement"])
def test_pages_are_well_formed_and_hold_nothing_that_the_csp_refuses(html: str) -> None:
    checker = checked(html)
    assert checker.faults == []
    assert checker.open == []
    assert sorted(checker.ids) == sorted(set(checker.ids))
    assert set(checker.targets) <= set(checker.ids)
    assert checker.tags.count("h1") == 1
    assert checker.tags.count("main") == 1
    assert "data:" not in html.replace("data:image", "")


def test_every_macro_file_is_shown_in_the_gallery_and_documented() -> None:
    gallery = (Path(__file__).parent / "gallery.html").read_text(encoding="utf-8")
    base = (TEMPLATES / "base.html").read_text(encoding="utf-8")
    for file in sorted((TEMPLATES / "macros").glob("*.html")):
        text = file.read_text(encoding="utf-8")
        assert text.startswith("{#"), file.name
        assert f'"macros/{file.name}"' in gallery + base, file.name
        head = text[: text.index("#}")]
        public = re.findall(r"{% macro ([a-z]\w*)\(", text)
        assert [name for name in public if name not in head] == []


def icons_named() -> Iterator[tuple[str, str]]:
    for file in sorted(TEMPLATES.rglob("*.html")):
        for name in re.findall(r'icon\("([a-z0-9-]+)"', file.read_text(encoding="utf-8")):
            yield file.name, name


def test_icons_that_templates_name_are_in_the_sprite() -> None:
    assert [pair for pair in icons_named() if pair[1] not in ICON_NAMES] == []
    with pytest.raises(LookupError, match="no-such-icon"):
        icon("no-such-icon")
    # A plugin from elsewhere cannot break the frame of every page.
    assert "#puzzle" in GALLERY


def test_texts_are_escaped_and_the_public_page_has_no_script() -> None:
    assert "<b>未转义</b>" not in GALLERY
    assert "&lt;b&gt;未转义" in GALLERY
    assert "<script" not in ANNOUNCEMENT
    assert "2026年1月20日" in ANNOUNCEMENT


def test_an_undefined_name_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render_public("zh-Hans", "public_base.html")


def test_plugin_templates_have_their_own_names(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text('{% from "macros/chip.html" import chip %}{{ chip("在档", "ok") }}', "utf-8")
    environment = make_environment({"employment": tmp_path})
    assert 'class="chip t-ok"' in environment.get_template("plugin/employment/page.html").render()
    with pytest.raises(TemplateNotFound):
        environment.get_template("page.html")
    environment.mount("tenants", tmp_path)
    assert environment.get_template("tenants/page.html").render()


def test_assets_carry_the_hash_of_their_content() -> None:
    assert re.fullmatch(r"/static/bangfu\.css\?v=[0-9a-f]{12}", asset("bangfu.css"))
    assert asset("vendor/not-built.css") == "/static/vendor/not-built.css"


def test_navigation_keeps_its_order_by_group() -> None:
    groups = page_context().navigation_groups
    assert [(name, len(items)) for name, items in groups] == [("", 2), ("公开与调查", 2)]
    assert replace(page_context(), navigation=()).navigation_groups == []


def test_filters_write_as_the_design_says() -> None:
    assert filters.yuan(120000) == "1,200.00 元"
    assert filters.amount(-5) == "−0.05"
    assert filters.wan_amount(16220000) == "16.22"
    assert filters.day(INSTANT) == "2026-11-25"
    assert filters.day(None) == ""
    assert filters.day_short(date(2026, 1, 2)) == "01-02"
    assert filters.day_public(date(2026, 1, 2)) == "2026年1月2日"
    assert filters.weekday(date(2026, 11, 25)) == "星期三"
    assert filters.moment(INSTANT) == "2026-11-25 09:12"
    assert filters.moment_short(INSTANT) == "11-25 09:12"
    assert filters.count(-1072) == "−1,072"
    assert filters.percent(0.757) == "75.7"
    assert filters.mask("138****6207") == "138****6207"


def test_times_need_no_database_of_time_zones() -> None:
    """Windows has none."""
    without = "import sys; sys.modules['zoneinfo'] = None; import core.web.filters"
    subprocess.run([sys.executable, "-c", without], check=True)


@given(st.lists(st.tuples(st.floats(-50, 150), st.sampled_from(["", "ok", "bad"])), max_size=6))
def test_meter_parts_stay_inside_the_bar(parts: list[tuple[float, str]]) -> None:
    placed = charts.meter_parts(parts)
    assert all(0 <= x <= 100 and width >= 0 and x + width <= 100.02 for x, width, _ in placed)


def test_the_workflow_is_drawn_and_said() -> None:
    drawing = charts.draw_workflow(FLOW, TRANSITIONS)
    assert len(drawing.boxes) == len(FLOW)
    assert len(drawing.lines) == len(TRANSITIONS)
    assert drawing.description.startswith("已完成：登记（10-19 周敏）、甄别")
    assert "现在：调查核实（第 29 天）" in drawing.description


@given(st.integers(0, 20), st.integers(0, 8))
def test_workflow_boxes_never_overlap(main: int, branches: int) -> None:
    states = [charts.FlowState(f"m{index}", "环节名称很长的一步" if index % 3 else "登记") for index in range(main)]
    states += [charts.FlowState(f"b{index}", "转送", "off", branch=True) for index in range(branches)]
    pairs = [(f"m{index}", f"m{index + 1}") for index in range(main - 1)]
    pairs += [(f"m{min(index, main - 1)}", f"b{index}") for index in range(branches) if main]
    drawing = charts.draw_workflow(states, pairs)
    for one in drawing.boxes:
        assert one.x >= drawing.left
        assert one.x + one.width <= drawing.left + drawing.width + 0.01
        assert one.y + one.height <= drawing.height
        for other in drawing.boxes:
            apart_x = one.x + one.width <= other.x + 0.01 or other.x + other.width <= one.x + 0.01
            apart_y = one.y + one.height <= other.y or other.y + other.height <= one.y
            assert one is other or apart_x or apart_y
