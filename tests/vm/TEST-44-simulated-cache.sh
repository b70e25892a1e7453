#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: D
# cache: size=1048576,ways=16,line=64,row=15,profile=virtrk-profile;1;cache=12:13:14:15;bank=13^17:14^18
# limit: 300
# twice: the same bytes
#
# What colours are worth, in a simulated cache: 1 MiB of 16 ways, LRU, that everything in this host shares, and one open row in each of
# four DRAM banks (tests/vm/cache-model.c; no time depends on either). A program that needs 384 KiB of cache, and one
# that goes through 4 MiB beside it: alone, beside each other on ordinary memory, on memory of disjoint colours, and of
# colours of which one is shared; then rows that are closed, with banks in place of colours. The host runs it, and
# judges nothing but that; the counts are judged by the emulator's side (tests/vm/run). Two boots count the same.

phases=(nothing "cache: alone" "cache: beside" "cache: coloured, alone" "cache: coloured, beside" "cache: one colour shared, beside"
	"rows: alone" "rows: beside" "rows: own banks, alone" "rows: own banks, beside")

# --- in the host under test ------------------------------------------------------------------------------------------

phase_run() {	# N CACHE-LOAD-ARGUMENTS...
	check "phase $1, ${phases[$1]}" 0 '' "$load" "$@"
	rm -f "$e2e_dir"/*/load
}

color_mount() {	# DIRECTORY OPTIONS
	mkdir -p "$e2e_dir/$1"
	check "a mount of $2" 0 '' mount -i -t colorfs -o "$2,profile=$profile" none "$e2e_dir/$1"
}

run_phases() {
	local plain=$e2e_dir/plain mine=$e2e_dir/mine other=$e2e_dir/other

	load=/product/colorfs/cache-load
	profile=$(sed -n '1,15s/^# cache: .*,profile=//p' "$0")
	echo -1 >/proc/sys/kernel/sched_rt_runtime_us	# the two alternate; nothing takes turns with them
	check "the module loads" 0 '' insmod "/product/colorfs/$(uname -r)/colorfs.ko"
	mkdir "$plain"
	mount -t tmpfs -o mode=700 none "$plain"

	phase_run 1 "$plain/load" 384 random 6 64
	phase_run 2 "$plain/load" 384 random 6 64 "$plain/other" 4096 768
	rm -f "$plain/other"
	color_mount mine size=8M,colors=0-7
	color_mount other size=8M,colors=8-15
	phase_run 3 "$mine/load" 384 random 6 64
	phase_run 4 "$mine/load" 384 random 6 64 "$other/load" 4096 768
	umount "$other"
	color_mount other size=8M,colors=7-15
	phase_run 5 "$mine/load" 384 random 6 64 "$other/load" 4096 768
	umount "$mine" "$other"

	phase_run 6 "$plain/load" 4096 stream 3 4
	phase_run 7 "$plain/load" 4096 stream 3 4 "$plain/other" 8192 16
	rm -f "$plain/other"
	color_mount mine size=8M,banks=0-1
	color_mount other size=8M,banks=2-3
	phase_run 8 "$mine/load" 4096 stream 3 4
	phase_run 9 "$mine/load" 4096 stream 3 4 "$other/load" 8192 16
	umount "$mine" "$other" "$plain"
	vm_done
}

# --- the counts ------------------------------------------------------------------------------------------------------

count() {	# PHASE WORD...: the sum of these of the victim's counts
	local phase=$1
	shift
	awk -v p="$phase" -v words=" $* " '$1 == "phase" && $2 == p && $3 == "victim" {
		for (i = 4; i < NF; i += 2) if (index(words, " " $i " ")) sum += $(i + 1)
	} END { printf "%d\n", sum }' "$VM_COUNTS"
}
conflicts=(conflicts-with-victim conflicts-with-aggressor conflicts-with-others)
per_thousand() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", 1000 * a / (b ? b : 1) }'; }
missed() { per_thousand "$(count "$1" misses)" "$(count "$1" accesses)"; }
closed() { per_thousand "$(count "$1" "${conflicts[@]}")" "$(count "$1" misses)"; }
list() {	# PHASE NAME
	awk -v p="$1" -v name="victim-$2" '$1 == "phase" && $2 == p && $3 == name { $1 = $2 = $3 = ""; print }' "$VM_COUNTS" | xargs
}

table() {
	local p

	echo "SIMULATED CACHE (1 MiB, 16 ways of 16 colours, LRU; 4 banks): counts of the victim, no times"
	printf '%-34s %9s %7s %12s %12s %10s\n' "" accesses misses "put out by" "put out by" row
	printf '%-34s %9s %7s %12s %12s %10s\n' phase "" "" aggressor others conflicts
	for p in 1 2 3 4 5 6 7 8 9; do
		printf '%-34s %9d %7d %12d %12d %10d\n' "${phases[p]}" "$(count $p accesses)" "$(count $p misses)" \
			"$(count $p evicted-by-aggressor)" "$(count $p evicted-by-others)" "$(count $p "${conflicts[@]}")"
	done
	echo "misses by colour, alone:              $(list 3 misses-by-color)"
	echo "misses by colour, coloured, beside:   $(list 4 misses-by-color)"
	echo "misses by colour, one colour shared:  $(list 5 misses-by-color)"
	echo "row conflicts by bank, beside:        $(list 7 conflicts-by-bank)"
	echo "row conflicts by bank, own banks:     $(list 9 conflicts-by-bank)"
}

judge() {
	local p

	table
	for p in 1 2 3 4 5; do
		check_equal "phase $p: all accesses of five passes were seen" "$(count $p accesses)" $((5 * 384 * 1024 / 64))
	done
	check_between "alone: misses of 1000 accesses" "$(missed 1)" 0 20
	check_between "beside, on ordinary memory: nearly every line is gone when it is needed again" "$(missed 2)" 900 1000
	check_between "coloured, alone" "$(missed 3)" 0 20
	check_between "coloured, beside: as alone, but for what the switch between them costs" "$(missed 4)" 0 20
	check_equal "and the aggressor puts out none" "$(count 4 evicted-by-aggressor)" 0
	check_equal "no miss in a colour that the victim does not have" "$(list 4 misses-by-color | cut -d ' ' -f 9-16)" "0 0 0 0 0 0 0 0"
	check_between "one colour of eight is shared: an eighth of the harm" "$(missed 5)" 80 170
	check_equal "and all of what the aggressor puts out is of that one" \
		"$(list 5 misses-by-color | awk '{ print ($8 >= 10 * ($1 + $2 + $3 + $4 + $5 + $6 + $7)) }')" 1
	check_between "rows, alone: conflicts of 1000 misses" "$(closed 6)" 0 60
	check_between "beside, on ordinary memory" "$(closed 7)" 200 1000
	check_between "with banks of its own, alone" "$(closed 8)" 0 60
	check_between "with banks of its own, beside" "$(closed 9)" 0 60
	check_equal "no conflict with the aggressor's rows" "$(count 9 conflicts-with-aggressor)" 0
	check_equal "nor in a bank that the victim does not have" "$(list 9 conflicts-by-bank | cut -d ' ' -f 3-4)" "0 0"
	echo "$passed passed, $failed failed"
	exit $((failed > 0))
}

if [ -n "${VM_COUNTS-}" ]; then
	# shellcheck source=tests/e2e/checks.sh
	. "$(dirname "$(readlink -f "$0")")/../e2e/checks.sh"
	judge
fi
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin simulated-cache
run_phases
