/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which programs an object of ours can be loaded into by LD_PRELOAD: those of this machine's kind whose loader is the one that we were built
 * for, and that are not given rights when they are started, since then the loader takes no orders from the environment.
 *
 * Reads files and nothing else, and asks for no memory: called by virtrk-guest run, and inside a program that replaces itself by another one.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "program.h"

#define SCRIPTS_MAX 4	/* scripts whose interpreter is a script: the kernel's limit */
#define HEADERS_MAX 64

/* What there is to know of an ELF file. */
struct image {
	unsigned int machine;
	unsigned char class;
	char loader[256];	/* "": static */
};

static bool is_program(const char *path, int *ret)
{
	struct stat st;

	if (stat(path, &st) < 0)
		*ret = errno == ENOENT || errno == ENOTDIR ? *ret : -EACCES;
	else if (S_ISREG(st.st_mode) && access(path, X_OK) == 0)
		return true;
	else
		*ret = -EACCES;
	return false;
}

int program_find(const char *name, char ret[PROGRAM_PATH_MAX])
{
	const char *path = getenv("PATH") ?: "/usr/bin:/bin", *end;
	int r = -ENOENT;

	if (!*name)
		return -ENOENT;
	if (strchr(name, '/')) {
		if (strlen(name) >= PROGRAM_PATH_MAX)
			return -ENAMETOOLONG;
		strcpy(ret, name);
		return is_program(ret, &r) ? 0 : r;
	}
	for (;; path = end + 1) {
		int length;

		end = strchrnul(path, ':');
		length = end == path ? snprintf(ret, PROGRAM_PATH_MAX, "%s", name) :
				       snprintf(ret, PROGRAM_PATH_MAX, "%.*s/%s", (int)(end - path), path, name);
		if (length < PROGRAM_PATH_MAX && is_program(ret, &r))
			return 0;
		if (!*end)
			return r;
	}
}

static int bytes_read(int fd, void *to, size_t bytes, uint64_t at)
{
	return at <= LONG_MAX && pread(fd, to, bytes, (off_t)at) == (ssize_t)bytes ? 0 : -ENOEXEC;
}

static int loader_read(int fd, const ElfW(Phdr) *header, struct image *ret)
{
	if (header->p_filesz == 0 || header->p_filesz > sizeof(ret->loader))
		return -ENOEXEC;
	if (bytes_read(fd, ret->loader, header->p_filesz, header->p_offset) < 0)
		return -ENOEXEC;
	ret->loader[header->p_filesz - 1] = '\0';
	return 0;
}

/* Of another class only that is known: its other fields are elsewhere. */
static int image_read(int fd, struct image *ret)
{
	ElfW(Phdr) header;
	ElfW(Ehdr) elf;

	*ret = (struct image){ .machine = EM_NONE };
	if (bytes_read(fd, &elf, sizeof(elf), 0) < 0 || memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0)
		return -ENOEXEC;
	ret->class = elf.e_ident[EI_CLASS];
	ret->machine = elf.e_machine;
	if (ret->class != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) || elf.e_phentsize != sizeof(header) || elf.e_phnum > HEADERS_MAX)
		return 0;
	for (unsigned int i = 0; i < elf.e_phnum; i++) {
		if (bytes_read(fd, &header, sizeof(header), elf.e_phoff + (uint64_t)i * sizeof(header)) < 0)
			return -ENOEXEC;
		if (header.p_type == PT_INTERP)
			return loader_read(fd, &header, ret);
	}
	return 0;
}

static int image_of(const char *path, struct image *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = image_read(fd, ret);
	(void)close(fd);
	return r;
}

/* The loader of this very process: it has loaded us. */
static int self_read(struct image *ret)
{
	ElfW(Ehdr) elf;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = bytes_read(fd, &elf, sizeof(elf), 0);
	if (r == 0)
		r = image_read(fd, ret);
	(void)close(fd);
	return r;
}

static int image_judge(const char *path, char why[PROGRAM_WHY_MAX])
{
	struct image self, image;
	int r = self_read(&self);

	if (r < 0)
		return r;
	r = image_of(path, &image);
	if (r == -ENOEXEC)
		snprintf(why, PROGRAM_WHY_MAX, "%.400s is no program of this system (ELF)", path);
	if (r < 0)
		return r;
	if (image.class != self.class || image.machine != self.machine)
		snprintf(why, PROGRAM_WHY_MAX, "%.400s is for another kind of processor, and its memory cannot be given to it", path);
	else if (!*image.loader)
		snprintf(why, PROGRAM_WHY_MAX, "%.400s is linked statically: nothing can be loaded into it that would ask for its memory", path);
	else if (strcmp(image.loader, self.loader) != 0)
		snprintf(why, PROGRAM_WHY_MAX, "%.300s is loaded by %.60s, not by %.60s", path, image.loader, self.loader);
	else
		return 0;
	return -ENOEXEC;
}

/* The interpreter of a script: "#!PATH [ARGUMENT]". 0: it is none. */
static int script_read(const char *path, char ret[PROGRAM_PATH_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char line[256];
	ssize_t n;
	char *p;

	if (fd < 0)
		return -errno;
	n = pread(fd, line, sizeof(line) - 1, 0);
	(void)close(fd);
	if (n < 2 || line[0] != '#' || line[1] != '!')
		return 0;
	line[n] = '\0';
	p = line + 2 + strspn(line + 2, " \t");
	p[strcspn(p, " \t\n")] = '\0';
	if (!*p)
		return -ENOEXEC;
	strcpy(ret, p);
	return 1;
}

static int rights_judge(const char *path, char why[PROGRAM_WHY_MAX])
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	if (!(st.st_mode & (S_ISUID | S_ISGID)) && getxattr(path, "security.capability", NULL, 0) <= 0)
		return 0;
	snprintf(why, PROGRAM_WHY_MAX,
		 "%.400s is given rights when it is started (setuid, setgid, capabilities), and takes no memory from its caller", path);
	return -EPERM;
}

int program_judge(const char *path, char ret_why[PROGRAM_WHY_MAX])
{
	char file[PROGRAM_PATH_MAX], next[PROGRAM_PATH_MAX];
	int r = 0;

	*ret_why = '\0';
	if (strlen(path) >= sizeof(file))
		return -ENAMETOOLONG;
	strcpy(file, path);
	for (unsigned int i = 0; i <= SCRIPTS_MAX; i++) {
		r = rights_judge(file, ret_why);
		if (r == 0)
			r = script_read(file, next);
		if (r < 0)
			return r;
		if (r == 0)
			return image_judge(file, ret_why);
		strcpy(file, next);
	}
	return -ELOOP;
}
