"""What a coordinator is told of answers, silence and pauses: numbers, and names only where the organisation wants them."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from beklijf import config
from beklijf.commands import status as how
from beklijf.commands import status_report
from beklijf.commands.report import Words
from beklijf.ledger import Outage
from beklijf.model.conversation import Heard, Pause, Said
from beklijf.model.domain import Ref
from beklijf.rehearse import client_edits
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from beklijf.tick.engine import Engine

HEAD = """
[organisation]
name = "Gemeente Voorbeeld"
time_zone = "Europe/Amsterdam"
language = "en"
holidays = ""
office_hours = { from = 09:00:00, until = 17:00:00, days = ["mon", "tue", "wed", "thu", "fri"] }
letter_hour = 09:00:00
coordinator = { name = "Marieke Smit", email = "opleidingen@voorbeeld.example" }
administrator = { name = "Servicedesk", email = "servicedesk@voorbeeld.example" }
[calendar]
kind = "folder"
path = "var/calendars"
organizer = { name = "Mentorprogramma", email = "mentor@voorbeeld.example" }
[mail]
kind = "folder"
path = "var/outbox"
[answers]
read = true
[service]
state = "var/beklijf.sqlite3"
"""
ZONE = ZoneInfo("Europe/Amsterdam")
BEGIN = datetime(2026, 11, 16, 9, 0, tzinfo=ZONE)


class Firm:
    """An installation whose trainings have so many pairs each; everybody was invited on Tuesday 17 November."""

    def __init__(self, folder: Path, **pairs: int) -> None:
        persons, trainings = "", ""
        for training, number in pairs.items():
            trainings += f'[[training]]\nid = "{training}"\nname = "{training.title()}"\npurpose = "asking"\n'
            trainings += 'sessions = [2026-12-15, 2027-01-12]\nstate = "live"\nplace = "Room 1"\nmeets = { day = "thu", at = 10:00:00 }\n'
            for each in range(number):
                for role in ("mentee", "mentor"):
                    name = f"{role.title()} {training.title()}{each}"
                    persons += f'[[person]]\nname = "{name}"\nemail = "{role}{each}@{training}.example"\n'
                trainings += (
                    f'[[training.mentorship]]\nmentee = "mentee{each}@{training}.example"\nmentor = "mentor{each}@{training}.example"\n'
                )
        self.path = folder / "config.toml"
        self.path.write_text(HEAD + persons + trainings, encoding="utf-8")
        self.calendar = folder / "var/calendars/mentor@voorbeeld.example"
        self.work(0, 1, 2)

    def work(self, *days: int) -> None:
        """Let the service look on some days, at nine."""
        with self.engine() as engine:
            for day in days:
                engine.tick(BEGIN + timedelta(days=day))

    def engine(self) -> Any:  # noqa: ANN401 - a context manager of an engine
        return opened(config.load(self.path))

    def edit(self, old: str, new: str) -> None:
        text = self.path.read_text(encoding="utf-8")
        assert old in text
        self.path.write_text(text.replace(old, new), encoding="utf-8")

    def answers(self, training: str, pair: int, partstat: str, *roles: str, item: str = "series") -> None:
        """Let people answer where the calendar shows it, as a scheduling server or the organizer's program notes it."""
        for role in roles or ("mentee", "mentor"):
            path = self.event(training, pair, item)
            path.write_bytes(client_edits.answer(path.read_bytes(), None, f"{role}{pair}@{training}.example", partstat))

    def event(self, training: str, pair: int, item: str) -> Path:
        with self.engine() as engine:
            [row] = [r for r in engine.ledger.rows().values() if r.ref == f"{training}/mentee{pair}@{training}.example/{item}"]
            return self.calendar / str(row.href)

    def status(self, now: datetime = BEGIN + timedelta(days=3)) -> tuple[Any, str]:
        """Return status as JSON and as people read it."""
        with self.engine() as engine:
            words = Words.of(engine.config, now)
            found = how.status(engine, engine.plan(now), words)
            said = "\n".join(status_report.lines(found, words))
            assert max(map(len, said.splitlines())) <= 80
            return json.loads(json.dumps(status_report.as_json(found))), said


def counts(**given: int) -> dict[str, int]:
    return {"pairs": 0, "accepted": 0, "tentative": 0, "declined": 0, "no_answer": 0, "moved": 0, "silent": 0} | given


def test_a_training_says_how_many_pairs_answered_what_and_of_nobody_who(tmp_path: Path) -> None:
    firm = Firm(tmp_path, leiden=6)
    firm.answers("leiden", 0, "ACCEPTED")
    firm.answers("leiden", 1, "ACCEPTED", "mentee")
    firm.answers("leiden", 2, "DECLINED", "mentor")
    firm.answers("leiden", 3, "TENTATIVE", "mentee")
    moved = firm.event("leiden", 4, "goals")
    moved.write_bytes(client_edits.move(moved.read_bytes(), None, timedelta(days=-1)))

    found, said = firm.status()

    assert found["trainings"][0]["answers"] == counts(pairs=6, accepted=1, tentative=1, declined=1, no_answer=3, moved=1)
    assert "  6 pairs: 1 accepted, 1 tentative, 1 declined, 3 no answer; moved meetings: 1\n" in said
    assert found["small_groups"] is None
    told = {m["key"]: {k: m[k] for k in ("answers", "waiting_for", "because", "since")} for m in found["trainings"][0]["mentorships"]}
    assert all(value is None for each in told.values() for value in each.values())
    pairs = said.partition("6 pairs")[2].partition("\n")[2].casefold()
    assert not any(word in pairs for word in ("accepted", "declined", "tentative", "no answer", "wait for", "met "))


def test_a_letter_that_comes_of_an_answer_is_a_letter_and_no_more_where_names_are_off(tmp_path: Path) -> None:
    firm = Firm(tmp_path, leiden=5)
    firm.answers("leiden", 2, "DECLINED", "mentor")

    found, said = firm.status()
    firm.edit("read = true", "read = true\nnames = true")
    _, with_names = firm.status()

    waiting = [remark for m in found["trainings"][0]["mentorships"] for remark in m["waiting"]]
    assert {(remark["item"], remark["what"]) for remark in waiting} == {("leiden/mentee2@leiden.example/letter", "letter")}
    assert "hours" not in said
    assert "declined" not in said.replace("1 declined", "")
    assert "waits: letter with other hours, to Mentee Leiden2" in with_names


def test_nothing_is_said_of_a_silent_pair_by_the_letters_that_silence_brings(tmp_path: Path) -> None:
    firm = Firm(tmp_path, leiden=5)
    firm.work(*range(3, 9))
    soon = datetime(2026, 11, 26, 9, 30, tzinfo=ZONE)  # seven working days later

    found, said = firm.status(soon)
    firm.edit("read = true", "read = true\nnames = true")
    _, with_names = firm.status(soon)

    assert "nudge" not in json.dumps(found)
    assert "nudge" not in said
    assert "waits: nudge letter, to Mentee Leiden0" in with_names


def test_groups_under_five_pairs_are_added_up_and_told_when_they_are_enough_together(tmp_path: Path) -> None:
    firm = Firm(tmp_path, leiden=5, schrijven=3, spreken=4)
    firm.answers("schrijven", 1, "ACCEPTED")
    firm.answers("spreken", 0, "DECLINED", "mentee")

    found, said = firm.status()

    assert [training["answers"] for training in found["trainings"]] == [counts(pairs=5, no_answer=5), None, None]
    assert found["small_groups"] == {
        "trainings": ["schrijven", "spreken"],
        "pairs": 7,
        "answers": counts(pairs=7, accepted=1, declined=1, no_answer=5),
    }
    assert "In the 2 trainings together with fewer than five pairs each: 7 pairs: 1\n  accepted, 1 declined, 5 no answer\n" in said


def test_a_small_group_by_itself_is_not_told(tmp_path: Path) -> None:
    firm = Firm(tmp_path, schrijven=3)
    firm.answers("schrijven", 1, "ACCEPTED")

    found, said = firm.status()

    assert found["trainings"][0]["answers"] is None
    assert found["small_groups"] == {"trainings": ["schrijven"], "pairs": 3, "answers": None}
    assert "Too few pairs to say how they answered: 3, in one training." in said
    assert "accepted" not in said


def test_with_names_status_says_who_waits_for_whom_since_when_however_small_the_group(tmp_path: Path) -> None:
    firm = Firm(tmp_path, leiden=3)
    firm.edit("read = true", "read = true\nnames = true")
    firm.answers("leiden", 0, "ACCEPTED")
    firm.answers("leiden", 1, "DECLINED", "mentee")

    found, said = firm.status()
    firm.work(*range(3, 31))
    later = firm.status(datetime(2026, 12, 16, 12, 0, tzinfo=ZONE))[1]

    assert found["trainings"][0]["answers"] == counts(pairs=3, accepted=1, declined=1, no_answer=1)
    first, second, third = found["trainings"][0]["mentorships"]
    assert [(a["item"].rpartition("/")[2], a["place"], a["person"], a["said"]) for a in first["answers"]] == [
        ("series", None, "mentee0@leiden.example", "accepted"),
        ("series", None, "mentor0@leiden.example", "accepted"),
    ]
    assert (first["waiting_for"], first["because"]) == (None, None)
    assert (second["waiting_for"], second["because"]) == ("mentee1@leiden.example", "declined-series")
    assert (third["waiting_for"], third["because"], third["since"][:10]) == ("mentee2@leiden.example", "no-answer", "2026-11-17")
    assert "    series: Mentee accepted (Thu 19 Nov), Mentor accepted (Thu 19 Nov)\n" in said
    assert "    Mentor waits for Mentee since Thu 19 Nov: the hour was declined\n" in said
    assert "    Mentor waits for Mentee since Tue 17 Nov: no answer\n" in said
    assert "    Mentor waits for Mentee since Tue 17 Nov: no answer, for long\n" in later


def test_where_answers_are_not_read_one_line_says_so_and_nothing_is_counted(tmp_path: Path) -> None:
    firm = Firm(tmp_path, leiden=5)
    firm.answers("leiden", 0, "ACCEPTED")
    firm.edit("read = true", "read = false")

    found, said = firm.status()

    assert found["trainings"][0]["answers"] is None
    assert found["small_groups"] is None
    assert "Answers are not read ([answers] read): who accepts or declines is unknown.\n" in said
    assert "accepted" not in said


@pytest.fixture
def troubled(tmp_path: Path) -> Iterator[Engine]:
    """Yield an installation with a paused person, a dead address, an unknown one, and servers that fail."""
    firm = Firm(tmp_path, leiden=1)
    with firm.engine() as engine, engine.ledger.write():
        [series] = [row for row in engine.ledger.rows().values() if row.ref.endswith("/series")]
        talk = engine.conversation
        talk.pause(Pause(person="mentor0@leiden.example", kind="meetings", first=date(2026, 11, 18), last=date(2026, 12, 31)))
        talk.pause(Pause(person="mentor0@leiden.example", kind="letters", first=date(2026, 11, 1), last=date(2026, 11, 2)))
        talk.bounce("mentee0@leiden.example", "5.1.1 no such mailbox", BEGIN)
        talk.note(Heard(at=BEGIN, said=Said.STRANGER, uid=series.uid, ref=Ref(""), who="m.leiden@leiden.example", source="mail"))
        for target in ("inbox", "mailbox mentee0@leiden.example"):
            at = BEGIN + timedelta(days=1)
            engine.ledger.note_outage(Outage(target=target, what="no connection", attempts=2, since=at, retry_at=at + timedelta(days=9)))
    with firm.engine() as engine:
        yield engine


def test_status_names_pauses_dead_and_unknown_addresses_and_what_is_down(troubled: Engine) -> None:
    now = BEGIN + timedelta(days=3)
    words = Words.of(troubled.config, now)
    found = how.status(troubled, troubled.plan(now), words)

    plain, said = status_report.as_json(found), "\n".join(status_report.lines(found, words))

    assert plain["paused"] == [{"person": "mentor0@leiden.example", "kind": "meetings", "from": "2026-11-18", "until": "2026-12-31"}]
    assert plain["bounced"] == [{"address": "mentee0@leiden.example", "note": "5.1.1 no such mailbox"}]
    assert plain["strangers"] == [{"address": "m.leiden@leiden.example", "mentorship": "leiden/mentee0@leiden.example"}]
    assert [server.target for server in found.servers] == ["inbox", "mailbox mentee0@leiden.example"]
    assert "  paused: Mentor Leiden0, meetings, from Wed 18 Nov 2026 until Thu 31 Dec 2026\n" in said
    assert "mail does not arrive: Mentee Leiden0 <mentee0@leiden.example>: 5.1.1 no such" in said
    assert "is m.leiden@leiden.example the same person as Mentee Leiden0 or Mentor\n" in said
    assert 'also = ["m.leiden@leiden.example"]' in said
    assert "inbox is down since Tue 17 Nov 09:00" in said
    assert "the calendar of Mentee Leiden0 is down since Tue 17 Nov 09:00" in said


def test_an_address_that_got_its_owner_is_no_stranger_any_more(troubled: Engine) -> None:
    now = BEGIN + timedelta(days=3)
    words = Words.of(troubled.config, now)
    path = troubled.config.path
    mine = 'email = "mentee0@leiden.example"\n'
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(mine, mine + 'also = ["m.leiden@leiden.example"]\n', 1), encoding="utf-8")

    with opened(config.load(path)) as engine:
        found = how.status(engine, engine.plan(now), words)

    assert status_report.as_json(found)["strangers"] == []
