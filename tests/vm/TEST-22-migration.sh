#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: C
# limit: 600
#
# Capacity in two phases, with a live migration: prepared on the target, migrated, committed. Source and target are two libvirtd on one
# host, the second one with files, a socket and a host's UUID of its own, and the domain has another name there: so one
# virtrkd is both sides. A target that does not fit says so before anything moves; a token that nobody uses expires.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin migration

there="qemu+unix:///system?socket=$e2e_dir/there/libvirt-sock"
vsh_there() { virsh --quiet --connect "$there" "$@"; }
prepared() { virtrk capacity --json | jq -r '.[0].prepared'; }
document() {	# BUDGET
	cat >"$e2e_dir/rt2.json" <<-END
	{ "domain": "rt2", "reservations": [ { "thread": "vcpu0", "budget": "$1", "period": "100ms" } ] }
	END
}
has() { [ "$(parameters "$(thread_find "$1" 'CPU 0/KVM')")" = "$2" ]; }	# PID PARAMETERS
pid_of() { virtrk list --json | jq -r --arg name "$1" '.[] | select(.name == $name) | .pid'; }

# libvirtd_there: the second one, in a mount namespace where libvirt's directories are its own
libvirtd_there() {
	mkdir -p "$e2e_dir/there"
	chmod 755 "$e2e_dir" "$e2e_dir/there"
	cat >"$e2e_dir/libvirtd.conf" <<-END
	unix_sock_dir = "$e2e_dir/there"
	unix_sock_rw_perms = "0777"
	auth_unix_rw = "none"
	host_uuid = "0a5f0c34-6bb1-4f7e-9d0a-55f4a1d2c3b4"
	END
	cp /etc/libvirt/qemu.conf "$e2e_dir/qemu.conf"
	echo 'stdio_handler = "file"' >>"$e2e_dir/qemu.conf"	# there is no second virtlogd
	child_start "$e2e_dir/there.log" unshare --mount --propagation slave bash -c "
		for dir in /run/libvirt /var/lib/libvirt /var/cache/libvirt /etc/libvirt/qemu; do
			cp -a \$dir '$e2e_dir/there/.copy' 2>/dev/null
			mount -t tmpfs -o mode=755 tmpfs \$dir || exit 1
			(cd '$e2e_dir/there/.copy' && find . -type d -exec mkdir -p \$dir/{} \\; -exec chown --reference={} \$dir/{} \\;)
			rm -rf '$e2e_dir/there/.copy'
		done
		mount --bind '$e2e_dir/qemu.conf' /etc/libvirt/qemu.conf || exit 1
		exec libvirtd --config '$e2e_dir/libvirtd.conf' --pid-file '$e2e_dir/there/libvirtd.pid'"
	wait_for 60 vsh_there list
}

daemon_start
domain_define rt
check "a reservation that is the domain's own" 0 '' virtrk define rt --vcpu 0 --budget 20ms --period 100ms
check "started here" 0 '' domain_start rt
check_soon "it has it" 30 has "${guest_pid[rt]}" "SCHED_DEADLINE 20000000/100000000"
check "its guest obeys" 0 '' domain_wait rt
libvirtd_there || { cat "$e2e_dir/there.log"; skip "a second libvirtd does not start here"; }

# --- prepared -----------------------------------------------------------------------------------------------------------

document 400ms
check "what can be no reservation is refused, and nothing moves" 2 '' virtrk prepare --file "$e2e_dir/rt2.json"
document 20ms
check "prepared for half a second" 0 '^[0-9a-f]{32}$' virtrk prepare --file "$e2e_dir/rt2.json" --ttl 500ms
token=$output
expired() { [ "$(prepared)" = 0 ]; }
check_soon "its time is over" 20 expired
check "the token is worth nothing then" 1 'nothing is prepared' virtrk commit "$token"
check "prepared" 0 '^[0-9a-f]{32}$' virtrk prepare --file "$e2e_dir/rt2.json" --ttl 300s
token=$output
check "before the domain is there, it cannot be committed" 1 'no domain is called rt2' virtrk commit "$token"

# --- migrated -----------------------------------------------------------------------------------------------------------

check "the domain migrates" 0 '' timeout 200 virsh --quiet --connect qemu:///system migrate rt "$there" --live --unsafe --dname rt2 \
	--migrateuri tcp://127.0.0.1:49300
check_equal "it runs there" "$(vsh_there domstate rt2)" running
check_equal "and not here" "$(vsh domstate rt)" "shut off"
known() { [ -n "$(pid_of rt2)" ]; }
check_soon "virtrkd knows it" 30 known
check "committed" 0 '' virtrk commit "$token"
check_soon "it has what was prepared" 20 has "$(pid_of rt2)" "SCHED_DEADLINE 20000000/100000000"
check_json "nothing is held any more, and the source has given its own back" '.[0].reservations == 1 and .[0].prepared == 0' virtrk capacity --json
check "the token is used up" 1 'nothing is prepared' virtrk commit "$token"
check "its metadata went with it" 0 "thread name=.vcpu0. budget=.20ms." vsh_there dumpxml rt2
vsh_there destroy rt2
check_soon "destroyed there: nothing is left" 30 virtrk_says '. == []' top
vm_done
