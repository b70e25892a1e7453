/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The directory /run/virtrk: the lock that keeps a second virtrkd out, and state.json.
 *
 * The file is never changed, only replaced: a new one is written beside it, flushed, renamed over it, and the directory
 * is flushed. So at any instruction the file is a whole old or a whole new one. What it means when a daemon finds it:
 *
 *   plan is empty      the promises are in force, and nothing else was begun
 *   plan has steps     they may have reached the kernel, each one or not: apply_undo() tells by looking
 *
 * The lock is an flock() on its own file, since a lock on state.json would go with the rename. The kernel gives it back
 * when its holder dies, however it dies; the pid in it is only for the message.
 *
 * Called by the manager. Decides nothing; never writes to the kernel's files.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "state-json.h"
#include "state.h"
#include "sysroot.h"

#define FILE_NAME "state.json"
#define TEMP_NAME "state.json.tmp"
#define LOCK_NAME "lock"

struct state {
	int dir;
	int lock;
	char *path;	/* of the directory, for messages */
	char *boot_id;
};

#define fault(state, reterr, r, what, file) \
	vr_error_set(reterr, r, VR_FAILED, "cannot %s %s/%s: %s", what, (state)->path, file, strerror(-(r)))

struct state *state_close(struct state *state)
{
	if (!state)
		return NULL;
	close_fd(state->lock);
	close_fd(state->dir);
	free(state->boot_id);
	free(state->path);
	free(state);
	return NULL;
}

static int directory_open(struct state *state, struct vr_error **reterr)
{
	struct stat st;

	if (mkdir(state->path, 0755) < 0 && errno != EEXIST)
		return vr_error_set(reterr, -errno, VR_FAILED, "cannot make %s: %s", state->path, strerror(errno));
	state->dir = open(state->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (state->dir < 0)
		return vr_error_set(reterr, -errno, VR_FAILED, "cannot open %s: %s", state->path, strerror(errno));
	if (fstat(state->dir, &st) < 0)
		return vr_error_set(reterr, -errno, VR_FAILED, "cannot look at %s: %s", state->path, strerror(errno));
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return vr_error_set(reterr, -EPERM, VR_NOT_PERMITTED,
				    "%s must belong to uid %u and be writable by nobody else (it has uid %u, mode %04o)",
				    state->path, geteuid(), st.st_uid, st.st_mode & 07777);
	return 0;
}

/* The message of a lock that is taken: with the pid where its holder has written it already. */
static int lock_taken(const struct state *state, struct vr_error **reterr)
{
	char text[24] = "";
	ssize_t n = pread(state->lock, text, sizeof(text) - 1, 0);
	unsigned long pid = n > 0 ? strtoul(text, NULL, 10) : 0;

	if (pid == 0)
		return vr_error_set(reterr, -EBUSY, VR_RUNNING, "another virtrkd holds %s/" LOCK_NAME, state->path);
	return vr_error_set(reterr, -EBUSY, VR_RUNNING, "another virtrkd (pid %lu) holds %s/" LOCK_NAME, pid,
			    state->path);
}

static int lock_take(struct state *state, struct vr_error **reterr)
{
	state->lock = openat(state->dir, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
	if (state->lock < 0)
		return fault(state, reterr, -errno, "open", LOCK_NAME);
	if (flock(state->lock, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? lock_taken(state, reterr) :
					      fault(state, reterr, -errno, "lock", LOCK_NAME);
	if (ftruncate(state->lock, 0) < 0 || dprintf(state->lock, "%d\n", getpid()) < 0)
		return fault(state, reterr, -errno, "write", LOCK_NAME);
	return 0;
}

static int boot_id_read(struct state *state, struct vr_error **reterr)
{
	static const char path[] = "/proc/sys/kernel/random/boot_id";
	_cleanup_(sysroot_freep) struct sysroot *host = NULL;
	int r;

	r = sysroot_new(&host, NULL);
	if (r >= 0)
		r = sysroot_read(host, path, &state->boot_id);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot read %s: %s", path, strerror(-r));
	return 0;
}

int state_open(struct state **ret, const char *directory, struct vr_error **reterr)
{
	_cleanup_(state_closep) struct state *state = calloc(1, sizeof(*state));
	int r;

	if (!state)
		return -ENOMEM;
	state->dir = -EBADF;
	state->lock = -EBADF;
	state->path = strdup(directory);
	if (!state->path)
		return -ENOMEM;
	r = directory_open(state, reterr);
	if (r < 0)
		return r;
	r = lock_take(state, reterr);
	if (r < 0)
		return r;
	r = boot_id_read(state, reterr);
	if (r < 0)
		return r;

	*ret = TAKE_PTR(state);
	return 0;
}

static int write_all(int fd, const char *text, size_t size)
{
	ssize_t n;

	for (; size > 0; size -= (size_t)n, text += n) {
		n = write(fd, text, size);
		if (n < 0 && errno == EINTR)
			n = 0;
		if (n < 0)
			return -errno;
	}
	return 0;
}

/* The temporary file, flushed. One that a dead predecessor left is no obstacle. */
static int temp_write(struct state *state, const char *text, struct vr_error **reterr)
{
	_cleanup_(closep) int fd = -EBADF;
	int r;

	if (unlinkat(state->dir, TEMP_NAME, 0) < 0 && errno != ENOENT)
		return fault(state, reterr, -errno, "remove", TEMP_NAME);
	fd = openat(state->dir, TEMP_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fault(state, reterr, -errno, "create", TEMP_NAME);
	r = write_all(fd, text, strlen(text));
	if (r < 0)
		return fault(state, reterr, r, "write", TEMP_NAME);
	if (fsync(fd) < 0)
		return fault(state, reterr, -errno, "flush", TEMP_NAME);
	return 0;
}

int state_save(struct state *state, const struct ledger *ledger, const struct plan *plan, struct vr_error **reterr)
{
	_cleanup_(freep) char *text = NULL;
	int r;

	r = state_compose(ledger, plan, state->boot_id, &text);
	if (r == -E2BIG)
		return vr_error_set(reterr, r, VR_FAILED, "%s/" FILE_NAME " cannot hold more than %u reservations",
				    state->path, STATE_ENTRIES_MAX);
	if (r < 0)
		return r;
	r = temp_write(state, text, reterr);
	if (r < 0) {
		(void)unlinkat(state->dir, TEMP_NAME, 0);
		return r;
	}
	if (renameat(state->dir, TEMP_NAME, state->dir, FILE_NAME) < 0)
		return fault(state, reterr, -errno, "replace", FILE_NAME);
	if (fsync(state->dir) < 0) {
		r = fault(state, reterr, -errno, "flush", "");
		if (plan)	/* it is not going to be carried out: nobody shall find it and undo what others did later */
			(void)state_save(state, ledger, NULL, NULL);
		return r;
	}
	return 0;
}

#define damaged(state, reterr, ...) vr_error_set(reterr, -EBADMSG, VR_BAD_STATE, __VA_ARGS__)

/* -ENOENT without words: there is none yet. */
static int file_read(struct state *state, char **ret, size_t *ret_size, struct vr_error **reterr)
{
	_cleanup_(closep) int fd = -EBADF;
	_cleanup_(freep) char *text = NULL;
	struct stat st;
	size_t size = 0;
	ssize_t n = 0;

	fd = openat(state->dir, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ELOOP)
		return damaged(state, reterr, "%s/" FILE_NAME ": is a symbolic link", state->path);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : fault(state, reterr, -errno, "open", FILE_NAME);
	if (fstat(fd, &st) < 0)
		return fault(state, reterr, -errno, "look at", FILE_NAME);
	if (!S_ISREG(st.st_mode))
		return damaged(state, reterr, "%s/" FILE_NAME ": is no regular file", state->path);
	if (st.st_size > STATE_BYTES_MAX)
		return damaged(state, reterr, "%s/" FILE_NAME ": larger than %u bytes", state->path, STATE_BYTES_MAX);
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	while (size < (size_t)st.st_size && (n = read(fd, text + size, (size_t)st.st_size - size)) > 0)
		size += (size_t)n;
	if (n < 0)
		return fault(state, reterr, -errno, "read", FILE_NAME);

	*ret = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}

int state_load(struct state *state, struct ledger *ret_ledger, struct plan *ret_plan, struct vr_error **reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) char *text = NULL;
	size_t size = 0;
	int r;

	r = file_read(state, &text, &size, reterr);
	if (r == -ENOENT) {
		*ret_ledger = (struct ledger){ 0 };
		*ret_plan = (struct plan){ 0 };
		return 0;
	}
	if (r < 0)
		return r;
	r = state_parse(text, size, state->boot_id, ret_ledger, ret_plan, &err);
	if (r < 0 && err)
		return vr_error_set(reterr, r, err->reason, "%s/" FILE_NAME ": %s", state->path, err->text ?: "");
	return r;
}

int state_set_aside(struct state *state, struct vr_error **reterr)
{
	char name[64];
	char stamp[24];
	struct tm tm;
	time_t now = time(NULL);
	unsigned int i;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(name, sizeof(name), FILE_NAME ".damaged-%s", stamp);
	for (i = 2; renameat2(state->dir, FILE_NAME, state->dir, name, RENAME_NOREPLACE) < 0; i++) {
		if (errno == ENOENT)
			return -ENOENT;
		if (errno != EEXIST || i > 99)
			return fault(state, reterr, -errno, "set aside", FILE_NAME);
		snprintf(name, sizeof(name), FILE_NAME ".damaged-%s-%u", stamp, i);
	}
	if (fsync(state->dir) < 0)
		return fault(state, reterr, -errno, "flush", "");
	return 0;
}
