"""Not there yet: `script/demo` comes with the next steps of the project."""

import sys

sys.exit("script/demo is not written yet")
