#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# clock: instructions
# limit: 300
#
# A guest of nested KVM whose memory is a file of colorfs: it boots, each page of it that is there has a colour and a bank of the
# mount, by /proc/PID/pagemap; the mount's memory is the guest's as long as QEMU lives and comes back when QEMU is killed; where the
# mount is too small QEMU ends with an error and does not start a guest that would die later. The kernel's vhost worker reads and writes that
# memory: what is sent to the guest comes back as it was; QEMU is killed while packets go both ways.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin colorfs-guest

probe=/product/colorfs/colorfs-probe
profile='virtrk-profile;1;cache=12:13:14:15;bank=13^17:14^18'
dir=$e2e_dir/memory
mkdir "$dir"

guest_up() {	# NAME MIB [QEMU-ARGUMENTS...]: QEMU whose memory is an unlinked file of the mount
	local name=$1 mib=$2 fd
	shift 2

	mkfifo "$e2e_dir/$name.in" "$e2e_dir/$name.out"
	exec {fd}<>"$e2e_dir/$name.out"
	guest_out[$name]=$fd
	exec {fd}<>"$e2e_dir/$name.in"
	guest_in[$name]=$fd
	child_start "$e2e_dir/$name.log" qemu-system-x86_64 -accel kvm -machine pc,memory-backend=ram -cpu "$kvm_cpu" -m "$mib" \
		-object "memory-backend-file,id=ram,size=${mib}M,mem-path=$dir,share=on" -nodefaults -no-user-config -display none \
		-kernel /product/domain/kernel -initrd "$e2e_dir/initramfs" -append "$guest_append" \
		-serial "file:$e2e_dir/$name.console" -chardev "pipe,id=command,path=$e2e_dir/$name" -serial chardev:command "$@"
	guest_pid[$name]=$child
}

# --- a network ------------------------------------------------------------------------------------------------------------

# The guest's own first program: a driver, an address, and a server that sends back what it gets.
initramfs_make() {
	local module dir=$e2e_dir/root

	mkdir -p "$dir/modules"
	modprobe --show-depends virtio_net | while read -r _ module; do
		xz -dc "$module" >"$dir/modules/$(basename "$module" .xz)"
		echo "/bin/busybox insmod /modules/$(basename "$module" .xz)"
	done >"$e2e_dir/insmod"
	{
		echo '#!/bin/busybox sh'
		echo '/bin/busybox mount -t devtmpfs none /dev'	# what runs in the background needs /dev/null
		cat "$e2e_dir/insmod"
		echo '/bin/busybox ip addr add 10.9.0.2/24 dev eth0'
		echo '/bin/busybox ip link set eth0 up'
		echo '/bin/busybox nc -ll -p 7 -e /bin/busybox cat &'
		echo 'exec /init'
	} >"$dir/net-init"
	chmod +x "$dir/net-init"
	cp /product/domain/initramfs "$e2e_dir/initramfs"
	(cd "$dir" && find . | cpio -o -H newc --quiet) >>"$e2e_dir/initramfs"
	guest_append+=' rdinit=/net-init'
}
net_make() {
	modprobe -a vhost_net tun && ip tuntap add tap0 mode tap && ip addr add 10.9.0.1/24 dev tap0 && ip link set tap0 up
}
net=(-netdev "tap,id=net,ifname=tap0,script=no,downscript=no,vhost=on" -device "virtio-net-pci,netdev=net,romfile=")
ping_guest() { busybox ping -c 1 -W 2 10.9.0.2; }
echoed() {	# FILE: to the guest and back
	local r

	exec {wire}<>/dev/tcp/10.9.0.2/7 || return 1
	cat "$1" >&"$wire" &
	timeout 60 head -c "$(stat -c %s "$1")" <&"$wire" | cmp - "$1"
	r=$?
	wait $!
	exec {wire}>&-
	return "$r"
}
# What never ends, there and back.
traffic() {
	exec {wire}<>/dev/tcp/10.9.0.2/7 || return 1
	cat /dev/zero >&"$wire" &
	e2e_children+=($!)
	cat <&"$wire" >/dev/null &
	e2e_children+=($!)
}
packets() { cat /sys/class/net/tap0/statistics/rx_packets; }	# from the guest
packets_come() { [ "$(packets)" -gt $((packets_before + 100)) ]; }

available_is() { [ "$(df --output=avail -k "$dir" | tail -n 1 | xargs)" = "$1" ]; }

insmod "/product/colorfs/$(uname -r)/colorfs.ko" || { fail "the module does not load"; vm_done; }
check "a mount" 0 '' mount -i -t colorfs -o "size=140M,colors=4-7,banks=1:2,profile=$profile" none "$dir"
check "a guest that knows networks" 0 '' initramfs_make
check "a network" 0 '' net_make
guest_up a 128 "${net[@]}"
check_soon "its memory is promised" 60 available_is $((12 * 1024))
guest_wait a 60 || { tail -n 5 "$e2e_dir/a.console" "$e2e_dir/a.log"; fail "the guest does not boot"; vm_done; }
pass "the guest boots"
worker=$(thread_find "${guest_pid[a]}" 'vhost-*') || fail "it has no vhost worker"
check_soon "it answers" 20 ping_guest
head -c 4M /dev/urandom >"$e2e_dir/data"
used_start "$worker"
check "4 MiB come back as they were sent" 0 '' echoed "$e2e_dir/data"
used_stop "$worker"
check_between "it was vhost who carried them: ms of its worker" $((used_us / 1000)) 1 60000
check "its pages" 0 '' "$probe" process "$profile" "${guest_pid[a]}" "$dir"
echo "$output"
check_equal "have the colours and banks of the mount" "$(awk '{ print $1 ":" $2 }' <<<"$output" | paste -s -d ' ')" \
	"4:1 4:2 5:1 5:2 6:1 6:2 7:1 7:2"
check_between "and are many" "$(awk '{ sum += $3 } END { print sum }' <<<"$output")" 4000 32768
check "unmounting while it lives" 32 'busy' umount "$dir"
guest_up b 128
check_soon "a second one does not fit, and ends" 60 bash -c "! kill -0 ${guest_pid[b]} 2>/dev/null || grep -q State:.Z /proc/${guest_pid[b]}/status"
check "with an error" 0 'No space left|cannot|failed|unable' cat "$e2e_dir/b.log"
packets_before=$(packets)
check "packets go both ways" 0 '' traffic
check_soon "and go on" 20 packets_come
kill -KILL "${guest_pid[a]}"
wait "${guest_pid[a]}" 2>/dev/null
check_soon "killed: everything is back" 60 available_is $((140 * 1024))
check "unmounted" 0 '' umount "$dir"
check "the module goes" 0 '' rmmod colorfs
check_equal "the kernel has nothing to complain about" "$(dmesg | grep -E 'BUG|WARNING|Bad page|leaked')" ""
vm_done
