/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process that looks like a QEMU from outside: a copy of the test program itself under QEMU's name, that makes and ends
 * threads as it is told on its standard input ("thread NAME", "end", "name NAME"), says "ok" when it is done, and serves
 * QMP in one of several good and bad ways.
 */
#ifndef TEST_FAKE_QEMU_H
#define TEST_FAKE_QEMU_H

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "expect.h"

#define FAKE_THREADS 8

/* The child's side. */

struct fake_thread_state {
	pthread_t thread;
	int stop[2];		/* a pipe: closed when the thread is to end */
	pid_t tid;
	char name[16];
	pthread_barrier_t started;
};

static pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;	/* of these two: QMP's thread reads them */
static struct fake_thread_state fake_threads[FAKE_THREADS];
static size_t n_fake_threads;

static inline void *fake_thread_main(void *userdata)
{
	struct fake_thread_state *state = userdata;
	char byte;

	state->tid = gettid();
	if (state->name[0])
		(void)prctl(PR_SET_NAME, state->name);
	pthread_barrier_wait(&state->started);
	(void)!read(state->stop[0], &byte, 1);
	return NULL;
}

static inline void fake_thread_start(const char *name)
{
	struct fake_thread_state *state = &fake_threads[n_fake_threads];

	pthread_mutex_lock(&fake_lock);
	if (n_fake_threads == FAKE_THREADS || pipe(state->stop) < 0)
		_exit(3);
	snprintf(state->name, sizeof(state->name), "%.15s", name);
	pthread_barrier_init(&state->started, NULL, 2);
	if (pthread_create(&state->thread, NULL, fake_thread_main, state) != 0)
		_exit(3);
	pthread_barrier_wait(&state->started);
	n_fake_threads++;
	pthread_mutex_unlock(&fake_lock);
}

static inline void fake_thread_end(void)
{
	struct fake_thread_state *state;

	pthread_mutex_lock(&fake_lock);
	state = &fake_threads[--n_fake_threads];
	close(state->stop[1]);
	pthread_join(state->thread, NULL);
	close(state->stop[0]);
	pthread_mutex_unlock(&fake_lock);
}

static inline void fake_qmp_say(int fd, const char *text)
{
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* All threads but the first two are vCPUs, as their order tells; the second is the iothread "disk". */
static inline void fake_qmp_answer(int fd, const char *command)
{
	char text[2048] = "{\"return\": [";
	size_t i;

	if (strstr(command, "query-cpus-fast")) {
		for (i = 2; i < n_fake_threads; i++) {
			size_t used = strlen(text);

			snprintf(text + used, sizeof(text) - used, "%s{\"cpu-index\": %zu, \"thread-id\": %d}",
				 i > 2 ? ", " : "", i - 2, fake_threads[i].tid);
		}
	} else if (strstr(command, "query-iothreads")) {
		if (n_fake_threads > 1)
			snprintf(text, sizeof(text), "{\"return\": [{\"id\": \"disk\", \"thread-id\": %d}",
				 fake_threads[1].tid);
	} else {
		fake_qmp_say(fd, "{\"return\": {\"enabled\": false, \"present\": true}}\r\n");
		return;
	}
	strcat(text, "]}\r\n");
	fake_qmp_say(fd, text);
}

/* @way: "good", "silent", "garbage", "half", "huge", "hangup" */
static inline void fake_qmp_serve(int fd, const char *way)
{
	char command[512];
	ssize_t n;

	if (strcmp(way, "silent") == 0)
		(void)!read(fd, command, sizeof(command));
	else if (strcmp(way, "garbage") == 0)
		fake_qmp_say(fd, "HTTP/1.1 400 Bad Request\r\n\r\n");
	else if (strcmp(way, "half") == 0)
		fake_qmp_say(fd, "{\"QMP\": {");
	if (strcmp(way, "huge") == 0)
		while (send(fd, "[[[[[[[[[\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 9, MSG_NOSIGNAL) > 0)
			;
	if (strcmp(way, "half") == 0)
		(void)!read(fd, command, sizeof(command));
	if (strcmp(way, "good") != 0)
		return;
	fake_qmp_say(fd, "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n");
	while ((n = read(fd, command, sizeof(command) - 1)) > 0) {
		command[n] = '\0';
		pthread_mutex_lock(&fake_lock);
		fake_qmp_answer(fd, command);
		pthread_mutex_unlock(&fake_lock);
	}
}

struct fake_qmp {
	int fd;
	const char *way;
};

static inline void *fake_qmp_main(void *userdata)
{
	struct fake_qmp *qmp = userdata;

	for (;;) {
		int fd = accept(qmp->fd, NULL, NULL);

		if (fd < 0)
			return NULL;
		fake_qmp_serve(fd, qmp->way);
		close(fd);
	}
}

static inline void fake_qmp_start(const char *path, const char *way)
{
	static struct fake_qmp qmp;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	pthread_t thread;

	qmp.way = way;
	qmp.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (qmp.fd < 0 || bind(qmp.fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(qmp.fd, 1) < 0 ||
	    pthread_create(&thread, NULL, fake_qmp_main, &qmp) != 0)
		_exit(3);
}

/* As QEMU does it: the process that was started waits until its grandchild says that it stands. */
static inline void fake_daemonize(void)
{
	int ready[2];
	char byte;

	if (pipe(ready) < 0)
		_exit(3);
	if (fork() > 0) {
		close(ready[1]);
		_exit(read(ready[0], &byte, 1) == 1 ? 0 : 1);
	}
	(void)setsid();
	if (fork() > 0)
		_exit(0);
	close(ready[0]);
	fake_thread_start("call_rcu");
	fake_thread_start("CPU 0/TCG");
	(void)!write(ready[1], "1", 1);
}

static inline int fake_qemu_main(char **argv)
{
	const char *qmp = NULL, *way = "";
	char line[64];
	int i;

	signal(SIGPIPE, SIG_IGN);
	for (i = 1; argv[i]; i++) {
		if (strcmp(argv[i], "-daemonize") == 0)
			fake_daemonize();
		else if (strcmp(argv[i], "-qmp") == 0)
			qmp = argv[++i] + strlen("unix:");
		else if (strcmp(argv[i], "-way") == 0)
			way = argv[++i];
	}
	if (qmp) {
		char *path = strdup(qmp);

		path[strcspn(path, ",")] = '\0';
		fake_qmp_start(path, way);
		free(path);
	}
	printf("ok\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "thread ", 7) == 0)
			fake_thread_start(line + 7);
		else if (strcmp(line, "end") == 0)
			fake_thread_end();
		else if (strncmp(line, "name ", 5) == 0)
			(void)prctl(PR_SET_NAME, line + 5);
		printf("ok\n");
		fflush(stdout);
	}
	_exit(0);
}

/* The test's side. */

struct fake_qemu {
	pid_t pid;
	FILE *to, *from;
};

/* Copies this program under QEMU's name into @tree; the path is the caller's. */
static inline char *fake_qemu_install(const char *tree)
{
	char *path = tree_path(tree, "bin/qemu-system-x86_64");
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	char bytes[65536];
	ssize_t n;

	tree_must(in >= 0 && out >= 0, path);
	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		tree_must(write(out, bytes, (size_t)n) == n, path);
	close(in);
	close(out);
	return path;
}

static inline bool fake_qemu_ok(struct fake_qemu *qemu)
{
	char line[64];

	return fgets(line, sizeof(line), qemu->from) && strcmp(line, "ok\n") == 0;
}

#define fake_qemu_start(qemu, path, ...) \
	fake_qemu_run((qemu), (path), (const char *const[]){ "qemu-system-x86_64", __VA_ARGS__, NULL })

static inline void fake_qemu_run(struct fake_qemu *qemu, const char *path, const char *const argv[])
{
	int to[2], from[2];

	tree_must(pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0, "pipe");
	qemu->pid = fork();
	if (qemu->pid == 0) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		execv(path, (char *const *)argv);
		_exit(127);
	}
	tree_must(qemu->pid > 0, "fork");
	close(to[0]);
	close(from[1]);
	qemu->to = fdopen(to[1], "w");
	qemu->from = fdopen(from[0], "r");
	tree_must(qemu->to && qemu->from && fake_qemu_ok(qemu), path);
}

static inline void fake_qemu_tell(struct fake_qemu *qemu, const char *what)
{
	fprintf(qemu->to, "%s\n", what);
	fflush(qemu->to);
	EXPECT(fake_qemu_ok(qemu));
}

/* Its standard input ends, and so does it, wherever it was forked to. */
static inline void fake_qemu_stop(struct fake_qemu *qemu)
{
	fclose(qemu->to);
	fclose(qemu->from);
	EXPECT(waitpid(qemu->pid, NULL, 0) == qemu->pid);
}

#endif
