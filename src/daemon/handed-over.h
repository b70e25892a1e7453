/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets that systemd has for us (virtrkd.socket): of the host's network, where virtrkd.service has one of its own. */
#ifndef DAEMON_HANDED_OVER_H
#define DAEMON_HANDED_OVER_H

/* Of a protocol of netlink, else -ENOENT. Whoever asks owns it: each protocol has one user, who asks once. */
int handed_over(int protocol);

#endif
