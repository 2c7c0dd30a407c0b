"""Not there yet: `script/bench` comes with the next steps of the project."""

import sys

sys.exit("script/bench is not written yet")
