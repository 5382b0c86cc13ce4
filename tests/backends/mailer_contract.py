"""What every mailer does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from beklijf.mime.messages import Rendered, build, message_id, parse
from beklijf.model.domain import Contact
from beklijf.model.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage

    from beklijf.contracts.mailer import Mailer

SENDER = Contact("Mentorprogramma", "mentor@voorbeeld.example")
SECRET = b"a secret of the tests"
DAY = datetime(2026, 12, 9, 8, 0, tzinfo=UTC)


def letter(
    to: str = "sanne@voorbeeld.example", *, row: str = "letter 1", text: str = "Hoi Sanne,\n\n.een regel met een punt vooraan\n"
) -> EmailMessage:
    return build(
        Rendered(subject="Wat neem je mee uit de training?", text=text, html=f"<p>{text}</p>", language="nl"),
        sender=SENDER,
        to=Contact("Sanne de Vries", to),
        reply_to=Contact("Karim Bakker", "karim@voorbeeld.example"),
        message_id=message_id(SECRET, row, "voorbeeld.example"),
        date=DAY,
        auto=True,
    )


class MailerContract:
    """Subclasses give ``mailer`` and ``arrived``: the bytes of each message that was taken, in order, with CRLF."""

    def test_a_message_arrives_once_with_the_bytes_that_it_was_given_as(self, mailer: Mailer, arrived: Callable[[], list[bytes]]) -> None:
        message = letter()

        mailer.send(message, recipient="sanne@voorbeeld.example")

        assert arrived() == [message.as_bytes()]

    def test_a_message_that_was_kept_as_bytes_arrives_as_those_bytes(self, mailer: Mailer, arrived: Callable[[], list[bytes]]) -> None:
        kept = letter(text="Een heel lange regel met één é. " * 40).as_bytes()

        mailer.send(parse(kept), recipient="sanne@voorbeeld.example")

        assert arrived() == [kept]

    def test_many_messages_arrive_each_once(self, mailer: Mailer, arrived: Callable[[], list[bytes]]) -> None:
        messages = [letter(row=f"letter {n}") for n in range(5)]

        for message in messages:
            mailer.send(message, recipient="sanne@voorbeeld.example")

        assert sorted(arrived()) == sorted(message.as_bytes() for message in messages)

    def test_a_mailer_that_was_closed_can_be_used_again(self, mailer: Mailer, arrived: Callable[[], list[bytes]]) -> None:
        mailer.send(letter(row="1"), recipient="sanne@voorbeeld.example")

        mailer.close()
        mailer.close()
        mailer.send(letter(row="2"), recipient="sanne@voorbeeld.example")

        assert len(arrived()) == 2

    def test_a_check_is_one_line_and_sends_nothing(self, mailer: Mailer, arrived: Callable[[], list[bytes]]) -> None:
        found = mailer.check()

        assert len(found.splitlines()) == 1
        assert arrived() == []

    def test_an_address_that_needs_what_few_servers_have_is_refused(self, mailer: Mailer, arrived: Callable[[], list[bytes]]) -> None:
        with pytest.raises(Refused):
            mailer.send(letter(), recipient="sánne@voorbeeld.example")

        assert arrived() == []

    def test_line_breaks_in_an_address_start_no_command_and_no_header(self, mailer: Mailer, arrived: Callable[[], list[bytes]]) -> None:
        with pytest.raises(Refused):
            mailer.send(letter(), recipient="sanne@voorbeeld.example>\r\nRCPT TO:<all@voorbeeld.example")

        assert arrived() == []

    def test_whoever_keeps_a_record_hears_that_it_is_handed_over_before_it_can_be_there(
        self, mailer: Mailer, arrived: Callable[[], list[bytes]]
    ) -> None:
        told: list[int] = []

        mailer.send(letter(), recipient="sanne@voorbeeld.example", handing_over=lambda: told.append(len(arrived())))
        with pytest.raises(Refused):
            mailer.send(letter(), recipient="sánne@voorbeeld.example", handing_over=lambda: told.append(-1))

        assert told in ([0], [])  # a folder tells nobody: again it would be the same mail

    def test_an_international_domain_is_ascii_in_all_that_is_handed_over(self, mailer: Mailer, arrived: Callable[[], list[bytes]]) -> None:
        mailer.send(letter("sanne@bücher.example"), recipient="sanne@bücher.example")

        (content,) = arrived()
        assert b"To: Sanne de Vries <sanne@xn--bcher-kva.example>\r\n" in content
        assert content.isascii()
