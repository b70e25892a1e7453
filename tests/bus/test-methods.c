/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every method, property and signal of org.virtrk1, against a real virtrkd, real QEMU threads and the real scheduler.
 * What the daemon says is compared with what the kernel says. Missed and StateChanged need a loaded host and libvirt:
 * the end-to-end tests have them.
 */
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

#include <virtrk/dbus.h>

#include "expect.h"
#include "harness.h"

#define MS(x) ((uint64_t)(x) * 1000000)

static const char *program;

/* ---- signals that have come ---- */

struct heard {
	char member[32];
	char first[64];		/* the first strings of its arguments */
	char second[64];
	char third[64];
	char last[64];
};

struct ear {
	struct heard heard[64];
	size_t n;
	sd_bus_slot *slot;	/* nothing is heard after ear_close(): the ear is gone then */
};

static int on_signal(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	struct ear *ear = userdata;
	struct heard *h = &ear->heard[ear->n];
	const char *text;
	char type;

	if (ear->n == ARRAY_SIZE(ear->heard))
		return 0;
	snprintf(h->member, sizeof(h->member), "%s", sd_bus_message_get_member(msg));
	for (unsigned int i = 0; sd_bus_message_peek_type(msg, &type, NULL) > 0; i++) {
		if (type != 's') {
			(void)sd_bus_message_skip(msg, NULL);
			continue;
		}
		(void)sd_bus_message_read(msg, "s", &text);
		snprintf(i == 0 ? h->first : i == 1 ? h->second : i == 2 ? h->third : h->last, sizeof(h->first), "%s",
			 text);
	}
	ear->n++;
	return 0;
}

static void ear_open(struct ear *ear, sd_bus *bus)
{
	*ear = (struct ear) { 0 };
	EXPECT(sd_bus_match_signal(bus, &ear->slot, NULL, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, NULL, on_signal, ear) >= 0);
}

static void ear_close(struct ear *ear)
{
	sd_bus_slot_unref(ear->slot);
}

struct expected {
	struct ear *ear;
	const char *member, *first, *second, *third, *last;	/* NULL = anything */
};

static bool like(const char *got, const char *want)
{
	return !want || strcmp(got, want) == 0;
}

static bool was_heard(void *userdata)
{
	const struct expected *e = userdata;

	for (size_t i = 0; i < e->ear->n; i++) {
		const struct heard *h = &e->ear->heard[i];

		if (like(h->member, e->member) && like(h->first, e->first) && like(h->second, e->second) &&
		    like(h->third, e->third) && like(h->last, e->last))
			return true;
	}
	return false;
}

#define EXPECT_SIGNAL(bus, ...) EXPECT(harness_wait(bus, was_heard, &(struct expected) { __VA_ARGS__ }))

/* ---- reading ---- */

static sd_bus_message *call(sd_bus *bus, const char *path, const char *interface, const char *method)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	int r;

	r = sd_bus_call_method(bus, NULL, path, interface, method, &error, &reply, NULL);
	if (r < 0)
		fprintf(stderr, "%s: %s\n", method, error.message);
	EXPECT(r >= 0);
	sd_bus_error_free(&error);
	return reply;
}

/* Looks for @domain in ListDomains(); the number of its reservations, or -1. */
static int listed_reservations(sd_bus *bus, const char *domain, pid_t pid)
{
	sd_bus_message *reply = call(bus, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "ListDomains");
	const char *name, *origin, *state, *accel, *path;
	uint32_t its_pid, n;
	int found = -1;

	if (!reply)
		return -1;
	EXPECT(sd_bus_message_enter_container(reply, 'a', "(susssuo)") >= 0);
	while (sd_bus_message_read(reply, "(susssuo)", &name, &its_pid, &origin, &state, &accel, &n, &path) > 0) {
		if (strcmp(name, domain) != 0)
			continue;
		found = (int)n;
		EXPECT_INT(its_pid, pid);
		EXPECT_STR(origin, "qemu");
		EXPECT_STR(state, "running");
		EXPECT_STR(accel, "tcg");
	}
	sd_bus_message_unref(reply);
	return found;
}

static uint64_t property_u(sd_bus *bus, const char *path, const char *interface, const char *name)
{
	uint32_t value = UINT32_MAX;

	EXPECT(sd_bus_get_property_trivial(bus, NULL, path, interface, name, NULL, 'u', &value) >= 0);
	return value;
}

static uint64_t property_t(sd_bus *bus, const char *path, const char *name)
{
	uint64_t value = UINT64_MAX;

	EXPECT(sd_bus_get_property_trivial(bus, NULL, path, VIRTRK_INTERFACE_RESERVATION, name, NULL, 't', &value) >= 0);
	return value;
}

static void expect_property_s(sd_bus *bus, const char *path, const char *interface, const char *name, const char *want)
{
	_cleanup_(freep) char *value = NULL;

	EXPECT(sd_bus_get_property_string(bus, NULL, path, interface, name, NULL, &value) >= 0);
	if (want)
		EXPECT_STR(value, want);
}

static void expect_property_b(sd_bus *bus, const char *path, const char *interface, const char *name, int want)
{
	int value = -1;

	EXPECT(sd_bus_get_property_trivial(bus, NULL, path, interface, name, NULL, 'b', &value) >= 0);
	if (want >= 0)
		EXPECT_INT(value, want);
}

/* The keys of an a{sv}, each once; the caller stands before the container. How many of @keys are there. */
static size_t dictionary_has(sd_bus_message *reply, const char *const *keys)
{
	const char *key;
	size_t n = 0;

	if (sd_bus_message_enter_container(reply, 'a', "{sv}") <= 0)
		return 0;
	while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
		(void)sd_bus_message_read(reply, "s", &key);
		for (size_t i = 0; keys[i]; i++)
			n += strcmp(keys[i], key) == 0;
		(void)sd_bus_message_skip(reply, "v");
		(void)sd_bus_message_exit_container(reply);
	}
	(void)sd_bus_message_exit_container(reply);
	return n;
}

static void test_reading(struct daemon *d, const struct guest *g)
{
	static const char *const capacity[] = { "Name", "CPUs", "NCPUs", "Regime", "Test", "KernelUsed", "KernelLimit",
						"Reserved", "Foreign", "Prepared", "Reservations", "Largest", NULL };
	static const char *const regime[] = { "Kind", "Release", "NCPUs", "CPUs", "RTRuntimeUSec", "RTPeriodUSec",
					      "FairBudgetNSec", "FairPeriodNSec", "FairKnown", "HRTickDL", "TickNSec",
					      "SMT", "PreemptRT", "Cgroup", "Partitions", NULL };
	_cleanup_(freep) char *path = guest_path(g, NULL);
	const char *text = NULL, *level, *key, *mend;
	sd_bus_message *reply = NULL;
	size_t n = 0;

	CASE("ListDomains, GetDomain");
	EXPECT_INT(listed_reservations(d->bus, g->name, g->pid), 0);
	EXPECT(sd_bus_call_method(d->bus, NULL, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "GetDomain", NULL, &reply, "s",
				  g->name) >= 0 && sd_bus_message_read(reply, "o", &text) > 0);
	EXPECT_STR(text, path);
	sd_bus_message_unref(reply);

	CASE("Capacity");
	reply = call(d->bus, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "Capacity");
	EXPECT(sd_bus_message_enter_container(reply, 'a', "a{sv}") > 0);
	EXPECT_INT(dictionary_has(reply, capacity), ARRAY_SIZE(capacity) - 1);
	EXPECT(sd_bus_message_at_end(reply, false) > 0);	/* one partition only */
	sd_bus_message_unref(reply);

	CASE("DescribeRegime");
	reply = call(d->bus, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "DescribeRegime");
	EXPECT_INT(dictionary_has(reply, regime), ARRAY_SIZE(regime) - 1);
	sd_bus_message_unref(reply);

	CASE("Doctor");
	reply = call(d->bus, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "Doctor");
	EXPECT(sd_bus_message_enter_container(reply, 'a', "(ssss)") >= 0);
	for (; sd_bus_message_read(reply, "(ssss)", &level, &key, &text, &mend) > 0; n++) {
		EXPECT(strcmp(level, "ok") == 0 || strcmp(level, "note") == 0 || strcmp(level, "warn") == 0 ||
		       strcmp(level, "fail") == 0);
		EXPECT(*key && *text && !strchr(text, '\n') && !strchr(mend, '\n'));
	}
	EXPECT(n > 0);
	sd_bus_message_unref(reply);

	CASE("properties of the manager and of the domain");
	expect_property_s(d->bus, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "Version", VIRTRK_VERSION);
	expect_property_b(d->bus, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "DryRun", 0);
	EXPECT_INT(property_u(d->bus, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "NReservations"), 0);
	EXPECT(property_u(d->bus, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "NDomains") >= 1);
	expect_property_s(d->bus, path, VIRTRK_INTERFACE_DOMAIN, "Name", g->name);
	EXPECT_INT(property_u(d->bus, path, VIRTRK_INTERFACE_DOMAIN, "PID"), g->pid);
	expect_property_s(d->bus, path, VIRTRK_INTERFACE_DOMAIN, "UUID", NULL);
	expect_property_s(d->bus, path, VIRTRK_INTERFACE_DOMAIN, "Origin", "qemu");
	expect_property_s(d->bus, path, VIRTRK_INTERFACE_DOMAIN, "State", "running");
	expect_property_s(d->bus, path, VIRTRK_INTERFACE_DOMAIN, "Accelerator", "tcg");
	expect_property_b(d->bus, path, VIRTRK_INTERFACE_DOMAIN, "VCPUsUnknown", 0);
	EXPECT_INT(guest_thread(d, g, "emulator"), g->pid);
}

/* ---- reserve, look, release ---- */

static void expect_kernel(pid_t tid, const char *want)
{
	_cleanup_(freep) char *got = picture_of_thread(tid);

	if (strncmp(got, want, strlen(want)) != 0)
		EXPECT_STR(got, want);
}

static void expect_answer(const struct answer *a, const char *error)
{
	if (!EXPECT_STR(a->error, error))
		fprintf(stderr, "    %s\n", a->message);
}

static void reserve(struct daemon *d, const struct guest *g, const char *thread, uint64_t budget, uint64_t period,
		    uint64_t flags)
{
	struct answer a;

	call_request(d->bus, NULL, "Reserve", g->name, &(struct request) { thread, budget, period, 0, flags }, 1, &a);
	expect_answer(&a, "");
	EXPECT(a.fits && a.test[0] && a.reason[0]);
	EXPECT_STR(a.repair, "");
}

static void release(struct daemon *d, const struct guest *g)
{
	struct answer a;

	call_release(d->bus, NULL, g->name, (const char *[]) { NULL }, &a);
	expect_answer(&a, "");
}

static void expect_statistics(struct daemon *d, const struct guest *g, pid_t tid)
{
	static const char *const keys[] = { "Domain", "Thread", "TID", "BudgetNSec", "PeriodNSec", "DeadlineNSec", "Soft",
					    "TimeNSec", "SinceNSec", "UsedNSec", "ReadyNSec", "ThrottledNSec", "Throttled",
					    "Missed", "WorstLateNSec", "Lost", "Metered", "Drift", NULL };
	static const char *const measured[] = { "UsedNSec", "ReadyNSec", "ThrottledNSec", "Throttled", "Missed",
						"WorstLateNSec", "Lost" };
	_cleanup_(freep) char *path = guest_path(g, "vcpu0");
	sd_bus_message *reply = call(d->bus, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "Statistics");

	EXPECT(sd_bus_message_enter_container(reply, 'a', "a{sv}") > 0);
	EXPECT_INT(dictionary_has(reply, keys), ARRAY_SIZE(keys) - 1);
	EXPECT(sd_bus_message_at_end(reply, false) > 0);
	sd_bus_message_unref(reply);

	expect_property_s(d->bus, path, VIRTRK_INTERFACE_RESERVATION, "Domain", g->name);
	expect_property_s(d->bus, path, VIRTRK_INTERFACE_RESERVATION, "Thread", "vcpu0");
	EXPECT_INT(property_u(d->bus, path, VIRTRK_INTERFACE_RESERVATION, "TID"), tid);
	EXPECT_INT(property_t(d->bus, path, "BudgetNSec"), MS(1));
	EXPECT_INT(property_t(d->bus, path, "PeriodNSec"), MS(100));
	EXPECT_INT(property_t(d->bus, path, "DeadlineNSec"), MS(100));
	expect_property_b(d->bus, path, VIRTRK_INTERFACE_RESERVATION, "Soft", 0);
	expect_property_b(d->bus, path, VIRTRK_INTERFACE_RESERVATION, "Metered", -1);
	expect_property_s(d->bus, path, VIRTRK_INTERFACE_RESERVATION, "CPUs", NULL);
	expect_property_s(d->bus, path, VIRTRK_INTERFACE_RESERVATION, "Drift", "");
	for (size_t i = 0; i < ARRAY_SIZE(measured); i++)
		EXPECT(property_t(d->bus, path, measured[i]) != UINT64_MAX);
}

static void test_reserve(struct daemon *d, const struct guest *g)
{
	pid_t tid = guest_thread(d, g, "vcpu0");
	_cleanup_(freep) char *before = picture_of_thread(tid);
	_cleanup_(freep) char *during = NULL;
	_cleanup_(ear_close) struct ear ear;

	CASE("Reserve: the kernel holds it, and everybody is told");
	ear_open(&ear, d->bus);
	reserve(d, g, "vcpu0", MS(1), MS(100), 0);
	expect_kernel(tid, "deadline 1000000/100000000/100000000 flags 1 ");
	EXPECT_SIGNAL(d->bus, &ear, "Reserved", g->name, "vcpu0");
	EXPECT_INT(property_u(d->bus, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "NReservations"), 1);
	EXPECT_INT(listed_reservations(d->bus, g->name, g->pid), 1);
	during = picture_take(d, g);
	EXPECT(strstr(during, g->name) && strstr(during, "\"vcpu0\""));
	expect_statistics(d, g, tid);

	CASE("Release: the thread is what it was");
	release(d, g);
	expect_kernel(tid, before);
	EXPECT_SIGNAL(d->bus, &ear, "Released", g->name, "vcpu0", "asked");
	EXPECT_INT(property_u(d->bus, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "NReservations"), 0);
}

static void test_replace(struct daemon *d, const struct guest *g)
{
	pid_t tid = guest_thread(d, g, "vcpu0");

	CASE("soft, a deadline of its own, replaced, the emulator thread");
	reserve(d, g, "vcpu0", MS(1), MS(100), VIRTRK_RESERVE_SOFT);
	expect_kernel(tid, "deadline 1000000/100000000/100000000 flags 3 ");
	reserve(d, g, "vcpu0", MS(2), MS(50), VIRTRK_RESERVE_REPLACE);
	expect_kernel(tid, "deadline 2000000/50000000/50000000 flags 1 ");
	reserve(d, g, "emulator", MS(1), MS(100), 0);
	expect_kernel(g->pid, "deadline 1000000/100000000/100000000 flags 1 ");
	EXPECT_INT(listed_reservations(d->bus, g->name, g->pid), 2);
	release(d, g);
	expect_kernel(tid, "policy 0 ");
	expect_kernel(g->pid, "policy 0 ");
}

static void test_objects(struct daemon *d, const struct guest *g)
{
	_cleanup_(freep) char *domain = guest_path(g, NULL);
	_cleanup_(freep) char *vcpu0 = guest_path(g, "vcpu0");
	pid_t tid0 = guest_thread(d, g, "vcpu0"), tid1 = guest_thread(d, g, "vcpu1");
	sd_bus_message *reply = NULL;

	CASE("Domain.Reserve, Reservation.Release, Domain.Release");
	EXPECT(sd_bus_call_method(d->bus, NULL, domain, VIRTRK_INTERFACE_DOMAIN, "Reserve", NULL, NULL, "a(stttt)", 2,
				  "vcpu0", MS(1), MS(100), MS(50), (uint64_t)0, "vcpu1", MS(1), MS(100), (uint64_t)0,
				  (uint64_t)0) >= 0);
	expect_kernel(tid0, "deadline 1000000/50000000/100000000 ");
	expect_kernel(tid1, "deadline 1000000/100000000/100000000 ");
	reply = call(d->bus, VIRTRK_OBJECT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
	sd_bus_message_unref(reply);
	reply = call(d->bus, vcpu0, VIRTRK_INTERFACE_RESERVATION, "Release");
	sd_bus_message_unref(reply);
	expect_kernel(tid0, "policy 0 ");
	expect_kernel(tid1, "deadline ");
	EXPECT(sd_bus_call_method(d->bus, NULL, domain, VIRTRK_INTERFACE_DOMAIN, "Release", NULL, NULL, "as", 1, "vcpu1") >=
	       0);
	expect_kernel(tid1, "policy 0 ");
}

static void test_check(struct daemon *d, const struct guest *g)
{
	_cleanup_(freep) char *before = picture_take(d, g);
	_cleanup_(freep) char *after = NULL;
	struct requests too_many;
	struct answer a;

	CASE("Check answers and writes nothing");
	requests_fill(&too_many, harness_too_many(), 0);
	call_request(d->bus, NULL, "Check", g->name, &(struct request) { "vcpu0", MS(1), MS(100) }, 1, &a);
	expect_answer(&a, "");
	EXPECT(a.fits);
	EXPECT(strstr(a.reason, "; vcpu1 ") && strstr(a.reason, "in what reservations leave"));	/* the other vCPUs */
	call_request(d->bus, NULL, "Check", g->name, too_many.items, too_many.n, &a);
	expect_answer(&a, "");
	EXPECT(!a.fits && a.reason[0] && a.repair[0]);
	after = picture_take(d, g);
	EXPECT_STR(after, before);
}

/* The largest budget for a period of 100 ms, as Capacity tells it. */
static uint64_t capacity_largest(sd_bus *bus)
{
	sd_bus_message *reply = call(bus, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "Capacity");
	uint64_t period, budget, found = 0;
	const char *key;

	(void)sd_bus_message_enter_container(reply, 'a', "a{sv}");
	(void)sd_bus_message_enter_container(reply, 'a', "{sv}");
	while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
		(void)sd_bus_message_read(reply, "s", &key);
		if (strcmp(key, "Largest") == 0 && sd_bus_message_enter_container(reply, 'v', "a(tt)") > 0) {
			(void)sd_bus_message_enter_container(reply, 'a', "(tt)");
			while (sd_bus_message_read(reply, "(tt)", &period, &budget) > 0)
				if (period == MS(100))
					found = budget;
			(void)sd_bus_message_exit_container(reply);
			(void)sd_bus_message_exit_container(reply);
		} else {
			(void)sd_bus_message_skip(reply, "v");
		}
		(void)sd_bus_message_exit_container(reply);
	}
	sd_bus_message_unref(reply);
	return found;
}

static void test_returning(struct daemon *d, const struct guest *g)
{
	uint64_t most = capacity_largest(d->bus);

	CASE("Capacity keeps its word, and what was released can be had again at once");
	EXPECT(most > MS(1));
	for (int i = 0; i < 3; i++) {
		reserve(d, g, "vcpu0", most, MS(100), 0);
		release(d, g);
	}
}

/* ---- what others do ---- */

static void set_other(pid_t tid)
{
	struct sched_param p = { 0 };

	EXPECT(sched_setscheduler(tid, SCHED_OTHER, &p) == 0);
}

struct kernel_is {
	pid_t tid;
	const char *want;
};

static bool kernel_is(void *userdata)
{
	const struct kernel_is *k = userdata;
	_cleanup_(freep) char *got = picture_of_thread(k->tid);

	return strncmp(got, k->want, strlen(k->want)) == 0;
}

static void test_drift(struct daemon *d, const struct guest *g)
{
	pid_t tid = guest_thread(d, g, "vcpu0");
	_cleanup_(ear_close) struct ear ear;

	CASE("somebody takes the policy away: told and repaired");
	ear_open(&ear, d->bus);
	reserve(d, g, "vcpu0", MS(1), MS(100), 0);
	set_other(tid);
	EXPECT_SIGNAL(d->bus, &ear, "Drift", g->name, "vcpu0", "policy", "repaired");
	EXPECT(harness_wait(d->bus, kernel_is, &(struct kernel_is) { tid, "deadline 1000000/" }));
	release(d, g);
}

static void test_life(struct daemon *d)
{
	struct guest g;
	_cleanup_(ear_close) struct ear ear;

	CASE("a domain comes, and goes with its reservations");
	ear_open(&ear, d->bus);
	guest_start(&g, "short", 1, NULL);
	EXPECT(guest_is_known(d, &g, 1));
	EXPECT_SIGNAL(d->bus, &ear, "DomainAppeared", g.name);
	reserve(d, &g, "vcpu0", MS(1), MS(100), 0);
	guest_stop(&g);
	EXPECT(guest_is_gone(d, &g));
	EXPECT_SIGNAL(d->bus, &ear, "DomainVanished", g.name);
	EXPECT_SIGNAL(d->bus, &ear, "Released", g.name, "vcpu0", "ended");
	EXPECT_INT(property_u(d->bus, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "NReservations"), 0);
}

static void test_hotplug(struct daemon *d)
{
	_cleanup_(freep) char *path = NULL;
	_cleanup_(freep) char *qmp = NULL;
	struct guest g;
	_cleanup_(ear_close) struct ear ear;

	CASE("a vCPU that appears later is seen, and can be reserved");
	EXPECT(asprintf(&path, "%s/orders", d->directory) > 0 && asprintf(&qmp, "unix:%s,server=on,wait=off", path) > 0);
	ear_open(&ear, d->bus);
	guest_start(&g, "growing", 1, (const char *[]) { "-smp", "1,sockets=2,cores=1,threads=1,maxcpus=2",
							 "-qmp", qmp, NULL });
	EXPECT(guest_is_known(d, &g, 1));
	ear.n = 0;
	EXPECT(guest_order(path, "{\"execute\": \"device_add\", \"arguments\": {\"driver\": \"qemu64-x86_64-cpu\", "
				 "\"id\": \"later\", \"socket-id\": 1, \"core-id\": 0, \"thread-id\": 0}}"));
	EXPECT(guest_is_known(d, &g, 2));
	EXPECT_SIGNAL(d->bus, &ear, "ThreadsChanged", g.name);
	reserve(d, &g, "vcpu1", MS(1), MS(100), 0);
	expect_kernel(guest_thread(d, &g, "vcpu1"), "deadline 1000000/");
	guest_stop(&g);
	EXPECT(guest_is_gone(d, &g));
}

/* ---- the daemon's own life ---- */

static void test_restart(struct daemon *d, const struct guest *g)
{
	struct daemon_options again = { .program = program, .directory = d->directory };
	pid_t tid = guest_thread(d, g, "vcpu0");
	struct daemon next;
	int status = 0;

	CASE("stopped: the kernel holds the promise; started again: it is adopted");
	reserve(d, g, "vcpu0", MS(1), MS(100), 0);
	EXPECT_INT(daemon_stop(d, SIGTERM), 0);
	expect_kernel(tid, "deadline 1000000/100000000/100000000 ");
	EXPECT(daemon_start(&next, &again, &status));
	EXPECT(guest_is_known(&next, g, harness_too_many()));
	EXPECT_INT(listed_reservations(next.bus, g->name, g->pid), 1);

	CASE("killed, and told to give everything back at the end");
	EXPECT_INT(daemon_stop(&next, SIGKILL), SIGKILL);
	expect_kernel(tid, "deadline 1000000/100000000/100000000 ");
	free(next.directory);
	free(next.socket);
	again.after = (const char *[]) { "--release-on-exit", NULL };
	EXPECT(daemon_start(&next, &again, &status));
	EXPECT_INT(daemon_stop(&next, SIGTERM), 0);
	expect_kernel(tid, "policy 0 ");
	free(next.directory);
	free(next.socket);
}

static void test_config(struct daemon *d)
{
	_cleanup_(freep) char *file = NULL;
	struct guest g = { .pid = getpid() };
	_cleanup_(ear_close) struct ear ear;
	FILE *f;

	CASE("a domain with a file of its own gets what the file says");
	ear_open(&ear, d->bus);
	EXPECT(asprintf(&file, "%s/config/domains.d/filed-%d.json", d->directory, getpid()) > 0);
	f = fopen(file, "we");
	if (!EXPECT(f != NULL))
		return;
	fputs("{ \"reservations\": [ { \"thread\": \"vcpu0\", \"budget\": \"1ms\", \"period\": \"100ms\" } ] }\n", f);
	fclose(f);
	guest_start(&g, "filed", 1, NULL);
	EXPECT(guest_is_known(d, &g, 1));	/* where nothing tells of new processes, it is asked for */
	EXPECT_SIGNAL(d->bus, &ear, "Reserved", g.name, "vcpu0");
	expect_kernel(guest_thread(d, &g, "vcpu0"), "deadline 1000000/100000000/100000000 ");
	guest_stop(&g);
	EXPECT(guest_is_gone(d, &g));
}

int main(int argc, char **argv)
{
	struct daemon d;
	struct guest g;
	int status;

	(void)argc;
	program = argv[1];
	harness_need_deadline();
	guest_start(&g, "methods", harness_too_many(), NULL);
	if (!EXPECT(daemon_start(&d, &(struct daemon_options) { .program = program }, &status)))
		return EXIT_FAILURE;
	if (EXPECT(guest_is_known(&d, &g, harness_too_many()))) {
		test_reading(&d, &g);
		test_reserve(&d, &g);
		test_replace(&d, &g);
		test_objects(&d, &g);
		test_check(&d, &g);
		test_returning(&d, &g);
		test_drift(&d, &g);
		test_life(&d);
		test_hotplug(&d);
		test_config(&d);
		test_restart(&d, &g);
	}
	if (expect_failed) {
		_cleanup_(freep) char *log = daemon_log(&d);

		fprintf(stderr, "--- virtrkd wrote:\n%s", log);
	}
	daemon_remove(&d);
	guest_stop(&g);
	return expect_result();
}
