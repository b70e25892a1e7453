#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# library.sh BUILD-DIRECTORY CC SANITIZE [CXX]: what a user of the library gets. It is installed into a directory of its own; the
# example of libvirtrk-analysis(3) is compiled against that, by pkg-config, as C and as C++, run, and must print what the page says.
# The page names every function of the headers, and the shared library exports these and nothing else.
source=$(cd "$(dirname "$0")/../.." && pwd)
build=$1 cc=$2 sanitize=$3 cxx=$4
for tool in meson pkg-config nm; do
	command -v $tool >/dev/null || { echo "$tool is not installed"; exit 77; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0
fail() { echo "$*"; bad=1; }

DESTDIR=$dir/root meson install -C "$build" --no-rebuild --quiet >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
pc=$(find "$dir/root" -name virtrk-analysis.pc)
[ -n "$pc" ] || { echo "no pkg-config file is installed"; exit 1; }
export PKG_CONFIG_LIBDIR=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$dir/root PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
read -ra flags <<<"$(pkg-config --cflags virtrk-analysis)"
read -ra libs <<<"$(pkg-config --libs virtrk-analysis)"
[ "$sanitize" = none ] || flags+=("-fsanitize=$sanitize")
lib=$(find "$dir/root" -name 'libvirtrk-analysis.so.1')
[ -n "$lib" ] || { echo "no libvirtrk-analysis.so.1 is installed"; exit 1; }

# The first literal block of the example is the program, the second what it prints.
page=$source/man/libvirtrk-analysis.3.scd
block() { awk -v want="$1" '/^# EXAMPLE/ { on = 1 } /^# FILES/ { on = 0 } on && /^```/ { n++; next } on && n == 2 * want - 1' "$page"; }
block 1 | sed 's/\\\\/\\/g' >"$dir/example.c"
block 2 >"$dir/want"
grep -q 'int main' "$dir/example.c" || { echo "the page has no example"; exit 1; }
run() { # NAME COMPILER...
	local name=$1
	shift
	if ! "$@" -Wall -Werror "${flags[@]}" "$dir/example.c" -o "$dir/$name" "${libs[@]}" 2>"$dir/log"; then
		fail "the example does not compile as $name: $(cat "$dir/log")"
	elif ! LD_LIBRARY_PATH=${lib%/*} "$dir/$name" >"$dir/got" 2>&1; then
		fail "the example fails as $name: $(cat "$dir/got")"
	elif ! diff "$dir/want" "$dir/got"; then
		fail "the example prints something else as $name"
	fi
}
run c17 "$cc" -x c -std=c17
[ -z "$cxx" ] || ! command -v "$cxx" >/dev/null || run c++17 "$cxx" -x c++ -std=c++17

grep -ohE '\bvrk_[a-z0-9_]+\(' "$dir"/root/*/*/include/virtrk/*.h "$dir"/root/*/include/virtrk/*.h 2>/dev/null | tr -d '(' | sort -u >"$dir/declared"
[ -s "$dir/declared" ] || fail "no headers are installed"
while read -r name; do
	grep -qF "*$name*()" "$page" || fail "man/libvirtrk-analysis.3.scd does not name $name()"
done <"$dir/declared"
nm -D --defined-only "$lib" | awk '$2 ~ /[TDBR]/ { print $3 }' | sed 's/@.*//' | grep -v '^VIRTRK_1$' | sort -u >"$dir/exported"
grep -vE '^vrk_' "$dir/exported" | grep -vE '^__(asan|ubsan|tsan|odr)' >"$dir/foreign"
[ ! -s "$dir/foreign" ] || fail "exported, but not ours: $(tr '\n' ' ' <"$dir/foreign")"
comm -23 "$dir/declared" "$dir/exported" >"$dir/missing"
[ ! -s "$dir/missing" ] || fail "declared, but not exported: $(tr '\n' ' ' <"$dir/missing")"
comm -13 "$dir/declared" "$dir/exported" | grep '^vrk_' >"$dir/secret"
[ ! -s "$dir/secret" ] || fail "exported, but in no header: $(tr '\n' ' ' <"$dir/secret")"
exit $bad
