"""What people call items, letters and the mails of the outbox. Pure: names in, words out; knows no plan."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from beklijf.model.conversation import About
from beklijf.model.domain import Ref

if TYPE_CHECKING:
    from beklijf.ledger.outbox import Mail
    from beklijf.model.domain import Letter

_ROLE = re.compile(r"-(mentee|mentor)$")
_NUMBER = re.compile(r"-\d+$")

ANSWERS = {
    About.MOVED: "letter: at the time that was proposed",
    About.IMPOSSIBLE: "letter: why the proposed time can't be",
    About.PROPOSED: "letter: another time is proposed",
    About.HOURS: "letter with other hours",
    About.HOURS_MENTOR: "line to the mentor: another hour is looked for",
    About.DECLINED: "note: a meeting was declined",
    About.GOAL_NOTED: "letter that quotes the goal",
    About.PAUSED: "letter: paused",
    About.RESUMED: "letter: no longer paused",
    About.MENTOR_PAUSED: "letter: which meetings fall out",
    About.MAILBOX_GONE: "letter: please delete these meetings",
}
"""What letters are called that answer something that a person did."""


def called(ref: Ref) -> str:
    """Return what people call an item: ``<mentorship>/stand-in:2027-05-06`` is a stand-in."""
    name, _, rest = ref.rpartition("/")[2].partition(":")
    match name:
        case "letter":
            return _letter_name(rest.partition(":")[0])
        case "goals" | "closing":
            return f"{name} meeting"
        case "extra":
            return "look-back"
        case _:
            return name


def letter_called(letter: Letter) -> str:
    return _letter_name(letter.wishes[0].rule.id)


def _letter_name(rule: str) -> str:
    if rule in ANSWERS:
        return ANSWERS[About(rule)]
    return f"{_NUMBER.sub('', _ROLE.sub('', rule))} letter"


# -- mails of the outbox -----------------------------------------------------------------------------------------------


def mail_refs(mail: Mail) -> list[Ref]:
    """Return the items that a mail is about: a letter's name lists them, others have it in their payload (until they failed)."""
    if mail.is_answer:
        response = mail.payload.get("response")
        return [Ref(f"{response['mentorship']}/letter:{response['about']}")] if response else []
    if mail.kind == "letter":
        return [Ref(word) for word in mail.name.split() if "/letter:" in word]
    return [Ref(mail.payload["ref"])] if "ref" in mail.payload else []


def mail_called(mail: Mail) -> str:
    if mail.kind == "notice":
        title = mail.payload.get("title")
        return f'message to staff: "{title}"' if title else "message to staff"
    refs = mail_refs(mail)
    if mail.is_answer:
        return called(refs[0]) if refs else "letter"
    if mail.kind == "letter":
        return called(refs[0])
    method = {"REQUEST": "invitation", "CANCEL": "cancellation"}[mail.about]
    return f"{method}: {called(refs[0])}" if refs else method


def mail_why(mail: Mail) -> str:
    if mail.kind == "notice":
        return " ".join(mail.payload.get("lines", ()))
    return "somebody asked for it by mail" if mail.is_answer else "it waited in the outbox"
