"""What every long search shares: how far it is, and children that tick."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.caldav_servers import open_radicale
from tests.system.office import opened_office
from tests.thorough.campaign import Begin, Campaign
from tests.thorough.children import Nursery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.office import Office

ROOT = Path(__file__).parents[2]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Yield what begins a campaign, or takes it up where it was left, and report how far each came."""
    folder = Path(os.environ.get("BEKLIJF_THOROUGH") or ROOT / "var" / "thorough")
    begun: list[Campaign] = []

    def campaign(name: str, *, wanted: int, minutes: float) -> Campaign:
        share = float(os.environ.get("MINUTES") or 1.0)
        seed = int(os.environ.get("SEED") or 1)
        begun.append(Campaign(name=name, folder=folder, seed=seed, wanted=wanted, minutes=minutes * share))
        return begun[-1]

    yield campaign
    for each in begun:
        with (folder / "report.txt").open("a", encoding="utf-8") as report:
            report.write(f"{each}\n")


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


@pytest.fixture
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    yield from opened_office(tmp_path_factory.mktemp("office"))


@pytest.fixture(scope="session")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from open_radicale(tmp_path_factory.mktemp("radicale"))
