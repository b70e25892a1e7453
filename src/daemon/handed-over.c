/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What systemd hands over are numbers of open files, in the order of the unit; they are told apart by what they are. Called by the sources
 * that listen to netlink.
 */
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "handed-over.h"

int handed_over(int protocol)
{
	int fd, n = sd_listen_fds(false);

	for (fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + n; fd++) {
		socklen_t size = sizeof(int);
		int is = -1;

		if (sd_is_socket(fd, AF_NETLINK, 0, -1) > 0 && getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &is, &size) == 0 && is == protocol)
			return fd;
	}
	return -ENOENT;
}
