# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What every end-to-end test begins with: a guest to boot, a virtrkd of its own, and check().
#
# The guests are emulated (TCG): that works everywhere, and to the host's scheduler a vCPU thread is a vCPU thread.
# Programs come from the environment: VIRTRKD, VIRTRK, VIRTRK_TASKS. Exit code 77, with a reason, when this machine
# cannot run such a test at all.

set -o pipefail
# shellcheck source=tests/e2e/lib.sh
. "${BASH_SOURCE[0]%/*}/lib.sh"
# shellcheck source=tests/e2e/checks.sh
. "${BASH_SOURCE[0]%/*}/checks.sh"

e2e_done() {
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ] || { echo "--- virtrkd:"; cat "$e2e_dir/virtrkd.log"; }
	exit $((failed > 0))
}

# --- virtrkd ----------------------------------------------------------------------------------------------------------

vrk() {
	"$VIRTRK" --bus="$e2e_dir/bus" "$@"
}

# daemon_start [OPTIONS...]: waits until it serves
# shellcheck disable=SC2120  # most tests give no options
daemon_start() {
	child_start "$e2e_dir/virtrkd.log" "$VIRTRKD" --bus="$e2e_dir/bus" --state="$e2e_dir/state" \
		--config="$e2e_dir/config" --libvirt=none "$@"
	virtrkd=$child
	if ! wait_for 10 vrk list; then
		cat "$e2e_dir/virtrkd.log"
		fail "virtrkd does not serve"
		e2e_done
	fi
}

# --- guests and threads -----------------------------------------------------------------------------------------------

# guest_boot NAME VCPUS [QEMU-ARGUMENTS...]
guest_boot() {
	guest_start "$@"
	if ! guest_wait "$1" 60; then
		cat "$e2e_dir/$1.console" "$e2e_dir/$1.qemu"
		fail "guest $1 does not boot"
		e2e_done
	fi
}

# policy_of TID: sets policy to the kernel's number for it (0 other, 6 deadline), without starting a process
policy_of() {
	local stat fields

	policy=
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
	read -r -a fields <<<"${stat##*) }"	# the name may hold blanks
	policy=${fields[38]}
}

policy_is() {
	policy_of "$1" && [ "$policy" = "$2" ]
}

# check_policy "what" TID POLICY
check_policy() {
	if policy_is "$2" "$3"; then
		pass "$1"
	else
		fail "$1: the policy of $2 is ${policy:-gone}, not $3"
	fi
}

# what chrt says about budget and period of a thread, as NS/NS
parameters() {
	chrt -p "$1" | sed -n 's,.*runtime/deadline/period parameters: \([0-9]*\)/[0-9]*/\([0-9]*\)$,\1/\2,p'
}

# What the kernel itself has booked as DEADLINE bandwidth (2^20 = one CPU); fails where that cannot be read.
kernel_booked() {
	if [ ! -d "$e2e_dir/debug" ]; then
		mkdir "$e2e_dir/debug" && mount -t debugfs none "$e2e_dir/debug" || return 1
	fi
	sed -n 's/.*dl_bw->total_bw *: //p' "$e2e_dir/debug/sched/debug" | head -n 1 | grep .
}

e2e_at_end() {
	! mountpoint -q "$e2e_dir/debug" || umount "$e2e_dir/debug"
}

hogs_start() {
	local i

	hogs=()
	for ((i = 0; i < $1; i++)); do
		child_start /dev/null bash -c 'while :; do :; done'
		hogs+=("$child")
	done
}

hogs_end() {
	local pid

	for pid in "${hogs[@]}"; do
		child_end "$pid"
	done
}

# --- can this machine do it? ------------------------------------------------------------------------------------------

for variable in VIRTRKD VIRTRK VIRTRK_TASKS; do
	[ -x "${!variable-}" ] || { echo "$variable does not name a program: run this by meson test --suite e2e"; exit 1; }
done
[ "$(id -u)" -eq 0 ] || skip "real reservations need root"
for program in qemu-system-x86_64 busybox cpio jq chrt setpriv; do
	command -v "$program" >/dev/null || skip "$program is not installed"
done
chrt -d -T 1000000 -D 10000000 -P 10000000 0 true 2>/dev/null || skip "the kernel does not let us use SCHED_DEADLINE here"
{ read -r kernel && read -r initramfs; } < <("${BASH_SOURCE[0]%/*}/build-guest" "$VIRTRK_TASKS") ||
	skip "there is no guest to boot (the kernel's package could not be downloaded?)"
