#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The reading verbs: list, show, capacity, doctor, as text and as JSON, in every state that virtrkd can tell of.
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"

fake normal
check "list" "virtrk list" 0 "^rt     1234  running  libvirt  kvm               2$"
check "list: head" "virtrk list | head -n 1" 0 "^NAME    PID  STATE    ORIGIN   ACCEL  RESERVATIONS$"
check "list: a row per domain" "virtrk list | wc -l" 0 "^3$"
check "list --json" "virtrk list --json | jq -c '.[0]'" 0 \
	'^\{"name":"rt","pid":1234,"origin":"libvirt","state":"running","accelerator":"kvm","reservations":2,"path":"/org/virtrk1/domain/rt"\}$'
check "options may stand first" "virtrk --json list | jq length" 0 "^2$"

check "show" "virtrk show rt" 0 "^vcpu0     1240  CPU 0/KVM           4ms    10ms      10ms  hard  0-1   12\.3s         77       8  -$"
check "show: a thread without reservation" "virtrk show rt" 0 "^emulator  1234  qemu-system-x86       -"
check "show: released in this moment" "virtrk show rt" 0 "^vcpu1     1241  CPU 1/KVM             -"
check "show: uuid" "virtrk show rt" 0 "^uuid:    0e1c6ffe-"
check "show: no uuid, no line" "virtrk show noisy | grep -c uuid" 1 "^0$"
check "show: metadata that are refused" "virtrk show noisy" 0 "^refused: its metadata ask for what it does not get: vcpu0 would fit"
check "show: none are refused, no line" "virtrk show rt | grep -c refused" 1 "^0$"
check "show --json: why" "virtrk show noisy --json | jq -r .refused" 0 "^vcpu0 would fit with"
check "show --json" "virtrk show rt --json | jq -c '[.name, .pid, .vcpus_unknown, .threads[1].reservation.budget_ns]'" 0 \
	'^\["rt",1234,false,4000000\]$'
check "show --json: no reservation is null" "virtrk show rt --json | jq -c '[.threads[].reservation == null]'" 0 '^\[true,false,true\]$'
check "show: unknown domain" "one_line virtrk show nobody" 1 "^virtrk: no domain nobody$"

check "capacity" "virtrk capacity" 0 "^root-domain  0-1   root-domain  gedf             2      0\.40     0\.10         0\.50          1\.80$"
check "capacity: largest" "virtrk capacity" 0 "^  10ms         6\.543ms  65\.4%$"
check "capacity: nothing fits" "virtrk capacity" 0 "^   1ms    nothing fits      -$"
check "capacity --json" "virtrk capacity --json | jq -c '[.[0].kernel_limit, .[0].ncpus, .[0].largest[1].budget_ns]'" 0 '^\[1887438,2,6543000\]$'

check "doctor: a failure is exit 1" "virtrk doctor" 1 "^fail  root         virtrkd is not root$"
check "doctor: the command that mends" "virtrk doctor" 1 "^ +mend: echo HRTICK_DL > /sys/kernel/debug/sched/features$"
check "doctor: sum" "virtrk doctor" 1 "^4 checks: 1 failure, 1 warning, 1 note, 1 ok$"
check "doctor: no colour into a pipe" "virtrk doctor | grep -c \$'\\e'" 1 "^0$"
check "doctor --json" "virtrk doctor --json | jq -c '.[1]'" 0 '^\{"level":"warn","check":"hrtick","text":"HRTICK_DL is off.*","mend":"echo'
check "doctor --json: exit 1 too" "virtrk doctor --json >/dev/null" 1 ""

fake empty
check "list: nobody" "virtrk list" 0 "^NAME  PID  STATE  ORIGIN  ACCEL  RESERVATIONS$"
check "list --json: nobody" "virtrk list --json | jq -c ." 0 '^\[\]$'
check "show: nobody" "one_line virtrk show rt" 1 "no domain rt"
check "capacity: no partition" "virtrk capacity | wc -l" 0 "^1$"
check "doctor: all well" "virtrk doctor" 0 "^2 checks: 1 note, 1 ok$"

fake odd
check "list: a name with escapes is made harmless" "virtrk list" 0 "^a\?\[31m red\?line \?gnp  4194304  paused"
check "list: wide characters align" "virtrk list" 0 "^日本語                      7  shutoff"
check_not "list: nothing but printable characters" "virtrk list" 0 $'[\e\a\b]'
check "list --json: names are exact" "virtrk list --json | jq -c '.[0].name | length'" 0 "^20$"
check "show: vCPUs unknown" "virtrk show \$'a\\e[31m red\\nline \\u202egnp'" 0 "^vcpus:   unknown: this QEMU names no threads"
check "show: not metered is ?" "virtrk show \$'a\\e[31m red\\nline \\u202egnp'" 0 "^vcpu0 .*1024ns   100us     100us  hard  0-1   12\.3s          \?       \?  policy$"
check "capacity: no limit" "virtrk capacity" 0 " none$"
check "capacity --json: no limit is null" "virtrk capacity --json | jq -c '.[0].kernel_limit'" 0 "^null$"
check "check --json: no thread in particular is null" "virtrk check rt --vcpu 0 --budget 9ms --period 10ms --json | jq .index" 0 "^null$"
check_not "check: no thread in particular" "virtrk check rt --vcpu 0 --budget 9ms --period 10ms" 3 "^thread:"
check_not "doctor: escapes in a finding" "virtrk doctor" 1 $'\e'

fake old
check "list: another version" "one_line virtrk list" 1 "virtrkd's answer to ListDomains is of another type: virtrk and virtrkd are of different versions"
check "top: another version" "one_line virtrk top --json" 1 "virtrkd's answer to Statistics lacks thread; virtrk and virtrkd are of different versions"
check "check: another version" "one_line virtrk check rt --vcpu 0 --budget 1ms --period 10ms" 1 "lacks test"

fake types
check "capacity: a list of other things" "one_line virtrk capacity" 1 "virtrkd's answer to Capacity is no list of lists"
check "top: a member of another type" "one_line virtrk top --json" 1 "has thread of another type"

done_testing
