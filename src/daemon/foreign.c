/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SCHED_DEADLINE threads that somebody else made: chrt, a real-time application, an audio server. They live in the same
 * root domain, so a promise that ignored them would be a wrong yes. manager.c scans before it decides; nothing is kept. For the same
 * reason a thread that cannot be looked at, because we have no descriptor or memory left, is a fault and not nobody.
 *
 * Left out: schedutil's kernel threads (SCHED_FLAG_SUGOV), which the kernel gives no budget and does not count.
 */
#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "foreign.h"

#define SCHED_DEADLINE_POLICY 6
#define SCHED_FLAG_SUGOV_BIT  0x10000000ULL

void foreign_done(struct foreign *foreign)
{
	free(foreign->loads);
	*foreign = (struct foreign) { 0 };
}

int foreign_add(struct foreign *foreign, pid_t tid, const char *comm, const struct vrk_reservation *reservation)
{
	struct foreign_load *loads = reallocarray(foreign->loads, foreign->n + 1, sizeof(*loads));

	if (!loads)
		return -ENOMEM;
	foreign->loads = loads;
	loads[foreign->n] = (struct foreign_load) { .tid = tid, .reservation = *reservation };
	snprintf(loads[foreign->n].comm, sizeof(loads[foreign->n].comm), "%s", comm);
	foreign->n++;
	return 0;
}

static bool ledger_owns(const struct ledger *ledger, pid_t tid)
{
	for (size_t i = 0; i < ledger->n; i++)
		if (ledger->promises[i].tid == tid)
			return true;
	return false;
}

/* A positive decimal number, else 0: the names in /proc and /proc/PID/task that are threads. */
static pid_t number_parse(const char *name)
{
	long n;
	char *end;

	if (!isdigit((unsigned char)name[0]))
		return 0;
	n = strtol(name, &end, 10);
	return *end || n <= 0 || n > INT32_MAX ? 0 : (pid_t)n;
}

/* It has ended; or /proc is mounted so that we do not see it (hidepid=); or this is a copy of a host whose files do not tell (EBADMSG). */
static bool is_nobody(int r)
{
	return r == -ENOENT || r == -ESRCH || r == -EACCES || r == -EPERM || r == -EBADMSG;
}

static int thread_look(const struct sysroot *root, pid_t tid, const struct ledger *ledger, struct foreign *foreign)
{
	_cleanup_(freep) char *comm = NULL;
	struct vrk_reservation reservation;
	struct sched_state s;
	cpu_set_t affinity;
	int r;

	r = root->ops->policy_get ? root->ops->policy_get(root, tid) : SCHED_DEADLINE_POLICY;
	if (r >= 0 && r != SCHED_DEADLINE_POLICY)
		return 0;	/* nearly all of them: this is asked for every thread of the host at each request */
	if (r >= 0)
		r = root->ops->sched_get(root, tid, &s);
	if (r < 0)
		return is_nobody(r) ? 0 : r;
	if (s.policy != SCHED_DEADLINE_POLICY)
		return 0;
	if ((s.flags & SCHED_FLAG_SUGOV_BIT) || ledger_owns(ledger, tid))
		return 0;
	if (sysroot_readf(root, &comm, "/proc/%d/comm", tid) < 0)
		comm = NULL;
	reservation = (struct vrk_reservation) {
		.budget_ns = s.runtime_ns,
		.deadline_ns = s.deadline_ns,
		.period_ns = s.period_ns ? s.period_ns : s.deadline_ns,
	};
	r = foreign_add(foreign, tid, comm ?: "?", &reservation);
	if (r >= 0 && root->ops->affinity_get(root, tid, &affinity) >= 0)
		foreign->loads[foreign->n - 1].cpus = affinity;
	return r;
}

/* NULL with *ret < 0 when the directory cannot be read to its end. */
static struct dirent *entry_next(DIR *dir, int *ret)
{
	struct dirent *entry;

	errno = 0;
	entry = readdir(dir);
	*ret = entry || errno == 0 ? 0 : -errno;
	return entry;
}

static int process_look(const struct sysroot *root, pid_t pid, const struct ledger *ledger, struct foreign *foreign)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	char path[64];
	struct dirent *entry;
	uint64_t links;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	r = sysroot_links(root, path, &links);
	if (r < 0)
		return is_nobody(r) ? 0 : r;
	if (links == 3)		/* most processes have one thread: no need to open a directory to find it */
		return thread_look(root, pid, ledger, foreign);
	r = sysroot_opendir(root, path, &dir);
	if (r < 0)
		return is_nobody(r) ? 0 : r;
	while ((entry = entry_next(dir, &r))) {
		pid_t tid = number_parse(entry->d_name);

		if (!tid)
			continue;
		r = thread_look(root, tid, ledger, foreign);
		if (r < 0)
			return r;
	}
	return r;
}

static int cannot_scan(int r, struct vr_error **reterr)
{
	return r == -ENOMEM ? r : vr_error_set(reterr, r, VR_FAILED, "cannot look for the SCHED_DEADLINE threads of others in /proc: %s",
					       strerror(-r));
}

int foreign_scan(const struct sysroot *root, const struct ledger *ledger, struct foreign *ret, struct vr_error **reterr)
{
	_cleanup_(foreign_done) struct foreign foreign = { 0 };
	_cleanup_(closedirp) DIR *dir = NULL;
	struct dirent *entry;
	int r;

	r = sysroot_opendir(root, "/proc", &dir);
	if (r < 0)
		return cannot_scan(r, reterr);
	while ((entry = entry_next(dir, &r))) {
		pid_t pid = number_parse(entry->d_name);

		if (!pid)
			continue;
		r = process_look(root, pid, ledger, &foreign);
		if (r < 0)
			return cannot_scan(r, reterr);
	}
	if (r < 0)
		return cannot_scan(r, reterr);
	*ret = foreign;
	foreign = (struct foreign) { 0 };
	return 0;
}
