"""Templates to pages: the Jinja2 environment, the filters, and what every page says about itself (页面渲染).

Pages are written in Chinese; English comes from a gettext catalogue when one is installed. Autoescape is always on, an
undefined name is an error, and no template can reach the network or the database: it is given plain values.
"""

from __future__ import annotations

import gettext as gettext_module
import hashlib
import io
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
)
from markupsafe import Markup

from core.web import charts, filters

_HERE = Path(__file__).parent
TEMPLATES = _HERE / "templates"
STATIC = _HERE / "static"
LOCALE = _HERE / "locale"
STATIC_URL = "/static"

Language = Literal["zh-Hans", "en"]
Tone = Literal["info", "ok", "warn", "bad", "secret"]

_language: ContextVar[Language] = ContextVar("bangfu_page_language", default="zh-Hans")


@dataclass(frozen=True, slots=True)
class NavItem:
    """One entry of the side navigation (主导航). Entries of one ``group`` stand together under its name."""

    label: str
    href: str
    icon: str
    count: int | None = None
    current: bool = False
    group: str = ""
    # The count is drawn in red: something there is overdue.
    hot: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A line under the heading that tells what just happened (提示)."""

    text: str
    tone: Tone = "ok"
    href: str | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class PageContext:
    """What the frame of a page shows: whose page it is, who sits before it, where they can go."""

    tenant: str
    tenant_name: str
    centre_name: str
    user_name: str
    user_role: str
    navigation: Sequence[NavItem]
    csrf_token: str
    business_date: date
    demo: bool = False
    lang: Language = "zh-Hans"
    messages: Sequence[Message] = field(default_factory=tuple)
    # UTC instant of the youngest figure on the page; None when nothing on it is summed beforehand.
    data_time: datetime | None = None
    version: str = ""
    # Whether the post may look for people: without the right there is no search box.
    may_find: bool = True
    # 大字模式: everything an eighth larger.
    large_type: bool = False
    # Single-letter keys can be switched off (WCAG 2.1.4).
    shortcuts: bool = True
    # Where the other language and the large type are switched; None leaves the link out.
    language_url: str | None = None
    large_type_url: str | None = None
    sign_out_url: str = "/sign-out"

    @property
    def home_url(self) -> str:
        """The tenant's first page."""
        return f"/{self.tenant}/"

    @property
    def find_url(self) -> str:
        """The one search box's page (查找)."""
        return f"/{self.tenant}/find"

    @property
    def navigation_groups(self) -> list[tuple[str, list[NavItem]]]:
        """Navigation by group, in the order of each group's first entry."""
        groups: dict[str, list[NavItem]] = {}
        for item in self.navigation:
            groups.setdefault(item.group, []).append(item)
        return list(groups.items())


_plugin_catalogues: dict[str, Path] = {}


def mount_translations(plugin: str, folder: Path) -> None:
    """Take the catalogues of a plugin, ``<language>/LC_MESSAGES/messages.po`` in its folder. The core's own words go before
    theirs. Raises what a catalogue that cannot be read raises."""
    for source in folder.glob("*/LC_MESSAGES/messages.po"):
        _compiled(source)
    _plugin_catalogues[plugin] = folder
    _catalogue.cache_clear()


@lru_cache(maxsize=4)
def _catalogue(lang: Language) -> NullTranslations | gettext_module.NullTranslations:
    """The catalogue of ``lang``; where none is compiled, texts stay as written."""
    name = lang.replace("-", "_")
    found = Translations.load(LOCALE, [name], domain="messages")
    for folder in _plugin_catalogues.values():
        source = folder / name / "LC_MESSAGES" / "messages.po"
        if source.is_file():
            found.add_fallback(_compiled(source))
    return found


def _compiled(source: Path) -> Translations:
    """A catalogue as its author writes it, compiled in memory: a plugin ships no compiled file that could be older."""
    with source.open("rb") as text:
        catalogue = read_po(text)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled, domain="messages")


def gettext(message: str, **values: object) -> str:
    """``message`` in the language of the page being rendered, with ``%(name)s`` filled from ``values``."""
    text = str(_catalogue(_language.get()).gettext(message))
    return text % values if values else text


def ngettext(singular: str, plural: str, count: int) -> str:
    """``singular`` or ``plural`` by ``count``, in the language of the page being rendered."""
    return str(_catalogue(_language.get()).ngettext(singular, plural, count))


@lru_cache(maxsize=256)
def _digest(path: Path, _modified: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def asset(name: str) -> str:
    """Address of a static file with its content's hash, so that it can be cached for ever.

    ``vendor/`` is written by the asset build; before the build has run its addresses carry no hash.
    """
    path = STATIC / name
    if not path.is_file():
        return f"{STATIC_URL}/{name}"
    return f"{STATIC_URL}/{name}?v={_digest(path, path.stat().st_mtime_ns)}"


def _listed_icons() -> frozenset[str]:
    lines = (_HERE / "assets" / "icons.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))


ICON_NAMES = _listed_icons()
"""The icons in the sprite (core/web/assets/icons.txt)."""


def icon(name: str, size: Literal["", "s", "l"] = "", tone: str = "") -> Markup:
    """One icon of the sprite, hidden from screen readers: words beside it say the same.

    ``tone`` is a colour class (``x-ok``, ``x-warn``, ``x-bad``). Raises ``LookupError`` for a name not in the sprite.
    """
    if name not in ICON_NAMES:
        raise LookupError(f"no icon {name!r} in core/web/assets/icons.txt")
    classes = " ".join(part for part in ("icon", f"icon-{size}" if size else "", tone) if part)
    return Markup('<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>').format(
        classes, asset("vendor/icons.svg"), name
    )


class TemplateHouse(Environment):
    """The Jinja2 environment, to which packages add their template folders while it runs."""

    def __init__(self) -> None:
        self._packages: dict[str, BaseLoader] = {}
        self._plugins: dict[str, BaseLoader] = {}
        self._packages["plugin"] = PrefixLoader(self._plugins)
        super().__init__(
            loader=ChoiceLoader([FileSystemLoader(TEMPLATES), PrefixLoader(self._packages)]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )

    def mount_plugin(self, plugin: str, directory: Path) -> None:
        """Templates of a service plugin, named ``plugin/<plugin>/…``."""
        self._plugins[plugin] = FileSystemLoader(directory)

    def mount(self, package: str, directory: Path) -> None:
        """Templates of a package outside core, named ``<package>/…``."""
        self._packages[package] = FileSystemLoader(directory)


def make_environment(plugins: Mapping[str, Path] | None = None) -> TemplateHouse:
    """The environment that all pages are rendered with; ``plugins`` maps plugin names to template folders."""
    environment = TemplateHouse()
    for plugin, directory in (plugins or {}).items():
        environment.mount_plugin(plugin, directory)
    environment.filters.update(filters.FILTERS)
    environment.globals.update(
        _=gettext,
        gettext=gettext,
        ngettext=ngettext,
        asset=asset,
        icon=icon,
        icon_names=ICON_NAMES,
        meter_parts=charts.meter_parts,
        draw_workflow=charts.draw_workflow,
    )
    return environment


@lru_cache(maxsize=1)
def shared_environment() -> TemplateHouse:
    """The one environment of this process."""
    return make_environment()


def render(page: PageContext, template: str, **values: object) -> str:
    """``template`` as HTML in the page's language; it sees ``page`` and ``values``."""
    token = _language.set(page.lang)
    try:
        return shared_environment().get_template(template).render(page=page, **values)
    finally:
        _language.reset(token)


def render_public(lang: Language, template: str, **values: object) -> str:
    """A page without a signed-in user (公开页面, 登录页); it sees ``lang`` and ``values``."""
    token = _language.set(lang)
    try:
        return shared_environment().get_template(template).render(lang=lang, **values)
    finally:
        _language.reset(token)
