"""The tree of divisions and the retired codes."""

from __future__ import annotations

import pytest

from core.divisions import (
    Level,
    all_divisions,
    below,
    children,
    division,
    is_known_code,
    matching,
    retired,
)
from core.errors import NotFound


def test_sichuan_is_whole() -> None:
    prefectures = children("510000")
    assert len(prefectures) == 21
    assert {row.level for row in prefectures} == {Level.PREFECTURE}
    counties = [county for prefecture in prefectures for county in children(prefecture.code)]
    assert len(counties) == 183
    assert {row.level for row in counties} == {Level.COUNTY}


def test_every_parent_is_in_the_tree_and_above() -> None:
    order = [Level.PROVINCE, Level.PREFECTURE, Level.COUNTY]
    for row in all_divisions().values():
        assert (row.parent is None) == (row.level is Level.PROVINCE)
        if row.parent is not None:
            assert order.index(division(row.parent).level) < order.index(row.level)


def test_a_county_run_by_its_province_hangs_on_it() -> None:
    assert division("419001").parent == "410000"
    assert division("419001") in children("410000")
    assert division("500101").parent == "500000"


def test_provinces_are_the_roots() -> None:
    assert len(children(None)) == 34
    assert children("510802") == ()


def test_a_retired_code_is_known_but_in_no_tree() -> None:
    assert is_known_code("513425")
    assert is_known_code("513402")
    with pytest.raises(NotFound):
        division("513425")


@pytest.mark.parametrize("code", ["", "999999", "51080", "五一零八零二"])
def test_an_unknown_code_is_refused(code: str) -> None:
    assert not is_known_code(code)
    with pytest.raises(NotFound):
        division(code)
    with pytest.raises(NotFound):
        children(code)


def test_a_retired_code_keeps_its_last_name_and_year() -> None:
    assert (retired()["513425"].name, retired()["513425"].until) == ("会理县", 2021)
    assert [row.code for row in matching("会理", [*retired().values(), *all_divisions().values()])] == ["513425", "513402"]
    assert [row.name for row in matching("5101", children("510100"))][:2] == ["锦江区", "青羊区"]
    assert matching(" ", children("510100")) == []


def test_all_that_lies_below() -> None:
    assert len(below("510000")) == 21 + 183
    assert below("510100") == children("510100")
