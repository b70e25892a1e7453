#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# reserve, check, release: what goes over the bus for what was typed, what a refusal looks like, every error of virtrkd.
# shellcheck disable=SC2317 # functions are called by name, through check
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"
fake normal

# heard COMMAND...: runs it, then prints what the fake was asked
heard() {
	: >"$tmp/heard"
	"$@" >/dev/null 2>&1
	cat "$tmp/heard"
}
one="--vcpu 0 --budget 4ms --period 10ms"

check "reserve" "virtrk reserve rt $one" 0 "^reserved 4ms for vcpu0 of rt in every 10ms \(gfb\)$"
check "reserve: the request" "heard virtrk reserve rt $one" 0 "^request vcpu0 4000000 10000000 0 0$"
check "reserve: all flags" "virtrk reserve rt $one --deadline 8ms --soft" 0 "^reserved 4ms for vcpu0 of rt in every 10ms, within 8ms, soft \(gfb\)$"
check "reserve: deadline and soft" "heard virtrk reserve rt $one --deadline 8ms --soft" 0 "^request vcpu0 4000000 10000000 8000000 1$"
check "reserve: replace" "heard virtrk reserve rt $one --replace" 0 "^request vcpu0 4000000 10000000 0 2$"
check "reserve: a list" "heard virtrk reserve rt --vcpu 0-2,5 --budget=1ms --period=10ms | cut -d ' ' -f 2 | paste -sd ' '" 0 "^vcpu0 vcpu1 vcpu2 vcpu5$"
check "reserve: all kinds" "heard virtrk reserve rt --iothread 1 --emulator --vhost 0 --vcpu 3 --vcpu 1 --budget 1ms --period 10ms | cut -d ' ' -f 2 | paste -sd ' '" 0 \
	"^iothread1 emulator vhost0 vcpu3 vcpu1$"
check "reserve: the order of options is free" "heard virtrk --period 10ms reserve --budget 4ms rt --vcpu 0" 0 "^request vcpu0 4000000 10000000 0 0$"
check "reserve: fractions" "heard virtrk reserve rt --vcpu 0 --budget 2.5ms --period 0.01s" 0 "^request vcpu0 2500000 10000000 0 0$"
check "reserve: a CPU of its own" "heard virtrk reserve rt $one --cpu 2" 0 "^request vcpu0 4000000 10000000 0 0 CPUs=2$"
check "reserve: each its own of a list" "heard virtrk reserve rt --vcpu 0-1 --budget 1ms --period 10ms --cpu 2-3,5 | paste -sd ' '" 0 "^request vcpu0 1000000 10000000 0 0 CPUs=2-3,5 request vcpu1 .* CPUs=2-3,5$"
check "reserve: where it is, is told" "virtrk reserve rt $one --cpu 2" 0 "^reserved 4ms for vcpu0 of rt in every 10ms \(gfb; root-domain, 2 CPUs, global EDF\)$"
check "check: a CPU of its own" "heard virtrk check rt $one --cpu 2" 0 "CPUs=2$"
for cpu in x 2- 2,,3 -1 02; do
	check "no list of CPUs: $cpu" "one_line virtrk reserve rt $one --cpu=$cpu" 2 "--cpu $cpu: not a list of numbers such as 2 or 2-3,5"
done
check "a range of CPUs that runs backwards" "one_line virtrk reserve rt $one --cpu 3-2" 2 "--cpu 3-2: the range 3-2 runs backwards"
check "reserve --json" "virtrk reserve rt $one --json | jq -c '[.fits, .test, .index]'" 0 '^\[true,"gfb",0\]$'

check "reserve: refused" "virtrk reserve rt --vcpu 0 --budget 9ms --period 10ms" 3 "^virtrk: does not fit: vcpu0 may be late"
check "reserve: what would fit" "virtrk reserve rt --vcpu 0 --budget 9ms --period 10ms" 3 "^virtrk: vcpu0 would fit with a budget of 8\.5ms instead of 9ms$"
check "reserve: refused, nothing on stdout" "virtrk reserve rt --vcpu 0 --budget 9ms --period 10ms 2>/dev/null" 3 ""
check "reserve --json: refused" "virtrk reserve rt --vcpu 0 --budget 9ms --period 10ms --json 2>/dev/null | jq -c '[.fits, .repair_budget_ns, .index]'" 0 '^\[false,8500000,0\]$'
check "reserve --json: refused, exit" "virtrk reserve rt --vcpu 0 --budget 9ms --period 10ms --json >/dev/null 2>&1" 3 ""

check "check: fits" "virtrk check rt $one" 0 "^fits:    yes$"
check "check: test" "virtrk check rt $one" 0 "^test:    gfb \(root-domain, 2 CPUs, global EDF\)$"
check_not "check: no repair when it fits" "virtrk check rt $one" 0 "^(repair|thread):"
check "check: does not fit" "virtrk check rt --vcpu 0 --budget 9ms --period 10ms" 3 "^fits:    no$"
check "check: whom it hits" "virtrk check rt --vcpu 0 --budget 9ms --period 10ms" 3 "^thread:  vcpu0$"
check "check: repair" "virtrk check rt --vcpu 0 --budget 9ms --period 10ms" 3 "^repair:  vcpu0 would fit with a budget of 8\.5ms instead of 9ms$"
check "check: the answer is on stdout" "virtrk check rt --vcpu 0 --budget 9ms --period 10ms 2>&1 >/dev/null" 3 ""
check "check --json" "virtrk check rt --vcpu 0 --budget 9ms --period 10ms --json | jq -c '[.fits, .lhs, .rhs, .unit, .at_ns]'" 0 '^\[false,9000000,8500000,"ns",10000000\]$'
check "check: takes --replace and --soft" "virtrk check rt $one --replace --soft" 0 "^fits: +yes$"

check "release: all" "virtrk release rt" 0 "^released all of rt$"
check "release: all, the request" "heard virtrk release rt" 0 ""
check "release: some" "virtrk release rt --vcpu 0,2 --emulator" 0 "^released emulator of rt$"
check "release: some, the request" "heard virtrk release rt --vcpu 0,2 --emulator | paste -sd ' '" 0 "^release vcpu0 release vcpu2 release emulator$"

# What is wrong with what was typed: one line, exit 2, and virtrkd is not even asked.
check "no domain" "one_line virtrk reserve $one" 2 "reserve needs a DOMAIN, or a --file that names it"
check "no thread" "one_line virtrk reserve rt --budget 4ms --period 10ms" 2 "which thread\?"
check "no budget" "one_line virtrk reserve rt --vcpu 0 --period 10ms" 2 "--budget is missing"
check "no period" "one_line virtrk check rt --vcpu 0 --budget 4ms" 2 "--period is missing"
check "a budget without unit" "one_line virtrk reserve rt --vcpu 0 --budget 4 --period 10ms" 2 "--budget 4: the unit is missing, write 4ns, 4us, 4ms or 4s"
check "an unknown unit" "one_line virtrk reserve rt --vcpu 0 --budget 4m --period 10ms" 2 "--budget 4m: unknown unit \"m\""
check "a negative budget" "one_line virtrk reserve rt --vcpu 0 --budget -4ms --period 10ms" 2 "--budget -4ms: a time has no sign"
check "a period with a plus" "one_line virtrk reserve rt --vcpu 0 --budget 4ms --period=+10ms" 2 "--period \+10ms: a time has no sign"
check "overflow" "one_line virtrk reserve rt --vcpu 0 --budget 99999999999s --period 10ms" 2 "--budget 99999999999s: too long"
check "finer than a nanosecond" "one_line virtrk reserve rt --vcpu 0 --budget 0.5ns --period 10ms" 2 "--budget 0\.5ns: finer than 1 ns"
check "no number" "one_line virtrk reserve rt --vcpu 0 --budget ms --period 10ms" 2 "--budget ms: not a time"
check "blanks" "one_line virtrk reserve rt --vcpu 0 --budget '4 ms' --period 10ms" 2 "unknown unit \" ms\""
check "another option as argument" "one_line virtrk reserve rt --vcpu 0 --budget --period 10ms" 2 "--budget needs a TIME"
check "a deadline of zero" "one_line virtrk reserve rt $one --deadline 0ms" 2 "--deadline 0ms: a deadline cannot be zero; left out, it is the period"
for list in '' ',' '0,' ',0' 0,,1 a -1 0- 0-1-2 00 01 0x1 1.0 " 1" 9999999; do
	check "--vcpu '$list'" "one_line virtrk reserve rt --vcpu='$list' --budget 4ms --period 10ms" 2 "--vcpu.*(not a list of numbers|empty)"
done
check "a range that runs backwards" "one_line virtrk reserve rt --vcpu 3-1 --budget 4ms --period 10ms" 2 "the range 3-1 runs backwards"
check "a range of a million" "one_line virtrk reserve rt --vcpu 0-999999 --budget 4ms --period 10ms" 2 "more than 4096 threads in one request"
check "a thread twice" "one_line virtrk reserve rt --vcpu 0-2,1 --budget 4ms --period 10ms" 2 "vcpu1 is named twice"
check "a thread twice, in two options" "one_line virtrk release rt --vcpu 1 --vcpu 1" 2 "vcpu1 is named twice"
check "--emulator twice is once" "heard virtrk release rt --emulator --emulator" 0 "^release emulator$"
: >"$tmp/heard"
virtrk reserve rt --vcpu 0 --budget 4 --period 10ms 2>/dev/null
check "virtrkd was not asked" "cat $tmp/heard" 0 ""

# Every error of virtrkd, and the exit code it becomes.
while read -r name code; do
	for verb in "reserve raise-$name $one" "check raise-$name $one" "release raise-$name"; do
		check "$name: $verb" "one_line virtrk $verb" "$code" "^virtrk: the fake was asked to raise $name$"
	done
done <<'TABLE'
Failed 1
NoMemory 1
Overload 3
KernelBusy 3
BadBudget 2
BadDeadline 2
BadPeriod 2
BadThread 2
NoSuchDomain 1
NoSuchThread 1
Duplicate 1
NotReserved 1
ThreadGone 1
NotPermitted 1
Affinity 1
Unsupported 1
BadConfig 1
BadState 1
AlreadyRunning 1
ReadBack 1
DryRun 1
BadCPU 1
NoSuchToken 1
BadTTL 2
TABLE
check "the table above has them all" "grep -c '^#define VIRTRK_ERROR_[A-OQ-Z]' '$SOURCE/include/virtrk/dbus.h'" 0 "^24$"
check "an error nobody knows" "one_line virtrk release raise-Novel" 1 "^virtrk: Release: the fake was asked to raise Novel$"
check "the bus forbids it" "one_line virtrk reserve bus-AccessDenied $one" 1 "the bus does not let you do that \(Reserve\): be root"
check "a method that is not there" "one_line virtrk reserve bus-UnknownMethod $one" 1 "virtrkd does not know Reserve: virtrk and virtrkd are of different versions"
check "virtrkd went in the middle" "one_line virtrk reserve die $one" 1 "virtrkd closed the connection before it answered \(Reserve\)"

done_testing
