"""The outbox: each mail once, the newest word replaces what nobody has read, and what is over says no more."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import pytest

from beklijf.ledger import Ledger, Row
from beklijf.ledger.outbox import Outbox, load_copy
from beklijf.model.canonical import dump
from beklijf.model.conversation import Copy
from beklijf.model.domain import Contact, Event, Kind, MentorshipKey, Ref
from beklijf.model.errors import StateError
from beklijf.tick.outages import back_off

if TYPE_CHECKING:
    from collections.abc import Iterator

    from beklijf.ledger.outbox import Mail

NOW = datetime(2027, 1, 4, 9, 0, tzinfo=UTC)
SANNE, KARIM = "sanne@voorbeeld.example", "karim@voorbeeld.example"
SINGLE = "2027-02-04T14:00:00+00:00"


EVENT = Event(
    uid="1@beklijf",
    start=NOW + timedelta(days=17),
    minutes=60,
    recurrence=None,
    overrides=(),
    title="Mentorgesprek",
    text="",
    location="",
    organizer=Contact("Mentorprogramma", "mentor@voorbeeld.example"),
    people=(Contact("Karim", KARIM), Contact("Sanne", SANNE)),
    alarms=(),
    free=False,
)
ROW = Row(
    uid=EVENT.uid,
    ref=Ref(f"t/{SANNE}/series"),
    generation=1,
    kind=Kind.SERIES,
    training="t",
    mentorships=(MentorshipKey(f"t/{SANNE}"),),
    persons=(SANNE, KARIM),
    hour="",
    state="live",
    asked=dump(EVENT),
    seen=dump(EVENT),
)


class Desk:
    """A ledger and its outbox, each call in a transaction of its own."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.outbox = Outbox(ledger)

    def invite(
        self,
        method: Literal["REQUEST", "CANCEL"] = "REQUEST",
        *,
        to: str = SANNE,
        recurrence_id: str = "",
        sequence: int = 0,
        uid: str = "1@beklijf",
        again: str = "",
    ) -> None:
        at = datetime.fromisoformat(recurrence_id) if recurrence_id else None
        with self.ledger.write():
            self.outbox.add_invitation(
                replace(ROW, uid=uid, sequence=sequence),
                EVENT,
                Copy(sequences={None: 0, at: sequence}),
                to=Contact("", to),
                method=method,
                about="update",
                recurrence_id=at,
                now=NOW,
                again=again,
            )

    def send(self, mail: Mail) -> None:
        with self.ledger.write():
            self.outbox.claim(mail, content=b"..", message_id="<1@x>")
            self.outbox.sent(mail)

    def due(self, later: timedelta = timedelta()) -> list[Mail]:
        return self.outbox.due(NOW + later)

    def names(self) -> list[str]:
        return [mail.name for mail in self.due()]


@pytest.fixture
def desk() -> Iterator[Desk]:
    with closing(Ledger(None)) as ledger:
        yield Desk(ledger)


def test_a_newer_revision_replaces_one_that_nobody_has_got(desk: Desk) -> None:
    desk.invite(sequence=0)
    desk.invite(sequence=1)

    assert desk.names() == [f"REQUEST 1@beklijf  {SANNE} 1"]


def test_a_newer_revision_follows_one_that_went_out(desk: Desk) -> None:
    desk.invite(sequence=0)
    desk.send(desk.due()[0])

    desk.invite(sequence=1)

    assert desk.names() == [f"REQUEST 1@beklijf  {SANNE} 1"]


def test_a_newer_revision_leaves_one_alone_that_may_have_arrived(desk: Desk) -> None:
    desk.invite(sequence=0)
    with desk.ledger.write():
        [mail] = desk.due()
        desk.outbox.claim(mail, content=b"..", message_id="<1@x>")
        desk.outbox.sending(mail)

    desk.invite(sequence=1)

    assert [(mail.name[-1], mail.state) for mail in desk.outbox.open_mails()] == [("0", "sending"), ("1", "waiting")]


def test_what_one_gets_replaces_nothing_of_another_or_of_another_event(desk: Desk) -> None:
    desk.invite()
    desk.invite(to=KARIM)
    desk.invite(uid="2@beklijf")

    assert len(desk.due()) == 3


def test_a_cancel_of_something_never_sent_removes_both(desk: Desk) -> None:
    desk.invite()
    desk.invite(recurrence_id=SINGLE, sequence=1)

    desk.invite("CANCEL", sequence=2)

    assert desk.due() == []
    assert desk.outbox.open_mails() == []


def test_a_cancel_of_something_sent_goes_out(desk: Desk) -> None:
    desk.invite()
    desk.send(desk.due()[0])

    desk.invite("CANCEL", sequence=1)

    assert desk.names() == [f"CANCEL 1@beklijf  {SANNE} 1"]


def test_a_cancel_after_an_attempt_of_unknown_end_goes_out_too(desk: Desk) -> None:
    desk.invite()
    [mail] = desk.due()
    with desk.ledger.write():
        desk.outbox.claim(mail, content=b"..", message_id="<1@x>")
        desk.outbox.retry(mail, at=NOW + timedelta(minutes=5), note="the connection was lost")

    desk.invite("CANCEL", sequence=1)

    assert desk.names() == [f"CANCEL 1@beklijf  {SANNE} 1"]
    assert len(desk.due(timedelta(minutes=5))) == 2


def test_a_cancel_goes_out_though_only_an_older_revision_may_have_arrived(desk: Desk) -> None:
    desk.invite()
    [mail] = desk.due()
    with desk.ledger.write():
        desk.outbox.claim(mail, content=b"..", message_id="<1@x>")
        desk.outbox.retry(mail, at=NOW + timedelta(minutes=5), note="the connection was lost")
    desk.invite(sequence=1)

    desk.invite("CANCEL", sequence=2)

    assert desk.names() == [f"CANCEL 1@beklijf  {SANNE} 2"]


def test_news_of_one_meeting_does_not_take_the_series_back(desk: Desk) -> None:
    desk.invite()

    desk.invite(recurrence_id=SINGLE, sequence=1)

    assert [name.split()[0] for name in desk.names()] == ["REQUEST", "REQUEST"]


def test_versions_and_answers_come_back_as_they_were_put_in(desk: Desk) -> None:
    at = datetime.fromisoformat(SINGLE)
    copy = Copy(sequences={None: 1, at: 3}, answers={(None, SANNE): "ACCEPTED", (at, KARIM): "NEEDS-ACTION"})
    with desk.ledger.write():
        desk.outbox.add_invitation(ROW, EVENT, copy, to=EVENT.people[0], method="REQUEST", about="update", recurrence_id=at, now=NOW)

    assert load_copy(desk.due()[0].payload) == copy


def test_what_0_2_0_queued_has_one_version_and_who_proposed_it_has_accepted() -> None:
    copy = load_copy({"sequence": 4, "accepted": [SANNE]})

    assert (copy.sequence(None), copy.sequence(NOW)) == (4, 4)
    assert (copy.partstat(NOW, SANNE), copy.partstat(NOW, KARIM)) == ("ACCEPTED", "NEEDS-ACTION")


def test_news_of_the_whole_replaces_unsent_news_of_one_meeting(desk: Desk) -> None:
    desk.invite()
    desk.send(desk.due()[0])
    desk.invite(recurrence_id=SINGLE, sequence=1)

    desk.invite(sequence=2)

    assert desk.names() == [f"REQUEST 1@beklijf  {SANNE} 2"]


def test_the_same_mail_cannot_be_put_in_twice(desk: Desk) -> None:
    desk.invite()
    desk.send(desk.due()[0])

    with pytest.raises((StateError, sqlite3.IntegrityError)):
        desk.invite()


def test_what_somebody_asked_for_once_more_is_put_in_once_for_each_time_that_they_asked(desk: Desk) -> None:
    desk.invite()
    for again in (" again 1", " again 1", " again 2"):
        desk.send(desk.due()[0]) if desk.due() else None
        desk.invite(again=again)

    sent = [row["name"] for row in desk.ledger.db.execute("SELECT name FROM outbox ORDER BY id")]
    assert sent == [f"REQUEST 1@beklijf  {SANNE} 0{again}" for again in ("", " again 1", " again 2")]


def test_staff_is_told_the_same_thing_once(desk: Desk) -> None:
    for _ in range(3):
        with desk.ledger.write():
            desk.outbox.add_notice("held 1234", about="held", recipient=KARIM, payload={}, now=NOW)

    assert desk.names() == [f"notice held 1234 {KARIM}"]


def test_a_mail_that_waits_for_another_try_is_due_then_and_keeps_its_bytes(desk: Desk) -> None:
    desk.invite()
    [mail] = desk.due()
    with desk.ledger.write():
        desk.outbox.claim(mail, content=b"the bytes", message_id="<1@x>")
        desk.outbox.retry(mail, at=NOW + timedelta(minutes=5), note="450 later")

    assert desk.due() == []
    assert desk.outbox.next_retry() == NOW + timedelta(minutes=5)
    [again] = desk.due(timedelta(minutes=5))
    assert (again.content, again.attempts, again.note) == (b"the bytes", 1, "450 later")


def test_what_a_crash_left_before_anything_went_out_is_due_as_if_nothing_had_been(desk: Desk) -> None:
    desk.invite()
    with desk.ledger.write():
        desk.outbox.claim(desk.due()[0], content=b"the bytes", message_id="<1@x>")

    [left] = desk.due()

    assert (left.state, left.content, left.unanswered) == ("waiting", b"the bytes", False)
    assert desk.outbox.cut_off() == []


def test_what_a_crash_left_sending_is_cut_off_and_not_due_by_itself(desk: Desk) -> None:
    desk.invite()
    [mail] = desk.due()
    with desk.ledger.write():
        desk.outbox.claim(mail, content=b"the bytes", message_id="<1@x>")
        desk.outbox.sending(mail)

    [left] = desk.outbox.cut_off()

    assert (left.state, left.content, left.message_id, left.goes_out) == ("sending", b"the bytes", "<1@x>", True)
    assert desk.due() == []


def test_what_nothing_was_heard_of_waits_with_its_bytes_and_is_known_for_it(desk: Desk) -> None:
    desk.invite()
    [mail] = desk.due()
    with desk.ledger.write():
        desk.outbox.claim(mail, content=b"the bytes", message_id="<1@x>")
        desk.outbox.sending(mail)
        desk.outbox.unanswered(mail, at=NOW + timedelta(minutes=5), note="cut off")
    assert desk.due() == []
    [again] = desk.due(timedelta(minutes=5))
    with desk.ledger.write():
        desk.outbox.claim(again, content=b"the bytes", message_id="<1@x>")
        desk.outbox.retry(again, at=NOW + timedelta(minutes=15), note="450 later")

    [third] = desk.due(timedelta(minutes=15))

    assert (again.content, again.unanswered, again.goes_out) == (b"the bytes", True, True)
    assert third.unanswered, "a no for now to the second attempt doesn't undo the first"


def test_what_was_perhaps_sent_never_goes_out_again_and_keeps_no_copy(desk: Desk) -> None:
    desk.invite()
    [mail] = desk.due()
    with desk.ledger.write():
        desk.outbox.claim(mail, content=b"the bytes", message_id="<1@x>")
        desk.outbox.sending(mail)
        desk.outbox.perhaps(mail, "never answered")

    [left] = desk.outbox.open_mails()

    assert (left.state, left.note, left.content, left.payload, left.goes_out) == ("perhaps", "never answered", None, {}, False)
    assert desk.due(timedelta(days=1000)) == []
    assert desk.outbox.sent_by_id(NOW) == {"<1@x>": SANNE}, "it may still bounce"


def test_a_cancel_of_what_was_perhaps_sent_goes_out(desk: Desk) -> None:
    desk.invite()
    with desk.ledger.write():
        desk.outbox.perhaps(desk.due()[0], "never answered")

    desk.invite("CANCEL", sequence=1)

    assert desk.names() == [f"CANCEL 1@beklijf  {SANNE} 1"]


def test_a_mail_that_never_reached_a_server_counts_as_not_tried(desk: Desk) -> None:
    desk.invite()
    [mail] = desk.due()
    with desk.ledger.write():
        desk.outbox.claim(mail, content=b"..", message_id="<1@x>")
        desk.outbox.unclaim(mail)

    assert [(m.state, m.attempts) for m in desk.due()] == [("waiting", 0)]


def test_what_is_over_keeps_no_copy_of_what_was_written(desk: Desk) -> None:
    desk.invite()
    desk.invite(to=KARIM)
    one, other = desk.due()
    desk.send(one)
    with desk.ledger.write():
        desk.outbox.failed(other, "550 no such mailbox")

    found = desk.ledger.db.execute("SELECT state, payload, bytes, message_id, note FROM outbox ORDER BY id").fetchall()

    assert tuple(found[0]) == ("sent", "{}", None, "<1@x>", "")
    assert tuple(found[1]) == ("failed", "{}", None, None, "550 no such mailbox")
    assert [mail.state for mail in desk.outbox.open_mails()] == ["failed"]


@pytest.mark.parametrize(("attempts", "minutes"), [(0, 5), (1, 5), (2, 10), (6, 160), (7, 240), (39, 240), (100_000, 240)])
def test_what_fails_is_tried_ever_less_often_and_for_as_long_as_it_takes(attempts: int, minutes: int) -> None:
    assert back_off(attempts) == timedelta(minutes=minutes)
