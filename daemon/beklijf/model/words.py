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


def weekly(when: datetime, zone: ZoneInfo, language: str) -> str:
    """Return ``donderdag om 15.00 uur``: an hour that comes back, on the clock of *when*, which it keeps.

    On a clock that differs from that of *zone* it shifts with summer time, so there it is said whose clock is meant.
    """
    said = f"{weekday(when.weekday(), language)} {'om' if language == 'nl' else 'at'} {hour(when, language)}"
    if same_clock(when, zone):
        return said
    return f"{said} (tijd in {city(when)})" if language == "nl" else f"{said} ({city(when)} time)"


def zone_name(when: datetime) -> str:
    """Return the name of the zone that *when* is in, as the zone database has it."""
    return str(getattr(when.tzinfo, "key", when.tzname()))


def city(when: datetime) -> str:
    """Return the place that names the zone of *when*: ``Amsterdam`` of ``Europe/Amsterdam``."""
    return zone_name(when).rpartition("/")[2].replace("_", " ")


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


# -- what people can ask for by mail -----------------------------------------------------------------------------------

ASKS = {
    "goal": {"nl": "Mijn doel", "en": "My goal"},
    "pause-letters": {"nl": "Brieven pauzeren", "en": "Pause letters"},
    "pause-reminders": {"nl": "Herinneringen pauzeren", "en": "Pause reminders"},
    "pause-meetings": {"nl": "Gesprekken pauzeren", "en": "Pause meetings"},
    "resume-letters": {"nl": "Weer brieven ontvangen", "en": "Resume letters"},
    "resume-reminders": {"nl": "Weer herinneringen ontvangen", "en": "Resume reminders"},
    "resume-meetings": {"nl": "Weer gesprekken plannen", "en": "Resume meetings"},
    "hour": {"nl": "Voortaan {}", "en": "From now on {}"},
    "time": {"nl": "Verzetten naar {}", "en": "Move to {}"},
    "once": {"nl": "Alleen deze keer {}", "en": "Only this time, {}"},
    "confirm": {"nl": "Klopt: {}", "en": "Confirmed: {}"},
    "send": {"nl": "Verstuur deze mail zoals hij is.", "en": "Send this mail as it is."},
}
"""The subjects of the mails that links in letters open, and the line in them."""

REQUESTS = {
    "decline": {"nl": "de hele reeks gesprekken afzeggen", "en": "decline the whole series of meetings"},
    "move": {"nl": "het gesprek van {was} verzetten naar {start}", "en": "move the meeting of {was} to {start}"},
    "move-series": {"nl": "de reeks gesprekken voortaan vanaf {start}", "en": "have the series of meetings from {start} on"},
}
"""What a mail asks that is put to the coordinator."""

GOAL_LINE = {"nl": "Doel: ", "en": "Goal: "}
KINDS = {
    "nl": {"letters": "brieven", "reminders": "herinneringen in de agenda", "meetings": "gesprekken"},
    "en": {"letters": "letters", "reminders": "reminders in the calendar", "meetings": "meetings"},
}
"""What can be paused."""


# -- mails to staff ----------------------------------------------------------------------------------------------------

NOTICES = {
    "held": {"nl": "wijzigingen wachten op akkoord (plan {})", "en": "changes wait for approval (plan {})"},
    "down": {"nl": "de agendaserver werkt niet mee", "en": "the calendar server does not cooperate"},
    "inbox-down": {"nl": "de mailbox voor antwoorden werkt niet mee", "en": "the mailbox for answers does not cooperate"},
    "schedule-down": {"nl": "antwoorden op de agendaserver zijn niet te lezen", "en": "answers on the calendar server can't be read"},
    "writing-down": {"nl": "schrijven in de agenda lukt niet", "en": "writing into the calendar fails"},
    "aside": {"nl": "{} is opzijgelegd", "en": "{} was set aside"},
    "bounced": {"nl": "mail aan {} komt niet aan", "en": "mail to {} does not arrive"},
    "forwarded": {"nl": "een mail van {} die nergens bij past", "en": "a mail from {} that fits nothing"},
    "stranger": {"nl": "is {} dezelfde persoon?", "en": "is {} the same person?"},
    "unproved": {"nl": "is deze mail echt van {}?", "en": "is this mail really from {}?"},
    "silent": {"nl": "bij {} blijft het stil", "en": "nothing heard of {}"},
    "paused": {"nl": "{} pauzeert", "en": "{} pauses"},
    "resumed": {"nl": "{} doet weer mee", "en": "{} is back"},
    "mailbox-gone": {"nl": "de mailbox van {} is weg", "en": "the mailbox of {} is gone"},
}
"""What mails to staff are called; in the braces: a plan's id, a name or address, for ``silent`` what `pairs` says."""

SET_ASIDE = {
    "calendar": {"nl": "een afspraak in de agenda", "en": "an event in the calendar"},
    "schedule inbox": {"nl": "een antwoord op de agendaserver", "en": "an answer on the calendar server"},
    "inbox": {"nl": "een mail in de mailbox voor antwoorden", "en": "a mail in the mailbox for answers"},
    "writing": {"nl": "een wijziging in de agenda", "en": "a change in the calendar"},
    "mail": {"nl": "een mail die weg moest", "en": "a mail that had to go out"},
}
"""What was set aside, by the stage of a tick that it failed in."""

LINES = {
    "aside": {
        "nl": "{name}: drie keer geprobeerd, en het lukt niet ({what}). De rest gaat gewoon door.",
        "en": "{name}: tried three times, and it fails ({what}). Everything else goes on.",
    },
    "aside-do": {
        "nl": "Er is niets weggegooid, en een mail staat nog in de mailbox: kijk wat erin staat. "
        "Een volgende versie probeert het opnieuw, en eerder kan ook: beklijf retry.",
        "en": "Nothing was thrown away, and a mail is still in the mailbox: look what it says. "
        "The next version tries again, and sooner is possible too: beklijf retry.",
    },
    "bounced": {
        "nl": "Wat er naar {name} gaat, op {address}, komt terug: {note}. Brieven en uitnodigingen aan dat adres zijn gestopt.",
        "en": "What is sent to {name}, at {address}, comes back: {note}. Letters and invitations to that address have stopped.",
    },
    "bounced-do": {
        "nl": "Verander het adres in de configuratie, dan gaan ze weer, en zet het oude erbij: was.",
        "en": "Change the address in the configuration and they start again, and keep the old one beside it: was.",
    },
    "forwarded": {
        "nl": "Iemand schreef vanaf {address} aan het programma, en dat past bij geen uitnodiging, brief of link.",
        "en": "Somebody wrote to the programme from {address}, and it fits no invitation, letter or link.",
    },
    "forwarded-do": {
        "nl": "De mail zit hierbij zoals hij kwam; niemand heeft hem gelezen. Antwoord op de mail in de bijlage, niet op dit bericht.",
        "en": "The mail is attached as it came; nobody has read it. Answer the mail that is attached, not this message.",
    },
    "stranger": {
        "nl": "{address} antwoordde op een uitnodiging voor {names}, maar is daar zelf niet voor uitgenodigd.",
        "en": "{address} answered an invitation for {names}, but is not invited to it.",
    },
    "stranger-do": {
        "nl": 'Is het een van hen? Zet het adres dan bij die persoon: also = ["{address}"].',
        "en": 'Is it one of them? Then add the address to that person: also = ["{address}"].',
    },
    "unproved": {
        "nl": "In een mail in naam van {name} ({address}) staat: {asked}. Niets bewijst dat {name} die stuurde, dus er is niets veranderd.",
        "en": "A mail in the name of {name} ({address}) says: {asked}. Nothing proves that {name} sent it, so nothing has changed.",
    },
    "unproved-do": {
        "nl": "Vraag het even na. Klopt het, open dan de link hieronder en verstuur de mail; dan gebeurt het alsnog.",
        "en": "Please ask. If it is right, open the link below and send the mail; then it will be done.",
    },
    "silent": {
        "nl": "{training}: van {pairs} is na de uitnodigingen {days} werkdagen niets gehoord.",
        "en": "{training}: nothing was heard of {pairs} for {days} working days after the invitations.",
    },
    "silent-do": {
        "nl": "Misschien staat alles gewoon in de agenda; eens vragen hoe het gaat kan geen kwaad.",
        "en": "Everything may simply be in the calendar; it does no harm to ask how things are going.",
    },
    "paused": {"nl": "{name}: geen {kinds}, vanaf {first}{until}.", "en": "{name}: no {kinds}, from {first}{until}."},
    "resumed": {"nl": "{name}: weer {kinds}.", "en": "{name}: {kinds} again."},
    "mailbox-gone": {
        "nl": "De mailbox van {name} ({address}) is er niet meer, en daarmee de agenda waarin de gesprekken met {other} stonden.",
        "en": "The mailbox of {name} ({address}) is no longer there, and with it the calendar that held the meetings with {other}.",
    },
    "mailbox-gone-do": {
        "nl": "{other} kreeg een brief met de vraag om ze zelf te verwijderen. Haal {name} uit de training, of wijs iemand anders aan.",
        "en": "{other} got a letter that asks to delete them. Take {name} out of the training, or name somebody else.",
    },
}
"""What stands in those mails, line by line: what happened, and under ``-do`` what that means or what to do."""

UNTIL = {"nl": " tot en met {}", "en": " up to and including {}"}


def lines(notice: str, language: str, /, **values: str) -> list[str]:
    """Return the lines of a mail to staff; raises KeyError for a value that is missing."""
    return [LINES[each][language].format(**values) for each in (notice, f"{notice}-do") if each in LINES]


def pausing(kinds: Sequence[str], first: date, last: date | None, language: str) -> dict[str, str]:
    """Return what `lines` needs of a pause, besides the name."""
    return {
        "kinds": listed([KINDS[language][kind] for kind in kinds], language),
        "first": day(first, language, year=True),
        "until": UNTIL[language].format(day(last, language, year=True)) if last else "",
    }


def pairs(count: int, language: str) -> str:
    """Return ``één koppel`` or ``drie koppels``."""
    one, more = {"nl": ("koppel", "koppels"), "en": ("pair", "pairs")}[language]
    return f"{number(count, language)} {one if count == 1 else more}"
