"""A database error tells no personal value: neither the driver's parameters nor a constraint's detail leave the session."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from core.db.session import reference_work
from core.identity.models import Account
from core.scope import Scope


def test_an_integrity_error_hides_its_parameters(acting: Callable[..., AbstractContextManager[Scope]]) -> None:
    row = {"login": "twice", "display_name": "张三丰", "password_hash": "secret-hash"}
    with pytest.raises(IntegrityError) as caught, reference_work() as session:
        session.execute(insert(Account), [dict(row), dict(row)])
    assert "secret-hash" not in str(caught.value)
    assert "张三丰" not in str(caught.value)
