"""What ``beklijf move-calendar`` says before it does anything: each event, each mail, by whom and to whom; and what it opens for that.

Prints nothing: it returns lines.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from beklijf import config as configuration
from beklijf.commands.report import INDENT, counted
from beklijf.ledger.locks import locked
from beklijf.model import canonical
from beklijf.model.errors import UsageError
from beklijf.relocate import decide
from beklijf.relocate import relocation as removal
from beklijf.relocate.decide import How
from beklijf.relocate.relocation import Removal
from beklijf.tick.target import described
from beklijf.tick.wiring import beside, opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from beklijf.commands.report import Words
    from beklijf.contracts.settings import Config
    from beklijf.relocate.decide import Step
    from beklijf.relocate.relocation import Looked

HEADINGS = {
    How.ADOPTED: "there already, and taken over as it is there",
    How.COPIED: "written there as it stands, under the invitation that people have",
    How.ANEW: "goes on there under a new invitation, from its next meeting on",
    How.ENDS: "was being withdrawn: that is finished in the old calendar",
    How.STAYS: "has been, and stays in the old calendar as a memory",
}
SENDERS = {
    "beklijf": "beklijf, by mail",
    "old": "the server of the old calendar",
    "new": "the server of the new calendar",
    "first": "the server of the new calendar, if it turns out to invite (its first event tells)",
}
WHATS = {
    "invitation": ("invitation", "invitations"),
    "update": ("update of the meeting that they have", "updates of the meetings that they have"),
    "cancellation": ("cancellation of the old invitation", "cancellations of old invitations"),
    "end": ("update that ends the old series and keeps its past", "updates that end old series and keep their past"),
}


@contextmanager
def relocation(config: Config, *, old: Path | None, leave_old: bool, wait: float) -> Iterator[Removal | None]:
    """Yield the move into the calendar of *config*; None when there is nothing to move. Nothing else ticks meanwhile.

    *old* is the config as it was; *leave_old*: the old calendar can't be reached. Raises UsageError without either.
    """
    with locked(config.service.state, "tick", wait=wait), opened(config) as engine, ExitStack() as stack:
        origin = removal.origin_of(engine)
        if origin is None:
            yield None
            return
        if old is None and not leave_old:
            raise UsageError(
                f"the events are in {described(origin)}: that has to be reached, or left as it is",
                hint="--from OLD, the config as it was then; or --leave-old, if it can't be reached any more",
            )
        before = None
        if old is not None:
            before = configuration.load(old)
            removal.check_origin(origin, before.calendar, engine)
        yield Removal(engine, stack.enter_context(beside(engine, before)) if before else None, origin)


def lines(looked: Looked, words: Words) -> list[str]:
    """Return what a move would do, and which mails it brings."""
    said = [f"From {described(looked.origin)}", f"to   {described(looked.to)}", ""]
    if looked.parting:
        said += [_number(len(looked.parting), "was brought over before; the old one is still to go"), ""]
    for how, heading in HEADINGS.items():
        steps = [step for step in looked.steps if step.how is how]
        if steps:
            said += [_number(len(steps), heading), *(_line(step, looked, words) for step in steps), ""]
    said += [*_kept(looked), *_mails(looked, words)]
    return said


def done_lines(looked: Looked, *, finished: bool) -> list[str]:
    if not finished:
        return ["", "The move is not finished; until it is, only letters go out. The same command goes on with it."]
    return [
        "",
        f"Done: the events are in {described(looked.to)}.",
        "A service that runs takes it up with: systemctl reload beklijf",
    ]


def _line(step: Step, looked: Looked, words: Words) -> str:
    event = step.event or (step.there.event if step.there else canonical.load(step.row.seen))
    if step.how in {How.STAYS, How.ENDS}:
        return f"{INDENT}{step.row.ref}"
    moved = sum(override.start is not None and override.start > looked.now for override in event.overrides)
    asked = canonical.load(step.row.asked)
    out = sum(override.start is None and override.at > looked.now and override not in asked.overrides for override in event.overrides)
    remarks = [f"{counted(moved, 'meeting', 'meetings')} as people moved {'it' if moved == 1 else 'them'}"] if moved else []
    remarks += [f"{counted(out, 'meeting', 'meetings')} taken out by people"] if out else []
    at = words.moment(decide.next_meeting(event, looked.now))
    return f"{INDENT}{step.row.ref}, next {at}{''.join(f'; {each}' for each in remarks)}"


def _kept(looked: Looked) -> Iterator[str]:
    """Say what is not taken out of the old calendar, and who sees what because of that."""
    leaving = [step.leaving for step in looked.steps if step.leaving]
    twice = sorted({address for step in looked.steps for address in decide.twice(step, looked.sides)})
    if not looked.sides.reach:
        yield "Nothing is taken out of the old calendar (--leave-old): whoever can look into it still sees all events there."
        if twice:
            yield f"The old server's invitations can't be taken back. These people keep them beside the new ones: {', '.join(twice)}"
        yield ""
    elif kept := sum(each.keep for each in leaving):
        why = "to delete it there would cancel the invitation that goes on" if looked.sides.old == "server" else "it is the very same there"
        yield f"{_number(kept, 'stays in the old calendar as well')} {why}."
        yield ""


def _mails(looked: Looked, words: Words) -> Iterator[str]:
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for step in looked.steps:
        for post in decide.post(step, looked.sides, looked.now):
            found[post.sender, post.what].append(post.to)
    farewells = [
        tell.contact.email for each in looked.parting if each.cancel for tell in decide.farewells(each.row, looked.sides, looked.now)
    ]
    if farewells:
        found["beklijf", "cancellation"] += farewells
    if not found:
        yield "Mails: none. People keep the invitations that they have."
        return
    yield "Mails:"
    for (sender, what), to in sorted(found.items()):
        yield f"{INDENT}{counted(len(to), *WHATS[what])}, sent by {SENDERS[sender]}, to {_names(to, words)}"


def _names(addresses: Iterable[str], words: Words) -> str:
    return ", ".join(dict.fromkeys(words.name(address) for address in sorted(addresses)))


def _number(number: int, heading: str) -> str:
    return f"{_events(number)}: {heading}"


def _events(number: int) -> str:
    return counted(number, "event", "events")
