# SPDX-License-Identifier: BSD-2-Clause
"""multiprocessing.connection, by the name that a program has whose imports say stoa."""

import sys
from multiprocessing import connection

sys.modules[__name__] = connection
