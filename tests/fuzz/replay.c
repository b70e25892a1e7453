/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The main() of a fuzz target where there is no libFuzzer: feeds it every file of the directory that is named, and each
 * of its prefixes, since parsers break where the input stops. Whatever is wrong shows as a crash or in a sanitizer.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX (64 * 1024)

/* From an allocation of exactly @size bytes, so that reading behind the end is noticed. */
static bool feed(const uint8_t *data, size_t size)
{
	_cleanup_(freep) uint8_t *exact = malloc(size ? size : 1);

	if (!exact)
		return false;
	memcpy(exact, data, size);
	(void)LLVMFuzzerTestOneInput(exact, size);
	return true;
}

static bool feed_file(const char *directory, const char *name)
{
	_cleanup_(freep) char *path = NULL;
	_cleanup_(freep) uint8_t *data = malloc(INPUT_MAX);
	_cleanup_(fclosep) FILE *file = NULL;
	size_t size, step;

	if (!data || asprintf(&path, "%s/%s", directory, name) < 0)
		return false;
	file = fopen(path, "re");
	if (!file)
		return false;
	size = fread(data, 1, INPUT_MAX, file);
	step = size / 1000 + 1;		/* long inputs: a thousand prefixes will do */
	for (size_t n = 0; n < size; n += step)
		if (!feed(data, n))
			return false;
	return feed(data, size);
}

int main(int argc, char **argv)
{
	_cleanup_(closedirp) DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
	struct dirent *entry;
	unsigned int n = 0;

	if (!dir) {
		fprintf(stderr, "usage: %s CORPUS-DIRECTORY (%s)\n", argv[0], strerror(errno));
		return 1;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		printf("%s\n", entry->d_name);
		fflush(stdout);
		if (!feed_file(argv[1], entry->d_name)) {
			fprintf(stderr, "%s/%s cannot be read\n", argv[1], entry->d_name);
			return 1;
		}
		n++;
	}
	if (n == 0) {
		fprintf(stderr, "%s has no input\n", argv[1]);
		return 1;
	}
	return 0;
}
