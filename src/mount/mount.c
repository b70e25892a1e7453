/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mounts a file system by the calls that take options one by one (fsopen(2) and its sisters), since with them the kernel says in words
 * what it does not like, instead of an errno that may mean ten things.
 *
 * Called by virtrk memory, virtrk-guest and libvirt's hook, with root's rights or in vain.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "mount.h"

#define RUN_PREFIX "/run/virtrk/"
#define VALUE_MAX  255	/* of fsconfig(2) */

/* What the kernel has logged for this mount: lines "e colorfs: words". The last error counts. */
static int refused(int fs, int r, const char *what, struct vr_error **reterr)
{
	char text[512], last[512] = "";
	enum vr_reason reason = r == -EPERM || r == -EACCES ? VR_NOT_PERMITTED : r == -ENODEV ? VR_UNSUPPORTED : VR_FAILED;
	ssize_t n;

	while (fs >= 0 && (n = read(fs, text, sizeof(text) - 1)) > 0) {
		text[n] = '\0';
		text[strcspn(text, "\n")] = '\0';
		if (text[0] == 'e' && text[1] == ' ')
			strcpy(last, text + 2);
	}
	if (reason == VR_UNSUPPORTED)
		return vr_error_set(reterr, r, reason, "%s: this kernel has no such file system: is the module there (modprobe %s)?", what, what);
	if (reason == VR_NOT_PERMITTED && !*last)
		return vr_error_set(reterr, r, reason, "%s: to mount needs root", what);
	if (*last)
		return vr_error_set(reterr, r, reason, "%s", last);
	return vr_error_set(reterr, r, reason, "the kernel does not mount %s: %s", what, strerror(-r));
}

/* "key=value,key": none of them holds a comma. */
static int options_set(int fs, const char *options, struct vr_error **reterr)
{
	_cleanup_(freep) char *copy = strdup(options);
	char *rest = NULL;

	if (!copy)
		return -ENOMEM;
	for (char *key = strtok_r(copy, ",", &rest); key; key = strtok_r(NULL, ",", &rest)) {
		char *value = strchr(key, '=');

		if (value)
			*value++ = '\0';
		if (value && strlen(value) > VALUE_MAX)
			return vr_error_set(reterr, -E2BIG, VR_FAILED, "%s= has %zu characters, and the kernel takes at most %d", key,
					    strlen(value), VALUE_MAX);
		if (fsconfig(fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0) < 0)
			return -errno;
	}
	return 0;
}

/* *ret_made: the last one was not there. */
static int directories_make(const char *path, bool *ret_made)
{
	char part[PATH_MAX];

	*ret_made = false;
	if (path[0] != '/' || strlen(path) >= sizeof(part))
		return path[0] == '/' ? -ENAMETOOLONG : -EINVAL;
	strcpy(part, path);
	for (char *p = part + 1;; p++) {
		bool last = *p == '\0';

		if (!last && *p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, 0755) == 0)
			*ret_made = last;
		else if (errno != EEXIST)
			return -errno;
		if (last)
			return 0;
		*p = '/';
	}
}

/* Nowhere yet; @attributes as of fsmount(2). *ret_fs: what may say more about what is refused next. */
static int mount_new(const char *type, const char *source, const char *options, unsigned int attributes, int *ret_fs, int *ret,
		     struct vr_error **reterr)
{
	_cleanup_(closep) int fs = fsopen(type, FSOPEN_CLOEXEC);
	int r;

	if (fs < 0)
		return refused(-1, -errno, type, reterr);
	r = options_set(fs, options, reterr);
	if (r >= 0 && (fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0))
		r = -errno;
	if (r < 0)
		return refused(fs, r, type, reterr);
	*ret = fsmount(fs, FSMOUNT_CLOEXEC, attributes);
	if (*ret < 0)
		return refused(fs, -errno, type, reterr);
	*ret_fs = TAKE_FD(fs);
	return 0;
}

static int mount_at(const char *type, const char *source, const char *path, const char *options, struct vr_error **reterr)
{
	_cleanup_(closep) int fs = -EBADF, mount = -EBADF;
	int r = mount_new(type, source, options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, &fs, &mount, reterr);

	if (r < 0)
		return r;
	if (move_mount(mount, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return refused(fs, -errno, type, reterr);
	return 0;
}

int mount_open(const char *type, const char *source, const char *options, int *ret, struct vr_error **reterr)
{
	_cleanup_(closep) int fs = -EBADF;

	return mount_new(type, source, options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, &fs, ret, reterr);
}

int mount_make(const char *type, const char *source, const char *path, const char *options, struct vr_error **reterr)
{
	bool made;
	int r = directories_make(path, &made);

	if (r < 0)
		return vr_error_set(reterr, r, r == -EACCES ? VR_NOT_PERMITTED : VR_FAILED, "cannot make the directory %s: %s", path,
				    r == -EINVAL ? "it has to begin with /" : strerror(-r));
	r = mount_at(type, source, path, options, reterr);
	if (r < 0 && made)
		(void)rmdir(path);
	return r;
}

int mount_end(const char *path, struct vr_error **reterr)
{
	int r = umount2(path, UMOUNT_NOFOLLOW) < 0 ? -errno : 0;

	if (r == -EBUSY)
		return vr_error_set(reterr, r, VR_FAILED, "%s is in use: the domain has to end first", path);
	if (r < 0)
		return vr_error_set(reterr, r, r == -EPERM ? VR_NOT_PERMITTED : VR_FAILED, "cannot unmount %s: %s", path,
				    r == -EPERM ? "that needs root" : strerror(-r));
	if (strncmp(path, RUN_PREFIX, strlen(RUN_PREFIX)) == 0)
		(void)rmdir(path);
	return 0;
}
