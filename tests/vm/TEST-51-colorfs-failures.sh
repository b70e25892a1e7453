#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# boot: slab_debug=FZPU page_poison=1
# limit: 300
# long limit: 3600
#
# colorfs while the kernel has no memory for it: each allocation on its behalf fails once, and then so that all after it do (colorfs-fail, a module for
# tests; colorfs-failures says what has to be as it was). Then nothing is lost: no object of the kernel's that colorfs asked for
# is left, by the kernel's own books of who allocated what, nor a page. All under the kernel's checks of memory that is used after it was
# freed, or beyond its end; so the checks of the other tests are run here, too.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
# shellcheck source=tests/vm/colorfs.sh
. /src/tests/vm/colorfs.sh
colorfs_begin colorfs-failures

failures=/product/colorfs/colorfs-failures

# Objects of the kernel's memory that were allocated with colorfs on the stack: how many, and who did it. What describes an area of the kernel's
# addresses is kept for the next one when that is gone, so areas are counted themselves.
objects_of_colorfs() {
	awk -v RS= '/\[colorfs\]/ && !/^ *[0-9]+ alloc_vmap_area\+/' /sys/kernel/debug/slab/*/alloc_traces
}
objects() {
	objects_of_colorfs | awk '/^ *[0-9]+ / { sum += $1 } END { print sum + 0 }'
}
areas() {
	grep -c '\[colorfs\]' /proc/vmallocinfo
}
# What lacks memory for a page table says so, and tries again.
fewer_complaints() {
	complaints | grep -v 'VM_FAULT_OOM leaked out'
}
as_before() {	# OBJECTS AREAS
	[ "$(objects):$(areas)" = "$1:$2" ]
}

check "the kernel looks after its objects" 0 'slab_debug=FZPU' cat /proc/cmdline
check_equal "and says who allocated them" "$(ls -d /sys/kernel/debug/slab/kmalloc-64/alloc_traces)" \
	/sys/kernel/debug/slab/kmalloc-64/alloc_traces
check "and its pages" 0 'PAGE_POISONING is on' dmesg

# --- every allocation fails ---------------------------------------------------------------------------------------------

check "the module that refuses" 0 '' insmod "$modules/colorfs-fail.ko"
check "loading works, or fails" 0 'load [1-9].*load-all [1-9]' "$failures" load "$module" "$profile" "$dir"
check_equal "and leaves nothing" "$(ls -d /sys/kernel/slab/colorfs_inode /sys/kernel/debug/colorfs /sys/module/colorfs 2>/dev/null)" ""

check "loaded" 0 '' insmod "$module" "profile=$profile"
objects_before=$(objects) areas_before=$(areas) before=$(free_most)
check_between "objects of it that are there for good" "$objects_before" 1 1000
check "each thing works, or fails and leaves all as it was" 0 'refusal-all' "$failures" "$module" "$profile" "$dir"
# shellcheck disable=SC2001
sed 's/^/  /' <<<"$output"
check_soon "no object and no area is left" 20 as_before "$objects_before" "$areas_before"
as_before "$objects_before" "$areas_before" || objects_of_colorfs
after=$(free_most)
echo "free pages: $before, then $after"
check_between "pages lost" $((before - after)) -100000 2000
check "the module that refuses goes" 0 '' rmmod colorfs-fail

# --- the work of other tests, watched -----------------------------------------------------------------------------------

n=300 rounds=2
[ -z "$VM_LONG" ] || n=20000 rounds=20
check "a mount" 0 '' color_mount size=8M,colors=0-3,banks=0:2
for what in promise zero mapping pin data; do
	check "$what" 0 '' "$probe" "$what" "$dir"
done
check "futexes" 0 '' /product/colorfs/colorfs-futex "$dir"
check "netlink" 0 '' /product/colorfs/colorfs-netlink "$dir"
for ((i = 0; i < rounds; i++)); do
	rm -f "$dir"/*
	check "other colours, $i" 0 '' mount -i -o "remount,colors=$((i % 8))-$((i % 8 + 3)),size=$((8 + i % 2 * 8))M" "$dir"
	check "churn, $i" 0 '' /product/colorfs/colorfs-churn churn $n $((i + 1)) "$dir"
done
rm -f "$dir"/*
check "unmounted" 0 '' umount "$dir"
check "cycles of mounting" 0 '' "$probe" cycles $((n / 10)) "$profile" "$dir"
check_soon "nothing of it is left" 20 as_before "$objects_before" "$areas_before"
as_before "$objects_before" "$areas_before" || objects_of_colorfs
check "the module goes" 0 '' rmmod colorfs
check_equal "the kernel has nothing to complain about" "$(fewer_complaints)" ""
vm_done
