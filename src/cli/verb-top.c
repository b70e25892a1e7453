/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * top: what each reservation uses, live. The counters of virtrkd only grow; what is shown is their difference over the
 * last interval, the greatest share of a CPU first. On a terminal one screen that renews itself; into a pipe one
 * table after one interval; with --json the counters themselves, once.
 *
 * Called by main.c. Reads only; terminal.c gives the screen back however this ends.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "terminal.h"
#include "text.h"

#define INTERVAL_MIN_NS (10 * NSEC_PER_MSEC)
#define INTERVAL_MAX_NS (3600 * NSEC_PER_SEC)

/* One reservation over the last interval; a new one over the time since it is watched. */
struct top_row {
	struct json_object *now;	/* borrowed from the sample */
	nsec_t interval_ns;
	nsec_t used_ns;
	uint64_t throttled;
	uint64_t missed;
};

struct top {
	struct top_row *rows;
	size_t n;
};

static void top_done(struct top *top)
{
	free(top->rows);
	*top = (struct top){ 0 };
}

/* ---- from two samples to rows ---- */

static bool same_reservation(struct json_object *a, struct json_object *b)
{
	return answer_u64(a, "tid") == answer_u64(b, "tid") && answer_u64(a, "since_ns") == answer_u64(b, "since_ns") &&
	       strcmp(answer_text(a, "thread"), answer_text(b, "thread")) == 0 &&
	       strcmp(answer_text(a, "domain"), answer_text(b, "domain")) == 0;
}

static struct json_object *sample_find(struct json_object *sample, struct json_object *wanted)
{
	for (size_t i = 0; sample && i < json_object_array_length(sample); i++)
		if (same_reservation(json_object_array_get_idx(sample, i), wanted))
			return json_object_array_get_idx(sample, i);
	return NULL;
}

static uint64_t grown(struct json_object *now, struct json_object *before, const char *key)
{
	uint64_t old = before ? answer_u64(before, key) : 0, new = answer_u64(now, key);

	return new > old ? new - old : 0;
}

static struct top_row row_make(struct json_object *now, struct json_object *before)
{
	nsec_t from = answer_u64(before ?: now, before ? "time_ns" : "since_ns"), to = answer_u64(now, "time_ns");

	return (struct top_row){
		.now = now,
		.interval_ns = to > from ? to - from : 0,
		.used_ns = grown(now, before, "used_ns"),
		.throttled = grown(now, before, "throttled"),
		.missed = grown(now, before, "missed"),
	};
}

/* Greater share first: used / interval, compared crosswise. Equal ones by name, so that the rows do not dance. */
static int row_compare(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;
	unsigned __int128 left = (unsigned __int128)x->used_ns * y->interval_ns;
	unsigned __int128 right = (unsigned __int128)y->used_ns * x->interval_ns;
	int r;

	if (left != right)
		return left > right ? -1 : 1;
	r = strcmp(answer_text(x->now, "domain"), answer_text(y->now, "domain"));
	return r ?: strcmp(answer_text(x->now, "thread"), answer_text(y->now, "thread"));
}

static int top_make(struct top *ret, struct json_object *now, struct json_object *before)
{
	size_t n = json_object_array_length(now);
	struct top top = { .rows = calloc(n + 1, sizeof(*top.rows)), .n = n };

	if (!top.rows)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct json_object *row = json_object_array_get_idx(now, i);

		top.rows[i] = row_make(row, sample_find(before, row));
	}
	qsort(top.rows, n, sizeof(*top.rows), row_compare);
	*ret = top;
	return 0;
}

/* ---- from rows to text ---- */

static nsec_t row_promised(const struct top_row *row)
{
	uint64_t period_ns = answer_u64(row->now, "period_ns");
	unsigned __int128 product = (unsigned __int128)row->interval_ns * answer_u64(row->now, "budget_ns");

	return period_ns ? (nsec_t)(product / period_ns) : 0;
}

/* What the meter cannot know is "?"; what it knows in part, because records were lost, has a "+" behind it. */
static void metered_cells(struct table *table, const struct top_row *row)
{
	const char *more = answer_u64(row->now, "lost") ? "+" : "";
	uint64_t deci = row->interval_ns ?
		(uint64_t)((unsigned __int128)row->throttled * 10 * NSEC_PER_SEC / row->interval_ns) : 0;
	char late[TEXT_NUMBER_MAX];

	if (!answer_bool(row->now, "metered")) {
		for (int i = 0; i < 4; i++)
			table_add(table, "?");
		return;
	}
	table_add(table, "%" PRIu64 ".%" PRIu64 "%s", deci / 10, deci % 10, more);
	table_add(table, "%" PRIu64 "%s", row->missed, more);
	table_add(table, "%" PRIu64 "%s", answer_u64(row->now, "missed"), more);
	table_add(table, "%s", text_duration(late, answer_u64(row->now, "worst_late_ns")));
}

static void row_add(struct table *table, const struct top_row *row)
{
	char budget[VRK_NSEC_STRLEN], period[VRK_NSEC_STRLEN], number[TEXT_NUMBER_MAX];
	const char *drift = answer_text(row->now, "drift");

	table_add(table, "%s", answer_text(row->now, "domain"));
	table_add(table, "%s", answer_text(row->now, "thread"));
	table_add(table, "%s/%s%s", vrk_nsec_format(budget, answer_u64(row->now, "budget_ns")),
		  vrk_nsec_format(period, answer_u64(row->now, "period_ns")),
		  answer_bool(row->now, "soft") ? " soft" : "");
	table_add(table, "%s", text_percent(number, row->used_ns, row->interval_ns));
	table_add(table, "%s", text_msec(number, row->used_ns));
	table_add(table, "%s", text_percent(number, row->used_ns, row_promised(row)));
	metered_cells(table, row);
	table_add(table, "%s", *drift ? drift : "-");
}

static int top_table(const struct top *top, size_t most, struct table **ret)
{
	static const struct table_column columns[] = {
		{ "DOMAIN", TABLE_LEFT }, { "THREAD", TABLE_LEFT }, { "RESERVATION", TABLE_LEFT }, { "CPU", TABLE_RIGHT },
		{ "USED MS", TABLE_RIGHT }, { "OF BUDGET", TABLE_RIGHT }, { "THROTTLED/S", TABLE_RIGHT },
		{ "MISSED", TABLE_RIGHT }, { "TOTAL", TABLE_RIGHT }, { "WORST", TABLE_RIGHT }, { "DRIFT", TABLE_LEFT },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	int r = table_new(&table, columns, ARRAY_SIZE(columns));

	if (r < 0)
		return r;
	for (size_t i = 0; i < top->n && i < most; i++)
		row_add(table, &top->rows[i]);
	*ret = TAKE_PTR(table);
	return 0;
}

static void head_print(const struct top *top, FILE *out, size_t columns)
{
	char promised[TEXT_NUMBER_MAX], used[TEXT_NUMBER_MAX], line[256], clock[16] = "";
	unsigned __int128 promised_bw = 0, used_bw = 0;
	time_t now = time(NULL);
	struct tm tm;
	size_t width;

	for (size_t i = 0; i < top->n; i++) {
		const struct top_row *row = &top->rows[i];
		uint64_t period_ns = answer_u64(row->now, "period_ns");

		if (period_ns)
			promised_bw += (unsigned __int128)answer_u64(row->now, "budget_ns") * BW_UNIT / period_ns;
		if (row->interval_ns)
			used_bw += (unsigned __int128)row->used_ns * BW_UNIT / row->interval_ns;
	}
	if (localtime_r(&now, &tm))
		(void)strftime(clock, sizeof(clock), "%T", &tm);
	snprintf(line, sizeof(line), "virtrk top  %s  %zu reservations  promised %s CPUs, used %s CPUs  (q quits)", clock,
		 top->n, text_cpus(promised, (bw_t)promised_bw), text_cpus(used, (bw_t)used_bw));
	fprintf(out, "%.*s\n\n", (int)text_cut(line, columns, &width), line);
}

/* ---- the three ways to show it ---- */

static int pause_for(nsec_t ns)
{
	struct timespec time = { .tv_sec = (time_t)(ns / NSEC_PER_SEC), .tv_nsec = (long)(ns % NSEC_PER_SEC) };
	int r;

	do
		r = clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &time);
	while (r == EINTR);
	return -r;
}

static int top_once(struct client *client, nsec_t interval_ns, struct vr_error **reterr)
{
	_cleanup_(json_object_putp) struct json_object *before = NULL, *now = NULL;
	_cleanup_(table_freep) struct table *table = NULL;
	_cleanup_(top_done) struct top top = { 0 };
	int r = client_statistics(client, &before, reterr);

	if (r >= 0)
		r = pause_for(interval_ns);
	if (r >= 0)
		r = client_statistics(client, &now, reterr);
	if (r >= 0)
		r = top_make(&top, now, before);
	if (r >= 0)
		r = top_table(&top, SIZE_MAX, &table);
	return r < 0 ? r : table_print(table, stdout, 0, false);
}

static int frame_print(const struct top *top, FILE *out)
{
	_cleanup_(table_freep) struct table *table = NULL;
	size_t rows = terminal_rows(), most = rows > 5 ? rows - 5 : 1;
	int r = top_table(top, most, &table);

	if (r < 0)
		return r;
	head_print(top, out, cli_columns());
	r = table_print(table, out, cli_columns(), cli_colour());
	if (r >= 0 && top->n > most)
		fprintf(out, "... and %zu more\n", top->n - most);
	return r;
}

/* Drawn over the last frame, each line and at last the screen cleared behind what is new: nothing flickers. */
static int frame_draw(const struct top *top)
{
	_cleanup_(freep) char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r;

	if (!out)
		return -errno;
	r = frame_print(top, out);
	if (fclose(out) != 0 && r >= 0)
		r = -ENOMEM;
	if (r < 0)
		return r;
	fputs("\033[H", stdout);
	for (const char *line = text; *line; line = strchr(line, '\n') + 1)	/* every line has its end */
		printf("%.*s\033[K\n", (int)strcspn(line, "\n"), line);
	fputs("\033[J", stdout);
	return fflush(stdout) == 0 ? 0 : -EIO;
}

static int top_live(struct client *client, nsec_t interval_ns, struct vr_error **reterr)
{
	_cleanup_(json_object_putp) struct json_object *before = NULL;
	enum terminal_event event;
	int r;

	do {
		_cleanup_(json_object_putp) struct json_object *now = NULL;
		_cleanup_(top_done) struct top top = { 0 };

		r = client_statistics(client, &now, reterr);
		if (r >= 0)
			r = top_make(&top, now, before);
		if (r >= 0)
			r = frame_draw(&top);
		if (r < 0)
			return r;
		json_object_put(before);
		before = TAKE_PTR(now);
		event = terminal_wait(interval_ns);
	} while (event != TERMINAL_QUIT);
	return 0;
}

static int top_json(struct client *client, struct vr_error **reterr)
{
	_cleanup_(json_object_putp) struct json_object *now = NULL;
	int r = client_statistics(client, &now, reterr);

	return r < 0 ? r : answer_print(now, stdout, false);
}

/* *ret is what holds when nothing is said. */
static int interval_parse(const struct arguments *arguments, nsec_t *ret, struct vr_error **reterr)
{
	const char *text = arguments->value[OPTION_INTERVAL];
	nsec_t interval_ns = *ret;
	int r = text ? time_parse("--interval", text, &interval_ns, reterr) : 0;

	if (r < 0)
		return r;
	if (interval_ns < INTERVAL_MIN_NS || interval_ns > INTERVAL_MAX_NS)
		return vr_error_set(reterr, -ERANGE, VR_FAILED, "--interval %s: from 10ms to 3600s", text);
	*ret = interval_ns;
	return 0;
}

int verb_top(const struct arguments *arguments)
{
	_cleanup_(client_closep) struct client *client = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	nsec_t interval_ns = NSEC_PER_SEC;
	int r = interval_parse(arguments, &interval_ns, &err);

	if (r < 0)
		return cli_say(CLI_USAGE, "%s", err && err->text ? err->text : strerror(-r));
	r = cli_connect(&client, arguments, &err);
	if (r >= 0 && arguments->given[OPTION_JSON]) {
		r = top_json(client, &err);
	} else if (r >= 0 && !cli_tty()) {
		r = top_once(client, interval_ns, &err);
	} else if (r >= 0) {
		(void)setvbuf(stdout, NULL, _IOFBF, 1 << 16);	/* a frame in one piece */
		r = terminal_enter();
		if (r >= 0)
			r = top_live(client, interval_ns, &err);
		terminal_leave();
	}
	if (r < 0 && ferror(stdout))
		return CLI_FAILED;		/* main() has the words */
	return r < 0 ? cli_fail(r, err) : CLI_DONE;
}
