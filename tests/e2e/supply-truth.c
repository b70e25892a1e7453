/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * supply-truth LOCKFILE: are the monitor's numbers true?
 *
 * Two threads with real reservations run beside ordinary ones that want all CPUs; first two that spin, then one that spins and
 * one that sleeps too. The monitor watches them as in virtrkd; the truth comes another way, from the scheduler's own trace
 * events, in a trace instance of our own: how long each was on a CPU between two marks, and how often it was put aside
 * although it could have run on: for a thread without deadline, or for long. That is a throttling, since there are not more
 * of them than CPUs. Both must agree within 2 %; for the thread that sleeps, whose wakeups the monitor cannot see, the number
 * of throttlings within a fifth. A trace now and then lacks an event (seen on 6.18, nothing reported as lost): what that hole
 * may hide is allowed for.
 *
 * Nothing is said about absolute times: a loaded or virtual machine may not deliver what was promised. When it did not and
 * the numbers differ as well, that is told and tried once more.
 *
 * Needs root and tracefs; exit 77 with the reason without them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include "cleanup.h"
#include "ledger.h"
#include "monitor.h"
#include "perf.h"
#include "trace.h"

enum { SKIPPED = 77 };

#define SETTLE_NS	(1200 * NSEC_PER_MSEC)
#define MEASURE_NS	(3000 * NSEC_PER_MSEC)
#define SAMPLE_NS	(300 * NSEC_PER_MSEC)
#define HOGS_MAX	64

struct subject {
	const char *name;
	struct vrk_reservation reservation;
	nsec_t work_ns;			/* 0 = spins; else works so long on its CPU clock, then sleeps as long */
	unsigned int tolerance;		/* of the number of throttlings, percent */

	pthread_t thread;
	_Atomic pid_t tid;
	struct promise promise;
	struct monitor_sample first, last;
	nsec_t used_ns;			/* the truth */
	nsec_t off_ns;			/* put aside, until it ran again: throttled, then perhaps waiting */
	uint64_t throttled;
	uint64_t holes;			/* events missing in the trace */
};

#define SUBJECTS_MAX 2
#define MS NSEC_PER_MSEC

struct scene {
	const char *name;
	struct subject subjects[SUBJECTS_MAX];
	size_t n;		/* not more than there are CPUs */
};

static struct scene scenes[] = {
	{ "spinning", {
		{ .name = "4/20 ms, spins", .reservation = { 4 * MS, 20 * MS, 20 * MS }, .tolerance = 2 },
		{ .name = "3/30 ms, spins", .reservation = { 3 * MS, 30 * MS, 30 * MS }, .tolerance = 2 },
	}, SUBJECTS_MAX },
	{ "sleeping", {
		{ .name = "6/25 ms, sleeps", .reservation = { 6 * MS, 25 * MS, 25 * MS }, .work_ns = 11 * MS, .tolerance = 20 },
		{ .name = "8/40 ms, spins", .reservation = { 8 * MS, 40 * MS, 40 * MS }, .tolerance = 2 },
	}, SUBJECTS_MAX },
};

static atomic_bool stop;
static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

static nsec_t clock_now(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return (nsec_t)ts.tv_sec * NSEC_PER_SEC + (nsec_t)ts.tv_nsec;
}

static void pause_for(nsec_t ns)
{
	struct timespec ts = { (time_t)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC) };

	while (!interrupted && clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
		;
}

static void *subject_run(void *arg)
{
	struct subject *s = arg;
	nsec_t until_ns;

	atomic_store(&s->tid, gettid());
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		if (s->work_ns == 0)
			continue;
		until_ns = clock_now(CLOCK_THREAD_CPUTIME_ID) + s->work_ns;
		while (clock_now(CLOCK_THREAD_CPUTIME_ID) < until_ns && !atomic_load_explicit(&stop, memory_order_relaxed))
			;
		pause_for(s->work_ns);
	}
	return NULL;
}

static void *hog_run(void *arg)
{
	(void)arg;
	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		;
	return NULL;
}

/* The trace. */

struct tracer {
	char *mount;
	char *instance;
};

static int write_text(const char *dir, const char *name, const char *text)
{
	_cleanup_(freep) char *path = NULL;
	_cleanup_(closep) int fd = -EBADF;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return -ENOMEM;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static void tracer_done(struct tracer *t)
{
	if (t->instance) {
		(void)write_text(t->instance, "tracing_on", "0");
		(void)write_text(t->instance, "events/enable", "0");
		(void)rmdir(t->instance);
	}
	if (t->mount) {
		(void)umount(t->mount);
		(void)rmdir(t->mount);
	}
	free(t->instance);
	free(t->mount);
}

/* Exit status: 0, or SKIPPED with the reason printed. */
static int tracer_init(struct tracer *t)
{
	const char *tmp = getenv("TMPDIR");
	char *mount_point = NULL;

	if (asprintf(&mount_point, "%s/virtrk-truth-XXXXXX", tmp ?: "/tmp") < 0 || !mkdtemp(mount_point)) {
		printf("no temporary directory: %s\n", strerror(errno));
		return SKIPPED;
	}
	t->mount = mount_point;
	if (mount("none", t->mount, "tracefs", 0, NULL) < 0) {
		printf("tracefs cannot be mounted: %s\n", strerror(errno));
		return SKIPPED;
	}
	if (asprintf(&t->instance, "%s/instances/virtrk-truth-%d", t->mount, getpid()) < 0 || mkdir(t->instance, 0700) < 0) {
		printf("tracefs has no instances: %s\n", strerror(errno));
		return SKIPPED;
	}
	return 0;
}

static int tracer_start(const struct tracer *t, const struct scene *scene)
{
	char filter[512];
	size_t i, n = 0;
	int r;

	for (i = 0; i < scene->n; i++)
		n += (size_t)snprintf(filter + n, sizeof(filter) - n, "%sprev_pid == %d || next_pid == %d", i > 0 ? " || " : "",
				      scene->subjects[i].promise.tid, scene->subjects[i].promise.tid);
	r = write_text(t->instance, "events/sched/sched_switch/filter", filter);
	if (r == 0)
		r = write_text(t->instance, "buffer_size_kb", "4096");
	if (r == 0)
		r = write_text(t->instance, "events/sched/sched_switch/enable", "1");
	return r;
}

/* Where in the trace it is between the two marks. */
static void mark_look(const char *line, bool *measuring)
{
	if (strstr(line, ": virtrk-truth begin"))
		*measuring = true;
	else if (strstr(line, ": virtrk-truth end"))
		*measuring = false;
}

/* Nobody with a deadline is in its way for longer: there is a CPU for each, and one is pushed to the free one at once. */
#define PUSHED_NS NSEC_PER_MSEC

struct tally {
	enum { AT_UNKNOWN, AT_CPU, AT_ASIDE, AT_SLEEP } at;
	nsec_t since_ns;
	bool lower;		/* put aside for a thread without deadline */
};

static void tally_event(struct subject *s, struct tally *t, const struct trace_event *event)
{
	nsec_t past_ns = event->time_ns - t->since_ns;

	if (event->kind == TRACE_IN) {
		s->holes += t->at == AT_CPU;
		if (t->at == AT_ASIDE && (t->lower || past_ns > PUSHED_NS)) {
			s->off_ns += past_ns;
			s->throttled++;
		}
		*t = (struct tally){ AT_CPU, event->time_ns, false };
	} else if (event->kind == TRACE_OUT) {
		s->holes += t->at == AT_ASIDE || t->at == AT_SLEEP;
		if (t->at == AT_CPU)
			s->used_ns += past_ns;
		*t = (struct tally){ event->runnable ? AT_ASIDE : AT_SLEEP, event->time_ns, event->lower };
	}
}

/* A run that is cut by a mark counts from the first event after it; both ends are a few ms of seconds. */
static int tracer_read(const struct tracer *t, struct subject *s)
{
	_cleanup_(freep) char *path = NULL, *line = NULL;
	_cleanup_(fclosep) FILE *f = NULL;
	struct tally tally = { .at = AT_UNKNOWN };
	struct trace_event event;
	bool measuring = false;
	size_t size = 0;
	ssize_t length;

	s->used_ns = s->off_ns = s->throttled = s->holes = 0;
	if (asprintf(&path, "%s/trace", t->instance) < 0)
		return -ENOMEM;
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while ((length = getline(&line, &size, f)) > 0) {
		mark_look(line, &measuring);
		if (trace_parse(line, (size_t)length - 1, s->promise.tid, &event) < 0)
			return -EBADMSG;
		if (event.kind == TRACE_LOST)
			return -EOVERFLOW;
		if (measuring)
			tally_event(s, &tally, &event);
	}
	return 0;
}

/* The run. */

static int reserve(struct sysroot *root, struct monitor *monitor, struct subject *s)
{
	struct sched_state state;
	int r;

	while (atomic_load(&s->tid) == 0)
		(void)sched_yield();
	s->promise = (struct promise){ .domain = (char *)"truth", .pid = getpid(), .tid = atomic_load(&s->tid),
				       .reservation = s->reservation };
	r = sysroot_start_ticks(root, s->promise.tid, &s->promise.start_ticks);
	if (r < 0)
		return r;
	promise_sched_state(&s->promise, &state);
	r = root->ops->sched_set(root, s->promise.tid, &state);
	return r < 0 ? r : monitor_watch(monitor, &s->promise);
}

static int sample_all(struct monitor *monitor, struct scene *scene, bool last)
{
	struct monitor_sample sample;
	size_t i;
	int r;

	for (i = 0; i < scene->n; i++) {
		r = monitor_sample(monitor, scene->subjects[i].promise.tid, &sample);
		if (r < 0)
			return r;
		*(last ? &scene->subjects[i].last : &scene->subjects[i].first) = sample;
	}
	return 0;
}

static int measure(struct monitor *monitor, const struct tracer *tracer, struct scene *scene)
{
	nsec_t until_ns;
	int r;

	until_ns = clock_now(CLOCK_MONOTONIC) + SETTLE_NS;
	do {
		pause_for(SAMPLE_NS);
		r = sample_all(monitor, scene, false);
	} while (r == 0 && !interrupted && clock_now(CLOCK_MONOTONIC) < until_ns);
	if (r == 0)
		r = write_text(tracer->instance, "trace_marker", "virtrk-truth begin");
	if (r == 0)
		r = sample_all(monitor, scene, false);

	until_ns = clock_now(CLOCK_MONOTONIC) + MEASURE_NS;
	while (r == 0 && !interrupted && clock_now(CLOCK_MONOTONIC) < until_ns) {
		pause_for(SAMPLE_NS);
		r = sample_all(monitor, scene, true);
	}
	if (r == 0)
		r = write_text(tracer->instance, "trace_marker", "virtrk-truth end");
	if (r == 0)
		r = sample_all(monitor, scene, true);
	return interrupted ? -EINTR : r;
}

static int with_threads(struct sysroot *root, struct monitor *monitor, const struct tracer *tracer, struct scene *scene)
{
	pthread_t hogs[HOGS_MAX];
	size_t i, n = 0, started = 0;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int r = 0;

	atomic_store(&stop, false);
	for (i = 0; i < scene->n && r == 0; i++) {
		atomic_store(&scene->subjects[i].tid, 0);
		r = -pthread_create(&scene->subjects[i].thread, NULL, subject_run, &scene->subjects[i]);
		started += r == 0;
	}
	for (i = 0; i < scene->n && r == 0; i++)
		r = reserve(root, monitor, &scene->subjects[i]);
	for (; (long)n < cpus && n < HOGS_MAX && r == 0; n += r == 0)
		r = -pthread_create(&hogs[n], NULL, hog_run, NULL);
	if (r == 0)
		r = tracer_start(tracer, scene);
	if (r == 0)
		r = measure(monitor, tracer, scene);

	atomic_store(&stop, true);
	for (i = 0; i < started; i++)
		(void)pthread_join(scene->subjects[i].thread, NULL);
	for (i = 0; i < n; i++)
		(void)pthread_join(hogs[i], NULL);
	for (i = 0; i < scene->n; i++)
		monitor_unwatch(monitor, scene->subjects[i].promise.tid);
	return r;
}

/* The verdict. */

static bool differs(uint64_t a, uint64_t b, unsigned int percent, uint64_t free)
{
	uint64_t d = a > b ? a - b : b - a;

	return d > free && (d - free) * 100 > b * percent;
}

/*
 * What may be wrong at most: the ends cut a run each, and the last tick of one that is under way is not yet charged; and each
 * hole in the trace may hide a run.
 */
static nsec_t unknown_ns(const struct subject *s)
{
	return (2 + s->holes) * (s->reservation.budget_ns + 4 * NSEC_PER_MSEC);
}

static bool judge(const struct subject *s, bool *ret_kept)
{
	nsec_t elapsed_ns = s->last.time_ns - s->first.time_ns;
	nsec_t used_ns = s->last.used_ns - s->first.used_ns;
	uint64_t throttled = s->last.throttled - s->first.throttled;
	nsec_t promised_ns = (nsec_t)((double)elapsed_ns * (double)s->reservation.budget_ns / (double)s->reservation.period_ns);
	bool agree = true;

	printf("%-20s used %8.2f ms, truth %8.2f (%.4f); throttled %4" PRIu64 ", truth %4" PRIu64 "; for %8.2f ms, put aside %8.2f; "
	       "truth/promise %.4f; missed %" PRIu64 ", worst %.2f ms; %" PRIu64 " holes\n", s->name, (double)used_ns / 1e6, (double)s->used_ns / 1e6,
	       (double)used_ns / (double)s->used_ns, throttled, s->throttled,
	       (double)(s->last.throttled_ns - s->first.throttled_ns) / 1e6, (double)s->off_ns / 1e6,
	       (double)s->used_ns / (double)promised_ns, s->last.missed - s->first.missed,
	       (double)s->last.worst_late_ns / 1e6, s->holes);
	if (!s->last.metered || s->last.lost > 0) {
		printf("  not metered, or %" PRIu64 " records were lost\n", s->last.lost);
		agree = false;
	}
	if (differs(used_ns, s->used_ns, 2, unknown_ns(s))) {
		printf("  the time used is wrong by more than 2 %%\n");
		agree = false;
	}
	if (differs(throttled, s->throttled, s->tolerance, 2 + s->holes)) {
		printf("  the number of throttlings is wrong by more than %u %%\n", s->tolerance);
		agree = false;
	}
	/* it was throttled until it was replenished, and put aside until it ran again */
	if (s->last.throttled_ns - s->first.throttled_ns > s->off_ns + s->off_ns / 50 + (2 + s->holes) * s->reservation.period_ns) {
		printf("  it cannot have been throttled for longer than it was put aside\n");
		agree = false;
	}
	*ret_kept &= !differs(s->used_ns, promised_ns, 2, unknown_ns(s)) || s->work_ns > 0;
	return agree;
}

/* Exit status; *ret_again: the machine did not keep its own promises, so it is worth another try. */
static int attempt(struct sysroot *root, struct monitor *monitor, struct scene *scene, bool *ret_again)
{
	_cleanup_(tracer_done) struct tracer tracer = { NULL, NULL };
	bool agree = true, kept = true;
	size_t i;
	int r;

	r = tracer_init(&tracer);
	if (r != 0)
		return r;
	r = with_threads(root, monitor, &tracer, scene);
	if (r == -EBUSY) {
		printf("others hold the bandwidth that this needs\n");
		return SKIPPED;
	}
	for (i = 0; i < scene->n && r == 0; i++)
		r = tracer_read(&tracer, &scene->subjects[i]);
	if (r < 0) {
		printf("it could not be measured: %s\n", strerror(-r));
		return EXIT_FAILURE;
	}
	for (i = 0; i < scene->n; i++)
		agree &= judge(&scene->subjects[i], &kept);
	*ret_again = !agree && !kept;
	return agree ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	_cleanup_(monitor_freep) struct monitor *monitor = NULL;
	_cleanup_(closep) int lock = -EBADF;
	struct sigaction action = { .sa_handler = on_signal };
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int r = EXIT_SUCCESS;
	bool again = false;
	size_t i;

	if (argc != 2) {
		fprintf(stderr, "usage: supply-truth LOCKFILE\n");
		return 2;
	}
	if (geteuid() != 0) {
		printf("reservations and traces need root\n");
		return SKIPPED;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	lock = open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0 || flock(lock, LOCK_EX) < 0 || sysroot_new(&root, NULL) < 0 || monitor_new(&monitor, root) < 0) {
		printf("cannot start: %s\n", strerror(errno));
		return EXIT_FAILURE;
	}
	for (i = 0; i < ARRAY_SIZE(scenes) && r == EXIT_SUCCESS; i++) {
		scenes[i].n = cpus < SUBJECTS_MAX ? (size_t)cpus : SUBJECTS_MAX;
		r = attempt(root, monitor, &scenes[i], &again);
		if (r == EXIT_FAILURE && again && !interrupted) {
			printf("the machine itself delivered otherwise than promised (load, or time stolen from it): once more\n");
			r = attempt(root, monitor, &scenes[i], &again);
		}
	}
	return r;
}
