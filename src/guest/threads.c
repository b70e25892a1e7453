/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads of a program in memory of its own: their stacks come from the area, with a page below that nobody may touch. These functions
 * take the place of libc's.
 *
 * A stack can be used again when its thread is gone: after it was joined, or, if nobody may, when the kernel knows it no more. Threads that libc
 * makes for itself (timers that notify by threads) it is refused memory for. libc waits for a thread's end by a futex in its stack that processes
 * could share: the kernel knows it by the file that the memory is, as it does in any file.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "own.h"

#define STACKS_MAX 1024

#define NEXT(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

enum stack_state { STACK_FREE, STACK_JOINABLE, STACK_DETACHED };

struct stack {
	enum stack_state state;
	void *base;
	size_t bytes;
	pthread_t thread;
	pid_t tid;		/* 0: it has not begun */
	void *(*run)(void *);
	void *argument;
};

static struct stack stacks[STACKS_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void stack_free(struct stack *stack)
{
	own_area_give(stack->base, stack->bytes);
	*stack = (struct stack){ .state = STACK_FREE };
}

/* Another one may be called so by now: then it is thought to be there for longer. */
static bool thread_gone(const struct stack *stack)
{
	pid_t tid = __atomic_load_n(&stack->tid, __ATOMIC_ACQUIRE);

	return tid != 0 && syscall(SYS_tgkill, getpid(), tid, 0) < 0 && errno == ESRCH;
}

/* With the lock. */
static void stacks_reap(void)
{
	for (size_t i = 0; i < STACKS_MAX; i++) {
		if (stacks[i].state == STACK_DETACHED && thread_gone(&stacks[i]))
			stack_free(&stacks[i]);
	}
}

static struct stack *stack_new(size_t bytes, bool detached)
{
	struct stack *stack = NULL;
	void *base;

	pthread_mutex_lock(&lock);
	stacks_reap();
	for (size_t i = 0; i < STACKS_MAX && !stack; i++)
		if (stacks[i].state == STACK_FREE)
			stack = &stacks[i];
	base = stack ? own_area_take(bytes + OWN_PAGE, PROT_READ | PROT_WRITE) : NULL;
	if (base)
		*stack = (struct stack){ .state = detached ? STACK_DETACHED : STACK_JOINABLE, .base = base, .bytes = bytes + OWN_PAGE };
	pthread_mutex_unlock(&lock);
	if (!base)
		return NULL;
	(void)mprotect(base, OWN_PAGE, PROT_NONE);
	return stack;
}

static struct stack *stack_find(pthread_t thread)
{
	for (size_t i = 0; i < STACKS_MAX; i++)
		if (stacks[i].state != STACK_FREE && stacks[i].thread == thread)
			return &stacks[i];
	return NULL;
}

static void *thread_begin(void *argument)
{
	struct stack *stack = argument;

	__atomic_store_n(&stack->tid, gettid(), __ATOMIC_RELEASE);
	return stack->run(stack->argument);
}

/* *ret_own: the caller has brought a stack, which is in its memory already. */
static int attributes_look(const pthread_attr_t *attributes, size_t *ret_bytes, bool *ret_detached, bool *ret_own)
{
	void *base = NULL;
	size_t bytes = 0;
	int state, r = pthread_attr_getstack(attributes, &base, &bytes);

	if (r == 0)
		r = pthread_attr_getstacksize(attributes, ret_bytes);
	if (r == 0)
		r = pthread_attr_getdetachstate(attributes, &state);
	if (r != 0)
		return r;
	*ret_own = (uintptr_t)base + bytes != 0;	/* libc subtracts the size from an end that is not set */
	*ret_detached = state == PTHREAD_CREATE_DETACHED;
	*ret_bytes = (*ret_bytes + OWN_PAGE - 1) / OWN_PAGE * OWN_PAGE;
	return 0;
}

static int create(pthread_t *ret, pthread_attr_t *attributes, size_t bytes, bool detached, void *(*run)(void *), void *argument)
{
	struct stack *stack = stack_new(bytes, detached);
	int r;

	if (!stack)
		return EAGAIN;
	stack->run = run;
	stack->argument = argument;
	r = pthread_attr_setstack(attributes, (unsigned char *)stack->base + OWN_PAGE, bytes);
	if (r == 0)
		r = NEXT(pthread_create)(ret, attributes, thread_begin, stack);
	pthread_mutex_lock(&lock);
	if (r != 0)
		stack_free(stack);
	else
		stack->thread = *ret;
	pthread_mutex_unlock(&lock);
	return r;
}

int pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
	pthread_attr_t copy;
	bool detached, own;
	size_t bytes;
	int r;

	if (!own_active())
		return NEXT(pthread_create)(ret, attributes, run, argument);
	r = attributes ? 0 : pthread_getattr_default_np(&copy);
	if (r != 0)
		return r;
	if (attributes)
		copy = *attributes;	/* what it refers to stays the caller's */
	r = attributes_look(&copy, &bytes, &detached, &own);
	if (r == 0)
		r = own ? NEXT(pthread_create)(ret, attributes, run, argument) : create(ret, &copy, bytes, detached, run, argument);
	if (!attributes)
		(void)pthread_attr_destroy(&copy);
	return r;
}

/* NULL: it has a stack of its own making, or is who asks; libc knows what to say. */
static struct stack *stack_joined(pthread_t thread)
{
	struct stack *stack;

	if (!own_active() || pthread_equal(thread, pthread_self()))
		return NULL;
	pthread_mutex_lock(&lock);
	stack = stack_find(thread);
	pthread_mutex_unlock(&lock);
	return stack;
}

/* @r: of libc. It has not touched the stack since the kernel has forgotten the thread. */
static int joined(struct stack *stack, int r)
{
	if (r != 0 || !stack)
		return r;
	pthread_mutex_lock(&lock);
	stack_free(stack);
	pthread_mutex_unlock(&lock);
	return 0;
}

int pthread_join(pthread_t thread, void **ret)
{
	struct stack *stack = stack_joined(thread);	/* before its name may be another's */

	return joined(stack, NEXT(pthread_join)(thread, ret));
}

int pthread_tryjoin_np(pthread_t thread, void **ret)
{
	struct stack *stack = stack_joined(thread);	/* before its name may be another's */

	return joined(stack, NEXT(pthread_tryjoin_np)(thread, ret));
}

int pthread_clockjoin_np(pthread_t thread, void **ret, clockid_t clock, const struct timespec *until)
{
	struct stack *stack = stack_joined(thread);	/* before its name may be another's */

	return joined(stack, NEXT(pthread_clockjoin_np)(thread, ret, clock, until));
}

int pthread_timedjoin_np(pthread_t thread, void **ret, const struct timespec *until)
{
	struct stack *stack = stack_joined(thread);	/* before its name may be another's */

	return joined(stack, NEXT(pthread_timedjoin_np)(thread, ret, until));
}

int pthread_detach(pthread_t thread)
{
	struct stack *stack;
	int r;

	if (!own_active())
		return NEXT(pthread_detach)(thread);
	/* Behind it the thread may be gone, and another one be called so. */
	pthread_mutex_lock(&lock);
	stack = stack_find(thread);
	r = NEXT(pthread_detach)(thread);
	if (r == 0 && stack)
		stack->state = STACK_DETACHED;
	pthread_mutex_unlock(&lock);
	return r;
}
