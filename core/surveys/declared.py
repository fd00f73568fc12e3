"""What the survey declares: permissions, its background work, and the figures that go upward (domain 7.5)."""

from __future__ import annotations

from core.host.declarations import FactDecl, JobKindDecl, PermissionDecl, TrailActDecl
from core.surveys import jobs

PERMISSIONS = (
    PermissionDecl("survey.read", "查看调查与认定", "read surveys and determinations", personal=True),
    PermissionDecl("survey.open", "开展年度调查与认定", "open the annual survey and determine", personal=False),
)

JOB_KINDS = (
    JobKindDecl(
        kind="survey",
        zh="年度调查认定",
        en="annual survey and determination",
        plan=jobs.plan,
        run=jobs.run,
        finish=jobs.finish,
        permission="survey.open",
    ),
)

TRAIL_ACTS = (
    TrailActDecl("survey.opened", "开展年度调查", "annual survey opened"),
    TrailActDecl("survey.determined", "完成年度认定", "determination made"),
)

FACTS = (FactDecl("households_determined", "调查认定户数", "households determined", jobs.measured),)
