"""The interface against its own description: generated requests fail in no unforeseen way and answers are as described."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as given_settings
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

from tests.conftest import COUNTY
from tests.web.conftest import Desk, Person

FORESEEN = frozenset({400, 401, 403, 404, 409, 412, 413, 422, 428})


def _try(operation: APIOperation[Any, Any, Any, Any], who: Person) -> None:
    @given(case=operation.as_strategy())
    @given_settings(
        max_examples=3,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: schemathesis.Case[Any]) -> None:
        if "tenant" in case.path_parameters:
            case.path_parameters["tenant"] = COUNTY
        answer = case.call(headers={"X-CSRF-Token": who.csrf, "Cookie": f"bangfu_session={who.token}"})
        assert answer.status_code in FORESEEN or answer.status_code < 300, (operation.label, answer.status_code)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == ["application/problem+json"] or operation.path == "/healthz"

    ask()


@pytest.mark.slow
def test_generated_requests_are_answered_as_foreseen(app: FastAPI, person: Desk) -> None:
    worker = person("worker")
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    tried = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if not operation.path.endswith("/trial/fault"):
            _try(operation, worker)
            tried += 1
    assert tried >= 10
