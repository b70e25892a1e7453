#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: C
# only: long
# limit: 400
#
# A libvirt host that lacks something: without machined libvirt lays its control groups otherwise, and a vCPU gets a CPU of its own there,
# too; who may not is refused by polkit, and nothing is changed; who may by the administrator's rule is served. And
# libvirt's profiles of AppArmor are in force: libvirtd starts the hook under its own, and QEMU is confined to what its domain needs.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin without-machined

cgroups=/sys/fs/cgroup
housekeeping() { cat "$cgroups/cpuset.cpus.effective"; }
cpus_of() { taskset -pc "$1" | sed 's/.*: //'; }
group_of() { sed -n 's/^0:://p' "/proc/$1/cgroup"; }
none_reserved() { virtrk_says '. == []' top; }
back() { [ "$(housekeeping)" = 0-3 ] && [ -z "$(find "$cgroups" -name rk)" ]; }
as_nobody() {
	setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all "$@"
}

# --- machined goes, for as long as this runs ---------------------------------------------------------------------------------

activation=/usr/share/dbus-1/system-services/org.freedesktop.machine1.service
at_end_machined() {
	mv "$e2e_dir/machine1" "$activation"
	systemctl unmask --runtime systemd-machined.service systemd-machined.socket >/dev/null 2>&1
	busctl --system call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus ReloadConfig >/dev/null
	systemctl restart libvirtd
	wait_for 30 vsh list >/dev/null
}
systemctl mask --runtime --now systemd-machined.service systemd-machined.socket >/dev/null 2>&1
mv "$activation" "$e2e_dir/machine1"
busctl --system call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus ReloadConfig >/dev/null
systemctl restart libvirtd
wait_for 30 vsh list >/dev/null

daemon_start
domain_define rt
domain_define other
check "intent is written" 0 '' virtrk define rt --vcpu 0 --budget 20ms --period 100ms --cpu 2
check "the domain starts, and the hook lets it" 0 '' domain_start rt
tid=$(thread_find "${guest_pid[rt]}" 'CPU 0/KVM')
echo "its vCPU is in $(group_of "$tid")"
has() { [ "$(parameters "$tid") $(cpus_of "$tid")" = "$1" ]; }
check_soon "it has its reservation, on a CPU of its own" 40 has "SCHED_DEADLINE 20000000/100000000 2"
check "there is no machined" 1 '' pidof systemd-machined
check "so libvirt's layout is the other one" 0 '' grep -q '\.libvirt-qemu/' "/proc/$tid/cgroup"
check_equal "the partition is whole" "$(cat "$cgroups$(group_of "$tid")/cpuset.cpus.partition") $(housekeeping)" "root 0-1,3"
vsh vcpupin rt 0 1 >/dev/null 2>&1
check_equal "pinned elsewhere by libvirt: it still is" "$(cat "$cgroups$(group_of "$tid")/cpuset.cpus.partition") $(cpus_of "$tid")" "root 2"
systemctl restart libvirtd
check_soon "libvirtd started again: it knows the domain" 30 vsh domstate rt
check_equal "which has what it had" "$(parameters "$tid") $(cpus_of "$tid")" "SCHED_DEADLINE 20000000/100000000 2"

# --- polkit ---------------------------------------------------------------------------------------------------------------------

rule=/etc/polkit-1/rules.d/00-test.rules
denied() {	# "what" ARGUMENTS...
	local what=$1 before
	shift

	before=$(virtrk top --json | jq -S 'map({domain, thread, budget_ns, period_ns})'; parameters "$tid"; cpus_of "$tid")
	check "$what is denied, in one line" 1 '^virtrk: .*(not permitted|may not|only root|NotPermitted|org\.virtrk1)' as_nobody virtrk "$@"
	[ "$(wc -l <<<"$output")" -eq 1 ] || fail "$what: more than one line"
	[ "$before" = "$(virtrk top --json | jq -S 'map({domain, thread, budget_ns, period_ns})'; parameters "$tid"; cpus_of "$tid")" ] || fail "$what: something changed"
}
denied "a reservation" reserve rt --vcpu 0 --budget 30ms --period 100ms --replace
denied "a release" release rt
check "everybody may ask" 0 'fits' as_nobody virtrk check rt --emulator --budget 1ms --period 100ms
cat >"$rule" <<'END'
polkit.addRule(function(action, subject) {
	if (action.id == "org.virtrk1.reserve" && subject.user == "nobody")
		return polkit.Result.YES;
});
END
chmod 644 "$rule"
allowed() { as_nobody virtrk reserve rt --vcpu 0 --budget 30ms --period 100ms --replace; }
check_soon "by a rule of the administrator it is served" 20 allowed
check_equal "in the kernel" "$(parameters "$tid")" "SCHED_DEADLINE 30000000/100000000"
cat >"$rule" <<'END'
polkit.addRule(function(action, subject) {
	if (action.id.indexOf("org.virtrk1.") == 0 && subject.user == "nobody")
		return polkit.Result.NO;
});
END
asks_in_vain() { ! as_nobody virtrk check rt --emulator --budget 1ms --period 100ms; }
check_soon "another rule takes that away, and asking with it" 20 asks_in_vain
denied "a release by who may not even ask" release rt
rm "$rule"

# --- AppArmor -------------------------------------------------------------------------------------------------------------------

confined() { cat "/proc/$1/attr/current"; }
check_equal "AppArmor is in force" "$(cat /sys/module/apparmor/parameters/enabled)" Y
check "libvirt's profiles are loaded" 0 '' apparmor_parser -r /etc/apparmor.d/usr.sbin.libvirtd /etc/apparmor.d/usr.lib.libvirt.virt-aa-helper
systemctl restart libvirtd
wait_for 30 vsh list >/dev/null
check "libvirtd is confined" 0 'libvirtd.*enforce' confined "$(pidof -s libvirtd)"
vsh destroy rt
check_soon "the domain ends" 20 none_reserved
check "and starts again: the hook answers under AppArmor" 0 '' domain_start rt
tid=$(thread_find "${guest_pid[rt]}" 'CPU 0/KVM')
check "its QEMU is confined, too" 0 'libvirt-.*enforce' confined "${guest_pid[rt]}"
check_soon "with its reservation" 40 has "SCHED_DEADLINE 20000000/100000000 2"
vsh destroy rt
check "what cannot be is refused by the hook" 0 '' virtrk define rt --vcpu 0 --budget 20ms --period 100ms --cpu 77
check "so the hook is really asked" 1 'rt is not started: vcpu0: none of its CPUs' vsh start rt

# Memory of certain colours: the hook mounts it, and QEMU opens its file there.
check "the module is loaded" 0 '' insmod "/product/colorfs/$(uname -r)/colorfs.ko"
echo 'virtrk-profile 1 cache=12,13,14,15 bank=13^17,14^18' >/etc/virtrk/memory-profile
check "a domain with memory of its own" 0 '' virtrk define other --colors 4
check "starts under AppArmor" 0 '' domain_start other
check "its QEMU is confined" 0 'libvirt-.*enforce' confined "${guest_pid[other]}"
check "and has this memory" 0 'other .* 0-3 +all +no +/var/lib/libvirt' virtrk memory
check "and uses it" 0 ':/var/lib/libvirt/qemu/ram/' sed 's/.* \//:\//' "/proc/${guest_pid[other]}/maps"
vsh destroy other >/dev/null
check_soon "which goes with it" 30 virtrk_says '.pools == []' memory
check "the module, too" 0 '' rmmod colorfs
vsh destroy rt >/dev/null 2>&1
check_soon "all is given back" 20 back
at_end_machined
vm_done
