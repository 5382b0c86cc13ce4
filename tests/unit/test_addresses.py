"""One address has one form, whoever writes it how: config, calendar and mail speak of the same person."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from beklijf.config.addresses import address
from beklijf.ical.parts import mailto
from beklijf.ical.reader import address_of
from beklijf.mime import envelopes
from beklijf.model.addresses import ascii_domain, kept_domain
from beklijf.toml.values import Wrong


@pytest.mark.parametrize(
    ("typed", "kept", "wire"),
    [
        ("voorbeeld.example", "voorbeeld.example", "voorbeeld.example"),
        ("Voorbeeld.Example", "Voorbeeld.Example", "voorbeeld.example"),
        ("bücher.example", "bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "bücher.example", "xn--bcher-kva.example"),
        ("XN--Bcher-KVA.example", "bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER。example", "bücher.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "bücher.example", "xn--bcher-kva.example"),  # u, and two dots that go above it
        ("straße.example", "xn--strae-oqa.example", "xn--strae-oqa.example"),  # not strasse.example, which is somebody else's
        ("xn--strae-oqa.example", "xn--strae-oqa.example", "xn--strae-oqa.example"),
        ("voorbeeld.example\u200b", "voorbeeld.example", "voorbeeld.example"),
        ("voor\u00adbeeld.example\ufeff", "voorbeeld.example", "voorbeeld.example"),
        ("xn--example-6z6c.nl", "xn--example-6z6c.nl", "xn--example-6z6c.nl"),  # what the sign above was on the wire: stays what it is
    ],
)
def test_a_domain_is_kept_in_one_form_and_goes_out_in_one(typed: str, kept: str, wire: str) -> None:
    assert kept_domain(typed) == kept
    assert ascii_domain(kept) == wire


INTERNATIONAL = st.from_regex(r"(xn--)?[a-zß-üа-я\u200b-\u200f。-]{0,9}\.[a-z]{2}", fullmatch=True)
ANY_DOMAIN = st.text(st.characters(exclude_categories=[]), max_size=30) | INTERNATIONAL


@given(ANY_DOMAIN)
@example("xn--.example")
@example("xn--\u00fc.example")
@example("..")
def test_whatever_a_calendar_has_as_an_address_can_be_read_and_comes_back_the_same(domain: str) -> None:
    kept = address_of(f"mailto:sanne@{domain}")

    assert address_of(mailto(kept)) == kept
    kept.encode()  # no half of a sign, which no file and no ledger takes


@given(ANY_DOMAIN)
def test_an_address_of_the_config_is_the_same_in_config_calendar_and_mail(domain: str) -> None:
    try:
        known = address(f"sanne@{domain}")
    except Wrong:
        return
    assert address_of(mailto(known)) == known.casefold()
    assert address(known) == known
    assert envelopes.address(mailto(known).removeprefix("mailto:")) == known.casefold()


def test_an_invisible_sign_that_may_belong_to_a_domain_is_for_a_person_to_decide() -> None:
    with pytest.raises(Wrong, match="invisible sign"):
        address("sanne@\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.example")
    assert address("sanne@voorbeeld.example\u200c") == "sanne@voorbeeld.example"
