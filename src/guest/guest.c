/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtrk-guest: cache colours for programs, inside a guest or on any machine that has the module colorfs.
 *
 *   run [OPTIONS] [--] PROGRAM [ARGUMENT...]   in memory of its own
 *   check PID                                  which colours the pages of such a program have
 *
 * Here are the words of the command line; guest-run.c and guest-check.c do it. It asks no daemon.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <virtrk/units.h>

#include "guest.h"
#include "own.h"

#define BYTES_DEFAULT (64ULL << 20)
#define STACK_DEFAULT (1ULL << 20)

int guest_say(int code, const char *format, ...)
{
	va_list list;

	(void)fputs("virtrk-guest: ", stderr);
	va_start(list, format);
	(void)vfprintf(stderr, format, list);
	va_end(list);
	(void)fputc('\n', stderr);
	return code;
}

static int usage(FILE *to, int code)
{
	(void)fputs("virtrk-guest run [OPTION...] [--] PROGRAM [ARGUMENT...]\n"
		    "virtrk-guest check PID\n"
		    "\n"
		    "  --colors=LIST      cache colours of its memory, such as 2-3; any if left out\n"
		    "  --banks=LIST       DRAM banks\n"
		    "  --size=SIZE        all of its memory: 64MiB if left out\n"
		    "  --area=SIZE        of that for mappings and threads; a quarter if left out\n"
		    "  --stack=SIZE       for its stack, and for each thread's; 1MiB if left out\n"
		    "  --profile=PROFILE  how addresses map, where the module was not told\n"
		    "  --no-text          leave code and constants in the page cache\n"
		    "  --help, --version\n",
		    to);
	return code;
}

static int size_read(const char *name, const char *text, uint64_t *ret)
{
	if (vrk_bytes_parse(text, ret) == 0 && *ret > 0 && *ret % OWN_PAGE == 0 && *ret <= 1ULL << 46)
		return 0;
	return guest_say(GUEST_USAGE, "--%s %s: whole pages of 4KiB, a number with B, KiB, MiB, GiB or TiB", name, text);
}

enum { OPTION_COLORS = 256, OPTION_BANKS, OPTION_SIZE, OPTION_AREA, OPTION_STACK, OPTION_PROFILE, OPTION_NO_TEXT, OPTION_HELP, OPTION_VERSION };

static const struct option options[] = {
	{ "colors", required_argument, NULL, OPTION_COLORS },
	{ "banks", required_argument, NULL, OPTION_BANKS },
	{ "size", required_argument, NULL, OPTION_SIZE },
	{ "area", required_argument, NULL, OPTION_AREA },
	{ "stack", required_argument, NULL, OPTION_STACK },
	{ "profile", required_argument, NULL, OPTION_PROFILE },
	{ "no-text", no_argument, NULL, OPTION_NO_TEXT },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

static int option_take(int option, const char *word, const char *value, struct guest_run *run)
{
	switch (option) {
	case OPTION_COLORS: run->colors = value; return 0;
	case OPTION_BANKS: run->banks = value; return 0;
	case OPTION_PROFILE: run->profile = value; return 0;
	case OPTION_NO_TEXT: run->text = false; return 0;
	case OPTION_SIZE: return size_read("size", value, &run->bytes);
	case OPTION_AREA: return size_read("area", value, &run->area_bytes);
	case OPTION_STACK: return size_read("stack", value, &run->stack_bytes);
	default: return guest_say(GUEST_USAGE, "%s: no such option, or one without its value", word);
	}
}

/* Lists as the kernel reads them; a comma would be the end of a mount option. */
static int list_check(const char *name, const char *list)
{
	if (!list || (*list && list[strspn(list, "0123456789,-+:")] == '\0'))
		return 0;
	return guest_say(GUEST_USAGE, "--%s %s: a list such as 0-3 or 1,5", name, list);
}

static int verb_run(const struct guest_run *run, char **argv)
{
	struct guest_run whole = *run;
	int r = list_check("colors", run->colors);

	if (r == 0)
		r = list_check("banks", run->banks);
	if (r == 0 && run->profile && strpbrk(run->profile, "/"))
		r = guest_say(GUEST_USAGE, "--profile %s: the profile itself, not a file", run->profile);
	if (r != 0)
		return r;
	if (!argv[0])
		return guest_say(GUEST_USAGE, "run: which program?");
	if (whole.area_bytes == 0)
		whole.area_bytes = whole.bytes / 4 / OWN_PAGE * OWN_PAGE;
	return guest_run(&whole, argv);
}

int main(int argc, char **argv)
{
	struct guest_run run = { .bytes = BYTES_DEFAULT, .stack_bytes = STACK_DEFAULT, .text = true };
	const char *verb = argc > 1 ? argv[1] : "";
	int option, r = 0;

	if (strcmp(verb, "--help") == 0)
		return usage(stdout, 0);
	if (strcmp(verb, "--version") == 0)
		return printf("virtrk-guest " VIRTRK_VERSION "\n") < 0 ? GUEST_FAILED : 0;
	if (strcmp(verb, "run") != 0 && strcmp(verb, "check") != 0) {
		if (*verb)
			return guest_say(GUEST_USAGE, "%s: expected run or check", verb);
		return usage(stderr, GUEST_USAGE);
	}
	optind = 2;
	opterr = 0;
	while (r == 0 && (option = getopt_long(argc, argv, "+", options, NULL)) >= 0) {
		if (option == OPTION_HELP)
			return usage(stdout, 0);
		r = option_take(option, argv[optind - 1], optarg, &run);
	}
	if (r != 0)
		return r;
	if (strcmp(verb, "run") == 0)
		return verb_run(&run, argv + optind);
	if (optind != 2 || argc != 3)
		return guest_say(GUEST_USAGE, "check: one process, by its number");
	return guest_check(argv[2]);
}
