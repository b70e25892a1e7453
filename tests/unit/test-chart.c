/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Charts: pieces that join, windows that cut, limits that hold; and that what is written is what was recorded. */
#include "chart.h"
#include "expect.h"

static const char text[] =
	"{\"host\":{\"cpus\":1,\"fair_server\":false},\"vms\":[{\"name\":\"a\",\"vcpus\":[{\"budget\":4,\"period\":10,"
	"\"tasks\":[{\"name\":\"x\",\"wcet\":2,\"period\":20},{\"name\":\"y\",\"wcet\":3,\"period\":20,\"deadline\":6}]}]}]}";

static void server(struct chart *c, nsec_t from, nsec_t to, enum vrk_sim_state state, size_t task)
{
	const struct vrk_sim_watch w = chart_watch(c);

	w.server(w.userdata, 0, &(struct vrk_sim_moment){ from, to, state, state == VRK_SIM_RUNNING ? 0 : -1, task });
}

static void task(struct chart *c, size_t task, nsec_t from, nsec_t to, bool active, nsec_t arrived, uint64_t finished, bool suspended)
{
	const struct vrk_sim_watch w = chart_watch(c);

	w.task(w.userdata, task, &(struct vrk_sim_job){ from, to, active, suspended, arrived, finished });
}

/* x runs 0..2, y 2..4 and, after a pause of the budget, 10..11: 5 too late. */
static void play(struct chart *c)
{
	server(c, 0, 1, VRK_SIM_RUNNING, 0);
	task(c, 0, 0, 1, true, 0, 0, false);
	task(c, 1, 0, 1, true, 0, 0, false);
	server(c, 1, 2, VRK_SIM_RUNNING, 0);
	task(c, 0, 1, 2, true, 0, 0, false);
	task(c, 1, 1, 2, true, 0, 0, false);
	server(c, 2, 4, VRK_SIM_RUNNING, 1);
	task(c, 0, 2, 4, false, 0, 1, false);
	task(c, 1, 2, 4, true, 0, 0, false);
	server(c, 4, 10, VRK_SIM_THROTTLED, SIZE_MAX);
	task(c, 0, 4, 10, false, 0, 1, false);
	task(c, 1, 4, 10, true, 0, 0, true);
	server(c, 10, 11, VRK_SIM_RUNNING, 1);
	task(c, 0, 10, 11, false, 0, 1, false);
	task(c, 1, 10, 11, true, 0, 0, false);
	server(c, 11, 20, VRK_SIM_SLEEPING, SIZE_MAX);
	task(c, 0, 11, 20, false, 0, 1, false);
	task(c, 1, 11, 20, false, 0, 1, false);
	server(c, 20, 20, VRK_SIM_RUNNING, 0);
	task(c, 0, 20, 20, true, 20, 1, false);
	task(c, 1, 20, 20, true, 20, 1, false);
}

static void test_record(const struct system_document *d)
{
	struct chart c;

	CASE("pieces join, jobs end");
	EXPECT_INT(chart_init(&c, d, 0, 20, 100), 0);
	play(&c);
	EXPECT_INT(chart_end(&c), 0);
	EXPECT_INT(c.n_pieces, 5);
	EXPECT(c.pieces[0].from_ns == 0 && c.pieces[0].to_ns == 2 && c.pieces[0].task == 0 && c.pieces[0].cpu == 0);
	EXPECT(c.pieces[2].state == VRK_SIM_THROTTLED && c.pieces[2].task == SIZE_MAX);
	EXPECT_INT(c.n_jobs, 2);
	EXPECT(c.jobs[0].task == 0 && c.jobs[0].finished_ns == 2 && !c.jobs[0].missed && c.jobs[0].deadline_ns == 20);
	EXPECT(c.jobs[1].task == 1 && c.jobs[1].finished_ns == 11 && c.jobs[1].missed && c.jobs[1].deadline_ns == 6);
	EXPECT_INT(c.n_pauses, 1);
	EXPECT(c.pauses[0].task == 1 && c.pauses[0].from_ns == 4 && c.pauses[0].to_ns == 10);
	EXPECT(!c.full);
	chart_done(&c);
	CASE("a window cuts");
	EXPECT_INT(chart_init(&c, d, 3, 8, 100), 0);
	play(&c);
	EXPECT_INT(chart_end(&c), 0);
	EXPECT_INT(c.n_pieces, 2);
	EXPECT(c.pieces[0].from_ns == 3 && c.pieces[1].to_ns == 8);
	EXPECT(c.pauses[0].to_ns == 8);
	chart_done(&c);
	CASE("a limit: the window ends where it was reached, and says so");
	EXPECT_INT(chart_init(&c, d, 0, 20, 3), 0);
	play(&c);
	EXPECT_INT(chart_end(&c), 0);
	EXPECT(c.full && c.to_ns == 4);
	EXPECT_INT(c.n_pieces, 2);
	EXPECT_INT(c.n_jobs, 2);	/* the second is under way */
	EXPECT(c.jobs[1].finished_ns == NSEC_MAX && !c.jobs[1].missed);
	chart_done(&c);
}

static void test_write(const struct system_document *d)
{
	struct chart c;
	char *out = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);

	CASE("the picture");
	EXPECT(f && chart_init(&c, d, 0, 20, 100) == 0);
	play(&c);
	EXPECT_INT(chart_end(&c), 0);
	EXPECT_INT(chart_svg(f, &c, "a & b", "<c>"), 0);
	fclose(f);
	EXPECT(strstr(out, "a &amp; b") && strstr(out, "&lt;c&gt;") && strstr(out, "</svg>\n"));
	EXPECT(strstr(out, "class=\"missed\"") && strstr(out, "class=\"hatch\"/>\n"));
	free(out);
	CASE("the trace");
	out = NULL;
	f = open_memstream(&out, &n);
	EXPECT(f && chart_trace(f, &c) == 0);
	fclose(f);
	EXPECT(strstr(out, "{\"ph\":\"X\",\"pid\":2,\"tid\":3,\"name\":\"y\",\"cat\":\"task\",\"ts\":0.010,\"dur\":0.001}"));
	EXPECT(strstr(out, "{\"ph\":\"i\",\"pid\":2,\"tid\":3,\"name\":\"deadline missed\",\"cat\":\"job\",\"s\":\"t\",\"ts\":0.006}"));
	free(out);
	chart_done(&c);
	CASE("a disk that is full");
	f = fopen("/dev/full", "we");
	if (f) {
		EXPECT_INT(chart_init(&c, d, 0, 20, 100), 0);
		setvbuf(f, NULL, _IONBF, 0);
		EXPECT_INT(chart_trace(f, &c), -EIO);
		EXPECT_INT(chart_svg(f, &c, "", ""), -EIO);
		fclose(f);
		chart_done(&c);
	}
}

int main(void)
{
	struct system_document d = { 0 };
	struct vr_error *err = NULL;

	CASE("the description");
	if (!EXPECT_INT(system_document_parse(text, sizeof(text) - 1, &d, &err), 0))
		return expect_result();
	EXPECT_INT(chart_lanes(&d), 4);
	test_record(&d);
	test_write(&d);
	system_document_done(&d);
	return expect_result();
}
