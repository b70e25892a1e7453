/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROGRAM_H
#define PROGRAM_H

#define PROGRAM_PATH_MAX 4096
#define PROGRAM_WHY_MAX	 512

/* As a shell does, by PATH where @name has no slash. -ENOENT; -EACCES: it is there, but is no program. */
int program_find(const char *name, char ret[PROGRAM_PATH_MAX]);

/*
 * program_judge() - can an object of ours be loaded into that program?
 *
 * Return: 0; -ENOEXEC, -EPERM with a line that says why not; -errno with "" where the kernel would say the same.
 */
int program_judge(const char *path, char ret_why[PROGRAM_WHY_MAX]);

#endif
