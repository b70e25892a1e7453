#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The systems from the literature and what their sources say of them; and the schema of descriptions, which says what the
# reader does.
# shellcheck disable=SC2317 # functions are called by name, through check
# shellcheck disable=SC2016 # the dollars are jq's
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"
examples=$SOURCE/share/examples
schema=$SOURCE/share/system.schema.json

# answer NAME FILTER
answer() {
	virtrk analyze --json "$examples/$1.json" | jq -c "$2"
}
# with NAME CHANGE FILTER
with() {
	jq "$2" "$examples/$1.json" | virtrk analyze --json - | jq -c "$3"
}
ms='[.schedulable, [.tasks[].response / 1000000]]'
check "three tasks under (4, 10)" "answer three-tasks '$ms'" 0 '^\[true,\[13,16,33\]\]$'
check "and within 6" "answer explicit-deadline '$ms'" 0 '^\[true,\[9,12,29\]\]$'
check "Shin and Lee, EDF" "answer shin-lee-edf .schedulable" 0 '^true$'
check "Shin and Lee, EDF: no less" "with shin-lee-edf '.vms[0].vcpus[0].budget = \"2.78ms\"' .schedulable" 0 '^false$'
check "Shin and Lee, RM" "answer shin-lee-rm .schedulable" 0 '^true$'
check "Shin and Lee, RM: no less" "with shin-lee-rm '.vms[0].vcpus[0].budget = \"3.49ms\"' .schedulable" 0 '^false$'
check "Lehoczky" "answer lehoczky-arbitrary-deadlines '$ms'" 0 '^\[true,\[26,118\]\]$'
check "Lehoczky: no shorter deadline" "with lehoczky-arbitrary-deadlines '.vms[0].vcpus[0].tasks[1].deadline = 117999999' .schedulable" 0 '^false$'
check "Burns and Wellings" "answer response-times '$ms'" 0 '^\[true,\[3,6,20\]\]$'
check "periodic servers" "answer periodic-servers '[.schedulable, .cpus[0].test]'" 0 '^\[true,"host-fp"\]$'
check "deferrable servers" "answer deferrable-servers '[.schedulable, .refusal.lhs, .refusal.rhs]'" 0 '^\[false,21000000,20000000\]$'
check "deferrable servers: 21 is enough" "with deferrable-servers '.vms[2].vcpus[0].period = \"21ms\"' .schedulable" 0 '^true$'
check "QPA" "answer qpa-schedcat .schedulable" 0 '^true$'
check "QPA, one more" "answer qpa-schedcat-late '[.schedulable, .refusal.test, .refusal.lhs > .refusal.at, .refusal.at >= 18800000]'" 0 '^\[false,"guest-edf",true,true\]$'
check "QPA, two tasks" "with qpa-schedcat '.vms[0].vcpus[0].tasks = [{name:\"a\", wcet:\"331us\", period:\"15000us\", deadline:\"2688us\"}, {name:\"b\", wcet:\"3654us\", period:\"77000us\", deadline:\"3849us\"}]' '[.schedulable, .refusal.lhs, .refusal.at]'" 0 '^\[false,3985000,3849000\]$'
check "Dhall" "answer dhall '[.schedulable, .cpus[0].cpu]'" 0 '^\[false,null\]$'
check "Dhall, placed" "virtrk plan --json $examples/dhall.json | virtrk analyze --json - | jq .schedulable" 0 '^true$'
check "global EDF by BCL" "answer global-bcl '[.schedulable, .cpus[0].test]'" 0 '^\[true,"bcl"\]$'
check "density 1.1" "answer sched-deadline '[.schedulable, .cpus[0].test]'" 0 '^\[true,"qpa"\]$'
check "suspensions" "answer self-suspension '$ms'" 0 '^\[true,\[20,32\]\]$'
check "MPCP" "answer mpcp '[$ms, [.tasks[].locks.wait / 1000000]]'" 0 '^\[\[true,\[10,21,26\]\],\[7,16,19\]\]$'
check "MPCP: no shorter deadline" "with mpcp '.vms[0].vcpus[0].tasks[0].deadline = 9999999' .schedulable" 0 '^false$'
check "a queue by arrival" "answer fifo-lock '[.schedulable, [.tasks[].locks.wait / 1000000], [.tasks[].ok]]'" 0 '^\[false,\[12,10,8\],\[false,true,true\]\]$'
check "a queue by arrival: 15 is enough" "with fifo-lock '.vms[0].vcpus[0].tasks[0].period = \"15ms\"' .schedulable" 0 '^true$'
check "locks between guests" "answer vmpcp '[$ms, [.tasks[].locks.hold / 1000000]]'" 0 '^\[\[true,\[53.65,103.3,53.15\]\],\[13.55,13.55,13.05\]\]$'
check "an interrupt for a guest" "answer interrupt-guest '[$ms, .irqs[0].hard, .irqs[0].thread, .irqs[0].response]'" 0 '^\[\[true,\[14.22\]\],10000,1010000,13140000\]$'
check "an interrupt for a vCPU of its own" "answer interrupt-vcpu '[$ms, .irqs[0].response]'" 0 '^\[\[true,\[14.02\]\],3020000\]$'
check "which does not grow with the guest's period" "with interrupt-vcpu '.vms[0].vcpus[0] += {budget:\"8ms\", period:\"20ms\"}' '.irqs[0].response'" 0 '^3020000$'
check "as it does without" "with interrupt-guest '.vms[0].vcpus[0] += {budget:\"8ms\", period:\"20ms\"} | .irqs[0].deadline = \"40ms\"' '.irqs[0].response > 25000000'" 0 '^true$'
check "an interrupt by a FIFO thread" "answer interrupt-fifo '[.schedulable, .refusal.test, .irqs[0].thread]'" 0 '^\[false,"irq",null\]$'
check "memory by colours" "answer colored-memory '[.schedulable, [.memory[].cache_colors | length], ([.memory[0].certificate[].size] | add)]'" 0 '^\[true,\[8,12,24\],2147483648\]$'
check "memory by colours: seven are too few for 2 GiB" "with colored-memory '.vms[0].memory.cache_colors = [range(7)]' '[.refusal.test, .refusal.lhs, .refusal.rhs]'" 0 '^\["memory",2147483648,1879048192\]$'
check "memory by colours, chosen" "jq '.vms[0].memory.cache_colors = 8 | .vms[1].memory.cache_colors = 12' $examples/colored-memory.json | virtrk plan --json - | jq -c '[.vms[].memory.cache_colors]' | tr -s '0-9' x | cut -c 1-60" 0 '^\[\[x(,x){7}\],\[x(,x){11}\],null\]$'
check "times by colours" "answer colored-tasks '$ms'" 0 '^\[true,\[11.59,12.68,26.11\]\]$'
check "times by colours: with one less" "with colored-tasks '.vms[0].memory.cache_colors = [range(8)]' '.tasks[0].response > 11590000'" 0 '^true$'
best=".vms[0].memory.cache_colors = \"best\" | .vms[1].memory.cache_colors = \"best\""
check "times by colours: which, says plan" "jq '$best' $examples/colored-tasks.json | virtrk analyze -" 2 'virtrk plan finds them'
check "times by colours, divided" "jq '$best | del(.vms[].vcpus[0] | .budget, .period, .cpu) | .vms[2].vcpus[0] += {budget:\"10ms\", period:\"100ms\"}' $examples/colored-tasks.json | virtrk plan --json - >$tmp/t.json && jq -c '[.vms[].memory.cache_colors | length]' $tmp/t.json" 0 '^\[9,11,0\]$'
check "times by colours: the plan holds" "virtrk analyze --json $tmp/t.json | jq .schedulable" 0 '^true$'
check "times by colours: and holds when simulated" "virtrk simulate --json --for 2s $tmp/t.json | jq '[.tasks[].missed] | add'" 0 '^0$'
check "times by colours: the plan of a plan is itself" "virtrk plan --json $tmp/t.json | cmp - $tmp/t.json" 0 ""
# nine colours: 1000 requests; one other CPU, whose VM has other banks: 45 ns for each. With one bank for both: 7.5 + 54 + 12 * 31.5 + 58.5 = 498
dram='.host.memory.banks = 4 | .host.memory.dram = {clock_ps:1500,rp:9,rcd:9,cl:9,wl:7,bl:8,wtr:5,wr:10,rrd:4,faw:20,reorder:12} | .vms[].memory.size = 268435456 | .vms[0].memory.banks = [0] | .vms[1].memory.banks = [1] | .vms[0].vcpus[0].tasks[0].dram_requests = [9000,8000,7000,6000,5000,4000,3000,2000,1000]'
check "requests to DRAM: other banks" "with colored-tasks '$dram' '[.schedulable, (.estimates[] | .what, .ok, (.tasks[] | .response - .bound))]'" 0 '^\[true,"dram",true,45000,45000,0\]$'
check "requests to DRAM: a colour less" "with colored-tasks '$dram | .vms[0].memory.cache_colors |= .[:8]' '.estimates[0].tasks[0] | .response - .bound'" 0 '^90000$'
check "requests to DRAM: one bank for both" "with colored-tasks '$dram | .vms[1].memory.banks = [0] | .vms[0,1].memory.exclusive = false | .vms[0,1].vcpus[0].tasks[] |= (del(.wcet_by_colors) + {wcet:\"1ms\"}) | .vms[0].vcpus[0].tasks[0].dram_requests = 1000' '.estimates[0].tasks[0] | .response - .bound'" 0 '^498000$'
check "requests to DRAM: no verdict is made of it" "with colored-tasks '$dram | .vms[0].vcpus[0].tasks[0].dram_requests = 1000000' '[.schedulable, .estimates[0].ok]'" 0 '^\[true,false\]$'
check "requests to DRAM: for people" "jq '$dram' $examples/colored-tasks.json | virtrk analyze -" 0 '^estimate, not a promise: with what requests to DRAM wait for those of other CPUs$'
check "requests to DRAM: nobody else, nothing to wait for" "with colored-tasks '$dram | .vms |= .[:1]' '.estimates[0].tasks[0] | .response - .bound'" 0 '^0$'
check "requests to DRAM: plan keeps what is said" "jq '$dram' $examples/colored-tasks.json | virtrk plan --json - | jq -c '[.vms[0].vcpus[0].tasks[0].dram_requests[8], .host.memory.dram.faw]'" 0 '^\[1000,20\]$'
check "times by colours: for people" "virtrk analyze $examples/colored-tasks.json" 0 'memory of control: .*90us a job for reloads'
check "times by colours: fewer for the rest" "jq '$best | .vms[2].memory.size = \"6GiB\"' $examples/colored-tasks.json | virtrk plan -" 3 '^why: memory: no division of the 8 cache colours that are left'
check "each stands in the table" "diff <(cd $examples && ls *.json) <(grep -oE '^\| .[a-z-]+\.json' $examples/README.md | tr -d '| \`' | sort)" 0 ""

# fits: complaints about the document on standard input
fits() {
	jq -r --slurpfile schema "$schema" -f "$SOURCE/tests/cli/schema.jq"
}
for file in "$examples"/*.json; do
	check "schema: $(basename "$file")" "fits <$file" 0 ""
done
check "schema: the plan fits" "virtrk plan --json $examples/dhall.json | fits" 0 ""
check "times by colours: the plan fits the schema" "fits <$tmp/t.json" 0 ""
check "schema: the plan of memory fits" "jq '.vms[0].memory.cache_colors = 8' $examples/colored-memory.json | virtrk plan --json - | fits" 0 ""
# Both the schema and the reader refuse these, or take them.
# both WHAT CHANGE EXIT REGEX: EXIT is that of analyze, REGEX (empty = none) what the schema complains of
both() {
	jq "$2" "$examples/self-suspension.json" >"$tmp/changed.json"
	check "reader: $1" "virtrk analyze --json $tmp/changed.json >$tmp/answer 2>&1" "$3" ""
	check "schema: $1" "fits <$tmp/changed.json" 0 "$4"
}
task='.vms[0].vcpus[0].tasks[0]'
both "an unknown key" "$task.wcte = 1" 2 'tasks\[0\]\.wcte: unknown$'
both "no wcet" "del($task.wcet)" 2 'tasks\[0\]: fits not just one of oneOf$'
both "wcet twice over" "$task.wcet_by_colors = [\"4ms\"]" 2 'tasks\[0\]: fits not just one of oneOf$'
both "a fraction of a ns" "$task.wcet = 1.5" 2 'tasks\[0\]\.wcet: fits nothing'
both "below zero" "$task.jitter = -1" 2 'tasks\[0\]\.jitter: fits nothing'
both "no unit" "$task.wcet = \"4\"" 2 'tasks\[0\]\.wcet: fits nothing'
both "a suspension without unit" "$task.suspensions[1] = \"4\"" 2 'suspensions\[1\]: fits nothing'
both "another scheduler" '.host.scheduler = "rr"' 2 'host\.scheduler: none of'
both "a priority too high" "$task.priority = 1000001" 2 'priority: out of range'
both "budget without period" 'del(.vms[0].vcpus[0].period)' 2 'vcpus\[0\]\.period: missing'
both "a deadline alone" '.vms[0].vcpus[0] = {deadline:1}' 2 'vcpus\[0\]\.budget: missing'
both "no CPU" '.host.cpus = 0' 2 'host\.cpus: out of range'
both "an empty name" "$task.name = \"\"" 2 'name: too short'
both "an unknown key of a section" "$task.critical_sections = [{resource:\"r\", length:1, wcet:1}] | .resources = [{name:\"r\"}]" 2 'critical_sections\[0\]\.wcet: unknown$'
both "a section without length" "$task.critical_sections = [{resource:\"r\"}] | .resources = [{name:\"r\"}]" 2 'critical_sections\[0\]\.length: missing$'
both "never in a job" "$task.critical_sections = [{resource:\"r\", length:1, count:0}] | .resources = [{name:\"r\"}]" 2 'count: out of range'
both "another queue" '.resources = [{name:"r", queue:"lifo"}]' 2 'resources\[0\]\.queue: none of'
both "a handler of no guest" '.irqs = [{name:"i", period:"1ms", hard:"1us", handler:"1us"}]' 2 'irqs\[0\]\.vm: missing'
both "half a reservation of a thread" '.irqs = [{name:"i", period:"1ms", hard:"1us", thread:{wcet:"1us", budget:"1us"}}]' 2 'thread\.period: missing'
both "sections" "$task.critical_sections = [{resource:\"r\", length:1, count:2}] | .resources = [{name:\"r\", queue:\"priority\", latency:0}]" 0 ''
both "interrupts" '.vms[0].masked = "1us" | .irqs = [{name:"i", cpu:0, period:"90ms", jitter:"1ms", hard:"1us", thread:{wcet:"1us", priority:99}, vm:"guest", vcpu:0, handler:"1us", injection:"1us"}]' 0 ''
both "half a fair server" '.host.fair_server = {budget:1}' 2 'fair_server: fits nothing'
dram='{clock_ps:1500,rp:9,rcd:9,cl:9,wl:7,bl:8,wtr:5,wr:10,rrd:4,faw:20,reorder:12}'
both "requests to DRAM" ".host.memory = {size:\"1GiB\", banks:4, dram:$dram} | $task.dram_requests = 100" 0 ''
both "requests below zero" ".host.memory = {size:\"1GiB\", dram:$dram} | $task.dram_requests = -1" 2 'dram_requests: fits nothing'
both "a timing without cl" ".host.memory = {size:\"1GiB\", dram:$dram} | del(.host.memory.dram.cl)" 2 'dram\.cl: missing'
both "no clock" ".host.memory = {size:\"1GiB\", dram:$dram} | .host.memory.dram.clock_ps = 0" 2 'clock_ps: out of range'
both "an unknown time of DRAM" ".host.memory = {size:\"1GiB\", dram:$dram} | .host.memory.dram.ras = 1" 2 'dram\.ras: unknown$'
# an array goes with a curve, and DRAM must be described: the schema does not see that
check "requests to DRAM of which nothing is said" "jq '$task.dram_requests = 1' $examples/three-tasks.json | virtrk analyze -" 2 'host\.memory\.dram is missing$'
check "requests by colours, and no times" "jq '.host.memory = {size:\"1GiB\", dram:$dram} | $task.dram_requests = [1]' $examples/three-tasks.json | virtrk analyze -" 2 'an array goes with wcet_by_colors'
both "no vms" 'del(.vms)' 2 'document\.vms: missing'
both "a whole fair server" '.host.fair_server = {budget:"10ms", period:"1s"}' 0 ''
both "whole ns" "$task.wcet = 3000000 | .host.switch = 1000" 0 ''

done_testing
