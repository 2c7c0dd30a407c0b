"""`python -m clerk_tasks`: the same program as `clerk-tasks`."""

import os
import sys

# Python puts the working directory first on sys.path: a file there must not replace a module.
if not sys.flags.safe_path and sys.path[0] == os.getcwd() != os.path.dirname(os.path.dirname(__file__)):  # noqa: PTH109, PTH120
    del sys.path[0]

from clerk_tasks.cli.main import main
from clerk_tasks.system.end_with_parent import follow_parent

follow_parent()
sys.exit(main())
