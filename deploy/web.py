"""The web as an installation runs it: the core's application, which may not know the worker, with a way to the worker."""

from __future__ import annotations

import gc

from fastapi import FastAPI

from core.web.app import make_app as core_app
from deploy.watchdog import report_stuck, watch_over
from worker.relay import use_queue


def make_app() -> FastAPI:
    """The application, telling the workers after each commit, so that a job starts at once and not at the next sweep; under a
    watchdog, which reports at this start what stuck in the processes before."""
    use_queue()
    app = core_app()
    report_stuck()
    watch_over(app)
    # What was made up to here stays. Else the collector would walk over it all again and again, 0.3 s at a time.
    gc.collect()
    gc.freeze()
    return app
