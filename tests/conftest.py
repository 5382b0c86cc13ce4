"""What tests of several rooms share: real servers on loopback, one of each per test process, certificates, and keys."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from tests.backends.examples import OWNER
from tests.caldav_servers import plain_before, running_radicale, running_xandikos
from tests.certificates import Certificates, issued
from tests.fakes.tokens import Pair
from tests.imap_server import PASSWORD, running_pymap

from beklijf.backends.registry import open_calendar
from beklijf.boundary.credentials import Secret
from beklijf.boundary.zones import go_by_the_newest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.backends.calendar_contract import Opener
    from tests.caldav_servers import Plain, Running

    from beklijf.contracts.calendar import Calendar
    from beklijf.contracts.settings import CalendarSettings

HERE = Path(__file__).parent
MODULES = (".".join(path.relative_to(HERE.parent).with_suffix("").parts) for path in HERE.rglob("*.py"))
pytest.register_assert_rewrite(*(name for name in MODULES if name not in sys.modules))  # contracts say what they saw, as tests do

os.environ |= {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}
"""Nobody is trusted but whom a config names: reading the machine's own authorities takes longer than most tests."""

go_by_the_newest()

settings.register_profile("quick", max_examples=50, deadline=None)
settings.register_profile("thorough", max_examples=2000, deadline=None)  # make test-thorough
settings.load_profile("quick")


@pytest.fixture(scope="session")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    yield from running_radicale(tmp_path_factory.mktemp("radicale"))


@pytest.fixture(scope="session")
def xandikos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    yield from running_xandikos(tmp_path_factory.mktemp("xandikos"))


@pytest.fixture
def plain(radicale: Running) -> Iterator[Plain]:
    yield from plain_before(radicale)


@pytest.fixture
def opened() -> Iterator[Opener]:
    """Open calendars, and close each of them when the test is over."""
    calendars: list[Calendar] = []

    def opener(settings: CalendarSettings) -> Calendar:
        calendars.append(open_calendar(settings, OWNER))
        return calendars[-1]

    yield opener
    for calendar in calendars:
        calendar.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issued(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def pymap(certificates: Certificates) -> Iterator[int]:
    yield from running_pymap(certificates)


@pytest.fixture
def password(tmp_path: Path) -> Secret:
    (tmp_path / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    return Secret("file", str(tmp_path / "password"))


@pytest.fixture(scope="session")
def pair() -> Pair:
    """Return the keys that the fakes sign tokens with."""
    return Pair.made()
