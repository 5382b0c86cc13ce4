"""Days, hours and lists in Dutch and English words; knows no template and reads no locale (a server often has none)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

LANGUAGES = ("nl", "en")

WEEKDAYS = {
    "nl": ("maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
MONTHS = {
    "nl": ("januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december"),
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"),
}
AND = {"nl": "en", "en": "and"}
NUMBERS = {
    "nl": ("nul", "één", "twee", "drie", "vier", "vijf", "zes", "zeven", "acht", "negen", "tien", "elf", "twaalf"),
    "en": ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
}
LENGTHS = {
    "nl": {15: "een kwartier", 30: "een half uur", 45: "drie kwartier", 60: "een uur", 90: "anderhalf uur", 120: "twee uur"},
    "en": {15: "a quarter of an hour", 30: "half an hour", 60: "an hour", 90: "an hour and a half", 120: "two hours"},
}
REASONS = {
    "nl": {"public holiday": "feestdag", "closed": "gesloten", "session day": "trainingsdag", "": "dan kunnen jullie niet allebei"},
    "en": {"public holiday": "public holiday", "closed": "closed", "session day": "training day", "": "you can't both make it"},
}
"""Why a meeting does not take place on its day. Who of the two is away is not said: colleagues see agendas."""


def day(when: date, language: str, *, year: bool = False) -> str:
    """Return ``dinsdag 8 december``; a track is shorter than a year, so the year is needed where it is far ahead only."""
    said = f"{weekday(when.weekday(), language)} {when.day} {MONTHS[language][when.month - 1]}"
    return f"{said} {when.year}" if year else said


def days(when: Sequence[date], language: str) -> str:
    """Return ``dinsdag 12 en woensdag 13 januari``: a month is said once for the days in a row that share it."""
    last = len(when) - 1
    said = [
        f"{weekday(each.weekday(), language)} {each.day}"
        if index < last and (each.year, each.month) == (when[index + 1].year, when[index + 1].month)
        else day(each, language)
        for index, each in enumerate(when)
    ]
    return listed(said, language)


def weekday(number: int, language: str) -> str:
    return WEEKDAYS[language][number]


def hour(when: datetime, language: str) -> str:
    return f"{when:%H.%M} uur" if language == "nl" else f"{when:%H:%M}"


def moment(when: datetime, zone: ZoneInfo, language: str) -> str:
    """Return ``donderdag 17 december om 15.00 uur`` as the reader's clock says it, with the pair's hour behind it."""
    mine = when.astimezone(zone)
    at = {"nl": "om", "en": "at"}[language]
    said = f"{day(mine, language)} {at} {hour(mine, language)}"
    return said if same_clock(when, zone) else f"{said} ({_there(when, mine, hour(when, language), language)})"


def span(when: datetime, minutes: int, zone: ZoneInfo, language: str) -> str:
    """Return ``donderdag 17 december 2026``, and from which hour to which, likewise."""
    mine = when.astimezone(zone)
    said = f"{day(mine, language, year=True)}, {hours(mine, minutes, language)}"
    return said if same_clock(when, zone) else f"{said} ({_there(when, mine, hours(when, minutes, language), language)})"


def hours(when: datetime, minutes: int, language: str) -> str:
    start = when.hour * 60 + when.minute
    end = (start + minutes) % (24 * 60)
    separator = "." if language == "nl" else ":"
    said = "\N{EN DASH}".join(f"{each // 60:02}{separator}{each % 60:02}" for each in (start, end))
    return f"{said} uur" if language == "nl" else said


def same_clock(when: datetime, zone: ZoneInfo) -> bool:
    return when.utcoffset() == when.astimezone(zone).utcoffset()


def city(when: datetime) -> str:
    """Return the place that names the zone of *when*: ``Amsterdam`` of ``Europe/Amsterdam``."""
    return str(getattr(when.tzinfo, "key", when.tzname())).rpartition("/")[2].replace("_", " ")


def _there(when: datetime, mine: datetime, said: str, language: str) -> str:
    other_day = "" if when.date() == mine.date() else f"{weekday(when.weekday(), language)} "
    return f"{other_day}{said} in {city(when)}"


def rhythm(weeks: int, language: str) -> str:
    if language == "nl":
        return {1: "elke week", 2: "om de week"}.get(weeks, f"elke {number(weeks, language)} weken")
    return {1: "every week", 2: "every two weeks"}.get(weeks, f"every {number(weeks, language)} weeks")


def length(minutes: int, language: str) -> str:
    return LENGTHS[language].get(minutes, f"{minutes} {'minuten' if language == 'nl' else 'minutes'}")


def number(count: int, language: str) -> str:
    return NUMBERS[language][count] if 0 <= count < len(NUMBERS[language]) else str(count)


def listed(parts: Sequence[str], language: str) -> str:
    """Return ``Noor, Sem en Lies``."""
    return f" {AND[language]} ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def reason(why: str, language: str) -> str:
    return REASONS[language].get(why, REASONS[language][""])


NOTICES = {
    "held": {"nl": "wijzigingen wachten op akkoord (plan {})", "en": "changes wait for approval (plan {})"},
    "down": {"nl": "de agendaserver werkt niet mee", "en": "the calendar server does not cooperate"},
}
"""What mails to staff are called."""
