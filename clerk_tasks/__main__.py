"""`python -m clerk_tasks`: the same program as `clerk-tasks`."""

import sys

from clerk_tasks.cli.main import main
from clerk_tasks.system.end_with_parent import follow_parent

follow_parent()
sys.exit(main())
