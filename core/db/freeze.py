"""Write the DDL of mapped tables as plain statements, so that a migration can hold them frozen.

``python -m core.db.freeze`` prints the statements of the core's tables; with the module of a plugin's models and the plugin's
schema it prints those of the plugin's tables.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from sqlalchemy import MetaData
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.schema import CreateIndex, CreateTable

from core.db.ddl import security_statements

SEPARATOR = ";\n\n"

FOUNDATIONS = (
    "create extension if not exists btree_gist",
    "create function public.erasure_confirmed() returns boolean language plpgsql stable as $$\n"
    "begin\n"
    "    return exists (select from public.erasure e\n"
    "        where e.tenant = nullif(current_setting('app.tenant', true), '')::char(6)\n"
    "            and e.id = nullif(current_setting('app.erasing', true), '')::uuid\n"
    "            and e.state = 'done' and e.xmin = pg_current_xact_id()::xid);\n"
    "end $$",
    "create function public.refuse_but_erasure() returns trigger language plpgsql as $$\n"
    "begin\n"
    "    if not public.erasure_confirmed() then\n"
    "        raise insufficient_privilege using message = 'only an erasure empties ' || tg_table_name;\n"
    "    end if;\n"
    "    return new;\n"
    "end $$",
)
"""What the core's tables stand on: equality beside ranges in one index (posts), and what keeps personal columns of rows that do
not change from everything but an erasure."""


def frozen_ddl(metadata: MetaData, *, before: Sequence[str] = (), schema: str | None = None) -> str:
    """All statements that make the tables of ``metadata`` in ``schema`` (None: the core's) with indexes, policies and grants,
    one after the other."""
    dialect = PGDialect()  # type: ignore[no-untyped-call]  # the dialect has no typed constructor
    statements = list(before)
    for table in metadata.sorted_tables:
        if table.schema != schema:
            continue
        statements.append(str(CreateTable(table).compile(dialect=dialect)).strip().replace("\t", "    "))
        statements.extend(
            str(CreateIndex(index).compile(dialect=dialect)).strip()
            for index in sorted(table.indexes, key=lambda found: str(found.name))
        )
        statements.extend(security_statements(table))
    return SEPARATOR.join(line.replace(" \n", "\n") for line in statements) + ";\n"


def split_ddl(text: str) -> list[str]:
    """The single statements of a frozen file."""
    return [statement.strip() for statement in text.rstrip().rstrip(";").split(SEPARATOR)]


if __name__ == "__main__":
    from core.models import metadata as known

    if sys.argv[1:]:
        models, of_plugin = sys.argv[1:]
        import_module(models)
        sys.stdout.write(frozen_ddl(known, schema=of_plugin))
    else:
        sys.stdout.write(frozen_ddl(known, before=FOUNDATIONS))
