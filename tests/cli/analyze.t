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
check "the answer's keys" "with . | jq -c '[keys, .cpus[0], .refusal]'" 0 '^\[\["cpus","refusal","schedulable","tasks"\],\{"cpu":0,"ok":true,"test":"qpa"\},null\]$'
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

# three FILTER: three lines, the second wrong
three() {
	example | jq -c .
	echo '{"host":1}'
	example | jq -c "$vcpu.budget = \"1ms\""
}
check "batch: one line each, in order" "three | virtrk analyze --batch 2>/dev/null | jq -c '.schedulable' | paste -sd ' '" 0 "^true null false$"
check "batch: the bad line says why" "three | virtrk analyze --batch 2>/dev/null | sed -n 2p" 0 '^\{"error":"host: must be an object'
check "batch: exit code" "three | virtrk analyze --batch" 2 "some lines were wrong"
check "batch: all good" "example | jq -c . | virtrk analyze --batch | jq .schedulable" 0 "^true$"
check "batch: nothing" "virtrk analyze --batch </dev/null" 0 ""

done_testing
