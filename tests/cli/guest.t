#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# virtrk-guest: what is refused before anything is mounted, its completion, and the object that it loads into programs. That one is tried
# here with a file of tmpfs in the place of one with colours, where this machine allows a mount; TEST-48-guest-run.sh has the real one.
# shellcheck disable=SC2317,SC2329 # functions are called by name, through check
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"

guest() { "$GUEST" "$@"; }
# As lib.sh has it, for a program of another name.
one_line() {
	local code

	"$@" 2>"$tmp.line"
	code=$?
	cat "$tmp.line"
	[ "$(grep -c '' "$tmp.line")" = 1 ] && grep -q '^virtrk-guest: ' "$tmp.line" || code=99
	rm -f "$tmp.line"
	return "$code"
}
check "help" "guest --help" 0 "^virtrk-guest run \[OPTION"
check "version" "guest --version" 0 "^virtrk-guest [0-9]"
check "nothing" "guest" 2 "^virtrk-guest run \[OPTION"
check "a word" "one_line guest walk" 2 "walk: expected run or check"
check "run: what?" "one_line guest run --colors 2-3" 2 "which program"
check "check: whom?" "one_line guest check" 2 "one process, by its number"
check "check: no number" "one_line guest check x" 2 "a process, by its number"
check "check: an option" "one_line guest check --colors 1 5" 2 "one process"
check "check: no such process" "one_line guest check 4194305" 125 "there is none"
check "check: one of its own kind" "one_line guest check $$" 125 "was not started by virtrk-guest"
for size in 0B 1000 2KiB x 99999999TiB; do
	check "--size $size" "one_line guest run --size $size true" 2 "--size $size: whole pages of 4KiB"
done
check "--colors: no list" "one_line guest run --colors a-b true" 2 "--colors a-b: a list such as"
check "--banks: empty" "one_line guest run --banks '' true" 2 "a list such as"
check "--profile: a file" "one_line guest run --profile /etc/virtrk/memory-profile true" 2 "not a file"
check "an option that is none" "one_line guest run --colours 1 true" 2 "--colours: no such option"
check "no such program" "one_line guest run --colors 1 -- no-such-program" 127 "no-such-program: no such program"
check "a directory" "one_line guest run --colors 1 -- /usr" 126 "Permission denied"
check "a static program" "one_line guest run --colors 1 -- $TASKS" 126 "is linked statically"

# --- completion ---------------------------------------------------------------------------------------------------------------

# shellcheck disable=SC2034 # the variables are the completion's
_init_completion() {
	words=("${COMP_WORDS[@]}") cword=$COMP_CWORD cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
}
_command_offset() { COMPREPLY=("command at $1"); }
# shellcheck source=../../completions/virtrk-guest
. "$SOURCE/completions/virtrk-guest"
completed() {
	COMP_WORDS=(virtrk-guest "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_virtrk_guest
	[ ${#COMPREPLY[@]} = 0 ] || printf '%s\n' "${COMPREPLY[@]}"
}
check "completion: verbs" "completed '' | paste -sd ' '" 0 "^run check --help --version$"
check "completion: options" "diff <(completed run -- | sort) <(guest --help | grep -oE -- '--[a-z-]+' | grep -v version | sort -u)" 0 ""
check "completion: no colours" "completed run --colors ''" 0 ""
check "completion: programs" "completed run --no-text ba | grep -cx bash" 0 "^[1-9]"
check "completion: the program's own" "completed run --colors 2-3 --size=1MiB -- ls -" 0 "^command at 6$"
check "completion: processes" "completed check $$" 0 "^$$"

# --- the object ----------------------------------------------------------------------------------------------------------------

# with_own SIZE AREA TEXT DEED: a program with it, whose memory is a tmpfs of that size
# shellcheck disable=SC2016 # they are the inner shell's
with_own() {
	unshare --mount bash -c 'mount -t tmpfs -o "size=$1" none "$5" && exec 100<>"$5/file" && rm "$5/file" && ulimit -S -s 1024 &&
		VIRTRK_GUEST=$$/100/$2/$3/// LD_PRELOAD=$OWN exec "$PROGRAM" "$4"' sh "$1" "$2" "$3" "$4" "$tmp"
}
working() {	# TEXT: what the kernel says is its own while it works, and its exit code
	local pid hold kb status

	rm -f "$tmp.in" "$tmp.out"
	mkfifo "$tmp.in"
	with_own 64M 16777216 "$1" work <"$tmp.in" >"$tmp.out" 2>&1 &
	pid=$!
	exec {hold}>"$tmp.in"
	wait_for "work" grep -qE '^(ready|failed)$' "$tmp.out"
	kb=$(sed -n 's/^RssAnon:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$(pgrep -P "$pid" -x guest-program)/status")
	exec {hold}>&-
	wait "$pid"
	status=$?
	cat "$tmp.out"
	echo "$kb kB"
	rm -f "$tmp.in" "$tmp.out"
	return "$status"
}
if unshare --mount mount -t tmpfs none "$tmp" 2>/dev/null; then
	check "heap, stack, threads and mappings: all of it is there" "working 1 | paste -sd ' '; exit \${PIPESTATUS[0]}" 7 "^ready 0 kB$"
	check "without its code: private pages are those that it cannot write" "working 0 | paste -sd ' '; exit \${PIPESTATUS[0]}" 7 "^ready [1-9][0-9]{1,3} kB$"
	check "it becomes another program" "with_own 64M 16777216 1 exec </dev/null" 7 "^ready$"
	check "exhausted: told, and the program goes on" "with_own 48M 12582912 1 exhaust" 0 "^$"
	check "no second process" "with_own 48M 12582912 1 children 2>&1 | grep -c refused" 0 "^6$"
	check "too little memory" "one_line with_own 4M 1048576 1 work" 125 "are too few: code, data and stack are"
	check "less than the area" "one_line with_own 4M 4194304 1 work" 125 "are less than its mappings"
	check "the file that was left open is gone" "one_line bash -c 'VIRTRK_GUEST=\$\$/77/0/1/// LD_PRELOAD=\$OWN exec \$PROGRAM work'" 125 "somebody has closed descriptor 77"
	check "another process is left alone" "VIRTRK_GUEST=1/77/0/1/// LD_PRELOAD=\$OWN bash -c 'sleep 0 && echo all'" 0 "^all$"
	check "an environment that is not ours" "one_line env VIRTRK_GUEST=walk LD_PRELOAD=\$OWN \$PROGRAM work" 125 "is not by virtrk-guest run"
else
	echo "no mounts here: the object was not tried"
fi

done_testing
