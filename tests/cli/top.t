#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# top: into a pipe, as JSON, and on a terminal (script(1) makes one), which must look afterwards as before.
# shellcheck disable=SC2317 # functions are called by name, through check
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"
fast="top --interval 10ms"

fake normal
check "a table" "virtrk $fast" 0 "^rt      vcpu1   10ms/20ms soft  50\.0%   500\.00     100\.0%         50\.0       2      4  1\.23ms  -$"
check "the greatest share first" "virtrk $fast | awk 'NR > 1 { print \$2 }' | paste -sd ' '" 0 "^vcpu1 vcpu0$"
check "--json: one sample" "virtrk top --json | jq -c '[.[0] | .domain, .thread, .budget_ns, .soft, .metered]'" 0 '^\["rt","vcpu0",4000000,false,true\]$'
check "--json: counters" "virtrk top --json | jq -c '.[0] | keys'" 0 '"since_ns","soft","thread","throttled","throttled_ns","tid","time_ns","used_ns","worst_late_ns"'

fake empty
check "no reservation" "virtrk $fast" 0 "^DOMAIN  THREAD  RESERVATION  CPU"
check "no reservation: one line" "virtrk $fast | wc -l" 0 "^1$"
check "--json: no reservation" "virtrk top --json | jq -c ." 0 '^\[\]$'

fake odd
check "not metered is ?" "virtrk $fast" 0 "1024ns/100us +0\.0% +0\.00 +0\.0% +\? +\? +\? +\? +policy$"
check "records lost are told" "virtrk $fast" 0 "emulator  1ms/4s +0\.1% +1\.00 +400\.0% +50\.0\+ +2\+ +[0-9]+\+ "
check_not "names are harmless" "virtrk $fast" 0 $'\e'

frames() {
	[ "$(grep -c 'virtrk top' "$1")" -ge "$2" ]
}
# terminal FILE KEYS ROWS COLUMNS [COMMAND...]: top on a terminal of that size, all that the screen was sent into FILE.
# After three frames KEYS are typed; COMMAND is run then. Behind it stand the exit code and the terminal's mode.
terminal() {
	local to=$1 keys=$2 size="rows $3 cols $4" pid
	shift 4
	rm -f "$tmp/keys"
	mkfifo "$tmp/keys"
	script -qec "trap : INT; stty $size; sh -c 'echo \$\$ >$tmp/pid; exec $VIRTRK $fast'; echo exit \$?; stty -a | tr ' ' '\n' | grep -xE '(-)?(icanon|echo)[; ]*' | paste -sd ' '" /dev/null \
		<"$tmp/keys" >"$to" &
	pid=$!
	exec 9>"$tmp/keys"
	wait_for "top to draw" frames "$to" 3
	printf '%s' "$keys" >&9
	"$@"
	wait $pid
	exec 9>&-
}
end_it() {
	kill -TERM "$(cat "$tmp/pid")"
}

if ! command -v script >/dev/null; then
	echo "skipped on a terminal: script(1) is not installed"
	done_testing
fi
# screens FILE: entering and leaving the alternate screen, in order
screens() {
	grep -o $'\e\\[?1049[hl]' "$1" | cut -c 3- | paste -sd ' '
}
fake many
terminal "$tmp/q" q 24 120
check "on a terminal: q quits" "cat $tmp/q" 0 "exit 0"
check "on a terminal: the mode is as before" "cat $tmp/q" 0 "^(icanon echo|echo icanon)"
check "on a terminal: it enters and leaves the screen" "screens $tmp/q" 0 '^\?1049h \?1049l$'
check "on a terminal: the cursor comes back" "grep -o $'\\e\\[?25[hl]' $tmp/q | tail -n 1 | cut -c 3-" 0 '^\?25h$'
check "on a terminal: one screen, no more" "cat $tmp/q" 0 "^\.\.\. and 43 more"
check "on a terminal: head" "cat $tmp/q" 0 "virtrk top  [0-9:]{8}  62 reservations  promised [0-9.]+ CPUs, used [0-9.]+ CPUs"
terminal "$tmp/small" Q 6 40
check "a small terminal" "cat $tmp/small" 0 "and 61 more"
terminal "$tmp/narrow" xq 24 40
check "a narrow terminal: no line is too long" "sed $'s/\\e\\[[?0-9]*[a-zA-Z]//g' $tmp/narrow | tr -d '\\r' | grep -v '^exit\|echo' | wc -L" 0 "^40$"
check "a key that means nothing" "cat $tmp/narrow" 0 "exit 0"
terminal "$tmp/interrupted" $'\x03' 24 120
check "^C ends it and restores the screen" "screens $tmp/interrupted" 0 '^\?1049h \?1049l$'
check "^C: the mode is as before" "cat $tmp/interrupted" 0 "^(icanon echo|echo icanon)"
check "^C: the shell sees it" "cat $tmp/interrupted" 0 "exit 130"
terminal "$tmp/ended" '' 24 120 end_it
check "a signal ends it and restores the screen" "screens $tmp/ended" 0 '^\?1049h \?1049l$'
check "a signal: the mode is as before" "cat $tmp/ended" 0 "^(icanon echo|echo icanon)"
check "a signal: the shell sees it" "cat $tmp/ended" 0 "exit 143"
fake end
terminal "$tmp/lost" '' 24 120
check "virtrkd ends in the middle" "cat $tmp/lost" 0 "virtrk: virtrkd closed the connection before it answered \(Statistics\)"
check "virtrkd ends in the middle: exit 1" "cat $tmp/lost" 0 "exit 1"
check "virtrkd ends in the middle: the screen is left before it is told" "grep -oE '\?1049l|closed the connection' $tmp/lost | paste -sd ' '" 0 '^\?1049l closed the connection$'
check "virtrkd ends in the middle: the mode is as before" "cat $tmp/lost" 0 "^(icanon echo|echo icanon)"

done_testing
