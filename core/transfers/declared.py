"""What transfers declare: the kinds of their envelopes, whose arrivals enter with these modules."""

from __future__ import annotations

from core.host.declarations import TrailActDecl
from core.transfers import arriving, departing, offers, returning

KINDS = (departing.PACKAGE, departing.ARRIVED, offers.OFFER, offers.ACCEPTED, offers.REFUSED, offers.WITHDRAWN)
TRAIL_ACTS = (
    TrailActDecl("household.offered", "提出家庭转移", "household offered"),
    TrailActDecl("household.offer_accepted", "同意家庭转入", "household accepted"),
    TrailActDecl("household.offer_refused", "不同意家庭转入", "household refused"),
    TrailActDecl("household.offer_was_refused", "对方不同意家庭转移", "offer refused by the other county"),
    TrailActDecl("household.offer_withdrawn", "撤回家庭转移", "offer withdrawn"),
    TrailActDecl("household.transfer_undelivered", "家庭转移未能送达", "transfer ended: the other county has closed"),
    TrailActDecl("household.came_back", "家庭转出未能送达，已退回", "household back: the receiver has closed"),
    TrailActDecl("household.sent", "家庭已转出", "household sent"),
    TrailActDecl("household.arrived", "家庭已转入", "household arrived"),
    TrailActDecl("household.twice_on_file", "疑似重复档案核为建档", "possible duplicate put on file"),
    TrailActDecl("household.twice_cancelled", "疑似重复档案核为作废", "possible duplicate cancelled"),
    TrailActDecl("case.moved", "个案随户转出", "case moved away"),
    TrailActDecl("case.back", "个案转出未能送达，已退回", "case back: the receiver has closed"),
    TrailActDecl("case.arrived", "个案随户转入", "case moved in"),
)

__all__ = ["KINDS", "TRAIL_ACTS", "arriving", "returning"]
