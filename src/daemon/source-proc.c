/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds every QEMU process of the host and keeps an eye on its threads, without ever polling:
 *
 *   exec of anything           is it a QEMU? then it is known from now on, and in the connector's filter
 *   a thread of a known one    began, ended, was renamed: one look at the domain, 50 ms after the first of them
 *   its pidfd                  it has ended
 *   events were lost           one look at everything
 *
 * A look reads /proc and makes a whole snapshot. Where QEMU offers a QMP socket and has threads that nobody has judged
 * yet, QMP is asked first and the snapshot waits for its answer (2 s at most); when that fails, thread names have to do,
 * and it is tried again a few times, at growing distances. The reason is in the snapshot. A QEMU that is just starting
 * has no vCPUs yet: it is told when it has, or after a second.
 *
 * With -daemonize the process that was started only waits for its grandchild, which becomes the machine without an exec.
 * It is found by one scan when the first one ends, which is after the machine stands. When that one was gone before we
 * looked, nobody can tell that it was a QEMU: so what is gone too early leads to a scan too, but not to many.
 *
 * Called by the manager, which gets the snapshots in the loop's thread. Decides nothing, writes nothing. In a fake root
 * there is nothing to watch: it scans, and looks again when it is told to.
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <systemd/sd-event.h>

#include "source-connector.h"
#include "source-proc-judge.h"
#include "source-proc-scan.h"
#include "source-qmp.h"
#include "source.h"
#include "sysroot.h"

#define USEC_PER_SEC	1000000ULL
#define LOOK_DELAY	(50 * 1000ULL)		/* a starting QEMU makes a dozen threads in that time */
#define QMP_LIMIT	(2 * USEC_PER_SEC)
#define QMP_BACKOFF	(USEC_PER_SEC / 4)	/* then twice as long each time: a QEMU that starts is deaf at first */
#define QMP_RETRIES	6			/* 16 s in all; after that when a thread comes, but not within: */
#define QMP_BACKOFF_MAX (64 * USEC_PER_SEC)
#define GRACE		(1 * USEC_PER_SEC)	/* for a QEMU to have vCPUs, before we tell that it has none */
#define HELPERS_AGE	(1 * USEC_PER_SEC)	/* reading all kernel threads costs: once a second at most */
#define SCAN_DISTANCE	(1 * USEC_PER_SEC)	/* of scans of all processes, in a storm that loses events */
#define GONE_SCAN_DISTANCE (10 * USEC_PER_SEC)	/* of those because somebody was gone before we looked */
#define TIMER_ACCURACY	(10 * 1000ULL)
#define NEVER		UINT64_MAX

struct domain {
	struct source_proc *source;
	pid_t pid;
	uint64_t start_ticks;
	struct cmdline cmdline;
	int pidfd;
	sd_event_source *pidfd_source;
	uint64_t grace_usec;		/* until then it is only starting */
	bool announced;			/* the handler has heard of it */
	bool had_vcpus;
	uint64_t due_usec;		/* of the next look */

	struct qmp_query *query;	/* under way: no look until it ends */
	bool look_again;		/* something happened meanwhile */
	struct proc_threads asking;	/* the threads there were when it began */
	struct proc_threads judged;	/* the same of the last one that was answered */
	struct proc_roles roles;	/* its answer */
	bool answered;
	unsigned int qmp_failures;	/* since then */
	int qmp_error;
	uint64_t qmp_next_usec;		/* not to be asked before */
};

struct source_proc {
	struct sysroot *root;
	sd_event *event;
	source_handler handler;
	void *userdata;
	struct connector *connector;	/* NULL: no events, only looks */
	sd_event_source *timer;
	struct domain **domains;
	size_t n_domains;
	struct proc_helpers helpers;
	uint64_t helpers_usec;		/* when they were read */
	uint64_t scan_due_usec, scan_usec;
};


static uint64_t now_usec(struct source_proc *source)
{
	uint64_t usec;

	if (sd_event_now(source->event, CLOCK_MONOTONIC, &usec) < 0)
		return 0;
	return usec;
}

/* The one timer fires when the first thing is due, and not at all when nothing is. */
static void timer_update(struct source_proc *source)
{
	uint64_t due = source->scan_due_usec;
	size_t i;

	for (i = 0; i < source->n_domains; i++)
		if (source->domains[i]->due_usec < due)
			due = source->domains[i]->due_usec;
	if (due != NEVER)
		(void)sd_event_source_set_time(source->timer, due);
	(void)sd_event_source_set_enabled(source->timer, due == NEVER ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static void domain_due(struct domain *domain, uint64_t usec)
{
	if (usec < domain->due_usec)
		domain->due_usec = usec;
	timer_update(domain->source);
}

/* A scan soon, but not within @distance of the last one. */
static void scan_due(struct source_proc *source, uint64_t distance)
{
	uint64_t due = now_usec(source) + LOOK_DELAY;

	if (due < source->scan_usec + distance)
		due = source->scan_usec + distance;
	if (due < source->scan_due_usec)
		source->scan_due_usec = due;
	timer_update(source);
}

static struct domain *domain_find(struct source_proc *source, pid_t pid)
{
	size_t i;

	for (i = 0; i < source->n_domains; i++)
		if (source->domains[i]->pid == pid)
			return source->domains[i];
	return NULL;
}

static struct domain *domain_free(struct domain *domain)
{
	if (!domain)
		return NULL;
	qmp_query_free(domain->query);
	sd_event_source_disable_unref(domain->pidfd_source);
	close_fd(domain->pidfd);
	cmdline_done(&domain->cmdline);
	proc_threads_done(&domain->asking);
	proc_threads_done(&domain->judged);
	proc_roles_done(&domain->roles);
	free(domain);
	return NULL;
}
DEFINE_CLEANUP(struct domain *, domain_free)

static int filter_update(struct source_proc *source)
{
	_cleanup_(freep) pid_t *pids = NULL;
	size_t i;

	if (!source->connector)
		return 0;
	pids = calloc(source->n_domains ?: 1, sizeof(*pids));
	if (!pids)
		return -ENOMEM;
	for (i = 0; i < source->n_domains; i++)
		pids[i] = source->domains[i]->pid;
	return connector_set_domains(source->connector, pids, source->n_domains);
}

/* It has ended, or is no QEMU any more. */
static int domain_forget(struct domain *gone)
{
	_cleanup_(domain_freep) struct domain *domain = gone;
	struct source_proc *source = domain->source;
	struct source_event event = { .kind = SOURCE_VM_GONE, .pid = domain->pid };
	size_t i;

	for (i = 0; source->domains[i] != domain; i++)
		assert(i + 1 < source->n_domains);
	source->domains[i] = source->domains[--source->n_domains];
	if (domain->cmdline.daemonizes && sysroot_is_host(source->root))
		scan_due(source, 0);	/* the machine itself is there now, or has ended too */
	timer_update(source);
	if (domain->announced)
		source->handler(&event, source->userdata);
	return filter_update(source);
}

/* What went wrong with QMP, for the log and for those who wonder why vCPUs are unknown. */
static const char *qmp_error_text(int error)
{
	switch (-error) {
	case ETIMEDOUT:
		return "no answer within 2 s (it serves one client at a time: is another one connected?)";
	case EAGAIN:
		return "other clients are waiting for it already";
	case EREMOTE:
		return "another process listens there";
	case ECONNRESET:
		return "it hung up";
	case EBADMSG:
		return "what it said is not QMP";
	case EMSGSIZE:
		return "it said too much";
	case EOPNOTSUPP:
		return "this QEMU does not know query-cpus-fast";
	case ESTALE:
		return "it speaks of threads that are not its own here (is it in a container?)";
	default:
		return strerror(-error);
	}
}

static int vm_explain(struct vm *vm, const struct domain *domain)
{
	int n = 0;

	if (domain->qmp_error)
		n = asprintf(&vm->vcpus_reason, "QMP socket %s: %s", domain->cmdline.qmp_path,
			     qmp_error_text(domain->qmp_error));
	else if (vm->vcpus_unknown && domain->had_vcpus)
		n = asprintf(&vm->vcpus_reason, "its vCPU threads have ended");
	else if (vm->vcpus_unknown && domain->cmdline.qmp_path)
		n = asprintf(&vm->vcpus_reason, "QMP socket %s: %s", domain->cmdline.qmp_path,
			     domain->answered ? "QEMU has no vCPU yet" : "not asked");
	else if (vm->vcpus_unknown)
		n = asprintf(&vm->vcpus_reason, "this QEMU names no vCPU thread (-name debug-threads=on makes it do so) "
						"and offers no QMP socket to ask");
	if (n < 0)
		vm->vcpus_reason = NULL;
	return n < 0 ? -ENOMEM : 0;
}

/* The launcher of a -daemonize has its main thread and RCU's, a machine has at least a vCPU's too. */
static bool is_launcher(const struct domain *domain, const struct proc_threads *threads)
{
	return domain->cmdline.daemonizes && threads->n < 3;
}

/* Kernel threads in the domain's service; from memory when they were read a moment ago. */
static const struct proc_helpers *helpers_get(struct domain *domain)
{
	struct source_proc *source = domain->source;
	uint64_t now = now_usec(source);

	if (domain->cmdline.accels == CMDLINE_TCG && !domain->cmdline.vhost)
		return NULL;
	if (source->helpers_usec && now < source->helpers_usec + HELPERS_AGE) {
		if (now != source->helpers_usec)
			domain_due(domain, source->helpers_usec + HELPERS_AGE);	/* there may be a newer one */
		return &source->helpers;
	}
	proc_helpers_done(&source->helpers);
	(void)proc_read_helpers(source->root, &source->helpers);	/* without them the domain is still a domain */
	source->helpers_usec = now;
	return &source->helpers;
}

/* Is there a thread that QMP could tell us about? */
static bool qmp_wanted(const struct domain *domain, const struct proc_threads *threads)
{
	const struct proc_thread *main_thread = proc_threads_find(threads, domain->pid);
	size_t i;

	if (!domain->cmdline.qmp_path || !sysroot_is_host(domain->source->root))
		return false;
	for (i = 0; i < threads->n; i++) {
		const struct proc_thread *thread = &threads->v[i], *judged;

		if (thread->tid == domain->pid)
			continue;
		if (!domain->answered)
			return true;
		judged = proc_threads_find(&domain->judged, thread->tid);
		if (judged && judged->start_ticks == thread->start_ticks)
			continue;
		/* new: it may be a vCPU unless it bears a name of its own */
		if (strcmp(thread->comm, main_thread->comm) == 0)
			return true;
	}
	return false;
}

/* The last thing that is done with a domain: the handler may ask for another look, which may forget it. */
static void domain_announce(struct domain *domain, const struct proc_threads *threads,
			    const struct proc_helpers *helpers)
{
	struct source_event event = { .kind = SOURCE_VM, .pid = domain->pid };
	struct source_proc *source = domain->source;

	if (is_launcher(domain, threads))
		return;
	if (proc_snapshot(&event.vm, domain->pid, &domain->cmdline, threads, helpers, &domain->roles) < 0 ||
	    vm_explain(event.vm, domain) < 0) {
		event.vm = vm_free(event.vm);
		domain_due(domain, now_usec(source) + USEC_PER_SEC);	/* out of memory: try again */
		return;
	}
	if (qmp_wanted(domain, threads) && domain->qmp_failures <= QMP_RETRIES &&
	    domain->qmp_next_usec > now_usec(source))
		domain_due(domain, domain->qmp_next_usec);
	if (!domain->announced && event.vm->vcpus_unknown && now_usec(source) < domain->grace_usec) {
		event.vm = vm_free(event.vm);
		domain_due(domain, domain->grace_usec);
		return;
	}
	domain->had_vcpus |= !event.vm->vcpus_unknown;
	domain->announced = true;
	source->handler(&event, source->userdata);
	vm_free(event.vm);
}

static void qmp_failed(struct domain *domain, int error)
{
	uint64_t backoff = QMP_BACKOFF << (domain->qmp_failures < 8 ? domain->qmp_failures : 8);

	domain->qmp_error = error;
	domain->qmp_failures++;
	domain->qmp_next_usec = now_usec(domain->source) + (backoff < QMP_BACKOFF_MAX ? backoff : QMP_BACKOFF_MAX);
}

static void qmp_succeeded(struct domain *domain, const struct qmp_answer *answer, const struct proc_threads *threads)
{
	struct proc_roles roles = { 0 };
	int r;

	r = proc_roles_make(&roles, answer, threads);
	if (r < 0) {
		qmp_failed(domain, r);
		return;
	}
	proc_roles_done(&domain->roles);
	domain->roles = roles;
	proc_threads_done(&domain->judged);
	domain->judged = TAKE_GENERIC(domain->asking, struct proc_threads, (struct proc_threads){ 0 });
	domain->answered = true;
	domain->qmp_error = 0;
	domain->qmp_failures = 0;
	/* threads that come and go (block workers) must not make us a nuisance to QMP's other clients */
	domain->qmp_next_usec = now_usec(domain->source) + USEC_PER_SEC;
}

static void on_qmp(int r, const struct qmp_answer *answer, void *userdata)
{
	struct domain *domain = userdata;
	_cleanup_(proc_threads_done) struct proc_threads threads = { 0 };
	int error;

	error = proc_read_threads(domain->source->root, domain->pid, &threads);
	if (error == 0 && r == 0)
		qmp_succeeded(domain, answer, &threads);
	else if (error == 0)
		qmp_failed(domain, r);
	domain->query = qmp_query_free(domain->query);	/* and with it the answer */
	if (domain->look_again)
		domain_due(domain, now_usec(domain->source) + LOOK_DELAY);
	domain->look_again = false;
	if (error == 0)
		domain_announce(domain, &threads, helpers_get(domain));
	else
		domain_due(domain, now_usec(domain->source));	/* the look finds out what is wrong */
}

/* True: asked, on_qmp() goes on. */
static bool qmp_ask(struct domain *domain, struct proc_threads *threads)
{
	_cleanup_(closep) int fd = -EBADF;
	int r;

	r = qmp_connect(domain->source->root, domain->pid, domain->cmdline.qmp_path, &fd);
	if (r == 0)
		r = qmp_query_new(&domain->query, domain->source->event, fd, qmp_message_max(threads->n), QMP_LIMIT,
				  on_qmp, domain);
	if (r < 0) {
		qmp_failed(domain, r);
		return false;
	}
	(void)TAKE_FD(fd);	/* the query closes it */
	proc_threads_done(&domain->asking);
	domain->asking = TAKE_GENERIC(*threads, struct proc_threads, (struct proc_threads){ 0 });
	return true;
}

/* Is it still what we know, and alive? */
static bool domain_is_same(const struct domain *domain)
{
	_cleanup_(cmdline_done) struct cmdline cmdline = { 0 };

	return proc_identify(domain->source->root, domain->pid, &cmdline) == 0 &&
	       cmdline_equal(&cmdline, &domain->cmdline);
}

/* As its descriptor tells, if it has one. */
static bool domain_has_ended(const struct domain *domain)
{
	return domain->pidfd >= 0 && poll(&(struct pollfd){ .fd = domain->pidfd, .events = POLLIN }, 1, 0) > 0;
}

/* Reads the domain again and tells the handler, now or when QMP has answered. The domain may be gone afterwards. */
static void domain_look(struct domain *domain)
{
	_cleanup_(proc_threads_done) struct proc_threads threads = { 0 };
	const struct proc_thread *main_thread;
	int r;

	domain->due_usec = NEVER;
	if (domain->query) {
		domain->look_again = true;
		return;
	}
	r = proc_read_threads(domain->source->root, domain->pid, &threads);
	if (r == -ENOMEM || r == -EMFILE || r == -ENFILE) {
		domain->due_usec = now_usec(domain->source) + USEC_PER_SEC;
		return;
	}
	if (r < 0 && domain->pidfd >= 0 && !domain_has_ended(domain)) {	/* it is there: nothing but its end is that */
		domain->due_usec = now_usec(domain->source) + USEC_PER_SEC;
		return;
	}
	if (r < 0) {
		(void)domain_forget(domain);
		return;
	}
	main_thread = proc_threads_find(&threads, domain->pid);
	/* another process under the same number; or, where no descriptor tells of its end, a dead one that has its task still */
	if (main_thread->start_ticks != domain->start_ticks || (domain->pidfd < 0 && !domain_is_same(domain))) {
		(void)domain_forget(domain);
		return;
	}
	if (qmp_wanted(domain, &threads) && now_usec(domain->source) >= domain->qmp_next_usec &&
	    qmp_ask(domain, &threads))
		return;
	domain_announce(domain, &threads, helpers_get(domain));
}

static int on_pidfd(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)domain_forget(userdata);
	return 0;
}

/* A domain whose process could not be followed by descriptor is still seen to end, by its threads' exit events. */
static int domain_follow(struct domain *domain)
{
	struct source_proc *source = domain->source;
	uint64_t ticks;
	int r;

	domain->pidfd = pidfd_open(domain->pid, 0);
	if (domain->pidfd < 0) {
		r = -errno;
		domain->pidfd = -EBADF;
		return r == -ESRCH ? r : 0;
	}
	/* the number may have been used again before the descriptor was opened */
	r = sysroot_start_ticks(source->root, domain->pid, &ticks);
	if (r < 0 || ticks != domain->start_ticks)
		return -ESRCH;
	return sd_event_add_io(source->event, &domain->pidfd_source, domain->pidfd, EPOLLIN, on_pidfd, domain);
}

/* Remembers @pid when it is a QEMU. The filter is the caller's business, since many may come at once. */
static int domain_add(struct source_proc *source, pid_t pid, struct domain **ret)
{
	_cleanup_(cmdline_done) struct cmdline cmdline = { 0 };
	_cleanup_(domain_freep) struct domain *domain = NULL;
	struct domain **domains;
	int r;

	r = proc_identify(source->root, pid, &cmdline);
	if (r < 0)
		return r;
	domain = calloc(1, sizeof(*domain));
	if (!domain)
		return -ENOMEM;
	domain->source = source;
	domain->pid = pid;
	domain->pidfd = -EBADF;
	domain->due_usec = NEVER;
	domain->cmdline = TAKE_GENERIC(cmdline, struct cmdline, (struct cmdline){ 0 });
	r = sysroot_start_ticks(source->root, pid, &domain->start_ticks);
	if (r < 0)
		return r;
	if (sysroot_is_host(source->root)) {
		r = domain_follow(domain);
		if (r < 0)
			return r;
	}
	domains = reallocarray(source->domains, source->n_domains + 1, sizeof(struct domain *));
	if (!domains)
		return -ENOMEM;
	source->domains = domains;
	source->domains[source->n_domains++] = domain;
	*ret = TAKE_PTR(domain);
	return 0;
}

/* Domains that are new: first all of them into the filter, then a look at each, so that no thread is missed. */
static int scan(struct source_proc *source)
{
	_cleanup_(freep) pid_t *pids = NULL;
	struct domain *domain;
	size_t i, n;
	int r;

	source->scan_due_usec = NEVER;
	source->scan_usec = now_usec(source);
	r = proc_list(source->root, &pids, &n);
	if (r < 0)
		return r;
	for (i = 0; i < n; i++) {
		if (domain_find(source, pids[i]))
			continue;
		r = domain_add(source, pids[i], &domain);
		if (r == -ENOMEM)
			return r;
		if (r == 0)
			domain->due_usec = source->scan_usec;
	}
	return filter_update(source);
}

/* All looks that are due. A look may forget domains, so that the search begins anew after each. */
static void look_at_due(struct source_proc *source)
{
	uint64_t now = now_usec(source);
	size_t i;

	for (i = 0; i < source->n_domains;) {
		if (source->domains[i]->due_usec > now) {
			i++;
			continue;
		}
		domain_look(source->domains[i]);
		i = 0;
	}
	timer_update(source);
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct source_proc *source = userdata;
	uint64_t now = now_usec(source);

	/* what cannot be read now is tried again at a distance */
	if (source->scan_due_usec <= now && scan(source) < 0)
		source->scan_due_usec = now + SCAN_DISTANCE;
	look_at_due(source);
	return 0;
}

static void on_exec(struct source_proc *source, pid_t pid)
{
	struct domain *domain = domain_find(source, pid);
	int r;

	if (domain && domain_is_same(domain)) {	/* told after a scan had found it */
		domain_due(domain, now_usec(source) + LOOK_DELAY);
		return;
	}
	if (domain)
		(void)domain_forget(domain);
	r = domain_add(source, pid, &domain);
	if (r < 0) {
		if (r == -ECHILD || r == -ENOMEM)
			scan_due(source, SCAN_DISTANCE);
		else if (r == -ESRCH)
			scan_due(source, GONE_SCAN_DISTANCE);
		return;
	}
	(void)filter_update(source);
	domain->grace_usec = now_usec(source) + GRACE;
	domain_due(domain, now_usec(source) + LOOK_DELAY);
}

static void on_lost(struct source_proc *source)
{
	size_t i;

	scan_due(source, SCAN_DISTANCE);
	for (i = 0; i < source->n_domains; i++)
		domain_due(source->domains[i], source->scan_due_usec);
}

static void on_connector(const struct connector_event *event, void *userdata)
{
	struct source_proc *source = userdata;
	struct domain *domain;

	switch (event->kind) {
	case CONNECTOR_EXEC:
		on_exec(source, event->tgid);
		break;
	case CONNECTOR_THREADS:
		domain = domain_find(source, event->tgid);
		if (domain)
			domain_due(domain, now_usec(source) + LOOK_DELAY);
		break;
	case CONNECTOR_LOST:
		on_lost(source);
		break;
	}
}

int source_proc_new(struct source_proc **ret, struct sysroot *root, sd_event *event, source_handler handler,
		    void *userdata)
{
	_cleanup_(source_proc_freep) struct source_proc *source = calloc(1, sizeof(*source));
	int r;

	if (!source)
		return -ENOMEM;
	source->root = root;
	source->event = sd_event_ref(event);
	source->handler = handler;
	source->userdata = userdata;
	source->scan_due_usec = NEVER;
	r = sd_event_add_time(event, &source->timer, CLOCK_MONOTONIC, 0, TIMER_ACCURACY, on_timer, source);
	if (r >= 0)
		r = sd_event_source_set_enabled(source->timer, SD_EVENT_OFF);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(source);
	return 0;
}

int source_proc_start(struct source_proc *source)
{
	int r, watching = 0;

	if (sysroot_is_host(source->root))
		watching = connector_new(&source->connector, source->event, on_connector, source);
	r = scan(source);
	if (r < 0)
		return r;
	look_at_due(source);
	return -watching;
}

bool source_proc_hears(const struct source_proc *source)
{
	return source->connector || !sysroot_is_host(source->root);
}

void source_proc_look(struct source_proc *source)
{
	if (source_proc_hears(source))
		return;
	(void)scan(source);	/* what can be found now is found; the next look is another chance */
	for (size_t i = source->n_domains; i > 0; i--) {
		struct domain *domain = source->domains[i - 1];

		domain->due_usec = 0;
		if (domain_has_ended(domain))
			(void)domain_forget(domain);	/* its end is told later, in the loop */
	}
	look_at_due(source);
}

int source_proc_rescan(struct source_proc *source, pid_t pid)
{
	struct domain *domain = domain_find(source, pid);
	int r;

	if (!domain) {
		r = domain_add(source, pid, &domain);
		if (r == -ENODATA || r == -ECHILD)
			return -ESRCH;
		if (r < 0)
			return r;
		r = filter_update(source);
		if (r < 0)
			return r;
	}
	domain_look(domain);
	timer_update(source);
	return domain_find(source, pid) ? 0 : -ESRCH;
}

struct source_proc *source_proc_free(struct source_proc *source)
{
	size_t i;

	if (!source)
		return NULL;
	connector_free(source->connector);
	sd_event_source_disable_unref(source->timer);
	for (i = 0; i < source->n_domains; i++)
		domain_free(source->domains[i]);
	free(source->domains);
	proc_helpers_done(&source->helpers);
	sd_event_unref(source->event);
	free(source);
	return NULL;
}
