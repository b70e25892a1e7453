/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A QEMU that answers as it should, and all the ways in which it may not: garbage, half a message, far too much of it,
 * nothing at all, an early end. Whatever it does, one result comes, in time, and no descriptor stays open.
 */
#include <dirent.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-event.h>

#include "expect.h"
#include "source-qmp.h"
#include "sysroot.h"

#define GREETING "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}}, \"capabilities\": [\"oob\"]}}\r\n"
#define EMPTY	 "{\"return\": {}}\r\n"
#define CPU(index, tid)                                                                                                \
	"{\"thread-id\": " #tid ", \"props\": {\"core-id\": 0, \"socket-id\": 0}, \"qom-path\": \"/m\", "                \
	"\"cpu-index\": " #index ", \"target\": \"x86_64\"}"
#define CPUS	 "{\"return\": [" CPU(1, 102) ", " CPU(0, 101) "]}\r\n"
#define IOTHREADS                                                                                                      \
	"{\"return\": [{\"poll-grow\": 0, \"thread-id\": 99, \"id\": \"disk\"}, "                                        \
	"{\"thread-id\": 98, \"id\": \"iothread1\"}]}\r\n"
#define TCG	 "{\"return\": {\"enabled\": false, \"present\": true}}\r\n"
#define KVM	 "{\"return\": {\"enabled\": true, \"present\": true}}\r\n"
#define EVENT	 "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"RESUME\"}\r\n"
#define ERROR	 "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no\"}}\r\n"
#define RETURN(x) "{\"return\": " x "}\r\n"
#define STEPS	 5
#define LIMIT	 65536UL

static const struct script {
	const char *what;
	const char *send[STEPS];	/* the greeting, then one for each command; NULL = silent from here on */
	int r;
	size_t n_cpus, n_iothreads;
	enum { NONE, NO, YES } kvm;
} scripts[] = {
#define BAD(what, r, ...) { what, { __VA_ARGS__ }, r, 0, 0, 0 }
	{ "as it should",	{ GREETING, EMPTY, CPUS, IOTHREADS, TCG }, 0, 2, 2, NO },
	{ "with KVM",		{ GREETING, EMPTY, CPUS, IOTHREADS, KVM }, 0, 2, 2, YES },
	{ "events in between",	{ EVENT GREETING EVENT, EVENT EMPTY, EVENT CPUS, IOTHREADS EVENT, EVENT KVM EVENT }, 0,
				2, 2, YES },
	{ "no vCPU yet",	{ GREETING, EMPTY, RETURN("[]"), RETURN("[]"), KVM }, 0, 0, 0, YES },
	{ "one thread runs all", { GREETING, EMPTY, RETURN("[" CPU(0, 7) "," CPU(1, 7) "]"), RETURN("[]"), TCG }, 0, 2,
				0, NO },
	{ "no iothreads, no kvm", { GREETING, EMPTY, CPUS, ERROR, ERROR }, 0, 2, 0, NONE },
	{ "pretty printed",	{ "{\n  \"QMP\": {\n }\n}\n", "{\n \"return\":\n {\n }\n }\n", CPUS, IOTHREADS, KVM }, 0,
				2, 2, YES },
	BAD("a greeting that is none", -EBADMSG, "{\"hello\": 1}"),
	BAD("another protocol", -EBADMSG, "SSH-2.0-OpenSSH_9.2\r\n"),
	BAD("a list", -EBADMSG, "[1,2]"),
	BAD("null", -EBADMSG, "null\n"),
	BAD("a number", -EBADMSG, "12\n"),
	BAD("a control character", -EBADMSG, "{\"QMP\": \x01}"),
	BAD("nested too deep", -EBADMSG, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["),
	BAD("answers before it is asked", -EBADMSG, GREETING EMPTY),
	BAD("greets twice", -EBADMSG, GREETING GREETING),
	BAD("capabilities refused", -EOPNOTSUPP, GREETING, ERROR),
	BAD("too old for query-cpus-fast", -EOPNOTSUPP, GREETING, EMPTY, ERROR),
	BAD("neither return nor error", -EBADMSG, GREETING, "{}"),
	BAD("vCPUs are no list", -EBADMSG, GREETING, EMPTY, RETURN("{}")),
	BAD("a vCPU is no object", -EBADMSG, GREETING, EMPTY, RETURN("[1]")),
	BAD("a vCPU is null", -EBADMSG, GREETING, EMPTY, RETURN("[null]")),
	BAD("without thread id", -EBADMSG, GREETING, EMPTY, RETURN("[{\"cpu-index\": 0}]")),
	BAD("thread id in quotes", -EBADMSG, GREETING, EMPTY, RETURN("[{\"cpu-index\": 0, \"thread-id\": \"7\"}]")),
	BAD("thread id 0", -EBADMSG, GREETING, EMPTY, RETURN("[" CPU(0, 0) "]")),
	BAD("negative thread id", -EBADMSG, GREETING, EMPTY, RETURN("[" CPU(0, -7) "]")),
	BAD("thread id beyond int", -EBADMSG, GREETING, EMPTY, RETURN("[" CPU(0, 2147483648) "]")),
	BAD("thread id beyond 64 bits", -EBADMSG, GREETING, EMPTY, RETURN("[" CPU(0, 99999999999999999999) "]")),
	BAD("thread id with a fraction", -EBADMSG, GREETING, EMPTY, RETURN("[" CPU(0, 7.0) "]")),
	BAD("negative index", -EBADMSG, GREETING, EMPTY, RETURN("[" CPU(-1, 7) "]")),
	BAD("huge index", -EBADMSG, GREETING, EMPTY, RETURN("[" CPU(65536, 7) "]")),
	BAD("an index twice", -EBADMSG, GREETING, EMPTY, RETURN("[" CPU(0, 7) "," CPU(1, 8) "," CPU(0, 9) "]")),
	BAD("iothreads are no list", -EBADMSG, GREETING, EMPTY, CPUS, RETURN("1")),
	BAD("iothread without id", -EBADMSG, GREETING, EMPTY, CPUS, RETURN("[{\"thread-id\": 1}]")),
	BAD("kvm is no object", -EBADMSG, GREETING, EMPTY, CPUS, IOTHREADS, RETURN("[]")),
	BAD("kvm is no truth value", -EBADMSG, GREETING, EMPTY, CPUS, IOTHREADS, RETURN("{\"enabled\": 1}")),
};

static void expect_answer(const struct script *script, const struct qmp_answer *answer)
{
	if (!EXPECT(answer != NULL))
		return;
	EXPECT_INT(answer->n_cpus, script->n_cpus);
	EXPECT_INT(answer->n_iothreads, script->n_iothreads);
	EXPECT_INT(answer->kvm_known ? answer->kvm ? YES : NO : NONE, script->kvm);
	if (answer->n_cpus == 2) {	/* sorted, whatever the order was */
		EXPECT_INT(answer->cpus[0].index, 0);
		EXPECT_INT(answer->cpus[1].index, 1);
		EXPECT_INT(answer->cpus[0].tid, answer->cpus[1].tid == 7 ? 7 : 101);
	}
	if (answer->n_iothreads == 2) {
		EXPECT_STR(answer->iothreads[1].id, "iothread1");
		EXPECT_INT(answer->iothreads[1].tid, 98);
	}
}

/* As a value: the script goes in, in pieces of @piece bytes. */
static void run_reader(const struct script *script, size_t piece)
{
	_cleanup_(qmp_reader_freep) struct qmp_reader *reader = NULL;
	size_t step, pos;
	int r = 0;

	if (!EXPECT_INT(qmp_reader_new(&reader, LIMIT), 0))
		return;
	for (step = 0; r == 0 && step < STEPS && script->send[step]; step++) {
		const char *text = script->send[step];

		for (pos = 0; r == 0 && pos < strlen(text); pos += piece) {
			size_t left = strlen(text) - pos;

			r = qmp_reader_push(reader, text + pos, left < piece ? left : piece);
		}
		if (r < 0)
			break;
		EXPECT((qmp_reader_command(reader) == NULL) == (step == STEPS - 1));
		EXPECT(qmp_reader_command(reader) == NULL);	/* told once */
	}
	EXPECT_INT(r, script->r);
	if (script->r == 0)
		expect_answer(script, qmp_reader_answer(reader));
	else
		EXPECT(qmp_reader_answer(reader) == NULL);
}

static void test_reader(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(scripts); i++) {
		CASE(scripts[i].what);
		run_reader(&scripts[i], 1);
		run_reader(&scripts[i], 7);
		run_reader(&scripts[i], 1 << 20);
	}
}

static void test_reader_limits(void)
{
	_cleanup_(qmp_reader_freep) struct qmp_reader *nul = NULL, *lng = NULL, *events = NULL;
	size_t pushed;
	int r;

	CASE("a NUL inside");
	EXPECT_INT(qmp_reader_new(&nul, LIMIT), 0);
	EXPECT_INT(qmp_reader_push(nul, "{\"QMP\"\0: {}}", 12), -EBADMSG);

	CASE("one endless string");
	EXPECT_INT(qmp_reader_new(&lng, LIMIT), 0);
	r = qmp_reader_push(lng, "{\"QMP\": \"", 9);
	for (pushed = 9; r == 0 && pushed < 10 * LIMIT; pushed += 8)
		r = qmp_reader_push(lng, "xxxxxxxx", 8);
	EXPECT_INT(r, -EMSGSIZE);
	EXPECT(pushed <= LIMIT + 16);

	CASE("endless events");
	EXPECT_INT(qmp_reader_new(&events, LIMIT), 0);
	r = qmp_reader_push(events, GREETING, strlen(GREETING));
	for (pushed = 0; r == 0 && pushed < 100 * LIMIT; pushed += strlen(EVENT))
		r = qmp_reader_push(events, EVENT, strlen(EVENT));
	EXPECT_INT(r, -EMSGSIZE);

	CASE("room for 256 vCPUs");
	EXPECT(qmp_message_max(300) >= (size_t)256 * 300);
	EXPECT(qmp_message_max(SIZE_MAX) <= (size_t)64 << 20);
}

/* The other end of a socket pair: plays a script, one piece for each command that it is sent. */
struct server {
	const struct script *script;
	int fd;
	size_t step;
	bool hang_up;		/* at the end of the script, instead of silence */
};

struct outcome {
	sd_event *event;
	const struct script *script;
	struct qmp_query *query;
	int calls;
	int r;
};

static void server_send(struct server *server)
{
	const char *text = server->step < STEPS ? server->script->send[server->step++] : NULL;

	if (text)
		(void)!send(server->fd, text, strlen(text), MSG_NOSIGNAL);
	if (server->hang_up && (server->step == STEPS || !server->script->send[server->step]))
		shutdown(server->fd, SHUT_WR);
}

static int server_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	char bytes[256];

	if (recv(fd, bytes, sizeof(bytes), 0) <= 0)
		return sd_event_source_set_enabled(source, SD_EVENT_OFF);
	server_send(userdata);
	return 0;
}

static void on_done(int r, const struct qmp_answer *answer, void *userdata)
{
	struct outcome *outcome = userdata;

	outcome->calls++;
	outcome->r = r;
	if (r == 0)
		expect_answer(outcome->script, answer);
	else
		EXPECT(answer == NULL);
	outcome->query = qmp_query_free(outcome->query);
	(void)sd_event_exit(outcome->event, 0);
}

/* One conversation over a real socket; what comes after the last piece of the script is up to @hang_up. */
static int run_query(const struct script *script, bool hang_up, uint64_t limit_usec)
{
	_cleanup_(closep) int server_fd = -EBADF;
	struct outcome outcome = { .script = script };
	struct server server = { .script = script, .hang_up = hang_up };
	sd_event_source *io = NULL;
	int fds[2];

	if (!EXPECT_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0) ||
	    !EXPECT(sd_event_new(&outcome.event) >= 0))
		return -EIO;
	server_fd = server.fd = fds[0];
	EXPECT(sd_event_add_io(outcome.event, &io, server_fd, EPOLLIN, server_on_io, &server) >= 0);
	EXPECT_INT(qmp_query_new(&outcome.query, outcome.event, fds[1], LIMIT, limit_usec, on_done, &outcome), 0);
	server_send(&server);
	EXPECT_INT(sd_event_loop(outcome.event), 0);
	EXPECT_INT(outcome.calls, 1);
	EXPECT(outcome.query == NULL);
	sd_event_source_disable_unref(io);
	sd_event_unref(outcome.event);
	return outcome.r;
}

static void test_query(void)
{
	static const struct script silent = { "never says a word", { NULL }, 0, 0, 0, 0 };
	static const struct script half = { "half a greeting", { "{\"QMP\": {\"ver" }, 0, 0, 0, 0 };
	static const struct script stops = { "stops in the middle", { GREETING, EMPTY }, 0, 0, 0, 0 };
	static const struct script *const ends[] = { &silent, &half, &stops };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(scripts); i++) {
		CASE(scripts[i].what);
		EXPECT_INT(run_query(&scripts[i], false, 5000000), scripts[i].r);
	}
	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		CASE(ends[i]->what);
		EXPECT_INT(run_query(ends[i], false, 1000), -ETIMEDOUT);
		EXPECT_INT(run_query(ends[i], true, 5000000), -ECONNRESET);
	}
}

static void test_query_free(void)
{
	struct outcome outcome = { .script = &scripts[0] };
	int fds[2];

	CASE("freed before it ends");
	EXPECT(sd_event_new(&outcome.event) >= 0);
	EXPECT_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	EXPECT_INT(qmp_query_new(&outcome.query, outcome.event, fds[1], LIMIT, 1000, on_done, &outcome), 0);
	qmp_query_free(outcome.query);
	EXPECT_INT(sd_event_run(outcome.event, 5000), 0);
	EXPECT_INT(outcome.calls, 0);
	close(fds[0]);
	sd_event_unref(outcome.event);
	EXPECT(qmp_query_free(NULL) == NULL);
}

/* A listening socket of ours at @path. */
static int listener(const char *path, int backlog)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	tree_must(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0, path);
	tree_must(backlog < 0 || listen(fd, backlog) == 0, path);
	return fd;
}

static void test_connect(void)
{
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(freep) char *path = tree_path(tree, "q.sock"), *deaf_path = tree_path(tree, "deaf.sock");
	_cleanup_(freep) char *absent = tree_path(tree, "absent.sock");
	_cleanup_(closep) int server = listener(path, 0), deaf = listener(deaf_path, -1);
	_cleanup_(closep) int first = -EBADF, second = -EBADF, third = -EBADF;

	EXPECT(deaf >= 0);
	EXPECT_INT(sysroot_new(&root, NULL), 0);
	CASE("nobody there");
	EXPECT_INT(qmp_connect(root, getpid(), absent, &first), -ENOENT);
	EXPECT_INT(qmp_connect(root, getpid(), deaf_path, &first), -ECONNREFUSED);
	EXPECT_INT(qmp_connect(root, getpid(), "no/such/directory", &first), -ENOENT);
	CASE("no socket");
	EXPECT(qmp_connect(root, getpid(), tree, &first) < 0);
	CASE("somebody else's socket");
	EXPECT_INT(qmp_connect(root, getppid(), path, &first), -EREMOTE);
	EXPECT_INT(first, -EBADF);
	CASE("ours");
	(void)close(accept4(server, NULL, NULL, SOCK_CLOEXEC));	/* the one above */
	EXPECT_INT(qmp_connect(root, getpid(), path, &first), 0);
	EXPECT(first >= 0);
	CASE("busy: does not wait");
	EXPECT_INT(qmp_connect(root, getpid(), path, &second), -EAGAIN);
	CASE("relative to its directory");
	(void)close(accept4(server, NULL, NULL, SOCK_CLOEXEC));
	EXPECT_INT(chdir(tree), 0);
	EXPECT_INT(qmp_connect(root, getpid(), "q.sock", &third), 0);
	EXPECT_INT(chdir("/"), 0);
}

static size_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

int main(void)
{
	size_t before = count_fds();

	test_reader();
	test_reader_limits();
	test_query();
	test_query_free();
	test_connect();
	CASE("descriptors");
	EXPECT_INT(count_fds(), before);
	return expect_result();
}
