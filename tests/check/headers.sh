#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# headers.sh CC CXX: every header compiles on its own, so that the order of includes never matters; the public ones in C
# of 1999 and in C++ too, since others' programs include them.
cd "$(dirname "$0")/../.." || exit 1
cc=$1
cxx=$2
bad=0
read -r -a libraries <<<"$(pkg-config --cflags libsystemd json-c libnl-3.0 libvirt)"
strict=(-Wall -Wextra -Werror -fsyntax-only)

compile() {
	local file=$1
	shift
	if ! printf '#include "%s"\nextern int not_empty;\n' "$PWD/$file" | "$@" -; then
		echo "$file: does not compile alone with: $*"
		bad=1
	fi
}

while read -r file; do
	room=$(dirname "$file")
	case "$file" in
	include/virtrk/*)
		compile "$file" "$cc" -x c -std=c99 -pedantic "${strict[@]}" -Iinclude
		compile "$file" "$cxx" -x c++ -std=c++11 -pedantic "${strict[@]}" -Iinclude ;;
	src/colorfs/colorfs.h | src/colorfs/compat.h) ;;	# they need the kernel's own
	src/guest/*) compile "$file" "$cc" -x c -std=gnu17 -D_GNU_SOURCE "${strict[@]}" -Wno-unused-function \
		-Iinclude -Iinclude/internal -I"$room" ;;
	*) compile "$file" "$cc" -x c -std=gnu17 -D_GNU_SOURCE "${strict[@]}" -Wno-unused-function -Iinclude \
		-Iinclude/internal -I"$room" -Isrc/daemon -Isrc/colorfs -Isrc/intent "${libraries[@]}" ;;
	esac
done < <(tests/check/files.sh | grep '\.h$')
exit $bad
