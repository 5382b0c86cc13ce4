"""``python -m beklijf`` is ``beklijf``: one command, and with it the process ends."""

from __future__ import annotations

import gc
import sys
from typing import NoReturn

from beklijf import cli


def main() -> NoReturn:
    """Run one command and exit with its code."""
    code = cli.main()
    gc.freeze()  # or the interpreter, as it ends, looks for cycles in all that was imported: an eighth of a short command
    sys.exit(code)


if __name__ == "__main__":
    main()
