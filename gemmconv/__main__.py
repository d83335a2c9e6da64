"""``python -m gemmconv`` is the command ``gemmconv``."""

from gemmconv.cli import main

raise SystemExit(main())
