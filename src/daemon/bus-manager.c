/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * org.virtrk1.Manager. A method is read, call, reply; the one that may take time (Reserve waits for bandwidth on its way
 * back) keeps its message and replies later.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus-private.h"
#include "cpulist.h"

#define ITEMS_MAX 4096

/* ---- what is asked ---- */

static int item_cpus_read(sd_bus_message *msg, struct request_item *item, sd_bus_error *reterr)
{
	const char *text;
	int r;

	r = sd_bus_message_read(msg, "v", "s", &text);
	if (r < 0)
		return r;
	if (cpulist_parse(text, &item->cpus) < 0 || CPU_COUNT(&item->cpus) == 0)
		return sd_bus_error_setf(reterr, VIRTRK_ERROR_BAD_CPU, "%s: \"%.80s\" is no list of CPUs such as 2 or 2-3,5 (0 to %d)",
					 item->thread, text, CPU_SETSIZE - 1);
	return 0;
}

/* a{sv}: what is optional of a request. An unknown key may mean anything: it is not passed over. */
static int item_options_read(sd_bus_message *msg, struct request_item *item, sd_bus_error *reterr)
{
	const char *key;
	int r;

	r = sd_bus_message_enter_container(msg, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(msg, 'e', "sv")) > 0) {
		r = sd_bus_message_read(msg, "s", &key);
		if (r < 0)
			return r;
		if (strcmp(key, "CPUs") != 0)
			return sd_bus_error_setf(reterr, SD_BUS_ERROR_INVALID_ARGS, "%s: unknown option \"%.40s\", known is CPUs",
						 item->thread, key);
		r = item_cpus_read(msg, item, reterr);
		if (r >= 0)
			r = sd_bus_message_exit_container(msg);
	}
	return r < 0 ? r : sd_bus_message_exit_container(msg);
}

/* 0 = no more. @options: with a{sv} behind the numbers. */
static int item_read(sd_bus_message *msg, bool options, struct request_item *item, sd_bus_error *reterr)
{
	uint64_t budget, period, deadline, flags;
	const char *thread;
	int r;

	r = sd_bus_message_enter_container(msg, 'r', options ? "stttta{sv}" : "stttt");
	if (r <= 0)
		return r;
	r = sd_bus_message_read(msg, "stttt", &thread, &budget, &period, &deadline, &flags);
	if (r < 0)
		return r;
	if (strlen(thread) >= sizeof(item->thread))
		return sd_bus_error_setf(reterr, VIRTRK_ERROR_BAD_THREAD,
					 "\"%.40s...\" names no thread: expected vcpuN, emulator, iothreadN or vhostN", thread);
	if (flags & ~VIRTRK_RESERVE_FLAGS_ALL)
		return sd_bus_error_setf(reterr, SD_BUS_ERROR_INVALID_ARGS, "unknown flags 0x%" PRIx64,
					 (uint64_t)(flags & ~VIRTRK_RESERVE_FLAGS_ALL));
	*item = (struct request_item) {
		.reservation = { .budget_ns = budget, .period_ns = period, .deadline_ns = deadline ?: period },
		.soft = flags & VIRTRK_RESERVE_SOFT,
		.replace = flags & VIRTRK_RESERVE_REPLACE,
	};
	strcpy(item->thread, thread);
	if (options)
		r = item_options_read(msg, item, reterr);
	if (r >= 0)
		r = sd_bus_message_exit_container(msg);
	return r < 0 ? r : 1;
}

/* Which of both it is, the signature of the message says: D-Bus has refused any other. */
int bus_read_items(sd_bus_message *msg, struct request_item **ret, size_t *ret_n, sd_bus_error *reterr)
{
	_cleanup_(freep) struct request_item *items = NULL;
	bool options = strstr(sd_bus_message_get_signature(msg, true), "a{sv}");
	size_t n = 0;
	int r;

	r = sd_bus_message_enter_container(msg, 'a', options ? "(stttta{sv})" : "(stttt)");
	if (r < 0)
		return r;
	for (;;) {
		struct request_item item;
		struct request_item *more;

		r = item_read(msg, options, &item, reterr);
		if (r < 0)
			return r;
		if (r == 0)
			break;
		if (n == ITEMS_MAX)
			return sd_bus_error_setf(reterr, SD_BUS_ERROR_LIMITS_EXCEEDED,
						 "a request holds at most %d threads", ITEMS_MAX);
		more = reallocarray(items, n + 1, sizeof(*items));
		if (!more)
			return -ENOMEM;
		items = more;
		items[n++] = item;
	}
	r = sd_bus_message_exit_container(msg);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(items);
	*ret_n = n;
	return 0;
}

/* ---- what is answered ---- */

static int append_s(sd_bus_message *reply, const char *key, const char *value)
{
	return sd_bus_message_append(reply, "{sv}", key, "s", value);
}

static int append_t(sd_bus_message *reply, const char *key, uint64_t value)
{
	return sd_bus_message_append(reply, "{sv}", key, "t", value);
}

static int append_u(sd_bus_message *reply, const char *key, uint32_t value)
{
	return sd_bus_message_append(reply, "{sv}", key, "u", value);
}

static int append_b(sd_bus_message *reply, const char *key, bool value)
{
	return sd_bus_message_append(reply, "{sv}", key, "b", (int)value);
}

static int append_cpus(sd_bus_message *reply, const char *key, const cpu_set_t *set)
{
	_cleanup_(freep) char *cpus = NULL;
	int r;

	r = cpulist_format(set, &cpus);
	return r < 0 ? r : append_s(reply, key, cpus);
}

int bus_append_verdict(sd_bus_message *reply, const struct verdict *v)
{
	bool repair = v->repair.kind == VRK_REPAIR_BUDGET || v->repair.kind == VRK_REPAIR_DEADLINE ||
		      v->repair.kind == VRK_REPAIR_PERIOD;
	int r;

	r = sd_bus_message_open_container(reply, 'a', "{sv}");
	if (r < 0)
		return r;
	if ((r = append_b(reply, "Fits", v->analysis.ok)) < 0 ||
	    (r = append_s(reply, "Test", vrk_test_name(v->analysis.test))) < 0 ||
	    (r = append_s(reply, "Regime", v->regime)) < 0 || (r = append_s(reply, "Reason", v->reason)) < 0 ||
	    (r = append_t(reply, "LHS", v->analysis.lhs)) < 0 || (r = append_t(reply, "RHS", v->analysis.rhs)) < 0 ||
	    (r = append_s(reply, "Unit", v->analysis.unit == VRK_SIDE_BW ? "bw" : "ns")) < 0 ||
	    (r = append_t(reply, "AtNSec", v->analysis.at_ns)) < 0 || (r = append_u(reply, "Index", v->index)) < 0 ||
	    (r = append_s(reply, "Repair", v->repair_text)) < 0 ||
	    (r = append_t(reply, "RepairBudgetNSec", repair ? v->repair.fits.budget_ns : 0)) < 0 ||
	    (r = append_t(reply, "RepairPeriodNSec", repair ? v->repair.fits.period_ns : 0)) < 0 ||
	    (r = append_t(reply, "RepairDeadlineNSec", repair ? v->repair.fits.deadline_ns : 0)) < 0)
		return r;
	return sd_bus_message_close_container(reply);
}

/* ---- Reserve, Check, Release ---- */

void bus_reserve_reply(int r, const struct verdict *verdict, const struct vr_error *err, void *userdata)
{
	sd_bus_message *msg = userdata;
	sd_bus_message *reply = NULL;
	sd_bus_error error = SD_BUS_ERROR_NULL;

	if (r < 0) {
		(void)bus_fail(&error, r, err);
		(void)sd_bus_reply_method_error(msg, &error);
	} else {
		r = sd_bus_message_new_method_return(msg, &reply);
		if (r >= 0)
			r = bus_append_verdict(reply, verdict);
		if (r >= 0)
			r = sd_bus_send(NULL, reply, NULL);
		if (r < 0) {	/* an error alone would say that there is none */
			(void)sd_bus_error_setf(&error, VIRTRK_ERROR_FAILED, "the reservation is in force, but the verdict cannot be told: %s",
						strerror(-r));
			(void)sd_bus_reply_method_error(msg, &error);
		}
	}
	sd_bus_error_free(&error);
	sd_bus_message_unref(reply);
	sd_bus_message_unref(msg);
}

int bus_reserve(struct bus *bus, sd_bus_message *msg, const char *domain, sd_bus_error *reterr)
{
	_cleanup_(freep) struct request_item *items = NULL;
	size_t n;
	int r;

	r = bus_read_items(msg, &items, &n, reterr);
	if (r < 0)
		return r;
	r = manager_reserve(bus_manager(bus), domain, items, n, bus_reserve_reply, sd_bus_message_ref(msg));
	if (r < 0) {
		sd_bus_message_unref(msg);
		return bus_fail(reterr, r, NULL);
	}
	return 1;	/* answered, or answered later */
}

/* Done, but the answer could not be sent: an error alone would say that nothing was given back, and more than was named is not. */
static int release_untold(const char *domain, const char *const *threads, size_t n, int r, sd_bus_error *reterr)
{
	if (n == 0)
		return sd_bus_error_setf(reterr, VIRTRK_ERROR_FAILED, "all of %s is released, but that cannot be told: %s", domain, strerror(-r));
	if (n == 1)
		return sd_bus_error_setf(reterr, VIRTRK_ERROR_FAILED, "%s of %s is released, but that cannot be told: %s", threads[0], domain,
					 strerror(-r));
	return sd_bus_error_setf(reterr, VIRTRK_ERROR_FAILED, "the threads of %s that were named are released, but that cannot be told: %s",
				 domain, strerror(-r));
}

int bus_release(struct bus *bus, sd_bus_message *msg, const char *domain, sd_bus_error *reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	char **threads = NULL;
	size_t n = 0;
	int r;

	r = sd_bus_message_read_strv(msg, &threads);
	if (r < 0)
		return r;
	while (threads && threads[n])
		n++;
	r = manager_release(bus_manager(bus), domain, (const char *const *)threads, n, &err);
	if (r < 0) {
		r = bus_fail(reterr, r, err);
	} else {
		r = sd_bus_reply_method_return(msg, NULL);
		if (r < 0)
			r = release_untold(domain, (const char *const *)threads, n, r, reterr);
	}
	for (size_t i = 0; i < n; i++)
		free(threads[i]);
	free(threads);
	return r;
}

static int method_reserve(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	const char *domain;
	int r;

	r = bus_authorize(userdata, msg, VIRTRK_ACTION_RESERVE, method_reserve, userdata, reterr);
	if (r != 0)
		return r;
	r = sd_bus_message_read(msg, "s", &domain);
	return r < 0 ? r : bus_reserve(userdata, msg, domain, reterr);
}

static int method_release(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	const char *domain;
	int r;

	r = bus_authorize(userdata, msg, VIRTRK_ACTION_RESERVE, method_release, userdata, reterr);
	if (r != 0)
		return r;
	r = sd_bus_message_read(msg, "s", &domain);
	return r < 0 ? r : bus_release(userdata, msg, domain, reterr);
}

static int method_check(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	_cleanup_(verdict_done) struct verdict verdict = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) struct request_item *items = NULL;
	sd_bus_message *reply = NULL;
	const char *domain;
	size_t n;
	int r;

	r = bus_authorize(userdata, msg, VIRTRK_ACTION_INSPECT, method_check, userdata, reterr);
	if (r != 0)
		return r;
	r = sd_bus_message_read(msg, "s", &domain);
	if (r >= 0)
		r = bus_read_items(msg, &items, &n, reterr);
	if (r < 0)
		return r;
	r = manager_check(bus_manager(userdata), domain, items, n, &verdict, &err);
	if (r < 0)
		return bus_fail(reterr, r, err);
	r = sd_bus_message_new_method_return(msg, &reply);
	if (r >= 0)
		r = bus_append_verdict(reply, &verdict);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r;
}

/* ---- domains ---- */

static uint32_t domain_reservations(const struct manager *m, const char *domain)
{
	const struct ledger *ledger = manager_ledger(m);
	uint32_t n = 0;

	for (size_t i = 0; i < ledger->n; i++)
		n += strcmp(ledger->promises[i].domain, domain) == 0;
	return n;
}

static int append_domain(sd_bus_message *reply, struct manager *m, const struct vm *vm)
{
	_cleanup_(freep) char *path = NULL;
	int r;

	r = bus_domain_path(vm->name, &path);
	if (r < 0)
		return r;
	return sd_bus_message_append(reply, "(susssuo)", vm->name, (uint32_t)vm->pid, vm_origin_name(vm->origin),
				     vm_state_name(vm->state), vm_accel_name(vm->accel), domain_reservations(m, vm->name),
				     path);
}

static int method_list_domains(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	struct manager *m = bus_manager(userdata);
	const struct vm_table *vms = manager_vms(m);
	sd_bus_message *reply = NULL;
	int r;

	r = sd_bus_message_new_method_return(msg, &reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "(susssuo)");
	for (size_t i = 0; r >= 0 && i < vms->n; i++)
		r = append_domain(reply, m, vms->vms[i]);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r;
}

static int method_get_domain(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) char *path = NULL;
	const char *name;
	struct vm *vm;
	int r;

	r = sd_bus_message_read(msg, "s", &name);
	if (r < 0)
		return r;
	r = manager_vm_lookup(bus_manager(userdata), name, &vm, &err);
	if (r < 0)
		return bus_fail(reterr, r, err);
	r = bus_domain_path(name, &path);
	return r < 0 ? r : sd_bus_reply_method_return(msg, "o", path);
}

/* ---- Capacity, Statistics, Doctor, DescribeRegime ---- */

static int append_largest(sd_bus_message *reply, const struct capacity *c)
{
	int r;

	r = sd_bus_message_open_container(reply, 'e', "sv");
	if (r >= 0)
		r = sd_bus_message_append(reply, "s", "Largest");
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'v', "a(tt)");
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "(tt)");
	for (size_t i = 0; r >= 0 && i < CAPACITY_PERIODS; i++)
		r = sd_bus_message_append(reply, "(tt)", c->period_ns[i], c->largest_ns[i]);
	for (int i = 0; r >= 0 && i < 3; i++)
		r = sd_bus_message_close_container(reply);
	return r;
}

static int append_capacity(sd_bus_message *reply, const struct capacity *c)
{
	int r;

	r = sd_bus_message_open_container(reply, 'a', "{sv}");
	if (r < 0)
		return r;
	if ((r = append_s(reply, "Name", c->name)) < 0 ||
	    (r = append_cpus(reply, "CPUs", &c->cpus)) < 0 || (r = append_u(reply, "NCPUs", c->n_cpus)) < 0 ||
	    (r = append_s(reply, "Regime", c->regime)) < 0 ||
	    (r = append_s(reply, "Test", c->n_cpus == 1 ? "qpa" : "gedf")) < 0 ||
	    (r = append_t(reply, "KernelUsed", c->kernel_used_bw)) < 0 ||
	    (r = append_t(reply, "KernelLimit", c->kernel_limit_bw)) < 0 ||
	    (r = append_t(reply, "Reserved", c->reserved_bw)) < 0 || (r = append_t(reply, "Foreign", c->foreign_bw)) < 0 ||
	    (r = append_t(reply, "Prepared", c->prepared_bw)) < 0 || (r = append_u(reply, "Reservations", c->reservations)) < 0 ||
	    (r = append_largest(reply, c)) < 0)
		return r;
	return sd_bus_message_close_container(reply);
}

static int method_capacity(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	struct manager *m = bus_manager(userdata);
	sd_bus_message *reply = NULL;
	int r;

	r = bus_authorize(userdata, msg, VIRTRK_ACTION_INSPECT, method_capacity, userdata, reterr);
	if (r != 0)
		return r;
	r = sd_bus_message_new_method_return(msg, &reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "a{sv}");
	for (size_t i = 0; r >= 0 && i < manager_places(m); i++) {
		_cleanup_(capacity_done) struct capacity c = { 0 };

		r = manager_capacity(m, i, &c);
		if (r >= 0)
			r = append_capacity(reply, &c);
	}
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r;
}

static int append_statistics(sd_bus_message *reply, struct manager *m, const struct promise *p)
{
	struct monitor_sample s;
	int r;

	r = manager_sample(m, p, &s);
	if (r < 0)
		return 0;	/* it has just ended, or cannot be looked at just now: the watch will find out */
	r = sd_bus_message_open_container(reply, 'a', "{sv}");
	if (r < 0)
		return r;
	if ((r = append_s(reply, "Domain", p->domain)) < 0 || (r = append_s(reply, "Thread", p->thread)) < 0 ||
	    (r = append_u(reply, "TID", (uint32_t)p->tid)) < 0 ||
	    (r = append_t(reply, "BudgetNSec", p->reservation.budget_ns)) < 0 ||
	    (r = append_t(reply, "PeriodNSec", p->reservation.period_ns)) < 0 ||
	    (r = append_t(reply, "DeadlineNSec", p->reservation.deadline_ns)) < 0 ||
	    (r = append_b(reply, "Soft", p->soft)) < 0 || (r = append_t(reply, "TimeNSec", s.time_ns)) < 0 ||
	    (r = append_t(reply, "SinceNSec", s.since_ns)) < 0 || (r = append_t(reply, "UsedNSec", s.used_ns)) < 0 ||
	    (r = append_t(reply, "ReadyNSec", s.ready_ns)) < 0 ||
	    (r = append_t(reply, "ThrottledNSec", s.throttled_ns)) < 0 ||
	    (r = append_t(reply, "Throttled", s.throttled)) < 0 || (r = append_t(reply, "Missed", s.missed)) < 0 ||
	    (r = append_t(reply, "WorstLateNSec", s.worst_late_ns)) < 0 || (r = append_t(reply, "Lost", s.lost)) < 0 ||
	    (r = append_b(reply, "Metered", s.metered)) < 0 || (r = append_s(reply, "Drift", manager_drift(m, p))) < 0)
		return r;
	return sd_bus_message_close_container(reply);
}

static int method_statistics(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	struct manager *m = bus_manager(userdata);
	const struct ledger *ledger = manager_ledger(m);
	sd_bus_message *reply = NULL;
	int r;

	r = bus_authorize(userdata, msg, VIRTRK_ACTION_INSPECT, method_statistics, userdata, reterr);
	if (r != 0)
		return r;
	r = sd_bus_message_new_method_return(msg, &reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "a{sv}");
	for (size_t i = 0; r >= 0 && i < ledger->n; i++)
		r = append_statistics(reply, m, &ledger->promises[i]);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r;
}

static int method_doctor(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	sd_bus_message *reply = NULL;
	struct finding *findings;
	size_t n;
	int r;

	r = bus_authorize(userdata, msg, VIRTRK_ACTION_INSPECT, method_doctor, userdata, reterr);
	if (r != 0)
		return r;
	r = manager_doctor(bus_manager(userdata), &findings, &n);
	if (r < 0)
		return bus_fail(reterr, r, NULL);
	r = sd_bus_message_new_method_return(msg, &reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "(ssss)");
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = sd_bus_message_append(reply, "(ssss)", finding_level_name(findings[i].level), findings[i].check,
					  findings[i].text, findings[i].mend ?: "");
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	doctor_findings_free(findings, n);
	sd_bus_message_unref(reply);
	return r;
}

static const char *tristate_name(enum tristate t)
{
	return t == YES ? "yes" : t == NO ? "no" : "unknown";
}

static int append_regime(sd_bus_message *reply, const struct regime *g)
{
	static const char *const cgroup_names[] = { "none", "v1", "hybrid", "v2" };
	int r;

	if ((r = append_s(reply, "Kind", regime_kind_name(g->kind))) < 0 ||
	    (r = append_s(reply, "Release", g->release)) < 0 || (r = append_u(reply, "NCPUs", g->n_cpus)) < 0 ||
	    (r = append_cpus(reply, "CPUs", &g->online)) < 0 || (r = append_cpus(reply, "Isolated", &g->isolated)) < 0 ||
	    (r = sd_bus_message_append(reply, "{sv}", "RTRuntimeUSec", "x", g->rt_runtime_us)) < 0 ||
	    (r = append_t(reply, "RTPeriodUSec", g->rt_period_us)) < 0 ||
	    (r = append_t(reply, "FairBudgetNSec", g->fair_budget_ns)) < 0 ||
	    (r = append_t(reply, "FairPeriodNSec", g->fair_period_ns)) < 0 ||
	    (r = append_b(reply, "FairKnown", g->fair_known == YES)) < 0 ||
	    (r = append_s(reply, "HRTickDL", tristate_name(g->hrtick_dl))) < 0 ||
	    (r = append_t(reply, "TickNSec", g->tick_ns)) < 0 || (r = append_s(reply, "SMT", tristate_name(g->smt))) < 0 ||
	    (r = append_s(reply, "PreemptRT", tristate_name(g->preempt_rt))) < 0 ||
	    (r = append_s(reply, "FrequencyScaling", tristate_name(g->frequency_scaling))) < 0 ||
	    (r = append_s(reply, "Cgroup", cgroup_names[g->cgroup])) < 0 ||
	    (r = append_s(reply, "Partitions", tristate_name(g->partitions))) < 0 ||
	    (r = append_s(reply, "RemotePartitions", tristate_name(g->remote_partitions))) < 0)
		return r;
	return 0;
}

static int method_describe_regime(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	sd_bus_message *reply = NULL;
	int r;

	r = bus_authorize(userdata, msg, VIRTRK_ACTION_INSPECT, method_describe_regime, userdata, reterr);
	if (r != 0)
		return r;
	r = sd_bus_message_new_method_return(msg, &reply);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "{sv}");
	if (r >= 0)
		r = append_regime(reply, manager_regime(bus_manager(userdata)));
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r;
}

/* ---- properties ---- */

static int get_version(sd_bus *b, const char *path, const char *interface, const char *property, sd_bus_message *reply,
		       void *userdata, sd_bus_error *reterr)
{
	return sd_bus_message_append(reply, "s", VIRTRK_VERSION);
}

static int get_dry_run(sd_bus *b, const char *path, const char *interface, const char *property, sd_bus_message *reply,
		       void *userdata, sd_bus_error *reterr)
{
	return sd_bus_message_append(reply, "b", (int)manager_dry_run(bus_manager(userdata)));
}

static int get_n_reservations(sd_bus *b, const char *path, const char *interface, const char *property,
			      sd_bus_message *reply, void *userdata, sd_bus_error *reterr)
{
	return sd_bus_message_append(reply, "u", (uint32_t)manager_ledger(bus_manager(userdata))->n);
}

static int get_n_domains(sd_bus *b, const char *path, const char *interface, const char *property,
			 sd_bus_message *reply, void *userdata, sd_bus_error *reterr)
{
	return sd_bus_message_append(reply, "u", (uint32_t)manager_vms(bus_manager(userdata))->n);
}

#define OPEN SD_BUS_VTABLE_UNPRIVILEGED	/* bus_authorize() checks who calls */

const sd_bus_vtable bus_manager_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD_WITH_ARGS("ListDomains", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(susssuo)", domains), method_list_domains, OPEN),
	SD_BUS_METHOD_WITH_ARGS("GetDomain", SD_BUS_ARGS("s", domain), SD_BUS_RESULT("o", object), method_get_domain, OPEN),
	SD_BUS_METHOD_WITH_ARGS("Reserve", SD_BUS_ARGS("s", domain, "a(stttt)", requests), SD_BUS_RESULT("a{sv}", verdict),
				method_reserve, OPEN),
	SD_BUS_METHOD_WITH_ARGS("Check", SD_BUS_ARGS("s", domain, "a(stttt)", requests), SD_BUS_RESULT("a{sv}", verdict),
				method_check, OPEN),
	SD_BUS_METHOD_WITH_ARGS("ReserveWith", SD_BUS_ARGS("s", domain, "a(stttta{sv})", requests),
				SD_BUS_RESULT("a{sv}", verdict), method_reserve, OPEN),
	SD_BUS_METHOD_WITH_ARGS("CheckWith", SD_BUS_ARGS("s", domain, "a(stttta{sv})", requests),
				SD_BUS_RESULT("a{sv}", verdict), method_check, OPEN),
	SD_BUS_METHOD_WITH_ARGS("Release", SD_BUS_ARGS("s", domain, "as", threads), SD_BUS_NO_RESULT, method_release, OPEN),
	SD_BUS_METHOD_WITH_ARGS("Prepare", SD_BUS_ARGS("s", document, "t", ttl_nsec), SD_BUS_RESULT("s", token), bus_method_prepare, OPEN),
	SD_BUS_METHOD_WITH_ARGS("PrepareStart", SD_BUS_ARGS("s", domain, "a(stttta{sv})", requests, "a{sv}", options), SD_BUS_NO_RESULT,
				bus_method_prepare_start, OPEN),
	SD_BUS_METHOD_WITH_ARGS("Commit", SD_BUS_ARGS("s", token), SD_BUS_RESULT("a{sv}", verdict), bus_method_commit, OPEN),
	SD_BUS_METHOD_WITH_ARGS("Abort", SD_BUS_ARGS("s", token), SD_BUS_NO_RESULT, bus_method_abort, OPEN),
	SD_BUS_METHOD_WITH_ARGS("Memory", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", memory), bus_method_memory, OPEN),
	SD_BUS_METHOD_WITH_ARGS("PrepareMemory", SD_BUS_ARGS("s", domain, "t", bytes, "a{sv}", wanted), SD_BUS_RESULT("s", options),
				bus_method_prepare_memory, OPEN),
	SD_BUS_METHOD_WITH_ARGS("CheckMemory", SD_BUS_ARGS("s", domain, "t", bytes, "a{sv}", wanted), SD_BUS_RESULT("s", options),
				bus_method_check_memory, OPEN),
	SD_BUS_METHOD_WITH_ARGS("AbortMemory", SD_BUS_ARGS("s", domain), SD_BUS_NO_RESULT, bus_method_abort_memory, OPEN),
	SD_BUS_METHOD_WITH_ARGS("Caches", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sss)", groups), bus_method_caches, OPEN),
	SD_BUS_METHOD_WITH_ARGS("ReserveCache", SD_BUS_ARGS("s", domain, "u", ways, "u", bandwidth_percent), SD_BUS_RESULT("s", schemata),
				bus_method_reserve_cache, OPEN),
	SD_BUS_METHOD_WITH_ARGS("CheckCache", SD_BUS_ARGS("s", domain, "u", ways), SD_BUS_NO_RESULT, bus_method_check_cache, OPEN),
	SD_BUS_METHOD_WITH_ARGS("ReleaseCache", SD_BUS_ARGS("s", domain), SD_BUS_NO_RESULT, bus_method_release_cache, OPEN),
	SD_BUS_METHOD_WITH_ARGS("Capacity", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", partitions), method_capacity, OPEN),
	SD_BUS_METHOD_WITH_ARGS("Statistics", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", reservations), method_statistics, OPEN),
	SD_BUS_METHOD_WITH_ARGS("Doctor", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssss)", findings), method_doctor, OPEN),
	SD_BUS_METHOD_WITH_ARGS("DescribeRegime", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", regime), method_describe_regime, OPEN),
	SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("DryRun", "b", get_dry_run, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("NReservations", "u", get_n_reservations, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("NDomains", "u", get_n_domains, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_SIGNAL_WITH_ARGS("DomainAppeared", SD_BUS_ARGS("s", domain, "u", pid), 0),
	SD_BUS_SIGNAL_WITH_ARGS("DomainVanished", SD_BUS_ARGS("s", domain, "u", pid), 0),
	SD_BUS_SIGNAL_WITH_ARGS("ThreadsChanged", SD_BUS_ARGS("s", domain), 0),
	SD_BUS_SIGNAL_WITH_ARGS("StateChanged", SD_BUS_ARGS("s", domain, "s", state), 0),
	SD_BUS_SIGNAL_WITH_ARGS("Reserved", SD_BUS_ARGS("s", domain, "s", thread, "t", budget_nsec, "t", period_nsec, "t", deadline_nsec), 0),
	SD_BUS_SIGNAL_WITH_ARGS("Released", SD_BUS_ARGS("s", domain, "s", thread, "s", why), 0),
	SD_BUS_SIGNAL_WITH_ARGS("Drift", SD_BUS_ARGS("s", domain, "s", thread, "s", what, "s", old, "s", new, "s", action), 0),
	SD_BUS_SIGNAL_WITH_ARGS("Missed", SD_BUS_ARGS("s", domain, "s", thread, "t", count), 0),
	SD_BUS_SIGNAL_WITH_ARGS("Refused", SD_BUS_ARGS("s", domain, "s", reason), 0),
	SD_BUS_SIGNAL_WITH_ARGS("MemoryExhausted", SD_BUS_ARGS("s", domain, "s", path, "t", wanted_bytes, "t", left_bytes), 0),
	SD_BUS_VTABLE_END
};
