"""What an Exchange server may say, how we log in at it, and how its calendar is read: refusals, pages, copies, zones."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from exchangelib.services import GetItem  # type: ignore[import-untyped]  # it has no types
from tests.backends.examples import MEETING, OWNER, REMINDER, SANNE, SERIES, at, utc
from tests.fakes.ews import items
from tests.fakes.ews.server import Drop, Status
from tests.fakes.ews.site import certificate, opened, somebodys, world
from tests.fakes.ews.soap import Fault, Refusal, T

from beklijf.backends.exchange.account import Service, token_address
from beklijf.backends.exchange.from_item import PROPERTIES
from beklijf.backends.exchange.settings import ExchangeLogin
from beklijf.boundary.credentials import Secret
from beklijf.decide import merge
from beklijf.ical.reader import FOREVER
from beklijf.model.canonical import meetings
from beklijf.model.domain import Override, Recurrence
from beklijf.model.errors import BackendError, Conflict, Down, Exists, Refused, Transient
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lxml import etree
    from tests.fakes.ews.server import Mood
    from tests.fakes.ews.site import Site


@pytest.fixture
def password(tmp_path: Path) -> Secret:
    path = tmp_path / "password"
    path.write_text("mentorpw\n", encoding="utf-8")
    return Secret("file", str(path))


@pytest.fixture
def site(password: Secret) -> Iterator[Site]:
    with opened(password) as made:
        yield made


# -- what a server may say instead -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mood", "error", "hint"),
    [
        (Fault("ErrorServerBusy", back_off=90_000), Transient, ""),
        (Refusal("ErrorServerBusy"), Transient, ""),
        (Status(503, {"Retry-After": "90"}), Transient, ""),
        (Status(429, {"Retry-After": "90"}), Transient, ""),
        (Status(500), Transient, ""),
        (Status(400), Refused, ""),
        (Status(401), Down, "password"),
        (Status(403), Down, "url of the login"),
        (Status(404), Down, "url of the login"),
        (Status(302, {"Location": "/owa/auth/expiredpassword.aspx"}), Down, "password"),
        (Fault("ErrorPasswordExpired"), Down, "password"),
        (Fault("ErrorInternalServerError"), Transient, ""),
        (Fault("ErrorMailboxMoveInProgress"), Transient, ""),
        (Refusal("ErrorMailboxStoreUnavailable"), Transient, ""),
        (Fault("ErrorNonExistentMailbox"), Down, "Exchange Online"),
        (Fault("ErrorImpersonateUserDenied"), Down, "ApplicationImpersonation"),
        (Refusal("ErrorAccessDenied"), Down, "ApplicationImpersonation"),
        (Refusal("ErrorQuotaExceeded"), Down, "full"),
        (Refusal("ErrorIrresolvableConflict"), Conflict, ""),
        (Refusal("ErrorInvalidRecipients"), Refused, ""),
        (Drop(after=False), Transient, "url of the login"),
    ],
    ids=repr,
)
def test_each_no_has_its_meaning_and_the_next_write_works(site: Site, mood: Mood, error: type[BackendError], hint: str) -> None:
    site.create(MEETING)
    site.server.mood = [None, mood]

    with pytest.raises(error) as caught:
        site.create(SERIES)

    assert type(caught.value) is error
    assert hint in caught.value.hint
    assert site.calendar.connection.server in str(caught.value)
    assert "mentorpw" not in str(caught.value) + caught.value.hint
    assert SERIES.text not in str(caught.value)
    assert site.create(SERIES).event == SERIES


@pytest.mark.parametrize("mood", [Fault("ErrorServerBusy", back_off=90_000), Status(503, {"Retry-After": "90"})], ids=repr)
def test_a_server_that_asks_for_patience_is_believed_and_nothing_sleeps(site: Site, mood: Mood) -> None:
    site.server.mood = [mood]

    with pytest.raises(Transient) as caught:
        site.calendar.changes(None)

    assert caught.value.retry_after == 90


def test_a_wrong_password_takes_the_backend_down_and_is_not_told(site: Site, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("hunter2", encoding="utf-8")

    with pytest.raises(Down) as caught:
        site.open(password=Secret("file", str(wrong))).check()

    assert "password" in caught.value.hint
    assert "hunter2" not in str(caught.value)


def test_a_server_that_is_gone_may_come_back_and_is_told_in_the_same_words_each_time(site: Site) -> None:
    said = set()
    for _ in range(2):
        with pytest.raises(Transient, match=r"127\.0\.0\.1:1") as caught:
            site.open(url="http://127.0.0.1:1/EWS/Exchange.asmx").changes(None)
        said.add(str(caught.value))

    assert len(said) == 1


def test_what_is_no_exchange_server_is_told_as_that(site: Site) -> None:
    with pytest.raises(Down) as caught:
        site.open(url=site.server.url.replace("/EWS/", "/owa/")).changes(None)

    assert "/EWS/Exchange.asmx" in caught.value.hint


def test_exchange_online_is_refused_before_anything_is_sent(site: Site) -> None:
    with pytest.raises(Down, match="April 2027") as caught:
        site.open(url="https://outlook.office365.com/EWS/Exchange.asmx").check()

    assert "graph" in caught.value.hint


def test_a_sync_state_that_the_server_forgot_gives_a_full_reading(site: Site) -> None:
    created = site.create(MEETING)
    token = site.calendar.changes(None).token
    site.server.mood = [Refusal("ErrorInvalidSyncStateData")]

    changes = site.calendar.changes(token)

    assert (changes.full, changes.changed) == (True, (created,))


def test_an_event_that_is_gone_between_listing_and_reading_is_away(site: Site) -> None:
    site.create(MEETING)
    site.server.mood = [None, Refusal("ErrorItemNotFound")]

    changes = site.calendar.changes(None)

    assert (changes.changed, changes.unreadable) == ((), {})


@pytest.mark.parametrize("code", ["ErrorCorruptData", "ErrorItemCorrupt", "ErrorContentConversionFailed"])
def test_a_no_to_one_event_is_no_no_to_the_others(site: Site, code: str) -> None:
    bad, good = site.create(MEETING), site.create(SERIES)
    site.server.operations.spoilt[bad.href] = code

    changes = site.open().changes(None)

    assert changes.changed == (good,)
    assert list(changes.unreadable) == [bad.href]
    assert "Error" in str(changes.unreadable[bad.href])
    assert changes.gone == ()


def test_a_no_to_one_meeting_of_a_series_is_one_to_that_series_alone(site: Site) -> None:
    meeting, series = site.create(MEETING), site.create(SERIES)
    [moved] = [recurrence_id for recurrence_id, single in site.entry(series).singles.items() if single.start]
    site.server.operations.spoilt[items.single_id(site.entry(series), moved)] = "ErrorCorruptData"

    changes = site.open().changes(None)

    assert changes.changed == (meeting,)
    assert list(changes.unreadable) == [series.href]
    with pytest.raises(Refused, match="ErrorCorruptData"):
        site.calendar.fetch(series.href)


def test_a_mailbox_that_is_away_for_a_moment_makes_no_event_unreadable(site: Site) -> None:
    bad, _ = site.create(MEETING), site.create(SERIES)
    site.server.operations.spoilt[bad.href] = "ErrorMailboxStoreUnavailable"

    with pytest.raises(Transient):
        site.open().changes(None)


def garbled(pattern: str, replacement: str) -> Callable[[bytes], bytes]:
    """Return what replaces something in every answer."""
    return lambda answer: re.sub(pattern, replacement, answer.decode(), flags=re.DOTALL).encode()


WEEKLY, RANGE = "<t:WeeklyRecurrence>.*</t:WeeklyRecurrence>", "<t:EndDateRecurrence>.*</t:EndDateRecurrence>"


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        ("(<t:Interval>)2<", r"\g<1>0<"),
        ("(<t:Interval>)2<", r"\g<1>-2<"),
        (WEEKLY, "<t:LunarRecurrence><t:Interval>1</t:Interval></t:LunarRecurrence>"),
        (WEEKLY, ""),
        (RANGE, ""),
        (RANGE, "<t:LunarRecurrence><t:StartDate>2027-03-02</t:StartDate></t:LunarRecurrence>"),
        (r"(<t:Organizer>)<t:Mailbox>.*?</t:Mailbox>", r"\1"),
        ("(<t:EndDate>)2027-06-22", r"\g<1>someday"),
    ],
    ids=["no interval", "negative", "unknown rule", "no rule", "no range", "unknown range", "organizer without a mailbox", "no date"],
)
def test_a_series_of_a_form_that_nobody_knows_is_unreadable_and_the_others_are_read(site: Site, pattern: str, replacement: str) -> None:
    bad = site.create(replace(SERIES, overrides=()))
    site.server.garbles = garbled(pattern, replacement)

    changes = site.open().changes(None)

    assert (changes.changed, list(changes.unreadable)) == ((), [bad.href])
    with pytest.raises(Refused, match=r"read|interval"):
        site.calendar.fetch(bad.href)


def numbered(count: int) -> str:
    inside = f"<t:StartDate>2027-03-02</t:StartDate><t:NumberOfOccurrences>{count}</t:NumberOfOccurrences>"
    return f"<t:NumberedRecurrence>{inside}</t:NumberedRecurrence>"


def test_an_interval_of_nothing_with_a_number_of_meetings_is_unreadable_too(site: Site) -> None:
    bad = site.create(replace(SERIES, overrides=()))
    site.server.garbles = lambda answer: garbled("(<t:Interval>)2<", r"\g<1>0<")(garbled(RANGE, numbered(3))(answer))

    assert list(site.open().changes(None).unreadable) == [bad.href]


@pytest.mark.parametrize(
    "span",
    [numbered(9000), "<t:EndDateRecurrence><t:StartDate>2027-03-02</t:StartDate><t:EndDate>9999-12-31</t:EndDate></t:EndDateRecurrence>"],
    ids=["numbered", "dated"],
)
def test_a_rule_that_ends_after_all_time_is_read_as_endless(site: Site, span: str) -> None:
    site.create(replace(SERIES, overrides=()))
    site.server.garbles = garbled(WEEKLY + RANGE, f"<t:DailyRecurrence><t:Interval>1</t:Interval></t:DailyRecurrence>{span}")

    [stored] = site.open().changes(None).changed

    assert stored.event.recurrence is not None
    assert (stored.event.recurrence.last, stored.event.recurrence.other[:10]) == (FOREVER, "RULE=DAILY")


@pytest.mark.parametrize("note", ["{", "{}", "[]", "null"])
def test_an_event_with_a_broken_note_of_ours_is_unreadable(site: Site, note: str) -> None:
    bad, good = site.create(SERIES), site.create(MEETING)
    site.entry(bad).properties[items.extended_key(_note())] = note
    site.company.touch(site.entry(bad))

    changes = site.open().changes(None)

    assert (changes.changed, list(changes.unreadable)) == ((good,), [bad.href])


def _note() -> etree._Element:
    return T.ExtendedFieldURI(PropertySetId=PROPERTIES, PropertyName="beklijf-before", PropertyType="String")


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        ("<m:Items>.*?</m:Items>", "<m:Items/>"),
        ("(<t:(?:Create|Update)>).*?(</t:(?:Create|Update)>)", r"\1\2"),
    ],
    ids=["no items", "empty change"],
)
def test_an_answer_of_a_form_that_nobody_knows_may_be_another_one_next_time(site: Site, pattern: str, replacement: str) -> None:
    created = site.create(MEETING)
    site.server.garbles = garbled(pattern, replacement)
    calendar = site.open()

    with pytest.raises(Transient) as caught:
        calendar.changes(None)

    assert calendar.connection.server in str(caught.value)
    assert MEETING.text not in str(caught.value)
    site.server.garbles = None
    assert calendar.changes(None).changed == (created,)


def test_a_meeting_beyond_its_neighbour_is_refused_as_the_server_says(site: Site) -> None:
    created = site.create(SERIES)
    beyond = Override(utc("2027-05-11"), utc("2027-05-26"), 60)

    with pytest.raises(Refused, match="ErrorOccurrenceCrossingBoundary"):
        site.update(created, replace(SERIES, overrides=(*SERIES.overrides, beyond)), "single")


def test_what_the_makers_schema_forbids_is_answered_with_a_fault_and_fails_the_test(site: Site) -> None:
    wrong = "Nonsense"

    with pytest.raises(Refused, match="ErrorSchemaValidation"):
        site.calendar.connection.get(_Wrong, OWNER, wrong, items=[(wrong, None)], additional_fields=[], shape=wrong)

    assert len(site.server.illegal) == 1
    site.server.illegal.clear()


class _Wrong(Service, GetItem):  # type: ignore[misc]  # exchangelib has no types
    """A request that could be sent, with a shape that doesn't exist."""


# -- logging in --------------------------------------------------------------------------------------------------------


def test_checking_says_what_may_be_done_and_writes_nothing(site: Site) -> None:
    said = site.calendar.check()

    assert "Calendar" in said
    assert "may be written" in said
    assert "sends invitations" in said
    assert site.asked("GetFolder", "GetFolder")
    assert site.company.log == []


def test_a_calendar_that_may_only_be_read_is_told_with_what_to_do(password: Secret) -> None:
    with opened(password, user="VOORBEELD\\svc", access="delegate") as site:
        site.server.share(OWNER, "svc@voorbeeld.example", "reviewer")

        with pytest.raises(Down, match="not written") as caught:
            site.calendar.check()

        assert "editor of this calendar" in caught.value.hint
        with pytest.raises(Down, match="ErrorAccessDenied"):
            site.create(MEETING)


def test_a_named_calendar_is_announced_by_check_and_found_by_the_next_process(password: Secret) -> None:
    with opened(password, name="Mentor & meer") as site:
        assert '"Mentor & meer" will be made' in site.calendar.check()
        created = site.create(MEETING)

        assert '"Mentor & meer"' in site.open().check()
        assert site.open().changes(None).changed == (created,)
        assert [site.company.mailboxes[OWNER].folders[e.folder] for e in site.company.entries.values() if e.mine] == ["Mentor & meer"]


def test_a_named_calendar_that_was_deleted_tells_of_no_event_that_it_is_gone(password: Secret) -> None:
    with opened(password, name="Mentor & meer") as site:
        created = site.create(MEETING)
        site.company.remove_folder(OWNER, next(key for key in site.company.mailboxes[OWNER].folders if key != "main"))

        for calendar in (site.calendar, site.open()):
            with pytest.raises(Down):
                calendar.seek([created.href])


@pytest.mark.usefixtures("insecure")
def test_an_application_logs_in_with_a_token_of_its_own_authority(site: Site) -> None:
    calendar = site.open(user="app-id", auth="oauth", authority=site.server.url.replace("/EWS/Exchange.asmx", "/adfs/oauth2/token"))

    assert calendar.changes(None).changed == ()

    [asked] = site.server.token_requests
    assert (asked["grant_type"], asked["client_id"]) == ("client_credentials", "app-id")
    assert asked["scope"] == site.server.url.replace("/EWS/Exchange.asmx", "/.default")


@pytest.mark.usefixtures("insecure")
def test_an_application_with_a_wrong_secret_takes_the_backend_down(site: Site, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("hunter2", encoding="utf-8")
    authority = site.server.url.replace("/EWS/Exchange.asmx", "/adfs")
    calendar = site.open(user="app-id", auth="oauth", authority=authority, tenant="t", password=Secret("file", str(wrong)))

    for _ in range(2):  # and once more: the connection isn't lost over it
        with pytest.raises(Down, match="no token") as caught:
            calendar.changes(None)
        assert "hunter2" not in str(caught.value)


@pytest.mark.usefixtures("insecure")
def test_a_token_that_is_over_is_replaced_without_anybody_noticing(site: Site) -> None:
    calendar = site.open(user="app-id", auth="oauth", authority=site.server.url.replace("/EWS/Exchange.asmx", "/token"))
    token = calendar.changes(None).token
    [session] = calendar.connection._opened()._session_pool.queue
    session._client._expires_at = 1  # long ago
    site.server.tokens.clear()

    assert calendar.changes(token).changed == ()

    assert [asked["grant_type"] for asked in site.server.token_requests] == ["client_credentials"] * 2


@pytest.mark.usefixtures("insecure")
def test_tokens_that_are_over_at_once_are_not_asked_for_for_ever(site: Site) -> None:
    site.server.lifetime = 1
    calendar = site.open(user="app-id", auth="oauth", authority=site.server.url.replace("/EWS/Exchange.asmx", "/token"))

    with pytest.raises(Transient, match="over at once"):
        calendar.changes(None)

    assert len(site.server.token_requests) == 1


@pytest.mark.parametrize(
    ("authority", "tenant", "address"),
    [
        ("https://adfs.voorbeeld.example/adfs/", "", "https://adfs.voorbeeld.example/adfs/oauth2/token"),
        ("https://adfs.voorbeeld.example", "adfs", "https://adfs.voorbeeld.example/adfs/oauth2/token"),
        ("https://adfs.voorbeeld.example/elders/token", "", "https://adfs.voorbeeld.example/elders/token"),
        ("", "voorbeeld.example", "https://login.microsoftonline.com/voorbeeld.example/oauth2/v2.0/token"),
    ],
)
def test_tokens_come_from_ad_fs_or_from_the_tenant(authority: str, tenant: str, address: str) -> None:
    assert token_address(ExchangeLogin(authority=authority, tenant=tenant)) == address


def test_a_server_with_a_certificate_of_its_own_is_trusted_by_its_authority_alone(tmp_path: Path, password: Secret) -> None:
    ca, context = certificate(tmp_path)
    with opened(password, context=context, ca=ca) as site:
        assert site.create(MEETING).event == MEETING

        with pytest.raises(Down, match="certificate") as caught:
            site.open(ca=None).changes(None)

        assert "ca of the login" in caught.value.hint


def test_one_connection_serves_all_and_is_made_anew_after_closing(site: Site) -> None:
    for event in (MEETING, SERIES, REMINDER):
        site.create(event)
    assert site.server.connections == 1

    site.calendar.close()

    assert len(site.calendar.changes(None).changed) == 3
    assert site.server.connections == 2


# -- reading -----------------------------------------------------------------------------------------------------------


def test_more_than_a_page_is_read_in_pages_and_strangers_cost_no_reading(site: Site) -> None:
    for number in range(600):
        start = at("2027-01-07") + timedelta(minutes=number)
        site.company.add(somebodys(f"lunch{number}", start))
    created = site.create(MEETING)
    site.server.requests.clear()

    changes = site.open().changes(None)

    assert changes.changed == (created,)
    assert site.asked("SyncFolderItems", "SyncFolderItems", "GetItem")


def test_a_hundred_and_one_events_are_read_in_two_batches(site: Site) -> None:
    for number in range(101):
        site.create(replace(MEETING, uid=f"n{number:03}-12345678@beklijf"))
    site.server.requests.clear()

    assert len(site.open().changes(None).changed) == 101
    assert site.asked("SyncFolderItems", "GetItem", "GetItem")


def test_a_copy_of_an_event_is_not_a_second_one(site: Site) -> None:
    created = site.create(MEETING)
    token = site.calendar.changes(None).token
    entry = site.entry(created)
    site.company.add(somebodys("copied", entry.start, properties=dict(entry.properties)))

    for calendar in (site.calendar, site.open()):
        assert calendar.changes(token).changed == ()
        assert calendar.changes(None).changed == (created,)


def test_an_invitation_of_ours_in_the_same_calendar_is_not_ours_to_write(site: Site) -> None:
    """The service's mailbox is invited to what a mentee organizes."""
    other = somebodys("theirs", at("2027-01-07"), uid="hers-12345678@beklijf", mailbox=SANNE.email, invited=OWNER)
    site.company.add(other, send="all")

    assert len(site.company.inside(OWNER, "main")) == 1
    assert site.calendar.changes(None).changed == ()


def test_a_server_that_gives_uids_of_its_own_is_known_by_our_property(site: Site) -> None:
    site.server.operations.takes_uids = False
    created = site.create(MEETING)
    token = site.calendar.changes(None).token
    site.company.respond(site.copy(created, SANNE.email), "ACCEPTED")

    assert (created.event, created.icaluid) == (MEETING, site.entry(created).uid)
    assert [stored.event for stored in site.open().changes(token).changed] == [MEETING]
    with pytest.raises(Exists):
        site.open().create(MEETING, sequence=0, agent=Agent.SERVER)


OUTLOOK = """<html xmlns:o="x"><head>
<meta http-equiv="Content-Type" content="text/html; charset=utf-8">
<!--[if !mso]><style>v\\:* {behavior:url(#default#VML);}</style><![endif]--><style><!-- p.MsoNormal {margin:0cm;} --></style></head>
<body lang="NL"><div class="WordSection1">
<p class="MsoNormal">Waar wil je <b>aan</b> werken?<o:p></o:p></p>
<p class="MsoNormal"><o:p>&nbsp;</o:p></p>
<p class="MsoNormal">Wie merkt
het?<o:p></o:p></p>
</div></body></html>"""
CONVERTED = """<html><head><meta name="Generator" content="Microsoft Exchange Server"><!-- converted from text --></head>
<body><font size="2"><div class="PlainText">Waar wil je aan werken?<br>
<br>
Wie merkt het?</div></font></body></html>"""


@pytest.mark.parametrize("html", [OUTLOOK, CONVERTED], ids=["outlook", "converted"])
def test_a_text_that_a_persons_program_made_html_of_is_the_same_text(site: Site, html: str) -> None:
    created = site.create(MEETING)
    site.company.change(site.entry(created), extra={"html": html})

    assert site.calendar.fetch(created.href).event == MEETING


def test_a_rhythm_that_a_person_made_is_kept_and_not_written_anew(site: Site) -> None:
    created = site.create(replace(SERIES, overrides=()))
    world(site).edit(created.href, "RRULE:FREQ=WEEKLY;UNTIL=20270622T080000Z;INTERVAL=2;BYDAY=TU", "RRULE:FREQ=MONTHLY;BYDAY=1TU")
    stored = site.calendar.fetch(created.href)
    assert stored.event.recurrence is not None
    assert "RELATIVEMONTHLY" in stored.event.recurrence.other

    assert site.update(stored, replace(stored.event, location="Zaal 9"), "place").event == replace(stored.event, location="Zaal 9")
    stored = site.calendar.fetch(created.href)
    with pytest.raises(Refused, match="person made"):
        site.update(stored, replace(stored.event, overrides=(Override(utc("2027-04-06"), None),)), "single")


# -- zones -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "windows"),
    [
        ("Europe/Amsterdam", "W. Europe Standard Time"),
        ("America/Chicago", "Central Standard Time"),
        ("Asia/Kolkata", "India Standard Time"),
        ("Europe/London", "GMT Standard Time"),
        ("Australia/Lord_Howe", "Lord Howe Standard Time"),
        ("UTC", "UTC"),
    ],
)
def test_a_series_across_the_change_of_clocks_is_at_the_right_instants_and_reads_back_unchanged(
    site: Site, zone: str, windows: str
) -> None:
    start = datetime(2027, 2, 23, 10, tzinfo=ZoneInfo(zone))
    recurrence_ids = [start + timedelta(weeks=2 * n) for n in range(8)]  # in wall time: 10 o'clock each time
    off, moved, last = (recurrence_ids[n].astimezone(UTC) for n in (3, 5, 7))
    overrides = (Override(off, None), Override(moved, moved + timedelta(hours=2), 30))
    event = replace(SERIES, start=start, recurrence=Recurrence(2, last), overrides=overrides)

    created = site.create(event)

    assert created.event == event
    assert merge.differences(created.event, event) == frozenset()
    assert created.event.start.tzinfo == ZoneInfo(zone)
    entry = site.entry(created)
    assert items.windows(entry.zone) == windows
    assert [start for _, start, _ in entry.meetings()] == list(meetings(event))


def test_a_series_that_a_person_moved_by_a_clock_elsewhere_is_read_by_that_clock(site: Site) -> None:
    created = site.create(replace(SERIES, overrides=()))
    entry = site.entry(created)
    site.company.change(entry, start=entry.start.replace(tzinfo=None).replace(tzinfo=ZoneInfo("America/Chicago")))

    event = site.calendar.fetch(created.href).event

    assert event.start == datetime(2027, 3, 2, 10, tzinfo=ZoneInfo("America/Chicago"))
    assert meetings(event) == tuple(start for _, start, _ in entry.meetings())


def test_a_zone_that_nobody_knows_is_read_by_the_one_that_we_noted(site: Site) -> None:
    created = site.create(MEETING)
    entry = site.entry(created)
    entry.start = entry.start.astimezone(ZoneInfo("America/Argentina/Salta"))  # the fake has no Windows name for it

    assert items.windows(entry.zone) == "Customized Time Zone"
    assert site.calendar.fetch(created.href).event == MEETING
