"""Registers the tests' plugin in a worker's process (``celery worker --include tests.worker.plugged``)."""

from __future__ import annotations

from core.host.manager import host
from tests.dummy_jobs import DummyJobs

host().register(DummyJobs(), "dummy")
