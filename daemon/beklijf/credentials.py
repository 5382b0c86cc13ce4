"""Secrets as references, resolved on first use: a literal password never gets this far."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from beklijf.errors import ConfigError, Problem

RUNTIME_CREDENTIALS = Path("/run/credentials/beklijf.service")
"""Where systemd keeps the unit's credentials, for a command that runs outside the unit as the same account."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A reference to a secret: ``{ file = ".." }``, ``{ env = ".." }`` or ``{ credential = ".." }``."""

    kind: Literal["file", "env", "credential"]
    name: str

    def reveal(self) -> str:
        """Return the secret without a trailing line break; raises ConfigError that names the reference, never the value."""
        try:
            if self.kind == "env":
                return os.environ[self.name]
            return self._path().read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, KeyError, UnicodeDecodeError) as error:
            reason = "is not set" if self.kind == "env" else getattr(error, "strerror", None) or "is not UTF-8 text"
            hint = {
                "env": f"set the environment variable {self.name}",
                "file": "make it readable for the account that runs beklijf, and for nobody else",
                "credential": f"add LoadCredential={self.name}:/path to the unit (systemctl edit beklijf), and restart it",
            }[self.kind]
            raise ConfigError([Problem(what=f"secret {self.kind} {self.name}: {reason}", hint=hint)]) from error

    def _path(self) -> Path:
        if self.kind == "file":
            return Path(self.name)
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        return (Path(folder) if folder else RUNTIME_CREDENTIALS) / self.name
