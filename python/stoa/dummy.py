# SPDX-License-Identifier: BSD-2-Clause
"""multiprocessing.dummy, by the name that a program has whose imports say stoa."""

import sys
from multiprocessing import dummy

sys.modules[__name__] = dummy
