#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Where virtrk finds virtrkd, and what it says when it does not.
# shellcheck disable=SC2317 # functions are called by name, through check
# shellcheck source=lib.sh
. "$SOURCE/tests/cli/lib.sh"

# alone ARG...: virtrk where it finds no virtrkd of this host: in a mount name space with an empty /run
can_be_alone=yes
if unshare -m true 2>/dev/null; then
	alone() {
		# shellcheck disable=SC2016 # for the inner shell
		unshare -m sh -c 'mount -t tmpfs none /run && exec "$0" "$@"' "$VIRTRK" "$@"
	}
elif [ ! -e /run/virtrk/bus ] && [ ! -e /run/dbus/system_bus_socket ]; then
	alone() {
		"$VIRTRK" "$@"
	}
else
	can_be_alone=no
	echo "skipped without virtrkd: this host may run one, and unshare(1) is not permitted"
fi
if [ $can_be_alone = yes ]; then
	for verb in list "show rt" capacity top doctor monitor "release rt" "check rt --vcpu 0 --budget 1ms --period 9ms"; do
		check "nobody there: $verb" "one_line alone $verb" 1 \
			"virtrkd is not running \(no org.virtrk1 on the system bus and no socket /run/virtrk/bus\); start it with: systemctl start virtrkd$"
	done
	check "a system bus that is not there" "DBUS_SYSTEM_BUS_ADDRESS=unix:path=$tmp/none one_line alone list" 1 "virtrkd is not running"
fi

check "--bus: no socket" "one_line virtrk --bus=$tmp/none list" 1 "cannot connect to virtrkd at .*/none: No such file or directory"
check "VIRTRK_BUS: no socket" "VIRTRK_BUS=$tmp/none one_line virtrk list" 1 "cannot connect to virtrkd at .*/none: No such file"
check "--bus: not a socket" "touch $tmp/file; one_line virtrk --bus=$tmp/file list" 1 "nobody listens on that socket any more"
check "--bus: too long" "one_line virtrk --bus=/\$(head -c 200 /dev/zero | tr '\\0' x) list" 1 "the path of a socket has at most 107 bytes"
check "--bus: empty" "one_line virtrk --bus= list" 2 "--bus: empty"

fake normal
check "VIRTRK_BUS" "virtrk list" 0 "^rt "
check "--bus goes before VIRTRK_BUS" "one_line virtrk --bus=$tmp/none list" 1 "cannot connect"
check "--bus alone" "VIRTRK_BUS=$tmp/none virtrk --bus $tmp/bus list" 0 "^rt "
check "a relative path" "cd $tmp && virtrk --bus=bus list" 0 "^rt "
check "stdout closed: no answer into the socket" "virtrk list >&-" 1 "^virtrk: cannot write to stdout: Bad file descriptor$"
check "stdin and stderr closed" "virtrk list <&- 2>&-" 0 "^rt "

# A server that takes the connection and closes it, one that says nothing, one that never answers a call.
fake rude
check "it closes at once" "one_line virtrk list" 1 "^virtrk: virtrkd (at .*/bus )?closed the connection"
fake mute
check "it never says a word" "one_line virtrk list" 1 "virtrkd at .*/bus does not answer$"
fake normal
check "it never answers" "SYSTEMD_BUS_TIMEOUT=0.3s one_line virtrk show hang" 1 "virtrkd does not answer \(GetDomain, no reply in time\)"
unset VIRTRK_BUS

if ! command -v dbus-daemon >/dev/null; then
	echo "skipped on a bus: dbus-daemon is not installed"
	done_testing
fi
stop_servers
cat >"$tmp/bus.conf" <<CONF
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=$tmp/dbus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow eavesdrop="true"/></policy>
</busconfig>
CONF
dbus-daemon --config-file="$tmp/bus.conf" --nofork &
servers+=($!)
wait_for "dbus-daemon" test -S "$tmp/dbus"
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$tmp/dbus
if [ $can_be_alone = yes ]; then
	check "a bus without virtrkd" "one_line alone list" 1 "virtrkd is not running"
fi
"$FAKE" --system end 2>"$tmp/heard" &
servers+=($!)
owned() {
	virtrk list >/dev/null 2>&1
}
wait_for "the fake on the bus" owned
check "the system bus" "virtrk list" 0 "^rt "
check "the system bus: reserve" "virtrk reserve rt --vcpu 0 --budget 4ms --period 10ms" 0 "^reserved"
check "the system bus: events" "timeout 10 $VIRTRK monitor 2>&1" 1 "rt vcpu0: reserved 4ms"
if [ $can_be_alone = yes ]; then
	check "the system bus: it has ended" "one_line alone list" 1 "virtrkd is not running"
fi

done_testing
