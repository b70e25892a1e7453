#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# debian: 12
# kernel: old
# limit: 600
# only: long
#
# Debian 12 with its own kernel, the oldest that colorfs is for: the module builds and loads, and does all that it does on newer ones.
# shellcheck source=tests/vm/TEST-40-colorfs.sh
. /src/tests/vm/TEST-40-colorfs.sh
