/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waiting and waking between processes in memory of a mounted colorfs: the kernel knows a futex that processes share by the file
 * and the index of its page, which it takes from the frame. Called by TEST-40-colorfs.sh in the host under test, as root:
 * "colorfs-futex DIRECTORY". A waiter is a process of its own with a mapping of its own, and is known to sleep before anybody wakes.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "../unit/expect.h"

#define PAGE	4096UL
#define PAGES	16UL
#define WORDS	(PAGE / sizeof(uint32_t))
#define ROUNDS	2000

static const char *directory;

static int file_new(const char *name, char *path, size_t size)
{
	int fd;

	snprintf(path, size, "%s/%s", directory, name);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)(PAGES * PAGE)) < 0) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	return fd;
}

static uint32_t *words_map(int fd, size_t pages, int protection)
{
	void *p = mmap(NULL, pages * PAGE, protection, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(EXIT_FAILURE);
	}
	return p;
}

static long futex_wait(const uint32_t *word, uint32_t value)
{
	struct timespec limit = { .tv_sec = 60 };

	return syscall(SYS_futex, word, FUTEX_WAIT, value, &limit, NULL, 0) < 0 ? -errno : 0;
}

static long futex_wake(const uint32_t *word)
{
	long r = syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);

	return r < 0 ? -errno : r;
}

/* --- waiters ------------------------------------------------------------------------------------------------------- */

static bool sleeps_in_futex(pid_t pid)
{
	struct timespec pause = { .tv_nsec = 10000000 };
	char name[64], line[64] = "", want[16];
	FILE *f;
	int i;

	snprintf(name, sizeof(name), "/proc/%d/syscall", pid);
	snprintf(want, sizeof(want), "%d ", (int)SYS_futex);
	for (i = 0; i < 2000 && strncmp(line, want, strlen(want)) != 0; i++) {
		nanosleep(&pause, NULL);
		f = fopen(name, "re");
		if (!f || !fgets(line, sizeof(line), f))
			line[0] = '\0';
		if (f)
			fclose(f);
	}
	return strncmp(line, want, strlen(want)) == 0;
}

/* Sleeps on a word of the file, by a mapping of its own that it may only read if @protection says so. */
static pid_t waiter_new(int fd, size_t word, int protection)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(futex_wait(words_map(fd, PAGES, protection) + word, 0) == 0 ? 0 : 1);
	}
	EXPECT(sleeps_in_futex(pid));
	return pid;
}

static bool waiter_woken(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* --- checks -------------------------------------------------------------------------------------------------------- */

static void check_keys(int a, int b)
{
	uint32_t *p = words_map(a, PAGES, PROT_READ | PROT_WRITE), *other = words_map(b, PAGES, PROT_READ | PROT_WRITE);
	pid_t pid;

	CASE("another process is woken");
	EXPECT_INT(futex_wake(p + 3), 0);
	EXPECT_INT(futex_wait(p + 3, 1), -EAGAIN);
	pid = waiter_new(a, 3, PROT_READ | PROT_WRITE);
	EXPECT_INT(futex_wake(p + 3), 1);
	EXPECT(waiter_woken(pid));

	CASE("one that may only read");
	pid = waiter_new(a, 3 * WORDS, PROT_READ);
	EXPECT_INT(futex_wake(p + 3 * WORDS), 1);
	EXPECT(waiter_woken(pid));

	CASE("nobody by another word, page or file");
	pid = waiter_new(a, 2 * WORDS + 7, PROT_READ | PROT_WRITE);
	EXPECT_INT(futex_wake(p + 2 * WORDS + 8), 0);
	EXPECT_INT(futex_wake(p + 7), 0);
	EXPECT_INT(futex_wake(p + 3 * WORDS + 7), 0);
	EXPECT_INT(futex_wake(other + 2 * WORDS + 7), 0);
	EXPECT_INT(futex_wake(p + 2 * WORDS + 7), 1);
	EXPECT(waiter_woken(pid));
	munmap(p, PAGES * PAGE);
	munmap(other, PAGES * PAGE);
}

/* The frame that a waiter's word was in goes to another file, at another place and at the same: it is that file's futex now. */
static void check_left(int a, int b)
{
	uint32_t *p = words_map(a, PAGES, PROT_READ | PROT_WRITE), *all;
	struct statvfs st;
	size_t pages, i;
	long woken = 0;
	pid_t pid;

	CASE("what left the file is no word of it");
	pid = waiter_new(a, WORDS + 1, PROT_READ | PROT_WRITE);
	EXPECT_INT(ftruncate(a, 0), 0);
	EXPECT_INT(futex_wake(p + WORDS + 1), -EFAULT);
	EXPECT_INT(fstatvfs(b, &st), 0);
	pages = PAGES + st.f_bavail;
	EXPECT_INT(ftruncate(b, (off_t)(pages * PAGE)), 0);
	all = words_map(b, pages, PROT_READ | PROT_WRITE);
	for (i = 0; i < pages; i++)
		woken += labs(futex_wake(all + i * WORDS + 1));
	EXPECT_INT(woken, 0);
	munmap(all, pages * PAGE);
	EXPECT_INT(ftruncate(b, (off_t)(PAGES * PAGE)), 0);
	EXPECT_INT(ftruncate(a, (off_t)(PAGES * PAGE)), 0);
	EXPECT_INT(futex_wake(p + WORDS + 1), 1);	/* as with any file: the same place of it */
	EXPECT(waiter_woken(pid));

	CASE("a hole was punched");
	pid = waiter_new(a, 5 * WORDS, PROT_READ | PROT_WRITE);
	EXPECT_INT(fallocate(a, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGES * PAGE), 0);
	EXPECT_INT(futex_wake(p + 5 * WORDS), 1);
	EXPECT(waiter_woken(pid));
	munmap(p, PAGES * PAGE);
}

/* One cuts the file, pins pages and lets them go, the other looks for futexes there: they are there or they are not. */
static void check_race(int a)
{
	uint32_t *p = words_map(a, PAGES, PROT_READ | PROT_WRITE);
	struct iovec vector = { p + 2 * WORDS, PAGE };
	int pipes[2], status = 0, i;
	char out[PAGE];
	pid_t pid;

	CASE("looked for while the file is cut");
	EXPECT_INT(pipe2(pipes, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		unsigned long n;
		long r = 0;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (n = 0; r == 0 || r == -EFAULT; n++)
			r = futex_wake(p + n % PAGES * WORDS);
		_exit(1);
	}
	for (i = 0; i < ROUNDS; i++) {
		p[2 * WORDS] = 0;
		EXPECT_INT(vmsplice(pipes[1], &vector, 1, 0), PAGE);
		EXPECT_INT(ftruncate(a, 0), 0);
		EXPECT_INT(ftruncate(a, (off_t)(PAGES * PAGE)), 0);
		EXPECT_INT(read(pipes[0], out, PAGE), PAGE);
	}
	EXPECT_INT(waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(pipes[0]);
	close(pipes[1]);
	munmap(p, PAGES * PAGE);
}

struct shared {
	pthread_mutex_t mutex, robust;
	pthread_cond_t changed;
	int turn;
};

static void shared_init(struct shared *s)
{
	pthread_mutexattr_t mutex;
	pthread_condattr_t cond;

	pthread_mutexattr_init(&mutex);
	pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setprotocol(&mutex, PTHREAD_PRIO_INHERIT);
	EXPECT_INT(pthread_mutex_init(&s->mutex, &mutex), 0);
	pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST);
	EXPECT_INT(pthread_mutex_init(&s->robust, &mutex), 0);
	pthread_condattr_init(&cond);
	pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
	EXPECT_INT(pthread_cond_init(&s->changed, &cond), 0);
}

/* By turns, each as often as the other. */
static int shared_play(struct shared *s, int me)
{
	int i, r = pthread_mutex_lock(&s->mutex);

	for (i = 0; r == 0 && i < ROUNDS; i++) {
		while (r == 0 && s->turn % 2 != me)
			r = pthread_cond_wait(&s->changed, &s->mutex);
		s->turn++;
		pthread_cond_signal(&s->changed);
	}
	return r ?: pthread_mutex_unlock(&s->mutex);
}

static void check_pthread(int a)
{
	struct shared *s = (struct shared *)words_map(a, PAGES, PROT_READ | PROT_WRITE);
	int status = 0;
	pid_t pid;

	CASE("mutexes and conditions of two processes");
	memset(s, 0, sizeof(*s));
	shared_init(s);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(shared_play(s, 1));
	}
	EXPECT_INT(shared_play(s, 0), 0);
	EXPECT(waiter_woken(pid));
	EXPECT_INT(s->turn, 2 * ROUNDS);

	CASE("the owner of a mutex dies");
	pid = fork();
	if (pid == 0)
		_exit(pthread_mutex_lock(&s->robust));
	EXPECT_INT(waitpid(pid, &status, 0), pid);
	EXPECT_INT(status, 0);
	EXPECT_INT(pthread_mutex_lock(&s->robust), EOWNERDEAD);
	EXPECT_INT(pthread_mutex_consistent(&s->robust), 0);
	EXPECT_INT(pthread_mutex_unlock(&s->robust), 0);
	munmap(s, PAGES * PAGE);
}

/* A device writes into pages, whoever set it going marks them as dirty afterwards. */
static void check_direct(int a)
{
	static unsigned char want[PAGES * PAGE];
	uint32_t *p = words_map(a, PAGES, PROT_READ | PROT_WRITE);
	int fd = open("/usr/bin/bash", O_RDONLY | O_CLOEXEC);

	CASE("direct I/O into it");
	EXPECT_INT(pread(fd, want, sizeof(want), 0), sizeof(want));
	close(fd);
	fd = open("/usr/bin/bash", O_RDONLY | O_DIRECT | O_CLOEXEC);
	EXPECT_INT(pread(fd, p, sizeof(want), 0), sizeof(want));
	close(fd);
	EXPECT(memcmp(p, want, sizeof(want)) == 0);
	munmap(p, PAGES * PAGE);
}

int main(int argc, char **argv)
{
	char first[4096], second[4096];
	int a, b;

	if (argc != 2) {
		fprintf(stderr, "usage: colorfs-futex DIRECTORY\n");
		return 2;
	}
	directory = argv[1];
	a = file_new("a", first, sizeof(first));
	b = file_new("b", second, sizeof(second));
	check_keys(a, b);
	check_left(a, b);
	check_race(a);
	check_pthread(a);
	check_direct(a);
	EXPECT_INT(unlink(first), 0);
	EXPECT_INT(unlink(second), 0);
	return expect_result();
}
