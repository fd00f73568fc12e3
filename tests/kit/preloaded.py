"""What the forks of ``tests.kit.programs`` have imported beforehand. Nothing of it is asked here, so a fork finds its host,
settings and connections as untouched as a new process does."""

from __future__ import annotations

import celery.bin.celery
import kombu.transport.redis
import pypinyin
import pytest

import core.rules.engine
import core.web.app
import deploy.cli
import deploy.kit.check
import deploy.kit.new
import deploy.kit.try_out
import deploy.testing.plugin
import deploy.testing.trial
import plugins.legal_aid.pages
import plugins.living_relief.audit
import plugins.living_relief.rules
import plugins.mutual_aid.api
import plugins.mutual_aid.pages
import plugins.petitions.pages
import plugins.warm_visits.api
import plugins.warm_visits.pages
import plugins.warm_visits.route_pages

__all__ = ["celery", "core", "deploy", "kombu", "plugins", "pypinyin", "pytest"]
