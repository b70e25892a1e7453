#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# experiment: one seed gives one result, in however many threads and shards; what the sources of the experiments in share/ say; and how
# everything wrong is told.
# shellcheck disable=SC2317 # functions are called by name, through check
# shellcheck disable=SC2016 # the dollars are jq's
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"
experiments=$SOURCE/share/experiments
schema=$SOURCE/share/experiment.schema.json

# the result of an experiment in share/, with few samples: to $tmp/NAME.json, once
result() {
	[ -e "$tmp/$1.json" ] || virtrk experiment --samples "${samples:-60}" --json "$experiments/$1.json" >"$tmp/$1.json"
}
# says NAME FILTER
says() {
	result "$1" && jq -c "$2" "$tmp/$1.json"
}
# the least budgets of a test in ms, rounded up to 10 us: those of the sources are on that grid
budgets() {
	says "$1" "[.points[] | (.value / 1e6) as \$p | .tests[\"$2\"] | .bandwidth_sum / .accepted / 1048576 * \$p * 100 - 0.02 | ceil / 100]"
}
# never NAME LOW HIGH: at no point does LOW accept more than HIGH
never() {
	says "$1" "[.points[].tests | .[\"$2\"].accepted <= .[\"$3\"].accepted] | all"
}
check "Shin and Lee, EDF" "budgets shin-lee-2003 least-edf" 0 '^\[1.35,2.79,4.34,6.13,8\]$'
check "Shin and Lee, RM" "budgets shin-lee-2003 least-fp" 0 '^\[1.65,3.5,5.75,7.67,11.5\]$'
check "three tasks, FP" "budgets three-tasks least-fp" 0 '^\[0.36,0.74,0.94,1.56,2,6.5,10.5\]$'
check "three tasks, EDF" "budgets three-tasks least-edf" 0 '^\[0.36,0.74,0.94,1.56,2,6.5,10.5\]$'
check "drawn tasks: EDF never needs more" "says least-bandwidth '[.points[].tests | .[\"least-edf\"].bandwidth <= .[\"least-fp\"].bandwidth] | all'" 0 '^true$'
check "drawn tasks: a longer period never needs less" "says least-bandwidth '[.points[].tests[\"least-fp\"].bandwidth] | . == sort'" 0 '^true$'
check "Liu and Layland: EDF up to 1" "says liu-layland '[.points[].tests.qpa.ratio] | unique'" 0 '^\[1(\.0+)?\]$'
check "Liu and Layland: fixed priorities up to 0.717" "says liu-layland '[.points[] | select(.value <= 0.717) | .tests[\"host-fp\"].ratio] | unique, length'" 0 '^\[1(\.0+)?\]$'
check "Liu and Layland: not up to 1" "says liu-layland '.points[-1].tests[\"host-fp\"].ratio < 0.5'" 0 '^true$'
check "servers: periodic never above EDF" "never servers host-fp qpa" 0 '^true$'
check "servers: deferrable never above periodic" "never servers host-fp-deferrable host-fp" 0 '^true$'
check "servers: it makes a difference" "says servers '.weighted | .qpa > .[\"host-fp\"] and .[\"host-fp\"] > .[\"host-fp-deferrable\"]'" 0 '^true$'
check "global EDF: BCL-iter never below BCL" "never global-edf bcl bcl-iter" 0 '^true$'
for test in gfb bak bcl bcl-iter; do
	check "global EDF: $test never above what is simulated" "never global-edf $test simulated" 0 '^true$'
done
check "Lopez: first fit up to 3" "says partitioned '[.points[] | select(.value <= 3) | .tests[\"first-fit\"].ratio] | unique'" 0 '^\[1(\.0+)?\]$'
check "Lopez: not up to 4" "says partitioned '.points[-1].tests[\"first-fit\"].ratio < 0.5'" 0 '^true$'
check "legacy: never below the supply bound" "never legacy guest-fp legacy-fp" 0 '^true$'
check "legacy: the bound never above what is simulated" "never legacy guest-fp simulated" 0 '^true$'
check "waters: more costs more" "says waters2015 '[.points[].tests[\"least-fp\"].bandwidth] | . == sort'" 0 '^true$'
check "waters: none above what first fit places" "never waters2015 system first-fit" 0 '^true$'
check "enforcement: a coarser tick costs more" "says enforcement '[.points[].tests[\"least-fp\"].bandwidth] | . == sort'" 0 '^true$'
check "enforcement: none above what is simulated" "never enforcement system simulated" 0 '^true$'
check "sharing: more of it never costs less" "says sharing '[.points[].tests.system.accepted] | . == (sort | reverse)'" 0 '^true$'
check "sharing: it makes a difference" "says sharing '.points | .[0].tests.system.accepted > .[-1].tests.system.accepted'" 0 '^true$'
check "sharing: never above what the CPUs hold" "never sharing system first-fit" 0 '^true$'
# 40 % of a CPU: the handler waits 1.2 periods and its own 0.1 ms, signal and injection take 20 us more, the deadline is 10 ms
check "interrupt-vcpu: up to a period of 8 ms" "says interrupt-vcpu '[.points[] | (.value <= 8000000) == (.tests.system.accepted == .samples)] | all'" 0 '^true$'
check "interrupt-own-vcpu: whatever the period" "says interrupt-own-vcpu '[.points[].tests.system.ratio] | unique'" 0 '^\[1(\.0+)?\]$'
check "colors: even never above best" "never colors colors-even colors-best" 0 '^true$'
check "colors: sharing never above best with many" "says colors '.points[-1].tests | .[\"colors-shared\"].accepted < .[\"colors-best\"].accepted'" 0 '^true$'
check "colors: sharing knows no colours" "says colors '[.points[].tests[\"colors-shared\"] | [.accepted, .bandwidth_sum]] | unique | length'" 0 '^1$'
check "colors: more never accept fewer" "says colors '[.points[].tests[\"colors-best\"].accepted] | . == sort'" 0 '^true$'
check "colors: nor do more for each task" "says colors '[.points[].tests[\"colors-private\"].accepted] | . == sort'" 0 '^true$'
check "colors: fewer than tasks are none for somebody" "says colors '.points[0].tests[\"colors-private\"].accepted'" 0 '^0$'
jq '.generate.vcpus = 1 | .generate.tasks = 4 | .generate.utilisation = 0.6 | .host.cpus = 1' "$experiments/colors.json" >"$tmp/alone"
check "colors: a vCPU alone shares with itself only" "virtrk experiment --samples 60 --json $tmp/alone | jq -c '[.points[].tests | .[\"colors-shared\"].accepted >= .[\"colors-even\"].accepted and .[\"colors-best\"].accepted >= .[\"colors-even\"].accepted] | all'" 0 '^true$'
# nothing to gain by a cache: every way to divide finds what is found where nothing is said of one
jq '.generate.tasks = 3 | .generate.cache = {slowdown: 0, working_set: 3} | .sweep.values = [16]' "$experiments/colors.json" >"$tmp/useless"
jq 'del(.generate.cache) | .tests = ["least-fp"] | .sweep = {parameter: "tasks", values: [3]}' "$experiments/colors.json" >"$tmp/never"
check "colors: for nothing" "(virtrk experiment --samples 60 --json $tmp/useless; virtrk experiment --samples 60 --json $tmp/never) | jq -s '[.[].points[].tests[] | [.accepted, .bandwidth_sum]] | unique | length'" 0 '^1$'
check "each stands in the table" "diff <(cd $experiments && ls *.json) <(grep -oE '^\| .[a-z0-9-]+\.json' $experiments/README.md | tr -d '| \`' | sort)" 0 ""
check "each has its check here" "for f in $experiments/*.json; do grep -q \"\$(basename \$f .json)\" $SOURCE/tests/cli/experiment.t || echo \$f; done" 0 ""

# fits: complaints about the spec on standard input
fits() {
	jq -r --slurpfile schema "$schema" -f "$SOURCE/tests/cli/schema.jq"
}
for file in "$experiments"/*.json; do
	check "schema: $(basename "$file")" "fits <$file" 0 ""
done
# both WHAT CHANGE EXIT REGEX: what the reader and the schema say; REGEX (empty = none) is what the schema complains of
both() {
	jq "$2" "$experiments/legacy.json" >"$tmp/changed"
	check "reader: $1" "virtrk experiment --samples 1 $tmp/changed >$tmp/answer 2>&1" "$3" ""
	check "schema: $1" "fits <$tmp/changed" 0 "$4"
}
both "an unknown key" '.generate.vcpu = 1' 2 'generate\.vcpu: unknown'
both "another method" '.generate.method = "mine"' 2 'generate\.method: none of'
both "another test" '.tests[0] = "mine"' 2 'tests\[0\]: none of'
both "another parameter" '.sweep.parameter = "mine"' 2 'sweep\.parameter: none of'
both "no values" 'del(.sweep.values)' 2 'sweep\.values: missing'
both "samples" '.samples = 0' 2 'samples: out of range'
both "a utilisation below zero" '.generate.utilisation = -1' 2 'utilisation: fits nothing'
both "a name" '.name = ""' 2 'name: too short'
both "colours" '.generate.cache = {colors: 8, working_set: {from: 1, to: 4}, slowdown: 0.5, miss: "80ns", reload: "1us"} | .tests = ["colors-best"]' 0 ''
both "too many colours" '.generate.cache = {colors: 65} | .tests = ["colors-best"]' 2 'cache\.colors: out of range'
both "a slowdown above 100" '.generate.cache = {slowdown: 101} | .tests = ["colors-best"]' 2 'cache\.slowdown: fits nothing'
both "an unknown key of the cache" '.generate.cache = {colours: 3} | .tests = ["colors-best"]' 2 'cache\.colours: unknown'
both "steps" '.generate.utilisation = {from: 0.4, to: 0.6, step: 0.1}' 0 ''
both "budget" '.reservation.budget = "least"' 0 ''
both "no budget" '.reservation.budget = "most"' 2 'budget: fits nothing'

# --- threads, shards, seeds

spec=$tmp/spec
jq '.samples = 40 | .sweep.values = [1, 2, 3]' "$experiments/global-edf.json" >"$spec"
virtrk experiment --jobs 1 --json "$spec" >"$tmp/whole"
check "threads do not matter" "virtrk experiment --jobs 4 --json $spec | cmp - $tmp/whole" 0 ""
check "nor does a file" "virtrk experiment --output $tmp/file.json $spec >$tmp/table && cmp $tmp/file.json $tmp/whole" 0 ""
check "another seed does" "virtrk experiment --seed 2 --json $spec | cmp -s - $tmp/whole" 1 ""
check "the seed stands in the result" "virtrk experiment --seed 2 --json $spec | jq -c '[.seed, .samples, .shard]'" 0 '^\[2,40,null\]$'
check "standard input" "virtrk experiment --json - <$spec | cmp - $tmp/whole" 0 ""
for i in 1 2 3; do
	check "shard $i" "virtrk experiment --shard $i/3 --output $tmp/shard-$i.json $spec | head -n 1" 0 "shard $i/3, seed 1$"
done
check "merged they are the whole" "virtrk experiment --merge --json $tmp/shard-3.json $tmp/shard-1.json $tmp/shard-2.json | cmp - $tmp/whole" 0 ""
check "the whole is its own merge" "virtrk experiment --merge --json $tmp/whole | cmp - $tmp/whole" 0 ""
check "CSV, too" "virtrk experiment --merge --csv $tmp/shard-*.json | cmp - <(virtrk experiment --csv $spec)" 0 ""
check "CSV by its name" "virtrk experiment --merge --output $tmp/out.csv $tmp/whole >/dev/null && virtrk experiment --csv $spec | cmp - $tmp/out.csv" 0 ""
check "CSV's head" "head -n 1 $tmp/out.csv" 0 '^utilisation,test,samples,accepted,ratio,weighted,bandwidth$'
check "CSV's lines" "wc -l <$tmp/out.csv" 0 '^16$'
check "the table" "virtrk experiment --merge $tmp/whole" 0 '^ +1 +40 +1\.000 +[01]\.[0-9]{3} +[01]\.[0-9]{3} +1\.000 +1\.000$'
check "the table's last line" "virtrk experiment --merge $tmp/whole | tail -n 1" 0 '^ *weighted +120 '
check "no bar where there is no terminal" "virtrk experiment $spec 2>&1 >/dev/null" 0 ""
check "no part of a file is left" "ls $tmp/*.part" 2 "No such file"

# --- what does not belong together

merge() {
	one_line virtrk experiment --merge "$@"
}
check "a shard is missing" "merge $tmp/shard-1.json $tmp/shard-3.json" 2 '^virtrk: shard 2/3 is missing$'
check "a shard is there twice" "merge $tmp/shard-1.json $tmp/shard-2.json $tmp/shard-3.json $tmp/shard-2.json" 2 'shard 2/3 is there twice: .*shard-2.json and .*shard-2.json$'
check "a shard of another number of shards" "virtrk experiment --shard 2/4 --output $tmp/other.json $spec >/dev/null; merge $tmp/shard-1.json $tmp/other.json" 2 'has 1 of 3 shards, .*other.json 1 of 4$'
check "another seed" "virtrk experiment --seed 5 --shard 2/3 --output $tmp/other.json $spec >/dev/null; merge $tmp/shard-1.json $tmp/other.json" 2 'do not belong together: another seed$'
check "another number of samples" "virtrk experiment --samples 41 --shard 2/3 --output $tmp/other.json $spec >/dev/null; merge $tmp/shard-1.json $tmp/other.json" 2 'another number of samples$'
check "another spec" "jq '.tests = [\"gfb\"]' $spec | virtrk experiment --shard 2/3 --output $tmp/other.json - >/dev/null; merge $tmp/shard-1.json $tmp/other.json" 2 'another spec$'
# edited FILTER: a shard that somebody changed
edited() {
	jq "$1" "$tmp/shard-2.json" >"$tmp/edited"
	merge "$tmp/shard-1.json" "$tmp/edited" "$tmp/shard-3.json"
}
check "more accepted than there are" "edited '.points[1].tests.gfb.accepted = 99'" 2 'edited: points\[1\]\.tests\.gfb\.accepted: must be a whole number from 0 to 13$'
check "a sample too few" "edited '.points[2].samples = 12'" 2 'points\[2\]: 12 samples, of this shard there are 13$'
check "a point too few" "edited '.points |= .[:2]'" 2 'points: 2 of them, the spec has 3$'
check "another version" "edited '.version = \"0.0.1\"'" 2 'version: it was made by virtrk 0\.0\.1, this is'
check "a shard beyond" "edited '.shard.index = 4'" 2 'shard\.index: must be a whole number from 1 to 3$'
check "no seed" "edited 'del(.seed)'" 2 'seed: missing$'
check "a test that is not asked" "edited '.points[0].tests.qpa = .points[0].tests.gfb'" 2 'points\[0\]\.tests\.qpa: unknown key'
check "a broken spec" "edited '.spec.tests = []'" 2 'spec: tests: must be an array'
check "half a file" "head -c 400 $tmp/shard-2.json >$tmp/half; merge $tmp/half" 2 'half: it ends in the middle'
check "no file" "merge $tmp/nothing" 1 'cannot open .*nothing: No such file'
check "no files" "merge" 2 'needs the files of all shards$'
check "a merge draws nothing" "merge --seed 3 $tmp/whole" 2 'it does not go with --seed$'

# --- wrong use

check "no spec" "one_line virtrk experiment" 2 'needs a SPEC.json'
check "two specs" "one_line virtrk experiment $spec $spec" 2 'one argument too many'
check "no such shard" "one_line virtrk experiment --shard 4/3 $spec" 2 'must be like 2/8'
check "no shard at all" "one_line virtrk experiment --shard 0/3 $spec" 2 'must be like 2/8'
check "a shard of words" "one_line virtrk experiment --shard one $spec" 2 'must be like 2/8'
check "more shards than samples" "one_line virtrk experiment --shard 1/41 $spec" 2 'there are only 40 samples$'
check "no threads" "one_line virtrk experiment --jobs 0 $spec" 2 'must be a whole number from 1 to 1024$'
check "too many samples" "one_line virtrk experiment --samples 1000001 $spec" 2 'must be a whole number from 1 to 1000000$'
check "two formats" "one_line virtrk experiment --json --csv $spec" 2 'only one of them$'
check "a directory as output" "one_line virtrk experiment --output $tmp $spec" 1 'cannot write .*: Is a directory$'
check "no such directory" "one_line virtrk experiment --output $tmp/no/where.json $spec" 1 'cannot write .*: No such file'
check "in vain" "jq '.generate.method = \"uunifast-discard\" | .sweep.values = [9.9] | .host.cpus = 10' $spec | one_line virtrk experiment --samples 1 -" 2 'drawn and thrown away'
check "a spec with a slip" "jq '.tset = 1' $spec | one_line virtrk experiment -" 2 '^virtrk: standard input: tset: unknown key, did you mean tests\?$'

# --- the figure

if command -v gnuplot >/dev/null; then
	check "a figure" "virtrk experiment --merge --figure $tmp/out.svg $tmp/whole >/dev/null && grep -c '<svg' $tmp/out.svg" 0 '^1$'
	check "with its title" "grep -c 'one queue over four CPUs' $tmp/out.svg" 0 '^[1-9]'
	check "a title is no command" "jq '.name = \"x'\\''\\nset print \\\"$tmp/made\\\"\"' $spec | virtrk experiment --samples 2 --figure $tmp/out.svg - >/dev/null && ls $tmp/made" 2 "No such file"
	check "of bandwidths, in ms" "result three-tasks; virtrk experiment --merge --figure $tmp/out.svg $tmp/three-tasks.json >/dev/null && grep -c 'reservation-period (ms)' $tmp/out.svg" 0 '^[1-9]'
fi
check "no gnuplot" "one_line env PATH=$tmp $VIRTRK experiment --figure $tmp/x.svg $spec" 1 '^virtrk: --figure needs gnuplot, which is not installed'

done_testing
