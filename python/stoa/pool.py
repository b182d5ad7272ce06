# SPDX-License-Identifier: BSD-2-Clause
"""multiprocessing.pool, by the name that a program has whose imports say stoa."""

import sys
from multiprocessing import pool

sys.modules[__name__] = pool
