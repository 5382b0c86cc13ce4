"""One input that fails by itself: tried at three ticks, then set aside, named and told of; and all others as if it weren't there."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.mailroom import COORDINATOR, Listening, got, letter, reply, said
from tests.mailroom import deliver as post
from tests.tick.moods import SERVICE_DESK, Mood, MoodyCalendar, MoodyInbox, moody
from tests.town import KARIM, NOOR, SANNE, Town, folder_town

from beklijf import cli
from beklijf.contracts.unforeseen import Unforeseen, by_itself
from beklijf.model.conversation import Said
from beklijf.model.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from beklijf.model.mailbox import Envelope, News
    from beklijf.model.stored import Changes

SECRET = "een geheim van Sanne"


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = folder_town(tmp_path)
    made.words = Listening()
    for name in ("cur", "new", "tmp"):
        (tmp_path / "inbox" / name).mkdir(parents=True)
    made.invited()
    yield made
    made.stop()


class OverOneMail(MoodyInbox):
    """A Maildir over some of whose mails reading fails."""

    def news(self, mark: str, wanted: Callable[[Envelope], bool], *, since: datetime) -> News:
        return super().news(mark, self._but(wanted), since=since)

    def again(self, ids: Sequence[str], wanted: Callable[[Envelope], bool], *, since: datetime) -> News:
        return super().again(ids, self._but(wanted), since=since)

    def _but(self, wanted: Callable[[Envelope], bool]) -> Callable[[Envelope], bool]:
        def asked(envelope: Envelope) -> bool:
            self.mood.meet("one mail", envelope.subject)
            return wanted(envelope)

        return asked


def odd(what: str) -> bool:
    return what.startswith("Raar")


def listening(town: Town, mood: Mood) -> None:
    """Put the engine on a mailbox of that mood."""
    moody(town, mood)
    config = town.engine.config
    assert config.inbox is not None
    inbox = OverOneMail(config.inbox)
    inbox.mood = mood
    town.engine.listener = replace(town.engine.listener, inbox=inbox)


def aside(town: Town) -> list[tuple[str, int]]:
    return [(each.stage, each.ticks) for each in town.engine.aside.asides.all()]


def told(town: Town) -> list[str]:
    """Return what the coordinator was told since the last look about what was set aside."""
    return [str(mail["Subject"]) for mail in town.mails() if "opzijgelegd" in str(mail["Subject"])]


def in_the_mailbox(town: Town) -> int:
    return len(list((town.folder / "inbox" / "new").iterdir()))


# -- mails that come in ------------------------------------------------------------------------------------------------


def test_one_mail_that_cannot_be_read_stops_no_other_and_is_set_aside_at_the_third_tick(town: Town) -> None:
    listening(town, Mood("one mail", lambda: UnicodeError(SECRET), odd))
    post(town, letter(town, SANNE, "Raar", "niet te lezen"))
    reply(town, "series", SANNE, "ACCEPTED")

    town.tick()

    assert said(town) == {("series", "", "sanne"): Said.ACCEPTED}
    assert (aside(town), told(town)) == ([("inbox", 1)], [])

    reply(town, "goals", KARIM, "ACCEPTED")
    town.tick()
    assert ("goals", "", "karim") in said(town)
    town.tick()

    assert aside(town) == [("inbox", 3)]
    assert told(town) == ["beklijf: een mail in de mailbox voor antwoorden is opzijgelegd"]
    assert town.engine.outages.now() == {}, "the stage works"

    mood = town.engine.listener.inbox
    assert isinstance(mood, OverOneMail)
    calls = mood.mood.calls
    for _ in range(5):
        town.tick()
    assert (aside(town), told(town), mood.mood.calls) == ([("inbox", 3)], [], calls), "it is left alone"


def test_a_mail_that_is_set_aside_stays_in_the_mailbox_whatever_its_age(town: Town) -> None:
    listening(town, Mood("one mail", IndexError, odd))
    post(town, letter(town, SANNE, "Raar", "niet te lezen"))
    reply(town, "series", SANNE, "ACCEPTED")

    town.at(town.now + timedelta(days=60))

    assert in_the_mailbox(town) == 1, "the other one was filed, and deleted after thirty days"
    assert len(town.engine.aside.asides.set_aside()) == 1
    assert list((town.folder / "inbox" / ".beklijf").rglob("*.client*")) == []


def test_a_mail_that_can_be_read_the_second_time_was_never_set_aside(town: Town) -> None:
    mood = Mood("one mail", MemoryError, odd)
    listening(town, mood)
    post(town, letter(town, SANNE, "Raar", "toch te lezen"))
    town.tick()

    mood.at = ""
    town.tick()

    assert (aside(town), in_the_mailbox(town)) == ([], 0)
    assert [who for who, _ in got(town)] == [COORDINATOR], "it is passed on, as a mail that fits nothing"


def test_a_mail_that_is_deleted_by_a_person_is_no_longer_counted(town: Town) -> None:
    listening(town, Mood("one mail", MemoryError, odd))
    post(town, letter(town, SANNE, "Raar", "niet te lezen"))
    town.tick()

    for file in (town.folder / "inbox" / "new").iterdir():
        file.unlink()
    town.tick()

    assert aside(town) == []


def test_a_flood_of_mails_that_fail_blocks_nobody_and_brings_the_coordinator_twenty_mails_a_day(town: Town) -> None:
    listening(town, Mood("one mail", MemoryError, odd))
    for number in range(120):
        post(town, letter(town, SANNE, f"Raar {number}", "niet te lezen"))
        town.now += timedelta(seconds=1)
    reply(town, "series", SANNE, "ACCEPTED")

    for _ in range(5):
        town.tick()

    assert said(town) == {("series", "", "sanne"): Said.ACCEPTED}
    assert aside(town) == [("inbox", 3)] * 120
    assert len(told(town)) == 20
    assert town.engine.outages.now() == {}


def test_what_came_of_half_a_mail_before_it_failed_is_undone_and_the_rest_of_the_reading_stays(town: Town) -> None:
    class OddBytes(OverOneMail):
        """Hands over something that is no mail among those that are."""

        def news(self, mark: str, wanted: Callable[[Envelope], bool], *, since: datetime) -> News:
            found = super().news(mark, wanted, since=since)
            mails = tuple(replace(mail, content=None) if b"Raar" in mail.content else mail for mail in found.mails)  # type: ignore[arg-type]  # what no contract allows
            return replace(found, mails=mails)

    config = town.engine.config
    assert config.inbox is not None
    town.engine.listener = replace(town.engine.listener, inbox=OddBytes(config.inbox))
    post(town, letter(town, SANNE, "Raar", "niet te lezen"))
    reply(town, "series", SANNE, "ACCEPTED")

    outcome = town.tick()

    assert (said(town), aside(town), outcome.errors) == ({("series", "", "sanne"): Said.ACCEPTED}, [("inbox", 1)], [])
    town.tick()
    assert aside(town) == [], "asked for again it is a mail like others"


# -- having it tried again ---------------------------------------------------------------------------------------------


@pytest.fixture
def left_alone(town: Town) -> Mood:
    """Return the mood over a mail that was set aside, in a town that has come to rest."""
    mood = Mood("one mail", lambda: UnicodeError(SECRET), odd)
    listening(town, mood)
    post(town, letter(town, SANNE, "Raar", "toch te lezen"))
    for _ in range(4):
        town.tick()
    assert len(town.engine.aside.asides.set_aside()) == 1
    town.mails()
    return mood


def test_the_command_has_it_tried_again_at_the_next_tick(town: Town, left_alone: Mood, capsys: pytest.CaptureFixture[str]) -> None:
    [each] = town.engine.aside.asides.set_aside()

    assert cli.main(["--config", str(town.folder / "config.toml"), "retry", each.name[:6]]) == 0
    assert each.name in capsys.readouterr().out
    left_alone.at = ""
    town.tick()

    assert (aside(town), in_the_mailbox(town)) == ([], 0)
    assert [who for who, _ in got(town)] == [COORDINATOR]


def test_tried_again_in_vain_it_is_set_aside_again_and_told_again(town: Town, left_alone: Mood) -> None:
    cli.main(["--config", str(town.folder / "config.toml"), "retry"])
    calls = left_alone.calls

    for _ in range(5):
        town.tick()

    assert (left_alone.calls - calls, len(told(town))) == (3, 1)
    assert len(town.engine.aside.asides.set_aside()) == 1


def test_retry_names_what_there_is_when_it_is_asked_for_something_else(
    town: Town, left_alone: Mood, capsys: pytest.CaptureFixture[str]
) -> None:
    assert left_alone.calls == 3
    assert cli.main(["--config", str(town.folder / "config.toml"), "retry", "iets anders"]) == 64
    [each] = town.engine.aside.asides.set_aside()
    assert each.name in capsys.readouterr().err


def test_with_nothing_set_aside_there_is_nothing_to_retry(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--config", str(town.folder / "config.toml"), "retry"]) == 0
    assert capsys.readouterr().out == "Nothing is set aside.\n"
    assert town.engine.ledger.decisions() == ()


def test_another_version_tries_it_again_and_tells_nobody_a_second_time(town: Town, left_alone: Mood) -> None:
    town.engine.ledger.db.execute("UPDATE aside SET version = '0.1.0'")
    calls = left_alone.calls

    for _ in range(5):
        town.tick()

    assert left_alone.calls - calls == 3
    assert told(town) == []
    assert len(town.engine.aside.asides.set_aside()) == 1


def test_another_version_that_can_read_it_reads_it(town: Town, left_alone: Mood) -> None:
    town.engine.ledger.db.execute("UPDATE aside SET version = '0.1.0'")
    left_alone.at = ""

    town.tick()

    assert (aside(town), in_the_mailbox(town)) == ([], 0)


# -- what people see ---------------------------------------------------------------------------------------------------


def test_status_and_check_name_what_is_set_aside_and_which_stage_is_down(
    town: Town, left_alone: Mood, capsys: pytest.CaptureFixture[str]
) -> None:
    [each] = town.engine.aside.asides.set_aside()
    left_alone.at, left_alone.make, left_alone.only = "inbox", lambda: MemoryError(SECRET), lambda _: True
    town.tick()
    config = ["--config", str(town.folder / "config.toml")]

    cli.main([*config, "status"])
    text = capsys.readouterr().out
    cli.main([*config, "status", "--json"])
    found = json.loads(capsys.readouterr().out)
    cli.main([*config, "check"])
    checked = capsys.readouterr().err

    assert "inbox is down since" in text
    assert each.name in text
    assert "beklijf retry" in text
    assert [(one["stage"], one["name"]) for one in found["aside"]] == [("inbox", each.name)]
    assert [one["target"] for one in found["servers"]] == ["inbox"]
    assert "warning: inbox: is down since" in checked
    assert f"inbox, {each.name}: set aside" in checked


def test_what_is_told_of_a_defect_holds_no_word_of_what_it_was_raised_over(
    town: Town, left_alone: Mood, capsys: pytest.CaptureFixture[str]
) -> None:
    left_alone.at, left_alone.make, left_alone.only = "inbox", lambda: MemoryError(SECRET), lambda _: True
    for _ in range(20):
        town.tick()
    config = ["--config", str(town.folder / "config.toml")]
    cli.main([*config, "status", "--json"])
    cli.main([*config, "plan"])
    cli.main([*config, "check"])
    said = "".join(capsys.readouterr())

    mails = [mail.as_string() for mail in town.mails()]
    assert any("MemoryError" in mail for mail in mails), "the administrator is told of the mailbox"
    assert "UnicodeError" in said
    assert not [text for text in (said, *mails) if SECRET in text]


# -- events to read ----------------------------------------------------------------------------------------------------


class OverOneEvent(MoodyCalendar):
    """A folder in which one event can't be read, for a reason that nobody expected."""

    name = ""

    def changes(self, token: object, known: Mapping[str, str] | None = None) -> Changes:
        found = super().changes(token, known)
        if not self.name or not (found.full or any(stored.href == self.name for stored in found.changed)):
            return found
        with pytest.raises(Unforeseen) as caught, by_itself(self.name):
            raise LookupError(SECRET)
        return replace(found, changed=tuple(s for s in found.changed if s.href != self.name), unreadable={self.name: caught.value})


def test_an_event_that_cannot_be_read_counts_as_unchanged_and_is_read_three_times_and_then_once_a_day(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    config = town.engine.config
    calendar = OverOneEvent(config.calendar, config.calendar.organizer.email)
    town.engine.reader._calendar = calendar
    calendar.name = town.row("goals").href
    town.edit("goals", "SUMMARY:[^\r\n]*", "SUMMARY:Anders")
    town.edit("series", "SUMMARY:[^\r\n]*", "SUMMARY:Even bijpraten")

    for ticks in range(1, 4):
        town.tick()
        assert (town.event("series").title, town.row("goals").state) == ("Even bijpraten", "live")
        assert aside(town) == [("calendar", ticks)]
    assert told(town) == ["beklijf: een afspraak in de agenda is opzijgelegd"]
    assert caplog.text.count("Traceback") == 1

    town.tick()
    town.tick()
    assert town.tick().plan is None, "and the town comes to rest"

    calendar.name = ""
    town.at(town.now + timedelta(days=1, minutes=1))
    assert (aside(town), town.event("goals").title) == ([], "Anders")


# -- events to write ---------------------------------------------------------------------------------------------------


def test_one_event_that_cannot_be_written_stops_no_other_and_is_set_aside(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    goals = town.row("goals").href
    town.words.place = "Zaal 2"
    town.start()
    mood = Mood("writing", RecursionError, lambda href: href == goals)
    moody(town, mood)

    town.tick()
    assert (town.event("series").location, town.event("goals").location) == ("Zaal 2", "Zaal 1")
    assert [who for who, what in got(town) if what == "REQUEST"] == [KARIM, SANNE]
    for _ in range(60):
        town.tick()

    assert (mood.calls, aside(town)) == (3, [("writing", 3)])
    assert told(town) == ["beklijf: een wijziging in de agenda is opzijgelegd"]
    assert caplog.text.count("Traceback") == 1
    assert town.plan().changes == ()

    mood.at = ""
    cli.main(["--config", str(town.folder / "config.toml"), "retry"])
    town.tick()
    assert (aside(town), town.event("goals").location) == ([], "Zaal 2")
    assert town.engine.outages.now() == {}


def test_writing_that_fails_for_three_pairs_in_a_row_is_down_and_reading_goes_on(town: Town) -> None:
    others = [(f"{n}@voorbeeld.example", f"{n}{n}@voorbeeld.example") for n in "abc"]
    town.words.persons |= {address: (f"Persoon {address[:2]}", "") for pair in others for address in pair}
    town.words.pairs = ((SANNE, KARIM), *others)
    town.changed()
    town.at(town.now + timedelta(days=1))
    town.words.place = "Zaal 2"
    town.start()
    mood = Mood("writing", MemoryError)
    moody(town, mood)
    town.mails()

    town.tick()

    assert "writing" in town.engine.outages.now()
    assert "calendar" not in town.engine.outages.now()
    reply(town, "goals", SANNE, "ACCEPTED")
    town.tick(timedelta(minutes=1))
    assert ("goals", "", "sanne") in said(town)

    mood.at = ""
    town.tick(timedelta(hours=4))
    town.tick(timedelta(hours=4))
    assert town.event("series").location == "Zaal 2"
    assert town.engine.outages.now() == {}


# -- mails to send -----------------------------------------------------------------------------------------------------


def test_one_mail_that_cannot_be_sent_stops_no_other_and_is_set_aside(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    mood = Mood("mail", LookupError, lambda who: who == SERVICE_DESK)
    moody(town, mood)
    payload = {"name": "Iemand", "title": "een bericht", "lines": ["Hallo."], "command": ""}
    with town.engine.ledger.write():
        for who in (SERVICE_DESK, NOOR):
            town.engine.outbox.add_notice("for a test", about="test", recipient=who, payload=payload, now=town.now)

    for _ in range(20):
        town.tick()

    assert (mood.calls, aside(town)) == (3, [("mail", 3)])
    assert sorted(who for who, _ in got(town)) == [NOOR, COORDINATOR]
    assert caplog.text.count("Traceback") == 1
    assert town.plan().changes == ()

    mood.at = ""
    cli.main(["--config", str(town.folder / "config.toml"), "retry"])
    town.tick()
    assert [who for who, _ in got(town)] == [SERVICE_DESK]
    assert aside(town) == []


def test_a_mail_over_which_it_fails_after_it_was_handed_over_goes_out_once_more_at_most(town: Town) -> None:
    mood = Mood("mail, afterwards", LookupError, lambda who: who == SERVICE_DESK)
    moody(town, mood)
    payload = {"name": "Iemand", "title": "een bericht", "lines": ["Hallo."], "command": ""}
    with town.engine.ledger.write():
        town.engine.outbox.add_notice("for a test", about="test", recipient=SERVICE_DESK, payload=payload, now=town.now)

    for _ in range(20):
        town.tick()

    assert mood.calls == 2
    assert [mail.state for mail in town.engine.outbox.open_mails()] == ["perhaps"]


def test_a_letter_that_cannot_be_rendered_stops_no_other(town: Town) -> None:
    with town.engine.ledger.write():
        town.engine.outbox.add_notice("without its words", about="test", recipient=SERVICE_DESK, payload={"name": "Iemand"}, now=town.now)
        payload = {"name": "Iemand", "title": "een bericht", "lines": ["Hallo."], "command": ""}
        town.engine.outbox.add_notice("whole", about="test", recipient=NOOR, payload=payload, now=town.now)

    for _ in range(20):
        town.tick()

    assert sorted(who for who, _ in got(town)) == [NOOR, COORDINATOR]
    assert aside(town) == [("mail", 3)]


# -- being stopped -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["calendar", "schedule inbox", "inbox", "writing", "mail"])
def test_what_is_cut_short_because_we_are_asked_to_stop_is_nobodys_trouble(town: Town, stage: str) -> None:
    stopping: list[bool] = []

    def stop_in_the_middle() -> Exception:
        stopping.append(True)
        return Transient("cut short, since beklijf stops")

    town.words.place = "Zaal 2"
    town.start()
    mood = Mood(stage, stop_in_the_middle)
    moody(town, mood)

    town.now += timedelta(minutes=5)
    town.engine.tick(town.now, stop=lambda: bool(stopping))

    assert stopping
    assert town.engine.outages.now() == {}
    assert [mail.retry_at for mail in town.engine.outbox.open_mails() if mail.retry_at] == []
    assert aside(town) == []

    mood.at = ""
    town.tick(timedelta(seconds=1))
    town.tick(timedelta(seconds=1))
    assert town.event("series").location == "Zaal 2"
    assert sorted(who for who, what in got(town) if what == "REQUEST") == [KARIM, KARIM, SANNE, SANNE]
