"""Addresses that are written in unusual ways: nobody's tick is stopped by one, and nobody is invited twice, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.mailroom import Listening, deliver, got, letter, said, settled
from tests.town import INVITED, KARIM, QUIET, WELCOME, Town, caldav_town, folder_town

from beklijf.model.conversation import Said

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPELLINGS = {
    "in ASCII": ("anna@xn--bcher-kva.example", "anna@xn--bcher-kva.example"),
    "as people type it": ("anna@bücher.example", "anna@xn--bcher-kva.example"),
    "in capitals": ("Anna@BÜCHER.example", "anna@xn--bcher-kva.example"),
    "with an invisible sign": ("anna@voorbeeld.example\u200b", "anna@voorbeeld.example"),
    "in letters that two standards read differently": ("anna@straße.example", "anna@xn--strae-oqa.example"),
    "in the ASCII form of these": ("anna@xn--strae-oqa.example", "anna@xn--strae-oqa.example"),
}


@dataclass
class WithAnna(Listening):
    """A config whose only pair is Anna's, so that hers is the first event of the installation."""

    anna: str = ""

    def __post_init__(self) -> None:
        self.persons = {self.anna: ("Anna Boek", ""), KARIM: ("Karim Bakker", "")}
        self.pairs = ((self.anna, KARIM),)


@pytest.fixture(params=["folder", "radicale"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    made = folder_town(tmp_path) if request.param == "folder" else caldav_town(tmp_path, request.getfixturevalue(request.param))
    for name in ("cur", "new", "tmp"):
        (tmp_path / "inbox" / name).mkdir(parents=True)
    yield made
    made.stop()


def addressed(town: Town) -> list[str]:
    return sorted(str(mail["To"].addresses[0].addr_spec).lower() for mail in town.mails())


def accept(town: Town, item: str, who: str) -> None:
    """Accept an invitation by mail, as a program that writes domains in ASCII."""
    [row] = [row for row in town.engine.ledger.rows().values() if row.ref.endswith(f"/{item}")]
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "METHOD:REPLY", "BEGIN:VEVENT", f"UID:{row.uid}", f"SEQUENCE:{row.sequence}"]
    lines += [f"DTSTAMP:{town.now:%Y%m%dT%H%M%SZ}", f"ATTENDEE;PARTSTAT=ACCEPTED:mailto:{who}", "END:VEVENT", "END:VCALENDAR", ""]
    mail = letter(town, who, "Accepted: Mentorgesprek", "")
    mail.add_alternative("\r\n".join(lines).encode(), maintype="text", subtype="calendar", params={"method": "REPLY"})
    deliver(town, mail)


@pytest.mark.parametrize(("typed", "wire"), SPELLINGS.values(), ids=SPELLINGS)
def test_whoever_writes_an_address_how_that_person_is_invited_once_and_heard(town: Town, typed: str, wire: str) -> None:
    town.words = WithAnna(anna=typed)
    town.start()
    town.at(WELCOME)
    assert addressed(town) == sorted([wire, KARIM])

    town.at(INVITED)
    assert addressed(town) == sorted([wire, wire, KARIM, KARIM])  # the series, and the goals meeting
    settled(town)

    town.start()  # everything is read anew
    settled(town)
    accept(town, "series", wire)
    town.tick()
    assert {(item, answer) for (item, _, _), answer in said(town).items()} == {("series", Said.ACCEPTED)}
    assert got(town) == []


@pytest.mark.parametrize(
    "attendee",
    [
        "mailto:",
        "mailto:guest",
        "mailto:gäst@elders.example",
        "mailto:guest@bücher..example",
        "mailto:guest@xn--.example",
        "mailto:guest@xn--strae-oqa.example",
        "mailto:guest@elders.example\u200b",
        f"mailto:guest@{'ü' * 80}.example",
        "mailto:two guests@elders.example",
        "mailto:one,two@elders.example",
        "/principals/guest/",
        "urn:uuid:0d7f6c1a-5a1b-4c0e-9d55-3b1f6a0f2c11",
    ],
)
def test_somebody_whom_no_mail_reaches_put_on_an_event_by_hand_stops_nobody(town: Town, attendee: str) -> None:
    """Whoever can be told of the move is told; who can't is one item's problem."""
    town.invited()
    town.edit("goals", r"(?=ATTENDEE)", f'ATTENDEE;CN=" ":{attendee}\r\n')
    town.edit("goals", r"T150000", "T110000")
    town.edit("goals", r"T160000", "T120000")

    town.tick()
    outcome = town.tick(QUIET)

    assert outcome.errors == []
    assert outcome.calendar is None
    assert {KARIM, "sanne@voorbeeld.example"} <= {who for who, method, _ in town.told() if method == "REQUEST"}
    assert town.tick(QUIET).done == []
