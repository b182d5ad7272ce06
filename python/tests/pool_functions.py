# SPDX-License-Identifier: BSD-2-Clause
"""What processes of a pool run."""


def double(x):
    return 2 * x
