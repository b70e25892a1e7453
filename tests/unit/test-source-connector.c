/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The filter, tried in the kernel's own interpreter: attached to a socket pair, through which messages go that look like
 * the process connector's. And, where we may, the connector itself.
 */
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>

#include "expect.h"
#include "source-connector.h"

static bool passes(const int fds[2], const void *message, size_t size)
{
	char bytes[256];

	if (send(fds[0], message, size, 0) != (ssize_t)size)
		return false;
	return recv(fds[1], bytes, sizeof(bytes), MSG_DONTWAIT) == (ssize_t)size;
}

/* An event behind the headers that the kernel puts before it. */
static bool message_passes(const int fds[2], const struct proc_event *event)
{
	unsigned char message[NLMSG_HDRLEN + sizeof(struct cn_msg) + sizeof(*event)] = { 0 };

	memcpy(message + sizeof(message) - sizeof(*event), event, sizeof(*event));
	return passes(fds, message, sizeof(message));
}

static bool fork_passes(const int fds[2], pid_t parent, pid_t tgid, pid_t tid)
{
	struct proc_event event = { .what = PROC_EVENT_FORK };

	event.event_data.fork.parent_pid = event.event_data.fork.parent_tgid = parent;
	event.event_data.fork.child_tgid = tgid;
	event.event_data.fork.child_pid = tid;
	return message_passes(fds, &event);
}

static bool event_passes(const int fds[2], uint32_t what, pid_t tgid, pid_t tid)
{
	struct proc_event event = { 0 };

	event.what = (__typeof__(event.what))what;
	event.event_data.exit.process_tgid = tgid;
	event.event_data.exit.process_pid = tid;
	return message_passes(fds, &event);
}

static void expect_filter(const pid_t *tgids, size_t n)
{
	_cleanup_(freep) struct sock_filter *code = NULL;
	struct sock_fprog program;
	size_t n_code = 0, i, wrong = 0;
	int fds[2];

	EXPECT_INT(connector_filter_build(&code, &n_code, tgids, n), 0);
	EXPECT_INT(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), 0);
	program = (struct sock_fprog){ .len = (unsigned short)n_code, .filter = code };
	if (setsockopt(fds[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0) {
		/* net.core.optmem_max; the connector then takes all events */
		EXPECT(errno == ENOMEM && n > 100);
		goto out;
	}
	EXPECT(event_passes(fds, PROC_EVENT_EXEC, 1, 1));
	EXPECT(!event_passes(fds, PROC_EVENT_NONE, n ? tgids[0] : 1, 1));
	EXPECT(!event_passes(fds, PROC_EVENT_UID, n ? tgids[0] : 1, 1));
	EXPECT(!event_passes(fds, PROC_EVENT_EXIT, 1, 1));
	EXPECT(!event_passes(fds, PROC_EVENT_COMM, 0, 0));
	EXPECT(!fork_passes(fds, 1, 2, 2));
	EXPECT(!passes(fds, "short", 5));
	for (i = 0; i < n; i++) {
		pid_t tgid = tgids[i];

		wrong += !event_passes(fds, PROC_EVENT_EXIT, tgid, 9);
		wrong += !event_passes(fds, PROC_EVENT_COMM, tgid, 9);
		wrong += !fork_passes(fds, 1, tgid, 9);		/* a thread */
		wrong += fork_passes(fds, tgid, 9, 9);		/* a child process */
		wrong += event_passes(fds, PROC_EVENT_EXIT, 9, tgid);	/* its number as a tid is another's */
		wrong += fork_passes(fds, 9, 9, tgid);
	}
	EXPECT_INT(wrong, 0);
out:
	close(fds[0]);
	close(fds[1]);
}

static void test_filter(void)
{
	static const size_t sizes[] = { 0, 1, 2, 199, 200, 201, 400, 401, 1000 };
	_cleanup_(freep) struct sock_filter *code = NULL;
	pid_t tgids[1000];
	size_t i, n_code;
	char name[32];

	for (i = 0; i < ARRAY_SIZE(tgids); i++)
		tgids[i] = (pid_t)(i * 4157 + 200);	/* also such that look negative in network order */
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		snprintf(name, sizeof(name), "%zu domains", sizes[i]);
		CASE(name);
		expect_filter(tgids, sizes[i]);
	}
	CASE("more than a filter takes");
	EXPECT_INT(connector_filter_build(&code, &n_code, tgids, 100000), -E2BIG);
	EXPECT_INT(connector_filter_build(&code, &n_code, tgids, SIZE_MAX), -E2BIG);
	EXPECT(code == NULL);
	CASE("");
}

/* What came from the real connector about the processes of this test. */
struct heard {
	pid_t child;		/* of whom we count */
	int execs, threads, foreign;
};

static void on_event(const struct connector_event *event, void *userdata)
{
	struct heard *heard = userdata;

	if (event->kind == CONNECTOR_EXEC)
		heard->execs += event->tgid == heard->child;
	else if (event->kind == CONNECTOR_THREADS && event->tgid == getpid())
		heard->threads++;
	else
		heard->foreign++;
}

static void *thread_main(void *userdata)
{
	return NULL;
}

static void start_thread(void)
{
	pthread_t thread;

	EXPECT_INT(pthread_create(&thread, NULL, thread_main, NULL), 0);
	EXPECT_INT(pthread_join(thread, NULL), 0);
}

static pid_t start_process(const char *program)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (program)
			execl(program, program, NULL);
		_exit(0);
	}
	EXPECT(pid > 0);
	EXPECT_INT(waitpid(pid, NULL, 0), pid);
	return pid;
}

static void drain(sd_event *event)
{
	while (sd_event_run(event, 0) > 0)
		;
}

/* The end of a thread is told to its joiner before it is told to us: so wait for what must come, within 5 s. */
static void expect_count(sd_event *event, const int *count, int want)
{
	while (*count < want && sd_event_run(event, 5000000) > 0)
		;
	drain(event);
	EXPECT_INT(*count, want);
}

static void test_connector(sd_event *event, struct connector *connector, struct heard *heard)
{
	const pid_t self = getpid();

	CASE("exec of anything");
	heard->child = start_process("/bin/true");
	expect_count(event, &heard->execs, 1);
	CASE("not known: no event");
	start_thread();
	drain(event);
	EXPECT_INT(heard->threads, 0);

	CASE("known: threads, not children");
	EXPECT_INT(connector_set_domains(connector, &self, 1), 0);
	start_thread();
	heard->child = start_process(NULL);
	expect_count(event, &heard->threads, 2);	/* its begin, its end */
	CASE("renamed");
	EXPECT_INT(pthread_setname_np(pthread_self(), "another"), 0);
	expect_count(event, &heard->threads, 3);

	CASE("no longer known");
	EXPECT_INT(connector_set_domains(connector, NULL, 0), 0);
	start_thread();
	drain(event);
	EXPECT_INT(heard->threads, 3);
	EXPECT_INT(heard->foreign, 0);
}

/* As systemd's virtrkd.socket hands it over: bound, a member of the group, with whatever has come in meanwhile. */
static bool hand_over(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_CONNECTOR);
	char pid[16];

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || dup2(fd, 3) < 0)
		return false;
	if (fd != 3)
		close(fd);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	return setenv("LISTEN_PID", pid, 1) == 0 && setenv("LISTEN_FDS", "1", 1) == 0;
}

static void test_connector_new(sd_event *event)
{
	struct connector *connector = NULL;
	struct heard heard = { 0 };
	int r;

	r = connector_new(&connector, event, on_event, &heard);
	if (r == -EPERM || r == -EOPNOTSUPP || r == -EPROTONOSUPPORT || r == -ECONNREFUSED)
		printf("the connector itself was not tried: %s\n", strerror(-r));
	else if (EXPECT_INT(r, 0))
		test_connector(event, connector, &heard);
	connector_free(connector);
}

int main(void)
{
	sd_event *event = NULL;
	bool handed_over;

	/* first of all, while descriptor 3 is free */
	handed_over = hand_over();
	test_filter();
	EXPECT(sd_event_new(&event) >= 0);
	if (handed_over) {
		CASE("subscribe with a socket of systemd's");
		test_connector_new(event);
	}
	CASE("subscribe");
	test_connector_new(event);
	sd_event_unref(event);
	return expect_result();
}
