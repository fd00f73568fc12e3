"""``bangfu erasures``: the list of erasures, and doing them again after a restore (删除清单)."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Final

import typer
from sqlalchemy import select

from core.db.session import ask_each, log_work, reference_work, unit_of_work
from core.errors import NotFound
from core.rights.emptying import destroy_papers, erase_again, is_back, settle
from core.rights.listed import Listed, erasures_listed, list_file
from core.scope import entered
from core.tenancy.models import Tenant
from core.tenancy.service import business_date, scope_of, system_scope
from deploy.cli_common import HOME, Home, console, group
from deploy.connection import connected

LOST: Final = "清单中没有数据库里的 {} 次删除，清单可能丢失，或被旧清单覆盖"
LOST_MEND: Final = "请先从清单自己的备份恢复，再运行 bangfu erasures replay"
app = group("删除清单 · the list of erasures")


@app.command("list")
def shown(home: Home = HOME) -> None:
    """列出删除清单并校验 · list erasures; the chain is checked."""
    with connected(home):
        lines, path = erasures_listed(), list_file()
    for one in lines:
        console.print(f"{one.done_on} {one.tenant} {one.erasure} {len(one.persons)} 人", highlight=False)
    console.print(f"清单完整，共 {len(lines)} 次：{path}", highlight=False, soft_wrap=True)


@app.command("replay")
def replay(
    home: Home = HOME,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只看不删 · look only")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="只恢复了部分表时：清单所列逐次再删 · each one, after single tables were restored")
    ] = False,
) -> None:
    """恢复备份后，再次删除清单所列人员 · erase again whom a restore has brought back."""
    with connected(home):
        if missing := missing_lines():
            console.print(f"注意：{LOST.format(missing)}。{LOST_MEND}", highlight=False)
        if dry_run:
            back = brought_back(everything=everything)
            for one in back:
                console.print(f"{one.tenant} {one.erasure}", highlight=False)
            console.print(f"又在数据库中的 {len(back)} 次", highlight=False)
            return
        again = erase_brought_back(everything=everything)
    console.print(f"再次删除 {again} 次", highlight=False)


_SETTLED: Final = """
select array_agg(id) from erasure where tenant = %(tenant)s and state = 'done' and objects_gone_at is not null
"""


def missing_lines() -> int:
    """How many finished erasures of the database the list does not hold: it was lost, or an older one lies in its place."""
    known = {one.erasure for one in erasures_listed()}
    with reference_work() as session:
        tenants, on = session.scalars(select(Tenant)).all(), business_date(session)
    told = ask_each([scope_of(tenant, "system:erasures", on) for tenant in tenants], _SETTLED, {})
    return len({one for ids in told.values() for one in ids or ()} - known)


def brought_back(tenant: str | None = None, *, everything: bool = False) -> list[Listed]:
    """Erasures of the list, or of one tenant's in it, whose persons stand in the database all the same, each looked for in its
    tenant's own scope; a tenant that is not here has none. With ``everything`` each erasure of a tenant that is here."""
    found = []
    for one in erasures_listed():
        if tenant not in (None, one.tenant):
            continue
        try:
            scope = system_scope(one.tenant, "erasures", closed=True)
        except NotFound:
            continue
        with entered(scope), unit_of_work() as session:
            if everything or is_back(session, one):
                found.append(one)
    return found


def erase_brought_back(tenant: str | None = None, *, everything: bool = False) -> int:
    """Erase them again, also in a tenant that is closed or left for reading; how many. Each is a transaction of its own, so
    that what breaks off is gone on with. Papers that a restored file store has brought back are destroyed as well."""
    back = brought_back(tenant, everything=everything)
    for one in back:
        with entered(system_scope(one.tenant, "erasures", closed=True)):
            with log_work() as session:
                erase_again(session, one, always=everything)
            with log_work() as session:
                settle(session)
    for code in [tenant] if tenant else sorted({one.tenant for one in erasures_listed()}):
        with suppress(NotFound), entered(system_scope(code, "erasures", closed=True)), log_work() as session:
            destroy_papers(session)
            if tenant:
                # erasures that the tenant brings along from another installation
                settle(session)
    return len(back)
