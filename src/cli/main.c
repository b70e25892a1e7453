/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtrk: the command of those who run virtual machines with reservations. A table of verbs; this file reads the command
 * line, finds the verb, and prints the help, which is made of the same tables. Each verb lives in a verb-*.c, asks
 * virtrkd through client.c and decides nothing: what fits is virtrkd's to say.
 *
 * Exit codes: 0 done, 1 failed, 2 wrong use, 3 refused by admission, 4 a promise was broken.
 */
#include <ctype.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <string.h>

#include "cli.h"
#include "suggest.h"
#include "text.h"

#define COMMON  (OPTION_BIT(OPTION_BUS) | OPTION_BIT(OPTION_HELP))
#define READING (COMMON | OPTION_BIT(OPTION_JSON))
#define OPTIONS_ANALYZE                                                                               \
	(OPTION_BIT(OPTION_BATCH) | OPTION_BIT(OPTION_EXPLAIN) | OPTION_BIT(OPTION_CERTIFICATES) | OPTION_BIT(OPTION_SLACK))
#define OPTIONS_RUN                                                                                   \
	(OPTION_BIT(OPTION_FOR) | OPTION_BIT(OPTION_SEED) | OPTION_BIT(OPTION_SVG) | OPTION_BIT(OPTION_TRACE) |          \
	 OPTION_BIT(OPTION_FROM) | OPTION_BIT(OPTION_TO))
#define OPTIONS_EXPERIMENT                                                                            \
	(OPTION_BIT(OPTION_SEED) | OPTION_BIT(OPTION_SAMPLES) | OPTION_BIT(OPTION_JOBS) | OPTION_BIT(OPTION_SHARD) |     \
	 OPTION_BIT(OPTION_MERGE) | OPTION_BIT(OPTION_CSV) | OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_FIGURE))
#define RESERVE_OPTIONS                                                                               \
	(OPTIONS_THREADS | OPTION_BIT(OPTION_BUDGET) | OPTION_BIT(OPTION_PERIOD) | OPTION_BIT(OPTION_DEADLINE) | \
	 OPTION_BIT(OPTION_SOFT) | OPTION_BIT(OPTION_CPU) | OPTION_BIT(OPTION_FILE))
#define OPTIONS_OF_MEMORY                                                                             \
	(OPTION_BIT(OPTION_SIZE) | OPTION_BIT(OPTION_COLORS) | OPTION_BIT(OPTION_BANKS) | OPTION_BIT(OPTION_EXCLUSIVE) | OPTION_BIT(OPTION_LAYOUT))
#define OPTIONS_DEFINE                                                                                \
	(OPTION_BIT(OPTION_PERSIST) | OPTION_BIT(OPTION_REMOVE) | OPTION_BIT(OPTION_ON_REFUSAL) | OPTION_BIT(OPTION_PARTITION) |   \
	 OPTION_BIT(OPTION_CONNECT) | OPTION_BIT(OPTION_MEMORY) | OPTION_BIT(OPTION_WAYS) | OPTIONS_OF_MEMORY)

#define OPTIONS_MEMORY (OPTIONS_OF_MEMORY | OPTION_BIT(OPTION_AT) | OPTION_BIT(OPTION_OWNER) | OPTION_BIT(OPTION_WRITE) | OPTION_BIT(OPTION_CHECK) | \
			OPTION_BIT(OPTION_FILE))
#define OPTIONS_CACHE (OPTION_BIT(OPTION_WAYS) | OPTION_BIT(OPTION_BANDWIDTH) | OPTION_BIT(OPTION_REMOVE))

static int verb_help(const struct arguments *arguments);

static const struct verb {
	const char *name;
	const char *args;
	size_t least, most;	/* operands behind the verb */
	uint64_t options;
	verb_fn fn;
	const char *help;
	const char *example;
} verbs[] = {
	{ "list", "", 0, 0, READING, verb_list, "domains that run, and how many reservations each has", "list" },
	{ "show", "DOMAIN", 1, 1, READING | OPTION_BIT(OPTION_XML) | OPTION_BIT(OPTION_CONNECT), verb_show,
	  "one domain: its threads and what they are promised", "show rt" },
	{ "reserve", "[DOMAIN]", 0, 1, READING | RESERVE_OPTIONS | OPTION_BIT(OPTION_REPLACE), verb_reserve,
	  "promise CPU time to threads of a domain, all of them or none", "reserve rt --vcpu 0 --budget 4ms --period 10ms" },
	{ "check", "[DOMAIN]", 0, 1, READING | RESERVE_OPTIONS | OPTION_BIT(OPTION_REPLACE), verb_check,
	  "would it fit, and why; changes nothing", "check rt --vcpu 0-1 --budget 4ms --period 10ms" },
	{ "release", "DOMAIN", 1, 1, COMMON | OPTIONS_THREADS, verb_release,
	  "give reservations back: of the named threads, or of the whole domain", "release rt --vcpu 0" },
	{ "define", "[DOMAIN]", 0, 1, COMMON | RESERVE_OPTIONS | OPTIONS_DEFINE, verb_define,
	  "write into a libvirt domain's metadata what it gets at each start", "define rt --vcpu 0 --budget 4ms --period 10ms" },
	{ "prepare", "", 0, 0, COMMON | OPTION_BIT(OPTION_FILE) | OPTION_BIT(OPTION_TTL), verb_prepare,
	  "hold capacity for a domain that starts later; prints a token", "prepare --file rt.json --ttl 120s" },
	{ "commit", "TOKEN", 1, 1, COMMON, verb_commit,
	  "the domain runs: reserve what was prepared for it", "commit 0123456789abcdef0123456789abcdef" },
	{ "abort", "TOKEN", 1, 1, COMMON, verb_abort, "give up what was prepared", "abort 0123456789abcdef0123456789abcdef" },
	{ "cache", "[DOMAIN]", 0, 1, READING | OPTIONS_CACHE, verb_cache,
	  "ways of the last-level cache for a domain that runs; without DOMAIN: who has which", "cache rt --ways 4" },
	{ "memory", "[DEED DOMAIN]", 0, 2, READING | OPTIONS_MEMORY, verb_memory,
	  "memory of a domain's own, by cache colour: check, mount, umount; profile: measure this host",
	  "memory mount rt --size 1GiB --colors 4" },
	{ "capacity", "", 0, 0, READING, verb_capacity, "what is left, per partition of the host's CPUs", "capacity" },
	{ "top", "", 0, 0, READING | OPTION_BIT(OPTION_INTERVAL), verb_top,
	  "live: what each reservation uses, is throttled and misses; q quits", "top" },
	{ "doctor", "", 0, 0, READING, verb_doctor, "is this host fit, and the commands that mend it", "doctor" },
	{ "monitor", "", 0, 0, READING, verb_monitor, "print events as they come", "monitor --json" },
	{ "verify", "[DOMAIN]", 0, 1, READING | OPTION_BIT(OPTION_FOR) | OPTION_BIT(OPTION_LATENCY), verb_verify,
	  "was what was promised kept? by the scheduler's trace", "verify rt --for 60s" },
	{ "analyze", "[SYSTEM.json]", 0, 1, OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_JSON) | OPTIONS_ANALYZE, verb_analyze,
	  "does a described system meet its deadlines; asks no daemon", "analyze system.json" },
	{ "plan", "SYSTEM.json", 1, 1, OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_JSON) | OPTION_BIT(OPTION_POLICY), verb_plan,
	  "find the budgets, periods and CPUs that a described system lacks", "plan --policy repack system.json" },
	{ "simulate", "SYSTEM.json", 1, 1, OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_JSON) | OPTIONS_RUN, verb_simulate,
	  "run a described system, and show what was seen beside the bounds", "simulate --for 60s --seed 7 system.json" },
	{ "experiment", "SPEC.json", 0, 10000, OPTION_BIT(OPTION_HELP) | OPTION_BIT(OPTION_JSON) | OPTIONS_EXPERIMENT, verb_experiment,
	  "draw systems, sweep a parameter, count what each test accepts", "experiment --jobs 4 --figure out.svg spec.json" },
	{ "help", "[VERB]", 0, 1, COMMON, verb_help, "print this help, or that of one verb", "help reserve" },
};

static const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int verb_unknown(const char *name)
{
	const char *names[ARRAY_SIZE(verbs)], *near;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		names[i] = verbs[i].name;
	near = suggest(name, names, ARRAY_SIZE(verbs));
	if (near)
		return cli_say(CLI_USAGE, "unknown verb \"%s\", did you mean %s?", name, near);
	return cli_say(CLI_USAGE, "unknown verb \"%s\", see: virtrk help", name);
}

/* ---- help ---- */

#define HELP_COLUMNS 80
#define HELP_INDENT  26

/* Memory that has run out makes it wider, not shorter. */
static void help_line(const char *left, const char *help)
{
	_cleanup_(freep) char *wrapped = text_wrap(help, HELP_INDENT, HELP_COLUMNS);

	printf("  %-23s %s\n", left, wrapped ?: help);
}

static void options_help(uint64_t options)
{
	for (enum option_id id = 0; id < _OPTION_MAX; id++) {
		const struct option_def *def = &option_defs[id];
		char left[64], letter[8] = "";

		if (!(options & OPTION_BIT(id)))
			continue;
		if (def->letter)
			snprintf(letter, sizeof(letter), "-%c, ", def->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, def->name, def->arg ? "=" : "", def->arg ?: "");
		help_line(left, def->help);
	}
}

static int help_all(void)
{
	puts("virtrk [OPTION...] VERB [ARGUMENT...]\n"
	     "\n"
	     "Guaranteed CPU time and memory for virtual machines, enforced by the kernel.\n"
	     "\n"
	     "Verbs:");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		char left[64];

		snprintf(left, sizeof(left), "%s%s%s", verbs[i].name, *verbs[i].args ? " " : "", verbs[i].args);
		help_line(left, verbs[i].help);
	}
	puts("\nOptions:");
	options_help(READING | OPTION_BIT(OPTION_VERSION));
	puts("\nOptions of reserve, check, release and define:");
	options_help(OPTIONS_THREADS);
	puts("\nOptions of reserve, check and define:");
	options_help(RESERVE_OPTIONS & ~OPTIONS_THREADS);
	puts("\nOptions of reserve and check:");
	options_help(OPTION_BIT(OPTION_REPLACE));
	puts("\nOptions of define, and of show --xml:");
	options_help((OPTIONS_DEFINE & ~OPTIONS_OF_MEMORY) | OPTION_BIT(OPTION_XML));
	puts("\nOptions of prepare:");
	options_help(OPTION_BIT(OPTION_FILE) | OPTION_BIT(OPTION_TTL));
	puts("\nOptions of memory, and but for the last four of define:");
	options_help(OPTIONS_MEMORY & ~OPTION_BIT(OPTION_FILE));
	puts("\nOptions of cache:");
	options_help(OPTIONS_CACHE);
	puts("\nOptions of top:");
	options_help(OPTION_BIT(OPTION_INTERVAL));
	puts("\nOptions of verify:");
	options_help(OPTION_BIT(OPTION_FOR) | OPTION_BIT(OPTION_LATENCY));
	puts("\nOptions of analyze:");
	options_help(OPTIONS_ANALYZE);
	puts("\nOptions of plan:");
	options_help(OPTION_BIT(OPTION_POLICY));
	puts("\nOptions of simulate:");
	options_help(OPTIONS_RUN);
	puts("\nOptions of experiment:");
	options_help(OPTIONS_EXPERIMENT);
	puts("\nA TIME is a number and its unit: ns, us, ms or s.\n"
	     "Exit codes: 0 done, 1 failed, 2 wrong use, 3 refused by admission,\n"
	     "4 a promise was broken.\n"
	     "More: man virtrk, and virtrk help VERB.");
	return CLI_DONE;
}

static int help_one(const struct verb *verb)
{
	_cleanup_(freep) char *wrapped = text_wrap(verb->help, 0, HELP_COLUMNS - 1);	/* the dot has to have room */
	const char *help = wrapped ?: verb->help;

	printf("virtrk %s [OPTION...]%s%s\n\n", verb->name, *verb->args ? " " : "", verb->args);
	printf("%c%s.\n\nOptions:\n", toupper((unsigned char)*help), help + 1);
	options_help(verb->options);
	printf("\nExample:\n  virtrk %s\n", verb->example);
	return CLI_DONE;
}

static int verb_help(const struct arguments *arguments)
{
	const struct verb *verb;

	if (arguments->n_operands < 2)
		return help_all();
	verb = verb_find(arguments->operands[1]);
	return verb ? help_one(verb) : verb_unknown(arguments->operands[1]);
}

/* ---- running ---- */

static int operands_check(const struct arguments *arguments, const struct verb *verb)
{
	size_t n = arguments->n_operands - 1;

	if (n < verb->least)
		return cli_say(CLI_USAGE, "%s needs a %s", verb->name, verb->args);
	if (n > verb->most)
		return cli_say(CLI_USAGE, "%s: one argument too many: %s", verb->name,
			       arguments->operands[verb->most + 1]);
	for (size_t i = 1; i <= n; i++)
		if (*arguments->operands[i] == '\0' || !text_is_utf8(arguments->operands[i]))
			return cli_say(CLI_USAGE, "%s: a name must be UTF-8 and not empty", verb->name);
	return CLI_DONE;
}

static int verb_run(const struct arguments *arguments)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	const struct verb *verb;
	int code;

	if (arguments->n_operands == 0)
		return cli_say(CLI_USAGE, "no verb given, see: virtrk help");
	verb = verb_find(arguments->operands[0]);
	if (!verb)
		return verb_unknown(arguments->operands[0]);
	if (arguments->given[OPTION_HELP])
		return help_one(verb);
	if (arguments_allow(arguments, verb->options, verb->name, &err) < 0)
		return cli_say(CLI_USAGE, "%s", err ? err->text : "out of memory");
	code = operands_check(arguments, verb);
	return code == CLI_DONE ? verb->fn(arguments) : code;
}

static int arguments_run(int argc, char *const *argv)
{
	_cleanup_(arguments_done) struct arguments arguments = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;

	if (arguments_parse(&arguments, argc, argv, &err) < 0)
		return cli_say(CLI_USAGE, "%s", err && err->text ? err->text : "out of memory");
	if (arguments.given[OPTION_VERSION]) {
		puts("virtrk " VIRTRK_VERSION);
		return CLI_DONE;
	}
	if (arguments.given[OPTION_HELP] && arguments.n_operands == 0)
		return help_all();
	return verb_run(&arguments);
}

/*
 * With stdout closed the next descriptor opened would become it, and the answer would be written into the socket to
 * virtrkd. Read-only, so that writing to it still fails as it should.
 */
static void descriptors_keep(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0)
			return;
}

/* Names are UTF-8 whatever the user's language is: without a UTF-8 locale, take C.UTF-8 for the widths. */
static void locale_set(void)
{
	if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		(void)setlocale(LC_CTYPE, "C.UTF-8");
}

/* An answer that did not arrive is no answer. */
static int stdout_finish(int code)
{
	bool now = fflush(stdout) != 0;

	if (!now && !ferror(stdout))
		return code;
	return cli_say(code == CLI_DONE ? CLI_FAILED : (enum exit_code)code, "cannot write to stdout%s%s", now ? ": " : "",
		       now ? strerror(errno) : "");
}

int main(int argc, char **argv)
{
	int code;

	descriptors_keep();
	locale_set();
	(void)signal(SIGPIPE, SIG_IGN);		/* a reader that went away is told like any other failed write */
	code = arguments_run(argc, argv);
	return stdout_finish(code);
}
