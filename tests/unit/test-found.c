/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of a measurement may be promised: each doubt alone is enough for no.
 */
#include "expect.h"
#include "found.h"

static const struct cache l2 = { .level = 2, .sets = 1024, .ways = 8, .line = 64, .cpus = 1 };

static struct found sound(void)
{
	struct found found = {
		.colors = { .kind = CACHE_COLORS_INNER, .cache = &l2, .first_bit = 12, .bits = 4 },
		.evict = { .same = 400, .spread = 120, .split = 130, .confirmed = true },
		.end = UINT64_C(1) << 30,
	};

	for (size_t i = 0; i < FOUND_RUNS; i++)
		found.banks[i] = (struct vrk_bank_map){ .doubt = VRK_BANK_SURE, .n = 3, .functions = { 1 << 6 | 1 << 13, 1 << 14 | 1 << 18, 1 << 15 | 1 << 19 },
							.n_colorable = 2, .colorable = { 1 << 14 | 1 << 18, 1 << 15 | 1 << 19 },
							.seen = UINT64_MAX, .certainty = 50 };
	return found;
}

static void expect_found(const char *name, const struct found *found, enum found_reason colors, enum found_reason banks, const char *profile)
{
	_cleanup_(freep) char *text = NULL;
	struct color_map map;

	CASE(name);
	EXPECT_INT(found_colors(found), colors);
	EXPECT_INT(found_banks(found), banks);
	EXPECT_INT(found_map(found, &map), profile != NULL);
	if (profile) {
		text = found_profile(&map);
		EXPECT_STR(text, profile);
	}
}

#define CACHE "virtrk-profile 1 cache=12,13,14,15"
#define BANK  " bank=14^18,15^19"

int main(void)
{
	struct found found = sound();

	expect_found("all is well", &found, FOUND_SOUND, FOUND_SOUND, CACHE BANK);
	found.is_virtual = true;
	expect_found("in a virtual machine, by timing", &found, FOUND_SOUND, FOUND_SOUND, CACHE BANK);
	found.evict_r = -ENODATA;
	found.colors.certain = true;
	expect_found("in a virtual machine, by its processor's word", &found, FOUND_NOT_MEASURED, FOUND_SOUND, "virtrk-profile 1" BANK);
	found.is_virtual = false;
	expect_found("by a real processor's word", &found, FOUND_SOUND, FOUND_SOUND, CACHE BANK);
	found.colors.certain = false;
	expect_found("by nobody's word", &found, FOUND_NOT_MEASURED, FOUND_SOUND, "virtrk-profile 1" BANK);
	found = sound();
	found.colors.certain = true;
	found.evict.confirmed = false;
	expect_found("timing is against it", &found, FOUND_NOT_CONFIRMED, FOUND_SOUND, "virtrk-profile 1" BANK);
	found = sound();
	found.colors = (struct cache_colors){ .kind = CACHE_COLORS_NONE };
	expect_found("no cache has colours", &found, FOUND_NOT_OFFERED, FOUND_SOUND, "virtrk-profile 1" BANK);
	found = sound();
	found.banks_r = -ENOTSUP;
	expect_found("banks cannot be timed", &found, FOUND_SOUND, FOUND_NOT_MEASURED, CACHE);
	found = sound();
	found.banks[2].functions[1] = 1 << 14 | 1 << 19;
	expect_found("the last run differs", &found, FOUND_SOUND, FOUND_NOT_REPEATED, CACHE);
	EXPECT_INT(found_agree(&found), 2);
	found = sound();
	found.banks[0].doubt = VRK_BANK_NOISE;
	expect_found("the first run is not sure", &found, FOUND_SOUND, FOUND_NOT_REPEATED, CACHE);
	for (size_t i = 0; i < FOUND_RUNS; i++)
		found.banks[i] = (struct vrk_bank_map){ .doubt = VRK_BANK_NO_SIGNAL };
	expect_found("no signal", &found, FOUND_SOUND, FOUND_NO_SIGNAL, CACHE);
	found.banks[0].doubt = VRK_BANK_BLIND;
	expect_found("no run is sure", &found, FOUND_SOUND, FOUND_DOUBT, CACHE);
	found.colors.kind = CACHE_COLORS_NONE;
	expect_found("nothing at all", &found, FOUND_NOT_OFFERED, FOUND_DOUBT, NULL);
	found = sound();
	found.banks[1].seen = UINT64_MAX ^ 1 << 29;
	expect_found("a bit that was never different", &found, FOUND_SOUND, FOUND_NOT_COVERED, CACHE);
	found.end = 1 << 29;
	expect_found("a bit that no address has", &found, FOUND_SOUND, FOUND_SOUND, CACHE BANK);
	found = sound();
	for (size_t i = 0; i < FOUND_RUNS; i++)
		found.banks[i].n_colorable = 0;
	expect_found("bits inside the page", &found, FOUND_SOUND, FOUND_NOT_COLORABLE, CACHE);
	CASE("each reason has words");
	for (enum found_reason reason = FOUND_NOT_OFFERED; reason < _FOUND_REASON_MAX; reason++)
		EXPECT(*found_reason_text(reason) && *found_reason_name(reason));
	return expect_result();
}
