"""A fake of Google's Calendar API v3: a front-end on one `company`, judged by Google's own discovery document.

items     an event of the company as the API has it, and back
shelves   what the API remembers of a calendar: ETags, deleted events, sync tokens
service   the methods
server    HTTP on loopback, with bad moods on demand
"""

from __future__ import annotations

from tests.fakes.google.server import GoogleServer, Mood, google_server
from tests.fakes.google.service import Google

__all__ = ["Google", "GoogleServer", "Mood", "google_server"]
