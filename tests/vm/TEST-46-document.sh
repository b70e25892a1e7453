#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: A
# module: colorfs
# limit: 120
#
# A reservation document with memory: virtrk memory mounts what it says before the domain is there; check and reserve look whether the domain
# has that, and what it lacks is said with nothing reserved; virtrkd does the same with the domain's file, as soon as the domain
# appears. Ways of the cache, which this host does not have, are refused with nothing reserved. What a mount has to refuse, virtrkd tells.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin document

export VIRTRK_BUS=$e2e_dir/bus
dir=$e2e_dir/mem
mkdir -p /etc/virtrk "$e2e_dir/config/domains.d"
echo 'virtrk-profile 1 cache=12,13,14,15 bank=13^17,14^18' >/etc/virtrk/memory-profile
insmod "/product/colorfs/$(uname -r)/colorfs.ko" || { fail "the module does not load"; vm_done; }

document() {	# NAME MEMORY BUDGET
	echo "{ \"domain\": \"$1\", \"memory\": { $2 }, \"reservations\": [ { \"thread\": \"emulator\", \"budget\": \"$3\", \"period\": \"20ms\" } ] }"
}
document rt '"size": "8MiB", "cache_colors": 4, "banks": "0-1"' 2ms >"$e2e_dir/rt.json"
document rt '"size": "8MiB", "cache_colors": "1-4"' 2ms >"$e2e_dir/other.json"
document rt '"size": "9MiB"' 2ms >"$e2e_dir/large.json"
document rt '"size": "8MiB", "cache_ways": 2' 2ms >"$e2e_dir/ways.json"
document rt '"size": "8MiB"' 19900us >"$e2e_dir/much.json"
# No QEMU, but called as one: a main thread that sleeps is all that is needed.
cp /usr/bin/bash "$e2e_dir/qemu-system-x86_64"
domain_begin() {
	child_start "$e2e_dir/$1" "$e2e_dir/qemu-system-x86_64" -c 'while :; do read -t 1000 <>/dev/tty0; done' -name "$1"
}
nothing_reserved() { virtrk show "$1" --json | jq -e '[.threads[] | select(.reservation)] == []'; }
reserved() { chrt -p "$1" | grep -q SCHED_DEADLINE; }

child_start "$e2e_dir/virtrkd" virtrkd --bus="$VIRTRK_BUS" --state="$e2e_dir/state" --config="$e2e_dir/config" --libvirt=none
check_soon "virtrkd runs" 10 virtrk list

# --- by hand -----------------------------------------------------------------------------------------------------------

check "would it fit?" 0 'size=8388608,colors=0-3,banks=0-1' virtrk memory check --file "$e2e_dir/rt.json"
domain_begin rt
rt=$child
check_soon "the domain is there" 10 virtrk_says 'any(.[]; .name == "rt")' list
check "reserved without its memory" 1 'rt has no memory of its own: that is mounted before QEMU starts' virtrk reserve --file "$e2e_dir/rt.json"
check "checked without it" 3 'memory:  rt has no memory of its own' virtrk check --file "$e2e_dir/rt.json"
check "its thread is an ordinary one" 1 '' reserved "$rt"
check "mounted" 0 '8MiB for rt at .*colors=0-3,banks=0-1' virtrk memory mount --file "$e2e_dir/rt.json" --at "$dir"
check "no other option beside the document" 2 'says it all, --colors' virtrk memory mount --file "$e2e_dir/rt.json" --colors 3
check "another domain's document" 2 'is for domain rt, not for b' virtrk memory check b --file "$e2e_dir/rt.json"
check "other colours than it has" 1 'the memory of rt has the colours 0-3, not 1-4' virtrk reserve --file "$e2e_dir/other.json"
check "more than it has" 1 'the memory of rt is 8MiB, wanted are 9MiB' virtrk reserve --file "$e2e_dir/large.json"
check "ways of a cache that has none" 1 'caches cannot be divided' virtrk reserve --file "$e2e_dir/ways.json"
check "more time than there is" 3 'does not fit' virtrk reserve --file "$e2e_dir/much.json"
check "checked: the memory is there, the time is not" 3 'fits:    no.*memory:  as the document says' virtrk check --file "$e2e_dir/much.json"
check "nothing is reserved yet" 1 '' reserved "$rt"
check "checked" 0 'fits:    yes.*memory:  as the document says' virtrk check --file "$e2e_dir/rt.json"
check "reserved" 0 'reserved 2ms for emulator of rt' virtrk reserve --file "$e2e_dir/rt.json"
check "so says the kernel" 0 '' reserved "$rt"
check "preparing is for time alone" 1 'CPU time alone is prepared' virtrk prepare --file "$e2e_dir/rt.json" --ttl 10s
child_end "$rt" KILL
check "given back" 0 '' virtrk memory umount rt

# --- by the domain's file ------------------------------------------------------------------------------------------------

document a '"size": "8MiB", "cache_colors": 2' 2ms >"$e2e_dir/config/domains.d/a.json"
document b '"size": "8MiB", "cache_colors": 2' 2ms >"$e2e_dir/config/domains.d/b.json"
check "memory for one" 0 '' virtrk memory mount --file "$e2e_dir/config/domains.d/a.json" --at "$dir"
child_start "$e2e_dir/monitor" virtrk monitor --json
monitor=$child
child_start "$e2e_dir/monitor-words" virtrk monitor
monitor_words=$child
domain_begin a
a=$child
check_soon "it is reserved for when it appears" 10 reserved "$a"
domain_begin b
b=$child
check_soon "the other one lacks its memory: that is told" 10 \
	grep -q 'b: its file asks for what it does not get: b has no memory of its own' "$e2e_dir/virtrkd"
check "and it gets nothing" 1 '' reserved "$b"
child_end "$a" KILL
child_end "$b" KILL

# --- more than there is --------------------------------------------------------------------------------------------------

check "a file that is larger than the mount" 1 'No space left' truncate -s 9M "$dir/more"
check_soon "is told: whose memory, and how much" 10 \
	grep -q "the memory of a at $dir is used up: 9216 KiB more were asked for and refused, 8192 KiB are left" "$e2e_dir/virtrkd"
told() { jq -es --arg domain "$1" 'any(.[]; .event == "MemoryExhausted" and .domain == $domain and .wanted_bytes == 9437184 and .left_bytes == 8388608)' \
	"$e2e_dir/monitor"; }
check_soon "on the bus, too" 10 told a
check_soon "and in words" 10 grep -q "a: memory at $dir is used up: 9216 KiB more were refused, 8192 KiB are left" "$e2e_dir/monitor-words"
mkdir "$e2e_dir/nobody"
check "memory that is no domain's" 0 '' mount -i -t colorfs -o 'size=1M,profile=virtrk-profile;1;cache=12:13:14:15;bank=13^17:14^18' none "$e2e_dir/nobody"
check "more than it holds" 1 'No space left' truncate -s 2M "$e2e_dir/nobody/more"
check_soon "is told as that" 10 grep -q "colorfs: memory at $e2e_dir/nobody is used up: 2048 KiB more were refused, 1024 KiB are left" "$e2e_dir/monitor-words"
umount "$e2e_dir/nobody"
child_end "$monitor_words"
rm "$dir/more"
check "given back" 0 '' virtrk memory umount a
check "the module goes, though it is listened to" 0 '' rmmod colorfs
check "and comes again" 0 '' insmod "/product/colorfs/$(uname -r)/colorfs.ko"
check "memory for the other one" 0 '' virtrk memory mount --file "$e2e_dir/config/domains.d/b.json" --at "$dir"
check "a file that is larger than the mount" 1 'No space left' truncate -s 9M "$dir/more"
check_soon "is told as before" 10 told b
check_soon "in the log, too" 10 grep -q "the memory of b at $dir is used up: 9216 KiB" "$e2e_dir/virtrkd"
child_end "$monitor"
rm "$dir/more"
check "given back" 0 '' virtrk memory umount b
check "the module goes" 0 '' rmmod colorfs
vm_done
