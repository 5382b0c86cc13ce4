"""From which addresses somebody may answer for a colleague: the organisation's, and never those that anybody can have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.mailroom import SOON, Listening, got, reply, said
from tests.town import KARIM, Town, folder_town

from beklijf.model.conversation import Said

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COORDINATOR = "opleidingen@gmail.com"


@dataclass
class AtGmail(Listening):
    """An organisation whose service mailbox and staff have free mail; what it says of its own domains."""

    domains: str = ""

    def toml(self, calendar: str) -> str:
        organisation, people, rest = super().toml(calendar).partition("[[person]]")
        organisation = organisation.replace("@voorbeeld.example", "@gmail.com")
        return organisation.replace("[organisation]\n", f"[organisation]\n{self.domains}\n") + people + rest


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = folder_town(tmp_path)
    for name in ("cur", "new", "tmp"):
        (tmp_path / "inbox" / name).mkdir(parents=True)
    yield made
    made.stop()


def test_an_address_at_a_free_mail_provider_is_no_colleagues_even_if_the_organizer_has_one(town: Town) -> None:
    town.words = AtGmail()
    town.invited()
    reply(town, "series", KARIM, "DECLINED", sender="anybody@gmail.com")
    reply(town, "goals", "whoever@gmail.com", "DECLINED")

    town.tick(SOON)

    assert said(town) == {}
    assert [who for who, _ in got(town)] == [COORDINATOR]  # the answer in Karim's name; who isn't invited and is nobody's is nothing


def test_the_organisation_says_which_domains_are_its_own(town: Town) -> None:
    town.words = AtGmail(domains='domains = ["Voorbeeld.example"]')
    town.invited()
    reply(town, "series", KARIM, "ACCEPTED", sender="secretariaat@voorbeeld.example")
    reply(town, "goals", KARIM, "DECLINED", sender="anybody@gmail.com")

    town.tick(SOON)

    assert said(town) == {("series", "", "karim"): Said.ACCEPTED}
    assert [who for who, _ in got(town)] == [COORDINATOR]
