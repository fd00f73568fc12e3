"""Rosters (困难职工名册) as offices really have them: understanding their layout, reading and checking what they say."""

from core.people.roster.checking import Checked, check
from core.people.roster.drafts import HouseholdDraft, PersonDraft
from core.people.roster.fields import FIELDS, column_label, label_of, targets
from core.people.roster.headings import heading_key
from core.people.roster.kinds import KINDS, Kind
from core.people.roster.layout import understand
from core.people.roster.problems import Problem
from core.people.roster.understanding import ColumnUnderstanding, RosterRefused, SheetUnderstanding, Understanding

__all__ = [
    "FIELDS",
    "KINDS",
    "Checked",
    "ColumnUnderstanding",
    "HouseholdDraft",
    "Kind",
    "PersonDraft",
    "Problem",
    "RosterRefused",
    "SheetUnderstanding",
    "Understanding",
    "check",
    "column_label",
    "heading_key",
    "label_of",
    "targets",
    "understand",
]
