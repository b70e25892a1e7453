#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tier: B
# boot: slab_debug=FZP page_poison=1
# limit: 200
# long limit: 3600
#
# fio on a mount of colorfs: four at once write blocks of all sizes in an order of their own and read them again, by read(2) and write(2), by a
# mapping, by io_uring and by io_uring with registered buffers, and each block has the checksum that it was written with. That fio would
# notice is shown first.
# shellcheck disable=SC2317,SC2329  # functions are called by name
# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh
# shellcheck source=tests/vm/colorfs.sh
. /src/tests/vm/colorfs.sh
colorfs_begin colorfs-fio

size=12M rounds=1
[ -z "$VM_LONG" ] || size=48M rounds=20
check "the module" 0 '' insmod "$module" "profile=$profile"
check "a mount" 0 '' color_mount size=256M,colors=0-7,banks=0:2

job=(--name=a --filename="$dir/a" --size=1M --bs=4k --verify=crc32c)
check "fio writes" 0 '' fio "${job[@]}" --rw=write --do_verify=0
check "and finds what it wrote" 0 '' fio "${job[@]}" --rw=read
printf x | dd of="$dir/a" bs=1 seek=70000 conv=notrunc status=none
check "or that it does not" 1 'verify' fio "${job[@]}" --rw=read
rm "$dir/a"

cat >"$e2e_dir/job" <<END
[global]
directory=$dir
size=$size
loops=$rounds
bsrange=512-64k
verify=crc32c
verify_fatal=1
verify_backlog=64
rw=randrw
[sync]
ioengine=sync
[mmap]
ioengine=mmap
[uring]
ioengine=io_uring
iodepth=8
[registered]
ioengine=io_uring
iodepth=8
fixedbufs=1
END
check "each block has its checksum" 0 '^(3;fio[^;]*;[a-z]+;0;0;[^'$'\n'']*'$'\n''?){4}$' fio --output-format=terse --terse-version=3 "$e2e_dir/job"
rm "$dir"/*
nothing_in_use
check "unmounted" 0 '' umount "$dir"
colorfs_done
