/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a unit test needs to say: which case it is in, what was expected there, and how many were not so. And a
 * directory that looks like a host, for code that takes a struct sysroot.
 */
#ifndef TEST_EXPECT_H
#define TEST_EXPECT_H

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

#define TEST_SKIPPED 77

static const char *expect_case = "";
static unsigned int expect_failed;

#define CASE(name) ((void)(expect_case = (name)))

/* Goes on after a failure: one run shows all that is wrong. True when it was as expected. */
#define EXPECT(cond) expect_true((cond), #cond, __FILE__, __LINE__)
#define EXPECT_INT(got, want) expect_int((int64_t)(got), (int64_t)(want), #got, __FILE__, __LINE__)
#define EXPECT_STR(got, want) expect_str((got), (want), #got, __FILE__, __LINE__)

static inline bool expect_true(bool ok, const char *what, const char *file, int line)
{
	if (!ok) {
		expect_failed++;
		fprintf(stderr, "%s:%d: [%s] not so: %s\n", file, line, expect_case, what);
	}
	return ok;
}

static inline bool expect_int(int64_t got, int64_t want, const char *what, const char *file, int line)
{
	if (got != want) {
		expect_failed++;
		fprintf(stderr, "%s:%d: [%s] %s is %" PRId64 ", not %" PRId64 "\n", file, line, expect_case, what, got,
			want);
	}
	return got == want;
}

static inline bool expect_str(const char *got, const char *want, const char *what, const char *file, int line)
{
	bool same = got && want ? strcmp(got, want) == 0 : got == want;

	if (!same) {
		expect_failed++;
		fprintf(stderr, "%s:%d: [%s] %s is \"%s\", not \"%s\"\n", file, line, expect_case, what,
			got ?: "(null)", want ?: "(null)");
	}
	return same;
}

static inline int expect_result(void)
{
	if (expect_failed > 0)
		fprintf(stderr, "%u expectations failed\n", expect_failed);
	return expect_failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* A directory below $TMPDIR or /tmp that is removed with all that is in it. Trouble here ends the test at once. */
static inline void tree_must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "cannot make the test's directory: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static inline char *tree_new(void)
{
	const char *tmp = getenv("TMPDIR");
	char *path = NULL;

	tree_must(asprintf(&path, "%s/virtrk-test-XXXXXX", tmp ?: "/tmp") >= 0, "asprintf");
	tree_must(mkdtemp(path) != NULL, path);
	return path;
}

static inline int tree_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline char *tree_free(char *path)
{
	if (path)
		(void)nftw(path, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(path);
	return NULL;
}
DEFINE_CLEANUP(char *, tree_free)

/* The full path of @name in the tree, its directories made. Freed by the caller. */
static inline char *tree_path(const char *tree, const char *name)
{
	char *path = NULL;
	char *p;

	tree_must(asprintf(&path, "%s/%s", tree, name) >= 0, "asprintf");
	for (p = path + strlen(tree) + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		tree_must(mkdir(path, 0755) == 0 || errno == EEXIST, path);
		*p = '/';
	}
	return path;
}

static inline void tree_bytes(const char *tree, const char *name, const char *bytes, size_t size)
{
	_cleanup_(freep) char *path = tree_path(tree, name);
	FILE *f = fopen(path, "we");

	tree_must(f != NULL, path);
	tree_must(fwrite(bytes, 1, size, f) == size, path);
	tree_must(fclose(f) == 0, path);
}

static inline void tree_file(const char *tree, const char *name, const char *text)
{
	tree_bytes(tree, name, text, strlen(text));
}

static inline void tree_link(const char *tree, const char *name, const char *target)
{
	_cleanup_(freep) char *path = tree_path(tree, name);

	tree_must(symlink(target, path) == 0, path);
}

#endif
