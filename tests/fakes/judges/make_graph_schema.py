"""Make graph.schema.json anew, from Microsoft's types of Graph, with npm: ``python tests/fakes/judges/make_graph_schema.py``.

The types are MIT; their licence goes into the file. Words in their comments become keywords: ``readOnly``, and ``x-asked`` for what
is returned only when $select or $expand ask for it. Comments themselves stay out, that file is big enough.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

PACKAGES = ("@microsoft/microsoft-graph-types@2.43.1", "ts-json-schema-generator@2.4.0", "typescript@5.9.3")
TYPES = (
    "Event",
    "EventMessage",
    "EventMessageRequest",
    "EventMessageResponse",
    "MailFolder",
    "ScheduleInformation",
    "CustomTimeZone",
    "FileAttachment",
    "ItemAttachment",
    "OpenTypeExtension",
    "PublicError",
)
USER = (
    *("id", "displayName", "givenName", "surname", "jobTitle", "mail", "mobilePhone", "officeLocation", "preferredLanguage"),
    *("userPrincipalName", "businessPhones", "proxyAddresses", "otherMails"),
)
_LINE_COMMENT = re.compile(r"^( *)// (.*)$", re.MULTILINE)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        schema = _generated(Path(folder))
    target = Path(__file__).with_name("graph.schema.json")
    target.write_text(json.dumps(schema, indent=1, sort_keys=True) + "\n", "utf-8")
    sys.stdout.write(f"{target}: {len(schema['definitions'])} definitions\n")


def _generated(folder: Path) -> dict[str, Any]:
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is missing: install Node.js")
    subprocess.run([npm, "install", "--silent", "--no-audit", "--no-fund", *PACKAGES], cwd=folder, check=True)
    package = folder / "node_modules" / "@microsoft" / "microsoft-graph-types"
    types = package / "microsoft-graph.d.ts"
    types.write_text(_LINE_COMMENT.sub(r"\1/** \2 */", types.read_text("utf-8")), "utf-8")  # the generator reads no other comments
    names = " | ".join(f'"{name}"' for name in USER)
    asked = ['import * as G from "@microsoft/microsoft-graph-types";', *(f"export type Our{name} = G.{name};" for name in TYPES)]
    asked.append(f"export type OurUser = Pick<G.User, {names}>;")  # User as a whole drags in all of Graph
    (folder / "in.ts").write_text("\n".join(asked), "utf-8")
    command = [npm, "exec", "--", "ts-json-schema-generator", "--path", "in.ts", "--type", "*", "--no-type-check"]
    made = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    return {
        "$comment": f"Made by make_graph_schema.py from {', '.join(PACKAGES)}; don't edit. The licence is that of the types.",
        "x-licence": (package / "LICENSE").read_text("utf-8"),
        "definitions": _plain(json.loads(made)["definitions"]),
    }


def _plain(definitions: dict[str, Any]) -> dict[str, Any]:
    """Write the aliases that TypeScript needs for null in place, and leave the real names."""

    def simple(schema: dict[str, Any]) -> dict[str, Any]:
        words = schema.get("description", "")
        made = told(schema)
        if "read-only" in words.lower():
            made["readOnly"] = True
        if "eturned only on" in words or "not returned by default" in words:
            made["x-asked"] = True
        return made

    def told(schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in schema:
            name = unquote(schema["$ref"].removeprefix("#/definitions/"))
            return told(definitions[name]) if name.startswith("NullableOption<") else {"$ref": f"#/definitions/{name}"}
        made = {key: value for key, value in schema.items() if key in {"type", "enum", "const", "additionalProperties"}}
        if "properties" in schema:
            made["properties"] = {name: simple(value) for name, value in schema["properties"].items()}
        if "items" in schema:
            made["items"] = told(schema["items"])
        if "anyOf" in schema:
            made["anyOf"] = [told(branch) for branch in schema["anyOf"]]
        return made

    kept = {name: told(schema) for name, schema in definitions.items() if not name.startswith(("NullableOption<", "Our"))}
    return kept | {"User": told(definitions["OurUser"])}


if __name__ == "__main__":
    main()
