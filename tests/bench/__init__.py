"""Measured figures (性能实测): ``python -m tests.bench [rules] [tenants] [roster] [ledger]``. They print and never assert."""
