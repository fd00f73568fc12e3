"""One process of the web with many requests of one browser at once.

``python -m tests.keycloak.renewing TOKEN COUNT`` prints how many of them found the person signed in.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial

from core.db.session import app_engine
from core.web.errors import NotSignedIn
from core.web.who_asks import patiently, session_from


async def _ask(token: str, count: int) -> int:
    asked = (patiently(partial(session_from, token)) for _ in range(count))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    strange = [found for found in answers if isinstance(found, BaseException) and not isinstance(found, NotSignedIn)]
    if strange:
        raise strange[0]
    return sum(not isinstance(found, BaseException) for found in answers)


if __name__ == "__main__":
    # As the web does before its first request; many threads at once would each make one.
    app_engine()
    print(asyncio.run(_ask(sys.argv[1], int(sys.argv[2]))))
