/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * org.virtrk1.Domain and org.virtrk1.Reservation. Objects are not kept: a path is looked up in the manager's table and
 * ledger at each call, so there is nothing to keep in step.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus-private.h"
#include "cpulist.h"

/* ---- paths ---- */

int bus_domain_path(const char *domain, char **ret)
{
	return sd_bus_path_encode(VIRTRK_DOMAIN_PREFIX, domain, ret);
}

int bus_reservation_path(const char *domain, const char *thread, char **ret)
{
	_cleanup_(freep) char *prefix = NULL;
	int r;

	r = bus_domain_path(domain, &prefix);
	return r < 0 ? r : sd_bus_path_encode(prefix, thread, ret);
}

static const struct vm *vm_of_path(struct bus *bus, const char *path)
{
	_cleanup_(freep) char *name = NULL;

	if (sd_bus_path_decode(path, VIRTRK_DOMAIN_PREFIX, &name) <= 0)
		return NULL;
	return vm_table_by_name(manager_vms(bus_manager(bus)), name);
}

static const struct promise *promise_of_path(struct bus *bus, const char *path)
{
	const struct ledger *ledger = manager_ledger(bus_manager(bus));

	for (size_t i = 0; i < ledger->n; i++) {
		_cleanup_(freep) char *own = NULL;

		if (bus_reservation_path(ledger->promises[i].domain, ledger->promises[i].thread, &own) >= 0 &&
		    strcmp(own, path) == 0)
			return &ledger->promises[i];
	}
	return NULL;
}

static int find_domain(sd_bus *c, const char *path, const char *interface, void *userdata, void **ret_found,
		       sd_bus_error *reterr)
{
	if (!vm_of_path(userdata, path))
		return 0;
	*ret_found = userdata;
	return 1;
}

static int find_reservation(sd_bus *c, const char *path, const char *interface, void *userdata, void **ret_found,
			    sd_bus_error *reterr)
{
	if (!promise_of_path(userdata, path))
		return 0;
	*ret_found = userdata;
	return 1;
}

/* All objects below the prefix: domains, and the reservations below them. */
static int enumerate(sd_bus *c, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *reterr)
{
	const struct vm_table *vms = manager_vms(bus_manager(userdata));
	const struct ledger *ledger = manager_ledger(bus_manager(userdata));
	char **nodes = calloc(vms->n + ledger->n + 1, sizeof(*nodes));
	size_t n = 0;
	int r = 0;

	if (!nodes)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < vms->n; i++)
		r = bus_domain_path(vms->vms[i]->name, &nodes[n++]);
	for (size_t i = 0; r >= 0 && i < ledger->n; i++)
		r = bus_reservation_path(ledger->promises[i].domain, ledger->promises[i].thread, &nodes[n++]);
	if (r < 0) {
		for (size_t i = 0; i < n; i++)
			free(nodes[i]);
		free(nodes);
		return r;
	}
	*ret_nodes = nodes;
	return 0;
}

/* ---- org.virtrk1.Domain ---- */

static int append_threads(sd_bus_message *reply, struct bus *bus, const struct vm *vm)
{
	int r;

	r = sd_bus_message_open_container(reply, 'a', "(suss)");
	for (size_t i = 0; r >= 0 && i < vm->n_threads; i++) {
		const struct vm_thread *t = &vm->threads[i];
		_cleanup_(freep) char *path = NULL;

		if (ledger_find(manager_ledger(bus_manager(bus)), vm->name, t->name)) {
			r = bus_reservation_path(vm->name, t->name, &path);
			if (r < 0)
				return r;
		}
		r = sd_bus_message_append(reply, "(suss)", t->name, (uint32_t)t->tid, t->comm, path ?: "");
	}
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_domain_property(sd_bus *c, const char *path, const char *interface, const char *property,
			       sd_bus_message *reply, void *userdata, sd_bus_error *reterr)
{
	const struct vm *vm = vm_of_path(userdata, path);

	if (!vm)
		return sd_bus_error_set(reterr, VIRTRK_ERROR_NO_DOMAIN, "the domain has ended");
	if (strcmp(property, "Name") == 0)
		return sd_bus_message_append(reply, "s", vm->name);
	if (strcmp(property, "PID") == 0)
		return sd_bus_message_append(reply, "u", (uint32_t)vm->pid);
	if (strcmp(property, "UUID") == 0)
		return sd_bus_message_append(reply, "s", vm->uuid ?: "");
	if (strcmp(property, "Origin") == 0)
		return sd_bus_message_append(reply, "s", vm_origin_name(vm->origin));
	if (strcmp(property, "State") == 0)
		return sd_bus_message_append(reply, "s", vm_state_name(vm->state));
	if (strcmp(property, "Accelerator") == 0)
		return sd_bus_message_append(reply, "s", vm_accel_name(vm->accel));
	if (strcmp(property, "Refused") == 0)
		return sd_bus_message_append(reply, "s", manager_intent_refusal(bus_manager(userdata), vm->pid));
	if (strcmp(property, "VCPUsUnknown") == 0)
		return sd_bus_message_append(reply, "b", (int)vm->vcpus_unknown);
	return append_threads(reply, userdata, vm);
}

static int method_domain_reserve(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	const struct vm *vm = vm_of_path(userdata, sd_bus_message_get_path(msg));
	int r;

	r = bus_authorize(userdata, msg, VIRTRK_ACTION_RESERVE, method_domain_reserve, userdata, reterr);
	if (r != 0)
		return r;
	return vm ? bus_reserve(userdata, msg, vm->name, reterr)
		  : sd_bus_error_set(reterr, VIRTRK_ERROR_NO_DOMAIN, "the domain has ended");
}

static int method_domain_release(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	const struct vm *vm = vm_of_path(userdata, sd_bus_message_get_path(msg));
	int r;

	r = bus_authorize(userdata, msg, VIRTRK_ACTION_RESERVE, method_domain_release, userdata, reterr);
	if (r != 0)
		return r;
	return vm ? bus_release(userdata, msg, vm->name, reterr)
		  : sd_bus_error_set(reterr, VIRTRK_ERROR_NO_DOMAIN, "the domain has ended");
}

#define OPEN SD_BUS_VTABLE_UNPRIVILEGED	/* bus_authorize() checks who calls */

const sd_bus_vtable bus_domain_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD_WITH_ARGS("Reserve", SD_BUS_ARGS("a(stttt)", requests), SD_BUS_RESULT("a{sv}", verdict),
				method_domain_reserve, OPEN),
	SD_BUS_METHOD_WITH_ARGS("Release", SD_BUS_ARGS("as", threads), SD_BUS_NO_RESULT, method_domain_release, OPEN),
	SD_BUS_PROPERTY("Name", "s", get_domain_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("PID", "u", get_domain_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("UUID", "s", get_domain_property, 0, 0),
	SD_BUS_PROPERTY("Origin", "s", get_domain_property, 0, 0),
	SD_BUS_PROPERTY("State", "s", get_domain_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Accelerator", "s", get_domain_property, 0, 0),
	SD_BUS_PROPERTY("Threads", "a(suss)", get_domain_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("VCPUsUnknown", "b", get_domain_property, 0, 0),
	SD_BUS_PROPERTY("Refused", "s", get_domain_property, 0, 0),
	SD_BUS_VTABLE_END
};

/* ---- org.virtrk1.Reservation ---- */

static int append_cpus(sd_bus_message *reply, const cpu_set_t *set)
{
	_cleanup_(freep) char *cpus = NULL;
	int r;

	r = cpulist_format(set, &cpus);
	return r < 0 ? r : sd_bus_message_append(reply, "s", cpus);
}

static int get_promise_property(sd_bus *c, const char *path, const char *interface, const char *property,
				sd_bus_message *reply, void *userdata, sd_bus_error *reterr)
{
	const struct promise *p = promise_of_path(userdata, path);
	cpu_set_t cpus;

	if (!p)
		return sd_bus_error_set(reterr, VIRTRK_ERROR_NOT_RESERVED, "the reservation has ended");
	if (strcmp(property, "Domain") == 0)
		return sd_bus_message_append(reply, "s", p->domain);
	if (strcmp(property, "Thread") == 0)
		return sd_bus_message_append(reply, "s", p->thread);
	if (strcmp(property, "TID") == 0)
		return sd_bus_message_append(reply, "u", (uint32_t)p->tid);
	if (strcmp(property, "BudgetNSec") == 0)
		return sd_bus_message_append(reply, "t", p->reservation.budget_ns);
	if (strcmp(property, "PeriodNSec") == 0)
		return sd_bus_message_append(reply, "t", p->reservation.period_ns);
	if (strcmp(property, "DeadlineNSec") == 0)
		return sd_bus_message_append(reply, "t", p->reservation.deadline_ns);
	if (strcmp(property, "Soft") == 0)
		return sd_bus_message_append(reply, "b", (int)p->soft);
	if (strcmp(property, "Drift") == 0)
		return sd_bus_message_append(reply, "s", manager_drift(bus_manager(userdata), p));
	manager_cpus(bus_manager(userdata), p, &cpus);
	return append_cpus(reply, &cpus);
}

static int get_measured_property(sd_bus *c, const char *path, const char *interface, const char *property,
				 sd_bus_message *reply, void *userdata, sd_bus_error *reterr)
{
	const struct promise *p = promise_of_path(userdata, path);
	struct monitor_sample s;

	if (!p || manager_sample(bus_manager(userdata), p, &s) < 0)
		return sd_bus_error_set(reterr, VIRTRK_ERROR_NOT_RESERVED, "the reservation has ended");
	if (strcmp(property, "UsedNSec") == 0)
		return sd_bus_message_append(reply, "t", s.used_ns);
	if (strcmp(property, "ReadyNSec") == 0)
		return sd_bus_message_append(reply, "t", s.ready_ns);
	if (strcmp(property, "ThrottledNSec") == 0)
		return sd_bus_message_append(reply, "t", s.throttled_ns);
	if (strcmp(property, "Throttled") == 0)
		return sd_bus_message_append(reply, "t", s.throttled);
	if (strcmp(property, "Missed") == 0)
		return sd_bus_message_append(reply, "t", s.missed);
	if (strcmp(property, "WorstLateNSec") == 0)
		return sd_bus_message_append(reply, "t", s.worst_late_ns);
	if (strcmp(property, "Lost") == 0)
		return sd_bus_message_append(reply, "t", s.lost);
	return sd_bus_message_append(reply, "b", (int)s.metered);
}

static int method_reservation_release(sd_bus_message *msg, void *userdata, sd_bus_error *reterr)
{
	const struct promise *p = promise_of_path(userdata, sd_bus_message_get_path(msg));
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) char *domain = NULL;
	char thread[VM_THREAD_NAME_MAX];
	const char *const threads[] = { thread };
	int r;

	r = bus_authorize(userdata, msg, VIRTRK_ACTION_RESERVE, method_reservation_release, userdata, reterr);
	if (r != 0)
		return r;
	if (!p)
		return sd_bus_error_set(reterr, VIRTRK_ERROR_NOT_RESERVED, "the reservation has ended");
	domain = strdup(p->domain);	/* the promise is gone before the manager has finished */
	if (!domain)
		return -ENOMEM;
	memcpy(thread, p->thread, sizeof(thread));
	r = manager_release(bus_manager(userdata), domain, threads, 1, &err);
	return r < 0 ? bus_fail(reterr, r, err) : sd_bus_reply_method_return(msg, NULL);
}

const sd_bus_vtable bus_reservation_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD_WITH_ARGS("Release", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_reservation_release, OPEN),
	SD_BUS_PROPERTY("Domain", "s", get_promise_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Thread", "s", get_promise_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("TID", "u", get_promise_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("BudgetNSec", "t", get_promise_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("PeriodNSec", "t", get_promise_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("DeadlineNSec", "t", get_promise_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Soft", "b", get_promise_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("CPUs", "s", get_promise_property, 0, 0),
	SD_BUS_PROPERTY("Drift", "s", get_promise_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("UsedNSec", "t", get_measured_property, 0, 0),
	SD_BUS_PROPERTY("ReadyNSec", "t", get_measured_property, 0, 0),
	SD_BUS_PROPERTY("ThrottledNSec", "t", get_measured_property, 0, 0),
	SD_BUS_PROPERTY("Throttled", "t", get_measured_property, 0, 0),
	SD_BUS_PROPERTY("Missed", "t", get_measured_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("WorstLateNSec", "t", get_measured_property, 0, 0),
	SD_BUS_PROPERTY("Lost", "t", get_measured_property, 0, 0),
	SD_BUS_PROPERTY("Metered", "b", get_measured_property, 0, 0),
	SD_BUS_VTABLE_END
};

int bus_domain_export(sd_bus *connection, struct bus *bus)
{
	int r;

	r = sd_bus_add_fallback_vtable(connection, NULL, VIRTRK_DOMAIN_PREFIX, VIRTRK_INTERFACE_DOMAIN, bus_domain_vtable,
				       find_domain, bus);
	if (r >= 0)
		r = sd_bus_add_fallback_vtable(connection, NULL, VIRTRK_DOMAIN_PREFIX, VIRTRK_INTERFACE_RESERVATION,
					       bus_reservation_vtable, find_reservation, bus);
	if (r >= 0)
		r = sd_bus_add_node_enumerator(connection, NULL, VIRTRK_DOMAIN_PREFIX, enumerate, bus);
	return r;
}
