/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One who listens to a source, keeps a table of the domains as the manager does, and waits for what must come. Other
 * QEMUs of the host are passed over: a test's own have a prefix in their names.
 */
#ifndef TEST_HEARD_H
#define TEST_HEARD_H

#include <systemd/sd-event.h>

#include "expect.h"
#include "intent.h"
#include "source.h"
#include "sysroot.h"

#define PATIENCE (10 * 1000000ULL)	/* of no test that passes */

/* What the handler heard of domains whose name begins with @prefix. */
struct heard {
	char prefix[32];
	struct vm_table table;
	int news, gones;
	struct source_proc *rescan;	/* asked for another look from within the handler, once */
	int intents;
	struct intent *intent;		/* of metadata, as heard last ... */
	char *words;			/* ... or why they could not be read */
};

static inline void on_source(struct source_event *event, void *userdata)
{
	struct heard *heard = userdata;
	struct source_proc *source = heard->rescan;
	enum vm_change change;
	struct vm *vm;

	if (event->kind == SOURCE_VM_GONE) {
		vm = vm_table_take(&heard->table, event->pid);
		heard->gones += vm != NULL;
		vm_free(vm);
		return;
	}
	if (event->kind == SOURCE_INTENT) {
		heard->intents++;
		intent_free(heard->intent);
		heard->intent = TAKE_PTR(event->intent);
		free(heard->words);
		heard->words = event->words ? strdup(event->words) : NULL;
		return;
	}
	if (strncmp(event->vm->name, heard->prefix, strlen(heard->prefix)) != 0)
		return;
	vm = TAKE_PTR(event->vm);
	EXPECT_INT(vm_table_merge(&heard->table, vm, &change, &vm), 0);
	heard->news += change == VM_CHANGE_NEW;
	if (source) {
		heard->rescan = NULL;
		EXPECT_INT(source_proc_rescan(source, event->pid), 0);
	}
}

/* What the tests with real processes share. */
struct host {
	const char *tree;
	const char *program;
	struct heard heard;
	struct source_proc *source;
	sd_event *event;
};

static inline char *name_of(const struct host *host, const char *name)
{
	static char full[64];

	snprintf(full, sizeof(full), "%s%s", host->heard.prefix, name);
	return full;
}

static inline struct vm *find(struct host *host, const char *name)
{
	return vm_table_by_name(&host->heard.table, name_of(host, name));
}

static inline uint64_t now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/*
 * Turns the loop until @name has exactly these threads ("" = it is gone). Workers do not count: a sanitizer has some of
 * its own.
 */
static inline bool wait_threads(struct host *host, const char *name, const char *want)
{
	uint64_t end = now_usec() + PATIENCE;
	char got[256];

	for (;;) {
		struct vm *vm = find(host, name);
		size_t i, used = 0;

		got[0] = '\0';
		for (i = 0; vm && i < vm->n_threads && vm->threads[i].kind != VM_THREAD_WORKER; i++)
			used += (size_t)snprintf(got + used, sizeof(got) - used, "%s%s", i ? " " : "",
						 vm->threads[i].name);
		if (strcmp(got, want) == 0 || now_usec() > end || sd_event_run(host->event, PATIENCE) < 0)
			break;
	}
	return EXPECT_STR(got, want);
}

static inline size_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

#endif
