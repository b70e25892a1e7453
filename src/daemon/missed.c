/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When the log hears of missed budgets: see missed.h. Knows neither clock nor log. */
#include "missed.h"

#define GAP_FIRST_NS (10 * NSEC_PER_SEC)
#define GAP_MAX_NS   (3600 * NSEC_PER_SEC)

static struct missed_news news_take(struct missed *missed, nsec_t now_ns)
{
	struct missed_news news = { missed->untold, missed->gap_ns };

	if (now_ns < missed->next_ns)
		return (struct missed_news){ 0 };
	if (news.count == 0) {
		missed->gap_ns = 0;
		return (struct missed_news){ 0 };
	}
	missed->untold = 0;
	missed->gap_ns = missed->gap_ns == 0 ? GAP_FIRST_NS : missed->gap_ns * 2;
	if (missed->gap_ns > GAP_MAX_NS)
		missed->gap_ns = GAP_MAX_NS;
	missed->next_ns = now_ns + missed->gap_ns;
	return news;
}

uint64_t missed_add(struct missed *missed, nsec_t now_ns, uint64_t metered, struct missed_news *ret_news)
{
	uint64_t count = metered >= missed->metered ? metered - missed->metered : metered;

	missed->metered = metered;
	missed->all += count;
	missed->untold += count;
	*ret_news = news_take(missed, now_ns);
	return count;
}
