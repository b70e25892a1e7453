# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What tests of the kernel module colorfs have in common, to be sourced after lib.sh: a profile that any machine obeys, a place to mount, how
# much memory is free, and what the kernel must not have said when all is over.

# shellcheck disable=SC2034  # for those who source this
probe=/product/colorfs/colorfs-probe
modules=/product/colorfs/$(uname -r)
module=$modules/colorfs.ko
profile='virtrk-profile;1;cache=12:13:14:15;bank=13^17:14^18'
dir=

# colorfs_begin NAME: vm_begin, with $dir to mount at, debugfs, and a console that the log does not go to
colorfs_begin() {
	vm_begin "$1"
	dir=$e2e_dir/mount
	mkdir "$dir"
	mount -t debugfs none /sys/kernel/debug 2>/dev/null
	dmesg -n 1
}

color_mount() {	# OPTIONS [DIRECTORY]
	mount -i -t colorfs -o "$1" none "${2:-$dir}"
}

# Frames that wait until somebody lets them go, of the one mount.
limbo() {
	awk 'NR > 1 { print $5 }' /sys/kernel/debug/colorfs/pools
}

# pages_free [NODE]: free memory, with what CPUs keep for themselves
pages_free() {
	awk -v node="${1-}" '
		$1 == "Node" { here = node == "" || $2 == node "," }
		here && ($1 == "nr_free_pages" || $1 == "count:") { sum += $2 }
		END { print sum + 0 }' /proc/zoneinfo
}

# The most of several looks: others come and go.
free_most() {
	for _ in 1 2 3 4 5; do
		pages_free
		sleep 0.2
	done | sort -n | tail -n 1
}

# The kernel gives words to a mount's errors in the log; mount(8) of Debian 13 shows them, that of Debian 12 shows the errno.
last_words() {	# LINES: of what the kernel has said since it had said so many
	dmesg | tail -n "+$(($1 + 1))" | grep -o 'colorfs: .*' | tail -n 1
}
in_words() {	# COMMAND...: what it says, and what the kernel does, with the command's exit code
	local r=0 lines
	lines=$(dmesg | wc -l)
	"$@" || r=$?
	last_words "$lines"
	return $r
}

# refused WHAT WORDS-REGEX OPTIONS: a mount, and nothing is taken
refused() {
	local before after

	before=$(pages_free)
	if in_words color_mount "$3" >"$e2e_dir/.output" 2>&1; then
		fail "$1: is mounted"
		umount "$dir"
		return
	fi
	output=$(<"$e2e_dir/.output")
	after=$(pages_free)
	if ! [[ $output =~ $2 ]]; then
		fail "$1: says '$output', not /$2/"
	elif [ $((before - after)) -gt 2000 ]; then
		fail "$1: $((before - after)) pages are gone"
	else
		pass "$1"
	fi
}

nothing_in_use() {
	check_equal "nothing is in use" "$(stat -f -c '%b %f %a' "$dir") $(limbo)" "$(stat -f -c '%b %b %b' "$dir") 0"
}

complaints() {
	dmesg | grep -E 'BUG|WARNING|Bad page|leaked|Poison|Redzone|corruption|pagealloc|DMAR: \[DMA'
}

# The end of such a test. Nothing is mounted any more.
colorfs_done() {
	check "the module goes" 0 '' rmmod colorfs
	check_equal "the kernel has nothing to complain about" "$(complaints)" ""
	vm_done
}
