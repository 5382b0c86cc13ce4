"""What a mail means, held against a folder of mails as programs and servers form them."""

from __future__ import annotations

import base64
import re
import tomllib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beklijf.mime import envelopes, leaves
from beklijf.model.conversation import (
    Answered,
    Asked,
    Away,
    Bounced,
    Happening,
    Invited,
    Itip,
    Pressed,
    Proposed,
    Stranger,
    Token,
    TokenKind,
    Unproved,
)
from beklijf.model.domain import Kind, MentorshipKey
from beklijf.model.mailbox import LARGEST, Envelope
from beklijf.replies import own_text, reader
from beklijf.replies.authentication import Receiver
from beklijf.replies.judge import Actual, judge, message, wanted
from beklijf.replies.reader import Mail
from beklijf.replies.verdict import Known, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

CORPUS = Path(__file__).parents[1] / "corpus"
MAILS: list[dict[str, Any]] = tomllib.loads((CORPUS / "manifest.toml").read_text(encoding="utf-8"))["mail"]

SERIES = "0d7f6c1a-5a1b-4c0e-9d55-3b1f6a0f2c11-1a2b3c4d@beklijf"
MEETING = "7b0e4a52-19c3-4f0b-8a77-c2d4e6f80a13-1a2b3c4d@beklijf"
NAMES = {SERIES: "the series", MEETING: "the meeting"}
KARIM, SANNE, NOOR = "karim@voorbeeld.example", "sanne@voorbeeld.example", "noor@voorbeeld.example"
JORG = "jörg@bücher.example"
US, OUTSIDE = "mentor@voorbeeld.example", "piet@elders.example"
LETTER = "<bk.5f0c2f6e8d0a5f8a9d512f6f3f1c7a01@voorbeeld.example>"
GOALS = "<bk.9a4a7f0e2c1d5b7c8a607c2a5e4d3b02@voorbeeld.example>"
OLD_LETTER = "<5f0c2f6e-8d0a-5f8a-9d51-2f6f3f1c7a01@voorbeeld.example>"
OLD_GOALS = "<9a4a7f0e-2c1d-5b7c-8a60-7c2a5e4d3b02@voorbeeld.example>"
PAUSE, GOAL = "bk-a2b3c4d5e6f7g2h3i4j5", "bk-q7w6e5r4t3y2u7i6o5p4"
RECEIVER = Receiver("mx.voorbeeld.example")
PLACE = datetime(2027, 3, 16, 9, tzinfo=UTC)


HEAD = b"From: karim@voorbeeld.example\r\nMIME-Version: 1.0\r\n"
REPLY = (CORPUS / "sabre-bare.eml").read_bytes().partition(b"\r\n\r\n")[2]
ANSWER = f"{KARIM} accepted the series"


def token(name: str, kind: TokenKind) -> Token:
    return Token(token=name, kind=kind, mentorship=MentorshipKey("training/karim@voorbeeld.example"), person=KARIM)


def invited(uid: str, kind: Kind, *people: str, sequence: int) -> Invited:
    return Invited(uid=uid, kind=kind, mentorships=(), people=frozenset(people), sequence=sequence)


KNOWN = Known(
    events={
        SERIES: invited(SERIES, Kind.SERIES, KARIM, SANNE, sequence=1),
        MEETING: invited(MEETING, Kind.MEETING, NOOR, JORG, sequence=0),
    },
    persons={KARIM: KARIM, "k.bakker@voorbeeld.example": KARIM, SANNE: SANNE, NOOR: NOOR, JORG: JORG},
    domains=frozenset({"voorbeeld.example", "bücher.example"}),
    ours=frozenset({US}),
    tokens={PAUSE: token(PAUSE, TokenKind.PAUSE), GOAL: token(GOAL, TokenKind.GOAL)},
    sent={LETTER: KARIM, OLD_LETTER: KARIM},
    goal_letters={GOALS: GOAL, OLD_GOALS: GOAL},
)
HELD: Actual = {(SERIES, datetime(2027, 3, 2, 9, tzinfo=UTC)): (datetime(2027, 3, 2, 9, tzinfo=UTC), 60)}


def in_words(happening: Happening) -> str:
    match happening:
        case Answered() | Proposed() | Stranger():
            said = about_a_meeting(happening) + NAMES[happening.uid]
            return said + (f" at {happening.recurrence_id:%Y-%m-%dT%H:%MZ}" if happening.recurrence_id else "")
        case Asked(uid=uid, who=who):
            return f"{who} asks for {NAMES[uid]} again"
        case Away(who=who):
            return f"{who} is away"
        case Bounced(address=address, note=note):
            return f"mail to {address} never arrives: {note}"
        case Unproved(asked=asked):
            return f"perhaps {in_words(asked)}"
        case Pressed(token=name, who=who, said=goal):
            return f"{who} pressed {KNOWN.tokens[name].kind}" + (f": {goal}" if goal else "")
        case _:
            assert_never(happening)


def about_a_meeting(happening: Answered | Proposed | Stranger) -> str:
    match happening:
        case Answered(who=who, partstat=partstat):
            return f"{who} {partstat.lower()} "
        case Proposed(who=who, start=start, minutes=minutes):
            return f"{who} proposes {start.astimezone(UTC):%Y-%m-%dT%H:%MZ}, {minutes} minutes, for "
        case Stranger(who=who, partstat=partstat):
            return f"{who}, who is not invited, {partstat.lower()} "
        case _:
            assert_never(happening)


def verdict(content: bytes, *, cut: bool = False) -> Verdict:
    return judge(reader.read(content, cut=cut, receiver=RECEIVER), KNOWN, held=HELD)


# -- the corpus --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mail", MAILS, ids=lambda mail: mail["file"].removesuffix(".eml"))
def test_a_mail_means_what_a_person_would_take_it_for(mail: dict[str, Any]) -> None:
    found = verdict((CORPUS / mail["file"]).read_bytes())

    assert [in_words(each) for each in found.happenings] == mail["happenings"]
    assert (found.forward, found.filed) == (mail["forward"], mail["filed"])


def test_every_mail_of_the_corpus_is_held_against_something() -> None:
    assert sorted(mail["file"] for mail in MAILS) == sorted(path.name for path in CORPUS.glob("*.eml"))
    assert len({mail["imitates"] for mail in MAILS}) == len(MAILS)


@pytest.mark.parametrize("mail", MAILS, ids=lambda mail: mail["file"].removesuffix(".eml"))
def test_a_mail_with_bare_line_feeds_means_the_same(mail: dict[str, Any]) -> None:
    # Some mailboxes, Maildirs among them, hand mails out so. What is in UTF-16 or in no form at all is not text.
    content = (CORPUS / mail["file"]).read_bytes()

    assert verdict(content.replace(b"\r\n", b"\n")) == verdict(content)


# -- whose answer counts -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    method: str
    sender: str
    attendee: str
    happenings: str = ""
    forward: bool = False


SECRETARY, ALIAS, NOBODY = "secretariaat@voorbeeld.example", "karim.bakker@voorbeeld.example", ""
TABLE = [
    Case("REPLY", KARIM, KARIM, "karim@voorbeeld.example accepted the series"),
    Case("REPLY", KARIM, "", "karim@voorbeeld.example accepted the series"),
    Case("REPLY", "k.bakker@voorbeeld.example", KARIM, "karim@voorbeeld.example accepted the series"),
    Case("REPLY", KARIM, "k.bakker@voorbeeld.example", "karim@voorbeeld.example accepted the series"),
    Case("REPLY", SECRETARY, KARIM, "karim@voorbeeld.example accepted the series"),
    Case("REPLY", NOOR, KARIM, "karim@voorbeeld.example accepted the series"),
    Case("REPLY", SANNE, KARIM, forward=True),
    Case("REPLY", OUTSIDE, KARIM, forward=True),
    Case("REPLY", NOBODY, KARIM, forward=True),
    Case("REPLY", NOBODY, ""),
    Case("REPLY", ALIAS, ALIAS, "karim.bakker@voorbeeld.example, who is not invited, accepted the series"),
    Case("REPLY", ALIAS, "", "karim.bakker@voorbeeld.example, who is not invited, accepted the series"),
    Case("REPLY", KARIM, OUTSIDE, "piet@elders.example, who is not invited, accepted the series"),
    Case("REPLY", OUTSIDE, ALIAS),
    Case("REPLY", OUTSIDE, OUTSIDE),
    Case("REPLY", NOOR, NOOR),
    Case("REPLY", SECRETARY, NOOR),
    Case("COUNTER", KARIM, KARIM, "karim@voorbeeld.example proposes 2027-03-17T13:00Z, 60 minutes, for the series"),
    Case("COUNTER", "k.bakker@voorbeeld.example", KARIM, "karim@voorbeeld.example proposes 2027-03-17T13:00Z, 60 minutes, for the series"),
    Case("COUNTER", SECRETARY, KARIM, forward=True),
    Case("COUNTER", NOOR, KARIM, forward=True),
    Case("COUNTER", SANNE, KARIM, forward=True),
    Case("COUNTER", OUTSIDE, KARIM, forward=True),
    Case("COUNTER", ALIAS, ALIAS, "karim.bakker@voorbeeld.example, who is not invited, accepted the series"),
    Case("REFRESH", KARIM, KARIM, "karim@voorbeeld.example asks for the series again"),
    Case("REFRESH", SECRETARY, KARIM, "karim@voorbeeld.example asks for the series again"),
    Case("REFRESH", OUTSIDE, KARIM, forward=True),
    Case("REFRESH", ALIAS, ALIAS),
]


REPLIED = Itip(method="REPLY", uid=SERIES, recurrence_id=None, attendee=KARIM, partstat="ACCEPTED", sequence=1, stamp=None)
SAID = {
    "REPLY": REPLIED,
    "COUNTER": replace(REPLIED, method="COUNTER", start=datetime(2027, 3, 17, 13, tzinfo=UTC), minutes=60),
    "REFRESH": replace(REPLIED, method="REFRESH", partstat=""),
}


@pytest.mark.parametrize("case", TABLE, ids=lambda case: f"{case.method}-{case.sender or 'nobody'}-for-{case.attendee or 'themselves'}")
def test_an_answer_counts_by_who_sends_it_for_whom(case: Case) -> None:
    mail = Mail(sender=case.sender, itip=(replace(SAID[case.method], attendee=case.attendee),), authenticated=True)
    found = judge(mail, KNOWN)

    assert [in_words(each) for each in found.happenings] == ([case.happenings] if case.happenings else [])
    assert (found.forward, found.filed) == (case.forward, True)


def test_who_answers_is_named_by_the_address_that_was_invited() -> None:
    invited_by_alias = replace(
        KNOWN, events={SERIES: replace(KNOWN.events[SERIES], people=frozenset({"k.bakker@voorbeeld.example", SANNE}))}
    )

    found = judge(Mail(sender=KARIM, itip=(REPLIED,)), invited_by_alias)

    assert found.happenings == (Answered(uid=SERIES, recurrence_id=None, who="k.bakker@voorbeeld.example", partstat="ACCEPTED"),)


def test_proposing_the_time_that_a_moved_meeting_had_at_first_is_a_proposal() -> None:
    moved: Actual = {(SERIES, PLACE): (datetime(2027, 3, 18, 9, tzinfo=UTC), 60)}
    back = replace(SAID["COUNTER"], recurrence_id=PLACE, start=PLACE)

    assert judge(Mail(sender=KARIM, itip=(back,), authenticated=True), KNOWN, held=moved).happenings == (
        Proposed(uid=SERIES, recurrence_id=PLACE, who=KARIM, start=PLACE, minutes=60),
    )
    assert judge(Mail(sender=KARIM, itip=(replace(back, start=moved[SERIES, PLACE][0]),)), KNOWN, held=moved).happenings == ()


def test_proposing_the_same_hour_at_another_length_is_a_proposal() -> None:
    held: Actual = {(SERIES, PLACE): (PLACE, 60)}

    shorter = replace(SAID["COUNTER"], recurrence_id=PLACE, start=PLACE, minutes=30)
    found = judge(Mail(sender=KARIM, itip=(shorter,), authenticated=True), KNOWN, held=held)

    assert [in_words(each) for each in found.happenings] == [
        f"{KARIM} proposes 2027-03-16T09:00Z, 30 minutes, for the series at 2027-03-16T09:00Z"
    ]


def test_an_answer_that_goes_back_to_open_is_heard() -> None:
    found = judge(Mail(sender=KARIM, itip=(replace(REPLIED, partstat="NEEDS-ACTION"),)), KNOWN)

    assert found.happenings == (Answered(uid=SERIES, recurrence_id=None, who=KARIM, partstat="NEEDS-ACTION"),)


def test_two_answers_in_one_mail_are_judged_each_for_itself() -> None:
    found = judge(Mail(sender=KARIM, itip=(REPLIED, replace(SAID["COUNTER"], attendee=SANNE))), KNOWN)

    assert [in_words(each) for each in found.happenings] == [f"{KARIM} accepted the series"]
    assert found.forward


def test_a_person_of_an_international_domain_is_known_by_both_its_spellings() -> None:
    unfolded = (CORPUS / "zimbra-accepted.eml").read_bytes().replace(b"\r\n ", b"")

    found = judge(reader.read(unfolded.replace(b"noor@voorbeeld.example", "jörg@xn--bcher-kva.example".encode())), KNOWN)

    assert [in_words(each) for each in found.happenings] == [f"{JORG} accepted the meeting"]


def test_a_mail_that_was_cut_off_goes_to_the_coordinator_with_what_could_be_read_of_it() -> None:
    whole = (CORPUS / "google-accepted.eml").read_bytes()

    found = verdict(whole[: whole.index(b"invite.ics")], cut=True)

    assert [in_words(each) for each in found.happenings] == [f"{KARIM} accepted the series"]
    assert found.forward


@pytest.mark.parametrize("missing", [30, 200, 400])
def test_half_an_answer_is_none(missing: int) -> None:
    whole = (CORPUS / "sabre-bare.eml").read_bytes().rstrip()

    found = verdict(whole[:-missing], cut=True)

    assert (found.happenings, found.forward) == ((), True)


def test_a_machine_that_answers_a_goals_letter_has_nothing_to_say_about_goals() -> None:
    found = judge(Mail(sender=KARIM, auto="other", in_reply_to=(GOALS,)), KNOWN)

    assert (found.happenings, found.forward, found.filed) == ((), False, True)


def test_a_mail_that_a_rule_only_passed_on_is_its_writers_own() -> None:
    passed_on = b"From: karim@voorbeeld.example\r\nX-MS-Exchange-Inbox-Rules-Loop: karim@voorbeeld.example\r\n\r\nHallo\r\n"

    assert reader.read(passed_on).auto == ""


def test_a_report_that_returns_nothing_names_the_mail_in_its_own_headers() -> None:
    whole = (CORPUS / "exchange-ndr.eml").read_bytes()

    found = verdict(whole[: whole.index(b"Content-Description: Undelivered Message")])

    assert [type(each) for each in found.happenings] == [Bounced]


def test_of_two_parts_that_contradict_each_other_the_first_counts() -> None:
    inline, attached = REPLY, REPLY.replace(b"ACCEPTED", b"DECLINED")
    content = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    content += b"".join(b"--b\r\nContent-Type: text/calendar\r\n\r\n" + each for each in (inline, attached)) + b"--b--\r\n"

    assert [in_words(each) for each in verdict(content).happenings] == [ANSWER]


@pytest.mark.parametrize(
    ("received", "said"),
    [
        (REPLIED, [f"{KARIM} accepted the series"]),
        (replace(REPLIED, attendee="k.bakker@voorbeeld.example"), [f"{KARIM} accepted the series"]),
        (SAID["COUNTER"], [f"{KARIM} proposes 2027-03-17T13:00Z, 60 minutes, for the series"]),
        (replace(SAID["COUNTER"], start=None), [f"{KARIM} tentative the series"]),
        (replace(REPLIED, attendee=ALIAS), [f"{ALIAS}, who is not invited, accepted the series"]),
        (replace(REPLIED, attendee=OUTSIDE), []),
        (replace(REPLIED, attendee=""), []),
        (replace(REPLIED, sequence=0), []),
        (replace(REPLIED, uid="unknown@beklijf"), []),
    ],
)
def test_what_a_server_delivered_is_from_whom_it_names(received: Itip, said: list[str]) -> None:
    found = message(received, KNOWN)

    assert [in_words(each) for each in found.happenings] == said
    assert not found.forward


# -- what is worth downloading -----------------------------------------------------------------------------------------

NEWSLETTER = Envelope(sender="nieuws@elders.example", subject="Uw nieuwsbrief", content_type="text/html", calendar=False, size=40_000)


@pytest.mark.parametrize(
    "envelope",
    [
        replace(NEWSLETTER, sender=KARIM),
        replace(NEWSLETTER, calendar=True),
        replace(NEWSLETTER, content_type="multipart/report"),
        replace(NEWSLETTER, content_type="text/calendar"),
        replace(NEWSLETTER, subject=f"RE: {PAUSE.upper()}"),
        replace(NEWSLETTER, subject=f"=?utf-8?B?{base64.b64encode(PAUSE.encode()).decode()}?="),
    ],
)
def test_what_may_mean_something_is_downloaded(envelope: Envelope) -> None:
    assert wanted(envelope, persons=KNOWN.persons)


@pytest.mark.parametrize(
    "envelope",
    [NEWSLETTER, replace(NEWSLETTER, sender="", subject=""), replace(NEWSLETTER, sender=SECRETARY, subject="bk-aanbieding van de week")],
)
def test_other_mail_is_never_downloaded(envelope: Envelope) -> None:
    assert not wanted(envelope, persons=KNOWN.persons)


# -- what a sender wrote -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Doel: luisteren",
        "doel :  luisteren ",
        "GOAL: luisteren",
        "\n\n  *Doel:* luisteren\n\n",
        "Doel:\nDoel: luisteren",
        "Doel: luisteren\n\nOn Mon, 22 Feb 2027 at 09:00, Mentor <m@voorbeeld.example> wrote:\n\nDoel: oud\nhallo",
        "Doel: luisteren\n\nOn Mon, 22 Feb 2027 at 09:00, Mentorprogramma van de gemeente\n<mentor@voorbeeld.example> wrote:\n\nDoel: oud",
        "Doel: luisteren\n\nOp 22 feb 2027 om 09:00 heeft Mentor <m@voorbeeld.example> het volgende geschreven:\n\nDoel: oud",
        "Doel: luisteren\n\nOp ma 22 feb. 2027 schreef Mentor:\nDoel: oud",
        "Doel: luisteren\n-----Original Message-----\nDoel: oud",
        "Doel: luisteren\n----- Oorspronkelijk bericht -----\nDoel: oud",
        "Doel: luisteren\n\nVan: Mentor\nVerzonden: maandag\nAan: Karim\nDoel: oud",
        "Doel: luisteren\n\n*From:* Mentor\n*Sent:* Monday\nDoel: oud",
        "Doel: luisteren\n________________________________\nVan: Mentor\nDoel: oud",
        "> Doel: oud\nDoel: luisteren",
        "Op ma 22 feb. 2027 schreef Mentor:\n> Doel: oud\n>\n\nDoel: luisteren",
        f"{GOAL} laat deze regel staan\nDoel: luisteren",
        f"  [{GOAL}]\nDoel: luisteren",
    ],
)
def test_a_goal_is_what_the_sender_wrote_behind_the_word(text: str) -> None:
    found = own_text.read(text)

    assert (found.goal, found.rest) == ("luisteren", False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Doel: ",
        "> Doel: oud",
        "-----Original Message-----\nDoel: oud",
        "On Monday, Mentor wrote:\nDoel: oud",
        "Doel: \u200b\u00a0",
        f"{GOAL}\n\n",
        "***",
    ],
)
def test_what_we_prefilled_or_wrote_ourselves_is_no_goal_and_nothing_more(text: str) -> None:
    found = own_text.read(text)

    assert (found.goal, found.rest) == ("", False)


@pytest.mark.parametrize(
    "more", ["Hallo,", "Groet, Karim", "-- \nKarim Bakker", "Doel: een tweede", "Verzonden vanaf mijn telefoon", "Mijn doel: iets"]
)
def test_whatever_else_they_wrote_is_for_a_human(more: str) -> None:
    found = own_text.read(f"Doel: luisteren\n\n{more}\n")

    assert (found.goal, found.rest) == ("luisteren", True)


def test_a_goal_is_one_line_of_no_more_than_three_hundred_characters() -> None:
    assert own_text.read("Doel: " + "een lang doel " * 100).goal == ("een lang doel " * 100)[:300].strip()


def test_a_file_beside_a_goal_is_more_than_a_goal() -> None:
    content = (
        b"From: karim@voorbeeld.example\r\nSubject: " + GOAL.encode() + b"\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\n\r\nDoel: luisteren\r\n"
        b"--b\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=x.png\r\n\r\nx\r\n--b--\r\n"
    )

    found = verdict(content)

    assert [in_words(each) for each in found.happenings] == [f"{KARIM} pressed goal: luisteren"]
    assert found.forward


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a<br>b</p><div>c</div>", "a\nb\nc"),
        ("<!DOCTYPE html><html><head><title>t</title><style>p{}</style></head><body>a</body></html>", "a"),
        ("<head><body>a", "a"),
        ("<p>a</p><!--[if gte mso 9]><xml>b</xml><![endif]--><![if !supportLists]>c<![endif]>", "a\nc"),
        ("a &lt;b&gt; &amp; &eacute;&#8203;", "a <b> & é\u200b"),
        ("<p>a</p><blockquote><p>b</p><blockquote>c</blockquote>d</blockquote>e", "a\n> b\n> c\n> d\ne"),
        ("1 < 2 <a href='x'>y</a", "1 < 2 y</a"),
        ("<script>alert('<p>')</script>a", "a"),
    ],
)
def test_html_is_read_as_the_lines_that_a_person_sees(html: str, text: str) -> None:
    assert own_text.from_html(html) == text


def test_flowed_lines_are_joined_but_for_a_signature_and_quotes() -> None:
    assert own_text.unflowed("a \nb\n-- \nc \n> d \n> e", delete_space=False) == "a b\n-- \nc \n> d \n> e"
    assert own_text.unflowed("a \nb", delete_space=True) == "ab"


@pytest.mark.parametrize(
    ("header", "sender"),
    [
        ("Karim <Karim@Voorbeeld.EXAMPLE>", KARIM),
        ("karim@voorbeeld.example (Karim (mentee))", KARIM),
        ("Bakker, Karim <karim@voorbeeld.example>", KARIM),
        ("karim@voorbeeld.example <karim@voorbeeld.example>", KARIM),
        ('"a@b.example, c" <karim@voorbeeld.example>', KARIM),
        ("=?utf-8?Q?J=C3=B6rg?= <jörg@xn--bcher-kva.example>", JORG),
        ("karim@voorbeeld.example, piet@elders.example", ""),
        ("<karim@voorbeeld.example> <piet@elders.example>", ""),
        ("karim@voorbeeld.example <piet@elders.example>", OUTSIDE),
        ("karim@voorbeeld.example\x00 <piet@elders.example>", OUTSIDE),
        ("karim", ""),
        ("<>", ""),
        ("karim@voorbeeld.example\r\nFrom: piet@elders.example", ""),
    ],
)
def test_a_sender_is_one_address_or_nobody(header: str, sender: str) -> None:
    mail = f"From: {header}\r\n\r\n".encode()

    assert reader.read(mail).sender == sender
    assert envelopes.envelope(mail, size=len(mail)).sender == sender


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        (PAUSE, (PAUSE,)),
        (f"Re: Fwd: [extern] {PAUSE.upper()}!", (PAUSE,)),
        (f"{PAUSE[:10]}\r\n {PAUSE[10:]}", (PAUSE,)),
        (f"=?utf-8?B?{base64.b64encode(PAUSE.encode()).decode()}?=", (PAUSE,)),
        (f"{PAUSE} {GOAL}", (PAUSE, GOAL)),
        (f"x{PAUSE}", (PAUSE,)),
        ("bk-kort", ()),
        ("", ()),
    ],
)
def test_a_token_is_found_in_a_subject_however_it_comes(subject: str, found: tuple[str, ...]) -> None:
    assert reader.read(f"Subject: {subject}\r\n\r\n".encode()).tokens == found


def test_two_tokens_are_for_a_human() -> None:
    found = judge(Mail(sender=KARIM, tokens=(PAUSE, GOAL)), KNOWN)

    assert (found.happenings, found.forward) == ((), True)


def test_a_report_names_every_recipient_once() -> None:
    groups = "".join(f"Final-Recipient: rfc822;p{n}@voorbeeld.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n" for n in range(3))
    content = f"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n{groups}"

    found = reader.read(content.encode()).bounces

    assert [sorted(bounce.addresses) for bounce in found] == [[f"p{n}@voorbeeld.example"] for n in range(3)]


# -- hostile ones, too large to keep -----------------------------------------------------------------------------------


def nested(depth: int) -> bytes:
    opened = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))
    return HEAD + opened + b"Content-Type: text/calendar; method=REPLY\r\n\r\n" + REPLY


HOSTILE: dict[str, tuple[Callable[[], bytes], list[str]]] = {
    "a subject of a megabyte": (lambda: HEAD + b"Subject: " + b"x " * LARGEST + b"\r\n\r\n", []),
    "a subject of encoded words": (lambda: HEAD + b"Subject: " + b"=?utf-8?q?x?= " * 70_000 + b"\r\n\r\n", []),
    "brackets in brackets": (lambda: b"From: " + b"(" * LARGEST + b"\r\n\r\n", []),
    "headers without end": (lambda: HEAD + b"a:\r\n" * 200_000, []),
    "a header of semicolons": (lambda: HEAD + b'Content-Type: multipart/mixed; a="' + b";" * LARGEST, []),
    "ten thousand parts": (lambda: HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 10_000, []),
    "parts in parts, as deep as programs go": (lambda: nested(6), [ANSWER]),
    "parts in parts, deeper than any program goes": (lambda: nested(12), []),
    "parts in parts without end": (lambda: nested(18_000), []),
    "messages in messages": (lambda: HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 30_000 + REPLY, []),
    "tags that don't end": (lambda: HEAD + b"Content-Type: text/html\r\n\r\n" + b"<a/" * 300_000, []),
    "comments that don't end": (lambda: HEAD + b"Content-Type: text/html\r\n\r\n" + b"<!--" * 200_000, []),
    "a line of dashes": (lambda: HEAD + b"\r\n" + b"-" * LARGEST, []),
    "a million lines": (lambda: HEAD + b"\r\n" + b"\n" * LARGEST, []),
    "lines that begin like quotes": (lambda: HEAD + b"\r\n" + (b"On it wrote" + b" wrote" * 60 + b"\n") * 2_000, []),
    "thousands of events": (
        lambda: (
            HEAD + b"Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REPLY\r\n" + REPLY[REPLY.index(b"BEGIN:VEVENT") :] * 2_000
        ),
        [ANSWER],
    ),
    "a codec that is no charset": (lambda: HEAD + b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"a-" * 400_000, []),
    "thousands of reports": (
        lambda: HEAD + b"Content-Type: message/delivery-status\r\n\r\n" + b"Final-Recipient: rfc822;a@b.example\r\n\r\n" * 25_000,
        [],
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_mail_is_read_as_far_as_it_is_worth(name: str) -> None:
    build, happenings = HOSTILE[name]

    found = verdict(build()[:LARGEST], cut=True)

    assert [in_words(each) for each in found.happenings] == happenings


def test_no_more_parts_are_looked_at_than_a_mail_may_have() -> None:
    mail = leaves.open_mail(HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 10_000)

    assert len(list(leaves.leaves(mail))) < leaves.MOST_PARTS


# -- properties --------------------------------------------------------------------------------------------------------

CONTENTS = [(CORPUS / mail["file"]).read_bytes() for mail in MAILS]
MARK = "Geheim"


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """Return a mail of the corpus with pieces left out, doubled, or replaced by others of another mail, or of none."""
    content: bytes = draw(st.sampled_from(CONTENTS))
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, max(0, len(content) - 1)))
        end = start + draw(st.integers(0, 200))
        other: bytes = draw(
            st.one_of(st.binary(max_size=40), st.just(content[start:end] * 2), st.sampled_from(CONTENTS).map(lambda c: c[:400]))
        )
        content = content[:start] + other + content[end:]
    return content


def from_outside(content: bytes) -> bytes:
    return b"From: piet@elders.example\r\n" + re.sub(rb"(?im)^from:.*\r?\n(?:[ \t].*\r?\n)*", b"", content)


@given(content=st.one_of(spoilt(), st.binary(max_size=2_000)), cut=st.booleans())
def test_no_mail_whatever_stops_a_tick(content: bytes, cut: bool) -> None:
    found = verdict(content, cut=cut)

    assert len(found.happenings) <= 120
    assert all(len(in_words(each)) < 1_000 for each in found.happenings)


@given(content=spoilt())
def test_nobody_outside_answers_proposes_or_asks_for_anybody(content: bytes) -> None:
    found = judge(reader.read(from_outside(content)), KNOWN)

    assert {type(each) for each in found.happenings} <= {Pressed, Bounced}


@given(content=spoilt())
def test_whoever_is_named_is_known_or_wrote_from_the_organisation(content: bytes) -> None:
    mail = reader.read(content)

    for each in judge(mail, KNOWN).happenings:
        match each:
            case Answered(uid=uid, who=who) | Proposed(uid=uid, who=who) | Asked(uid=uid, who=who):
                assert who in KNOWN.events[uid].people
            case Away(who=who) | Bounced(address=who):
                assert who in KNOWN.persons
            case Pressed(who=who):
                assert who == mail.sender
            case Unproved(asked=asked):
                assert asked.who in KNOWN.events[asked.uid].people
            case Stranger():
                assert mail.sender.rpartition("@")[2] in KNOWN.domains
            case _:
                assert_never(each)


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=60).map(lambda text: MARK + text)


@given(words=WORDS, method=st.sampled_from(["REPLY", "COUNTER", "REFRESH", "REQUEST"]), who=st.sampled_from([KARIM, ALIAS, OUTSIDE]))
def test_nothing_of_what_people_write_leaves_but_a_goal(words: str, method: str, who: str) -> None:
    lines = [f"{name}:{words}" for name in ("SUMMARY", "DESCRIPTION", "COMMENT", "LOCATION", "X-ALT-DESC", "CONTACT")]
    calendar = "\r\n".join(
        [
            "BEGIN:VCALENDAR",
            f"METHOD:{method}",
            "BEGIN:VEVENT",
            f"UID:{SERIES}",
            "SEQUENCE:1",
            "DTSTART:20270317T130000Z",
            f'ATTENDEE;CN="{words.replace(chr(34), "")}";PARTSTAT=ACCEPTED:mailto:{who}',
            *lines,
            "END:VEVENT",
            "END:VCALENDAR",
        ]
    )
    content = (
        f"From: {words} <{who}>\r\nSubject: {words}\r\nX-Note: {words}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{words}\r\n"
        f"--b\r\nContent-Type: text/calendar\r\n\r\n{calendar}\r\n--b--\r\n"
    )

    assert MARK not in repr(verdict(content.encode()))


def test_an_answer_under_the_servers_own_uid_is_about_our_event() -> None:
    theirs = "040000008200E00074C5B7101A82E008"
    known = replace(KNOWN, events={theirs: replace(KNOWN.events[SERIES], icaluid=theirs)})
    content = (CORPUS / "sabre-bare.eml").read_bytes().replace(SERIES.encode(), theirs.encode())
    assert theirs.encode() in content

    found = judge(reader.read(content, known=known.events), known, held=HELD)

    assert [in_words(each) for each in found.happenings] == [ANSWER]
    assert reader.read(content).itip == ()


# -- what a mail may cost ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sender", [KARIM, "secretariaat@voorbeeld.example", OUTSIDE])
def test_an_answer_that_takes_too_much_goes_to_the_coordinator_whoever_wrote_it(sender: str) -> None:
    content = (CORPUS / "exchange-customized-zone.eml").read_bytes()
    content = f"From: {sender}\r\n".encode() + re.sub(rb"(?im)^from:.*\r?\n(?:[ \t].*\r?\n)*", b"", content)

    found = judge(reader.read(content, steps=5), KNOWN)

    assert (found.happenings, found.forward, found.filed) == ((), True, True)


def test_an_answer_to_an_event_that_we_do_not_know_costs_nothing() -> None:
    content = (CORPUS / "exchange-customized-zone.eml").read_bytes()

    assert reader.read(content, known={SERIES}, steps=5).unreadable
    assert not reader.read(content, known={MEETING}, steps=5).unreadable


def test_of_a_flood_of_headers_the_first_ones_are_read() -> None:
    flood = b"X-A: b\r\n" * leaves.MOST_HEADER_LINES

    assert reader.read(HEAD + flood + b"\r\n").sender == KARIM
    assert reader.read(flood + HEAD + b"\r\n").sender == ""


def test_no_answer_is_looked_for_deeper_than_any_program_puts_one() -> None:
    def wrapped(levels: int) -> bytes:
        edges = [f"b{n}".encode() for n in range(levels)]
        opened = b"".join(b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n--%b\r\n" % (edge, edge) for edge in edges)
        closed = b"".join(b"\r\n--%b--\r\n" % edge for edge in reversed(edges))
        return HEAD + opened + b"Content-Type: text/calendar; method=REPLY\r\n\r\n" + REPLY + closed

    assert [in_words(each) for each in verdict(wrapped(8)).happenings] == [ANSWER]
    assert verdict(wrapped(9)).happenings == ()
    assert verdict(wrapped(9)).forward


@pytest.mark.parametrize("ending", [b"\r\n", b"\n"])
@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        (b"--b|one|--b|two|--b--|after", [b"one", b"two"]),
        (b"before|--b|one|--b--", [b"one"]),
        (b"before|--b|one", [b"one"]),
        (b"--b  |one|--bc|two|--b-- |", [b"one|--bc|two"]),
        (b"--b|--b|two|--b--|", [b"", b"two"]),
        (b"no boundary", []),
        (b"", []),
    ],
)
def test_parts_stand_between_lines_that_are_the_boundary(raw: bytes, parts: list[bytes], ending: bytes) -> None:
    assert leaves.split(raw.replace(b"|", ending), b"b") == [part.replace(b"|", ending) for part in parts]


# -- who wrote it ------------------------------------------------------------------------------------------------------

NO = replace(REPLIED, partstat="DECLINED")
COUNTER = SAID["COUNTER"]
UNTIMED = replace(COUNTER, start=None, partstat="DECLINED")


@pytest.mark.parametrize("itip", [NO, COUNTER, UNTIMED], ids=["a no to the series", "a proposal", "a proposal of no time"])
def test_what_would_change_much_counts_only_with_a_proof(itip: Itip) -> None:
    mail = Mail(sender=KARIM, itip=(itip,))
    [asked] = judge(replace(mail, authenticated=True), KNOWN).happenings

    assert isinstance(asked, Answered | Proposed)
    assert judge(mail, KNOWN).happenings == (Unproved(asked=asked),)
    assert judge(mail, KNOWN, answers={KARIM}).happenings == (asked,)
    assert judge(mail, KNOWN, answers={"k.bakker@voorbeeld.example"}).happenings == (asked,)
    assert judge(mail, KNOWN, answers={SANNE}).happenings == (Unproved(asked=asked),)


@pytest.mark.parametrize(
    "itip",
    [REPLIED, replace(NO, recurrence_id=PLACE), replace(NO, partstat="TENTATIVE"), replace(NO, uid=MEETING, attendee=NOOR, sequence=0)],
    ids=["yes", "no to one meeting", "perhaps", "no to a meeting that is no series"],
)
def test_what_changes_little_counts_as_before(itip: Itip) -> None:
    mail = Mail(sender=itip.attendee, itip=(itip,))

    assert judge(mail, KNOWN) == judge(replace(mail, authenticated=True), KNOWN)
    assert [type(each) for each in judge(mail, KNOWN).happenings] == [Answered]


def test_a_stranger_who_says_no_to_a_series_is_asked_about_and_says_nothing() -> None:
    mail = Mail(sender="k.b@voorbeeld.example", itip=(replace(NO, attendee="k.b@voorbeeld.example"),))

    found, proved = judge(mail, KNOWN), judge(replace(mail, authenticated=True), KNOWN)

    assert found.happenings == (Stranger(uid=SERIES, recurrence_id=None, who="k.b@voorbeeld.example", partstat="NEEDS-ACTION"),)
    assert found.forward
    assert proved.happenings == (Stranger(uid=SERIES, recurrence_id=None, who="k.b@voorbeeld.example", partstat="DECLINED"),)


def test_an_answer_that_waits_in_the_servers_inbox_is_nobody_elses() -> None:
    assert [type(each) for each in message(NO, KNOWN).happenings] == [Answered]
    assert [type(each) for each in message(COUNTER, KNOWN).happenings] == [Proposed]


def test_a_token_counts_from_its_person_a_colleague_and_the_staff() -> None:
    known = replace(KNOWN, domains=frozenset({"voorbeeld.example"}), staff=frozenset({"marieke@elders.example"}))

    def kinds(sender: str) -> list[type]:
        return [type(each) for each in judge(Mail(sender=sender, tokens=(PAUSE,)), known).happenings]

    assert kinds(KARIM) == kinds("marieke@elders.example") == kinds("secretariaat@voorbeeld.example") == [Pressed]
    assert kinds(OUTSIDE) == kinds(SANNE) == []
