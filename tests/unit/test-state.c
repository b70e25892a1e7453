/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state.json: what is written is read back the same; every kind of damage is refused with its path and leaves nothing
 * behind; a file that cannot be replaced stays; and only one daemon has the directory.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "expect.h"
#include "state-json.h"
#include "state.h"

/* In the place of libc's: the n-th call from now on fails; 0 = none. */
static unsigned int fsync_fails;

int fsync(int fd)
{
	if (fsync_fails > 0 && --fsync_fails == 0) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

#define BOOT "01234567-89ab-cdef-0123-456789abcdef"

/* Two promises and a plan of one step, with no two numbers alike. */
static void sample_make(struct ledger *ledger, struct plan *plan)
{
	struct promise first = {
		.domain = (char *)"rt \"one\"/\\\xc3\xa4\xff\n", .thread = "vcpu0", .pid = 101, .tid = 102,
		.start_ticks = INT64_MAX - 1, .reservation = { 1024, 100000, 4194304000 }, .soft = true,
		.before = { .policy = SCHED_OTHER, .nice = -20, .runtime_ns = 3000000 },
	};
	struct promise second = {
		.domain = (char *)"b", .thread = "iothread11", .pid = 201, .tid = 2147483647,
		.reservation = { 4000000, 9000000, 10000000 },
		.before = { .policy = SCHED_FIFO, .flags = SCHED_FLAG_RESET_ON_FORK, .priority = 99 },
	};
	struct step step = {
		.kind = STEP_SCHED, .tid = 301, .start_ticks = 302, .label = (char *)"vcpu0 of b",
		.old = { SCHED_DEADLINE, 3, 0, 0, 2000000, 7000000, 8000000 },
		.new = { .policy = SCHED_RR, .priority = 1 }, .freezer = (char *)"/f/vcpu0",
	};

	struct promise full = {		/* a whole CPU is no error of the file */
		.domain = (char *)"c", .thread = "emulator", .pid = 1, .tid = 1, .start_ticks = 1,
		.reservation = { 1000000, 1000000, 1000000 },
	};

	const struct partition partition = { (char *)"vcpu0 of \xc3\xa4", (char *)"/sys/fs/cgroup/m\\x2d1/vcpu0", 501, 502, 1023,
					     INT64_MAX - 1, 503 };
	const struct step apart = {
		.kind = STEP_PARTITION, .tid = 601, .start_ticks = 602, .label = (char *)"vcpu1 of b", .make = true,
		.cgroup = (char *)"/g", .home = (char *)"/h", .cpu = 0, .kept = 603,
	};
	const struct partition beside = { .label = (char *)"emulator of \xc3\xa4", .cgroup = partition.cgroup, .tid = 511, .cpu = 1023,
					  .home = (char *)"/sys/fs/cgroup/m\\x2d1/emulator" };

	struct partition pinned = { .kind = PARTITION_PINNED, .label = (char *)"vcpu1 of b", .tid = 701, .start_ticks = 702, .cpu = 3,
				    .rest_ns = 703 };
	struct step pin = { .kind = STEP_AFFINITY, .tid = 801, .start_ticks = 802, .label = (char *)"x", .make = true, .cpu = 5 };

	struct partition shared = { .kind = PARTITION_SHARED, .label = (char *)"vcpu2 of b", .cgroup = (char *)"/v.slice", .tid = 711,
				    .start_ticks = 712, .cpu = 8, .rest_ns = 713 };
	struct step slice = { .kind = STEP_SLICE, .tid = 811, .start_ticks = 812, .label = (char *)"y", .make = true, .whole = true,
			      .cgroup = (char *)"/w.slice" };

	struct step group = { .kind = STEP_GROUP, .tid = 821, .start_ticks = 822, .label = (char *)"z", .cgroup = (char *)"/u" };

	CPU_SET(13, &group.cpus);
	CPU_SET(14, &group.before);
	shared.home = (char *)"/v.slice/vcpu2";
	CPU_SET(15, &shared.home_before);
	CPU_SET(16, &shared.home_cpus);
	CPU_SET(8, &shared.cpus);
	CPU_SET(9, &shared.cpus);
	CPU_SET(11, &slice.cpus);
	CPU_SET(12, &slice.before);
	CPU_SET(0, &pinned.before);
	CPU_SET(1023, &pinned.before);
	CPU_SET(7, &pin.before);
	EXPECT_INT(ledger_add(ledger, &first), 0);
	EXPECT_INT(ledger_add_partition(ledger, &partition), 0);
	EXPECT_INT(ledger_add_partition(ledger, &pinned), 0);
	EXPECT_INT(ledger_add_partition(ledger, &shared), 0);
	EXPECT_INT(ledger_add_partition(ledger, &beside), 0);
	EXPECT_INT(ledger_add(ledger, &second), 0);
	EXPECT_INT(ledger_add(ledger, &full), 0);
	EXPECT_INT(ledger_rest(ledger, 401, 402, 403), 0);
	EXPECT_INT(ledger_rest(ledger, 404, 0, INT64_MAX - 1), 0);
	EXPECT_INT(plan_add(plan, &step), 0);
	EXPECT_INT(plan_add(plan, &apart), 0);
	EXPECT_INT(plan_add(plan, &pin), 0);
	EXPECT_INT(plan_add(plan, &slice), 0);
	EXPECT_INT(plan_add(plan, &group), 0);
}

static bool states_same(const struct sched_state *a, const struct sched_state *b)
{
	return a->policy == b->policy && a->flags == b->flags && a->nice == b->nice && a->priority == b->priority &&
	       a->runtime_ns == b->runtime_ns && a->deadline_ns == b->deadline_ns && a->period_ns == b->period_ns;
}

static void expect_same(const struct ledger *a, const struct ledger *b, const struct plan *p, const struct plan *q)
{
	size_t i;

	if (!EXPECT_INT(a->n, b->n) || !EXPECT_INT(p->n, q->n))
		return;
	for (i = 0; i < a->n; i++) {
		const struct promise *x = &a->promises[i], *y = &b->promises[i];

		EXPECT_STR(x->domain, y->domain);
		EXPECT_STR(x->thread, y->thread);
		EXPECT(x->pid == y->pid && x->tid == y->tid && x->start_ticks == y->start_ticks && x->soft == y->soft);
		EXPECT(x->reservation.budget_ns == y->reservation.budget_ns &&
		       x->reservation.deadline_ns == y->reservation.deadline_ns &&
		       x->reservation.period_ns == y->reservation.period_ns);
		EXPECT(states_same(&x->before, &y->before));
	}
	if (EXPECT_INT(a->n_leavers, b->n_leavers))
		for (i = 0; i < a->n_leavers; i++)
			EXPECT(a->leavers[i].tid == b->leavers[i].tid &&
			       a->leavers[i].start_ticks == b->leavers[i].start_ticks &&
			       a->leavers[i].until_ns == b->leavers[i].until_ns);
	if (EXPECT_INT(a->n_partitions, b->n_partitions))
		for (i = 0; i < a->n_partitions; i++) {
			const struct partition *x = &a->partitions[i], *y = &b->partitions[i];

			EXPECT(x->tid == y->tid && x->start_ticks == y->start_ticks && x->cpu == y->cpu && x->kept == y->kept &&
			       x->rest_ns == y->rest_ns);
			EXPECT_STR(x->label, y->label);
			EXPECT(x->kind == y->kind && CPU_EQUAL(&x->before, &y->before) && CPU_EQUAL(&x->cpus, &y->cpus));
			EXPECT_STR(x->cgroup, y->cgroup);
			EXPECT_STR(x->home, y->home);
			EXPECT(CPU_EQUAL(&x->home_before, &y->home_before) && CPU_EQUAL(&x->home_cpus, &y->home_cpus));
		}
	for (i = 0; i < p->n; i++) {
		const struct step *x = &p->steps[i], *y = &q->steps[i];

		EXPECT(x->kind == y->kind && x->tid == y->tid && x->start_ticks == y->start_ticks);
		EXPECT_STR(x->label, y->label);
		EXPECT(states_same(&x->old, &y->old) && states_same(&x->new, &y->new));
		EXPECT(x->make == y->make && x->cpu == y->cpu && x->kept == y->kept && CPU_EQUAL(&x->before, &y->before));
		EXPECT(x->whole == y->whole && CPU_EQUAL(&x->cpus, &y->cpus));
		EXPECT_STR(x->cgroup, y->cgroup);
		EXPECT_STR(x->home, y->home);
		EXPECT_STR(x->freezer, y->freezer);
	}
}

/* @text with the first @find replaced. */
static char *text_replace(const char *text, const char *find, const char *replace)
{
	const char *at = strstr(text, find);
	char *changed = NULL;

	tree_must(at != NULL, find);
	tree_must(asprintf(&changed, "%.*s%s%s", (int)(at - text), text, replace, at + strlen(find)) >= 0, "asprintf");
	return changed;
}

static const struct {
	const char *find;
	const char *replace;
	const char *words;
} damages[] = {
	{ "\"version\":1",	"\"version\":2",	"version: expected 1" },
	{ "\"version\":1",	"\"version\":1.0",	"version: expected 1" },
	{ "\"version\":1",	"\"version\":\"1\"",	"version: expected 1" },
	{ "\"version\":1,",	"",			"version: expected 1" },
	{ "\"version\":1",	"\"version\":1,\"version\":1", "version: this key stands twice" },
	{ "\"version\":1",	"\"version\":1,\"more\":0", "more: unknown key" },
	{ "\"version\":1",	"\"version\":1,\"a\nb\":0", "a?b: unknown key" },
	{ "\"version\":1",	"\"\\u0076ersion\":1",	"\\u0076ersion: no key of this file" },
	{ "\"" BOOT "\"",	"7",			"boot_id: expected a text that is not empty" },
	{ "\"" BOOT "\"",	"\"\"",			"boot_id: expected a text that is not empty" },
	{ "\"promises\":",	"\"plan\":0,\"promises\":", "plan: this key stands twice" },
	{ "\"plan\":[",		"\"plan\":null,\"x\":[", "x: unknown key" },
	{ "\"plan\":[",		"\"plan\":[null,",	"plan[0]: expected an object" },
	{ "\"plan\":[",		"\"plan\":[7,",		"plan[0]: expected an object" },
	{ "\"tid\":102",	"\"tid\":102,\"tid\":102", "promises[0].tid: this key stands twice" },
	{ "\"tid\":102",	"\"tid\":0",		"promises[0].tid: 0 is not from 1 to 2147483647" },
	{ "\"tid\":102",	"\"tid\":-1",		"promises[0].tid: -1 is not from 1 to 2147483647" },
	{ "\"tid\":102",	"\"tid\":2147483648",	"promises[0].tid: 2147483648 is not from 1 to 2147483647" },
	{ "\"tid\":102",	"\"tid\":\"102\"",	"promises[0].tid: expected a whole number" },
	{ "\"tid\":102",	"\"tid\":1.5",		"promises[0].tid: expected a whole number" },
	{ "\"tid\":102",	"\"tid\":1e2",		"promises[0].tid: expected a whole number" },
	{ "\"tid\":102",	"\"tid\":null",		"promises[0].tid: expected a whole number" },
	{ "\"tid\":102",	"\"tid\":true",		"promises[0].tid: expected a whole number" },
	{ "\"tid\":102,",	"",			"promises[0].tid: is missing" },
	{ "\"tid\":102",	"\"tid\":102,\"tids\":1", "promises[0].tids: unknown key" },
	{ "\"pid\":101",	"\"pid\":99999999999999999999", NULL },
	{ "\"start_ticks\":9223372036854775806", "\"start_ticks\":99999999999999999999", NULL },
	{ "\"start_ticks\":9223372036854775806", "\"start_ticks\":9223372036854775807", NULL },
	{ "\"start_ticks\":9223372036854775806", "\"start_ticks\":-99999999999999999999", NULL },
	{ "\"vcpu0\"",		"\"vcpu00\"",		"promises[0].thread: no thread's name" },
	{ "\"vcpu0\"",		"\"vcpu0\\u0000\"",	"promises[0].thread: no thread's name" },
	{ "\"vcpu0\"",		"[]",			"promises[0].thread: no thread's name" },
	{ "\"domain\":\"b\"",	"\"domain\":\"\"",	"promises[1].domain: expected a text that is not empty" },
	{ "\"domain\":\"b\"",	"\"domain\":\"b\\u0000c\"", "promises[1].domain: expected a text that is not empty" },
	{ "\"soft\":true",	"\"soft\":1",		"promises[0].soft: expected true or false" },
	{ "\"budget_ns\":1024",	"\"budget_ns\":0",	NULL },
	{ "\"budget_ns\":1024",	"\"budget_ns\":100001",	"promises[0].budget_ns: above deadline_ns" },
	{ "\"deadline_ns\":9000000", "\"deadline_ns\":10000001", "promises[1].deadline_ns: above period_ns" },
	{ "\"before\":{",	"\"before\":{\"policy\":0,", "promises[0].before.policy: this key stands twice" },
	{ "\"policy\":0",	"\"policy\":8",		"promises[0].before.policy: 8 is not from 0 to 7" },
	{ "\"nice\":-20",	"\"nice\":-21",		"promises[0].before.nice: -21 is not from -20 to 19" },
	{ "\"nice\":-20",	"\"nice\":20",		"promises[0].before.nice: 20 is not from -20 to 19" },
	{ "\"priority\":99",	"\"priority\":100",	"promises[1].before.priority: 100 is not from 0 to 99" },
	{ "\"flags\":3",	"\"flags\":8",		"plan[0].old.flags: 8 is not from 0 to 7" },
	{ "\"left\":[",		"\"left\":7,\"x\":[",	"x: unknown key" },
	{ "\"left\":[",		"\"left\":[7,",		"left[0]: expected an object" },
	{ "\"until_ns\":403",	"\"until_ns\":-1",	NULL },
	{ "\"until_ns\":403",	"\"until\":403",		"left[0].until: unknown key" },
	{ "\"start_ticks\":402,",	"",			"left[0].start_ticks: is missing" },
	{ "\"tid\":404,\"start_ticks\":0", "\"tid\":401,\"start_ticks\":402", "left[1]: this thread stands here before" },
	{ "\"kind\":\"sched\"",	"\"kind\":\"magic\"",	"plan[0].kind: no kind of step" },
	{ "\"cpu\":1023",	"\"cpu\":1024",		"partitions[0].cpu: 1024 is not from 0 to 1023" },
	{ "\"cgroup\":\"/g\"", "\"cgroup\":\"g\"",	"plan[1].cgroup: no path of a directory" },
	{ "\"cgroup\":\"/g\"", "\"cgroup\":\"/g/../h\"", "plan[1].cgroup: no path of a directory" },
	{ "\"cgroup\":\"/g\"", "\"cgroup\":\"/g/\"",	"plan[1].cgroup: no path of a directory" },
	{ "\"home\":\"/h\"", "\"home\":\"/h/.\"",	"plan[1].home: no path of a directory" },
	{ "\"home\":\"/h\"", "\"home\":null",		"plan[1].home: no path of a directory" },
	{ "\"freezer\":\"/f/vcpu0\"", "\"freezer\":\"f\"", "plan[0].freezer: no path of a directory" },
	{ "\"make\":true",	"\"make\":1",		"plan[1].make: expected true or false" },
	{ "\"kind\":\"partition\"", "\"kind\":\"sched\"", "plan[1].make: unknown key" },
	{ "\"partitions\":[",	"\"partitions\":[{\"label\":\"x\",\"cgroup\":\"/x\",\"tid\":1,\"start_ticks\":1,\"cpu\":1023,"
	  "\"kept\":0,\"rest_ns\":0},", "partitions[1]: this thread, or this CPU, stands here before" },
	{ "\"kind\":\"pinned\"", "\"kind\":\"nailed\"", "partitions[1].kind: no kind of partition" },
	{ "\"kind\":\"pinned\"", "\"kind\":\"exclusive\"", "partitions[1].kind: unknown key" },
	{ "\"kind\":\"pinned\",", "",			"partitions[1].before: unknown key" },
	{ "\"before\":\"0,1023\"", "\"before\":\"0,1024\"", "partitions[1].before: no list of CPUs" },
	{ "\"before\":\"7\"", "\"before\":\"\"",	"plan[2].before: no list of CPUs" },
	{ "\"cpu\":8,",		"\"cpu\":7,",		"partitions[2].cpu: not one of its cpus" },
	{ "\"cpus\":\"8-9\"", "\"cpus\":\"\"",	"partitions[2].cpus: no list of CPUs" },
	{ "\"cpus\":\"8-9\"", "\"cpus\":\"3,8-9\"", "partitions[2]: this thread, or this CPU, stands here before" },
	{ "\"home\":\"/v.slice/vcpu2\",", "",	"partitions[2].home: goes with home_before and home_cpus" },
	{ "\"home_before\":\"15\",", "",	"partitions[2].home: goes with home_before and home_cpus" },
	{ ",\"home_cpus\":\"16\"", "",	"partitions[2].home: goes with home_before and home_cpus" },
	{ "\"home_cpus\":\"16\"", "\"home_cpus\":\"\"", "partitions[2].home_cpus: no list of CPUs" },
	{ "\"kind\":\"group\"", "\"kind\":\"groups\"", "plan[4].kind: no kind of step" },
	{ "\"before\":\"14\"", "\"before\":\"\"",	"plan[4].before: no list of CPUs" },
	{ "\"whole\":false",	"\"whole\":0",		"plan[1].whole: expected true or false" },
	{ "\"whole\":true",	"\"whole\":1",		"plan[3].whole: expected true or false" },
	{ "\"old\":{",		"\"old\":7,\"older\":{", "plan[0].older: unknown key" },
	{ "\"tid\":2147483647,\"start_ticks\":0", "\"tid\":102,\"start_ticks\":9223372036854775806",
	  "promises[1]: this thread is promised something before" },
};

static void test_damage(const char *good)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(damages); i++) {
		_cleanup_(freep) char *text = text_replace(good, damages[i].find, damages[i].replace);
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		struct ledger ledger = { (void *)1, 1 };
		struct plan plan = { (void *)1, 1 };

		CASE(damages[i].replace);
		EXPECT_INT(state_parse(text, strlen(text), BOOT, &ledger, &plan, &err), -EBADMSG);
		EXPECT(ledger.promises == (void *)1 && plan.steps == (void *)1);	/* untouched */
		if (!EXPECT(err != NULL))
			continue;
		EXPECT_INT(err->reason, VR_BAD_STATE);
		if (damages[i].words)
			EXPECT_STR(err->text, damages[i].words);
	}
}

static void test_syntax(const char *good)
{
	static const char *const cases[] = {
		"", " ", "null", "7", "\"text\"", "[]", "{", "{}", "{}{}", "tru", "{\"version\":1,}", "// no\n{}",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "{'version':1}",
	};
	struct ledger ledger;
	struct plan plan;
	size_t i, length = strlen(good);

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		CASE(cases[i]);
		EXPECT_INT(state_parse(cases[i], strlen(cases[i]), BOOT, &ledger, &plan, NULL), -EBADMSG);
	}
	CASE("cut at every byte");
	for (i = 0; i < length; i++)
		EXPECT_INT(state_parse(good, i, BOOT, &ledger, &plan, NULL), -EBADMSG);
	CASE("a NUL in it");
	EXPECT_INT(state_parse("{}\0{}", 5, BOOT, &ledger, &plan, NULL), -EBADMSG);
	EXPECT_INT(state_parse(good, length + 1, BOOT, &ledger, &plan, NULL), -EBADMSG);
	CASE("too long");
	EXPECT_INT(state_parse(good, STATE_BYTES_MAX + 1, BOOT, &ledger, &plan, NULL), -EBADMSG);
}

static char *compact(const char *text)
{
	char *copy = strdup(text);
	char *from, *to;
	bool quoted = false;

	tree_must(copy != NULL, "strdup");
	for (from = to = copy; *from; from++) {
		if (*from == '"' && (from == copy || from[-1] != '\\'))
			quoted = !quoted;
		if (quoted || (*from != ' ' && *from != '\n'))
			*to++ = *from;
	}
	*to = '\0';
	return copy;
}

static void test_text(void)
{
	_cleanup_(ledger_done) struct ledger ledger = { 0 }, read = { 0 }, other = { 0 };
	_cleanup_(ledger_done) struct ledger again = { 0 };
	_cleanup_(plan_done) struct plan plan = { 0 }, read_plan = { 0 }, other_plan = { 0 }, again_plan = { 0 };
	_cleanup_(freep) char *text = NULL, *good = NULL, *none = NULL;

	sample_make(&ledger, &plan);
	CASE("text and back");
	EXPECT_INT(state_compose(&ledger, &plan, BOOT, &text), 0);
	EXPECT_INT(state_parse(text, strlen(text), BOOT, &read, &read_plan, NULL), 0);
	expect_same(&read, &ledger, &read_plan, &plan);
	CASE("who rests is written only when there is one: older versions do not know it");
	ledger_rest_expire(&ledger, NSEC_MAX);
	EXPECT_INT(state_compose(&ledger, &plan, BOOT, &none), 0);
	EXPECT(none && !strstr(none, "left"));
	EXPECT_INT(state_parse(none, strlen(none), BOOT, &again, &again_plan, NULL), 0);
	EXPECT_INT(again.n_leavers, 0);
	CASE("another boot");
	EXPECT_INT(state_parse(text, strlen(text), "another", &other, &other_plan, NULL), 0);
	EXPECT(other.n == 0 && other_plan.n == 0 && other.n_leavers == 0);

	good = compact(text);
	CASE("of a version whose partitions had one thread each");
	free(none);
	none = text_replace(good, "\"whole\":false,", "");
	ledger_done(&again);
	plan_done(&again_plan);
	EXPECT_INT(state_parse(none, strlen(none), BOOT, &again, &again_plan, NULL), 0);
	EXPECT(again_plan.n == 5 && again_plan.steps[1].kind == STEP_PARTITION && again_plan.steps[1].whole);
	test_damage(good);
	test_syntax(good);
}

static void test_many(void)
{
	_cleanup_(ledger_done) struct ledger ledger = { 0 };
	_cleanup_(freep) char *text = NULL;
	struct promise promise = { .domain = (char *)"d", .pid = 1, .tid = 1, .reservation = { 1024, 2048, 4096 } };

	CASE("as many as are read again, and one more");
	while (ledger.n < STATE_ENTRIES_MAX) {
		promise.start_ticks++;
		vm_thread_name_format(promise.thread, VM_THREAD_VCPU, (uint32_t)promise.start_ticks);
		if (!EXPECT_INT(ledger_add(&ledger, &promise), 0))
			return;
	}
	EXPECT_INT(state_compose(&ledger, NULL, BOOT, &text), 0);
	if (text) {
		_cleanup_(ledger_done) struct ledger read = { 0 };
		struct plan plan = { 0 };

		EXPECT_INT(state_parse(text, strlen(text), BOOT, &read, &plan, NULL), 0);
		EXPECT_INT(read.n, STATE_ENTRIES_MAX);
	}
	promise.start_ticks++;
	snprintf(promise.thread, sizeof(promise.thread), "emulator");
	EXPECT_INT(ledger_add(&ledger, &promise), 0);
	EXPECT_INT(state_compose(&ledger, NULL, BOOT, &(char *){ NULL }), -E2BIG);
}

/* How many names in @tree begin with @prefix. */
static unsigned int tree_count(const char *tree, const char *prefix)
{
	_cleanup_(closedirp) DIR *dir = opendir(tree);
	const struct dirent *entry;
	unsigned int n = 0;

	tree_must(dir != NULL, tree);
	while ((entry = readdir(dir)) != NULL)
		n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	return n;
}

static void test_directory(const char *tree)
{
	_cleanup_(ledger_done) struct ledger ledger = { 0 }, read = { 0 };
	_cleanup_(plan_done) struct plan plan = { 0 }, read_plan = { 0 };
	_cleanup_(state_closep) struct state *state = NULL, *second = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) char *run = tree_path(tree, "run");
	char pid[16];

	CASE("directory");
	EXPECT(state_close(NULL) == NULL);
	EXPECT_INT(state_open(&state, run, NULL), 0);	/* makes it */
	EXPECT_INT(state_load(state, &read, &read_plan, NULL), 0);
	EXPECT(read.n == 0 && read_plan.n == 0);

	sample_make(&ledger, &plan);
	EXPECT_INT(state_save(state, &ledger, &plan, NULL), 0);
	EXPECT_INT(state_load(state, &read, &read_plan, NULL), 0);
	expect_same(&read, &ledger, &read_plan, &plan);
	EXPECT_INT(tree_count(run, "state.json"), 1);	/* no temporary file is left */

	CASE("a second daemon");
	EXPECT_INT(state_open(&second, run, &err), -EBUSY);
	EXPECT(second == NULL && err != NULL && err->reason == VR_RUNNING);
	snprintf(pid, sizeof(pid), "pid %d)", getpid());
	EXPECT(err && err->text && strstr(err->text, pid) != NULL);
	state = state_close(state);
	EXPECT_INT(state_open(&second, run, NULL), 0);	/* the lock is free again, the file is there */
	ledger_done(&read);
	plan_done(&read_plan);
	EXPECT_INT(state_load(second, &read, &read_plan, NULL), 0);
	EXPECT_INT(read.n, 3);
}

static void test_directory_refused(const char *tree)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) char *run = tree_path(tree, "open");
	struct state *state = NULL;

	CASE("a directory that others may write to");
	tree_must(mkdir(run, 0755) == 0 && chmod(run, 0777) == 0, run);
	EXPECT_INT(state_open(&state, run, &err), -EPERM);
	EXPECT(state == NULL && err && err->reason == VR_NOT_PERMITTED);
	CASE("a file where the directory should be");
	tree_file(tree, "file", "");
	free(run);
	run = tree_path(tree, "file");
	EXPECT_INT(state_open(&state, run, NULL), -ENOTDIR);
	CASE("no place for it");
	free(run);
	run = tree_path(tree, "file2");
	tree_must(rmdir(run) < 0, run);
	EXPECT_INT(state_open(&state, "/proc/no/such", NULL), -ENOENT);
}

static void test_damaged_file(const char *tree)
{
	_cleanup_(state_closep) struct state *state = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) char *run = tree_path(tree, "damaged");
	_cleanup_(freep) char *file = NULL, *words = NULL;
	struct ledger ledger = { 0 };
	struct plan plan = { 0 };

	CASE("damaged file");
	EXPECT_INT(state_open(&state, run, NULL), 0);
	file = tree_path(run, "state.json");
	tree_must(asprintf(&words, "%s: ends in the middle", file) > 0, "asprintf");
	tree_file(run, "state.json", "{ \"version\"");
	EXPECT_INT(state_load(state, &ledger, &plan, &err), -EBADMSG);
	EXPECT_STR(err ? err->text : NULL, words);

	CASE("set aside, twice in a second");
	EXPECT_INT(state_set_aside(state, NULL), 0);
	tree_file(run, "state.json", "{");
	EXPECT_INT(state_set_aside(state, NULL), 0);
	EXPECT_INT(tree_count(run, "state.json.damaged-"), 2);
	EXPECT_INT(state_set_aside(state, NULL), -ENOENT);
	EXPECT_INT(state_load(state, &ledger, &plan, NULL), 0);

	CASE("no regular file");
	tree_must(mkfifo(file, 0600) == 0, file);
	EXPECT_INT(state_load(state, &ledger, &plan, NULL), -EBADMSG);
	tree_must(unlink(file) == 0 && mkdir(file, 0700) == 0, file);
	EXPECT_INT(state_load(state, &ledger, &plan, NULL), -EBADMSG);
	EXPECT_INT(state_set_aside(state, NULL), 0);
	tree_link(run, "state.json", "/etc/passwd");
	EXPECT_INT(state_load(state, &ledger, &plan, NULL), -EBADMSG);
	EXPECT_INT(state_save(state, &ledger, NULL, NULL), 0);	/* replaces the link, not what it points to */
	EXPECT_INT(state_load(state, &ledger, &plan, NULL), 0);

	CASE("huge file");
	tree_must(truncate(file, STATE_BYTES_MAX + 1) == 0, file);
	EXPECT_INT(state_load(state, &ledger, &plan, NULL), -EBADMSG);
}

/* For the next one. */
static void state_read_done(struct ledger *ledger, struct plan *plan)
{
	ledger_done(ledger);
	plan_done(plan);
	*ledger = (struct ledger){ 0 };
}

static void test_save_fails(const char *tree)
{
	const struct plan nothing = { 0 };
	_cleanup_(ledger_done) struct ledger ledger = { 0 }, read = { 0 };
	_cleanup_(plan_done) struct plan plan = { 0 }, read_plan = { 0 };
	_cleanup_(state_closep) struct state *state = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(freep) char *run = tree_path(tree, "full");
	_cleanup_(freep) char *temp = NULL;
	struct rlimit limit, little;

	CASE("no room: the old file stays");
	sample_make(&ledger, &plan);
	EXPECT_INT(state_open(&state, run, NULL), 0);
	EXPECT_INT(state_save(state, &ledger, &plan, NULL), 0);
	tree_must(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && getrlimit(RLIMIT_FSIZE, &limit) == 0, "limit");
	little = (struct rlimit){ 100, limit.rlim_max };
	tree_must(setrlimit(RLIMIT_FSIZE, &little) == 0, "setrlimit");
	EXPECT_INT(state_save(state, &ledger, NULL, &err), -EFBIG);
	tree_must(setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
	EXPECT(err && err->text && strstr(err->text, "cannot write"));
	EXPECT_INT(tree_count(run, "state.json"), 1);
	EXPECT_INT(state_load(state, &read, &read_plan, NULL), 0);
	expect_same(&read, &ledger, &read_plan, &plan);

	CASE("a plan that could not be flushed is not found");
	state_read_done(&read, &read_plan);
	fsync_fails = 2;	/* the file, then the directory */
	EXPECT_INT(state_save(state, &ledger, &plan, NULL), -EIO);
	EXPECT_INT(fsync_fails, 0);
	EXPECT_INT(state_load(state, &read, &read_plan, NULL), 0);
	expect_same(&read, &ledger, &read_plan, &nothing);
	state_read_done(&read, &read_plan);
	fsync_fails = 1;
	EXPECT_INT(state_save(state, &ledger, &plan, NULL), -EIO);
	EXPECT_INT(state_load(state, &read, &read_plan, NULL), 0);
	expect_same(&read, &ledger, &read_plan, &nothing);

	CASE("a temporary file that a dead daemon left");
	tree_file(run, "state.json.tmp", "half");
	EXPECT_INT(state_save(state, &ledger, NULL, NULL), 0);
	EXPECT_INT(tree_count(run, "state.json"), 1);
	CASE("a directory in its place");
	temp = tree_path(run, "state.json.tmp");
	tree_must(mkdir(temp, 0700) == 0, temp);
	EXPECT_INT(state_save(state, &ledger, NULL, NULL), -EISDIR);
}

int main(void)
{
	_cleanup_(tree_freep) char *tree = tree_new();

	test_text();
	test_many();
	test_directory(tree);
	test_directory_refused(tree);
	test_damaged_file(tree);
	test_save_fails(tree);
	return expect_result();
}
