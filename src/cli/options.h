/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "request.h"

enum option_id {
	OPTION_BUS,
	OPTION_JSON,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_VCPU,
	OPTION_EMULATOR,
	OPTION_IOTHREAD,
	OPTION_VHOST,
	OPTION_BUDGET,
	OPTION_PERIOD,
	OPTION_DEADLINE,
	OPTION_SOFT,
	OPTION_CPU,
	OPTION_REPLACE,
	OPTION_FILE,
	OPTION_INTERVAL,
	OPTION_BATCH,
	OPTION_EXPLAIN,
	OPTION_CERTIFICATES,
	OPTION_SLACK,
	OPTION_POLICY,
	OPTION_FOR,
	OPTION_SEED,
	OPTION_FROM,
	OPTION_TO,
	OPTION_SVG,
	OPTION_TRACE,
	OPTION_SAMPLES,
	OPTION_JOBS,
	OPTION_SHARD,
	OPTION_MERGE,
	OPTION_CSV,
	OPTION_OUTPUT,
	OPTION_FIGURE,
	OPTION_LATENCY,
	OPTION_TTL,
	OPTION_PERSIST,
	OPTION_REMOVE,
	OPTION_ON_REFUSAL,
	OPTION_PARTITION,
	OPTION_CONNECT,
	OPTION_XML,
	OPTION_WAYS,
	OPTION_BANDWIDTH,
	OPTION_MEMORY,
	OPTION_SIZE,
	OPTION_COLORS,
	OPTION_BANKS,
	OPTION_EXCLUSIVE,
	OPTION_LAYOUT,
	OPTION_AT,
	OPTION_OWNER,
	OPTION_WRITE,
	OPTION_CHECK,
	_OPTION_MAX,
};

#define OPTION_BIT(id) (UINT64_C(1) << (id))
#define OPTIONS_THREADS                                                                                   \
	(OPTION_BIT(OPTION_VCPU) | OPTION_BIT(OPTION_EMULATOR) | OPTION_BIT(OPTION_IOTHREAD) | OPTION_BIT(OPTION_VHOST))

struct option_def {
	const char *name;	/* without the two hyphens */
	char letter;		/* '\0' = none */
	const char *arg;	/* what stands behind it; NULL = nothing */
	const char *kind;	/* thread options: what their thread is called, "vcpu" */
	const char *help;
};

extern const struct option_def option_defs[_OPTION_MAX];

/* The command line as values. Strings belong to argv. */
struct arguments {
	const char *value[_OPTION_MAX];
	bool given[_OPTION_MAX];
	struct thread_list threads;	/* all thread options, in their order */
	const char **operands;		/* the verb first */
	size_t n_operands;
};

void arguments_done(struct arguments *arguments);

/* Options and operands in any order; "--" ends the options. -EINVAL and one line: unknown, twice, argument missing. */
int arguments_parse(struct arguments *ret, int argc, char *const *argv, struct vr_error **reterr);

/* A whole number from 1 to @max; 0 = the option was not given. -EINVAL anything else. A bandwidth may have a % behind it. */
int options_number_read(const struct arguments *arguments, enum option_id id, uint32_t max, uint32_t *ret);

/* -EINVAL when an option was given that is not in @allowed (bits of option_id). */
int arguments_allow(const struct arguments *arguments, uint64_t allowed, const char *verb, struct vr_error **reterr);

#endif
