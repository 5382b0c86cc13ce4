"""Send what the outbox holds: claim, have it rendered, hand over, record. Decides when to try again; knows nothing of plans.

what the mailer says        what happens to the mail                     and to the rest of the outbox
--------------------------  -------------------------------------------  ---------------------------------------------
nothing                     sent                                         goes on
Transient                   tried again: 5, 10, 20 .. minutes, at most   goes on, unless it is the second in a row:
                            4 hours                                      then the server is down for this tick
Unanswered                  once more like that; the second time it      the same
                            was perhaps sent: named in status, and
                            never again by itself
Refused                     failed, named in status                      goes on; the same words for everybody and
                                                                         nothing sent means the fault is ours: put back
Down                        put back untouched                           stays; tried again with back-off: at once where
                                                                         it is the login, else at the second in a row
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from beklijf.mime import messages
from beklijf.mime.links import Links
from beklijf.model.errors import BeklijfError, Down, Problem, Refused, Transient, Unanswered
from beklijf.tick.messages import Rendering
from beklijf.tick.outages import LAST_RETRY, back_off
from beklijf.tick.outcome import PERHAPS, SAME_FOR_ALL, Delivered
from beklijf.tick.stages import MAIL, NOT_A_STAGES

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from email.message import EmailMessage

    from beklijf.contracts.mailer import Mailer
    from beklijf.contracts.settings import Config
    from beklijf.ledger import Ledger
    from beklijf.ledger.conversation import Conversation
    from beklijf.ledger.outbox import Mail, Outbox
    from beklijf.letters import Letters
    from beklijf.model.domain import MentorshipKey, Programme
    from beklijf.model.errors import Defect
    from beklijf.planning.offers import Times
    from beklijf.tick.set_aside import SettingAside

log = logging.getLogger("beklijf")

STOPPED = "beklijf was stopped in the middle of handing it over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    config: Config
    ledger: Ledger
    outbox: Outbox
    conversation: Conversation
    mailer: Mailer
    letters: Letters
    aside: SettingAside

    def deliver(
        self,
        programme: Programme,
        times: Callable[[MentorshipKey], Times],
        now: datetime,
        *,
        stop: Callable[[], bool],
        done: Callable[[], None],
    ) -> Delivered:
        """Send what is due, oldest first, until everything is out, the server is down, or *stop* says so."""
        result = Delivered()
        for mail in self.outbox.cut_off():
            self._unheard(mail, STOPPED, now, result)
        if left := self.aside.asides.names(MAIL):
            self.aside.only(MAIL, [mail.label for mail in self.outbox.open_mails() if mail.goes_out])
        due = [mail for mail in self.outbox.due(now) if mail.label not in left]
        links, secret = (self._links(programme), self.ledger.secret()) if due else (Links(), b"")
        rendering = Rendering(self.config, self.letters, programme, times, links, secret=secret)

        def send(mails: list[Mail]) -> None:
            for mail in mails:
                if stop() or result.down:
                    return
                message = self._message(mail, rendering, now, result)
                if message is not None:
                    self._send(mail, message, now, result, stop)
                    done()

        send(due)
        if result.sent:
            aside, result.aside = result.aside, []
            send(aside)
        elif result.aside:
            result.down = result.doubt
        self._same_for_all(result, now)
        waiting = [*result.put_off, *(() if result.down else result.doubted)]
        gone = {mail.id for mail in (*result.sent, *(mail for mail, _ in (*result.failed, *result.perhaps)))}
        result.put_off = [*{mail.id: (mail, error) for mail, error in waiting if mail.id not in gone}.values()]
        return result

    def _links(self, programme: Programme) -> Links:
        """Return what makes links to our mailbox."""
        inbox = self.config.inbox
        if inbox is None or not programme.reads_mail:
            return Links()
        return Links(inbox.address, self.ledger.secret())

    def _message(self, mail: Mail, rendering: Rendering, now: datetime, result: Delivered) -> EmailMessage | None:
        """Return the message of a row: the bytes of an earlier attempt, or freshly rendered and claimed."""
        if mail.unanswered:
            log.warning("sending once more under the same Message-ID, since it may have arrived: %s to %s", mail.name, mail.recipient)
        if mail.content is not None:
            message = messages.kept(mail.content)
            with self.ledger.write():
                self.outbox.claim(mail, content=mail.content, message_id=str(message["Message-ID"]))
            return message
        try:
            rendering.links.made.clear()
            fresh = rendering.message(mail)
        except BeklijfError as error:
            result.problems += [*error.problems]
            with self.ledger.write():
                self.outbox.retry(mail, at=now + LAST_RETRY, note=str(error))
            return None
        except NOT_A_STAGES:
            raise
        except Exception as error:  # noqa: BLE001  # this mail's, whatever it is
            self._fails(mail, self.aside.defects.met(f"rendering {mail.label}", error), now, result)
            return None
        if fresh is None:
            with self.ledger.write():
                self.outbox.dropped(mail, "what it was about is gone")
            return None
        with self.ledger.write():
            self.outbox.claim(mail, content=fresh.as_bytes(policy=messages.WIRE), message_id=str(fresh["Message-ID"]))
            self.conversation.remember(rendering.links.made, now)
        return fresh

    def _fails(self, mail: Mail, defect: Defect, now: datetime, result: Delivered) -> None:
        """Let a mail wait over which something went wrong that nobody expected; at the third tick it is set aside."""
        result.problems += [replace(problem, where=mail.label) for problem in defect.problems]
        with self.ledger.write():
            self.outbox.retry(mail, at=now + back_off(mail.attempts + 1), note=str(defect))
            self.aside.failed(MAIL, mail.label, defect, now)

    def _hand_over(self, mail: Mail, message: EmailMessage, now: datetime) -> None:
        """Have a mail sent; what nobody expected is `Defect` and counted as that mail's own, or `Unanswered` once it is under way."""
        under_way = False

        def handing_over() -> None:
            nonlocal under_way
            under_way = True
            with self.ledger.write():
                self.outbox.sending(mail)

        try:
            self.mailer.send(message, recipient=mail.recipient, handing_over=handing_over)
        except (*NOT_A_STAGES, BeklijfError):
            raise
        except Exception as error:
            with suppress(Exception):
                self.mailer.close()
            defect = self.aside.defects.met(f"sending {mail.label}", error)
            if under_way:
                raise Unanswered(str(defect), hint=defect.hint) from error
            self.aside.failed(MAIL, mail.label, defect, now)
            raise defect from error

    def _send(self, mail: Mail, message: EmailMessage, now: datetime, result: Delivered, stop: Callable[[], bool]) -> None:
        try:
            self._hand_over(mail, message, now)
        except Refused as error:
            before = "; an attempt before was never answered, and may have arrived" if mail.unanswered else ""
            with self.ledger.write():
                self.outbox.failed(mail, f"{error}{before}")
            result.failed.append((mail, error))
        except (Transient, Down) as error:
            stopped = stop()  # cut short, which is nobody's fault
            at = now if stopped else now + back_off(mail.attempts + 1)
            if isinstance(error, Unanswered):
                self._unheard(mail, str(error), at, result)
            else:
                with self.ledger.write():
                    if isinstance(error, Transient) and not stopped:
                        self.outbox.retry(mail, at=at, note=str(error))
                    else:
                        self.outbox.unclaim(mail)
                        result.aside.append(mail)
            if stopped:
                return
            result.down = error if result.doubt or (isinstance(error, Down) and error.login) else None
            result.doubt = error
            result.doubted.append((mail, error))
            return
        except BeklijfError:  # a secret that isn't there, say: it never reached a server
            with self.ledger.write():
                self.outbox.unclaim(mail)
            raise
        else:
            with self.ledger.write():
                self.outbox.sent(mail)
            self.aside.settled(MAIL, mail.label)
            result.sent.append(mail)
        result.doubt = None
        result.put_off, result.doubted = [*result.put_off, *result.doubted], []

    def _unheard(self, mail: Mail, note: str, at: datetime, result: Delivered) -> None:
        """Let a mail that nothing was heard of wait for its second attempt, or leave it to people: it was perhaps sent."""
        last = bool(mail.unanswered)
        with self.ledger.write():
            if last:
                note = f"handed over twice and never answered, so it is not sent again (Message-ID {mail.message_id}): {note}"
                self.outbox.perhaps(mail, note)
            else:
                self.outbox.unanswered(mail, at=at, note=note)
        if last:
            result.perhaps.append((mail, Problem(where=mail.recipient, what=note, hint=PERHAPS)))

    def _same_for_all(self, result: Delivered, now: datetime) -> None:
        words = {str(error).replace(mail.recipient, "") for mail, error in result.failed}
        if len(result.failed) < SAME_FOR_ALL or result.sent or len(words) > 1:
            return
        with self.ledger.write():
            for mail, error in result.failed:
                self.outbox.put_back(mail, at=now + back_off(mail.attempts + 1), note=str(error))
        result.down = Down(f"{self.mailer.target} refuses everybody: {result.failed[0][1]}", hint=result.failed[0][1].hint)
        result.failed.clear()
