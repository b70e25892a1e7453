#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# clock: instructions
# limit: 300
#
# Colours for a task inside a guest, from end to end: the host gives a guest of nested KVM memory of four of its colours and two of its
# banks with layout=preserve; the guest, which has a profile of address bits only, loads the module itself and runs a program in half of
# the colours and one bank that it sees. By /proc/PID/pagemap in the guest and of QEMU in the host, each frame of that program is a frame of exactly the
# host's colour and bank that virtrk-colorfs(8) promises, so of two of the four, while the guest's other programs have all of them.
# shellcheck disable=SC2016,SC2317,SC2329  # functions are called by name; the guest expands what is in quotes
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin colors-through-a-guest

# shellcheck disable=SC2034  # for tests/e2e/lib.sh
accel=kvm kernel=/product/domain/kernel initramfs=$e2e_dir/initramfs
tools=/product/colorfs
profile='virtrk-profile;1;cache=12:13:14:15;bank=13^17:14^18'
guest_profile='virtrk-profile;1;cache=12:13;bank=14'
promised=(4:0 6:0 9:0 15:0 4:3 6:3 9:3 15:3)	# frame i of the guest has the one that is number i mod 8
dir=$e2e_dir/memory
mkdir "$dir"

# What a guest needs for that, laid over the small system that it has.
guest_system() {
	local root=$e2e_dir/root program library

	mkdir -p "$root"/usr/{bin,lib/x86_64-linux-gnu} "$root/lib64" "$root/tmp"
	ln -s usr/lib "$root/lib"
	install -t "$root/usr/bin" "$tools"/{guest-program,colorfs-nested} /usr/bin/virtrk-guest
	cp -a /usr/lib/x86_64-linux-gnu/virtrk-guest "$root/usr/lib/x86_64-linux-gnu/"
	find "$root/usr" -type f | while read -r program; do ldd "$program" 2>/dev/null; done |
		sed -n 's/.* => \(.*\) (0x.*/\1/p' | sort -u | while read -r library; do
			install -t "$root/usr/lib/x86_64-linux-gnu" "$library"
		done
	cp /lib64/ld-linux-x86-64.so.2 "$root/lib64/"
	cp "$tools/$(uname -r)/colorfs.ko" "$root/"
	cat >"$root/init" <<-END
		#!/bin/busybox sh
		B=/bin/busybox
		export PATH=/usr/bin:/bin
		\$B mount -t devtmpfs none /dev
		\$B mount -t proc none /proc
		\$B mount -t sysfs none /sys
		\$B --install -s /bin
		\$B mkdir -p /run /tmp
		\$B mkfifo /tmp/in
		\$B stty -F /dev/ttyS1 raw -echo
		exec </dev/ttyS1 >/dev/ttyS1 2>&1
		set -f
		echo "ready"
		while read -r line; do
			eval "\$line" && echo "ok do" || echo "failed do"
		done
	END
	chmod 755 "$root/init"
	(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$e2e_dir/more.cpio"
	cat /product/domain/initramfs "$e2e_dir/more.cpio" >"$e2e_dir/initramfs"
}

ask() { guest_ask a 120 "$@"; }
backed() { "$tools/colorfs-nested" backed "$profile" "${guest_pid[a]}" "$dir" "$@" <"$e2e_dir/frames"; }
kinds() { awk '{ print $1 ":" $2 }' <<<"$output" | paste -s -d ' '; }

insmod "$tools/$(uname -r)/colorfs.ko" || { fail "the module does not load"; vm_done; }
check "four colours of the host, and two banks" 0 '' mount -i -t colorfs \
	-o "size=256M,colors=4:6:9:15,banks=0:3,layout=preserve,profile=$profile" none "$dir"
guest_system
guest_start a 1 -m 256 -machine pc,memory-backend=ram -object "memory-backend-file,id=ram,size=256M,mem-path=$dir,share=on"
guest_wait a 200 || { tail -n 5 "$e2e_dir/a.console" "$e2e_dir/a.qemu"; fail "the guest does not boot"; vm_done; }
pass "the guest boots"

check "it loads the module, with address bits for a profile" 0 '' ask "insmod /colorfs.ko profile='$guest_profile'"
check "it has four colours and no more" 1 'has 0-3' ask "virtrk-guest run --colors 4 guest-program work"
ask 'virtrk-guest run --colors 2-3 --banks 1 --size 32MiB guest-program work </tmp/in >/tmp/out 2>&1 & exec 9>/tmp/in' >/dev/null
program_ready() { ask 'cat /tmp/out' | grep -qx ready; }
check_soon "a program runs in two of them and in one bank" 120 program_ready
check "it has pages of these only, says the guest" 0 '^[0-9]{4,} pages that it can write, 0 of other colours; .* 0 of others; 0 shared' \
	ask 'virtrk-guest check $(busybox pidof guest-program)'

check "its frames in the guest" 0 '' ask 'colorfs-nested frames $(busybox pidof guest-program) >/tmp/frames'
ask 'cat /tmp/frames' >"$e2e_dir/frames"
check "are each a frame of the host's colour and bank that was promised" 0 '' backed "${promised[@]}"
echo "$output"
check_equal "which are two of four colours, and one of two banks" "$(kinds)" "9:3 15:3"
check_between "pages" "$(awk '{ sum += $3 } END { print sum }' <<<"$output")" 4000 8192
check "another promise would not be kept" 1 'frames are others' backed 4:0 6:0 15:0 9:0 4:3 6:3 15:3 9:3

check "the frames of another program" 0 '' ask 'colorfs-nested ordinary 1 >/tmp/frames'
ask 'cat /tmp/frames' >"$e2e_dir/frames"
check "are as they were promised, too" 0 '' backed "${promised[@]}"
echo "$output"
check_equal "of all the colours and banks that the guest has" "$(kinds)" "4:0 4:3 6:0 6:3 9:0 9:3 15:0 15:3"

check "the program ends" 0 '' ask 'exec 9>&-; wait %1; [ $? = 7 ]'
check "and the guest's module goes: nothing of it is left" 0 '' ask 'rmmod colorfs'
check "the guest's kernel has nothing to complain about" 0 '^0$' ask 'dmesg | grep -cE "BUG|WARNING|Bad page|leaked" || true'
guest_end a
check_soon "the host unmounts" 60 umount "$dir"
check "the host's module goes" 0 '' rmmod colorfs
check_equal "the host's kernel has nothing to complain about" "$(dmesg | grep -cE 'BUG|WARNING|Bad page|leaked')" 0
vm_done
