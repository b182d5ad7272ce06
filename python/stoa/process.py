# SPDX-License-Identifier: BSD-2-Clause
"""multiprocessing.process, by the name that a program has whose imports say stoa."""

import sys
from multiprocessing import process

sys.modules[__name__] = process
