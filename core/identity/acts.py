"""What accounts and posts leave in the trail, and in the log of sign-ins (see `core.identity.declared`)."""

from __future__ import annotations

from core.host.declarations import TrailActDecl

TRAIL_ACTS = (
    TrailActDecl("account.invited", "开设账号", "account made"),
    TrailActDecl("account.disabled", "停用账号", "account disabled"),
    TrailActDecl("account.enabled", "恢复账号", "account enabled"),
    TrailActDecl("password.reset", "重置密码", "password reset"),
    TrailActDecl("password.changed", "本人修改密码", "own password changed"),
    TrailActDecl("second_factor.set_up", "启用双因素验证", "second factor set up"),
    TrailActDecl("second_factor.given_up", "停用双因素验证", "second factor given up"),
    TrailActDecl("recovery_codes.renewed", "更换恢复码", "recovery codes renewed"),
    TrailActDecl("sessions.ended", "强制退出登录", "sessions ended"),
    TrailActDecl("post.given", "授予岗位", "post given"),
    TrailActDecl("post.ended", "终止岗位", "post ended"),
    TrailActDecl("post.confirmed", "确认岗位权限", "post confirmed"),
    TrailActDecl("post.delegated", "委托代理岗位", "post delegated"),
    TrailActDecl("permission.mapped", "调整岗位权限", "permission mapped"),
    TrailActDecl("program.registered", "登记外部系统", "program registered"),
    TrailActDecl("directory.mended", "重新同步统一身份目录", "directory mended"),
    TrailActDecl("directory.adopted", "认领统一身份目录用户", "user of the directory adopted"),
    TrailActDecl("sign_in.signed_in", "登录成功", "signed in"),
    TrailActDecl("sign_in.refused", "登录被拒", "sign-in refused"),
    TrailActDecl("sign_in.throttled", "登录尝试过多被限", "sign-in throttled"),
)
