"""The plugin host. Plugins import ``hookimpl`` from here and declarations from ``core.host.declarations``."""

from __future__ import annotations

import pluggy

hookimpl = pluggy.HookimplMarker("bangfu")

API_VERSION = "1.0"
"""Version of the hook specifications that this host speaks; plugins state the range they work with."""

ENTRY_POINTS = "bangfu.plugins"

__all__ = ["API_VERSION", "ENTRY_POINTS", "hookimpl"]
