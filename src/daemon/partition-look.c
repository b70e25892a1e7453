/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the host has for CPUs of their own: which CPUs are in no partition, where a thread's control group is, and what
 * became of a partition. Reads, and never changes but to repair what somebody else has changed: partition_state_write() what was
 * switched off, partition_thread_return() where a thread is.
 *
 * Only groups as libvirt makes them will do: ".../libvirt/vcpuN", threaded, one for each vCPU, and beside them those of the emulator and of
 * I/O threads. There a child of ours does no harm to anything that libvirt does (apply-cpuset.c). A QEMU that somebody else started has no
 * such group.
 *
 * Called by the manager. Decides nothing.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cpulist.h"
#include "partition.h"
#include "whereabouts.h"

#define CHILD "rk"

void partition_clear(struct partition *partition)
{
	free(partition->label);
	free(partition->cgroup);
	free(partition->home);
	*partition = (struct partition){ 0 };
}

static int cpus_read(const struct sysroot *root, const char *path, cpu_set_t *ret)
{
	_cleanup_(freep) char *text = NULL;
	int r;

	r = sysroot_read(root, path, &text);
	if (r == -ENOENT)	/* then it is done without: that takes two looks */
		r = sysroot_read(root, path, &text);
	return r < 0 ? r : cpulist_parse(text, ret);
}

bool partition_limit_back(const struct sysroot *root, struct regime *regime)
{
	int64_t runtime_us;

	if (sysroot_read_i64(root, "/proc/sys/kernel/sched_rt_runtime_us", &runtime_us) >= 0)
		regime->rt_runtime_us = runtime_us;
	return regime->rt_runtime_us >= 0;
}

/*
 * Needs no control groups. Where there is a limit again the kernel checks affinities: a promise that relies on
 * its not doing so would be refused by it, or could not be changed any more.
 */
static int host_read_pinned(const struct sysroot *root, const struct regime *regime, struct partition_host *ret,
			    struct vr_error **reterr)
{
	struct partition_host host = { .isolated = regime->isolated, .pinned = true };
	char path[PATH_MAX];
	int r;

	if (regime->rt_runtime_us >= 0)
		return vr_error_set(reterr, -EOPNOTSUPP, VR_UNSUPPORTED,
				    "no thread can be pinned to a CPU any more: somebody has set sched_rt_runtime_us from -1 to %" PRId64
				    " (when those that are pinned have been released, virtrkd goes by that)", regime->rt_runtime_us);
	r = cpus_read(root, "/sys/devices/system/cpu/online", &host.online);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot read which CPUs are online: %s", strerror(-r));
	snprintf(path, sizeof(path), "%s/cpuset.cpus.effective", regime->cgroup_path);
	if (!regime->cgroup_path[0] || cpus_read(root, path, &host.housekeeping) < 0)
		host.housekeeping = host.online;
	*ret = host;
	return 0;
}

int partition_host_read(const struct sysroot *root, const struct regime *regime, const char *slice, struct partition_host *ret,
			struct vr_error **reterr)
{
	struct partition_host host = { .isolated = regime->isolated, .slice = slice };
	char path[PATH_MAX];
	int r;

	if (!slice && regime->kind == REGIME_PINNED)
		return host_read_pinned(root, regime, ret, reterr);
	if (regime->partitions != YES)
		return vr_error_set(reterr, -EOPNOTSUPP, VR_UNSUPPORTED,
				    regime->cgroup == CGROUP_V2 ?
					    "no CPU can be set apart on this host: its control groups have no cpuset controller" :
					    "no CPU can be set apart on this host: that needs control groups of version 2 with cpuset");
	if (!slice && regime->remote_partitions != YES)
		return vr_error_set(reterr, -EOPNOTSUPP, VR_UNSUPPORTED,
				    "no CPU can be set apart on this host: that needs kernel 6.7, this is %s", regime->release);
	r = cpus_read(root, "/sys/devices/system/cpu/online", &host.online);
	if (r >= 0) {
		snprintf(path, sizeof(path), "%s/cpuset.cpus.effective", regime->cgroup_path);
		r = cpus_read(root, path, &host.housekeeping);
	}
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot read which CPUs are free: %s", strerror(-r));
	*ret = host;
	return 0;
}

static bool slice_is_ours(const char *name, size_t length)
{
	return length >= sizeof("virtrk.slice") - 1 && strncmp(name, "virtrk", 6) == 0 && strncmp(name + length - 6, ".slice", 6) == 0;
}

bool partition_slice_valid(const char *name)
{
	return strlen(name) <= NAME_MAX && !strchr(name, '/') && slice_is_ours(name, strlen(name));
}

int partition_look_slice(const struct sysroot *root, const struct regime *regime, pid_t tid, char **ret)
{
	_cleanup_(freep) char *group = NULL;
	size_t length;
	int r;

	if (!regime->cgroup_path[0])
		return 0;
	r = thread_cgroup(root, tid, &group);
	if (r < 0)
		return r == -ENODATA ? 0 : r;
	length = strcspn(group + strspn(group, "/"), "/") + 1;
	if (group[0] != '/' || !slice_is_ours(group + 1, length - 1))
		return 0;
	if (asprintf(ret, "%s%.*s", regime->cgroup_path, (int)length, group) < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	return 1;
}

int partition_look_cpus(const struct sysroot *root, const char *slice, cpu_set_t *ret, struct vr_error **reterr)
{
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/cpuset.cpus.exclusive", slice);
	r = cpus_read(root, path, ret);
	if (r == -ENOENT) {	/* before kernel 6.7 */
		snprintf(path, sizeof(path), "%s/cpuset.cpus", slice);
		r = cpus_read(root, path, ret);
	}
	if (r == -ENOENT)
		return vr_error_set(reterr, -EOPNOTSUPP, VR_UNSUPPORTED,
				    "%s can have no CPUs: the group above it does not hand on cpuset (cgroup.subtree_control)", slice);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot read cpuset.cpus of %s: %s", slice, strerror(-r));
	return 0;
}

/* "/vcpu12": @what and a number */
static bool name_is_numbered(const char *name, const char *what)
{
	size_t length = strlen(what);

	return strncmp(name, what, length) == 0 && isdigit((unsigned char)name[length]) &&
	       strspn(name + length, "0123456789") == strlen(name + length);
}

static bool ends_with(const char *text, size_t length, const char *end)
{
	size_t n = strlen(end);

	return length > n && strncmp(text + length - n, end, n) == 0;
}

/* ".../machine-qemu....scope/libvirt/vcpu0"; where there is no machined, ".../qemu-1-rt.libvirt-qemu/vcpu0" */
static bool group_is_libvirts(const char *group)
{
	const char *name = strrchr(group, '/');

	if (!name || (strcmp(name, "/emulator") != 0 && !name_is_numbered(name, "/vcpu") && !name_is_numbered(name, "/iothread")))
		return false;
	return ends_with(group, (size_t)(name - group), "/libvirt") || ends_with(group, (size_t)(name - group), ".libvirt-qemu");
}

static int group_unfit(const char *label, const char *group, struct vr_error **reterr)
{
	size_t length = strlen(group);

	if (length > 3 && strcmp(group + length - 3, "/" CHILD) == 0)
		return vr_error_set(reterr, -EBUSY, VR_BAD_CPU,
				    "%s is in a partition that this virtrkd has not made (%s): move its thread out and remove that group",
				    label, group);
	return vr_error_set(reterr, -EOPNOTSUPP, VR_UNSUPPORTED,
			    "%s cannot get a CPU of its own: only threads that libvirt started have a control group for it (this one is in %s)",
			    label, group);
}

int partition_look_kept(const struct sysroot *root, struct partition *partition)
{
	_cleanup_(freep) char *control = NULL;
	char path[PATH_MAX];
	uint64_t kept = 0;
	unsigned int i = 0;
	char *word, *rest;
	const char *end = partition->cgroup;
	int r;

	for (; *end && i < PARTITION_LEVELS_MAX; i++) {
		cpu_set_t set;

		end = strchrnul(end + 1, '/');
		snprintf(path, sizeof(path), "%.*s/cpuset.cpus.exclusive", (int)(end - partition->cgroup), partition->cgroup);
		r = cpus_read(root, path, &set);
		if (r < 0 && r != -ENOENT)
			return r;
		if (r >= 0 && CPU_ISSET(partition->cpu, &set))
			kept |= PARTITION_KEPT_LEVEL(i);
	}
	if (*end)
		return -ENAMETOOLONG;
	r = sysroot_readf(root, &control, "%s/cgroup.subtree_control", partition->cgroup);
	if (r < 0)
		return r;
	for (word = strtok_r(control, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		if (strcmp(word, "cpuset") == 0)
			kept |= PARTITION_KEPT_CONTROL;
	partition->kept = kept;
	return 0;
}

int partition_look(const struct sysroot *root, const struct regime *regime, const char *label, pid_t tid,
		   uint64_t start_ticks, struct partition *ret, struct vr_error **reterr)
{
	_cleanup_(partition_clear) struct partition partition = { .tid = tid, .start_ticks = start_ticks };
	_cleanup_(freep) char *group = NULL, *type = NULL;
	int r;

	r = thread_cgroup(root, tid, &group);
	if (r == -ESRCH)
		return vr_error_set(reterr, r, VR_THREAD_GONE, "%s (thread %d) has ended", label, tid);
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot read the control group of %s: %s", label, strerror(-r));
	if (!group_is_libvirts(group))
		return group_unfit(label, group, reterr);
	partition.label = strdup(label);
	if (!partition.label)
		return -ENOMEM;
	if (asprintf(&partition.cgroup, "%s%s", regime->cgroup_path, group) < 0) {
		partition.cgroup = NULL;
		return -ENOMEM;
	}
	r = sysroot_readf(root, &type, "%s/cgroup.type", partition.cgroup);
	if (r < 0 || strcmp(type, "threaded") != 0)
		return group_unfit(label, group, reterr);

	*ret = TAKE_GENERIC(partition, struct partition, (struct partition){ 0 });
	return 0;
}

int partition_state_path(const struct partition *partition, char **ret)
{
	if (asprintf(ret, "%s%s/cpuset.cpus.partition", partition->cgroup, partition->kind == PARTITION_SHARED ? "" : "/" CHILD) < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	return 0;
}

int partition_state_read(const struct sysroot *root, const struct partition *partition, char **ret)
{
	_cleanup_(freep) char *path = NULL;
	int r;

	r = partition_state_path(partition, &path);
	return r < 0 ? r : sysroot_read(root, path, ret);
}

int partition_state_write(const struct sysroot *root, const struct partition *partition)
{
	_cleanup_(freep) char *path = NULL, *state = NULL;
	int r;

	r = partition_state_path(partition, &path);
	if (r >= 0)
		r = sysroot_write(root, path, "root\n");
	if (r >= 0)
		r = sysroot_read(root, path, &state);
	return r < 0 ? r : strcmp(state, "root") == 0 ? 0 : -EIO;
}

int partition_thread_return(const struct sysroot *root, const struct partition *partition)
{
	_cleanup_(freep) char *group = NULL;
	char path[PATH_MAX], tid[24];
	size_t length, behind;
	int r;

	r = thread_cgroup(root, partition->tid, &group);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%s/" CHILD, partition->cgroup);
	length = strlen(path);
	behind = strlen(group);		/* /proc tells it from the mount point on */
	if (length > behind && strcmp(path + length - behind, group) == 0)
		return 0;
	snprintf(path, sizeof(path), "%s/" CHILD "/cgroup.threads", partition->cgroup);
	snprintf(tid, sizeof(tid), "%d\n", partition->tid);
	return sysroot_write(root, path, tid);
}

int partition_look_home(const struct sysroot *root, const struct regime *regime, const struct partition *partition, struct step *ret)
{
	struct step step = { .kind = STEP_GROUP, .tid = partition->tid, .start_ticks = partition->start_ticks, .label = partition->label,
			     .make = true };
	_cleanup_(freep) char *group = NULL;
	char path[PATH_MAX];
	cpu_set_t needs;
	int r;

	r = thread_cgroup(root, partition->tid, &group);
	if (r == -ENODATA || (r >= 0 && (!regime->cgroup_path[0] || !group_is_libvirts(group))))
		return 0;
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%s%s/cpuset.cpus", regime->cgroup_path, group);
	r = cpus_read(root, path, &step.before);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	partition_cpus(partition, &needs);
	CPU_OR(&step.cpus, &step.before, &needs);
	if (CPU_COUNT(&step.before) == 0 || CPU_EQUAL(&step.cpus, &step.before))	/* empty: all of the group above it */
		return 0;
	if (asprintf(&step.cgroup, "%s%s", regime->cgroup_path, group) < 0)
		return -ENOMEM;
	*ret = step;
	return 1;
}
