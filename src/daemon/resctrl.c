/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ways of a last-level cache, and memory bandwidth, as values: Intel's Cache Allocation Technology and Memory Bandwidth Allocation,
 * AMD's QoS extensions, by the words of the kernel's resctrl file system. A group of tasks has a mask of ways for each cache; what
 * it loads goes into these. Ways that stand in no other group's mask are its own.
 *
 * The default group, in which all other tasks are, holds all ways until an administrator takes some away; libvirt's <cachetune> makes
 * groups beside ours. Both are respected: a domain gets what nobody holds, and is told whom to ask otherwise. Nothing of another
 * group is ever changed.
 *
 * Called by manager-cache.c and the readers. Pure but for memory; never seen at work on hardware, since none of it was at hand.
 */
#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "resctrl.h"

#define bad(reterr, ...) vr_error_set(reterr, -EBADMSG, VR_FAILED, __VA_ARGS__)

void resctrl_done(struct resctrl *host)
{
	free(host->groups);
	*host = (struct resctrl){ .n = 0 };
}

bool resctrl_is_cache(const struct resctrl_resource *resource)
{
	return resource->name[0] == 'L';
}

const struct resctrl_resource *resctrl_find(const struct resctrl_schemata *schemata, const char *name)
{
	for (size_t i = 0; i < schemata->n; i++)
		if (strcmp(schemata->resources[i].name, name) == 0)
			return &schemata->resources[i];
	return NULL;
}

const struct resctrl_group *resctrl_group(const struct resctrl *host, const char *name)
{
	for (size_t i = 0; i < host->n; i++)
		if (strcmp(host->groups[i].name, name) == 0)
			return &host->groups[i];
	return NULL;
}

/* ---- text ---- */

/* Digits of that base, at least one. Moves on behind them. */
static bool number_take(const char **text, int base, uint64_t max, uint64_t *ret)
{
	char *end;

	if (base == 16 ? !isxdigit((unsigned char)**text) : !isdigit((unsigned char)**text))
		return false;
	if (base == 16 && (*text)[0] == '0' && ((*text)[1] == 'x' || (*text)[1] == 'X'))
		return false;
	errno = 0;
	*ret = strtoull(*text, &end, base);
	*text = end;
	return errno == 0 && *ret <= max;
}

static int value_take(const char **text, struct resctrl_resource *resource, struct vr_error **reterr)
{
	uint64_t id, value;

	if (!number_take(text, 10, UINT32_MAX, &id) || *(*text)++ != '=' ||
	    !number_take(text, resctrl_is_cache(resource) ? 16 : 10, UINT64_MAX, &value))
		return bad(reterr, "schemata: %s: expected CACHE=VALUE", resource->name);
	if (resource->n == RESCTRL_CACHES_MAX)
		return bad(reterr, "schemata: %s: more than %d caches", resource->name, RESCTRL_CACHES_MAX);
	for (size_t i = 0; i < resource->n; i++)
		if (resource->at[i].id == id)
			return bad(reterr, "schemata: %s: cache %" PRIu64 " stands twice", resource->name, id);
	resource->at[resource->n].id = (uint32_t)id;
	resource->at[resource->n++].value = value;
	return 0;
}

static int line_take(const char **text, struct resctrl_schemata *schemata, struct vr_error **reterr)
{
	struct resctrl_resource *resource = &schemata->resources[schemata->n];
	const char *p = *text + strspn(*text, " \t");
	size_t length = strcspn(p, ":\n");
	int r;

	if (p[length] != ':' || length == 0 || length >= RESCTRL_NAME_MAX)
		return bad(reterr, "schemata: expected NAME:CACHE=VALUE;...");
	for (size_t i = 0; i < length; i++)
		if (!isupper((unsigned char)p[i]) && !isdigit((unsigned char)p[i]) && p[i] != '_')
			return bad(reterr, "schemata: a resource is called by capital letters and digits");
	*resource = (struct resctrl_resource){ .n = 0 };
	memcpy(resource->name, p, length);
	if (resctrl_find(schemata, resource->name))
		return bad(reterr, "schemata: %s stands twice", resource->name);
	p += length;
	do {
		p++;	/* the colon, or a semicolon */
		r = value_take(&p, resource, reterr);
		if (r < 0)
			return r;
	} while (*p == ';');
	if (*p != '\n' && *p != '\0')
		return bad(reterr, "schemata: %s: expected ; or the end of the line", resource->name);
	schemata->n++;
	*text = p;
	return 0;
}

int resctrl_schemata_parse(const char *text, struct resctrl_schemata *ret, struct vr_error **reterr)
{
	ret->n = 0;
	while (*text) {
		int r;

		if (*text == '\n') {
			text++;
			continue;
		}
		if (ret->n == RESCTRL_RESOURCES_MAX)
			return bad(reterr, "schemata: more than %d resources", RESCTRL_RESOURCES_MAX);
		r = line_take(&text, ret, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

int resctrl_schemata_format(const struct resctrl_schemata *schemata, char **ret)
{
	_cleanup_(freep) char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < schemata->n; i++) {
		const struct resctrl_resource *resource = &schemata->resources[i];

		fprintf(f, "%s:", resource->name);
		for (size_t k = 0; k < resource->n; k++) {
			fprintf(f, "%s%" PRIu32 "=", k > 0 ? ";" : "", resource->at[k].id);
			fprintf(f, resctrl_is_cache(resource) ? "%" PRIx64 : "%" PRIu64, resource->at[k].value);
		}
		fputc('\n', f);
	}
	if (fclose(f) != 0)
		return -ENOMEM;
	*ret = TAKE_PTR(text);
	return 0;
}

static bool resource_within(const struct resctrl_resource *part, const struct resctrl_resource *whole)
{
	for (size_t i = 0; i < part->n; i++) {
		bool found = false;

		for (size_t k = 0; k < whole->n; k++)
			found |= whole->at[k].id == part->at[i].id && whole->at[k].value == part->at[i].value;
		if (!found)
			return false;
	}
	return true;
}

bool resctrl_schemata_within(const struct resctrl_schemata *part, const struct resctrl_schemata *whole)
{
	for (size_t i = 0; i < part->n; i++) {
		const struct resctrl_resource *other = resctrl_find(whole, part->resources[i].name);

		if (!other || !resource_within(&part->resources[i], other))
			return false;
	}
	return true;
}

/* ---- names ---- */

static bool name_may_hold(char c)
{
	return isascii((unsigned char)c) && (isalnum((unsigned char)c) || strchr("._-+@", c));
}

int resctrl_group_name(const char *domain, char ret[RESCTRL_GROUP_MAX])
{
	size_t n = strlen(RESCTRL_PREFIX);

	memcpy(ret, RESCTRL_PREFIX, n);
	for (; *domain; domain++) {
		if (n + 4 > RESCTRL_GROUP_MAX)
			return -ENAMETOOLONG;
		if (name_may_hold(*domain))
			ret[n++] = *domain;
		else
			n += (size_t)snprintf(ret + n, 4, "%%%02x", (unsigned char)*domain);
	}
	ret[n] = '\0';
	return 0;
}

int resctrl_group_domain(const char *group, char **ret)
{
	_cleanup_(freep) char *domain = NULL;
	char again[RESCTRL_GROUP_MAX];
	char *end;

	if (strncmp(group, RESCTRL_PREFIX, strlen(RESCTRL_PREFIX)) != 0)
		return -ENOENT;
	group += strlen(RESCTRL_PREFIX);
	domain = end = calloc(1, strlen(group) + 1);
	if (!domain)
		return -ENOMEM;
	for (const char *p = group; *p; p++) {
		unsigned int c;

		if (*p != '%')
			*end++ = *p;
		else if (isxdigit((unsigned char)p[1]) && sscanf(p + 1, "%2x", &c) == 1 && c != 0) {
			*end++ = (char)c;
			p += 2;
		} else
			return -ENOENT;
		if (p >= group + strlen(group))
			return -ENOENT;
	}
	/* one name, one spelling: who writes it otherwise is somebody else */
	if (resctrl_group_name(domain, again) < 0 || strcmp(again + strlen(RESCTRL_PREFIX), group) != 0)
		return -ENOENT;
	*ret = TAKE_PTR(domain);
	return 0;
}

/* ---- who gets what ---- */

static uint64_t value_at(const struct resctrl_resource *resource, uint32_t id)
{
	for (size_t i = 0; resource && i < resource->n; i++)
		if (resource->at[i].id == id)
			return resource->at[i].value;
	return 0;
}

/* Ways of one cache that any other group has. */
static uint64_t ways_taken(const struct resctrl *host, const char *group, uint32_t id)
{
	uint64_t taken = host->shared_ways;

	for (size_t i = 0; i < host->n; i++)
		for (size_t k = 0; k < host->n_cache && strcmp(host->groups[i].name, group) != 0; k++)
			taken |= value_at(resctrl_find(&host->groups[i].schemata, host->cache[k]), id);
	return taken;
}

/* The lowest run of @ways in @free; 0 = none, and *ret_longest tells what there is. */
static uint64_t run_find(uint64_t free, uint32_t ways, uint32_t *ret_longest)
{
	uint32_t run = 0;

	*ret_longest = 0;
	for (uint32_t i = 0; i < 64; i++) {
		run = free & (UINT64_C(1) << i) ? run + 1 : 0;
		if (run > *ret_longest)
			*ret_longest = run;
		if (run == ways)
			return (ways == 64 ? UINT64_MAX : (UINT64_C(1) << ways) - 1) << (i + 1 - ways);
	}
	return 0;
}

static int ways_refuse(const struct resctrl *host, uint32_t id, uint32_t ways, uint32_t longest, struct vr_error **reterr)
{
	uint64_t common = value_at(resctrl_find(&host->groups[0].schemata, host->cache[0]), id);
	char fewer[64] = "";

	if (longest >= host->least_ways)
		snprintf(fewer, sizeof(fewer), ", or ask for %" PRIu32 " fewer", ways - longest);
	return vr_error_set(reterr, -EDQUOT, VR_OVERLOAD,
			    "%" PRIu32 " ways side by side of %s cache %" PRIu32 ": the most that nobody has is %" PRIu32
			    "; all other tasks share %" PRIx64 " of %" PRIx64 ": take ways from them (" RESCTRL_DIRECTORY
			    "/schemata)%s",
			    ways, host->cache[0], id, longest, common, host->ways, fewer);
}

static int ways_place(const struct resctrl *host, const char *group, uint32_t ways, struct resctrl_schemata *ret, struct vr_error **reterr)
{
	const struct resctrl_resource *every = resctrl_find(&host->groups[0].schemata, host->cache[0]);
	uint32_t all = (uint32_t)__builtin_popcountll(host->ways), longest;
	struct resctrl_resource *line = &ret->resources[0];

	if (!every || host->n_cache == 0)
		return vr_error_set(reterr, -EOPNOTSUPP, VR_UNSUPPORTED, "no cache of this host can be divided by ways");
	if (ways < host->least_ways || ways > all)
		return vr_error_set(reterr, -EINVAL, VR_UNSUPPORTED, "%" PRIu32 " ways of %s: from %" PRIu32 " to %" PRIu32, ways, host->cache[0],
				    host->least_ways, all);
	*line = (struct resctrl_resource){ .n = every->n };
	strcpy(line->name, host->cache[0]);
	for (size_t i = 0; i < every->n; i++) {
		uint32_t id = every->at[i].id;
		uint64_t run = run_find(host->ways & ~ways_taken(host, group, id), ways, &longest);

		if (run == 0)
			return ways_refuse(host, id, ways, longest, reterr);
		line->at[i].id = id;
		line->at[i].value = run;
	}
	ret->n = 1;
	if (host->n_cache == 2) {	/* code and data */
		ret->resources[ret->n] = *line;
		strcpy(ret->resources[ret->n++].name, host->cache[1]);
	}
	return 0;
}

static int bandwidth_place(const struct resctrl *host, uint32_t percent, struct resctrl_schemata *ret, struct vr_error **reterr)
{
	const struct resctrl_resource *every = resctrl_find(&host->groups[0].schemata, "MB");
	uint32_t step = host->bandwidth_step ?: 1;
	struct resctrl_resource *line = &ret->resources[ret->n];
	uint32_t kept = percent - percent % step;

	if (!every || !host->bandwidth)
		return vr_error_set(reterr, -EOPNOTSUPP, VR_UNSUPPORTED, "this host cannot limit memory bandwidth in percent");
	if (kept < host->bandwidth_least || kept == 0 || percent > 100)
		return vr_error_set(reterr, -EINVAL, VR_FAILED,
				    "a memory bandwidth of %" PRIu32 " %%: from %" PRIu32 " to 100, in steps of %" PRIu32, percent,
				    host->bandwidth_least, step);
	*line = *every;
	for (size_t i = 0; i < line->n; i++)
		line->at[i].value = kept;
	ret->n++;
	return 0;
}

int resctrl_place(const struct resctrl *host, const char *group, uint32_t ways, uint32_t percent, struct resctrl_schemata *ret,
		  struct vr_error **reterr)
{
	int r = 0;

	assert(host->n > 0 && host->groups[0].name[0] == '\0');
	ret->n = 0;
	if (ways == 0 && percent == 0)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "neither ways nor memory bandwidth are asked for");
	if (!resctrl_group(host, group) && host->n >= host->closids)
		return vr_error_set(reterr, -EDQUOT, VR_OVERLOAD,
				    "the hardware knows %" PRIu32 " groups, and all are in use: one of them has to end first", host->closids);
	if (ways > 0)
		r = ways_place(host, group, ways, ret, reterr);
	if (r >= 0 && percent > 0)
		r = bandwidth_place(host, percent, ret, reterr);
	return r;
}
