#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What lib.sh reads from a guest: whole lines, however they come. A line of which a part is late is not torn in two.
set -o pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE[0]%/*}/lib.sh"
# shellcheck source=tests/e2e/checks.sh
. "${BASH_SOURCE[0]%/*}/checks.sh"
e2e_begin guest-lines

# The guest is this shell: alive, and says what we write into the pipe.
mkfifo "$e2e_dir/pipe"
exec {fd}<>"$e2e_dir/pipe"
guest_out[me]=$fd
guest_pid[me]=$$
say() {
	# shellcheck disable=SC2059  # the escapes are wanted
	printf "$1" >&"$fd"
}
heard() {	# "what" WANTED
	line=
	guest_read me 1
	check_equal "$1" "$line" "$2"
}

say 'one\r\ntwo\r\n'
heard "two lines at once, the first" one
heard "and the second" two
say 'thr'
check "half a line is none" 1 '^$' guest_read me 1
say 'ee\r\n'
heard "it is whole when the rest has come" three
say 'four\r'
check "nor is one without its end" 1 '^$' guest_read me 1
say '\nfive\r\n'
heard "its carriage return is not part of it" four
heard "nor does it stay for the next" five

say 'si'
check "an answer that does not come" 1 '' guest_hear me 1
say 'x\r\nok ping\r\n'
check "comes later, whole" 0 '^six$' guest_hear me 1

echo "$passed passed, $failed failed"
exit $((failed > 0))
