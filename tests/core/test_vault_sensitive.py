"""No ordinary path prints a sensitive value in full."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import pprint
import traceback

import pytest
from pydantic import TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError

from core.vault import masking
from core.vault.sensitive import Sensitive

FULL = "13800006207"
SHOWN = "138****6207"


@dataclasses.dataclass
class Contact:
    name: str
    phone: Sensitive[str]


def value() -> Sensitive[str]:
    return Sensitive(FULL, masking.phone)


def test_printing_is_masked() -> None:
    phone = value()
    contact = Contact("李明", phone)
    printed = [
        str(phone),
        repr(phone),
        f"{phone}",
        f"{phone!r:>30}",
        f"{phone:>20}",
        "%s %r" % (phone, phone),  # noqa: UP031 - the old way of formatting is one of the paths under test
        "{} {!r}".format(phone, phone),  # noqa: UP032 - and so is this one
        repr([phone]),
        repr(contact),
        str(dataclasses.asdict(contact)),
        pprint.pformat({"phone": phone}),
        json.dumps({"phone": phone}, default=str),
        json.dumps({"phone": phone}, default=repr),
    ]
    assert all(FULL not in text and SHOWN in text for text in printed)
    assert f"{phone:>20}" == SHOWN.rjust(20)


def test_json_without_a_default_refuses_it_without_content() -> None:
    with pytest.raises(TypeError) as refused:
        json.dumps({"phone": value()})
    assert FULL not in str(refused.value)


def test_logging_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("test.sensitive")
    logger.warning("called %s", value())
    logger.warning("called %(phone)r", {"phone": value()})
    assert FULL not in caplog.text
    assert caplog.text.count(SHOWN) == 2


def test_exceptions_are_masked() -> None:
    def fail(phone: Sensitive[str]) -> None:
        raise ValueError("no answer", phone)

    with pytest.raises(ValueError, match="no answer") as raised:
        fail(value())
    error = raised.value
    with_locals = traceback.TracebackException.from_exception(error, capture_locals=True).format()
    text = repr(error) + str(error) + "".join(with_locals)
    assert FULL not in text
    assert text.count(SHOWN) >= 3


def test_no_attribute_dictionary_gives_it_away() -> None:
    with pytest.raises(TypeError):
        vars(value())


def test_it_cannot_be_pickled_or_hashed() -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(value(), protocol)
    with pytest.raises(TypeError):
        hash(value())
    phone = value()
    assert copy.copy(phone) is phone
    assert copy.deepcopy(phone) is phone


def test_equality_compares_values_not_masks() -> None:
    assert value() == Sensitive(FULL)
    assert value() != Sensitive("13900006207", masking.phone)
    assert value() != FULL
    assert Sensitive(1) != Sensitive("1")
    assert Sensitive(b"a") == Sensitive(b"a")


def test_without_a_mask_nothing_shows() -> None:
    assert str(Sensitive("高血压")) == "****"


def test_reveal_is_the_one_way_to_the_value() -> None:
    assert value().reveal() == FULL


def test_no_pydantic_model_can_hold_one() -> None:
    with pytest.raises(PydanticSchemaGenerationError):
        TypeAdapter(Sensitive[str])
