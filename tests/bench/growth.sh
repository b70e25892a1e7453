#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# growth.sh BENCH-GROWTH [OUT.svg]: what each question costs as its size grows, as a table, and as a picture where gnuplot is.
table=$(mktemp)
trap 'rm -f "$table"' EXIT
"$1" | tee "$table"
[ -n "$2" ] || exit 0
command -v gnuplot >/dev/null || { echo "gnuplot is not installed: no picture"; exit 77; }
gnuplot <<PLOT
set terminal svg size 900,560 font "sans,13" background "white"
set output "$2"
set datafile missing "-"
set logscale xy
set format y "10^{%L}"
set xlabel "reservations, or tasks"
set ylabel "microseconds of one core"
set key outside right
set grid
columns = words("$(head -n 1 "$table")")
plot for [i=2:columns] "$table" using 1:i with linespoints title columnheader(i)
PLOT
