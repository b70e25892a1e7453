/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fake virtrkd for the tests of virtrk: the D-Bus interface with answers that never change, so that the rendering of
 * states that are rare on a real host can be tested: every error, lost records, drift, names made to deceive, a daemon
 * of another version, one that hangs or dies. It knows no kernel and no admission.
 *
 *   fake-virtrkd --bus=PATH [SCENE]      a private socket
 *   fake-virtrkd --system [SCENE]        the bus of $DBUS_SYSTEM_BUS_ADDRESS
 *
 * SCENE: normal, empty, many, odd, old (members missing), types (members of other types), end (events, then it ends),
 * rude (closes every connection), mute (takes connections and never says a word).
 * In every scene the name of the domain that is asked for chooses the answer of GetDomain, Reserve, Check and Release:
 * raise-NAME = org.virtrk1.Error.NAME, bus-NAME = org.freedesktop.DBus.Error.NAME, hang = none, die = it ends.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include <virtrk/dbus.h>
#include <virtrk/units.h>

#include "cleanup.h"

#define MS(n) ((n) * NSEC_PER_MSEC)
#define NAME_ODD "a\033[31m red\nline \xe2\x80\xaegnp"	/* colours, a second line, right to left */
#define NAME_WIDE "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"	/* three characters of two columns */

enum scene {
	SCENE_NORMAL, SCENE_EMPTY, SCENE_MANY, SCENE_ODD, SCENE_OLD, SCENE_TYPES, SCENE_END, SCENE_RUDE, SCENE_MUTE,
	_SCENE_MAX
};
static const char *const scene_names[] = { "normal", "empty", "many", "odd", "old", "types", "end", "rude", "mute" };

struct fake_domain {
	const char *name;
	const char *encoded;
	uint32_t pid;
	const char *origin, *state, *accel;
	uint32_t reservations;
	bool unknown;
};

static const struct fake_domain domains_normal[] = {
	{ "rt", "rt", 1234, "libvirt", "running", "kvm", 2, false },
	{ "noisy", "noisy", 99, "qemu", "running", "tcg", 0, false },
};
static const struct fake_domain domains_odd[] = {
	{ NAME_ODD, "odd", 4194304, "qemu", "paused", "unknown", 1, true },
	{ NAME_WIDE, "wide", 7, "qemu", "shutoff", "unknown", 0, false },
};

struct fake {
	enum scene scene;
	sd_event *event;
	sd_bus *system;
	sd_bus *peers[64];
	size_t n_peers;
	unsigned int samples;
};

/* ---- domains ---- */

static size_t fake_domains(const struct fake *fake, const struct fake_domain **ret)
{
	*ret = fake->scene == SCENE_ODD ? domains_odd : domains_normal;
	return fake->scene == SCENE_EMPTY ? 0 : 2;
}

static const struct fake_domain *fake_find(const struct fake *fake, const char *name, const char *path)
{
	const struct fake_domain *domains;
	size_t n = fake_domains(fake, &domains);

	for (size_t i = 0; i < n; i++) {
		char object[128];

		snprintf(object, sizeof(object), VIRTRK_DOMAIN_PREFIX "/%s", domains[i].encoded);
		if ((name && strcmp(domains[i].name, name) == 0) || (path && strcmp(object, path) == 0))
			return &domains[i];
	}
	return NULL;
}

/* The domain's name chooses a calamity. 1 = no answer, 0 = go on. */
static int fake_obey(const char *domain, sd_bus_error *reterr)
{
	char name[128];

	if (strcmp(domain, "die") == 0)
		_exit(1);
	if (strcmp(domain, "hang") == 0)
		return 1;
	if (strncmp(domain, "raise-", 6) == 0 || strncmp(domain, "bus-", 4) == 0) {
		const char *which = strchr(domain, '-') + 1;

		snprintf(name, sizeof(name), "%s%s", *domain == 'r' ? VIRTRK_ERROR_PREFIX : "org.freedesktop.DBus.Error.",
			 which);
		return sd_bus_error_setf(reterr, name, "the fake was asked to raise %s", which);
	}
	return 0;
}

static int method_list(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	struct fake *fake = userdata;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	const struct fake_domain *domains;
	size_t n = fake_domains(fake, &domains);
	int r = sd_bus_message_new_method_return(msg, &reply);

	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "(susssuo)");
	for (size_t i = 0; r >= 0 && i < n; i++) {
		const struct fake_domain *d = &domains[i];
		char path[128];

		snprintf(path, sizeof(path), VIRTRK_DOMAIN_PREFIX "/%s", d->encoded);
		r = sd_bus_message_append(reply, "(susssuo)", d->name, d->pid, d->origin, d->state, d->accel,
					  d->reservations, path);
	}
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int method_get_domain(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	const struct fake_domain *domain;
	char path[128];
	const char *name;
	int r = sd_bus_message_read(msg, "s", &name);

	if (r >= 0)
		r = fake_obey(name, reterr);
	if (r != 0)
		return r;
	domain = fake_find(userdata, name, NULL);
	if (!domain)
		return sd_bus_error_setf(reterr, VIRTRK_ERROR_NO_DOMAIN, "no domain %s", name);
	snprintf(path, sizeof(path), VIRTRK_DOMAIN_PREFIX "/%s", domain->encoded);
	return sd_bus_reply_method_return(msg, "o", path);
}

/* ---- reservations: small budgets fit, large ones do not ---- */

static int verdict_reply(sd_bus_message *msg, bool fits, uint32_t index)
{
	return sd_bus_reply_method_return(msg, "a{sv}", 13,
		"Fits", "b", fits,
		"Test", "s", fits ? "gfb" : "bcl-iter",
		"Regime", "s", "root-domain, 2 CPUs, global EDF",
		"Reason", "s", fits ? "sum of densities 0.500 <= 1.600" : "vcpu0 may be late: it needs 9 ms in 10 ms and gets 8.5 ms",
		"LHS", "t", (uint64_t)(fits ? 524288 : MS(9)),
		"RHS", "t", (uint64_t)(fits ? 1677721 : 8500000),
		"Unit", "s", fits ? "bw" : "ns",
		"AtNSec", "t", (uint64_t)(fits ? 0 : MS(10)),
		"Index", "u", index,
		"Repair", "s", fits ? "" : "vcpu0 would fit with a budget of 8.5ms instead of 9ms",
		"RepairBudgetNSec", "t", (uint64_t)(fits ? 0 : 8500000),
		"RepairPeriodNSec", "t", (uint64_t)(fits ? 0 : MS(10)),
		"RepairDeadlineNSec", "t", (uint64_t)(fits ? 0 : MS(10)));
}

/* Reads a(stttt), or with options a(stttta{sv}) that holds CPUs or nothing; prints each request on stderr, so that a test sees what arrived. */
static int requests_read(sd_bus_message *msg, bool *ret_fits)
{
	bool options = strstr(sd_bus_message_get_signature(msg, true), "a{sv}");
	uint64_t budget, period, deadline, flags;
	const char *thread, *key, *cpus;
	int r = sd_bus_message_enter_container(msg, 'a', options ? "(stttta{sv})" : "(stttt)");

	*ret_fits = true;
	while (r >= 0 && (r = sd_bus_message_enter_container(msg, 'r', options ? "stttta{sv}" : "stttt")) > 0) {
		r = sd_bus_message_read(msg, "stttt", &thread, &budget, &period, &deadline, &flags);
		if (r < 0)
			return r;
		fprintf(stderr, "request %s %ju %ju %ju %ju", thread, (uintmax_t)budget, (uintmax_t)period,
			(uintmax_t)deadline, (uintmax_t)flags);
		if (options)
			r = sd_bus_message_enter_container(msg, 'a', "{sv}");
		while (options && r >= 0 && (r = sd_bus_message_read(msg, "{sv}", &key, "s", &cpus)) > 0)
			fprintf(stderr, " %s=%s", key, cpus);
		if (options && r >= 0)
			r = sd_bus_message_exit_container(msg);
		fputc('\n', stderr);
		*ret_fits &= budget < MS(9);
		if (r >= 0)
			r = sd_bus_message_exit_container(msg);
	}
	return r;
}

static int method_reserve_or_check(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	bool check = strncmp(sd_bus_message_get_member(msg), "Check", 5) == 0, fits;
	struct fake *fake = userdata;
	const char *domain;
	int r = sd_bus_message_read(msg, "s", &domain);

	if (r >= 0)
		r = fake_obey(domain, reterr);
	if (r != 0)
		return r;
	r = requests_read(msg, &fits);
	if (r < 0)
		return r;
	if (fake->scene == SCENE_OLD)
		return sd_bus_reply_method_return(msg, "a{sv}", 1, "Fits", "b", true);
	if (!fits && !check)
		return sd_bus_error_set(reterr, VIRTRK_ERROR_OVERLOAD, "vcpu0 may be late; vcpu0 would fit with a budget of 8.5ms instead of 9ms");
	return verdict_reply(msg, fits, fake->scene == SCENE_ODD ? UINT32_MAX : 0);
}

static int method_release(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	const char *domain, *thread;
	int r = sd_bus_message_read(msg, "s", &domain);

	if (r >= 0)
		r = fake_obey(domain, reterr);
	if (r != 0)
		return r;
	r = sd_bus_message_enter_container(msg, 'a', "s");
	while (r >= 0 && (r = sd_bus_message_read(msg, "s", &thread)) > 0)
		fprintf(stderr, "release %s\n", thread);
	return r < 0 ? r : sd_bus_reply_method_return(msg, NULL);
}

/* ---- capacity, doctor, statistics ---- */

static int partition_append(sd_bus_message *reply, const struct fake *fake)
{
	int r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}",
		"Name", "s", "root-domain", "CPUs", "s", "0-1", "NCPUs", "u", 2, "Regime", "s", "root-domain",
		"Test", "s", "gedf", "KernelUsed", "t", (uint64_t)524288,
		"KernelLimit", "t", fake->scene == SCENE_ODD ? UINT64_MAX : (uint64_t)1887438,
		"Reserved", "t", (uint64_t)419430, "Foreign", "t", (uint64_t)104858, "Prepared", "t", (uint64_t)52429, "Reservations", "u", 2);

	if (r >= 0 && fake->scene == SCENE_TYPES)
		return sd_bus_message_append(reply, "{sv}", "Largest", "as", 1, "much");
	return r < 0 ? r : sd_bus_message_append(reply, "{sv}", "Largest", "a(tt)", 2, (uint64_t)MS(1), (uint64_t)0,
						 (uint64_t)MS(10), (uint64_t)6543000);
}

static int method_capacity(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	struct fake *fake = userdata;
	int r = sd_bus_message_new_method_return(msg, &reply);

	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "a{sv}");
	if (r >= 0 && fake->scene != SCENE_EMPTY)
		r = sd_bus_message_open_container(reply, 'a', "{sv}");
	if (r >= 0 && fake->scene != SCENE_EMPTY)
		r = partition_append(reply, fake);
	if (r >= 0 && fake->scene != SCENE_EMPTY)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int method_doctor(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	struct fake *fake = userdata;

	if (fake->scene == SCENE_EMPTY)
		return sd_bus_reply_method_return(msg, "a(ssss)", 2,
			"ok", "deadline", "the kernel has SCHED_DEADLINE", "",
			"note", "cgroup", "cgroup v1: no partitions", "");
	return sd_bus_reply_method_return(msg, "a(ssss)", 4,
		"ok", "deadline", "the kernel has SCHED_DEADLINE", "",
		"warn", "hrtick", "HRTICK_DL is off: budgets are enforced to 4ms only",
		"echo HRTICK_DL > /sys/kernel/debug/sched/features",
		"note", "fair-server", "the fair server takes 50ms of every 1s", "",
		"fail", "root", fake->scene == SCENE_ODD ? "\033[2Jwiped" : "virtrkd is not root", "systemctl start virtrkd");
}

static int method_regime(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	struct fake *fake = userdata;

	return sd_bus_reply_method_return(msg, "a{sv}", 3, "Kind", "s", "root-domain", "CPUs", "s", "0-3", "TickNSec", "t",
					  fake->scene == SCENE_ODD ? UINT64_MAX : (uint64_t)MS(4));
}

struct fake_reservation {
	const char *domain, *thread;
	uint32_t tid;
	uint64_t budget_ns, period_ns, use_ns;	/* use: per second */
	bool soft, metered;
	uint64_t lost;
	const char *drift;
};

static const struct fake_reservation reservations_normal[] = {
	{ "rt", "vcpu0", 1240, MS(4), MS(10), MS(200), false, true, 0, "" },
	{ "rt", "vcpu1", 1241, MS(10), MS(20), MS(500), true, true, 0, "" },
};
static const struct fake_reservation reservations_odd[] = {
	{ NAME_ODD, "vcpu0", 5, 1024, 100000, 0, false, false, 0, "policy" },
	{ NAME_WIDE, "emulator", 6, MS(1), MS(4000), MS(1), false, true, 3, "" },
};

static int reservation_append(sd_bus_message *reply, const struct fake_reservation *r, unsigned int sample)
{
	uint64_t time_ns = 100 * NSEC_PER_SEC + sample * NSEC_PER_SEC;

	return sd_bus_message_append(reply, "a{sv}", 18,
		"Domain", "s", r->domain, "Thread", "s", r->thread, "TID", "u", r->tid,
		"BudgetNSec", "t", r->budget_ns, "PeriodNSec", "t", r->period_ns, "DeadlineNSec", "t", r->period_ns,
		"Soft", "b", r->soft, "TimeNSec", "t", time_ns, "SinceNSec", "t", (uint64_t)(90 * NSEC_PER_SEC),
		"UsedNSec", "t", sample * r->use_ns, "ReadyNSec", "t", sample * MS(30), "ThrottledNSec", "t", sample * MS(20),
		"Throttled", "t", (uint64_t)sample * 50, "Missed", "t", (uint64_t)sample * 2,
		"WorstLateNSec", "t", (uint64_t)1234567, "Lost", "t", r->lost, "Metered", "b", r->metered,
		"Drift", "s", r->drift);
}

static int statistics_append(sd_bus_message *reply, const struct fake *fake)
{
	const struct fake_reservation *table = fake->scene == SCENE_ODD ? reservations_odd : reservations_normal;
	int r = 0;

	if (fake->scene == SCENE_EMPTY)
		return 0;
	for (size_t i = 0; r >= 0 && i < 2; i++)
		r = reservation_append(reply, &table[i], fake->samples);
	for (uint32_t i = 0; r >= 0 && fake->scene == SCENE_MANY && i < 60; i++) {
		struct fake_reservation row = reservations_normal[0];
		char name[32];

		snprintf(name, sizeof(name), "guest%02u", i);
		row.domain = name;
		row.tid = 2000 + i;
		row.use_ns = MS(1) * i;
		r = reservation_append(reply, &row, fake->samples);
	}
	return r;
}

static int method_statistics(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	struct fake *fake = userdata;
	int r;

	if (fake->scene == SCENE_OLD)
		return sd_bus_reply_method_return(msg, "aa{sv}", 1, 1, "Domain", "s", "rt");
	if (fake->scene == SCENE_TYPES)
		return sd_bus_reply_method_return(msg, "aa{sv}", 1, 2, "Domain", "s", "rt", "Thread", "t", (uint64_t)0);
	if (fake->scene == SCENE_END && fake->samples == 3)
		_exit(0);		/* top sees it end in the middle */
	fake->samples++;
	r = sd_bus_message_new_method_return(msg, &reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "a{sv}");
	if (r >= 0)
		r = statistics_append(reply, fake);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

/* ---- events: a moment after the version was asked for ---- */

static void events_emit(sd_bus *bus)
{
	const char *path = VIRTRK_OBJECT, *interface = VIRTRK_INTERFACE_MANAGER;

	sd_bus_emit_signal(bus, path, interface, "DomainAppeared", "su", "rt", 1234);
	sd_bus_emit_signal(bus, path, interface, "ThreadsChanged", "s", "rt");
	sd_bus_emit_signal(bus, path, interface, "StateChanged", "ss", "rt", "paused");
	sd_bus_emit_signal(bus, path, interface, "Reserved", "ssttt", "rt", "vcpu0", (uint64_t)MS(4), (uint64_t)MS(10),
			   (uint64_t)MS(8));
	sd_bus_emit_signal(bus, path, interface, "Drift", "ssssss", "rt", "vcpu0", "policy", "deadline", "other", "repaired");
	sd_bus_emit_signal(bus, path, interface, "Missed", "sst", "rt", "vcpu0", (uint64_t)3);
	sd_bus_emit_signal(bus, path, interface, "Released", "sss", "rt", "vcpu0", "asked");
	sd_bus_emit_signal(bus, path, interface, "Invented", "s", "by a newer virtrkd");
	sd_bus_emit_signal(bus, path, interface, "DomainVanished", "su", NAME_ODD, 1234);
	sd_bus_flush(bus);
}

static int on_events_due(sd_event_source *source, uint64_t now, void *userdata)
{
	struct fake *fake = userdata;

	if (fake->system)
		events_emit(fake->system);
	for (size_t i = 0; i < fake->n_peers; i++)
		events_emit(fake->peers[i]);
	if (fake->scene == SCENE_END)
		_exit(0);
	return 0;
}

static int property_version(sd_bus *bus, const char *path, const char *interface, const char *property,
			    sd_bus_message *reply, void *userdata, sd_bus_error *reterr)
{
	struct fake *fake = userdata;

	uint64_t delay_us = fake->system ? 1000000 : 1000;	/* on a bus the client has a match to install first */

	(void)sd_event_add_time_relative(fake->event, NULL, CLOCK_MONOTONIC, delay_us, 1000, on_events_due, fake);
	return sd_bus_message_append(reply, "s", "0.0-fake");
}

static int property_dry_run(sd_bus *bus, const char *path, const char *interface, const char *property,
			    sd_bus_message *reply, void *userdata, sd_bus_error *reterr)
{
	return sd_bus_message_append(reply, "b", false);
}

static int method_list_old(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	return sd_bus_reply_method_return(msg, "as", 1, "rt");
}

static const sd_bus_vtable old_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("ListDomains", NULL, "as", method_list_old, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Check", "sa(stttt)", "a{sv}", method_reserve_or_check, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Statistics", NULL, "aa{sv}", method_statistics, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END
};

static const sd_bus_vtable manager_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("ListDomains", NULL, "a(susssuo)", method_list, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("GetDomain", "s", "o", method_get_domain, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Reserve", "sa(stttt)", "a{sv}", method_reserve_or_check, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Check", "sa(stttt)", "a{sv}", method_reserve_or_check, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("ReserveWith", "sa(stttta{sv})", "a{sv}", method_reserve_or_check, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("CheckWith", "sa(stttta{sv})", "a{sv}", method_reserve_or_check, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Release", "sas", NULL, method_release, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Capacity", NULL, "aa{sv}", method_capacity, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Doctor", NULL, "a(ssss)", method_doctor, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("DescribeRegime", NULL, "a{sv}", method_regime, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Statistics", NULL, "aa{sv}", method_statistics, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_PROPERTY("Version", "s", property_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("DryRun", "b", property_dry_run, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_VTABLE_END
};

/* ---- domain and reservation objects ---- */

static int property_domain(sd_bus *bus, const char *path, const char *interface, const char *property,
			   sd_bus_message *reply, void *userdata, sd_bus_error *reterr)
{
	const struct fake_domain *d = userdata;

	if (strcmp(property, "PID") == 0)
		return sd_bus_message_append(reply, "u", d->pid);
	if (strcmp(property, "VCPUsUnknown") == 0)
		return sd_bus_message_append(reply, "b", d->unknown);
	if (strcmp(property, "Refused") == 0)
		return sd_bus_message_append(reply, "s", d->reservations ? "" : "vcpu0 would fit with a budget of 4ms instead of 5ms");
	return sd_bus_message_append(reply, "s", strcmp(property, "Name") == 0 ? d->name :
				     strcmp(property, "Origin") == 0 ? d->origin :
				     strcmp(property, "State") == 0 ? d->state :
				     strcmp(property, "Accelerator") == 0 ? d->accel :
				     d->pid == 1234 ? "0e1c6ffe-0000-4000-8000-000000000001" : "");
}

static int property_threads(sd_bus *bus, const char *path, const char *interface, const char *property,
			    sd_bus_message *reply, void *userdata, sd_bus_error *reterr)
{
	const struct fake_domain *d = userdata;
	char vcpu0[160], gone[160];

	snprintf(vcpu0, sizeof(vcpu0), VIRTRK_DOMAIN_PREFIX "/%s/vcpu0", d->encoded);
	snprintf(gone, sizeof(gone), VIRTRK_DOMAIN_PREFIX "/%s/gone", d->encoded);
	return sd_bus_message_append(reply, "a(suss)", 3,
		"emulator", d->pid, "qemu-system-x86", "",
		"vcpu0", d->pid + 6, "CPU 0/KVM", d->reservations ? vcpu0 : "",
		"vcpu1", d->pid + 7, "CPU 1/KVM", d->reservations ? gone : "");	/* released in this moment */
}

static int domain_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret,
		       sd_bus_error *reterr)
{
	*ret = (void *)fake_find(userdata, NULL, path);
	return *ret ? 1 : 0;
}

static const sd_bus_vtable domain_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Name", "s", property_domain, 0, 0),
	SD_BUS_PROPERTY("PID", "u", property_domain, 0, 0),
	SD_BUS_PROPERTY("UUID", "s", property_domain, 0, 0),
	SD_BUS_PROPERTY("Origin", "s", property_domain, 0, 0),
	SD_BUS_PROPERTY("State", "s", property_domain, 0, 0),
	SD_BUS_PROPERTY("Accelerator", "s", property_domain, 0, 0),
	SD_BUS_PROPERTY("Threads", "a(suss)", property_threads, 0, 0),
	SD_BUS_PROPERTY("VCPUsUnknown", "b", property_domain, 0, 0),
	SD_BUS_PROPERTY("Refused", "s", property_domain, 0, 0),
	SD_BUS_VTABLE_END
};

static int property_reservation(sd_bus *bus, const char *path, const char *interface, const char *property,
				sd_bus_message *reply, void *userdata, sd_bus_error *reterr)
{
	struct fake *fake = userdata;
	const struct fake_reservation *r = fake->scene == SCENE_ODD ? reservations_odd : reservations_normal;

	if (strcmp(property, "TID") == 0)
		return sd_bus_message_append(reply, "u", r->tid);
	if (strcmp(property, "Soft") == 0 || strcmp(property, "Metered") == 0)
		return sd_bus_message_append(reply, "b", *property == 'S' ? r->soft : r->metered);
	if (strcmp(property, "CPUs") == 0 || strcmp(property, "Drift") == 0)
		return sd_bus_message_append(reply, "s", *property == 'C' ? "0-1" : r->drift);
	return sd_bus_message_append(reply, "t", strcmp(property, "BudgetNSec") == 0 ? r->budget_ns :
				     strcmp(property, "PeriodNSec") == 0 || strcmp(property, "DeadlineNSec") == 0 ? r->period_ns :
				     strcmp(property, "UsedNSec") == 0 ? (uint64_t)MS(12345) :
				     strcmp(property, "Throttled") == 0 ? (uint64_t)77 :
				     strcmp(property, "Missed") == 0 ? (uint64_t)8 : r->lost);
}

static int reservation_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret,
			    sd_bus_error *reterr)
{
	const char *last = strrchr(path, '/');

	*ret = userdata;
	return strcmp(last, "/vcpu0") == 0;
}

static const sd_bus_vtable reservation_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("TID", "u", property_reservation, 0, 0),
	SD_BUS_PROPERTY("BudgetNSec", "t", property_reservation, 0, 0),
	SD_BUS_PROPERTY("PeriodNSec", "t", property_reservation, 0, 0),
	SD_BUS_PROPERTY("DeadlineNSec", "t", property_reservation, 0, 0),
	SD_BUS_PROPERTY("Soft", "b", property_reservation, 0, 0),
	SD_BUS_PROPERTY("CPUs", "s", property_reservation, 0, 0),
	SD_BUS_PROPERTY("UsedNSec", "t", property_reservation, 0, 0),
	SD_BUS_PROPERTY("Throttled", "t", property_reservation, 0, 0),
	SD_BUS_PROPERTY("Missed", "t", property_reservation, 0, 0),
	SD_BUS_PROPERTY("Lost", "t", property_reservation, 0, 0),
	SD_BUS_PROPERTY("Metered", "b", property_reservation, 0, 0),
	SD_BUS_PROPERTY("Drift", "s", property_reservation, 0, 0),
	SD_BUS_VTABLE_END
};

/* ---- serving ---- */

static int objects_add(sd_bus *bus, struct fake *fake)
{
	int r = sd_bus_add_object_vtable(bus, NULL, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER,
					 fake->scene == SCENE_OLD ? old_vtable : manager_vtable, fake);

	if (r >= 0)
		r = sd_bus_add_fallback_vtable(bus, NULL, VIRTRK_DOMAIN_PREFIX, VIRTRK_INTERFACE_DOMAIN, domain_vtable,
					       domain_find, fake);
	if (r >= 0)
		r = sd_bus_add_fallback_vtable(bus, NULL, VIRTRK_DOMAIN_PREFIX, VIRTRK_INTERFACE_RESERVATION,
					       reservation_vtable, reservation_find, fake);
	return r;
}

static int on_disconnected(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	sd_bus *bus = sd_bus_message_get_bus(msg);
	struct fake *fake = userdata;

	for (size_t i = 0; i < fake->n_peers; i++)
		if (fake->peers[i] == bus)
			fake->peers[i--] = fake->peers[--fake->n_peers];
	sd_bus_detach_event(bus);
	sd_bus_close_unref(bus);
	return 1;
}

static int on_connection(sd_event_source *source, int listen_fd, uint32_t events, void *userdata)
{
	struct fake *fake = userdata;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), r;
	sd_id128_t id;
	sd_bus *bus;

	if (fd < 0 || fake->n_peers == ARRAY_SIZE(fake->peers))
		return -EMFILE;
	if (fake->scene == SCENE_RUDE)
		close(fd);
	if (fake->scene == SCENE_RUDE || fake->scene == SCENE_MUTE)
		return 0;
	r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_id128_randomize(&id);
	if (r >= 0)
		r = sd_bus_set_fd(bus, fd, fd);
	if (r >= 0)
		r = sd_bus_set_server(bus, 1, id);
	if (r >= 0)
		r = objects_add(bus, fake);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r >= 0)
		r = sd_bus_match_signal(bus, NULL, NULL, "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
					"Disconnected", on_disconnected, fake);
	if (r >= 0)
		r = sd_bus_attach_event(bus, fake->event, 0);
	if (r >= 0)
		fake->peers[fake->n_peers++] = bus;
	return r;
}

static int serve_socket(struct fake *fake, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0)
		return -errno;
	return sd_event_add_io(fake->event, NULL, fd, EPOLLIN, on_connection, fake);
}

static int serve_system(struct fake *fake)
{
	int r = sd_bus_open_system(&fake->system);

	if (r >= 0)
		r = objects_add(fake->system, fake);
	if (r >= 0)
		r = sd_bus_attach_event(fake->system, fake->event, 0);
	if (r >= 0)
		r = sd_bus_request_name(fake->system, VIRTRK_BUS_NAME, 0);
	return r;
}

int main(int argc, char **argv)
{
	struct fake fake = { .scene = SCENE_NORMAL };
	const char *wanted = argc > 2 ? argv[2] : "normal";
	int r = sd_event_default(&fake.event);

	while (fake.scene < _SCENE_MAX && strcmp(scene_names[fake.scene], wanted) != 0)
		fake.scene++;
	if (argc < 2 || fake.scene == _SCENE_MAX)
		r = -EINVAL;
	else if (r >= 0)
		r = strncmp(argv[1], "--bus=", 6) == 0 ? serve_socket(&fake, argv[1] + 6) : serve_system(&fake);
	if (r >= 0)
		r = sd_event_loop(fake.event);
	if (r < 0)
		fprintf(stderr, "fake-virtrkd: %s\n", strerror(-r));
	return r < 0;
}
