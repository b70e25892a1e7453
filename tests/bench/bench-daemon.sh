#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bench-daemon.sh VIRTRKD VIRTRK [IDLE-SECONDS [BUSY-SECONDS]]: what virtrkd itself costs. How often it is woken while nothing is
# reserved, its memory, and its CPU time while 64 vCPU threads are watched. Prints, asserts nothing.
#
# The daemon hears of every process that starts or ends on the machine, so "woken" has to be read beside their number. Needs root
# (77 without) and QEMU, whose guest is never booted: the threads are there all the same, and its firmware runs.
set -u
[ $# -ge 2 ] || { echo "usage: bench-daemon.sh VIRTRKD VIRTRK [IDLE-SECONDS [BUSY-SECONDS]]" >&2; exit 2; }
virtrkd=$1 virtrk=$2 idle_s=${3-60} busy_s=${4-30}
vcpus=64
[ "$(id -u)" -eq 0 ] || { echo "reservations need root"; exit 77; }
command -v qemu-system-x86_64 >/dev/null || { echo "there is no qemu-system-x86_64"; exit 77; }

dir=$(mktemp -d) || exit 1
daemon='' guest=''
finish() {
	local pid
	for pid in $daemon $guest; do
		kill -KILL "$pid"
		wait "$pid"
	done 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

ctl() {
	"$virtrk" --bus="$dir/bus" "$@"
}

# field FILE NAME: the number behind "NAME:"
field() {
	sed -n "s/^$2:[[:blank:]]*\([0-9]*\).*/\1/p" "$1"
}

# look: sets used_ns, switched (times on a CPU), rss_kib of the daemon, all its threads, and started (processes on this machine)
look() {
	local task ns times

	used_ns=0 switched=0
	for task in "/proc/$daemon/task/"*; do
		read -r ns _ times <"$task/schedstat" || { echo "virtrkd has ended:"; cat "$dir/log"; exit 1; }
		used_ns=$((used_ns + ns)) switched=$((switched + times))
	done
	rss_kib=$(field "/proc/$daemon/status" VmRSS)
	started=$(sed -n 's/^processes //p' /proc/stat)
}

# over SECONDS: what changes meanwhile; our own look and sleep start a few processes, the same each time
over() {
	local used_before switched_before started_before

	look
	used_before=$used_ns switched_before=$switched started_before=$started
	sleep "$1"
	look
	used_ns=$((used_ns - used_before)) switched=$((switched - switched_before)) started=$((started - started_before))
}

# report WHAT SECONDS
report() {
	awk -v what="$1" -v s="$2" -v used="$used_ns" -v switched="$switched" -v started="$started" -v rss="$rss_kib" 'BEGIN {
		printf "%-34s %5d s: on a CPU %d times, %.3f ms = %.4f %% of a CPU; RSS %.1f MiB; %d processes started on this machine\n",
			what, s, switched, used / 1e6, used / 1e7 / s, rss / 1024, started }'
}

"$virtrkd" --bus="$dir/bus" --state="$dir/state" --config="$dir/config" --libvirt=none >"$dir/log" 2>&1 &
daemon=$!
for ((i = 0; i < 100; i++)); do
	! ctl list >/dev/null 2>&1 || break
	sleep 0.1
done
ctl list >/dev/null || { cat "$dir/log"; exit 1; }

over "$idle_s"
report "nothing reserved" "$idle_s"

qemu-system-x86_64 -accel tcg,thread=multi -smp "$vcpus" -m 64 -name "bench,debug-threads=on" -nodefaults -no-user-config \
	-display none </dev/null >"$dir/qemu" 2>&1 &
guest=$!
for ((i = 0; i < 300; i++)); do
	[ "$(ctl show bench --json 2>/dev/null | grep -c '"vcpu[0-9]*"')" -lt "$vcpus" ] || break
	kill -0 "$guest" 2>/dev/null || { cat "$dir/qemu"; exit 1; }
	sleep 0.1
done
over "$((busy_s / 3 + 1))"
report "a guest, nothing reserved" "$((busy_s / 3 + 1))"
if ! ctl reserve bench --vcpu "0-$((vcpus - 1))" --budget 100us --period 500ms >"$dir/reserve" 2>&1; then
	echo "64 reservations of 0.1 ms in 500 ms cannot be made here:"
	cat "$dir/reserve"
	exit 77
fi
event_ns=$((used_ns / (started > 0 ? started : 1)))	# what one process that starts or ends costs the daemon
over "$busy_s"
report "$vcpus threads reserved" "$busy_s"
awk -v used="$used_ns" -v n="$started" -v ns="$event_ns" -v s="$busy_s" 'BEGIN {
	printf "of that for watching, without %.0f us for each process as before: about %.4f %% of a CPU (goal: 0.1 %%)\n",
		ns / 1e3, (used > n * ns ? used - n * ns : 0) / 1e7 / s }'
ctl release bench >/dev/null
