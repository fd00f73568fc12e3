"""What the line leaves in the trail."""

from __future__ import annotations

from core.host.declarations import TrailActDecl

TRAIL_ACTS = (
    TrailActDecl("warm_visits.season_opened", "开始慰问季", "season opened"),
    TrailActDecl("warm_visits.season_closed", "结束慰问季", "season closed"),
    TrailActDecl("warm_visits.goods_stocked", "登记慰问品入库", "goods stocked"),
    TrailActDecl("warm_visits.planned", "列入慰问计划", "households planned"),
    TrailActDecl("warm_visits.route_made", "编排慰问路线", "route made"),
    TrailActDecl("warm_visits.route_changed", "变更慰问路线", "route changed"),
    TrailActDecl("warm_visits.route_filled", "慰问对象编入路线", "households put on a route"),
    TrailActDecl("warm_visits.route_ordered", "调整走访顺序", "order of a route changed"),
    TrailActDecl("warm_visits.visited", "登记慰问走访", "visit recorded"),
    TrailActDecl("warm_visits.missed", "登记未能走访", "missed visit recorded"),
    TrailActDecl("warm_visits.list_signed", "上传签收表", "signed list kept"),
)
