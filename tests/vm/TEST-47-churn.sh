#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: A
# module: colorfs
# limit: 300
# long limit: 3600
#
# The long life of a mount of colorfs: its files are made, grown, cut, punched, written and removed, and the mount itself gets other colours
# and another size, again and again. Each page keeps what was written to it, or is zero; each has an allowed colour, by its
# frame number; and what is promised and in use is counted exactly.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin churn

probe=/product/colorfs/colorfs-probe churn=/product/colorfs/colorfs-churn
profile='virtrk-profile;1;cache=12:13:14:15;bank=13^17:14^18'
dir=$e2e_dir/mount
sizes=(16M 32M 24M 8M)
mkdir "$dir"
insmod "/product/colorfs/$(uname -r)/colorfs.ko" || { fail "the module does not load"; vm_done; }

check "a mount" 0 '' mount -i -t colorfs -o "size=16M,colors=8-11,profile=$profile" none "$dir"
n=4000 rounds=6
[ -z "$VM_LONG" ] || n=100000 rounds=60
for ((i = 0; i < rounds; i++)); do
	first=$((4 + i % 3 * 4))
	rm -f "$dir"/*
	mount -i -o "remount,colors=$first-$((first + 3)),size=${sizes[i % 4]}" "$dir" || fail "remount $i"
	"$churn" churn $n $((i + 1)) "$dir" >"$e2e_dir/churn" 2>&1 || fail "churn $i: $(cat "$e2e_dir/churn")"
	promised=$(($(stat -f -c '%b - %a' "$dir")))
	for file in "$dir"/*; do
		[ ! -s "$file" ] || "$probe" frames "$profile" "$file"
	done | awk -v a=$first '$1 < a || $1 > a + 3 { wrong += $3 } { n += $3 } END { print wrong + 0, n }' >"$e2e_dir/colors"
	read -r wrong all <"$e2e_dir/colors"
	used=$(($(du -s -k "$dir" | cut -f 1) / 4))
	if [ "$wrong:$all:$used" = "0:$promised:$promised" ]; then
		pass "round $i, colours $first-$((first + 3)), ${sizes[i % 4]}: $(cat "$e2e_dir/churn")"
	else
		fail "round $i: $wrong of $all pages have other colours, $promised were promised, $used are there"
	fi
done
rm -f "$dir"/*
check_equal "nothing is in use" "$(stat -f -c '%b %f %a' "$dir")" "$(stat -f -c '%b %b %b' "$dir")"
check "unmounted" 0 '' umount "$dir"
check "the module goes" 0 '' rmmod colorfs
check_equal "the kernel has nothing to complain about" "$(dmesg | grep -cE 'BUG|WARNING|Bad page|leaked')" 0
vm_done
