/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A group of the kernel's resctrl file system for one domain: a directory, whose schemata file says which ways of the cache and how much
 * memory bandwidth its tasks have, and whose tasks file takes their thread ids one by one.
 *
 * The directory's name tells whose it is, so nothing has to be remembered elsewhere: what a virtrkd that was killed has left is seen at the
 * next start, and a group in which not all of its domain's threads are was never promised. To undo is to remove the directory: the
 * kernel then puts its tasks back into the default group. No other group is ever written to.
 *
 * The kernel says in info/last_cmd_status why it did not take something; that is passed on.
 *
 * Called by manager-cache.c. Decides nothing.
 */
#include <limits.h>
#include <string.h>

#include "apply-resctrl.h"

static int failed(const struct sysroot *root, int r, const char *what, struct vr_error **reterr)
{
	_cleanup_(freep) char *status = NULL;

	if (sysroot_read(root, RESCTRL_DIRECTORY "/info/last_cmd_status", &status) < 0 || strcmp(status, "ok") == 0)
		return vr_error_set(reterr, r, VR_FAILED, "%s: %s", what, strerror(-r));
	return vr_error_set(reterr, r, VR_FAILED, "%s: %s (%.200s)", what, strerror(-r), status);
}

static int lines_write(const struct sysroot *root, const char *group, const struct resctrl_schemata *lines, struct vr_error **reterr)
{
	_cleanup_(freep) char *text = NULL, *now = NULL;
	struct resctrl_schemata kept;
	char path[PATH_MAX];
	int r = resctrl_schemata_format(lines, &text);

	snprintf(path, sizeof(path), RESCTRL_DIRECTORY "/%s/schemata", group);
	if (r >= 0)
		r = sysroot_write(root, path, text);
	if (r < 0)
		return failed(root, r, "the kernel does not take these ways", reterr);
	r = sysroot_read(root, path, &now);
	if (r >= 0)
		r = resctrl_schemata_parse(now, &kept, reterr);
	if (r >= 0 && !resctrl_schemata_within(lines, &kept))
		return vr_error_set(reterr, -ESTALE, VR_READ_BACK, "the kernel keeps other ways than those that were written");
	return r;
}

/* A list of numbers, a line each. */
static bool list_has(const char *list, pid_t tid)
{
	for (const char *p = list; *p;) {
		char *end;

		if (strtol(p, &end, 10) == tid && end != p)
			return true;
		p = strchr(p, '\n');
		if (!p)
			return false;
		p++;
	}
	return false;
}

int apply_resctrl_holds(const struct sysroot *root, const char *group, const pid_t *tids, size_t n)
{
	_cleanup_(freep) char *list = NULL;
	int r = sysroot_readf(root, &list, RESCTRL_DIRECTORY "/%s/tasks", group);

	for (size_t i = 0; r >= 0 && i < n; i++)
		if (!list_has(list, tids[i]) && sysroot_start_ticks(root, tids[i], &(uint64_t){ 0 }) != -ESRCH)
			return -ENODATA;
	return r;
}

int apply_resctrl_empty(const struct sysroot *root, const char *group)
{
	_cleanup_(freep) char *list = NULL;
	int r = sysroot_readf(root, &list, RESCTRL_DIRECTORY "/%s/tasks", group);

	return r < 0 ? r : *list == '\0';
}

/* A thread that has ended meanwhile needs no ways. */
static int tasks_write(const struct sysroot *root, const char *group, const pid_t *tids, size_t n, struct vr_error **reterr)
{
	char path[PATH_MAX], text[16];
	int r = 0;

	snprintf(path, sizeof(path), RESCTRL_DIRECTORY "/%s/tasks", group);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		snprintf(text, sizeof(text), "%d\n", tids[i]);
		r = sysroot_write(root, path, text);
		if (r == -ESRCH)
			r = 0;
	}
	if (r < 0)
		return failed(root, r, "the kernel does not take a thread into the group", reterr);
	r = apply_resctrl_holds(root, group, tids, n);
	if (r == -ENODATA)
		return vr_error_set(reterr, -ESTALE, VR_READ_BACK, "a thread is not in the group into which it was written");
	return r;
}

int apply_resctrl_remove(const struct sysroot *root, const char *group, struct vr_error **reterr)
{
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), RESCTRL_DIRECTORY "/%s", group);
	r = sysroot_rmdir(root, path);
	return r == -ENOENT || r >= 0 ? 0 : failed(root, r, "the group cannot be removed", reterr);
}

int apply_resctrl_make(const struct sysroot *root, const char *group, const struct resctrl_schemata *lines,
		       const struct resctrl_schemata *before, const pid_t *tids, size_t n, struct vr_error **reterr)
{
	char path[PATH_MAX];
	int r = 0;

	snprintf(path, sizeof(path), RESCTRL_DIRECTORY "/%s", group);
	if (!before)
		r = sysroot_mkdir(root, path);
	if (r < 0)
		return failed(root, r, "no group can be made", reterr);
	r = lines_write(root, group, lines, reterr);
	if (r >= 0)
		r = tasks_write(root, group, tids, n, reterr);
	if (r >= 0)
		return 0;
	if (before)
		(void)lines_write(root, group, before, NULL);
	else
		(void)apply_resctrl_remove(root, group, NULL);
	return r;
}
