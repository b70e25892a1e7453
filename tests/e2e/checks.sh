# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Checks that count, for the end-to-end tests (harness.sh) and for those in the host under test (tests/vm/lib.sh): to be
# sourced by bash after lib.sh, which has e2e_begin, wait_for and $e2e_dir. None of them ends the test.

passed=0
failed=0

skip() {
	echo "skipped: $*"
	exit 77
}

pass() {
	passed=$((passed + 1))
	echo "ok: $*"
}

fail() {
	failed=$((failed + 1))
	echo "not ok: $*"
}

# check "what" EXIT REGEX COMMAND...: exit code and all output, which is left in $output. Not in a subshell: what the
# command sets stays.
check() {
	local what=$1 code=$2 regex=$3 status
	shift 3

	"$@" >"$e2e_dir/.output" 2>&1
	status=$?
	output=$(<"$e2e_dir/.output")
	if [ "$status" -eq "$code" ] && [[ $output =~ $regex ]]; then
		pass "$what"
	else
		fail "$what: '$*' ended with $status (wanted $code, and /$regex/): $output"
	fi
}

# check_json "what" JQ-FILTER COMMAND...: the filter says true about what the command printed
check_json() {
	local what=$1 filter=$2
	shift 2

	output=$("$@" 2>&1)
	if jq -e "$filter" <<<"$output" >/dev/null 2>&1; then
		pass "$what"
	else
		fail "$what: '$*' does not satisfy $filter: $output"
	fi
}

# check_soon "what" SECONDS COMMAND...: succeeds within that time
check_soon() {
	local what=$1 seconds=$2
	shift 2

	if wait_for "$seconds" "$@"; then
		pass "$what"
	else
		fail "$what: '$*' did not succeed within $seconds s: $("$@" 2>&1)"
	fi
}

# check_between "what" VALUE LEAST MOST: decimal numbers
check_between() {
	if awk -v v="$2" -v a="$3" -v b="$4" 'BEGIN { exit !(v >= a && v <= b) }'; then
		pass "$1: $2"
	else
		fail "$1: $2 is not from $3 to $4"
	fi
}

check_equal() {	# "what" VALUE WANTED
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1: '$2', not '$3'"
	fi
}
