"""Lists by key, not by page number: the next page starts after the last row of this one (按键翻页).

Services give ``limit`` rows after a row's identity; one row more than the page holds tells that there is a next page.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Query, Request, Response

T = TypeVar("T")
K = TypeVar("K", uuid.UUID, str)

After = Annotated[uuid.UUID | None, Query(description="identity of the last row of the page before")]
Limit = Annotated[int, Query(ge=1, le=200, description="rows a page")]


@dataclass(frozen=True, slots=True)
class Slice(Generic[T, K]):
    """One page of a list; ``after`` is where the next one starts, None where the list ends."""

    rows: Sequence[T]
    after: K | None


def cut(found: Sequence[T], limit: int, key: Callable[[T], K]) -> Slice[T, K]:
    """The page out of ``found``, for which ``limit + 1`` rows were asked."""
    rows = found[:limit]
    return Slice(rows, key(rows[-1]) if len(found) > limit else None)


def next_url(request: Request, after: uuid.UUID | str | None) -> str | None:
    """Address of the next page, without the host; None on the last one."""
    if after is None:
        return None
    url = request.url.include_query_params(after=str(after))
    return f"{url.path}?{url.query}"


def tell_next(request: Request, response: Response, after: uuid.UUID | str | None) -> None:
    """Name the next page in the header ``Link`` (RFC 8288)."""
    if (url := next_url(request, after)) is not None:
        response.headers["Link"] = f'<{url}>; rel="next"'
