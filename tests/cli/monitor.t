#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# monitor: each signal as a line and as JSON, and how it ends.
# shellcheck disable=SC2317 # functions are called by name, through check
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"

# each run needs its own fake: it emits all signals and ends
watch() {
	fake end
	timeout 10 "$VIRTRK" monitor "$@"
}
time='^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}  '
watch >"$tmp/text" 2>"$tmp/error"
check "it fails when virtrkd ends" "echo $?" 0 "^1$"
check "and says so" "cat $tmp/error" 0 "^virtrk: virtrkd has ended$"
check "a domain appears" "cat $tmp/text" 0 "${time}rt: appeared, pid 1234$"
check "threads changed" "cat $tmp/text" 0 "${time}rt: threads changed$"
check "state" "cat $tmp/text" 0 "${time}rt: paused$"
check "reserved" "cat $tmp/text" 0 "${time}rt vcpu0: reserved 4ms in every 10ms, within 8ms$"
check "drift" "cat $tmp/text" 0 "${time}rt vcpu0: drift of policy, from deadline to other: repaired$"
check "missed" "cat $tmp/text" 0 "${time}rt vcpu0: missed its budget, 3 times so far$"
check "released" "cat $tmp/text" 0 "${time}rt vcpu0: released, as asked$"
check "a signal of a newer virtrkd" "cat $tmp/text" 0 "${time}Invented$"
check "a name with escapes" "cat $tmp/text" 0 "${time}a\?\[31m red\?line \?gnp: vanished, pid 1234$"
check "a line per event" "wc -l <$tmp/text" 0 "^9$"

watch --json >"$tmp/json" 2>/dev/null
check "--json: an object a line" "jq -c .event $tmp/json | wc -l" 0 "^9$"
check "--json: lines are objects" "while read -r line; do jq -e 'type == \"object\"' <<<\"\$line\"; done <$tmp/json | sort -u" 0 "^true$"
check "--json: reserved" "jq -c 'select(.event == \"Reserved\") | del(.time)' $tmp/json" 0 \
	'^\{"event":"Reserved","domain":"rt","thread":"vcpu0","budget_ns":4000000,"period_ns":10000000,"deadline_ns":8000000\}$'
check "--json: drift" "jq -c 'select(.event == \"Drift\") | [.what, .old, .new, .action]' $tmp/json" 0 '^\["policy","deadline","other","repaired"\]$'
check "--json: time is RFC 3339 in UTC" "jq -r .time $tmp/json | head -n 1" 0 '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$'

fake normal
check "stdout that takes nothing ends it" "timeout 10 $VIRTRK monitor >/dev/full" 1 "^virtrk: cannot write to stdout"
check "a reader that went ends it" "mkfifo $tmp/pipe; { exec 9<>$tmp/pipe; exec 8>$tmp/pipe; exec 9<&-; timeout 10 $VIRTRK monitor >&8 8>&-; }" 1 "^virtrk: cannot write to stdout"

done_testing
