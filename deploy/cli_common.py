"""What the commands share: their options, the console, and files and words that may be wrong."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.cases.models import Case
from core.cases.repository import of_lines_read
from core.errors import InvalidInput, NotFound
from core.identity.models import Account
from deploy.cli_use import name_command

console = Console()

HOME = Path(".bangfu")
Home = Annotated[Path, typer.Option("--home", envvar="BANGFU_HOME", help="数据目录 · data folder")]
County = Annotated[str, typer.Option("--county", help="六位单位代码 · tenant code")]
Year = Annotated[int, typer.Option(min=2000, max=2100, help="年度 · year")]
Login = Annotated[str, typer.Option("--as", help="账号 · account")]
SummaryFile = Annotated[Path | None, typer.Option("--json", help="结果写入文件 · write the result")]


def group(help_text: str) -> typer.Typer:
    """A group of commands; what each of them shows is put on record under its name."""
    return typer.Typer(no_args_is_help=True, help=help_text, callback=name_command)


def bytes_of(file: Path) -> bytes:
    """The content of a file that was named on the command line; raises ``InvalidInput``."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise _unreadable(file, error) from None


def _unreadable(file: Path, error: OSError) -> InvalidInput:
    return InvalidInput(
        f"文件无法读取（{type(error).__name__}）",
        f"the file cannot be read ({type(error).__name__})",
        where=str(file),
        mend_zh="请检查路径和权限",
        mend_en="check the path and its permissions",
    )


def checked_file(file: Path) -> None:
    """Raise ``InvalidInput`` as ``bytes_of`` where a file that was named cannot be read, without reading it whole."""
    try:
        with file.open("rb") as opened:
            opened.read(1)
    except OSError as error:
        raise _unreadable(file, error) from None


def write_json(file: Path, told: Mapping[str, Any]) -> None:
    """Write a result to the file that was named; raises as ``write_file``."""
    write_file(file, json.dumps(told, ensure_ascii=False, indent=2).encode())


def write_file(file: Path, data: bytes) -> None:
    """Write ``data`` to the file that was named; raises ``InvalidInput`` where that cannot be done."""
    try:
        file.write_bytes(data)
    except OSError as error:
        raise InvalidInput(
            f"结果无法写入（{type(error).__name__}）",
            f"the result cannot be written ({type(error).__name__})",
            where=str(file),
            mend_zh="请换一个可写的路径",
            mend_en="name a path that can be written",
        ) from None


def json_object(text: str, where: str) -> dict[str, Any]:
    """The JSON object that an option holds; raises ``InvalidInput``."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"第 {error.lineno} 行第 {error.colno} 列"
        english = f"line {error.lineno}, column {error.colno}"
    else:
        if isinstance(found, dict):
            return found
        place, english = "最外层", "the outermost value"
    raise InvalidInput(
        f"不是 JSON 对象：{place}",
        f"not a JSON object: {english}",
        where=where,
        mend_zh='请写成 {"字段": "内容"}，并用单引号括住整段',
        mend_en='write {"field": "value"} and quote the whole with single quotes',
    )


def case_id_of(session: Session, number: str) -> uuid.UUID:
    """The id of a case that the actor may see, by its number; raises ``NotFound``."""
    found = session.scalar(select(Case.id).where(Case.number == number, of_lines_read()))
    if found is None:
        raise NotFound(f"没有事项 {number}", f"no case {number}", where=number)
    return found


def actors_of(session: Session, logins: Sequence[str]) -> list[str]:
    """Actor keys of accounts by login; a login that there is not stays as it is, and is refused like any stranger."""
    rows = session.execute(select(Account.login, Account.id).where(Account.login.in_([login.lower() for login in logins])))
    known = {login: str(account) for login, account in rows}
    return [known.get(login.lower(), login) for login in logins]


def id_of(text: str, zh: str, en: str, listed_by: str) -> uuid.UUID:
    """The id that was typed for a thing (in Chinese and English), which a command lists; raises ``InvalidInput``."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise InvalidInput(
            f"不是{zh}编号",
            f"not the id of a {en}",
            where=text,
            mend_zh=f"编号见 {listed_by}",
            mend_en=f"{listed_by} shows the ids",
        ) from None


def job_id(text: str) -> uuid.UUID:
    """The id of a job; raises ``InvalidInput``."""
    return id_of(text, "任务", "job", "bangfu job list")
