"""Names of the permissions and parameters of personal rights, apart from their declarations: services import them."""

from __future__ import annotations

HANDLE = "rights.handle"
"""Register what persons ask for, answer it, propose an erasure."""
DECIDE = "rights.decide"
"""Confirm or refuse an erasure as the second person."""
SEE_VIEWS = "rights.views"
"""See who looked at a household's file."""

ANSWER_DAYS = "rights_answer_working_days"
KEPT_YEARS = "file_retention_years"
KEPT_YEARS_AIDED = "file_retention_years_aided"
