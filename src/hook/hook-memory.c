/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Coloured memory for a libvirt domain. libvirt puts the memory of a domain with <source type='file'/> into a file in a directory
 * of its own, ID-NAME, which it makes before the hook's "start": below /var/lib/libvirt/qemu/ram, or below libvirt/qemu of the directory
 * that qemu.conf names. A colorfs is mounted there, QEMU makes its file on it, and all of the guest's memory has the promised colours.
 * When the domain is gone the mount goes, and the directory.
 *
 * The kernel counts that memory as QEMU's when it looks for a victim because memory is short, though ending QEMU would give nobody a page of it:
 * a large domain would be the first to go. So once QEMU runs it is made the last one.
 *
 * Mounts of ours are found by their source, "virtrk:DOMAIN": a hook remembers nothing between its calls.
 *
 * Called by main.c. Mounts and unmounts nothing but colorfs.
 */
#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <mntent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "hook.h"
#include "mount.h"

#define QEMU_CONF	"/etc/libvirt/qemu.conf"
#define BACKING_DEFAULT "/var/lib/libvirt/qemu/ram"
#define SOURCE_PREFIX	"virtrk:"
#define PID_FILE	"/run/libvirt/qemu/%s.pid"
#define OOM_LAST	(-999)	/* after everybody else; -1000 is never, even if QEMU itself takes all there is */

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

/* ---- once it runs ---- */

static bool is_mounted(const char *domain)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	const size_t length = strlen(SOURCE_PREFIX);
	struct mntent *entry;
	bool found = false;

	while (f && !found && (entry = getmntent(f)) != NULL)
		found = strcmp(entry->mnt_type, "colorfs") == 0 && strncmp(entry->mnt_fsname, SOURCE_PREFIX, length) == 0 &&
			strcmp(entry->mnt_fsname + length, domain) == 0;
	if (f)
		(void)endmntent(f);
	return found;
}

static int number_read(const char *path, int *ret)
{
	_cleanup_(fclosep) FILE *f = fopen(path, "re");
	char line[32], *end;
	long number;

	if (!f)
		return -errno;
	if (!fgets(line, sizeof(line), f))
		return -ENODATA;
	errno = 0;
	number = strtol(line, &end, 10);
	if (errno != 0 || end == line || number < INT_MIN || number > INT_MAX)
		return -EBADMSG;
	*ret = (int)number;
	return 0;
}

static int oom_last(const char *domain)
{
	char path[PATH_MAX];
	FILE *f;
	int pid, now, r;

	if (snprintf(path, sizeof(path), PID_FILE, domain) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	r = number_read(path, &pid);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
	r = number_read(path, &now);
	if (r < 0 || now <= OOM_LAST)
		return r;	/* somebody wanted that */
	f = fopen(path, "we");
	if (!f)
		return -errno;
	r = fprintf(f, "%d\n", OOM_LAST) < 0 ? -errno : 0;
	if (fclose(f) != 0 && r == 0)	/* the write itself */
		r = -errno;
	return r;
}

/* Never a reason to fail: it runs, on its memory. */
int hook_memory_started(const char *domain)
{
	int r;

	if (!is_mounted(domain))
		return EXIT_SUCCESS;
	r = oom_last(domain);
	if (r < 0)
		syslog(LOG_WARNING, "%s may be ended when memory is short, as any process: %s", domain, strerror(-r));
	return EXIT_SUCCESS;
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
