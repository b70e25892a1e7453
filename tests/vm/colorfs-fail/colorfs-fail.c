/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A module for tests only: the N-th allocation of memory on behalf of colorfs fails. Stock kernels of Debian have no fault injection.
 *
 * Each function of the kernel that allocates has a probe at its entry. It counts the calls that have colorfs somewhere on their stack (so also
 * what the VFS, generic netlink or the memory management allocate for it while it waits), and makes the chosen one return NULL
 * without having run. A caller may insist (__GFP_NOFAIL): that is not failed, as nobody expects it.
 *
 * Load it before colorfs, whose initialisation is tried, too. Parameters, in /sys/module/colorfs_fail/parameters: nth (to
 * write it counts from zero again; 0: off), every (and all after the nth, too), and to read seen, failed, and last: what failed last.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/gfp.h>
#include <linux/kprobes.h>
#include <linux/linkage.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/stacktrace.h>

#include <asm/ibt.h>

#define STACK_MAX 64

static unsigned long nth;
static bool every;
static atomic_long_t seen, failed;
static unsigned long last_caller;
static const char *last_site = "nothing";
static struct module *colorfs;		/* from before its initialisation until it is gone */

struct site {
	struct kprobe probe;
	unsigned int flags_at;		/* which argument is gfp_t, counted from 0 */
};

/* By the names that the kernel's symbols have; a bucket is an argument of its own (CONFIG_SLAB_BUCKETS). */
#ifdef CONFIG_SLAB_BUCKETS
#define BUCKET 1
#else
#define BUCKET 0
#endif
#define SITE(name, at) { .probe = { .symbol_name = name }, .flags_at = (at) }

static struct site sites[] = {
	SITE("__kmalloc_noprof", 1),
	SITE("__kmalloc_node_noprof", 1 + BUCKET),
	SITE("__kmalloc_cache_noprof", 1),
	SITE("__kmalloc_cache_node_noprof", 1),
	SITE("__kmalloc_large_noprof", 1),
	SITE("__kmalloc_node_track_caller_noprof", 1 + BUCKET),
	SITE("__kvmalloc_node_noprof", 1 + BUCKET),
	SITE("kmem_cache_alloc_noprof", 1),
	SITE("kmem_cache_alloc_lru_noprof", 2),
	SITE("kmem_cache_alloc_node_noprof", 1),
	SITE("__alloc_pages_noprof", 0),
};

/* Where a function that is failed goes on. */
asm(".pushsection .text\n"
    ".type colorfs_fail_return, @function\n"
    "colorfs_fail_return:\n"
    ASM_ENDBR
    ASM_RET
    ".size colorfs_fail_return, . - colorfs_fail_return\n"
    ".popsection\n");
void colorfs_fail_return(void);

/* The caller in colorfs, the nearest one; 0: there is none. */
static unsigned long caller_in_colorfs(void)
{
	const struct module *module = READ_ONCE(colorfs);
	unsigned long stack[STACK_MAX];
	unsigned int n, i;

	if (!module)
		return 0;
	n = stack_trace_save(stack, ARRAY_SIZE(stack), 0);
	for (i = 0; i < n; i++) {
		if (within_module(stack[i], module))
			return stack[i];
	}
	return 0;
}

static int site_entered(struct kprobe *probe, struct pt_regs *regs)
{
	const struct site *site = container_of(probe, struct site, probe);
	unsigned long at = READ_ONCE(nth), caller;
	long count;

	if (at == 0 || !in_task() || regs_get_kernel_argument(regs, site->flags_at) & __GFP_NOFAIL)
		return 0;
	caller = caller_in_colorfs();
	if (caller == 0)
		return 0;
	count = atomic_long_inc_return(&seen);
	if (count < at || (count > at && !READ_ONCE(every)))
		return 0;
	atomic_long_inc(&failed);
	last_caller = caller;
	last_site = probe->symbol_name;
	regs_set_return_value(regs, 0);
	instruction_pointer_set(regs, (unsigned long)colorfs_fail_return);
	return 1;
}
NOKPROBE_SYMBOL(site_entered);

static int module_changed(struct notifier_block *block, unsigned long state, void *data)
{
	struct module *module = data;

	if (strcmp(module->name, "colorfs") != 0)
		return NOTIFY_DONE;
	if (state == MODULE_STATE_COMING)
		WRITE_ONCE(colorfs, module);
	else if (state == MODULE_STATE_GOING)
		WRITE_ONCE(colorfs, NULL);
	return NOTIFY_DONE;
}

static struct notifier_block notifier = { .notifier_call = module_changed };

/* --- parameters ---------------------------------------------------------------------------------------------------- */

static int nth_set(const char *text, const struct kernel_param *param)
{
	unsigned long n;
	int r = kstrtoul(text, 0, &n);

	if (r < 0)
		return r;
	WRITE_ONCE(nth, 0);
	atomic_long_set(&seen, 0);
	atomic_long_set(&failed, 0);
	WRITE_ONCE(nth, n);
	return 0;
}

static int count_get(char *text, const struct kernel_param *param)
{
	return sysfs_emit(text, "%ld\n", atomic_long_read(param->arg));
}

static int last_get(char *text, const struct kernel_param *param)
{
	return sysfs_emit(text, "%s for %pS\n", last_site, (void *)last_caller);
}

static const struct kernel_param_ops nth_ops = { .set = nth_set, .get = param_get_ulong };
static const struct kernel_param_ops count_ops = { .get = count_get };
static const struct kernel_param_ops last_ops = { .get = last_get };

module_param_cb(nth, &nth_ops, &nth, 0600);
module_param(every, bool, 0600);
module_param_cb(seen, &count_ops, &seen, 0400);
module_param_cb(failed, &count_ops, &failed, 0400);
module_param_cb(last, &last_ops, NULL, 0400);

/* --- the module ---------------------------------------------------------------------------------------------------- */

static void sites_forget(unsigned int n)
{
	while (n-- > 0)
		unregister_kprobe(&sites[n].probe);
}

static int __init colorfs_fail_init(void)
{
	unsigned int i;
	int r;

	for (i = 0; i < ARRAY_SIZE(sites); i++) {
		sites[i].probe.pre_handler = site_entered;
		r = register_kprobe(&sites[i].probe);
		if (r < 0) {
			pr_err("no probe at %s: %d\n", sites[i].probe.symbol_name, r);
			sites_forget(i);
			return r;
		}
	}
	r = register_module_notifier(&notifier);
	if (r < 0)
		sites_forget(i);
	return r;
}

static void __exit colorfs_fail_exit(void)
{
	unregister_module_notifier(&notifier);
	sites_forget(ARRAY_SIZE(sites));
}

module_init(colorfs_fail_init);
module_exit(colorfs_fail_exit);

MODULE_DESCRIPTION("For tests: allocations of colorfs fail");
MODULE_AUTHOR("Virt/RK developers");
MODULE_LICENSE("GPL");
