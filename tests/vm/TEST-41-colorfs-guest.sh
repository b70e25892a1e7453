#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# clock: instructions
# limit: 300
#
# A guest of nested KVM whose memory is a file of colorfs: it boots, each page of it that is there has a colour and a bank of the
# mount, by /proc/PID/pagemap; the mount's memory is the guest's as long as QEMU lives and comes back when QEMU is killed; where the
# mount is too small QEMU ends with an error and does not start a guest that would die later.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin colorfs-guest

probe=/product/colorfs/colorfs-probe
profile='virtrk-profile;1;cache=12:13:14:15;bank=13^17:14^18'
dir=$e2e_dir/memory
mkdir "$dir"

guest_up() {	# NAME MIB: QEMU whose memory is an unlinked file of the mount
	local fd

	mkfifo "$e2e_dir/$1.in" "$e2e_dir/$1.out"
	exec {fd}<>"$e2e_dir/$1.out"
	guest_out[$1]=$fd
	exec {fd}<>"$e2e_dir/$1.in"
	guest_in[$1]=$fd
	child_start "$e2e_dir/$1.log" qemu-system-x86_64 -accel kvm -machine pc,memory-backend=ram -cpu "$kvm_cpu" -m "$2" \
		-object "memory-backend-file,id=ram,size=$2M,mem-path=$dir,share=on" -nodefaults -no-user-config -display none \
		-kernel /product/domain/kernel -initrd /product/domain/initramfs -append "$guest_append" \
		-serial "file:$e2e_dir/$1.console" -chardev "pipe,id=command,path=$e2e_dir/$1" -serial chardev:command
	guest_pid[$1]=$child
}
available_is() { [ "$(df --output=avail -k "$dir" | tail -n 1 | xargs)" = "$1" ]; }

insmod "/product/colorfs/$(uname -r)/colorfs.ko" || { fail "the module does not load"; vm_done; }
check "a mount" 0 '' mount -i -t colorfs -o "size=140M,colors=4-7,banks=1:2,profile=$profile" none "$dir"
guest_up a 128
check_soon "its memory is promised" 60 available_is $((12 * 1024))
guest_wait a 60 || { tail -n 5 "$e2e_dir/a.console" "$e2e_dir/a.log"; fail "the guest does not boot"; vm_done; }
pass "the guest boots"
check "its pages" 0 '' "$probe" process "$profile" "${guest_pid[a]}" "$dir"
echo "$output"
check_equal "have the colours and banks of the mount" "$(awk '{ print $1 ":" $2 }' <<<"$output" | paste -s -d ' ')" \
	"4:1 4:2 5:1 5:2 6:1 6:2 7:1 7:2"
check_between "and are many" "$(awk '{ sum += $3 } END { print sum }' <<<"$output")" 4000 32768
check "unmounting while it lives" 32 'busy' umount "$dir"
guest_up b 128
check_soon "a second one does not fit, and ends" 60 bash -c "! kill -0 ${guest_pid[b]} 2>/dev/null || grep -q State:.Z /proc/${guest_pid[b]}/status"
check "with an error" 0 'No space left|cannot|failed|unable' cat "$e2e_dir/b.log"
kill -KILL "${guest_pid[a]}"
wait "${guest_pid[a]}" 2>/dev/null
check_soon "killed: everything is back" 60 available_is $((140 * 1024))
check "unmounted" 0 '' umount "$dir"
check "the module goes" 0 '' rmmod colorfs
vm_done
