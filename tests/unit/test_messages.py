"""Headers and addresses that hold in every mail program, whatever people are called and whatever a template says."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.headerregistry import Address, AddressHeader
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beklijf.mime.addresses import ascii_address
from beklijf.mime.messages import LONGEST, Rendered, build, is_secret, kept, message_id, parse
from beklijf.model.domain import Contact
from beklijf.model.errors import Refused

SECRET = b"a secret of the tests"
DAY = datetime(2026, 12, 9, 8, 0, tzinfo=UTC)
SANNE = Contact("Sanne de Vries", "sanne@voorbeeld.example")
KARIM = Contact("Karim Bakker", "karim@voorbeeld.example")
SERVICE = Contact("Mentorprogramma", "mentor@voorbeeld.example")
WORDS = Rendered(subject="Wat neem je mee?", text="Hoi Sanne,\n\nWat neem je mee?\n", html="<p>Hoi Sanne,</p>", language="nl")

anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)


def test_a_message_id_is_a_function_of_the_row_and_of_a_secret_that_nobody_outside_knows() -> None:
    first = message_id(SECRET, "letter 1", "voorbeeld.example")

    assert first == message_id(SECRET, "letter 1", "voorbeeld.example")
    others = {message_id(b"another", "letter 1", "voorbeeld.example"), message_id(SECRET, "letter 2", "voorbeeld.example")}
    assert len(others | {first}) == 3
    assert is_secret(first)
    assert not is_secret("<5f0c2f6e-8d0a-5f8a-9d51-2f6f3f1c7a01@voorbeeld.example>")  # as 0.2.0 made them


def mail(
    rendered: Rendered = WORDS, *, to: Contact = SANNE, reply_to: Contact | None = KARIM, auto: bool = True, attached: bytes | None = None
) -> EmailMessage:
    identity = message_id(SECRET, "letter 1", "voorbeeld.example")
    return build(rendered, sender=SERVICE, to=to, reply_to=reply_to, message_id=identity, date=DAY, auto=auto, attached=attached)


def received(message: EmailMessage) -> EmailMessage:
    """Return the message as somebody else's program reads it."""
    return message_from_bytes(message.as_bytes(), EmailMessage, policy=default)


def reader_of(message: EmailMessage) -> Address:
    header = received(message)["To"]
    assert isinstance(header, AddressHeader)
    (address,) = header.addresses
    return address


def bare(text: str) -> str:
    return "".join(text.split())


def test_a_letter_has_the_headers_of_a_letter() -> None:
    letter = received(mail())

    assert {name: str(value) for name, value in letter.items() if not name.startswith("Content-Type")} == {
        "From": "Mentorprogramma <mentor@voorbeeld.example>",
        "To": "Sanne de Vries <sanne@voorbeeld.example>",
        "Reply-To": "Karim Bakker <karim@voorbeeld.example>",
        "Subject": "Wat neem je mee?",
        "Date": "Wed, 09 Dec 2026 08:00:00 +0000",
        "Message-ID": message_id(SECRET, "letter 1", "voorbeeld.example"),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "OOF, AutoReply, DR, RN, NRN",
        "Content-Language": "nl",
        "MIME-Version": "1.0",
    }


def test_what_is_not_automatic_does_not_say_so_and_what_nobody_answers_has_no_reply_to() -> None:
    message = mail(reply_to=None, auto=False)

    assert message["Auto-Submitted"] is None
    assert message["Reply-To"] is None


def test_text_and_html_are_two_forms_of_one_letter_and_the_last_is_the_richest() -> None:
    letter = received(mail())

    assert letter.get_content_type() == "multipart/alternative"
    plain, html = letter.iter_parts()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert plain.get_payload(decode=True) == b"Hoi Sanne,\r\n\r\nWat neem je mee?\r\n"
    assert html.get_payload(decode=True) == b"<p>Hoi Sanne,</p>\r\n"


def test_the_same_row_is_the_same_bytes_and_another_row_has_other_boundaries() -> None:
    other = build(
        WORDS, sender=SERVICE, to=SANNE, reply_to=None, message_id=message_id(SECRET, "letter 2", "x.example"), date=DAY, auto=True
    )

    assert mail().as_bytes() == mail().as_bytes()
    assert mail().get_boundary() != other.get_boundary()


def test_a_message_id_is_a_function_of_the_row_and_ends_in_our_domain() -> None:
    first, second = message_id(SECRET, "letter 1", "bücher.example"), message_id(SECRET, "letter 2", "bücher.example")

    assert first == message_id(SECRET, "letter 1", "bücher.example")
    assert first != second
    assert first.startswith("<")
    assert first.endswith("@xn--bcher-kva.example>")


@given(anything, anything, anything)
def test_whatever_people_are_called_and_letters_say_arrives_and_goes_to_one_address(name: str, subject: str, text: str) -> None:
    message = mail(Rendered(subject=subject, text=text, html="<p></p>"), to=Contact(name, "sanne@bücher.example"))

    content = message.as_bytes()
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert reader_of(message).addr_spec == "sanne@xn--bcher-kva.example"
    assert bare(received(message)["Subject"]) == bare(message["Subject"])
    assert "Bcc" not in received(message)


@given(anything, anything, anything)
def test_bytes_that_were_kept_are_the_same_message_again(name: str, subject: str, text: str) -> None:
    content = mail(Rendered(subject=f"Hoi {subject}", text=text, html=text), to=Contact(name, "s@x.example")).as_bytes()

    assert kept(content).as_bytes() == content


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Sanne de Vries", "Sanne de Vries"),
        ("Jörg Müller", "Jörg Müller"),
        ("李小龍", "李小龍"),
        ("J.P. d'Hondt-van 't Hof", "J.P. d'Hondt-van 't Hof"),
        ("Vries, Sanne de (HR)", "Vries Sanne de HR"),
        ("Sanne\r\nBcc: all@voorbeeld.example", "Sanne Bcc all voorbeeld.example"),
        ("Smit <baas@elders.example>, " + "Jan van de langere achternaam " * 3, ""),
        ("=?utf-8?q?baas?=", "utf-8?q?baas"),
    ],
)
def test_a_name_is_a_name_and_nothing_else(name: str, shown: str) -> None:
    address = reader_of(mail(to=Contact(name, "sanne@voorbeeld.example")))

    assert address.addr_spec == "sanne@voorbeeld.example"
    assert not shown or address.display_name == shown


def test_a_line_break_in_a_subject_starts_no_header() -> None:
    message = received(mail(Rendered(subject="Hoi\r\nBcc: all@voorbeeld.example\r\n\r\nlees dit", text="", html="")))

    assert message["Subject"] == "Hoi Bcc: all@voorbeeld.example lees dit"
    assert message["Bcc"] is None


# -- pausing by a header, mails that are passed on ---------------------------------------------------------------------


def test_what_acts_on_a_mail_program_or_a_terminal_is_in_no_part_of_a_mail() -> None:
    hostile = "Zaal \x1b[31m9\u202e\u2066\x07\x9b\ud800 \U0001f469\u200d\U0001f393"

    message = received(
        mail(Rendered(subject=hostile, text=f"Hoi\n{hostile}\n", html=f"<p>{hostile}</p>"), to=Contact(hostile, "s@x.example"))
    )

    parts = [part.get_content() for part in message.walk() if not part.is_multipart()]
    for said in (*parts, message["Subject"], str(message["To"])):
        assert not set(hostile) & set(said) & set("\x1b\u202e\u2066\x07\x9b\ud800")
    for said in (*parts, message["Subject"]):
        assert "\U0001f469\u200d\U0001f393" in said


def test_a_letter_that_can_be_paused_says_so_in_one_unbroken_line() -> None:
    value = f"<mailto:mentor@voorbeeld.example?subject={'Brieven%20' * 20}%5Bbk-abcdefghijklmnopqrst%5D>"
    identity = message_id(SECRET, "letter 1", "voorbeeld.example")

    letter = build(WORDS, sender=SERVICE, to=SANNE, reply_to=KARIM, message_id=identity, date=DAY, auto=True, unsubscribe=value)

    assert f"\r\nList-Unsubscribe: {value}\r\n".encode() in letter.as_bytes()
    assert received(letter)["List-Unsubscribe"] == value
    assert parse(letter.as_bytes()).as_bytes() == letter.as_bytes()
    assert mail()["List-Unsubscribe"] is None


def passed_on(original: bytes) -> EmailMessage:
    return parse(mail(attached=original).as_bytes())


def test_a_mail_that_nobody_could_take_apart_is_sent_again_as_it_was() -> None:
    nested = b"".join(b"From: sanne@voorbeeld.example\r\nContent-Type: message/rfc822\r\n\r\n" for _ in range(2000)) + b"Hello\r\n"
    content = mail(attached=nested).as_bytes()

    assert kept(content).as_bytes() == content
    assert kept(content)["Message-ID"] == mail()["Message-ID"]


def test_a_mail_is_passed_on_as_a_mail_that_can_be_opened_and_answered() -> None:
    original = b"From: iemand@elders.example\r\nSubject: =?utf-8?q?H=C3=A9?=\r\n\r\nKan ik dinsdag?\r\n"

    message = passed_on(original)

    first, attachment = message.iter_parts()
    assert first.get_content_type() == "multipart/alternative"
    assert (attachment.get_content_type(), attachment.get_filename()) == ("message/rfc822", "mail.eml")
    inner = attachment.get_content()
    assert isinstance(inner, EmailMessage)
    assert (inner["Subject"], inner.get_content()) == ("Hé", "Kan ik dinsdag?\r\n")


@pytest.mark.parametrize(
    "original",
    [
        "Subject: Hé\r\n\r\nÉén\r\n".encode(),
        b"Subject: x\n\nbare line ends\n",
        b"Subject: x\r\n\r\n\0\r\n",
        b"Subject: x\r\n\r\n" + b"x" * (LONGEST + 1) + b"\r\n",
        bytes(range(256)),
    ],
)
def test_a_mail_that_no_line_can_carry_is_passed_on_as_a_file_byte_for_byte(original: bytes) -> None:
    message = passed_on(original)

    _, attachment = message.iter_parts()
    assert attachment.get_filename() == "mail.eml"
    assert attachment.get_payload(decode=True) == original


hostile = st.lists(
    st.sampled_from(
        [
            b"Content-Type: multipart/mixed; boundary=x\r\n",
            b'Content-Type: text/plain; charset="nonsense"\r\n',
            b"Content-Transfer-Encoding: base64\r\n",
            b"From: <a@b>, =?utf-8?b?////?= <@>\r\n",
            b'To: "\r\n',
            b"Date: yesterday\r\n",
            b"List-Unsubscribe: <mailto:a>\r\n",
            b"--x\r\n",
            b"--x--\r\n",
            b"--=_\r\n",
            b"\r\n",
            b"From somebody\r\n",
            b" folded\r\n",
            b"%%%=\r\n",
            "é".encode(),
            b"no colon",
        ]
    ),
    max_size=12,
).map(b"".join)


@given(st.binary() | hostile)
def test_whatever_is_passed_on_breaks_nothing(original: bytes) -> None:
    content = mail(attached=original).as_bytes()

    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= LONGEST
    again = parse(content)
    assert next(again.iter_parts()).get_content_type() == "multipart/alternative"
    assert len(list(again.iter_parts())) == 2
    assert again.as_bytes().isascii()
    assert "Bcc" not in again


@pytest.mark.parametrize(
    ("typed", "wire"),
    [
        ("sanne@voorbeeld.example", "sanne@voorbeeld.example"),
        ("Sanne.deVries@Voorbeeld.example", "Sanne.deVries@voorbeeld.example"),
        ("sanne@bücher.example", "sanne@xn--bcher-kva.example"),
        ("sanne@BÜCHER.example", "sanne@xn--bcher-kva.example"),
        ("sanne@post.straße.example", "sanne@post.xn--strae-oqa.example"),  # not strasse.example: that is somebody else
        ("sanne@xn--bcher-kva.example", "sanne@xn--bcher-kva.example"),
    ],
)
def test_a_domain_is_ascii_on_the_wire(typed: str, wire: str) -> None:
    assert ascii_address(typed) == wire


@pytest.mark.parametrize(
    "typed", ["sánne@voorbeeld.example", "sanne", "@voorbeeld.example", "sanne@", "a b@x.example", "a@x.example\r\nDATA", ""]
)
def test_what_mail_cannot_be_sent_to_is_refused_by_name(typed: str) -> None:
    with pytest.raises(Refused, match="no mail can be sent to") as caught:
        ascii_address(typed)

    assert caught.value.hint
    assert "\n" not in str(caught.value)
