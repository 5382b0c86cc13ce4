"""What may be typed after ``beklijf``, with examples; parses and explains, does nothing."""

from __future__ import annotations

import argparse
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from beklijf import __version__
from beklijf.model.conversation import PAUSABLE
from beklijf.model.errors import UsageError

if TYPE_CHECKING:
    from beklijf.model.domain import Organisation

CODES = """exit codes:
  0  done (plan: nothing to do now)      69  a server or an address refused
  2  plan has changes now                74  the state file is unusable
  3  something is held for approval      75  try again later
 64  called in a wrong way               78  the config is wrong
"""


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are errors like all others: exit code 64 and a hint."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"{self.prog} --help")


def parser() -> Parser:
    made = _parser(Parser, "beklijf", "Turns training dates into mentor meetings and reflection letters, and keeps both right.", CODES)
    made.add_argument("--version", action="version", version=f"beklijf {__version__}")
    made.add_argument("--config", metavar="FILE", type=Path, help=_CONFIG)
    commands = made.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (about, examples, options) in _COMMANDS.items():
        command = commands.add_parser(
            name,
            help=about,
            description=f"{about[0].upper()}{about[1:]}.",
            epilog="examples:\n" + "".join(f"  {example}\n" for example in examples),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.add_argument("--config", metavar="FILE", type=Path, default=argparse.SUPPRESS, help=_CONFIG)
        for option in options:
            option(command)
    return made


def instant(text: str, organisation: Organisation) -> datetime:
    """Read what people type as an instant; a day alone means its letter hour, when things happen."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f'"{text}" is not an instant', hint='write it as "2026-12-09 10:00"') from None
    if len(text) <= len("2026-12-09"):
        at = datetime.combine(at, organisation.letter_hour)
    return at if at.tzinfo else at.replace(tzinfo=organisation.zone)


def start_of(day: date, organisation: Organisation) -> datetime:
    return datetime.combine(day, datetime.min.time(), organisation.zone)


def end_of(day: date, organisation: Organisation) -> datetime:
    return start_of(day + timedelta(days=1), organisation) - timedelta(seconds=1)


def _parser(kind: type[Parser], name: str, about: str, after: str) -> Parser:
    return kind(prog=name, description=about, epilog=after, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'"{text}" is not a date; write it as 2026-12-08') from None


def _json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON, for programs")


def _init(command: argparse.ArgumentParser) -> None:
    command.add_argument("directory", metavar="DIR", type=Path, nargs="?", default=Path(), help="where to (default: here)")


def _plan(command: argparse.ArgumentParser) -> None:
    command.add_argument("--training", metavar="ID", help="only what concerns this training, one by one")
    command.add_argument("--person", metavar="EMAIL", help="only what this person gets, one by one")
    command.add_argument("--at", metavar="INSTANT", help='as if it were then, on the calendar as it is now: "2026-12-09 10:00"')
    command.add_argument("--until", metavar="DATE", type=_day, help="also what comes due by then if people do nothing")


def _apply(command: argparse.ArgumentParser) -> None:
    command.add_argument("--approve", metavar="PLAN-ID", help="let what is held under this name go on")


def _run(command: argparse.ArgumentParser) -> None:
    command.add_argument("--demo", action="store_true", help="in folders only: on a clock of its own, which starts when something is due")


def _rehearse(command: argparse.ArgumentParser) -> None:
    command.add_argument("--into", metavar="DIR", type=Path, required=True, help="a new folder, or that of an earlier rehearsal")
    command.add_argument(
        "--from", metavar="DATE", type=_day, dest="start", help="when everybody joins (default: just before the first item)"
    )
    command.add_argument("--until", metavar="DATE", type=_day, help="stop after this day (default: when all is done)")
    command.add_argument("--answers", metavar="FILE", type=Path, help="what people answer, move and propose, as TOML; others stay silent")


def _restore(command: argparse.ArgumentParser) -> None:
    command.add_argument("item", metavar="ITEM", help="as plan and status name it; the end of the name is enough if only one has it")
    command.add_argument("--field", metavar="F", help=f"only this: {', '.join(FIELDS)}")


def _pause(command: argparse.ArgumentParser) -> None:
    _whose_kinds(command)
    command.add_argument("--from", metavar="DATE", type=_day, dest="start", help="the first day of it (default: today)")
    command.add_argument("--until", metavar="DATE", type=_day, help="the last day of it (default: until they resume)")


def _whose_kinds(command: argparse.ArgumentParser) -> None:
    command.add_argument("person", metavar="PERSON", help="any address of somebody in the config")
    for kind in PAUSABLE:
        command.add_argument(f"--{kind}", action="append_const", const=kind, dest="kinds", help=f"only {kind} (default: all three kinds)")


def _retry(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", nargs="?", default="", help="as status names it, or a part of it (default: all of them)")


def _move_calendar(command: argparse.ArgumentParser) -> None:
    old = command.add_mutually_exclusive_group()
    old.add_argument("--from", metavar="OLD", type=Path, dest="old", help="the config as it was, by which the old calendar is reached")
    old.add_argument("--leave-old", action="store_true", help="take nothing out of the old calendar, because it can't be reached any more")
    command.add_argument("--yes", action="store_true", help="do it, without asking")


FIELDS = ("time", "recurrence", "single", "place", "people", "title", "text", "alarms", "online")

_CONFIG = "default: $BEKLIJF_CONFIG, ./config.toml, /etc/beklijf/config.toml"

_COMMANDS = {
    "init": (
        "write an example config with dates near today; never overwrites",
        ("beklijf init", "beklijf init demo"),
        (_init,),
    ),
    "check": (
        "read the config, render every template, connect to calendar and mail read-only; print every problem",
        ("beklijf check", "beklijf --config /etc/beklijf/config.toml check"),
        (),
    ),
    "plan": (
        "show what would be done now, for whom and why, and what is held; change nothing",
        (
            "beklijf plan",
            "beklijf plan --until 2026-12-31",
            'beklijf plan --at "2026-12-09 10:00"',
            "beklijf plan --person sanne@example.org --until 2027-06-30",
            "beklijf plan --json | jq '.changes[].to[]'",
        ),
        (_json, _plan),
    ),
    "apply": (
        "do now what plan shows",
        ("beklijf apply", "beklijf apply --approve 3f9a1c2e"),
        (_json, _apply),
    ),
    "run": (
        "be the service: do what is due, when it is due, until SIGTERM or Ctrl-C; SIGHUP reads the config again",
        ("beklijf run", "beklijf --config demo/config.toml run --demo"),
        (_run,),
    ),
    "rehearse": (
        "play the whole track in seconds, into a folder: everything that people would get; reaches nobody",
        (
            "beklijf rehearse --into rehearsal",
            "beklijf rehearse --into rehearsal --until 2026-12-31",
            "beklijf rehearse --into rehearsal --answers answers.toml",
            "khal, mutt -f rehearsal/outbox",
        ),
        (_json, _rehearse),
    ),
    "status": (
        "show each mentorship: next meeting, what waits, failed or is held, what people changed",
        ("beklijf status", "beklijf status --json"),
        (_json,),
    ),
    "restore": (
        "give an event, or one field of it, back to what the config asks; shows what will happen, the next tick does it",
        (
            "beklijf restore coachend-leidinggeven/sanne@example.org/series",
            "beklijf restore sanne@example.org/series --field time",
        ),
        (_restore,),
    ),
    "pause": (
        "let somebody have no letters, reminders or meetings for a time; shows what will come of it, the next tick does it",
        (
            "beklijf pause karim@example.org --meetings --from 2027-02-01 --until 2027-02-19",
            "beklijf pause sanne@example.org --letters --reminders",
            "beklijf pause noor@example.org",
        ),
        (_pause,),
    ),
    "resume": (
        "end somebody's pause; shows what will come of it, the next tick does it",
        ("beklijf resume karim@example.org", "beklijf resume sanne@example.org --letters"),
        (_whose_kinds,),
    ),
    "retry": (
        "have tried again what was set aside after failing three times; the next tick does it",
        ("beklijf retry", 'beklijf retry "1690000000:42"'),
        (_retry,),
    ),
    "move-calendar": (
        "move all events into the calendar that the config leads to now; shows what will happen, and which mails that brings",
        (
            "beklijf move-calendar --from /etc/beklijf/config.before.toml",
            "beklijf move-calendar --from /etc/beklijf/config.before.toml --yes",
            "beklijf move-calendar --leave-old",
        ),
        (_move_calendar,),
    ),
}
