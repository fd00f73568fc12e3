"""What this part of the core declares to the host (see `core.builtin`)."""

from __future__ import annotations

from core.host.declarations import TrailActDecl
from core.tenancy.life import ACTS

TRAIL_ACTS = (
    *(TrailActDecl(f"tenant.{code}", f"单位{act.zh}", f"tenant {act.en}") for code, act in ACTS.items()),
    # Recorded by the archive of a county, which is no plugin and declares nothing itself.
    TrailActDecl("county.export", "导出县级数据包", "county exported"),
    TrailActDecl("county.import", "导入县级数据包", "county imported"),
)
