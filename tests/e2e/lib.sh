# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Guests, hogs and clocks for ./demo and the end-to-end tests; to be sourced by bash.
#
# A guest is a QEMU process of ours with one serial port for its kernel and one for commands, each command answered by
# lines and then "ok" or "failed". Everything started here is remembered by pid and ended by pid, whatever way the
# script ends; should it be killed outright, the kernel ends its children. What a thread really did is read from
# /proc/PID/task/TID/schedstat, never from the daemon.
#
# Before use: e2e_begin; set accel (tcg or kvm), kernel, initramfs.

export LC_ALL=C
declare -A guest_pid guest_in guest_out guest_partial
declare -a e2e_children
e2e_dir=
accel=tcg
# A guest that knows of KVM writes its end of interrupt and reads its stolen time in shared memory: where it does not have an emulated CPU
# for itself, it was seen to wait for a lock of its own for ever.
kvm_cpu=host,kvm=off
kernel=
initramfs=

e2e_begin() {
	e2e_dir=$(mktemp -d "${TMPDIR:-/tmp}/virtrk-$1.XXXXXX") || exit 1
	# The shell that reads clocks must not stand in line behind what it measures. Its children do not inherit this.
	chrt -R -f -p 1 $$ 2>/dev/null || true
	trap e2e_end EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	trap 'exit 129' HUP
}

# Runs whatever else the script asked for (e2e_at_end), then ends all children and removes the directory.
e2e_end() {
	local status=$? pid

	trap - EXIT
	trap '' INT TERM HUP
	if declare -F e2e_at_end >/dev/null; then
		e2e_at_end
	fi
	for pid in "${e2e_children[@]}"; do
		kill -KILL "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	rm -rf "$e2e_dir"
	exit "$status"
}

# child_start LOG COMMAND...: in the background, dies with us; its pid in $child
child_start() {
	local log=$1
	shift

	setpriv --pdeathsig KILL "$@" >>"$log" 2>&1 </dev/null &
	child=$!
	e2e_children+=("$child")
}

# child_end PID [SIGNAL]: and waits until it is gone
child_end() {
	local i

	kill "-${2:-KILL}" "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	for i in "${!e2e_children[@]}"; do
		[ "${e2e_children[i]}" != "$1" ] || unset "e2e_children[i]"
	done
}

# --- guests -----------------------------------------------------------------------------------------------------------

guest_append="console=ttyS0 quiet panic=-1 nowatchdog mitigations=off cryptomgr.notests nokaslr audit=0 tsc=reliable no_timer_check"

# guest_start NAME VCPUS [QEMU-ARGUMENTS...]: returns at once; guest_wait waits until it obeys
guest_start() {
	local name=$1 vcpus=$2 cpu=qemu64 fd
	shift 2

	[ "$accel" != kvm ] || cpu=$kvm_cpu
	rm -f "$e2e_dir/$name.in" "$e2e_dir/$name.out"
	mkfifo "$e2e_dir/$name.in" "$e2e_dir/$name.out"
	child_start "$e2e_dir/$name.qemu" qemu-system-x86_64 \
		-accel "$accel" -cpu "$cpu" -smp "$vcpus" -m 128 -name "$name,debug-threads=on" \
		-nodefaults -no-user-config -display none -no-reboot \
		-kernel "$kernel" -initrd "$initramfs" -append "$guest_append" \
		-serial "file:$e2e_dir/$name.console" \
		-chardev "pipe,id=command,path=$e2e_dir/$name" -serial chardev:command "$@"
	guest_pid[$name]=$child
	exec {fd}<>"$e2e_dir/$name.out"
	guest_out[$name]=$fd
	exec {fd}<>"$e2e_dir/$name.in"
	guest_in[$name]=$fd
}

# guest_read NAME SECONDS: the next line into $line; 1 when none came in time or the guest is gone. What has come of a
# line when the time is up is kept for the next call.
guest_read() {
	local left=$2 part

	while [ "$left" -gt 0 ]; do
		if IFS= read -r -t 1 -u "${guest_out[$1]}" part; then
			line=${guest_partial[$1]-}$part
			line=${line%$'\r'}
			guest_partial[$1]=
			return 0
		fi
		guest_partial[$1]+=$part
		kill -0 "${guest_pid[$1]}" 2>/dev/null || return 1
		left=$((left - 1))
	done
	return 1
}

# spin_make FILE: firmware for a guest that does nothing but spin, from its first instruction on: the reset vector is a jump to itself. Of
# several CPUs the others sleep.
spin_make() {
	head -c 65536 /dev/zero >"$1"
	printf '\xeb\xfe' | dd of="$1" bs=1 seek=65520 conv=notrunc status=none
}

# guest_wait NAME SECONDS: until it says that it is ready
guest_wait() {
	guest_read "$1" "$2" && [[ $line == ready* ]]
}

# guest_tell NAME COMMAND...: sends it, does not wait
guest_tell() {
	local name=$1
	shift
	echo "$*" >&"${guest_in[$name]}"
}

# guest_hear NAME SECONDS: prints the lines of an answer; 1 when the guest failed or was silent for that long
guest_hear() {
	while guest_read "$1" "$2"; do
		case "$line" in
		"ok "*) return 0 ;;
		"failed "*) return 1 ;;
		esac
		printf '%s\n' "$line"
	done
	echo "guest $1 did not answer; the end of its console:" >&2
	tail -n 5 "$e2e_dir/$1.console" "$e2e_dir/$1.qemu" >&2
	return 1
}

# guest_ask NAME SECONDS COMMAND...
guest_ask() {
	local name=$1 seconds=$2
	shift 2
	guest_tell "$name" "$@" && guest_hear "$name" "$seconds"
}

# guest_end NAME [SIGNAL]
guest_end() {
	local in=${guest_in[$1]} out=${guest_out[$1]}

	child_end "${guest_pid[$1]}" "${2:-KILL}"
	exec {in}>&- {out}>&-
	unset "guest_pid[$1]" "guest_in[$1]" "guest_out[$1]" "guest_partial[$1]"
}

# thread_find PID NAME: the tid of the thread with that name, e.g. 'CPU 0/*'
thread_find() {
	local comm dir

	for dir in "/proc/$1/task"/*; do
		# shellcheck disable=SC2053  # a pattern is wanted
		if read -r comm <"$dir/comm" && [[ $comm == $2 ]]; then
			echo "${dir##*/}"
			return 0
		fi
	done 2>/dev/null
	return 1
}

guest_vcpu() {
	thread_find "${guest_pid[$1]}" "CPU ${2:-0}/*"
}

# --- clocks and truth -------------------------------------------------------------------------------------------------

# used_start TID; sleep...; used_stop TID: sets used_us, waited_us and elapsed_us of the time between.
# No process is started for it: on a loaded machine that alone takes milliseconds.
# shellcheck disable=SC2034  # for those who source this
used_start() {
	read -r used_ns waited_ns _ <"/proc/$1/schedstat"
	used_t=${EPOCHREALTIME/./}
}

# shellcheck disable=SC2034
used_stop() {
	local used waited

	read -r used waited _ <"/proc/$1/schedstat"
	elapsed_us=$((${EPOCHREALTIME/./} - used_t))
	used_us=$(((used - used_ns) / 1000))
	waited_us=$(((waited - waited_ns) / 1000))
}

# wait_for SECONDS COMMAND...: until it succeeds; 1 when it never did
wait_for() {
	local end=$((SECONDS + $1))
	shift

	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}
