# SPDX-License-Identifier: BSD-2-Clause
from multiprocessing.process import *
