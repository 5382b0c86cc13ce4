"""Where the password of a CalDAV server goes, of all that a server may name."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beklijf.backends.caldav.origins import Origins
from beklijf.model.errors import Refused

HERE = "https://cloud.voorbeeld.example"
BASE = f"{HERE}/dav/mentor/"
ORIGINS = Origins(HERE, ("p34-caldav.icloud.com", "dav.voorbeeld.example:8443"))


@pytest.mark.parametrize(
    ("named", "leads"),
    [
        ("", BASE),
        ("track/", f"{BASE}track/"),
        ("/other/", f"{HERE}/other/"),
        ("..", f"{HERE}/dav/"),
        ("https://cloud.voorbeeld.example/x", f"{HERE}/x"),
        ("https://cloud.voorbeeld.example:443/x", f"{HERE}/x"),
        ("https://CLOUD.Voorbeeld.example/x", f"{HERE}/x"),
        ("https://mentor:pw@cloud.voorbeeld.example/x", f"{HERE}/x"),
        ("//cloud.voorbeeld.example/x", f"{HERE}/x"),
        # as a proxy makes a server believe that it is reached
        ("http://cloud.voorbeeld.example/x", f"{HERE}/x"),
        ("http://cloud.voorbeeld.example:8080/x?a=b", f"{HERE}/x?a=b"),
        # listed
        ("https://p34-caldav.icloud.com:443/1/calendars/", "https://p34-caldav.icloud.com/1/calendars/"),
        ("https://dav.voorbeeld.example:8443/x", "https://dav.voorbeeld.example:8443/x"),
        # spelling
        ("/sanne%40voorbeeld.example/a b/é.ics", f"{HERE}/sanne%40voorbeeld.example/a%20b/%C3%A9.ics"),
        ("/\\evil.example/x", f"{HERE}/%5Cevil.example/x"),
    ],
)
def test_what_is_ours_or_listed_is_followed(named: str, leads: str) -> None:
    assert ORIGINS.follow(named, BASE) == leads
    assert ORIGINS.follow(leads, BASE) == leads


@pytest.mark.parametrize(
    "named",
    [
        "https://evil.example/x",
        "//evil.example/x",
        "https://evil.example@evil.example/",
        "https://cloud.voorbeeld.example.evil.example/",
        "https://cloud.voorbeeld.example@evil.example/",
        "https://cloud.voorbeeld.example./x",
        "https://sub.cloud.voorbeeld.example/x",
        "https://cloud.voorbeeld.example:8443/x",
        "https://p34-caldav.icloud.com:8443/x",
        "https://dav.voorbeeld.example/x",
        "http://p34-caldav.icloud.com/x",
        "http://dav.voorbeeld.example:8443/x",
        "ftp://cloud.voorbeeld.example/x",
        "file:///etc/passwd",
        "mailto:mentor@voorbeeld.example",
        "https://[::1/x",
        "https://cloud.voorbeeld.example:port/x",
        "https://cloud.voorbeeld.example:999999/x",
    ],
)
def test_everything_else_gets_no_password(named: str) -> None:
    with pytest.raises(Refused):
        ORIGINS.follow(named, BASE)


def test_a_backslash_is_no_way_to_another_host() -> None:
    # one program takes what stands before it for the host, another what stands behind
    assert ORIGINS.follow("https://evil.example\\@cloud.voorbeeld.example/x", BASE) == f"{HERE}/x"


def test_what_is_on_a_listed_host_counts_from_there() -> None:
    assert ORIGINS.follow("/1/calendars/", "https://p34-caldav.icloud.com/1/") == "https://p34-caldav.icloud.com/1/calendars/"


def test_the_line_for_the_config_has_all_that_are_listed() -> None:
    with pytest.raises(Refused) as caught:
        ORIGINS.follow("https://p35-caldav.icloud.com:443/1/", BASE)

    assert 'hosts = ["p34-caldav.icloud.com", "dav.voorbeeld.example:8443", "p35-caldav.icloud.com"]' in caught.value.hint


@pytest.mark.parametrize("named", ["http://p34-caldav.icloud.com/x", "https://a b/x", "https://\u009bevil/x"])
def test_no_line_for_the_config_where_listing_would_not_help(named: str) -> None:
    with pytest.raises(Refused) as caught:
        ORIGINS.follow(named, BASE)

    assert "hosts =" not in caught.value.hint
    assert str(caught.value).isascii()


@pytest.mark.parametrize(
    ("configured", "named", "leads"),
    [
        ("http://127.0.0.1:5232", "http://127.0.0.1/x", "http://127.0.0.1:5232/x"),
        ("http://cloud.voorbeeld.example", "https://cloud.voorbeeld.example/x", "https://cloud.voorbeeld.example/x"),
        ("https://cloud.voorbeeld.example:8443", "http://cloud.voorbeeld.example:80/x", "https://cloud.voorbeeld.example:8443/x"),
        ("https://cloud.voorbeeld.example:8443", "https://cloud.voorbeeld.example:8443/x", "https://cloud.voorbeeld.example:8443/x"),
        ("http://[::1]:5232", "http://[::1]:80/x", "http://[::1]:5232/x"),
        ("http://[::1]:5232", "https://[::1]/x", "https://[::1]/x"),
    ],
)
def test_the_configured_host_is_reached_as_the_config_says_or_by_tls(configured: str, named: str, leads: str) -> None:
    assert Origins(configured).follow(named, configured + "/") == leads


URLS = st.one_of(
    st.text(),
    st.builds("{}{}{}{}".format, st.sampled_from(["https://", "http://", "//", "https:/", "\\\\", ""]), st.text("evil.example@:\\/ #?"),
              st.sampled_from(["cloud.voorbeeld.example", "evil.example", ""]), st.text()),
)  # fmt: skip


@given(URLS)
def test_whatever_is_named_only_ours_come_out(named: str) -> None:
    try:
        leads = ORIGINS.follow(named, BASE)
    except Refused:
        return
    parts = urlsplit(leads)
    assert f"{parts.scheme}://{parts.netloc}" in {HERE, *(f"https://{host}" for host in ORIGINS.hosts)}
    assert leads.isascii()
    assert not {"\\", " ", "\r", "\n", "#"} & {*leads}
