#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The kernel holds the promise, not the daemon: virtrkd is killed while reservations are in force, guests keep them, the
# next virtrkd adopts them. One that died meanwhile is forgotten. There is never a second virtrkd.
# shellcheck disable=SC2317  # functions are called by name
# shellcheck source=tests/e2e/harness.sh
. "${0%/*}/harness.sh"
e2e_begin crash
first=first-$$ second=second-$$	# other guests on this machine have other names
daemon_start
guest_start "$first" 1
guest_start "$second" 1
guest_wait "$first" 60 || fail "guest first does not boot"
guest_wait "$second" 60 || fail "guest second does not boot"
wait_for 10 vrk show "$second"
tid=$(guest_vcpu "$first")
check "reserve first" 0 '' vrk reserve "$first" --vcpu 0 --budget 20ms --period 40ms
check "reserve second" 0 '' vrk reserve "$second" --vcpu 0 --budget 5ms --period 40ms
reserved=$(vrk capacity --json | jq '.[0].reserved')

check "a second virtrkd with the same state is refused" 1 'virtrkd' \
	timeout 10 "$VIRTRKD" --bus="$e2e_dir/bus2" --state="$e2e_dir/state" --config="$e2e_dir/config" --libvirt=none
check "and one on the same bus" 1 'virtrkd|bus' \
	timeout 10 "$VIRTRKD" --bus="$e2e_dir/bus" --state="$e2e_dir/state2" --config="$e2e_dir/config" --libvirt=none
check_json "the first still serves" '[.[].reservations] | add == 2' vrk list --json

child_end "$virtrkd" KILL
check "killed: nobody answers" 1 '' vrk list
check "first keeps its reservation" 0 '^20000000/40000000$' parameters "$tid"
hogs_start $(($(nproc) * 2))
guest_tell "$first" burn 4s
sleep 1
used_start "$tid"
sleep 2
used_stop "$tid"
check_between "and its share, without virtrkd: delivered / promised" \
	"$(awk -v u="$used_us" -v e="$elapsed_us" 'BEGIN { printf "%.4f", u / (e * 0.5) }')" 0.97 1.03
hogs_end
guest_end "$second" KILL

daemon_start
check_json "the next virtrkd adopts first" \
	"[.[] | select(.name == \"$first\")][0].reservations == 1 and ([.[] | select(.name == \"$second\")] | length == 0)" vrk list --json
check_json "and has forgotten second" ".[0].reservations == 1 and .[0].reserved < $reserved" vrk capacity --json
check "the kernel has not been touched" 0 '^20000000/40000000$' parameters "$tid"
check_json "what it adopted is what was promised" \
	".[0] | .domain == \"$first\" and .thread == \"vcpu0\" and .budget_ns == 20000000 and .period_ns == 40000000" vrk top --json

child_end "$virtrkd" TERM
check "ended as asked: first keeps its reservation" 0 '^20000000/40000000$' parameters "$tid"
daemon_start --release-on-exit
check "release what was adopted" 0 '' vrk release "$first"
check_policy "the kernel agrees" "$tid" 0
check "reserve again" 0 '' vrk reserve "$first" --vcpu 0 --budget 20ms --period 40ms
kill -TERM "$virtrkd"
wait "$virtrkd"
check "virtrkd ended with 0" 0 '^0$' echo $?
check_policy "--release-on-exit released it" "$tid" 0
e2e_done
