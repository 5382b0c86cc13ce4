"""What a config says of the logins at Exchange, Microsoft and Google; what can be wrong with them stands in tests/bad."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.fakes.settings import said_to

from beklijf.backends.exchange import online
from beklijf.backends.exchange.settings import CalendarByExchange, ExchangeLogin, InboxByExchange, MailByExchange
from beklijf.backends.google.settings import CalendarByGoogle, GoogleLogin
from beklijf.backends.graph.settings import CalendarByGraph, GraphLogin, InboxByGraph, MailByGraph
from beklijf.backends.smtp_imap.settings import InboxByImap, MailBySmtp
from beklijf.boundary.credentials import Secret
from beklijf.config import load
from beklijf.model.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from beklijf.contracts.settings import Config

ORGANISATION = """
[organisation]
name = "Gemeente Voorbeeld"
time_zone = "Europe/Amsterdam"
language = "nl"
coordinator = { name = "Marieke Smit", email = "opleidingen@voorbeeld.example" }
"""
ORGANIZER = 'organizer = { name = "Mentorprogramma", email = "mentor@voorbeeld.example" }\n'
FOLDER = f'[calendar]\nkind = "folder"\n{ORGANIZER}'
MAIL = '[mail]\nkind = "folder"\n'
GRAPH = """
tenant = "voorbeeld.example"
client = "99999999-8888-7777-6666-555555555555"
secret = { env = "GRAPH" }
"""
EXCHANGE = r"""
url = "https://mail.voorbeeld.example/EWS/Exchange.asmx"
user = "VOORBEELD\\beklijf"
password = { file = "exchange.password" }
"""
GOOGLE = 'key = { credential = "google-key" }\n'
BY_SECRET = GraphLogin(tenant="voorbeeld.example", client="99999999-8888-7777-6666-555555555555", secret=Secret("env", "GRAPH"))
BY_KEY = GoogleLogin(key=Secret("credential", "google-key"))


def read(folder: Path, *parts: str) -> Config:
    path = folder / "config.toml"
    path.write_text("\n".join((ORGANISATION, *parts)), encoding="utf-8")
    return load(path)


def calendar(kind: str, login: str = "", *more: str) -> str:
    keys = "\n".join(more)
    return f'[calendar]\nkind = "{kind}"\n{ORGANIZER}{keys}\n' + (f"[calendar.{kind}]\n{login}" if login else "")


def warned(config: Config) -> list[str]:
    return [str(problem).rpartition(" (")[0] for problem in config.warnings]


def test_an_exchange_server_is_logged_in_at_by_its_own_table(tmp_path: Path) -> None:
    config = read(tmp_path, calendar("exchange", EXCHANGE, 'name = "Mentorgesprekken"'), MAIL)

    assert said_to(CalendarByExchange, config.calendar).login == ExchangeLogin(
        url="https://mail.voorbeeld.example/EWS/Exchange.asmx",
        user="VOORBEELD\\beklijf",
        password=Secret("file", str(tmp_path / "exchange.password")),
        auth="ntlm",
        access="impersonation",
    )
    assert (config.calendar.kind.name, config.calendar.name, config.calendar.beside) == ("exchange", "Mentorgesprekken", None)
    assert config.warnings == ()


def test_an_exchange_server_without_an_address_is_left_to_autodiscover(tmp_path: Path) -> None:
    login = 'user = "beklijf@voorbeeld.example"\npassword = { env = "EXCHANGE" }\nauth = "basic"\naccess = "delegate"\n'

    config = read(tmp_path, calendar("exchange", login), MAIL)

    found = said_to(CalendarByExchange, config.calendar).login
    assert (found.url, found.auth, found.access) == ("", "basic", "delegate")


def test_autodiscover_may_lead_to_the_hosts_that_are_listed(tmp_path: Path) -> None:
    keys = EXCHANGE.replace('url = "https://mail.voorbeeld.example/EWS/Exchange.asmx"\n', "")

    config = read(tmp_path, calendar("exchange", f'{keys}hosts = ["Mail.Provider.example", "mail.provider.example:8443"]\n'), MAIL)

    assert said_to(CalendarByExchange, config.calendar).login.hosts == ("mail.provider.example", "mail.provider.example:8443")


def test_oauth_at_exchange_takes_its_tokens_from_a_directory_or_from_ad_fs(tmp_path: Path) -> None:
    for place in ('tenant = "voorbeeld.example"', 'authority = "https://adfs.voorbeeld.example/adfs"'):
        config = read(tmp_path, calendar("exchange", EXCHANGE + f'auth = "oauth"\n{place}\n'), MAIL)
        assert said_to(CalendarByExchange, config.calendar).login.auth == "oauth"


def test_exchange_online_is_logged_in_at_with_a_secret_or_a_certificate(tmp_path: Path) -> None:
    by_certificate = GRAPH.replace("secret = { env", "certificate = { env")

    secret = said_to(CalendarByGraph, read(tmp_path, calendar("graph", GRAPH), MAIL).calendar).login
    certificate = said_to(CalendarByGraph, read(tmp_path, calendar("graph", by_certificate), MAIL).calendar).login

    assert secret == BY_SECRET
    assert (certificate.secret, certificate.certificate) == (None, Secret("env", "GRAPH"))


def test_a_national_cloud_is_reached_by_its_own_addresses(tmp_path: Path) -> None:
    cloud = 'url = "https://graph.microsoft.us/v1.0"\nauthority = "https://login.microsoftonline.us"\n'

    login = said_to(CalendarByGraph, read(tmp_path, calendar("graph", GRAPH + cloud), MAIL).calendar).login

    assert (login.url, login.authority) == ("https://graph.microsoft.us/v1.0", "https://login.microsoftonline.us")


def test_google_is_logged_in_at_with_a_service_accounts_key(tmp_path: Path) -> None:
    settings = read(tmp_path, calendar("google", GOOGLE), MAIL).calendar

    assert settings.maker == CalendarByGoogle(login=BY_KEY)


@pytest.mark.parametrize(("kind", "login"), [("exchange", EXCHANGE), ("graph", GRAPH), ("google", GOOGLE)])
@pytest.mark.parametrize("said", ["", 'invitations = "auto"', 'invitations = "server"'])
def test_these_servers_invite_by_themselves_whatever_is_said(tmp_path: Path, kind: str, login: str, said: str) -> None:
    assert read(tmp_path, calendar(kind, login, said), MAIL).calendar.invitations == "server"


@pytest.mark.parametrize(("kind", "login"), [("exchange", EXCHANGE), ("graph", GRAPH), ("google", GOOGLE)])
def test_mentees_may_hold_their_own_meetings_there_without_saying_where_their_calendars_are(tmp_path: Path, kind: str, login: str) -> None:
    people = """
[[person]]
name = "Sanne de Vries"
email = "sanne@voorbeeld.example"
[[person]]
name = "Karim Bakker"
email = "karim@voorbeeld.example"
[[training]]
id = "leidinggeven"
name = "Coachend leidinggeven"
purpose = "vragen stellen"
state = "live"
sessions = [2026-12-08, 2027-01-12]
[[training.mentorship]]
mentee = "sanne@voorbeeld.example"
mentor = "karim@voorbeeld.example"
"""

    config = read(tmp_path, calendar(kind, login, 'organized_by = "mentee"'), MAIL, people)

    assert (config.calendar.organized_by, config.calendar.maker.people) == ("mentee", "")


@pytest.mark.parametrize("kind", ["exchange", "graph"])
def test_logins_at_exchange_and_at_exchange_online_may_stand_side_by_side(tmp_path: Path, kind: str) -> None:
    both = f'[calendar]\nkind = "{kind}"\n{ORGANIZER}[calendar.exchange]\n{EXCHANGE}[calendar.graph]\n{GRAPH}'

    settings = read(tmp_path, both, MAIL).calendar

    assert settings.beside is not None
    assert settings.kind.name == kind
    assert {settings.kind.name, settings.beside.kind.name} == {"exchange", "graph"}
    assert CalendarByGraph(login=BY_SECRET) in {settings.maker, settings.beside}


def test_mail_and_inbox_use_the_calendars_login(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        calendar("graph", GRAPH),
        '[mail]\nkind = "graph"\nper_minute = 20\n',
        '[inbox]\nkind = "graph"\nfolder = "Antwoorden"\n[answers]\nread = true\n',
    )

    assert config.inbox is not None
    assert config.calendar.maker == CalendarByGraph(login=BY_SECRET)
    assert config.mail.maker == MailByGraph(login=BY_SECRET)
    assert config.inbox.maker == InboxByGraph(login=BY_SECRET)
    assert (config.mail.per_minute, config.inbox.folder, config.inbox.address) == (20, "Antwoorden", "mentor@voorbeeld.example")
    assert config.inbox.authserv_id == "mx.microsoft.com"
    assert config.warnings == ()


def test_a_login_of_mail_itself_goes_before_the_calendars(tmp_path: Path) -> None:
    other = GRAPH.replace('env = "GRAPH"', 'env = "MAIL"')

    config = read(tmp_path, calendar("graph", GRAPH), f'[mail]\nkind = "graph"\n[mail.graph]\n{other}')

    assert said_to(CalendarByGraph, config.calendar).login == BY_SECRET
    assert said_to(MailByGraph, config.mail).login.secret == Secret("env", "MAIL")


def test_an_inbox_uses_the_login_of_mail_where_the_calendar_has_none(tmp_path: Path) -> None:
    inbox = '[inbox]\nkind = "exchange"\n[answers]\nread = true\n'

    config = read(tmp_path, FOLDER, f'[mail]\nkind = "exchange"\n[mail.exchange]\n{EXCHANGE}', inbox)

    assert said_to(InboxByExchange, config.inbox).login == said_to(MailByExchange, config.mail).login


def test_nothing_that_needs_no_login_is_given_one(tmp_path: Path) -> None:
    config = read(tmp_path, calendar("graph", GRAPH), '[mail]\nkind = "smtp"\nhost = "mail.voorbeeld.example"\n')

    assert said_to(MailBySmtp, config.mail).login is None


@pytest.mark.parametrize(("auth", "login"), [("graph", GRAPH), ("google", GOOGLE)])
def test_smtp_and_imap_log_in_by_a_token_of_such_a_login(tmp_path: Path, auth: str, login: str) -> None:
    keys = f'auth = "{auth}"\nhost = "mail.voorbeeld.example"\nuser = "mentor@voorbeeld.example"\n'

    config = read(
        tmp_path,
        calendar(auth, login),
        f'[mail]\nkind = "smtp"\n{keys}',
        f'[inbox]\nkind = "imap"\n{keys}[inbox.{auth}]\n{login}[answers]\nread = true\n',
    )

    smtp, imap = said_to(MailBySmtp, config.mail), said_to(InboxByImap, config.inbox)
    assert (smtp.user, smtp.password) == ("mentor@voorbeeld.example", None)
    assert (imap.user, imap.password) == ("mentor@voorbeeld.example", None)
    assert smtp.login == imap.login == (BY_SECRET if auth == "graph" else BY_KEY)


@pytest.mark.parametrize(
    ("section", "warning"),
    [
        (
            calendar("exchange", EXCHANGE.replace("https:", "http:")),
            "calendar.exchange.url: the password would travel unprotected",
        ),
        (
            calendar("graph", GRAPH + 'url = "http://graph.voorbeeld.example/v1.0"\n'),
            "calendar.graph.url: the token would travel unprotected",
        ),
        (
            calendar("graph", GRAPH + 'authority = "http://login.voorbeeld.example"\n'),
            "calendar.graph.authority: the secret would travel unprotected",
        ),
        (
            calendar("google", GOOGLE + 'url = "http://google.voorbeeld.example/v3"\n'),
            "calendar.google.url: the token would travel unprotected",
        ),
    ],
)
def test_a_login_without_tls_is_warned_of(tmp_path: Path, section: str, warning: str) -> None:
    assert warned(read(tmp_path, section, MAIL)) == [warning]


def test_a_server_on_this_machine_needs_no_tls(tmp_path: Path) -> None:
    loopback = 'url = "http://127.0.0.1:8080/v1.0"\nauthority = "http://localhost:8081"\n'

    assert read(tmp_path, calendar("graph", GRAPH + loopback), MAIL).warnings == ()


@pytest.mark.parametrize(
    "host",
    [
        "outlook.office365.com",
        "OUTLOOK.OFFICE.COM",
        "outlook.office.com.",
        "autodiscover-s.outlook.com",
        "voorbeeld-example.mail.protection.outlook.com",
        "voorbeeld.onmicrosoft.com",
        "voorbeeld.mail.onmicrosoft.com",
        "outlook.office365.us",
        "partner.outlook.cn",
    ],
)
def test_what_is_exchange_online_is_known_by_its_name(host: str) -> None:
    assert online.is_host(host)


@pytest.mark.parametrize(
    "host", ["", "mail.voorbeeld.example", "outlook.voorbeeld.example", "notoutlook.com", "onmicrosoft.com.voorbeeld.example"]
)
def test_a_server_of_ones_own_is_not_exchange_online_whatever_it_is_called(host: str) -> None:
    assert not online.is_host(host)


def test_exchange_online_is_refused_with_what_to_use_instead(tmp_path: Path) -> None:
    login = EXCHANGE.replace("mail.voorbeeld.example", "outlook.office365.com")

    with pytest.raises(ConfigError) as error:
        read(tmp_path, calendar("exchange", login), MAIL)

    [problem] = error.value.problems
    assert problem.what == "EWS in Exchange Online has been blocked by default since October 2026 and ends in April 2027"
    assert 'kind = "graph"' in problem.hint


def test_a_missing_login_is_told_with_what_belongs_in_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, calendar("graph"), MAIL)

    assert [problem.hint for problem in error.value.problems] == ["it needs tenant, client, and secret or certificate"]


def test_a_reference_to_a_secret_is_shown_by_the_key_that_it_stands_under(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, calendar("google", 'key = "key.json"\n'), MAIL)

    assert 'key = { file = ".." }' in error.value.problems[0].hint


@pytest.mark.parametrize(
    ("section", "name", "use"),
    [
        (f"{FOLDER}[calendar.graph]\n{GRAPH}{MAIL}", "calendar.graph", 'it goes with kind = "graph"'),
        (f"{FOLDER}{MAIL}[mail.graph]\n{GRAPH}", "mail.graph", 'it goes with kind = "graph" or auth = "graph"'),
        (f"{FOLDER}{MAIL}[mail.google]\n{GOOGLE}", "mail.google", 'it goes with auth = "google"'),
        (f"{FOLDER}{MAIL}[mail.exchange]\n{EXCHANGE}", "mail.exchange", 'it goes with kind = "exchange"'),
    ],
)
def test_a_login_that_nothing_uses_is_told_with_what_would(tmp_path: Path, section: str, name: str, use: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, section)

    assert [(problem.where, problem.hint) for problem in error.value.problems] == [(name, use)]
