"""Memory while very many small objects are made: Python's search for cycles among them is held up meanwhile."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collections() -> Iterator[None]:
    """Hundreds of thousands of small objects are made and none of them in a cycle: searching them for cycles takes longer
    than making them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
