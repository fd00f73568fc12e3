"""Refuse to run as a role that could see past row-level security."""

from __future__ import annotations

from sqlalchemy import Engine, text

from core.errors import Misconfigured

_QUESTION = text("""
    select r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolreplication as powerful,
           exists (select 1 from pg_class c where c.relowner = r.oid) as owns,
           exists (select 1 from pg_auth_members m where m.member = r.oid) as member
    from pg_roles r where r.rolname = current_user
""")


def refuse_unsafe_role(engine: Engine) -> None:
    """Raise ``Misconfigured`` unless the engine's role owns nothing, bypasses nothing and is a member of no other role."""
    with engine.connect() as connection:
        powerful, owns, member = connection.execute(_QUESTION).one()
    if powerful or owns or member:
        raise Misconfigured(
            "应用账号权限过大：可绕过行级安全，或拥有表，或属于其他角色",
            "the application's database role is too powerful: it bypasses row security, owns tables or is another's member",
            where="BANGFU_DATABASE_URL",
            mend_zh="请使用仅有授权、不拥有任何对象的数据库账号",
            mend_en="use a role that owns nothing and has only the granted rights",
        )
