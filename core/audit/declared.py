"""What the audit declares to the host: its checks, its jobs, its place in the navigation."""

from __future__ import annotations

from core.audit import checks, people_checks
from core.audit.jobs import JOBS
from core.host.declarations import AuditCheckDecl, NavEntry, TrailActDecl

AUDIT_CHECKS = (
    AuditCheckDecl("ledger_balance", "账户余额与分录相符", "ledger balances", "critical", "domain 7.1", checks.ledger_balance),
    AuditCheckDecl("trail_chain", "操作留痕链完整", "trail chain intact", "critical", "domain 12", checks.trail_chain),
    AuditCheckDecl(
        "payment_without_approval",
        "支付须经审批",
        "no payment without an approved case",
        "critical",
        "domain 7.1",
        checks.payment_without_approval,
    ),
    AuditCheckDecl(
        "approver_is_clerk",
        "审批人不得为经办人",
        "approver is not the applicant's clerk",
        "critical",
        "domain 7.4",
        checks.approver_is_clerk,
    ),
    AuditCheckDecl(
        "paid_twice", "同一周期不得重复发放", "paid once per occurrence", "critical", "domain 4.4.1", checks.paid_twice
    ),
    AuditCheckDecl(
        "aided_before_merge",
        "合并前不得重复发放",
        "two records that were merged were not both aided",
        "critical",
        "domain 4.4.1, 10",
        people_checks.aided_before_merge,
    ),
    AuditCheckDecl(
        "missing_document", "证明材料齐全", "required papers present", "major", "domain 10", checks.missing_document
    ),
    AuditCheckDecl(
        "notice_not_kept", "公示期满后方可批准", "notice period kept", "major", "domain 7.4, 10", checks.notice_not_kept
    ),
    AuditCheckDecl("earmark_broken", "专款专用", "earmarks kept", "critical", "domain 7.1", checks.earmark_broken),
    AuditCheckDecl(
        "one_account_several_households",
        "一户一账户",
        "one bank account per household",
        "major",
        "domain 10",
        checks.one_account_several_households,
    ),
    AuditCheckDecl("file_stale", "档案一年内须更新", "file kept up to date", "minor", "domain 10", checks.file_stale),
    AuditCheckDecl(
        "member_never_surveyed",
        "家庭成员均须调查",
        "every member surveyed",
        "minor",
        "domain 7.5",
        checks.member_never_surveyed,
    ),
    AuditCheckDecl(
        "identity_probing",
        "不得借身份索引试探查询",
        "the identity index is not probed",
        "major",
        "domain 10, 12",
        people_checks.identity_probing,
    ),
)

JOB_KINDS = JOBS

TRAIL_ACTS = (
    TrailActDecl("audit.run", "开展审计", "audit run"),
    TrailActDecl("finding.answered", "答复审计发现问题", "finding answered"),
    TrailActDecl("finding.reopened", "审计发现问题重新列出", "finding open again"),
)

NAVIGATION = (
    NavEntry("审计问题", "Audit findings", "/audit/findings", "clipboard-list", "audit.read", "监督", "Oversight", 600),
)
