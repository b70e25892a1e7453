/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bad input and what it gets: its own error name, one line, and nothing changed: neither state.json nor the scheduler
 * state of any thread of the domain. Each case takes a picture before and compares it afterwards.
 */
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <virtrk/dbus.h>

#include "expect.h"
#include "harness.h"

#define MS(x) ((uint64_t)(x) * 1000000)
#define SECONDS(x) ((uint64_t)(x) * 1000000000)

static const char *program;

static void expect_line(const struct answer *a)
{
	EXPECT(a->message[0] && !strchr(a->message, '\n'));
}

static void expect_error(const struct answer *a, const char *error)
{
	if (!EXPECT_STR(a->error, error))
		fprintf(stderr, "    %s\n", a->message);
	if (error[0])
		expect_line(a);
}

/* ---- one request, one error ---- */

static const struct {
	const char *name;
	const char *error;
	struct request requests[2];
} bad_requests[] = {
	{ "no budget", VIRTRK_ERROR_BAD_BUDGET, { { "vcpu0", 0, MS(10) } } },
	{ "budget below the kernel's least", VIRTRK_ERROR_BAD_BUDGET, { { "vcpu0", 1023, MS(10) } } },
	{ "budget above the period", VIRTRK_ERROR_BAD_BUDGET, { { "vcpu0", MS(11), MS(10) } } },
	{ "budget above the deadline", VIRTRK_ERROR_BAD_BUDGET, { { "vcpu0", MS(5), MS(10), MS(4) } } },
	{ "deadline above the period", VIRTRK_ERROR_BAD_DEADLINE, { { "vcpu0", MS(1), MS(10), MS(11) } } },
	{ "no period", VIRTRK_ERROR_BAD_PERIOD, { { "vcpu0", MS(1), 0 } } },
	{ "period below 100 us", VIRTRK_ERROR_BAD_PERIOD, { { "vcpu0", 50000, 99999 } } },
	{ "period above 2^22 us", VIRTRK_ERROR_BAD_PERIOD, { { "vcpu0", MS(1), 4194304001ULL } } },
	{ "a negative number read as a large one", VIRTRK_ERROR_BAD_PERIOD,
	  { { "vcpu0", (uint64_t)-MS(1), (uint64_t)-MS(1) } } },
	{ "99999999999 s", VIRTRK_ERROR_BAD_PERIOD, { { "vcpu0", MS(1), SECONDS(9999999999) } } },
	{ "every number at its largest", VIRTRK_ERROR_BAD_PERIOD, { { "vcpu0", UINT64_MAX, UINT64_MAX, UINT64_MAX } } },
	{ "no thread has that name", VIRTRK_ERROR_BAD_THREAD, { { "cpu0", MS(1), MS(100) } } },
	{ "leading zero", VIRTRK_ERROR_BAD_THREAD, { { "vcpu00", MS(1), MS(100) } } },
	{ "a sign", VIRTRK_ERROR_BAD_THREAD, { { "vcpu-1", MS(1), MS(100) } } },
	{ "a name of 200 bytes", VIRTRK_ERROR_BAD_THREAD,
	  { { "vcpu11111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111"
	      "111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111",
	      MS(1), MS(100) } } },
	{ "empty name", VIRTRK_ERROR_BAD_THREAD, { { "", MS(1), MS(100) } } },
	{ "vCPU out of range", VIRTRK_ERROR_NO_THREAD, { { "vcpu250", MS(1), MS(100) } } },
	{ "no such iothread", VIRTRK_ERROR_NO_THREAD, { { "iothread7", MS(1), MS(100) } } },
	{ "the same thread twice", VIRTRK_ERROR_DUPLICATE, { { "vcpu0", MS(1), MS(100) }, { "vcpu0", MS(2), MS(100) } } },
	{ "the second of two is bad", VIRTRK_ERROR_NO_THREAD, { { "vcpu0", MS(1), MS(100) }, { "vcpu251", MS(1), MS(100) } } },
	{ "unknown flags", SD_BUS_ERROR_INVALID_ARGS, { { "vcpu0", MS(1), MS(100), 0, 1ULL << 63 } } },
};

static void expect_unchanged(struct daemon *d, const struct guest *g, const char *before)
{
	_cleanup_(freep) char *after = picture_take(d, g);

	EXPECT_STR(after, before);
}

static void test_bad_requests(struct daemon *d, const struct guest *g)
{
	struct answer a;

	for (size_t i = 0; i < ARRAY_SIZE(bad_requests); i++) {
		_cleanup_(freep) char *before = picture_take(d, g);
		size_t n = bad_requests[i].requests[1].thread ? 2 : 1;

		CASE(bad_requests[i].name);
		call_request(d->bus, NULL, "Reserve", g->name, bad_requests[i].requests, n, &a);
		expect_error(&a, bad_requests[i].error);
		expect_unchanged(d, g, before);
		call_request(d->bus, NULL, "Check", g->name, bad_requests[i].requests, n, &a);
		expect_error(&a, bad_requests[i].error);
		expect_unchanged(d, g, before);
	}
}

static void test_overload(struct daemon *d, const struct guest *g)
{
	struct requests r;
	struct answer a;

	for (size_t small = 0; small < 2; small++) {
		_cleanup_(freep) char *before = picture_take(d, g);

		CASE(small ? "the first would fit" : "a whole CPU for one vCPU more than there are CPUs");
		requests_fill(&r, harness_too_many() + small, small);
		call_request(d->bus, NULL, "Reserve", g->name, r.items, r.n, &a);
		expect_error(&a, VIRTRK_ERROR_OVERLOAD);
		expect_unchanged(d, g, before);
		call_request(d->bus, NULL, "Check", g->name, r.items, r.n, &a);
		expect_error(&a, "");
		EXPECT(!a.fits && a.reason[0] && a.repair[0]);
		expect_unchanged(d, g, before);
	}

	CASE("what a refusal proposes is accepted");
	requests_fill(&r, harness_too_many(), 0);
	call_request(d->bus, NULL, "Check", g->name, r.items, r.n, &a);
	EXPECT(!a.fits && a.repair_budget_ns > 0 && a.repair_budget_ns < MS(100));
	for (size_t i = 0; i < r.n; i++)
		r.items[i].budget_ns = a.repair_budget_ns;	/* all alike: scaled alike */
	call_request(d->bus, NULL, "Check", g->name, r.items, r.n, &a);
	expect_error(&a, "");
	EXPECT(a.fits);
}

static void test_names(struct daemon *d, const struct guest *g)
{
	_cleanup_(freep) char *before = picture_take(d, g);
	struct request r = { "vcpu0", MS(1), MS(100), 0, 0 };
	const char *const odd[] = { "no-such-domain", "", "../..", "a/b", "\xc3\xa4", NULL };
	struct answer a;

	CASE("unknown domain");
	for (size_t i = 0; odd[i]; i++) {
		call_request(d->bus, NULL, "Reserve", odd[i], &r, 1, &a);
		expect_error(&a, VIRTRK_ERROR_NO_DOMAIN);
		call_request(d->bus, NULL, "Check", odd[i], &r, 1, &a);
		expect_error(&a, VIRTRK_ERROR_NO_DOMAIN);
		call_release(d->bus, NULL, odd[i], (const char *[]) { NULL }, &a);
		expect_error(&a, VIRTRK_ERROR_NO_DOMAIN);
	}
	CASE("nothing asked for");
	call_request(d->bus, NULL, "Reserve", g->name, &r, 0, &a);
	expect_error(&a, VIRTRK_ERROR_BAD_THREAD);
	CASE("release what is not reserved");
	call_release(d->bus, NULL, g->name, (const char *[]) { NULL }, &a);
	expect_error(&a, VIRTRK_ERROR_NOT_RESERVED);
	call_release(d->bus, NULL, g->name, (const char *[]) { "vcpu0", NULL }, &a);
	expect_error(&a, VIRTRK_ERROR_NOT_RESERVED);
	expect_unchanged(d, g, before);
}

static void test_get_domain(struct daemon *d)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;

	CASE("GetDomain of an unknown domain");
	EXPECT(sd_bus_call_method(d->bus, NULL, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "GetDomain", &error, NULL, "s",
				  "no-such-domain") < 0);
	EXPECT_STR(error.name, VIRTRK_ERROR_NO_DOMAIN);
	sd_bus_error_free(&error);
}

static void test_reserved(struct daemon *d, const struct guest *g)
{
	struct request r = { "vcpu0", MS(1), MS(100), 0, 0 };
	_cleanup_(freep) char *during = NULL;
	struct answer a;

	CASE("reserved already; release of one that is and one that is not");
	call_request(d->bus, NULL, "Reserve", g->name, &r, 1, &a);
	expect_error(&a, "");
	during = picture_take(d, g);
	call_request(d->bus, NULL, "Reserve", g->name, &r, 1, &a);
	expect_error(&a, VIRTRK_ERROR_DUPLICATE);
	call_release(d->bus, NULL, g->name, (const char *[]) { "vcpu0", "vcpu1", NULL }, &a);
	expect_error(&a, VIRTRK_ERROR_NOT_RESERVED);
	call_release(d->bus, NULL, g->name, (const char *[]) { "vcpu0", "cpu", NULL }, &a);
	expect_error(&a, VIRTRK_ERROR_BAD_THREAD);
	expect_unchanged(d, g, during);
	call_release(d->bus, NULL, g->name, (const char *[]) { "vcpu0", NULL }, &a);
	expect_error(&a, "");
}

/* The kernel reserves only for threads that may run on the whole root domain. */
static void test_affinity(struct daemon *d, const struct guest *g)
{
	pid_t tid = guest_thread(d, g, "vcpu1");
	_cleanup_(freep) char *before = NULL;
	cpu_set_t all, one;
	struct answer a;
	int cpu = 0;

	CASE("a thread that is pinned to one CPU of several");
	EXPECT(sched_getaffinity(tid, sizeof(all), &all) == 0);
	if (CPU_COUNT(&all) < 2)
		return;		/* on one CPU there is nothing to be pinned to */
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	EXPECT(sched_setaffinity(tid, sizeof(one), &one) == 0);
	before = picture_take(d, g);
	call_request(d->bus, NULL, "Reserve", g->name,
		     (struct request[]) { { "vcpu0", MS(1), MS(100) }, { "vcpu1", MS(1), MS(100) } }, 2, &a);
	expect_error(&a, VIRTRK_ERROR_AFFINITY);
	expect_unchanged(d, g, before);
	EXPECT(sched_setaffinity(tid, sizeof(all), &all) == 0);
}

/* ---- who may ---- */

struct stranger {
	struct answer reserve, release, check;
};

/* As nobody, in a process of its own: what it was answered comes back through a pipe. */
static void ask_as_nobody(const struct daemon *d, const struct guest *g, struct stranger *ret)
{
	struct request r = { "vcpu0", MS(1), MS(100), 0, 0 };
	int fds[2], status;
	pid_t pid;

	*ret = (struct stranger) { 0 };
	if (!EXPECT(pipe(fds) == 0))
		return;
	pid = fork();
	if (pid == 0) {
		struct stranger s = { 0 };
		sd_bus *bus;

		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(1);
		bus = daemon_connect(d);
		call_request(bus, NULL, "Reserve", g->name, &r, 1, &s.reserve);
		call_release(bus, NULL, g->name, (const char *[]) { NULL }, &s.release);
		call_request(bus, NULL, "Check", g->name, &r, 1, &s.check);
		sd_bus_flush_close_unref(bus);
		_exit(write(fds[1], &s, sizeof(s)) == sizeof(s) ? 0 : 1);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
	EXPECT(read(fds[0], ret, sizeof(*ret)) == sizeof(*ret));
	close(fds[0]);
	close(fds[1]);
}

static void test_permission(struct daemon *d, const struct guest *g)
{
	_cleanup_(freep) char *before = picture_take(d, g);
	struct stranger s;

	CASE("not root: may ask, may not change");
	ask_as_nobody(d, g, &s);
	expect_error(&s.reserve, VIRTRK_ERROR_NOT_PERMITTED);
	expect_error(&s.release, VIRTRK_ERROR_NOT_PERMITTED);
	expect_error(&s.check, "");
	EXPECT(s.check.fits);
	expect_unchanged(d, g, before);
}

/* ---- messages that are no requests ---- */

static void test_garbage(struct daemon *d, const struct guest *g)
{
	_cleanup_(freep) char *before = picture_take(d, g);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	static const char noise[] = "GET / HTTP/1.1\r\n\r\n\0\1\2\3\377\377\377\377l\4\1\1";
	sd_bus_error error = SD_BUS_ERROR_NULL;

	CASE("a wrong signature, an unknown method, an unknown object");
	EXPECT(sd_bus_call_method(d->bus, NULL, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "Reserve", &error, NULL, "ss",
				  g->name, "vcpu0") < 0);
	EXPECT_STR(error.name, SD_BUS_ERROR_INVALID_ARGS);
	sd_bus_error_free(&error);
	EXPECT(sd_bus_call_method(d->bus, NULL, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "Destroy", &error, NULL, NULL) < 0);
	EXPECT_STR(error.name, SD_BUS_ERROR_UNKNOWN_METHOD);
	sd_bus_error_free(&error);
	EXPECT(sd_bus_call_method(d->bus, NULL, VIRTRK_DOMAIN_PREFIX "/nobody", VIRTRK_INTERFACE_DOMAIN, "Release", &error,
				  NULL, "as", 0) < 0);
	EXPECT_STR(error.name, SD_BUS_ERROR_UNKNOWN_OBJECT);
	sd_bus_error_free(&error);

	CASE("what is no D-Bus at all, and clients that hang up");
	strcpy(address.sun_path, d->socket);
	for (int i = 0; i < 200; i++) {
		_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		EXPECT(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
		EXPECT(write(fd, noise, i % sizeof(noise)) == (ssize_t)(i % sizeof(noise)));
	}
	EXPECT(guest_is_known(d, g, harness_too_many() + 1));	/* it still answers */
	expect_unchanged(d, g, before);
}

/* ---- domains that are odd ---- */

static void test_unknown_vcpus(struct daemon *d)
{
	struct guest g;
	char name[96];
	struct answer a;

	CASE("QEMU names no threads and has no QMP socket");
	snprintf(name, sizeof(name), "guest=nameless-%d", getpid());
	guest_start(&g, "nameless", 1, (const char *[]) { "-name", name, NULL });
	EXPECT(guest_is_known(d, &g, 0));
	call_request(d->bus, NULL, "Reserve", g.name, &(struct request) { "vcpu0", MS(1), MS(100) }, 1, &a);
	expect_error(&a, VIRTRK_ERROR_NO_THREAD);
	EXPECT(strstr(a.message, "debug-threads=on"));
	guest_stop(&g);
	EXPECT(guest_is_gone(d, &g));
}

/* The QEMU process is stopped in the middle: virtrkd must answer everybody else meanwhile, and then this one. */
static void test_silent_qmp(struct daemon *d, const struct guest *other)
{
	_cleanup_(freep) char *qmp = NULL;
	struct guest g;
	char name[96];
	struct answer a;

	CASE("a QMP socket that takes the connection and never answers");
	EXPECT(asprintf(&qmp, "unix:%s/qmp,server=on,wait=off", d->directory) > 0);
	snprintf(name, sizeof(name), "guest=silent-%d", getpid());
	guest_start(&g, "silent", 1, (const char *[]) { "-name", name, "-qmp", qmp, NULL });
	EXPECT(kill(g.pid, SIGSTOP) == 0);
	EXPECT(guest_is_known(d, &g, 0) || guest_is_known(d, &g, 1));
	call_request(d->bus, NULL, "Check", other->name, &(struct request) { "vcpu0", MS(1), MS(100) }, 1, &a);
	expect_error(&a, "");
	EXPECT(kill(g.pid, SIGCONT) == 0);
	guest_stop(&g);
	EXPECT(guest_is_gone(d, &g));
}

/* virtrkd is stopped while the request waits for it and QEMU is killed: it finds the thread gone. */
static void test_killed(struct daemon *d)
{
	struct request r = { "vcpu0", MS(1), MS(100), 0, 0 };
	struct answer a;
	struct guest g;
	pid_t waker;
	int status;

	CASE("QEMU killed between request and write");
	guest_start(&g, "doomed", 1, NULL);
	EXPECT(guest_is_known(d, &g, 1));
	EXPECT(kill(d->pid, SIGSTOP) == 0);
	waker = fork();
	if (waker == 0) {
		usleep(200000);		/* the request is in the socket by then */
		(void)kill(g.pid, SIGKILL);
		usleep(50000);
		_exit(kill(d->pid, SIGCONT) == 0 ? 0 : 1);
	}
	call_request(d->bus, NULL, "Reserve", g.name, &r, 1, &a);
	EXPECT(waitpid(waker, &status, 0) == waker && status == 0);
	if (strcmp(a.error, VIRTRK_ERROR_NO_DOMAIN) != 0)
		expect_error(&a, VIRTRK_ERROR_THREAD_GONE);
	expect_line(&a);
	guest_stop(&g);
	EXPECT(guest_is_gone(d, &g));
}

/* ---- the daemon's own command line and place ---- */

static void expect_no_start(const struct daemon_options *options, const char *word)
{
	struct daemon second;
	int status = -1;

	EXPECT(!daemon_start(&second, options, &status));
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	if (second.pid == 0) {
		_cleanup_(freep) char *log = daemon_log(&second);

		if (!EXPECT(strstr(log, word)))
			fprintf(stderr, "--- virtrkd wrote:\n%s", log);
	}
	if (!options->directory)
		daemon_remove(&second);
	else {
		free(second.directory);
		free(second.socket);
	}
}

static void test_second(struct daemon *d, const struct guest *g)
{
	_cleanup_(freep) char *before = picture_take(d, g);
	_cleanup_(freep) char *bus = NULL;

	CASE("a second virtrkd in the same state directory");
	expect_no_start(&(struct daemon_options) { .program = program, .directory = d->directory }, "another virtrkd");
	CASE("a second virtrkd on the same socket");
	EXPECT(asprintf(&bus, "--bus=%s", d->socket) > 0);
	expect_no_start(&(struct daemon_options) { .program = program, .after = (const char *[]) { bus, NULL } },
			"another virtrkd");
	EXPECT(guest_is_known(d, g, harness_too_many() + 1));	/* and the first one serves on */
	expect_unchanged(d, g, before);
}

static void test_no_bus(void)
{
	CASE("a system bus that is not there");
	expect_no_start(&(struct daemon_options) { .program = program, .bus_address = "unix:path=/nonexistent/bus" },
			"system bus");
}

static void test_dry_run(const struct guest *g)
{
	struct daemon_options options = { .program = program, .after = (const char *[]) { "--dry-run", NULL } };
	_cleanup_(freep) char *before = NULL;
	struct requests too_many;
	struct daemon d;
	struct answer a;
	int status;

	CASE("--dry-run decides and writes nothing");
	if (!EXPECT(daemon_start(&d, &options, &status)))
		return;
	EXPECT(guest_is_known(&d, g, harness_too_many() + 1));
	before = picture_take(&d, g);
	call_request(d.bus, NULL, "Reserve", g->name, &(struct request) { "vcpu0", MS(1), MS(100) }, 1, &a);
	expect_error(&a, VIRTRK_ERROR_DRY_RUN);
	requests_fill(&too_many, harness_too_many(), 0);
	call_request(d.bus, NULL, "Reserve", g->name, too_many.items, too_many.n, &a);
	expect_error(&a, VIRTRK_ERROR_OVERLOAD);
	call_request(d.bus, NULL, "Check", g->name, &(struct request) { "vcpu0", MS(1), MS(100) }, 1, &a);
	expect_error(&a, "");
	EXPECT(a.fits);
	expect_unchanged(&d, g, before);
	daemon_remove(&d);
}

static void test_bad_files(struct daemon *d, const struct guest *g)
{
	_cleanup_(freep) char *file = NULL;
	_cleanup_(freep) char *log = NULL;
	struct guest filed;
	FILE *f;

	CASE("a domain's file that does not parse: said in the log, nothing reserved, and it goes on");
	EXPECT(asprintf(&file, "%s/config/domains.d/misfiled-%d.json", d->directory, getpid()) > 0);
	f = fopen(file, "we");
	if (!EXPECT(f != NULL))
		return;
	fputs("{ \"reservations\": [ { \"thread\": \"vcpu0\", \"budget\": 4, \"period\": \"10ms\" } ] }\n", f);
	fclose(f);
	guest_start(&filed, "misfiled", 1, NULL);
	EXPECT(guest_is_known(d, &filed, 1));
	log = daemon_log(d);
	EXPECT(strstr(log, "misfiled") && strstr(log, "budget"));
	EXPECT(guest_is_known(d, g, harness_too_many() + 1));
	guest_stop(&filed);
	EXPECT(guest_is_gone(d, &filed));
}

int main(int argc, char **argv)
{
	struct daemon d;
	struct guest g;
	int status;

	(void)argc;
	program = argv[1];
	harness_need_deadline();
	guest_start(&g, "errors", harness_too_many() + 1, NULL);
	if (!EXPECT(daemon_start(&d, &(struct daemon_options) { .program = program }, &status)))
		return EXIT_FAILURE;
	if (EXPECT(guest_is_known(&d, &g, harness_too_many() + 1))) {
		test_bad_requests(&d, &g);
		test_overload(&d, &g);
		test_names(&d, &g);
		test_get_domain(&d);
		test_reserved(&d, &g);
		test_affinity(&d, &g);
		test_permission(&d, &g);
		test_garbage(&d, &g);
		test_unknown_vcpus(&d);
		test_silent_qmp(&d, &g);
		test_killed(&d);
		test_bad_files(&d, &g);
		test_second(&d, &g);
		test_no_bus();
		test_dry_run(&g);
	}
	EXPECT_INT(daemon_stop(&d, SIGTERM), 0);
	if (expect_failed) {
		_cleanup_(freep) char *log = daemon_log(&d);

		fprintf(stderr, "--- virtrkd wrote:\n%s", log);
	}
	daemon_remove(&d);
	guest_stop(&g);
	return expect_result();
}
