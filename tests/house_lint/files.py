"""Rules on files of every kind: size, name, comments, addresses, templates."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.house_lint.breach import Breach, Source

LONGEST = 400
LONGEST_TEST = 500

_WRITTEN = frozenset({".py", ".html", ".js", ".mjs", ".css", ".md", ".toml"})
_NAMELESS = frozenset({"utils.py", "util.py", "helpers.py", "misc.py"})
_UNFINISHED = re.compile(r"\b(TODO|FIXME)\b")
_HOSTS = re.compile(r"""--(?:extra-)?index-url[ =]|"resolved":\s*"https?:|https?://[^\s"']+/simple\b""")
_PATHS = re.compile(r"(?<![\w.}/-])/(?:home|root|Users|work|tmp|workspace|mnt)/[\w.-]+")
_BARE = re.compile(r"#\s*(?:type:\s*ignore|noqa)(?:\[[\w, -]*\]|:\s*[A-Z]+\d+(?:\s*,\s*[A-Z]+\d+)*)?(?P<rest>.*)")
_JINJA_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_STYLE = re.compile(r"""(?<![\w-])style\s*=""")
_STYLE_ELEMENT = re.compile(r"<style\b", re.IGNORECASE)
_SCRIPT = re.compile(r"<script\b(?![^>]*\bsrc=)", re.IGNORECASE)
_HANDLER = re.compile(r"""<[^>]*\son[a-z]+\s*=\s*["']""")


def size(source: Source) -> Iterator[Breach]:
    """A file that grows past the limit is two things."""
    limit = LONGEST_TEST if source.top == "tests" else LONGEST
    lines = source.text.count("\n")
    if source.suffix in _WRITTEN and lines > limit:
        yield source.breach("size", lines, f"{lines} lines, at most {limit}: split the file by what it is about")


def name(source: Source) -> Iterator[Breach]:
    """A module is called after what it does."""
    if PurePosixPath(source.path).name in _NAMELESS:
        yield source.breach("name", 1, "call the module after what it does")


def unfinished(source: Source) -> Iterator[Breach]:
    """Nothing is left to do in a file that is handed in."""
    for number, line in enumerate(source.text.splitlines(), 1):
        if _UNFINISHED.search(line):
            yield source.breach("unfinished", number, "do it now, or open an issue and drop the mark")


def addresses(source: Source) -> Iterator[Breach]:
    """Where packages come from, and where somebody keeps files, is the machine's own affair."""
    for number, line in enumerate(source.text.splitlines(), 1):
        if _HOSTS.search(line):
            yield source.breach("registry_host", number, "leave the package index to the machine's configuration")
        if _PATHS.search(line):
            yield source.breach("machine_path", number, "no path of one machine: use a setting or a relative path")


def silenced(source: Source) -> Iterator[Breach]:
    """A checker is silenced only with the reason beside it."""
    if source.suffix != ".py":
        return
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        found = _BARE.search(token.string) if token.type == tokenize.COMMENT else None
        if found and not re.search(r"\w{2,}", found["rest"]):
            yield source.breach("silenced", token.start[0], "say why on the same line, after the code: ...  # why")


def templates(source: Source) -> Iterator[Breach]:
    """The content policy allows no inline style, script or handler; a template that has one is broken in the browser."""
    if source.suffix != ".html":
        return
    shown = _JINJA_COMMENT.sub(lambda found: "\n" * found[0].count("\n"), source.text)
    for number, line in enumerate(shown.splitlines(), 1):
        if _STYLE.search(line) or _STYLE_ELEMENT.search(line):
            yield source.breach("style", number, "use a class of core/web/static")
    for pattern, rule, mend in (
        (_SCRIPT, "script", "put the script into core/web/static and name it with src"),
        (_HANDLER, "script", "bind the event in core/web/static/bangfu.js"),
    ):
        for found in pattern.finditer(shown):
            yield source.breach(rule, shown.count("\n", 0, found.start()) + 1, mend)


RULES = (size, name, unfinished, addresses, silenced, templates)
