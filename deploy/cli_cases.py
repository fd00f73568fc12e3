"""``bangfu case``: open a case, give it papers, move it along, each as an account."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from core.cases.models import Case
from core.cases.service import NewCase, NewParty, advance, open_cases
from core.cases.workflows import state_of, workflow_named, workflow_of
from core.documents.service import NewDocument, add_documents
from deploy import cli_handlers
from deploy.cli_common import HOME, County, Home, Login, actors_of, bytes_of, case_id_of, console, group, json_object
from deploy.connection import connected
from deploy.story.staff import acting_as

app = group("办理事项 · cases")
cli_handlers.add_to(app)


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
            handlers=actors_of(session, handler) if handler else None,
        )
        [case] = open_cases(session, [draft])
        console.print(f"{case.number} {_state(session, case)}", highlight=False)


@app.command("document")
def case_document(number: str, kind: str, file: Path, county: County, login: Login, home: Home = HOME) -> None:
    """为事项收一份材料（PDF、JPEG、PNG）· take in a paper of a case."""
    content = bytes_of(file)
    with connected(home), acting_as(login, county) as session:
        [made] = add_documents(session, [NewDocument(kind, "", content, case_id=case_id_of(session, number))])
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
        [case] = advance(session, [case_id_of(session, number)], step, note)
        console.print(f"{case.number} → {_state(session, case)}", highlight=False)


def _state(session: Session, case: Case) -> str:
    return state_of(workflow_of(session, case), case.state).zh
