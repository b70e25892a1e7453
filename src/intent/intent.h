/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the metadata of a libvirt domain say that its threads are to be promised (virtrk-domain(5)). It travels with the
 * domain; virtrk writes it, virtrkd and libvirt's hook read it.
 */
#ifndef INTENT_H
#define INTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <virtrk/units.h>

#include "error.h"

#define INTENT_NAMESPACE_ANY "urn:virtrk:domain:"	/* of every version */
#define INTENT_NAMESPACE     INTENT_NAMESPACE_ANY "1"
#define INTENT_PREFIX	     "rk"
#define INTENT_ELEMENT	     "reservation"
#define INTENT_ITEMS_MAX     1024
#define INTENT_THREAD_MAX    32
#define INTENT_CPUS_MAX	     256
#define INTENT_PARTITION_MAX 256
#define INTENT_XML_MAX	     (4U << 20)		/* libvirt does not send longer ones */

struct intent_item {
	char thread[INTENT_THREAD_MAX];
	nsec_t budget_ns;
	nsec_t period_ns;
	nsec_t deadline_ns;		/* the period, when none was given */
	bool soft;
	char cpus[INTENT_CPUS_MAX];	/* "" = none of its own */
};

/* Page frames of the domain's own, by cache colour and DRAM bank. */
struct intent_memory {
	bool wanted;
	uint64_t bytes;			/* 0 = as much as the domain has */
	char colors[INTENT_CPUS_MAX];	/* "" any, "4" so many that nobody else has, "0-3" these */
	char banks[INTENT_CPUS_MAX];
	bool exclusive;
	bool preserve;			/* the guest's addresses choose among its colours */
	uint32_t ways;			/* of the last-level cache, whether frames are wanted or not; 0 = it shares the cache */
};
#define INTENT_WAYS_MAX 64
#define INTENT_PAGE	4096U

struct intent {
	bool report;			/* on-refusal="report": the domain starts all the same */
	struct intent_memory memory;
	struct intent_item *items;	/* no thread twice */
	size_t n;
};

/* Values; intent.c. */
void intent_done(struct intent *intent);
struct intent *intent_free(struct intent *intent);	/* one that was malloc()ed */
DEFINE_CLEANUP(struct intent *, intent_free)
bool intent_equal(const struct intent *a, const struct intent *b);
bool intent_item_equal(const struct intent_item *a, const struct intent_item *b);
const struct intent_item *intent_find(const struct intent *intent, const char *thread);
/* In the place of what that thread had; -E2BIG more than INTENT_ITEMS_MAX. */
int intent_set(struct intent *intent, const struct intent_item *item);
bool intent_unset(struct intent *intent, const char *thread);	/* false: it was not there */

/* Form alone: does a thread of a domain have such a name, is that a list of CPUs? */
bool intent_thread_valid(const char *name);
bool intent_cpus_valid(const char *text);
/* Colours or banks: a list like that, or a number of them. *ret_number 0: it is a list, or "". */
bool intent_colors_valid(const char *text, uint32_t *ret_number);
/* "preserve" or "any"; false: something else. */
bool intent_layout_read(const char *text, bool *ret_preserve);
bool intent_empty(const struct intent *intent);		/* asks for nothing */

/*
 * intent_slice() - the slice, right below the root of control groups, that a partition of libvirt's is in
 *
 * libvirt makes a systemd slice of its first name, and escapes it as systemd does; where there is no machined it makes a directory,
 * ".partition" when the name has no dot.
 * Return: true with *ret when that is a slice of virtrk's: "virtrk....slice".
 */
bool intent_slice(const char *partition, bool machined, char ret[INTENT_PARTITION_MAX]);

/* The element, as it stands in <metadata>; malloc()ed. @bare: without namespace, as libvirt wants it, which adds that by itself. */
int intent_write(const struct intent *intent, bool bare, char **ret);

/*
 * intent_read() - from a domain's XML, or from the element alone; intent-read.c
 *
 * *ret_report is what on-refusal says as far as it can be read, also of an intent that is malformed or of another version: that
 * attribute means the same in all of them.
 * Return: 0 with *ret filled; -ENOENT the domain has none; with words (VR_BAD_CONFIG) -EBADMSG malformed, -EPROTONOSUPPORT of a
 * version that this reader does not know, -EILSEQ no XML at all; -ENOMEM.
 */
int intent_read(const char *xml, size_t length, struct intent *ret, bool *ret_report, struct vr_error **reterr);

/* What else of a domain's XML matters: for its memory, and where libvirt will put it. */
struct intent_domain {
	int64_t id;			/* of this run; -1 = it does not run */
	uint64_t bytes;			/* <memory>, or <maxMemory> where that is more; 0 = not told */
	bool file_backed;		/* <memoryBacking> with <source type='file'/> and <access mode='shared'/>, without <hugepages/> */
	char partition[INTENT_PARTITION_MAX];	/* <resource><partition>; "" = none, or too long to be one of ours */
};

/* As intent_read(); -EBADMSG: no domain. */
int intent_read_domain(const char *xml, size_t length, struct intent_domain *ret, struct vr_error **reterr);

#endif
