"""Ten thousand broken answers of each kind of server, at random points of a track: when it is well again, all is as it should be.

Each day of the track has some ticks over a line that garbles, and then as many as it takes over one that doesn't. The end is
held against a track that nobody disturbed. What a mail server refused for good is missing, and named; what it may have
taken without saying so comes at most once more.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from imapclient import IMAPClient  # type: ignore[import-untyped]  # has annotations, but doesn't say so (no py.typed)
from tests.caldav_servers import free_port
from tests.fakes.company import Company
from tests.fakes.makers import MAKERS, ORGANIZER
from tests.imap_server import PASSWORD
from tests.system.story import Town, itip_of, letter_of, maildir, story
from tests.thorough.lines import http_line, text_line

from beklijf import config
from beklijf.mime.messages import parse
from beklijf.model import canonical
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import EmailMessage
    from pathlib import Path
    from random import Random

    from tests.certificates import Certificates
    from tests.fakes.tokens import Pair
    from tests.thorough.campaign import Begin
    from tests.thorough.children import Nursery
    from tests.thorough.lines import Line


pytestmark = pytest.mark.thorough

PAIRS = 3
SHARE = 0.25
"""Of the answers in a garbled tick that many are broken."""
TICKS = 4
"""Garbled ones, each day."""
LIES = ("another code", "another status", "later", "elsewhere")
"""Habits that say "not now" or "not here" to a mail that was taken: who is told so sends it again."""
WANTED, MINUTES = 10_000, 15.0
NUMBERS = count()
FOLDER_INBOX = '[inbox]\nkind = "folder"\npath = "inbox"'
OUTBOX = '[mail]\nkind = "folder"\npath = "outbox"'
CALENDAR = f'[calendar]\nkind = "folder"\npath = "calendars"\norganizer = {{ name = "Mentorprogramma", email = "{ORGANIZER}" }}'


@dataclass(kw_only=True)
class Place:
    """Where a track is lived through: servers of its own, or an account of its own on them."""

    town: Town
    line: Line
    mails: Callable[[Town], list[tuple[str, EmailMessage]]]
    """What came to people, each mail with its Message-ID."""
    brought: Callable[[], Counter[tuple[str, str]]] = Counter
    """What a server that invites brought to whom."""


@dataclass(frozen=True)
class End:
    events: dict[str, tuple[object, ...]]
    mails: Counter[tuple[str, ...]]
    """Letters and invitations of people; staff hears of trouble, and may."""
    brought: Counter[tuple[str, str]]
    heard: frozenset[tuple[str, ...]]
    twice: int
    """Mails that came once more."""
    named: Counter[str]
    """Whom mails of ours never reached, or perhaps, as ``status`` names them: by address."""
    again: int
    """Mails that were sent once more, as the journal says."""


def healthy(place: Place, nursery: Nursery) -> None:
    """Tick until nothing is left to do, as long as back-offs last."""
    town = place.town
    for _ in range(60):
        ticked = nursery.tick(town.folder, town.now)
        soon = ticked.next is not None and ticked.next - town.now < timedelta(hours=5)
        if not ticked.did and not soon:
            return
        later = town.now + timedelta(minutes=11)
        town.now = max(later, ticked.next) if soon and ticked.next is not None and not ticked.did else later
    raise AssertionError(f"there is always something left to do: {ticked.problems}")


def lived(place: Place, nursery: Nursery, dice: Random | None) -> End:
    """Live through the track; without *dice* undisturbed."""
    for chapter in place.town.story:
        place.town.begin(chapter)
        if dice is not None:
            place.line.dice, place.line.share = dice, SHARE
            for _ in range(TICKS):
                nursery.tick(place.town.folder, place.town.now)
                place.town.now += timedelta(minutes=2)
            place.line.share = 0.0
        healthy(place, nursery)
    return end_of(place)


def end_of(place: Place) -> End:
    town = place.town
    with opened(config.load(town.folder / "config.toml")) as engine:
        rows = {row.uid: row for row in engine.ledger.rows().values()}
        stored = engine.calendar.changes(None).changed
        names = Counter(mail.recipient for mail in engine.outbox.open_mails())
        heard = frozenset(map(tuple, engine.ledger.db.execute("SELECT said, uid, recurrence_id, who FROM heard WHERE said != 'invited'")))
    events = [(rows[each.event.uid].ref if each.event.uid in rows else "", each.event) for each in stored]
    mails = dict(place.mails(town))
    twice = sum(Counter(name for name, _ in place.mails(town)).values()) - len(mails)
    told = Counter(itip_of(mail) or letter_of(mail) for mail in mails.values() if str(mail["To"]).startswith(("mentee", "mentor")))
    log = town.log()
    return End(
        events={ref: (canonical.meetings(event), event.location, event.people, event.title) for ref, event in events},
        mails=Counter({what: n for what, n in told.items() if ORGANIZER not in what}),
        brought=place.brought(),
        heard=heard,
        twice=twice,
        named=names,
        again=len(re.findall("sending once more under the same Message-ID", log)),
    )


def search(name: str, make: Callable[[Path], Iterator[Place]], tmp_path: Path, nursery: Nursery, begin: Begin) -> None:
    campaign = begin(name, wanted=WANTED, minutes=MINUTES)
    place_in = contextmanager(make)
    with place_in(tmp_path / "calm") as calm:
        wanted = lived(calm, nursery, None)
    for dice in campaign.cases():
        folder = tmp_path / f"case{campaign.case}"
        with place_in(folder) as place:
            end = lived(place, nursery, dice)
        missing, more = wanted.mails - end.mails, end.mails - wanted.mails
        told = f"{campaign} {dict(place.line.habits)}"
        assert end.events == wanted.events, told
        assert end.heard == wanted.heard, told
        assert end.brought == wanted.brought, told
        assert not more, f"{told}: {more}"
        assert sum(missing.values()) <= sum(end.named.values()), f"{told}: {missing}"
        lies = sum(place.line.habits[name] for name in LIES)
        assert end.twice <= end.again + lies, told
        campaign.count(sum(place.line.habits.values()), refused=sum(missing.values()), twice=end.twice)
        shutil.rmtree(folder)


# -- servers of standards ----------------------------------------------------------------------------------------------


def by_name(town: Town) -> list[tuple[str, EmailMessage]]:
    return [(str(mail["Message-ID"]), mail) for mail in maildir(town)]


def test_a_caldav_server(tmp_path: Path, nursery: Nursery, begin: Begin, radicale: str) -> None:
    def make(folder: Path) -> Iterator[Place]:
        folder.mkdir()
        (folder / "password").write_text("any\n", encoding="utf-8")
        user = f"u{next(NUMBERS)}"
        with http_line(radicale) as line:
            login = f'url = "http://127.0.0.1:{line.port}/{user}/"\nuser = "{user}"\npassword = {{ file = "password" }}\nname = "M"'
            organizer = f'organizer = {{ name = "Mentorprogramma", email = "{ORGANIZER}" }}'
            backends = f'[calendar]\nkind = "caldav"\n{login}\n{organizer}\n{OUTBOX}'
            yield Place(town=Town(folder=folder, backends=backends, story=story(PAIRS)), line=line, mails=by_name)

    search("caldav", make, tmp_path, nursery, begin)


class Post:
    """Takes mails by SMTP."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: ANN401, N802  # aiosmtpd's
        self.taken.append(envelope.content)
        return "250 OK"


def test_a_mail_server(tmp_path: Path, nursery: Nursery, begin: Begin, certificates: Certificates) -> None:
    def make(folder: Path) -> Iterator[Place]:
        folder.mkdir()
        post = Post()
        port = free_port()
        door = Controller(post, hostname="127.0.0.1", port=port, auth_require_tls=False)
        door.start()

        def mails(_town: Town) -> list[tuple[str, EmailMessage]]:
            return [(str(mail["Message-ID"]), mail) for mail in map(parse, post.taken)]

        try:
            with text_line(port, certificates.server, smtp=True) as line:
                smtp = f'[mail]\nkind = "smtp"\nhost = "127.0.0.1"\nport = {line.port}\nsecurity = "tls"\nper_minute = 10000'
                backends = f'{CALENDAR}\n{smtp}\nca = "{certificates.ca}"'
                yield Place(town=Town(folder=folder, backends=backends, story=story(PAIRS)), line=line, mails=mails)
        finally:
            door.stop()

    search("smtp", make, tmp_path, nursery, begin)


@dataclass(kw_only=True)
class WithImap(Town):
    """A town whose mail comes to a mailbox by IMAP."""

    imap: str
    put: Callable[[Path, datetime], None]

    def begin(self, chapter: Any) -> None:  # noqa: ANN401  # a chapter of the story
        super().begin(chapter)
        path = self.folder / "config.toml"
        path.write_text(path.read_text(encoding="utf-8").replace(FOLDER_INBOX, self.imap), encoding="utf-8")
        for mail in sorted((self.folder / "inbox" / "new").iterdir()):
            self.put(mail, self.now)
            mail.unlink()


def test_a_mailbox_by_imap(tmp_path: Path, nursery: Nursery, begin: Begin, certificates: Certificates, pymap: int) -> None:
    def put(mail: Path, now: datetime) -> None:
        with IMAPClient("127.0.0.1", pymap, ssl=False, timeout=60) as client:
            client.plain_login("beklijf", PASSWORD)
            client.append("INBOX", mail.read_bytes(), msg_time=now)

    def make(folder: Path) -> Iterator[Place]:
        (folder / "inbox" / "new").mkdir(parents=True)
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        with IMAPClient("127.0.0.1", pymap, ssl=False, timeout=60) as client:
            client.plain_login("beklijf", PASSWORD)
            client.select_folder("INBOX")
            client.delete_messages(client.search(), silent=True)
            client.expunge()
        with text_line(pymap, certificates.server, smtp=False) as line:
            who = f'user = "beklijf"\npassword = {{ file = "password" }}\nca = "{certificates.ca}"'
            imap = f'[inbox]\nkind = "imap"\nhost = "127.0.0.1"\nport = {line.port}\n{who}'
            town = WithImap(folder=folder, backends=f"{CALENDAR}\n{OUTBOX}", story=story(PAIRS), imap=imap, put=put)
            yield Place(town=town, line=line, mails=by_name)

    search("imap", make, tmp_path, nursery, begin)


# -- servers of makers -------------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Firm(Town):
    """A town whose calendars, and with two makers its mail, are with one of them."""

    company: Company
    own_mail: str
    """What the config says of mail, if that is with the maker too."""
    read: int = field(default=0)

    def begin(self, chapter: Any) -> None:  # noqa: ANN401  # a chapter of the story
        later, words, say = chapter
        super().begin((later, words, None))
        self.company.now = self.now
        path = self.folder / "config.toml"
        if self.own_mail:
            inbox = self.own_mail.replace("[mail]", "[inbox]")
            path.write_text(path.read_text(encoding="utf-8").replace(FOLDER_INBOX, inbox), encoding="utf-8")
        if say is not None and not self.said:
            self.said += 1
            for entry in [each for each in self.company.entries.values() if each.original and each.rhythm]:
                self.company.respond(entry, "ACCEPTED" if "mentee1" in entry.mailbox else "TENTATIVE")


def test_makers_servers(tmp_path: Path, nursery: Nursery, begin: Begin, kind: str, pair: Pair) -> None:
    def make(folder: Path) -> Iterator[Place]:
        (folder / "inbox" / "new").mkdir(parents=True)
        company = Company()
        company.hire(ORGANIZER, "Mentorprogramma")
        for n in range(PAIRS):
            for who in ("mentee", "mentor"):
                company.hire(f"{who}{n}@voorbeeld.example", f"{who.title()} {n}")
        with ExitStack() as stack:
            maker = MAKERS[kind](folder, company, pair, stack)
            [url] = re.findall(r'(?<!key\.)url = "(http://127\.0\.0\.1:\d+)', maker.calendar)
            line = stack.enter_context(http_line(url))
            maker.onto(f"http://127.0.0.1:{line.port}")
            calendar = maker.calendar.replace(url, f"http://127.0.0.1:{line.port}")
            organizer = f'organizer = {{ name = "Mentorprogramma", email = "{ORGANIZER}" }}'
            mail = f'[mail]\nkind = "{kind}"' if kind != "google" else ""

            def mails(town: Town) -> list[tuple[str, EmailMessage]]:
                sent = [(str(each["Message-ID"]), each) for each in (parse(raw) for _, _, raw in company.sent)]
                return [*sent, *by_name(town)]

            def brought() -> Counter[tuple[str, str]]:
                return Counter((box.address, method) for box in company.mailboxes.values() for method in box.news)

            backends = f"[calendar]\n{organizer}\n{calendar}\n{mail or OUTBOX}"
            town = Firm(folder=folder, backends=backends, story=story(PAIRS), company=company, own_mail=mail)
            yield Place(town=town, line=line, mails=mails, brought=brought)

    search(kind, make, tmp_path, nursery, begin)


@pytest.fixture(params=MAKERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)
