/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MOUNT_H
#define MOUNT_H

#include "error.h"

/*
 * mount_make() - @type from @source at @path, with options as mount(8) takes them
 *
 * The directory is made if it is not there, all that lead to it too; a directory that was made goes again when the mount fails.
 * Return: 0; negative errno with the kernel's own words where it has some.
 */
int mount_make(const char *type, const char *source, const char *path, const char *options, struct vr_error **reterr);
/* A mount that is nowhere in the tree, as a descriptor: it goes with the last file in it that is open. What is in it may be executed. */
int mount_open(const char *type, const char *source, const char *options, int *ret, struct vr_error **reterr);
/* The directory goes with it where it is empty and ours: below /run/virtrk. */
int mount_end(const char *path, struct vr_error **reterr);

#endif
