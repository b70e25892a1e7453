#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Domains are found, not configured: by thread names, by QMP, and a QEMU that offers neither is not guessed about.
# A vCPU that is plugged later is seen; a guest that dies is forgotten, with all that it held.
# shellcheck disable=SC2317  # functions are called by name
# shellcheck source=tests/e2e/harness.sh
. "${0%/*}/harness.sh"
e2e_begin domains
early=early-$$ byqmp=byqmp-$$ plain=plain-$$	# other guests on this machine have other names

vcpu() {
	vrk show "$1" --json | jq -r --arg name "vcpu$2" '.threads[] | select(.name == $name) | .tid'
}
has_thread() {
	vrk show "$1" --json | jq -e --arg name "$2" '.threads | any(.name == $name)' >/dev/null
}

# One before virtrkd (found by its scan), the others after (found by the process connector).
guest_start "$early" 2 -object iothread,id=disk0
wait_for 10 guest_vcpu "$early" 1
daemon_start
pid=${guest_pid[$early]}
wait_for 10 has_thread "$early" vcpu1
check_json "a QEMU that ran before is listed" \
	".[] | select(.name == \"$early\") | .pid == $pid and .state == \"running\" and .accelerator == \"tcg\" and .origin == \"qemu\"" \
	vrk list --json
for i in 0 1; do
	check "vcpu$i by its thread's name" 0 "^$(guest_vcpu "$early" $i)\$" vcpu "$early" $i
done
check_json "the emulator is the main thread" ".threads | any(.name == \"emulator\" and .tid == $pid)" vrk show "$early" --json
check_json "an iothread is the thread that QEMU named" \
	".threads | any((.name | startswith(\"iothread\")) and .tid == $(thread_find "$pid" 'IO disk0'))" vrk show "$early" --json

# Without debug-threads all threads have one name: only QMP knows. (The later -name wins.)
mkfifo "$e2e_dir/plug.in" "$e2e_dir/plug.out"
guest_start "$byqmp" 1,maxcpus=2,sockets=2,cores=1,threads=1 -name "$byqmp,debug-threads=off" \
	-qmp "unix:$e2e_dir/byqmp.sock,server=on,wait=off" \
	-chardev "pipe,id=plug,path=$e2e_dir/plug" -mon chardev=plug,mode=control
pid=${guest_pid[$byqmp]}
wait_for 10 has_thread "$byqmp" vcpu0
check_json "vcpu0 by QMP" ".threads | any(.name == \"vcpu0\" and .tid != $pid)" vrk show "$byqmp" --json
check_json "the emulator beside it" ".threads | any(.name == \"emulator\" and .tid == $pid)" vrk show "$byqmp" --json

guest_start "$plain" 1 -name "$plain,debug-threads=off"
wait_for 10 vrk show "$plain"
check "neither names nor QMP: said clearly" 0 'unknown.*debug-threads=on' vrk show "$plain"
check "and nothing is guessed" 1 "$plain" vrk reserve "$plain" --vcpu 0 --budget 1ms --period 10ms
for task in /proc/"${guest_pid[$plain]}"/task/*; do
	check_policy "no thread of it was touched: ${task##*/}" "${task##*/}" 0
done

# One that died takes everything with it.
check "reserve in the first" 0 '' vrk reserve "$early" --vcpu 0-1 --budget 3ms --period 10ms
check_json "its bandwidth is taken" '.[0].reserved > 600000' vrk capacity --json
guest_end "$early" KILL
gone() {
	! vrk show "$early" && vrk capacity --json | jq -e '.[0].reserved == 0 and .[0].reservations == 0'
}
start=${EPOCHREALTIME/./}
wait_for 5 gone
took=$(((${EPOCHREALTIME/./} - start) / 1000))
check "a guest that was killed is gone with its reservations (noticed after $took ms at most)" 0 '' gone

# A vCPU that is plugged into a running guest, over a second QMP channel.
guest_wait "$byqmp" 60 || fail "guest byqmp does not boot"
exec {plug_in}<>"$e2e_dir/plug.in" {plug_out}<>"$e2e_dir/plug.out"
qmp() {
	echo "$1" >&"$plug_in"
	while IFS= read -r -t 10 -u "$plug_out" line; do
		case "$line" in
		'{"return"'*) return 0 ;;
		'{"error"'*) echo "$line"; return 1 ;;
		esac
	done
	return 1
}
check "QMP obeys" 0 '' qmp '{"execute":"qmp_capabilities"}'
check "there is no vcpu1 to reserve" 1 'vcpu1' vrk check "$byqmp" --vcpu 1 --budget 1ms --period 10ms
check "plug a vCPU" 0 '' qmp \
	'{"execute":"device_add","arguments":{"driver":"qemu64-x86_64-cpu","id":"second","socket-id":1,"core-id":0,"thread-id":0}}'
start=${EPOCHREALTIME/./}
wait_for 5 has_thread "$byqmp" vcpu1
took=$(((${EPOCHREALTIME/./} - start) / 1000))
check "the plugged vCPU is seen (after $took ms at most)" 0 '' has_thread "$byqmp" vcpu1
check "and can be reserved" 0 '' vrk reserve "$byqmp" --vcpu 1 --budget 1ms --period 10ms
check "the kernel agrees" 0 '^1000000/10000000$' parameters "$(vcpu "$byqmp" 1)"
e2e_done
