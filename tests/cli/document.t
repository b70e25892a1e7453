#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Reservation documents as a user meets them: --file, standard input, and what a wrong one gets.
# shellcheck disable=SC2317 # functions are called by name, through check
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"
fake normal

cat >"$tmp/rt.json" <<'JSON'
{
  "domain": "rt",
  "reservations": [
    { "thread": "vcpu0", "budget": "4ms", "period": "10ms" },
    { "thread": "vcpu1", "budget": "2ms", "period": "10ms", "deadline": "5ms" },
    { "thread": "emulator", "budget": "1ms", "period": "20ms", "soft": true }
  ]
}
JSON
heard() {
	: >"$tmp/heard"
	"$@" >/dev/null 2>&1
	paste -sd ';' "$tmp/heard"
}
# doc TEXT: reserve with that document
doc() {
	printf '%s' "$1" >"$tmp/doc.json"
	one_line virtrk reserve rt --file "$tmp/doc.json"
}

check "a whole domain" "virtrk reserve --file $tmp/rt.json" 0 "^reserved 1ms for emulator of rt in every 20ms, soft"
check "a whole domain: one request" "heard virtrk reserve --file $tmp/rt.json" 0 \
	"^request vcpu0 4000000 10000000 0 0;request vcpu1 2000000 10000000 5000000 0;request emulator 1000000 20000000 0 1$"
check "--replace" "heard virtrk reserve --file $tmp/rt.json --replace" 0 "0 2;request vcpu1 .* 5000000 2;request emulator .* 0 3$"
check "standard input" "virtrk check --file - <$tmp/rt.json" 0 "^fits:    yes$"
check "the domain twice, the same" "virtrk check rt --file $tmp/rt.json" 0 "^fits:    yes$"
check "the domain twice, different" "one_line virtrk check other --file $tmp/rt.json" 2 "rt.json is for domain rt, not for other"
check "no domain at all" "jq 'del(.domain)' $tmp/rt.json >$tmp/no.json; one_line virtrk check --file $tmp/no.json" 2 "no.json names no domain"
check "the domain on the command line" "virtrk check rt --file $tmp/no.json" 0 "^fits:    yes$"
check "other options beside it" "one_line virtrk check --file $tmp/rt.json --budget 4ms" 2 "--budget cannot stand beside it"
check "threads beside it" "one_line virtrk check --file $tmp/rt.json --vcpu 0" 2 "--vcpu cannot stand beside it"
check "the example of the manual" "sed -n '/^\`\`\`/,/^\`\`\`/p' '$SOURCE/man/virtrk.1.scd' | grep -v '\`' >$tmp/man.json; virtrk check --file $tmp/man.json" 0 "^fits:    yes$"

check "no such file" "one_line virtrk reserve --file $tmp/none" 1 "cannot open .*/none: No such file or directory"
check "a directory" "one_line virtrk reserve --file $tmp" 1 "cannot read .*: Is a directory"
check "not readable" "if [ \$(id -u) = 0 ]; then one_line virtrk reserve --file /proc/self/mem; else touch $tmp/x; chmod 0 $tmp/x; one_line virtrk reserve --file $tmp/x; fi" 1 "cannot (read|open)"
check "endless" "one_line virtrk reserve --file /dev/zero" 2 "/dev/zero: larger than 1048576 bytes"
check "empty" "doc ''" 2 "doc.json: empty$"
check "cut off" "doc '{\"reservations\": ['" 2 "it ends in the middle, in line 1"
check "not JSON" "doc 'rt: 4ms'" 2 "line 1, column 1: not JSON"
check "trailing garbage" "doc '{\"reservations\":[]} x'" 2 "not JSON"
check "an array" "doc '[]'" 2 "must be an object"
check "an unknown key" "doc '{\"reservation\":[]}'" 2 "doc.json: reservation: unknown key, did you mean reservations\?"
check "an unknown key, deep" "doc '{\"reservations\":[{\"thread\":\"vcpu0\",\"budget\":\"4ms\",\"period\":\"10ms\"},{\"perod\":\"10ms\"}]}'" 2 \
	"doc.json: reservations\[1\]\.perod: unknown key, did you mean period\?"
check "a key twice" "doc '{\"reservations\":[{\"thread\":\"vcpu0\",\"budget\":\"4ms\",\"budget\":\"5ms\",\"period\":\"10ms\"}]}'" 2 \
	"reservations\[0\]\.budget: given twice"
check "a number for a time" "doc '{\"reservations\":[{\"thread\":\"vcpu0\",\"budget\":4,\"period\":\"10ms\"}]}'" 2 \
	"reservations\[0\]\.budget: must be a string, not int"
check "a time without unit" "doc '{\"reservations\":[{\"thread\":\"vcpu0\",\"budget\":\"4\",\"period\":\"10ms\"}]}'" 2 \
	"reservations\[0\]\.budget: 4: the unit is missing"
check "deep" "doc \"\$(printf '%100000s' | tr ' ' '[')\"" 2 "nested more than 12 deep"
check "nothing to reserve" "doc '{\"reservations\":[]}'" 2 "reservations: empty"
: >"$tmp/heard"
doc '{"reservations":[{"thread":"vcpu0","budget":"4ms","period":"10ms"},{}]}' >/dev/null
check "virtrkd was not asked for the good half" "cat $tmp/heard" 0 ""

# The schema says what the parser does.
schema=$SOURCE/share/reservation.schema.json
check "schema: keys of a reservation" "jq -r '.\"\$defs\".reservation.properties | keys_unsorted | join(\" \")' $schema" 0 "^thread budget period deadline soft cpus$"
check "schema: keys of the document" "jq -r '.properties | keys_unsorted | join(\" \")' $schema" 0 "^domain memory reservations$"
check "schema: strict" "jq -c '[.additionalProperties, .\"\$defs\".reservation.additionalProperties]' $schema" 0 '^\[false,false\]$'
check "schema: times" "for t in 4ms 2.5ms 0.01s 1024ns; do jq -en --arg t \$t --slurpfile s $schema '\$t | test(\$s[0].\"\$defs\".time.pattern)'; done | sort -u" 0 "^true$"
check "schema: no times" "for t in 4 -4ms 4m .5ms 4.ms '4 ms' ms; do jq -n --arg t \"\$t\" --slurpfile s $schema '\$t | test(\$s[0].\"\$defs\".time.pattern)'; done | sort -u" 0 "^false$"

done_testing
