/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel holds of that which virtrkd may change, in one process: policies, CPUs, control groups, booked bandwidth. The same by
 * chrt, find and grep takes fifty, and an emulated host needs seconds for these, hundreds of times in one test.
 *
 *   look DEBUGFS NAME=TID... : "thread NAME POLICY CPUS", "reserved NAME BUDGET/PERIOD" for those that are SCHED_DEADLINE, "apart CPUS"
 *                              for each partition of ours, "file PATH: LINE" for the control groups below machine.slice, "booked
 *                              BANDWIDTH" for each CPU, and "held BANDWIDTH", what the SCHED_DEADLINE threads of this machine have
 *
 * Run by errno.t, and by tests/vm/machines.sh, which builds it in the host under test. A thread or a group that has ended meanwhile is
 * left out.
 */
#include <dirent.h>
#include <ftw.h>
#include <inttypes.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLICE "/sys/fs/cgroup/machine.slice"

/* As the kernel has it, first version; the C library has none in Debian 12. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

#define POLICY_DEADLINE 6
#define RESET_ON_FORK 1		/* of the flags */

static void thread_print(const char *name, pid_t tid)
{
	static const char *const policies[] = { "other", "fifo", "rr", "batch", "4", "idle", "deadline", "ext" };
	struct attributes a = { .size = sizeof(a) };
	cpu_set_t cpus;

	if (syscall(SYS_sched_getattr, tid, &a, sizeof(a), 0) < 0 || sched_getaffinity(tid, sizeof(cpus), &cpus) < 0)
		return;
	printf("thread %s %s%s", name, a.policy < sizeof(policies) / sizeof(policies[0]) ? policies[a.policy] : "?",
	       a.flags & RESET_ON_FORK ? ",reset-on-fork" : "");
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &cpus))
			printf(" %d", cpu);
	printf("\n");
	if (a.policy == POLICY_DEADLINE)
		printf("reserved %s %" PRIu64 "/%" PRIu64 "\n", name, a.runtime, a.period);
}

/* Each line of @path behind @what; with @only those that begin with it, shortened to their last word. */
static void file_print(const char *path, const char *what, const char *only)
{
	FILE *file = fopen(path, "re");
	char line[256], *value;

	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		value = line + strspn(line, " ");
		if (only && strncmp(value, only, strlen(only)) != 0)
			continue;
		if (only)
			value = strrchr(value, ' ') + 1;
		printf("%s%s\n", what, value);
	}
	if (file)
		fclose(file);
}

static int entry_print(const char *path, const struct stat *st, int type, struct FTW *at)
{
	const char *name = path + at->base;
	char what[4200];

	(void)st;
	if (type != FTW_F || (strncmp(name, "cpuset.cpus", 11) != 0 && strcmp(name, "cgroup.threads") != 0 &&
			      strcmp(name, "cgroup.subtree_control") != 0))
		return 0;
	snprintf(what, sizeof(what), "file %s: ", path);
	file_print(path, what, NULL);
	if (strstr(path, "/rk/") && strcmp(name, "cpuset.cpus.effective") == 0)
		file_print(path, "apart ", NULL);
	return 0;
}

/* As the kernel counts it: 2^20 is one CPU, rounded down for each thread. */
static uint64_t process_held(const char *pid)
{
	char path[300];
	uint64_t held = 0;
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		struct attributes a = { .size = sizeof(a) };
		pid_t tid = atoi(entry->d_name);

		if (tid > 0 && syscall(SYS_sched_getattr, tid, &a, sizeof(a), 0) >= 0 && a.policy == POLICY_DEADLINE && a.period > 0)
			held += (a.runtime << 20) / a.period;
	}
	if (dir)
		closedir(dir);
	return held;
}

static void held_print(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	uint64_t held = 0;

	while (dir && (entry = readdir(dir)))
		if (atoi(entry->d_name) > 0)
			held += process_held(entry->d_name);
	if (dir)
		closedir(dir);
	printf("held %" PRIu64 "\n", held);
}

int main(int argc, char **argv)
{
	char path[4200];

	if (argc < 2)
		return EXIT_FAILURE;
	for (int i = 2; i < argc; i++) {
		char *tid = strchr(argv[i], '=');

		if (!tid)
			return EXIT_FAILURE;
		*tid++ = '\0';
		thread_print(argv[i], atoi(tid));
	}
	nftw(SLICE, entry_print, 16, FTW_PHYS);
	snprintf(path, sizeof(path), "%s/sched/debug", argv[1]);
	file_print(path, "booked ", ".dl_bw->total_bw");
	held_print();
	return EXIT_SUCCESS;
}
