/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one Reserve costs over D-Bus, against an empty method call on the same connection and against the system work it
 * cannot avoid (looking for foreign SCHED_DEADLINE threads, writing the state twice, changing the thread). Its switch records are opened, and
 * signals sent, when the answer is on its way: the next call waits for that. The domain is a real, paused QEMU; the thread that changes is
 * its vCPU. Prints medians and spreads, asserts nothing. All take part as SCHED_FIFO: what else the machine does is not measured.
 *
 * Usage: bench-reserve VIRTRKD
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <time.h>

#include <virtrk/dbus.h>

#include "apply.h"
#include "foreign.h"
#include "state.h"

#define ROUNDS 300
#define BUDGET_NS 100000ULL		/* so small that what is on its way back hardly matters */
#define PERIOD_NS 100000000ULL

extern char **environ;

static nsec_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (nsec_t)ts.tv_sec * NSEC_PER_SEC + (nsec_t)ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const nsec_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The median, and what one in ten is below: what it costs where others do not disturb. */
struct cost {
	nsec_t median;
	nsec_t low;
};

static void report(const char *what, nsec_t *t, size_t n, struct cost *ret)
{
	qsort(t, n, sizeof(*t), compare);
	printf("%-46s median %7.1f us   10 %% %7.1f   90 %% %7.1f\n", what, (double)t[n / 2] / 1e3, (double)t[n / 10] / 1e3,
	       (double)t[n * 9 / 10] / 1e3);
	*ret = (struct cost) { t[n / 2], t[n / 10] };
}

static pid_t spawn(const char *const argv[])
{
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ) != 0)
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static void end(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int connect_to(const char *address, sd_bus **ret)
{
	for (int i = 0; i < 100; i++) {
		sd_bus *bus = NULL;
		int r = sd_bus_new(&bus);

		if (r >= 0)
			r = sd_bus_set_address(bus, address);
		if (r >= 0)
			r = sd_bus_start(bus);
		if (r >= 0)
			r = sd_bus_call_method(bus, NULL, VIRTRK_OBJECT, "org.freedesktop.DBus.Peer", "Ping", NULL, NULL, "");
		if (r >= 0) {
			*ret = bus;
			return 0;
		}
		sd_bus_unref(bus);
		nanosleep(&(struct timespec) { .tv_nsec = 50000000 }, NULL);
	}
	return -ETIMEDOUT;
}

static int call(sd_bus *bus, const char *method)
{
	if (strcmp(method, "Ping") == 0)
		return sd_bus_call_method(bus, NULL, VIRTRK_OBJECT, "org.freedesktop.DBus.Peer", "Ping", NULL, NULL, "");
	if (strcmp(method, "Release") == 0)
		return sd_bus_call_method(bus, NULL, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, method, NULL, NULL, "sas",
					  "bench", 0);
	return sd_bus_call_method(bus, NULL, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, method, NULL, NULL, "sa(stttt)",
				  "bench", 1, "vcpu0", BUDGET_NS, PERIOD_NS, PERIOD_NS, (uint64_t)0);
}

static int measure_bus(sd_bus *bus, struct cost *ret_ping, struct cost *ret_reserve)
{
	nsec_t ping[ROUNDS], check[ROUNDS], reserve[ROUNDS], release[ROUNDS];
	int r = -1;

	for (int i = 0; i < 100 && (r = call(bus, "Check")) < 0; i++)	/* until the domain is found */
		nanosleep(&(struct timespec) { .tv_nsec = 50000000 }, NULL);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ROUNDS; i++) {
		nsec_t t0 = now(), t1, t2, t3;

		if ((r = call(bus, "Ping")) < 0)
			return r;
		t1 = now();
		if ((r = call(bus, "Check")) < 0)
			return r;
		t2 = now();
		if ((r = call(bus, "Reserve")) < 0)
			return r;
		t3 = now();
		if ((r = call(bus, "Release")) < 0)
			return r;
		ping[i] = t1 - t0;
		check[i] = t2 - t1;
		reserve[i] = t3 - t2;
		release[i] = now() - t3;
	}
	report("an empty call (Ping)", ping, ROUNDS, ret_ping);
	report("Check", check, ROUNDS, &(struct cost) { 0 });
	report("Reserve", reserve, ROUNDS, ret_reserve);
	report("Release", release, ROUNDS, &(struct cost) { 0 });
	return 0;
}

static void *sleeper(void *arg)
{
	*(pid_t *)arg = gettid();
	for (;;)
		pause();
	return NULL;
}

/* The same system work as one Reserve does, through the same shelves but without a bus. */
static int system_work(struct sysroot *root, struct state *state, pid_t tid, nsec_t *ret)
{
	struct promise p = { .domain = (char *)"bench", .thread = "vcpu0", .pid = getpid(), .tid = tid,
			     .reservation = { BUDGET_NS, PERIOD_NS, PERIOD_NS } };
	_cleanup_(ledger_done) struct ledger none = { 0 };
	_cleanup_(ledger_done) struct ledger one = { 0 };
	_cleanup_(foreign_done) struct foreign foreign = { 0 };
	_cleanup_(plan_done) struct plan plan = { 0 };
	_cleanup_(plan_done) struct plan back = { 0 };
	nsec_t t0;
	int r;

	if ((r = sysroot_start_ticks(root, tid, &p.start_ticks)) < 0 ||
	    (r = root->ops->sched_get(root, tid, &p.before)) < 0 || (r = ledger_add(&one, &p)) < 0 ||
	    (r = plan_diff(&none, &one, &plan)) < 0 || (r = plan_diff(&one, &none, &back)) < 0)
		return r;
	t0 = now();
	if ((r = foreign_scan(root, &none, &foreign, NULL)) < 0 || (r = state_save(state, &none, &plan, NULL)) < 0 ||
	    (r = apply_plan(root, &plan, NULL)) < 0 || (r = state_save(state, &one, NULL, NULL)) < 0)
		return r;
	*ret = now() - t0;
	return apply_plan(root, &back, NULL);
}

static int measure_system(const char *directory, struct cost *ret)
{
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	_cleanup_(state_closep) struct state *state = NULL;
	nsec_t work[ROUNDS];
	pthread_t thread;
	volatile pid_t tid = 0;
	int r;

	r = sysroot_new(&root, NULL);
	if (r >= 0)
		r = state_open(&state, directory, NULL);
	if (r < 0)
		return r;
	if (pthread_create(&thread, NULL, sleeper, (void *)&tid) != 0)
		return -EAGAIN;
	while (!tid)
		sched_yield();
	for (size_t i = 0; r >= 0 && i < ROUNDS; i++)
		r = system_work(root, state, tid, &work[i]);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	if (r >= 0)
		report("the same system work without a bus", work, ROUNDS, ret);
	return r;
}

static double calls(nsec_t reserve, nsec_t work, nsec_t ping)
{
	return reserve > work ? (double)(reserve - work) / (double)ping : 0.0;
}

static int run(const char *virtrkd, const char *directory)
{
	char bus_arg[160], state_arg[160], address[160], own[160];
	const char *const qemu[] = { "qemu-system-x86_64", "-accel", "tcg", "-nodefaults", "-display", "none", "-S", "-name",
			       "guest=bench,debug-threads=on", NULL };
	const char *const daemon[] = { virtrkd, bus_arg, state_arg, "--libvirt=none", NULL };
	struct cost ping = { 0 }, reserve = { 0 }, work = { 0 };
	pid_t guest, server;
	sd_bus *bus = NULL;
	int r;

	snprintf(bus_arg, sizeof(bus_arg), "--bus=%s/bus", directory);
	snprintf(state_arg, sizeof(state_arg), "--state=%s/state", directory);
	snprintf(address, sizeof(address), "unix:path=%s/bus", directory);
	snprintf(own, sizeof(own), "%s/own", directory);
	guest = spawn(qemu);
	server = spawn(daemon);
	r = guest < 0 || server < 0 ? -ENOENT : connect_to(address, &bus);
	if (r >= 0)
		r = measure_bus(bus, &ping, &reserve);
	sd_bus_flush_close_unref(bus);
	end(server);
	end(guest);
	if (r >= 0)
		r = measure_system(own, &work);
	if (r >= 0)
		printf("%-46s %.2f empty calls by the medians, %.2f by the 10 %% (aim: at most 3)\n",
		       "Reserve without its system work", calls(reserve.median, work.median, ping.median),
		       calls(reserve.low, work.low, ping.low));
	return r;
}

int main(int argc, char *argv[])
{
	char directory[] = "/dev/shm/virtrk-bench.XXXXXX";	/* a tmpfs, as /run is */
	char command[80];
	int r;

	if (argc != 2)
		return 2;
	if (geteuid() != 0) {
		puts("skipped: only root can give a thread a reservation");
		return 77;
	}
	if (sched_setscheduler(0, SCHED_FIFO, &(struct sched_param) { .sched_priority = 10 }) < 0)	/* inherited */
		puts("not as SCHED_FIFO: others that run meanwhile disturb");
	if (!mkdtemp(directory))
		return 1;
	r = run(argv[1], directory);
	if (r < 0)
		fprintf(stderr, "bench-reserve: %s\n", strerror(-r));
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) != 0 || r < 0;
}
