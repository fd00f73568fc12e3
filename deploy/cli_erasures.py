"""``bangfu erasures``: the list of erasures, and doing them again after a restore (删除清单)."""

from __future__ import annotations

from typing import Annotated

import typer

from core.db.session import log_work, unit_of_work
from core.errors import NotFound
from core.rights.emptying import erase_again, is_back, settle
from core.rights.listed import Listed, erasures_listed, list_file
from core.scope import entered
from core.tenancy.service import system_scope
from deploy.cli_common import HOME, Home, console, group
from deploy.connection import connected

app = group("删除清单 · the list of erasures")


@app.command("list")
def shown(home: Home = HOME) -> None:
    """列出删除清单并校验 · list erasures; the chain is checked."""
    with connected(home):
        lines, path = erasures_listed(), list_file()
    for one in lines:
        console.print(f"{one.done_on} {one.tenant} {one.erasure} {len(one.persons)} 人", highlight=False)
    console.print(f"清单完整，共 {len(lines)} 次：{path}", highlight=False)


@app.command("replay")
def replay(
    home: Home = HOME,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只看不删 · look only")] = False,
) -> None:
    """恢复备份后，再次删除清单所列人员 · erase again whom a restore has brought back."""
    with connected(home):
        if dry_run:
            back = brought_back()
            for one in back:
                console.print(f"{one.tenant} {one.erasure}", highlight=False)
            console.print(f"又在数据库中的 {len(back)} 次", highlight=False)
            return
        again = erase_brought_back()
    console.print(f"再次删除 {again} 次", highlight=False)


def brought_back(tenant: str | None = None) -> list[Listed]:
    """Erasures of the list, or of one tenant's in it, whose persons stand in the database all the same, each looked for in its
    tenant's own scope; a tenant that is not here has none."""
    found = []
    for one in erasures_listed():
        if tenant not in (None, one.tenant):
            continue
        try:
            scope = system_scope(one.tenant, "erasures", closed=True)
        except NotFound:
            continue
        with entered(scope), unit_of_work() as session:
            if is_back(session, one):
                found.append(one)
    return found


def erase_brought_back(tenant: str | None = None) -> int:
    """Erase them again, also in a tenant that is closed or left for reading; how many. Each is a transaction of its own, so
    that what breaks off is gone on with."""
    back = brought_back(tenant)
    for one in back:
        with entered(system_scope(one.tenant, "erasures", closed=True)):
            with log_work() as session:
                erase_again(session, one)
            with log_work() as session:
                settle(session)
    return len(back)
