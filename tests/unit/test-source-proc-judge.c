/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which thread is what: by name, by QMP's word, by both, and when neither helps. */
#include "expect.h"
#include "source-proc-judge.h"

#define PID 100
#define THREADS_MAX 12

/* A thread in words: its comm; tids count from PID on, in the order given; all start at tick 7. */
static const struct name_case {
	const char *what;
	const char *comms[THREADS_MAX];
	const char *names[THREADS_MAX];		/* what each should be called */
	unsigned int accels;
	enum vm_accel accel;
	bool unknown, shared;
} name_cases[] = {
	{ "KVM, as libvirt starts it",
		{ "qemu-system-x86", "qemu-system-x86", "IO mon_iothread", "CPU 0/KVM", "CPU 1/KVM", "IO iothread1",
		  "IO iothread2", "vhost-100", "vhost-100", "kvm-nx-lpage-re" },
		{ "emulator", "worker0", "worker1", "vcpu0", "vcpu1", "iothread1", "iothread2", "vhost0", "vhost1",
		  "kvm-nx0" }, CMDLINE_KVM, VM_ACCEL_KVM, false, false },
	{ "TCG, multi-threaded", { "q", "q", "CPU 1/TCG", "CPU 0/TCG" }, { "emulator", "worker0", "vcpu1", "vcpu0" },
		CMDLINE_KVM | CMDLINE_TCG, VM_ACCEL_TCG, false, false },
	{ "TCG, single-threaded", { "q", "q", "ALL CPUs/TCG" }, { "emulator", "worker0", "vcpu0" }, CMDLINE_TCG,
		VM_ACCEL_TCG, false, true },
	{ "no names, TCG", { "q", "q", "q" }, { "emulator", "worker0", "worker1" }, CMDLINE_TCG, VM_ACCEL_TCG, true,
		false },
	{ "no names, KVM", { "q", "q", "q" }, { "emulator", "worker0", "worker1" }, CMDLINE_KVM, VM_ACCEL_KVM, true,
		false },
	{ "no names, either", { "q", "q" }, { "emulator", "worker0" }, CMDLINE_KVM | CMDLINE_TCG, VM_ACCEL_UNKNOWN, true,
		false },
	{ "no names, but KVM's helper", { "q", "q", "kvm-nx-lpage-re" }, { "emulator", "worker0", "kvm-nx0" },
		CMDLINE_KVM | CMDLINE_TCG, VM_ACCEL_KVM, true, false },
	{ "another accelerator", { "q" }, { "emulator" }, CMDLINE_OTHER, VM_ACCEL_UNKNOWN, true, false },
	{ "the main thread's name counts for nothing", { "CPU 0/KVM", "q" }, { "emulator", "worker0" }, CMDLINE_KVM,
		VM_ACCEL_KVM, true, false },
	{ "two of one name", { "q", "CPU 0/KVM", "CPU 0/KVM" }, { "emulator", "vcpu0", "worker0" }, CMDLINE_KVM,
		VM_ACCEL_KVM, false, false },
	{ "names that are nearly right",
		{ "q", "CPU /KVM", "CPU 01/KVM", "CPU -1/KVM", "CPU 0/kvm", "CPU 0", "CPU 0/KVMx", "IO ", "XCPU 0/KVM",
		  "CPU 99999999999" },
		{ "emulator", "worker0", "worker1", "worker2", "worker3", "worker4", "worker5", "worker6", "worker7",
		  "worker8" }, CMDLINE_KVM, VM_ACCEL_KVM, true, false },
	{ "iothreads of all kinds",
		{ "q", "IO disk", "IO iothread1", "IO net", "IO iothread0", "IO iothread1" },
		{ "emulator", "iothread2", "iothread1", "iothread3", "iothread0", "iothread4" }, CMDLINE_TCG,
		VM_ACCEL_TCG, true, false },
};

static size_t make_threads(struct proc_thread v[THREADS_MAX], const char *const comms[THREADS_MAX])
{
	size_t n;

	for (n = 0; n < THREADS_MAX && comms[n]; n++) {
		v[n] = (struct proc_thread){ .tid = PID + (pid_t)n, .start_ticks = 7 };
		snprintf(v[n].comm, sizeof(v[n].comm), "%s", comms[n]);
	}
	return n;
}

static void expect_names(const struct vm *vm, const char *const names[THREADS_MAX], size_t n)
{
	size_t i;

	EXPECT_INT(vm->n_threads, n);
	for (i = 0; i < n; i++) {
		const struct vm_thread *thread = vm_find_thread(vm, names[i]);

		if (!EXPECT(thread != NULL))
			fprintf(stderr, "\tno %s\n", names[i]);
		else if (!EXPECT_INT(thread->tid, PID + (pid_t)i))
			fprintf(stderr, "\tas %s\n", names[i]);
	}
}

static void test_names(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(name_cases); i++) {
		const struct name_case *c = &name_cases[i];
		struct cmdline cmdline = { .accels = c->accels };
		_cleanup_(vm_freep) struct vm *vm = NULL;
		struct proc_thread v[THREADS_MAX];
		struct proc_threads threads = { v, make_threads(v, c->comms) };

		CASE(c->what);
		if (!EXPECT_INT(proc_snapshot(&vm, PID, &cmdline, &threads, NULL, NULL), 0))
			continue;
		expect_names(vm, c->names, threads.n);
		EXPECT_INT(vm->accel, c->accel);
		EXPECT_INT(vm->vcpus_unknown, c->unknown);
		EXPECT_INT(vm->vcpus_shared, c->shared);
		EXPECT_INT(vm->start_ticks, 7);
		EXPECT_STR(vm->name, "qemu-100");
	}
}

static void test_identity(void)
{
	struct proc_thread v[] = { { PID, 7, "q" } };
	struct proc_threads threads = { v, 1 };
	_cleanup_(cmdline_done) struct cmdline cmdline = {
		.name = strdup("a/b"), .uuid = strdup("u"), .origin = VM_LIBVIRT, .accels = CMDLINE_TCG };
	_cleanup_(vm_freep) struct vm *vm = NULL;

	CASE("from the command line");
	if (!EXPECT_INT(proc_snapshot(&vm, PID, &cmdline, &threads, NULL, NULL), 0))
		return;
	EXPECT_STR(vm->name, "a\\x2fb");
	EXPECT_STR(vm->uuid, "u");
	EXPECT_INT(vm->origin, VM_LIBVIRT);
	EXPECT_INT(vm->pid, PID);
}

/* Kernel threads outside the process: those of ours, by the process' number or by a thread's. */
static void test_helpers(void)
{
	struct proc_thread v[] = { { 100, 7, "q" }, { 102, 7, "CPU 0/KVM" }, { 105, 8, "vhost-100" } };
	struct proc_threads threads = { v, 3 };
	struct proc_helper h[] = {
		{ { 20, 9, "kvm-nx-lpage-recovery-100" }, VM_THREAD_KVM_NX, 100 },
		{ { 21, 9, "kvm-pit/100" }, VM_THREAD_KVM_PIT, 100 },
		{ { 22, 9, "vhost-100" }, VM_THREAD_VHOST, 100 },
		{ { 23, 9, "vhost-102" }, VM_THREAD_VHOST, 102 },
		{ { 24, 9, "vhost-1000" }, VM_THREAD_VHOST, 1000 },
		{ { 25, 9, "kvm-pit/10" }, VM_THREAD_KVM_PIT, 10 },
	};
	struct proc_helpers helpers = { h, ARRAY_SIZE(h) };
	struct cmdline cmdline = { .accels = CMDLINE_KVM | CMDLINE_TCG };
	_cleanup_(vm_freep) struct vm *vm = NULL;
	static const struct {
		const char *name;
		pid_t tid;
	} want[] = { { "vhost0", 105 }, { "vhost1", 22 }, { "vhost2", 23 }, { "kvm-pit0", 21 }, { "kvm-nx0", 20 } };
	size_t i;

	CASE("helpers");
	if (!EXPECT_INT(proc_snapshot(&vm, PID, &cmdline, &threads, &helpers, NULL), 0))
		return;
	EXPECT_INT(vm->n_threads, 2 + ARRAY_SIZE(want));
	for (i = 0; i < ARRAY_SIZE(want); i++) {
		const struct vm_thread *thread = vm_find_thread(vm, want[i].name);

		if (EXPECT(thread != NULL))
			EXPECT_INT(thread->tid, want[i].tid);
	}
}

static const struct qmp_cpu two_cpus[] = { { 0, 102 }, { 1, 103 } };
static const struct qmp_cpu one_for_all[] = { { 0, 102 }, { 1, 102 }, { 2, 102 } };
static const struct qmp_cpu strange[] = { { 0, 102 }, { 1, 999 } };
static const struct qmp_iothread two_iothreads[] = { { "disk", 104 }, { "iothread1", 105 } };

static void test_roles(void)
{
	struct cmdline cmdline = { .accels = CMDLINE_KVM | CMDLINE_TCG };
	static const char *const comms[THREADS_MAX] = { "q", "q", "q", "q", "q", "q", "CPU 2/TCG" };
	struct proc_thread v[THREADS_MAX];
	struct proc_threads threads = { v, make_threads(v, comms) };
	_cleanup_(proc_roles_done) struct proc_roles roles = { 0 };
	_cleanup_(vm_freep) struct vm *vm = NULL, *again = NULL;
	struct qmp_answer answer = { (struct qmp_cpu *)two_cpus, 2, (struct qmp_iothread *)two_iothreads, 2, false, false };

	CASE("QMP's word, and a name for what came later");
	EXPECT_INT(proc_roles_make(&roles, &answer, &threads), 0);
	EXPECT_INT(proc_snapshot(&vm, PID, &cmdline, &threads, NULL, &roles), 0);
	expect_names(vm, (const char *const[THREADS_MAX]){ "emulator", "worker0", "vcpu0", "vcpu1", "iothread0",
							    "iothread1", "vcpu2" }, 7);
	CASE("another thread under the same number");
	v[3].start_ticks = 8;
	v[5].start_ticks = 8;
	EXPECT_INT(proc_snapshot(&again, PID, &cmdline, &threads, NULL, &roles), 0);
	expect_names(again, (const char *const[THREADS_MAX]){ "emulator", "worker0", "vcpu0", "worker1", "iothread0",
							       "worker2", "vcpu2" }, 7);
}

static void test_roles_shared(void)
{
	struct cmdline cmdline = { .accels = CMDLINE_KVM | CMDLINE_TCG };
	static const char *const comms[THREADS_MAX] = { "q", "q", "q", "q" };
	struct proc_thread v[THREADS_MAX];
	struct proc_threads threads = { v, make_threads(v, comms) };
	_cleanup_(proc_roles_done) struct proc_roles roles = { 0 }, none = { 0 };
	_cleanup_(vm_freep) struct vm *vm = NULL, *empty = NULL;
	struct qmp_answer answer = { (struct qmp_cpu *)one_for_all, 3, NULL, 0, true, false };

	CASE("one thread for all");
	EXPECT_INT(proc_roles_make(&roles, &answer, &threads), 0);
	EXPECT_INT(proc_snapshot(&vm, PID, &cmdline, &threads, NULL, &roles), 0);
	expect_names(vm, (const char *const[THREADS_MAX]){ "emulator", "worker0", "vcpu0", "worker1" }, 4);
	EXPECT(vm->vcpus_shared && !vm->vcpus_unknown);
	EXPECT_INT(vm->accel, VM_ACCEL_TCG);	/* it may use KVM, and says that it does not */
	CASE("no vCPU yet");
	answer = (struct qmp_answer){ NULL, 0, NULL, 0, true, true };
	EXPECT_INT(proc_roles_make(&none, &answer, &threads), 0);
	EXPECT_INT(proc_snapshot(&empty, PID, &cmdline, &threads, NULL, &none), 0);
	EXPECT(empty->vcpus_unknown && !empty->vcpus_shared);
	EXPECT_INT(empty->accel, VM_ACCEL_KVM);
	CASE("threads of somebody else");
	answer = (struct qmp_answer){ (struct qmp_cpu *)strange, 2, NULL, 0, true, true };
	EXPECT_INT(proc_roles_make(&roles, &answer, &threads), -ESTALE);
	EXPECT_INT(roles.n, 1);		/* as it was */
}

int main(void)
{
	test_names();
	test_identity();
	test_helpers();
	test_roles();
	test_roles_shared();
	return expect_result();
}
