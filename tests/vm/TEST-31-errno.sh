#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# only: long
# limit: 900
# long limit: 5400
#
# Each system call that virtrkd makes while it reserves or releases fails once, with each errno that it can give: what was asked for
# is then done all the same, or refused in clear words with everything as it was before; virtrkd lives on, its ledger is what
# the kernel has. The calls are those that strace -c counts while nothing fails; what comes often is tried at its first and last times.
# In short, only a CPU of its own is reserved and released (that has all the steps), and calls that change something fail at
# their last time with one errno.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
# shellcheck source=tests/vm/machines.sh
. /src/tests/vm/machines.sh
vm_begin errno
machines_begin

for name in keeper a; do
	machine_up "$name" || { fail "the domain $name does not start"; vm_done; }
done
daemon_options=(--on-drift=report)
daemon_up || { cat "$e2e_dir/daemon.log"; fail "virtrkd does not start"; vm_done; }
check_soon "two domains" 30 virtrk_says 'length == 2' list
check "a reservation that nobody touches" 0 '' virtrk reserve keeper --vcpu 0 --budget 20ms --period 100ms
books_open

declare -A deed_done=(
	[reserve]="reserve a --vcpu 0 --budget 10ms --period 50ms"
	[reserve-cpu]="reserve a --vcpu 0 --budget 10ms --period 50ms --cpu 2"
	[release]="release a"
	[release-cpu]="release a"
)
# What the kernel may answer, by manual pages and by what control groups do.
declare -A errnos=(
	[openat]="ENOENT EACCES EMFILE ENOMEM" [read]="EIO ENODEV" [pread64]="EIO" [write]="ENOSPC EBUSY EINVAL EACCES EIO" [pwrite64]="ENOSPC"
	[fsync]="EIO ENOSPC" [fdatasync]="EIO" [rename]="ENOSPC EIO" [renameat]="ENOSPC EIO" [renameat2]="ENOSPC EIO"
	[sched_setattr]="EBUSY EPERM EINVAL ESRCH" [sched_getattr]="ESRCH EPERM" [sched_setaffinity]="EBUSY EINVAL ESRCH"
	[sched_getaffinity]="ESRCH" [mkdirat]="ENOSPC EACCES ENOMEM" [mkdir]="ENOSPC EACCES" [unlinkat]="EBUSY EACCES" [unlink]="EACCES"
	[rmdir]="EBUSY" [perf_event_open]="EMFILE EACCES ENOMEM" [mmap]="ENOMEM" [munmap]="EINVAL" [brk]="ENOMEM" [ioctl]="EINVAL"
	[newfstatat]="EACCES ENOENT" [fstat]="EIO" [statx]="EACCES" [getdents64]="EIO ENOENT" [lseek]="EINVAL" [fcntl]="EINVAL"
	[readlinkat]="EACCES ENOENT" [readlink]="EACCES ENOENT" [ptrace]="EPERM ESRCH" [wait4]="ECHILD" [dup]="EMFILE" [pidfd_open]="EMFILE ESRCH"
	[timerfd_settime]="EINVAL" [epoll_ctl]="ENOMEM" [setsockopt]="ENOMEM" [ftruncate]="ENOSPC" [timerfd_create]="EMFILE" [access]="EACCES"
	[faccessat2]="EACCES" [accept4]="EMFILE ECONNABORTED" [getrandom]="EAGAIN" [clock_nanosleep]="EINTR" [flock]="EINTR" [sched_getscheduler]="ESRCH" [writev]="EIO"
	[inotify_init1]="EMFILE" [inotify_add_watch]="ENOSPC ENOENT" [inotify_rm_watch]="EINVAL"
)
# Not judged: where the loop itself waits, and talks to who has asked; closing, which cannot be refused.
not_judged=" epoll_wait epoll_pwait epoll_pwait2 ppoll poll recvmsg sendmsg sendto recvfrom getpeername getsockname getsockopt close restart_syscall exit_group rt_sigprocmask futex getpid gettid clock_gettime "

# trace_start STRACE-OPTIONS...; trace_stop
trace_start() {
	strace -p "$daemon" "$@" 2>/dev/null &
	tracer=$!
	wait_for 20 grep -q 'TracerPid:.*[1-9]' "/proc/$daemon/status"
}

trace_stop() {
	kill -INT "$tracer" 2>/dev/null
	wait "$tracer" 2>/dev/null
}

deed() {
	# shellcheck disable=SC2086
	timeout 30 virtrk ${deed_done[$1]} >"$e2e_dir/said" 2>&1
}

# What it was before, for each kind of deed: brought about with nothing failing.
ready() {
	case "$1" in
	reserve*) virtrk release a >/dev/null 2>&1 ;;
	release) virtrk reserve a --vcpu 0 --budget 10ms --period 50ms >/dev/null 2>&1 ;;
	release-cpu) virtrk reserve a --vcpu 0 --budget 10ms --period 50ms --cpu 2 >/dev/null 2>&1 ;;
	esac
	wait_for 30 settled "$1"
}

settled() {
	[ "$(kernel_state)" = "${state_before[$1]-$(kernel_state)}" ] && ledger_is_kernel
}
same_state() {
	[ "$(kernel_state)" = "${state_before[$1]}" ]
}
clear_words() {
	grep -q '^virtrk: ................' "$e2e_dir/said" && [ "$(wc -l <"$e2e_dir/said")" -le 12 ]
}

# judge KIND CALL N ERRNO STATUS: sets $why when something is wrong
judge() {
	why=
	if ! kill -0 "$daemon" 2>/dev/null; then
		# A timer that its event loop cannot read: it says so and ends, and the next one finds all as it was.
		ended=$((ended + 1))
		grep -q 'the event loop failed: ' <(tail -n 2 "$e2e_dir/daemon.log") || why="virtrkd has ended: $(tail -n 1 "$e2e_dir/daemon.log")"
		daemon_up
		wait_for 30 ledger_is_kernel || why="virtrkd has ended, and the next one's ledger [$(ledger_lines | paste -s -d ';')] is not the kernel's [$(kernel_lines | paste -s -d ';')]"
	elif [ "$5" -eq 0 ]; then
		done_anyway=$((done_anyway + 1))
		wait_for 30 ledger_is_kernel || why="done, but ledger [$(ledger_lines | paste -s -d ';')] and kernel [$(kernel_lines | paste -s -d ';')]"
	else
		refused=$((refused + 1))
		if ! clear_words; then
			why="unclear words: $(head -n 3 "$e2e_dir/said")"
		elif ! wait_for 30 same_state "$1"; then
			why="refused ($(head -n 1 "$e2e_dir/said")), but not as before: $(diff <(echo "${state_before[$1]}") <(kernel_state) | grep '^[<>]' | head -n 6 | paste -s -d ' ')"
		elif ! wait_for 30 ledger_is_kernel; then
			why="refused ($(head -n 1 "$e2e_dir/said")), and the ledger [$(ledger_lines | paste -s -d ';')] is not the kernel's [$(kernel_lines | paste -s -d ';')]"
		fi
	fi
}

# fail_once KIND CALL N ERRNO
fail_once() {
	local status

	[ -n "$is_ready" ] || ready "$1"
	is_ready=
	trace_start -o "$e2e_dir/trace" -e trace="$2" -e "inject=$2:error=$4:when=$3"
	deed "$1"
	status=$?
	trace_stop
	if ! grep -q INJECTED "$e2e_dir/trace"; then
		unmet=$((unmet + 1))
		return
	fi
	tried=$((tried + 1))
	judge "$1" "$2" "$3" "$4" "$status"
	[ "$status" -eq 0 ] || echo "$1: $2 number $3 fails with $4: $(head -n 1 "$e2e_dir/said")" >>"$VM_ARTEFACTS/words"
	[ "$status" -eq 0 ] || [ -n "$why" ] || is_ready=yes	# that was looked at just now
	[ -z "$why" ] || { wrong=$((wrong + 1)); echo "$1: $2 number $3 fails with $4: $why"; }
}

# times N: which of N, for at most six
times() {
	if [ "$1" -le 6 ]; then
		seq "$1"
	else
		echo "1 2 $(($1 / 2)) $(($1 - 2)) $(($1 - 1)) $1"
	fi
}

kinds="reserve-cpu release-cpu" short=" openat write fsync renameat sched_setattr sched_getattr mkdirat unlinkat perf_event_open "
[ -z "$VM_LONG" ] || kinds="reserve reserve-cpu release release-cpu"
declare -A state_before
for kind in $kinds; do
	ready "$kind"
	is_ready=
	sleep 1
	state_before[$kind]=$(kernel_state)
	trace_start -c -U calls,name -o "$e2e_dir/count"
	deed "$kind"
	trace_stop
	sed -n 's/^ *\([0-9][0-9]*\) \([a-z].*\)$/\2 \1/p' "$e2e_dir/count" | grep -v '^total' >"$e2e_dir/calls"
	cp "$e2e_dir/calls" "$VM_ARTEFACTS/calls-$kind"
	tried=0 wrong=0 unmet=0 refused=0 ended=0 done_anyway=0 unknown=
	while read -r call n <&3; do
		case "$not_judged" in *" $call "*) continue ;; esac
		if [ -z "${errnos[$call]-}" ]; then
			unknown+=" $call"
			continue
		fi
		# shellcheck disable=SC2086
		set -- ${errnos[$call]}
		if [ -z "$VM_LONG" ]; then
			[[ $short != *" $call "* ]] || fail_once "$kind" "$call" "$n" "$1"
		else
			for errno; do
				for i in $(times "$n"); do
					fail_once "$kind" "$call" "$i" "$errno"
				done
			done
		fi
	done 3<"$e2e_dir/calls"
	echo "$kind: $tried tried, $SECONDS s"
	check_equal "$kind: calls of which nobody knows how they fail" "$unknown" ""
	check_equal "$kind: $tried failures ($refused refused, $done_anyway done all the same, $ended ended virtrkd, $unmet did not come about)" "$wrong" 0
	[ "$tried" -gt 5 ] || fail "$kind: too few to mean anything"
done
check_equal "the reservation that nobody touches is there" "$(parameters "${vcpu[keeper]}")" "SCHED_DEADLINE 20000000/100000000"
cp "$e2e_dir/daemon.log" "$VM_ARTEFACTS/"
vm_done
