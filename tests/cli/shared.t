#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What guests share: critical sections, resources and interrupts, in descriptions and in answers; what no bound covers is
# refused in words.
# shellcheck disable=SC2317 # functions are called by name, through check
# shellcheck disable=SC2016 # the dollars are jq's
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"

# with NAME CHANGE [OPTION...]
with() {
	local name=$1 change=$2
	shift 2
	jq "$change" "$SOURCE/share/examples/$name.json" | virtrk analyze "$@" -
}
task='.vms[0].vcpus[0].tasks[0]'
section="$task.critical_sections[0]"
at='vms\[0\].vcpus\[0\].tasks\[0\].critical_sections\[0\]'

check "a table of locks" "with vmpcp ." 0 "^a +0 +a2 +2 +26.65ms +53.3ms +0ns +13.55ms$"
check "and of interrupts" "with interrupt-guest ." 0 "^eth0 +0 +10us +1.01ms +plc +13.14ms +20ms +yes$"
check "no locks, no such keys" "with three-tasks . --json | jq -c '[has(\"irqs\"), (.tasks[0] | has(\"locks\"))]'" 0 '^\[false,false\]$'
check "certificates are of what the tests saw" "with vmpcp . --json | jq -c '[.vcpus[].certificate.responses]'" 0 '^\[\[53650000,103300000\],\[53150000\]\]$'
check "an explanation ends at the answer" "with vmpcp . --explain" 0 "response 53.65ms <= deadline 100ms"
check "an explanation of interrupts" "with interrupt-guest . --explain" 0 "interrupt eth0 takes 10us at most every 10ms"
check "in a batch" "jq -c . $SOURCE/share/examples/vmpcp.json | virtrk analyze --batch | jq -c '[.tasks[].locks.waits]'" 0 '^\[1,2,1\]$'
check "a refusal tells of the waits" "with vmpcp '$task.deadline = \"53ms\"'" 3 "^why: a/vcpu0: a1 may take .* \\(27.65ms for locks\\)$"
check "and its repair is true" "b=\$(with vmpcp '$task.deadline = \"53ms\"' | sed -nE 's/^repair: give a\/vcpu0 a budget of (.*) in every 10ms/\1/p'); with vmpcp \"$task.deadline = \\\"53ms\\\" | .vms[0].vcpus[0].budget = \\\"\$b\\\"\" --json | jq .schedulable" 0 "^true$"
check "explained: a handler that may come at any time" "with interrupt-fifo . --explain | grep -A3 'task control' | tail -1 | grep -v '[0-9]s'" 0 "the handler of interrupt eth0 goes first, and may come any number of times"
check "explained: so it has no wcet" "with interrupt-fifo . --explain" 3 "no wcet is short enough, since the handler of interrupt eth0 has no bound$"
check "explained: and no step is made with it" "with interrupt-fifo . --explain --json | jq -c '[.explain[] | select(.about == \"task\") | .steps_total]'" 0 '^\[0\]$'
check "a refusal of an interrupt" "with interrupt-fifo ." 3 "^why: interrupt eth0: its thread may miss the deadline of 20ms"
check "and its repair" "with interrupt-fifo ." 3 "^repair: give its thread a reservation"

check "an unknown resource" "with vmpcp '$section.resource = \"sharde\"'" 2 "$at.resource: no resource \"sharde\", did you mean shared\?"
check "no resources at all" "with vmpcp 'del(.resources)'" 2 "$at.resource: no resource \"shared\" in resources\[\]"
check "longer than the wcet" "with vmpcp '$section.length = \"3ms\"'" 2 "$at: sections longer than the wcet of 2ms, which includes them"
check "together longer" "with vmpcp '$section.count = 3'" 2 "$at: sections longer than the wcet of 2ms"
check "no length" "with vmpcp '$section.length = 0'" 2 "$at: length must be above zero"
check "a slip of the pen" "with vmpcp '$section.lengths = 1'" 2 "$at.lengths: unknown key, did you mean length\?"
check "one inside another" "with vmpcp '$section.critical_sections = []'" 2 "$at: a section inside a section has no bound: make one resource of both"
check "sleep with a resource held" "with vmpcp '$section.suspensions = [\"1ms\"]'" 2 "$at: a task that sleeps with a resource held has no bound: release it before"
check "no object" "with vmpcp '$section = 1'" 2 "$at: must be an object, not int"
check "no array" "with vmpcp '$task.critical_sections = {}'" 2 "critical_sections: must be an array, not object"
check "an EDF guest" "with vmpcp '.vms[0].scheduler = \"edf\"'" 2 "vms\[0\].vcpus\[0\].tasks: critical sections in a guest under edf have no bound"
check "the guest's own locks" "with vmpcp '$task.blocking = \"1us\"'" 2 "tasks\[0\]: blocking beside critical sections: the guest's own locks"
check "twice the same name" "with vmpcp '.resources += .resources'" 2 "resources\[1\]: there are two resources \"shared\""
check "a ceiling" "with vmpcp '.resources[0].queue = \"ceiling\"'" 2 "resources\[0\].queue: must be one of fifo, priority, not \"ceiling\""
check "priorities of some" "with vmpcp '.resources[0].queue = \"priority\" | .vms[1].vcpus[0].tasks[0].priority = 1'" 2 "resources\[0\]: its queue is by priority, but only some of its users have one"
check "priorities of all" "with vmpcp '.resources[0].queue = \"priority\" | .vms[0].vcpus[0].tasks[0].priority = 3 | .vms[0].vcpus[0].tasks[1].priority = 1 | .vms[1].vcpus[0].tasks[0].priority = 2' --json | jq -c '[.schedulable, .tasks[0].locks.wait]'" 0 '^\[true,13600000\]$'
check "by priority the larger goes first" "with mpcp '.vms[].vcpus[].tasks[] |= (.priority = (.wcet | .[:1] | tonumber)) | .vms[].vcpus[].tasks[].period = \"100ms\"' --json | jq -c '[.tasks[].locks.wait / 1000000]'" 0 '^\[12,10,5\]$'

irq='.irqs[0]'
check "which CPU" "with interrupt-guest '.host.cpus = 2 | del($irq.cpu)'" 2 "irqs\[0\]: cpu is missing"
check "a VM that is not there" "with interrupt-guest '$irq.vm = \"plv\"'" 2 "irqs\[0\].vm: no plv/vcpu0"
check "a vCPU that is not there" "with interrupt-guest '$irq.vcpu = 1'" 2 "irqs\[0\].vm: no plc/vcpu1"
check "a handler of no length" "with interrupt-guest '$irq.handler = 0'" 2 "irqs\[0\]: handler must be above zero"
check "a handler in no guest" "with interrupt-guest 'del($irq.vm)'" 2 "irqs\[0\]: vcpu, handler and injection are of a guest: vm is missing"
check "an EDF guest's handler" "with interrupt-guest '.vms[0].scheduler = \"edf\"'" 2 "irqs\[0\].vm: handlers in a guest under edf have no bound"
check "beside servers" "with interrupt-guest '.host.scheduler = \"fp\"'" 2 "irqs: beside fixed-priority servers interrupts have no bound"
check "without CPUs" "with interrupt-guest '.host.cpus = 2 | del(.vms[].vcpus[].cpu)'" 2 "irqs need a cpu for every vCPU"
check "a thread with both" "with interrupt-guest '$irq.thread.priority = 1'" 2 "irqs\[0\].thread: a reservation or a priority, not both"
check "no time between signals" "with interrupt-guest '$irq.period = 0'" 2 "irqs\[0\]: period, deadline and hard must be above zero"
check "the whole CPU stolen" "with interrupt-guest '$irq.hard = \"10ms\"' --json | jq -c '[.schedulable, .refusal.test, .irqs[0].response]'" 0 '^\[false,"irq",null\]$'
check "masked delays the handler" "with interrupt-guest '.vms[0].masked = \"70us\"' --json | jq '.irqs[0].response'" 0 '^13210000$'

check "plan writes all of it again" "virtrk plan --json $SOURCE/share/examples/interrupt-vcpu.json | jq -c '.irqs[0].thread.budget, .irqs[0].handler'" 0 '^"100us"$'
check "the plan of a plan is itself" "virtrk plan --json $SOURCE/share/examples/vmpcp.json >$tmp/plan.json && virtrk plan --json $tmp/plan.json | diff - $tmp/plan.json" 0 ""

# Neither guest has a reservation: the waits of each depend on the size of the other.
unsized() {
	jq 'del(.vms[].vcpus[] | .budget, .period, .cpu) | .host.cpus = 2 | .host.switch = "5us"' "$SOURCE/share/examples/vmpcp.json"
}
check "plan sizes guests that share" "unsized | virtrk plan --json - | virtrk analyze --json - | jq -c '[.schedulable, (.cpus | length)]'" 0 '^\[true,2\]$'
check "with short deadlines, too" "unsized | jq '.vms[].vcpus[].tasks[].deadline = \"25ms\"' | virtrk plan --json - | virtrk analyze --json - | jq .schedulable" 0 "^true$"
check "but not with deadlines below the sections" "unsized | jq '.vms[].vcpus[].tasks[].deadline = \"3ms\"' | virtrk plan --json -" 3 '"schedulable": ?false'
check "plan counts handlers" "jq 'del(.vms[].vcpus[] | .budget, .period)' $SOURCE/share/examples/interrupt-guest.json | virtrk plan --json - | virtrk analyze --json - | jq -c '[.schedulable, .irqs[0].ok]'" 0 '^\[true,true\]$'

check "and sizes a vCPU with nothing else" "jq 'del(.vms[].vcpus[] | .budget, .period, .deadline)' $SOURCE/share/examples/interrupt-vcpu.json | virtrk plan --json - | virtrk analyze --json - | jq -c '[.schedulable, .irqs[0].ok, .vcpus[1].budget > 0]'" 0 '^\[true,true,true\]$'
check "a vCPU that takes no interrupt either" "jq 'del(.vms[].vcpus[] | .budget, .period, .deadline) | del(.irqs[].vm, .irqs[].vcpu, .irqs[].handler, .irqs[].injection)' $SOURCE/share/examples/interrupt-vcpu.json | virtrk plan -" 2 "plc/vcpu1 has neither budget and period nor tasks nor a handler"
# CPU 0 loses some of 10 ms to a hard handler, or has a thread behind all reservations
away='.host.cpus = 2 | .vms = [{name:"a", scheduler:"fp", vcpus:[{budget:"6ms", period:"10ms"}]}, {name:"b", scheduler:"fp", vcpus:[{budget:"2ms", period:"10ms"}]}]'
check "plan goes where interrupts leave enough" "jq '$away | $irq |= {name, cpu, period, hard:\"3ms\"}' $SOURCE/share/examples/interrupt-guest.json | virtrk plan --json - | jq -c '[.vms[].vcpus[].cpu]'" 0 '^\[1,0\]$'
check "and away from threads behind them all" "jq '$away | $irq |= {name, cpu, period, deadline:\"9ms\", hard:\"10us\", thread:{wcet:\"1ms\"}}' $SOURCE/share/examples/interrupt-guest.json | virtrk plan --json - | jq -c '[.vms[].vcpus[].cpu]'" 0 '^\[1,[01]\]$'
check "by search where one after the other fails" "jq '$away | .vms += [{name:\"c\", scheduler:\"fp\", vcpus:[{budget:\"3500us\", period:\"10ms\"}]}] | $irq |= {name, cpu, period, hard:\"3500us\"}' $SOURCE/share/examples/interrupt-guest.json | virtrk plan --json - | virtrk analyze --json - | jq .schedulable" 0 '^true$'
check "no CPU beside interrupts" "jq '$away | $irq |= {name, cpu, period, hard:\"4ms\"} | .vms[1].vcpus[0].budget = \"6ms\"' $SOURCE/share/examples/interrupt-guest.json | virtrk plan -" 3 "^why: b/vcpu0: no CPU takes 6ms in every 10ms beside the others and the interrupts$"
check "one without them would" "jq '$away | $irq |= {name, cpu, period, hard:\"4ms\"} | .vms[1].vcpus[0].budget = \"6ms\"' $SOURCE/share/examples/interrupt-guest.json | virtrk plan -" 3 "^repair: one more CPU, without interrupts, would take it$"
check "exclusive among those that are fixed" "jq '$away | .vms[].vcpus[0].cpu = 1 | $irq |= {name, cpu, period, hard:\"1ms\"}' $SOURCE/share/examples/interrupt-guest.json | virtrk plan --policy exclusive -" 3 "^why: a/vcpu0: no CPU takes 6ms in every 10ms beside interrupts, for itself alone$"

# how far from the edge
check "slack of guests that share" "with vmpcp . --json | jq -c '[.vcpus[] | [.least_budget, .largest_budget, .wcet_permille, .first, .not_asked]]'" 0 '^\[\[1429000,5500000,3669,"a2",null\],\[500000,5500000,10000,"b1",null\]\]$'
check "the least budget does" "with vmpcp '.vms[0].vcpus[0].budget = \"1429us\"' --json | jq .schedulable" 0 '^true$'
check "and less does not" "with vmpcp '.vms[0].vcpus[0].budget = \"1428us\"' --json | jq .schedulable" 0 '^false$'
check "who breaks first may be another" "with vmpcp '.vms[1].vcpus[0].tasks[0].deadline = \"54ms\"' --json | jq -c '[.vcpus[].first]'" 0 '^\["b/vcpu0/b1","b1"\]$'
check "a thread behind the vCPU that its handler goes on to" "with interrupt-fifo '$irq.deadline = \"60ms\" | .host.fair_server = false' --json | jq -c '.vcpus[0] | [.least_budget, .largest_budget, .wcet_permille > 1000, .not_asked]'" 0 '^\[null,null,true,"a larger budget delays'
check "said to people, too" "with interrupt-fifo '$irq.deadline = \"60ms\" | .host.fair_server = false'" 0 "^plc/vcpu0 -: a larger budget delays a thread behind it, and speeds up the guest that this goes on to$"

# an estimate of what stock Linux does not do: a section of three budgets
long='.vms[0].vcpus[0] |= (.budget = "600us" | .tasks[1].wcet = "1ms" | .tasks[1].critical_sections[0].length = "1us") | .host.fair_server = false'
check "overrun is estimated where it shortens something" "with vmpcp '$long' --json | jq -c '.estimates[0] | [.what, .cpus[0].ok, (.tasks | map(.response < .bound) | any)]'" 0 '^\["overrun",true,true\]$'
check "and no verdict is made of it" "with vmpcp '$long | .vms[1].vcpus[0].tasks[0].deadline = \"70ms\"' --json | jq -c '[.schedulable, (.estimates[0].tasks[2] | .response <= .deadline, .bound == null)]'" 0 '^\[false,true,true\]$'
check "people are told what it is" "with vmpcp '$long'" 3 "^estimate, not a promise: if no budget ended while a task holds a resource"
check "nothing where it says nothing new" "with vmpcp . --json | jq 'has(\"estimates\")'" 0 '^false$'
check "nor with costs that it does not know" "with vmpcp '$long | .host.switch = \"1us\"' --json | jq 'has(\"estimates\")'" 0 '^false$'

done_testing
