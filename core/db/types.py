"""Column types in common use."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Annotated, Any

from sqlalchemy import BigInteger, Date, DateTime, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID
from sqlalchemy.orm import mapped_column

Fen = Annotated[int, mapped_column(BigInteger)]
"""An amount of money in fen (分)."""
Day = Annotated[date, mapped_column(Date)]
"""A civil date in Asia/Shanghai."""
Instant = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())]
"""A true instant, set by the database."""
Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]
"""A true instant, set by the program."""
Ref = Annotated[uuid.UUID, mapped_column(UUID(as_uuid=True))]
"""The id of another row of the same tenant."""
Json = Annotated[dict[str, Any], mapped_column(JSONB)]
JsonList = Annotated[list[Any], mapped_column(JSONB)]
Texts = Annotated[list[str], mapped_column(ARRAY(Text))]
Str = Annotated[str, mapped_column(Text)]
