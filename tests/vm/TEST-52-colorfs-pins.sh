#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# devices: iommu
# boot: intel_iommu=on slab_debug=FZP page_poison=1
# limit: 200
#
# Those who hold frames of colorfs for long, while their files are truncated and removed (colorfs-pins says what has to be true): direct I/O of a
# disk that takes a second, buffers registered with io_uring, and a device that was handed over by vfio and does DMA behind an IOMMU. A mount may go while
# somebody holds frames of it: they are the machine's when they are let go.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
# shellcheck source=tests/vm/colorfs.sh
. /src/tests/vm/colorfs.sh
colorfs_begin colorfs-pins

pins=/product/colorfs/colorfs-pins
edu=/sys/bus/pci/devices/$(basename "$(grep -l 0x11e8 /sys/bus/pci/devices/*/device | xargs -r -n 1 dirname)")

check "the module" 0 '' insmod "$module" "profile=$profile"
check "a mount" 0 '' color_mount size=4M,colors=2-5

# --- a slow disk --------------------------------------------------------------------------------------------------------

check "a disk" 0 '' modprobe scsi_debug dev_size_mb=16
check "and its driver" 0 '' modprobe sd_mod
check_soon "is there" 20 test -b /dev/sda
echo 400 >/sys/bus/pseudo/drivers/scsi_debug/delay	# jiffies, for what is asked from now on
check "direct I/O" 0 '' "$pins" direct "$dir" /dev/sda
echo 1 >/sys/bus/pseudo/drivers/scsi_debug/delay
check "registered with io_uring" 0 '' "$pins" uring "$dir" /dev/sda

# --- a device -----------------------------------------------------------------------------------------------------------

group=$(basename "$(readlink "$edu/iommu_group")")
check_equal "a device is alone behind the IOMMU" "$(find -L "$edu/iommu_group/devices" -maxdepth 1 -name '0*' | wc -l)" 1
check "vfio" 0 '' modprobe vfio-pci
echo vfio-pci >"$edu/driver_override"
echo "${edu##*/}" >/sys/bus/pci/drivers_probe
check_equal "has it" "$(basename "$(readlink "$edu/driver")")" vfio-pci
check_soon "and hands it over" 20 test -c "/dev/vfio/$group"
check "DMA" 0 '' "$pins" vfio "$dir" "$group" "${edu##*/}"

# --- the mount goes -----------------------------------------------------------------------------------------------------

nothing_in_use
coproc "$pins" hold "$dir"
holder=$COPROC_PID
read -r -t 60 said <&"${COPROC[0]}"
check_equal "frames are held" "$said $(limbo)" "held 8"
check "unmounted meanwhile" 0 '' umount "$dir"
check "mounted again, and all is there" 0 '' color_mount size=4M,colors=2-5
check_equal "of it" "$(stat -f -c '%b %a' "$dir")" "1024 1024"
echo >&"${COPROC[1]}"
wait "$holder"
check_equal "they were let go" $? 0
check "unmounted" 0 '' umount "$dir"
colorfs_done
