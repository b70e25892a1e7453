#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# verify: what is wrong before anything is traced; and, where one may trace, a promise to a thread that is not there. That promises
# are seen to be kept and broken is shown with real ones: tests/e2e/verify.t.
# shellcheck disable=SC2317 # functions are called by name, through check
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"

export VIRTRK_BUS=$tmp/nobody
check "help" "virtrk help verify" 0 "^  --latency=TIME +how late timers and switches may be"
check "--for: too short" "one_line virtrk verify --for 99ms" 2 "^virtrk: --for 99ms: from 100ms to 3600s$"
check "--for: too long" "one_line virtrk verify --for 3601s" 2 "from 100ms to 3600s"
check "--for: no unit" "one_line virtrk verify --for 60" 2 "--for 60: the unit is missing"
check "--latency: too long" "one_line virtrk verify --latency 101ms" 2 "--latency 101ms: from 0ns to 100ms"
check "two domains" "one_line virtrk verify a b" 2 "verify: one argument too many: b"
check "an option of another verb" "one_line virtrk verify --seed 1" 2 "verify does not take --seed"
check "no virtrkd" "one_line virtrk verify" 1 "cannot connect to virtrkd"

fake normal
check "no such domain" "one_line virtrk verify nobody" 1 "nobody"
check "a domain without reservations" "one_line virtrk verify noisy" 1 "domain noisy has no reservation: there is no promise to verify"
fake empty
check "nothing reserved" "one_line virtrk verify" 1 "nothing is reserved: there is no promise to verify"
fake old
check "an older virtrkd" "one_line virtrk verify" 1 "of different versions"
fake odd
check "a tick that cannot be" "one_line virtrk verify" 1 "virtrkd's answer to DescribeRegime has a tick that cannot be"

fake normal
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	unprivileged() {
		as_nobody "$VIRTRK" --bus="$tmp/bus" "$@"
	}
	chmod 0666 "$tmp/bus"
	if as_nobody test -x "$VIRTRK"; then
		check "not root" "one_line unprivileged verify" 1 "you may not trace the scheduler: be root"
	fi
	# The fake's threads are not of this machine, or are anybody's.
	virtrk verify --for 100ms >"$tmp/out" 2>&1
	if grep -q '^DOMAIN' "$tmp/out"; then
		check "threads of nobody" "cat $tmp/out" 0 "^rt +vcpu1 +10ms/20ms soft .*(kept|unsure|broken)$"
		check "as JSON" "virtrk verify --for 100ms --latency 1ms --json | jq -c '[.for_ns, .latency_ns, .tick_ns, .threads[0].budget_ns, .threads[1].soft]'" 0 \
			'^\[100000000,1000000,4000000,4000000,true\]$'
		check "a latency that leaves nothing of a budget" "virtrk verify --for 100ms --latency 100ms" 1 "^rt vcpu1: its budget is no longer than the latency that is allowed for: nothing is promised; --latency= with less asks more$"
		check "one domain only" "virtrk verify rt --for 100ms --json | jq -r '[.threads[].domain] | unique | join(\" \")'" 0 "^rt$"
		check "an answer that arrives nowhere" "virtrk verify --for 100ms 2>&1 >/dev/full || true" 0 "cannot write to stdout"
	else
		check "here nothing can be traced, and that is told" "cat $tmp/out" 0 "^virtrk: .*trac"
	fi
fi

done_testing
