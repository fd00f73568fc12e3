"""Names that the parts of the line share."""

from __future__ import annotations

NAME = "kit_sample"
READ = "kit_sample.read"
RECORD = "kit_sample.record"
VISITED = "kit_sample.visited"
"""The guard: enough visits were made."""
LEAST_VISITS = "kit_sample.least_visits"
"""The dated figure: how many visits a case needs before it is closed."""
