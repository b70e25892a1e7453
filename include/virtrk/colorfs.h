/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * colorfs as programs see it: the type of its file systems, and the generic netlink family by which it tells about itself.
 *
 * The family needs CAP_NET_ADMIN and is in the initial network namespace only. It reads: what exists is made by mount(2). Numbers
 * of a newer version come behind those of an older one, so a program that skips what it does not know goes on working.
 */
#ifndef VIRTRK_COLORFS_H
#define VIRTRK_COLORFS_H

#define COLORFS_NAME	"colorfs"
#define COLORFS_MAGIC	0x636f6c66	/* f_type of statfs(2): "colf" */

#define VIRTRK_GENL_NAME	"virtrk"
#define VIRTRK_GENL_VERSION	1
#define VIRTRK_GENL_EVENTS	"events"	/* the multicast group */

enum virtrk_genl_command {
	VIRTRK_CMD_UNSPEC,
	VIRTRK_CMD_GEOMETRY,	/* get: PROFILE, COLORS, BANKS, PAIRS; ENODATA when there is no profile */
	VIRTRK_CMD_POOLS,	/* dump: a message for each mount: POOL to EXCLUSIVE */
	VIRTRK_CMD_FILES,	/* dump, with POOL: a message for each file: POOL, INODE, BYTES, FRAMES */
	VIRTRK_CMD_EXHAUSTED,	/* event: POOL, WANTED, AVAILABLE: a promise was refused */
	VIRTRK_CMD_END
};

/* Amounts are frames of 4096 bytes unless the name says otherwise. */
enum virtrk_genl_attribute {
	VIRTRK_ATTR_UNSPEC,
	VIRTRK_ATTR_PROFILE,	/* string, virtrk-profile(5) */
	VIRTRK_ATTR_COLORS,	/* u64: how many there are */
	VIRTRK_ATTR_BANKS,	/* u64 */
	VIRTRK_ATTR_PAIRS,	/* u64: of a colour and a bank, that frames can have */
	VIRTRK_ATTR_PAD,
	VIRTRK_ATTR_POOL,	/* u32: the minor number of the mount's st_dev */
	VIRTRK_ATTR_COLOR_LIST,	/* string; absent: all */
	VIRTRK_ATTR_BANK_LIST,	/* string; absent: all */
	VIRTRK_ATTR_TOTAL,	/* u64 */
	VIRTRK_ATTR_AVAILABLE,	/* u64: can still be promised */
	VIRTRK_ATTR_PROMISED,	/* u64: to files */
	VIRTRK_ATTR_LIMBO,	/* u64: given back, but pinned by somebody */
	VIRTRK_ATTR_REFUSALS,	/* u64: how many promises were refused, ever */
	VIRTRK_ATTR_NODE,	/* u32; absent: any */
	VIRTRK_ATTR_EXCLUSIVE,	/* flag */
	VIRTRK_ATTR_INODE,	/* u64 */
	VIRTRK_ATTR_BYTES,	/* u64: the file's size */
	VIRTRK_ATTR_FRAMES,	/* u64: that the file has already */
	VIRTRK_ATTR_WANTED,	/* u64 */
	VIRTRK_ATTR_END
};

#endif
