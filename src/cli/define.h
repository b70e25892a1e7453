/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between virtrk and its libvirt module. Only define and show --xml talk to libvirt; the sixty libraries behind it are loaded for
 * them alone (define-load.c).
 */
#ifndef CLI_DEFINE_H
#define CLI_DEFINE_H

#include <stdint.h>

#include "error.h"
#include "intent.h"

/* A connection to libvirt, and one domain of it. */
struct define_domain;

#define DEFINE_MODULE_VERSION 2
#define DEFINE_MODULE_SYMBOL  "virtrk_define_module"

/* Every failure has one line, libvirt's own words among them. */
struct define_module {
	uint32_t version;
	int (*open)(struct define_domain **ret, const char *uri, const char *domain, struct vr_error **reterr);
	struct define_domain *(*close)(struct define_domain *domain);
	bool (*active)(const struct define_domain *domain);

	/* As intent_read(): of the domain that runs, else of its configuration. */
	int (*read)(struct define_domain *domain, struct intent *ret, struct vr_error **reterr);

	/* @element: bare, as intent_write() makes it; NULL takes it away. In the configuration, and where it runs. */
	int (*write)(struct define_domain *domain, const char *element, struct vr_error **reterr);

	/* <resource><partition> of the configuration: from the next start on. */
	int (*partition)(struct define_domain *domain, const char *path, struct vr_error **reterr);

	/* <memoryBacking> of the configuration: a file that is shared, which coloured memory needs. 1 = it was so already. */
	int (*back_by_file)(struct define_domain *domain, struct vr_error **reterr);
};

/* define-load.c; -ENOENT with words: this virtrk has no libvirt. */
int define_load(const struct define_module **ret, struct vr_error **reterr);

#endif
