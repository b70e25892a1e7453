#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# simulate: hand-computed runs, one seed is one run, and that nothing is ever seen beyond its bound.
# shellcheck disable=SC2317 # functions are called by name, through check
# shellcheck disable=SC2016 # the dollars are jq's
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"
examples=$SOURCE/share/examples

# seen NAME FILTER [OPTION...]
seen() {
	local name=$1 filter=$2
	shift 2
	virtrk simulate --json "$@" "$examples/$name.json" | jq -c "$filter"
}
# with NAME CHANGE [OPTION...]
with() {
	local name=$1 change=$2
	shift 2
	jq "$change" "$examples/$name.json" | virtrk simulate "$@" -
}
check "all at once: responses" "seen three-tasks '[.tasks[].simulated]' --for 800ms" 0 '^\[1000000,4000000,14000000\]$'
check "jobs" "seen three-tasks '[.tasks[] | .jobs, .missed]' --for 800ms" 0 '^\[40,0,20,0,10,0\]$'
check "the bounds beside them" "seen three-tasks '[.tasks[].bound]'" 0 '^\[13000000,16000000,33000000\]$'
check "supply" "seen three-tasks '.vcpus[0] | [.supplied, .late, .late_rest, .late_at]' --for 800ms" 0 '^\[140000000,0,0,null\]$'
check "the larger priority goes first" "with three-tasks '.vms[0].vcpus[0].tasks |= [.[0] + {priority:1}, .[1] + {priority:2}, .[2] + {priority:3}]' --json --for 80ms | jq -c '[.tasks[].simulated]'" 0 '^\[14000000,13000000,4000000\]$'
check "a vCPU without tasks takes all" "seen dhall '[.vcpus[].supplied]' --for 1100ms" 0 '^\[110000000,110000000,1000000000\]$'
check "an EDF guest: no bounds" "seen shin-lee-edf '[.tasks[] | .bound, .missed]' --for 10s" 0 '^\[null,0,null,0\]$'
check "ten seconds when left out" "seen three-tasks '[.for, .seed]'" 0 '^\[10000000000,null\]$'
check "for people" "virtrk simulate $examples/three-tasks.json | head -n 1" 0 "^simulated: 10s, [0-9]+ events, all start at once \(an observation, not a proof\)$"
check "the tasks" "virtrk simulate $examples/three-tasks.json" 0 "^guest +0 +t3 +125 +0 +14ms +33ms +80ms$"
check "the label" "virtrk simulate $examples/three-tasks.json" 0 "JOBS +MISSED +SIMULATED +BOUND +DEADLINE"
check "the vCPUs" "virtrk simulate $examples/three-tasks.json" 0 "^guest +0 +1.75s +17.5% +375 +never +-$"

check "too much for one CPU is late" "with sched-deadline '.vms[0].vcpus[1].budget = \"60ms\" | del(.vms[0].vcpus[].tasks)' --json | jq -c '[.vcpus[].late > 0] | any'" 0 '^true$'
check "and exits with 0" "with sched-deadline '.vms[0].vcpus[1].budget = \"60ms\" | del(.vms[0].vcpus[].tasks)' >/dev/null" 0 ""
check "misses are counted" "with three-tasks '.vms[0].vcpus[0].budget = \"1ms\"' --json | jq -c '[.tasks[].missed > 0] | any'" 0 '^true$'
check "no bound under a no" "with three-tasks '.vms += [.vms[0], .vms[0]]' --json | jq -c '[.tasks[].bound] | unique'" 0 '^\[null\]$'
check "fair servers take their part" "with dhall '.host.fair_server = {budget:\"500ms\", period:\"1s\"}' --json --for 10s | jq -c '[.vcpus[].late > 0] | any'" 0 '^true$'

check "one seed, one run" "cmp <(seen self-suspension . --seed 7) <(seen self-suspension . --seed 7)" 0 ""
check "another seed, another run" "cmp <(seen self-suspension .tasks --seed 7) <(seen self-suspension .tasks --seed 8) >/dev/null" 1 ""
check "the largest seed" "seen three-tasks .seed --seed 18446744073709551615" 0 '^18446744073709551615$|^18446744073709552000$'
check "a seed too large" "virtrk simulate --seed 18446744073709551616 $examples/three-tasks.json" 2 "a whole number from 0 to 2\^64-1"
check "no seed" "virtrk simulate --seed -1 $examples/three-tasks.json" 2 "a whole number from 0"
check "no time" "virtrk simulate --for 0s $examples/three-tasks.json" 2 "above zero and at most 86400s"
check "too long a time" "virtrk simulate --for 86401s $examples/three-tasks.json" 2 "above zero and at most 86400s"
check "no unit" "virtrk simulate --for 4 $examples/three-tasks.json" 2 "the unit is missing"
check "fixed-priority hosts" "virtrk simulate $examples/periodic-servers.json" 2 "only edf can be simulated"
check "not sized" "with three-tasks 'del(.vms[0].vcpus[0] | .budget, .period)'" 2 "virtrk plan finds them"
check "no file" "virtrk simulate" 2 "simulate needs a SYSTEM.json"

# Whatever is schedulable misses nothing, and nothing is seen beyond its bound: every EDF host among the examples, drawn.
beyond='.tasks[] | select(.missed > 0 or (.bound != null and .simulated != null and .simulated > .bound)) | "\(.name): \(.simulated) > \(.bound)"'
runs=0 broken=
for file in "$examples"/*.json; do
	[ "$(jq -r .host.scheduler "$file")" = edf ] || continue
	[ "$(virtrk analyze --json "$file" | jq .schedulable)" = true ] || continue
	for seed in '' 1 2 3 4 5; do
		runs=$((runs + 1))
		said=$(virtrk simulate --json --for 30s ${seed:+--seed "$seed"} "$file" | jq -r "$beyond")
		[ -z "$said" ] || broken+=" $(basename "$file") seed ${seed:-none}: $said"
	done
done
check "nothing beyond its bound" "echo \$broken" 0 '^$'
check "in many runs" "[ $runs -ge 36 ] && echo $runs" 0 "^$runs$"

done_testing
