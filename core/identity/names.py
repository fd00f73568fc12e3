"""Names of the permissions and parameters by which staff are administered, apart from their declarations so that services
can import them."""

from __future__ import annotations

WRITE_STAFF = "staff.write"
GRANT_ADMINISTRATORS = "staff.grant_administrators"
WRITE_PROGRAMS = "staff.programs"
REVIEW_ACCESS = "staff.review"
SEE_REVIEW = "staff.see_review"
READ_LOG = "log.read"
READ_CASES = "case.read"
READ_SYSTEM = "system.read"

COUNTY_GRANTS = "roles_granted_by_county"
DORMANT_DAYS = "dormant_account_days"
REVIEW_MONTHS = "access_review_months"
