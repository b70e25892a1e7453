/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread pinned to a CPU and let go again: what each failure leaves, and what is somebody else's meanwhile.
 */
#include "apply-affinity.h"
#include "apply.h"
#include "cpulist.h"
#include "expect.h"

static struct {
	char *tree;
	cpu_set_t affinity;
	cpu_set_t allowed;		/* by its control group */
	int set_r;
	bool takes;			/* a write that fails has been done */
	bool ignored;			/* a write that succeeds has not */
	bool gone;
	unsigned int writes;
} model;

static cpu_set_t cpus(const char *list)
{
	cpu_set_t set;

	EXPECT_INT(cpulist_parse(list, &set), 0);
	return set;
}

static int model_affinity_get(const struct sysroot *root, pid_t tid, cpu_set_t *ret)
{
	if (model.gone)
		return -ESRCH;
	*ret = model.affinity;
	return 0;
}

static int model_affinity_set(const struct sysroot *root, pid_t tid, const cpu_set_t *set)
{
	cpu_set_t allowed;

	model.writes++;
	if (model.gone)
		return -ESRCH;
	CPU_AND(&allowed, set, &model.allowed);
	if (CPU_COUNT(&allowed) == 0)
		return -EINVAL;
	if (!model.ignored && (model.set_r == 0 || model.takes))
		model.affinity = allowed;
	return model.set_r;
}

static const struct sysroot_ops model_ops = { .affinity_get = model_affinity_get, .affinity_set = model_affinity_set };

static struct sysroot *root_make(const char *affinity, const char *allowed)
{
	struct sysroot *root = NULL;

	free(tree_free(model.tree));
	memset(&model, 0, sizeof(model));
	model.tree = tree_new();
	model.affinity = cpus(affinity);
	model.allowed = cpus(allowed);
	tree_file(model.tree, "proc/11/stat",
		  "11 (CPU 0/KVM) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 2 0 1011 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
	tree_must(sysroot_new(&root, model.tree) == 0, model.tree);
	root->ops = &model_ops;
	return root;
}

static struct step step_make(bool make, const char *before)
{
	return (struct step){ .kind = STEP_AFFINITY, .tid = 11, .start_ticks = 1011, .label = (char *)"vcpu0 of d", .make = make,
			      .cpu = 2, .before = cpus(before) };
}

static const struct {
	const char *name;
	bool make;
	const char *affinity;	/* of the thread */
	const char *before;	/* as the step knows it */
	const char *allowed;
	int set_r;
	bool takes, ignored;
	int r;
	enum vr_reason reason;
	const char *words;	/* NULL: no error */
	const char *after;
} cases[] = {
	{ "pinned", true, "0-3", "0-3", "0-3", 0, false, false, 0, 0, NULL, "2" },
	{ "pinned already", true, "2", "2", "0-3", 0, false, false, 0, 0, NULL, "2" },
	{ "by a predecessor that died", true, "2", "0-3", "0-3", 0, false, false, 0, 0, NULL, "2" },
	{ "moved since it was decided", true, "0-1", "0-3", "0-3", 0, false, false, -ESTALE, VR_READ_BACK,
	  "may run on CPU 0-1 and not on 0-3 any more", "0-1" },
	{ "not in its group", true, "0-1", "0-1", "0-1", 0, false, false, -EINVAL, VR_BAD_CPU, "does not have it", "0-1" },
	{ "refused", true, "0-3", "0-3", "0-3", -EPERM, false, false, -EPERM, VR_NOT_PERMITTED, "needs CAP_SYS_NICE", "0-3" },
	{ "refused, and done", true, "0-3", "0-3", "0-3", -EIO, true, false, -EIO, VR_FAILED, "cannot be pinned to CPU 2", "2" },
	{ "without effect", true, "0-3", "0-3", "0-3", 0, false, true, -EIO, VR_READ_BACK, "but is not there", "0-3" },
	{ "let go", false, "2", "0-3", "0-3", 0, false, false, 0, 0, NULL, "0-3" },
	{ "let go by somebody else", false, "1,3", "0-3", "0-3", 0, false, false, 0, 0, NULL, "1,3" },
	{ "its CPUs are gone", false, "2", "0-1", "2-3", 0, false, false, 0, 0, NULL, "2-3" },
	{ "it had only this one", false, "2", "2", "0-3", 0, false, false, 0, 0, NULL, "2" },
	{ "cannot be let go", false, "2", "0-3", "0-3", -EPERM, false, false, -EPERM, VR_FAILED, "cannot get its former CPUs back", "2" },
};

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(sysroot_freep) struct sysroot *root = root_make(cases[i].affinity, cases[i].allowed);
		struct step step = step_make(cases[i].make, cases[i].before);
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		cpu_set_t after = cpus(cases[i].after);
		struct step_done done;

		CASE(cases[i].name);
		model.set_r = cases[i].set_r;
		model.takes = cases[i].takes;
		model.ignored = cases[i].ignored;
		EXPECT_INT(apply_affinity(root, &step, &done, &err), cases[i].r);
		EXPECT(CPU_EQUAL(&model.affinity, &after));
		if (!cases[i].words)
			EXPECT(err == NULL);
		else
			EXPECT(err && err->reason == cases[i].reason && strstr(err->text, cases[i].words));
	}
}

static void test_look(void)
{
	static const struct {
		const char *name;
		bool make, gone;
		const char *affinity, *before;
		enum step_look look;
	} looks[] = {
		{ "not yet", true, false, "0-3", "0-3", STEP_OLD },
		{ "done", true, false, "2", "0-3", STEP_NEW },
		{ "done, which changed nothing", true, false, "2", "2", STEP_OLD },
		{ "somebody else's", true, false, "1", "0-3", STEP_FOREIGN },
		{ "ended", true, true, "2", "0-3", STEP_GONE },
		{ "one that lets go", false, false, "2", "0-3", STEP_OLD },
	};

	for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
		_cleanup_(sysroot_freep) struct sysroot *root = root_make(looks[i].affinity, "0-3");
		struct step step = step_make(looks[i].make, looks[i].before);
		enum step_look look;

		CASE(looks[i].name);
		model.gone = looks[i].gone;
		EXPECT_INT(apply_affinity_look(root, &step, &look, NULL), 0);
		EXPECT_INT(look, looks[i].look);
	}
}

/* A plan of two whose second fails: the first is taken back. And one that died in the middle is undone. */
static void test_plan(void)
{
	_cleanup_(sysroot_freep) struct sysroot *root = root_make("0-3", "0-3");
	struct step steps[] = { step_make(true, "0-3"), step_make(true, "0-3") };
	struct plan plan = { steps, 2 };
	cpu_set_t all = cpus("0-3"), one = cpus("2");
	size_t foreign = 9;

	CASE("the second of two cannot");
	steps[1].cpu = 7;
	EXPECT_INT(apply_plan(root, &plan, NULL), -ESTALE);
	EXPECT(CPU_EQUAL(&model.affinity, &all));
	CASE("undone");
	plan.n = 1;
	EXPECT_INT(apply_plan(root, &plan, NULL), 0);
	EXPECT(CPU_EQUAL(&model.affinity, &one));
	EXPECT_INT(apply_undo(root, &plan, &foreign, NULL), 0);
	EXPECT(CPU_EQUAL(&model.affinity, &all) && foreign == 0);
	CASE("another thread bears the number");
	steps[0].start_ticks++;
	model.writes = 0;
	EXPECT_INT(apply_plan(root, &plan, NULL), -ESRCH);
	steps[0].make = false;
	EXPECT_INT(apply_plan(root, &plan, NULL), 0);
	EXPECT_INT(model.writes, 0);
}

int main(void)
{
	test_cases();
	test_look();
	test_plan();
	free(tree_free(model.tree));
	return expect_result();
}
