"""The whole engine against every calendar backend: what a tick does when config, people or servers change something.

The rows of the merge, one by one, as a mentee, a mentor and a coordinator would see them. Mail goes to a Maildir.
"""

from __future__ import annotations

import base64
import mailbox
import re
import ssl
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from beklijf import config
from beklijf.ledger.outbox import Outbox
from beklijf.mime.messages import parse
from beklijf.model import canonical
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import EmailMessage
    from pathlib import Path
    from typing import Protocol

    from beklijf.decide.plan import Plan
    from beklijf.ledger import Row
    from beklijf.model.domain import Event
    from beklijf.tick.engine import Engine
    from beklijf.tick.outcome import Outcome

    class Server(Protocol):
        """A CalDAV server as ``conftest`` starts it."""

        url: str
        ca: Path | None

        def account(self) -> str: ...


WELCOME = datetime(2026, 12, 14, 9, 0, tzinfo=UTC)  # Mon 10:00 in Amsterdam: 29 days before the first session
INVITED = datetime(2026, 12, 15, 9, 0, tzinfo=UTC)
QUIET = timedelta(minutes=11)

ORGANISATION = """
[organisation]
name = "Gemeente Voorbeeld"
time_zone = "Europe/Amsterdam"
language = "nl"
holidays = ""
closed = [{closed}]
office_hours = {{ from = 09:00:00, until = 17:00:00, days = ["mon", "tue", "wed", "thu", "fri"] }}
letter_hour = 09:00:00
coordinator = {{ name = "Marieke Smit", email = "opleidingen@voorbeeld.example" }}
administrator = {{ name = "Servicedesk", email = "servicedesk@voorbeeld.example" }}

[calendar]
{calendar}
organizer = {{ name = "Mentorprogramma", email = "mentor@voorbeeld.example" }}
invitations = "{invitations}"

[mail]
kind = "folder"
path = "outbox"

[service]
state = "state.sqlite3"

[guard]
max_people = 60
max_withdrawals = {withdrawals}
"""

PERSON = """
[[person]]
name = "{name}"
email = "{email}"
{more}
"""

TRAINING = """
[[training]]
id = "leiding"
name = "Coachend leidinggeven"
purpose = "Vragen voor antwoorden"
sessions = [{sessions}]
state = "live"
meets = {{ day = "{day}", at = {at}, minutes = 60 }}
place = "{place}"
"""

MENTORSHIP = """
[[training.mentorship]]
mentee = "{mentee}"
mentor = "{mentor}"
goals = ["Eerst twee vragen stellen"]
"""

PASSWORD = "mentorpw"
SANNE, KARIM, NOOR = "sanne@voorbeeld.example", "karim@voorbeeld.example", "noor@voorbeeld.example"


@dataclass
class Wording:
    """A config that tests change a word of."""

    closed: str = ""
    invitations: str = "auto"
    withdrawals: int = 10
    sessions: str = "2027-01-12, 2027-02-16"
    day: str = "thu"
    at: str = "15:00:00"
    place: str = "Zaal 1"
    persons: dict[str, tuple[str, str]] = field(
        default_factory=lambda: {SANNE: ("Sanne de Vries", ""), KARIM: ("Karim Bakker", ""), NOOR: ("Noor Jansen", "")}
    )
    pairs: tuple[tuple[str, str], ...] = ((SANNE, KARIM),)

    def toml(self, calendar: str) -> str:
        parts = [ORGANISATION.format(closed=self.closed, calendar=calendar, invitations=self.invitations, withdrawals=self.withdrawals)]
        parts += [PERSON.format(name=name, email=email, more=more) for email, (name, more) in self.persons.items()]
        parts.append(TRAINING.format(sessions=self.sessions, day=self.day, at=self.at, place=self.place))
        parts += [MENTORSHIP.format(mentee=mentee, mentor=mentor) for mentee, mentor in self.pairs]
        return "".join(parts)


@dataclass
class Town:
    """One installation, the people in it, and a clock."""

    folder: Path
    calendar: str
    read: Callable[[str], bytes]
    write: Callable[[str, bytes], None]
    remove: Callable[[str], None]
    words: Wording = field(default_factory=Wording)
    stack: ExitStack = field(default_factory=ExitStack)
    engine: Engine = field(init=False)
    now: datetime = WELCOME

    def start(self) -> None:
        """Read the config and open everything anew, as after a restart."""
        self.stop()
        path = self.folder / "config.toml"
        path.write_text(self.words.toml(self.calendar), encoding="utf-8")
        self.engine = self.stack.enter_context(opened(config.load(path)))

    def stop(self) -> None:
        self.stack.close()

    def tick(self, later: timedelta = timedelta(minutes=5)) -> Outcome:
        self.now += later
        return self.engine.tick(self.now)

    def at(self, now: datetime) -> Outcome:
        """Let the service tick every few days until *now*: a longer silence would make the guard ask."""
        while now - self.now > timedelta(days=6):
            self.tick(timedelta(days=6))
        self.now = now
        return self.engine.tick(now)

    def plan(self) -> Plan:
        return self.engine.plan(self.now)

    def invited(self) -> None:
        """Bring the town to the day on which the invitations have gone out, and empty the mailboxes."""
        self.start()
        self.at(WELCOME)
        outcome = self.at(INVITED)
        assert {change.ref.rpartition("/")[2] for change in outcome.done} == {"series", "goals"}
        self.mails()

    def changed(self) -> Outcome:
        """Take up a changed config in the next tick."""
        self.start()
        return self.tick()

    def row(self, item: str, pair: str = SANNE) -> Row:
        [row] = [r for r in self.engine.ledger.rows().values() if r.ref == f"leiding/{pair}/{item}"]
        return row

    def event(self, item: str, pair: str = SANNE) -> Event:
        return canonical.load(self.row(item, pair).seen)

    def edit(self, item: str, old: str, new: str) -> None:
        """Change an event as a person's program would."""
        href = self.row(item).href
        text = re.sub(rb"\r\n[ \t]", b"", self.read(href)).decode()
        assert re.search(old, text), text
        self.write(href, re.sub(old, new, text, count=1).encode())

    def mails(self) -> list[EmailMessage]:
        """Return what came in since the last look, oldest first, and take it out of the mailbox."""
        box = mailbox.Maildir(self.folder / "outbox", factory=None)
        found = sorted(box.iterkeys(), key=lambda key: (box.get_message(key)["Date"], box.get_message(key)["Message-ID"]))
        mails = []
        for key in found:
            mails.append(parse(box.get_bytes(key)))
            box.remove(key)
        return mails

    def told(self) -> list[tuple[str, str, str]]:
        """Return to whom which iTIP message went, and about which meeting."""
        return sorted(_told(mail) for mail in self.mails() if _calendar_part(mail))


def _calendar_part(mail: EmailMessage) -> str:
    for part in mail.walk():
        if part.get_content_type() == "text/calendar":
            text: str = part.get_content()
            return text.replace("\r\n ", "")
    return ""


def _told(mail: EmailMessage) -> tuple[str, str, str]:
    text = _calendar_part(mail)
    [method] = re.findall(r"METHOD:(\w+)", text)
    single = re.findall(r"RECURRENCE-ID[^:]*:(\w+)", text)
    day = single[0][:8] if single and "RRULE:FREQ=WEEKLY" not in text else ""
    return str(mail["To"].addresses[0].addr_spec), method, day


def _folder(tmp_path: Path) -> Town:
    place = tmp_path / "calendars" / "mentor@voorbeeld.example"

    def write(href: str, data: bytes) -> None:
        (place / href).write_bytes(data)

    return Town(
        folder=tmp_path,
        calendar='kind = "folder"\npath = "calendars"',
        read=lambda href: (place / href).read_bytes(),
        write=write,
        remove=lambda href: (place / href).unlink(),
    )


def _caldav(tmp_path: Path, server: Server) -> Town:
    """Return a town on a real server; people's programs are plain HTTP requests."""
    account = server.account()
    (tmp_path / "password").write_text(PASSWORD, encoding="utf-8")
    context = ssl.create_default_context(cafile=server.ca) if server.ca else None
    login = base64.b64encode(f"{account}:{PASSWORD}".encode()).decode()

    def ask(method: str, href: str, data: bytes | None = None) -> bytes:
        url = urljoin(server.url, href)
        headers = {"Authorization": f"Basic {login}", "Content-Type": "text/calendar; charset=utf-8"}
        call = urllib.request.Request(url, data, headers, method=method)  # noqa: S310  # our own server on loopback
        with urllib.request.urlopen(call, context=context, timeout=10) as answer:  # noqa: S310  # as above
            body: bytes = answer.read()
            return body

    def write(href: str, data: bytes) -> None:
        ask("PUT", href, data)

    def remove(href: str) -> None:
        ask("DELETE", href)

    words = ['kind = "caldav"', f'url = "{server.url}{account}/"', f'user = "{account}"', 'name = "Mentorprogramma"']
    words += ['password = { file = "password" }', *([f'ca = "{server.ca}"'] if server.ca else [])]
    return Town(folder=tmp_path, calendar="\n".join(words), read=lambda href: ask("GET", href), write=write, remove=remove)


@pytest.fixture(params=["folder", "radicale", "xandikos"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    made = _folder(tmp_path) if request.param == "folder" else _caldav(tmp_path, request.getfixturevalue(request.param))
    yield made
    made.stop()


def test_welcome_letters_go_first_and_invitations_follow_once_to_each(town: Town) -> None:
    town.start()

    town.at(WELCOME)
    letters = [str(mail["To"].addresses[0].addr_spec) for mail in town.mails()]
    town.at(INVITED)

    assert sorted(letters) == [KARIM, SANNE]
    assert town.told() == [(KARIM, "REQUEST", ""), (KARIM, "REQUEST", ""), (SANNE, "REQUEST", ""), (SANNE, "REQUEST", "")]
    assert town.plan().changes == ()
    assert town.tick().done == []
    assert town.mails() == []


def test_a_tick_with_nothing_new_plans_nothing(town: Town) -> None:
    town.invited()
    town.tick()
    town.tick()

    assert town.tick().plan is None


def test_what_a_person_moved_stays_and_the_others_are_told_after_ten_minutes(town: Town) -> None:
    town.invited()
    before = town.row("goals").sequence
    town.edit("goals", r"T150000", "T110000")
    town.edit("goals", r"T160000", "T120000")

    town.tick()
    early = town.told()
    town.tick(QUIET)

    assert early == []
    assert town.event("goals").start.hour == 11
    assert town.told() == [(KARIM, "REQUEST", ""), (SANNE, "REQUEST", "")]
    assert town.row("goals").sequence > before
    assert town.plan().changes == ()


def test_our_change_of_a_field_that_a_person_owns_is_reported_and_not_made(town: Town) -> None:
    town.invited()
    town.edit("goals", "LOCATION:Zaal 1", "LOCATION:De tuin")
    town.tick()
    town.tick(QUIET)
    town.mails()

    town.words.place = "Zaal 2"
    town.changed()

    assert town.event("goals").place == "De tuin"
    assert town.row("goals").refused == ("place",)
    assert town.event("series").place == "Zaal 2"
    assert town.told() == [(KARIM, "REQUEST", ""), (SANNE, "REQUEST", "")]
    assert town.plan().changes == ()


def test_a_changed_place_is_told_and_the_plan_shows_just_that(town: Town) -> None:
    town.invited()

    town.words.place = "Zaal 2"
    town.start()
    planned = town.plan()
    town.tick()

    assert sorted(change.ref.rpartition("/")[2] for change in planned.changes) == ["goals", "series"]
    assert {change.action for change in planned.changes} == {"update"}
    assert town.told() == [(KARIM, "REQUEST", "")] * 2 + [(SANNE, "REQUEST", "")] * 2
    assert town.plan().changes == ()


def test_a_changed_name_of_the_training_mails_nobody(town: Town) -> None:
    town.invited()

    town.words.persons[SANNE] = ("Sanne de Vries-Bos", "")
    town.changed()

    assert town.mails() == []
    assert town.plan().changes == ()


def test_a_deleted_event_is_not_made_again_and_the_others_hear_of_it(town: Town) -> None:
    town.invited()
    town.remove(town.row("goals").href)

    town.tick()
    early = town.mails()
    town.tick(QUIET)

    assert early == []
    assert town.told() == [(KARIM, "CANCEL", ""), (SANNE, "CANCEL", "")]
    assert town.row("goals").state == "deleted"
    assert town.plan().changes == ()
    assert town.tick(timedelta(days=1)).done == []


def test_a_deleted_event_comes_back_on_request_under_a_new_uid(town: Town) -> None:
    town.invited()
    old = town.row("goals").uid
    town.remove(town.row("goals").href)
    town.tick()
    town.tick(QUIET)
    town.mails()

    with town.engine.ledger.write():
        town.engine.ledger.decide("restore", f"leiding/{SANNE}/goals", made=town.now)
    town.tick()

    assert town.row("goals").uid != old
    assert town.told() == [(KARIM, "REQUEST", ""), (SANNE, "REQUEST", "")]
    assert town.plan().changes == ()


def test_a_restored_field_is_ours_again(town: Town) -> None:
    town.invited()
    town.edit("goals", "LOCATION:Zaal 1", "LOCATION:De tuin")
    town.tick()
    town.tick(QUIET)

    with town.engine.ledger.write():
        town.engine.ledger.decide("restore", f"leiding/{SANNE}/goals", field="place", made=town.now)
    town.tick()

    assert town.event("goals").place == "Zaal 1"
    assert town.plan().changes == ()


def test_one_moved_meeting_of_a_series_is_told_as_that_meeting(town: Town) -> None:
    town.invited()
    series = town.event("series")
    second = series.start + timedelta(days=14)
    day = f"{second:%Y%m%d}"
    moved = (
        f"BEGIN:VEVENT\r\nUID:{series.uid}\r\nDTSTAMP:20261215T100000Z\r\nRECURRENCE-ID;TZID=Europe/Amsterdam:{day}T150000\r\n"
        f"DTSTART;TZID=Europe/Amsterdam:{day}T090000\r\nDTEND;TZID=Europe/Amsterdam:{day}T100000\r\nSUMMARY:{series.title}\r\n"
        "END:VEVENT\r\nEND:VCALENDAR"
    )
    town.edit("series", "END:VCALENDAR", moved)

    town.tick()
    town.tick(QUIET)

    assert [single.at for single in town.event("series").singles if single.start] == [second.astimezone(UTC)]
    assert town.told() == [(KARIM, "REQUEST", day), (SANNE, "REQUEST", day)]
    assert town.plan().changes == ()


def test_a_series_that_a_person_moved_is_the_pairs_day_and_hour_from_then_on(town: Town) -> None:
    town.invited()
    first = town.event("series").start
    friday = first + timedelta(days=1)
    text = re.sub(rb"\r\n[ \t]", b"", town.read(town.row("series").href)).decode()
    text = (
        text.replace(f"{first:%Y%m%dT%H}", f"{friday:%Y%m%dT}13")
        .replace(f"{first:%Y%m%d}T16", f"{friday:%Y%m%d}T14")
        .replace("BYDAY=TH", "BYDAY=FR")
    )
    town.write(town.row("series").href, text.encode())

    town.tick()
    town.tick(QUIET)
    told = town.told()
    town.tick()

    assert town.event("series").start == friday.replace(hour=13)
    assert told == [(KARIM, "REQUEST", ""), (SANNE, "REQUEST", "")]
    assert town.plan().changes == ()
    assert town.mails() == []
    track = next(iter(town.engine.plan(town.now).programme.tracks.values()))
    assert track.meets is not None
    assert (track.meets.weekday, track.meets.at.hour) == (4, 13)


def test_a_closed_day_cancels_that_meeting_alone_and_gets_a_stand_in(town: Town) -> None:
    town.invited()
    first = town.event("series").start
    second = first + timedelta(days=14)

    town.words.closed = f"{second:%Y-%m-%d}"
    town.changed()

    day = f"{second:%Y%m%d}"
    assert (SANNE, "CANCEL", day) in (told := town.told())
    assert (KARIM, "CANCEL", day) in told
    assert len(told) == 2
    town.at(datetime(second.year, second.month, second.day, 9, tzinfo=UTC) - timedelta(days=35))
    assert town.event(f"stand-in:{second:%Y-%m-%d}").start == second + timedelta(days=1)
    assert town.told() == [(KARIM, "REQUEST", ""), (SANNE, "REQUEST", "")]
    assert town.plan().changes == ()


def test_a_mentorship_taken_out_before_it_began_is_cancelled(town: Town) -> None:
    town.invited()

    town.words.pairs = ((NOOR, KARIM),)
    town.changed()

    assert (SANNE, "CANCEL", "") in (told := town.told())
    assert told.count((SANNE, "CANCEL", "")) == 2
    assert told.count((KARIM, "CANCEL", "")) == 2
    assert not [row for row in town.engine.ledger.rows().values() if SANNE in row.ref]


def test_a_mentorship_taken_out_later_keeps_its_past(town: Town) -> None:
    town.invited()
    first = town.event("series").start
    uid, href = town.row("series").uid, town.row("series").href
    town.at(first + timedelta(days=1))
    town.mails()

    town.words.pairs = ((NOOR, KARIM),)
    town.changed()

    assert uid in town.read(href).decode().replace("\r\n ", "")
    [ended] = [stored.event for stored in town.engine.calendar.changes(None).changed if stored.event.uid == uid]
    assert canonical.meetings(ended) == (first.astimezone(UTC),)
    assert (SANNE, "REQUEST", "") in town.told()


def test_a_lost_ledger_recognises_its_own_and_sends_nothing(town: Town) -> None:
    town.invited()
    town.stop()
    for file in town.folder.glob("state.sqlite3*"):
        file.unlink()

    town.start()
    town.tick()
    town.tick()

    assert town.mails() == []
    assert town.row("series").state == "live"
    assert town.plan().changes == ()


def test_an_event_of_ours_that_nobody_asks_for_is_reported_and_left(town: Town) -> None:
    town.invited()
    href = town.row("goals").href
    town.stop()
    for file in town.folder.glob("state.sqlite3*"):
        file.unlink()
    town.words.pairs = ((NOOR, KARIM),)

    town.start()
    outcome = town.tick()

    assert "nothing in the config asks for it" in " ".join(map(str, outcome.problems))
    assert town.read(href)
    assert (SANNE, "CANCEL", "") not in town.told()


def test_a_new_mentor_before_the_first_meeting_takes_the_same_series_over(town: Town) -> None:
    town.invited()
    uid = town.row("series").uid

    town.words.pairs = ((SANNE, NOOR),)
    town.changed()

    assert town.row("series").uid == uid
    assert town.told() == sorted([(KARIM, "CANCEL", ""), (NOOR, "REQUEST", ""), (SANNE, "REQUEST", "")] * 2)
    assert not [change for change in town.plan().changes if change.kind != "letter"]


def test_a_new_mentor_later_goes_on_under_a_new_invitation(town: Town) -> None:
    town.invited()
    first = town.event("series").start
    uid = town.row("series").uid
    town.at(first + timedelta(days=1))
    town.mails()

    town.words.pairs = ((SANNE, NOOR),)
    town.changed()

    assert town.row("series").uid != uid
    assert town.row("series").generation == 2
    assert town.event("series").start == first + timedelta(days=14)
    assert {c.email for c in town.event("series").people} == {SANNE, NOOR}
    told = town.told()
    assert (NOOR, "REQUEST", "") in told
    assert told.count((KARIM, "CANCEL", "")) == 1  # of the look-back ahead; the ended series keeps its past in his calendar
    assert not [change for change in town.plan().changes if change.kind != "letter"]


def test_a_new_address_concerns_that_person_alone(town: Town) -> None:
    town.invited()
    new = "sanne.devries@voorbeeld.example"
    del town.words.persons[SANNE]
    town.words.persons[new] = ("Sanne de Vries", f'was = ["{SANNE}"]')
    town.words.pairs = ((new, KARIM),)

    town.changed()

    assert town.told() == sorted([(SANNE, "CANCEL", ""), (new, "REQUEST", "")] * 2)
    assert town.plan().changes == ()


def test_a_person_who_comes_back_under_another_address_is_asked_about(town: Town) -> None:
    town.invited()
    new = "sanne.devries@voorbeeld.example"
    del town.words.persons[SANNE]
    town.words.persons[new] = ("Sanne de Vries", "")
    town.words.pairs = ((new, KARIM),)
    town.start()

    town.at(INVITED + timedelta(days=1))
    plan = town.plan()

    assert f'was = ["{SANNE}"]' in " ".join(held.reason for held in plan.held)
    assert (SANNE, "CANCEL", "") not in town.told()


def test_a_later_last_session_lengthens_the_series(town: Town) -> None:
    town.invited()
    before = town.event("series").recurrence
    assert before is not None

    town.words.sessions = "2027-01-12, { date = 2027-03-16, was = 2027-02-16 }"
    town.changed()

    after = town.event("series").recurrence
    assert after is not None
    assert after.last - before.last == timedelta(days=28, hours=-1)  # two meetings more, and the clocks went forward
    assert town.told() == [(KARIM, "REQUEST", ""), (SANNE, "REQUEST", "")]
    assert town.plan().changes == ()


def test_another_hour_before_the_first_meeting_moves_the_series(town: Town) -> None:
    town.invited()
    uid = town.row("series").uid

    town.words.day = "wed"
    town.changed()

    assert town.row("series").uid == uid
    assert town.event("series").start.weekday() == 2
    assert town.told() == [(KARIM, "REQUEST", "")] * 2 + [(SANNE, "REQUEST", "")] * 2
    assert town.plan().changes == ()


def test_another_hour_later_leaves_the_past_where_it_was(town: Town) -> None:
    town.invited()
    first = town.event("series").start
    old = town.row("series").uid
    town.at(first + timedelta(days=1))
    town.mails()

    town.words.at = "11:00:00"
    town.changed()

    assert town.row("series").generation == 2
    assert town.event("series").start.hour == 11
    [ended] = [stored.event for stored in town.engine.calendar.changes(None).changed if stored.event.uid == old]
    assert canonical.meetings(ended) == (first.astimezone(UTC),)
    assert town.plan().changes == ()


def test_an_older_state_of_the_server_is_held_until_approved(town: Town) -> None:
    town.invited()
    href = town.row("goals").href
    old = town.read(href)
    town.words.place = "Zaal 2"
    town.changed()
    town.mails()
    town.write(href, old)

    town.tick()
    plan = town.plan()
    town.engine.tick(town.now, approve=[plan.id])

    assert "older state" in plan.held[0].reason
    assert town.event("goals").place == "Zaal 2"
    assert town.tick().problems == []
    assert town.plan().held == ()
    assert town.plan().changes == ()


def test_many_events_gone_at_once_are_a_fault_not_a_wish(town: Town) -> None:
    town.words.withdrawals = 1
    town.invited()
    for item in ("goals", "series"):
        town.remove(town.row(item).href)

    town.tick()
    town.tick(QUIET)
    plan = town.plan()

    assert "vanished" in plan.held[0].reason
    assert town.row("series").state == "live"
    assert town.told() == []


def test_another_programs_events_are_never_touched(town: Town) -> None:
    town.invited()
    lunch = (
        b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\nUID:lunch@elsewhere\r\nDTSTAMP:20261201T120000Z\r\n"
        b"DTSTART:20270107T120000Z\r\nDTEND:20270107T130000Z\r\nSUMMARY:Lunch\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    place = (
        town.row("goals").href.replace(town.row("goals").uid.partition("@")[0], "lunch").replace("%40beklijf", "").replace("@beklijf", "")
    )
    town.write(place, lunch)
    before = town.read(place)

    town.words.place = "Zaal 2"
    town.changed()

    assert town.read(place) == before
    assert town.plan().problems == ()


def test_every_mail_is_sent_from_one_sender(town: Town) -> None:
    town.invited()

    assert town.engine.ledger.get("sender") == "mail"
    assert not Outbox(town.engine.ledger).open_mails()


def test_letters_go_out_while_the_calendar_is_down(tmp_path: Path) -> None:
    town = _folder(tmp_path)
    town.words.invitations = "mail"
    town.calendar = 'kind = "caldav"\nurl = "http://127.0.0.1:9/"\nuser = "nobody"\npassword = { env = "PATH" }'
    town.start()

    outcome = town.at(WELCOME)

    assert outcome.calendar is not None
    assert sorted(str(mail["To"].addresses[0].addr_spec) for mail in town.mails()) == [KARIM, SANNE]
    assert [trouble.target for trouble in town.engine.ledger.troubles().values()] == ["calendar"]
    town.stop()


def test_a_calendar_that_stays_down_is_told_to_the_administrator_once(tmp_path: Path) -> None:
    town = _folder(tmp_path)
    town.calendar = 'kind = "caldav"\nurl = "http://127.0.0.1:9/"\nuser = "nobody"\npassword = { env = "PATH" }'
    town.start()
    town.at(WELCOME)
    town.mails()

    for _ in range(2):
        town.tick(timedelta(minutes=20))
    early = town.mails()
    for _ in range(3):
        town.tick(timedelta(hours=2))
    late = town.mails()

    assert early == []
    assert [str(mail["To"].addresses[0].addr_spec) for mail in late] == ["servicedesk@voorbeeld.example"]
    assert late[0]["Subject"] == "beklijf: de agendaserver werkt niet mee"
    town.stop()


@pytest.mark.parametrize("begun", [False, True])
def test_a_mentor_who_takes_over_at_a_weekend_is_invited_after_the_welcome(tmp_path: Path, begun: bool) -> None:
    town = _folder(tmp_path)
    town.invited()
    saturday = datetime(2027, 1, 30, 20, 0, tzinfo=UTC) if begun else datetime(2026, 12, 19, 20, 0, tzinfo=UTC)
    town.at(saturday)
    town.mails()

    town.words.pairs = ((SANNE, NOOR),)
    town.changed()
    weekend = town.mails()
    town.at(saturday + timedelta(days=1, hours=12, minutes=5))
    monday = [mail for mail in town.mails() if mail["To"].addresses[0].addr_spec == NOOR]

    assert weekend == []
    assert any(_calendar_part(mail) for mail in monday)
    assert any(not _calendar_part(mail) for mail in monday)
    assert {c.email for c in town.event("series").people} == {SANNE, NOOR}
    assert not [change for change in town.plan().changes if change.kind != "letter"]
    town.stop()


def test_a_mentor_who_takes_over_is_welcomed(tmp_path: Path) -> None:
    town = _folder(tmp_path)
    town.invited()

    town.words.pairs = ((SANNE, NOOR),)
    town.changed()

    letters = [mail for mail in town.mails() if not _calendar_part(mail)]
    assert [str(mail["To"].addresses[0].addr_spec) for mail in letters] == [NOOR]
    town.stop()


def test_a_session_that_moved_without_a_word_is_asked_about_until_somebody_says(tmp_path: Path) -> None:
    town = _folder(tmp_path)
    town.invited()
    hint = "if it moved, write { date = 2027-02-23, was = 2027-02-16 }"

    town.words.sessions = "2027-01-12, 2027-02-23"
    town.start()
    town.tick()
    asked = [str(problem) for problem in town.tick().problems] + [held.reason for held in town.plan().held]
    town.words.sessions = "2027-01-12, { date = 2027-02-23, was = 2027-02-16 }"
    said = town.changed()

    assert hint in " ".join(asked)
    assert said.problems == []
    assert said.plan is not None
    assert said.plan.held == ()
    town.stop()


def test_invitations_that_a_crash_cut_off_are_sent_by_the_next_start(tmp_path: Path) -> None:
    town = _folder(tmp_path)
    town.invited()
    with town.engine.ledger.write():
        town.engine.ledger.put(replace(town.row("goals"), told=None))  # what a tick notes of an event that it finds, before it tells

    town.start()
    town.tick()

    assert town.told() == [(KARIM, "REQUEST", ""), (SANNE, "REQUEST", "")]
    assert town.plan().changes == ()
    town.stop()
