/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Coloured memory for a libvirt domain. libvirt puts the memory of a domain with <source type='file'/> into a file in a directory
 * of its own, ID-NAME, which it makes before the hook's "start": below /var/lib/libvirt/qemu/ram, or below libvirt/qemu of the directory
 * that qemu.conf names. A colorfs is mounted there, QEMU makes its file on it, and all of the guest's memory has the promised colours.
 * When the domain is gone the mount goes, and the directory.
 *
 * Mounts of ours are found by their source, "virtrk:DOMAIN": a hook remembers nothing between its calls.
 *
 * Called by main.c. Mounts and unmounts nothing but colorfs.
 */
#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <mntent.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "hook.h"
#include "mount.h"

#define QEMU_CONF	"/etc/libvirt/qemu.conf"
#define BACKING_DEFAULT "/var/lib/libvirt/qemu/ram"
#define SOURCE_PREFIX	"virtrk:"

/* ---- where ---- */

/* memory_backing_dir = "/path"; the last one counts. */
static void backing_directory(char ret[PATH_MAX])
{
	_cleanup_(fclosep) FILE *f = fopen(QEMU_CONF, "re");
	_cleanup_(freep) char *line = NULL;
	char path[512];
	size_t size = 0;

	strcpy(ret, BACKING_DEFAULT);
	while (f && getline(&line, &size, f) >= 0)
		if (sscanf(line, " memory_backing_dir = \"%511[^\"]\"", path) == 1)
			strcpy(ret, path);
}

/* The entry that begins with the domain's id: its name may be cut. */
static int entry_find(const char *parent, int64_t id, char ret[PATH_MAX])
{
	_cleanup_(closedirp) DIR *dir = opendir(parent);
	char prefix[32];

	if (!dir)
		return -errno;
	snprintf(prefix, sizeof(prefix), "%" PRId64 "-", id);
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) {
			snprintf(ret, PATH_MAX, "%.*s/%s", (int)(PATH_MAX - NAME_MAX - 2), parent, entry->d_name);
			return 0;
		}
	return -ENOENT;
}

static int directory_find(int64_t id, char ret[PATH_MAX])
{
	char configured[PATH_MAX];

	backing_directory(configured);
	strcat(configured, "/libvirt/qemu");	/* it is 511 bytes long at most */
	return entry_find(configured, id, ret) == 0 ? 0 : entry_find(BACKING_DEFAULT, id, ret);
}

/* ---- for a start ---- */

static uint64_t bytes_wanted(const struct intent *intent, const struct intent_domain *about)
{
	return intent->memory.bytes ?: about->bytes;
}

int hook_memory_prepare(const char *domain, const struct intent *intent, const struct intent_domain *about)
{
	_cleanup_(freep) char *options = NULL;

	if (!about->file_backed)
		return hook_judge(domain, intent->report,
				  "memory of certain colours needs <memoryBacking><source type='file'/><access mode='shared'/></memoryBacking>, "
				  "without huge pages, in its XML (virtrk define writes it)");
	if (bytes_wanted(intent, about) < about->bytes)
		return hook_judge(domain, intent->report, "its memory is more than the size that its metadata ask for");
	return hook_call_memory(domain, intent, bytes_wanted(intent, about), &options);
}

static int mount_for(const char *domain, const char *path, const char *options, struct vr_error **reterr)
{
	_cleanup_(freep) char *all = NULL, *source = NULL;
	struct stat st;

	/* its owner is whom libvirt runs QEMU as */
	if (lstat(path, &st) < 0)
		return -errno;
	if (asprintf(&all, "%s,uid=%u,gid=%u,mode=%o", options, st.st_uid, st.st_gid, st.st_mode & 0777) < 0) {
		all = NULL;
		return -ENOMEM;
	}
	if (asprintf(&source, SOURCE_PREFIX "%s", domain) < 0) {
		source = NULL;
		return -ENOMEM;
	}
	return mount_make("colorfs", source, path, all, reterr);
}

int hook_memory_start(const char *domain, const struct intent *intent, const struct intent_domain *about)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) char *options = NULL;
	char path[PATH_MAX], text[512];
	int code, r;

	if (!about->file_backed)
		return EXIT_SUCCESS;	/* reported by prepare, and started all the same */
	r = directory_find(about->id, path);
	if (r < 0) {
		snprintf(text, sizeof(text), "the directory of its memory file cannot be found: %s", strerror(-r));
		return hook_judge(domain, intent->report, text);
	}
	code = hook_call_memory(domain, intent, bytes_wanted(intent, about), &options);
	if (!options)
		return code;
	r = mount_for(domain, path, options, &err);
	if (r >= 0)
		return EXIT_SUCCESS;
	snprintf(text, sizeof(text), "its memory cannot be mounted: %.400s", err && err->text ? err->text : strerror(-r));
	return hook_judge(domain, intent->report, text);
}

/* ---- afterwards ---- */

/* Never a reason to fail: what cannot be unmounted is told. One after the other, since each changes the list. */
int hook_memory_release(const char *domain)
{
	_cleanup_(freep) char *source = NULL;
	char path[PATH_MAX];
	bool found = true;

	if (asprintf(&source, SOURCE_PREFIX "%s", domain) < 0) {
		source = NULL;
		return EXIT_SUCCESS;
	}
	for (int i = 0; found && i < 16; i++) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		FILE *f = setmntent("/proc/self/mounts", "re");
		struct mntent *entry;

		found = false;
		while (f && !found && (entry = getmntent(f)) != NULL)
			if (strcmp(entry->mnt_type, "colorfs") == 0 && strcmp(entry->mnt_fsname, source) == 0) {
				snprintf(path, sizeof(path), "%s", entry->mnt_dir);
				found = true;
			}
		if (f)
			(void)endmntent(f);
		if (found && mount_end(path, &err) < 0) {
			syslog(LOG_WARNING, "the memory of %s is not free yet: %s", domain, err && err->text ? err->text : "");
			return EXIT_SUCCESS;
		}
		if (found)
			(void)rmdir(path);	/* libvirt leaves it */
	}
	return EXIT_SUCCESS;
}
