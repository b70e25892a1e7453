/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The options of virtrk: one table, from which the parser, the help and the tests of the man page and the completion
 * live. An own parser rather than getopt_long(): whole names only (an abbreviation that a script relies on would change
 * its meaning with the next option), and an unknown one is answered with the nearest known one.
 *
 * Options may stand before or behind the verb. What a verb does with them is the verb's business; here is checked what
 * can be said of each alone. Called by main.c. Pure but for memory.
 */
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "suggest.h"

const struct option_def option_defs[_OPTION_MAX] = {
	[OPTION_BUS] = { "bus", 0, "PATH", NULL, "talk to virtrkd on this socket" },
	[OPTION_JSON] = { "json", 0, NULL, NULL, "print JSON, for scripts" },
	[OPTION_HELP] = { "help", 'h', NULL, NULL, "print this help" },
	[OPTION_VERSION] = { "version", 0, NULL, NULL, "print the version" },
	[OPTION_VCPU] = { "vcpu", 0, "LIST", "vcpu", "these vCPUs, such as 0 or 0-3,5" },
	[OPTION_EMULATOR] = { "emulator", 0, NULL, "emulator", "QEMU's main thread" },
	[OPTION_IOTHREAD] = { "iothread", 0, "LIST", "iothread", "these iothreads" },
	[OPTION_VHOST] = { "vhost", 0, "LIST", "vhost", "these vhost kernel threads" },
	[OPTION_BUDGET] = { "budget", 0, "TIME", NULL, "CPU time in every period, such as 4ms" },
	[OPTION_PERIOD] = { "period", 0, "TIME", NULL, "the period, such as 10ms" },
	[OPTION_DEADLINE] = { "deadline", 0, "TIME", NULL, "budget is given within this; left out: the period" },
	[OPTION_SOFT] = { "soft", 0, NULL, NULL, "may also use what others leave over" },
	[OPTION_CPU] = { "cpu", 0, "LIST", NULL, "one of these CPUs, which its domain has for itself" },
	[OPTION_REPLACE] = { "replace", 0, NULL, NULL, "change what is reserved already" },
	[OPTION_FILE] = { "file", 0, "FILE", NULL, "a reservation document (JSON), - is standard input" },
	[OPTION_INTERVAL] = { "interval", 0, "TIME", NULL, "time between two samples, 1s if left out" },
	[OPTION_BATCH] = { "batch", 0, NULL, NULL, "one description per line of standard input, one verdict per line" },
	[OPTION_CERTIFICATES] = { "certificates", 0, NULL, NULL, "with --batch: what proves each yes" },
	[OPTION_SLACK] = { "slack", 0, NULL, NULL, "with --batch: how far each vCPU is from the edge" },
	[OPTION_EXPLAIN] = { "explain", 0, NULL, NULL, "the reasoning, step by step and with its numbers" },
	[OPTION_POLICY] = { "policy", 0, "POLICY", NULL, "spread (if left out), repack or exclusive" },
	[OPTION_FOR] = { "for", 0, "TIME", NULL, "how long to watch, or to simulate; 10s if left out" },
	[OPTION_TTL] = { "ttl", 0, "TIME", NULL, "how long to hold it, 60s if left out" },
	[OPTION_LATENCY] = { "latency", 0, "TIME", NULL, "how late timers and switches may be, 250us if left out" },
	[OPTION_PERSIST] = { "persist", 0, NULL, NULL, "in the domain's metadata, for each start" },
	[OPTION_REMOVE] = { "remove", 0, NULL, NULL, "take it away: out of the metadata, or the ways of the cache" },
	[OPTION_ON_REFUSAL] = { "on-refusal", 0, "WORD", NULL, "refuse the start of a domain that does not fit, or only report it" },
	[OPTION_PARTITION] = { "partition", 0, "PATH", NULL, "libvirt's <resource><partition>, from the next start" },
	[OPTION_CONNECT] = { "connect", 0, "URI", NULL, "libvirt's; qemu:///system if left out" },
	[OPTION_XML] = { "xml", 0, NULL, NULL, "what its metadata ask for, as XML" },
	[OPTION_WAYS] = { "ways", 0, "NUMBER", NULL, "ways of the last-level cache that nobody else loads into" },
	[OPTION_BANDWIDTH] = { "bandwidth", 0, "PERCENT", NULL, "at most so much of the memory bandwidth" },
	[OPTION_MEMORY] = { "memory", 0, NULL, NULL, "its memory is to be its own; so do --size, --colors, --banks, --exclusive" },
	[OPTION_SIZE] = { "size", 0, "SIZE", NULL, "how much memory, such as 512MiB or 2GiB" },
	[OPTION_COLORS] = { "colors", 0, "N|LIST", NULL, "so many cache colours that nobody else has, or these: 0-3, or 5-5 for one" },
	[OPTION_BANKS] = { "banks", 0, "N|LIST", NULL, "so many DRAM banks that nobody else has, or these" },
	[OPTION_EXCLUSIVE] = { "exclusive", 0, NULL, NULL, "nobody else may ever have these colours; takes all their free memory" },
	[OPTION_LAYOUT] = { "layout", 0, "WORD", NULL, "preserve: the guest's addresses choose among its colours; any, if left out" },
	[OPTION_AT] = { "at", 0, "PATH", NULL, "where to mount; /run/virtrk/mem/DOMAIN if left out" },
	[OPTION_OWNER] = { "owner", 0, "USER", NULL, "whose files may be there, such as libvirt-qemu; root if left out" },
	[OPTION_WRITE] = { "write", 0, NULL, NULL, "profile: keep what was found" },
	[OPTION_CHECK] = { "check", 0, NULL, NULL, "profile: compare it with the one in force" },
	[OPTION_SEED] = { "seed", 0, "NUMBER", NULL, "draw by it; left out: simulate lets all start at once, experiment asks its spec" },
	[OPTION_FROM] = { "from", 0, "TIME", NULL, "where the picture or the trace begins" },
	[OPTION_TO] = { "to", 0, "TIME", NULL, "where it ends" },
	[OPTION_SVG] = { "svg", 0, "FILE", NULL, "draw it as a Gantt chart, two of the longest periods if --to is left out" },
	[OPTION_TRACE] = { "trace", 0, "FILE", NULL, "write it as a trace for Perfetto or chrome://tracing" },
	[OPTION_SAMPLES] = { "samples", 0, "NUMBER", NULL, "systems at each point, instead of the spec's" },
	[OPTION_JOBS] = { "jobs", 0, "NUMBER", NULL, "threads; left out: one for each CPU" },
	[OPTION_SHARD] = { "shard", 0, "I/N", NULL, "only the I-th of N parts of the samples" },
	[OPTION_MERGE] = { "merge", 0, NULL, NULL, "add up results of all shards" },
	[OPTION_CSV] = { "csv", 0, NULL, NULL, "print CSV" },
	[OPTION_OUTPUT] = { "output", 0, "FILE", NULL, "write the result there, too: CSV when it ends in .csv, else JSON" },
	[OPTION_FIGURE] = { "figure", 0, "FILE", NULL, "draw it as SVG, by gnuplot" },
};

void arguments_done(struct arguments *arguments)
{
	thread_list_done(&arguments->threads);
	free(arguments->operands);
	*arguments = (struct arguments){ 0 };
}

static int option_unknown(const char *name, size_t length, struct vr_error **reterr)
{
	const char *names[_OPTION_MAX], *near;
	char word[64];

	for (size_t i = 0; i < _OPTION_MAX; i++)
		names[i] = option_defs[i].name;
	snprintf(word, sizeof(word), "%.*s", length < sizeof(word) ? (int)length : (int)sizeof(word) - 1, name);
	near = suggest(word, names, _OPTION_MAX);
	return vr_error_set(reterr, -EINVAL, VR_FAILED, "unknown option --%s%s%s%s", word, near ? ", did you mean --" : "",
			    near ?: "", near ? "?" : "");
}

static int option_find(const char *text, enum option_id *ret, struct vr_error **reterr)
{
	size_t length;

	if (text[1] != '-') {		/* one letter, never bundled */
		for (enum option_id id = 0; id < _OPTION_MAX; id++)
			if (option_defs[id].letter && option_defs[id].letter == text[1] && text[2] == '\0') {
				*ret = id;
				return 0;
			}
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "unknown option %s", text);
	}
	text += 2;
	length = strcspn(text, "=");
	for (enum option_id id = 0; id < _OPTION_MAX; id++)
		if (strlen(option_defs[id].name) == length && memcmp(text, option_defs[id].name, length) == 0) {
			*ret = id;
			return 0;
		}
	return option_unknown(text, length, reterr);
}

/* Thread options add up; of any other option the second one would silently win. */
static int option_take(struct arguments *arguments, enum option_id id, const char *value, struct vr_error **reterr)
{
	const struct option_def *def = &option_defs[id];

	if (arguments->given[id] && def->arg && !def->kind)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "--%s is given twice", def->name);
	if (def->arg && *value == '\0')
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "--%s: empty, it needs a %s", def->name, def->arg);
	if (def->kind && def->arg) {
		int r = thread_list_parse(&arguments->threads, def->kind, value, reterr);

		if (r < 0)
			return r;
	} else if (def->kind && !arguments->given[id]) {
		int r = thread_list_add(&arguments->threads, def->kind, reterr);

		if (r < 0)
			return r;
	}
	arguments->given[id] = true;
	arguments->value[id] = value;
	return 0;
}

/* argv[*i] is an option; *i moves on when its argument is the next word. */
static int option_parse(struct arguments *arguments, int argc, char *const *argv, int *i, struct vr_error **reterr)
{
	const char *text = argv[*i], *value = strchr(text, '=');
	enum option_id id = _OPTION_MAX;
	int r = option_find(text, &id, reterr);

	if (r < 0)
		return r;
	if (value)
		value++;
	if (value && !option_defs[id].arg)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "--%s takes no argument", option_defs[id].name);
	if (!value && option_defs[id].arg) {
		if (*i + 1 >= argc || strncmp(argv[*i + 1], "--", 2) == 0)	/* forgotten, and the next option follows */
			return vr_error_set(reterr, -EINVAL, VR_FAILED, "--%s needs a %s", option_defs[id].name,
					    option_defs[id].arg);
		value = argv[++*i];
	}
	return option_take(arguments, id, value, reterr);
}

int arguments_parse(struct arguments *ret, int argc, char *const *argv, struct vr_error **reterr)
{
	_cleanup_(arguments_done) struct arguments arguments = { 0 };
	bool options = true;

	arguments.operands = calloc((size_t)argc + 1, sizeof(*arguments.operands));
	if (!arguments.operands)
		return -ENOMEM;
	for (int i = 1; i < argc; i++) {
		int r = 0;

		if (options && strcmp(argv[i], "--") == 0)
			options = false;
		else if (options && argv[i][0] == '-' && argv[i][1] != '\0')
			r = option_parse(&arguments, argc, argv, &i, reterr);
		else
			arguments.operands[arguments.n_operands++] = argv[i];
		if (r < 0)
			return r;
	}
	*ret = TAKE_GENERIC(arguments, struct arguments, (struct arguments){ 0 });
	return 0;
}

int arguments_allow(const struct arguments *arguments, uint64_t allowed, const char *verb, struct vr_error **reterr)
{
	for (enum option_id id = 0; id < _OPTION_MAX; id++)
		if (arguments->given[id] && !(allowed & OPTION_BIT(id)))
			return vr_error_set(reterr, -EINVAL, VR_FAILED, "%s does not take --%s, see: virtrk help %s", verb,
					    option_defs[id].name, verb);
	return 0;
}

int options_number_read(const struct arguments *arguments, enum option_id id, uint32_t max, uint32_t *ret)
{
	const char *text = arguments->value[id];
	size_t digits;
	uint64_t value;

	*ret = 0;
	if (!text)
		return 0;
	digits = strspn(text, "0123456789");
	value = digits > 0 && digits < 10 ? strtoull(text, NULL, 10) : 0;
	if (text[digits] == '%' && id == OPTION_BANDWIDTH)
		digits++;
	if (text[digits] != '\0' || value == 0 || value > max)
		return -EINVAL;
	*ret = (uint32_t)value;
	return 0;
}
