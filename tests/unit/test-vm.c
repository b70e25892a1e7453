/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that are safe everywhere, thread names both ways, and what a merge of two sources' views says has changed. */
#include "expect.h"
#include "vm.h"

#define A50  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A250 A50 A50 A50 A50 A50

static void test_escape(void)
{
	static const struct {
		const char *name;
		const char *raw;
		const char *escaped;
	} cases[] = {
		{ "plain",			"relay-1",		"relay-1" },
		{ "space stays",		"my guest",		"my guest" },
		{ "UTF-8 stays",		"gäst-\xe6\xbc\xa2",	"gäst-\xe6\xbc\xa2" },
		{ "four bytes stay",		"\xf0\x9f\x98\x80",	"\xf0\x9f\x98\x80" },
		{ "newline",			"a\nVIRTRK_VM=b",	"a\\x0aVIRTRK_VM=b" },
		{ "escape and delete",		"\x1b[2J\x7f",		"\\x1b[2J\\x7f" },
		{ "C1 control in UTF-8",	"\xc2\x9b",		"\\xc2\\x9b" },
		{ "slash",			"../etc",		"\\x2e.\\x2fetc" },
		{ "backslash",			"a\\x0a",		"a\\x5cx0a" },
		{ "leading dot only",		".a.b",			"\\x2ea.b" },
		{ "lone continuation",		"\x80",			"\\x80" },
		{ "cut off character",		"a\xe6\xbc",		"a\\xe6\\xbc" },
		{ "overlong slash",		"\xc0\xaf",		"\\xc0\\xaf" },
		{ "overlong three bytes",	"\xe0\x80\xaf",		"\\xe0\\x80\\xaf" },
		{ "surrogate",			"\xed\xa0\x80",		"\\xed\\xa0\\x80" },
		{ "beyond Unicode",		"\xf4\x90\x80\x80",	"\\xf4\\x90\\x80\\x80" },
		{ "255 bytes fit",		A250 "bcdef",		A250 "bcdef" },
		{ "256 are cut",		A250 "bcdefg",		A250 "bcdef" },
		{ "cut between characters",	A250 "bcd\xc3\xa4",	A250 "bcd\xc3\xa4" },
		{ "no half character",		A250 "bcde\xc3\xa4",	A250 "bcde" },
		{ "no half escape",		A250 "bc\n",		A250 "bc" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		char escaped[VM_NAME_MAX + 1];

		CASE(cases[i].name);
		vm_name_escape(escaped, cases[i].raw);
		EXPECT_STR(escaped, cases[i].escaped);
	}
}

static void test_thread_names(void)
{
	static const struct {
		const char *name;
		int r;
		enum vm_thread_kind kind;
		uint32_t index;
	} cases[] = {
		{ "vcpu0",		0,		VM_THREAD_VCPU,		0 },
		{ "vcpu255",		0,		VM_THREAD_VCPU,		255 },
		{ "vcpu4294967295",	0,		VM_THREAD_VCPU,		UINT32_MAX },
		{ "emulator",		0,		VM_THREAD_EMULATOR,	0 },
		{ "iothread1",		0,		VM_THREAD_IOTHREAD,	1 },
		{ "vhost0",		0,		VM_THREAD_VHOST,	0 },
		{ "kvm-pit0",		0,		VM_THREAD_KVM_PIT,	0 },
		{ "kvm-nx0",		0,		VM_THREAD_KVM_NX,	0 },
		{ "worker10",		0,		VM_THREAD_WORKER,	10 },
		{ "",			-EINVAL,	0, 0 },
		{ "vcpu",		-EINVAL,	0, 0 },
		{ "vcpu00",		-EINVAL,	0, 0 },
		{ "vcpu01",		-EINVAL,	0, 0 },
		{ "vcpu-1",		-EINVAL,	0, 0 },
		{ "vcpu+1",		-EINVAL,	0, 0 },
		{ "vcpu 1",		-EINVAL,	0, 0 },
		{ "vcpu1 ",		-EINVAL,	0, 0 },
		{ "vcpu1x",		-EINVAL,	0, 0 },
		{ "vcpu0x1",		-EINVAL,	0, 0 },
		{ "vcpu4294967296",	-EINVAL,	0, 0 },
		{ "vcpu99999999999999999999999", -EINVAL,	0, 0 },
		{ "VCPU0",		-EINVAL,	0, 0 },
		{ "emulator0",		-EINVAL,	0, 0 },
		{ "emulator ",		-EINVAL,	0, 0 },
		{ "iothread",		-EINVAL,	0, 0 },
		{ "gpu0",		-EINVAL,	0, 0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		enum vm_thread_kind kind = _VM_THREAD_KIND_MAX;
		char name[VM_THREAD_NAME_MAX];
		uint32_t index = 77;

		CASE(cases[i].name);
		EXPECT_INT(vm_thread_name_parse(cases[i].name, &kind, &index), cases[i].r);
		if (cases[i].r < 0) {
			EXPECT(kind == _VM_THREAD_KIND_MAX && index == 77);
			continue;
		}
		EXPECT_INT(kind, cases[i].kind);
		EXPECT_INT(index, cases[i].index);
		vm_thread_name_format(name, kind, index);
		EXPECT_STR(name, cases[i].name);
	}
}

static void test_words(void)
{
	CASE("words");
	EXPECT_STR(vm_origin_name(VM_QEMU), "qemu");
	EXPECT_STR(vm_origin_name(VM_LIBVIRT), "libvirt");
	EXPECT_STR(vm_accel_name(VM_ACCEL_UNKNOWN), "unknown");
	EXPECT_STR(vm_accel_name(VM_ACCEL_KVM), "kvm");
	EXPECT_STR(vm_accel_name(VM_ACCEL_TCG), "tcg");
	EXPECT_STR(vm_state_name(VM_RUNNING), "running");
	EXPECT_STR(vm_state_name(VM_PAUSED), "paused");
	EXPECT_STR(vm_state_name(VM_SHUTOFF), "shutoff");
	EXPECT_STR(vm_thread_kind_name(VM_THREAD_KVM_NX), "kvm-nx");
}

static struct vm *make_vm(const char *name, pid_t pid, uint64_t start)
{
	struct vm *vm = NULL;

	if (vm_new(&vm, name, pid) < 0)
		abort();
	vm->start_ticks = start;
	return vm;
}

static struct vm *with_threads(struct vm *vm, uint32_t n_vcpus)
{
	uint32_t i;

	/* not in order, as a source may find them */
	for (i = n_vcpus; i > 0; i--)
		if (vm_add_thread(vm, VM_THREAD_VCPU, i - 1, vm->pid + (pid_t)i, 10 + i, "CPU x/KVM") < 0)
			abort();
	if (vm_add_thread(vm, VM_THREAD_EMULATOR, 0, vm->pid, vm->start_ticks, "qemu-system-x86") < 0)
		abort();
	return vm;
}

static void test_vm(void)
{
	_cleanup_(vm_freep) struct vm *vm = with_threads(make_vm("a/b", 100, 7), 2);
	_cleanup_(vm_freep) struct vm *nameless = make_vm(NULL, 101, 0);
	_cleanup_(vm_freep) struct vm *empty = make_vm("", 102, 0);
	const struct vm_thread *thread;

	CASE("names");
	EXPECT_STR(vm->name, "a\\x2fb");
	EXPECT_STR(nameless->name, "qemu-101");
	EXPECT_STR(empty->name, "qemu-102");

	CASE("the same thread twice");
	EXPECT_INT(vm_add_thread(vm, VM_THREAD_VCPU, 1, 555, 0, NULL), -EEXIST);
	EXPECT_INT(vm_add_thread(vm, VM_THREAD_VCPU, 9, 101, 0, NULL), -EEXIST);
	EXPECT_INT(vm->n_threads, 3);

	CASE("order and search");
	vm_sort(vm);
	EXPECT_STR(vm->threads[0].name, "emulator");
	EXPECT_STR(vm->threads[1].name, "vcpu0");
	EXPECT_STR(vm->threads[2].name, "vcpu1");
	thread = vm_find_thread(vm, "vcpu1");
	if (EXPECT(thread != NULL))
		EXPECT_INT(thread->tid, 102);
	EXPECT(vm_find_thread(vm, "vcpu2") == NULL);
	EXPECT_INT(vm_count(vm, VM_THREAD_VCPU), 2);
	EXPECT_INT(vm_count(vm, VM_THREAD_VHOST), 0);

	CASE("a kernel thread's long name is cut");
	EXPECT_INT(vm_add_thread(vm, VM_THREAD_KVM_NX, 0, 900, 1, "kvm-nx-lpage-recovery-100"), 0);
	EXPECT_STR(vm->threads[3].comm, "kvm-nx-lpage-re");
	CASE("nothing to free");
	EXPECT(vm_free(NULL) == NULL);
}

/* Merges and says what came of it. */
static struct vm *merge(struct vm_table *table, struct vm *vm, int want)
{
	enum vm_change change = VM_CHANGE_NONE;
	struct vm *in_table = NULL;

	EXPECT_INT(vm_table_merge(table, vm, &change, &in_table), 0);
	EXPECT_INT(change, want);
	return in_table;
}

static void test_merge_threads(void)
{
	_cleanup_(vm_table_done) struct vm_table table = { 0 };
	struct vm *vm, *given;

	CASE("new");
	vm = merge(&table, with_threads(make_vm("a", 100, 7), 1), VM_CHANGE_NEW);
	EXPECT_STR(vm->threads[0].name, "emulator");	/* sorted by the merge */
	CASE("the same again");
	EXPECT(merge(&table, with_threads(make_vm("a", 100, 7), 1), VM_CHANGE_NONE) == vm);
	CASE("a vCPU is plugged in");
	merge(&table, with_threads(make_vm("a", 100, 7), 2), VM_CHANGE_THREADS);
	EXPECT_INT(vm_count(vm, VM_THREAD_VCPU), 2);
	CASE("and unplugged");
	merge(&table, with_threads(make_vm("a", 100, 7), 1), VM_CHANGE_THREADS);
	EXPECT_INT(vm_count(vm, VM_THREAD_VCPU), 1);

	CASE("same tid, another thread");
	given = with_threads(make_vm("a", 100, 7), 1);
	given->threads[0].start_ticks++;
	merge(&table, given, VM_CHANGE_THREADS);
	CASE("a comm alone is no change, but kept");
	given = with_threads(make_vm("a", 100, 7), 1);
	given->threads[0].start_ticks++;
	snprintf(given->threads[0].comm, sizeof(given->threads[0].comm), "CPU 0/TCG");
	merge(&table, given, VM_CHANGE_NONE);
	EXPECT_STR(vm->threads[1].comm, "CPU 0/TCG");
	CASE("vCPUs become unknown");
	given = with_threads(make_vm("a", 100, 7), 0);
	given->vcpus_unknown = true;
	merge(&table, given, VM_CHANGE_THREADS);
	EXPECT(vm->vcpus_unknown);
	CASE("one thread runs them all");
	given = with_threads(make_vm("a", 100, 7), 1);
	given->vcpus_shared = true;
	merge(&table, given, VM_CHANGE_THREADS);
	EXPECT(vm->vcpus_shared && !vm->vcpus_unknown);
	EXPECT_INT(table.n, 1);
}

static void test_merge_sources(void)
{
	_cleanup_(vm_table_done) struct vm_table table = { 0 };
	struct vm *vm, *given;

	CASE("the process first");
	vm = merge(&table, with_threads(make_vm(NULL, 100, 7), 1), VM_CHANGE_NEW);
	CASE("then libvirt knows better");
	given = make_vm("a", 100, 7);
	given->origin = VM_LIBVIRT;
	given->state = VM_PAUSED;
	given->uuid = strdup("11111111-2222-3333-4444-555555555555");
	EXPECT(merge(&table, given, VM_CHANGE_IDENTITY | VM_CHANGE_STATE) == vm);
	EXPECT_STR(vm->name, "a");
	EXPECT_STR(vm->uuid, "11111111-2222-3333-4444-555555555555");
	EXPECT_INT(vm->state, VM_PAUSED);
	EXPECT_INT(vm->n_threads, 2);
	CASE("the process' view does not undo it");
	given = with_threads(make_vm(NULL, 100, 7), 2);
	given->accel = VM_ACCEL_KVM;
	merge(&table, given, VM_CHANGE_IDENTITY | VM_CHANGE_THREADS);
	EXPECT_STR(vm->name, "a");
	EXPECT(vm->uuid != NULL);
	EXPECT_INT(vm->origin, VM_LIBVIRT);
	EXPECT_INT(vm->state, VM_PAUSED);
	EXPECT_INT(vm->accel, VM_ACCEL_KVM);
	CASE("resumed");
	given = make_vm("a", 100, 0);	/* it could not read the start */
	given->origin = VM_LIBVIRT;
	merge(&table, given, VM_CHANGE_STATE);
	EXPECT_INT(vm->state, VM_RUNNING);
	EXPECT_INT(vm->accel, VM_ACCEL_KVM);
	EXPECT_INT(vm->start_ticks, 7);
	EXPECT_INT(vm->n_threads, 3);
	CASE("a name stays once given");
	merge(&table, with_threads(make_vm("other", 100, 7), 2), VM_CHANGE_NONE);
	EXPECT_STR(vm->name, "a");

	CASE("libvirt first, the process then");
	given = make_vm("b", 200, 8);
	given->origin = VM_LIBVIRT;
	vm = merge(&table, given, VM_CHANGE_NEW);
	EXPECT_INT(vm->n_threads, 0);
	merge(&table, with_threads(make_vm("b", 200, 8), 1), VM_CHANGE_THREADS);
	EXPECT_INT(vm->n_threads, 2);
}

static void test_merge_names(void)
{
	_cleanup_(vm_table_done) struct vm_table table = { 0 };
	struct vm *vm, *given;

	CASE("two of one name");
	merge(&table, make_vm("a", 100, 7), VM_CHANGE_NEW);
	vm = merge(&table, make_vm("a", 200, 8), VM_CHANGE_NEW);
	EXPECT_STR(vm->name, "a-200");
	CASE("again: no change");
	merge(&table, make_vm("a", 200, 8), VM_CHANGE_NONE);
	EXPECT_STR(vm->name, "a-200");
	CASE("the other one's end does not rename it");
	vm_free(vm_table_take(&table, 100));
	merge(&table, make_vm("a", 200, 8), VM_CHANGE_NONE);
	EXPECT_STR(vm->name, "a-200");
	CASE("somebody has that name too");
	merge(&table, make_vm("b", 300, 7), VM_CHANGE_NEW);
	merge(&table, make_vm("b-400", 301, 7), VM_CHANGE_NEW);
	EXPECT_STR(merge(&table, make_vm("b", 400, 7), VM_CHANGE_NEW)->name, "b-400-2");
	CASE("long names that became equal");
	merge(&table, make_vm(A250 "bcdef_1", 500, 7), VM_CHANGE_NEW);
	EXPECT_STR(merge(&table, make_vm(A250 "bcdef_2", 501, 7), VM_CHANGE_NEW)->name, A250 "b-501");
	CASE("the cut spares a character");
	merge(&table, make_vm(A250 "\xc3\xa4" "def", 502, 7), VM_CHANGE_NEW);
	EXPECT_STR(merge(&table, make_vm(A250 "\xc3\xa4" "def", 503, 7), VM_CHANGE_NEW)->name, A250 "-503");
	CASE("libvirt renames to a name that is taken");
	merge(&table, make_vm(NULL, 600, 7), VM_CHANGE_NEW);
	given = make_vm("b", 600, 7);
	given->origin = VM_LIBVIRT;
	EXPECT_STR(merge(&table, given, VM_CHANGE_IDENTITY)->name, "b-600");
}

static void test_table(void)
{
	_cleanup_(vm_table_done) struct vm_table table = { 0 };
	struct vm *vm;

	CASE("empty table");
	EXPECT(vm_table_by_name(&table, "a") == NULL);
	EXPECT(vm_table_by_pid(&table, 100) == NULL);
	EXPECT(vm_table_take(&table, 100) == NULL);
	CASE("a pid is used again");
	merge(&table, with_threads(make_vm("a", 100, 7), 1), VM_CHANGE_NEW);
	vm = merge(&table, with_threads(make_vm("b", 100, 9), 1), VM_CHANGE_NEW);
	EXPECT_INT(table.n, 1);
	EXPECT_STR(vm->name, "b");
	EXPECT(vm_table_by_name(&table, "a") == NULL);
	CASE("take the middle one");
	merge(&table, make_vm("c", 101, 7), VM_CHANGE_NEW);
	merge(&table, make_vm("d", 102, 7), VM_CHANGE_NEW);
	vm = vm_table_take(&table, 101);
	if (EXPECT(vm != NULL))
		EXPECT_STR(vm->name, "c");
	vm_free(vm);
	EXPECT_INT(table.n, 2);
	EXPECT(vm_table_by_name(&table, "b") == table.vms[0]);
	EXPECT(vm_table_by_pid(&table, 102) == table.vms[1]);
	EXPECT(vm_table_by_pid(&table, 101) == NULL);
}

int main(void)
{
	test_escape();
	test_thread_names();
	test_words();
	test_vm();
	test_merge_threads();
	test_merge_sources();
	test_merge_names();
	test_table();
	return expect_result();
}
