"""The commands: the only module that prints or exits. What they say is put into words elsewhere.

Everything heavy is imported inside the command that needs it, so that a misspelt option is answered at once.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from beklijf.boundary import foreign, zones
from beklijf.commands.arguments import end_of, instant, parser, start_of
from beklijf.commands.output import Unwritable, give_up_stdout, writing
from beklijf.model.errors import BackendError, BeklijfError, ConfigError, Held, Problem, StateError, UsageError
from beklijf.tick.collector import uncollected

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime
    from typing import TextIO

    from beklijf.commands.plan_json import Json
    from beklijf.contracts.settings import Config
    from beklijf.ledger import Decision
    from beklijf.model.domain import Organisation, Person
    from beklijf.tick.outcome import Outcome

WORST_FIRST = (64, 78, 74, 3, 69, 75, 2, 0)
LOCK_WAIT = 30.0
SILENT = logging.NullHandler()
PLACES = (Path("config.toml"), Path("/etc/beklijf/config.toml"))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that can't show a name still shows the plan
    zones.go_by_the_newest()
    try:
        try:
            arguments = parser().parse_args(argv)
            code = COMMANDS[arguments.command](arguments)
        except BeklijfError as error:
            _complain(error.problems)
            code = error.exit_code
        _flush()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        give_up_stdout()  # whoever read along has gone: ``| head``
        return 128 + signal.SIGPIPE
    except Unwritable as error:
        give_up_stdout()
        _complain([Problem(where="output", what=str(error))])
        return StateError.exit_code
    except OSError as error:  # of whatever the command was at: what the system says is all that there is to say
        _complain([Problem(where=str(error.filename or ""), what=error.strerror or str(error) or type(error).__name__)])
        return StateError.exit_code
    return code


# -- commands ----------------------------------------------------------------------------------------------------------


def _init(arguments: Namespace) -> int:
    from beklijf.config.init import write_example
    from beklijf.service import clock

    path = write_example(arguments.directory, clock().astimezone().date())
    _print([f"Wrote {path}: three trainings, the first of them in three weeks."])
    for command, about in (("check", "is everything right?"), ("plan", "what would be done now?"), ("run", "do it, until Ctrl-C")):
        _print([f"  beklijf --config {path} {command:<6} {about}"])
    return 0


@uncollected()
def _check(arguments: Namespace) -> int:
    from beklijf.commands.check import look

    codes = {0}
    problems: list[Problem] = []
    for found in look(config := _config(arguments), _now(config)):
        _print(found.lines)
        problems += found.problems
        codes.add(found.exit_code)
    _complain(dict.fromkeys(problems))  # several parts open the same calendar
    return _worst(codes)


def _plan(arguments: Namespace) -> int:
    from beklijf.commands import report as reports
    from beklijf.commands.narrow import narrowed
    from beklijf.tick.wiring import opened

    config = _config(arguments)
    chosen = narrowed(config, training=arguments.training, person=arguments.person)
    now = instant(arguments.at, config.organisation) if arguments.at else _now(config)
    until = None if arguments.until is None else end_of(arguments.until, config.organisation)
    with opened(config, read_only=True) as engine:
        plan = engine.plan(now, supposed=arguments.at is not None)
        report = reports.planned(engine, plan, chosen=chosen, until=until)
    if arguments.json:
        _print_json(reports.as_json(report))
    else:
        _print(reports.plan_lines(report, reports.Words.of(config, now), narrowed=bool(arguments.training or arguments.person)))
    _complain(report.problems)
    return _worst([3 if report.held else 0, 2 if any(entry.at <= now for entry in report.changes) else 0])


def _apply(arguments: Namespace) -> int:
    from beklijf.commands import report as reports
    from beklijf.commands.approve import demand_held
    from beklijf.commands.interrupts import stoppable
    from beklijf.ledger.locks import locked
    from beklijf.tick.wiring import opened

    config = _config(arguments)
    approve = [arguments.approve] if arguments.approve else []
    with locked(config.service.state, "tick", wait=LOCK_WAIT), opened(config) as engine:
        now = _now(config)
        if approve:
            _complain(demand_held(engine.plan(now), arguments.approve, config))
        with stoppable() as stop, _counting("done") as done:
            outcome = engine.tick(now, approve=approve, patient=False, stop=stop, done=done)
        report = reports.done(engine, outcome, now)
    if arguments.json:
        _print_json(reports.as_json(report))
    else:
        _print(reports.done_lines(report, reports.Words.of(config, now), len(outcome.delivered.sent)))
    _complain(report.problems)
    if stop():
        return 128 + signal.SIGINT
    return _worst([3 if report.held else 0, *_codes(outcome)])


def _run(arguments: Namespace) -> int:
    from beklijf.service import heartbeat

    return heartbeat.run(_path(arguments), demo=arguments.demo)


def _rehearse(arguments: Namespace) -> int:
    from beklijf.commands.report import Words
    from beklijf.rehearse import script, track

    config = _config(arguments)
    organisation = config.organisation
    start = None if arguments.start is None else start_of(arguments.start, organisation)
    until = None if arguments.until is None else end_of(arguments.until, organisation)
    if start and until and until < start:
        raise UsageError("--until lies before --from")
    people = None if arguments.answers is None else script.read(arguments.answers, config)
    with _saying_when(organisation) as progress:
        rehearsed = track.rehearse(config, arguments.into, start=start, until=until, acts=people, progress=progress)
    if arguments.json:
        _print_json(track.as_json(rehearsed))
    else:
        begin = rehearsed.steps[0].now if rehearsed.steps else _now(config)
        _print(track.lines(rehearsed, Words.of(config, begin), arguments.into))
    _complain(rehearsed.problems)
    return 0 if all(problem.warning for problem in rehearsed.problems) else ConfigError.exit_code


def _status(arguments: Namespace) -> int:
    from beklijf.commands import status, status_report
    from beklijf.commands.report import Words
    from beklijf.tick.wiring import opened

    now = _now(config := _config(arguments))
    codes = {0}
    with opened(config, read_only=True) as engine:
        plan, error = status.look(engine, now)
        words = Words.of(config, now)
        found = status.status(engine, plan, words)
    if error is not None:
        codes.add(error.exit_code)
    if plan.held:
        codes.add(Held.exit_code)
    if arguments.json:
        _print_json(status_report.as_json(found))
    else:
        _print(status_report.lines(found, words))
    _complain(() if error is None else error.problems)
    return _worst(codes)


def _restore(arguments: Namespace) -> int:
    from beklijf.commands import restore
    from beklijf.commands.report import Words, single_lines
    from beklijf.tick.wiring import opened

    now = _now(config := _config(arguments))
    words = Words.of(config, now)
    with opened(config, read_only=True) as engine:
        wanted = restore.find(engine.plan(now), arguments.item, arguments.field or "", words)
        coming = restore.coming(engine, wanted, now)
    with opened(config) as engine, engine.ledger.write():
        engine.ledger.decide("restore", wanted.ref, made=now, field=wanted.field)
    _print([*(f"{wanted.ref}: {said}" for said in wanted.edits), "Given back with the next tick:"])
    _print(single_lines(coming, words) if coming else ["  nothing to be written: the calendar has it already"])
    return 0


def _pause(arguments: Namespace) -> int:
    from beklijf.commands import pause

    now = _now(config := _config(arguments))
    person = pause.find_person(config, arguments.person)
    _decide(config, person, pause.asked(person, arguments.kinds or (), arguments.start, arguments.until, now), now)
    return 0


def _resume(arguments: Namespace) -> int:
    from beklijf.commands import pause
    from beklijf.tick.wiring import opened

    now = _now(config := _config(arguments))
    person = pause.find_person(config, arguments.person)
    with opened(config, read_only=True) as engine:
        decisions = pause.ended(engine, person, arguments.kinds or (), now)
    if not decisions:
        _print([f"{person.name} has paused no {' or '.join(arguments.kinds) if arguments.kinds else 'letters, reminders or meetings'}."])
        return 0
    _decide(config, person, decisions, now)
    return 0


def _retry(arguments: Namespace) -> int:
    from beklijf.commands import retry

    _print(retry.retry(config := _config(arguments), arguments.name, _now(config)))
    return 0


def _decide(config: Config, person: Person, decisions: Sequence[Decision], now: datetime) -> None:
    """Show what will come of a pause or its end, then record it."""
    from beklijf.commands import pause
    from beklijf.commands.report import Words
    from beklijf.tick.wiring import opened

    with opened(config, read_only=True) as engine:
        _print(pause.lines(pause.coming(engine, decisions, now), Words.of(config, now)))
    with opened(config) as engine, engine.ledger.write():
        for decision in decisions:
            engine.ledger.decide(decision.kind, decision.subject, made=now, field=decision.field)
    _print(["", *pause.told(decisions, person)])


def _move_calendar(arguments: Namespace) -> int:
    from beklijf.commands.interrupts import stoppable
    from beklijf.commands.report import Words
    from beklijf.relocate import preview

    now = _now(config := _config(arguments))
    with preview.relocation(config, old=arguments.old, leave_old=arguments.leave_old, wait=LOCK_WAIT) as move:
        if move is None:
            _print(["There is nothing to move: the config leads to the calendar that the events are in."])
            return 0
        _print(preview.lines(looked := move.look(now), Words.of(config, now)))
        _complain(looked.problems)
        if not (arguments.yes or _agreed("Move them now?")):
            _print(["Nothing was done. With --yes it is."])
            return 2
        with stoppable() as stop, _counting("done") as done:
            problems = move.do(looked, stop=stop, done=done)
        _print(preview.done_lines(looked, finished=move.is_finished()))
        _complain(problems)
        return 0 if move.is_finished() else 128 + signal.SIGINT if stop() else BackendError.exit_code


def _agreed(question: str) -> bool:
    """Ask who sits at a terminal, on stdout unlike ``input``; a program is never asked, and has not agreed."""
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        return False
    print(f"{question} [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().casefold() in {"y", "yes"}


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "init": _init,
    "check": _check,
    "plan": _plan,
    "apply": _apply,
    "run": _run,
    "rehearse": _rehearse,
    "status": _status,
    "restore": _restore,
    "pause": _pause,
    "resume": _resume,
    "retry": _retry,
    "move-calendar": _move_calendar,
}


# -- what they share ---------------------------------------------------------------------------------------------------


def _path(arguments: Namespace) -> Path:
    if arguments.config is not None:
        path: Path = arguments.config
        return path
    if named := os.environ.get("BEKLIJF_CONFIG"):
        return Path(named)
    return next((place for place in PLACES if place.exists()), PLACES[0])


def _config(arguments: Namespace) -> Config:
    from beklijf import config

    # what the engine logs is for the service's journal; a command says the same in its own words
    logging.getLogger("beklijf").addHandler(SILENT)
    return config.load(_path(arguments))


def _now(config: Config) -> datetime:
    """Return what time it is for this installation; a demo's own clock is named, since no other shows it."""
    from beklijf.service import clock, demo

    now, said = demo.shown(config, clock())
    _complain(said)
    return now


def _codes(outcome: Outcome) -> Iterator[int]:
    yield from (error.exit_code for error in outcome.errors)
    yield from (error.exit_code for error in (outcome.calendar, outcome.delivered.down) if error)
    if any(not problem.warning for problem in outcome.delivered.problems):
        yield ConfigError.exit_code  # a letter that could not be rendered


def _worst(codes: Iterable[int]) -> int:
    return min(codes, key=WORST_FIRST.index)


# -- printing ----------------------------------------------------------------------------------------------------------


def _print(lines: Iterable[str], *, to: TextIO | None = None) -> None:
    """Print lines, whoever's words are in them; all that goes to a screen but JSON, which has its own escapes, goes this way."""
    for line in lines:
        with writing():
            print(foreign.line(line), file=to)


def _print_json(value: dict[str, Json]) -> None:
    with writing():
        print(json.dumps(value, indent=2))


def _flush() -> None:
    with writing():
        sys.stdout.flush()


def _complain(problems: Iterable[Problem]) -> None:
    _flush()
    for problem in problems:
        _print([f"{'warning' if problem.warning else 'error'}: {problem}"], to=sys.stderr)
        if problem.hint:
            _print([f"hint: {problem.hint}"], to=sys.stderr)


@contextmanager
def _counting(word: str) -> Iterator[Callable[[], None]]:
    """Show on a terminal how far it is; pipes and files get nothing."""
    number = 0

    def count() -> None:
        nonlocal number
        number += 1
        show(f"{number} {word}")

    with _progress() as show:
        yield count


@contextmanager
def _saying_when(organisation: Organisation) -> Iterator[Callable[[datetime], None]]:
    with _progress() as show:
        yield lambda now: show(f"{now.astimezone(organisation.zone):%a %-d %b %Y}")


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    try:
        yield lambda text: print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
