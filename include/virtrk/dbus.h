/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The D-Bus names of virtrkd, for clients in C. The manual of the interface is org.virtrk1(5).
 */
#ifndef VIRTRK_DBUS_H
#define VIRTRK_DBUS_H

#define VIRTRK_BUS_NAME			"org.virtrk1"
#define VIRTRK_OBJECT			"/org/virtrk1"
#define VIRTRK_DOMAIN_PREFIX		"/org/virtrk1/domain"
#define VIRTRK_INTERFACE_MANAGER	"org.virtrk1.Manager"
#define VIRTRK_INTERFACE_DOMAIN		"org.virtrk1.Domain"
#define VIRTRK_INTERFACE_RESERVATION	"org.virtrk1.Reservation"

/* Where virtrkd listens when there is no system bus, and the client looks then. */
#define VIRTRK_PRIVATE_SOCKET		"/run/virtrk/bus"

/* Flags of one reservation in Reserve() and Check(). */
#define VIRTRK_RESERVE_SOFT		(1ULL << 0)	/* may use left-over bandwidth (SCHED_FLAG_RECLAIM) */
#define VIRTRK_RESERVE_REPLACE		(1ULL << 1)	/* the thread may be reserved already: this replaces it */
#define VIRTRK_RESERVE_FLAGS_ALL	(VIRTRK_RESERVE_SOFT | VIRTRK_RESERVE_REPLACE)

/* What polkit is asked when somebody else than root calls. */
#define VIRTRK_ACTION_RESERVE		"org.virtrk1.reserve"
#define VIRTRK_ACTION_INSPECT		"org.virtrk1.inspect"

/* Errors. One per reason; the message is one line for a person. */
#define VIRTRK_ERROR_PREFIX		"org.virtrk1.Error."
#define VIRTRK_ERROR_FAILED		"org.virtrk1.Error.Failed"
#define VIRTRK_ERROR_NO_MEMORY		"org.virtrk1.Error.NoMemory"
#define VIRTRK_ERROR_OVERLOAD		"org.virtrk1.Error.Overload"
#define VIRTRK_ERROR_KERNEL_BUSY	"org.virtrk1.Error.KernelBusy"
#define VIRTRK_ERROR_BAD_BUDGET		"org.virtrk1.Error.BadBudget"
#define VIRTRK_ERROR_BAD_DEADLINE	"org.virtrk1.Error.BadDeadline"
#define VIRTRK_ERROR_BAD_PERIOD		"org.virtrk1.Error.BadPeriod"
#define VIRTRK_ERROR_BAD_THREAD		"org.virtrk1.Error.BadThread"
#define VIRTRK_ERROR_NO_DOMAIN		"org.virtrk1.Error.NoSuchDomain"
#define VIRTRK_ERROR_NO_THREAD		"org.virtrk1.Error.NoSuchThread"
#define VIRTRK_ERROR_DUPLICATE		"org.virtrk1.Error.Duplicate"
#define VIRTRK_ERROR_NOT_RESERVED	"org.virtrk1.Error.NotReserved"
#define VIRTRK_ERROR_THREAD_GONE	"org.virtrk1.Error.ThreadGone"
#define VIRTRK_ERROR_NOT_PERMITTED	"org.virtrk1.Error.NotPermitted"
#define VIRTRK_ERROR_AFFINITY		"org.virtrk1.Error.Affinity"
#define VIRTRK_ERROR_UNSUPPORTED	"org.virtrk1.Error.Unsupported"
#define VIRTRK_ERROR_BAD_CONFIG		"org.virtrk1.Error.BadConfig"
#define VIRTRK_ERROR_BAD_STATE		"org.virtrk1.Error.BadState"
#define VIRTRK_ERROR_RUNNING		"org.virtrk1.Error.AlreadyRunning"
#define VIRTRK_ERROR_READ_BACK		"org.virtrk1.Error.ReadBack"
#define VIRTRK_ERROR_DRY_RUN		"org.virtrk1.Error.DryRun"
#define VIRTRK_ERROR_NO_TOKEN		"org.virtrk1.Error.NoSuchToken"
#define VIRTRK_ERROR_BAD_TTL		"org.virtrk1.Error.BadTTL"
#define VIRTRK_ERROR_BAD_CPU		"org.virtrk1.Error.BadCPU"

#endif
