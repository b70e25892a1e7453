/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which profile is in force, and whether it is this machine's. One of /etc/virtrk is what the administrator says, and is believed; if it has
 * a line "machine" (it was copied from a measured one), that has to be true. One that was measured is believed on the machine on which it
 * was, and nowhere else: after a DIMM was added, or a setting of the firmware changed, two domains with banks of their own would share one.
 *
 * Called by virtrkd at its start and at each request for memory, by virtrk. Decides nothing about colours, and writes nothing.
 */
#include <stdbool.h>
#include <string.h>

#include "machine.h"
#include "profile-file.h"

int profile_file_split(const char *text, char **ret_profile, char **ret_machine)
{
	_cleanup_(freep) char *profile = malloc(strlen(text) + 1), *machine = NULL;
	size_t length = 0;

	if (!profile)
		return -ENOMEM;
	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");
		bool more = line[n] == '\n';

		if (strncmp(line, "machine", 7) == 0) {
			if (machine)
				return -EBADMSG;
			machine = strndup(line, n);
			if (!machine)
				return -ENOMEM;
		} else if (*line != '#') {
			memcpy(profile + length, line, n + more);
			length += n + more;
		}
		line += n + more;
	}
	profile[length] = '\0';
	*ret_profile = TAKE_PTR(profile);
	*ret_machine = TAKE_PTR(machine);
	return 0;
}

/* Is @line, of the file @path, about this machine? */
static int machine_judge(const struct profile_door *door, const char *path, const char *line, struct vr_error **reterr)
{
	_cleanup_(machine_done) struct machine then = { { NULL } }, now = { { NULL } };
	_cleanup_(freep) char *words = NULL;
	int r = machine_parse(line, &then);

	if (r == -EBADMSG)
		return vr_error_set(reterr, r, VR_BAD_CONFIG, "%s: its line \"machine\" is not as virtrk memory profile --write makes it", path);
	if (r >= 0)
		r = machine_look(door, &now);
	if (r >= 0)
		r = machine_differ(&then, &now, &words);
	if (r < 0)
		return r == -ENOMEM ? r : vr_error_set(reterr, r, VR_BAD_CONFIG, "%s: what this machine is, cannot be read: %s", path, strerror(-r));
	if (words)
		return vr_error_set(reterr, -ESTALE, VR_BAD_CONFIG,
				    "%s is of a machine that differs in %s: measure anew, by virtrk memory profile --write", path, words);
	return 0;
}

/* 0: there is no such file. */
static int file_look(const struct profile_door *door, const char *path, bool measured, char **ret, struct vr_error **reterr)
{
	_cleanup_(freep) char *text = NULL, *profile = NULL, *machine = NULL;
	size_t size;
	int r = door->read(door->host, path, &text, &size);

	if (r == -ENOENT)
		return 0;
	if (r >= 0 && strlen(text) != size)
		r = -EBADMSG;
	if (r < 0)
		return r == -ENOMEM ? r : vr_error_set(reterr, r, VR_BAD_CONFIG, "%s cannot be read: %s", path, strerror(-r));
	r = profile_file_split(text, &profile, &machine);
	if (r == -EBADMSG)
		return vr_error_set(reterr, r, VR_BAD_CONFIG, "%s: more than one line \"machine\"", path);
	if (r >= 0 && machine)
		r = machine_judge(door, path, machine, reterr);
	else if (r >= 0 && measured)
		r = vr_error_set(reterr, -ESTALE, VR_BAD_CONFIG,
				 "%s does not say of which machine it is: measure anew, by virtrk memory profile --write; "
				 "what is known otherwise belongs into " PROFILE_MADE, path);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(profile);
	return 1;
}

int profile_file_look(const struct profile_door *door, char **ret, struct vr_error **reterr)
{
	char *profile = NULL;
	int r = file_look(door, PROFILE_MADE, false, &profile, reterr);

	if (r == 0)
		r = file_look(door, PROFILE_MEASURED, true, &profile, reterr);
	if (r < 0)
		return r;
	*ret = profile;
	return 0;
}
