#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# limit: 300
#
# virtrk-guest run: a program whose heap, stack, threads, mappings and data are page frames of the colours that were asked for, each of
# them by its frame number; what would give it others fails, and it goes on; a second process is refused; what cannot be run so is
# refused in one line; and its end is the program's own.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin guest-run

program=/product/colorfs/guest-program
dmesg -n 1
mkfifo "$e2e_dir/in"

# one_line COMMAND...: its exit code, and fails if it says more than one line
one_line() {
	local status

	"$@" 2>&1 | tee "$e2e_dir/.line"
	status=${PIPESTATUS[0]}
	[ "$(wc -l <"$e2e_dir/.line")" -eq 1 ] || return 99
	return "$status"
}
# starts COMMAND...: in the background until the fifo's other end is closed; sets pid
starts() {
	rm -f "$e2e_dir/out"	# what the one before has said is not said by this one
	"$@" <"$e2e_dir/in" >"$e2e_dir/out" 2>&1 &
	pid=$!
	exec {hold}>"$e2e_dir/in"
}
ready() { grep -qxs ready "$e2e_dir/out"; }
# all_there WHAT MIB: the pages that the program $pid can write, by the $output of check, are all that there are. Not among them are code and constants that
# were moved; what is left when the heap is made, 256 KiB and two pages at most; and of the area for mappings and stacks, a quarter, what was in use and
# is not any more.
all_there() {
	local pages=$(($2 * 256)) text=0 start end flags

	while IFS='- ' read -r start end flags _; do
		[[ $flags != r-?s ]] || text=$((text + (0x$end - 0x$start) / 4096))
	done <"/proc/$pid/maps"
	check_between "$1" "${output%% *}" $((pages - pages / 4 - 66 - text)) $((pages - text))
}
# ends: its exit code
ends() {
	exec {hold}>&-
	wait "$pid"
}

check "without the module" 125 'is the module there' one_line virtrk-guest run --colors 2-3 "$program" work
check "the module is loaded" 0 '' insmod "/product/colorfs/$(uname -r)/colorfs.ko" profile='virtrk-profile;1;cache=12:13:14:15;bank=13^17:14^18'

# --- what it has -------------------------------------------------------------------------------------------------------------

starts virtrk-guest run --colors 2-3 --size 64MiB -- "$program" work
check_soon "it works" 60 ready
cat "$e2e_dir/out"
check "every page that it can write has one of the colours, and its code too" 0 \
	'^[0-9]+ pages that it can write, 0 of other colours; code and constants: [0-9]{3,} of its colours, 0 of others; 0 shared' virtrk-guest check "$pid"
echo "$output"
all_there "and these are all of 64 MiB" 64
check_equal "the kernel counts no page of its own besides" "$(sed -n 's/^RssAnon:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status")" 0
check "its exit code" 7 '' ends

starts virtrk-guest run --colors 5 --banks 0,3 --size 48MiB --no-text "$program" work
check_soon "one colour of two banks, code as it was" 60 ready
check "what it can write has them" 0 '^[0-9]+ pages that it can write, 0 of other colours; .* [1-9][0-9]* of others; 0 shared' virtrk-guest check "$pid"
echo "$output"
all_there "and these are all of 48 MiB" 48
kill -TERM "$pid"
check "a signal ends it" 143 '' ends

starts virtrk-guest run --colors 8-11 -- env WORD=1 chrt --other 0 "$program" exec
check_soon "programs that become others" 60 ready
check "which have the colours" 0 'pages that it can write, 0 of other colours; .* 0 of others' virtrk-guest check "$pid"
check "the last one's exit code" 7 '' ends

# What such a program has open, in another one's hands.
pretends() {
	exec 9<>"$e2e_dir/plan"
	printf 'VIRTRK_GUEST=1/9/0/0/2-3//\0' >&9
	rm "$e2e_dir/plan"
	exec sleep 1000
}
starts pretends
check_soon "another process" 10 grep -q sleep "/proc/$pid/comm"
check "has other colours, which is said" 1 'pages of other colours' virtrk-guest check "$pid"
kill "$pid"
ends

# --- what it cannot have -----------------------------------------------------------------------------------------------------

check "all that there is, and no more" 0 '^$' virtrk-guest run --colors 2-3 --size 48MiB --area 12MiB "$program" exhaust
check "no second process" 0 'fork: refused.*vfork: refused.*daemon: refused.*system: refused.*popen: refused.*posix_spawnp: refused' \
	virtrk-guest run --colors 2-3 "$program" children
printf '#!/bin/sh\nexit 5\n' >"$e2e_dir/script"
printf '#!/bin/sh\nls /\nexit 6\n' >"$e2e_dir/forks"
chmod +x "$e2e_dir/script" "$e2e_dir/forks"
check "a script" 5 '' virtrk-guest run --colors 2-3 "$e2e_dir/script"
check "a script that starts another program" 2 'fork: refused' virtrk-guest run --colors 2-3 "$e2e_dir/forks"
check "a program that maps what it has not" 0 'WORD' env -C / WORD=1 virtrk-guest run --colors 2-3 env

# --- what is refused ---------------------------------------------------------------------------------------------------------

echo 'int main(void) { return 3; }' >"$e2e_dir/little.c"
cc -o "$e2e_dir/little" "$e2e_dir/little.c" && cc -static -o "$e2e_dir/static" "$e2e_dir/little.c"
cp "$e2e_dir/little" "$e2e_dir/foreign"
printf '\xb7' | dd of="$e2e_dir/foreign" bs=1 seek=18 conv=notrunc status=none	# for ARM
cp "$e2e_dir/little" "$e2e_dir/rights"
chmod u+s "$e2e_dir/rights"
run() { one_line virtrk-guest run "$@"; }
check "a little program" 3 '' virtrk-guest run --colors 0 "$e2e_dir/little"
check "static" 126 'is linked statically' run --colors 0 "$e2e_dir/static"
check "for another processor" 126 'for another kind of processor' run --colors 0 "$e2e_dir/foreign"
check "with rights of its own" 126 'is given rights when it is started' run --colors 0 "$e2e_dir/rights"
check "static, by exec" 126 'is linked statically' virtrk-guest run --colors 0 env "$e2e_dir/static"
check "no program" 126 'Permission denied' run --colors 0 "$e2e_dir/little.c"
check "none at all" 127 'no such program' run --colors 0 no-such-program
check "a colour that is not there" 125 'has 0-15' run --colors 16 "$e2e_dir/little"
check "a bank that is not there" 125 'has 0-3' run --banks 2-4 "$e2e_dir/little"
check "a list that is none" 2 'a list such as' run --colors 1..2 "$e2e_dir/little"
check "a range backwards" 125 'colors=' run --colors 3-2 "$e2e_dir/little"
check "a size that is none" 2 'whole pages' run --size 1000 "$e2e_dir/little"
check "half a page" 2 'whole pages' run --size 2KiB "$e2e_dir/little"
check "too little for its code" 125 'are too few: code, data and stack are' run --colors 0 --size 4MiB "$e2e_dir/little"
check "less than its mappings are to have" 125 'less than its mappings' run --colors 0 --size 8MiB --area 8MiB "$e2e_dir/little"
check "more than its colours hold" 125 'most' run --colors 0 --banks 0 --size 1GiB "$e2e_dir/little"
check "a stack beyond the limit" 125 'more than this user may have' bash -c "ulimit -s 512; virtrk-guest run --colors 0 --stack 1MiB $e2e_dir/little"
check "not root" 125 'to mount needs root' one_line setpriv --reuid 65534 --clear-groups virtrk-guest run --colors 0 /bin/true
check "no process" 125 'there is none' one_line virtrk-guest check 999999
check "one that was not started so" 125 'not started by virtrk-guest' one_line virtrk-guest check 1
check "a word" 2 'expected run or check' one_line virtrk-guest walk
check_equal "nothing is mounted" "$(grep -c colorfs /proc/self/mountinfo)" 0
check "the module goes: nothing of it is left" 0 '' rmmod colorfs
check_equal "the kernel has nothing to complain about" "$(dmesg | grep -cE 'BUG|WARNING|Bad page|leaked')" 0
vm_done
