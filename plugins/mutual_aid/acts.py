"""What the line leaves in the trail."""

from __future__ import annotations

from core.host.declarations import TrailActDecl

TRAIL_ACTS = (
    TrailActDecl("mutual_aid.registered", "登记参保", "members registered"),
    TrailActDecl("mutual_aid.received", "登记会费到账", "contribution received"),
    TrailActDecl("mutual_aid.claimed", "登记给付申请", "claim filed"),
)
