# SPDX-License-Identifier: BSD-2-Clause
from multiprocessing.connection import *
