"""Keyed tokens: one spelling, one token; another tenant, kind or installation, another token."""

from __future__ import annotations

import pytest

from core.errors import InvalidInput
from core.vault.key_file import InstallationKey
from core.vault.tokens import TokenKind, Tokens, normalised

TOKENS = Tokens(InstallationKey(bytes(range(32))))
NUMBER = "51080219900101002X"


@pytest.mark.parametrize("spelling", ["51080219900101002x", " 510802 19900101 002X ", "５１０８０２１９９００１０１００２Ｘ"])
def test_spellings_of_an_identity_number_are_one(spelling: str) -> None:
    assert TOKENS.identity_index_hash(spelling) == TOKENS.identity_index_hash(NUMBER)
    assert TOKENS.tenant_token("510802", TokenKind.IDENTITY, spelling) == TOKENS.tenant_token(
        "510802", TokenKind.IDENTITY, NUMBER
    )


@pytest.mark.parametrize(
    "spelling",
    ["13800006207", "138 0000 6207", "138-0000-6207", "+8613800006207", "0086 138 0000 6207", "8613800006207"],
)
def test_spellings_of_a_phone_are_one(spelling: str) -> None:
    assert normalised(TokenKind.PHONE, spelling) == "13800006207"


def test_a_landline_keeps_its_area_code() -> None:
    assert normalised(TokenKind.PHONE, "（0839）3272046") == "08393272046"
    # digits of a country code in its midst are none
    assert normalised(TokenKind.PHONE, "028-85008612") == "02885008612"


def test_tenants_kinds_and_installations_differ() -> None:
    tokens = {
        TOKENS.identity_index_hash(NUMBER),
        TOKENS.tenant_token("510802", TokenKind.IDENTITY, NUMBER),
        TOKENS.tenant_token("510104", TokenKind.IDENTITY, NUMBER),
        TOKENS.tenant_token("510802", TokenKind.PHONE, "13800006207"),
        TOKENS.tenant_token("510802", TokenKind.ACCOUNT, "13800006207"),
        Tokens(InstallationKey(bytes(32))).identity_index_hash(NUMBER),
    }
    assert len(tokens) == 6
    assert all(len(token) == 32 for token in tokens)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (TokenKind.IDENTITY, "5108021990010100"),
        (TokenKind.IDENTITY, ""),
        (TokenKind.PHONE, "李明"),
        (TokenKind.ACCOUNT, "6222"),
        (TokenKind.LAST4, "12345"),
    ],
)
def test_a_value_of_another_form_is_refused_and_not_repeated(kind: TokenKind, value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        TOKENS.tenant_token("510802", kind, value)
    assert not value or value not in str(refused.value)
