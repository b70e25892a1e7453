/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A real virtrkd on a private socket, real but cheap QEMU processes as its domains, and pictures of what a refusal must
 * not change: the scheduler state of every thread of a domain, and state.json. Nothing here judges; a harness that
 * cannot work ends the program, with 77 and the reason where the host is the reason.
 */
#ifndef BUS_HARNESS_H
#define BUS_HARNESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#define WAIT_MAX_US (30ULL * 1000 * 1000)	/* patience, not a time that is expected */

/* Ends with 77 unless this is root on a kernel that lets it set SCHED_DEADLINE, with QEMU at hand. */
void harness_need_deadline(void);
void harness_need_program(const char *name);
/* One more than the host has CPUs: so many vCPUs with a whole CPU each are an overload on every host. */
unsigned int harness_too_many(void);

struct daemon_options {
	const char *program;		/* virtrkd */
	const char *const *before;	/* words before it (strace ...), NULL-terminated; NULL = none */
	const char *const *after;	/* words behind the usual ones */
	const char *directory;		/* of an earlier daemon, to start again in; NULL = a new one */
	const char *bus_address;	/* of a system bus; NULL = private socket */
};

struct daemon {
	pid_t pid;
	char *directory;	/* state/, config/, socket, log */
	char *socket;
	sd_bus *bus;		/* our connection; NULL with a system bus */
};

/* Starts it and returns when it has said READY=1. False: it has ended before, and its status is in *ret_status. */
bool daemon_start(struct daemon *daemon, const struct daemon_options *options, int *ret_status);
/* SIGTERM, or @signal. Its status as waitpid() has it. The directory stays. */
int daemon_stop(struct daemon *daemon, int signal);
void daemon_remove(struct daemon *daemon);	/* stopped or not; the directory too */
/* All that it wrote to standard error so far. Freed by the caller. */
char *daemon_log(const struct daemon *daemon);
sd_bus *daemon_connect(const struct daemon *daemon);

struct guest {
	pid_t pid;
	char name[64];		/* no other test has it, and no other domain of this host */
};

/* A socket of QEMU's own, for orders: "-qmp unix:PATH,server=on,wait=off". False: it did not take the order. */
bool guest_order(const char *qmp_path, const char *order);
/* A QEMU that stays at its first instruction (-S) until it is told, with @cpus vCPUs and these further words. */
void guest_start(struct guest *guest, const char *name, unsigned int cpus, const char *const *more);
void guest_stop(struct guest *guest);
/* Waits until virtrkd knows the domain with that many threads that have a vCPU's name. */
bool guest_is_known(struct daemon *daemon, const struct guest *guest, unsigned int cpus);
bool guest_is_gone(struct daemon *daemon, const struct guest *guest);
pid_t guest_thread(struct daemon *daemon, const struct guest *guest, const char *thread);
char *guest_path(const struct guest *guest, const char *thread);	/* its object; NULL thread = the domain's */

/* The picture: text, so that a difference can be shown. Freed by the caller. */
char *picture_take(const struct daemon *daemon, const struct guest *guest);
/* "other", "deadline 1000000/10000000/10000000 flags 1", "gone" ... of one thread. Freed by the caller. */
char *picture_of_thread(pid_t tid);

/* Processes the bus until @done says so; false when patience is over. */
typedef bool (*harness_done)(void *userdata);
bool harness_wait(sd_bus *bus, harness_done done, void *userdata);

struct request {
	const char *thread;
	uint64_t budget_ns;
	uint64_t period_ns;
	uint64_t deadline_ns;
	uint64_t flags;
};

/* What came back: error and message are "" on success. Verdict keys that were looked for. */
struct answer {
	char error[128];
	char message[512];
	bool fits;
	char test[32];
	char reason[512];
	char repair[512];
	uint32_t index;
	uint64_t repair_budget_ns;
};

/* A whole CPU for each of @n vCPUs, the first @small of them a hundredth. @names holds the names. */
#define REQUESTS_MAX 250
struct requests {
	char names[REQUESTS_MAX][32];
	struct request items[REQUESTS_MAX];
	size_t n;
};
void requests_fill(struct requests *requests, size_t n, size_t small);

/* Manager.Reserve or Manager.Check; on another connection than the daemon's own when @bus is given. */
void call_request(sd_bus *bus, const char *destination, const char *method, const char *domain,
		  const struct request *requests, size_t n, struct answer *ret);
void call_release(sd_bus *bus, const char *destination, const char *domain, const char *const *threads,
		  struct answer *ret);

#endif
