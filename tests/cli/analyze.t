#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# analyze: the example of the manual and its golden numbers, each way to be wrong, batches.
# shellcheck disable=SC2317 # functions are called by name, through check
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"

example() {
	cat <<'J'
{"host":{"cpus":1,"scheduler":"edf","fair_server":false,"tick":0},
 "vms":[{"name":"a","scheduler":"fp","vcpus":[{"budget":"4ms","period":"10ms","deadline":"10ms","cpu":0,
   "tasks":[{"name":"t1","wcet":"1ms","period":"20ms"},{"name":"t2","wcet":"3ms","period":"40ms"},{"name":"t3","wcet":"4ms","period":"80ms"}]}]}]}
J
}
# with FILTER: the example changed by jq, through analyze
with() {
	example | jq -c "$1" | virtrk analyze --json -
}
# table FILTER
table() {
	example | jq -c "$1" | virtrk analyze -
}
task='.vms[0].vcpus[0].tasks[0]'
vcpu='.vms[0].vcpus[0]'

check "golden responses" "with . | jq -c '[.tasks[].response]'" 0 '^\[13000000,16000000,33000000\]$'
check "golden responses, D = 6 ms" "with '$vcpu.deadline = \"6ms\"' | jq -c '[.tasks[].response]'" 0 '^\[9000000,12000000,29000000\]$'
check "the answer's keys" "with . | jq -c '[keys, (.cpus[0] | del(.certificate)), .refusal]'" 0 '^\[\["cpus","refusal","schedulable","tasks","vcpus"\],\{"cpu":0,"ok":true,"test":"qpa"\},null\]$'
check "a certificate of each CPU" "with . | jq -c '.cpus[0].certificate'" 0 '^\{"test":"qpa","horizon":0,"points":\[\]\}$'
check "a certificate of each vCPU" "with . | jq -c '.vcpus[0].certificate'" 0 '^\{"test":"guest-fp","horizon":0,"points":\[13000000,16000000,33000000\],"responses":\[13000000,16000000,33000000\]\}$'
check "and under EDF" "with '.vms[0].scheduler = \"edf\"' | jq -c '.vcpus[0].certificate | .test, (.points | length), (.horizon > 0)' | paste -sd ' '" 0 '^"guest-edf" [1-9][0-9]* true$'
check "none after a no" "with '$vcpu.budget = \"1ms\"' | jq -c '[.vcpus[].certificate]'" 0 '^\[null\]$'
check "which breaks first, and how far it is" "with . | jq -c '.vcpus[0] | [.least_budget, .largest_budget, .wcet_permille, .first]'" 0 '^\[2000000,9500000,2000,"t3"\]$'
check "for people, too" "table ." 0 "^a +0 +4ms +2ms +9.5ms +10ms +x2.000 +t3$"
check "the least budget is enough" "with '$vcpu.budget = \"2ms\"' | jq .schedulable" 0 "^true$"
check "and 1 us less is not" "with '$vcpu.budget = \"1999us\"' | jq .schedulable" 0 "^false$"
check "twice the wcets are met" "with '$vcpu.tasks[].wcet |= {\"1ms\":\"2ms\",\"3ms\":\"6ms\",\"4ms\":\"8ms\"}[.]' | jq .schedulable" 0 "^true$"
check "and a thousandth more is not: t3 first" "with '$vcpu.tasks[].wcet |= {\"1ms\":\"2001us\",\"3ms\":\"6003us\",\"4ms\":\"8004us\"}[.]' | jq -c '[.tasks[].ok]'" 0 '^\[true,true,false\]$'
check "the largest budget is taken" "with '$vcpu.budget = \"9.5ms\"' | jq .schedulable" 0 "^true$"
check "and 1 us more is not" "with '$vcpu.budget = \"9501us\"' | jq .schedulable" 0 "^false$"
check "a yes for people" "table ." 0 "schedulable: yes"
check "the table" "table ." 0 "t3 +33ms +80ms +47ms +yes"
check "integers are ns" "with '$vcpu.budget = 4000000 | $vcpu.period = 10000000' | jq -c '[.tasks[].response]'" 0 '^\[13000000,'
check "priorities: the larger goes first" "with '$vcpu.tasks[0].priority = 1 | $vcpu.tasks[1].priority = 2 | $vcpu.tasks[2].priority = 3' | jq .tasks[2].response" 0 "^16000000$"
check "an EDF guest has no response times" "with '.vms[0].scheduler = \"edf\"' | jq -c '[.schedulable, .tasks[0].response, .tasks[0].ok]'" 0 '^\[true,null,true\]$'
check "the fair server counts when left out" "with 'del(.host.fair_server) | $vcpu.budget = \"9.8ms\"' | jq -r .refusal.test" 0 "^(qpa|kernel)$"

check "a task that is late" "with '$vcpu.tasks[2].wcet = \"40ms\"' | jq -c '[.schedulable, .tasks[2].ok]'" 0 '^\[false,false\]$'
check "a no is exit code 3" "table '$vcpu.tasks[2].wcet = \"40ms\"'" 3 "why: a/vcpu0: t3 may take"
check "and says what would mend it" "table '$vcpu.tasks[2].wcet = \"20ms\" | $vcpu.budget = \"3ms\"'" 3 "repair: give a/vcpu0 a budget of"
check "the repair is true" "b=\$(with '$vcpu.budget = \"1ms\"' | jq -r .refusal.repair | grep -oE '[0-9.]+(us|ms)' | head -n 1); with \"$vcpu.budget = \\\"\$b\\\"\" | jq .schedulable" 0 "^true$"
check "a repair is no more than the CPU can give" "with '$vcpu.budget = \"9ms\" | $vcpu.tasks = [{name:\"h\", wcet:\"1.6ms\", period:\"2ms\"}]' | jq -r .refusal.repair" 0 "a/vcpu0 needs a budget of 9.8ms in every 10ms, more than its CPU can give: try a shorter period"
check "a CPU that is too full" "with '.vms += [.vms[0], .vms[0]]' | jq -c '[.cpus[0].ok, .refusal.test, (.refusal.repair | length > 0)]'" 0 '^\[false,"(qpa|kernel)",true\]$'
check "nothing is promised inside" "with '.vms += [.vms[0], .vms[0]]' | jq -c '[.tasks[].response] | unique'" 0 '^\[null\]$'
check "one queue over two CPUs" "with '.host.cpus = 2 | del($vcpu.cpu)' | jq -c '.cpus'" 0 '^\[\{"cpu":null,"ok":true,"test":"'

check "unknown key" "table '$task.wcte = \"1ms\"'" 2 "vms\[0\].vcpus\[0\].tasks\[0\].wcte: unknown key, did you mean wcet\?"
check "a task without wcet" "table 'del($task.wcet)'" 2 "tasks\[0\].wcet: missing"
check "zero" "table '$task.wcet = 0'" 2 "tasks\[0\]: wcet must be above zero"
check "negative" "table '$task.wcet = -1'" 2 "tasks\[0\].wcet: must be from 0"
check "a fraction without unit" "table '$task.wcet = 1.5'" 2 "tasks\[0\].wcet: must be a time"
check "no unit" "table '$task.wcet = \"4\"'" 2 "unit"
check "too large" "table '$task.wcet = \"99999999999s\"'" 2 "tasks\[0\].wcet"
check "budget without period" "table 'del($vcpu.period)'" 2 "vcpus\[0\]: period is missing"
check "neither budget nor period" "table 'del($vcpu.period, $vcpu.budget, $vcpu.deadline)'" 2 "a/vcpu0 has no budget and period: virtrk plan finds them"
check "a CPU that is not there" "table '$vcpu.cpu = 1'" 2 "vcpus\[0\].cpu: must be a whole number from 0 to 0"
check "some priorities" "table '$task.priority = 1'" 2 "either every task of a vCPU has a priority or none"
check "no CPU" "table '.host.cpus = 0'" 2 "host.cpus: must be a whole number from 1"
check "scheduler" "table '.host.scheduler = \"rr\"'" 2 "host.scheduler: must be one of edf, fp, fp-deferrable"
check "half pinned" "table '.host.cpus = 2 | .vms[0].vcpus += [{\"budget\":\"1ms\",\"period\":\"10ms\"}]'" 2 "1 of 2 vCPUs have a cpu"
check "no such file" "virtrk analyze $tmp/none" 1 "cannot open"
check "NaN" "echo '{\"host\":{\"cpus\":NaN}}' | virtrk analyze -" 2 "standard input: "
check "the same key twice" "echo '{\"host\":{\"cpus\":1,\"cpus\":2},\"vms\":[]}' | virtrk analyze -" 2 "host.cpus: given twice"
check "no file" "virtrk analyze" 2 "analyze needs a system description"
check "a file and --batch" "virtrk analyze --batch x" 2 "takes no file"

# explained FILTER: for people
explained() {
	example | jq -c "$1" | virtrk analyze --explain -
}
check "explained: the steps of a response time" "explained ." 0 "^    window 26ms: 9ms have to be done, which is surely supplied after 33ms$"
check "explained: and its end" "explained ." 0 "^  response 33ms <= deadline 80ms: 47ms are left$"
check "explained: the blackout" "explained ." 0 "nothing comes for P \+ D - 2Q = 12ms, then 4ms in every 10ms$"
check "explained: the kernel's sum" "explained ." 0 "the sum of budget/period: 0.40 <= 0.95 CPUs$"
check "explained: what is left" "explained ." 0 "one more reservation could have up to 5.5ms in every 10ms$"
check "explained: witness points" "explained '$vcpu.deadline = \"5ms\" | .vms[0].supply_mode = \"idling\" | .vms += [{name:\"b\", supply_mode:\"idling\", vcpus:[{budget:\"3ms\", period:\"20ms\", deadline:\"8ms\", cpu:0, tasks:[{name:\"x\", wcet:\"1ms\", period:\"100ms\"}]}]}]'" 0 "in any window of 5ms at most 4ms are due: 4ms <= 5ms$"
check "explained: demand and supply" "explained '.vms[0].scheduler = \"edf\"'" 0 "in a window of 20ms up to 1ms are due, supplied are 4ms$"
check "explained: what broke" "explained '$vcpu.tasks[2].wcet = \"40ms\"'" 3 "broken: beyond its deadline of 80ms$"
check "explained: a load that is too much" "explained '.vms[0].scheduler = \"edf\" | $vcpu.tasks[2].wcet = \"40ms\"'" 3 "broken: the load 0.63 > 0.40 that is supplied$"
check "explained: nothing inside a no" "explained '.vms += [.vms[0], .vms[0]]'" 3 "its CPU says no, so nothing is promised inside$"
check "explained: servers" "virtrk analyze --explain $SOURCE/share/examples/deferrable-servers.json" 3 "^  third/vcpu0: delivered within 21ms > its deadline of 20ms$"
check "explained: one queue" "virtrk analyze --explain $SOURCE/share/examples/global-bcl.json" 0 "one queue: yes, by test bcl"
check "explained: many steps are cut, and it says so" "explained '.host.fair_server = false | $vcpu.budget = \"9ms\" | $vcpu.tasks = [{name:\"x\", wcet:\"5ms\", period:\"2s\"}, {name:\"h\", wcet:\"1.6ms\", period:\"2ms\"}]'" 3 "more steps are not shown, see --json"
wide() {
	for file in "$SOURCE"/share/examples/*.json; do
		virtrk analyze --explain "$file"
	done | awk 'length($0) > 100 { print FILENAME ": " $0 }'
}
check "explained: readable in 100 columns" "wide" 0 ""
# Names are as long as somebody wrote them.
named_long() {
	example | jq -c ".vms[0].name = \"a-guest-with-a-name-that-somebody-thought-about-for-a-while\" | $vcpu.tasks[2].name = \"its-task\" | $vcpu.tasks[2].wcet = \"40ms\""
}
check "explained: also why and repair" "named_long | virtrk analyze --explain - | sed '/^\$/q' | awk 'length(\$0) > 100'" 0 ""
check "explained: which are there" "named_long | virtrk analyze --explain - | grep -A1 ^why: | paste -sd ' ' | tr -s ' '" 0 "^why: a-guest.*/vcpu0: its-task may take .* its deadline is 80ms"
check "one line each without --explain" "named_long | virtrk analyze - | grep -c '^why: .*80ms\$'" 0 "^1$"
check "explained: in JSON" "example | virtrk analyze --explain --json - | jq -c '[.explain[] | .about] | unique'" 0 '^\["cpu","task","vcpu"\]$'
check "explained: steps in JSON" "example | virtrk analyze --explain --json - | jq -c '[.explain[] | select(.name == \"t3\") | .steps[] | [.at, .lhs, .rhs]]'" 0 '^\[\[0,4000000,16000000\],\[16000000,8000000,26000000\],\[26000000,9000000,33000000\],\[33000000,9000000,33000000\]\]$'
check "explained: the last step is the answer" "for f in $SOURCE/share/examples/*.json; do virtrk analyze --explain --json \$f | jq -r '. as \$a | .explain[] | select(.about == \"task\" and .ok and (.steps_total <= 100)) | . as \$e | (\$a.tasks[] | select(.vm == \$e.vm and .vcpu == \$e.vcpu and .name == \$e.name) | .response) as \$r | select((\$e.text | map(select(startswith(\"job \") or startswith(\"it may become\"))) | length) == 0 and \$e.steps[-1].rhs != \$r) | \"\(\$e.name): \(\$e.steps[-1].rhs) is not \(\$r)\"'; done" 0 ""
check "explained: not in a batch" "virtrk analyze --batch --explain" 2 "is for one description, not for --batch"

# three FILTER: three lines, the second wrong
three() {
	example | jq -c .
	echo '{"host":1}'
	example | jq -c "$vcpu.budget = \"1ms\""
}
check "batch: one line each, in order" "three | virtrk analyze --batch 2>/dev/null | jq -c '.schedulable' | paste -sd ' '" 0 "^true null false$"
check "batch: the bad line says why" "three | virtrk analyze --batch 2>/dev/null | sed -n 2p" 0 '^\{"error":"host: must be an object'
memory='.host.memory = {size:\"2GiB\", colors:4, banks:2} | .vms[0].memory = {size:\"1GiB\", cache_colors:[2, 3], banks:[1, 0], exclusive:true}'
check "memory" "with \"$memory\" | jq -c .memory" 0 '^\[\{"vm":"a","size":1073741824,"cache_colors":\[2,3\],"banks":\[0,1\],"exclusive":true,"certificate":\[\{"color":2,"bank":0,"size":268435456\}(,\{[^}]*\}){3}\]\}\]$'
check "memory, for people" "table \"$memory\"" 0 "^memory of a: 1GiB, cache colours 2-3 \(its own\), banks 0-1 \(its own\)$"
check "memory: a no is exit code 3" "table \"$memory | .vms[0].memory.size = 1073741825\"" 3 "^why: memory: a wants 1048580KiB, and all page frames that it may have are 1GiB$"
check "memory: the repair" "table \"$memory | .vms[0].memory.size = \\\"2GiB\\\"\"" 3 "^repair: give a 2 more cache colours \(then 0-3\), or 1GiB less \(then 1GiB\)$"
check "memory: a no before all others" "with \"$memory | .vms[0].memory.size = 1073741825 | .vms[0].vcpus[0].budget = \\\"1ms\\\"\" | jq -c '[.refusal.test, .memory[0].certificate]'" 0 '^\["memory",null\]$'
check "memory: which, says plan" "table \"$memory | .vms[0].memory.cache_colors = 2\"" 2 "a asks for a number of cache colours, and does not say which: virtrk plan finds them"
check "memory: in a batch" "example | jq -c \"$memory\" | virtrk analyze --batch | jq -c '.memory[0] | keys'" 0 '^\["banks","cache_colors","exclusive","size","vm"\]$'
check "batch: exit code" "three | virtrk analyze --batch" 2 "some lines were wrong"
check "batch: all good" "example | jq -c . | virtrk analyze --batch | jq .schedulable" 0 "^true$"
# both CMD: the keys of the first vCPU, and of the first CPU
both() {
	example | jq -c . | virtrk analyze --batch "$@" | jq -c '[(.vcpus[0] // {} | keys), (.cpus[0] | keys)]'
}
check "batch: no more than the verdict" "both" 0 '^\[\[\],\["cpu","ok","test"\]\]$'
check "batch: certificates" "both --certificates" 0 '^\[\["budget","certificate","deadline","ok","period","test","vcpu","vm"\],\["certificate","cpu","ok","test"\]\]$'
check "batch: slack" "both --slack" 0 '^\[\["budget","deadline","first","largest_budget","least_budget","not_asked","ok","period","test","vcpu","vm","wcet_permille"\],\["cpu","ok","test"\]\]$'
check "batch: both are what one description has" "for f in $SOURCE/share/examples/*.json; do diff <(virtrk analyze --json \$f | jq -S 'del(.estimates)') <(jq -c . \$f | virtrk analyze --batch --slack --certificates | jq -S .); done" 0 ""
check "batch: bad lines among them" "three | virtrk analyze --batch --slack 2>/dev/null | jq -c '[.schedulable, .error != null, (.vcpus | length)]' | paste -sd ' '" 0 '^\[true,false,1\] \[null,true,0\] \[false,false,1\]$'
check "certificates, but one description" "example | virtrk analyze --certificates -" 2 "are for --batch"
check "batch: nothing" "virtrk analyze --batch </dev/null" 0 ""

done_testing
