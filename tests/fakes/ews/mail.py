"""What Exchange makes of a mail when it takes it apart: its class, and what is attached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.ews.soap import T

if TYPE_CHECKING:
    from lxml import etree

METHODS = {"REPLY": "Resp.Pos", "COUNTER": "Resp.Tent", "REQUEST": "Request", "CANCEL": "Canceled"}


def kind_of(parsed: Any) -> str:  # noqa: ANN401  # the email package's own
    for part in parsed.walk():
        if part.get_content_type() == "text/calendar":
            return f"IPM.Schedule.Meeting.{METHODS.get(str(part.get_param('method', '')).upper(), 'Request')}"
    return "REPORT.IPM.Note.NDR" if parsed.get_content_type() == "multipart/report" else "IPM.Note"


def attached(parsed: Any) -> list[etree._Element]:  # noqa: ANN401  # as above
    found = []
    for number, part in enumerate(parsed.walk()):
        if not part.is_multipart() and part.get_content_maintype() != "text":
            name = part.get_filename() or str(part.get_param("name", ""))
            parts = (T.AttachmentId(Id=f"AAMkAtt{number}"), T.Name(name), T.ContentType(part.get_content_type()))
            found.append(T.FileAttachment(*parts))
    return [T.Attachments(*found)] if found else []
