"""Settings of one installation, read from the environment (``BANGFU_*``) once per process."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import Misconfigured


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
    movable_business_date: bool = False
    secure_cookies: bool = False
    demo: bool = False
    upload_limit_bytes: int = 10 * 1024 * 1024
    password_min_length: int = Field(default=8, ge=8, le=64)
    """How long a password of a local account must be (NIST 800-63B: never less than eight)."""
    password_min_length_administrators: int = Field(default=12, ge=8, le=64)
    """The same for whoever administers: a tenant, or as one of the three administrators."""
    second_factor: Literal["optional", "administrators", "administrators_and_money"] | None = None
    """Who of the local accounts must have a second factor; not said, it depends on the environment (``second_factor_for``)."""
    fresh_proof_minutes: int = Field(default=10, ge=1, le=60)
    """How long ago a person may have proved who he is, where an act asks for a fresh proof (再次验证)."""

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


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process."""
    return Settings()
