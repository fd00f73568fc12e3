"""The plugin host. Plugins import ``hookimpl`` from here and declarations from ``core.host.declarations``."""

from __future__ import annotations

import pluggy

hookimpl = pluggy.HookimplMarker("bangfu")

API_VERSION = "1.1"
"""Version of the hook specifications that this host speaks; plugins state the range they work with."""

SPOKEN = (API_VERSION, "1.0")
"""The versions whose plugins this host takes in, newest first: a plugin that was made for the minor version before works on,
and is told so."""

ENTRY_POINTS = "bangfu.plugins"


class PluginOutdated(DeprecationWarning):
    """A hook, or an argument of one, goes away with the next version. A specification names it in ``warn_on_impl`` or
    ``warn_on_impl_args``; the host tells the plugins that still implement it."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(zh, en)
        self.zh = zh
        self.en = en


__all__ = ["API_VERSION", "ENTRY_POINTS", "SPOKEN", "PluginOutdated", "hookimpl"]
