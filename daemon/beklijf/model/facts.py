"""What happened so far, as planning needs it: the one place where history enters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from beklijf.model.conversation import Busy, History, Pause
    from beklijf.model.domain import Meets, MentorshipKey, Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What happened so far, as planning needs it; read from the ledger in one go."""

    joined: Mapping[MentorshipKey, datetime]
    """When each mentorship's training was live for the first time; one that is missing has not joined."""
    arrived: Mapping[tuple[MentorshipKey, str], datetime] = field(default_factory=dict)
    """When a person (by key) came into a mentorship; missing: with the mentorship. A mentor who takes over is welcomed then."""
    chosen: Mapping[MentorshipKey, Meets]
    """The hour that planning proposed earlier, for pairs without one of their own."""
    moved: Mapping[MentorshipKey, Moved]
    """The pair's day and hour after a human moved the whole series."""
    kept: Mapping[Ref, datetime]
    """Where single meetings that stand in a calendar already take place, as planned (not as moved by a human)."""
    begun: Mapping[Ref, date]
    """The first day of each series and reminder series of which a meeting has been: it is not shifted any more."""
    generations: Mapping[Ref, Generation]
    heard: Mapping[MentorshipKey, History] = field(default_factory=dict)
    goals: Mapping[MentorshipKey, tuple[str, ...]] = field(default_factory=dict)
    """What mentees answered to the goals letter; it takes the place of the config's."""
    pauses: tuple[Pause, ...] = ()
    moved_instances: Mapping[Ref, Mapping[datetime, datetime]] = field(default_factory=dict)
    """By series: the meetings that people moved, from their RECURRENCE-ID (UTC) to when they take place (UTC)."""
    busy: Mapping[str, tuple[Busy, ...]] = field(default_factory=dict)
    """By person's key, in order: when they can't, for those of whom a server told; read anew when a time is to be chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    meets: Meets
    first: date
    """The day of the series' first meeting as moved; later ones keep its rhythm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """Which successive event carries an item, and from which instant on its meetings belong to that one."""

    number: int
    since: datetime


NOTHING = Facts(joined={}, chosen={}, moved={}, kept={}, begun={}, generations={})
"""Nobody has joined, and nothing has been."""


def spell(meets: Meets | None) -> str:
    """Return a config's hour as text to compare with later."""
    return "" if meets is None else f"{meets.weekday} {meets.at} {meets.minutes} {meets.zone.key}"
