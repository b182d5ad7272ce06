# SPDX-License-Identifier: BSD-2-Clause
"""Numbers, arrays and messages between processes, without locks and without a server.

The names are those of multiprocessing: a program changes its import line and nothing else.
"""

from stoa._stoa import version as __version__
