"""What has the name of a file is read if it is one, and never waited for."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from beklijf.boundary import contents

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def fifo(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(path))


def circle(path: Path) -> None:
    path.symlink_to(path.with_suffix(".other"))
    path.with_suffix(".other").symlink_to(path)


def large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(contents.LARGEST + 1)


def to_a_fifo(path: Path) -> None:
    fifo(path.with_suffix(".fifo"))
    path.symlink_to(path.with_suffix(".fifo"))


ODD: dict[str, tuple[Callable[[Path], None], str]] = {
    "a folder": (lambda path: path.mkdir(), "Is a directory"),
    "a FIFO": (fifo, "Is a FIFO"),
    "a socket": (listening, "Is a socket"),
    "a link to nothing": (lambda path: path.symlink_to("nothing"), "Is a link that leads nowhere"),
    "a circle": (circle, "Is a link that leads in a circle"),
    "a link to itself": (lambda path: path.symlink_to(path), "Is a link that leads in a circle"),
    "a link to a FIFO": (to_a_fifo, "Is a FIFO"),
    "a link to a device": (lambda path: path.symlink_to("/dev/zero"), "Is a device"),
    "a link below a file": (lambda path: path.symlink_to("/etc/hostname/x"), "Not a directory"),
    "much": (large, "Has more than 10,485,760 bytes"),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_plain_file_is_named_and_not_opened(tmp_path: Path, odd: str) -> None:
    make, said = ODD[odd]
    path = tmp_path / "x.ics"
    make(path)

    with pytest.raises(contents.NoContent) as caught:
        contents.read(path)
    with pytest.raises(contents.NoContent) as looked_at:
        contents.status(path)

    assert caught.value.strerror == looked_at.value.strerror == said
    assert caught.value.filename == str(path)


def test_what_is_not_there_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        contents.read(tmp_path / "x.ics")

    assert not isinstance(caught.value, contents.NoContent)


def test_a_file_up_to_its_size_is_read_and_through_a_link_too(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("plain")

    assert contents.read(tmp_path / "plain", largest=5) == contents.read(tmp_path / "link", largest=5) == b"12345"
    with pytest.raises(contents.NoContent):
        contents.read(tmp_path / "plain", largest=4)
    with pytest.raises(contents.NoContent, match="link"):
        contents.read(tmp_path / "link", links=False)


def test_a_file_that_grows_while_it_is_read_has_its_limit_too(tmp_path: Path) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"12345")

    with contents.opened(path, largest=5) as file, path.open("ab") as more:
        more.write(b"6")
        more.flush()
        assert file.read(6) == b"123456"  # which is how `read` knows


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_somebody_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.ics"
    path.write_bytes(b"")
    path.chmod(0)

    with pytest.raises(contents.NoContent, match="Permission denied"):
        contents.read(path)


def test_a_fifo_that_takes_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "x.ics"
    over = threading.Event()

    def exchange() -> None:
        while not over.is_set():
            (tmp_path / "new").write_bytes(b"plain")
            (tmp_path / "new").replace(path)
            fifo(tmp_path / "fifo")
            (tmp_path / "fifo").replace(path)

    path.write_bytes(b"plain")
    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        for _ in range(500):
            try:
                assert contents.read(path) == b"plain"
            except contents.NoContent as error:
                assert error.strerror == "Is a FIFO"  # noqa: PT017  # either is fine, waiting is not
    finally:
        over.set()
        thread.join()
