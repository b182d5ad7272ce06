# SPDX-License-Identifier: BSD-2-Clause
"""multiprocessing.util, by the name that a program has whose imports say stoa."""

import sys
from multiprocessing import util

sys.modules[__name__] = util
