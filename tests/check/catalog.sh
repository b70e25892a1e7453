#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Each message id of log.h has its explanation in the catalog, and each entry of the catalog a message.
cd "$(dirname "$0")/../.." || exit 1
ids=$(sed -nE 's/^#define MSG_[A-Z_]+[[:space:]]+"([0-9a-f]{32})"$/\1/p' src/daemon/log.h | sort)
entries=$(sed -nE 's/^-- ([0-9a-f]{32})$/\1/p' systemd/virtrk.catalog | sort)
[ -n "$ids" ] || { echo "no message id was found in log.h"; exit 1; }
diff <(echo "$ids") <(echo "$entries") || { echo "< only in log.h, > only in the catalog"; exit 1; }
subjects=$(grep -c '^Subject: ' systemd/virtrk.catalog)
[ "$subjects" -eq "$(wc -l <<<"$entries")" ] || { echo "an entry lacks its subject"; exit 1; }
repeated=$(uniq -d <<<"$entries")
[ -z "$repeated" ] || { echo "twice: $repeated"; exit 1; }
