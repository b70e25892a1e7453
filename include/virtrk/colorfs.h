/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * colorfs as programs see it.
 */
#ifndef VIRTRK_COLORFS_H
#define VIRTRK_COLORFS_H

#define COLORFS_NAME	"colorfs"
#define COLORFS_MAGIC	0x636f6c66	/* f_type of statfs(2): "colf" */

#endif
