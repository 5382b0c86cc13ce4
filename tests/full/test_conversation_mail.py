"""The whole conversation where we invite: Radicale keeps the calendar, Postfix carries every mail, Dovecot has everybody's mailbox.

People read by IMAP and answer by SMTP, to what really arrived. Each case says which mails each of them and the coordinator get,
and holds what three tell of it against each other: Radicale, the ledger, and the command ``status``.

The command looks at the machine's clock, so the town's clock is behind it by some hours, or days: on the last Tuesday people were
invited. Nothing becomes due between the two, and nothing depends on the day of the week on which the tests run.
"""

from __future__ import annotations

import imaplib
import json
import os
import re
import smtplib
import ssl
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import icalendar
import pytest
import recurring_ical_events
from tests.backends.smtp_imap.wire import listening
from tests.full.postfix import PACKAGES
from tests.mailroom import AMSTERDAM, COORDINATOR, ORGANIZER, gist, link, links, said
from tests.town import KARIM, QUIET, SANNE, Town, Wording, caldav_town, itip_part

from beklijf.mime.messages import parse
from beklijf.model import canonical
from beklijf.model.conversation import Said
from beklijf.rehearse import client_edits
from beklijf.service import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.caldav_servers import Server
    from tests.certificates import Certificates
    from tests.full.postfix import Serve


pytestmark = pytest.mark.full


CORPUS = Path(__file__).parents[1] / "corpus"
PASSWORD, SERVICE_PASSWORD = "welkom in 2026", "gehéim wachtwoord"
PEOPLE = ("sanne", "karim", "noor", "opleidingen", "servicedesk", "s.devries")
WEG = "weg@bounce.test"
VMAIL = 5000
SOON = timedelta(minutes=1)
DAY = timedelta(days=1)


def _invited() -> datetime:
    """Return the last Tuesday at ten that is far enough in the past for all that a test does after it."""
    now = clock().astimezone(AMSTERDAM) - timedelta(hours=12)
    at = now.replace(hour=10, minute=0, second=0, microsecond=0)
    at -= DAY * ((at.weekday() - 1) % 7)
    return at if at <= now else at - 7 * DAY


INVITED = _invited()
WELCOME = INVITED - DAY
SESSIONS = (INVITED + 28 * DAY, INVITED + 63 * DAY)


def _at(days: int, hour: int) -> datetime:
    return datetime.combine((INVITED + days * DAY).date(), clock_time(hour), AMSTERDAM)


GOALS, FIRST, SECOND, THIRD = _at(23, 15), _at(37, 15), _at(51, 15), _at(65, 15)
"""Thursdays, all of them; the first session is on the Tuesday after the goals meeting."""


# -- the servers, and people at them -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Posthouse:
    """Postfix and Dovecot, with a mailbox for the service and for each of `PEOPLE`."""

    submission: int
    imaps: int
    ca: Path
    files: Path

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca)

    @contextmanager
    def reading(self, user: str) -> Iterator[imaplib.IMAP4]:
        password = SERVICE_PASSWORD if user == "mentor" else PASSWORD
        with imaplib.IMAP4_SSL("127.0.0.1", self.imaps, ssl_context=self.trust, timeout=60) as box:
            box.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
            yield box

    def send(self, user: str, mail: EmailMessage) -> None:
        with smtplib.SMTP("127.0.0.1", self.submission, timeout=60) as server:
            server.starttls(context=self.trust)
            server.login(f"{user}@voorbeeld.example", PASSWORD)
            server.send_message(mail)
        self.carried()

    def carried(self) -> None:
        """Wait until Postfix has nothing to carry any more; a bounce is made before what it is about is gone."""
        deadline, still = time.monotonic() + 60, 0
        while still < 2:
            assert time.monotonic() < deadline, (self.files / "var/log/mail.log").read_text(encoding="utf-8")
            still = 0 if self._queued() else still + 1
            time.sleep(0.02)

    def _queued(self) -> bool:
        folders = (self.files / f"var/spool/postfix/{name}" for name in ("incoming", "active"))
        return any(file.is_file() for folder in folders for file in folder.rglob("*"))

    def folders(self, user: str = "mentor") -> dict[str, int]:
        """Return how many mails each folder of a mailbox has."""
        with self.reading(user) as box:
            names = [line.decode().rpartition(" ")[2] for line in box.list()[1]]  # type: ignore[union-attr]  # lines of bytes
            return {name: int(box.select(name, readonly=True)[1][0] or 0) for name in sorted(names)}

    def put(self, *mails: bytes, at: datetime | None = None) -> None:
        """Lay mails into the service's mailbox, as if delivered by servers of all kinds."""
        home = self.files / "var/vmail/mentor"
        folder = home / "Maildir/new"
        for each in (home, home / "Maildir", *(home / "Maildir" / name for name in ("cur", "new", "tmp"))):
            each.mkdir(exist_ok=True)
            os.chown(each, VMAIL, VMAIL)
        for content in mails:
            path = folder / f"{clock().timestamp():.6f}.{token_hex(8)}.elsewhere"
            path.write_bytes(content)
            os.chown(path, VMAIL, VMAIL)
            if at is not None:
                os.utime(path, (at.timestamp(), at.timestamp()))  # which Dovecot takes for the day of delivery


def _mails(box: imaplib.IMAP4, since: int) -> list[tuple[int, bytes]]:
    box.select("INBOX", readonly=True)
    numbers = [int(each) for each in box.uid("SEARCH", f"UID {since + 1}:*")[1][0].split()]
    new = [uid for uid in numbers if uid > since]  # a star names the last mail also when its number is lower
    return [(uid, box.uid("FETCH", str(uid), "(BODY.PEEK[])")[1][0][1]) for uid in new]


@dataclass
class Account:
    """A person at a plain mail program."""

    name: str
    post: Posthouse
    read: int = 0
    kept: list[EmailMessage] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"{self.name}@voorbeeld.example"

    def news(self) -> list[EmailMessage]:
        """Return what came in since the last look."""
        with self.post.reading(self.name) as box:
            found = _mails(box, self.read)
        self.read = found[-1][0] if found else self.read
        mails = [parse(content) for _, content in found]
        assert all([each.addr_spec for each in mail["To"].addresses] == [self.address] for mail in mails)
        self.kept += mails
        return mails

    def invitation(self, item: str) -> Any:  # noqa: ANN401  # properties of icalendar are of any type
        """Return the whole of the series, or the single event, as the last invitation to it says."""
        return self._invitation(item)[1]

    def _invitation(self, item: str) -> tuple[EmailMessage, Any]:
        requests = [(mail, text) for mail in self.kept if "METHOD:REQUEST" in (text := itip_part(mail))]
        events = [(mail, event) for mail, text in requests for event in icalendar.Calendar.from_ical(text).walk("VEVENT")]
        return [each for each in events if "RECURRENCE-ID" not in each[1] and ("RRULE" in each[1]) is (item == "series")][-1]

    def letter(self) -> EmailMessage:
        """Return the last mail that is no invitation."""
        return [mail for mail in self.kept if not itip_part(mail)][-1]

    def write(self, subject: str, text: str, **headers: str) -> None:
        self.post.send(self.name, self.mail(subject, text, **headers))

    def mail(self, subject: str, text: str, **headers: str) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self.address, ORGANIZER, subject
        mail["Date"], mail["Message-ID"] = format_datetime(clock()), make_msgid(domain="client.example")
        for name, value in headers.items():
            mail[name.replace("_", "-")] = value
        mail.set_content(text)
        return mail

    def press(self, found: str, text: str = "") -> None:
        """Send the mail that a link opens, with something written behind what is prefilled."""
        parts = urlsplit(found)
        query = parse_qs(parts.query)
        assert unquote(parts.path) == ORGANIZER
        self.write(query["subject"][0], query.get("body", [""])[0] + text)

    def answer(self, item: str, partstat: str, *, meeting: datetime | None = None) -> None:
        self._return(item, "REPLY", partstat, f"{partstat.title()}: gesprek", meeting, None)

    def propose(self, item: str, start: datetime, *, meeting: datetime | None = None) -> None:
        self._return(item, "COUNTER", "TENTATIVE", "New Time Proposed: gesprek", meeting, start)

    def refresh(self, item: str) -> None:
        self._return(item, "REFRESH", "", "Refresh: gesprek", None, None)

    def _return(self, item: str, method: str, partstat: str, subject: str, meeting: datetime | None, start: datetime | None) -> None:
        """Answer the invitation that arrived, as a calendar program does that says what it answers: no server here checks who sent it."""
        invitation, event = self._invitation(item)
        made, at = icalendar.Event(), start or meeting or event["DTSTART"].dt
        for name in ("UID", "SEQUENCE", "ORGANIZER", "SUMMARY"):
            made[name] = event[name]
        made.add("DTSTAMP", clock())
        if method != "REFRESH":
            made.add("DTSTART", at.astimezone(UTC))
            made.add("DTEND", (at + (event["DTEND"].dt - event["DTSTART"].dt)).astimezone(UTC))
        if meeting:
            made.add("RECURRENCE-ID", meeting.astimezone(UTC))
        made.add("ATTENDEE", icalendar.vCalAddress(f"mailto:{self.address}"), parameters={"PARTSTAT": partstat} if partstat else {})
        calendar = icalendar.Calendar()
        for name, value in (("VERSION", "2.0"), ("PRODID", "-//a client//EN"), ("METHOD", method)):
            calendar.add(name, value)
        calendar.add_component(made)
        mail = self.mail(subject, "", In_Reply_To=str(invitation["Message-ID"]))
        part = {"method": method, "charset": "UTF-8"}
        mail.add_alternative(calendar.to_ical(), maintype="text", subtype="calendar", params=part)
        self.post.send(self.name, mail)


@dataclass
class Listening(Wording):
    """A config that sends by Postfix and reads at Dovecot."""

    post: Posthouse = field(kw_only=True)
    imaps: int = 0
    """Another port than Dovecot's: somebody listens there to what is asked."""
    sessions: str = ", ".join(f"{at:%Y-%m-%d}" for at in SESSIONS)

    def toml(self, calendar: str) -> str:
        account = f'host = "127.0.0.1"\nuser = "{ORGANIZER}"\npassword = {{ file = "service-password" }}\nca = "{self.post.ca}"\n'
        mail = f'kind = "smtp"\nport = {self.post.submission}\nsecurity = "starttls"\nper_minute = 10000\n'
        inbox = f'[inbox]\nkind = "imap"\nport = {self.imaps or self.post.imaps}\n'
        text = super().toml(calendar).replace('kind = "folder"\npath = "outbox"\n', mail + account)
        return f"{text}\n{inbox}{account}\n[answers]\nread = true\nnames = true\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """How things stand, as the calendar, the ledger and the command ``status`` agree."""

    meetings: dict[str, tuple[datetime, ...]]
    """By item, in UTC."""
    calendar: dict[str, tuple[datetime, ...]]
    """The same by UID."""
    answers: dict[tuple[str, str, str], Said]
    """By item, meeting and person."""
    waiting: tuple[str, str] | None
    """Who is waited for, and why."""
    changed: list[tuple[str, str]]
    """What people changed: items and fields."""
    status: Any


@dataclass
class City(Town):
    """A town in which mail is real."""

    post: Posthouse = field(kw_only=True)
    people: dict[str, Account] = field(kw_only=True)
    begin: datetime = INVITED
    """When invitations go out."""

    def __post_init__(self) -> None:
        self.now = WELCOME

    @property
    def sanne(self) -> Account:
        return self.people["sanne"]

    @property
    def karim(self) -> Account:
        return self.people["karim"]

    @property
    def coordinator(self) -> Account:
        return self.people["opleidingen"]

    def earlier(self, days: int) -> None:
        """Let everything happen so much earlier, so that the machine's clock is further on in it."""
        self.begin, self.now = INVITED - days * DAY, WELCOME - days * DAY
        self.words.sessions = ", ".join(f"{at - days * DAY:%Y-%m-%d}" for at in SESSIONS)

    def invited(self) -> None:
        self.start()
        self.at(self.begin - DAY)
        assert self.got() == [("karim", "Je wordt mentor"), ("sanne", "Karim wordt je")]
        self.at(self.begin)
        assert self.got() == [("karim", "REQUEST"), ("karim", "REQUEST"), ("sanne", "REQUEST"), ("sanne", "REQUEST")]

    def got(self) -> list[tuple[str, str]]:
        """Return who got what since the last look: a method of iTIP with its meeting, or the first words of a subject."""
        self.post.carried()
        return sorted((account.name, gist(mail)) for account in self.people.values() for mail in account.news())

    def move(self, item: str, meeting: datetime | None, by: timedelta) -> None:
        """Move it in the service's calendar, as the program of somebody with access to it does."""
        href = self.row(item).href
        self.write(href, client_edits.move(self.read(href), meeting and meeting.astimezone(UTC), by))

    def written_to(self) -> Counter[str]:
        """Return how often Postfix brought something to each address, or tried to."""
        log = (self.post.files / "var/log/mail.log").read_text(encoding="utf-8")
        return Counter(re.findall(r"postfix/(?:submission/smtpd|smtp|lmtp)\[.*? to=<(.*?)>", log))

    def take_out(self, item: str, meeting: datetime) -> None:
        href = self.row(item).href
        self.write(href, client_edits.take_out(self.read(href), meeting.astimezone(UTC)))

    # -- what is told of it

    def command(self, *arguments: str) -> Any:  # noqa: ANN401  # JSON
        """Run a command as an administrator does; nothing may be wrong, held or due."""
        command = [sys.executable, "-m", "beklijf", "--config", str(self.folder / "config.toml"), *arguments, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def story(self) -> Story:
        """Hold what each of the three tells against the others, and see that a further plan is empty."""
        assert self.command("plan")["changes"] == []
        rows = {row.uid: row for row in self.engine.ledger.rows().values() if row.state == "live"}
        stands = self.calendar_now()
        assert stands == {uid: canonical.meetings(canonical.load(row.seen)) for uid, row in rows.items()}
        heard = {key: each for key, each in said(self).items() if key[0] in {_item(row.ref) for row in rows.values()}}
        status = self.command("status")
        [pair] = status["trainings"][0]["mentorships"]
        next_meeting = min((at for meetings in stands.values() for at in meetings if at > clock()), default=None)
        assert pair["in_calendar"] is (next_meeting is not None)
        assert (pair["next_meeting"] and datetime.fromisoformat(pair["next_meeting"])) == next_meeting
        assert heard == {_answer(each): Said(each["said"]) for each in pair["answers"]}
        assert [pair["waiting"], pair["failed"], pair["held"], status["servers"]] == [[], [], [], []]
        return Story(
            meetings={_item(rows[uid].ref): meetings for uid, meetings in stands.items()},
            calendar=stands,
            answers=heard,
            waiting=(pair["waiting_for"], pair["because"]) if pair["waiting_for"] else None,
            changed=[(_item(each["item"]), each["field"]) for each in pair["changed"]],
            status=status,
        )

    def calendar_now(self) -> dict[str, tuple[datetime, ...]]:
        """Return when Radicale's own copy has meetings, by UID, as another library reads it."""
        hrefs = {row.href.rpartition("/")[0] for row in self.engine.ledger.rows().values()}
        [collection] = hrefs
        found: dict[str, list[datetime]] = {}
        whole = icalendar.Calendar.from_ical(self.read(f"{collection}/"))
        for event in recurring_ical_events.of(whole).between(self.begin, self.begin + 400 * DAY):
            found.setdefault(str(event["UID"]), []).append(event["DTSTART"].dt.astimezone(UTC))
        return {uid: tuple(sorted(meetings)) for uid, meetings in found.items()}

    def settled(self) -> Story:
        """Let everything come to rest: nobody gets anything more, and all three tell the same as before."""
        story = self.story()
        for _ in range(2):
            self.tick(SOON)
        assert self.got() == []
        assert self.calendar_now() == story.calendar
        return story


def _item(ref: str) -> str:
    return ref.rpartition("/")[2]


def _answer(told: Mapping[str, str]) -> tuple[str, str, str]:
    """Return what an answer in ``status`` is about, as `said` calls it."""
    return _item(told["item"]), (told["place"] or "")[:10], told["person"].partition("@")[0]


@pytest.fixture
def post(
    certificates: Certificates,
    debian: Callable[[str, str], Path],
    serve: Serve,
    free_ports: Callable[[int], list[int]],
    tmp_path: Path,
) -> Posthouse:
    (tmp_path / "service-password").write_text(SERVICE_PASSWORD, encoding="utf-8")
    folder = tmp_path / "certificates"
    folder.mkdir()
    (folder / "server.pem").write_bytes((certificates.ca.parent / "server0.pem").read_bytes())
    ports = free_ports(4)
    users = [f"mentor:{SERVICE_PASSWORD}", *(f"{name}:{PASSWORD}" for name in PEOPLE)]
    files = serve("mail.sh", debian("mail", PACKAGES), [*map(str, ports), str(folder), *users], ports)
    return Posthouse(ports[0], ports[2], certificates.ca, files)


@pytest.fixture
def city(post: Posthouse, radicale: Server, tmp_path: Path) -> Iterator[City]:
    town = caldav_town(tmp_path, radicale)
    made = City(
        folder=tmp_path,
        calendar=town.calendar,
        read=town.read,
        write=town.write,
        remove=town.remove,
        words=Listening(post=post),
        post=post,
        people={name: Account(name, post) for name in PEOPLE},
    )
    yield made
    made.stop()


def times_in(letter: EmailMessage) -> list[str]:
    """Return the links of a letter that choose a time."""
    return [each for each in links(letter) if "pauz" not in unquote(each).casefold()]


def on(what: str, meeting: datetime) -> str:
    """Return how `City.got` calls an iTIP message about one meeting of a series."""
    return f"{what} {meeting:%Y%m%d}"


# -- accept, tentative, decline ----------------------------------------------------------------------------------------


BOTH = pytest.mark.parametrize("name", ["sanne", "karim"])
MEETINGS = tuple(at.astimezone(UTC) for at in (FIRST, SECOND, THIRD, _at(79, 15), _at(93, 15)))


@BOTH
@pytest.mark.parametrize("partstat", ["ACCEPTED", "TENTATIVE"])
def test_an_answer_is_heard_and_nobody_gets_a_mail_for_it(city: City, name: str, partstat: str) -> None:
    city.invited()

    city.people[name].answer("series", partstat)
    city.people[name].answer("goals", partstat)
    city.people[name].answer("series", "ACCEPTED", meeting=SECOND)
    city.tick(SOON)

    assert city.got() == []
    story = city.settled()
    assert story.answers == {
        ("series", "", name): Said[partstat],
        ("goals", "", name): Said[partstat],
        ("series", f"{SECOND:%Y-%m-%d}", name): Said.ACCEPTED,
    }
    assert story.waiting is None
    assert story.changed == []


@BOTH
def test_a_declined_series_brings_other_hours_to_the_mentee_and_a_line_to_the_mentor_and_the_choice_moves_it(city: City, name: str) -> None:
    city.invited()

    city.people[name].answer("series", "DECLINED")
    city.tick(SOON)

    assert city.got() == [("karim", "Een andere tijd"), ("sanne", "Een andere tijd")]
    assert times_in(city.karim.letter()) == []
    hours = times_in(city.sanne.letter())
    assert len(hours) == 3
    story = city.settled()
    assert story.answers == {("series", "", name): Said.DECLINED}
    assert story.waiting == (SANNE, "declined-series")
    assert story.meetings["series"] == MEETINGS

    city.sanne.press(hours[0])
    city.tick(SOON)
    city.tick(SOON)

    assert city.got() == [("karim", "REQUEST"), ("sanne", "REQUEST")]
    story = city.settled()
    assert not set(story.meetings["series"]) & set(MEETINGS)
    assert len(story.meetings["series"]) == len(MEETINGS)
    assert story.answers == {}
    assert story.waiting is None


@BOTH
def test_a_declined_meeting_is_told_to_the_other_one(city: City, name: str) -> None:
    city.invited()

    city.people[name].answer("series", "DECLINED", meeting=SECOND)
    city.tick(SOON)

    told = [("karim", "Sanne kan niet")] if name == "sanne" else [("sanne", "Karim kan niet")]
    assert city.got() == told
    story = city.settled()
    assert story.answers == {("series", f"{SECOND:%Y-%m-%d}", name): Said.DECLINED}
    assert story.meetings["series"] == MEETINGS
    assert story.waiting is None


def test_one_of_the_times_in_the_note_about_a_declined_meeting_moves_it(city: City) -> None:
    city.invited()
    city.karim.answer("series", "DECLINED", meeting=SECOND)
    city.tick(SOON)
    assert city.got() == [("sanne", "Karim kan niet")]
    times = times_in(city.sanne.letter())
    assert len(times) == 3

    city.sanne.press(times[0])
    city.tick(SOON)

    requests = [("karim", on("REQUEST", SECOND)), ("sanne", on("REQUEST", SECOND))]
    got = city.got()
    assert (got[:2], got[2][0], got[2][1].split()[:2], len(got)) == (requests, "sanne", ["Verzet", "naar"], 3)
    story = city.settled()
    assert len(set(story.meetings["series"]) & set(MEETINGS)) == len(MEETINGS) - 1
    assert story.answers == {("series", f"{SECOND:%Y-%m-%d}", "sanne"): Said.ACCEPTED}
    assert story.waiting is None


# -- proposals ---------------------------------------------------------------------------------------------------------


WEDNESDAY = _at(50, 11)
MOVED = tuple(WEDNESDAY.astimezone(UTC) if at == SECOND else at for at in MEETINGS)


def test_a_meeting_that_the_mentee_proposes_to_move_is_moved_for_both(city: City) -> None:
    city.invited()

    city.sanne.propose("series", WEDNESDAY, meeting=SECOND)
    city.tick(SOON)

    assert city.got() == [("karim", on("REQUEST", SECOND)), ("sanne", on("REQUEST", SECOND)), ("sanne", "Verzet naar woensdag")]
    story = city.settled()
    assert story.meetings["series"] == MOVED
    assert story.answers == {("series", f"{SECOND:%Y-%m-%d}", "sanne"): Said.ACCEPTED}
    assert story.waiting is None
    assert story.changed == [("series", "single")]

    city.sanne.press(link(city.sanne.letter(), "Voortaan"))
    city.tick(SOON)
    city.tick(SOON)

    assert city.got() == [("karim", "REQUEST"), ("sanne", "REQUEST")]
    story = city.settled()
    assert {(at.astimezone(AMSTERDAM).weekday(), at.astimezone(AMSTERDAM).hour) for at in story.meetings["series"]} == {(2, 11)}


def test_a_meeting_that_the_mentor_proposes_to_move_is_put_to_the_mentee_who_takes_it_over(city: City) -> None:
    city.invited()

    city.karim.propose("series", WEDNESDAY, meeting=SECOND)
    city.tick(SOON)

    assert city.got() == [("sanne", "Karim stelt woensdag")]
    story = city.settled()
    assert story.meetings["series"] == MEETINGS
    assert story.waiting is None

    city.sanne.press(link(city.sanne.letter(), "woensdag"))
    city.tick(SOON)

    assert city.got() == [("karim", on("REQUEST", SECOND)), ("sanne", on("REQUEST", SECOND)), ("sanne", "Verzet naar woensdag")]
    assert city.settled().meetings["series"] == MOVED


@BOTH
def test_a_proposal_for_a_single_event_is_the_mentees_to_make_and_to_take(city: City, name: str) -> None:
    city.invited()

    city.people[name].propose("goals", GOALS - DAY)
    city.tick(SOON)

    if name == "karim":
        assert city.got() == [("sanne", "Karim stelt woensdag")]
        assert city.settled().meetings["goals"] == (GOALS.astimezone(UTC),)
        city.sanne.press(link(city.sanne.letter(), "woensdag"))
        city.tick(SOON)
    assert city.got() == [("karim", "REQUEST"), ("sanne", "REQUEST"), ("sanne", "Verzet naar woensdag")]
    story = city.settled()
    assert story.meetings["goals"] == ((GOALS - DAY).astimezone(UTC),)
    assert story.answers == {("goals", "", "sanne"): Said.ACCEPTED}


def test_a_time_that_can_not_be_is_answered_with_three_that_can(city: City) -> None:
    city.invited()

    city.sanne.propose("series", THIRD, meeting=SECOND)
    city.tick(SOON)

    assert [who for who, _ in city.got()] == ["sanne"]
    assert len(times_in(city.sanne.letter())) == 3
    assert city.settled().meetings["series"] == MEETINGS


# -- the service's calendar is edited ----------------------------------------------------------------------------------
# Two ticks each: what a person does in a calendar rests for ten minutes, since who drags a meeting often does it twice.


def test_a_meeting_that_is_moved_in_the_calendar_is_told_to_both(city: City) -> None:
    city.invited()
    city.move("series", SECOND, WEDNESDAY - SECOND)

    city.tick(SOON)
    assert city.got() == []
    city.tick(QUIET)

    assert city.got() == [("karim", on("REQUEST", SECOND)), ("sanne", on("REQUEST", SECOND))]
    story = city.settled()
    assert story.meetings["series"] == MOVED
    assert story.changed == [("series", "single")]
    assert story.status["trainings"][0]["answers"]["moved"] == 1
    assert story.waiting is None


def test_a_series_that_is_moved_in_the_calendar_is_told_to_both_and_stays_there(city: City) -> None:
    city.invited()
    by = timedelta(days=1, hours=-2)
    city.move("series", None, by)

    city.tick(SOON)
    assert city.got() == []
    city.tick(QUIET)

    assert city.got() == [("karim", "REQUEST"), ("sanne", "REQUEST")]
    story = city.settled()
    assert story.meetings["series"] == tuple(at + by for at in MEETINGS)
    assert story.meetings["goals"] == (GOALS.astimezone(UTC),)
    assert story.waiting is None


@pytest.mark.parametrize("item", ["goals", "series"])
def test_what_is_deleted_in_the_calendar_is_cancelled_for_both_and_never_comes_back(city: City, item: str) -> None:
    city.invited()
    city.remove(city.row(item).href)

    city.tick(SOON)
    assert city.got() == []
    city.tick(QUIET)

    assert city.got() == [("karim", "CANCEL"), ("sanne", "CANCEL")]
    story = city.settled()
    assert story.meetings == ({"series": MEETINGS} if item == "goals" else {"goals": (GOALS.astimezone(UTC),)})
    assert story.waiting is None


def test_a_meeting_that_is_deleted_in_the_calendar_is_cancelled_for_both(city: City) -> None:
    city.invited()
    city.take_out("series", SECOND)

    city.tick(SOON)
    assert city.got() == []
    city.tick(QUIET)

    assert city.got() == [("karim", on("CANCEL", SECOND)), ("sanne", on("CANCEL", SECOND))]
    assert city.settled().meetings["series"] == tuple(at for at in MEETINGS if at != SECOND)


# -- mails of programs -------------------------------------------------------------------------------------------------


@BOTH
def test_who_asks_for_an_invitation_gets_it_again_alone(city: City, name: str) -> None:
    city.invited()
    before = city.people[name].invitation("series")

    city.people[name].refresh("series")
    city.tick(SOON)

    assert city.got() == [(name, "REQUEST")]
    again = city.people[name].invitation("series")
    assert (again["UID"], again["SEQUENCE"], again["DTSTART"].dt) == (before["UID"], before["SEQUENCE"], before["DTSTART"].dt)
    assert city.settled().answers == {}


@BOTH
def test_an_out_of_office_stops_the_clock_and_is_answered_by_nobody(city: City, name: str) -> None:
    city.invited()
    account = city.people[name]

    account.write("Automatisch antwoord: Je gesprekken", "Ik ben er tot maandag niet.", Auto_Submitted="auto-replied")
    city.tick(SOON)

    assert city.got() == []
    assert city.settled().waiting == (account.address, "away")


@pytest.mark.parametrize("gone", ["mentee", "mentor"])
def test_an_address_that_mail_never_reaches_is_told_to_the_coordinator_once_and_not_written_to_again(city: City, gone: str) -> None:
    city.words.persons[WEG] = ("Wim de Weg", "")
    city.words.pairs = ((WEG, KARIM),) if gone == "mentee" else ((SANNE, WEG),)
    other = "karim" if gone == "mentee" else "sanne"
    city.start()

    city.at(WELCOME)
    assert [who for who, _ in city.got()] == [other]
    city.tick(SOON)
    assert [who for who, _ in city.got()] == ["opleidingen"]
    city.at(INVITED)

    assert city.got() == [(other, "REQUEST"), (other, "REQUEST")]
    assert city.written_to()[WEG] == 1  # the welcome letter
    story = city.settled()
    assert [each["address"] for each in story.status["bounced"]] == [WEG]
    assert "5.1.1" in story.status["bounced"][0]["note"]
    assert story.answers == {}


# -- mails of people ---------------------------------------------------------------------------------------------------


def test_a_goal_that_is_sent_is_confirmed_and_comes_back_in_the_next_letter(city: City) -> None:
    city.earlier(14)
    city.invited()
    city.sanne.answer("series", "ACCEPTED")
    city.tick(SOON)
    city.at(INVITED)  # two weeks before the first session
    assert city.got() == [("sanne", "Wat wil je")]

    city.sanne.press(link(city.sanne.letter(), "Doel"), "In elk overleg eerst luisteren\n")
    city.tick(SOON)

    assert city.got() == [("sanne", "Je doel is")]
    assert "In elk overleg eerst luisteren" in str(city.sanne.letter().get_body(("plain",)))
    city.settled()
    [track] = city.engine.taker.plan(city.now, None).programme.tracks.values()
    assert track.mentorship.goals == ("In elk overleg eerst luisteren",)


def test_letters_are_paused_by_the_link_of_a_mail_program_and_begin_again_by_the_one_in_the_answer(city: City) -> None:
    city.earlier(14)
    city.invited()
    unsubscribe = re.fullmatch(r"<(mailto:.*)>", str(city.sanne.letter()["List-Unsubscribe"]))
    assert unsubscribe is not None

    city.sanne.press(unsubscribe[1])
    city.tick(SOON)

    assert city.got() == [("opleidingen", "beklijf: Sanne de"), ("sanne", "Op pauze vanaf")]
    city.at(INVITED)  # the day of the goals letter, and long after that of the friendly nudge
    assert city.got() == []
    city.karim.answer("series", "ACCEPTED")
    city.tick(SOON)
    story = city.settled()
    assert [(each["person"], each["kind"], each["until"]) for each in story.status["paused"]] == [(SANNE, "letters", None)]

    city.sanne.press(link(city.sanne.letter(), "Weer brieven"))
    city.tick(SOON)

    assert city.got() == [("opleidingen", "beklijf: Sanne de"), ("sanne", "Wat wil je"), ("sanne", "Weer begonnen op")]
    assert city.settled().status["paused"] == []


def test_an_answer_from_an_unknown_address_of_the_organisation_is_put_to_the_coordinator(city: City) -> None:
    city.invited()
    alias = city.people["s.devries"]
    alias.kept = city.sanne.kept

    alias.answer("series", "ACCEPTED")
    city.tick(SOON)

    assert [who for who, _ in city.got()] == ["opleidingen"]
    story = city.settled()
    assert story.answers == {}
    assert story.waiting == ("coordinator", "stranger")
    assert [each["address"] for each in story.status["strangers"]] == [alias.address]

    city.words.persons[SANNE] = ("Sanne de Vries", f'also = ["{alias.address}"]')
    city.changed()

    assert city.got() == []
    story = city.settled()
    assert story.answers == {("series", "", "sanne"): Said.ACCEPTED}
    assert (story.waiting, story.status["strangers"]) == (None, [])


def test_what_fits_nothing_goes_to_the_coordinator_as_it_came(city: City) -> None:
    city.invited()

    city.sanne.write("Vraagje", "Mag ik een andere mentor?")
    city.tick(SOON)

    assert [who for who, _ in city.got()] == ["opleidingen"]
    [attached] = list(city.coordinator.letter().iter_attachments())
    assert "Mag ik een andere mentor?" in attached.as_string()
    assert city.settled().answers == {}
    assert city.post.folders() == {"INBOX": 0, "beklijf": 1}


# -- a mailbox full of other things ------------------------------------------------------------------------------------


def test_ten_thousand_mails_of_others_cost_a_tick_one_search_at_most(city: City, certificates: Certificates) -> None:
    newsletter = b"From: news@elders.example\r\nTo: mentor@voorbeeld.example\r\nSubject: Korting %d\r\n\r\nNu kopen\r\n"
    mails = [newsletter % number for number in range(10_000)]
    city.post.put(*mails[:9_000], at=INVITED - 90 * DAY)
    city.post.put(*mails[9_000:])
    with listening(city.post.imaps, tls=certificates.server, beyond=city.post.trust) as wire:
        assert isinstance(city.words, Listening)
        city.words.imaps = wire.port

        city.start()
        first = city.at(WELCOME)
        assert (wire.words.count("UID SEARCH"), wire.words.count("UID FETCH")) == (1, 5)  # of the last month, 500, a hundred at a time
        assert first.next is not None
        assert first.next - WELCOME < SOON  # for there is more
        city.tick(SOON)
        assert wire.words.count("UID FETCH") == 10
        city.at(INVITED)
        city.got()
        assert not [command for command in wire.commands if "BODY.PEEK[]" in command]  # none of them was opened

        city.sanne.answer("series", "ACCEPTED")
        wire.commands.clear()
        city.tick(SOON)
        assert (wire.words.count("UID SEARCH"), wire.words.count("UID FETCH")) == (2, 2)  # the second: is it there still, to be filed?
        wire.commands.clear()
        city.tick(SOON)
        city.tick(SOON)
        assert wire.words == ["EXAMINE", "EXAMINE"]

        assert city.got() == []
        assert city.settled().answers == {("series", "", "sanne"): Said.ACCEPTED}
        assert city.post.folders() == {"INBOX": 10_000, "beklijf": 1}


DEEP = (
    f"From: {SANNE}\r\nTo: {ORGANIZER}\r\nMIME-Version: 1.0\r\n"
    + "".join(f'Content-Type: multipart/mixed; boundary="{level}"\r\n\r\n--{level}\r\n' for level in range(5_000))
    + "Content-Type: text/plain\r\n\r\nhoi\r\n"
).encode()
"""A mail of parts in parts, at which Python's parser gives up."""


def _hostile(uid: str) -> Iterator[bytes]:
    """Yield mails that want to stop, fill or misuse whoever reads them; *uid* is that of a series of ours."""
    place, other = f"{MEETINGS[1]:%Y%m%dT%H%M%SZ}", f"{WEDNESDAY.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    for sender in ("guest@elders.example", SANNE, f"{KARIM}, x@elders.example"):
        for method in ("REPLY", "COUNTER", "REQUEST", "CANCEL", "REFRESH"):
            yield _brought(sender, method, _event(uid, KARIM, f"DTSTART:{other}", f"RECURRENCE-ID:{place}"))
    yield DEEP
    yield _brought(SANNE, "REPLY", *[_event(uid, "x@elders.example")] * 5_000)
    yield _brought(SANNE, "REPLY", _event(uid, SANNE, "RRULE:FREQ=SECONDLY;COUNT=999999999").replace("DECLINED", "NONSENSE"))
    head = f"From: {SANNE}\r\nTo: {ORGANIZER}\r\n".encode()
    yield head + b"".join(b"X-%d: %b\r\n" % (number, b"x" * 60) for number in range(50_000)) + b"\r\nhoi\r\n"
    yield head + b"Subject: =?utf-8?q?" + b"=41" * 1_000_000 + b"?=\r\n\r\nhoi\r\n"
    yield head + b"\r\n" + b"hoi " * 5_000_000
    report = 'From: MAILER-DAEMON@elders.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="B"\r\n\r\n'
    report += "--B\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n"
    report += "".join(f"\r\nFinal-Recipient: rfc822; {who}\r\nAction: failed\r\nStatus: 5.1.1\r\n" for who in (SANNE, KARIM) * 1_000)
    yield f"{report}\r\n--B--\r\n".encode()
    yield from (path.read_bytes() for path in sorted(CORPUS.glob("*.eml")))


def _brought(sender: str, method: str, *events: str) -> bytes:
    head = f"From: {sender}\r\nReply-To: x@elders.example\r\nContent-Type: text/calendar; method={method}; charset=utf-8\r\n\r\n"
    return (head + "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", f"METHOD:{method}", *events, "END:VCALENDAR", ""])).encode()


def _event(uid: str, attendee: str, *lines: str) -> str:
    said = ["DTSTAMP:20260101T000000Z", "SEQUENCE:9", f"ATTENDEE;PARTSTAT=DECLINED:mailto:{attendee}", *lines]
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", *said, "END:VEVENT"])


def test_a_mail_that_nothing_can_take_apart_reaches_the_coordinator_as_it_came_even_at_the_second_try(city: City) -> None:
    city.invited()
    access = city.post.files / "etc/proof/access"
    access.write_text(f"{COORDINATOR} 450 4.2.1 mailbox is busy\n", encoding="utf-8")
    city.post.put(DEEP)

    city.start()
    city.tick(SOON)
    [waiting] = city.engine.outbox.open_mails()
    access.write_text("", encoding="utf-8")
    city.start()
    city.tick(timedelta(hours=1))

    assert (waiting.recipient, waiting.attempts) == (COORDINATOR, 1)
    city.post.carried()
    assert city.engine.outbox.open_mails() == []
    with city.post.reading("opleidingen") as box:
        [(_, arrived)] = _mails(box, 0)
    assert DEEP.rstrip() in arrived


def test_hostile_mails_stop_nothing_move_nothing_and_make_the_service_write_to_the_coordinator_alone(city: City) -> None:
    city.invited()
    before = city.calendar_now()
    mails = list(_hostile(city.row("series").uid))
    city.post.put(*mails)
    city.sanne.answer("series", "ACCEPTED")

    ticks = -(-len(mails) // 100)  # so many are taken in at once
    outcomes = [city.tick(SOON) for _ in range(ticks)]

    assert [outcome.errors for outcome in outcomes] == [[]] * ticks
    assert set(city.written_to()) <= {SANNE, KARIM, COORDINATOR, ORGANIZER}
    city.post.carried()
    arrived = {name: city.post.folders(name)["INBOX"] for name in PEOPLE}
    assert 0 < arrived.pop("opleidingen") <= 100
    assert arrived == {"sanne": 3, "karim": 3, "noor": 0, "servicedesk": 0, "s.devries": 0}
    story = city.story()
    assert story.calendar == before
    assert story.answers == {("series", "", "sanne"): Said.ACCEPTED}
    assert story.status["bounced"] == story.status["paused"] == []
    assert sum(path.stat().st_size for path in city.folder.glob("state.sqlite3*")) < 50_000_000
