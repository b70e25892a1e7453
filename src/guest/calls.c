/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a program in memory of its own gets where it asks the kernel for memory or processes: these take the place of libc's functions.
 *
 * Mappings of its own come from the area; files that it maps to read, or to share, are what they are elsewhere. A second process cannot have a
 * copy of such memory, so none is made, with a line that says so; the program can be replaced by another one, which then is moved as this one was.
 * What goes around these, by system calls of its own or inside libc, the kernel refuses (own.h).
 */
#undef _FILE_OFFSET_BITS	/* by it mmap would be called mmap64; here both are made */
#include <dlfcn.h>
#include <errno.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "own.h"
#include "program.h"

#define ARGUMENTS_MAX 1024	/* of execl() and its sisters */

/* The next function of that name: libc's. */
#define NEXT(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

/* --- memory ---------------------------------------------------------------------------------------------------------- */

static void *mmap_plain(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	return (void *)syscall(SYS_mmap, at, bytes, prot, flags, fd, offset);	/* NOLINT(performance-no-int-to-ptr) */
}

/* A private copy of a part of a file; what is behind its end is zero. */
static bool file_copy(unsigned char *to, size_t bytes, int fd, off_t offset)
{
	while (bytes > 0) {
		ssize_t n = pread(fd, to, bytes, offset);

		if (n <= 0)
			return n == 0;
		to += n;
		bytes -= (size_t)n;
		offset += n;
	}
	return true;
}

/* Over what it has already: pages that it is given anew. */
static void *mmap_again(void *at, size_t bytes, int prot, int flags)
{
	if (!(flags & MAP_ANONYMOUS) || (flags & MAP_FIXED_NOREPLACE) == MAP_FIXED_NOREPLACE) {
		errno = flags & MAP_ANONYMOUS ? EEXIST : ENOMEM;
		return MAP_FAILED;
	}
	if (mprotect(at, bytes, PROT_READ | PROT_WRITE) < 0)
		return MAP_FAILED;
	memset(at, 0, bytes);
	return mprotect(at, bytes, prot) < 0 ? MAP_FAILED : at;
}

/* Reserved only, without a page of its own: the kernel's. */
static bool is_ours(int prot, int flags)
{
	if (flags & MAP_ANONYMOUS)
		return prot != PROT_NONE;
	return (flags & MAP_TYPE) == MAP_PRIVATE && (prot & PROT_WRITE);
}

void *mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
	void *p;

	if (!own_active() || bytes == 0 || (!fixed && !is_ours(prot, flags)))
		return mmap_plain(at, bytes, prot, flags, fd, offset);
	if (fixed)
		return own_area_has(at, bytes) ? mmap_again(at, bytes, prot, flags) : mmap_plain(at, bytes, prot, flags, fd, offset);
	p = own_area_take(bytes, PROT_READ | PROT_WRITE);
	if (!p) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	if ((!(flags & MAP_ANONYMOUS) && !file_copy(p, bytes, fd, offset)) ||
	    (prot != (PROT_READ | PROT_WRITE) && mprotect(p, bytes, prot) < 0)) {
		int saved = errno;

		own_area_give(p, bytes);
		errno = saved;
		return MAP_FAILED;
	}
	return p;
}

void *mmap64(void *at, size_t bytes, int prot, int flags, int fd, off64_t offset) __attribute__((alias("mmap")));

int munmap(void *at, size_t bytes)
{
	if (!own_active() || !own_area_has(at, bytes))
		return (int)syscall(SYS_munmap, at, bytes);
	own_area_give(at, bytes);
	return 0;
}

void *mremap(void *at, size_t bytes, size_t new_bytes, int flags, ...)
{
	va_list list;
	void *to = NULL;

	if (flags & MREMAP_FIXED) {
		va_start(list, flags);
		to = va_arg(list, void *);
		va_end(list);
	}
	if (!own_active() || !own_area_has(at, bytes))
		return (void *)syscall(SYS_mremap, at, bytes, new_bytes, flags, to);	/* NOLINT(performance-no-int-to-ptr) */
	if (new_bytes == 0 || bytes == 0 || (flags & ~MREMAP_MAYMOVE)) {
		errno = EINVAL;
		return MAP_FAILED;
	}
	to = own_area_resize(at, bytes, new_bytes, flags & MREMAP_MAYMOVE);
	if (to)
		return to;
	errno = ENOMEM;
	return MAP_FAILED;
}

/* Pages that nobody needs: their frames stay, and read as zeros, as of ordinary memory. */
int madvise(void *at, size_t bytes, int advice)
{
	if (!own_active() || (advice != MADV_DONTNEED && advice != MADV_FREE && advice != MADV_REMOVE) || !own_area_has(at, bytes))
		return (int)syscall(SYS_madvise, at, bytes, advice);
	memset(at, 0, bytes);
	return 0;
}

/* libc's heap is all there is to it. */
void *sbrk(intptr_t increment)
{
	if (!own_active())
		return NEXT(sbrk)(increment);
	if (increment == 0)
		return (void *)syscall(SYS_brk, 0);	/* NOLINT(performance-no-int-to-ptr) */
	errno = ENOMEM;
	return (void *)-1;	/* NOLINT(performance-no-int-to-ptr) */
}

int brk(void *end)
{
	if (!own_active())
		return NEXT(brk)(end);
	errno = ENOMEM;
	return -1;
}

/* --- processes ------------------------------------------------------------------------------------------------------- */

static int refused(const char *what)
{
	own_say("%s: refused, a second process cannot have a copy of memory of certain colours", what);
	return ENOSYS;
}

pid_t fork(void)
{
	if (!own_active())
		return NEXT(fork)();
	errno = refused("fork");
	return -1;
}

pid_t _Fork(void)
{
	if (!own_active())
		return NEXT(_Fork)();
	errno = refused("_Fork");
	return -1;
}

/* Where it is not refused it is a fork: a function cannot return twice for its caller. */
pid_t vfork(void)
{
	if (!own_active())
		return NEXT(fork)();
	errno = refused("vfork");
	return -1;
}

int daemon(int stay, int keep)
{
	if (!own_active())
		return NEXT(daemon)(stay, keep);
	errno = refused("daemon");
	return -1;
}

int posix_spawn(pid_t *ret, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes, char *const argv[],
		char *const envp[])
{
	return own_active() ? refused("posix_spawn") : NEXT(posix_spawn)(ret, path, actions, attributes, argv, envp);
}

int posix_spawnp(pid_t *ret, const char *file, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes, char *const argv[],
		 char *const envp[])
{
	return own_active() ? refused("posix_spawnp") : NEXT(posix_spawnp)(ret, file, actions, attributes, argv, envp);
}

int system(const char *command)
{
	if (!own_active() || !command)
		return command ? NEXT(system)(command) : !own_active();
	errno = refused("system");
	return -1;
}

FILE *popen(const char *command, const char *mode)
{
	if (!own_active())
		return NEXT(popen)(command, mode);
	errno = refused("popen");
	return NULL;
}

/* --- another program in its place ------------------------------------------------------------------------------------- */

int execve(const char *path, char *const argv[], char *const envp[])
{
	char why[PROGRAM_WHY_MAX];
	int r;

	if (!own_active())
		return (int)syscall(SYS_execve, path, argv, envp);
	r = program_judge(path, why);
	if (r < 0) {
		if (*why)
			own_say("exec: %s", why);
		errno = -r;
		return -1;
	}
	own_open();
	r = (int)syscall(SYS_execve, path, argv, envp);
	own_close();
	return r;
}

int fexecve(int fd, char *const argv[], char *const envp[])
{
	char path[32];

	if (!own_active())
		return NEXT(fexecve)(fd, argv, envp);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return execve(path, argv, envp);
}

int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

int execvpe(const char *file, char *const argv[], char *const envp[])
{
	char path[PROGRAM_PATH_MAX];
	int r = program_find(file, path);

	if (r >= 0)
		return execve(path, argv, envp);
	errno = -r;
	return -1;
}

int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

/* What follows @first up to NULL, and behind that an environment where @ret_environment is asked for. */
static int arguments_read(const char *first, va_list list, char *argv[ARGUMENTS_MAX], char ***ret_environment)
{
	size_t n = 0;

	argv[n++] = (char *)first;
	while (argv[n - 1]) {
		if (n == ARGUMENTS_MAX) {
			errno = E2BIG;
			return -1;
		}
		argv[n++] = va_arg(list, char *);
	}
	if (ret_environment)
		*ret_environment = va_arg(list, char **);
	return 0;
}

int execl(const char *path, const char *first, ...)
{
	char *argv[ARGUMENTS_MAX];
	va_list list;
	int r;

	va_start(list, first);
	r = arguments_read(first, list, argv, NULL);
	va_end(list);
	return r < 0 ? r : execve(path, argv, environ);
}

int execlp(const char *file, const char *first, ...)
{
	char *argv[ARGUMENTS_MAX];
	va_list list;
	int r;

	va_start(list, first);
	r = arguments_read(first, list, argv, NULL);
	va_end(list);
	return r < 0 ? r : execvpe(file, argv, environ);
}

int execle(const char *path, const char *first, ...)
{
	char *argv[ARGUMENTS_MAX], **envp = NULL;
	va_list list;
	int r;

	va_start(list, first);
	r = arguments_read(first, list, argv, &envp);
	va_end(list);
	return r < 0 ? r : execve(path, argv, envp);
}
