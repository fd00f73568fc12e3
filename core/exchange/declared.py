"""What the exchange declares: its topic of the outbox and its arrivals enter with these modules."""

from __future__ import annotations

from core.exchange import envelopes, identity_queries, identity_told, matters, question_limits, upward
from core.host.declarations import TrailActDecl

TOPICS = (envelopes.TOPIC,)
KINDS = (
    *(matters.MATTER, matters.TAKEN, matters.ANSWER),
    *(identity_queries.QUERY, identity_queries.ANSWER, identity_queries.WITHDRAWN, identity_told.TOLD),
)
PARAMETERS = question_limits.PARAMETERS
GUARDS = upward.GUARDS
EFFECTS = upward.EFFECTS

TRAIL_ACTS = (
    TrailActDecl("case.handed_over", "个案移交其他单位", "case handed to another tenant"),
    TrailActDecl("case.came_back", "移交个案收到答复", "answer to a case that was handed over"),
    TrailActDecl("envelope.sealed", "移交包已封发", "envelope sealed"),
    TrailActDecl("envelope.readdressed", "移交包改送承接单位", "envelope sent on to the tenant that took over"),
    TrailActDecl("envelope.undelivered", "移交包未能送达，已退回", "envelope came back: its receiver has closed"),
    TrailActDecl("envelope.arrived", "移交包已到达", "envelope arrived"),
    TrailActDecl("identity_index.not_marked", "身份信息已损坏，未登记已受助", "aided, not marked: damaged number"),
    TrailActDecl("identity_index.not_settled", "身份信息已损坏，身份索引未更新", "marks not settled: damaged number"),
    TrailActDecl("identity_query.asked", "向省级提交重复建档查询", "province asked about a duplicate"),
    TrailActDecl("identity_query.withdrawn", "撤回重复建档查询", "question about a duplicate taken back"),
    TrailActDecl("identity_query.was_withdrawn", "提问单位撤回重复建档查询", "question about a duplicate was taken back"),
    TrailActDecl("identity_query.answered", "答复重复建档查询", "question about a duplicate answered"),
    TrailActDecl("identity_query.came_back", "收到重复建档查询答复", "answer about a duplicate received"),
    TrailActDecl("identity_query.told", "省级告知重复建档查询涉及本单位档案", "told of a question about a file"),
    TrailActDecl("identity_query.seen", "已阅省级重复建档告知", "notice of the province about a duplicate seen"),
    TrailActDecl("matter.taken", "接收移交事项", "matter taken"),
    TrailActDecl("matter.opened", "移交事项登记为个案", "matter opened as a case"),
    TrailActDecl("matter.answered", "答复移交事项", "matter answered"),
)
