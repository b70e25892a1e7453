#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: C
# limit: 300
#
# Memory of certain colours for a libvirt domain: virtrk define writes what it is to have, libvirt's hook asks virtrkd, mounts a colorfs when
# the domain starts and unmounts it when it has ended. All pages of the guest that runs have the promised colours, by their frame
# numbers; a second domain gets others; what does not fit is refused and told by virsh start; and by hand, without libvirt.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin colored-domain

probe=/product/colorfs/colorfs-probe
profile='virtrk-profile 1 cache=12,13,14,15 bank=13^17,14^18'
ram=/var/lib/libvirt/qemu/ram
mounts() { grep -c colorfs /proc/self/mounts; }
start_fails() {	# "what" DOMAIN REASON
	check "$1: virsh start is refused, and tells why" 1 "$2 is not started: .*$3" vsh start "$2"
	check_equal "$1: nothing is mounted for it" "$(grep -c "virtrk:$2 " /proc/self/mounts)" 0
}
# colors_of DOMAIN: those of all pages of its memory file that are there, and how many pages
colors_of() {
	"$probe" process "$profile" "${guest_pid[$1]}" "$ram" |
		awk '{ pages[$1] += $3; all += $3 } END { for (c in pages) list = list " " c; print all + 0 ":" list }'
}
only_colors() {	# DOMAIN LOWEST HIGHEST
	colors_of "$1" | awk -v a="$2" -v b="$3" '{ split($0, x, ":"); n = split(x[2], c, " "); ok = n > 0 && x[1] > 1000
		for (i = 1; i <= n; i++) ok = ok && c[i] >= a && c[i] <= b
		print $0; exit !ok }'
}

check "the module is loaded" 0 '' insmod "/product/colorfs/$(uname -r)/colorfs.ko"
daemon_start
domain_define rt
domain_define other
check "no profile: that is told" 0 'it has no memory profile' virtrk memory
check "memory of four colours, in the metadata" 0 'from its next start on rt has memory of its own' virtrk define rt --colors 4
start_fails "without a profile" rt "4 colours: this host has 1"
echo "$profile" >/etc/virtrk/memory-profile
check "with one" 0 'in 16 cache colours and 4 DRAM banks; named by nobody: colours 0-15' virtrk memory
check "the metadata" 0 "<rk:memory colors='4'/>" virtrk show rt --xml
check "the configuration has a shared file" 0 "<source type='file'/>" vsh dumpxml rt --inactive

# --- it runs -----------------------------------------------------------------------------------------------------------------

check "it starts" 0 '' domain_start rt
check "virtrkd sees the mount" 0 'rt .* 0-3 +all +no +/var/lib/libvirt' virtrk memory
check_equal "nothing is held beside it" "$(virtrk memory --json | jq '.pools | length')" 1
check_equal "when memory is short its QEMU is the last one to go" "$(cat "/proc/${guest_pid[rt]}/oom_score_adj")" -999
check "the guest boots" 0 '' domain_wait rt
check "all its memory has these colours" 0 ': ' only_colors rt 0 3
echo "$output"
check "another domain, six colours" 0 '' virtrk define other --colors 6 --banks 2
check "starts beside it" 0 '' domain_start other
check "and boots" 0 '' domain_wait other
check "with colours of its own" 0 ': ' only_colors other 4 9
echo "$output"
check "who has what" 0 'other .* 4-9 +0-1 +no' virtrk memory
check "libvirtd is started again" 0 '' systemctl restart libvirtd
check "virtrkd too" 0 '' systemctl restart virtrkd
check_soon "it still knows" 30 virtrk_says '.pools | length == 2' memory
check "the guest lives" 0 'iterations' guest_ask rt 60 calibrate
vsh destroy other >/dev/null
check_soon "the other has ended: its memory is free" 30 virtrk_says '.pools | length == 1' memory
check_equal "its directory is gone" "$(find "$ram" -mindepth 1 -maxdepth 1 -name '*-other' | wc -l)" 0

# --- what does not fit -----------------------------------------------------------------------------------------------------------

check "more colours than are left" 0 '' virtrk define other --colors 13
start_fails "12 are left" other '13 colours that no other domain has: 12 are left of 16; 1 fewer would fit'
check "what rt has, for itself" 0 '' virtrk define other --colors 3-5 --exclusive
start_fails "rt has one of them" other 'colour 3 is in use by rt'
check "too small for its memory" 0 '' virtrk define other --colors 2 --size 4MiB
start_fails "it is larger" other 'its memory is more than the size'
check "a gigabyte of one colour" 0 '' virtrk define other --colors 1 --size 1GiB
start_fails "there is not so much" other '1GiB wanted, .* there; [0-9]+ more colours would do'
check "taken out" 0 '' virtrk define other --remove
check "it starts on ordinary memory" 0 '' domain_start other
vsh destroy other >/dev/null
check "reported only" 0 '' virtrk define other --colors 13 --on-refusal report
check "starts all the same" 0 '' domain_start other
check_equal "without a mount" "$(grep -c 'virtrk:other ' /proc/self/mounts)" 0
check_equal "and without any favour" "$(cat "/proc/${guest_pid[other]}/oom_score_adj")" 0
vsh destroy other >/dev/null

# --- by hand ---------------------------------------------------------------------------------------------------------------------

check "mounted by hand" 0 '^16MiB for plain at /run/virtrk/mem/plain \(size=16777216,colors=4-5,' virtrk memory mount plain --size 16MiB --colors 2
check "it is there" 0 'plain +16MiB +0B +4-5 ' virtrk memory
check "a file on it" 0 '' fallocate -l 1MiB /run/virtrk/mem/plain/ram
check "is counted" 0 'plain +16MiB +1MiB +4-5 ' virtrk memory
check "more than the mount holds" 1 'No space left' fallocate -l 17MiB /run/virtrk/mem/plain/more
service_told() {
	journalctl -q -u virtrkd MESSAGE_ID=e0a4b1c1f6de4c0b8e9f0a5d1b7c2f18 VIRTRK_DOMAIN=plain -o cat |
		grep -q 'the memory of plain at /run/virtrk/mem/plain is used up: 17408 KiB more were asked for and refused, 15360 KiB are left'
}
check_soon "which virtrkd tells the journal, though it has no network to hear it in" 20 service_told
check "a second time" 1 'plain has memory already' virtrk memory mount plain --size 16MiB
exec 9>/run/virtrk/mem/plain/held
check "in use it stays" 1 'is in use: the domain has to end first' virtrk memory umount plain
exec 9>&-
check "given back" 0 '' virtrk memory umount plain
check_equal "and gone" "$(virtrk memory --json | jq '.pools | length')" 1
check "what the kernel does not like is told in its words" 1 'are free|too little memory' virtrk memory mount plain --size 3800MiB
check_equal "nothing is left of that" "$(virtrk memory --json | jq '.pools | length'), $(find /run/virtrk/mem -mindepth 1 2>/dev/null | wc -l)" "1, 0"

vsh destroy rt >/dev/null
check_soon "the end: no memory is anybody's" 30 virtrk_says '.pools == []' memory
check_equal "no mount is left" "$(mounts)" 0
check "the module goes" 0 '' rmmod colorfs
vm_done
