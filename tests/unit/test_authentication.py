"""Whose word counts about who wrote a mail: our own server's, where it stands, and no more than it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beklijf.mime import leaves
from beklijf.mime.envelopes import sender
from beklijf.model.mailbox import EXCHANGE_ONLINE
from beklijf.replies.authentication import NOBODY, Receiver, is_authenticated

US = Receiver("mx.voorbeeld.example")
PASSED = "Authentication-Results: mx.voorbeeld.example; dmarc=pass header.from=voorbeeld.example"


def vouched(*lines: str, receiver: Receiver = US, by: str = "karim@voorbeeld.example") -> bool:
    mail = leaves.open_mail("\r\n".join([*lines, f"From: Karim <{by}>", "", "x"]).encode())
    return is_authenticated(mail.headers, sender(leaves.values(mail.headers, "From")), receiver)


@pytest.mark.parametrize(
    "said",
    [
        "dmarc=pass header.from=voorbeeld.example",
        "dmarc=pass (p=none dis=none) header.from=Voorbeeld.Example",
        "dmarc=pass",
        "dkim=pass header.d=voorbeeld.example",
        "dkim=pass header.i=@voorbeeld.example header.s=s1",
        "dkim=pass header.i=karim@voorbeeld.example",
        "DKIM=PASS Header.D=Voorbeeld.Example",
        "dkim/1 = pass header.d = voorbeeld.example",
        'dkim=pass reason="good; (really)" header.d="voorbeeld.example"',
        "dkim=fail header.d=voorbeeld.example; dkim=pass header.d=voorbeeld.example",
        "dkim=pass header.d=mail.voorbeeld.example",
        "spf=pass smtp.mailfrom=karim@voorbeeld.example",
        "spf=pass (sender IP is 192.0.2.1; a\\) b) smtp.mailfrom=voorbeeld.example",
        "spf=fail smtp.mailfrom=voorbeeld.example;\r\n dkim=pass header.d=voorbeeld.example; dmarc=none",
    ],
)
def test_a_sender_is_who_they_say_where_our_server_says_so(said: str) -> None:
    assert vouched(f"Authentication-Results: mx.voorbeeld.example; {said}")
    assert vouched(f"authentication-results: MX.voorbeeld.example 1; {said}")


@pytest.mark.parametrize(
    "said",
    [
        "none",
        "",
        "dmarc=fail header.from=voorbeeld.example; dkim=pass header.d=voorbeeld.example",
        "dmarc=pass header.from=elders.example",
        "dmarc=pass header.from=mail.voorbeeld.example",
        "dkim=pass header.d=elders.example",
        "dkim=pass header.d=nietvoorbeeld.example",
        "dkim=pass header.d=example",
        "dkim=pass",
        "dkim=policy header.d=voorbeeld.example",
        "spf=softfail smtp.mailfrom=voorbeeld.example",
        "spf=pass smtp.helo=voorbeeld.example",
        "spf=pass smtp.mailfrom=piet@elders.example",
        "auth=pass smtp.auth=karim@voorbeeld.example",
        "arc=pass header.d=voorbeeld.example",
        "x=fail (dkim=pass header.d=voorbeeld.example)",
        'x=fail reason="dkim=pass header.d=voorbeeld.example; dkim=pass header.d=voorbeeld.example"',
        'x=fail reason="a\\"; dkim=pass header.d=voorbeeld.example"',
        "dkim=pass (header.d=voorbeeld.example",
        "dkim=fail header.d=voorbeeld.example header.b=dkim=pass",
    ],
)
def test_anything_else_that_it_says_proves_nothing(said: str) -> None:
    assert not vouched(f"Authentication-Results: mx.voorbeeld.example; {said}")


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("Authentication-Results: mx.elders.example; dmarc=pass",),
        ("Authentication-Results: mx.voorbeeld.example.elders.example; dmarc=pass",),
        ("Authentication-Results: dmarc=pass header.from=voorbeeld.example",),
        ("ARC-Authentication-Results: i=1; mx.voorbeeld.example; dmarc=pass",),
        ("Authentication-Results-Original: mx.voorbeeld.example; dmarc=pass",),
        ("Authentication-Results: mx.voorbeeld.example; dmarc=fail", "Received: from x", PASSED),
        ("Authentication-Results: mx.voorbeeld.example; none", "Received: from x", PASSED),
        ("Authentication-Results: mx.voorbeeld.example; dmarc=fail", PASSED),
        ("X-MS-Exchange-Organization-AuthAs: Internal",),
    ],
    ids=["nobody", "another", "a longer name", "no name", "arc", "original", "below", "below nothing", "both", "internal"],
)
def test_nobody_elses_word_counts_and_none_below_our_own(lines: tuple[str, ...]) -> None:
    assert not vouched(*lines)


def test_our_word_counts_below_our_own_hops_and_beside_that_of_others() -> None:
    assert vouched(
        "Received: by imap", "Received: by filter", "Authentication-Results: filter.example; spf=none", PASSED, "Received: by mx"
    )
    assert vouched("Authentication-Results: mx.voorbeeld.example; spf=none", PASSED, "Received: by mx")


def test_where_nobody_is_named_nobody_is_believed() -> None:
    assert not vouched(PASSED, receiver=NOBODY)


def test_exchange_online_names_itself_in_no_header() -> None:
    online = Receiver(EXCHANGE_ONLINE, exchange=True)
    said = (
        "Authentication-Results: spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=voorbeeld.example; dkim=pass (signature was verified)"
        "\r\n header.d=voorbeeld.example;dmarc=pass action=none header.from=voorbeeld.example;compauth=pass reason=100"
    )

    assert vouched("Received: from a by b", said, receiver=online)
    assert not vouched(said.replace("=pass", "=fail"), receiver=online)
    assert not vouched(said)
    assert not vouched(said, receiver=online, by="karim@elders.example")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("X-MS-Exchange-Organization-AuthAs: Internal",), True),
        (("X-MS-Exchange-Organization-AuthAs: Anonymous",), False),
        (("X-MS-Exchange-Organization-AuthAs: Anonymous", "X-MS-Exchange-Organization-AuthAs: Internal"), False),
    ],
)
def test_on_exchange_mail_between_its_own_mailboxes_is_theirs(lines: tuple[str, ...], *, expected: bool) -> None:
    assert vouched(*lines, receiver=Receiver(exchange=True)) is expected
    assert not vouched(*lines, receiver=Receiver("mx.voorbeeld.example"))


def test_a_domain_is_the_same_in_each_of_its_forms() -> None:
    assert vouched("Authentication-Results: mx.voorbeeld.example; dkim=pass header.d=xn--bcher-kva.example", by="jo@bücher.example")


def test_a_mail_of_nobody_or_of_two_is_nobodys() -> None:
    mail = leaves.open_mail(f"{PASSED}\r\nFrom: a@voorbeeld.example, b@voorbeeld.example\r\n\r\n".encode())

    assert not is_authenticated(mail.headers, sender(leaves.values(mail.headers, "From")), US)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n")))
def test_noise_vouches_for_nobody_and_harms_nothing(noise: str) -> None:
    assert not vouched(f"Authentication-Results: {noise}")
    assert vouched(f"X-Note: {noise}", PASSED)


def test_a_header_without_end_says_nothing() -> None:
    assert not vouched(f"{PASSED}; x=y ({'z' * 9_000})")
