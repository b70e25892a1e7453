#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: C
#
# The test bed itself: Debian 13 is up with systemd, D-Bus, machined and libvirt, and runs domains by nested KVM.
# shellcheck disable=SC2317  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin boot

check "systemd is up, and nothing failed" 0 '^running$' systemctl is-system-running --wait
check "it is Debian 13" 0 'VERSION_ID="13"' cat /etc/os-release
check_equal "cgroup v2 only" "$(stat -f -c %T /sys/fs/cgroup)" cgroup2fs
check "with the cpuset controller" 0 cpuset cat /sys/fs/cgroup/cgroup.controllers
check "the system bus answers" 0 ':1\.' busctl --no-pager list
check "libvirtd answers" 0 'QEMU 10\.' vsh version
check "machined answers" 0 '' machinectl --no-pager list
check "KVM is there for libvirt" 0 "<domain type='kvm'|<domain>kvm" vsh domcapabilities --virttype kvm

domain_define guest
check "a domain starts" 0 '' domain_start guest
pid=${guest_pid[guest]-0}
check "its guest obeys" 0 '' domain_wait guest
check "the guest runs on KVM" 0 '' thread_find "$pid" 'CPU 0/KVM'
check "in a scope of machine.slice" 0 'machine-qemu.*guest\.scope' cat "/proc/$pid/cgroup"
check "the guest computes" 0 '' guest_ask guest 60 burn 500ms
check "and ends" 0 '' vsh destroy guest
check "this source tree is at /src" 0 '' test -e /src/tests/vm/lib.sh
check "and cannot be written" 1 'Read-only' touch /src/new
echo "an artefact" >"$VM_ARTEFACTS/artefact"
vm_done
