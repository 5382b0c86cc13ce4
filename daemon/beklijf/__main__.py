"""``python -m beklijf`` is ``beklijf``."""

import sys

from beklijf.cli import main

sys.exit(main())
