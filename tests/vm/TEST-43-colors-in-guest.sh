#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# limit: 300
#
# Colours that reach into a guest: a mount with layout=preserve, whose frames follow the index of their page in the file, so that
# the low bits of a guest's addresses choose among the host colours that the guest has. Each page has the frame that the manual page
# says, what was promised never fails, and what such a mount cannot be is refused in one line.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin colors-in-guest

probe=/product/colorfs/colorfs-probe
profile='virtrk-profile;1;cache=12:13:14:15;bank=13^17:14^18'
dir=$e2e_dir/mount
mkdir "$dir"
dmesg -n 1

color_mount() {	# OPTIONS
	mount -i -t colorfs -o "$1" none "$dir"
}
refused() {	# WHAT WORDS-REGEX OPTIONS
	if color_mount "$3" >"$e2e_dir/.output" 2>&1; then
		fail "$1: is mounted"
		umount "$dir"
		return
	fi
	output="$(<"$e2e_dir/.output") $(dmesg | grep -o 'colorfs: .*' | tail -n 1)"
	if [[ $output =~ $2 ]]; then
		pass "$1"
	else
		fail "$1: says '$output', not /$2/"
	fi
}
available() { df --output=avail -k "$dir" | tail -n 1 | xargs; }

insmod "/product/colorfs/$(uname -r)/colorfs.ko" "profile=$profile" || { fail "the module does not load"; vm_done; }
refused "three colours" 'a power of two' size=16M,colors=0-2,layout=preserve
refused "three banks" 'a power of two' size=16M,colors=0-3,banks=0-2,layout=preserve
refused "not as many pages of each" 'a multiple of 16384' size=20k,colors=0-3,layout=preserve
refused "all for itself" 'not with layout=preserve' exclusive,size=16M,colors=0-3,layout=preserve
refused "a layout that there is not" 'neither preserve nor any' size=16M,colors=0-3,layout=reverse

check "four colours" 0 '' color_mount size=16M,colors=4:6:9:15,layout=preserve
check_equal "are shown" "$(awk -v d="$dir" '$2 == d { print $4 }' /proc/mounts)" \
	"rw,relatime,size=16384k,colors=4:6:9:15,profile=$profile,layout=preserve,uid=0,gid=0,mode=700"
for what in zero data; do	# the others count pages, which here are not all alike
	check "$what" 0 '' "$probe" "$what" "$dir"
done
truncate -s 16M "$dir/all"
check "every page has the frame that its index says" 0 '^4096 pages' "$probe" layout "$profile" "$dir/all" 4:any 6:any 9:any 15:any
check "no room for another" 1 'No space left' truncate -s 4096 "$dir/other"
check "punched and filled again" 0 '' fallocate -p -o 4096 -l 4M "$dir/all"
check "they have it still" 0 '^4096 pages' "$probe" layout "$profile" "$dir/all" 4:any 6:any 9:any 15:any
rm "$dir/all" "$dir/other"
check_equal "all of it is back" "$(available)" 16384
truncate -s 4096 "$dir/a"
check_equal "a page of the first colour is promised: of each colour one less can be" "$(available)" 16368
truncate -s 16368k "$dir/b"
check "what is left are pages of other colours" 1 'No space left' truncate -s 16372k "$dir/b"
rm "$dir/a" "$dir/b"
check "smaller" 0 '' mount -i -o remount,size=8M "$dir"
check "larger" 0 '' mount -i -o remount,size=24M "$dir"
truncate -s 24M "$dir/all"
check "every page of a larger one" 0 '^6144 pages' "$probe" layout "$profile" "$dir/all" 4:any 6:any 9:any 15:any
rm "$dir/all"
check "other colours, with banks" 0 '' mount -i -o remount,size=8M,colors=1-2,banks=0:3 "$dir"
truncate -s 8M "$dir/all"
check "colours by the lowest bit, banks by the next" 0 '^2048 pages' "$probe" layout "$profile" "$dir/all" 1:0 2:0 1:3 2:3
rm "$dir/all"
check "any frames again" 0 '' mount -i -o remount,layout=any "$dir"
truncate -s 8M "$dir/all"
check "of these colours" 0 '^1 0 ' "$probe" frames "$profile" "$dir/all"
rm "$dir/all"
umount "$dir"
check "all colours" 0 '' color_mount size=8M,layout=preserve
truncate -s 8M "$dir/all"
check "are those of the host" 0 '^2048 pages' "$probe" layout "$profile" "$dir/all" {0..15}:any
rm "$dir/all"
umount "$dir"
check "the module goes" 0 '' rmmod colorfs
check_equal "the kernel has nothing to complain about" "$(dmesg | grep -cE 'BUG|WARNING|Bad page|leaked')" 0
vm_done
