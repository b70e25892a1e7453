/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the module colorfs tells by generic netlink: that a mount had to refuse memory. It may be loaded, and go, at any time. */
#ifndef DAEMON_SOURCE_COLORFS_H
#define DAEMON_SOURCE_COLORFS_H

#include <stdint.h>

#include "cleanup.h"

typedef struct sd_event sd_event;
struct nlmsghdr;

/* A promise that was refused: in frames of 4096 bytes. */
struct colorfs_refusal {
	uint32_t pool;		/* the minor number of the mount's device; its major number is 0 */
	uint64_t wanted;
	uint64_t available;
};

/* May not free the source. */
typedef void (*colorfs_handler)(const struct colorfs_refusal *refusal, void *userdata);

/*
 * Listens from its return on, as soon as there is such a family.
 * Return: 0; -errno: cannot be had, as in a namespace of networks of our own without a socket of systemd.
 */
struct source_colorfs;
int source_colorfs_new(struct source_colorfs **ret, sd_event *event, colorfs_handler handler, void *userdata);
struct source_colorfs *source_colorfs_free(struct source_colorfs *source);
DEFINE_CLEANUP(struct source_colorfs *, source_colorfs_free)

enum colorfs_message_kind {
	COLORFS_NOTHING,	/* about something else, or not understood */
	COLORFS_FAMILY,		/* the family is there */
	COLORFS_FAMILY_GONE,
	COLORFS_REFUSAL,
};

struct colorfs_message {
	enum colorfs_message_kind kind;
	uint16_t family;	/* COLORFS_FAMILY: its number, and that of its group of events; 0: it is not told */
	uint32_t group;
	struct colorfs_refusal refusal;
};

/* One message, for tests: @family is the number that is known by now, 0: none. */
void colorfs_message_read(struct nlmsghdr *header, uint16_t family, struct colorfs_message *ret);

#endif
