/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Explanations: what is kept of many steps, that a failure sticks, and that what is shown fits its columns. */
#include "answer.h"
#include "expect.h"
#include "explain.h"

static void test_steps(void)
{
	_cleanup_(json_object_putp) struct json_object *array = json_object_new_array();
	_cleanup_(explain_done) struct explain e = { 0 };
	struct json_object *part, *step;

	CASE("more steps than are kept are counted");
	explain_init(&e, "task", true, "guest-fp");
	explain_title(&e, "task %d", 1);
	explain_theory(&e, "a paper");
	explain_text(&e, "first");
	for (nsec_t i = 0; i < EXPLAIN_STEPS_MAX + 5; i++)
		explain_step(&e, i, 2 * i, i == 3 ? NSEC_MAX : i, "step %d", (int)i);
	EXPECT_INT(explain_end(&e, array), 0);
	part = json_object_array_get_idx(array, 0);
	EXPECT_INT(json_object_array_length(answer_member(part, "steps")), EXPLAIN_STEPS_MAX);
	EXPECT_INT(answer_u64(part, "steps_total"), EXPLAIN_STEPS_MAX + 5);
	step = json_object_array_get_idx(answer_member(part, "steps"), 3);
	EXPECT(answer_u64(step, "lhs") == 6 && answer_is_null(step, "rhs"));
	EXPECT_STR(answer_text(step, "text"), "step 3");
	EXPECT_STR(answer_text(part, "title"), "task 1");
}

static void test_failure(void)
{
	_cleanup_(json_object_putp) struct json_object *array = json_object_new_array();
	_cleanup_(explain_done) struct explain e = { 0 };

	CASE("a failure sticks, and nothing is appended");
	explain_init(&e, "cpu", false, "qpa");
	e.r = -ENOMEM;
	explain_title(&e, "title");
	explain_text(&e, "text");
	explain_step(&e, 1, 1, 1, "step");
	EXPECT_INT(explain_end(&e, array), -ENOMEM);
	EXPECT_INT(json_object_array_length(array), 0);
}

/* Every line of what is printed fits, and no word is lost. */
static void test_columns(void)
{
	_cleanup_(json_object_putp) struct json_object *array = json_object_new_array();
	_cleanup_(explain_done) struct explain e = { 0 };
	size_t words = 0, longest = 0, column = 0;
	FILE *f = tmpfile();
	int out, c, before = ' ';

	CASE("paragraphs are broken between words");
	explain_init(&e, "cpu", true, "qpa");
	explain_title(&e, "title");
	explain_text(&e, "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen");
	EXPECT_INT(explain_end(&e, array), 0);
	if (!EXPECT(f))
		return;
	fflush(stdout);
	out = dup(STDOUT_FILENO);
	EXPECT(out >= 0 && dup2(fileno(f), STDOUT_FILENO) >= 0);
	EXPECT_INT(explain_print(array, 40), 0);
	fflush(stdout);
	EXPECT(dup2(out, STDOUT_FILENO) >= 0);
	close(out);
	rewind(f);
	while ((c = fgetc(f)) != EOF) {
		column = c == '\n' ? 0 : column + 1;
		longest = column > longest ? column : longest;
		words += c != ' ' && c != '\n' && (before == ' ' || before == '\n');
		before = c;
	}
	fclose(f);
	EXPECT(longest <= 40 && longest > 30);
	EXPECT_INT(words, 1 + 17);
}

int main(void)
{
	test_steps();
	test_failure();
	test_columns();
	return expect_result();
}
