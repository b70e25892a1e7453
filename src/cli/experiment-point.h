/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_EXPERIMENT_POINT_H
#define CLI_EXPERIMENT_POINT_H

#include "experiment.h"

/* Whether every point of the sweep can be drawn and asked about. -EBADMSG with the place of what cannot. */
int experiment_points_check(const struct experiment *experiment, struct vr_error **reterr);

/* Rounded down. */
static inline uint64_t share_of_ppb(uint64_t ppb)
{
	return (uint64_t)(((unsigned __int128)ppb << 32) / PPB_ONE);
}

#endif
