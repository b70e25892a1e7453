/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The same promise on the kernel's own scheduler: threads of this process that only sleep, budgets of 0.2 ms in 100 ms.
 * Every system call of a plan fails once; each refusal of the kernel gets the words of the rule that was broken. Needs
 * the right to set SCHED_DEADLINE; skipped without.
 */
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "apply.h"
#include "expect.h"

#define US NSEC_PER_USEC
#define MS NSEC_PER_MSEC

#define THREADS 8

struct sleeper {
	pthread_t thread;
	pid_t tid;
	uint64_t start_ticks;
};

static struct sysroot *host;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;	/* held by main: the sleepers wait for it */

static void *sleeper_run(void *arg)
{
	struct sleeper *s = arg;

	__atomic_store_n(&s->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	return NULL;
}

static void sleeper_start(struct sleeper *s)
{
	s->tid = 0;
	tree_must(pthread_create(&s->thread, NULL, sleeper_run, s) == 0, "pthread_create");
	while (__atomic_load_n(&s->tid, __ATOMIC_ACQUIRE) == 0)
		sched_yield();
	EXPECT_INT(sysroot_start_ticks(host, s->tid, &s->start_ticks), 0);
}

static struct sched_state state_of(pid_t tid)
{
	struct sched_state state = { .policy = UINT32_MAX };

	EXPECT_INT(host->ops->sched_get(host, tid, &state), 0);
	return state;
}

/* By way of the least reservation: the kernel loses the bandwidth of a sleeping thread that leaves SCHED_DEADLINE. */
static void state_put(pid_t tid, const struct sched_state *state)
{
	const struct sched_state least = { SCHED_DEADLINE, 1, 0, 0, 1024, 2000 * MS, 2000 * MS };

	if (state_of(tid).policy == SCHED_DEADLINE)
		EXPECT_INT(host->ops->sched_set(host, tid, &least), 0);
	EXPECT_INT(host->ops->sched_set(host, tid, state), 0);
}

/* Counts the calls that change or read a thread, and lets one fail. */
static unsigned int calls, fail_at;

static bool fails(void)
{
	return ++calls == fail_at;
}

static const struct sysroot_ops *real;

static int failing_get(const struct sysroot *root, pid_t tid, struct sched_state *ret)
{
	return fails() ? -EIO : real->sched_get(root, tid, ret);
}

static int failing_set(const struct sysroot *root, pid_t tid, const struct sched_state *state)
{
	return fails() ? -EINVAL : real->sched_set(root, tid, state);
}

static int failing_affinity_get(const struct sysroot *root, pid_t tid, cpu_set_t *ret)
{
	return real->affinity_get(root, tid, ret);
}

static int failing_affinity_set(const struct sysroot *root, pid_t tid, const cpu_set_t *set)
{
	return real->affinity_set(root, tid, set);
}

static const struct sysroot_ops failing_ops = {
	failing_get, failing_set, failing_affinity_get, failing_affinity_set,
};

static void ledger_put(struct ledger *ledger, const struct sleeper *s, nsec_t budget_ns, const struct sched_state *before)
{
	struct promise promise = {
		.domain = (char *)"d", .pid = getpid(), .tid = s->tid, .start_ticks = s->start_ticks,
		.reservation = { budget_ns, 100 * MS, 100 * MS }, .before = *before,
	};

	vm_thread_name_format(promise.thread, VM_THREAD_VCPU, (uint32_t)s->tid);
	EXPECT_INT(ledger_add(ledger, &promise), 0);
}

static int diff_apply(const struct ledger *have, const struct ledger *want, struct vr_error **reterr)
{
	_cleanup_(plan_done) struct plan plan = { 0 };

	EXPECT_INT(plan_diff(have, want, &plan), 0);
	return apply_plan(host, &plan, reterr);
}

/* Every policy that a thread may have had is there again afterwards. */
static void test_there_and_back(struct sleeper *s)
{
	static const struct {
		const char *name;
		struct sched_state before;
	} cases[] = {
		{ "other",			{ .policy = SCHED_OTHER } },
		{ "other, own slice",		{ .policy = SCHED_OTHER, .runtime_ns = 10 * MS } },
		{ "other, nice 7, resets",	{ .policy = SCHED_OTHER, .nice = 7, .flags = SCHED_FLAG_RESET_ON_FORK } },
		{ "other, nice -20",		{ .policy = SCHED_OTHER, .nice = -20 } },
		{ "batch",			{ .policy = SCHED_BATCH, .nice = 3 } },
		{ "idle",			{ .policy = SCHED_IDLE } },
		{ "fifo 1",			{ .policy = SCHED_FIFO, .priority = 1 } },
		{ "fifo 50, resets",		{ .policy = SCHED_FIFO, .priority = 50, .flags = SCHED_FLAG_RESET_ON_FORK } },
		{ "rr 99",			{ .policy = SCHED_RR, .priority = 99 } },
		{ "deadline of somebody",	{ SCHED_DEADLINE, 0, 0, 0, 100 * US, 50 * MS, 90 * MS } },
	};
	const struct sched_state plain = { .policy = SCHED_OTHER };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(ledger_done) struct ledger none = { 0 }, one = { 0 };
		struct sched_state before, now;

		CASE(cases[i].name);
		state_put(s->tid, &cases[i].before);
		before = state_of(s->tid);
		EXPECT(sched_state_equal(&before, &cases[i].before));
		/* before 6.12 there is no own slice */
		EXPECT(cases[i].before.policy != SCHED_OTHER || before.runtime_ns == 0 ||
		       before.runtime_ns == cases[i].before.runtime_ns);
		ledger_put(&one, s, 200 * US, &before);
		EXPECT_INT(diff_apply(&none, &one, NULL), 0);
		now = state_of(s->tid);
		EXPECT(now.policy == SCHED_DEADLINE && now.flags == SCHED_FLAG_RESET_ON_FORK &&
		       now.runtime_ns == 200 * US && now.deadline_ns == 100 * MS && now.period_ns == 100 * MS);
		EXPECT_INT(diff_apply(&one, &none, NULL), 0);
		now = state_of(s->tid);
		EXPECT(sched_state_equal(&now, &before) && now.runtime_ns == before.runtime_ns);
		state_put(s->tid, &plain);
	}
}

/* Each system call of a plan of all four kinds fails once. */
static void test_every_failure(struct sleeper *s)
{
	const struct sched_state plain = { .policy = SCHED_OTHER, .nice = 4 };
	_cleanup_(ledger_done) struct ledger none = { 0 }, have = { 0 }, want = { 0 };
	struct sched_state before[THREADS], now;
	unsigned int at;
	size_t i;
	int r;

	for (i = 0; i < THREADS; i++)
		state_put(s[i].tid, &plain);
	for (i = 0; i < 4; i++)
		ledger_put(&have, &s[i], (i == 2 ? 300 : 100) * US, &plain);
	for (i = 2; i < 7; i++)
		ledger_put(&want, &s[i], (i == 3 ? 300 : 100) * US, &plain);
	CASE("set the scene");
	EXPECT_INT(diff_apply(&none, &have, NULL), 0);
	for (i = 0; i < THREADS; i++)
		before[i] = state_of(s[i].tid);

	for (at = 1; at <= 64; at++) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		char name[32];

		snprintf(name, sizeof(name), "system call %u fails", at);
		CASE(name);
		calls = 0;
		fail_at = at;
		host->ops = &failing_ops;
		r = diff_apply(&have, &want, &err);
		host->ops = real;
		if (r == 0 && fail_at > calls)
			break;
		if (r == 0) {	/* what failed was not needed */
			EXPECT_INT(diff_apply(&want, &have, NULL), 0);
			continue;
		}
		EXPECT(r == -EIO || r == -EINVAL);
		EXPECT(err && err->text && !strstr(err->text, "could not be given"));
		for (i = 0; i < THREADS; i++) {
			now = state_of(s[i].tid);
			EXPECT(sched_state_equal(&now, &before[i]));
		}
	}
	CASE("the plan without a failure");	/* the last round applied it */
	EXPECT(at > 7 * 3);	/* seven steps of three calls at least */
	EXPECT_INT(diff_apply(&want, &none, NULL), 0);
	for (i = 0; i < THREADS; i++) {
		now = state_of(s[i].tid);
		EXPECT(sched_state_equal(&now, &plain));
	}
}

static int try_one(const struct sleeper *s, const struct sched_state *new, struct vr_error **reterr)
{
	struct step step = { STEP_SCHED, s->tid, s->start_ticks, (char *)"vcpu0 of d", state_of(s->tid), *new };
	struct plan plan = { &step, 1 };

	return apply_plan(host, &plan, reterr);
}

static void test_bad_parameters(const struct sleeper *s)
{
	static const struct {
		const char *name;
		struct sched_state new;
		enum vr_reason reason;
		const char *words;
	} cases[] = {
		{ "budget too small", { SCHED_DEADLINE, 1, 0, 0, 500, MS, MS }, VR_BAD_BUDGET,
		  "a budget of 500ns is below the kernel's least, 1024ns" },
		{ "budget above deadline", { SCHED_DEADLINE, 1, 0, 0, 2 * MS, MS, 3 * MS }, VR_BAD_BUDGET,
		  "a budget of 2ms is above the deadline of 1ms" },
		{ "deadline above period", { SCHED_DEADLINE, 1, 0, 0, 20 * US, 2 * MS, MS }, VR_BAD_DEADLINE,
		  "a deadline of 2ms is above the period of 1ms" },
		{ "period too short", { SCHED_DEADLINE, 1, 0, 0, 2 * US, 50 * US, 50 * US }, VR_BAD_PERIOD,
		  "a period of 50us is below this host's least, 100us" },
		{ "period too long", { SCHED_DEADLINE, 1, 0, 0, MS, 5000 * MS, 5000 * MS }, VR_BAD_PERIOD,
		  "a period of 5s is above this host's longest, 4.194304s" },
		{ "unknown flag", { SCHED_DEADLINE, 1ULL << 40, 0, 0, 200 * US, 100 * MS, 100 * MS }, VR_UNSUPPORTED,
		  "no SCHED_DEADLINE with flags 0x10000000000" },
		{ "fifo without priority", { .policy = SCHED_FIFO }, VR_UNSUPPORTED, "policy fifo with priority 0" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		struct sched_state before = state_of(s->tid), now;

		CASE(cases[i].name);
		EXPECT_INT(try_one(s, &cases[i].new, &err), -EINVAL);
		now = state_of(s->tid);
		EXPECT(sched_state_equal(&now, &before));
		if (!EXPECT(err != NULL))
			continue;
		EXPECT_INT(err->reason, cases[i].reason);
		if (!EXPECT(strstr(err->text, cases[i].words) != NULL))
			fprintf(stderr, "the words were: %s\n", err->text);
	}
}

static void test_affinity(const struct sleeper *s)
{
	const struct sched_state new = { SCHED_DEADLINE, 1, 0, 0, 200 * US, 100 * MS, 100 * MS };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	int64_t limit = 0;
	cpu_set_t all, one;

	CASE("affinity");
	EXPECT_INT(host->ops->affinity_get(host, s->tid, &all), 0);
	EXPECT_INT(sysroot_read_i64(host, "/proc/sys/kernel/sched_rt_runtime_us", &limit), 0);
	if (CPU_COUNT(&all) < 2 || !CPU_ISSET(0, &all) || limit < 0) {
		printf("one CPU, or a host without limit: affinity cannot be too narrow\n");
		return;
	}
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	EXPECT_INT(host->ops->affinity_set(host, s->tid, &one), 0);
	EXPECT_INT(try_one(s, &new, &err), -EPERM);
	if (EXPECT(err != NULL)) {
		EXPECT_INT(err->reason, VR_AFFINITY);
		EXPECT(strstr(err->text, "may run on CPU 0 only") && strstr(err->text, "taskset -pc 0-"));
	}
	EXPECT_INT(host->ops->affinity_set(host, s->tid, &all), 0);
	EXPECT_INT(try_one(s, &new, NULL), 0);
	EXPECT_INT(try_one(s, &(struct sched_state){ .policy = SCHED_OTHER }, NULL), 0);
}

/* 0.9 CPU for each thread, one more thread than CPUs: the kernel must refuse, and the first ones go back. */
static void test_busy(struct sleeper *s)
{
	const struct sched_state plain = { .policy = SCHED_OTHER };
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	_cleanup_(ledger_done) struct ledger none = { 0 }, want = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	struct sched_state now;
	int64_t limit = 0;
	size_t i;

	CASE("busy");
	EXPECT_INT(sysroot_read_i64(host, "/proc/sys/kernel/sched_rt_runtime_us", &limit), 0);
	if (cpus + 1 > THREADS || limit < 0) {
		printf("too many CPUs for our threads, or a host without limit: no overload\n");
		return;
	}
	for (i = 0; i < (size_t)cpus + 1; i++) {
		state_put(s[i].tid, &plain);
		ledger_put(&want, &s[i], 90 * MS, &plain);
	}
	EXPECT_INT(diff_apply(&none, &want, &err), -EBUSY);
	if (EXPECT(err != NULL)) {
		EXPECT_INT(err->reason, VR_KERNEL_BUSY);
		EXPECT(strstr(err->text, "no room for the 0.900 CPU") != NULL);
		printf("%s\n", err->text);
	}
	for (i = 0; i < (size_t)cpus + 1; i++) {
		now = state_of(s[i].tid);
		EXPECT(sched_state_equal(&now, &plain));
	}
}

static void test_gone(void)
{
	const struct sched_state plain = { .policy = SCHED_OTHER };
	_cleanup_(ledger_done) struct ledger none = { 0 }, one = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	struct sleeper s;

	CASE("a thread that has ended");
	sleeper_start(&s);
	ledger_put(&one, &s, 200 * US, &plain);
	pthread_mutex_unlock(&gate);	/* it alone waits: the others are not yet started */
	pthread_join(s.thread, NULL);
	pthread_mutex_lock(&gate);
	EXPECT_INT(diff_apply(&none, &one, &err), -ESRCH);
	EXPECT(err && err->reason == VR_THREAD_GONE);
	EXPECT_INT(diff_apply(&one, &none, NULL), 0);
}

/* In a child without privileges, which asks for itself; it answers by its exit status. */
static void test_not_permitted(void)
{
	const struct sched_state new = { SCHED_DEADLINE, 1, 0, 0, 200 * US, 100 * MS, 100 * MS };
	struct sleeper self = { .tid = 0 };
	int status = -1;
	pid_t pid;

	CASE("without privileges");
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		struct vr_error *err = NULL;
		int r;

		if (setresuid(65534, 65534, 65534) < 0)
			_exit(1);
		self.tid = getpid();
		if (sysroot_start_ticks(host, self.tid, &self.start_ticks) < 0)
			_exit(2);
		r = try_one(&self, &new, &err);
		_exit(r == -EPERM && err && err->reason == VR_NOT_PERMITTED &&
		      strstr(err->text, "needs CAP_SYS_NICE") ? 0 : 3);
	}
	EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid);
	EXPECT(WIFEXITED(status));
	EXPECT_INT(WEXITSTATUS(status), 0);
}

/* A reserved thread may still make threads, and they do not inherit the reservation. */
static void *parent_run(void *arg)
{
	struct sleeper *child = arg;
	struct sleeper self = { .tid = (pid_t)syscall(SYS_gettid) };
	const struct sched_state new = { SCHED_DEADLINE, 1, 0, 0, 200 * US, 100 * MS, 100 * MS };

	EXPECT_INT(sysroot_start_ticks(host, self.tid, &self.start_ticks), 0);
	EXPECT_INT(try_one(&self, &new, NULL), 0);
	sleeper_start(child);
	EXPECT_INT(state_of(child->tid).policy, SCHED_OTHER);
	return NULL;
}

static void test_fork(void)
{
	struct sleeper child;
	pthread_t parent;

	CASE("a reserved thread makes a thread");
	tree_must(pthread_create(&parent, NULL, parent_run, &child) == 0, "pthread_create");
	pthread_join(parent, NULL);
	pthread_mutex_unlock(&gate);
	pthread_join(child.thread, NULL);
	pthread_mutex_lock(&gate);
}

/* Why these tests cannot run here; NULL when they can. */
static const char *not_here(void)
{
	const struct sched_state least = { SCHED_DEADLINE, 1, 0, 0, 1024, 2000 * MS, 2000 * MS };
	const struct sched_state plain = { .policy = SCHED_OTHER };
	struct sleeper s;
	int r;

	sleeper_start(&s);
	r = host->ops->sched_set(host, s.tid, &least);
	if (r == 0)
		r = host->ops->sched_set(host, s.tid, &plain);
	pthread_mutex_unlock(&gate);
	pthread_join(s.thread, NULL);
	pthread_mutex_lock(&gate);
	return r < 0 ? strerror(-r) : NULL;
}

int main(void)
{
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	struct sleeper s[THREADS];
	const char *why;
	size_t i;

	tree_must(sysroot_new(&root, NULL) == 0, "sysroot");
	host = root;
	real = root->ops;
	pthread_mutex_lock(&gate);
	why = not_here();
	if (why) {
		printf("skipped: SCHED_DEADLINE cannot be set here: %s\n", why);
		return TEST_SKIPPED;
	}
	test_gone();
	test_fork();
	test_not_permitted();
	for (i = 0; i < THREADS; i++)
		sleeper_start(&s[i]);
	test_there_and_back(&s[0]);
	test_every_failure(s);
	test_bad_parameters(&s[0]);
	test_affinity(&s[0]);
	test_busy(s);
	pthread_mutex_unlock(&gate);
	for (i = 0; i < THREADS; i++)
		pthread_join(s[i].thread, NULL);
	return expect_result();
}
