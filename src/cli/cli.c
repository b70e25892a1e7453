/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How virtrk speaks: one line on stderr when something is wrong, nothing on stdout but the answer, and an exit code that
 * a script can use. All text passes text_clean() on its way out, since names in it were chosen by others.
 *
 * Called by main.c and every verb. Never ends the program.
 */
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cli.h"
#include "text.h"

#define LINE_MAX_BYTES 1200	/* an argument of a megabyte must not become a megabyte of complaint */

int cli_say(enum exit_code code, const char *fmt, ...)
{
	_cleanup_(freep) char *text = NULL, *clean = NULL;
	bool cut = false;
	va_list ap;

	va_start(ap, fmt);
	text = text_vformat(fmt, ap);
	va_end(ap);
	if (text && strlen(text) > LINE_MAX_BYTES) {
		text[LINE_MAX_BYTES] = '\0';
		cut = true;
	}
	clean = text ? text_clean(text) : NULL;
	fprintf(stderr, "virtrk: %s%s\n", clean ?: "out of memory", cut ? " ..." : "");
	return code;
}

enum exit_code cli_exit_code(const struct vr_error *err)
{
	switch (err ? err->reason : VR_FAILED) {
	case VR_BAD_BUDGET:
	case VR_BAD_DEADLINE:
	case VR_BAD_PERIOD:
	case VR_BAD_THREAD:
	case VR_BAD_TTL:
		return CLI_USAGE;
	case VR_OVERLOAD:
	case VR_KERNEL_BUSY:
		return CLI_REFUSED;
	default:
		return CLI_FAILED;
	}
}

int cli_fail(int r, const struct vr_error *err)
{
	return cli_say(cli_exit_code(err), "%s", err && err->text ? err->text : strerror(-r));
}

int cli_connect(struct client **ret, const struct arguments *arguments, struct vr_error **reterr)
{
	return client_open(ret, arguments->value[OPTION_BUS], reterr);
}

bool cli_tty(void)
{
	return isatty(STDOUT_FILENO) == 1;
}

size_t cli_columns(void)
{
	struct winsize size;

	if (!cli_tty())
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

bool cli_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return cli_tty() && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

int cli_print_json(struct json_object *json)
{
	int r = answer_print(json, stdout, false);

	return r == -ENOMEM ? cli_fail(r, NULL) : CLI_DONE;	/* what stdout did not take, main() tells */
}

int cli_print_table(const struct table *table)
{
	int r = table_print(table, stdout, cli_columns(), cli_colour());

	return r == -ENOMEM ? cli_fail(r, NULL) : CLI_DONE;
}

int cli_print(const char *fmt, ...)
{
	_cleanup_(freep) char *text = NULL, *clean = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = text_vformat(fmt, ap);
	va_end(ap);
	clean = text ? text_clean(text) : NULL;
	if (!clean)
		return -ENOMEM;
	puts(clean);
	return 0;
}
