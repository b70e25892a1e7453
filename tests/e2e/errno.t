#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Each system call that virtrkd makes while it reserves, changes or releases fails once, with each errno that it can give (errno.sh). The
# domain has one vCPU that always runs and one that always sleeps: they leave their reservations by different ways, and what was done to the
# first has to be taken back when the second fails.
# In short, calls fail with one errno each, the first and the last of them; VIRTRK_ERRNO=all tries them all. With VIRTRK_ERRNO_DEEDS
# only some of the deeds.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/e2e/harness.sh
. "${0%/*}/harness.sh"
[ -x "${VIRTRK_LOOK-}" ] || { echo "VIRTRK_LOOK does not name a program: run this by meson test --suite e2e"; exit 1; }
command -v strace >/dev/null || skip "strace is not installed"
e2e_begin errno
errno_log=$e2e_dir/virtrkd.log
# shellcheck source=tests/e2e/errno.sh
. "${0%/*}/errno.sh"
keeper=keeper-$$ rt=rt-$$	# other guests on this machine have other names

virtrk() {
	"$VIRTRK" --bus="$e2e_dir/bus" "$@"
}

# In a build with sanitizers nearly all that is mapped is theirs, and they end the program when they get no memory: TEST-31 tries that.
! grep -q __asan_init "$VIRTRKD" || errno_not+="mmap "
daemon_up() {
	child_start "$errno_log" "$VIRTRKD" --bus="$e2e_dir/bus" --state="$e2e_dir/state" --config="$e2e_dir/config" \
		--libvirt=none --verbose --on-drift=report
	daemon=$child
	errno_until virtrk list >/dev/null 2>&1
}

declare -A thread	# tid by "DOMAIN vcpuN"
spinner_up() {	# NAME VCPUS
	local i

	child_start "$e2e_dir/$1.log" qemu-system-x86_64 -name "guest=$1,debug-threads=on" -accel tcg -smp "$2" -m 16 -nodefaults \
		-no-user-config -display none -bios "$e2e_dir/spin.bin"
	guest_pid[$1]=$child
	for ((i = 0; i < $2; i++)); do
		wait_for 30 guest_vcpu "$1" "$i" || { fail "the domain $1 does not start"; e2e_done; }
		thread[$1 vcpu$i]=$(guest_vcpu "$1" "$i")
	done
}

# With "nobody N" for how often the least reservation of this test is booked for nobody. What all SCHED_DEADLINE threads of this machine have,
# whosesoever they are, is taken out; the kernel's own servers, which it forgets now and then, are less than one.
kernel_state() {
	local name threads=()

	for name in "${!thread[@]}"; do
		threads+=("$name=${thread[$name]}")
	done
	"$VIRTRK_LOOK" "$e2e_dir/debug" "${threads[@]}" |
		awk '$1 == "thread" || $1 == "reserved" { print | "sort" } $1 == "booked" { booked = $2 } $1 == "held" { held = $2 }
			END { if (booked != "") print "nobody", int((booked - held) / 157286) | "sort" }'
}

kernel_lines() {
	kernel_state | grep '^reserved '
}
ledger_lines() {
	virtrk top --json | jq -r '.[] | "reserved \(.domain) \(.thread) \(.budget_ns)/\(.period_ns)"' | sort
}
errno_promise='.promises[] | "reserved \(.domain) \(.thread) \(.budget_ns)/\(.period_ns)"'

declare -A errno_from=([reserve]=free [change]=reserved [release]=changed) errno_to=([reserve]=reserved [change]=changed [release]=free)
errno_ask() {
	case "$1" in
	reserve) timeout 30 "$VIRTRK" --bus="$e2e_dir/bus" reserve "$rt" --vcpu 0-1 --budget 2ms --period 10ms ;;
	change) timeout 30 "$VIRTRK" --bus="$e2e_dir/bus" reserve "$rt" --vcpu 0-1 --budget 5ms --period 20ms --replace ;;
	release) timeout 30 "$VIRTRK" --bus="$e2e_dir/bus" release "$rt" ;;
	esac
}
errno_bring() {
	case "$1" in
	free) errno_ask release || [ "$(ledger_lines | grep -c " $rt ")" -eq 0 ] ;;
	reserved) errno_ask reserve || { errno_ask release; errno_ask reserve; } ;;
	changed) errno_ask change ;;
	esac
}

errno_later() {
	:
}

# A vCPU that always runs gets time: the kernel loses threads that come back too early, and they do not run ever again.
has_run() {
	local now

	read -r now _ <"/proc/${thread[$rt vcpu0]}/schedstat"
	[ "$now" -gt "$1" ]
}
errno_also() {
	local used

	read -r used _ <"/proc/${thread[$rt vcpu0]}/schedstat"
	errno_until has_run "$used" || echo "vcpu0 of $rt does not run any more"
}

# The first and the last of each, with another errno each time.
few() {
	local list

	read -r -a list <<<"${errnos[$1]}"
	echo "$2 ${list[0]}"
	[ "$2" -eq 1 ] || echo "1 ${list[${#list[@]} - 1]}"
}

spin_make "$e2e_dir/spin.bin"
spinner_up "$keeper" 1
spinner_up "$rt" 2
kernel_booked >/dev/null || echo "what the kernel has booked cannot be read here"
daemon_up || { fail "virtrkd does not start"; e2e_done; }
two_domains() {
	[ "$(virtrk list | grep -c -- "-$$ ")" -eq 2 ]
}
check_soon "two domains" 30 two_domains
check "a reservation that nobody touches" 0 '' virtrk reserve "$keeper" --vcpu 0 --budget 20ms --period 100ms
errno_states free reserved changed || e2e_done

choice=few
[ "${VIRTRK_ERRNO-}" != all ] || choice=errno_all
for deed in ${VIRTRK_ERRNO_DEEDS:-reserve change release}; do
	errno_sweep "$deed" "$choice"
done
[ "$choice" = few ] || sort -u "$errno_words"
check_equal "the reservation that nobody touches is there" "$(parameters "${thread[$keeper vcpu0]}")" 20000000/100000000
give_back() {
	virtrk release "$keeper" && errno_bring free && kill -TERM "$daemon" && wait "$daemon"
}
check "everything can be given back" 0 '' give_back
e2e_done
