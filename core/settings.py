"""Settings of one installation, read from the environment (``BANGFU_*``) once per process."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import Misconfigured
from core.protected import is_protected

_OF_KEYCLOAK = (
    "public_url",
    "keycloak_url",
    "keycloak_realm",
    "keycloak_client_id",
    "keycloak_client_secret",
    "keycloak_admin_client_id",
    "keycloak_admin_client_secret",
)


class Settings(BaseSettings):
    """What differs between installations. ``database_url`` is the application role's: the web and the worker hold no
    other. ``owner_database_url`` is set only in processes that migrate, bulk-load or back up."""

    model_config = SettingsConfigDict(env_prefix="BANGFU_", extra="ignore")

    environment: Literal["embedded", "production"] = "embedded"
    home: Path = Path(".bangfu")
    database_url: str = ""
    owner_database_url: str = ""
    valkey_url: str = ""
    celery_broker_url: str = ""
    pool_size: int = Field(default=10, ge=1)
    statement_timeout_ms: int = Field(default=30_000, ge=100)
    watchdog_s: float = Field(default=90, ge=0)
    """After how many seconds without a sign of life a web process ends itself, to be started anew; 0 for never. Longer than the
    longest statement, which a busy database may take on every connection."""
    movable_business_date: bool = False
    secure_cookies: bool = False
    demo: bool = False
    upload_limit_bytes: int = 10 * 1024 * 1024
    import_limit_bytes: int = 64 * 1024 * 1024
    """How large a spreadsheet may be that is sent to be imported."""
    password_min_length: int = Field(default=8, ge=8, le=64)
    """How long a password of a local account must be (NIST 800-63B: never less than eight)."""
    password_min_length_administrators: int = Field(default=12, ge=8, le=64)
    """The same for whoever administers: a tenant, or as one of the three administrators."""
    second_factor: Literal["optional", "administrators", "administrators_and_money"] | None = None
    """Who of the local accounts must have a second factor; not said, it depends on the environment (``second_factor_for``)."""
    fresh_proof_minutes: int = Field(default=10, ge=1, le=60)
    """How long ago a person may have proved who he is, where an act asks for a fresh proof (再次验证)."""
    identity: Literal["local", "keycloak"] = "local"
    public_url: str = ""
    keycloak_url: str = ""
    keycloak_realm: str = ""
    keycloak_client_id: str = ""
    keycloak_client_secret: SecretStr = SecretStr("")
    keycloak_admin_client_id: str = ""
    keycloak_admin_client_secret: SecretStr = SecretStr("")
    keycloak_ca_file: Path | None = None
    """The authority that signed Keycloak's certificate, where it is not one of the machine's own."""

    @property
    def issuer(self) -> str:
        """What Keycloak's realm calls itself in its tokens."""
        return f"{self.keycloak_url.rstrip('/')}/realms/{self.keycloak_realm}"

    @property
    def installation_key_file(self) -> Path:
        """File of the installation's 32-byte key (0600)."""
        return self.home / "secrets" / "installation.key"

    @property
    def files_dir(self) -> Path:
        """Folder of stored documents."""
        return self.home / "files"

    @property
    def second_factor_for(self) -> Literal["optional", "administrators", "administrators_and_money"]:
        """Who must have a second factor: in production the three administrators, nobody where the platform is tried out."""
        return self.second_factor or ("administrators" if self.environment == "production" else "optional")

    @model_validator(mode="after")
    def _production_is_strict(self) -> Settings:
        if self.environment == "production" and self.movable_business_date:
            raise Misconfigured(
                "生产环境不允许移动业务日期",
                "production refuses a movable business date",
                where="BANGFU_MOVABLE_BUSINESS_DATE",
                mend_zh="请删除该设置",
                mend_en="remove the setting",
            )
        if self.environment == "production" and not self.secure_cookies:
            raise Misconfigured(
                "生产环境必须启用安全 Cookie",
                "production needs secure cookies",
                where="BANGFU_SECURE_COOKIES",
                mend_zh="请设为 true 并通过 HTTPS 提供服务",
                mend_en="set it to true and serve over HTTPS",
            )
        return self

    @model_validator(mode="after")
    def _keycloak_is_complete(self) -> Settings:
        if self.identity == "local":
            return self
        named = {name: getattr(self, name) for name in _OF_KEYCLOAK}
        texts = {name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in named.items()}
        if missing := [f"BANGFU_{name.upper()}" for name, value in texts.items() if not value]:
            raise Misconfigured(
                "统一身份认证的设置不完整",
                "the settings of sign-in through Keycloak are not complete",
                where=", ".join(missing),
                mend_zh="请补全这些设置，或删除 BANGFU_IDENTITY 以使用本地账号",
                mend_en="set them, or remove BANGFU_IDENTITY to sign in with local accounts",
            )
        for name in ("public_url", "keycloak_url"):
            if not is_protected(texts[name]):
                raise Misconfigured(
                    "登录相关地址必须使用 https",
                    "addresses that take part in signing in must be https",
                    where=f"BANGFU_{name.upper()}",
                    mend_zh="请改用 https 地址；仅本机回环地址可用 http",
                    mend_en="use its https address; plain http only on the loopback of this machine",
                )
        return self


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process."""
    return Settings()
