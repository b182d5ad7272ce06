# SPDX-License-Identifier: BSD-2-Clause
#
# The front door.  The build itself is meson.build; this installs what is missing, sets the build
# directory up, and calls meson and ninja.

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
FILES ?=
KILL ?=
SEED ?=

export BUILD PREFIX DESTDIR

help:
	@echo 'make demo     count words in several processes, and compare with wc; FILES="a b" takes yours;'
	@echo '              KILL=50 kills 50 of them meanwhile, and the totals are the same; SEED=N as a run that printed N'
	@echo 'make check    build, and run all tests'
	@echo 'make build    build only, into $(BUILD)/; the first time with CC= and the options in MESON_ARGS='
	@echo 'make deps     install what building and testing need (Debian: apt-get)'
	@echo 'make install  into PREFIX=$(PREFIX), below DESTDIR= where that is given'
	@echo 'make uninstall  what was installed last, with its directories'
	@echo 'make stress   the race hunt: schedules explored, processes killed and stopped at every instruction, minutes'
	@echo 'make bench    the figures, beside those of Concurrency Kit, Boost, DPDK, pipes and others: ten minutes'
	@echo 'make clean    remove $(BUILD)/'

demo:
	@scripts/build.sh
	@$(BUILD)/examples/wordcount $(if $(KILL),--kill '$(KILL)') $(if $(SEED),--seed '$(SEED)') $(FILES)

build:
	@scripts/build.sh

check:
	@scripts/check.sh

deps:
	@scripts/deps.sh tests

install:
	@scripts/install.sh

uninstall:
	@scripts/install.sh --remove

stress:
	@scripts/stress.sh

bench:
	@scripts/bench.sh

clean:
	@rm -rf '$(BUILD)'

.PHONY: help demo build check deps install uninstall stress bench clean
