#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# plan: what it fills in, what it never touches, what holds of every plan, and each way to say no.
# shellcheck disable=SC2317 # functions are called by name, through check
# shellcheck disable=SC2016 # the dollars are jq's
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"

example() {
	cat <<'J'
{"host":{"cpus":2,"switch":"5us"},
 "vms":[{"name":"a","vcpus":[{"tasks":[{"name":"t1","wcet":"1ms","period":"20ms"},{"name":"t2","wcet":"3ms","period":"40ms"},{"name":"t3","wcet":4000000,"period":"0.08s"}]},
                            {"budget":"6ms","period":"10ms"}]},
        {"name":"b","vcpus":[{"budget":"5ms","period":"10ms","deadline":"10.0ms","cpu":0}]}]}
J
}
# plan FILTER [OPTION...]: of the example changed by jq
plan() {
	local filter=$1
	shift
	example | jq -c "$filter" | virtrk plan "$@" -
}
given='.vms[0].vcpus[1]'
asked='.vms[0].vcpus[0]'

check "for people" "plan . | head -n 1" 0 "^schedulable: yes$"
check "the table" "plan ." 0 "^b +0 +5ms +10ms +10ms +0 +50.0%$"
check "what proves it" "plan ." 0 "^CPU 1: yes \(qpa\), certificate checked: density alone$"
check "and what is inside" "plan ." 0 "^a/vcpu0: yes \(guest-fp\), certificate checked: 3 tasks, 3 jobs$"
check "and under EDF" "plan '.vms[0].scheduler = \"edf\"'" 0 "^a/vcpu0: yes \(guest-edf\), certificate checked: [1-9][0-9]* witness points?$"
tight='.vms[0].supply_mode = "idling" | .vms[0].vcpus[1] += {deadline:"8ms", cpu:1, tasks:[{name:"x", wcet:"1ms", period:"100ms"}]} |
	.vms[1].vcpus += [{budget:"500us", period:"20ms", deadline:"1.5ms", cpu:1}]'
check "witness points" "plan '$tight'" 0 "^CPU 1: yes \(qpa\), certificate checked: [1-9][0-9]* witness points?, horizon [0-9.]+(us|ms|ns)$"
check "times with units" "plan . --json | jq -r '.vms[0].vcpus[0].tasks[2] | .wcet, .period' | paste -sd ' '" 0 "^4ms 80ms$"
check "the shortest text" "plan . --json | jq -r '.vms[1].vcpus[0].deadline'" 0 "^10ms$"
check "every vCPU is whole" "plan . --json | jq -c '[.vms[].vcpus[] | has(\"budget\", \"period\", \"deadline\", \"cpu\")] | unique'" 0 '^\[true\]$'
check "policy spread" "plan 'del($asked) | .vms[0].vcpus[0].budget = \"1ms\"' --json --policy=spread | jq .vms[0].vcpus[0].cpu" 0 "^1$"
check "policy repack" "plan 'del($asked) | .vms[0].vcpus[0].budget = \"1ms\"' --json --policy=repack | jq .vms[0].vcpus[0].cpu" 0 "^0$"
check "policy exclusive" "plan '.host.cpus = 3' --json --policy=exclusive | jq -c '[.vms[].vcpus[].cpu] | sort'" 0 '^\[0,1,2\]$'
check "exclusive on one CPU too few" "plan . --policy=exclusive" 3 "^repair: 3 CPUs are enough$"
check "search where the policy fails" "jq -n '{host:{cpus:2,fair_server:false}, vms:[{name:\"a\", vcpus:[60,50,40,30,20 | {budget:(. * 100000), period:\"10.6ms\"}]}]}' | virtrk plan --json - | jq -c '[.vms[].vcpus[].cpu]'" 0 '^\[0,1,0,1,1\]$'
check "fixed priority hosts: sizes" "plan '.host.scheduler = \"fp\" | .host.cpus = 1 | del($given)' --json | virtrk analyze --json - | jq -c '[.schedulable, .cpus[0].test]'" 0 '^\[true,"host-fp"\]$'
fixed='.host.scheduler = "fp-deferrable" | .host.switch = 0 | .vms = [{name:"a", vcpus:[{budget:"2ms", period:"5ms"}, {budget:"3ms", period:"10ms"}, {budget:"2ms", period:"20ms"}]}]'
check "fixed priority hosts: CPUs" "plan '.host.scheduler = \"fp\"' --json | virtrk analyze --json - | jq -c '[.schedulable, ([.cpus[].test] | unique)]'" 0 '^\[true,\["host-fp"\]\]$'
check "fixed priority hosts: three that do not fit one CPU" "plan '$fixed' --json | jq -c '[.vms[].vcpus[].cpu]'" 0 '^\[0,1,1\]$'
check "fixed priority hosts: repack" "plan '$fixed' --json --policy=repack | jq -c '[.vms[].vcpus[].cpu]'" 0 '^\[0,0,1\]$'
check "fixed priority hosts: exclusive" "plan '$fixed | .host.cpus = 3' --json --policy=exclusive | jq -c '[.vms[].vcpus[].cpu]'" 0 '^\[0,1,2\]$'
check "fixed priority hosts: exclusive, too few" "plan '$fixed' --policy=exclusive" 3 "^repair: one more CPU would take it"
check "fixed priority hosts: one CPU too few" "plan '$fixed | .host.cpus = 1 | .vms[0].vcpus[].cpu = 0'" 3 "^why: CPU 0: test host-fp needs 21ms <= 20ms$"
check "fixed priority hosts: no place" "plan '$fixed | .vms[0].vcpus += [{budget:\"4ms\", period:\"5ms\"}]'" 3 "^why: a/vcpu3: no CPU takes its 4ms in every 5ms beside"
check "fixed priority hosts: what is fixed stays" "plan '$fixed | .vms[0].vcpus[2].cpu = 0' --json | jq -c '.vms[0].vcpus[2].cpu'" 0 '^0$'
check "fixed priority hosts: two fixed on one, exclusive" "plan '$fixed | .vms[0].vcpus[0,1].cpu = 0' --policy=exclusive" 3 "^why: a/vcpu0: CPU 0 is not for itself alone$"
check "coarse enforcement" "plan '.host.tick = \"4ms\" | del($given)' --json | virtrk analyze --json - | jq .schedulable" 0 "^true$"
check "nobody" "plan '.vms = []' --json | jq -c .vms" 0 '^\[\]$'

check "too long for any CPU" "plan '$asked.tasks[0].wcet = \"30ms\"'" 3 "^why: a/vcpu0: no budget is enough; with a whole CPU t1 may take"
check "its repair is true" "p=\$(plan '$asked.tasks[0].wcet = \"30ms\"' | sed -nE 's/^repair: .* at ([0-9]+) %.*/\1/p'); plan \"$asked.tasks = [{name:\\\"t1\\\", wcet: (300000 * \$p), period:\\\"20ms\\\"}, {name:\\\"t2\\\", wcet: (30000 * \$p), period:\\\"40ms\\\"}, {name:\\\"t3\\\", wcet: (40000 * \$p), period:\\\"80ms\\\"}] | .host.fair_server = false | .host.cpus = 3\" --json | jq -r '.schedulable // \"planned\", .refusal.reason'" 0 "planned|not even an empty CPU"
check "EDF and suspensions" "plan '.vms[0].scheduler = \"edf\" | $asked.tasks[0].suspensions = [\"1ms\"]'" 3 "suspend themselves under EDF"
check "too little room" "plan '.host.cpus = 1'" 3 "^repair: 2 CPUs are enough$"
check "that repair is true" "plan '.host.cpus = 2' --json | virtrk analyze --json - | jq .schedulable" 0 "^true$"
check "two fixed on one CPU" "plan '$given.cpu = 0'" 3 "^repair: leave the cpu of b/vcpu0 open: it fits on CPU 1$"
check "too large for an empty CPU" "plan '$given.budget = \"9.9ms\"'" 3 "^why: a/vcpu1: not even an empty CPU takes 9.9ms in every 10ms, test kernel"
check "that repair is true, too" "b=\$(plan '$given.budget = \"9.9ms\"' | sed -nE 's/^repair: a budget of (.*) would do/\1/p'); plan \"$given.budget = \\\"\$b\\\" | .host.cpus = 3\" --json | jq -r '.vms | length'" 0 "^2$"
check "given, but too small for its tasks" "plan '$given = {budget:\"1ms\", period:\"40ms\", tasks:[{name:\"x\", wcet:\"2ms\", period:\"40ms\"}]}'" 3 "^repair: give a/vcpu1 a budget of"
check "a no as JSON" "plan '.host.cpus = 1' --json | jq -c '[.schedulable, (.refusal | keys)]'" 0 '^\[false,\["at","lhs","reason","repair","rhs","test"\]\]$'
check "exit code of a no as JSON" "plan '.host.cpus = 1' --json >/dev/null" 3 ""

check "a deadline alone" "plan '$asked.deadline = \"5ms\"'" 2 "vms\[0\].vcpus\[0\]: a deadline, but no budget and period"
check "nothing known" "plan 'del($asked.tasks)'" 2 "a/vcpu0 has neither budget and period nor tasks"
check "policy" "plan . --policy=best" 2 "known are spread, repack and exclusive"
check "unknown key" "plan '.hots = 1'" 2 "hots: unknown key, did you mean host\?"
check "no file" "virtrk plan" 2 "plan needs a SYSTEM.json"
check "no such file" "virtrk plan $tmp/none" 1 "cannot open"

# drawn SEED: a system with gaps, the same for the same seed
drawn() {
	awk -v seed="$1" '
	function below(n) { return int(rand() * n) }
	function time(us) { return rand() < 0.5 ? "\"" us "us\"" : us * 1000 }
	BEGIN {
		srand(seed)
		cpus = 1 + below(4)
		printf "{\"host\":{\"cpus\":%d,\"fair_server\":%s,\"switch\":%s,\"tick\":%s},\"vms\":[", cpus,
			rand() < 0.5 ? "true" : "false", time(below(10)), rand() < 0.7 ? 0 : time(below(4000))
		vms = 1 + below(3)
		for (v = 0; v < vms; v++) {
			printf "%s{\"name\":\"vm%d\",\"scheduler\":\"%s\",\"supply_mode\":\"%s\",\"vcpus\":[", v ? "," : "", v,
				rand() < 0.6 ? "fp" : "edf", rand() < 0.8 ? "sleeping" : "idling"
			vcpus = 1 + below(2)
			for (c = 0; c < vcpus; c++) {
				printf "%s{", c ? "," : ""
				if (rand() < 0.4) printf "\"cpu\":%d,", below(cpus)
				if (rand() < 0.3) {
					p = 1000 * (2 + below(20)); q = int(p * (0.1 + rand() / 3))
					printf "\"budget\":%s,\"period\":%s,\"tasks\":[]}", time(q), time(p)
					continue
				}
				printf "\"tasks\":["
				tasks = 1 + below(3)
				for (t = 0; t < tasks; t++) {
					p = 1000 * (5 + below(100)); w = 1 + int(p * rand() / 4 / tasks)
					printf "%s{\"name\":\"t%d\",\"wcet\":%s,\"period\":%s,\"deadline\":%s}", t ? "," : "", t, time(w), time(p),
						time(int(p * (0.6 + rand() * 0.4)))
				}
				printf "]}"
			}
			printf "]}"
		}
		printf "]}\n"
	}'
}
# fixed_stay SYSTEM PLAN: what was given is still there
fixed_stay() {
	jq -en --slurpfile s "$1" --slurpfile p "$2" '
		[$s[0].vms, $p[0].vms] | [.[][].vcpus] as $all | ($all | length / 2) as $n |
		[range($n) as $v | range($all[$v] | length) as $c | [$all[$v][$c], $all[$v + $n][$c]]] |
		all(.[]; (.[0].cpu == null or .[0].cpu == .[1].cpu) and (.[0].tasks | length) == (.[1].tasks | length))' >/dev/null
}
planned=0 refused=0 broken=
for seed in $(seq 1 60); do
	drawn "$seed" >"$tmp/drawn.json"
	policy=$(printf '%s\n' spread repack exclusive | sed -n "$((seed % 3 + 1))p")
	virtrk plan --policy="$policy" --json "$tmp/drawn.json" >"$tmp/planned.json" 2>"$tmp/said"
	case $? in
	0) planned=$((planned + 1)) ;;
	3)
		refused=$((refused + 1))
		jq -e '.refusal | (.reason | length > 0) and (.repair | length > 0)' "$tmp/planned.json" >/dev/null || broken+=" $seed:silent"
		continue
		;;
	*) broken+=" $seed:$(cat "$tmp/said")" ;;
	esac
	[ "$(virtrk analyze --json "$tmp/planned.json" | jq .schedulable)" = true ] || broken+=" $seed:not-schedulable"
	virtrk plan --policy="$policy" --json "$tmp/planned.json" | cmp -s - "$tmp/planned.json" || broken+=" $seed:not-itself"
	fixed_stay "$tmp/drawn.json" "$tmp/planned.json" || broken+=" $seed:moved"
done
memory() {
	plan '.host.memory = {size:"4GiB", colors:8} | .vms[0].memory = {size:"2GiB", cache_colors:4, exclusive:true} | .vms[1].memory = {size:"1GiB", cache_colors:3} | '"$1" "${@:2}"
}
check "memory: which colours" "memory . --json | jq -c '[.vms[].memory.cache_colors]'" 0 '^\[\[0,1,2,3\],\[4,5,6\]\]$'
check "memory: the plan of a plan is itself" "memory . --json >$tmp/m.json; virtrk plan --json $tmp/m.json | cmp - $tmp/m.json" 0 ""
check "memory: the plan holds" "virtrk analyze --json $tmp/m.json | jq .schedulable" 0 '^true$'
check "memory: for people" "memory ." 0 '^memory of b: 1GiB, cache colours 4-6, banks 0$'
check "memory: more than there are" "memory '.vms[1].memory.cache_colors = 5'" 3 '^why: memory: b wants 5 cache colours, and not so many are left'
check "memory: a no is exit code 3" "memory '.vms[1].memory.size = \"2GiB\"'" 3 '^why: memory: b wants 2GiB, and all page frames that it may have are 1536MiB$'
check "60 drawn systems (seed:what broke)" "echo \$broken" 0 '^$'
check "some could be planned, some not" "[ $planned -ge 15 ] && [ $refused -ge 5 ] && echo $planned, $refused" 0 ", "

done_testing
