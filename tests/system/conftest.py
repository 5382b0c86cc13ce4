"""Servers for whole installations: mail that can be told what to say, and a Radicale that lets anybody in."""

from __future__ import annotations

import shutil
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from tests.caldav_servers import open_radicale
from tests.system.lately import live_a_week
from tests.system.office import opened_office

from beklijf import cli, config
from beklijf.service import clock
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.office import Office


@pytest.fixture
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    yield from opened_office(tmp_path_factory.mktemp("office"))


@pytest.fixture(scope="session")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from open_radicale(tmp_path_factory.mktemp("radicale"))


@pytest.fixture(scope="session")
def at_work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an installation that has been at work for some days, so that there are events."""
    folder = tmp_path_factory.mktemp("at-work")
    with redirect_stdout(StringIO()):
        assert cli.main(["init", str(folder)]) == 0
    with opened(config.load(folder / "config.toml")) as engine:
        live_a_week(engine)
    return folder


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_work: Path) -> Path:
    """Return a copy of it as the working folder, where everything is done until now."""
    shutil.copytree(at_work, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BEKLIJF_CONFIG", raising=False)
    with opened(config.load(tmp_path / "config.toml")) as engine:
        engine.tick(clock())
    return tmp_path
