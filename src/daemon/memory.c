/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who gets which page frames. A host's frames have a cache colour and a DRAM bank (virtrk-profile(5)); a mount of colorfs is a pool of
 * frames of some colours and banks, and the memory of one domain. The mounts are the ledger: the kernel holds the frames from the mount
 * on, and shows in the mount's options which they are. Here is decided which colours one more gets.
 *
 * That all have room at once is not a matter of sums: who may use colours 0 and 1 and who may use 1 and 2 compete for 1. The library's
 * exact test is asked, and what it answers is checked before it counts.
 *
 * Called by manager-memory.c. Pure but for memory.
 */
#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "memory.h"
#include "memory-shares.h"

#define OPTIONS_MAX 4096	/* a page is all that mount(2) takes */

void memory_host_done(struct memory_host *host)
{
	free(host->frames);
	free(host->profile);
	*host = (struct memory_host){ .colors = 0 };
}

void memory_pool_done(struct memory_pool *pool)
{
	free(pool->domain);
	free(pool->path);
	pool->domain = pool->path = NULL;
}

void memory_pools_free(struct memory_pool *pools, size_t n)
{
	for (size_t i = 0; i < n; i++)
		memory_pool_done(&pools[i]);
	free(pools);
}

int memory_pool_copy(const struct memory_pool *pool, struct memory_pool *ret)
{
	*ret = *pool;
	ret->domain = strdup(pool->domain);
	ret->path = pool->path ? strdup(pool->path) : NULL;
	if (ret->domain && (ret->path || !pool->path))
		return 0;
	memory_pool_done(ret);
	return -ENOMEM;
}

/* ---- the host ---- */

static int profile_read(const char *profile, struct memory_host *host, struct vr_error **reterr)
{
	char text[OPTIONS_MAX];
	enum color_fault fault;
	size_t at = 0;

	fault = color_map_parse(&host->map, profile, strlen(profile), &at);
	if (fault != COLOR_OK)
		return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "the memory profile: %s (at character %zu)", color_fault_text(fault), at + 1);
	if (color_map_format(&host->map, text, sizeof(text)) >= sizeof(text))
		return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, "the memory profile is too long for mount options");
	host->profile = strdup(text);
	return host->profile ? 0 : -ENOMEM;
}

int memory_host_make(const char *profile, const struct memory_range *ranges, size_t n, struct memory_host *ret, struct vr_error **reterr)
{
	_cleanup_(memory_host_done) struct memory_host host = { 0 };
	uint64_t colors, banks;
	int r = profile ? profile_read(profile, &host, reterr) : 0;

	if (r < 0)
		return r;
	colors = color_count(&host.map, COLOR_CACHE);
	banks = color_count(&host.map, COLOR_BANK);
	if (colors > MEMORY_COLORS_MAX || banks > MEMORY_COLORS_MAX || colors * banks > VRK_CELLS_MAX)
		return vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG,
				    "the memory profile has %" PRIu64 " colours and %" PRIu64
				    " banks: at most %u of each, and %u pairs, can be dealt with",
				    colors, banks, MEMORY_COLORS_MAX, VRK_CELLS_MAX);
	host.colors = (uint32_t)colors;
	host.banks = (uint32_t)banks;
	host.frames = calloc(colors * banks, sizeof(*host.frames));
	if (!host.frames)
		return -ENOMEM;
	for (uint32_t c = 0; c < host.colors; c++)
		for (uint32_t b = 0; b < host.banks; b++)
			for (size_t i = 0; i < n; i++)
				host.frames[(size_t)c * host.banks + b] += color_frames(&host.map, c, b, ranges[i].first, ranges[i].end);
	*ret = TAKE_GENERIC(host, struct memory_host, (struct memory_host){ .colors = 0 });
	return 0;
}

/* ---- a list or a number, of colours or banks ---- */

/* For both kinds: the words, what the host has, and how a pool and a request name them. */
struct axis {
	enum color_kind kind;
	const char *name;
	size_t set;		/* in struct memory_pool */
	size_t all;
};

static const struct axis axes[COLOR_KINDS] = {
	[COLOR_CACHE] = { COLOR_CACHE, "colours", offsetof(struct memory_pool, colors), offsetof(struct memory_pool, all_colors) },
	[COLOR_BANK] = { COLOR_BANK, "banks", offsetof(struct memory_pool, banks), offsetof(struct memory_pool, all_banks) },
};

static const struct color_set *set_of(const struct axis *axis, const struct memory_pool *pool)
{
	return (const struct color_set *)((const char *)pool + axis->set);
}

static bool is_all(const struct axis *axis, const struct memory_pool *pool)
{
	return *(const bool *)((const char *)pool + axis->all);
}

static uint32_t count_of(const struct axis *axis, const struct memory_host *host)
{
	return axis->kind == COLOR_CACHE ? host->colors : host->banks;
}

static void set_add(struct color_set *set, uint32_t i)
{
	set->word[i / 64] |= UINT64_C(1) << (i % 64);
	set->count++;
}

/* Does any pool name it? Who names none has no claim to a certain one, unless it wants all for itself. */
static bool is_named(const struct axis *axis, const struct memory_pool *pools, size_t n, uint32_t i)
{
	for (size_t k = 0; k < n; k++)
		if (is_all(axis, &pools[k]) ? pools[k].exclusive && axis->kind == COLOR_CACHE : color_set_has(set_of(axis, &pools[k]), i))
			return true;
	return false;
}

void memory_unnamed(const struct memory_host *host, const struct memory_pool *pools, size_t n, enum color_kind kind, struct color_set *ret)
{
	const struct axis *axis = &axes[kind];

	*ret = (struct color_set){ .limit = count_of(axis, host) };
	for (uint32_t i = 0; i < ret->limit; i++)
		if (!is_named(axis, pools, n, i))
			set_add(ret, i);
}

static int number_choose(const struct axis *axis, const struct memory_host *host, const struct memory_pool *pools, size_t n, uint32_t wanted,
			 struct color_set *ret, struct vr_error **reterr)
{
	uint32_t there = count_of(axis, host);
	struct color_set free;

	*ret = (struct color_set){ .limit = there };
	memory_unnamed(host, pools, n, axis->kind, &free);
	if (wanted > there)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "%" PRIu32 " %s: this host has %" PRIu32 "%s", wanted, axis->name, there,
				    !host->profile ? ": it has no memory profile (virtrk memory profile)" :
				    there == 1 ? " by its memory profile" : "");
	for (uint32_t i = 0; i < there && ret->count < wanted; i++)
		if (color_set_has(&free, i))
			set_add(ret, i);
	if (ret->count == wanted)
		return 0;
	return vr_error_set(reterr, -EDQUOT, VR_OVERLOAD,
			    "%" PRIu32 " %s that no other domain has: %" PRIu32 " are left of %" PRIu32 "; %" PRIu32
			    " fewer would fit, or a list of which some are shared",
			    wanted, axis->name, free.count, there, wanted - free.count);
}

static int list_choose(const struct axis *axis, const struct memory_host *host, const char *list, struct color_set *ret, struct vr_error **reterr)
{
	size_t at = 0;
	enum color_fault fault = color_set_parse(ret, count_of(axis, host), list, strlen(list), &at);

	if (fault == COLOR_OK)
		return 0;
	return vr_error_set(reterr, -EINVAL, VR_FAILED, "%s %.100s: %s (at character %zu; this host has 0-%" PRIu32 ")", axis->name, list,
			    color_fault_text(fault), at + 1, count_of(axis, host) - 1);
}

/* *ret_all: neither a number nor a list. */
static int axis_choose(const struct axis *axis, const struct memory_host *host, const struct memory_pool *pools, size_t n, uint32_t number,
		       const char *list, struct color_set *ret, bool *ret_all, struct vr_error **reterr)
{
	*ret_all = number == 0 && (!list || !*list);
	if (*ret_all)
		return 0;
	if (number > 0 && list && *list)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "of %s either a number or a list", axis->name);
	return number > 0 ? number_choose(axis, host, pools, n, number, ret, reterr) : list_choose(axis, host, list, ret, reterr);
}

/* ---- does it fit? ---- */

static void set_translate(const struct axis *axis, const struct memory_host *host, const struct memory_pool *pool, struct vrk_colors *ret)
{
	for (uint32_t i = 0; i < count_of(axis, host); i++)
		if (is_all(axis, pool) || color_set_has(set_of(axis, pool), i))
			vrk_colors_add(ret, i);
}

void memory_request(const struct memory_host *host, const struct memory_pool *pool, struct vrk_memory_request *ret)
{
	*ret = (struct vrk_memory_request){ .bytes = pool->bytes, .exclusive_colors = pool->exclusive };
	set_translate(&axes[COLOR_CACHE], host, pool, &ret->colors);
	set_translate(&axes[COLOR_BANK], host, pool, &ret->banks);
	/* mounted by another profile, it may have any */
	if (vrk_colors_count(&ret->colors) == 0 || vrk_colors_count(&ret->banks) == 0) {
		const struct memory_pool any = { .all_colors = true, .all_banks = true };

		set_translate(&axes[COLOR_CACHE], host, &any, &ret->colors);
		set_translate(&axes[COLOR_BANK], host, &any, &ret->banks);
	}
}

static const char *owner_name(const struct memory_pool *pool)
{
	return *pool->domain ? pool->domain : pool->path ?: "another";
}

/* "rt, b and 3 more" of those that are named in the answer, but for the last one, who asks. */
static void names_write(const struct memory_pool *pools, size_t n, const struct vrk_memory_answer *answer, char *buf, size_t size)
{
	size_t length = 0, shown = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < answer->n_who && length < size; i++) {
		if (answer->who[i] >= n)
			continue;
		if (shown++ == 3) {
			snprintf(buf + length, size - length, " and others");
			return;
		}
		length += (size_t)snprintf(buf + length, size - length, "%s%.60s", shown > 1 ? ", " : "", owner_name(&pools[answer->who[i]]));
	}
}

static void repair_write(const struct vrk_memory_repair *repair, uint64_t bytes, char *buf, size_t size)
{
	char less[VRK_BYTES_STRLEN];

	if (repair->colors.more > 0 && (repair->bytes == 0 || repair->colors.fewest))
		snprintf(buf, size, "; %" PRIu32 " more colour%s would do", repair->colors.more, repair->colors.more == 1 ? "" : "s");
	else
		buf[0] = '\0';
	if (repair->bytes > 0 && strlen(buf) + 64 < size)
		snprintf(buf + strlen(buf), size - strlen(buf), "; %s less would fit", vrk_bytes_format(less, bytes - repair->bytes));
}

/* Who named no colours cannot have all of them beside one that wants some for itself: which are left? */
static void others_write(const struct memory_host *host, const struct memory_pool *pools, size_t n, const struct memory_pool *asks, char *buf,
			 size_t size)
{
	struct color_set left = { .limit = host->colors };
	char list[128];

	buf[0] = '\0';
	for (uint32_t i = 0; asks->all_colors && i < host->colors; i++) {
		bool taken = false;

		for (size_t k = 0; k < n; k++)
			taken |= pools[k].exclusive && (pools[k].all_colors || color_set_has(&pools[k].colors, i));
		if (!taken)
			set_add(&left, i);
	}
	if (left.count > 0 && color_set_format(&left, list, sizeof(list)) < sizeof(list))
		snprintf(buf, size, "; colours %s can be named", list);
}

/*
 * More colours than a number of them help only if nobody has named them: the next ones are to be had as these were, and not by sharing. A pool
 * that names none has frames of all, so beside one nothing can be said.
 */
static int repair_find(const struct vrk_memory_host *frames, struct vrk_memory_request *requests, size_t n, bool by_number,
		       struct vrk_memory_repair *ret)
{
	struct vrk_memory_repair alone;
	int r = vrk_memory_repair(frames, requests, n + 1, n, ret);

	if (r < 0 || !by_number || requests[n].exclusive_colors)
		return r;
	requests[n].exclusive_colors = true;
	r = vrk_memory_repair(frames, requests, n + 1, n, &alone);
	requests[n].exclusive_colors = false;
	if (r >= 0)
		ret->colors = alone.colors;
	return r;
}

static int refuse(const struct memory_host *host, const struct memory_pool *pools, size_t n, const struct memory_pool *asks,
		  bool by_number, const struct vrk_memory_host *frames, struct vrk_memory_request *requests,
		  const struct vrk_memory_answer *answer, struct vr_error **reterr)
{
	char names[256], repair_text[160], lhs[VRK_BYTES_STRLEN], rhs[VRK_BYTES_STRLEN];
	struct vrk_memory_repair repair = { .bytes = 0 };

	assert(host->frames == frames->frames);
	names_write(pools, n, answer, names, sizeof(names));
	if (answer->rule != VRK_MEMORY_CAPACITY) {
		others_write(host, pools, n, asks, repair_text, sizeof(repair_text));
		return vr_error_set(reterr, -EDQUOT, VR_OVERLOAD, "%s %" PRIu32 " is in use by %s, and one of both wants it alone%s",
				    answer->rule == VRK_MEMORY_SHARED_COLOR ? "colour" : "bank", answer->shared, *names ? names : "another",
				    repair_text);
	}
	if (answer->n_who > 0 && answer->who[answer->n_who - 1] < n)	/* ascending: who asks is not among them */
		return vr_error_set(reterr, -EDQUOT, VR_OVERLOAD, "what is mounted for %s does not agree with the memory profile: %s of %s", names,
				    vrk_bytes_format(lhs, answer->lhs_frames * VRK_FRAME_BYTES),
				    vrk_bytes_format(rhs, answer->rhs_frames * VRK_FRAME_BYTES));
	if (repair_find(frames, requests, n, by_number, &repair) < 0)
		repair = (struct vrk_memory_repair){ .bytes = 0 };
	repair_write(&repair, (asks->bytes + VRK_FRAME_BYTES - 1) / VRK_FRAME_BYTES * VRK_FRAME_BYTES, repair_text, sizeof(repair_text));
	return vr_error_set(reterr, -EDQUOT, VR_OVERLOAD, "memory of these colours and banks: %s wanted%s%s, %s there%s",
			    vrk_bytes_format(lhs, answer->lhs_frames * VRK_FRAME_BYTES), *names ? ", with that of " : "", names,
			    vrk_bytes_format(rhs, answer->rhs_frames * VRK_FRAME_BYTES), repair_text);
}

static int fit(const struct memory_host *host, const struct memory_pool *pools, size_t n, const struct memory_pool *asks, bool by_number,
	       struct vr_error **reterr)
{
	const struct vrk_memory_host frames = { host->colors, host->banks, host->frames };
	_cleanup_(vrk_memory_answer_done) struct vrk_memory_answer answer = { 0 };
	_cleanup_(freep) struct vrk_memory_request *requests = calloc(n + 1, sizeof(*requests));
	int r;

	if (!requests)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		memory_request(host, &pools[i], &requests[i]);
	memory_request(host, asks, &requests[n]);
	r = vrk_memory_fit(&frames, requests, n + 1, &answer);
	if (r == -E2BIG)
		return vr_error_set(reterr, -EDQUOT, VR_OVERLOAD, "more than %d mounts of colorfs", VRK_REQUESTS_MAX - 1);
	if (r == -ERANGE)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "more memory than any host has");
	if (r >= 0)
		r = vrk_memory_check(&frames, requests, n + 1, &answer);
	if (r < 0)
		return r;
	return answer.rule == VRK_MEMORY_FITS ? 0 : refuse(host, pools, n, asks, by_number, &frames, requests, &answer, reterr);
}

/* ---- as many frames of each colour ---- */

enum color_fault memory_layout(const struct memory_host *host, const struct memory_pool *pool, struct color_layout *ret)
{
	const bool all[COLOR_KINDS] = { [COLOR_CACHE] = pool->all_colors, [COLOR_BANK] = pool->all_banks };
	struct color_set sets[COLOR_KINDS] = { [COLOR_CACHE] = pool->colors, [COLOR_BANK] = pool->banks };
	enum color_fault fault = COLOR_OK;

	if (pool->all_colors)
		fault = color_set_fill(&sets[COLOR_CACHE], host->colors);
	return fault == COLOR_OK ? color_layout_make(ret, &host->map, sets, all) : fault;
}

static int layout_check(const struct memory_host *host, const struct memory_pool *pool, struct vr_error **reterr)
{
	struct color_layout layout;
	enum color_fault fault;
	uint64_t step;

	if (!pool->preserve)
		return 0;
	if (pool->exclusive)
		return vr_error_set(reterr, -EINVAL, VR_FAILED,
				    "layout preserve has as many frames of each colour, exclusive all that there are: one of both");
	fault = memory_layout(host, pool, &layout);
	if (fault != COLOR_OK)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "layout preserve: %s", color_fault_text(fault));
	step = color_layout_classes(&layout) * VRK_FRAME_BYTES;
	if (pool->bytes % step == 0)
		return 0;
	return vr_error_set(reterr, -EINVAL, VR_FAILED,
			    "a size of %" PRIu64 " bytes: with layout preserve a multiple of %" PRIu64 ", a page of each colour and named bank",
			    pool->bytes, step);
}

int memory_choose(const struct memory_host *host, const struct memory_pool *pools, size_t n, const struct memory_want *want,
		  struct memory_pool *ret, struct vr_error **reterr)
{
	_cleanup_(memory_pool_done) struct memory_pool pool = { .bytes = want->bytes, .exclusive = want->exclusive, .preserve = want->preserve };
	int r;

	if (want->bytes == 0 || want->bytes % VRK_FRAME_BYTES != 0)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "a size of %" PRIu64 " bytes: whole pages of %llu, at least one", want->bytes,
				    VRK_FRAME_BYTES);
	if (want->exclusive && want->n_colors == 0 && (!want->colors || !*want->colors))
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "which colours are to be nobody else's? a number or a list of them is needed");
	r = axis_choose(&axes[COLOR_CACHE], host, pools, n, want->n_colors, want->colors, &pool.colors, &pool.all_colors, reterr);
	if (r >= 0)
		r = axis_choose(&axes[COLOR_BANK], host, pools, n, want->n_banks, want->banks, &pool.banks, &pool.all_banks, reterr);
	if (r >= 0)
		r = layout_check(host, &pool, reterr);
	if (r >= 0)
		r = fit(host, pools, n, &pool, want->n_colors > 0, reterr);
	if (r >= 0)
		r = memory_shares_fit(host, pools, n, &pool, reterr);
	if (r < 0)
		return r;
	pool.domain = strdup(want->domain);
	if (!pool.domain)
		return -ENOMEM;
	*ret = TAKE_GENERIC(pool, struct memory_pool, (struct memory_pool){ .bytes = 0 });
	return 0;
}

/* ---- is it there? ---- */

static bool set_equal(const struct color_set *a, const struct color_set *b)
{
	return color_set_within(a, b) && color_set_within(b, a);
}

static int axis_serves(const struct axis *axis, const struct memory_host *host, const struct memory_pool *pool, uint32_t number,
		       const char *list, struct vr_error **reterr)
{
	struct color_set wanted;
	char has[128];
	int r;

	if (number == 0 && (!list || !*list))
		return 0;
	if (number == 0) {
		r = list_choose(axis, host, list, &wanted, reterr);
		if (r < 0)
			return r;
	}
	if (!is_all(axis, pool) && (number > 0 ? set_of(axis, pool)->count == number : set_equal(set_of(axis, pool), &wanted)))
		return 0;
	if (is_all(axis, pool) || color_set_format(set_of(axis, pool), has, sizeof(has)) >= sizeof(has))
		strcpy(has, is_all(axis, pool) ? "of any" : "of many");
	if (number > 0)
		return vr_error_set(reterr, -ENOENT, VR_NOT_RESERVED, "the memory of %s has the %s %s, wanted are %" PRIu32 " of them",
				    pool->domain, axis->name, has, number);
	return vr_error_set(reterr, -ENOENT, VR_NOT_RESERVED, "the memory of %s has the %s %s, not %.100s", pool->domain, axis->name, has, list);
}

int memory_serves(const struct memory_host *host, const struct memory_pool *pools, size_t n, const struct memory_want *want, size_t *ret,
		  struct vr_error **reterr)
{
	char lhs[VRK_BYTES_STRLEN], rhs[VRK_BYTES_STRLEN];
	const struct memory_pool *pool = NULL;
	int r;

	for (size_t i = 0; i < n && !pool; i++)
		if (pools[i].path && strcmp(pools[i].domain, want->domain) == 0)
			pool = &pools[*ret = i];
	if (!pool)
		return vr_error_set(reterr, -ENOENT, VR_NOT_RESERVED,
				    "%s has no memory of its own: that is mounted before QEMU starts (virtrk memory mount)", want->domain);
	if (pool->bytes < want->bytes)
		return vr_error_set(reterr, -ENOENT, VR_NOT_RESERVED, "the memory of %s is %s, wanted are %s", want->domain,
				    vrk_bytes_format(lhs, pool->bytes), vrk_bytes_format(rhs, want->bytes));
	if (want->exclusive && !pool->exclusive)
		return vr_error_set(reterr, -ENOENT, VR_NOT_RESERVED, "the memory of %s is not exclusive: others may have its colours too",
				    want->domain);
	if (want->preserve && !pool->preserve)
		return vr_error_set(reterr, -ENOENT, VR_NOT_RESERVED,
				    "the memory of %s is not of layout preserve: its addresses do not choose colours", want->domain);
	r = axis_serves(&axes[COLOR_CACHE], host, pool, want->n_colors, want->colors, reterr);
	return r < 0 ? r : axis_serves(&axes[COLOR_BANK], host, pool, want->n_banks, want->banks, reterr);
}

/* ---- options of mount(2), and back ---- */

int memory_options(const struct memory_host *host, const struct memory_pool *pool, char **ret)
{
	char colors[OPTIONS_MAX] = "", banks[OPTIONS_MAX] = "";

	if (!pool->all_colors && color_set_format(&pool->colors, colors, sizeof(colors)) >= sizeof(colors))
		return -E2BIG;
	if (!pool->all_banks && color_set_format(&pool->banks, banks, sizeof(banks)) >= sizeof(banks))
		return -E2BIG;
	if (asprintf(ret, "size=%" PRIu64 "%s%s%s%s%s%s%s%s", pool->bytes, *colors ? ",colors=" : "", colors, *banks ? ",banks=" : "", banks,
		     pool->exclusive ? ",exclusive" : "", pool->preserve ? ",layout=preserve" : "",
		     host->profile ? ",profile=" : "", host->profile ?: "") < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	if (strlen(*ret) < OPTIONS_MAX)
		return 0;
	free(TAKE_PTR(*ret));
	return -E2BIG;
}

/* The kernel writes blanks and backslashes as \ooo. Freed by the caller. */
static char *field_decode(const char *text, size_t length)
{
	char *out = calloc(1, length + 1), *p = out;

	for (size_t i = 0; out && i < length; i++) {
		if (text[i] == '\\' && i + 3 < length && strspn(text + i + 1, "01234567") >= 3) {
			*p++ = (char)(((text[i + 1] - '0') << 6) | ((text[i + 2] - '0') << 3) | (text[i + 3] - '0'));
			i += 3;
		} else {
			*p++ = text[i];
		}
	}
	return out;
}

static int size_read(const char *text, uint64_t *ret)
{
	unsigned int shift = 0;
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	if (end == text || errno != 0)
		return -EBADMSG;
	switch (*end) {
	case 'k': shift = 10; break;
	case 'm': shift = 20; break;
	case 'g': shift = 30; break;
	case '\0': return 0;
	default: return -EBADMSG;
	}
	if (end[1] != '\0' || *ret > UINT64_MAX >> shift)
		return -EBADMSG;
	*ret <<= shift;
	return 0;
}

/* Which of them there are was the mount's business: any that can be listed will do. */
static int set_read(const char *text, struct color_set *ret, bool *ret_all)
{
	size_t at;

	*ret_all = false;
	return color_set_parse(ret, MEMORY_COLORS_MAX, text, strlen(text), &at) == COLOR_OK ? 0 : -EBADMSG;
}

static int option_read(const char *option, struct memory_pool *pool)
{
	if (strncmp(option, "size=", 5) == 0)
		return size_read(option + 5, &pool->bytes);
	if (strncmp(option, "colors=", 7) == 0)
		return set_read(option + 7, &pool->colors, &pool->all_colors);
	if (strncmp(option, "banks=", 6) == 0)
		return set_read(option + 6, &pool->banks, &pool->all_banks);
	if (strcmp(option, "exclusive") == 0)
		pool->exclusive = true;
	if (strcmp(option, "layout=preserve") == 0)
		pool->preserve = true;
	return 0;
}

static int options_read(char *text, struct memory_pool *pool)
{
	char *rest = NULL;
	int r = 0;

	pool->all_colors = pool->all_banks = true;
	for (char *option = strtok_r(text, ",", &rest); r >= 0 && option; option = strtok_r(NULL, ",", &rest))
		r = option_read(option, pool);
	return r >= 0 && pool->bytes == 0 ? -EBADMSG : r;
}

/* Of a line: the third field, the fifth, and what comes after one that is "-". */
enum { FIELD_DEVICE, FIELD_POINT, FIELD_TYPE, FIELD_SOURCE, FIELD_OPTIONS, _FIELD_MAX };

static int fields_find(const char *line, const char *fields[_FIELD_MAX], size_t lengths[_FIELD_MAX])
{
	bool tail = false;
	size_t found = 0, i = 0;

	for (const char *p = line; *p; i++) {
		size_t length = strcspn(p, " ");

		if (i == 2 || i == 4 || (tail && found < _FIELD_MAX)) {
			fields[found] = p;
			lengths[found++] = length;
		}
		tail |= i > 4 && length == 1 && *p == '-';
		p += length + (p[length] == ' ');
	}
	return found == _FIELD_MAX ? 0 : -EBADMSG;
}

int memory_pool_parse(const char *line, struct memory_pool *ret)
{
	_cleanup_(memory_pool_done) struct memory_pool pool = { .bytes = 0 };
	_cleanup_(freep) char *source = NULL, *options = NULL;
	const char *fields[_FIELD_MAX];
	size_t lengths[_FIELD_MAX];
	int r;

	if (fields_find(line, fields, lengths) < 0 || lengths[FIELD_TYPE] != strlen("colorfs") ||
	    strncmp(fields[FIELD_TYPE], "colorfs", lengths[FIELD_TYPE]) != 0 || lengths[FIELD_DEVICE] >= sizeof(pool.device))
		return 0;
	memcpy(pool.device, fields[FIELD_DEVICE], lengths[FIELD_DEVICE]);
	pool.path = field_decode(fields[FIELD_POINT], lengths[FIELD_POINT]);
	source = field_decode(fields[FIELD_SOURCE], lengths[FIELD_SOURCE]);
	options = field_decode(fields[FIELD_OPTIONS], lengths[FIELD_OPTIONS]);
	if (!pool.path || !source || !options)
		return -ENOMEM;
	r = options_read(options, &pool);
	if (r < 0)
		return r;
	pool.domain = strdup(strncmp(source, MEMORY_SOURCE, strlen(MEMORY_SOURCE)) == 0 ? source + strlen(MEMORY_SOURCE) : "");
	if (!pool.domain)
		return -ENOMEM;
	*ret = TAKE_GENERIC(pool, struct memory_pool, (struct memory_pool){ .bytes = 0 });
	return 1;
}
