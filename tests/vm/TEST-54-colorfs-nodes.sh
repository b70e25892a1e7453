#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# devices: numa
# limit: 200
#
# colorfs on a machine with two nodes of memory: with node= each frame is of that node, by what the kernel says of each page, and of the chosen
# colours; what the node has not got, or not free, is refused though the other one has it, and nothing is taken; one mount can
# have a colour of one node exclusively while another has the same colour of the other one; a remount goes to the other node.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
# shellcheck source=tests/vm/colorfs.sh
. /src/tests/vm/colorfs.sh
colorfs_begin colorfs-nodes
mkdir "$dir.2"

check_equal "the machine has two nodes" "$(cat /sys/devices/system/node/has_memory)" 0-1
check "the module" 0 '' insmod "$module" "profile=$profile"
refused "a node that is not there" 'no such node' size=16M,node=2

# --- frames of one node -------------------------------------------------------------------------------------------------

mib=96
for node in 0 1; do
	before=$(pages_free $node) before_other=$(pages_free $((1 - node)))
	check "of node $node" 0 '' color_mount "size=${mib}M,colors=4-7,banks=1:2,node=$node"
	check_between "pages that it has less" $((before - $(pages_free $node))) $((mib * 256 - 2000)) $((mib * 256 + 2000))
	check_between "that the other one has less" $((before_other - $(pages_free $((1 - node))))) -2000 2000
	check_equal "is shown as it was made" "$(grep -o ',node=[0-9]*' <(awk -v d="$dir" '$2 == d { print $4 }' /proc/mounts))" ",node=$node"
	truncate -s "${mib}M" "$dir/all"
	check_equal "each page is there" "$("$probe" nodes "$dir/all")" "$node $((mib * 256))"
	check_equal "with a colour and a bank of the mount" "$("$probe" frames "$profile" "$dir/all" | awk '{ print $1 ":" $2 }' | paste -s -d ' ')" \
		"4:1 4:2 5:1 5:2 6:1 6:2 7:1 7:2"
	rm "$dir/all"
	check "unmounted" 0 '' umount "$dir"
done

# --- what it has not got ------------------------------------------------------------------------------------------------

# KiB of one of the 16 colours on node 1. Of eight colours it holds eight times that, and the machine's addresses a little more.
part=$(awk '$3 == "MemTotal:" { print int($4 / 16 / 4) * 4 }' /sys/devices/system/node/node1/meminfo)
check "the other node has that much" 0 '' color_mount "size=$((part * 10))k,colors=0-7,node=0"
check "given back" 0 '' umount "$dir"
refused "more than the node's colours hold" 'node 1 has [0-9]* at most' "size=$((part * 10))k,colors=0-7,node=1"
check "most of what they hold" 0 '' mount -i -t colorfs -o "size=$((part * 5))k,colors=0-7,node=1" none "$dir.2"
refused "more than are free" 'not that many frames' "size=$((part * 4))k,colors=0-7,node=1"
check "which the other node has" 0 '' color_mount "size=$((part * 4))k,colors=0-7,node=0"
check "nor can it grow there" 32 'node 1 has [0-9]* at most' in_words mount -i -o "remount,size=$((part * 10))k" "$dir.2"
truncate -s $((part * 5))k "$dir.2/all"
check_equal "it has what it had" "$("$probe" nodes "$dir.2/all")" "1 $((part * 5 / 4))"
rm "$dir.2/all"
check "all given back" 0 '' umount "$dir" "$dir.2"

# --- the other node -----------------------------------------------------------------------------------------------------

check "a mount of node 0" 0 '' color_mount size=16M,colors=0-3,node=0
truncate -s 16M "$dir/all"
check "cannot leave it while files use it" 32 'cannot change' in_words mount -i -o remount,node=1 "$dir"
check_equal "is there still" "$("$probe" nodes "$dir/all")" "0 4096"
rm "$dir/all"
check "goes to the other one when none does" 0 '' mount -i -o remount,node=1 "$dir"
truncate -s 16M "$dir/all"
check_equal "is there" "$("$probe" nodes "$dir/all")" "1 4096"
rm "$dir/all"
check "unmounted" 0 '' umount "$dir"

# --- colours of one's own, of a node ------------------------------------------------------------------------------------

check "all that is free of two colours of a node" 0 '' color_mount exclusive,colors=0-1,node=1
check_equal "nobody else gets them there" "$(in_words color_mount size=1M,colors=1,node=1 "$dir.2" 2>&1 | grep -o "another mount's exclusively" | sort -u)" "another mount's exclusively"
check_equal "nor wherever they are" "$(in_words color_mount size=1M,colors=1 "$dir.2" 2>&1 | grep -o "another mount's exclusively" | sort -u)" "another mount's exclusively"
check "of the other node everybody does" 0 '' color_mount size=64M,colors=0-1,node=0 "$dir.2"
truncate -s 64M "$dir.2/all"
check_equal "from there" "$("$probe" nodes "$dir.2/all")" "0 16384"
rm "$dir.2/all"
check "even exclusively" 0 '' mount -i -o remount,exclusive "$dir.2"
pages=$(stat -f -c %b "$dir")
check_between "of the first: per cent of what the node has of them" $((pages * 100 / (part * 2 / 4))) 40 100
truncate -s $((pages * 4096)) "$dir/all"
check_equal "all of them from there" "$("$probe" nodes "$dir/all")" "1 $pages"
rm "$dir/all"
check "all given back" 0 '' umount "$dir" "$dir.2"
colorfs_done
