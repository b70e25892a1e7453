/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watches reserved threads: opens what the kernel tells about each, and on request reads it all at once. Three sources:
 *
 * - /proc/PID/task/TID/schedstat: time on the CPU and time ready without it. Exact, by the scheduler itself; for a thread that
 *   runs at this moment as of the last tick. Never utime and stime, which are sampled and wrong by factors.
 * - switch records (perf), replayed by the meter: throttlings and missed budgets.
 * - /proc/PID/task/TID/sched: the kernel's own remaining budget and deadline, to bring the meter into step. It costs ten
 *   times a schedstat, so it is read when the meter is in doubt and now and then.
 *
 * Where there are no switch records (no perf, not permitted, a fake root) used and ready are measured all the same, and
 * `metered` is false. A thread whose policy is not the promised one is not judged until it is again.
 *
 * Called by the manager, on its own timer; keeps no timer, no thread, decides nothing, changes nothing.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "meter.h"
#include "monitor.h"
#include "perf.h"

#define SYNC_DOUBTFUL	4	/* every so many samples when in doubt ... */
#define SYNC_ROUTINE	16	/* ... and when not, since interrupts and stolen time are never charged */
#define SNAPSHOT_TRIES	3
/* What the two ways to measure one wait may differ by, per sample. */
#define WAIT_MARGIN_NS	(100 * NSEC_PER_USEC)
/* With HRTICK_DL the end of a budget has a timer of its own. */
#define HRTICK_GRAIN_NS	(100 * NSEC_PER_USEC)

struct schedstat {
	nsec_t used_ns;
	nsec_t wait_ns;		/* ready, not running; grows when it gets the CPU */
};

/*
 * What no record shows, by difference: schedstat counts the waits after wakeups too. Sums since the start of watching.
 */
struct tally {
	nsec_t queued_ns;	/* runnable, from switch-out to switch-in, by the records */
	bool queued;
	bool asleep;
	nsec_t queued_since_ns;
	bool known;		/* records and schedstat were last read at the same moment ... */
	int64_t woken_ns;	/* ... and differed by this */
};

struct watch {
	pid_t tid;
	uint64_t start_ticks;
	struct sched_state promised;
	int schedstat_fd;
	int stat_fd;		/* kept open: to find it costs more than to read it */
	int sched_fd;
	nsec_t since_ns;
	struct schedstat first;
	struct schedstat last;
	uint64_t samples;

	struct perf_ring ring;	/* .map NULL: not metered */
	struct meter meter;
	struct tally tally;
};

struct monitor {
	struct sysroot *root;
	nsec_t grain_ns;
	bool has_clock;
	struct perf_clock clock;
	struct watch **watches;
	size_t n;
};

static struct watch *watch_free(struct watch *w)
{
	if (!w)
		return NULL;
	close_fd(w->schedstat_fd);
	close_fd(w->stat_fd);
	close_fd(w->sched_fd);
	perf_ring_close(&w->ring);
	free(w);
	return NULL;
}
DEFINE_CLEANUP(struct watch *, watch_free)

/* How late the kernel may notice the end of a budget here. */
static nsec_t read_grain(const struct sysroot *root)
{
	_cleanup_(freep) char *features = NULL;
	struct timespec jiffy = { .tv_nsec = 0 };
	const char *hrtick;

	if (sysroot_read(root, "/sys/kernel/debug/sched/features", &features) == 0) {
		hrtick = strstr(features, "HRTICK_DL");
		if (hrtick && (hrtick == features || hrtick[-1] != '_'))	/* not NO_HRTICK_DL */
			return HRTICK_GRAIN_NS;
	}
	(void)clock_getres(CLOCK_MONOTONIC_COARSE, &jiffy);	/* it advances by a jiffy */
	return (nsec_t)jiffy.tv_nsec;
}

int monitor_new(struct monitor **ret, struct sysroot *root)
{
	_cleanup_(monitor_freep) struct monitor *monitor = calloc(1, sizeof(*monitor));

	if (!monitor)
		return -ENOMEM;
	monitor->root = root;
	monitor->grain_ns = read_grain(root);

	*ret = TAKE_PTR(monitor);
	return 0;
}

struct monitor *monitor_free(struct monitor *monitor)
{
	size_t i;

	if (!monitor)
		return NULL;
	for (i = 0; i < monitor->n; i++)
		watch_free(monitor->watches[i]);
	free(monitor->watches);
	if (monitor->has_clock)
		perf_clock_close(&monitor->clock);
	free(monitor);
	return NULL;
}

size_t monitor_count(const struct monitor *monitor)
{
	return monitor->n;
}

static struct watch **monitor_find(const struct monitor *monitor, pid_t tid)
{
	size_t i;

	for (i = 0; i < monitor->n; i++)
		if (monitor->watches[i]->tid == tid)
			return &monitor->watches[i];
	return NULL;
}

/* Files of a thread that has ended read as ESRCH; one that went before the open is not there. */
static int open_thread_file(const struct sysroot *root, pid_t pid, pid_t tid, const char *name)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, tid, name);
	fd = sysroot_open(root, path, O_RDONLY);
	return fd == -ENOENT ? -ESRCH : fd;
}

static int read_fd(int fd, char *buf, size_t size)
{
	ssize_t n = pread(fd, buf, size - 1, 0);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

static int read_schedstat(int fd, struct schedstat *ret)
{
	struct schedstat stat;
	char buf[128];
	int r;

	r = read_fd(fd, buf, sizeof(buf));
	if (r < 0)
		return r;
	if (sscanf(buf, "%" SCNu64 " %" SCNu64, &stat.used_ns, &stat.wait_ns) != 2)
		return -EBADMSG;
	*ret = stat;
	return 0;
}

/* "dl.runtime    :     -1267619" */
static int find_i64(const char *text, const char *key, int64_t *ret)
{
	const char *p = strstr(text, key);
	char *end;

	if (!p)
		return -ENODATA;
	p += strlen(key);
	p += strspn(p, " \t");
	if (*p != ':')
		return -EBADMSG;
	errno = 0;
	*ret = strtoll(p + 1, &end, 10);
	return errno != 0 || end == p + 1 ? -EBADMSG : 0;
}

static void meter_params_of(const struct monitor *monitor, const struct promise *promise, struct cbs_params *ret)
{
	*ret = (struct cbs_params){
		.budget_ns = promise->reservation.budget_ns,
		.deadline_ns = promise->reservation.deadline_ns,
		.period_ns = promise->reservation.period_ns,
		.grain_ns = monitor->grain_ns,
	};
}

/* No switch records is no failure: then it is not metered. */
static int watch_open_records(struct monitor *monitor, struct watch *w, const struct cbs_params *params)
{
	int r;

	if (!sysroot_is_host(monitor->root))
		return 0;
	if (!monitor->has_clock)
		monitor->has_clock = perf_clock_open(&monitor->clock) == 0;
	if (!monitor->has_clock)
		return 0;
	r = perf_switches_open(&w->ring, w->tid);
	if (r < 0)
		return r == -ESRCH ? r : 0;
	meter_init(&w->meter, params, perf_clock_convert(&monitor->clock, perf_monotonic_now()));
	return 0;
}

static int watch_new(struct watch **ret, struct monitor *monitor, const struct promise *promise)
{
	_cleanup_(watch_freep) struct watch *w = calloc(1, sizeof(*w));
	struct cbs_params params;
	int r;

	if (!w)
		return -ENOMEM;
	w->tid = promise->tid;
	w->start_ticks = promise->start_ticks;
	w->ring.fd = -EBADF;
	w->sched_fd = -EBADF;
	w->stat_fd = -EBADF;
	w->schedstat_fd = open_thread_file(monitor->root, promise->pid, promise->tid, "schedstat");
	if (w->schedstat_fd < 0)
		return w->schedstat_fd;
	w->stat_fd = open_thread_file(monitor->root, promise->pid, promise->tid, "stat");
	meter_params_of(monitor, promise, &params);
	r = watch_open_records(monitor, w, &params);
	if (r < 0)
		return r;
	if (w->ring.map)	/* a kernel without it leaves the meter to find its step by itself */
		w->sched_fd = open_thread_file(monitor->root, promise->pid, promise->tid, "sched");
	r = read_schedstat(w->schedstat_fd, &w->first);
	if (r < 0)
		return r;
	w->since_ns = perf_monotonic_now();

	*ret = TAKE_PTR(w);
	return 0;
}

static bool reservation_is_valid(const struct vrk_reservation *r)
{
	return r->budget_ns > 0 && r->budget_ns <= r->deadline_ns && r->deadline_ns <= r->period_ns &&
	       r->period_ns <= CBS_PERIOD_MAX_NS;
}

static int monitor_add(struct monitor *monitor, const struct promise *promise)
{
	_cleanup_(watch_freep) struct watch *w = NULL;
	struct watch **watches;
	int r;

	r = watch_new(&w, monitor, promise);
	if (r < 0)
		return r;
	watches = reallocarray(monitor->watches, monitor->n + 1, sizeof(struct watch *));
	if (!watches)
		return -ENOMEM;
	monitor->watches = watches;
	promise_sched_state(promise, &w->promised);
	watches[monitor->n++] = TAKE_PTR(w);
	return 0;
}

int monitor_watch(struct monitor *monitor, const struct promise *promise)
{
	struct watch **found = monitor_find(monitor, promise->tid);
	struct cbs_params params;

	if (!reservation_is_valid(&promise->reservation))
		return -EINVAL;
	if (found && (*found)->start_ticks != promise->start_ticks) {	/* the number went to another thread */
		monitor_unwatch(monitor, promise->tid);
		found = NULL;
	}
	if (!found)
		return monitor_add(monitor, promise);
	promise_sched_state(promise, &(*found)->promised);
	meter_params_of(monitor, promise, &params);
	if ((*found)->ring.map)
		meter_set_params(&(*found)->meter, &params);
	return 0;
}

void monitor_unwatch(struct monitor *monitor, pid_t tid)
{
	struct watch **found = monitor_find(monitor, tid);

	if (!found)
		return;
	watch_free(*found);
	*found = monitor->watches[--monitor->n];
}

static void tally_records(struct watch *w, uint64_t *pos, uint64_t head)
{
	struct tally *t = &w->tally;
	struct perf_record record;

	while (perf_next(&w->ring, pos, head, &record)) {
		if (record.kind == PERF_OTHER)
			continue;
		if (record.kind == PERF_LOST)
			t->known = false;
		if (record.kind == PERF_SWITCH_IN && t->queued && record.time_ns > t->queued_since_ns)
			t->queued_ns += record.time_ns - t->queued_since_ns;
		t->queued = record.kind == PERF_SWITCH_READY;
		t->asleep = record.kind == PERF_SWITCH_BLOCKED;
		t->queued_since_ns = record.time_ns;
	}
}

/*
 * The wait that schedstat has more than the records is what woken threads waited, all together: none waited longer. Only
 * between two moments at which both were read.
 */
static void tally_compare(struct watch *w, const struct schedstat *stat, bool same_moment)
{
	struct tally *t = &w->tally;
	int64_t woken_ns = (int64_t)(stat->wait_ns - t->queued_ns);
	int64_t more_ns = woken_ns > t->woken_ns ? woken_ns - t->woken_ns : 0;

	meter_wake_bound(&w->meter, same_moment && t->known ? (nsec_t)more_ns + WAIT_MARGIN_NS : NSEC_MAX);
	t->known = same_moment;
	t->woken_ns = woken_ns;
}

/* schedstat and records of the same moment, if that can be had. Of who has slept ever since, both are as they were. */
static int watch_snapshot(struct watch *w, struct schedstat *ret, uint64_t *ret_head)
{
	uint64_t pos = perf_tail(&w->ring), head;
	bool same = false;
	int i, r;

	*ret_head = pos;
	*ret = w->last;
	if (w->tally.asleep && w->tally.known && perf_head(&w->ring) == pos) {
		tally_compare(w, ret, true);
		return 0;
	}
	for (i = 0; i < SNAPSHOT_TRIES && !same; i++) {
		head = perf_head(&w->ring);
		tally_records(w, &pos, head);
		r = read_schedstat(w->schedstat_fd, ret);
		if (r < 0)
			return r;
		same = perf_head(&w->ring) == head;
	}
	tally_compare(w, ret, same);
	w->last = *ret;
	*ret_head = head;
	return 0;
}

static void watch_feed(struct watch *w, uint64_t head)
{
	uint64_t pos = perf_tail(&w->ring);
	struct perf_record record;

	while (perf_next(&w->ring, &pos, head, &record)) {
		switch (record.kind) {
		case PERF_SWITCH_IN:
			meter_in(&w->meter, record.time_ns);
			break;
		case PERF_SWITCH_BLOCKED:
			meter_out(&w->meter, record.time_ns, METER_BLOCKED);
			break;
		case PERF_SWITCH_READY:
			meter_out(&w->meter, record.time_ns, METER_READY);
			break;
		case PERF_LOST:
			meter_lost(&w->meter, record.time_ns, record.lost);
			break;
		case PERF_OTHER:
			break;
		}
	}
	perf_release(&w->ring, head);
}

/* The kernel's own server state, unless something happened since the records were read. */
static void watch_sync(struct watch *w, uint64_t head, nsec_t now_ns)
{
	uint64_t every = !meter_in_step(&w->meter) ? 1 : meter_wants_sync(&w->meter) ? SYNC_DOUBTFUL : SYNC_ROUTINE;
	int64_t q_ns, d_ns;
	char buf[4096];

	if (w->sched_fd < 0 || !meter_may_sync(&w->meter) || w->samples % every != 0 || read_fd(w->sched_fd, buf, sizeof(buf)) < 0)
		return;
	if (find_i64(buf, "dl.runtime", &q_ns) < 0 || find_i64(buf, "dl.deadline", &d_ns) < 0 || d_ns < 0)
		return;		/* not a SCHED_DEADLINE thread just now, or a kernel that does not tell */
	if (perf_head(&w->ring) == head)
		(void)meter_sync(&w->meter, now_ns, q_ns, (nsec_t)d_ns);
}

/* All but the waits, which schedstat knows better. */
static int watch_meter(struct monitor *monitor, struct watch *w, struct monitor_sample *sample, struct schedstat *ret)
{
	bool promised = sched_state_equal(&sample->now, &w->promised);
	struct meter_totals totals;
	uint64_t head;
	nsec_t now_ns;
	int r;

	if (!promised)
		meter_desync(&w->meter);
	r = watch_snapshot(w, ret, &head);
	if (r < 0)
		return r;
	watch_feed(w, head);
	sample->time_ns = perf_monotonic_now();
	now_ns = perf_clock_convert(&monitor->clock, sample->time_ns);
	if (promised)
		watch_sync(w, head, now_ns);
	else
		meter_desync(&w->meter);	/* a long sleep may have made it believe again */

	meter_read(&w->meter, now_ns, &totals);
	sample->metered = true;
	sample->throttled_ns = totals.throttled_ns;
	sample->throttled = totals.throttled;
	sample->missed = totals.missed;
	sample->worst_late_ns = totals.worst_late_ns;
	sample->lost = totals.lost;
	if (w->tally.queued && now_ns > w->tally.queued_since_ns)
		sample->ready_ns = now_ns - w->tally.queued_since_ns;	/* schedstat will have it when this wait is over */
	sample->queued = w->tally.queued;
	return 0;
}

int monitor_stand(struct monitor *monitor, pid_t tid, struct monitor_stand *ret)
{
	struct watch **found = monitor_find(monitor, tid);
	struct monitor_stand stand = { .ready = false };
	_cleanup_(freep) char *sched = NULL;
	const char *state;
	int64_t deadline_ns;
	char stat[1024];
	int r;

	if (!found)
		return -ESRCH;
	if ((*found)->stat_fd < 0)
		return (*found)->stat_fd;
	r = read_fd((*found)->stat_fd, stat, sizeof(stat));
	if (r < 0)
		return r;
	state = strrchr(stat, ')');	/* the name may hold anything */
	if (!state || state[1] != ' ' || state[2] != 'R') {	/* the other file costs far more */
		*ret = stand;
		return 0;
	}
	stand.ready = true;
	r = sysroot_readf(monitor->root, &sched, "/proc/%d/sched", tid);
	if (r < 0)
		return r;
	r = find_i64(sched, "dl.runtime", &stand.budget_ns);
	if (r >= 0)
		r = find_i64(sched, "dl.deadline", &deadline_ns);
	if (r < 0)
		return r;
	stand.deadline_ns = (nsec_t)deadline_ns;
	*ret = stand;
	return 0;
}

int monitor_sample(struct monitor *monitor, pid_t tid, struct monitor_sample *ret)
{
	struct watch **found = monitor_find(monitor, tid);
	struct monitor_sample sample = { .metered = false };
	struct schedstat stat;
	struct watch *w;
	nsec_t rest_ns;
	int r;

	if (!found)
		return -ESRCH;
	w = *found;
	r = monitor->root->ops->sched_get(monitor->root, tid, &sample.now);
	if (r < 0)
		return r;
	r = monitor->root->ops->affinity_get(monitor->root, tid, &sample.affinity);
	if (r < 0)
		return r;
	if (w->ring.map) {
		r = watch_meter(monitor, w, &sample, &stat);
	} else {
		r = read_schedstat(w->schedstat_fd, &stat);
		sample.time_ns = perf_monotonic_now();
	}
	if (r < 0)
		return r;
	w->samples++;
	sample.since_ns = w->since_ns;
	if (stat.used_ns < w->first.used_ns || stat.wait_ns < w->first.wait_ns)
		return -EBADMSG;	/* counters of a thread never shrink */
	sample.used_ns = stat.used_ns - w->first.used_ns;
	sample.ready_ns += stat.wait_ns - w->first.wait_ns;
	/* A wait that began before we watched comes in whole. */
	rest_ns = sample.time_ns - sample.since_ns;
	rest_ns -= sample.used_ns < rest_ns ? sample.used_ns : rest_ns;
	if (sample.ready_ns > rest_ns)
		sample.ready_ns = rest_ns;

	*ret = sample;
	return 0;
}
