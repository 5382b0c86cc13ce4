"""What a plan or a tick says to people: a table on 80 columns, and its JSON. Pure: it returns lines and prints nothing.

Grouped by training and by what is told together; narrowed to one training or person, one line for each thing.
"""

from __future__ import annotations

import textwrap
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from beklijf.commands.names import mail_called
from beklijf.commands.plan_json import entry, entry_json, in_order, instant, problem_json, stopped, stopped_json, upcoming
from beklijf.config.check import programme_problems
from beklijf.decide.plan import Action
from beklijf.model.domain import Kind, Role
from beklijf.model.errors import Problem
from beklijf.tick.outcome import PERHAPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from beklijf.commands.plan_json import Chosen, Entry, Json, Stopped
    from beklijf.contracts.settings import Config
    from beklijf.decide.plan import Plan
    from beklijf.tick.engine import Engine
    from beklijf.tick.outcome import Outcome

WIDTH = 80
INDENT = "  "
VERBS = {Action.CREATE: "new ", Action.UPDATE: "changed ", Action.WITHDRAW: "withdrawn ", Action.SEND: ""}
CLOSE = timedelta(days=330)
PEOPLE = {Role.MENTEE: ("mentee", "mentees"), Role.MENTOR: ("mentor", "mentors"), None: ("pair", "pairs")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is said about one plan or tick."""

    plan: str
    now: datetime
    changes: tuple[Entry, ...]
    held: tuple[Stopped, ...] = ()
    problems: tuple[Problem, ...] = ()
    next: datetime | None = None
    drafts: tuple[str, ...] = field(default=())
    """The ids of trainings that nothing is sent for."""
    approvable: frozenset[str] = frozenset()
    """The PLAN-IDs under which something can be approved now."""


def as_json(report: Report) -> dict[str, Json]:
    """Return a report as ``plan --json`` and ``apply --json`` print it."""
    return {
        "plan": report.plan,
        "changes": [entry_json(entry) for entry in report.changes],
        "held": [stopped_json(held) for held in report.held],
        "problems": [problem_json(problem) for problem in report.problems],
        "next": instant(report.next),
    }


@dataclass(frozen=True, slots=True)
class Words:
    """How entries are put to the people of one organisation: names for addresses, instants on its own clock."""

    zone: ZoneInfo
    names: Mapping[str, str]
    trainings: Mapping[str, str]
    now: datetime

    @classmethod
    def of(cls, config: Config, now: datetime) -> Words:
        zone = config.organisation.zone
        names = {person.email.casefold(): person.name for person in config.persons}
        return cls(zone, names, {training.id: training.name for training in config.trainings}, now)

    def name(self, address: str) -> str:
        return self.names.get(address.casefold(), address)

    def day(self, at: datetime) -> str:
        """Return a day with its weekday; within a track's length the year goes without saying."""
        local = at.astimezone(self.zone)
        return f"{local:%a %-d %b}" if abs(at - self.now) < CLOSE else f"{local:%a %-d %b %Y}"

    def moment(self, at: datetime) -> str:
        return f"{self.day(at)} {at.astimezone(self.zone):%H:%M}"

    def training(self, key: str) -> str:
        return self.trainings.get(key, key)


# -- from a plan, from a tick --------------------------------------------------------------------------------------------


def planned(engine: Engine, plan: Plan, *, chosen: Chosen, until: datetime | None) -> Report:
    """Return what a tick would do now of what is *chosen*, and what comes due up to *until*."""
    installation = engine.config.service.installation
    made = [entry(change, installation=installation, now=plan.now) for change in plan.changes]
    later = [] if until is None else upcoming(plan, installation=installation, until=until)
    concerned = {change.training for change in plan.changes} | {held.change.training for held in plan.held}
    warnings = programme_problems(engine.config, plan.programme.tracks)
    return Report(
        plan=plan.id,
        now=plan.now,
        changes=tuple(each for each in (*made, *later) if chosen(each)),
        held=tuple(held for held in stopped(plan.held, installation=installation, now=plan.now) if chosen(held.entry)),
        problems=(*plan.problems, *warnings, *_standing(engine)),
        next=plan.next,
        drafts=tuple(t.id for t in engine.config.trainings if not t.live and t.id not in concerned),
        approvable=plan.approvable,
    )


def done(engine: Engine, outcome: Outcome, now: datetime) -> Report:
    """Return what a tick did, and what it left."""
    installation = engine.config.service.installation
    held = () if outcome.plan is None else outcome.plan.held
    return Report(
        plan="" if outcome.plan is None else outcome.plan.id,
        now=now,
        changes=tuple(entry(change, installation=installation, now=now) for change in outcome.done),
        held=tuple(stopped(held, installation=installation, now=now)),
        problems=tuple(dict.fromkeys(outcome.problems)),
        next=outcome.next,
        approvable=frozenset() if outcome.plan is None else outcome.plan.approvable,
    )


def _standing(engine: Engine) -> Iterator[Problem]:
    """Yield what went wrong before and needs a person: refused addresses, servers and events that are tried again."""
    for mail in engine.outbox.open_mails():
        if mail.state == "failed":
            hint = "mend the address in the config, or ask that person's mail administrator"
            yield Problem(where=mail.recipient, what=f"{mail_called(mail)} was refused: {mail.note}", hint=hint)
        elif mail.state == "perhaps":
            yield Problem(where=mail.recipient, what=f"{mail_called(mail)} was perhaps sent: {mail.note}", hint=PERHAPS)
    for outage in engine.ledger.outages().values():
        hint = f"tried again on its own at {outage.retry_at:%a %-d %b %H:%M} UTC"
        yield Problem(where=outage.target, what=outage.what, hint=hint)
    for aside in engine.aside.asides.set_aside():
        yield Problem(where=f"{aside.stage}, {aside.name}", what=f"set aside: {aside.what}", hint="have it tried again: beklijf retry")


# -- a plan, or what a tick did ----------------------------------------------------------------------------------------


def plan_lines(report: Report, words: Words, *, narrowed: bool) -> Iterator[str]:
    """Yield a plan as a coordinator reads it: what, when, to whom, why; then what is held, and what comes next."""
    yield f"Plan {report.plan}, {words.moment(report.now)} ({words.zone.key})"
    now = [entry for entry in report.changes if entry.at <= report.now]
    if not now:
        yield from ("", "Nothing to do now.")
    yield from _body(report, words, narrowed=narrowed)
    yield ""
    if now:
        yield "A tick does this: beklijf apply, or the service by itself."
    yield _next(report, words)


def done_lines(report: Report, words: Words, mails: int) -> Iterator[str]:
    """Yield what a tick did."""
    if not report.changes and not mails:
        yield "Nothing to do."
    yield from _body(report, words, narrowed=False)
    if mails:
        yield from ("", f"{counted(mails, 'mail', 'mails')} went out.")
    yield ""
    yield _next(report, words)


def _body(report: Report, words: Words, *, narrowed: bool) -> Iterator[str]:
    by_training: dict[str, list[Entry]] = defaultdict(list)
    for each in report.changes:
        by_training[each.training].append(each)
    for training, entries in by_training.items():
        yield ""
        yield f"{words.training(training)} ({training})" if training else "Staff"
        yield from (single_lines if narrowed else grouped_lines)(entries, words)
    yield from _held(report, words)
    for training in report.drafts:
        yield ""
        yield from wrapped(f"{training} is a draft: nothing is sent. See it with: beklijf rehearse --into DIR", "", "")


def _next(report: Report, words: Words) -> str:
    if report.next is None:
        return "Next: nothing, until something changes."
    return f"Next: {words.moment(report.next)}, or when something changes."


def grouped_lines(entries: Iterable[Entry], words: Words, *, why: bool = True) -> Iterator[str]:
    """Yield ``Wed 9 Dec 09:00  session letter, 24 mentees`` and why, once for all that is told together."""
    groups: dict[tuple[object, ...], list[Entry]] = defaultdict(list)
    for each in sorted(entries, key=in_order):
        groups[words.moment(each.at), each.action, each.called, each.role, each.why].append(each)
    for group in groups.values():
        what = f"{VERBS[group[0].action]}{group[0].called}, {_receivers(group, words)}{_starts(group, words)}"
        yield from columns(words.moment(group[0].at), what)
        if why:
            yield from columns("", f"why: {group[0].why}")


def single_lines(entries: Iterable[Entry], words: Words) -> Iterator[str]:
    """Yield when, what, to whom and why of each entry."""
    for each in sorted(entries, key=in_order):
        people = " and ".join(map(words.name, each.to)) or "nobody"
        yield from columns(words.moment(each.at), f"{VERBS[each.action]}{each.called}{_starts([each], words)}: {people} ({each.why})")


def _receivers(group: Sequence[Entry], words: Words) -> str:
    role = group[0].role
    told = {entry.to if role is None else entry.to[:1] for entry in group}
    if len(told) > 1:
        alone = role is None and all(len(each) == 1 for each in told)
        return counted(len(told), *(("person", "people") if alone else PEOPLE[role]))
    return " and ".join(words.name(address) for address in next(iter(told)))


def _starts(group: Sequence[Entry], words: Words) -> str:
    starts = sorted(entry.start for entry in group if entry.start is not None)
    if not starts:
        return ""
    first, last = words.moment(starts[0]), words.moment(starts[-1])
    begins = "from " if group[0].kind in {Kind.SERIES, Kind.REMINDER} else "on "
    if first == last:
        return f", {begins}{first}"
    return f", {'first ' if begins == 'from ' else ''}{words.day(starts[0])} to {words.day(starts[-1])}"


def _held(report: Report, words: Words) -> Iterator[str]:
    if not report.held:
        return
    yield from ("", "HELD until somebody approves it:")
    by_hold: dict[str, dict[tuple[str, str], list[Entry]]] = defaultdict(lambda: defaultdict(list))
    for held in report.held:
        by_hold[held.hold][held.entry.training, held.reason].append(held.entry)
    for hold, by_reason in by_hold.items():
        for (training, reason), entries in by_reason.items():
            yield from wrapped(f"{words.training(training)}: {reason}", "", INDENT)
            yield from grouped_lines(entries, words)
        if len(by_hold) > 1 and hold in report.approvable:
            yield f"This alone: beklijf apply --approve {hold}"
    yield f"To let it go on: beklijf apply --approve {report.plan}"


# -- lines -------------------------------------------------------------------------------------------------------------


def counted(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def columns(when: str, what: str) -> Iterator[str]:
    """Yield ``  Wed 9 Dec 09:00    what``, wrapped beside the moment."""
    head = f"{INDENT}{when:<17}{INDENT}"
    yield from wrapped(what, head, " " * len(f"{INDENT}{'':<17}{INDENT}"))


def wrapped(text: str, first: str, rest: str) -> Iterator[str]:
    yield from textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False)
