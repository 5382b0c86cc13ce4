"""Ticks in children of a process that has everything loaded: each with its own memory to count, and none that outlives its time."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEMORY = 300 * 2**10
"""Kilobytes that a tick may take."""
LASTS = 90
"""Seconds after which a tick has missed every deadline there is."""
DEADLINE = 1
"""Seconds for one operation with a server."""

NURSERY = """
import dataclasses, json, logging, os, resource, signal, sys, traceback
from datetime import datetime, timedelta
from pathlib import Path
from beklijf import config
from beklijf.backends.smtp_imap.settings import MailBySmtp
from beklijf.tick.wiring import opened
import beklijf.backends.caldav.calendar, beklijf.backends.folder.calendar, beklijf.backends.folder.mailer
import beklijf.backends.smtp_imap.inbox, beklijf.backends.smtp_imap.mailer

def tick(job):
    logging.basicConfig(filename=job["log"], level=logging.INFO)
    limit = timedelta(seconds=job["deadline"])
    read = config.load(Path(job["config"]))
    calendar = dataclasses.replace(read.calendar, deadline=limit)
    maker = read.mail.maker
    if isinstance(maker, MailBySmtp):
        maker = dataclasses.replace(maker, final_deadline=limit)
    mail = dataclasses.replace(read.mail, deadline=limit, maker=maker)
    inbox = None if read.inbox is None else dataclasses.replace(read.inbox, deadline=limit)
    with opened(dataclasses.replace(read, calendar=calendar, mail=mail, inbox=inbox)) as engine:
        outcome = engine.tick(datetime.fromisoformat(job["now"]), patient=job["patient"])
    return {
        "did": bool(outcome.done or outcome.delivered.sent),
        "planned": outcome.plan is not None,
        "next": None if outcome.next is None else outcome.next.isoformat(),
        "problems": [str(problem) for problem in outcome.problems],
    }

for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if child == 0:
        try:
            signal.signal(signal.SIGXCPU, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CPU, (job["lasts"], job["lasts"]))
            Path(job["result"]).write_text(json.dumps(tick(job)), encoding="utf-8")
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(70)
    _, status, used = os.wait4(child, 0)
    print(json.dumps({"code": os.waitstatus_to_exitcode(status), "memory": used.ru_maxrss}), flush=True)
"""


@dataclass(frozen=True)
class Ticked:
    did: bool
    """Something was done in the calendar, or sent."""
    next: datetime | None
    problems: tuple[str, ...]
    memory: int


class Nursery:
    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.say, self.hear = self.process.stdin, self.process.stdout

    def tick(self, folder: Path, now: datetime, *, patient: bool = False) -> Ticked:
        """Let a child tick; whatever servers and strangers do, it ends by itself, in time, and small."""
        result = folder / "result.json"
        job: dict[str, Any] = {"config": str(folder / "config.toml"), "log": str(folder / "log"), "result": str(result)}
        job |= {"now": now.isoformat(), "patient": patient, "deadline": DEADLINE, "lasts": LASTS}
        self.say.write(json.dumps(job) + "\n")
        self.say.flush()
        with _no_longer_than(LASTS):
            ended = json.loads(self.hear.readline())
        assert ended["code"] == 0, f"the tick of {now} in {folder} ended with {ended['code']}"
        assert ended["memory"] < MEMORY, f"the tick of {now} in {folder} took {ended['memory']} kB"
        said = json.loads(result.read_text(encoding="utf-8"))
        result.unlink()
        following = None if said["next"] is None else datetime.fromisoformat(said["next"])
        return Ticked(said["did"], following, tuple(said["problems"]), ended["memory"])

    def close(self) -> None:
        self.say.close()
        self.process.wait(LASTS)
        self.hear.close()


@contextmanager
def _no_longer_than(seconds: float) -> Iterator[None]:
    def over(_number: int, _frame: object) -> None:
        raise AssertionError(f"a tick took longer than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
