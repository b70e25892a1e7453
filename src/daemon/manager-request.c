/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is a request well formed? Its domain runs, its threads are there, each stands in it once, and its numbers break no rule for which
 * no other reservation is needed. Each that is broken has its own error, with words.
 *
 * Called by the requests, and for domains that are about to start. Changes nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manager-private.h"

#define NAMES_SHOWN    5
#define NAME_SHOWN_MAX 48
#define NAMES_STRLEN   320

/* "running are a, b and 7 more (virtrk list)": a few names say at once what was mistyped. */
static void names_running(const struct manager *m, char buf[NAMES_STRLEN])
{
	size_t at, shown = 0;

	at = (size_t)snprintf(buf, NAMES_STRLEN, "%s", m->vms.n == 0 ? "none is running" :
						       m->vms.n == 1 ? "running is " : "running are ");
	for (size_t i = 0; i < m->vms.n && shown < NAMES_SHOWN; i++)
		if (strlen(m->vms.vms[i]->name) <= NAME_SHOWN_MAX)	/* not cut: half a character is none */
			at += (size_t)snprintf(buf + at, NAMES_STRLEN - at, "%s%s", shown++ == 0 ? "" : ", ",
					       m->vms.vms[i]->name);
	if (m->vms.n > shown)
		snprintf(buf + at, NAMES_STRLEN - at, "%s%zu more (virtrk list)", shown == 0 ? "" : " and ", m->vms.n - shown);
}

int manager_vm_lookup(struct manager *m, const char *domain, struct vm **ret, struct vr_error **reterr)
{
	char running[NAMES_STRLEN];

	*ret = vm_table_by_name(&m->vms, domain);
	if (*ret)
		return 0;
	names_running(m, running);
	return vr_error_set(reterr, -ENXIO, VR_NO_DOMAIN, "no domain is called %s: %s", domain, running);
}

static int thread_lookup(const struct vm *vm, const char *name, const struct vm_thread **ret, struct vr_error **reterr)
{
	enum vm_thread_kind kind;
	uint32_t index;

	if (vm_thread_name_parse(name, &kind, &index) < 0)
		return vr_error_set(reterr, -EINVAL, VR_BAD_THREAD,
				    "\"%s\" names no thread: expected vcpuN, emulator, iothreadN or vhostN", name);
	*ret = vm_find_thread(vm, name);
	if (*ret)
		return 0;
	if (kind == VM_THREAD_VCPU && vm->vcpus_unknown)
		return vr_error_set(reterr, -ENOENT, VR_NO_THREAD,
				    "the vCPU threads of %s cannot be told apart%s%s: start QEMU with "
				    "-name guest=%s,debug-threads=on or a QMP socket", vm->name,
				    vm->vcpus_reason ? ", " : "", vm->vcpus_reason ?: "", vm->name);
	return vr_error_set(reterr, -ENOENT, VR_NO_THREAD, "%s has no %s: it has %zu %s thread%s", vm->name, name,
			    vm_count(vm, kind), vm_thread_kind_name(kind), vm_count(vm, kind) == 1 ? "" : "s");
}

static int reservation_check(const struct manager *m, const struct request_item *item, struct vr_error **reterr)
{
	static const enum vr_reason reasons[] = {
		[VRK_RULE_BUDGET_ZERO] = VR_BAD_BUDGET,	     [VRK_RULE_BUDGET_MIN] = VR_BAD_BUDGET,
		[VRK_RULE_BUDGET_DEADLINE] = VR_BAD_BUDGET,  [VRK_RULE_DEADLINE_PERIOD] = VR_BAD_DEADLINE,
		[VRK_RULE_PERIOD_MIN] = VR_BAD_PERIOD,	     [VRK_RULE_PERIOD_MAX] = VR_BAD_PERIOD,
		[VRK_RULE_TIME_MAX] = VR_BAD_PERIOD,
	};
	char *text = NULL;
	struct vrk_verdict v;
	struct vrk_host host;
	int r;

	admit_host(&m->regime, &host);
	r = vrk_reservation_check(&host, &item->reservation, &v);
	if (r < 0 || v.ok)
		return r;
	r = admit_rule_text(item->thread, &v, &text);
	if (r < 0)
		return r;
	r = vr_error_set(reterr, -EINVAL, reasons[v.rule], "%s", text);
	free(text);
	return r;
}

int manager_items_check(const struct manager *m, const struct request_item *items, size_t n, struct vr_error **reterr)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++)
		r = reservation_check(m, &items[i], reterr);
	return r;
}

int manager_request_check(struct manager *m, const struct vm *vm, const struct request_item *items, size_t n,
			 struct vr_error **reterr)
{
	int r;

	if (n == 0)
		return vr_error_set(reterr, -EINVAL, VR_BAD_THREAD, "the request names no thread");
	for (size_t i = 0; i < n; i++) {
		const struct vm_thread *thread;

		for (size_t k = 0; k < i; k++)
			if (strcmp(items[i].thread, items[k].thread) == 0)
				return vr_error_set(reterr, -EEXIST, VR_DUPLICATE,
						    "%s stands twice in the request", items[i].thread);
		r = thread_lookup(vm, items[i].thread, &thread, reterr);
		if (r >= 0)
			r = reservation_check(m, &items[i], reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

int manager_duplicate_check(struct manager *m, const struct vm *vm, const struct request_item *items, size_t n,
			   struct vr_error **reterr)
{
	for (size_t i = 0; i < n; i++)
		if (!items[i].replace && ledger_find(&m->ledger, vm->name, items[i].thread))
			return vr_error_set(reterr, -EEXIST, VR_DUPLICATE,
					    "%s of %s has a reservation already: release it first, or ask to replace it",
					    items[i].thread, vm->name);
	return 0;
}
