/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See harness.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <virtrk/dbus.h>

#include "cleanup.h"
#include "harness.h"

#define ARGS_MAX 64
#define POLL_US  20000

struct attr {	/* the kernel's struct sched_attr, version 0 */
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

__attribute__((format(printf, 1, 2), noreturn))
static void broken(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "the test cannot work: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	exit(EXIT_FAILURE);
}

static void must(bool ok, const char *what)
{
	if (!ok)
		broken("%s: %s", what, strerror(errno));
}

__attribute__((noreturn))
static void skip(const char *why)
{
	printf("skipped: %s\n", why);
	exit(77);
}

/* ---- what the host has ---- */

void harness_need_program(const char *name)
{
	_cleanup_(freep) char *command = NULL;
	char why[128];

	must(asprintf(&command, "command -v %s >/dev/null", name) >= 0, "asprintf");
	if (system(command) == 0)	/* NOLINT(cert-env33-c): the names are constants of the tests */
		return;
	snprintf(why, sizeof(why), "%s is not installed", name);
	skip(why);
}

unsigned int harness_too_many(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus >= REQUESTS_MAX)
		skip("more CPUs than a guest of QEMU can have vCPUs: no overload can be asked for");
	return (unsigned int)cpus + 1;
}

void harness_need_deadline(void)
{
	struct attr want = { .size = sizeof(want), .policy = SCHED_DEADLINE, .flags = 1, .runtime = 100000,
			     .deadline = 100000000, .period = 100000000 };
	struct attr back = { .size = sizeof(back), .policy = SCHED_OTHER };
	char why[128];

	if (geteuid() != 0)
		skip("only root may set SCHED_DEADLINE: run it as root");
	if (syscall(SYS_sched_setattr, 0, &want, 0) < 0) {
		snprintf(why, sizeof(why), "this kernel or container refuses SCHED_DEADLINE: %s", strerror(errno));
		skip(why);
	}
	must(syscall(SYS_sched_setattr, 0, &back, 0) == 0, "leave SCHED_DEADLINE again");
	harness_need_program("qemu-system-x86_64");
}

/* ---- waiting ---- */

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

bool harness_wait(sd_bus *bus, harness_done done, void *userdata)
{
	uint64_t end = now_us() + WAIT_MAX_US;

	while (!done(userdata)) {
		int r = sd_bus_process(bus, NULL);

		if (r < 0 || now_us() > end)
			return false;
		if (r == 0)
			(void)sd_bus_wait(bus, POLL_US);
	}
	return true;
}

/* ---- virtrkd ---- */

static char *text_new(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static char *text_new(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	must(vasprintf(&text, fmt, ap) >= 0, "vasprintf");
	va_end(ap);
	return text;
}

static char *file_read(const char *path)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = calloc(1, 1 << 20);
	size_t size = 0;
	ssize_t n;

	must(text != NULL, "calloc");
	while (fd >= 0 && size < (1 << 20) - 1 && (n = read(fd, text + size, (1 << 20) - 1 - size)) > 0)
		size += (size_t)n;
	return text;
}

static char *directory_new(void)
{
	const char *tmp = getenv("TMPDIR");
	char *path = text_new("%s/virtrk-bus-XXXXXX", tmp ?: "/tmp");
	_cleanup_(freep) char *config = NULL;
	_cleanup_(freep) char *domains = NULL;

	must(mkdtemp(path) != NULL, path);
	must(chmod(path, 0755) == 0, path);	/* others are to reach the socket */
	config = text_new("%s/config", path);
	domains = text_new("%s/config/domains.d", path);
	must(mkdir(config, 0755) == 0, config);
	must(mkdir(domains, 0755) == 0, domains);
	return path;
}

/* A socket for sd_notify() in the daemon's directory. */
static int notify_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	must(fd >= 0 && strlen(path) < sizeof(address.sun_path), "socket");
	strcpy(address.sun_path, path);
	(void)unlink(path);
	must(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0, path);
	return fd;
}

static void words_add(const char **argv, size_t *n, const char *const *words)
{
	for (; words && *words; words++) {
		must(*n < ARGS_MAX - 1, "too many words");
		argv[(*n)++] = *words;
	}
}

__attribute__((noreturn))
static void daemon_exec(const struct daemon *daemon, const struct daemon_options *o, const char *notify)
{
	_cleanup_(freep) char *log = text_new("%s/log", daemon->directory);
	_cleanup_(freep) char *bus = text_new("--bus=%s", daemon->socket);
	_cleanup_(freep) char *state = text_new("--state=%s/state", daemon->directory);
	_cleanup_(freep) char *config = text_new("--config=%s/config", daemon->directory);
	const char *argv[ARGS_MAX] = { 0 };
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	size_t n = 0;

	must(fd >= 0 && dup2(fd, STDERR_FILENO) >= 0, log);
	must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "prctl");
	must(setenv("NOTIFY_SOCKET", notify, 1) == 0 && unsetenv("JOURNAL_STREAM") == 0, "setenv");
	if (o->bus_address)
		must(setenv("DBUS_SYSTEM_BUS_ADDRESS", o->bus_address, 1) == 0, "setenv");
	words_add(argv, &n, o->before);
	words_add(argv, &n, (const char *[]) { o->program, state, config, "--libvirt=none", NULL });
	if (!o->bus_address)
		words_add(argv, &n, (const char *[]) { bus, NULL });
	words_add(argv, &n, o->after);
	execvp(argv[0], (char **)argv);
	broken("%s: %s", argv[0], strerror(errno));
}

/* True when READY=1 has come; false when the process has ended instead. */
static bool daemon_ready(struct daemon *daemon, int fd, int *ret_status)
{
	struct timeval slice = { .tv_usec = POLL_US };
	uint64_t end = now_us() + WAIT_MAX_US;
	char text[256];
	ssize_t n;

	must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof(slice)) == 0, "setsockopt");
	while (now_us() < end) {
		n = recv(fd, text, sizeof(text) - 1, 0);
		if (n > 0) {
			text[n] = '\0';
			if (strstr(text, "READY=1"))
				return true;
		}
		if (waitpid(daemon->pid, ret_status, WNOHANG) == daemon->pid) {
			daemon->pid = 0;
			return false;
		}
	}
	broken("virtrkd says neither READY=1 nor good-bye");
}

sd_bus *daemon_connect(const struct daemon *daemon)
{
	_cleanup_(freep) char *address = text_new("unix:path=%s", daemon->socket);
	sd_bus *bus = NULL;
	int r;

	r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_bus_set_address(bus, address);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0)
		broken("%s: %s", daemon->socket, strerror(-r));
	return bus;
}

bool daemon_start(struct daemon *daemon, const struct daemon_options *options, int *ret_status)
{
	_cleanup_(freep) char *notify = NULL;
	_cleanup_(closep) int fd = -EBADF;
	bool ready;

	*daemon = (struct daemon) { 0 };
	daemon->directory = options->directory ? text_new("%s", options->directory) : directory_new();
	daemon->socket = text_new("%s/socket", daemon->directory);
	notify = text_new("%s/notify", daemon->directory);
	fd = notify_socket(notify);
	daemon->pid = fork();
	must(daemon->pid >= 0, "fork");
	if (daemon->pid == 0)
		daemon_exec(daemon, options, notify);
	ready = daemon_ready(daemon, fd, ret_status);
	if (ready && !options->bus_address)
		daemon->bus = daemon_connect(daemon);
	return ready;
}

int daemon_stop(struct daemon *daemon, int signal)
{
	int status = -1;

	daemon->bus = sd_bus_close_unref(daemon->bus);
	if (daemon->pid > 0) {
		must(kill(daemon->pid, signal) == 0, "kill virtrkd");
		must(waitpid(daemon->pid, &status, 0) == daemon->pid, "wait for virtrkd");
	}
	daemon->pid = 0;
	return status;
}

void daemon_remove(struct daemon *daemon)
{
	_cleanup_(freep) char *command = text_new("rm -rf '%s'", daemon->directory);

	if (daemon->pid > 0)
		(void)daemon_stop(daemon, SIGTERM);
	(void)!system(command);	/* NOLINT(cert-env33-c): the path is ours */
	free(daemon->directory);
	free(daemon->socket);
	*daemon = (struct daemon) { 0 };
}

char *daemon_log(const struct daemon *daemon)
{
	_cleanup_(freep) char *path = text_new("%s/log", daemon->directory);

	return file_read(path);
}

/* ---- guests ---- */

void guest_start(struct guest *guest, const char *name, unsigned int cpus, const char *const *more)
{
	const char *argv[ARGS_MAX] = { 0 };
	char who[96], smp[16], nothing;
	int null_fd, started[2];
	size_t n = 0;

	snprintf(guest->name, sizeof(guest->name), "%s-%d", name, getpid());
	snprintf(who, sizeof(who), "guest=%s,debug-threads=on", guest->name);
	snprintf(smp, sizeof(smp), "%u", cpus);
	words_add(argv, &n, (const char *[]) { "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-nodefaults", "-display",
					       "none", "-m", "32", "-S", "-smp", smp, NULL });
	if (!more || !*more || strcmp(*more, "-name") != 0)
		words_add(argv, &n, (const char *[]) { "-name", who, NULL });
	words_add(argv, &n, more);
	must(pipe2(started, O_CLOEXEC) == 0, "pipe");
	guest->pid = fork();
	must(guest->pid >= 0, "fork");
	if (guest->pid > 0) {	/* exec closes the other end: from then on it is a QEMU, whatever is done to it */
		must(close(started[1]) == 0 && read(started[0], &nothing, 1) == 0 && close(started[0]) == 0, "exec of QEMU");
		return;
	}
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	must(null_fd >= 0 && dup2(null_fd, STDIN_FILENO) >= 0, "/dev/null");
	must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "prctl");
	execvp(argv[0], (char **)argv);
	broken("%s: %s", argv[0], strerror(errno));
}

void guest_stop(struct guest *guest)
{
	if (guest->pid <= 0)
		return;
	must(kill(guest->pid, SIGKILL) == 0, "kill QEMU");
	must(waitpid(guest->pid, NULL, 0) == guest->pid, "wait for QEMU");
	guest->pid = 0;
}

/* The Threads property: counts the vCPUs, and finds one name. -1: the domain is not known. */
static int domain_threads(sd_bus *bus, const char *domain, const char *want, pid_t *ret_tid)
{
	_cleanup_(freep) char *path = NULL;
	sd_bus_message *reply = NULL;
	const char *name;
	uint32_t tid;
	int vcpus = -1;

	must(sd_bus_path_encode(VIRTRK_DOMAIN_PREFIX, domain, &path) >= 0, "sd_bus_path_encode");
	if (sd_bus_get_property(bus, NULL, path, VIRTRK_INTERFACE_DOMAIN, "Threads", NULL, &reply,
				"a(suss)") >= 0 &&
	    sd_bus_message_enter_container(reply, 'a', "(suss)") >= 0)
		for (vcpus = 0; sd_bus_message_read(reply, "(suss)", &name, &tid, NULL, NULL) > 0;) {
			vcpus += strncmp(name, "vcpu", 4) == 0;
			if (want && strcmp(name, want) == 0)
				*ret_tid = (pid_t)tid;
		}
	sd_bus_message_unref(reply);
	return vcpus;
}

struct wanted {
	sd_bus *bus;
	const char *domain;
	int vcpus;
};

static bool has_vcpus(void *userdata)
{
	struct wanted *w = userdata;

	return domain_threads(w->bus, w->domain, NULL, NULL) == w->vcpus;
}

bool guest_is_known(struct daemon *daemon, const struct guest *guest, unsigned int cpus)
{
	return harness_wait(daemon->bus, has_vcpus, &(struct wanted) { daemon->bus, guest->name, (int)cpus });
}

bool guest_is_gone(struct daemon *daemon, const struct guest *guest)
{
	return harness_wait(daemon->bus, has_vcpus, &(struct wanted) { daemon->bus, guest->name, -1 });
}

pid_t guest_thread(struct daemon *daemon, const struct guest *guest, const char *thread)
{
	pid_t tid = 0;

	(void)domain_threads(daemon->bus, guest->name, thread, &tid);
	if (tid == 0)
		broken("%s has no thread %s", guest->name, thread);
	return tid;
}

char *guest_path(const struct guest *guest, const char *thread)
{
	_cleanup_(freep) char *domain = NULL;
	char *path = NULL;

	must(sd_bus_path_encode(VIRTRK_DOMAIN_PREFIX, guest->name, &domain) >= 0, "sd_bus_path_encode");
	if (!thread)
		return TAKE_PTR(domain);
	must(sd_bus_path_encode(domain, thread, &path) >= 0, "sd_bus_path_encode");
	return path;
}

/* One line of QMP. True when it is no error; events in between are skipped. */
static bool qmp_line(FILE *f, const char *order)
{
	char line[4096];

	if (order && (fprintf(f, "%s\n", order) < 0 || fflush(f) != 0))
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (strstr(line, "\"error\""))
			fprintf(stderr, "QEMU: %s", line);
		if (strstr(line, "\"QMP\"") || strstr(line, "\"return\"") || strstr(line, "\"error\""))
			return !strstr(line, "\"error\"");
	}
	return false;
}

bool guest_order(const char *qmp_path, const char *order)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_(fclosep) FILE *f = NULL;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0 && strlen(qmp_path) < sizeof(address.sun_path), "socket");
	strcpy(address.sun_path, qmp_path);
	must(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0, qmp_path);
	f = fdopen(fd, "r+");
	must(f != NULL, "fdopen");
	return qmp_line(f, NULL) && qmp_line(f, "{\"execute\": \"qmp_capabilities\"}") && qmp_line(f, order);
}

/* ---- pictures ---- */

char *picture_of_thread(pid_t tid)
{
	struct attr a = { 0 };
	cpu_set_t cpus;

	if (syscall(SYS_sched_getattr, tid, &a, sizeof(a), 0) < 0)
		return text_new("gone");
	if (sched_getaffinity(tid, sizeof(cpus), &cpus) < 0)
		CPU_ZERO(&cpus);
	if (a.policy == SCHED_DEADLINE)
		return text_new("deadline %" PRIu64 "/%" PRIu64 "/%" PRIu64 " flags %" PRIu64 " on %d CPUs", a.runtime,
				a.deadline, a.period, a.flags, CPU_COUNT(&cpus));
	return text_new("policy %u nice %d priority %u on %d CPUs", a.policy, a.nice, a.priority, CPU_COUNT(&cpus));
}

static int tid_compare(const void *a, const void *b)
{
	return *(const pid_t *)a - *(const pid_t *)b;
}

char *picture_take(const struct daemon *daemon, const struct guest *guest)
{
	_cleanup_(freep) char *tasks = text_new("/proc/%d/task", guest->pid);
	_cleanup_(freep) char *file = text_new("%s/state/state.json", daemon->directory);
	_cleanup_(closedirp) DIR *dir = opendir(tasks);
	char *picture = file_read(file);
	struct dirent *entry;
	pid_t tids[256] = { 0 };
	size_t n = 0;

	while (dir && (entry = readdir(dir)) && n < ARRAY_SIZE(tids))
		if (entry->d_name[0] != '.')
			tids[n++] = (pid_t)strtol(entry->d_name, NULL, 10);
	qsort(tids, n, sizeof(tids[0]), tid_compare);
	for (size_t i = 0; i < n; i++) {
		_cleanup_(freep) char *thread = picture_of_thread(tids[i]);
		char *longer = text_new("%s\nthread %d: %s", picture, tids[i], thread);

		free(picture);
		picture = longer;
	}
	return picture;
}

/* ---- calls ---- */

void requests_fill(struct requests *requests, size_t n, size_t small)
{
	must(n <= REQUESTS_MAX, "too many requests");
	requests->n = n;
	for (size_t i = 0; i < n; i++) {
		snprintf(requests->names[i], sizeof(requests->names[i]), "vcpu%zu", i);
		requests->items[i] = (struct request) { requests->names[i], i < small ? 1000000 : 100000000, 100000000,
							0, 0 };
	}
}

static void answer_error(const sd_bus_error *error, int r, struct answer *ret)
{
	snprintf(ret->error, sizeof(ret->error), "%s", error->name ?: strerror(-r));
	snprintf(ret->message, sizeof(ret->message), "%s", error->message ?: "");
}

static void answer_value(sd_bus_message *reply, const char *key, struct answer *ret)
{
	const char *text;
	int flag;

	if (strcmp(key, "Fits") == 0 && sd_bus_message_read(reply, "v", "b", &flag) >= 0)
		ret->fits = flag;
	else if (strcmp(key, "Test") == 0 && sd_bus_message_read(reply, "v", "s", &text) >= 0)
		snprintf(ret->test, sizeof(ret->test), "%s", text);
	else if (strcmp(key, "Reason") == 0 && sd_bus_message_read(reply, "v", "s", &text) >= 0)
		snprintf(ret->reason, sizeof(ret->reason), "%s", text);
	else if (strcmp(key, "Repair") == 0 && sd_bus_message_read(reply, "v", "s", &text) >= 0)
		snprintf(ret->repair, sizeof(ret->repair), "%s", text);
	else if (strcmp(key, "Index") == 0)
		(void)sd_bus_message_read(reply, "v", "u", &ret->index);
	else if (strcmp(key, "RepairBudgetNSec") == 0)
		(void)sd_bus_message_read(reply, "v", "t", &ret->repair_budget_ns);
	else
		(void)sd_bus_message_skip(reply, "v");
}

static void answer_verdict(sd_bus_message *reply, struct answer *ret)
{
	const char *key;

	must(sd_bus_message_enter_container(reply, 'a', "{sv}") >= 0, "the verdict is no a{sv}");
	while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
		must(sd_bus_message_read(reply, "s", &key) > 0, "a key of the verdict");
		answer_value(reply, key, ret);
		must(sd_bus_message_exit_container(reply) >= 0, key);
	}
}

static void call_send(sd_bus *bus, sd_bus_message *msg, bool verdict, struct answer *ret)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	int r;

	*ret = (struct answer) { .index = UINT32_MAX };
	r = sd_bus_call(bus, msg, WAIT_MAX_US, &error, &reply);
	if (r < 0)
		answer_error(&error, r, ret);
	else if (verdict)
		answer_verdict(reply, ret);
	sd_bus_error_free(&error);
	sd_bus_message_unref(reply);
	sd_bus_message_unref(msg);
}

void call_request(sd_bus *bus, const char *destination, const char *method, const char *domain,
		  const struct request *requests, size_t n, struct answer *ret)
{
	sd_bus_message *msg = NULL;
	int r;

	r = sd_bus_message_new_method_call(bus, &msg, destination, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, method);
	if (r >= 0)
		r = sd_bus_message_append(msg, "s", domain);
	if (r >= 0)
		r = sd_bus_message_open_container(msg, 'a', "(stttt)");
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = sd_bus_message_append(msg, "(stttt)", requests[i].thread, requests[i].budget_ns,
					  requests[i].period_ns, requests[i].deadline_ns, requests[i].flags);
	if (r >= 0)
		r = sd_bus_message_close_container(msg);
	must(r >= 0, "make a request");
	call_send(bus, msg, true, ret);
}

void call_release(sd_bus *bus, const char *destination, const char *domain, const char *const *threads,
		  struct answer *ret)
{
	sd_bus_message *msg = NULL;
	int r;

	r = sd_bus_message_new_method_call(bus, &msg, destination, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "Release");
	if (r >= 0)
		r = sd_bus_message_append(msg, "s", domain);
	if (r >= 0)
		r = sd_bus_message_append_strv(msg, (char **)threads);
	must(r >= 0, "make a release");
	call_send(bus, msg, false, ret);
}
