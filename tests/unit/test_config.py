"""What a config may say, and what people are told when it says something else."""

from __future__ import annotations

import copy
import tomllib
from datetime import date, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.settings import said_to

from beklijf.backends.caldav.settings import CalendarByCaldav
from beklijf.backends.smtp_imap.settings import InboxByImap, MailBySmtp
from beklijf.boundary.credentials import Secret
from beklijf.config import load
from beklijf.contracts.settings import AnswersSettings
from beklijf.model.domain import Contact, Meets, Session, Span
from beklijf.model.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from beklijf.contracts.settings import Config
    from beklijf.model.errors import Problem
    from beklijf.toml.lines import Path as Where

ROOT = Path(__file__).parents[2]
BAD = sorted((ROOT / "tests" / "bad").glob("*.toml"))

GOOD = """
[organisation]
name = "Gemeente Voorbeeld"
time_zone = "Europe/Amsterdam"
language = "nl"
coordinator = { name = "Marieke Smit", email = "opleidingen@voorbeeld.example" }
[calendar]
kind = "folder"
organizer = { name = "Mentorprogramma", email = "Mentor@voorbeeld.example" }
[mail]
kind = "folder"
[[person]]
name = "Sanne de Vries"
email = "sanne@voorbeeld.example"
[[person]]
name = "Karim Bakker"
email = "karim@voorbeeld.example"
time_zone = "Europe/London"
"""
TRAINING = """
[[training]]
id = "leidinggeven"
name = "Coachend leidinggeven"
purpose = "vragen stellen"
sessions = [2027-01-12, 2026-12-08]
"""
PAIR = """
[[training.mentorship]]
mentee = "sanne@voorbeeld.example"
mentor = "KARIM@voorbeeld.example"
"""


def read(folder: Path, *parts: str) -> Config:
    path = folder / "config.toml"
    path.write_text("".join(parts), encoding="utf-8")
    return load(path)


def problems_of(folder: Path, *parts: str) -> Sequence[Problem]:
    with pytest.raises(ConfigError) as raised:
        read(folder, *parts)
    return raised.value.problems


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_config_is_refused_with_exactly_its_problems(path: Path) -> None:
    first_lines = path.read_bytes().decode("utf-8", errors="replace").splitlines()
    expected = [line.removeprefix("# expect: ") for line in first_lines if line.startswith("# expect: ")]

    with pytest.raises(ConfigError) as raised:
        load(path)

    said = [str(problem).replace(str(path), path.name) for problem in raised.value.problems if not problem.warning]
    assert said == expected
    assert raised.value.exit_code == 78
    assert "hunter2" not in f"{said} {[problem.hint for problem in raised.value.problems]}"


def test_the_example_has_neither_problems_nor_warnings() -> None:
    config = load(ROOT / "config.example.toml")

    assert config.warnings == ()
    assert len(config.trainings) == 3
    assert sum(len(training.mentorships) for training in config.trainings) == 8
    assert all(training.live for training in config.trainings)


def test_what_is_left_out_has_a_sensible_value(tmp_path: Path) -> None:
    config = read(tmp_path, GOOD, TRAINING, PAIR)

    assert config.organisation.letter_hour == time(9)
    assert config.organisation.office_hours.days == {0, 1, 2, 3, 4}
    assert config.organisation.administrator == config.organisation.coordinator
    assert config.mail.sender == Contact("Mentorprogramma", "Mentor@voorbeeld.example")
    assert config.service.installation == "mentor@voorbeeld.example"
    assert config.service.every == timedelta(minutes=5)
    assert (config.guard.max_people, config.guard.max_withdrawals) == (60, 10)
    assert config.persons[0].works == {0, 1, 2, 3, 4}
    assert not config.trainings[0].live
    assert config.trainings[0].mentorships[0].meets is None
    assert config.trainings[0].mentorships[0].key == "leidinggeven/sanne@voorbeeld.example"


def test_sessions_come_in_order_and_a_moved_one_keeps_its_first_date(tmp_path: Path) -> None:
    moved = TRAINING.replace("2027-01-12,", "{ date = 2027-01-19, was = 2027-01-12 },")

    config = read(tmp_path, GOOD, moved)

    assert config.trainings[0].sessions == (
        Session(date=date(2026, 12, 8), key=date(2026, 12, 8)),
        Session(date=date(2027, 1, 19), key=date(2027, 1, 12)),
    )


def test_a_person_with_a_new_address_keeps_the_key_of_the_first(tmp_path: Path) -> None:
    renamed = GOOD.replace('email = "sanne@', 'was = ["S.deVries@oud.example", "sdv@oud.example"]\nemail = "sanne@')

    config = read(tmp_path, renamed, TRAINING, PAIR)

    assert config.persons[0].key == "s.devries@oud.example"
    assert config.trainings[0].mentorships[0].key == "leidinggeven/s.devries@oud.example"


def test_a_pair_takes_from_the_training_what_its_own_hour_leaves_out(tmp_path: Path) -> None:
    training = TRAINING + 'meets = { day = "tue", at = 10:00:00, minutes = 45 }\n'
    own = 'meets = { day = "thu" }\n'

    config = read(tmp_path, GOOD, training, PAIR, own)

    mentorship = config.trainings[0].mentorships[0]
    assert mentorship.meets == Meets(weekday=3, at=time(10), minutes=45, zone=mentorship.mentee.zone)


def test_an_hour_counts_in_the_zone_that_it_names(tmp_path: Path) -> None:
    config = read(tmp_path, GOOD, TRAINING, PAIR, 'meets = { day = "thu", at = 10:00:00, zone = "Europe/London" }\n')

    mentorship = config.trainings[0].mentorships[0]
    assert mentorship.meets == Meets(weekday=3, at=time(10), minutes=60, zone=mentorship.mentor.zone)


def test_days_off_are_single_days_or_spans(tmp_path: Path) -> None:
    closed = GOOD.replace("[calendar]", "closed = [2026-12-24, { from = 2026-12-28, until = 2027-01-01 }]\n[calendar]")

    config = read(tmp_path, closed)

    assert config.organisation.closed == (
        Span(date(2026, 12, 24), date(2026, 12, 24)),
        Span(date(2026, 12, 28), date(2027, 1, 1)),
    )


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        ("2026-12-12", "Saturday 12 December 2026 is no working day"),
        ("2026-12-25", "Friday 25 December 2026 is a public holiday"),
        ("2026-12-24", "Thursday 24 December 2026 is a closed day"),
    ],
)
def test_a_session_on_a_day_off_is_a_warning(tmp_path: Path, day: str, reason: str) -> None:
    organisation = GOOD.replace("[calendar]", 'holidays = "NL"\nclosed = [2026-12-24]\n[calendar]')

    config = read(tmp_path, organisation, TRAINING.replace("2026-12-08", day))

    assert [(warning.where, warning.what) for warning in config.warnings] == [("training[0].sessions[1]", reason)]


def test_a_session_on_a_holiday_on_which_people_work_is_none(tmp_path: Path) -> None:
    organisation = GOOD.replace("[calendar]", 'holidays = "NL"\nopen = [2027-03-26]\n[calendar]')

    config = read(tmp_path, organisation, TRAINING.replace("2026-12-08", "2027-03-26"))

    assert config.warnings == ()


def test_trainings_may_live_in_files_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "trainings").mkdir()
    (tmp_path / "trainings" / "b.toml").write_text(TRAINING.replace('"leidinggeven"', '"tweede"') + PAIR)
    (tmp_path / "trainings" / "a.toml").write_text(TRAINING.replace('"leidinggeven"', '"eerste"') + PAIR)

    config = read(tmp_path, 'include = ["trainings/*.toml"]\n', GOOD, TRAINING)

    assert [training.id for training in config.trainings] == ["leidinggeven", "eerste", "tweede"]
    assert [Path(source.name).name for source in config.sources] == ["config.toml", "a.toml", "b.toml"]


def test_problems_of_all_files_are_told_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(TRAINING.replace("2027-01-12", '"2027-01-12"').replace("purpose", "porpose").replace("leiding", "les"))
    (tmp_path / "b.toml").write_text("[[training]\n")
    (tmp_path / "own.toml").write_text("")

    found = problems_of(tmp_path, 'include = ["?.toml"]\n', GOOD.replace('"nl"', '"fy"'), TRAINING, 'method = "own.toml"\n')

    told = [(Path(problem.file).name, problem.line, problem.where) for problem in found]
    assert told[:5] == [
        ("config.toml", 6, "organisation.language"),
        ("a.toml", 2, "training[0]"),
        ("a.toml", 5, "training[0].porpose"),
        ("a.toml", 6, "training[0].sessions[0]"),
        ("b.toml", 1, ""),
    ]
    assert {name for name, _, _ in told[5:]} == {"own.toml"}


def test_an_included_file_holds_trainings_only(tmp_path: Path) -> None:
    (tmp_path / "more.toml").write_text('[[person]]\nname = "Ilse"\n')

    found = problems_of(tmp_path, 'include = ["more.toml"]\n', GOOD)

    assert [(problem.where, problem.what) for problem in found] == [("person", "unknown key")]


def test_a_config_that_is_not_there_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path / "config.toml")

    [problem] = raised.value.problems
    assert str(problem) == f"there is no such file ({tmp_path / 'config.toml'})"
    assert "beklijf init" in problem.hint


def test_a_folder_is_no_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path)


def test_a_file_saved_by_a_windows_editor_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())

    config = load(path)

    assert len(config.persons) == 2


@pytest.mark.parametrize(
    ("right", "wrong", "hint"),
    [
        ("language = ", "langauge = ", "did you mean language?"),
        ('mentee = "sanne@', 'mentee = "sane@', "did you mean sanne@voorbeeld.example?"),
        ('mentee = "sanne@voorbeeld', 'mentee = "sanne@voorbeld', "did you mean sanne@voorbeeld.example?"),
        ("Europe/Amsterdam", "Europe/Amsterdan", "did you mean Europe/Amsterdam?"),
        ("Europe/Amsterdam", "europe/amsterdam", "did you mean Europe/Amsterdam?"),
        ("2026-12-08", '"2026-12-08"', "leave out the quotes"),
    ],
)
def test_a_slip_is_answered_with_what_was_probably_meant(tmp_path: Path, right: str, wrong: str, hint: str) -> None:
    text = GOOD + TRAINING + PAIR

    problems = problems_of(tmp_path, text.replace(right, wrong))

    assert hint in {problem.hint for problem in problems}


@pytest.mark.parametrize("name", ["Zoë O'Brien", "Şule Gündoğan", "Þórunn", "李 明", "Anne-Fleur van 't Hof"])
def test_names_may_be_written_as_people_write_them(tmp_path: Path, name: str) -> None:
    config = read(tmp_path, GOOD.replace("Sanne de Vries", name))

    assert config.persons[0].name == name


def test_an_international_domain_is_kept_as_typed(tmp_path: Path) -> None:
    config = read(tmp_path, GOOD.replace('"sanne@voorbeeld.example"', '"sanne@Bücher.example"'))

    assert config.persons[0].email == "sanne@Bücher.example"
    assert config.persons[0].key == "sanne@bücher.example"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "sanne",
        "@voorbeeld.example",
        "sanne@",
        "a b@voorbeeld.example",
        "a@b@c.example",
        "a@-b.example",
        "a@b_c.example",
        ".a@b.example",
        "a..b@c.example",
        "a@intranet",
        "<a@b.example>",
        "a@b.example,c@d.example",
        "a" * 65 + "@b.example",
        "a@" + "b" * 64 + ".example",
    ],
)
def test_what_no_mail_server_would_take_is_no_address(tmp_path: Path, address: str) -> None:
    problems = problems_of(tmp_path, GOOD.replace("sanne@voorbeeld.example", address))

    assert [problem.where for problem in problems] == ["person[0].email"]


def test_a_caldav_calendar_and_an_smtp_server_are_read_with_their_secrets_as_references(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    caldav = 'kind = "caldav"\nurl = "https://cloud.example/dav/"\nuser = "mentor"\npassword = { file = "secrets/dav" }\nca = "ca.pem"\n'
    smtp = 'kind = "smtp"\nhost = "smtp.voorbeeld.example"\nsecurity = "tls"\nuser = "mentor"\npassword = { credential = "smtp" }\n'
    text = GOOD.replace('kind = "folder"\norganizer', caldav + "organizer").replace('[mail]\nkind = "folder"\n', "[mail]\n" + smtp)

    config = read(tmp_path, text)

    server, mail = said_to(CalendarByCaldav, config.calendar), said_to(MailBySmtp, config.mail)
    assert server.password == Secret("file", str(tmp_path / "secrets/dav"))
    assert server.ca == tmp_path / "ca.pem"
    assert mail.password == Secret("credential", "smtp")
    assert mail.port == 465


@pytest.mark.parametrize(("url", "warned"), [("http://cloud.example/", True), ("http://127.0.0.1:5232/", False), ("cloud.example", False)])
def test_a_password_without_tls_is_a_warning_unless_it_stays_on_this_machine(tmp_path: Path, url: str, warned: bool) -> None:
    caldav = f'kind = "caldav"\nurl = "{url}"\nuser = "mentor"\npassword = {{ env = "DAV" }}\n'

    config = read(tmp_path, GOOD.replace('kind = "folder"\norganizer', caldav + "organizer"))

    assert [warning.where for warning in config.warnings] == ["calendar.url"] * warned


def test_paths_count_from_the_folder_of_the_config(tmp_path: Path) -> None:
    config = read(tmp_path, GOOD, '[service]\nstate = "../state/ledger.sqlite3"\n')

    assert config.calendar.maker.path == tmp_path / "var" / "calendars"
    assert config.service.state == tmp_path / "../state/ledger.sqlite3"


def test_a_path_from_somebodys_home_is_refused(tmp_path: Path) -> None:
    [problem] = problems_of(tmp_path, GOOD, '[service]\nstate = "~/ledger.sqlite3"\n')

    assert problem.what == "cannot start with ~"


def test_the_digest_follows_every_file_that_was_read(tmp_path: Path) -> None:
    (tmp_path / "more.toml").write_text(TRAINING)
    main = 'include = ["more.toml"]\n' + GOOD
    before = read(tmp_path, main).digest

    (tmp_path / "more.toml").write_text(TRAINING + "# a remark\n")

    assert read(tmp_path, main).digest != before


def test_lists_within_lists_without_end_are_no_config(tmp_path: Path) -> None:
    [problem] = problems_of(tmp_path, "x = " + "[" * 100_000)

    assert problem.what == "not a config: lists within lists without end"


# -- answers, and where they are heard ---------------------------------------------------------------------------------

DAV = GOOD.replace(
    'kind = "folder"\norganizer', 'kind = "caldav"\nurl = "https://cloud.example/"\nuser = "m"\npassword = { env = "DAV" }\norganizer'
)
READ = "[answers]\nread = true\n"
IMAP = '[inbox]\nkind = "imap"\nhost = "imap.voorbeeld.example"\nuser = "mentor"\npassword = { credential = "inbox" }\n'
IMAP += 'authserv_id = "MX.voorbeeld.example"\n'


def test_whether_answers_are_read_is_nobodys_choice_until_somebody_chooses(tmp_path: Path) -> None:
    config = read(tmp_path, GOOD)

    assert config.answers == AnswersSettings(
        read=None, names=False, keep=timedelta(days=30), mentee_proposal="apply", mentor_proposal="ask"
    )
    assert config.inbox is None
    assert config.warnings == ()


def test_everything_about_answers_can_be_chosen(tmp_path: Path) -> None:
    chosen = '[answers]\nread = false\nnames = true\nkeep = "2 weeks"\nmentee_proposal = "ask"\nmentor_proposal = "apply"\n'

    config = read(tmp_path, GOOD, chosen)

    assert config.answers == AnswersSettings(
        read=False, names=True, keep=timedelta(days=14), mentee_proposal="ask", mentor_proposal="apply"
    )


@pytest.mark.parametrize(("said", "port"), [("", 993), ('security = "starttls"\n', 143), ("port = 1143\n", 1143)])
def test_an_imap_mailbox_needs_a_login_and_knows_its_port(tmp_path: Path, said: str, port: int) -> None:
    config = read(tmp_path, GOOD, READ, IMAP, said)

    assert config.inbox is not None
    server = said_to(InboxByImap, config.inbox)
    assert (server.host, server.port, server.user) == ("imap.voorbeeld.example", port, "mentor")
    assert server.password == Secret("credential", "inbox")
    assert (config.inbox.folder, config.inbox.filed, server.path) == ("INBOX", "beklijf", None)
    assert config.inbox.address == "Mentor@voorbeeld.example"
    assert config.warnings == ()


def test_whose_word_about_senders_counts_is_said_in_the_config(tmp_path: Path) -> None:
    nobody = IMAP.replace('authserv_id = "MX.voorbeeld.example"\n', "")
    named, silent = read(tmp_path, GOOD, READ, IMAP), read(tmp_path, GOOD, READ, nobody)

    assert named.inbox is not None
    assert named.inbox.authserv_id == "mx.voorbeeld.example"
    assert silent.inbox is not None
    assert silent.inbox.authserv_id == ""
    [(where, what)] = warnings_of(tmp_path, GOOD, READ, nobody)
    assert where == "inbox"
    assert what.startswith("nothing says whose Authentication-Results to believe")
    assert warnings_of(tmp_path, GOOD, "[answers]\nread = false\n", nobody)[0][1].startswith("nothing is read from it")


def test_a_mailbox_in_a_folder_counts_from_the_config(tmp_path: Path) -> None:
    config = read(tmp_path, GOOD, READ, '[inbox]\nkind = "folder"\n')

    assert config.inbox is not None
    assert config.inbox.maker.path == tmp_path / "var" / "inbox"


def warnings_of(folder: Path, *parts: str) -> list[tuple[str, str]]:
    return [(warning.where, warning.what) for warning in read(folder, *parts).warnings]


@pytest.mark.parametrize(("chosen", "said"), [("", "not chosen yet"), ("[answers]\nread = false\n", "false")])
def test_a_mailbox_that_nobody_reads_is_a_warning(tmp_path: Path, chosen: str, said: str) -> None:
    assert warnings_of(tmp_path, GOOD, chosen, IMAP) == [("inbox", f"nothing is read from it: answers.read is {said}")]


def test_a_mailbox_of_another_address_is_a_warning_because_invitations_are_answered_to_the_organizer(tmp_path: Path) -> None:
    other = IMAP + 'address = "answers@voorbeeld.example"\n'

    assert warnings_of(tmp_path, GOOD, READ, other) == [("inbox.address", "answers to invitations go to Mentor@voorbeeld.example")]
    assert warnings_of(tmp_path, GOOD, READ, other.replace("answers@", "mentor@")) == []


@pytest.mark.parametrize(
    ("invitations", "said"),
    [
        ("mail", ['no answer can be heard: with invitations = "mail" they come by mail, and there is no [inbox]']),
        ("auto", ["if the calendar server leaves the invitations to beklijf, answers come by mail, and there is no [inbox]"]),
        ("server", []),
        ("none", []),
    ],
)
def test_answers_that_would_come_to_no_mailbox_are_a_warning(tmp_path: Path, invitations: str, said: list[str]) -> None:
    calendar = DAV.replace("[mail]", f'invitations = "{invitations}"\n[mail]')

    assert warnings_of(tmp_path, calendar, READ) == [("answers.read", what) for what in said]
    assert warnings_of(tmp_path, calendar, READ, IMAP) == []
    assert warnings_of(tmp_path, calendar, "[answers]\nread = false\n") == []


def test_with_the_mentee_as_organizer_nothing_is_said_of_the_organizers_mailbox(tmp_path: Path) -> None:
    calendar = DAV.replace("[mail]", 'organized_by = "mentee"\npeople = "https://cloud.example/dav/{email}/"\n[mail]')

    assert warnings_of(tmp_path, calendar, READ) == []
    assert warnings_of(tmp_path, calendar, READ, IMAP, 'address = "answers@voorbeeld.example"\n') == []


# -- people's own calendars --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("organized_by", ["service", "mentee"])
def test_a_pattern_leads_to_everybodys_calendar_whoever_organizes(tmp_path: Path, organized_by: str) -> None:
    people = "https://cloud.example/dav/{domain}/{local}/"
    calendar = DAV.replace("[mail]", f'organized_by = "{organized_by}"\npeople = "{people}"\n[mail]')

    config = read(tmp_path, calendar, TRAINING + 'state = "live"\n', PAIR)

    assert (config.calendar.organized_by, config.calendar.maker.people) == (organized_by, people)
    assert config.warnings == ()


def test_a_calendar_of_ones_own_goes_before_the_pattern(tmp_path: Path) -> None:
    calendar = DAV.replace("[mail]", 'people = "https://cloud.example/dav/{local}/"\n[mail]')
    own = calendar.replace('"sanne@voorbeeld.example"\n', '"karim@elders.example"\ncalendar = "https://cloud.example/dav/sanne/"\n')

    config = read(tmp_path, own)

    assert config.persons[0].calendar == "https://cloud.example/dav/sanne/"


def test_folders_need_no_pattern_and_may_have_one(tmp_path: Path) -> None:
    calendar = GOOD.replace("[mail]", 'organized_by = "mentee"\n[mail]')

    assert read(tmp_path, calendar, TRAINING + 'state = "live"\n', PAIR).calendar.maker.people == ""
    assert read(tmp_path, calendar.replace("[mail]", 'people = "agendas/{email}"\n[mail]')).calendar.maker.people == str(
        tmp_path / "agendas" / "{email}"
    )


def test_a_mentee_of_a_draft_needs_no_calendar_yet(tmp_path: Path) -> None:
    calendar = DAV.replace("[mail]", 'organized_by = "mentee"\n[mail]')

    assert read(tmp_path, calendar, TRAINING, PAIR).calendar.organized_by == "mentee"
    [problem] = problems_of(tmp_path, calendar, TRAINING, 'state = "live"\n', PAIR)
    assert problem.what.endswith(": Sanne de Vries")
    assert "people = " in problem.hint


def test_of_many_mentees_without_a_calendar_the_first_are_named_and_the_others_counted(tmp_path: Path) -> None:
    calendar = DAV.replace("[mail]", 'organized_by = "mentee"\n[mail]')
    people = "".join(f'[[person]]\nname = "Persoon {n}"\nemail = "persoon{n}@voorbeeld.example"\n' for n in range(8))
    pairs = "".join(PAIR.replace("sanne@", f"persoon{n}@") for n in range(8))

    [problem] = problems_of(tmp_path, calendar, people, TRAINING, 'state = "live"\n', pairs)

    assert problem.what.endswith(": Persoon 0, Persoon 1, Persoon 2, Persoon 3, Persoon 4 and 3 others")


def test_a_password_without_tls_is_a_warning_for_peoples_calendars_too(tmp_path: Path) -> None:
    calendar = DAV.replace("https:", "http:").replace("[mail]", 'people = "http://cloud.example/{email}/"\n[mail]')
    own = calendar.replace("[[person]]", '[[person]]\ncalendar = "http://cloud.example/own/"', 1)

    assert [where for where, _ in warnings_of(tmp_path, own)] == ["calendar.url", "calendar.people", "person[0].calendar"]


def test_the_server_that_discovery_finds_is_not_known_yet_so_peoples_calendars_may_be_anywhere(tmp_path: Path) -> None:
    calendar = DAV.replace("https://cloud.example/", "voorbeeld.example")

    config = read(tmp_path, calendar.replace("[mail]", 'people = "https://dav.cloud.example/{email}/"\n[mail]'))

    assert config.warnings == ()


# -- several addresses of one person -----------------------------------------------------------------------------------


def test_former_addresses_and_aliases_are_known_as_the_same_persons(tmp_path: Path) -> None:
    text = GOOD.replace('email = "sanne@', 'was = ["SdV@oud.example"]\nalso = ["S.deVries@Voorbeeld.example"]\nemail = "sanne@')

    sanne = read(tmp_path, text).persons[0]

    assert sanne.key == "sdv@oud.example"
    assert sanne.other_addresses == {"sdv@oud.example", "s.devries@voorbeeld.example"}
    assert sanne.addresses == sanne.other_addresses | {"sanne@voorbeeld.example"}


def test_a_pair_that_names_an_alias_is_told_the_address_to_write(tmp_path: Path) -> None:
    text = GOOD.replace('email = "sanne@', 'also = ["s.devries@voorbeeld.example"]\nemail = "sanne@')

    [problem] = problems_of(tmp_path, text, TRAINING, PAIR.replace("sanne@", "S.deVries@"))

    assert problem.what == "S.deVries@voorbeeld.example is another address of Sanne de Vries"
    assert problem.hint == "write sanne@voorbeeld.example"


# -- whatever people write, they get words and no traceback ------------------------------------------------------------

scalars = st.integers() | st.booleans() | st.floats() | st.dates() | st.datetimes() | st.times() | st.text(max_size=20)
values = (
    scalars
    | st.lists(scalars, max_size=2)
    | st.dictionaries(st.sampled_from(["from", "until", "day", "at", "file", "x"]), scalars, max_size=2)
)
EXAMPLE = tomllib.loads((ROOT / "config.example.toml").read_text(encoding="utf-8"))
EXAMPLE["calendar"]["people"] = "agendas/{email}"
EXAMPLE["inbox"] = {"kind": "folder", "path": "var/inbox", "filed": "beklijf", "address": "mentor@voorbeeld.example"}
EXAMPLE["person"][0]["also"] = ["s.devries@voorbeeld.example"]


def places(value: object, path: Where = ()) -> Iterator[Where]:
    """Yield the path of every value in a config."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places(inner, (*path, key))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(list(places(EXAMPLE))), st.none() | values), min_size=1, max_size=3))
def test_any_value_in_any_place_is_taken_or_refused_in_words(tmp_path: Path, slips: list[tuple[Where, object]]) -> None:
    tables = copy.deepcopy(EXAMPLE)
    for path, value in slips:
        put(tables, path, value)

    problems = told(tmp_path, tomli_w.dumps(tables))

    assert all(problem.what and problem.file for problem in problems)


def told(folder: Path, text: str) -> Sequence[Problem]:
    try:
        return read(folder, text).warnings
    except ConfigError as error:
        return error.problems


def put(config: dict[str, Any], path: Where, value: object) -> None:
    """Replace what stands at *path*, or take it out for None; nothing when an earlier slip took away its surroundings."""
    *outer, last = path
    tables: Any = config
    for key in outer:
        try:
            tables = tables[key]
        except (LookupError, TypeError):
            return
    there = last in tables if isinstance(tables, dict) else isinstance(tables, list) and isinstance(last, int) and last < len(tables)
    if not there:
        return
    if value is None:
        del tables[last]
    else:
        tables[last] = value


def test_one_mistake_among_a_thousand_pairs_is_pointed_at(tmp_path: Path) -> None:
    people = "".join(f'[[person]]\nname = "Persoon {n}"\nemail = "persoon{n}@voorbeeld.example"\n' for n in range(2000))
    pairs = "".join(PAIR.replace("sanne@", f"persoon{n}@").replace("KARIM@", f"persoon{n + 1000}@") for n in range(1000))

    problems = problems_of(tmp_path, GOOD, people, TRAINING, pairs.replace("persoon1777@", "persoan1777@"))

    assert [(problem.where, problem.hint) for problem in problems] == [
        ("training[0].mentorship[777].mentor", "did you mean persoon1777@voorbeeld.example?")
    ]


@pytest.mark.parametrize("pattern", ["/", ".", "**.toml", "trainings"])
def test_an_include_that_names_no_files_is_refused(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "trainings").mkdir()

    problems = problems_of(tmp_path, f'include = ["{pattern}"]\n', GOOD)

    assert len(problems) >= 1


def test_an_include_may_name_its_files_by_a_whole_path_and_never_means_the_config_itself(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(TRAINING)

    config = read(tmp_path, f'include = ["{tmp_path}/*.toml"]\n', GOOD)

    assert [training.id for training in config.trainings] == ["leidinggeven"]
