#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The help, the manual page and the completion name the same verbs and options.
# shellcheck disable=SC2317 # functions are called by name, through check
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"
man=$SOURCE/man/virtrk.1.scd

virtrk help >"$tmp/help"
sed -n '/^Verbs:$/,/^$/p' "$tmp/help" | awk '/^  [a-z]/ { print $1 }' | sort >"$tmp/verbs"
grep -oE '^  (-[a-z], )?--[a-z-]+' "$tmp/help" | grep -oE -- '--[a-z-]+' | sort -u >"$tmp/options"
check "there are verbs" "wc -l <$tmp/verbs" 0 "^(1[4-9]|2[0-9])$"
check "there are options" "wc -l <$tmp/options" 0 "^[2-5][0-9]$"

sed -n '/^# VERBS/,/^# OPTIONS/p' "$man" | grep -oE '^\*[a-z]+\*' | tr -d '*' | sort -u >"$tmp/man-verbs"
sed -n '/^# OPTIONS/,/^# UNITS/p' "$man" | grep -E '^\*-' | grep -oE -- '--[a-z-]+' | sort -u >"$tmp/man-options"
check "verbs of the manual page" "diff $tmp/verbs $tmp/man-verbs" 0 ""
check "options of the manual page" "diff $tmp/options $tmp/man-options" 0 ""
while read -r verb; do
	check "an example of $verb in the manual page" "sed -n '/^# EXAMPLES/,\$p' $man | grep -E '\*virtrk $verb( |\*)'" 0 "virtrk $verb"
done <"$tmp/verbs"

# The completion as bash uses it, with the two helpers of the bash-completion package that it needs.
# shellcheck disable=SC2034 # the variables are the completion's
_init_completion() {
	words=("${COMP_WORDS[@]}") cword=$COMP_CWORD cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
}
_filedir() {
	COMPREPLY=(a-file)
}
# shellcheck source=../../completions/virtrk
. "$SOURCE/completions/virtrk"
# completed WORD...: what is offered for the last word
completed() {
	COMP_WORDS=(virtrk "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_virtrk
	[ ${#COMPREPLY[@]} = 0 ] || printf '%s\n' "${COMPREPLY[@]}"
}
check "completion: verbs" "completed '' | sort | diff $tmp/verbs -" 0 ""
check "completion: verbs by their beginning" "completed re | paste -sd ' '" 0 "^reserve release$"
while read -r verb; do
	virtrk help "$verb" | grep -oE '^  (-[a-z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+' | sort >"$tmp/one"
	check "completion: options of $verb" "completed $verb -- | sort | diff $tmp/one -" 0 ""
done <"$tmp/verbs"
check "completion: options before a verb" "completed -- | paste -sd ' '" 0 "^--bus --help --json --version$"
check "completion: units" "completed reserve rt --budget 4 | paste -sd ' '" 0 "^4ns 4us 4ms 4s$"
check "completion: policies" "completed plan --policy '' | paste -sd ' '" 0 "^spread repack exclusive$"
check "completion: simulated time" "completed simulate --for 4 | paste -sd ' '" 0 "^4ns 4us 4ms 4s$"
check "completion: no seed" "completed simulate --seed ''" 0 ""
check "completion: descriptions" "completed plan --policy spread ''" 0 "^a-file$"
check "completion: files" "completed reserve --file ''" 0 "^a-file$"
fake normal
check "completion: domains" "completed show '' | paste -sd ' '" 0 "^rt noisy$"
check "completion: domains of that bus" "VIRTRK_BUS=/none completed --bus $tmp/bus release n" 0 "^noisy$"
check "completion: vCPUs of the domain" "completed reserve rt --vcpu '' | paste -sd ' '" 0 "^0 1$"
check "completion: no second domain" "completed show rt ''" 0 ""
check "completion: nobody there" "VIRTRK_BUS=/none completed show ''" 0 ""

done_testing
