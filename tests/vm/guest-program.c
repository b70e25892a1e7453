/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program to be run by virtrk-guest run: uses memory in all the ways that there are, and tries those that it must not have. Called by
 * TEST-48-guest-run.sh: "guest-program DEED"; what is not as it should be is a line and exit code 1.
 *
 *   work      heap, stack, threads, mappings, static data, all written and read back; then it waits for the end of its input. Exit code 7.
 *   exhaust   takes all that there is, in each way: ENOMEM, EAGAIN, and the program goes on
 *   children  every way to a second process, and system calls that go around: refused, or the child dies
 *   exec      becomes "work" by execvp()
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define MIB  (1UL << 20)

static unsigned char static_zero[3 * MIB];
static unsigned char static_data[MIB] = { 1, 2, 3 };
static int failures;

static void expect(int is, const char *what)
{
	if (is)
		return;
	(void)fprintf(stderr, "not so: %s (%s)\n", what, strerror(errno));
	failures++;
}

static void fill(unsigned char *p, size_t bytes, unsigned int seed)
{
	for (size_t i = 0; i < bytes; i += 64)
		p[i] = (unsigned char)(i / 64 * 7 + seed);
}

static int filled(const unsigned char *p, size_t bytes, unsigned int seed)
{
	for (size_t i = 0; i < bytes; i += 64)
		if (p[i] != (unsigned char)(i / 64 * 7 + seed))
			return 0;
	return 1;
}

static int zero(const unsigned char *p, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (p[i] != 0)
			return 0;
	return 1;
}

/* A page of stack for each level. */
__attribute__((noinline)) static unsigned int deep(unsigned int levels)
{
	volatile unsigned char frame[PAGE];

	frame[0] = (unsigned char)levels;
	frame[PAGE - 1] = 1;
	return levels == 0 ? 0 : deep(levels - 1) + frame[PAGE - 1] + (frame[0] != (unsigned char)levels);
}

static void *thread(void *argument)
{
	static _Thread_local unsigned char local[2 * PAGE];
	unsigned char *p = malloc(200000);

	if (!p || !zero(local, sizeof(local)))
		return NULL;
	fill(local, sizeof(local), 5);
	fill(p, 200000, 9);
	if (deep(100) != 100 || !filled(p, 200000, 9) || !filled(local, sizeof(local), 5))
		return NULL;
	free(p);
	return argument;
}

static void *waits(void *argument)
{
	while (sem_wait(argument) < 0)
		;
	pthread_exit(argument);
}

static void threads_try(void)
{
	const struct timespec past = { .tv_sec = 1 };
	pthread_attr_t detached;
	sem_t go;
	pthread_t t[4], one;
	void *ret;

	expect(sem_init(&go, 0, 0) == 0, "a semaphore");
	for (unsigned int round = 0; round < 40; round++) {
		for (size_t i = 0; i < 4; i++)
			expect(pthread_create(&t[i], NULL, thread, &failures) == 0, "a thread begins");
		for (size_t i = 0; i < 4; i++)
			expect(pthread_join(t[i], &ret) == 0 && ret == &failures, "a thread has its memory");
	}
	expect(pthread_create(&one, NULL, waits, &go) == 0, "a thread that waits");
	expect(pthread_tryjoin_np(one, &ret) == EBUSY && pthread_timedjoin_np(one, &ret, &past) == ETIMEDOUT, "it is not done");
	expect(sem_post(&go) == 0 && pthread_join(one, &ret) == 0 && ret == &go, "it ends by pthread_exit");
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&detached, 512 * 1024);
	for (unsigned int round = 0; round < 100; round++) {
		int r;

		do {
			r = pthread_create(&one, &detached, thread, NULL);
		} while (r == EAGAIN && usleep(1000) == 0);	/* the stacks of those before are in use until they are gone */
		expect(r == 0, "a detached thread begins");
	}
	pthread_attr_destroy(&detached);
}

static void mappings_try(void)
{
	unsigned char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *file;
	int fd = open("/proc/self/exe", 0);

	expect(p != MAP_FAILED && zero(p, MIB), "a mapping of zeros");
	fill(p, MIB, 3);
	p = mremap(p, MIB, 2 * MIB, MREMAP_MAYMOVE);
	expect(p != MAP_FAILED && filled(p, MIB, 3) && zero(p + MIB, MIB), "it grows");
	expect(mremap(p, 2 * MIB, PAGE, 0) == p && filled(p, PAGE, 3), "it shrinks");
	expect(madvise(p, PAGE, MADV_DONTNEED) == 0 && zero(p, PAGE), "not needed: zeros");
	expect(mmap(p, PAGE, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == p && zero(p, PAGE), "anew in its place");
	expect(munmap(p, PAGE) == 0, "it goes");
	for (unsigned int i = 0; i < 1000; i++) {
		p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		expect(p != MAP_FAILED && munmap(p, MIB) == 0, "there and gone");
	}
	file = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	expect(file != MAP_FAILED && memcmp(file, "\177ELF", 4) == 0, "a private copy of a file");
	file[0] = 0;
	close(fd);
}

/* It cannot go on without. */
static void *must(void *p, const char *what)
{
	if (p)
		return p;
	expect(0, what);
	exit(EXIT_FAILURE);
}

static void heap_try(void)
{
	unsigned char *large = must(malloc(4 * MIB), "4 MiB"), *many[500];

	fill(large, 4 * MIB, 1);
	for (size_t i = 0; i < 500; i++) {
		many[i] = must(malloc(i * 37 + 1), "a small one");
		memset(many[i], (int)i, i * 37 + 1);
	}
	large = must(realloc(large, 6 * MIB), "6 MiB");	/* stays until the end: it is looked at from outside */
	expect(filled(large, 4 * MIB, 1), "6 MiB of which 4 are what they were");
	for (size_t i = 0; i < 500; i++) {
		expect(many[i][i * 37] == (unsigned char)i, "its bytes");
		free(many[i]);
	}
}

/* What stays is looked at from outside, until the input ends. */
static int work(void)
{
	char c;

	expect(static_data[1] == 2 && zero(static_zero, sizeof(static_zero)), "static data");
	fill(static_zero, sizeof(static_zero), 2);
	fill(static_data, sizeof(static_data), 4);
	expect(deep(200) == 200, "recursion");
	heap_try();
	mappings_try();
	threads_try();
	expect(filled(static_zero, sizeof(static_zero), 2) && filled(static_data, sizeof(static_data), 4), "static data at the end");
	puts(failures ? "failed" : "ready");
	(void)fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return failures ? EXIT_FAILURE : 7;
}

/* As many as there are, each of so many bytes, in a chain from @chain on; *ret_n: how many. */
static void **heap_take(void **chain, size_t bytes, size_t *ret_n)
{
	void **p;

	errno = 0;
	for (*ret_n = 0; (p = malloc(bytes)); ++*ret_n) {
		fill((unsigned char *)p, bytes, 1);
		*p = (void *)chain;
		chain = p;
	}
	return chain;
}

static int exhaust(void)
{
	size_t n, maps = 0;
	unsigned char *p;
	void **chain;
	pthread_t t;

	for (p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); p != MAP_FAILED;
	     p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
		fill(p, MIB, (unsigned int)maps++);
	expect(errno == ENOMEM && maps > 2, "mappings end by ENOMEM");
	expect(pthread_create(&t, NULL, thread, NULL) == EAGAIN, "no thread by EAGAIN");
	chain = heap_take(NULL, 100000, &n);
	expect(errno == ENOMEM && n > 20, "the heap ends by ENOMEM");
	chain = heap_take(chain, 64, &n);
	expect(errno == ENOMEM && n > 0, "to the last piece");
	expect(sbrk(4096) == (void *)-1 && errno == ENOMEM, "nor by sbrk");	/* NOLINT(performance-no-int-to-ptr) */
	expect(deep(200) == 200, "the stack is what it was");
	while (chain) {
		void **next = *chain;

		free(chain);
		chain = next;
	}
	free(must(malloc(MIB), "what was given back can be had again"));
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int children(void)
{
	pid_t (*vfork_called)(void) = (pid_t (*)(void))dlsym(RTLD_DEFAULT, "vfork");	/* what would follow one that succeeds is forbidden */
	char name[] = "true", *const arguments[] = { name, NULL };
	int fd = open("/proc/self/exe", 0), status = 0;
	unsigned char *p;
	pid_t pid;

	expect(fork() == -1 && errno == ENOSYS, "fork");
	expect(vfork_called() == -1 && errno == ENOSYS, "vfork");
	expect(daemon(1, 1) == -1 && errno == ENOSYS, "daemon");
	expect(system("true") == -1 && errno == ENOSYS, "system");
	expect(popen("true", "r") == NULL && errno == ENOSYS, "popen");
	expect(posix_spawnp(&pid, "true", NULL, NULL, arguments, environ) == ENOSYS, "posix_spawnp");
	expect(syscall(SYS_mmap, NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == -1 && errno == ENOMEM,
	       "a mapping of the kernel");
	expect(syscall(SYS_brk, (char *)sbrk(0) + PAGE) == (long)sbrk(0), "a break of the kernel");
	p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	expect(p != MAP_FAILED && memcmp(p, "\177ELF", 4) == 0, "a file to read");
	expect(mprotect(p, PAGE, PROT_READ | PROT_WRITE) == -1 && errno == ENOMEM, "its pages cannot be written");
	expect(syscall(SYS_mmap, p, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == -1 && errno == ENOMEM,
	       "nor others in their place");
	close(fd);
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0)
		_exit(0);	/* it has not even a stack */
	expect(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "a child that goes around has no memory");
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	char word[] = "work", *again[] = { argv[0], word, NULL };
	const char *deed = argc > 1 ? argv[1] : "";

	if (strcmp(deed, "work") == 0)
		return work();
	if (strcmp(deed, "exhaust") == 0)
		return exhaust();
	if (strcmp(deed, "children") == 0)
		return children();
	if (strcmp(deed, "exec") == 0)
		execvp(argv[0], again);
	(void)fprintf(stderr, "usage: guest-program work|exhaust|children|exec\n");
	return 2;
}
