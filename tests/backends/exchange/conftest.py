"""An Exchange server of ours, one for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.fakes.ews.site import opened

from beklijf.boundary.credentials import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.ews.site import Site


@pytest.fixture
def password(tmp_path: Path) -> Secret:
    path = tmp_path / "password"
    path.write_text("mentorpw\n", encoding="utf-8")
    return Secret("file", str(path))


@pytest.fixture
def site(password: Secret) -> Iterator[Site]:
    with opened(password) as made:
        yield made


@pytest.fixture
def insecure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tokens come without TLS, on which the library insists: this is loopback."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
