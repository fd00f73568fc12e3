"""``bangfu plugin try``: a plugin at work in a small installation of its own, which is gone afterwards (插件试用)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import uvicorn

from core.host.manager import host
from core.tenancy.service import system_scope
from core.web.app import make_app
from deploy.embedded.checks import require_port
from deploy.testing.browsers import PASSWORD, account
from deploy.testing.installation import COUNTY, OTHER_COUNTY, PROVINCE, migrated_database
from deploy.testing.trial import Trial

_HOST = "127.0.0.1"
_POSTS = (
    ("caseworker", COUNTY),
    ("case_approver", COUNTY),
    ("tenant_admin", COUNTY),
    ("caseworker", OTHER_COUNTY),
    ("tenant_admin", PROVINCE),
)
_FAMILIES = 5


def try_out(name: str, port: int, tell: Callable[[str], None], *, once: bool) -> None:
    """Start a database with two counties, switch ``name`` on in the first, put some households on file, make accounts, and
    serve the pages on ``port`` until Ctrl-C (with ``once`` not at all). Raises ``NotFound`` for a plugin that is not there."""
    title = host().info(name).title_zh
    if not once:
        require_port(_HOST, port)
    with tempfile.TemporaryDirectory(prefix="bangfu-try-") as folder:
        home = Path(folder) / "home"
        home.mkdir(mode=0o700)
        with migrated_database(home) as database:
            trial = Trial(database)
            trial.switch_on(name)
            trial.families(_FAMILIES)
            for tenant in (COUNTY, OTHER_COUNTY):
                state = "已启用 · on" if name in system_scope(tenant, "try").plugins else "未启用 · off"
                tell(f"{tenant} {title} {state}")
            for role, tenant in _POSTS:
                account(f"{tenant}-{role}", tenant=tenant, role=role)
                tell(f"{tenant}-{role}")
            tell(f"口令 · password: {PASSWORD}")
            if not once:
                tell(f"http://{_HOST}:{port}  Ctrl-C 停止，数据随之清除 · Ctrl-C ends it, and the data is gone")
                uvicorn.run(make_app(), host=_HOST, port=port, log_level="warning", proxy_headers=False)
