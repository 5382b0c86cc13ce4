"""The envelope: names, elements, what a server says no with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lxml import etree
from tests.fakes.judges.ews import ERRORS, MESSAGES, SOAP, TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Maker:
    """Makes elements of one namespace: ``T.Value("1", Name="..")``; children as they come, text by itself."""

    def __init__(self, namespace: str, **prefixes: str) -> None:
        self._namespace = f"{{{namespace}}}" if namespace else ""
        self._prefixes = prefixes

    def __getattr__(self, name: str) -> Callable[..., etree._Element]:
        def make(*content: etree._Element | str, **attributes: str) -> etree._Element:
            made = etree.Element(f"{self._namespace}{name}", attributes, nsmap=self._prefixes)
            for part in content:
                if isinstance(part, str):
                    made.text = part
                else:
                    made.append(part)
            return made

        return make


M = Maker(MESSAGES, m=MESSAGES, t=TYPES)
T = Maker(TYPES, t=TYPES)
S = Maker(SOAP, s=SOAP)
NAMES = {"s": SOAP, "m": MESSAGES, "t": TYPES}


class Refusal(Exception):  # a no is an answer here
    """A no to one thing of a request, by its response code."""

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.text = text or f"The server says {code}."


class Fault(Refusal):
    """A no to the whole request, as a SOAP fault; with *back_off* milliseconds, how long to wait."""

    def __init__(self, code: str, text: str = "", *, back_off: int | None = None) -> None:
        super().__init__(code, text)
        self.back_off = back_off


def envelope(content: etree._Element) -> bytes:
    version = {"MajorVersion": "15", "MinorVersion": "0", "MajorBuildNumber": "1497", "MinorBuildNumber": "2"}
    header = S.Header(T.ServerVersionInfo(Version="Exchange2013_SP1", **version))
    return _bytes(S.Envelope(header, S.Body(content)))


def fault(said: Refusal) -> bytes:
    e, plain = Maker(ERRORS, e=ERRORS), Maker("", a=TYPES)
    detail = plain.detail(e.ResponseCode(said.code), e.Message(said.text))
    if isinstance(said, Fault) and said.back_off is not None:
        detail.append(T.MessageXml(T.Value(str(said.back_off), Name="BackOffMilliseconds")))
    return _bytes(S.Envelope(S.Body(S.Fault(plain.faultcode(f"a:{said.code}"), plain.faultstring(said.text), detail))))


def _bytes(root: etree._Element) -> bytes:
    data: bytes = etree.tostring(root, xml_declaration=True, encoding="utf-8")
    return data


def success(name: str, *content: etree._Element) -> etree._Element:
    """Return one response message that says yes."""
    made: etree._Element = getattr(M, f"{name}ResponseMessage")(M.ResponseCode("NoError"), *content, ResponseClass="Success")
    return made


def refused(name: str, said: Refusal, *content: etree._Element) -> etree._Element:
    parts = (M.MessageText(said.text), M.ResponseCode(said.code), M.DescriptiveLinkKey("0"))
    made: etree._Element = getattr(M, f"{name}ResponseMessage")(*parts, *content, ResponseClass="Error")
    return made


def response(name: str, messages: Iterable[etree._Element]) -> etree._Element:
    made: etree._Element = getattr(M, f"{name}Response")(M.ResponseMessages(*messages))
    return made


def find(element: etree._Element, path: str) -> etree._Element | None:
    return element.find(path, NAMES)


def all_of(element: etree._Element, path: str) -> list[etree._Element]:
    return list(element.iterfind(path, NAMES))


def text(element: etree._Element, path: str, default: str = "") -> str:
    found = element.find(path, NAMES)
    return default if found is None else found.text or ""


def local(element: etree._Element) -> str:
    return etree.QName(element).localname


def spelt(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def instant(value: str) -> datetime:
    return datetime.fromisoformat(value)


def yes(value: bool) -> str:
    return "true" if value else "false"


def at(element: etree._Element, path: str) -> etree._Element:
    """Return what the schema says must be there."""
    found = find(element, path)
    assert found is not None, path
    return found
