/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file of a memory profile (virtrk-profile(5)): the profile, for which machine it is, and comments.
 */
#ifndef PROFILE_PROFILE_FILE_H
#define PROFILE_PROFILE_FILE_H

#include "door.h"
#include "error.h"

#define PROFILE_MADE	 "/etc/virtrk/memory-profile"
#define PROFILE_MEASURED "/var/lib/virtrk/memory-profile"

/*
 * Lines that begin with '#' go, one that begins with "machine" becomes *ret_machine (NULL: there is none), the others are *ret_profile.
 * -EBADMSG: "machine" twice; -ENOMEM.
 */
int profile_file_split(const char *text, char **ret_profile, char **ret_machine);

/*
 * profile_file_look() - the profile that is in force: the administrator's, else the measured one
 * @ret: NULL: there is none
 *
 * Return: 0; with words (VR_BAD_CONFIG): -ESTALE, it is another machine's, or a measured one that does not say whose; -EBADMSG; what
 * reading said; -ENOMEM.
 */
int profile_file_look(const struct profile_door *door, char **ret, struct vr_error **reterr);

#endif
