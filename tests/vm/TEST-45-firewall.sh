#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: A
# guests: kvm
# module: colorfs
# boot: preempt=full log_buf_len=4M
# limit: 600
#
# Memory of one's own is a fire wall. A guest of nested KVM on a mount of colorfs, with a reservation for its vCPU; beside it a second guest on
# other colours, a control group that runs out of memory again and again, and then processes that take all that the host has. Those who
# took too much are killed; the guest keeps each page frame that it had, what is stored beside it on the mount stays as it was, and its
# mean wake-up latency moves by at most a tenth: the clock counts instructions. The kernel is preemptible: one that is not lets the
# guest wait for whoever is in it, whatever that does. The worst latency is printed and not judged: one wake-up can meet the kernel
# where it cannot be preempted, as when it ends the process that it has chosen.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
vm_begin firewall

export VIRTRK_BUS=$e2e_dir/bus
# shellcheck disable=SC2034  # for tests/e2e/lib.sh
accel=kvm kernel=/product/domain/kernel initramfs=/product/domain/initramfs
probe=/product/colorfs/colorfs-probe churn=/product/colorfs/colorfs-churn
profile='virtrk-profile;1;cache=12:13:14:15;bank=13^17:14^18'
cgroup=/sys/fs/cgroup
mount -t debugfs none /sys/kernel/debug
echo HRTICK_DL >/sys/kernel/debug/sched/features	# as virtrk doctor advises

guest_on() {	# NAME DIRECTORY: its memory is a file there
	guest_start "$1" 1 -machine pc,memory-backend=ram -object "memory-backend-file,id=ram,size=128M,mem-path=$2,share=on"
	guest_wait "$1" 200 || { tail -n 5 "$e2e_dir/$1.console" "$e2e_dir/$1.qemu"; fail "guest $1 does not boot"; vm_done; }
}
pages_of() { "$churn" pages "${guest_pid[$1]}" "$2" | LC_ALL=C sort; }
colors_of() { "$probe" process "$profile" "${guest_pid[$1]}" "$2" | awk '{ print $1 }' | sort -n -u | paste -s -d ' '; }
alive() { kill -0 "$1" 2>/dev/null && ! grep -q 'State:.Z' "/proc/$1/status"; }
killed_for() { dmesg | grep -c "$1.*: Killed process"; }
# kept "what": the frames that it had are still there, in their places, and so is what is stored beside it
kept() {
	pages_of rt "$e2e_dir/mine" >"$e2e_dir/pages.now"
	check_equal "$1: no frame of the guest is gone or another" \
		"$(awk 'NR == FNR { now[$0] = 1; next } !($0 in now)' "$e2e_dir/pages.now" "$e2e_dir/pages.before" | wc -l)" 0
	check_equal "$1: what is stored is as it was" "$(sha256sum <"$e2e_dir/mine/data")" "$data"
	check "$1: the guest obeys" 0 '' guest_ask rt 60 ping
}
latency() {	# sets mean and worst, us
	check "$1" 0 'Avg: *([0-9]+) Max: *([0-9]+)' guest_ask rt 100 cyclictest -q -t 1 -p 80 -i 1000 -l 2000
	[[ $output =~ Avg:\ *([0-9]+)\ Max:\ *([0-9]+) ]]
	mean=${BASH_REMATCH[1]-0} worst=${BASH_REMATCH[2]-0}
	echo "mean $mean us, worst $worst us"
}

# --- two guests ---------------------------------------------------------------------------------------------------------

insmod "/product/colorfs/$(uname -r)/colorfs.ko" || { fail "the module does not load"; vm_done; }
mkdir "$e2e_dir/mine" "$e2e_dir/other"
check "memory of four colours" 0 '' mount -i -t colorfs -o "size=160M,colors=0-3,profile=$profile" none "$e2e_dir/mine"
check "and of four others" 0 '' mount -i -t colorfs -o "size=140M,colors=4-7,profile=$profile" none "$e2e_dir/other"
guest_on rt "$e2e_dir/mine"
guest_on other "$e2e_dir/other"
check_equal "all pages of one have its colours" "$(colors_of rt "$e2e_dir/mine")" "0 1 2 3"
check_equal "and those of the other have none of them" "$(colors_of other "$e2e_dir/other")" "4 5 6 7"
dd if=/dev/urandom of="$e2e_dir/mine/data" bs=1M count=8 2>/dev/null
data=$(sha256sum <"$e2e_dir/mine/data")
child_start "$e2e_dir/virtrkd" virtrkd --bus="$VIRTRK_BUS" --state="$e2e_dir/state" --libvirt=none --on-drift=report
check_soon "virtrkd finds both" 30 virtrk_says 'length == 2' list
check "a reservation" 0 '' virtrk reserve rt --vcpu 0 --budget 3400us --period 4ms
echo "oom_score $(cat "/proc/${guest_pid[rt]}/oom_score")"
echo -999 >"/proc/${guest_pid[rt]}/oom_score_adj"	# as the hook does for a domain of libvirt
pages_of rt "$e2e_dir/mine" >"$e2e_dir/pages.before"
check_between "pages that the guest has" "$(wc -l <"$e2e_dir/pages.before")" 4000 32768

child_start /dev/null bash -c 'while :; do :; done'
spin=$child
# Looks differ, why is not known: of eleven one was 33 us, the others 37 to 39. So the middle one of three is what it was.
looks=()
for look in 1 2 3; do
	latency "latency beside a process that wants the CPU and no memory, look $look"
	looks+=("$mean")
done
mean_before=$(printf '%s\n' "${looks[@]}" | sort -n | sed -n 2p)
child_end "$spin"

# --- a control group that wants more than it may have -----------------------------------------------------------------------

echo +memory >$cgroup/cgroup.subtree_control
mkdir $cgroup/hog
echo 64M >$cgroup/hog/memory.max
# shellcheck disable=SC2016
child_start /dev/null bash -c 'echo 0 >"$1/cgroup.procs"; while :; do "$2" hog 100; done' hog $cgroup/hog $churn
hog=$child
latency "latency beside it"
kills=$(sed -n 's/^oom_kill //p' $cgroup/hog/memory.events)
check_between "the hog was killed so many times in the meantime" "$kills" 3 100000
check_between "mean latency, of what it was" "$(awk -v a="$mean" -v b="$mean_before" 'BEGIN { printf "%.3f", a / (b + 1) }')" 0 1.1	# cut to whole us
child_end "$hog" KILL
echo 1 >$cgroup/hog/cgroup.kill
check_equal "nobody else was killed" "$(killed_for 'Out of memory')" 0
kept "after the control group"

# --- all that the host has -----------------------------------------------------------------------------------------------------

# shellcheck disable=SC2016
child_start "$e2e_dir/hogs" bash -c 'for ((i = 0; i < 60; i++)); do "$1" hog 40 & done; wait' hogs $churn
latency "latency while the host has no memory"
check_soon "the host has killed for want of memory" 100 bash -c 'dmesg | grep -q "Out of memory: Killed process"'
echo "killed: $(dmesg | sed -n 's/.*Out of memory: Killed process [0-9]* (\([^)]*\)).*/\1/p' | sort | uniq -c | xargs)"
check "the other guest, which nobody protects, was the largest: it was killed, though that freed none of its memory's pages" 1 '' \
	alive "${guest_pid[other]}"
check "the reserved one lives" 0 '' alive "${guest_pid[rt]}"
check_between "mean latency, of what it was" "$(awk -v a="$mean" -v b="$mean_before" 'BEGIN { printf "%.3f", a / (b + 1) }')" 0 1.1	# cut to whole us
for pid in $(pidof colorfs-churn); do
	kill -KILL "$pid" 2>/dev/null
done
kept "after the host had no memory"
check_equal "all pages still have its colours" "$(colors_of rt "$e2e_dir/mine")" "0 1 2 3"

check_equal "the kernel has nothing to complain about" "$(dmesg | grep -cE 'BUG|WARNING|Bad page|leaked')" 0
vm_done
