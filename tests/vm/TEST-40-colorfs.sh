#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# limit: 300
# long limit: 5400
#
# The kernel module colorfs: a mount holds memory of chosen colours and banks, every page of every file has them by the frame
# numbers of /proc/self/pagemap, what was promised never fails, nobody sees what another file had, pinned frames wait, what is wrong
# is refused in one line with nothing taken, and whatever is mounted and unmounted leaves the machine's free memory as it was.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
# shellcheck source=tests/vm/colorfs.sh
. /src/tests/vm/colorfs.sh
colorfs_begin colorfs

mkdir "$dir.2"

check "without the module's profile a mount needs its own" 0 '' insmod "$module"
refused "no profile" 'neither the module nor the mount has a profile' size=16M,colors=0-3
refused "no size" 'size= is missing' "colors=0-3,profile=$profile"
refused "size 0" 'size=0: nothing' "size=0,profile=$profile"
refused "size that is no whole page" 'not a multiple of 4096' "size=4097,profile=$profile"
refused "size with rubbish" 'not a number of bytes' "size=16X,profile=$profile"
refused "negative size" 'not a number of bytes' "size=-1,profile=$profile"
refused "more than the machine has" 'more than this machine has' "size=64T,profile=$profile"
refused "more than the colours hold" 'this machine has [0-9]* at most' "size=1G,colors=0,banks=0,profile=$profile"
# A 64th of all memory has this colour and bank; one mount takes most of that.
quarter=$(awk '/^MemTotal/ { print int($2 / 64 / 4 / 4) * 4 }' /proc/meminfo)
check "most of one colour and bank" 0 '' color_mount "size=$((quarter * 3))k,colors=0,banks=0,profile=$profile" "$dir.2"
refused "more than is free" 'too little memory left|are free' "size=$((quarter * 2))k,colors=0,banks=0,profile=$profile"
check "given back" 0 '' umount "$dir.2"
refused "a colour out of range" 'colors=16: .*does not have.*0-15' "size=16M,colors=16,profile=$profile"
refused "a bank out of range" 'banks=0-4: .*does not have.*0-3' "size=16M,banks=0-4,profile=$profile"
refused "an empty set" 'colors=: the list is empty|colors' "size=16M,colors=,profile=$profile"
refused "a colour twice" 'names a number twice' "size=16M,colors=1:1,profile=$profile"
refused "a range backwards" 'runs backwards' "size=16M,colors=3-1,profile=$profile"
refused "a profile of the future" 'not of version 1' 'size=16M,profile=virtrk-profile;2;cache=12'
refused "a profile with a bit in the page" 'below 12' 'size=16M,profile=virtrk-profile;1;cache=11'
refused "a profile of another machine" 'does not have' 'size=16M,profile=virtrk-profile;1;cache=12:45'
refused "an unknown option" 'colour|parameter' "size=16M,colour=1,profile=$profile"
refused "a node that is not there" 'no such node' "size=16M,node=7,profile=$profile"

check "a mount" 0 '' color_mount "size=32M,colors=0-3,banks=0:2,profile=$profile"
check_equal "is shown as it was made" "$(awk -v d="$dir" '$2 == d { print $4 }' /proc/mounts)" \
	"rw,relatime,size=32768k,colors=0-3,banks=0:2,profile=$profile,uid=0,gid=0,mode=700"
check_equal "df" "$(df --output=size,used,avail -k "$dir" | tail -n 1 | xargs)" "32768 0 32768"
check_equal "statfs names it" "$(stat -f -c %t "$dir")" 636f6c66
for what in promise zero mapping pin data; do
	check "$what" 0 '' "$probe" "$what" "$dir"
done
cp /bin/true "$dir/true"
check "a program is not started from it" 126 'Permission denied' bash -c "'$dir/true'"
rm "$dir/true"
check "processes wait for each other in it" 0 '' /product/colorfs/colorfs-futex "$dir"
check "netlink says the same, tells of a refusal, and takes no harm from garbage" 0 '' /product/colorfs/colorfs-netlink "$dir"
truncate -s 32M "$dir/all"
check "every page has its colour and bank" 0 '' "$probe" frames "$profile" "$dir/all"
check_equal "and all of them are used" "$(awk '{ pages += $3; print $1 ":" $2 } END { print pages }' <<<"$output" | paste -s -d ' ')" \
	"0:0 0:2 1:0 1:2 2:0 2:2 3:0 3:2 8192"
check "no room for another" 1 'No space left' truncate -s 4096 "$dir/other"
check "du and df agree" 0 '^32768' du -k "$dir/all"
check "rmmod in use" 1 'in use' rmmod colorfs

check "other colours while files use them" 32 'its colours cannot change' in_words mount -i -o "remount,colors=4-7" "$dir"
check "another owner" 32 'use chown' in_words mount -i -o "remount,uid=5" "$dir"
check "less than was promised" 32 'promised more' in_words mount -i -o "remount,size=16M" "$dir"
check "more" 0 '' mount -i -o "remount,size=48M" "$dir"
check_equal "df" "$(df --output=size,used,avail -k "$dir" | tail -n 1 | xargs)" "49152 32768 16384"
check "less again" 0 '' mount -i -o "remount,size=32M" "$dir"
rm "$dir/all" "$dir/other"
check "other colours when no file uses them" 0 '' mount -i -o "remount,colors=4-5" "$dir"
truncate -s 32M "$dir/all"
check "every page has them" 0 '' "$probe" frames "$profile" "$dir/all"
check_equal "all" "$(awk '{ print $1 ":" $2 }' <<<"$output" | paste -s -d ' ')" "4:0 4:2 5:0 5:2"
refused "another profile while one is in use" 'another profile is in use' 'size=16M,profile=virtrk-profile;1;cache=12'
check "a second mount" 0 '' color_mount "size=16M,colors=4-8" "$dir.2"
check "root of a user namespace may not mount" 32 'denied|not permitted' unshare --user --map-root-user --mount mount -i -t colorfs \
	-o size=4M none "$dir"
umount "$dir.2"

exec 7<"$dir/all"
rm "$dir/all"
check "busy" 32 'busy' umount "$dir"
exec 7<&-
check "unmounted" 0 '' umount "$dir"
check "uid, gid and mode" 0 '' color_mount "size=4M,profile=$profile,uid=64055,gid=108,mode=750"
check_equal "are the root directory's" "$(stat -c '%u %g %a' "$dir")" "64055 108 750"
umount "$dir"

# --- colours of one's own -----------------------------------------------------------------------------------------------

check "all that is free of two colours" 0 '' color_mount "exclusive,colors=0-1,profile=$profile"
check_between "per cent of colour 0, on a machine that does nothing" \
	"$(awk '$2 == 0 { sub("%", "", $5); print $5 }' /sys/kernel/debug/colorfs/colors)" 40 100
check "nobody else gets one of them" 32 "another mount's exclusively" in_words color_mount "size=1M,colors=1-2,profile=$profile" "$dir.2"
check "others he gets" 0 '' color_mount "size=1M,colors=2-3,profile=$profile" "$dir.2"
check "but not for himself alone what somebody has" 32 "busy|another mount's" mount -i -o remount,exclusive,colors=1-2 "$dir.2"
truncate -s "$(($(stat -f -c %b "$dir") * 4096))" "$dir/all"
check "every page has its colour" 0 '' "$probe" frames "$profile" "$dir/all"
check_equal "all" "$(awk '{ print $1 }' <<<"$output" | sort -u | paste -s -d ' ')" "0 1"
rm "$dir/all"
umount "$dir" "$dir.2"

# --- nothing is lost ---------------------------------------------------------------------------------------------------

n=400
[ -z "$VM_LONG" ] || n=100000
check "100 cycles" 0 '' "$probe" cycles 100 "$profile" "$dir"
before=$(free_most)
check "$n cycles of mounting and using" 0 '' "$probe" cycles "$n" "$profile" "$dir"
after=$(free_most)
echo "free pages: $before, then $after"
check_between "pages lost for each cycle" "$(awk -v b="$before" -v a="$after" -v n="$n" 'BEGIN { printf "%.3f", (b - a) / n }')" -100 0.5

check "the module goes" 0 '' rmmod colorfs
check "with a profile it does not know" 1 '' insmod "$module" profile=nonsense
check "with a profile of its own" 0 '' insmod "$module" "profile=$profile"
check "mounts need none" 0 '' color_mount size=4M,colors=0
umount "$dir"
colorfs_done
