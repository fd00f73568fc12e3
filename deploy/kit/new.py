"""``bangfu plugin new``: a working plugin's package under a new name (新建插件).

``plugin-template`` is a plugin itself, which the tests install and run. Its names are replaced as whole words; no template
language stands in between, so that what is shipped is checked like all other code.
"""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from core.errors import Conflict, InvalidInput
from core.host.manager import host

TEMPLATE = Path(__file__).with_name("plugin-template")

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST = 40
_TAKEN = frozenset({"bangfu", "core", "plugins", "tenants", "worker", "deploy", "public", "information_schema", "plugin"})
_TITLE = re.compile(r"[^\s<>&\"'\\{}%][^<>&\"'\\{}%\n]{0,29}")
_PREFIX_LETTERS = 4


def make_plugin(name: str, into: Path, *, title: str = "", title_en: str = "") -> Path:
    """Write the package of a new plugin ``name`` into the folder ``into`` and give the package's folder.

    ``title`` is its Chinese name, ``title_en`` the English one; both begin as the name. Raises ``InvalidInput`` (a name or
    title that cannot be taken) and ``Conflict`` (the folder is there, or a plugin of this name is), with nothing written.
    """
    _check_name(name)
    zh, en = title.strip() or name, title_en.strip() or name.replace("_", " ").capitalize()
    for given in (zh, en):
        if not _TITLE.fullmatch(given):
            raise InvalidInput(
                "名称不合要求",
                "the title cannot be taken",
                where=given,
                mend_zh="用不超过 30 个字的名称，不含引号、括号等符号",
                mend_en="at most 30 characters, without quotes and brackets",
            )
    if name in host().infos:
        raise Conflict(f"已安装名为 {name} 的插件", f"a plugin called {name} is installed", where=name)
    target = into / f"bangfu-{name.replace('_', '-')}"
    if target.exists():
        raise Conflict(
            "目标文件夹已存在",
            "the folder is there already",
            where=str(target),
            mend_zh="换一个名字或位置",
            mend_en="use another",
        )
    words = {
        "kit_sample": name,
        "kit-sample": name.replace("_", "-"),
        "KitSample": "".join(part.capitalize() for part in name.split("_")),
        "示例业务": zh,
        "Sample line": en,
        "sample line": en[0].lower() + en[1:],
        "Sample form": f"{en} form",
        '"KS"': f'"{_prefix(name)}"',
    }
    for source in sorted(TEMPLATE.rglob("*")):
        if source.is_file() and "__pycache__" not in source.parts:
            place = target / _replaced(str(source.relative_to(TEMPLATE)), words)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(_replaced(source.read_text(encoding="utf-8"), words), encoding="utf-8")
    return target


def _replaced(text: str, words: dict[str, str]) -> str:
    found = re.compile("|".join(re.escape(word) for word in words))
    return found.sub(lambda match: words[match[0]], text)


def _prefix(name: str) -> str:
    """Letters for case numbers: the first ones of the name's words."""
    parts = name.split("_")
    letters = "".join(part[0] for part in parts) if len(parts) > 1 else parts[0][:2]
    return letters[:_PREFIX_LETTERS].upper()


def _check_name(name: str) -> None:
    fits = _NAME.fullmatch(name) and len(name) <= _LONGEST and name not in _TAKEN and not keyword.iskeyword(name)
    if not fits or name.startswith(("pg_", "bangfu_")):
        raise InvalidInput(
            f"插件名 {name} 不合要求",
            f"{name} is no name for a plugin",
            where=name,
            mend_zh="用小写字母、数字和下划线，以字母开头，如 warm_visits；不以 bangfu_、pg_ 开头",
            mend_en="lower-case letters, digits and underscores, a letter first, like warm_visits; not bangfu_ or pg_",
        )
