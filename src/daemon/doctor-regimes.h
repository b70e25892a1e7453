/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Advice on ways of sharing CPUs: needs admission, which the rest of doctor (regime.h) does not. */
#ifndef DAEMON_DOCTOR_REGIMES_H
#define DAEMON_DOCTOR_REGIMES_H

#include "admit.h"

/* Which there are here, and how many of the reservations in force each would take. Findings as doctor_findings(). */
int doctor_regimes(const struct regime *regime, const struct ledger *ledger, struct finding **ret, size_t *ret_n);

#endif
