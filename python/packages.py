#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Prints where this Python looks for packages below a prefix: packages.py PREFIX

Debian's Python looks elsewhere than others: below /usr/local and below /usr each in a directory of its own, and meson
knows the second only.  Below a prefix in which it does not look at all it is the usual directory.
"""

import site
import sys
import sysconfig

prefix = sys.argv[1].rstrip("/")
below = [directory for directory in site.getsitepackages() if directory.startswith(prefix + "/lib")]
usual = sysconfig.get_path("platlib", "posix_prefix", vars={"base": prefix, "platbase": prefix})
print(below[0] if below else usual)
