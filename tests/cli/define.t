#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# define and show --xml against libvirt's test driver, whose domains live as long as the command does: what is written is
# said, what is wrong is one line, and what a file's domain has in its metadata is shown as the schema wants it.
# shellcheck disable=SC2317 # functions are called by name, through check
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"
export ASAN_OPTIONS=detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}	# it trips over threads of libvirt that end at that moment
export VIRTRK_BUS=$tmp/nobody	# no virtrkd is asked

# node ELEMENTS: a libvirt of its own, with the domain rt that has these metadata
node() {
	cat >"$tmp/node.xml" <<-XML
	<node><domain type='test'><name>rt</name><memory>8192</memory><vcpu>2</vcpu><os><type>hvm</type></os>
	<metadata>$1</metadata></domain></node>
	XML
}
define() { virtrk define "$@" --connect "test://$tmp/node.xml"; }
show() { virtrk show "$1" --xml --connect "test://$tmp/node.xml"; }
rk() { echo "<rk:reservation xmlns:rk='urn:virtrk:domain:${2:-1}'>$1</rk:reservation>"; }
times='--budget 4ms --period 10ms'

node ''
check "threads" "define rt --vcpu 0-1 --emulator $times" 0 "^defined 4ms for vcpu0 of rt in every 10ms \(now and at each start\)"
check "--persist may be said" "define rt --vcpu 0 $times --persist" 0 "^defined 4ms for vcpu0"
check "with a partition" "define rt --vcpu 0 $times --partition /virtrk" 0 "from its next start on rt is in the partition /virtrk$"
check "ways of the cache" "define rt --ways 4" 0 "^rt gets ways of the cache for itself \(now and at each start\)$"
check "ways and threads" "define rt --ways 4 --vcpu 0 $times" 0 "^rt gets ways of the cache"
for ways in 0 65 4x; do
	check "--ways=$ways" "one_line define rt --ways=$ways" 2 "--ways $ways: a number from 1 to 64"
done
check "--remove with ways" "one_line define rt --remove --ways 4" 2 "--ways has no place beside it"
echo '{"domain":"rt","memory":{"cache_ways":4},"reservations":[{"thread":"vcpu0","budget":"4ms","period":"10ms"}]}' >"$tmp/ways.json"
check "a document with ways" "define --file $tmp/ways.json" 0 "rt gets ways of the cache"
echo '{"domain":"rt","reservations":[{"thread":"vcpu0","budget":"4ms","period":"10ms","cpus":"2-3"}]}' >"$tmp/rt.json"
check "a document" "define --file $tmp/rt.json" 0 "^defined 4ms for vcpu0 of rt"
echo '{"reservations":[{"thread":"vcpu0","budget":"4ms","period":"10ms"},{"thread":"vcpu0","budget":"1ms","period":"10ms"}]}' >"$tmp/twice.json"
check "a thread twice" "one_line define rt --file $tmp/twice.json" 2 "vcpu0 stands twice"
echo '{"reservations":[{"thread":"cpu0","budget":"4ms","period":"10ms"}]}' >"$tmp/none.json"
check "no thread's name" "one_line define rt --file $tmp/none.json" 2 '"cpu0" names no thread'
check "no such domain" "one_line define nobody --vcpu 0 $times" 1 "libvirt has no domain called nobody"
check "no libvirt" "one_line virtrk define rt --vcpu 0 $times --connect 'test+unix:///x?socket=/nowhere'" 1 "cannot connect to libvirt: "
check "no thread" "one_line define rt $times" 2 "which thread"
check "an unknown word" "one_line define rt --vcpu 0 $times --on-refusal maybe" 2 "--on-refusal maybe: expected refuse or report"
check "no path" "one_line define rt --vcpu 0 $times --partition virtrk" 2 "--partition virtrk: a path"
check "--replace is not define's" "one_line define rt --vcpu 0 $times --replace" 2 "replace"
check "nothing to show" "one_line show rt" 1 "rt has no reservations in its metadata"
check "nothing to remove" "one_line define rt --remove --vcpu 0" 1 "vcpu0 of rt has no reservation in its metadata"
check "--remove with a budget" "one_line define rt --remove --budget 4ms" 2 "--budget has no place beside it"
check "--remove of nobody" "one_line virtrk define --remove" 2 "define --remove needs a DOMAIN"
check "--xml or --json" "one_line virtrk show rt --xml --json" 2 "not both"
check "--connect without --xml" "one_line virtrk show rt --connect test:///default" 2 "--connect goes with --xml"

node "$(rk "<rk:thread name='vcpu0' budget='4ms' period='10ms'/><rk:thread name='emulator' budget='1500us' period='10ms' soft='yes'/>")<x:y xmlns:x='urn:x'/>"
check "shown" "show rt" 0 "<rk:thread name='emulator' budget='1.5ms' period='10ms' soft='yes'/>"
check "others are not" "show rt | grep -c urn:x" 1 "^0$"
check "removed, one" "define rt --remove --vcpu 0" 0 "^removed vcpu0 from the metadata of rt$"
check "removed, all" "define rt --remove" 0 "^removed all from the metadata of rt$"

node "$(rk "<rk:cache ways='4'/>")"
check "ways alone are shown" "show rt" 0 "<rk:cache ways='4'/>"
node "$(rk "<rk:thread name='vcpu0' budget='4' period='10ms'/>")"
check "what cannot be read is not shown" "one_line show rt" 1 'thread\[0\]: budget: "4" is no time'
check "nor built upon" "one_line define rt --vcpu 1 $times" 1 'thread\[0\]: budget: "4" is no time'
check "but a document takes its place" "define rt --file $tmp/rt.json" 0 "^defined"
check "and it can be removed" "define rt --remove" 0 "^removed all"

node "$(rk '' 2)"
check "another version" "one_line show rt" 1 "urn:virtrk:domain:2 is of a version that is not known"
done_testing
