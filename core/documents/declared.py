"""What this part of the core declares to the host (see `core.builtin`)."""

from __future__ import annotations
