"""What goes wrong with tokens and with the server that issues them (统一身份认证)."""

from __future__ import annotations

from enum import StrEnum

from core.errors import BangfuError


class Reason(StrEnum):
    """Which check refused a token. The values are stable: they stand in the log, in answers of the API and in tests."""

    TOO_LONG = "too_long"
    MALFORMED = "malformed"
    DUPLICATE = "duplicate"
    TOO_DEEP = "too_deep"
    HEADER = "header"
    ALGORITHM = "algorithm"
    KEY_ID = "key_id"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    CLAIM = "claim"
    TYPE = "type"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    CLIENT = "client"
    BOUND = "bound"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    ISSUED_AHEAD = "issued_ahead"
    NONCE = "nonce"
    AT_HASH = "at_hash"
    EVENTS = "events"


_WORDS: dict[Reason, tuple[str, str]] = {
    Reason.TOO_LONG: ("令牌过长", "the token is too long"),
    Reason.MALFORMED: ("令牌格式不正确", "the token is malformed"),
    Reason.DUPLICATE: ("令牌中同一名称出现两次", "the token says a name twice"),
    Reason.TOO_DEEP: ("令牌内容嵌套过深", "the token is nested too deeply"),
    Reason.HEADER: ("令牌头含有不允许的参数", "the token's header has a parameter that is not allowed"),
    Reason.ALGORITHM: ("令牌的签名算法不被接受", "the token's algorithm is not accepted"),
    Reason.KEY_ID: ("令牌未注明签名密钥", "the token names no key"),
    Reason.UNKNOWN_KEY: ("令牌的签名密钥未知", "the token's key is unknown"),
    Reason.SIGNATURE: ("令牌签名无效", "the token's signature is not valid"),
    Reason.CLAIM: ("令牌缺少必要内容或内容不合要求", "the token lacks a claim, or a claim is not of its kind"),
    Reason.TYPE: ("令牌类型不符", "the token is of another type"),
    Reason.ISSUER: ("令牌不是由本系统信任的认证服务器签发", "the token is of another issuer"),
    Reason.AUDIENCE: ("令牌不是发给本系统的", "the token is meant for another audience"),
    Reason.CLIENT: ("令牌属于其他客户端", "the token belongs to another client"),
    Reason.BOUND: ("令牌与发送方密钥绑定，不能单独使用", "the token is bound to a key of its sender"),
    Reason.EXPIRED: ("令牌已过期", "the token has expired"),
    Reason.NOT_YET: ("令牌尚未生效", "the token is not valid yet"),
    Reason.ISSUED_AHEAD: ("令牌的签发时间晚于现在", "the token was issued in the future"),
    Reason.NONCE: ("令牌与本次登录不符", "the token does not belong to this sign-in"),
    Reason.AT_HASH: ("身份令牌与访问令牌不相配", "the ID token does not belong to the access token"),
    Reason.EVENTS: ("令牌不是注销通知", "the token announces no logout"),
}

_OF_CLOCKS = frozenset({Reason.EXPIRED, Reason.NOT_YET, Reason.ISSUED_AHEAD})


class TokenRefused(BangfuError):
    """A token that is not believed (ASVS 9.1, 9.2).

    ``reason`` says which check failed, ``where`` which token and claim. Nothing of the token itself is repeated: a refused
    token may still be good somewhere else.
    """

    code = "token_refused"
    status = 401

    def __init__(self, reason: Reason, where: str) -> None:
        zh, en = _WORDS[reason]
        of_clocks = reason in _OF_CLOCKS
        super().__init__(
            zh,
            en,
            where=where,
            mend_zh="请重新登录；如仍出现，请核对两台服务器的时钟" if of_clocks else "请重新登录或重新获取令牌",
            mend_en="sign in again; if it stays so, compare the two servers' clocks"
            if of_clocks
            else "sign in again or get a new token",
        )
        self.reason = reason


class IssuerUnavailable(BangfuError):
    """The issuer cannot be asked, or what it answers cannot be used.

    Passing: who meets it while refreshing a session keeps the session and tries again. ``where`` is the address asked.
    """

    code = "issuer_unavailable"
    status = 503

    def __init__(self, zh: str, en: str, *, where: str) -> None:
        super().__init__(
            zh,
            en,
            where=where,
            mend_zh="请稍后重试；如持续出现，请检查认证服务器及其地址设置",
            mend_en="try again later; if it stays so, check the identity server and its configured address",
        )
