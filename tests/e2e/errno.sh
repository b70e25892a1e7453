# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Each system call that virtrkd makes for a deed fails once, with each errno that it can give (strace --inject): what was asked for is then done
# all the same, or refused in clear words with everything as it was before; virtrkd lives on; its ledger and its file say what the kernel
# has. To be sourced by bash after checks.sh: by errno.t, for this machine, and by tests/vm/TEST-31-errno.sh, for control groups.
#
# A deed leads from one state to another. Who sources this has
#
#   errno_from, errno_to   by deed: the names of these states
#   errno_ask DEED         asks for it; a client's exit code
#   errno_bring STATE      with nothing failing
#   errno_later DEED       waits, starting no process, until virtrkd has done what it does by itself after it has answered
#   errno_also             anything else that must be true whenever all is said and done; prints what is not
#   kernel_state           all that virtrkd may change, "reserved NAME BUDGET/PERIOD" lines among it
#   ledger_lines, kernel_lines   what the ledger says, and what of it the kernel has
#   errno_promise          for jq: the "reserved" lines of state.json
#   daemon_up, $daemon     starts virtrkd, whose state is in $e2e_dir/state; its pid
#   $errno_log             what all of them have logged
#
# Nothing here is judged by a clock: what has to come about is waited for.

# What the kernel may answer, by manual pages and by what control groups do.
declare -A errnos=(
	[openat]="ENOENT EACCES EMFILE ENFILE ENOMEM" [read]="EIO ENODEV ENOMEM" [pread64]="EIO" [write]="ENOSPC EBUSY EINVAL EACCES EIO EDQUOT" [pwrite64]="ENOSPC"
	[fsync]="EIO ENOSPC EDQUOT" [fdatasync]="EIO" [rename]="ENOSPC EIO" [renameat]="ENOSPC EIO EROFS" [renameat2]="ENOSPC EIO"
	[sched_setattr]="EBUSY EPERM EINVAL ESRCH ENOMEM" [sched_getattr]="ESRCH EPERM" [sched_setaffinity]="EBUSY EINVAL ESRCH"
	[sched_getaffinity]="ESRCH" [mkdirat]="ENOSPC EACCES ENOMEM" [mkdir]="ENOSPC EACCES" [unlinkat]="EBUSY EACCES EROFS" [unlink]="EACCES"
	[rmdir]="EBUSY" [perf_event_open]="EMFILE EACCES ENOMEM ENOSPC" [mmap]="ENOMEM" [munmap]="EINVAL" [brk]="ENOMEM" [ioctl]="EINVAL"
	[newfstatat]="EACCES ENOENT ENOMEM" [fstat]="EIO" [statx]="EACCES" [getdents64]="EIO ENOENT ENOMEM" [lseek]="EINVAL" [fcntl]="EINVAL"
	[readlinkat]="EACCES ENOENT ENOMEM" [readlink]="EACCES ENOENT" [ptrace]="EPERM ESRCH" [wait4]="ECHILD" [dup]="EMFILE" [pidfd_open]="EMFILE ESRCH"
	[timerfd_settime]="EINVAL" [epoll_ctl]="ENOMEM ENOSPC" [setsockopt]="ENOMEM" [ftruncate]="ENOSPC" [timerfd_create]="EMFILE" [access]="EACCES"
	[faccessat2]="EACCES" [accept4]="EMFILE ENFILE ECONNABORTED ENOMEM" [getrandom]="EAGAIN" [clock_nanosleep]="EINTR" [flock]="EINTR"
	[sched_getscheduler]="ESRCH" [writev]="EIO" [inotify_init1]="EMFILE" [inotify_add_watch]="ENOSPC ENOENT" [inotify_rm_watch]="EINVAL"
	[sendmsg]="EPIPE ECONNRESET ENOBUFS ENOMEM" [recvmsg]="ECONNRESET ENOBUFS ENOMEM" [getsockopt]="EINVAL ENOMEM" [getsockname]="ENOBUFS" [getpeername]="ENOBUFS"
)
# Talk with whoever has asked, who may then have no answer: he is told so, and it is done or it is not.
errno_talk=" sendmsg recvmsg getsockopt getsockname getpeername "
errno_done='is in force, but|(is|are) released, but'	# the answer that can be had is that there is none
# Not tried: where the loop itself waits; what cannot be refused.
errno_not=" epoll_wait epoll_pwait epoll_pwait2 ppoll poll close restart_syscall exit_group rt_sigprocmask futex getpid gettid clock_gettime "

declare -A errno_state	# by state, as kernel_state prints it
errno_words=$e2e_dir/words	# what clients were told, for people to read
errno_turn=0
errno_ends=0		# how often virtrkd has ended and said so

mkfifo "$e2e_dir/never"
exec {errno_never}<>"$e2e_dir/never"

# Without a process: each one that is started wakes virtrkd, which would count among its calls.
errno_nap() {
	read -r -t 0.005 -u "$errno_never" _
}

# virtrkd sleeps, which after an answer it does only where it waits for the next request.
errno_idle() {
	local stat

	read -r stat <"/proc/$daemon/stat" || return 0
	[[ ${stat##*) } == S* ]]
} 2>/dev/null

errno_traced() {
	local key value

	while read -r key value; do
		[ "$key" != TracerPid: ] || { [ "$value" -gt 0 ]; return; }
	done <"/proc/$daemon/status"
} 2>/dev/null

errno_until() {
	local end=$((SECONDS + 30))

	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		errno_nap
	done
	return 0
}

# trace_start STRACE-OPTIONS...; trace_stop: what follows the answer is traced, too
trace_start() {
	errno_until errno_idle
	strace -p "$daemon" "$@" 2>/dev/null &
	tracer=$!
	errno_until errno_traced && errno_until errno_idle
}

trace_stop() {
	errno_until errno_idle
	kill -INT "$tracer" 2>/dev/null
	wait "$tracer" 2>/dev/null
}

errno_deed() {
	errno_ask "$1" >"$e2e_dir/said" 2>&1
}

# State STATE has come about. Without one: any, in which ledger and kernel agree. $errno_now is what there was.
errno_is() {
	errno_now=$(kernel_state)
	[ -z "${1-}" ] || [ "$errno_now" = "${errno_state[$1]}" ] || return 1
	[ "$(ledger_lines)" = "$(grep -E '^(reserved|apart) ' <<<"$errno_now")" ]
}

# The file is what the next virtrkd will believe.
errno_filed() {
	jq -r "$errno_promise"', (.plan[]? | "and a plan")' "$e2e_dir/state/state.json" | sort
}
errno_file_is_now() {
	[ "$(errno_filed)" = "$(grep '^reserved ' <<<"$errno_now")" ]
}

# errno_why_not STATE: how it differs
errno_why_not() {
	echo "ledger [$(ledger_lines | paste -s -d ';')], kernel [$(kernel_lines | paste -s -d ';')]" \
		"$([ -z "$1" ] || diff <(echo "${errno_state[$1]}") <(kernel_state) | grep '^[<>]' | head -n 16 | paste -s -d ' ')"
}

# What the client was told: $said, its first line; and is it clear?
errno_hear() {
	local lines

	mapfile -t lines <"$e2e_dir/said"
	said=${lines[0]-}
	[ ${#lines[@]} -le 12 ] && [[ "${lines[*]}" =~ (^| )virtrk:\ .{16} ]]
}

# errno_next STATE WORDS: another virtrkd in the place of this one, which is killed, or ends as asked (then a build with sanitizers tells
# what it has leaked); what the next one finds is what was there.
errno_next() {
	local status=0

	if [ $((errno_turn % 2)) -eq 0 ] && kill -TERM "$daemon" 2>/dev/null; then
		wait "$daemon"
		status=$?
	fi
	child_end "$daemon" KILL
	[ "$status" -eq 0 ] || { why="$2, and then virtrkd ends with $status: $(tail -n 3 "$errno_log" | paste -s -d ';')"; return 1; }
	daemon_up || { why="the next virtrkd does not start: $(tail -n 1 "$errno_log")"; return 1; }
	[ -n "$why" ] || wait_for 30 errno_is "$1" || why="$2, and after a restart: $(errno_why_not "$1")"
}

# errno_judge DEED CALL STATUS: sets $why when something is wrong, and $errno_at, the state in which it all is
errno_judge() {
	local from=${errno_from[$1]} to=${errno_to[$1]} said clear

	why='' errno_at=''
	errno_hear
	clear=$?
	if ! kill -0 "$daemon" 2>/dev/null; then
		# A timer that its event loop cannot read: it says so and ends, and the next one finds all as it was.
		ended=$((ended + 1))
		errno_ends=$((errno_ends + 1))
		if [ "$(grep -c 'the event loop failed: ' "$errno_log")" -lt "$errno_ends" ]; then
			why="virtrkd has ended: $(tail -n 3 "$errno_log" | paste -s -d ';')"
			errno_ends=$((errno_ends - 1))
		fi
		errno_next '' "virtrkd has ended"
		return
	elif [ "$3" -eq 0 ]; then
		done_anyway=$((done_anyway + 1))
		errno_at=$to
		wait_for 30 errno_is "$to" || why="done, but $(errno_why_not "$to")"
	elif [ "$clear" -ne 0 ]; then
		why="unclear words: $(paste -s -d ';' "$e2e_dir/said")"
	elif [[ $errno_talk == *" $2 "* || $said =~ $errno_done ]]; then
		unheard=$((unheard + 1))
		errno_at=$from
		errno_is "$from" || errno_at=$to
		[[ ! $said =~ $errno_done ]] || errno_at=$to
		wait_for 30 errno_is "$errno_at" || why="not heard ($said), and neither done nor not: $(errno_why_not "$to")"
		[ "$errno_at" = "$from" ] || [[ $said =~ connection || $said =~ $errno_done ]] || why="done, but said to have failed: $said"
	else
		refused=$((refused + 1))
		errno_at=$from
		wait_for 30 errno_is "$from" || why="refused ($said), but not as before: $(errno_why_not "$from")"
	fi
	[ -n "$why" ] || errno_file_is_now || why="the file says [$(errno_filed | paste -s -d ';')], $(errno_why_not '')"
	[ -n "$why" ] || why=$(errno_also)
	[ -n "$why" ] || [ $((++errno_turn % 3)) -ne 0 ] || errno_next "$errno_at" "$said"
}

# errno_fail DEED CALL N ERRNO
errno_fail() {
	local status from=${errno_from[$1]}

	if [ "$errno_at" != "$from" ]; then
		wait_for 30 errno_bring "$from"		# others on this machine may have taken the room for a while
		wait_for 30 errno_is "$from" || { echo "$1: before $2 number $3: $(errno_why_not "$from")"; wrong=$((wrong + 1)); errno_at=; return; }
		errno_at=$from
	fi
	trace_start -o "$e2e_dir/trace" -e trace="$2" -e "inject=$2:error=$4:when=$3"
	errno_deed "$1"
	status=$?
	[ "$status" -ne 0 ] || errno_later "$1"
	trace_stop
	if [[ $(<"$e2e_dir/trace") != *INJECTED* ]]; then
		unmet=$((unmet + 1))
		errno_at=
		return
	fi
	tried=$((tried + 1))
	[ $((tried % 100)) -ne 0 ] || echo "$1: $tried tried, $2 just now"
	errno_judge "$1" "$2" "$status"
	[ "$status" -eq 0 ] || echo "$1: $2 number $3 fails with $4: $(paste -s -d ' ' "$e2e_dir/said")" >>"$errno_words"
	[ -z "$why" ] || { wrong=$((wrong + 1)); errno_at=; echo "$1: $2 number $3 fails with $4: $why"; }
}

# errno_times N: which of N; what comes so often is a loop over the processes of the host
errno_times() {
	if [ "$1" -le 90 ]; then
		seq "$1"
	else
		{ seq 20; seq 21 $(($1 / 20 + 1)) "$1"; seq $(($1 - 19)) "$1"; } | sort -nu
	fi
}

# Ways to choose, by CALL N: "NUMBER ERRNO" lines. All with all:
errno_all() {
	local errno

	for errno in ${errnos[$1]}; do
		errno_times "$2" | sed "s/\$/ $errno/"
	done
}

# All, with one errno each, in turn
errno_each() {
	local list i=0 number

	read -r -a list <<<"${errnos[$1]}"
	for number in $(errno_times "$2"); do
		echo "$number ${list[i++ % ${#list[@]}]}"
	done
}

# errno_states STATE...: learns what they are; fails when one cannot be had
errno_states() {
	local name

	for name; do
		errno_bring "$name" >"$e2e_dir/said" 2>&1 || { fail "$name cannot be brought about: $(<"$e2e_dir/said")"; return 1; }
		wait_for 30 errno_is || { fail "$name has not come about: $(errno_why_not '')"; return 1; }
		sleep 1
		errno_state[$name]=$(kernel_state)
	done
}

# errno_count DEED: "CALL N" lines. Twice, the lesser of both: each program that somebody starts meanwhile makes virtrkd look at it.
errno_count() {
	local i

	for i in 1 2; do
		wait_for 30 errno_bring "${errno_from[$1]}"
		wait_for 30 errno_is "${errno_from[$1]}"
		trace_start -c -U calls,name -o "$e2e_dir/count$i"
		errno_deed "$1" && errno_later "$1"
		trace_stop
		check_soon "$1: as asked for, while nothing fails ($i)" 30 errno_is "${errno_to[$1]}"
	done
	awk '$1 ~ /^[0-9]+$/ && $2 ~ /^[a-z]/ && $2 != "total" && (!($2 in n) || $1 < n[$2]) { n[$2] = $1 } END { for (call in n) print call, n[call] }' \
		"$e2e_dir/count1" "$e2e_dir/count2" | sort >"$e2e_dir/calls-$1"
}

# errno_sweep DEED CHOICE
errno_sweep() {
	local call n number errno unknown='' start=$SECONDS beyond row met

	errno_count "$1"
	tried=0 wrong=0 unmet=0 refused=0 unheard=0 ended=0 done_anyway=0 errno_at=${errno_to[$1]}
	while read -r call n <&3; do
		[[ $errno_not != *" $call "* ]] || continue
		if [ -z "${errnos[$call]-}" ]; then
			unknown+=" $call"
			continue
		fi
		beyond=$((n + 1)) row=0
		while read -r number errno <&4; do
			[ "$number" -lt "$beyond" ] || continue
			met=$unmet
			errno_fail "$1" "$call" "$number" "$errno"
			row=$(((row + 1) * (unmet - met)))
			[ "$row" -lt 3 ] || beyond=$number	# three in a row: there are no more so late
		done 4< <("$2" "$call" "$n")
	done 3<"$e2e_dir/calls-$1"
	echo "$1: $tried tried in $((SECONDS - start)) s"
	check_equal "$1: calls of which nobody knows how they fail" "$unknown" ""
	check_equal "$1: $tried failures ($refused refused, $done_anyway done all the same, $unheard unheard, $ended ended virtrkd, $unmet did not come about)" "$wrong" 0
	[ "$tried" -gt $((5 + unmet)) ] || fail "$1: too few to mean anything"
}
