/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domains as they come, change and go: in a directory, and as processes of this host that look like QEMUs. Other QEMUs of
 * the host are passed over: ours have this test's pid in their names.
 */
#include "expect.h"
#include "fake-proc.h"
#include "fake-qemu.h"
#include "heard.h"
#include "source.h"
#include "sysroot.h"

#define QEMU "/usr/bin/qemu-system-x86_64"
#define TEXT(s) s, sizeof(s) - 1

static void test_tree(void)
{
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	_cleanup_(source_proc_freep) struct source_proc *source = NULL;
	struct heard heard = { .prefix = "" };
	sd_event *event = NULL;
	struct vm *vm;

	EXPECT_INT(sysroot_new(&root, tree), 0);
	EXPECT(sd_event_new(&event) >= 0);
	EXPECT_INT(source_proc_new(&source, root, event, on_source, &heard), 0);
	CASE("no /proc");
	EXPECT_INT(source_proc_start(source), -ENOENT);

	CASE("one QEMU, one shell");
	fake_process(tree, 100, QEMU, "qemu-system-x86", TEXT(QEMU "\0-name\0a\0-qmp\0unix:/q,server\0-enable-kvm\0"));
	fake_thread(tree, 100, 102, "CPU 0/KVM", 5);
	fake_kernel_thread(tree, 30, 2, "kvm-pit/100");
	fake_process(tree, 200, "/bin/sh", "sh", TEXT("sh\0"));
	EXPECT_INT(source_proc_start(source), 0);
	EXPECT_INT(heard.news, 1);
	vm = vm_table_by_name(&heard.table, "a");
	if (EXPECT(vm != NULL)) {
		EXPECT_INT(vm->pid, 100);
		EXPECT_INT(vm->start_ticks, 1100);
		EXPECT(vm_find_thread(vm, "vcpu0") && vm_find_thread(vm, "kvm-pit0"));
		EXPECT_INT(vm->state, VM_RUNNING);
		EXPECT(vm->vcpus_reason == NULL);
	}
	CASE("a thread more");
	fake_thread(tree, 100, 103, "CPU 1/KVM", 6);
	EXPECT_INT(source_proc_rescan(source, 100), 0);
	EXPECT(vm && vm_find_thread(vm, "vcpu1"));

	CASE("one QEMU more");
	fake_process(tree, 300, QEMU, "qemu-system-x86", TEXT(QEMU "\0-name\0b\0"));
	EXPECT_INT(source_proc_rescan(source, 300), 0);
	vm = vm_table_by_name(&heard.table, "b");
	if (EXPECT(vm != NULL && vm->vcpus_reason != NULL))
		EXPECT(strstr(vm->vcpus_reason, "debug-threads") != NULL);
	CASE("no QEMU, nobody");
	EXPECT_INT(source_proc_rescan(source, 200), -ESRCH);
	EXPECT_INT(source_proc_rescan(source, 400), -ESRCH);
	EXPECT_INT(heard.gones, 0);

	CASE("ended");
	fake_remove(tree, "proc/100");
	EXPECT_INT(source_proc_rescan(source, 100), -ESRCH);
	EXPECT_INT(heard.gones, 1);
	EXPECT_INT(source_proc_rescan(source, 100), -ESRCH);
	EXPECT_INT(heard.gones, 1);
	CASE("its number is another's");
	fake_stat(tree, 300, 1, "qemu-system-x86", 9999);
	EXPECT_INT(source_proc_rescan(source, 300), -ESRCH);
	EXPECT_INT(heard.gones, 2);

	CASE("dead, but not buried");
	fake_process(tree, 400, QEMU, "qemu-system-x86", TEXT(QEMU "\0-name\0z\0"));
	EXPECT_INT(source_proc_rescan(source, 400), 0);
	tree_file(tree, "proc/400/cmdline", "");
	EXPECT_INT(source_proc_rescan(source, 400), -ESRCH);
	EXPECT_INT(heard.gones, 3);

	CASE("a launcher is no machine");
	fake_process(tree, 500, QEMU, "qemu-system-x86", TEXT(QEMU "\0-name\0d\0-daemonize\0"));
	fake_thread(tree, 500, 501, "qemu-system-x86", 5);
	EXPECT_INT(source_proc_rescan(source, 500), 0);
	EXPECT(vm_table_by_name(&heard.table, "d") == NULL);
	fake_thread(tree, 500, 502, "qemu-system-x86", 5);
	heard.rescan = source;	/* and a handler that looks again while it is told */
	EXPECT_INT(source_proc_rescan(source, 500), 0);
	EXPECT(vm_table_by_name(&heard.table, "d") != NULL);
	vm_table_done(&heard.table);
	sd_event_unref(event);
}

static void test_scan_and_exec(struct host *host, struct fake_qemu *early)
{
	struct fake_qemu late = { 0 };

	CASE("found by the scan");
	wait_threads(host, "early", "emulator");
	CASE("found by its exec");
	fake_qemu_start(&late, host->program, "-name", name_of(host, "late"));
	wait_threads(host, "late", "emulator");
	CASE("a vCPU is plugged in");
	fake_qemu_tell(&late, "thread CPU 0/TCG");
	wait_threads(host, "late", "emulator vcpu0");
	fake_qemu_tell(&late, "thread IO disk");
	fake_qemu_tell(&late, "thread ");
	fake_qemu_tell(&late, "thread CPU 1/TCG");
	wait_threads(host, "late", "emulator vcpu0 vcpu1 iothread0");
	CASE("and unplugged");
	fake_qemu_tell(&late, "end");
	wait_threads(host, "late", "emulator vcpu0 iothread0");
	CASE("the other one too");
	fake_qemu_tell(early, "thread CPU 0/TCG");
	wait_threads(host, "early", "emulator vcpu0");
	CASE("ended");
	fake_qemu_stop(&late);
	wait_threads(host, "late", "");
	EXPECT_INT(host->heard.gones, 1);
	fake_qemu_stop(early);
	wait_threads(host, "early", "");
	EXPECT_INT(host->heard.gones, 2);
}

static void test_exec_away(struct host *host)
{
	struct fake_qemu qemu = { 0 };

	CASE("only asks for help");
	fake_qemu_start(&qemu, host->program, "-name", name_of(host, "help"),
							  "-machine", "help");
	EXPECT_INT(source_proc_rescan(host->source, qemu.pid), -ESRCH);
	EXPECT(find(host, "help") == NULL);
	fake_qemu_stop(&qemu);
}

static void test_daemonize(struct host *host)
{
	struct fake_qemu qemu = { 0 };
	int news = host->heard.news;
	struct vm *vm;

	CASE("-daemonize");
	fake_qemu_start(&qemu, host->program, "-name", name_of(host, "daemon"),
							  "-daemonize");
	wait_threads(host, "daemon", "emulator vcpu0");
	vm = find(host, "daemon");
	EXPECT(vm && vm->pid != qemu.pid);
	EXPECT_INT(host->heard.news, news + 1);
	fake_qemu_stop(&qemu);
	wait_threads(host, "daemon", "");
}

static void test_qmp_good(struct host *host)
{
	_cleanup_(freep) char *path = tree_path(host->tree, "good.sock");
	struct fake_qemu qemu = { 0 };
	char option[200];
	struct vm *vm;

	CASE("QMP that answers");
	snprintf(option, sizeof(option), "unix:%s,server=on,wait=off", path);
	fake_qemu_start(&qemu, host->program, "-name", name_of(host, "good"), "-way",
							  "good", "-qmp", option);
	/* the server's thread is a worker too; none has a name */
	fake_qemu_tell(&qemu, "thread ");
	fake_qemu_tell(&qemu, "thread ");
	fake_qemu_tell(&qemu, "thread ");
	wait_threads(host, "good", "emulator vcpu0 iothread0");
	vm = find(host, "good");
	EXPECT(vm && !vm->vcpus_unknown);
	EXPECT_STR(vm ? vm->vcpus_reason : "", NULL);
	CASE("a vCPU without a name is plugged in");
	fake_qemu_tell(&qemu, "thread ");
	wait_threads(host, "good", "emulator vcpu0 vcpu1 iothread0");
	fake_qemu_stop(&qemu);
	wait_threads(host, "good", "");
}

static void test_qmp_bad(struct host *host)
{
	static const struct {
		const char *way;
		const char *reason;
	} ways[] = {
		{ "garbage", "not QMP" }, { "hangup", "hung up" }, { "huge", "" }, { "half", "no answer" },
		{ "silent", "no answer" },
	};
	struct fake_qemu qemus[ARRAY_SIZE(ways)] = { 0 };
	size_t i;

	/* all at once: the silent ones take their time limit */
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		_cleanup_(freep) char *path = tree_path(host->tree, ways[i].way);
		char option[200];

		CASE(ways[i].way);
		snprintf(option, sizeof(option), "unix:%s,server=on,wait=off", path);
		fake_qemu_start(&qemus[i], host->program,
				"-name", name_of(host, ways[i].way), "-way",
					    ways[i].way, "-qmp", option);
	}
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		struct vm *vm;

		CASE(ways[i].way);
		wait_threads(host, ways[i].way, "emulator");
		vm = find(host, ways[i].way);
		if (!EXPECT(vm && vm->vcpus_unknown && vm->vcpus_reason))
			continue;
		if (!EXPECT(strstr(vm->vcpus_reason, ways[i].reason) != NULL))
			fprintf(stderr, "\t%s\n", vm->vcpus_reason);
	}
	CASE("names help where QMP does not");
	fake_qemu_tell(&qemus[0], "thread CPU 0/TCG");
	wait_threads(host, ways[0].way, "emulator vcpu0");
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		fake_qemu_stop(&qemus[i]);
		wait_threads(host, ways[i].way, "");
	}
}

static int test_host(const char *tree)
{
	_cleanup_(freep) char *program = fake_qemu_install(tree);
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	struct host host = { .tree = tree, .program = program };
	struct fake_qemu early = { 0 };
	size_t fds;
	int r;

	CASE("start");
	snprintf(host.heard.prefix, sizeof(host.heard.prefix), "t%d-", getpid());
	EXPECT_INT(sysroot_new(&root, NULL), 0);
	EXPECT(sd_event_new(&host.event) >= 0);
	fake_qemu_start(&early, program, "-name", name_of(&host, "early"));
	EXPECT_INT(source_proc_new(&host.source, root, host.event, on_source, &host.heard), 0);
	r = source_proc_start(host.source);
	EXPECT(r >= 0);
	EXPECT(find(&host, "early") != NULL);
	if (r == 0) {
		test_scan_and_exec(&host, &early);
		fds = count_fds();
		test_exec_away(&host);
		test_daemonize(&host);
		test_qmp_good(&host);
		test_qmp_bad(&host);
		CASE("descriptors");
		EXPECT_INT(count_fds(), fds);
	} else {
		CASE("without the connector its end is seen");
		fake_qemu_stop(&early);
		wait_threads(&host, "early", "");
	}
	source_proc_free(host.source);
	vm_table_done(&host.heard.table);
	sd_event_unref(host.event);
	return r;
}

int main(int argc, char **argv)
{
	_cleanup_(tree_freep) char *tree = NULL;
	int r;

	if (strcmp(argv[0], "qemu-system-x86_64") == 0)
		return fake_qemu_main(argv);
	tree = tree_new();
	test_tree();
	r = test_host(tree);
	EXPECT(source_proc_free(NULL) == NULL);
	if (r > 0 && expect_failed == 0) {
		printf("skipped: no process connector: %s\n", strerror(r));
		return TEST_SKIPPED;
	}
	return expect_result();
}
