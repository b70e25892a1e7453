#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: C
# only: long
# packages: built
#
# Debian's own way: apt install of the packages, on a host that has nothing of the product. The service is started, runs as its user,
# finds libvirt's domains; installed once more it goes on and no reservation is lost; removed, and nothing is left that runs.
# shellcheck disable=SC2317  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin package

# What the test bed has laid over Debian goes.
systemctl stop virtrkd 2>/dev/null
(cd /product/root && find . ! -type d) | while read -r file; do
	rm -f "/${file#./}"
done
userdel virtrkd
groupdel virtrk
systemctl daemon-reload
check "nothing of the product is there" 2 '' bash -c 'command -v virtrk || command -v virtrkd || getent passwd virtrkd'
systemctl reload dbus

install() {
	DEBIAN_FRONTEND=noninteractive apt-get -o APT::Sandbox::User=root install --yes --reinstall --no-install-recommends \
		/share/packages/*_amd64.deb	# the module's is for all, and needs dkms, which is not here
}
check "apt install" 0 '' install
echo "$output" >"$VM_ARTEFACTS/apt-install"
check "no word of trouble" 1 '' grep -E '^(W|E|dpkg: (warning|error))|[Ff]ailed' "$VM_ARTEFACTS/apt-install"
check_equal "dpkg says installed" "$(dpkg-query -W -f '${Status}\n' virtrk libvirtrk-analysis1 libvirtrk-dev | sort -u)" "install ok installed"
check "the service runs" 0 '^active$' systemctl is-active virtrkd
check "and will after the next boot" 0 '^enabled$' systemctl is-enabled virtrkd
check_equal "as its user" "$(stat -c %U "/proc/$(daemon_pid)")" virtrkd
check "virtrk talks to it" 0 '' virtrk list
check "the message catalog has its words" 0 'virtrk' bash -c 'journalctl --list-catalog | grep -i virtrk'

domain_define pack
domain_start pack --paused || { fail "the domain does not start"; vm_done; }
tid=$(thread_find "${guest_pid[pack]}" 'CPU 0/KVM')
check_soon "the domain is found" 30 virtrk_says 'any(.[]; .name == "pack")' list
check "reserve" 0 '' virtrk reserve pack --vcpu 0 --budget 2ms --period 20ms
promised="SCHED_DEADLINE 2000000/20000000"
check_equal "the kernel has it" "$(parameters "$tid")" "$promised"

pid=$(daemon_pid)
check "apt install again, as an upgrade does it" 0 '' install
check_soon "it was started again" 30 bash -c "systemctl is-active virtrkd && [ \$(systemctl show -P MainPID virtrkd) != $pid ]"
check_equal "the reservation was not touched" "$(parameters "$tid")" "$promised"
check_soon "and is known" 30 virtrk_says 'length == 1' top
check "release" 0 '' virtrk release pack

check "apt remove" 0 '' apt-get -o APT::Sandbox::User=root purge --yes virtrk
check_soon "nothing of it runs" 20 bash -c '! pgrep -x virtrkd'
check_equal "the thread is an ordinary one" "$(parameters "$tid")" SCHED_OTHER
check "the domain runs on" 0 'paused' vsh domstate pack
vm_done
