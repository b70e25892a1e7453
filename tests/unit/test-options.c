/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of virtrk: options and operands in any order, and the one line for each way to get it wrong. */
#include "expect.h"
#include "options.h"

#define WORDS_MAX 12

struct expected {
	const char *name;
	const char *words[WORDS_MAX];
	int r;
	const char *error;	/* a part of it */
	const char *budget;	/* NULL = not given */
	size_t operands, threads;
};

static const struct expected cases[] = {
	{ .name = "nothing" },
	{ .name = "a verb", .words = { "list" }, .operands = 1 },
	{ .name = "an option behind", .words = { "reserve", "rt", "--budget", "4ms" }, .operands = 2, .budget = "4ms" },
	{ .name = "an option before", .words = { "--budget=4ms", "reserve", "rt" }, .operands = 2, .budget = "4ms" },
	{ .name = "an equals sign in it", .words = { "--budget==4" }, .budget = "=4" },
	{ .name = "a value that begins with a hyphen", .words = { "--budget", "-4ms" }, .budget = "-4ms" },
	{ .name = "two hyphens end the options", .words = { "--", "--budget", "-h" }, .operands = 2 },
	{ .name = "a lone hyphen is an operand", .words = { "-" }, .operands = 1 },
	{ .name = "an empty word is an operand", .words = { "" }, .operands = 1 },
	{ .name = "threads add up", .words = { "--vcpu", "0-1", "--vcpu=3", "--emulator", "--vhost", "0" }, .threads = 5 },
	{ .name = "the emulator twice is once", .words = { "--emulator", "--emulator" }, .threads = 1 },
	{ .name = "a flag twice is a flag", .words = { "--json", "--json" } },
	{ .name = "unknown", .words = { "--frob" }, .r = -EINVAL, .error = "unknown option --frob" },
	{ .name = "near", .words = { "--perid=1" }, .r = -EINVAL, .error = "unknown option --perid, did you mean --period?" },
	{ .name = "abbreviated", .words = { "--v" }, .r = -EINVAL, .error = "unknown option --v" },
	{ .name = "longer than known", .words = { "--budgets", "1" }, .r = -EINVAL, .error = "did you mean --budget?" },
	{ .name = "unknown letter", .words = { "-z" }, .r = -EINVAL, .error = "unknown option -z" },
	{ .name = "bundled", .words = { "-hh" }, .r = -EINVAL, .error = "unknown option -hh" },
	{ .name = "argument missing", .words = { "--budget" }, .r = -EINVAL, .error = "--budget needs a TIME" },
	{ .name = "option instead of argument", .words = { "--budget", "--soft" }, .r = -EINVAL, .error = "--budget needs a TIME" },
	{ .name = "argument empty", .words = { "--budget", "" }, .r = -EINVAL, .error = "--budget: empty" },
	{ .name = "argument too many", .words = { "--soft=yes" }, .r = -EINVAL, .error = "--soft takes no argument" },
	{ .name = "given twice", .words = { "--budget=1ms", "--budget=1ms" }, .r = -EINVAL, .error = "--budget is given twice" },
	{ .name = "a thread twice", .words = { "--vcpu=0", "--vcpu=0" }, .r = -EINVAL, .error = "vcpu0 is named twice" },
	{ .name = "no list", .words = { "--iothread=x" }, .r = -EINVAL, .error = "--iothread x: not a list" },
};

static void test_one(const struct expected *c)
{
	_cleanup_(arguments_done) struct arguments arguments = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	char *argv[WORDS_MAX + 2] = { (char *)"virtrk" };
	int argc = 1;

	CASE(c->name);
	while (argc <= WORDS_MAX && c->words[argc - 1]) {
		argv[argc] = (char *)c->words[argc - 1];
		argc++;
	}
	EXPECT_INT(arguments_parse(&arguments, argc, argv, &err), c->r);
	if (c->r < 0) {
		EXPECT(err && strstr(err->text, c->error));
		return;
	}
	EXPECT_INT(arguments.n_operands, c->operands);
	EXPECT_INT(arguments.threads.n, c->threads);
	EXPECT(arguments.given[OPTION_BUDGET] == !!c->budget);
	EXPECT_STR(arguments.value[OPTION_BUDGET], c->budget);
}

static void test_allow(void)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	struct arguments arguments = { .given = { [OPTION_JSON] = true, [OPTION_SOFT] = true } };

	CASE("allowed");
	EXPECT_INT(arguments_allow(&arguments, OPTION_BIT(OPTION_JSON) | OPTION_BIT(OPTION_SOFT), "list", &err), 0);
	CASE("not allowed");
	EXPECT_INT(arguments_allow(&arguments, OPTION_BIT(OPTION_JSON), "list", &err), -EINVAL);
	EXPECT(err && strstr(err->text, "list does not take --soft"));
}

static void test_table(void)
{
	CASE("the table is whole");
	for (enum option_id id = 0; id < _OPTION_MAX; id++)
		EXPECT(option_defs[id].name && option_defs[id].help);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		test_one(&cases[i]);
	test_allow();
	test_table();
	return expect_result();
}
