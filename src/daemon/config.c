/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads a domain's reservation file. Strict, because a typo in it is a real-time guest without its share: unknown and
 * doubled keys, wrong types and units are errors that name file and path. Whether the numbers are possible is not asked
 * here: admission does, with the same words as for a request over D-Bus.
 */
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config.h"
#include "config-memory.h"
#include "cpulist.h"
#include "json-keys.h"
#include "json-strict.h"

#define CONFIG_MAX_BYTES (1 << 20)
#define CONFIG_MAX_ITEMS 1024

DEFINE_CLEANUP(struct json_object *, json_object_put)
DEFINE_CLEANUP(struct json_tokener *, json_tokener_free)

struct context {
	const char *name;	/* of the file */
	struct vr_error **reterr;
};

void domain_config_done(struct domain_config *config)
{
	free(config->domain);
	free(config->items);
	*config = (struct domain_config) { 0 };
}

#define bad(c, ...) vr_error_set((c)->reterr, -EBADMSG, VR_BAD_CONFIG, __VA_ARGS__)

static int time_read(const struct context *c, size_t i, const char *key, struct json_object *value, nsec_t *ret)
{
	int r;

	if (!json_object_is_type(value, json_type_string))
		return bad(c, "%s: reservations[%zu].%s: a time is a string with its unit, like \"4ms\"", c->name, i, key);
	r = vrk_nsec_parse(json_object_get_string(value), ret);
	if (r == -ERANGE)
		return bad(c, "%s: reservations[%zu].%s: %s is too large", c->name, i, key, json_object_get_string(value));
	if (r < 0)
		return bad(c, "%s: reservations[%zu].%s: \"%s\" is no time: a number with ns, us, ms or s",
			   c->name, i, key, json_object_get_string(value));
	return 0;
}

static int member_read(const struct context *c, size_t i, const char *key, struct json_object *value,
		       struct request_item *item)
{
	if (strcmp(key, "thread") == 0) {
		enum vm_thread_kind kind;
		uint32_t index;
		const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

		if (vm_thread_name_parse(text, &kind, &index) < 0)
			return bad(c, "%s: reservations[%zu].thread: expected vcpuN, emulator, iothreadN or vhostN",
				   c->name, i);
		vm_thread_name_format(item->thread, kind, index);
		return 0;
	}
	if (strcmp(key, "budget") == 0)
		return time_read(c, i, key, value, &item->reservation.budget_ns);
	if (strcmp(key, "period") == 0)
		return time_read(c, i, key, value, &item->reservation.period_ns);
	if (strcmp(key, "deadline") == 0)
		return time_read(c, i, key, value, &item->reservation.deadline_ns);
	if (strcmp(key, "soft") == 0) {
		if (!json_object_is_type(value, json_type_boolean))
			return bad(c, "%s: reservations[%zu].soft: expected true or false", c->name, i);
		item->soft = json_object_get_boolean(value);
		return 0;
	}
	if (strcmp(key, "cpus") == 0) {
		const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

		if (cpulist_parse(text, &item->cpus) < 0 || CPU_COUNT(&item->cpus) == 0)
			return bad(c, "%s: reservations[%zu].cpus: expected a list of CPUs such as \"2\" or \"2-3,5\"", c->name, i);
		return 0;
	}
	return bad(c, "%s: reservations[%zu].%s: unknown key (known: thread, budget, period, deadline, soft, cpus)",
		   c->name, i, key);
}

static int item_read(const struct context *c, size_t i, struct json_object *object, struct request_item *item)
{
	if (!json_object_is_type(object, json_type_object))
		return bad(c, "%s: reservations[%zu]: expected an object", c->name, i);
	json_object_object_foreach(object, key, value) {
		int r = member_read(c, i, key, value, item);

		if (r < 0)
			return r;
	}
	if (!item->thread[0])
		return bad(c, "%s: reservations[%zu].thread is missing", c->name, i);
	if (!json_object_object_get_ex(object, "budget", NULL))
		return bad(c, "%s: reservations[%zu].budget is missing", c->name, i);
	if (!json_object_object_get_ex(object, "period", NULL))
		return bad(c, "%s: reservations[%zu].period is missing", c->name, i);
	if (!json_object_object_get_ex(object, "deadline", NULL))
		item->reservation.deadline_ns = item->reservation.period_ns;
	return 0;
}

static int items_read(const struct context *c, struct json_object *array, struct domain_config *config)
{
	size_t n;

	if (!json_object_is_type(array, json_type_array))
		return bad(c, "%s: reservations: expected an array", c->name);
	n = json_object_array_length(array);
	if (n == 0 || n > CONFIG_MAX_ITEMS)
		return bad(c, "%s: reservations: expected 1 to %d entries, found %zu", c->name, CONFIG_MAX_ITEMS, n);
	config->items = calloc(n, sizeof(*config->items));
	if (!config->items)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int r = item_read(c, i, json_object_array_get_idx(array, i), &config->items[i]);

		if (r < 0)
			return r;
		for (size_t k = 0; k < i; k++)
			if (strcmp(config->items[k].thread, config->items[i].thread) == 0)
				return bad(c, "%s: reservations[%zu].thread: %s stands twice", c->name, i,
					   config->items[i].thread);
		config->n = i + 1;
	}
	return 0;
}

static int document_read(const struct context *c, struct json_object *document, struct domain_config *config)
{
	struct json_object *array = NULL, *memory = NULL;
	const char *domain = NULL;
	int r;

	if (!json_object_is_type(document, json_type_object))
		return bad(c, "%s: expected an object", c->name);
	json_object_object_foreach(document, key, value) {
		if (strcmp(key, "reservations") == 0)
			array = value;
		else if (strcmp(key, "memory") == 0)
			memory = value;
		else if (strcmp(key, "domain") == 0 && !json_object_is_type(value, json_type_string))
			return bad(c, "%s: domain: expected a name in quotes", c->name);
		else if (strcmp(key, "domain") == 0)
			domain = json_object_get_string(value);
		else
			return bad(c, "%s: %s: unknown key (known: domain, memory, reservations)", c->name, key);
	}
	if (!array)
		return bad(c, "%s: reservations is missing", c->name);
	r = json_object_object_get_ex(document, "memory", NULL) ? config_memory_read(c->name, memory, &config->memory, c->reterr) : 0;
	if (r < 0)
		return r;
	config->domain = domain ? strdup(domain) : NULL;
	if (domain && !config->domain)
		return -ENOMEM;
	return items_read(c, array, config);
}

static int keys_check(const struct context *c, const char *text, size_t length)
{
	_cleanup_(freep) char *path = NULL;
	int r;

	r = json_keys_check(text, length, &path);
	if (r == -EEXIST)
		return bad(c, "%s: %s: the key stands twice", c->name, path ?: "?");
	if (r == -EINVAL || r == -E2BIG)
		return bad(c, "%s: %s: no key of this document", c->name, path ?: "?");
	return r;
}

int domain_config_parse(const char *name, const char *text, size_t length, struct domain_config *ret,
			struct vr_error **reterr)
{
	_cleanup_(json_tokener_freep) struct json_tokener *tokener = json_tokener_new_ex(8);
	_cleanup_(json_object_putp) struct json_object *document = NULL;
	_cleanup_(domain_config_done) struct domain_config config = { 0 };
	const struct context c = { name, reterr };
	int r;

	if (!tokener)
		return -ENOMEM;
	if (length > CONFIG_MAX_BYTES)
		return bad(&c, "%s: larger than 1 MiB", name);
	r = json_strict_parse(tokener, JSON_TOKENER_VALIDATE_UTF8, text, length, &document);
	if (r < 0)
		return r;
	if (!document || json_tokener_get_error(tokener) != json_tokener_success)
		return bad(&c, "%s: no JSON: %s at byte %zu", name,
			   json_tokener_error_desc(json_tokener_get_error(tokener)), json_tokener_get_parse_end(tokener));
	r = keys_check(&c, text, length);
	if (r >= 0)
		r = document_read(&c, document, &config);
	if (r < 0)
		return r;

	*ret = config;
	config = (struct domain_config) { 0 };
	return 0;
}

int domain_config_load(const char *directory, const char *domain, struct domain_config *ret, struct vr_error **reterr)
{
	_cleanup_(freep) char *path = NULL;
	_cleanup_(freep) char *text = NULL;
	_cleanup_(closep) int fd = -EBADF;
	struct stat st;
	ssize_t n;

	if (strchr(domain, '/') || domain[0] == '.')
		return -ENOENT;		/* such a name is no file of ours */
	if (asprintf(&path, "%s/domains.d/%s.json", directory, domain) < 0)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? -ENOENT
			: vr_error_set(reterr, -errno, VR_BAD_CONFIG, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > CONFIG_MAX_BYTES)
		return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "%s: not a regular file of at most 1 MiB", path);
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	n = read(fd, text, (size_t)st.st_size);
	if (n < 0)
		return vr_error_set(reterr, -errno, VR_BAD_CONFIG, "%s: %s", path, strerror(errno));
	text[n] = '\0';
	return domain_config_parse(path, text, (size_t)n, ret, reterr);
}
