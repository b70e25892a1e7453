/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_EXPERIMENT_VALUE_H
#define CLI_EXPERIMENT_VALUE_H

#include "experiment.h"
#include "strict.h"

/* Each reads object[key]; *ret keeps its value when the key is absent and not @needed. -EBADMSG with the place. */
int value_time(struct json_object *object, const struct place *place, const char *key, bool needed, nsec_t *ret,
	       struct vr_error **reterr);
int value_count(struct json_object *object, const struct place *place, const char *key, uint64_t least, uint64_t most,
		uint64_t *ret, struct vr_error **reterr);
/* A decimal with at most nine places, as units of 10^-9. */
int value_decimal(struct json_object *object, const struct place *place, const char *key, bool needed, uint64_t most_ppb,
		  uint64_t *ret, struct vr_error **reterr);
int value_flag(struct json_object *object, const struct place *place, const char *key, bool *ret, struct vr_error **reterr);
int value_word(struct json_object *object, const struct place *place, const char *key, const char *const *words, size_t n,
	       size_t *ret, struct vr_error **reterr);
/* An object with no keys but these; *ret NULL when absent and not @needed. */
int value_object(struct json_object *object, const struct place *place, const char *key, bool needed, const char *const *known,
		 size_t n, struct json_object **ret, struct place *ret_place, struct vr_error **reterr);

/* By kind: a decimal, a time or a count from 1. */
int value_of_kind(enum experiment_kind kind, struct json_object *object, const struct place *place, const char *key,
		  uint64_t *ret, struct vr_error **reterr);
/* One value, an array of them, or { "from", "to", "step" }; at most @max. */
int value_list(enum experiment_kind kind, struct json_object *object, const struct place *place, const char *key, size_t max,
	       uint64_t *ret, size_t *ret_n, struct vr_error **reterr);
/* One value or { "from", "to" }. */
int value_range(enum experiment_kind kind, struct json_object *object, const struct place *place, const char *key,
		uint64_t *ret_from, uint64_t *ret_to, struct vr_error **reterr);

#endif
