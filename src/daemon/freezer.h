/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Holds a thread still while it becomes SCHED_DEADLINE, by the freezer of a control group that is its own. For apply-sched.c; the
 * manager looks beforehand, so that the plan that is written down names the group.
 */
#ifndef DAEMON_FREEZER_H
#define DAEMON_FREEZER_H

#include "sysroot.h"

/*
 * May @group (below @mount; as /proc tells it) be frozen for the sake of @tid alone? 1: yes, and *ret is its path, for the caller to
 * free. 0: others are in it or below it, somebody has frozen it, or it has no freezer.
 */
int freezer_look(const struct sysroot *root, const char *mount, pid_t tid, char **ret);

/* As freezer_look(), of a group of ours that a plan is to make below that of a vCPU. */
int freezer_below(const char *group, char **ret);

/*
 * freezer_hold() - @tid stands still when this returns, or will before it runs any more of its program
 *
 * Waits a little for it to leave its CPU. One that is ready and waits for a CPU may not get there so soon: it does not run either.
 * Return: 1 it is held, and has to be let go; 0 the group is not what freezer_look() has said any more, and is left as it is; -errno of
 * a write that was refused.
 */
int freezer_hold(const struct sysroot *root, const char *path, pid_t tid);

/* Waits until it has left its CPU once, then lets it run. What is gone has been let go. Tries several times. */
int freezer_let_go(const struct sysroot *root, const char *path, pid_t tid);

/* Lets go what a dead daemon held. Nothing is written when it is not frozen. */
int freezer_thaw(const struct sysroot *root, const char *path);

#endif
