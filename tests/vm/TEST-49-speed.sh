#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: A
# module: colorfs
# only: long
# memory: 4096
# limit: 900
# long limit: 900
#
# How long 1 GiB of one half of the cache colours takes beside tmpfs with pages of 4 KiB: to mount and touch for the first time, and to read at
# random. Time is instructions here, exactly the same in each boot; what a cache would make of them is not in it. The mount looks at
# twice as many frames as it keeps, and clears them; tmpfs clears when a page is touched.
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin speed

speed=/product/colorfs/colorfs-speed
profile='virtrk-profile;1;cache=12:13:14:15'
dir=$e2e_dir/mount
mkdir "$dir"
insmod "/product/colorfs/$(uname -r)/colorfs.ko" || { fail "the module does not load"; vm_done; }

check "tmpfs" 0 '[0-9]' "$speed" tmpfs size=1G,huge=never 1024 "$dir"
read -r -a theirs <<<"$output"
check "colorfs" 0 '[0-9]' "$speed" colorfs "size=1G,colors=0-7,profile=$profile" 1024 "$dir"
read -r -a ours <<<"$output"
pass "ns to mount, touch, read, unmount: colorfs ${ours[*]}, tmpfs ${theirs[*]}"
ratio() { echo $(((${1:?} * 100 + ${2:?} / 2) / $2)); }
first=$(ratio $((ours[0] + ours[1])) $((theirs[0] + theirs[1])))
touch=$(ratio "${ours[1]}" "${theirs[1]}")
reads=$(ratio "${ours[2]}" "${theirs[2]}")
check "mount and first touch within 1.3 times tmpfs: $first %" 0 '' test "$first" -le 130
check "the first touch alone is no slower: $touch %" 0 '' test "$touch" -le 100
check "read at random as tmpfs: $reads %" 0 '' test "$reads" -ge 98 -a "$reads" -le 102
vm_done
