/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a trace: through the parser of its lines, and what that makes of them through the meter, which must keep its
 * own accounts straight whatever it is told.
 */
#include <assert.h>
#include <string.h>

#include "meter.h"
#include "trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static nsec_t heard_until_ns;

static void listen(void *userdata, enum meter_state state, nsec_t start_ns, nsec_t end_ns)
{
	(void)userdata;
	assert(*meter_state_name(state));
	assert(start_ns == heard_until_ns && end_ns > start_ns);
	heard_until_ns = end_ns;
}

static void feed(struct meter *meter, const struct trace_event *event)
{
	switch (event->kind) {
	case TRACE_IN:
		meter_in(meter, event->time_ns);
		break;
	case TRACE_OUT:
		meter_out(meter, event->time_ns, !event->runnable ? METER_BLOCKED : event->lower ? METER_READY_LOWER : METER_READY);
		break;
	case TRACE_WAKE:
		meter_wake(meter, event->time_ns);
		break;
	case TRACE_LOST:
		assert(event->lost > 0);
		meter_lost(meter, meter->last_ns, 1);
		break;
	case TRACE_NONE:
		if (event->time_ns > 0)		/* something else: put the meter right with it */
			(void)meter_sync(meter, event->time_ns, (int64_t)(event->time_ns % 8000000), event->time_ns + event->cpu * 100000);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct cbs_params params = { 4000000, 8000000, 10000000, 4000000 };
	const char *line = (const char *)data, *end = line + size, *newline;
	struct meter_totals totals;
	struct trace_event event;
	struct meter meter;

	meter_init(&meter, &params, 0);
	heard_until_ns = 0;
	meter_listen(&meter, listen, NULL);
	if (size % 2 == 0)
		meter_wake_bound(&meter, 0);
	for (; line < end; line = newline + 1) {
		newline = memchr(line, '\n', (size_t)(end - line));
		if (!newline)
			newline = end;
		if (trace_parse(line, (size_t)(newline - line), 7, &event) < 0) {
			assert(event.kind == TRACE_NONE);
			continue;
		}
		feed(&meter, &event);
		meter_read(&meter, meter.last_ns, &totals);
		assert(totals.throttled_ns <= totals.ready_ns);
		assert(totals.used_ns + totals.ready_ns <= meter.last_ns);
		assert(totals.missed == 0 || totals.worst_late_ns > params.grain_ns);
	}
	meter_finish(&meter, meter.last_ns);
	assert(heard_until_ns == meter.last_ns);
	return 0;
}
