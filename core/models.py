"""All mapped tables of the core, imported in one place so that the metadata is complete."""

from __future__ import annotations

import core.announcements.models
import core.audit.models
import core.cases.models
import core.documents.models
import core.exchange.models
import core.exchange.query_models
import core.funds.models
import core.funds.opening_models
import core.host.models
import core.identity.directory.models
import core.identity.models
import core.jobs.models
import core.notices.models
import core.parameters.models
import core.people.changes.models
import core.people.duplicates.models
import core.people.employers.models
import core.people.imports.models
import core.people.life.models
import core.people.models
import core.printing.models
import core.rights.models
import core.rights.partner_models
import core.surveys.models
import core.tenancy.models
import core.trail.models
import core.transfers.models
from core.db.base import Base

metadata = Base.metadata

__all__ = ["core", "metadata"]
