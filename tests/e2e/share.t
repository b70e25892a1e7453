#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The reserved share is delivered within 2 % and not exceeded by more than 2 %, whether hogs press or the machine is
# idle: what a spinning vCPU really ran is read from schedstat, over 5 s each. Budgets below, near and far above the
# scheduler's tick, where the kernel notices an empty budget late and has to take it back.
# shellcheck disable=SC2317  # functions are called by name
# shellcheck source=tests/e2e/harness.sh
. "${0%/*}/harness.sh"
e2e_begin share
spin=spin-$$	# other guests on this machine have other names
daemon_start
guest_boot "$spin" 1
wait_for 10 vrk show "$spin"
tid=$(guest_vcpu "$spin")
guest_tell "$spin" burn 600s

# share_check "when" BUDGET_MS PERIOD_MS
share_check() {
	check "reserve $2 of $3 ms" 0 '' vrk reserve "$spin" --vcpu 0 --budget "$2ms" --period "$3ms" --replace
	sleep 0.3	# the change counts from the next period on
	used_start "$tid"
	sleep 5
	used_stop "$tid"
	check_between "$1, $2 of $3 ms: delivered / promised" \
		"$(awk -v u="$used_us" -v e="$elapsed_us" -v b="$2" -v p="$3" 'BEGIN { printf "%.4f", u * p / (e * b) }')" 0.98 1.02
}

hogs_start $(($(nproc) * 2))
used_start "$tid"
sleep 2
used_stop "$tid"
echo "beside the hogs and without a reservation the vCPU gets $(awk -v u="$used_us" -v e="$elapsed_us" 'BEGIN { printf "%.3f", u / e }') of a CPU"
share_check "beside hogs" 6 10
share_check "beside hogs" 20 40
share_check "beside hogs" 2 10
share_check "beside hogs" 30 100
hogs_end
share_check "on the idle machine" 4 20

# virtrkd measures too; its counters have their own clock, so shares are compared and not times.
account() {
	vrk top --json | jq -r '.[0] | "\(.used_ns) \(.time_ns)"'
}
read -r used0 time0 < <(account)
used_start "$tid"
sleep 5
used_stop "$tid"
read -r used1 time1 < <(account)
check_between "the share by virtrkd's account / by schedstat" \
	"$(awk -v a="$((used1 - used0))" -v b="$((time1 - time0))" -v u="$used_us" -v e="$elapsed_us" 'BEGIN { printf "%.4f", a * e / (b * u) }')" 0.98 1.02

# Soft: what nobody else has reserved it may use too, so an idle machine gives it more than its share.
check "soft" 0 'soft' vrk reserve "$spin" --vcpu 0 --budget 4ms --period 20ms --soft --replace
sleep 0.3
used_start "$tid"
sleep 3
used_stop "$tid"
check_between "soft, on the idle machine, 4 of 20 ms: share of a CPU" \
	"$(awk -v u="$used_us" -v e="$elapsed_us" 'BEGIN { printf "%.4f", u / e }')" 0.3 1.0

check "release" 0 '' vrk release "$spin"
check_policy "the thread is an ordinary one again" "$tid" 0
e2e_done
