"""``bangfu case``: open a case, give it papers, move it along, each as an account."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.cases.handler_lists import changes_of_mine, changes_to_decide
from core.cases.models import Case
from core.cases.service import NewCase, NewParty, advance, open_cases
from core.cases.workflows import state_of, workflow_named, workflow_of
from core.documents.service import NewDocument, add_documents
from core.errors import NotFound
from core.identity.models import Account
from deploy.cli_common import HOME, County, Home, Login, bytes_of, console, group, json_object
from deploy.connection import connected
from deploy.story.staff import acting_as

app = group("办理事项 · cases")


@app.command("open")
def case_open(
    workflow: str,
    county: County,
    login: Login,
    applicant: Annotated[str, typer.Option(help="申请人姓名 · applicant's name")],
    form: Annotated[str, typer.Option(help="申请表内容，JSON · the form")] = "{}",
    handler: Annotated[
        list[str] | None, typer.Option(help="保密件的承办人账号，可多次 · a handler of a confidential case, repeatable")
    ] = None,
    home: Home = HOME,
) -> None:
    """以某账号受理一件事项 · open a case of any line as an account."""
    filled = json_object(form, "--form")
    with connected(home), acting_as(login, county) as session:
        draft = NewCase(
            plugin=workflow_named(workflow).plugin,
            workflow=workflow,
            parties=(NewParty("applicant", label=applicant),),
            form=filled,
            handlers=_actors(session, handler) if handler else None,
        )
        [case] = open_cases(session, [draft])
        console.print(f"{case.number} {_state(session, case)}", highlight=False)


@app.command("document")
def case_document(number: str, kind: str, file: Path, county: County, login: Login, home: Home = HOME) -> None:
    """为事项收一份材料（PDF、JPEG、PNG）· take in a paper of a case."""
    content = bytes_of(file)
    with connected(home), acting_as(login, county) as session:
        [made] = add_documents(session, [NewDocument(kind, "", content, case_id=_case_id(session, number))])
        console.print(f"{number} {made.title}", highlight=False)


@app.command("advance")
def case_advance(
    number: str,
    step: str,
    county: County,
    login: Login,
    note: Annotated[str | None, typer.Option(help="理由 · note")] = None,
    home: Home = HOME,
) -> None:
    """以某账号办理一步 · make one step of a case as an account."""
    with connected(home), acting_as(login, county) as session:
        [case] = advance(session, [_case_id(session, number)], step, note)
        console.print(f"{case.number} → {_state(session, case)}", highlight=False)


@app.command("handlers")
def case_handlers(county: County, login: Login, home: Home = HOME) -> None:
    """列出与某账号有关的承办人变更，须在网页上办理 · changes of handlers; asking and agreeing are done on the page."""
    with connected(home), acting_as(login, county) as session:
        waiting, mine = changes_to_decide(session), changes_of_mine(session)
    for title, lines in (("待同意", waiting), ("提出和办理的", mine)):
        console.print(f"{title}：{len(lines)}", highlight=False)
        for line in lines:
            kind = "紧急变更" if line.change.is_emergency else "变更"
            console.print(f"  {line.number} {kind} {line.change.asked_on} {line.state}", highlight=False)


def _actors(session: Session, logins: list[str]) -> list[str]:
    """Actor keys of accounts by login; a login that there is not stays as it is, and is refused like any stranger."""
    rows = session.execute(select(Account.login, Account.id).where(Account.login.in_([login.lower() for login in logins])))
    known = {login: str(account) for login, account in rows}
    return [known.get(login.lower(), login) for login in logins]


def _state(session: Session, case: Case) -> str:
    return state_of(workflow_of(session, case), case.state).zh


def _case_id(session: Session, number: str) -> uuid.UUID:
    found = session.scalar(select(Case.id).where(Case.number == number))
    if found is None:
        raise NotFound(f"没有事项 {number}", f"no case {number}", where=number)
    return found
