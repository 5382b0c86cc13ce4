"""Whole installations against a mail server with STARTTLS and AUTH that misbehaves: who gets what, and what is said of it."""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import pytest

from beklijf import config
from beklijf.model.errors import Down
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from beklijf.ledger.outbox import Mail
    from beklijf.tick.engine import Engine
    from beklijf.tick.outcome import Outcome

    class Taken(Protocol):
        recipient: str
        content: bytes
        message_id: str

    class Post(Protocol):
        replies: dict[tuple[str, str], str]
        taken: list[Taken]
        asked: Counter[str]

    class Office(Protocol):
        """A mail server as ``conftest`` starts it."""

        toml: str
        post: Post
        folder: Path

        def open(self) -> None: ...
        def close(self) -> None: ...


PEOPLE = tuple(f"{who}@voorbeeld.example" for who in ("anna", "bram", "carla", "dirk", "eva", "frits"))
ANNA, BRAM = PEOPLE[:2]
EACH_ONE = Counter(PEOPLE)
WELCOME = datetime(2026, 12, 14, 9, 0, tzinfo=UTC)
"""The welcome letters of all six are due."""


def toml(mail: str) -> str:
    parts = [
        '[organisation]\nname = "Gemeente Voorbeeld"\ntime_zone = "Europe/Amsterdam"\nlanguage = "nl"\nholidays = ""',
        'letter_hour = 09:00:00\ncoordinator = { name = "Marieke Smit", email = "opleidingen@voorbeeld.example" }',
        '[calendar]\nkind = "folder"\npath = "calendars"',
        'organizer = { name = "Mentorprogramma", email = "mentor@voorbeeld.example" }',
        f'{mail}[service]\nstate = "state.sqlite3"',
        '[[training]]\nid = "t"\nname = "Helder schrijven"\npurpose = "brieven die iedereen begrijpt"',
        'sessions = [2027-01-12, 2027-02-16]\nstate = "live"\nmeets = { day = "thu", at = 10:00:00 }',
    ]
    for mentee, mentor in zip(PEOPLE[::2], PEOPLE[1::2], strict=True):
        parts.append(f'[[training.mentorship]]\nmentee = "{mentee}"\nmentor = "{mentor}"')
    parts += [f'[[person]]\nname = "{email.partition("@")[0].title()} Jansen"\nemail = "{email}"' for email in PEOPLE]
    return "\n".join(parts) + "\n"


@dataclass
class House:
    """One installation on the server's mail, and its clock."""

    folder: Path
    office: Office
    engine: Engine = field(init=False)
    stack: ExitStack = field(default_factory=ExitStack)
    now: datetime = WELCOME

    def start(self) -> None:
        self.stack.close()
        path = self.folder / "config.toml"
        path.write_text(toml(self.office.toml), encoding="utf-8")
        self.engine = self.stack.enter_context(opened(config.load(path)))

    def tick(self, later: timedelta = timedelta()) -> Outcome:
        self.now += later
        return self.engine.tick(self.now)

    def got(self) -> Counter[str]:
        """Return how many mails each person has got."""
        return Counter(taken.recipient for taken in self.office.post.taken)

    def names(self) -> Counter[str]:
        return Counter(taken.message_id for taken in self.office.post.taken)

    def waiting(self) -> list[Mail]:
        return self.engine.outbox.open_mails()

    def states(self) -> Counter[str]:
        return Counter(mail.state for mail in self.waiting())

    def planned(self) -> Counter[str]:
        """Return to whom a tick would send something now."""
        return Counter(address for change in self.engine.plan(self.now).changes for address in change.to)


@pytest.fixture
def house(tmp_path: Path, office: Office) -> Iterator[House]:
    made = House(tmp_path, office)
    made.start()
    yield made
    made.stack.close()


@pytest.fixture
def replies(office: Office) -> dict[tuple[str, str], str]:
    return office.post.replies


HOURS = timedelta(hours=4, minutes=1)
"""As long as anything ever waits for another try."""


def test_everybody_gets_their_letter_once_by_starttls_and_auth(house: House) -> None:
    outcome = house.tick()

    assert house.got() == EACH_ONE
    assert outcome.problems == []
    assert house.waiting() == []
    assert house.planned() == Counter()
    assert house.tick(HOURS).delivered.sent == []


def test_a_mailbox_that_is_busy_gets_its_letter_later_and_the_others_at_once(house: House, replies: dict[tuple[str, str], str]) -> None:
    replies["RCPT", ANNA] = "450 4.2.1 mailbox busy"

    outcome = house.tick()
    [mail] = house.waiting()
    early = house.tick(timedelta(minutes=4)).delivered.sent
    replies.clear()
    house.tick(timedelta(minutes=2))

    assert outcome.delivered.down is None
    [problem] = outcome.problems
    assert problem.where == ANNA
    assert problem.warning
    assert "450 4.2.1 mailbox busy" in problem.what
    assert (mail.recipient, mail.state, mail.attempts, mail.retry_at) == (ANNA, "waiting", 1, WELCOME + timedelta(minutes=5))
    assert "450 4.2.1 mailbox busy" in mail.note
    assert early == []
    assert house.got() == EACH_ONE


def test_a_busy_mailbox_is_tried_ever_less_often_but_at_least_every_four_hours(
    house: House, replies: dict[tuple[str, str], str], office: Office
) -> None:
    replies["RCPT", ANNA] = "450 4.2.1 mailbox busy"
    house.tick()
    waits = []

    for _ in range(9):
        [mail] = house.waiting()
        assert mail.retry_at is not None
        waits.append((mail.retry_at - house.now) / timedelta(minutes=1))
        house.tick(mail.retry_at - house.now)

    assert waits == [5, 10, 20, 40, 80, 160, 240, 240, 240]
    assert office.post.asked[ANNA] == 10
    assert house.planned()[ANNA] == 0
    assert house.states() == {"waiting": 1}


def test_a_mailbox_that_does_not_exist_fails_for_good_and_is_named(
    house: House, replies: dict[tuple[str, str], str], caplog: pytest.LogCaptureFixture, office: Office
) -> None:
    replies["RCPT", ANNA] = "550 5.1.1 no such mailbox"

    with caplog.at_level(logging.ERROR):
        outcome = house.tick()
    house.tick(HOURS)
    house.tick(HOURS)

    assert house.got() == EACH_ONE - Counter([ANNA])
    assert office.post.asked[ANNA] == 1
    assert [(mail.recipient, mail.state) for mail in house.waiting()] == [(ANNA, "failed")]
    assert "550 5.1.1 no such mailbox" in " ".join(map(str, outcome.problems))
    assert [record.getMessage() for record in caplog.records if ANNA in record.getMessage()]


def test_a_connection_lost_in_the_middle_of_data_sends_that_mail_again_under_its_name(
    house: House, replies: dict[tuple[str, str], str]
) -> None:
    replies["CONTENT", ANNA] = "cut"

    house.tick()
    [mail] = house.waiting()
    replies.clear()
    house.tick(timedelta(minutes=6))

    assert (mail.recipient, mail.state) == (ANNA, "waiting")
    assert "may have arrived all the same" in mail.note
    assert house.got() == EACH_ONE
    assert house.waiting() == []


def test_a_mail_that_is_never_answered_goes_out_twice_and_is_then_left_to_people(
    house: House, replies: dict[tuple[str, str], str], office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    replies["CONTENT", ANNA] = "drop"
    with caplog.at_level(logging.WARNING):
        house.tick()
        [first] = house.waiting()
        outcome = house.tick(timedelta(minutes=6))
        [left] = house.waiting()
    replies.clear()
    for _ in range(3):
        house.tick(HOURS)

    assert (first.state, first.unanswered) == ("waiting", True)
    assert (left.recipient, left.state, left.content) == (ANNA, "perhaps", None)
    assert f"Message-ID {left.message_id}" in left.note
    assert [problem.where for problem in outcome.problems] == [ANNA]
    assert house.planned()[ANNA] == 0
    assert house.got() == EACH_ONE + Counter([ANNA])
    assert len({taken.message_id for taken in office.post.taken if taken.recipient == ANNA}) == 1
    said = [record.getMessage() for record in caplog.records]
    assert sum("sending once more under the same Message-ID" in line for line in said) == 1
    assert sum("was perhaps sent" in line for line in said) == 1


def test_a_no_for_now_to_the_second_attempt_leaves_the_one_more_that_a_mail_has(house: House, replies: dict[tuple[str, str], str]) -> None:
    replies["CONTENT", ANNA] = "drop"
    house.tick()
    replies["CONTENT", ANNA] = "451 4.3.0 try later"
    house.tick(timedelta(minutes=6))
    house.tick(HOURS)
    [mail] = house.waiting()
    replies["CONTENT", ANNA] = "drop"
    house.tick(HOURS)

    assert (mail.state, mail.unanswered) == ("waiting", True)
    assert house.states() == {"perhaps": 1}
    assert house.got() == EACH_ONE + Counter([ANNA])


def test_a_refusal_of_the_second_attempt_says_that_the_first_may_have_arrived(house: House, replies: dict[tuple[str, str], str]) -> None:
    replies["CONTENT", ANNA] = "drop"
    house.tick()
    replies["RCPT", ANNA] = "550 5.1.1 no such mailbox"
    house.tick(timedelta(minutes=6))

    [mail] = house.waiting()

    assert mail.state == "failed"
    assert "550 5.1.1 no such mailbox; an attempt before was never answered, and may have arrived" in mail.note


def test_a_crash_in_the_middle_of_an_attempt_counts_as_one_without_an_answer(house: House, replies: dict[tuple[str, str], str]) -> None:
    replies["RCPT", ANNA] = "450 4.2.1 mailbox busy"
    house.tick()
    [mail] = house.waiting()
    with house.engine.ledger.write():  # as SIGKILL leaves it, with the content under way
        house.engine.outbox.claim(mail, content=mail.content or b"", message_id=mail.message_id or "")
        house.engine.outbox.sending(mail)
    replies["RCPT", ANNA] = ""
    replies["CONTENT", ANNA] = "drop"
    house.start()
    house.tick()

    assert house.states() == {"perhaps": 1}
    assert house.got() == EACH_ONE


def test_a_connection_lost_before_the_answer_may_send_twice_but_only_the_same_mail(
    house: House, replies: dict[tuple[str, str], str], office: Office
) -> None:
    replies["CONTENT", ANNA] = "drop"

    house.tick()
    replies.clear()
    house.tick(timedelta(minutes=6))
    house.tick(HOURS)

    twice = [taken for taken in office.post.taken if taken.recipient == ANNA]
    assert house.got() == EACH_ONE + Counter([ANNA])
    assert len({taken.message_id for taken in twice}) == 1
    assert twice[0].content == twice[1].content


def test_a_login_that_is_refused_is_our_fault_so_nothing_fails_and_the_next_login_sends_all(
    house: House, replies: dict[tuple[str, str], str], caplog: pytest.LogCaptureFixture
) -> None:
    replies["AUTH", ""] = "535 5.7.8 credentials invalid"

    with caplog.at_level(logging.WARNING):
        outcome = house.tick()
        house.tick(timedelta(minutes=6))
    refused = house.states()
    planned = house.planned()
    replies.clear()
    with caplog.at_level(logging.WARNING):
        house.tick(HOURS)

    assert isinstance(outcome.delivered.down, Down)
    assert refused == {"waiting": len(PEOPLE)}
    assert planned == EACH_ONE
    assert house.got() == EACH_ONE
    said = [record.getMessage() for record in caplog.records]
    assert sum("is down" in line for line in said) == 1
    assert sum("is back" in line for line in said) == 1
    assert not any("een lang wachtwoord" in line for line in said)


def test_the_same_refusal_for_everybody_is_our_fault_and_nobodys_letter_fails(house: House, replies: dict[tuple[str, str], str]) -> None:
    replies["RCPT", ""] = "554 5.1.8 this sender may not do that"

    outcome = house.tick()
    refused = house.states()
    replies.clear()
    house.tick(HOURS)

    assert isinstance(outcome.delivered.down, Down)
    assert outcome.delivered.failed == []
    assert refused == {"waiting": len(PEOPLE)}
    assert house.got() == EACH_ONE


def test_a_policy_that_hits_everybody_stops_the_mail_and_fails_nothing(house: House, replies: dict[tuple[str, str], str]) -> None:
    replies["RCPT", ""] = "550 5.7.1 relaying denied"

    outcome = house.tick()
    refused = house.states()
    replies.clear()
    house.tick(HOURS)

    assert isinstance(outcome.delivered.down, Down)
    assert refused == {"waiting": len(PEOPLE)}
    assert house.got() == EACH_ONE


@pytest.mark.parametrize("poisoned", PEOPLE)
def test_one_mailbox_that_a_policy_refuses_keeps_nobody_elses_letter(
    house: House, replies: dict[tuple[str, str], str], poisoned: str
) -> None:
    replies["RCPT", poisoned] = "550 5.7.1 recipient rejects mail from outside"

    house.tick()
    house.tick(HOURS)

    assert house.got() == EACH_ONE - Counter([poisoned])
    assert [(mail.recipient, mail.state) for mail in house.waiting()] == [(poisoned, "failed")]


def test_a_sender_that_the_server_will_not_have_is_our_fault(house: House, replies: dict[tuple[str, str], str]) -> None:
    replies["MAIL", ""] = "553 5.1.8 sender address rejected"

    outcome = house.tick()
    refused = house.states()
    replies.clear()
    house.tick(HOURS)

    assert isinstance(outcome.delivered.down, Down)
    assert refused == {"waiting": len(PEOPLE)}
    assert house.got() == EACH_ONE


def test_a_server_that_is_away_loses_nothing_and_is_told_of_once_when_it_goes_and_once_when_it_is_back(
    house: House, office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.close()

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            outcome = house.tick(timedelta(minutes=20))
        away = house.states()
        office.open()
        house.tick(HOURS)

    assert outcome.delivered.down is not None
    assert away == {"waiting": len(PEOPLE)}
    assert house.got() == EACH_ONE
    assert set(house.names().values()) == {1}
    said = [record.getMessage() for record in caplog.records]
    assert [line.rpartition(" ")[2] for line in said if "is back" in line] == ["back"]
    assert sum("is down" in line for line in said) == 1


def test_invitations_wait_for_a_welcome_letter_that_could_not_be_sent(house: House, office: Office) -> None:
    office.close()
    house.tick()
    house.tick(timedelta(days=1))
    made = list((house.folder / "calendars").glob("*/*.ics"))

    office.open()
    house.tick(HOURS)
    house.tick(timedelta(minutes=5))

    assert made == []
    kinds = ["invitation" if b"text/calendar" in taken.content else "letter" for taken in office.post.taken if taken.recipient == ANNA]
    assert kinds == ["letter", "invitation", "invitation"]


def test_a_restart_in_between_sends_what_was_waiting_with_the_bytes_that_it_had(
    house: House, replies: dict[tuple[str, str], str], office: Office
) -> None:
    replies["RCPT", ANNA] = "450 4.2.1 mailbox busy"
    house.tick()
    [mail] = house.waiting()

    replies.clear()
    house.start()
    house.tick(timedelta(minutes=6))

    [taken] = [taken for taken in office.post.taken if taken.recipient == ANNA]
    assert mail.content is not None
    assert taken.content.rstrip() == mail.content.rstrip()
    assert house.got() == EACH_ONE


def test_a_password_file_that_is_gone_loses_nothing(house: House, office: Office) -> None:
    password = office.folder / "password"
    kept = password.read_text(encoding="utf-8")
    password.unlink()

    with pytest.raises(Exception, match="password"):  # what exactly, `credentials` decides
        house.tick()
    waiting = house.states()
    password.write_text(kept, encoding="utf-8")
    house.tick(HOURS)

    assert waiting == {"waiting": len(PEOPLE)}
    assert house.got() == EACH_ONE
