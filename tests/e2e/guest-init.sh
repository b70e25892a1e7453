#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The whole user space of a test guest: obeys one line at a time from its second serial port.
# Every answer ends with a line "ok VERB" or "failed VERB", so that the host knows when to go on.
# Commands: ping; calibrate; calibration N; run [OPTIONS] TASKSET; burn TIME; cyclictest OPTIONS, where it was packed; poweroff.
B=/bin/busybox
$B mount -t devtmpfs none /dev
$B mount -t proc none /proc
$B mount -t sysfs none /sys
# A task set may want all of the CPU for a while; the guest's own throttling would only look like ours.
echo -1 >/proc/sys/kernel/sched_rt_runtime_us

for cpu in /sys/devices/system/cpu/cpu*/online; do
	[ ! -e "$cpu" ] || echo 1 >"$cpu"
done

$B stty -F /dev/ttyS1 raw -echo
exec </dev/ttyS1 >/dev/ttyS1 2>&1

options=
words() {	# splits "--a --b TASKSET" into $options and $taskset
	options=
	while [ "${1#--}" != "$1" ]; do
		options="$options $1"
		shift
	done
	taskset="$*"
}

calibration=
set -f
echo "ready $($B uname -r) $($B nproc)"
while read -r verb rest; do
	case "$verb" in
	ping)	true ;;
	calibrate)
		answer=$(virtrk-tasks calibrate) &&
			calibration=${answer##*:} && calibration=${calibration%\}} && echo "$answer" ;;
	calibration)
		calibration=$rest ;;
	run)
		# shellcheck disable=SC2086  # words are wanted
		words $rest
		# shellcheck disable=SC2086
		virtrk-tasks run ${calibration:+--iterations-per-ms=$calibration} $options "$taskset" ;;
	burn)
		# shellcheck disable=SC2086
		virtrk-tasks burn $rest ;;
	cyclictest)
		# shellcheck disable=SC2086
		cyclictest $rest ;;
	poweroff)
		echo "ok poweroff"
		$B poweroff -f ;;
	*)	echo "no such command: $verb"; false ;;
	esac && echo "ok $verb" || echo "failed $verb"
done
