/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUs of their own for threads: who asks for which, and what the host says to it. partition.c decides and is pure,
 * partition-look.c reads. The kernel's side of it stands in apply-cpuset.c.
 */
#ifndef DAEMON_PARTITION_H
#define DAEMON_PARTITION_H

#include "admit.h"
#include "error.h"

/* What the host has for partitions, as of now. */
struct partition_host {
	cpu_set_t online;
	cpu_set_t isolated;		/* by boot options */
	cpu_set_t housekeeping;		/* in no partition, of ours or of others */
	const char *slice;		/* the domain is in this slice, whose CPUs are set apart for all in it; NULL: in none such */
	bool pinned;			/* the kernel checks nothing: a CPU is not set apart, threads are pinned to it */
};

/* @slice: of the domain, or NULL; it is kept in *ret. */
int partition_host_read(const struct sysroot *root, const struct regime *regime, const char *slice, struct partition_host *ret,
			struct vr_error **reterr);

bool partition_slice_valid(const char *name);	/* "virtrk....slice" */
/* The slice of virtrk's ("virtrk....slice", right below the root) in which a thread is. 1 = *ret for free(); 0 = in none. */
int partition_look_slice(const struct sysroot *root, const struct regime *regime, pid_t tid, char **ret);
/* What its file of CPUs says now (apply-slice.c). */
int partition_look_cpus(const struct sysroot *root, const char *slice, cpu_set_t *ret, struct vr_error **reterr);

/*
 * partition_look() - can this thread be given a CPU, for itself or with others of its domain? Fills all of *ret but cpu and rest_ns; cgroup is
 * the thread's own group, below which a partition can be made if it is a vCPU's.
 *
 * Return: 0 with *ret for partition_free_fields(); -EOPNOTSUPP (VR_UNSUPPORTED): not a thread in a group as libvirt makes
 * them; -ESRCH (VR_THREAD_GONE).
 */
int partition_look(const struct sysroot *root, const struct regime *regime, const char *label, pid_t tid,
		   uint64_t start_ticks, struct partition *ret, struct vr_error **reterr);
/* For @partition->cpu: which lists have it already, and keep it. */
int partition_look_kept(const struct sysroot *root, struct partition *partition);
void partition_clear(struct partition *partition);

/* "root", "member", "root invalid (...)": as the kernel has it now. -ENOENT: there is none. */
int partition_state_read(const struct sysroot *root, const struct partition *partition, char **ret);
int partition_state_path(const struct partition *partition, char **ret);	/* the file to watch */
int partition_state_write(const struct sysroot *root, const struct partition *partition);	/* "root" again, read back */
/* Somebody has moved its thread out of an exclusive one: into it again. 0 also when there is nothing to do. */
int partition_thread_return(const struct sysroot *root, const struct partition *partition);
/*
 * libvirt has pinned a thread that is pinned to, or shares, other CPUs: the step that adds these to what its own control group may use.
 * Groups that libvirt has not made for one thread are somebody's who knows why. 1 = *ret, whose cgroup is for free() and whose label is
 * @partition's; 0: there is nothing to do.
 */
int partition_look_home(const struct sysroot *root, const struct regime *regime, const struct partition *partition, struct step *ret);

/*
 * On a host whose kernel checked nothing the limit was written: does it check again? *regime takes the limit, and those who are pinned stay so.
 * Reads, which makes some kernels build their scheduling domains anew (limit-watch.c).
 */
bool partition_limit_back(const struct sysroot *root, struct regime *regime);

/* What is asked, beside the items. */
struct partition_ask {
	const struct partition_host *host;
	const struct regime *regime;
	const struct ledger *ledger;
	const struct foreign *foreign;	/* NULL: none */
	const char *domain;
};

/*
 * partition_assign() - which CPU for which item
 *
 * Sets apart, cpu and kind of each item. An item that names CPUs gets the first of them that is free; one that names none stays
 * where the thread is. At least one CPU stays for housekeeping. An exclusive CPU serves one domain: threads share it only where the list has
 * no free one, and at least one of them is a vCPU when it is set apart.
 * Where threads are pinned, several share a CPU: the first is taken on which the item fits beside them, or, when it fits on
 * none, the first that is allowed, for admission to say why. There pinned and unpinned reservations do not mix: one that
 * names no CPU gets one, too, as soon as others have.
 * In a slice all threads share its CPUs: the first items name them all, the next ones the same or none (partition-shared.c).
 * Return: 0; -EBUSY, -EINVAL (VR_BAD_CPU) with the rule; -EAGAIN: in a moment, when a partition that ends is gone; -ENOMEM.
 * O(items * (CPUs + promises)), and an admission for each CPU that is tried.
 */
int partition_assign(const struct partition_ask *ask, struct request_item *items, size_t n, struct vr_error **reterr);

/* partition-shared.c: the same, in a slice. */
int partition_assign_shared(const struct partition_ask *ask, struct request_item *items, size_t n, struct vr_error **reterr);
/* Can @thread have this CPU beside what the ledger holds? As above; says nothing of items. */
int partition_check_cpu(const struct partition_ask *ask, const char *thread, uint32_t cpu, struct vr_error **reterr);

#endif
