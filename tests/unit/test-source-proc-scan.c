/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A /proc in a directory: what is a QEMU, which threads it has, which kernel threads are really the kernel's. */
#include "expect.h"
#include "fake-proc.h"
#include "source-proc-scan.h"
#include "sysroot.h"

#define QEMU "/usr/bin/qemu-system-x86_64"
#define TEXT(s) s, sizeof(s) - 1

static const struct {
	const char *what;
	const char *program;
	const char *comm;
	const char *cmdline;
	size_t size;
	int r;
	const char *name;
} cases[] = {
	{ "a QEMU",		QEMU, "qemu-system-x86", TEXT(QEMU "\0-name\0a\0"), 0, "a" },
	{ "an upgraded one",	QEMU " (deleted)", "qemu-system-x86", TEXT(QEMU "\0-name\0a\0"), 0, "a" },
	{ "renamed by -name process=", QEMU, "p", TEXT(QEMU "\0-name\0a,process=p\0"), 0, "a" },
	{ "no link to read",	NULL, "qemu-system-x86", TEXT(QEMU "\0-name\0a\0"), 0, "a" },
	{ "a name is not enough", "/usr/bin/sleep", "qemu-system-x86", TEXT(QEMU "\0-name\0a\0"), -ENODATA, NULL },
	{ "something else",	"/usr/bin/vim", "vim", TEXT("vim\0qemu-system-x86_64\0"), -ENODATA, NULL },
	{ "a zombie",		NULL, "qemu-system-x86", TEXT(""), -ECHILD, NULL },
	{ "a kernel thread",	NULL, "kthreadd", TEXT(""), -ENODATA, NULL },
	{ "asks for help",	QEMU, "qemu-system-x86", TEXT(QEMU "\0-machine\0help\0"), -ENODATA, NULL },
};

static void test_identify(const char *tree, const struct sysroot *root)
{
	_cleanup_(cmdline_done) struct cmdline none = { 0 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(cmdline_done) struct cmdline cmdline = { 0 };
		int pid = 1000 + (int)i;

		CASE(cases[i].what);
		fake_process(tree, pid, cases[i].program, cases[i].comm, cases[i].cmdline, cases[i].size);
		EXPECT_INT(proc_identify(root, pid, &cmdline), cases[i].r);
		EXPECT_STR(cmdline.name, cases[i].name);
	}
	CASE("nobody");
	EXPECT_INT(proc_identify(root, 4999, &none), -ESRCH);
}

static void test_list(const char *tree, const struct sysroot *root)
{
	_cleanup_(freep) pid_t *pids = NULL;
	size_t n = 0, i;

	CASE("all processes");
	tree_file(tree, "proc/uptime", "1 1\n");
	tree_file(tree, "proc/12x/comm", "\n");
	tree_file(tree, "proc/99999999999/comm", "\n");
	EXPECT_INT(proc_list(root, &pids, &n), 0);
	EXPECT_INT(n, ARRAY_SIZE(cases));
	for (i = 0; i < n; i++)
		EXPECT_INT(pids[i], 1000 + (int)i);	/* sorted */
}

static void test_threads(const char *tree, const struct sysroot *root)
{
	_cleanup_(proc_threads_done) struct proc_threads threads = { 0 };
	const struct proc_thread *thread;

	CASE("threads");
	fake_thread(tree, 1000, 1103, "CPU 1/KVM", 77);
	fake_thread(tree, 1000, 1102, "CPU 0/KVM", 76);
	fake_thread(tree, 1000, 1104, "odd) name (x", 78);
	tree_file(tree, "proc/1000/task/1200/comm", "ended\n");		/* between two reads: no stat any more */
	tree_file(tree, "proc/1000/task/1201/other", "");		/* the same, one read earlier */
	EXPECT_INT(proc_read_threads(root, 1000, &threads), 0);
	EXPECT_INT(threads.n, 4);
	thread = proc_threads_find(&threads, 1102);
	if (EXPECT(thread != NULL)) {
		EXPECT_STR(thread->comm, "CPU 0/KVM");
		EXPECT_INT(thread->start_ticks, 76);
	}
	thread = proc_threads_find(&threads, 1104);
	if (EXPECT(thread != NULL))
		EXPECT_INT(thread->start_ticks, 78);
	EXPECT(proc_threads_find(&threads, 1200) == NULL);
	EXPECT(proc_threads_find(&threads, 1) == NULL);
	CASE("nobody");
	EXPECT_INT(proc_read_threads(root, 4999, &(struct proc_threads){ 0 }), -ESRCH);
	CASE("without its main thread");
	tree_file(tree, "proc/4000/task/4001/comm", "x\n");
	fake_stat(tree, 4001, 1, "x", 5);
	EXPECT_INT(proc_read_threads(root, 4000, &(struct proc_threads){ 0 }), -ESRCH);
}

static void expect_helpers(const struct sysroot *root)
{
	_cleanup_(proc_helpers_done) struct proc_helpers helpers = { 0 };

	EXPECT_INT(proc_read_helpers(root, &helpers), 0);
	if (!EXPECT_INT(helpers.n, 3))
		return;
	EXPECT_INT(helpers.v[0].thread.tid, 2000);
	EXPECT_INT(helpers.v[0].kind, VM_THREAD_VHOST);
	EXPECT_INT(helpers.v[0].owner, 1000);
	EXPECT_INT(helpers.v[0].thread.start_ticks, 3000);
	EXPECT_INT(helpers.v[1].kind, VM_THREAD_KVM_PIT);
	EXPECT_INT(helpers.v[2].kind, VM_THREAD_KVM_NX);
	EXPECT_INT(helpers.v[2].owner, 4194303);
}

static void test_helpers(const char *tree, const struct sysroot *root)
{
	fake_kernel_thread(tree, 2000, 2, "vhost-1000");
	fake_kernel_thread(tree, 2001, 2, "kvm-pit/1000");
	fake_kernel_thread(tree, 2002, 2, "kvm-nx-lpage-recovery-4194303");
	fake_kernel_thread(tree, 2003, 2, "kworker/0:1-events");
	fake_kernel_thread(tree, 2004, 2, "vhost-");
	fake_kernel_thread(tree, 2005, 2, "vhost-01");
	fake_kernel_thread(tree, 2006, 2, "vhost-1000x");
	fake_kernel_thread(tree, 2007, 2, "vhost-99999999999");
	fake_kernel_thread(tree, 2010, 1, "vhost-1000");	/* anybody's process under that name */
	CASE("helpers, from all processes");
	expect_helpers(root);
	CASE("helpers, from kthreadd's children");
	tree_file(tree, "proc/2/task/2/children", "2000 2001 2002 2003 2004 2005 2006 2007 2999 x ");
	expect_helpers(root);
}

int main(void)
{
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	_cleanup_(tree_freep) char *tree = tree_new();
	uint32_t number;

	if (!EXPECT_INT(sysroot_new(&root, tree), 0))
		return expect_result();
	CASE("no /proc at all");
	EXPECT_INT(proc_list(root, &(pid_t *){ NULL }, &(size_t){ 0 }), -ENOENT);
	test_identify(tree, root);
	test_list(tree, root);
	test_threads(tree, root);
	test_helpers(tree, root);
	CASE("numbers");
	EXPECT(proc_number_parse("0", 9, &number) && number == 0);
	EXPECT(proc_number_parse("4294967295", UINT32_MAX, &number) && number == UINT32_MAX);
	EXPECT(!proc_number_parse("4294967296", UINT32_MAX, &number));
	EXPECT(!proc_number_parse("10", 9, &number));
	EXPECT(!proc_number_parse("", 9, &number));
	EXPECT(!proc_number_parse("00", 9, &number));
	EXPECT(!proc_number_parse("+1", 9, &number));
	return expect_result();
}
