/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_EXPERIMENT_RUN_H
#define CLI_EXPERIMENT_RUN_H

#include "experiment-result.h"

#define EXPERIMENT_JOBS_MAX 1024

/*
 * Draws and judges the samples of one shard, in @jobs threads; the result does not depend on how many.
 * @progress: a bar on stderr, for a terminal
 *
 * Return: 0; -EBADMSG with a line; -ENOMEM; -EAGAIN no thread could be started.
 */
int experiment_run(const struct experiment *experiment, uint32_t shard, uint32_t shards, unsigned int jobs, bool progress,
		   struct experiment_result *ret, struct vr_error **reterr);

#endif
