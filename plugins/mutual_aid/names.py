"""Names that the parts of the line share."""

from __future__ import annotations

NAME = "mutual_aid"
READ = "mutual_aid.read"
REGISTER = "mutual_aid.register"
CHECK = "mutual_aid.check"
APPROVE = "mutual_aid.approve"
BATCHES = "mutual_aid.batches"
"""Sums by batch, no persons: for the fund manager, who books what came in."""

BENEFIT = "mutual_aid_benefit"
SOURCE = "mutual_aid_members"
COVERED = "mutual_aid.covered"
GRANT = "mutual_aid.grant"

PLANS: dict[str, str] = {"hospital": "住院医疗互助", "illness": "重大疾病互助"}
"""What a member is covered for; a claim is of the kind of its membership's plan."""
ENGLISH: dict[str, str] = {"hospital": "stays in hospital", "illness": "grave illness"}

PER_DAY = "mutual_aid.per_day"
PER_ILLNESS = "mutual_aid.per_illness"
WAITING_DAYS = "mutual_aid.waiting_days"
YEARLY_CAP = "mutual_aid.yearly_cap"


def contribution_parameter(plan: str) -> str:
    """The dated figure that says what a member of this plan pays a year."""
    return f"{NAME}.contribution_{plan}"


def occurrence_of(kind: str, event_on: str, worker: object) -> str:
    """The event for which a benefit is paid once."""
    return f"{kind}:{event_on}:{worker}"
