"""Logins against real HTTP servers on loopback: tokens from Microsoft's endpoint and Google's, and one REST service behind them."""

from __future__ import annotations

import json
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from subprocess import run
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from tests.fakes.tokens import ACCOUNT_CLIENT, CLIENT, SECRET, Issued, Pair, TokenServer, token_server

from beklijf.backends.google import account as google
from beklijf.backends.graph import account as graph
from beklijf.backends.rest.service import Reply, Rest, reply_of
from beklijf.model.errors import BackendError, ConfigError, Conflict, Down, Missing, Refused, Transient

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

    from tests.certificates import Certificates


MENTOR = "mentor@voorbeeld.example"
TODAY = "Tue, 01 Dec 2026 09:00:00 GMT"


@pytest.fixture
def desk(tmp_path: Path, pair: Pair) -> Iterator[TokenServer]:
    with token_server(tmp_path, pair) as server:
        yield server


# -- Microsoft: an application's tokens --------------------------------------------------------------------------------


def test_an_application_with_a_secret_gets_a_token_for_graph(desk: TokenServer) -> None:
    token = graph.tokens(desk.graph())

    assert desk.issued[token()] == Issued(CLIENT, "https://graph.microsoft.com/.default")


def test_the_scope_is_that_of_the_cloud_in_which_graph_is(desk: TokenServer) -> None:
    token = graph.tokens(desk.graph("https://graph.microsoft.us/v1.0"))

    assert desk.issued[token()].scope == "https://graph.microsoft.us/.default"


@pytest.mark.parametrize(
    ("authority", "scope"),
    [
        ("https://login.microsoftonline.com", "https://outlook.office365.com/.default"),
        ("https://login.microsoftonline.us", "https://outlook.office365.us/.default"),
        ("https://login.partner.microsoftonline.cn", "https://partner.outlook.cn/.default"),
    ],
)
def test_mail_has_a_scope_of_its_own_in_each_cloud(desk: TokenServer, authority: str, scope: str) -> None:
    assert graph.mail_scope(replace(desk.graph(), authority=authority)) == scope


def test_a_certificate_signs_for_the_application(desk: TokenServer, pair: Pair) -> None:
    token = graph.tokens(desk.graph_by_certificate(pair.certificate_pem + pair.key_pem))

    assert desk.issued[token()].who == CLIENT


def test_of_a_chain_the_certificate_counts_that_belongs_to_the_key(desk: TokenServer, pair: Pair) -> None:
    other = Pair.made()
    token = graph.tokens(desk.graph_by_certificate(pair.key_pem + other.certificate_pem + pair.certificate_pem))

    assert desk.issued[token()].who == CLIENT


def test_a_certificate_that_was_not_uploaded_is_told_with_what_to_do(desk: TokenServer) -> None:
    stranger = Pair.made()

    with pytest.raises(Down, match="AADSTS700027") as error:
        graph.tokens(desk.graph_by_certificate(stranger.key_pem + stranger.certificate_pem))()

    assert "upload this certificate" in error.value.hint


def _encrypted(pair: Pair) -> str:
    return pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"zin")).decode() + pair.certificate_pem


def _elliptic(pair: Pair) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode() + pair.certificate_pem


@pytest.mark.parametrize(
    ("pem", "said"),
    [
        (lambda pair: pair.certificate_pem, "can't be read"),
        (lambda pair: pair.key_pem, "can't be read"),
        (lambda _: "geen PEM", "can't be read"),
        (_encrypted, "can't be read"),
        (_elliptic, "none of RSA"),
        (lambda pair: Pair.made().key_pem + pair.certificate_pem, "does not belong"),
    ],
    ids=["without-key", "without-certificate", "no-pem", "with-passphrase", "elliptic", "of-two-pairs"],
)
def test_a_certificate_file_that_is_none_asks_nobody_and_shows_no_key(desk: TokenServer, pair: Pair, pem: object, said: str) -> None:
    assert callable(pem)

    with pytest.raises(Down, match=said) as error:
        graph.tokens(desk.graph_by_certificate(pem(pair)))()

    assert "certificate.pem" in str(error.value)
    assert "PRIVATE" not in str(error.value)
    assert desk.asked == []


def test_a_token_is_asked_for_once_and_used_as_long_as_it_is_good(desk: TokenServer) -> None:
    token = graph.tokens(desk.graph())

    assert token() == token() == token()
    assert len(desk.asked) == 1


def test_a_token_that_is_about_to_expire_is_asked_for_anew(desk: TokenServer) -> None:
    desk.lifetime = 200  # seconds: msal wants five minutes in hand
    token = graph.tokens(desk.graph())

    assert token() != token()


def test_a_token_that_was_refused_is_not_used_again(desk: TokenServer) -> None:
    token = graph.tokens(desk.graph())

    assert token() != token(fresh=True)
    assert len(desk.asked) == 2


@pytest.mark.parametrize(
    ("secret", "number", "hint"),
    [("fout", "7000215", "its value, not its id"), ("verlopen", "7000222", "has expired")],
)
def test_a_secret_that_is_not_taken_is_told_with_what_to_do(desk: TokenServer, secret: str, number: str, hint: str) -> None:
    with pytest.raises(Down, match=f"login at 127.0.0.1: AADSTS{number}") as error:
        graph.tokens(desk.graph(secret=secret))()

    assert hint in error.value.hint
    assert secret not in f"{error.value} {error.value.hint}".replace("client secret has expired", "")


def test_the_same_no_is_told_in_the_same_words_each_time(desk: TokenServer) -> None:
    token = graph.tokens(desk.graph(secret="fout"))
    said = set()
    for _ in range(2):
        with pytest.raises(Down) as error:
            token()
        said.add(str(error.value))

    assert len(desk.asked) == 2
    assert len(said) == 1


def test_a_secret_that_was_mended_is_read_again(desk: TokenServer) -> None:
    token = graph.tokens(desk.graph(secret="fout"))
    with pytest.raises(Down):
        token()
    desk.kept("secret", SECRET)

    assert token() in desk.issued


def test_an_unknown_application_and_an_unknown_tenant_are_told_apart(desk: TokenServer) -> None:
    with pytest.raises(Down, match="AADSTS700016") as application:
        graph.tokens(replace(desk.graph(), client="11111111-0000-0000-0000-000000000000"))()
    with pytest.raises(Down, match="AADSTS90002") as tenant:
        graph.tokens(desk.graph(tenant="elders.example"))()

    assert "no such application" in application.value.hint
    assert "no such tenant" in tenant.value.hint


def test_a_token_endpoint_that_is_busy_is_tried_again_when_it_says(desk: TokenServer) -> None:
    desk.mood = [(503, {"Retry-After": "7"}, ""), (429, {"Retry-After": "11"}, '{"error": "temporarily_unavailable"}')]
    token = graph.tokens(desk.graph())

    for seconds in (7.0, 11.0):
        with pytest.raises(Transient) as error:
            token()
        assert error.value.retry_after == seconds
    assert token() in desk.issued


def test_what_microsoft_calls_passing_is_passing(desk: TokenServer) -> None:
    said = {"error": "invalid_request", "error_description": "AADSTS90033: A transient error has occurred. Please try again."}
    desk.mood = [(400, {}, json.dumps(said))]
    token = graph.tokens(desk.graph())

    with pytest.raises(Transient, match="AADSTS90033"):
        token()
    assert token() in desk.issued


def test_an_authority_that_is_another_web_server_is_told(desk: TokenServer) -> None:
    desk.mood = [(404, {"Content-Type": "text/html"}, "<html>"), (200, {"Content-Type": "text/html"}, "<html>")]

    for _ in range(2):
        with pytest.raises(Down, match=r"login at 127\.0\.0\.1"):
            graph.tokens(desk.graph())()


def test_no_connection_to_the_authority_may_pass(desk: TokenServer) -> None:
    login = replace(desk.graph(), authority=f"http://127.0.0.1:{_closed_port()}")

    with pytest.raises(Transient, match=r"login at 127\.0\.0\.1: no connection"):
        graph.tokens(login)()


def test_an_authority_with_a_certificate_of_our_own_is_trusted_by_its_ca_alone(
    tmp_path: Path, pair: Pair, certificates: Certificates
) -> None:
    with token_server(tmp_path, pair, certificates.server) as desk:
        assert graph.tokens(replace(desk.graph(), ca=certificates.ca))() in desk.issued
        with pytest.raises(Down, match="certificate that can't be trusted"):
            graph.tokens(desk.graph())()
        with pytest.raises(Down, match=r"niets\.pem"):
            graph.tokens(replace(desk.graph(), ca=tmp_path / "niets.pem"))()


def test_a_secret_that_is_not_there_is_a_mistake_in_the_config(desk: TokenServer, tmp_path: Path) -> None:
    login = desk.graph()
    (tmp_path / "secret").unlink()

    with pytest.raises(ConfigError, match="secret file"):
        graph.tokens(login)()


# -- Google: a service account that acts for users ---------------------------------------------------------------------


def test_a_service_account_gets_a_token_for_a_user(desk: TokenServer) -> None:
    token = google.tokens(desk.google(), MENTOR, google.CALENDAR)

    assert desk.issued[token()] == Issued(MENTOR, "https://www.googleapis.com/auth/calendar")


def test_one_key_serves_many_users_each_with_a_token_of_their_own(desk: TokenServer) -> None:
    desk.users |= {"sanne@voorbeeld.example"}
    account = google.ServiceAccount(desk.google())

    tokens = [account.tokens(user, google.CALENDAR) for user in (MENTOR, "sanne@voorbeeld.example")]
    got = [token() for token in tokens for _ in range(2)]
    account.close()

    assert [desk.issued[token].who for token in got] == [MENTOR, MENTOR, "sanne@voorbeeld.example", "sanne@voorbeeld.example"]
    assert len(desk.asked) == 2


def test_a_users_token_is_asked_for_anew_when_it_is_about_to_expire_or_was_refused(desk: TokenServer) -> None:
    token = google.tokens(desk.google(), MENTOR, google.MAIL)
    assert token() == token() != token(fresh=True)

    desk.lifetime = 200  # seconds: google-auth wants almost four minutes in hand
    short = google.tokens(desk.google(), MENTOR, google.MAIL)
    assert short() != short()


def test_a_scope_that_was_not_delegated_is_told_with_where_to_grant_it(desk: TokenServer) -> None:
    desk.granted = {"https://www.googleapis.com/auth/calendar"}

    with pytest.raises(Down, match=f"login at Google for {MENTOR}: unauthorized_client") as error:
        google.tokens(desk.google(), MENTOR, google.MAIL)()

    assert f"add client {ACCOUNT_CLIENT} with https://mail.google.com/" in error.value.hint
    assert "Domain-wide delegation" in error.value.hint


def test_an_address_that_is_no_users_stops_nobody_else(desk: TokenServer) -> None:
    with pytest.raises(Refused, match=r"login at Google for groep@voorbeeld\.example: invalid_grant") as error:
        google.tokens(desk.google(), "groep@voorbeeld.example", google.CALENDAR)()

    assert not isinstance(error.value, Missing)
    assert "no group and no alias" in error.value.hint


def test_a_key_that_was_deleted_is_told_apart_from_a_clock_that_is_wrong(desk: TokenServer) -> None:
    late = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values."
    with pytest.raises(Down) as deleted:
        google.tokens(desk.google(private_key=Pair.made().key_pem), MENTOR, google.CALENDAR)()
    desk.mood = [(400, {}, json.dumps({"error": "invalid_grant", "error_description": late}))]
    with pytest.raises(Down) as clock:
        google.tokens(desk.google(), MENTOR, google.CALENDAR)()

    assert "deleted or switched off" in deleted.value.hint
    assert "clock" in clock.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("geen JSON", "no JSON file"),
        ("[]", "no JSON file"),
        ('{"type": "authorized_user", "refresh_token": "geheim"}', "another kind"),
        ('{"type": "service_account", "client_email": "a@b.example"}', "not whole"),
        ('{"type": "service_account", "client_email": "a@b.example", "token_uri": "http://x/", "private_key": "geheim"}', "not whole"),
    ],
)
def test_a_key_file_that_is_none_is_told_without_showing_what_is_in_it(desk: TokenServer, text: str, said: str) -> None:
    login = replace(desk.google(), key=desk.kept("key.json", text))

    with pytest.raises(Down, match=said) as error:
        google.tokens(login, MENTOR, google.CALENDAR)()

    assert "key.json" in str(error.value)
    assert "geheim" not in f"{error.value} {error.value.hint}"


@pytest.mark.parametrize("place", ["http://oauth2.googleapis.com/token", "ftp://127.0.0.2/", "//oauth2.googleapis.com/token"])
def test_what_is_signed_travels_to_nobody_without_tls(desk: TokenServer, place: str) -> None:
    token = google.tokens(desk.google(token_uri=place), MENTOR, google.CALENDAR)

    for _ in range(2):
        with pytest.raises(Down, match="without https"):
            token()


def test_googles_token_endpoint_that_is_busy_is_not_slept_over(desk: TokenServer) -> None:
    desk.mood = [(503, {"Retry-After": "7"}, "")] * 2
    token = google.tokens(desk.google(), MENTOR, google.CALENDAR)

    for _ in range(2):
        with pytest.raises(Transient) as error:
            token()
        assert error.value.retry_after == 7.0
    assert len(desk.asked) == 2
    assert token() in desk.issued


def test_no_connection_to_google_may_pass(desk: TokenServer) -> None:
    login = desk.google(token_uri=f"http://127.0.0.1:{_closed_port()}/token")

    with pytest.raises(Transient, match="no connection"):
        google.tokens(login, MENTOR, google.CALENDAR)()


# -- one REST service --------------------------------------------------------------------------------------------------


@dataclass
class Service:
    """A server that says what it is told to, one answer after the other, and remembers what it was asked."""

    url: str = ""
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    """Method, path, headers (in small letters), body."""
    connections: set[object] = field(default_factory=set)
    cut: bool = False
    """Drop the connection instead of an answer."""

    def says(self, status: int, body: object = None, **headers: str) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append((status, {"Content-Type": "application/json", **named}, content))

    def rest(self, token: Tokens | None = None) -> Rest:
        return Rest(f"{self.url}/v1", token or Tokens(), called="dienst", hint="kijk naar de login", limit=timedelta(seconds=5))


class Tokens:
    """Hands out a new token only when asked for a fresh one."""

    def __init__(self) -> None:
        self.number = 1

    def __call__(self, *, fresh: bool = False) -> str:
        self.number += fresh
        return f"geheim-{self.number}"


@contextmanager
def _serving(tls: ssl.SSLContext | None = None) -> Iterator[Service]:
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two packets, and the second would wait for the first one's echo

        def do(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            service.connections.add(self.connection)
            headers = {name.casefold(): value for name, value in self.headers.items()}
            service.asked.append((self.command, self.path, headers, content))
            if service.cut:
                self.close_connection = True
                return
            status, said, body = service.answers.pop(0)
            self.send_response_only(status)
            for name, value in {"Date": TODAY, **said, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_DELETE = do  # noqa: N815  # http.server's names

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        service.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield service
        server.shutdown()
        thread.join()


@pytest.fixture
def service() -> Iterator[Service]:
    with _serving() as running:
        yield running


@pytest.fixture
def rest(service: Service) -> Iterator[Rest]:
    opened = service.rest()
    yield opened
    opened.close()


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_request_carries_token_parameters_and_json_and_brings_json_back(service: Service, rest: Rest) -> None:
    service.says(201, {"id": "AAMk="}, ETag='W/"1"')

    reply = rest.request(
        "POST", "/users/sanne/events", params={"$top": 5, "quiet": True}, json={"subject": "Hé"}, headers={"If-Match": "*"}
    )

    method, path, headers, content = service.asked[0]
    assert (method, path) == ("POST", "/v1/users/sanne/events?%24top=5&quiet=true")
    assert (headers["authorization"], headers["if-match"]) == ("Bearer geheim-1", "*")
    assert headers["content-type"] == "application/json"
    assert json.loads(content) == {"subject": "Hé"}
    assert (reply.status, reply.body, reply.headers["etag"]) == (201, {"id": "AAMk="}, 'W/"1"')
    assert reply.date == datetime(2026, 12, 1, 9, tzinfo=UTC)


def test_what_is_no_json_comes_as_it_is(service: Service, rest: Rest) -> None:
    service.answers = [(200, {"Content-Type": "text/plain"}, b"Subject: x\r\n"), (204, {}, b"")]

    mail = rest.request("GET", "/messages/1/$value", headers={"Accept": "text/plain"})
    nothing = rest.request("POST", "/sendMail", content=b"U3ViamVjdA==", headers={"Content-Type": "text/plain"})

    assert (mail.body, mail.content) == (None, b"Subject: x\r\n")
    assert (nothing.body, nothing.content) == (None, b"")
    assert (service.asked[0][2]["accept"], service.asked[1][2]["content-type"]) == ("text/plain", "text/plain")
    assert service.asked[1][3] == b"U3ViamVjdA=="


def test_requests_share_a_connection(service: Service, rest: Rest) -> None:
    for _ in range(3):
        service.says(200, {})
        rest.request("GET", "/me")

    assert len(service.connections) == 1


def test_it_may_be_used_again_after_it_was_closed(service: Service, rest: Rest) -> None:
    for _ in range(2):
        service.says(200, {})
        assert rest.request("GET", "/me").status == 200
        rest.close()


def test_the_next_page_is_asked_for_as_the_server_wrote_it(service: Service, rest: Rest) -> None:
    service.says(200, {})

    rest.request("GET", f"{service.url}/v1/delta?$skiptoken=a%2Bb&x=1")

    assert service.asked[0][1] == "/v1/delta?$skiptoken=a%2Bb&x=1"


@pytest.mark.parametrize(
    "place", ["http://elders.example/v1/delta", "https://127.0.0.1/v1", "{url}@elders.example/", "http://127.0.0.1:1/v1"]
)
def test_no_other_server_gets_the_token(service: Service, rest: Rest, place: str) -> None:
    with pytest.raises(Refused, match="leads to another server"):
        rest.request("GET", place.format(url=service.url))

    assert service.asked == []


def test_a_next_page_on_our_own_server_that_a_proxy_wrote_as_http_is_asked_for_by_https(certificates: Certificates) -> None:
    with _serving(certificates.server) as service:
        service.says(200, {})
        rest = Rest(f"{service.url}/v1", Tokens(), called="dienst", ca=certificates.ca)

        rest.request("GET", f"{service.url.replace('https', 'http')}/v1/delta?$skiptoken=a")
        rest.close()

        assert [path for _, path, _, _ in service.asked] == ["/v1/delta?$skiptoken=a"]


def test_a_token_that_is_refused_is_replaced_once(service: Service, rest: Rest) -> None:
    service.says(401, {"error": {"code": "InvalidAuthenticationToken", "message": "Lifetime validation failed, the token is expired."}})
    service.says(200, {"value": []})

    assert rest.request("GET", "/me").body == {"value": []}
    assert [headers["authorization"] for _, _, headers, _ in service.asked] == ["Bearer geheim-1", "Bearer geheim-2"]


def test_a_login_that_is_refused_twice_stops_everything_and_says_what_to_look_at(service: Service, rest: Rest) -> None:
    for _ in range(2):
        service.says(401, {"error": {"code": "InvalidAuthenticationToken", "message": "Access token geheim-2 is empty."}})

    with pytest.raises(Down) as error:
        rest.request("GET", "/me")

    assert str(error.value) == "dienst: GET /me: 401 InvalidAuthenticationToken Access token *** is empty."
    assert error.value.hint == "kijk naar de login"
    assert len(service.asked) == 2


GRAPH = "graph"
GOOGLE = "google"


def _said(vendor: str, code: str, status: int) -> dict[str, object]:
    if vendor == GRAPH:
        return {"error": {"code": code, "message": "Nee.", "innerError": {"request-id": "1", "date": "2026-12-01T09:00:00"}}}
    return {"error": {"code": status, "message": "Nee.", "errors": [{"domain": "global", "reason": code, "message": "Nee."}]}}


@pytest.mark.parametrize(
    ("status", "vendor", "code", "means"),
    [
        (400, GRAPH, "ErrorInvalidRequest", Refused),
        (400, GOOGLE, "timeRangeEmpty", Refused),
        (403, GRAPH, "ErrorAccessDenied", Refused),
        (403, GRAPH, "Authorization_RequestDenied", Down),
        (403, GOOGLE, "forbidden", Refused),
        (403, GOOGLE, "forbiddenForNonOrganizer", Refused),
        (403, GOOGLE, "forbiddenForServiceAccounts", Down),
        (403, GOOGLE, "accessNotConfigured", Down),
        (403, GOOGLE, "rateLimitExceeded", Transient),
        (403, GOOGLE, "userRateLimitExceeded", Transient),
        (403, GOOGLE, "quotaExceeded", Transient),
        (404, GRAPH, "ErrorItemNotFound", Missing),
        (404, GRAPH, "ErrorInvalidUser", Refused),
        (404, GRAPH, "MailboxNotEnabledForRESTAPI", Refused),
        (404, GOOGLE, "notFound", Missing),
        (408, GRAPH, "", Transient),
        (409, GOOGLE, "duplicate", Conflict),
        (410, GOOGLE, "deleted", Missing),
        (412, GRAPH, "ErrorIrresolvableConflict", Conflict),
        (412, GOOGLE, "conditionNotMet", Conflict),
        (423, GRAPH, "", Transient),
        (429, GRAPH, "ApplicationThrottled", Transient),
        (500, GRAPH, "ErrorInternalServerError", Transient),
        (502, GRAPH, "", Transient),
        (503, GRAPH, "ErrorServerBusy", Transient),
        (504, GRAPH, "", Transient),
        (507, GRAPH, "ErrorQuotaExceeded", Down),
    ],
)
def test_every_no_means_one_thing(service: Service, rest: Rest, status: int, vendor: str, code: str, means: type[BackendError]) -> None:
    service.says(status, _said(vendor, code, status))

    with pytest.raises(BackendError) as error:
        rest.request("PATCH", "/users/sanne@voorbeeld.example/events/1?$select=id")

    said = " ".join(filter(None, (str(status), code, "Nee.")))
    assert type(error.value) is means
    assert str(error.value) == f"dienst: PATCH /users/sanne@voorbeeld.example/events/1: {said}"
    reply = reply_of(error.value)
    assert reply is not None
    assert (reply.status, reply.code) == (status, code)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("30", 30.0), ("Tue, 01 Dec 2026 09:02:00 GMT", 120.0), ("Tue, 01 Dec 2026 08:00:00 GMT", 0.0), ("soon", None), ("", None)],
)
def test_how_long_to_wait_is_what_the_server_says(service: Service, rest: Rest, asked: str, seconds: float | None) -> None:
    service.says(429, None, Retry_After=asked)

    with pytest.raises(Transient) as error:
        rest.request("GET", "/me")

    assert error.value.retry_after == seconds


def test_a_no_that_the_caller_knows_how_to_take_comes_back_as_an_answer(service: Service, rest: Rest) -> None:
    service.says(410, _said(GOOGLE, "fullSyncRequired", 410))

    reply = rest.request("GET", "/events", allowed={410})

    assert (reply.status, reply.code, reply.message) == (410, "fullSyncRequired", "Nee.")


def test_a_rate_limit_is_one_also_where_the_caller_takes_a_403(service: Service, rest: Rest) -> None:
    service.says(403, _said(GOOGLE, "rateLimitExceeded", 403))

    with pytest.raises(Transient):
        rest.request("GET", "/events", allowed={403})


def test_the_parts_of_a_batch_are_judged_by_the_same_table(rest: Rest) -> None:
    part = Reply(status=429, headers={"Retry-After": "5"}, body=_said(GRAPH, "ApplicationThrottled", 429))

    with pytest.raises(Transient) as error:
        rest.judge(part, "PATCH /users/sanne")

    assert error.value.retry_after == 5.0
    assert rest.judge(Reply(status=404, headers={}), "GET /x", allowed={404}).status == 404


def test_what_a_server_says_is_one_line_and_not_too_long(service: Service, rest: Rest) -> None:
    service.says(400, {"error": {"code": "BadRequest", "message": "a\r\nb\x1b[31m" + "c" * 5000}})

    with pytest.raises(Refused) as error:
        rest.request("GET", "/" + "x" * 500)

    assert str(error.value).startswith(f"dienst: GET /{'x' * 119}..: 400 BadRequest a b [31mccc")
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("body", [b"", b"[]", b'"nee"', b'{"error": null}', b'{"error": {"code": null, "errors": [1]}}', b"{half", b"\xff"])
def test_a_no_is_a_no_whatever_is_written_beside_it(service: Service, rest: Rest, body: bytes) -> None:
    service.answers = [(400, {"Content-Type": "application/json"}, body)]

    with pytest.raises(Refused, match=r"^dienst: GET /me: 400$"):
        rest.request("GET", "/me")


def test_half_an_answer_may_be_whole_the_next_time(service: Service, rest: Rest) -> None:
    service.answers = [(200, {"Content-Type": "application/json"}, b'{"value": [')]

    with pytest.raises(Transient, match="broke off"):
        rest.request("GET", "/me")


def test_a_web_page_is_no_rest_service(service: Service, rest: Rest) -> None:
    service.answers = [(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>Please log in</html>")]

    with pytest.raises(Down, match="web page"):
        rest.request("GET", "/me")


def test_a_server_that_drops_the_connection_may_be_back(service: Service, rest: Rest) -> None:
    service.cut = True
    with pytest.raises(Transient, match="dienst: no connection"):
        rest.request("GET", "/me")
    service.cut = False
    service.says(200, {})

    assert rest.request("GET", "/me").status == 200


def test_a_server_that_says_nothing_is_not_waited_for_forever() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        rest = Rest(f"http://127.0.0.1:{silent.getsockname()[1]}", Tokens(), called="dienst", limit=timedelta(seconds=0.2))
        with pytest.raises(Transient, match=r"^dienst: GET: not done within 0\.2 seconds$"):
            rest.request("GET", "/me")
        rest.close()


def test_a_server_that_is_not_there_may_come_back() -> None:
    with pytest.raises(Transient, match="dienst: no connection"):
        Rest(f"http://127.0.0.1:{_closed_port()}", Tokens(), called="dienst").request("GET", "/me")


@pytest.mark.parametrize("base", ["graph.microsoft.com/v1.0", "ftp://graph.microsoft.com", "https://", "https://[::1"])
def test_what_is_no_web_address_is_told(base: str) -> None:
    with pytest.raises(BackendError) as error:
        Rest(base, Tokens(), called="dienst").request("GET", "/me")

    assert not isinstance(error.value, Transient)


def test_tls_is_judged_by_the_ca_of_the_settings_alone(certificates: Certificates) -> None:
    with _serving(certificates.server) as service:
        service.says(200, {})
        trusting = Rest(service.url, Tokens(), called="dienst", ca=certificates.ca)
        assert trusting.request("GET", "/me").status == 200
        trusting.close()
        with pytest.raises(Down, match="dienst: shows a certificate that can't be trusted"):
            Rest(service.url, Tokens(), called="dienst").request("GET", "/me")


def test_graph_and_google_are_opened_with_their_logins(desk: TokenServer, service: Service) -> None:
    for _ in range(2):
        service.says(200, {})
    microsoft = graph.open_rest(desk.graph(f"{service.url}/v1.0"))
    calendar = google.ServiceAccount(desk.google(f"{service.url}/calendar/v3"), keep=False).rest(MENTOR, google.CALENDAR)

    microsoft.request("GET", "/users")
    calendar.request("GET", "/users/me/calendarList")
    microsoft.close()
    calendar.close()

    assert [path for _, path, _, _ in service.asked] == ["/v1.0/users", "/calendar/v3/users/me/calendarList"]
    bearers = [desk.issued[headers["authorization"].removeprefix("Bearer ")] for _, _, headers, _ in service.asked]
    assert bearers == [Issued(CLIENT, f"{service.url}/.default"), Issued(MENTOR, google.CALENDAR[0])]


@pytest.mark.parametrize(
    ("module", "strangers"),
    [
        ("rest.service", {"msal", "google.auth", "requests", "exchangelib"}),
        ("graph.account", {"google.auth", "exchangelib", "caldav"}),
        ("google.account", {"msal", "requests", "exchangelib", "caldav"}),
    ],
)
def test_no_login_imports_the_libraries_of_another(module: str, strangers: set[str]) -> None:
    script = f"import sys, beklijf.backends.{module}; print(*sys.modules)"

    said = run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert not strangers & set(said.split())


def test_four_threads_may_ask_at_once_over_one_login(desk: TokenServer, service: Service) -> None:
    for _ in range(40):
        service.says(200, {})
    rest = graph.open_rest(desk.graph(f"{service.url}/v1.0"))

    with ThreadPoolExecutor(4) as pool:
        statuses = [reply.status for reply in pool.map(lambda n: rest.request("GET", f"/users/{n}"), range(40))]
    rest.close()

    assert statuses == [200] * 40
    assert len(desk.asked) == 1
