"""What the exchange declares: its topic of the outbox and its arrivals enter with these modules."""

from __future__ import annotations

from core.exchange import envelopes, matters, upward

TOPICS = (envelopes.TOPIC,)
KINDS = (matters.MATTER, matters.TAKEN, matters.ANSWER)
GUARDS = upward.GUARDS
EFFECTS = upward.EFFECTS
