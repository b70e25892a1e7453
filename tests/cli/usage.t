#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The command line: help, verbs, options, and what a wrong one gets. No virtrkd is asked here.
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"
export VIRTRK_BUS=$tmp/nobody

check "help" "virtrk help" 0 "^  reserve \[DOMAIN\]  "
check "--help" "virtrk --help | tail -n 4 | paste -sd ' '" 0 "Exit codes: 0 done, 1 failed, 2 wrong use, 3 refused by admission, 4 a promise was broken. "
check "--help fits on a terminal" "virtrk --help | wc -L" 0 "^([1-7][0-9]|80)$"
check "--help: what is longer goes on below" "virtrk --help" 0 "^ {26}or none$"
check "--help: --replace is not define's" "virtrk --help | sed -n '/^Options of reserve and check:/,/^$/p'" 0 "^  --replace "
check "--help: --replace is not define's, and stands there once" "virtrk --help | grep -c -e ' --replace '" 0 "^1$"
check "-h" "virtrk -h" 0 "^Verbs:$"
check "--version" "virtrk --version" 0 "^virtrk [0-9]+\.[0-9]+\.[0-9]+$"
for verb in list show reserve check release define prepare commit abort cache memory capacity top doctor monitor verify analyze plan simulate \
	experiment help; do
	check "$verb --help fits on a terminal" "virtrk $verb --help | wc -L" 0 "^([1-7][0-9]|80)$"
	check "help $verb" "virtrk help $verb" 0 "^  virtrk $verb"
	check "$verb --help" "virtrk $verb --help" 0 "^virtrk $verb \[OPTION...\]"
	check "help prints on stdout only: $verb" "virtrk $verb -h 2>&1 >/dev/null" 0 ""
done
check "help of nothing known" "one_line virtrk help showe" 2 "unknown verb \"showe\", did you mean show\?"

check "no verb" "one_line virtrk" 2 "no verb given"
check "only options" "one_line virtrk --json" 2 "no verb given"
check "a verb with letters swapped" "one_line virtrk ilst" 2 "did you mean list\?"
check "a verb with a letter too few" "one_line virtrk reseve rt" 2 "did you mean reserve\?"
check "a guess that shares half of the letters is none" "one_line virtrk nope" 2 "unknown verb \"nope\", see: virtrk help$"
check "nothing like a verb" "one_line virtrk xyzzy" 2 "unknown verb \"xyzzy\", see: virtrk help"
check "an empty verb" "one_line virtrk ''" 2 "unknown verb"
check "a verb with an escape sequence" "one_line virtrk \$'\\e[31mred'" 2 "unknown verb \"\?\[31mred\""
check "a verb that is no text" "one_line virtrk \$'\\xff\\xfe'" 2 'unknown verb "\?\?"'
check "a verb of 100000 letters" "one_line virtrk \$(head -c 100000 /dev/zero | tr '\\0' x) | wc -c" 0 "^1[0-9]{3}$"

check "an unknown option" "one_line virtrk list --frob" 2 "unknown option --frob"
check "an option with a letter wrong" "one_line virtrk reserve rt --budgte 4ms" 2 "unknown option --budgte, did you mean --budget\?"
check "an abbreviated option" "one_line virtrk reserve rt --bud 4ms" 2 "unknown option --bud"
check "an unknown letter" "one_line virtrk -x list" 2 "unknown option -x"
check "letters are not bundled" "one_line virtrk -hh list" 2 "unknown option -hh"
check "an option of another verb" "one_line virtrk list --budget 4ms" 2 "list does not take --budget, see: virtrk help list"
check "--json with release" "one_line virtrk release rt --json" 2 "release does not take --json"
check "an argument missing at the end" "one_line virtrk reserve rt --budget" 2 "--budget needs a TIME"
check "an argument that is empty" "one_line virtrk reserve rt --budget=" 2 "--budget: empty, it needs a TIME"
check "an argument too many" "one_line virtrk list --json=yes" 2 "--json takes no argument"
check "an option twice" "one_line virtrk reserve rt --vcpu 0 --budget 1ms --budget 2ms --period 10ms" 2 "--budget is given twice"
check "--bus twice" "one_line virtrk --bus=/a --bus=/b list" 2 "--bus is given twice"

check "show without a domain" "one_line virtrk show" 2 "show needs a DOMAIN"
check "show with two" "one_line virtrk show a b" 2 "show: one argument too many: b"
check "list with one" "one_line virtrk list rt" 2 "list: one argument too many: rt"
check "release without a domain" "one_line virtrk release" 2 "release needs a DOMAIN"
check "an empty domain" "one_line virtrk show ''" 2 "show: a name must be UTF-8 and not empty"
check "a domain that is no UTF-8" "one_line virtrk show \$'a\\xff'" 2 "must be UTF-8"
check "an overlong form in UTF-8" "one_line virtrk show \$'\\xc0\\xaf'" 2 "must be UTF-8"
check "a surrogate in UTF-8" "one_line virtrk show \$'\\xed\\xa0\\x80'" 2 "must be UTF-8"
check "-- ends the options" "one_line virtrk show -- --help" 1 "cannot connect to virtrkd at"
check "a lone hyphen is a name" "one_line virtrk show -" 1 "cannot connect"

check "--interval: too short" "one_line virtrk top --interval 1ms" 2 "--interval 1ms: from 10ms to 3600s"
check "--interval: too long" "one_line virtrk top --interval 3601s" 2 "from 10ms to 3600s"
check "--interval: zero" "one_line virtrk top --interval 0s" 2 "from 10ms to 3600s"
check "--interval: no time" "one_line virtrk top --interval soon" 2 "--interval soon: not a time"

done_testing
