"""`python -m clerk_tasks`: the same program as `clerk-tasks`."""

import sys

from clerk_tasks.cli.main import main

sys.exit(main())
