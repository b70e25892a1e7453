/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the verbs share: exit codes, how a failure is told, how wide the terminal is.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "client.h"
#include "options.h"
#include "table.h"

enum exit_code {
	CLI_DONE = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,		/* the command line or the document is wrong; also what virtrkd calls a bad parameter */
	CLI_REFUSED = 3,	/* by admission, ours or the kernel's */
	CLI_BROKEN = 4,		/* verify: a promise was not kept */
};

/* A verb does its work, prints its answer on stdout, and returns an exit code. */
typedef int (*verb_fn)(const struct arguments *arguments);

int verb_list(const struct arguments *arguments);
int verb_show(const struct arguments *arguments);
int verb_reserve(const struct arguments *arguments);
int verb_check(const struct arguments *arguments);
int verb_define(const struct arguments *arguments);
int define_show(const struct arguments *arguments);	/* show --xml */
int verb_release(const struct arguments *arguments);
int verb_capacity(const struct arguments *arguments);
int verb_top(const struct arguments *arguments);
int verb_doctor(const struct arguments *arguments);
int verb_monitor(const struct arguments *arguments);
int verb_verify(const struct arguments *arguments);
int verb_prepare(const struct arguments *arguments);
int verb_commit(const struct arguments *arguments);
int verb_abort(const struct arguments *arguments);
int verb_cache(const struct arguments *arguments);
int verb_memory(const struct arguments *arguments);
int verb_analyze(const struct arguments *arguments);
int verb_plan(const struct arguments *arguments);
int verb_simulate(const struct arguments *arguments);
int verb_experiment(const struct arguments *arguments);

/* "virtrk: ..." on stderr, one clean line. Returns @code. */
int cli_say(enum exit_code code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A failure as a line and an exit code: what @err says, else what the errno @r means. */
int cli_fail(int r, const struct vr_error *err);
enum exit_code cli_exit_code(const struct vr_error *err);

/* Opens the line to virtrkd as --bus says. */
int cli_connect(struct client **ret, const struct arguments *arguments, struct vr_error **reterr);

/* stdout: a terminal? how many columns (0 = no terminal, as wide as needed)? may it be coloured? */
bool cli_tty(void);
size_t cli_columns(void);
bool cli_colour(void);

/* Prints with --json what @json holds. Returns an exit code. */
int cli_print_json(struct json_object *json);
int cli_print_table(const struct table *table);

/* One clean line on stdout, like printf with a newline behind it. -ENOMEM. */
int cli_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
