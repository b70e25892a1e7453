/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Real QEMUs, paused before their first instruction: what a fake one cannot tell us. Names of threads, answers of QMP,
 * who listens on the socket, what -daemonize does, a vCPU that is plugged in.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "expect.h"
#include "heard.h"

#define MACHINE "-S", "-nodefaults", "-display", "none", "-m", "32", "-machine", "pc", "-no-user-config"

#define start_qemu(host, ...) \
	qemu_run((host), (const char *const[]){ (host)->program, MACHINE, __VA_ARGS__, NULL })

static pid_t qemu_run(struct host *host, const char *const argv[])
{
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	EXPECT(pid > 0);
	return pid;
}

static void stop_qemu(struct host *host, pid_t pid, const char *name)
{
	EXPECT_INT(kill(pid, SIGKILL), 0);
	EXPECT_INT(waitpid(pid, NULL, 0), pid);
	wait_threads(host, name, "");
}

/* Another client of QMP: says each line and takes one answer for it. */
static void qmp_say(const char *path, const char *const lines[], size_t n)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char answer[65536];
	size_t i;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (!EXPECT(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0))
		return;
	EXPECT(recv(fd, answer, sizeof(answer), 0) > 0);
	for (i = 0; i < n; i++) {
		EXPECT(send(fd, lines[i], strlen(lines[i]), MSG_NOSIGNAL) > 0);
		EXPECT(recv(fd, answer, sizeof(answer), 0) > 0);
	}
	close(fd);
}

static void test_names(struct host *host)
{
	char name[128];
	struct vm *vm;
	pid_t pid;

	CASE("threads with names");
	snprintf(name, sizeof(name), "%s,,1,debug-threads=on", name_of(host, "named"));
	pid = start_qemu(host, "-name", name, "-accel", "tcg,thread=multi", "-smp", "2", "-object", "iothread,id=iothread7",
			 "-object", "iothread,id=disk", "-uuid", "3F2504E0-4F89-11D3-9A0C-0305E82C3301");
	wait_threads(host, "named,1", "emulator vcpu0 vcpu1 iothread0 iothread7");
	vm = find(host, "named,1");
	if (EXPECT(vm != NULL)) {
		EXPECT_INT(vm->pid, pid);
		EXPECT_INT(vm->accel, VM_ACCEL_TCG);
		EXPECT_STR(vm->uuid, "3f2504e0-4f89-11d3-9a0c-0305e82c3301");
		EXPECT_STR(vm->vcpus_reason, NULL);
		EXPECT(!vm->vcpus_shared);
	}
	stop_qemu(host, pid, "named,1");

	CASE("one thread for all, by name");
	snprintf(name, sizeof(name), "%s,debug-threads=on", name_of(host, "shared"));
	pid = start_qemu(host, "-name", name, "-accel", "tcg,thread=single", "-smp", "2");
	wait_threads(host, "shared", "emulator vcpu0");
	vm = find(host, "shared");
	EXPECT(vm && vm->vcpus_shared && !vm->vcpus_unknown);
	stop_qemu(host, pid, "shared");
}

static void test_nothing(struct host *host)
{
	struct vm *vm;
	pid_t pid;

	CASE("neither names nor QMP");
	pid = start_qemu(host, "-name", name_of(host, "mute"), "-accel", "tcg", "-smp", "2");
	wait_threads(host, "mute", "emulator");
	vm = find(host, "mute");
	EXPECT(vm && vm->vcpus_unknown && vm->vcpus_reason && strstr(vm->vcpus_reason, "debug-threads=on"));
	stop_qemu(host, pid, "mute");
}

static void test_qmp(struct host *host)
{
	static const char *const plug[] = {
		"{\"execute\":\"qmp_capabilities\"}",
		"{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"qemu64-x86_64-cpu\",\"id\":\"c\",\"socket-id\":0,"
		"\"core-id\":1,\"thread-id\":0}}",
	};
	_cleanup_(freep) char *path = tree_path(host->tree, "q.sock");
	char qmp[200];
	struct vm *vm;
	pid_t pid;

	CASE("QMP");
	snprintf(qmp, sizeof(qmp), "unix:%s,server=on,wait=off", path);
	pid = start_qemu(host, "-name", name_of(host, "qmp"), "-accel", "tcg,thread=multi", "-smp",
			 "1,maxcpus=2,sockets=1,cores=2", "-object", "iothread,id=iothread1", "-qmp", qmp);
	wait_threads(host, "qmp", "emulator vcpu0 iothread1");
	vm = find(host, "qmp");
	EXPECT(vm && !vm->vcpus_unknown && !vm->vcpus_shared);
	EXPECT_STR(vm ? vm->vcpus_reason : "", NULL);
	CASE("a vCPU is plugged in");
	qmp_say(path, plug, ARRAY_SIZE(plug));
	wait_threads(host, "qmp", "emulator vcpu0 vcpu1 iothread1");
	stop_qemu(host, pid, "qmp");
}

static void test_qmp_busy(struct host *host, struct sysroot *root)
{
	_cleanup_(freep) char *path = tree_path(host->tree, "busy.sock");
	_cleanup_(closep) int other = -EBADF;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct host second = *host;
	char greeting[1024], qmp[200];
	struct vm *vm;
	pid_t pid;

	CASE("one thread for all, by QMP");
	snprintf(qmp, sizeof(qmp), "socket,id=m,path=%s,server=on,wait=off", path);
	pid = start_qemu(host, "-name", name_of(host, "busy"), "-accel", "tcg,thread=single", "-smp", "2", "-chardev", qmp,
			 "-mon", "m,mode=control");
	wait_threads(host, "busy", "emulator vcpu0");
	vm = find(host, "busy");
	EXPECT(vm && vm->vcpus_shared);

	CASE("somebody else is connected, and a new source asks");
	other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	EXPECT_INT(connect(other, (struct sockaddr *)&address, sizeof(address)), 0);
	EXPECT(recv(other, greeting, sizeof(greeting), 0) > 0);
	second.heard = (struct heard){ 0 };
	memcpy(second.heard.prefix, host->heard.prefix, sizeof(second.heard.prefix));
	EXPECT_INT(source_proc_new(&second.source, root, host->event, on_source, &second.heard), 0);
	EXPECT_INT(source_proc_start(second.source), 0);
	EXPECT(find(&second, "busy") == NULL);	/* not before QMP has had its time */
	wait_threads(&second, "busy", "emulator");
	vm = find(&second, "busy");
	EXPECT(vm && vm->vcpus_unknown && vm->vcpus_reason && strstr(vm->vcpus_reason, "another one connected"));
	CASE("and has hung up: asked again");
	close(TAKE_FD(other));
	wait_threads(&second, "busy", "emulator vcpu0");
	source_proc_free(second.source);
	vm_table_done(&second.heard.table);
	stop_qemu(host, pid, "busy");
}

static void test_daemonize(struct host *host)
{
	_cleanup_(freep) char *path = tree_path(host->tree, "daemon.sock");
	char qmp[200];
	struct vm *vm;
	pid_t pid;
	int status;

	CASE("-daemonize");
	snprintf(qmp, sizeof(qmp), "unix:%s,server=on,wait=off", path);
	pid = start_qemu(host, "-name", name_of(host, "daemon"), "-accel", "tcg", "-daemonize", "-qmp", qmp);
	wait_threads(host, "daemon", "emulator vcpu0");
	EXPECT(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	vm = find(host, "daemon");
	if (EXPECT(vm && vm->pid != pid))
		EXPECT_INT(kill(vm->pid, SIGKILL), 0);
	wait_threads(host, "daemon", "");
}

static bool qemu_is_installed(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, STDOUT_FILENO);
		execlp("qemu-system-x86_64", "qemu-system-x86_64", "-version", NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(void)
{
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(sysroot_freep) struct sysroot *root = NULL;
	struct host host = { .tree = tree, .program = "qemu-system-x86_64" };
	int r;

	if (!qemu_is_installed()) {
		printf("skipped: no qemu-system-x86_64\n");
		return TEST_SKIPPED;
	}
	CASE("start");
	snprintf(host.heard.prefix, sizeof(host.heard.prefix), "t%d-", getpid());
	EXPECT_INT(sysroot_new(&root, NULL), 0);
	EXPECT(sd_event_new(&host.event) >= 0);
	EXPECT_INT(source_proc_new(&host.source, root, host.event, on_source, &host.heard), 0);
	r = source_proc_start(host.source);
	EXPECT(r >= 0);
	if (r == 0) {
		size_t fds = count_fds();

		test_names(&host);
		test_nothing(&host);
		test_qmp(&host);
		test_qmp_busy(&host, root);
		test_daemonize(&host);
		CASE("descriptors");
		EXPECT_INT(count_fds(), fds);
	}
	source_proc_free(host.source);
	vm_table_done(&host.heard.table);
	sd_event_unref(host.event);
	if (r > 0 && expect_failed == 0) {
		printf("skipped: no process connector: %s\n", strerror(r));
		return TEST_SKIPPED;
	}
	return expect_result();
}
