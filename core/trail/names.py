"""Names of what the logs are kept by, apart from their declarations so that services can import them."""

from __future__ import annotations

LOG_MONTHS = "log_months"
HOUSEKEEPING = "housekeeping"
