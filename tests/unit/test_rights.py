"""Who else can read secrets, and where we can't write, by the modes of real files."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from beklijf import config as configuration
from beklijf.backends.graph.settings import CalendarByGraph, GraphLogin
from beklijf.backends.smtp_imap.settings import MailBySmtp
from beklijf.boundary.credentials import Secret
from beklijf.commands import rights
from beklijf.config.init import write_example

if TYPE_CHECKING:
    from collections.abc import Iterator

    from beklijf.contracts.settings import Config, MailSettings

DAEMON = 1
"""An account that is on every Debian, with a group of its own."""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another account")


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a folder that other accounts can reach, which ``tmp_path`` is not."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def config(place: Path) -> Config:
    return configuration.load(write_example(place, date(2026, 11, 23)))


@contextmanager
def account(number: int) -> Iterator[None]:
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(number)
    os.seteuid(number)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def by_smtp(config: Config, password: Secret) -> MailSettings:
    return replace(config.mail, maker=MailBySmtp(host="mail.voorbeeld.example", user="mentor", password=password))


def with_password(config: Config, place: Path, mode: int) -> Config:
    path = place / "password"
    path.write_text("tulpen", encoding="utf-8")
    path.chmod(mode)
    return replace(config, mail=by_smtp(config, Secret("file", str(path))))


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (0o600, ""),
        (0o400, ""),
        (0o640, ""),
        (0o644, "read by everybody"),
        (0o604, "read by everybody"),
        (0o622, "changed by everybody"),
        (0o666, "read and changed by everybody"),
    ],
)
@as_root
def test_a_secret_that_others_can_read_or_change_is_named(config: Config, place: Path, mode: int, said: str) -> None:
    config = with_password(config, place, mode)
    os.chown(place / "password", 0, DAEMON)

    found = list(rights.exposed(config))

    assert [problem.what for problem in found] == ([f"{place / 'password'} can be {said}"] if said else [])
    assert all(problem.warning and problem.where == "mail.password" and "chmod" in problem.hint for problem in found)


@as_root
def test_a_group_of_many_may_not_read_a_secret(config: Config, place: Path) -> None:
    config = with_password(config, place, 0o640)
    os.chown(place / "password", 0, 12345)

    assert [problem.what for problem in rights.exposed(config)] == [f"{place / 'password'} can be read by the group 12345"]


def test_the_secret_of_a_login_is_found_too_and_each_file_is_named_once(config: Config, place: Path) -> None:
    config = with_password(config, place, 0o644)
    secret = Secret("file", str(place / "password"))
    config = replace(
        config, calendar=replace(config.calendar, maker=CalendarByGraph(login=GraphLogin(tenant="t", client="c", secret=secret)))
    )

    assert [problem.where for problem in rights.exposed(config)] == ["calendar.graph.secret"]


def test_what_systemd_hands_over_and_what_is_not_there_is_no_exposed_file(config: Config, place: Path) -> None:
    for secret in (Secret("credential", "mail"), Secret("env", "HOME"), Secret("file", str(place / "nothing"))):
        assert list(rights.exposed(replace(config, mail=by_smtp(config, secret)))) == []


@as_root
def test_folders_that_this_account_cannot_write_are_named_each_with_its_key(config: Config, place: Path) -> None:
    with account(DAEMON):
        found = list(rights.unwritable(config))
    assert [(problem.where, problem.what, problem.warning) for problem in found] == [
        (where, f"{place} can't be written", False) for where in ("service.state", "calendar.path", "mail.path")
    ]

    (place / "var").mkdir()
    os.chown(place / "var", DAEMON, DAEMON)
    with account(DAEMON):
        assert list(rights.unwritable(config)) == []

    (place / "var" / "beklijf.sqlite3").touch(mode=0o600)
    with account(DAEMON):
        assert [problem.what for problem in rights.unwritable(config)] == [f"{place}/var/beklijf.sqlite3 can't be written"]


def test_a_file_where_a_folder_should_be_cannot_be_written(config: Config, place: Path) -> None:
    (place / "var").touch()

    assert {problem.where for problem in rights.unwritable(config)} == {"service.state", "calendar.path", "mail.path"}
