"""``bangfu`` and ``pytest`` run by forks of one process that has imported everything: a program of its own each time, with its
own environment, folder and plugins, without the seconds that an interpreter takes to load the platform.
"""

from __future__ import annotations

import os
import site
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path

_LONGEST_S = 300


def run(
    program: str, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], sites: Sequence[Path] = ()
) -> tuple[int, str]:
    """What a program answers and prints. ``sites`` are folders like ``site-packages``: what is installed there is found."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.kit.preloaded"])
    with tempfile.NamedTemporaryFile(prefix="bangfu-said-") as said:
        child = context.Process(
            target=_be, args=(program, list(arguments), str(cwd), dict(env), [str(one) for one in sites], said.name)
        )
        child.start()
        child.join(_LONGEST_S)
        if child.is_alive():
            child.terminate()
            child.join()
        status = child.exitcode if child.exitcode is not None else 1
        return status, Path(said.name).read_text(encoding="utf-8")


def _be(program: str, arguments: list[str], cwd: str, env: dict[str, str], sites: list[str], said: str) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for folder in sites:
        site.addsitedir(folder)
    out = os.open(said, os.O_WRONLY | os.O_APPEND)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.argv = [program, *arguments]
    try:
        sys.exit(_entered(program, arguments))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _entered(program: str, arguments: list[str]) -> int | None:
    if program == "pytest":
        import pytest

        # Spared is what takes seconds to load or to rewrite, and what no plugin of the kit uses.
        spared = ["-p", "no:cacheprovider", "-p", "no:schemathesis", "-p", "no:hypothesispytest", "--assert=plain"]
        return int(pytest.main([*spared, *arguments]))
    from deploy.cli import main

    main()
    return None
