"""A plugin of the kit, edited in its own folder alone: it installs, keeps the contract, passes its tests, and is on in one
county of two: by page, resource, command line, worker and audit (``shown_by``)."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import Conflict, InvalidInput
from deploy.kit.new import TEMPLATE, make_plugin
from tests.kit.made import ROOT, Desk

NAME, TITLE = "warm_words", "暖心问候"


def _edit(place: Path, before: str, after: str) -> None:
    text = place.read_text(encoding="utf-8")
    assert text.count(before) == 1, place
    place.write_text(text.replace(before, after), encoding="utf-8")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("prefix"))


@pytest.fixture(scope="module")
def package(desk: Desk) -> Path:
    """The package, with one more field in its form and another figure of policy."""
    said = desk.runs("bangfu", "plugin", "new", NAME, "--title", TITLE, "--title-en", "Warm words", "--into", str(desk.at))
    made = desk.at / "bangfu-warm-words"
    assert str(made) in said
    source = made / "bangfu_warm_words"
    _edit(
        source / "workflow.py",
        '        FormField("remarks", ',
        '        FormField("gift", "慰问品", "gift", required=True, max_length=100),\n        FormField("remarks", ',
    )
    _edit(source / "policy.py", "(ParameterValue(date(2020, 1, 1), 1, ", "(ParameterValue(date(2020, 1, 1), 2, ")
    tests = made / "tests" / "test_warm_words.py"
    _edit(tests, 'FORM = {"reason": "住院"}', 'FORM = {"reason": "住院", "gift": "大米"}')
    _edit(tests, "至少 1 次", "至少 2 次")
    _edit(
        tests,
        '    assert clerk.client.post("/510104/warm_words", data=form | {"note": "病情稳定"}).status_code == 303\n',
        '    for note in ("初访", "病情稳定"):\n'
        '        assert clerk.client.post("/510104/warm_words", data=form | {"note": note}).status_code == 303\n',
    )
    _edit(tests, "    [seen] = clerk", "    [seen, _] = clerk")
    _edit(tests, '== [("病情稳定", case.number)]\n', '== [("病情稳定", case.number), ("初访", case.number)]\n')
    return made


@pytest.fixture(scope="module")
def installed(desk: Desk, package: Path) -> Desk:
    """A desk at which the package is installed."""
    desk.installs(package)
    return desk


def test_nothing_of_the_template_is_left_in_it(package: Path) -> None:
    files = [path for path in package.rglob("*") if path.is_file()]
    assert len(files) == len([path for path in TEMPLATE.rglob("*") if path.is_file() and "__pycache__" not in path.parts])
    for path in files:
        text = str(path.relative_to(package)) + path.read_text(encoding="utf-8")
        assert not any(word in text for word in ("kit_sample", "kit-sample", "KitSample", "示例业务", "ample line")), path


def test_it_keeps_the_contract_from_its_folder(desk: Desk, package: Path) -> None:
    assert "0 breaches" in desk.runs("bangfu", "plugin", "check", str(package))


@pytest.mark.long
def test_it_is_installed_and_keeps_the_contract(installed: Desk) -> None:
    assert "0 breaches" in installed.runs("bangfu", "plugin", "check", NAME)


@pytest.mark.long
def test_its_own_tests_pass(installed: Desk, package: Path) -> None:
    assert "6 passed" in installed.runs("pytest", "-q", str(package))


@pytest.mark.long
def test_it_is_on_in_one_county_of_two(installed: Desk) -> None:
    ours = ["-q", "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), str(Path(__file__).with_name("shown_by.py"))]
    assert "6 passed" in installed.runs("pytest", *ours)


@pytest.mark.parametrize("name", ["Upper", "1a", "a-b", "core", "class", "pg_x", "bangfu_x", "", "a" * 41, "a__b"])
def test_a_name_that_cannot_be_taken_writes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput):
        make_plugin(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("title", ['引"号', "<b>", "{% x %}", "字" * 31, "两\n行"])
def test_a_title_that_would_break_the_files_is_refused(tmp_path: Path, title: str) -> None:
    with pytest.raises(InvalidInput, match="名称"):
        make_plugin("fine", tmp_path, title=title)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    make_plugin("fine", tmp_path)
    with pytest.raises(Conflict, match="已存在"):
        make_plugin("fine", tmp_path)
    with pytest.raises(Conflict, match="已安装"):
        make_plugin("petitions", tmp_path)
