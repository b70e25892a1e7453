# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# For scripts in the host under test (tests/vm/run): to be sourced by bash as /src/tests/vm/lib.sh. Checks that count
# (tests/e2e/checks.sh), libvirt domains to command, virtrkd as the service that it is.
#
# Domains are the guests of the end-to-end tests (tests/e2e/guest-init.sh), defined in libvirt and run by nested KVM: each
# has a serial port for commands, so guest_ask and the others of tests/e2e/lib.sh work. What is true about a thread is
# read from the kernel, never from the daemon. Everything takes its time here, so nothing is asserted about how long:
# wait_for until it is so.

set -o pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE[0]%/*}/../e2e/lib.sh"
# shellcheck source=tests/e2e/checks.sh
. "${BASH_SOURCE[0]%/*}/../e2e/checks.sh"

# vm_begin NAME: the test's own directory is $e2e_dir, removed at the end; domains end with the test
vm_begin() {
	e2e_begin "$1"
}

vm_done() {
	echo "$passed passed, $failed failed"
	if [ "$failed" -gt 0 ] && [ "$VM_TIER" = C ]; then
		journalctl -q -u virtrkd -o short-monotonic --no-pager -n 30 | sed 's/^/journal: /'
	fi
	[ $((passed + failed)) -gt 0 ] || { echo "nothing was checked"; exit 1; }
	exit $((failed > 0))
}

# --- the daemon -------------------------------------------------------------------------------------------------------

# The service as it was installed, on the system bus.
daemon_start() {
	systemctl start virtrkd || { fail "virtrkd does not start"; vm_done; }
}

daemon_pid() {
	systemctl show -P MainPID virtrkd
}

# virtrk_says JQ-FILTER VERB...: for wait_for and check_soon
virtrk_says() {
	local filter=$1
	shift
	virtrk "$@" --json | jq -e "$filter"
}

# --- threads ----------------------------------------------------------------------------------------------------------

# parameters TID: policy, budget and period as the kernel has them: "SCHED_DEADLINE 2000000/10000000"
parameters() {
	chrt -p "$1" | sed -n 's/.*scheduling policy: //p; s,.*parameters: \([0-9]*\)/[0-9]*/\([0-9]*\)$,\1/\2,p' | sed 's/|SCHED_RESET_ON_FORK//' |
		paste -s -d ' '
}

# --- domains of libvirt -------------------------------------------------------------------------------------------------

vsh() {
	virsh --quiet --connect qemu:///system "$@"
}

domains=()
e2e_at_end() {
	local name

	for name in "${domains[@]}"; do
		vsh destroy "$name" >/dev/null 2>&1
		vsh undefine "$name" >/dev/null 2>&1
	done
}

# domain_xml NAME VCPUS: "1 of 2" is a domain with one vCPU that can get another
domain_xml() {
	cat <<-END
	<domain type='kvm'>
	  <name>$1</name>
	  <memory unit='MiB'>128</memory>
	  <vcpu current='${2%% *}'>${2##* }</vcpu>
	  <iothreads>1</iothreads>
	  <os>
	    <type arch='x86_64' machine='pc'>hvm</type>
	    <kernel>/product/domain/kernel</kernel>
	    <initrd>/product/domain/initramfs</initrd>
	    <cmdline>$guest_append</cmdline>
	  </os>
	  <features><acpi/></features>
	  <on_reboot>restart</on_reboot>
	  <devices>
	    <emulator>/usr/bin/qemu-system-x86_64</emulator>
	    <controller type='usb' model='none'/>
	    <serial type='file'><source path='/var/log/libvirt/qemu/$1.console' append='on'/></serial>
	    <serial type='pipe'><source path='$e2e_dir/$1'/></serial>
	    <memballoon model='none'/>
	  </devices>
	</domain>
	END
}

# domain_define NAME [VCPUS]
domain_define() {
	local fd

	chmod 755 "$e2e_dir"
	mkfifo "$e2e_dir/$1.in" "$e2e_dir/$1.out"
	exec {fd}<>"$e2e_dir/$1.out"
	guest_out[$1]=$fd
	exec {fd}<>"$e2e_dir/$1.in"
	guest_in[$1]=$fd
	domains+=("$1")
	domain_xml "$1" "${2:-1}" >"$e2e_dir/$1.xml"
	vsh define "$e2e_dir/$1.xml" >/dev/null
}

# domain_start NAME [VIRSH-OPTIONS...]: returns when libvirt does
domain_start() {
	vsh start "$@" >/dev/null || return 1
	guest_pid[$1]=$(cat "/run/libvirt/qemu/$1.pid")
}

# domain_wait NAME: until its guest obeys
domain_wait() {
	guest_wait "$1" 120 || { tail -n 5 "/var/log/libvirt/qemu/$1.console"; return 1; }
}
