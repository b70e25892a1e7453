# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the tests of virtrk share. A test sources this file, calls check for each thing it knows, and done_testing.
# Needs in the environment: VIRTRK (the program), FAKE (fake-virtrkd), VIRTRKD (the real one), SOURCE (the project).
# In commands, virtrk is the program under test.

set -u
export LC_ALL=C.UTF-8
unset VIRTRK_BUS DBUS_SYSTEM_BUS_ADDRESS NO_COLOR
export TERM=xterm
tmp=$(mktemp -d "${TMPDIR:-/tmp}/virtrk-cli-XXXXXX")
servers=()
checks=0
failures=0

virtrk() {
	"$VIRTRK" "$@"
}

cleanup() {
	stop_servers
	rm -rf "$tmp"
}
trap cleanup EXIT

stop_servers() {
	local pid
	for pid in "${servers[@]}"; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	servers=()
}

# wait_for WHAT COMMAND...: until it is true, 10 s at most
wait_for() {
	local what=$1 i
	shift
	for ((i = 0; i < 200; i++)); do
		"$@" && return 0
		sleep 0.05
	done
	echo "gave up waiting for $what"
	exit 1
}

# fake SCENE: starts fake-virtrkd; from now on virtrk talks to it. What it hears goes to $tmp/heard.
fake() {
	stop_servers
	rm -f "$tmp/bus"
	"$FAKE" --bus="$tmp/bus" "$1" 2>"$tmp/heard" &
	servers+=($!)
	wait_for "fake-virtrkd" test -S "$tmp/bus"
	export VIRTRK_BUS=$tmp/bus
}

# report WHAT OK [LINE...]
report() {
	local what=$1 ok=$2
	shift 2
	checks=$((checks + 1))
	if [ "$ok" = yes ]; then
		echo "ok: $what"
		return
	fi
	failures=$((failures + 1))
	echo "NOT ok: $what"
	printf '    %s\n' "$@"
}

# check WHAT COMMAND EXIT REGEX: runs COMMAND in this shell; its exit code and all that it prints must match.
# REGEX is an extended one; each line of the output may match it. An empty one asks for no output at all.
check() {
	local what=$1 command=$2 code=$3 regex=$4 output got ok=yes
	output=$(eval "$command" 2>&1)
	got=$?
	[ "$got" = "$code" ] || ok=no
	if [ -n "$regex" ]; then
		grep -Eq -- "$regex" <<<"$output" || ok=no
	elif [ -n "$output" ]; then
		ok=no
	fi
	report "$what" "$ok" "command:  $command" "expected: exit $code, /$regex/" "got:      exit $got" "${output:-(nothing)}"
}

# The same, and the output must not match.
check_not() {
	local what=$1 command=$2 code=$3 regex=$4 output got ok=yes
	output=$(eval "$command" 2>&1)
	got=$?
	[ "$got" = "$code" ] || ok=no
	! grep -Eq -- "$regex" <<<"$output" || ok=no
	report "$what" "$ok" "command:  $command" "expected: exit $code, not /$regex/" "got:      exit $got" "${output:-(nothing)}"
}

# as_nobody COMMAND...: as somebody who is not root. A build that counts coverage writes its counts beside its objects, where
# nobody may not: they get a place of their own.
as_nobody() {
	chmod 755 "$tmp"
	mkdir -p -m 1777 "$tmp/counts"
	GCOV_PREFIX=$tmp/counts setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

# one_line COMMAND: its stdout must be empty, its stderr one line that begins with "virtrk: "; keeps the exit code
one_line() {
	local out err code
	out=$("$@" 2>"$tmp/one-line")
	code=$?
	err=$(cat "$tmp/one-line")
	echo "$err"
	[ -z "$out" ] || echo "stdout is not empty: $out"
	[ "$(wc -l <"$tmp/one-line")" = 1 ] || echo "not one line"
	[ "${err#virtrk: }" != "$err" ] || echo "does not begin with virtrk:"
	if [ -n "$out" ] || [ "$(wc -l <"$tmp/one-line")" != 1 ] || [ "${err#virtrk: }" = "$err" ]; then
		return 99
	fi
	return $code
}

done_testing() {
	echo "$((checks - failures)) of $checks passed"
	[ "$checks" -gt 0 ] && [ "$failures" = 0 ]
	exit
}
