/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starts a program in memory of certain colours: mounts a colorfs that nobody else can see, since it is never attached anywhere, makes a
 * file in it that has no name, and becomes the program, with that file open and an object loaded that takes it (own.h). When the program
 * ends, by whatever, file and mount are gone and the frames are the machine's again.
 *
 * Called by guest.c. Needs root's rights, or CAP_SYS_ADMIN, for the mount.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cleanup.h"
#include "guest.h"
#include "mount.h"
#include "own.h"
#include "program.h"

#define LIBRARY	     VIRTRK_GUEST_DIRECTORY "/own.so"
#define DESCRIPTOR   100	/* or the next one: out of the way of what the program opens */

/* One option of a mount, with what separates lists there. */
static char *list_option(const char *key, const char *list)
{
	char *text = NULL;

	if (!list)
		return strdup("");
	if (asprintf(&text, ",%s=%s", key, list) < 0)
		return NULL;
	for (char *p = text + 1; (p = strchr(p, ',')); p++)
		*p = ':';
	return text;
}

static int file_open(const struct guest_run *run, int *ret)
{
	_cleanup_(freep) char *colors = list_option("colors", run->colors), *banks = list_option("banks", run->banks), *options = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(closep) int mount = -EBADF, file = -EBADF;
	int r;

	if (!colors || !banks ||
	    asprintf(&options, "size=%" PRIu64 ",mode=0700%s%s%s%s", run->bytes, colors, banks, run->profile ? ",profile=" : "",
		     run->profile ?: "") < 0)
		return guest_say(GUEST_FAILED, "no memory");
	r = mount_open("colorfs", "virtrk-guest", options, &mount, &err);
	if (r < 0)
		return guest_say(GUEST_FAILED, "%s", err && err->text ? err->text : strerror(-r));
	file = openat(mount, ".", O_TMPFILE | O_RDWR, 0600);
	if (file < 0)
		return guest_say(GUEST_FAILED, "no file in its memory: %s", strerror(errno));
	*ret = fcntl(file, F_DUPFD, DESCRIPTOR);
	return *ret < 0 ? guest_say(GUEST_FAILED, "no descriptor from %d on: %s", DESCRIPTOR, strerror(errno)) : 0;
}

/* What else is to be loaded comes behind ours. */
static int environment_make(const struct guest_run *run, int fd)
{
	_cleanup_(freep) char *plan = NULL, *objects = NULL;
	const char *others = getenv("LD_PRELOAD");

	if (asprintf(&plan, "%d/%d/%" PRIu64 "/%d/%s/%s/%s", (int)getpid(), fd, run->area_bytes, run->text, run->colors ?: "",
		     run->banks ?: "", run->profile ?: "") < 0 ||
	    asprintf(&objects, LIBRARY "%s%s", others && *others ? ":" : "", others ?: "") < 0 || setenv(OWN_VARIABLE, plan, 1) < 0 ||
	    setenv("LD_PRELOAD", objects, 1) < 0)
		return guest_say(GUEST_FAILED, "no memory");
	return 0;
}

/* As large as it may ever become: all of it is reserved. */
static int stack_limit(uint64_t bytes)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) == 0 && bytes <= limit.rlim_max) {
		limit.rlim_cur = bytes;
		if (setrlimit(RLIMIT_STACK, &limit) == 0)
			return 0;
	}
	return guest_say(GUEST_FAILED, "--stack: more than this user may have (ulimit -H -s)");
}

int guest_run(const struct guest_run *run, char *const argv[])
{
	char path[PROGRAM_PATH_MAX], why[PROGRAM_WHY_MAX];
	int fd = -EBADF, r = program_find(argv[0], path);

	if (r == -ENOENT)
		return guest_say(GUEST_NOT_FOUND, "%s: no such program", argv[0]);
	if (r >= 0)
		r = program_judge(path, why);
	else
		*why = '\0';
	if (r < 0)
		return *why ? guest_say(GUEST_REFUSED, "%s", why) : guest_say(GUEST_REFUSED, "%s: %s", argv[0], strerror(-r));
	if (access(LIBRARY, R_OK) < 0)
		return guest_say(GUEST_FAILED, "%s: %s", LIBRARY, strerror(errno));
	r = stack_limit(run->stack_bytes);
	if (r == 0)
		r = file_open(run, &fd);
	if (r == 0)
		r = environment_make(run, fd);
	if (r != 0)
		return r;
	(void)execv(path, argv);
	return guest_say(GUEST_REFUSED, "%s: %s", path, strerror(errno));
}
