# SPDX-License-Identifier: BSD-2-Clause
"""multiprocessing.reduction, by the name that a program has whose imports say stoa."""

import sys
from multiprocessing import reduction

sys.modules[__name__] = reduction
