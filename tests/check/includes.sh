#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Who may include what. The table is the architecture: the first row whose pattern matches a file speaks for it, a file
# without a row is an error, so that nobody moves in unseen. Columns: files | headers of ours ("x.h" and <virtrk/x.h>) |
# libraries, by the key of the second table. cleanup.h and error.h may go everywhere but into the analysis room; libc and
# the kernel's headers are free, except there.
cd "$(dirname "$0")/../.." || exit 1

table='
src/analysis/*                      | *@src/analysis virtrk/analysis.h virtrk/generate.h virtrk/memory.h virtrk/proof.h virtrk/simulate.h virtrk/system.h virtrk/units.h | pure
src/intent/intent.*                 | intent.h virtrk/units.h                                                          |
src/intent/intent-read.*            | intent.h virtrk/units.h                                                          | xml
src/daemon/vm.*                     | vm.h                                                                             |
src/daemon/sched-state.*            | sched-state.h virtrk/units.h                                                     |
src/daemon/ledger.h                 | sched-state.h vm.h virtrk/analysis.h                                             |
src/daemon/memory-shares.*          | memory.h memory-shares.h virtrk/memory.h virtrk/units.h                          |
src/daemon/memory.*                 | memory.h memory-shares.h color-map.h virtrk/memory.h virtrk/units.h              |
src/daemon/memory-look.*            | memory.h color-map.h profile-file.h sysroot.h virtrk/memory.h virtrk/units.h    |
src/daemon/resctrl.*                | resctrl.h                                                                        |
src/daemon/resctrl-look.*           | resctrl.h sysroot.h                                                              |
src/daemon/apply-resctrl.*          | apply-resctrl.h resctrl.h sysroot.h                                              |
src/daemon/cpulist.*                | cpulist.h                                                                        |
src/daemon/admit*                   | admit.h admit-private.h cpulist.h foreign.h ledger.h regime.h virtrk/analysis.h virtrk/units.h   |
src/daemon/whereabouts.*            | whereabouts.h sysroot.h virtrk/units.h                                           |
src/daemon/limit-watch.*            | limit-watch.h sysroot.h                                                          |
src/daemon/books.*                  | books.h sysroot.h virtrk/units.h                                                  |
src/daemon/freezer.*                | freezer.h sysroot.h whereabouts.h                                                |
src/daemon/partition-look.*         | partition.h cpulist.h sysroot.h whereabouts.h                                    |
src/daemon/partition-shared.*       | partition.h cpulist.h                                                            |
src/daemon/partition.*              | partition.h admit.h                                                              |
src/daemon/foreign.*                | foreign.h admit.h ledger.h regime.h sysroot.h virtrk/analysis.h virtrk/units.h   |
src/daemon/ledger.c                 | ledger.h                                                                         |
src/daemon/plan.*                   | plan.h ledger.h                                                                  |
src/daemon/cbs.*                    | cbs.h virtrk/units.h                                                              |
src/daemon/meter.*                  | meter.h cbs.h virtrk/units.h                                                     |
src/daemon/missed.*                 | missed.h virtrk/units.h                                                           |
src/daemon/regime.h                 | virtrk/units.h                                                                   |
src/daemon/doctor-regimes.*         | doctor-regimes.h admit.h                                                         |
src/daemon/doctor.*                 | doctor.h regime.h cpulist.h virtrk/units.h virtrk/analysis.h                     |
src/daemon/sysroot*                  | sysroot.h sysroot-private.h sysroot-walk.h sched-state.h cpulist.h virtrk/units.h |
src/daemon/topology.*               | topology.h regime.h sysroot.h cpulist.h virtrk/units.h                           |
src/daemon/perf.*                   | perf.h meter.h sysroot.h virtrk/units.h                                          |
src/daemon/monitor.*                | monitor.h ledger.h meter.h perf.h sysroot.h virtrk/units.h                       |
src/daemon/source-libvirt-load.*    | source.h source-libvirt.h intent.h vm.h sysroot.h                                         | event
src/daemon/source-libvirt.*         | source-libvirt.h intent.h vm.h                                                            | libvirt
src/daemon/source-cmdline.*         | source-cmdline.h vm.h                                                            |
src/daemon/handed-over.*            | handed-over.h                                                                    | notify
src/daemon/source-colorfs.*         | source-colorfs.h handed-over.h virtrk/colorfs.h                                  | event nl
src/daemon/source-connector.*       | source-connector.h handed-over.h                                                 | event nl
src/daemon/source-proc-judge.*      | source-proc-judge.h source-proc-scan.h source-cmdline.h source-qmp.h vm.h        |
src/daemon/source-proc-scan.*       | source-proc-scan.h source-cmdline.h vm.h sysroot.h                               |
src/daemon/source-qmp.*             | source-qmp.h vm.h sysroot.h                                                      | event json
src/daemon/source-*                 | source.h source-*.h vm.h sysroot.h virtrk/units.h                                | event
src/daemon/source.h                 | vm.h                                                                             |
src/daemon/apply*                   | apply.h apply-*.h books.h freezer.h ledger.h state.h sysroot.h cpulist.h whereabouts.h virtrk/units.h |
src/daemon/config-memory.*          | config.h config-memory.h intent.h virtrk/units.h                                          | json
src/daemon/config.*                 | json-strict.h config.h config-memory.h intent.h cpulist.h json-keys.h admit.h ledger.h vm.h sysroot.h virtrk/analysis.h virtrk/units.h | json
src/daemon/state.*                  | state.h state-json.h ledger.h sysroot.h virtrk/units.h                           | id128
src/daemon/state-json-fields.*      | state-json-fields.h ledger.h virtrk/units.h                                      |
src/daemon/state-json*              | json-strict.h state-json.h state-json-fields.h cpulist.h json-keys.h state.h ledger.h virtrk/units.h                         | json
src/daemon/json-keys.*              | json-keys.h                                                                      | json
src/daemon/log.*                    | log.h                                                                            | journal
src/daemon/bus*                     | bus.h bus-private.h manager.h memory.h vm.h cpulist.h log.h resctrl.h virtrk/memory.h virtrk/dbus.h virtrk/units.h  | bus event
src/daemon/manager*                 | *@src/daemon intent.h virtrk/analysis.h virtrk/dbus.h virtrk/units.h                      | event
src/daemon/main.c                   | bus.h manager.h log.h virtrk/dbus.h virtrk/units.h                               | event notify
src/cli/define-libvirt.*            | define.h intent.h virtrk/units.h                                                 | libvirt xml
src/cli/define*                     | define.h intent.h virtrk/units.h                                                 |
src/cli/verb-memory.*               | *@src/cli intent.h mount.h virtrk/dbus.h virtrk/units.h                                   | json
src/cli/verb-profile.*               | *@src/cli *@src/profile color-map.h virtrk/dbus.h virtrk/memory.h virtrk/units.h           | json
src/cli/document.h                  | *@src/cli intent.h virtrk/units.h                                                |
src/cli/document-memory.*           | *@src/cli intent.h virtrk/units.h                                                | json
src/cli/verb-define.*               | *@src/cli intent.h virtrk/dbus.h virtrk/units.h                                  | json
src/cli/client*                     | *@src/cli virtrk/dbus.h virtrk/units.h                                           | bus json
src/cli/strict.*                    | *@src/cli json-strict.h virtrk/units.h                                           | json
src/cli/chart*                      | *@src/cli virtrk/simulate.h                                                      | json
src/cli/system-*                    | *@src/cli virtrk/analysis.h virtrk/memory.h virtrk/proof.h virtrk/simulate.h virtrk/system.h virtrk/units.h     | json
src/cli/*experiment*                | *@src/cli virtrk/analysis.h virtrk/generate.h virtrk/memory.h virtrk/simulate.h virtrk/system.h virtrk/units.h | json
src/cli/verify.*                    | *@src/cli virtrk/analysis.h virtrk/units.h                                       |
src/cli/verify-judge.*              | *@src/cli virtrk/analysis.h virtrk/units.h                                       |
src/cli/verb-analyze.*              | *@src/cli virtrk/analysis.h virtrk/proof.h virtrk/simulate.h virtrk/system.h virtrk/units.h     | json
src/cli/verb-plan.*                 | *@src/cli virtrk/analysis.h virtrk/proof.h virtrk/simulate.h virtrk/system.h virtrk/units.h     | json
src/cli/verb-simulate.*             | *@src/cli virtrk/analysis.h virtrk/proof.h virtrk/simulate.h virtrk/system.h virtrk/units.h     | json
src/cli/*                           | *@src/cli virtrk/dbus.h virtrk/units.h                                           | json
src/colorfs/color-*                 | color-map.h                                                                      |
src/colorfs/*                       | *@src/colorfs virtrk/colorfs.h                                                   |
src/hook/*                          | hook.h intent.h mount.h virtrk/dbus.h virtrk/units.h                              | bus
src/mount/*                         | mount.h                                                                          |
src/profile/latency.*               | latency.h virtrk/memory.h                                                        |
src/profile/found.*                 | found.h cache-geometry.h color-map.h latency.h measure.h                         |
src/profile/*                       | *@src/profile virtrk/memory.h                                                    |
src/guest/guest-*                   | *@src/guest color-map.h mount.h                                                  |
src/guest/*                         | *@src/guest virtrk/sync.h virtrk/units.h                                         |
tools/*                             | *@tools meter.h svg.h trace.h virtrk/units.h                                           |
include/internal/cleanup.h          |                                                                                  |
include/internal/error.h            | cleanup.h                                                                        |
include/internal/json-strict.h      | cleanup.h                                                                        | json
include/virtrk/memory.h             | virtrk/analysis.h                                                                |
include/virtrk/system.h             | virtrk/analysis.h                                                                |
include/virtrk/proof.h              | virtrk/analysis.h virtrk/system.h                                               |
include/virtrk/simulate.h           | virtrk/analysis.h                                                                |
include/virtrk/*                    | virtrk/units.h                                                                   |
tests/*                             | *                                                                                | *
'

# Libraries: what an #include of theirs looks like. "pure" is no library but the little of libc that computes.
libraries='
bus     | ^systemd/sd-bus
event   | ^systemd/sd-event
journal | ^systemd/sd-journal
notify  | ^systemd/sd-daemon
id128   | ^systemd/sd-id128
json    | ^json-c/|^json\.h
nl      | ^netlink/
libvirt | ^libvirt/
xml     | ^libxml/
rcu     | ^urcu
cgroup  | ^libcgroup
'
pure='^(assert|ctype|errno|inttypes|limits|stdbool|stddef|stdint|stdio|stdlib|string)\.h$'

patterns=() ours=() theirs=() keys=() regexes=()
while IFS='|' read -r pattern o t; do
	read -r pattern <<<"$pattern"
	read -r o <<<"$o"
	read -r t <<<"$t"
	[ -n "$pattern" ] || continue
	patterns+=("$pattern") ours+=("$o") theirs+=("$t")
done <<<"$table"
while IFS='|' read -r key regex; do
	read -r key <<<"$key"
	read -r regex <<<"$regex"
	[ -n "$key" ] || continue
	keys+=("$key") regexes+=("$regex")
done <<<"$libraries"

# row FILE: sets row to the number of the row that speaks for it
row() {
	for row in "${!patterns[@]}"; do
		# shellcheck disable=SC2053 # the right side is a pattern on purpose
		[[ $1 != ${patterns[row]} ]] || return 0
	done
	return 1
}

# ours_may FILE HEADER ALLOWED
ours_may() {
	local word
	case "$1:$2" in
	src/analysis/*:cleanup.h | src/analysis/*:error.h) return 1 ;;
	*:cleanup.h | *:error.h) return 0 ;;
	esac
	set -f
	for word in $3; do
		set +f
		# shellcheck disable=SC2053 # the right side is a pattern on purpose
		[[ $2 != $word ]] || return 0
		# *@ROOM: any header of that room
		[ "${word#\*@}" = "$word" ] || [ ! -f "${word#\*@}/$2" ] || return 0
	done
	set +f
	return 1
}

# library HEADER: sets lib to its key, or to nothing for libc and the kernel
library() {
	local i
	lib=
	for i in "${!keys[@]}"; do
		[[ ! $1 =~ ${regexes[i]} ]] || lib=${keys[i]}
	done
}

bad=0
complain() {
	echo "$1"
	bad=1
}

# judge FILE: each of its includes against its row
judge() {
	local file=$1 may_ours may_theirs kind header
	if ! row "$file"; then
		complain "$file: no row of the table speaks for it"
		return
	fi
	may_ours=${ours[row]} may_theirs=${theirs[row]}
	[ "$may_theirs" != "*" ] || return 0
	while read -r kind header; do
		if [ "$kind" = '"' ] || [[ $header == virtrk/* ]]; then
			ours_may "$file" "$header" "$may_ours" ||
				complain "$file: may not include $header (it may: ${may_ours:-nothing of ours})"
			continue
		fi
		library "$header"
		if [ -n "$lib" ] && [[ " $may_theirs " != *" $lib "* ]]; then
			complain "$file: <$header>: the home of $lib is elsewhere (it may: ${may_theirs:-no library})"
		elif [ "$may_theirs" = pure ] && ! [[ $header =~ $pure ]]; then
			complain "$file: <$header>: this room computes, it has no business with that"
		fi
	done < <(sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*(["<])([^">]*)[">].*/\1 \2/p' "$file")
}

# The test itself has to be able to say no.
ours_may src/daemon/vm.c sysroot.h vm.h && complain "self-test: vm.c may include sysroot.h"
ours_may src/analysis/x.c error.h "*" && complain "self-test: analysis may include error.h"
ours_may src/cli/x.c nothing.h "*@src/cli" && complain "self-test: a header that is in no room is allowed"
row src/nowhere/x.c && complain "self-test: an unknown room has a row"
library systemd/sd-bus-vtable.h
[ "$lib" = bus ] || complain "self-test: sd-bus is not known"

n=0
while read -r file; do
	judge "$file"
	n=$((n + 1))
done < <(tests/check/files.sh | grep '\.[ch]$')
echo "$n files looked at"
[ "$n" -gt 0 ] || bad=1
exit $bad
