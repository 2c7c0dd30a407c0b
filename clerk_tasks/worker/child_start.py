"""What a pool child runs first, in place of the program that started its parent: it has no use for that.

Until it is ready no garbage is collected, which would take a fifth of its start; see `steps._initialise_child`.
"""

import gc

gc.disable()
