"""What the opening, steering and closing of tenants and their lines leave in the trail."""

from __future__ import annotations

from core.host.declarations import TrailActDecl

TRAIL_ACTS = (
    TrailActDecl("tenant.prepared", "单位开通准备就绪", "tenant prepared"),
    TrailActDecl("tenant.posts_ended", "关闭单位终止岗位", "posts of a closed tenant ended"),
    TrailActDecl("tenant.profile_set", "设定开通方案", "profile of onboarding set"),
    TrailActDecl("plugin.on", "启用业务", "service line switched on"),
    TrailActDecl("plugin.off", "停用业务", "service line switched off"),
    TrailActDecl("plugin.rule", "作出业务启用规定", "rule on a service line made"),
    TrailActDecl("plugin.settings", "调整业务配置", "settings changed"),
    TrailActDecl("closing.asked", "提出县级撤并", "closing of a county asked"),
    TrailActDecl("closing.agreed", "同意县级撤并", "closing of a county agreed"),
    TrailActDecl("closing.refused", "不同意县级撤并", "closing of a county refused"),
    TrailActDecl("closing.withdrawn", "撤回县级撤并", "closing of a county withdrawn"),
    TrailActDecl("closing.gone_on", "继续办理县级撤并", "closing of a county taken up again"),
    TrailActDecl("closing.stopped", "停止县级撤并", "closing of a county stopped"),
    TrailActDecl("closing.done", "县级撤并完成", "county closed"),
)
