#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# virtrk and the real virtrkd, which reads a made-up host here (--root): one CPU, one QEMU with two vCPUs. It decides as
# everywhere and writes nothing, so this needs no right and disturbs nobody.
# shellcheck disable=SC2317 # functions are called by name, through check
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"

host=$tmp/host
# file PATH TEXT: a file of the made-up host
file() {
	mkdir -p "$host/$(dirname "$1")"
	printf '%s\n' "$2" >"$host/$1"
}
# thread PID TID NAME
thread() {
	file "proc/$1/task/$2/comm" "$3"
	file "proc/$2/stat" "$2 ($3) S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 1000 0 0 0 0 0"
}
# qemu PID NAME: a QEMU with the name NAME,debug-threads=on
qemu() {
	file "proc/$1/comm" qemu-system-x86
	printf 'qemu-system-x86_64\0-accel\0tcg\0-name\0%s,debug-threads=on\0' "$2" >"$host/proc/$1/cmdline"
	ln -s /usr/bin/qemu-system-x86_64 "$host/proc/$1/exe"
	thread "$1" "$1" qemu-system-x86
}
file sys/devices/system/cpu/online 0
file sys/devices/system/cpu/possible 0
file proc/sys/kernel/osrelease 6.12.0-made-up
file proc/sys/kernel/sched_rt_runtime_us 950000
file proc/sys/kernel/sched_rt_period_us 1000000
file proc/sys/kernel/sched_deadline_period_min_us 100
file proc/sys/kernel/sched_deadline_period_max_us 4194304
file sys/kernel/debug/sched/features "HRTICK_DL"
file proc/self/mountinfo "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
qemu 100 rt
thread 100 101 "CPU 0/TCG"
thread 100 102 "CPU 1/TCG"
thread 100 103 "IO disk"

mkdir -p "$tmp/state" "$tmp/config"
"$VIRTRKD" --root="$host" --state="$tmp/state" --config="$tmp/config" --libvirt=none --bus="$tmp/bus" 2>"$tmp/log" &
servers+=($!)
serves() {
	kill -0 "${servers[0]}" 2>/dev/null || { cat "$tmp/log"; return 0; }
	test -S "$tmp/bus"
}
wait_for "virtrkd" serves
export VIRTRK_BUS=$tmp/bus

check "list" "virtrk list" 0 "^rt    100  running  qemu    tcg               0$"
check "list --json" "virtrk list --json | jq -c '.[0] | [.name, .pid, .reservations]'" 0 '^\["rt",100,0\]$'
check "show" "virtrk show rt" 0 "^vcpu1      102  CPU 1/TCG             -"
check "show --json" "virtrk show rt --json | jq -r '[.threads[].name] | sort | join(\" \")'" 0 "^emulator iothread0 vcpu0 vcpu1$"
check "show: unknown" "one_line virtrk show nobody" 1 "no domain is called nobody: running is rt$"
check "commit: no token" "one_line virtrk commit abc" 1 "nothing is prepared under that token: mistyped, committed or aborted already, "
check "capacity" "virtrk capacity" 0 "^root-domain  0     .* qpa +0 +0\.00 +0\.00 "
check "capacity: largest budgets" "virtrk capacity | grep -cE '^ *(1|5|10|20|50|100)ms  +[0-9]+\.[0-9]{3}ms  +[0-9.]+%$'" 0 "^6$"
check "capacity --json" "virtrk capacity --json | jq -c '[.[0].name, .[0].ncpus, (.[0].largest | length)]'" 0 '^\["root-domain",1,6\]$'
check "cache: no resctrl" "one_line virtrk cache" 1 "is not mounted \(mount -t resctrl"
mkdir -p "$host/sys/fs/resctrl/info"
file sys/fs/resctrl/schemata "L3:0=00f"
file sys/fs/resctrl/tasks ""
file sys/fs/resctrl/info/L3/cbm_mask fff
file sys/fs/resctrl/info/L3/min_cbm_bits 1
file sys/fs/resctrl/info/L3/num_closids 4
file sys/fs/resctrl/virtrk-b%2f1/schemata "L3:0=0f0"
file sys/fs/resctrl/virtrk-b%2f1/tasks ""
check "cache: who has what" "virtrk cache" 0 "^virtrk-b%2f1  b/1     L3:0=f0$"
check "cache --json" "virtrk cache --json | jq -c '.[0]'" 0 '^\{"group":"","domain":"","schemata":"L3:0=f\\n"\}$'
check "cache: would fit, but nothing is written here" "one_line virtrk cache rt --ways 4" 1 "dry-run"
check "cache: too many ways" "one_line virtrk cache rt --ways 5" 3 "the most that nobody has is 4"
check "cache: no such domain" "one_line virtrk cache nobody --ways 4" 1 "no domain is called nobody: running is rt$"
check "cache: it has none" "one_line virtrk cache rt --remove" 1 "has no ways"
check "cache: neither" "one_line virtrk cache rt" 2 "cache rt: needs --ways, --bandwidth or both; or --remove alone$"
check "cache: both" "one_line virtrk cache rt --ways 4 --remove" 2 "cache rt: needs --ways, --bandwidth or both; or --remove alone$"
for option in "ways 4" "bandwidth 50" remove; do
	check "cache --$option: whose?" "one_line virtrk cache --$option" 2 "cache --${option% *} needs a DOMAIN$"
done
for ways in 0 65 x 4x -1; do
	check "cache --ways=$ways" "one_line virtrk cache rt --ways=$ways" 2 "--ways $ways: a number from 1 to 64"
done
check "cache --bandwidth" "one_line virtrk cache rt --bandwidth 101%" 2 "from 1 to 100"
rm -r "$host/sys/fs/resctrl"

check "memory: a kernel that does not tell" "one_line virtrk memory" 1 "which memory there is"
blocks=sys/devices/system/memory
file $blocks/block_size_bytes 8000000
for i in 0 1; do
	file $blocks/memory$i/phys_index 0000000$i
	file $blocks/memory$i/state online
done
check "memory: no profile" "virtrk memory" 0 "^256MiB; how this host maps addresses to colours is not known"
check "memory check: no profile, no colours" "one_line virtrk memory check rt --size 1MiB --colors 2" 1 "this host has 1: it has no memory profile \(virtrk memory profile\)$"
file etc/virtrk/memory-profile "virtrk-profile 1 cache=12,13,14,15 bank=16,17"
file proc/self/mountinfo "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
31 1 0:44 / /run/virtrk/mem/b rw - colorfs virtrk:b rw,size=16384k,colors=0-3,uid=0"
check "memory: the host" "virtrk memory" 0 "^256MiB in 16 cache colours and 4 DRAM banks; named by nobody: colours 4-15, banks 0-3\.$"
check "memory: who has what" "virtrk memory" 0 "^b  +16MiB  +[0-9?A-Za-z]+  0-3  +all  +no  +/run/virtrk/mem/b$"
check "memory --json" "virtrk memory --json | jq -c '[.n_colors, .free_colors, .pools[0].domain]'" 0 '^\[16,"4-15","b"\]$'
check "memory check: it fits" "virtrk memory check rt --size 64MiB --colors 4" 0 "^it fits: size=67108864,colors=4-7,profile="
check "memory check: a list" "virtrk memory check rt --size 1MiB --colors 3-4 --banks 1,3" 0 "colors=3-4,banks=1:3,"
check "memory check: the guest's addresses choose" "virtrk memory check rt --size 1MiB --colors 2 --layout preserve" 0 "colors=4-5,layout=preserve,"
check "memory check: of three they cannot" "one_line virtrk memory check rt --size 1MiB --colors 3 --layout=preserve" 1 "layout preserve: .*a power of two"
check "memory check: a layout" "one_line virtrk memory check rt --size 1MiB --layout=yes" 2 "--layout yes: preserve or any"
check "memory --json: the layout" "virtrk memory --json | jq -c '.pools[0].preserve'" 0 '^false$'
check "memory check: refused" "one_line virtrk memory check rt --size 65MiB --colors 4" 3 "65MiB wanted, 64MiB there; 1 more colour would do; 1MiB less would fit"
check "memory check: too many colours" "one_line virtrk memory check rt --size 1MiB --colors 13" 3 "12 are left of 16; 1 fewer would fit"
check "memory check: alone" "one_line virtrk memory check rt --size 1MiB --colors 0-1 --exclusive" 3 "colour 0 is in use by b"
check "memory check: it has memory" "one_line virtrk memory check b --size 1MiB" 1 "has memory already"
check "memory mount: no such module here" "one_line virtrk memory mount rt --size 1MiB --at $tmp/mem" 1 "(no such file system: is the module there|to mount needs root)"
check "memory mount: nothing is left of it" "virtrk memory --json | jq '.pools | length'" 0 "^1$"
check "memory mount: no directory either" "test -e $tmp/mem" 1 ""
check "memory mount: who?" "one_line virtrk memory mount rt --size 1MiB --owner nobody-of-that-name" 1 "no user is called so"
check "memory umount: it has none" "one_line virtrk memory umount rt" 1 "has no memory of its own"
check "memory: a word" "one_line virtrk memory give rt" 2 "expected check, mount, umount or profile"
check "memory check: whose?" "one_line virtrk memory check" 2 "needs a DOMAIN"
check "memory profile: of what?" "one_line virtrk memory profile rt" 2 "no DOMAIN"
check "memory profile: one of the two" "one_line virtrk memory profile --write --check" 2 "which\?"
check "memory profile: an option that has no place" "one_line virtrk memory profile --colors 2" 2 "no place there"
check "memory profile: too little" "one_line virtrk memory profile --size 1MiB" 2 "32MiB or more"
check "memory check: an option of profile" "one_line virtrk memory check rt --size 1MiB --write" 2 "no place there"
if [ "$(id -u)" = 0 ]; then	# what it finds is this machine's business
	check "memory profile --json" "virtrk memory profile --size 32MiB --json | jq -c '[keys, (.profile == null or (.profile | startswith(\"virtrk-profile 1 \"))), .written]'" 0 \
		'^\[\["banks","caches","colors","profile","virtual","written"\],true,false\]$'
fi
check "memory check: how much?" "one_line virtrk memory check rt" 2 "how much memory"
for size in 1 1GB 0.5GiB -1MiB; do
	check "memory --size $size" "one_line virtrk memory check rt --size=$size" 2 "--size $size: must be a whole number and its unit: B, KiB"
done
check "memory --size: half a page" "one_line virtrk memory check rt --size 2KiB" 1 "whole pages of 4096"
check "memory --colors 0" "one_line virtrk memory check rt --size 1MiB --colors 0" 2 "at least 1"
check "memory --colors: no list" "one_line virtrk memory check rt --size 1MiB --colors a-b" 2 "a number of them, at least 1, or a list"
check "memory --colors: the host has no such" "one_line virtrk memory check rt --size 1MiB --colors 3-16" 1 "colours 3-16: .*this host has 0-15"
check "memory: an option that has no place" "one_line virtrk memory --size 1MiB" 2 "no place without check or mount"
check "memory umount: an option that has no place" "one_line virtrk memory umount rt --colors 2" 2 "no place there"
file etc/virtrk/memory-profile "colours: 16"
check "memory: a profile that is none" "one_line virtrk memory" 1 "the memory profile: .*virtrk-profile"
rm "$host/etc/virtrk/memory-profile"
file var/lib/virtrk/memory-profile "virtrk-profile 1 cache=12,13
machine cpu=none microcode=0x21 board=none/none/none/none/none bios=none/none/none dimms=none memory=0-10000000"
check "memory: a profile of another machine" "one_line virtrk memory" 1 "is of a machine that differs in .*microcode \(0x21 then, .* now\).*: measure anew, by virtrk memory profile --write$"
rm -r "$host/etc/virtrk" "$host/var/lib/virtrk" "$host/sys/devices/system/memory"

check "top: nothing reserved" "virtrk top --interval 10ms | wc -l" 0 "^1$"
check "top --json: nothing reserved" "virtrk top --json | jq -c ." 0 '^\[\]$'
check "doctor" "virtrk doctor | tail -n 1" 0 "^[0-9]+ checks: .* ok$"
check "doctor --json: levels" "virtrk doctor --json | jq -r '.[].level' | sort -u | grep -vxE 'ok|note|warn|fail' | wc -l" 0 "^0$"

check "check: fits" "virtrk check rt --vcpu 0-1 --budget 2ms --period 10ms" 0 "^fits:    yes$"
check "check: does not fit" "virtrk check rt --vcpu 0-1 --budget 9.9ms --period 10ms" 3 "^fits:    no$"
check "check: says what would" "virtrk check rt --vcpu 0-1 --budget 9.9ms --period 10ms" 3 "^repair:  .*would fit with every budget in the same ratio smaller: vcpu0 with "
budget=$(virtrk check rt --vcpu 0-1 --budget 9.9ms --period 10ms --json 2>/dev/null | jq .repair_budget_ns)
check "check: and it is true" "virtrk check rt --vcpu 0-1 --budget ${budget}ns --period 10ms" 0 "^fits:    yes$"
largest=$(virtrk capacity --json | jq '.[0].largest[] | select(.period_ns == 10000000).budget_ns')
# One CPU: the test is exact, so one microsecond more must be refused.
check "capacity: it is true" "virtrk check rt --vcpu 0 --budget ${largest}ns --period 10ms" 0 "^fits:    yes$"
check "capacity: and no more" "virtrk check rt --vcpu 0 --budget $((largest + 1000))ns --period 10ms" 3 "^fits:    no$"
check "check: a document" "echo '{\"domain\":\"rt\",\"reservations\":[{\"thread\":\"iothread0\",\"budget\":\"1ms\",\"period\":\"10ms\"}]}' | virtrk check --file -" 0 "^fits:    yes$"

# The rules of one reservation are virtrkd's to tell: usage.
check "budget above the deadline" "one_line virtrk check rt --vcpu 0 --budget 6ms --period 10ms --deadline 5ms" 2 "budget.*deadline"
check "budget above the period" "one_line virtrk check rt --vcpu 0 --budget 11ms --period 10ms" 2 "budget"
check "deadline above the period" "one_line virtrk check rt --vcpu 0 --budget 1ms --period 10ms --deadline 20ms" 2 "deadline.*period"
check "budget of zero" "one_line virtrk check rt --vcpu 0 --budget 0ms --period 10ms" 2 "budget"
check "budget below 1024 ns" "one_line virtrk check rt --vcpu 0 --budget 1023ns --period 10ms" 2 "1024ns"
check "budget of 1024 ns" "virtrk check rt --vcpu 0 --budget 1024ns --period 10ms" 0 "^fits:    yes$"
check "period below 100 us" "one_line virtrk check rt --vcpu 0 --budget 10us --period 99us" 2 "period.*100us"
check "period above 2^22 us" "one_line virtrk check rt --vcpu 0 --budget 1ms --period 4194305us" 2 "period.*4\.194304s"
check "no such vCPU" "one_line virtrk check rt --vcpu 7 --budget 1ms --period 10ms" 1 "vcpu7"
check "no such domain" "one_line virtrk check nobody --vcpu 0 --budget 1ms --period 10ms" 1 "nobody"
check "no such thread" "one_line virtrk check --file - <<<'{\"domain\":\"rt\",\"reservations\":[{\"thread\":\"cpu0\",\"budget\":\"1ms\",\"period\":\"10ms\"}]}'" 2 "cpu0"
check "a thread twice" "one_line virtrk check --file - <<<'{\"domain\":\"rt\",\"reservations\":[{\"thread\":\"vcpu0\",\"budget\":\"1ms\",\"period\":\"10ms\"},{\"thread\":\"vcpu0\",\"budget\":\"1ms\",\"period\":\"10ms\"}]}'" 1 "vcpu0"
check "reserve: a virtrkd that only reads" "one_line virtrk reserve rt --vcpu 0 --budget 1ms --period 10ms" 1 "^virtrk: "
check "reserve: refused all the same" "virtrk reserve rt --vcpu 0-1 --budget 9.9ms --period 10ms" 3 "^virtrk: does not fit: "
check "release: nothing reserved" "one_line virtrk release rt" 1 "^virtrk: "

# Somebody who is not root may ask, and not act.
nobody() {
	as_nobody "$VIRTRK" "$@"
}
if nobody --version >/dev/null 2>&1; then
	check "not root: list" "nobody list" 0 "^rt "
	check "not root: check" "nobody check rt --vcpu 0 --budget 1ms --period 10ms" 0 "^fits:    yes$"
	check "not root: reserve" "one_line nobody reserve rt --vcpu 0 --budget 1ms --period 10ms" 1 "only root may change reservations"
	check "not root: release" "one_line nobody release rt" 1 "only root may change reservations"
else
	echo "skipped as nobody: this needs root, setpriv(1) and a build that nobody may read"
fi

# A second one on the same socket and state.
check "a second virtrkd" "timeout 10 $VIRTRKD --root=$host --state=$tmp/state --config=$tmp/config --libvirt=none --bus=$tmp/bus 2>&1" 1 "^virtrkd: another virtrkd "

connected() {
	find "/proc/$1/fd" -lname 'socket:*' | grep -q .
}
"$VIRTRK" monitor >"$tmp/events" 2>&1 &
monitor=$!
wait_for "the monitor" connected $monitor
kill "${servers[0]}"
wait "${servers[0]}"
check "virtrkd ends well" "echo $?" 0 "^0$"
wait $monitor
check "monitor ends with it" "echo $?" 0 "^1$"
check "and says so" "cat $tmp/events" 0 "^virtrk: virtrkd (has ended|closed the connection|at .* closed the connection)"

done_testing
