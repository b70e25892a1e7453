/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel refuses in the middle, or virtrkd is killed there: strace lets the n-th call of a kind fail, or kills.
 *
 *   fail   the call has its own error name, and the two threads that were asked for are both what they were
 *   kill   the next virtrkd in the same directory finds both reserved or none, and says the same as the kernel
 *   mute   the answer to a release cannot be sent: what is told instead names what was released, and no more
 */
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <virtrk/dbus.h>

#include "expect.h"
#include "harness.h"

#define MS(x) ((uint64_t)(x) * 1000000)

static const char *program;

static const struct request both[] = { { "vcpu0", MS(1), MS(100), 0, 0 }, { "vcpu1", MS(2), MS(100), 0, 0 } };

/* Starts virtrkd under strace, which does @inject to it, and waits for the domain. */
static bool start_injected(struct daemon *d, const char *directory, const char *trace, const char *inject)
{
	const char *const strace[] = { "strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", trace, "-e", inject, NULL };
	int status;

	return EXPECT(daemon_start(d, &(struct daemon_options) { .program = program, .before = strace,
								 .directory = directory }, &status));
}

static void daemon_forget(struct daemon *d)
{
	free(d->directory);
	free(d->socket);
	*d = (struct daemon) { 0 };
}

static void expect_pictures(const struct guest *g, struct daemon *d, const char *before)
{
	_cleanup_(freep) char *after = picture_take(d, g);

	EXPECT_STR(after, before);
}

/* ---- the kernel says no ---- */

static const struct {
	const char *name;
	const char *trace;
	const char *inject;
	const char *error;
} faults[] = {
	{ "EBUSY: somebody else has the bandwidth", "trace=sched_setattr", "inject=sched_setattr:error=EBUSY",
	  VIRTRK_ERROR_KERNEL_BUSY },
	{ "EPERM without a reason that could be found", "trace=sched_setattr", "inject=sched_setattr:error=EPERM:when=1",
	  VIRTRK_ERROR_NOT_PERMITTED },
	{ "ESRCH: the thread has just ended", "trace=sched_setattr", "inject=sched_setattr:error=ESRCH:when=1",
	  VIRTRK_ERROR_THREAD_GONE },
	{ "ESRCH for the second: the first is given back", "trace=sched_setattr", "inject=sched_setattr:error=ESRCH:when=2",
	  VIRTRK_ERROR_THREAD_GONE },
	{ "EIO: no better name", "trace=sched_setattr", "inject=sched_setattr:error=EIO:when=1", VIRTRK_ERROR_FAILED },
	{ "E2BIG: a kernel that does not know this call", "trace=sched_setattr", "inject=sched_setattr:error=ENOSYS:when=1",
	  VIRTRK_ERROR_UNSUPPORTED },
	{ "success that changes nothing", "trace=sched_setattr", "inject=sched_setattr:retval=0:when=2",
	  VIRTRK_ERROR_READ_BACK },
	{ "state.json cannot be flushed", "trace=fsync", "inject=fsync:error=EIO:when=3+", VIRTRK_ERROR_FAILED },
	{ "the directory is full", "trace=renameat", "inject=renameat:error=ENOSPC:when=2+", VIRTRK_ERROR_FAILED },
};

static void test_faults(const struct guest *g)
{
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		_cleanup_(freep) char *before = NULL;
		struct daemon d;
		struct answer a;

		CASE(faults[i].name);
		if (!start_injected(&d, NULL, faults[i].trace, faults[i].inject))
			return;
		EXPECT(guest_is_known(&d, g, 2));
		before = picture_take(&d, g);
		call_request(d.bus, NULL, "Reserve", g->name, both, 2, &a);
		if (!EXPECT_STR(a.error, faults[i].error))
			fprintf(stderr, "    %s\n", a.message);
		EXPECT(a.message[0] && !strchr(a.message, '\n'));
		expect_pictures(g, &d, before);
		EXPECT_INT(daemon_stop(&d, SIGTERM), 0);
		daemon_remove(&d);
	}
}

/* ---- the answer does not come through ---- */

static int tracer_of(pid_t pid)
{
	char path[64], line[128];
	int tracer = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		(void)sscanf(line, "TracerPid: %d", &tracer);
	if (f)
		fclose(f);
	return tracer;
}

/* From here on the @when-th message of this virtrkd fails. Returns strace's process, which is there and has hold of it; or -1. */
static pid_t mute(const struct daemon *d, unsigned int when)
{
	char inject[64], pid[16];
	pid_t child;

	snprintf(inject, sizeof(inject), "inject=sendmsg:error=ENOBUFS:when=%u", when);
	snprintf(pid, sizeof(pid), "%d", d->pid);
	child = fork();
	if (child == 0) {
		execlp("strace", "strace", "-qq", "-o", "/dev/null", "-e", "trace=sendmsg", "-e", inject, "-p", pid, (char *)NULL);
		_exit(127);
	}
	for (int tries = 0; child > 0 && tries < 3000 && tracer_of(d->pid) != child; tries++)
		usleep(10 * 1000);
	return EXPECT(child > 0 && tracer_of(d->pid) == child) ? child : -1;
}

/* Releases @threads with the n-th message failing, for each n, until the one that fails is the answer. */
static void mute_once(const struct guest *g, struct daemon *d, const char *const *threads, const char *words, unsigned int want_left)
{
	static const char *const names[] = { "vcpu0", "vcpu1" };
	bool said = false;

	for (unsigned int when = 1; expect_failed == 0 && !said && when < 16; when++) {
		unsigned int left = 0;
		struct answer a;
		pid_t tracer;

		call_request(d->bus, NULL, "Reserve", g->name, both, 2, &a);
		if (!EXPECT_STR(a.error, ""))
			fprintf(stderr, "    %s\n", a.message);
		tracer = mute(d, when);
		call_release(d->bus, NULL, g->name, threads, &a);
		if (tracer > 0) {
			kill(tracer, SIGTERM);
			EXPECT(waitpid(tracer, NULL, 0) == tracer);
		}
		for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
			_cleanup_(freep) char *now = picture_of_thread(guest_thread(d, g, names[i]));

			left += strncmp(now, "deadline ", 9) == 0;
		}
		EXPECT_INT(left, want_left);
		said = a.error[0] != '\0';
		if (said)
			EXPECT_STR(a.error, VIRTRK_ERROR_FAILED);
		if (said && !EXPECT(strncmp(a.message, words, strlen(words)) == 0))
			fprintf(stderr, "    %s\n", a.message);
		if (left > 0)
			call_release(d->bus, NULL, g->name, (const char *[]) { NULL }, &a);
	}
	EXPECT(said);
}

static void test_mute(const struct guest *g)
{
	char one[256], some[256], all[256];
	struct daemon d;
	int status;

	snprintf(one, sizeof(one), "vcpu1 of %s is released, but that cannot be told: ", g->name);
	snprintf(some, sizeof(some), "the threads of %s that were named are released, but that cannot be told: ", g->name);
	snprintf(all, sizeof(all), "all of %s is released, but that cannot be told: ", g->name);
	CASE("a release whose answer cannot be sent: of one thread");
	if (!EXPECT(daemon_start(&d, &(struct daemon_options) { .program = program }, &status)))
		return;
	EXPECT(guest_is_known(&d, g, 2));
	mute_once(g, &d, (const char *[]) { "vcpu1", NULL }, one, 1);
	CASE("of two that are named");
	mute_once(g, &d, (const char *[]) { "vcpu1", "vcpu0", NULL }, some, 0);
	CASE("of all");
	mute_once(g, &d, (const char *[]) { NULL }, all, 0);
	EXPECT_INT(daemon_stop(&d, SIGTERM), 0);
	daemon_remove(&d);
}

/* ---- killed ---- */

/* What the next daemon says: reserved threads of the domain, after it has compared each with the kernel. */
static unsigned int reserved_after_restart(struct daemon *d, const struct guest *g)
{
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		_cleanup_(freep) char *path = guest_path(g, both[i].thread);
		_cleanup_(freep) char *kernel = picture_of_thread(guest_thread(d, g, both[i].thread));
		bool promised = false, held = strncmp(kernel, "deadline ", 9) == 0;
		uint64_t budget = 0;

		promised = sd_bus_get_property_trivial(d->bus, NULL, path, VIRTRK_INTERFACE_RESERVATION, "BudgetNSec", NULL,
						       't', &budget) >= 0;
		EXPECT_INT(promised, held);
		if (promised)
			EXPECT_INT(budget, both[i].budget_ns);
		n += held;
	}
	return n;
}

/* True when it was killed: with a large enough @when the call comes through. */
static bool kill_once(const struct guest *g, const char *call, unsigned int when, bool release)
{
	char trace[32], inject[64], name[64];
	struct daemon d, next;
	struct answer a;
	unsigned int n;
	bool killed;
	int status = 0;

	snprintf(trace, sizeof(trace), "trace=%s", call);
	snprintf(inject, sizeof(inject), "inject=%s:signal=SIGKILL:when=%u", call, when);
	snprintf(name, sizeof(name), "killed at %s number %u%s", call, when, release ? ", releasing" : "");
	CASE(name);
	if (!start_injected(&d, NULL, trace, inject))
		return false;
	EXPECT(guest_is_known(&d, g, 2));
	call_request(d.bus, NULL, "Reserve", g->name, both, 2, &a);
	if (release && !a.error[0])
		call_release(d.bus, NULL, g->name, (const char *[]) { NULL }, &a);
	killed = a.error[0] != '\0';
	if (killed)
		EXPECT(waitpid(d.pid, &status, 0) == d.pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	else
		EXPECT_INT(daemon_stop(&d, SIGTERM), 0);
	d.pid = 0;
	d.bus = sd_bus_close_unref(d.bus);
	if (!EXPECT(daemon_start(&next, &(struct daemon_options) { .program = program, .directory = d.directory }, &status)))
		return false;
	EXPECT(guest_is_known(&next, g, 2));
	n = reserved_after_restart(&next, g);
	EXPECT(n == 0 || n == ARRAY_SIZE(both));
	if (n > 0) {
		call_release(next.bus, NULL, g->name, (const char *[]) { NULL }, &a);
		EXPECT_STR(a.error, "");
	}
	EXPECT_INT(reserved_after_restart(&next, g), 0);
	EXPECT_INT(daemon_stop(&next, SIGTERM), 0);
	daemon_forget(&next);
	daemon_remove(&d);
	return killed;
}

static void test_kills(const struct guest *g)
{
	static const char *const calls[] = { "sched_setattr", "renameat", "fsync" };
	/* The first calls belong to the start, before there is anything to be asked: they kill no request. */
	static const unsigned int first[] = { 1, 2, 3 };

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		unsigned int when = first[i], killed = 0;

		while (expect_failed == 0 && when < 32 && kill_once(g, calls[i], when, true)) {
			when++;
			killed++;
		}
		if (expect_failed == 0)
			printf("%s: killed at %u points between request and release\n", calls[i], killed);
		EXPECT(killed >= 2);
	}
}

int main(int argc, char **argv)
{
	struct guest g;

	(void)argc;
	program = argv[1];
	harness_need_deadline();
	harness_need_program("strace");
	/* A traced process cannot look for leaks by tracing itself. The other tests look for them. */
	if (setenv("ASAN_OPTIONS", "detect_leaks=0", 1) < 0)
		return EXIT_FAILURE;
	guest_start(&g, "faults", 2, NULL);
	test_faults(&g);
	test_mute(&g);
	test_kills(&g);
	guest_stop(&g);
	return expect_result();
}
