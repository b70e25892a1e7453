/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of a program's own memory that is handed out in pages: what it asks of mmap(), and stacks of its threads. All of it is mapped
 * and has its frames from the beginning, so nothing here can fail later; what is given back is made inaccessible and stays with the program.
 *
 * First fit over a bit for each page. Called by calls.c and threads.c; never asks libc's heap, which may be what is waiting for it.
 */
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "own.h"

static struct {
	unsigned char *base;
	size_t pages;
	uint64_t *used;
	pthread_mutex_t lock;	/* whoever waits for it lends its priority */
} area;

static bool page_used(size_t i)
{
	return area.used[i / 64] >> (i % 64) & 1;
}

static void pages_mark(size_t first, size_t n, bool used)
{
	for (size_t i = first; i < first + n; i++) {
		if (used)
			area.used[i / 64] |= UINT64_C(1) << (i % 64);
		else
			area.used[i / 64] &= ~(UINT64_C(1) << (i % 64));
	}
}

/* So many from @first on are free. */
static bool pages_free(size_t first, size_t n)
{
	if (n > area.pages - first)
		return false;
	for (size_t i = first; i < first + n; i++)
		if (page_used(i))
			return false;
	return true;
}

static size_t pages_find(size_t n)
{
	size_t run = 0;

	for (size_t i = 0; i < area.pages; i++) {
		run = page_used(i) ? 0 : run + 1;
		if (run == n)
			return i + 1 - n;
	}
	return SIZE_MAX;
}

static size_t pages_of(size_t bytes)
{
	return bytes / OWN_PAGE + (bytes % OWN_PAGE != 0);
}

void own_area_init(unsigned char *base, size_t bytes, uint64_t *bits)
{
	pthread_mutexattr_t attributes;

	area.base = base;
	area.pages = bytes / OWN_PAGE;
	area.used = bits;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&area.lock, &attributes);
	pthread_mutexattr_destroy(&attributes);
}

/* Pages that nobody else has any more, or yet. */
static void *pages_open(size_t first, size_t n, int prot)
{
	unsigned char *p = area.base + first * OWN_PAGE;

	if (mprotect(p, n * OWN_PAGE, PROT_READ | PROT_WRITE) < 0)
		return NULL;
	memset(p, 0, n * OWN_PAGE);
	return prot == (PROT_READ | PROT_WRITE) || mprotect(p, n * OWN_PAGE, prot) == 0 ? p : NULL;
}

void *own_area_take(size_t bytes, int prot)
{
	size_t n = pages_of(bytes), first;
	void *p = NULL;

	pthread_mutex_lock(&area.lock);
	first = n > 0 ? pages_find(n) : SIZE_MAX;
	if (first != SIZE_MAX)
		pages_mark(first, n, true);
	pthread_mutex_unlock(&area.lock);
	if (first == SIZE_MAX)
		return NULL;
	p = pages_open(first, n, prot);
	if (!p)
		own_area_give(area.base + first * OWN_PAGE, bytes);
	return p;
}

void own_area_give(void *p, size_t bytes)
{
	size_t first = (size_t)((unsigned char *)p - area.base) / OWN_PAGE, n = pages_of(bytes);

	(void)mprotect(p, n * OWN_PAGE, PROT_NONE);	/* not possible: too many mappings. It is ours all the same. */
	pthread_mutex_lock(&area.lock);
	pages_mark(first, n, false);
	pthread_mutex_unlock(&area.lock);
}

bool own_area_has(const void *p, size_t bytes)
{
	size_t n = pages_of(bytes), first;
	bool has = true;

	if ((const unsigned char *)p < area.base || (const unsigned char *)p >= area.base + area.pages * OWN_PAGE)
		return false;
	first = (size_t)((const unsigned char *)p - area.base) / OWN_PAGE;
	if (n > area.pages - first)
		return false;
	pthread_mutex_lock(&area.lock);
	for (size_t i = first; i < first + n; i++)
		has &= page_used(i);
	pthread_mutex_unlock(&area.lock);
	return has;
}

/* In its place, if there is room behind it. */
static bool grow_there(size_t first, size_t old_n, size_t new_n)
{
	bool fits;

	pthread_mutex_lock(&area.lock);
	fits = pages_free(first + old_n, new_n - old_n);
	if (fits)
		pages_mark(first + old_n, new_n - old_n, true);
	pthread_mutex_unlock(&area.lock);
	if (!fits || pages_open(first + old_n, new_n - old_n, PROT_READ | PROT_WRITE))
		return fits;
	own_area_give(area.base + (first + old_n) * OWN_PAGE, (new_n - old_n) * OWN_PAGE);
	return false;
}

void *own_area_resize(void *p, size_t bytes, size_t new_bytes, bool may_move)
{
	size_t first = (size_t)((unsigned char *)p - area.base) / OWN_PAGE, old_n = pages_of(bytes), new_n = pages_of(new_bytes);
	void *to;

	if (new_n <= old_n) {
		if (new_n < old_n)
			own_area_give((unsigned char *)p + new_n * OWN_PAGE, (old_n - new_n) * OWN_PAGE);
		return p;
	}
	if (new_n <= area.pages && grow_there(first, old_n, new_n))
		return p;
	to = may_move ? own_area_take(new_bytes, PROT_READ | PROT_WRITE) : NULL;
	if (!to)
		return NULL;
	memcpy(to, p, old_n * OWN_PAGE);
	own_area_give(p, bytes);
	return to;
}
