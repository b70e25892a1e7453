/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "Did you mean": the nearest of a few known words, for verbs, options and the keys of a reservation document.
 * Distance is the number of letters inserted, left out, changed, or swapped with their neighbour (optimal string
 * alignment). One may be wrong, and one more for every five letters; a guess further away would only confuse.
 *
 * Called by main.c, options.c and document.c. Pure: no allocation, words longer than any of ours are simply not near.
 */
#include <string.h>

#include "cleanup.h"
#include "suggest.h"

#define WORD_MAX 32

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t row[3][WORD_MAX + 1];	/* the last two rows and the current one: a swap looks two back */
	size_t *before = row[0], *above = row[1], *here = row[2];

	for (size_t j = 0; j <= m; j++)
		above[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *oldest = before;

		here[0] = i;
		for (size_t j = 1; j <= m; j++) {
			here[j] = min3(above[j] + 1, here[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < here[j])
				here[j] = before[j - 2] + 1;
		}
		before = above;
		above = here;
		here = oldest;
	}
	return above[m];
}

const char *suggest(const char *word, const char *const *names, size_t n)
{
	size_t length = strlen(word), best = WORD_MAX + 1;
	const char *found = NULL;

	if (length == 0 || length > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t known = strlen(names[i]), d;

		if (known > WORD_MAX)
			continue;
		d = distance(word, length, names[i], known);
		if (d < best && d <= 1 + (known > length ? known : length) / 5) {
			best = d;
			found = names[i];
		}
	}
	return found;
}
