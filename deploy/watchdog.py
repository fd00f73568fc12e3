"""A web process that is stuck ends itself, so that whoever keeps it running starts a fresh one (看门狗).

Every few seconds the event loop asks for a thread of the pool that runs the endpoints and then puts off a timer of the
interpreter itself (``faulthandler``), a thread in C that needs no lock of Python. A loop that is blocked, a pool whose threads
all hang and an extension that never gives the interpreter back all miss it: the timer writes where each thread stands and ends
the process. The next start reads that and reports the plugin whose code was being run.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool

from core.host import faults
from core.host.manager import PluginHost, host
from core.settings import settings

log = logging.getLogger("bangfu.web")

_LEFT = re.compile(r"web-(\d+)\.stuck")
_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+) in (?P<name>\S+)')
_BEATS_IN_LIMIT = 6


def _folder() -> Path:
    return settings().home / "run"


def watch_over(app: FastAPI) -> None:
    """Have ``app`` end its process when it is stuck for ``watchdog_s`` seconds (0: never)."""
    limit = settings().watchdog_s
    if not limit:
        return
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def watched(running: FastAPI) -> AsyncIterator[None]:
        async with inner(running), _beating(limit):
            yield

    app.router.lifespan_context = watched


@asynccontextmanager
async def _beating(limit: float) -> AsyncIterator[None]:
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"web-{os.getpid()}.stuck"
    with place.open("w", encoding="utf-8") as file:

        def put_off() -> None:
            faulthandler.dump_traceback_later(limit, exit=True, file=file)

        async def beat() -> None:
            while True:
                await run_in_threadpool(os.getpid)
                put_off()
                await asyncio.sleep(limit / _BEATS_IN_LIMIT)

        put_off()
        task = asyncio.create_task(beat())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            faulthandler.cancel_dump_traceback_later()
    place.unlink(missing_ok=True)


def report_stuck() -> None:
    """Report what former processes left behind when they were ended, and remove it."""
    for place in sorted(_folder().glob("web-*.stuck")):
        found = _LEFT.fullmatch(place.name)
        if found is None or psutil.pid_exists(int(found[1])):
            continue
        text = place.read_text(encoding="utf-8", errors="replace")
        place.unlink(missing_ok=True)
        if not text.strip():
            continue
        log.error("a web process was stuck and ended itself:\n%s", text)
        for plugin in plugins_in(text, host()):
            said = "网页进程无响应，已重新启动 / a web process was stuck and was started anew"
            faults.keep(plugin, "web (stuck)", said, _told(text), version=host().info(plugin).version)


def _told(text: str) -> str:
    """The frames of a dump without a machine's folders."""
    return "\n".join(f"{'/'.join(Path(at['file']).parts[-3:])}:{at['line']} {at['name']}" for at in _FRAME.finditer(text))


def plugins_in(text: str, known: PluginHost) -> Iterator[str]:
    """The strangers' plugins whose code a dump of all threads passes through."""
    files = {Path(at["file"]) for at in _FRAME.finditer(text)}
    for name, folder in known.folders().items():
        if any(file.is_relative_to(folder) for file in files):
            yield name
