"""What this part of the core declares to the host (see `core.builtin`)."""

from __future__ import annotations

from core.host.declarations import TrailActDecl

TRAIL_ACTS = (TrailActDecl("announcement.published", "发布年度公告", "annual announcement published"),)
