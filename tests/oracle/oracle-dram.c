/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DRAM, command by command, as the estimates of dram.c have it: one channel, one command a clock, one request outstanding per core, open rows.
 * In a bank the oldest request goes first, but for row hits, of which so many may overtake each other request; among banks the oldest request
 * whose command the bank could take goes first, and waits for the bus. Others ask for what harms most: rows of their own, again and again.
 *
 *	request	what the requests of a core wait for others is never more than its number times vrk_dram_request()
 *	jobs	nor more than vrk_dram_jobs() says of what the others ask for
 *	curve	nor is a job behind a cache of some colours longer than vrk_dram_curve() says
 *	published	what was printed of the first leaves something out, and is exceeded: with DDR3-1333, too
 */
#include <virtrk/memory.h>

#include "oracle.h"

#define CORES	 4
#define BANKS	 4
#define REQUESTS 24
#define NONE	 UINT32_MAX
#define FOREVER	 UINT64_MAX

enum command { PRECHARGE, ACTIVATE, TRANSFER };

struct request {
	uint32_t bank, row;
	bool write;
	uint64_t gap;		/* clocks before it, since the last one was served */
};

struct core {
	struct request next[REQUESTS];
	size_t n, served;
	struct vrk_colors banks;
	uint64_t ready;		/* when the next one is issued */
	uint64_t age;		/* of the one that is outstanding, a number; FOREVER = none is */
	uint32_t overtaken;
};

struct bank {
	uint32_t row;
	uint64_t ready;		/* for the next command */
	bool opened;		/* activated for the request that is in service, which nothing overtakes then */
};

struct channel {
	struct vrk_dram d;
	struct core cores[CORES];
	size_t n;
	struct bank banks[BANKS];
	uint64_t acts[4];	/* the last activations, newest first */
	uint64_t transfer;	/* the last, and what it was */
	bool any, write;
	uint64_t clock, ages;
	size_t busy[BANKS];	/* who is in service in a bank; CORES = nobody */
};

/* ---- the controller ---- */

static const struct request *wants(const struct channel *c, size_t q)
{
	return &c->cores[q].next[c->cores[q].served];
}

static bool outstanding(const struct channel *c, size_t q)
{
	return q < c->n && c->cores[q].age != FOREVER;
}

/* Would @q overtake anybody of its bank who has been overtaken often enough? */
static bool may_overtake(const struct channel *c, size_t q)
{
	for (size_t o = 0; o < c->n; o++)
		if (o != q && outstanding(c, o) && wants(c, o)->bank == wants(c, q)->bank && c->cores[o].age < c->cores[q].age &&
		    c->cores[o].overtaken >= c->d.reorder)
			return false;
	return true;
}

/* Who is next in a bank: the oldest row hit that may be, or the oldest. */
static size_t bank_choose(const struct channel *c, uint32_t bank)
{
	size_t oldest = CORES, hit = CORES;

	for (size_t q = 0; q < c->n; q++) {
		if (!outstanding(c, q) || wants(c, q)->bank != bank)
			continue;
		if (oldest == CORES || c->cores[q].age < c->cores[oldest].age)
			oldest = q;
		if (wants(c, q)->row == c->banks[bank].row && may_overtake(c, q) && (hit == CORES || c->cores[q].age < c->cores[hit].age))
			hit = q;
	}
	return hit != CORES ? hit : oldest;
}

static enum command command_of(const struct channel *c, size_t q)
{
	const struct bank *bank = &c->banks[wants(c, q)->bank];

	return bank->row == wants(c, q)->row ? TRANSFER : bank->row == NONE ? ACTIVATE : PRECHARGE;
}

/* From when on the buses take it, whatever the bank says. */
static uint64_t bus_ready(const struct channel *c, size_t q)
{
	const struct vrk_dram *d = &c->d;
	uint64_t faw, turn;

	switch (command_of(c, q)) {
	case ACTIVATE:
		faw = c->acts[3] == FOREVER ? 0 : c->acts[3] + d->faw;
		return c->acts[0] == FOREVER ? 0 : c->acts[0] + d->rrd > faw ? c->acts[0] + d->rrd : faw;
	case TRANSFER:
		if (!c->any)
			return 0;
		turn = c->write == wants(c, q)->write ? d->bl / 2 : c->write ? d->wl + d->bl / 2 + d->wtr :
		       d->cl + d->bl / 2 + 2 > d->wl ? d->cl + d->bl / 2 + 2 - d->wl : 0;
		return c->transfer + turn;
	default:
		return 0;
	}
}

static void overtake(struct channel *c, size_t q)
{
	for (size_t o = 0; o < c->n; o++)
		if (o != q && outstanding(c, o) && wants(c, o)->bank == wants(c, q)->bank && c->cores[o].age < c->cores[q].age)
			c->cores[o].overtaken++;
}

static void command_issue(struct channel *c, size_t q)
{
	const struct vrk_dram *d = &c->d;
	const struct request *r = wants(c, q);
	struct bank *bank = &c->banks[r->bank];
	struct core *core = &c->cores[q];

	c->busy[r->bank] = q;
	switch (command_of(c, q)) {
	case PRECHARGE:
		bank->row = NONE;
		bank->ready = c->clock + d->rp;
		return;
	case ACTIVATE:
		memmove(&c->acts[1], &c->acts[0], 3 * sizeof(c->acts[0]));
		c->acts[0] = c->clock;
		bank->row = r->row;
		bank->ready = c->clock + d->rcd;
		return;
	default:
		overtake(c, q);
		c->transfer = c->clock;
		c->any = true;
		c->write = r->write;
		bank->ready = c->clock + (r->write ? d->wl + d->bl / 2 + d->wr : d->cl + d->bl / 2);
		c->busy[r->bank] = CORES;
		core->age = FOREVER;
		core->overtaken = 0;
		core->served++;
		core->ready = c->clock + (r->write ? d->wl : d->cl) + d->bl / 2;
		if (core->served < core->n)
			core->ready += wants(c, q)->gap;
	}
}

/* Who gives a command in this clock: of those whose bank is ready, the oldest of each kind of command first. */
static void clock_step(struct channel *c)
{
	size_t first[3] = { CORES, CORES, CORES };

	for (uint32_t b = 0; b < BANKS; b++) {
		size_t q = c->busy[b] < CORES ? c->busy[b] : bank_choose(c, b);
		enum command what;

		if (q == CORES || c->banks[b].ready > c->clock)
			continue;
		what = command_of(c, q);
		if (first[what] == CORES || c->cores[q].age < c->cores[first[what]].age)
			first[what] = q;
	}
	for (int what = TRANSFER; what >= PRECHARGE; what--)
		if (first[what] < CORES && bus_ready(c, first[what]) <= c->clock) {
			command_issue(c, first[what]);
			return;
		}
}

/* Until core 0 has been served all it asks for; when that is, in clocks, or 0 for core 0 that asks for nothing. */
static uint64_t channel_run(struct channel *c)
{
	for (size_t b = 0; b < BANKS; b++) {
		c->banks[b] = (struct bank){ .row = NONE };
		c->busy[b] = CORES;
	}
	for (size_t i = 0; i < 4; i++)
		c->acts[i] = FOREVER;
	for (size_t q = 0; q < c->n; q++) {
		c->cores[q].age = FOREVER;
		c->cores[q].served = c->cores[q].overtaken = 0;
		c->cores[q].ready = c->cores[q].next[0].gap;
	}
	for (c->clock = 0; c->cores[0].served < c->cores[0].n; c->clock++) {
		for (size_t k = 0; k < c->n; k++) {
			struct core *core = &c->cores[c->n - 1 - k];	/* the others are there first */

			if (core->age == FOREVER && core->served < core->n && core->ready <= c->clock)
				core->age = c->ages++;
		}
		clock_step(c);
	}
	return c->cores[0].ready;
}

/* ---- what is asked ---- */

static uint32_t pick(struct oracle *o, uint64_t set)
{
	uint32_t bank;

	do
		bank = (uint32_t)oracle_between(o, 0, BANKS - 1);
	while (!(set >> bank & 1));
	return bank;
}

static void core_draw(struct oracle *o, struct channel *c, size_t q, size_t n)
{
	struct core *core = &c->cores[q];
	unsigned int stay = (unsigned int)oracle_between(o, 50, 100), writes = (unsigned int)oracle_between(o, 0, 100);
	bool eager = q > 0 && oracle_chance(o, 80);

	core->n = n;
	for (size_t i = 0; i < n; i++) {
		const struct request *before = i > 0 ? &core->next[i - 1] : NULL;

		core->next[i].bank = before && oracle_chance(o, stay) ? before->bank : pick(o, core->banks.words[0]);
		core->next[i].row = before && oracle_chance(o, stay) ? before->row : (uint32_t)(q * 8 + oracle_between(o, 0, 7));
		core->next[i].write = oracle_chance(o, writes);
		core->next[i].gap = eager ? 0 : oracle_between(o, 0, 60);
	}
}

static const struct vrk_dram ddr3 = { 1500, 9, 9, 9, 7, 8, 5, 10, 4, 20, 12, 0, 0 };

static void channel_draw(struct oracle *o, struct channel *c, size_t own)
{
	*c = (struct channel){ .d = ddr3, .n = oracle_between(o, 2, CORES) };
	c->d.reorder = (uint32_t)oracle_between(o, 0, 6);
	if (oracle_chance(o, 50))
		c->d = (struct vrk_dram){ 1000, (uint32_t)oracle_between(o, 1, 12), (uint32_t)oracle_between(o, 1, 12), (uint32_t)oracle_between(o, 2, 12),
					  (uint32_t)oracle_between(o, 1, 9), 8, (uint32_t)oracle_between(o, 1, 9), (uint32_t)oracle_between(o, 1, 12),
					  (uint32_t)oracle_between(o, 1, 6), (uint32_t)oracle_between(o, 4, 30), c->d.reorder, 0, 0 };
	for (size_t q = 0; q < c->n; q++) {
		c->cores[q].banks.words[0] = oracle_chance(o, 40) ? 1ULL << oracle_between(o, 0, BANKS - 1) : oracle_between(o, 1, (1 << BANKS) - 1);
		core_draw(o, c, q, q == 0 ? own : REQUESTS);
	}
}

/* How much longer core 0 takes than alone, in ps. */
static uint64_t delay_of(const struct channel *c, uint64_t asked[CORES])
{
	struct channel alone = *c, beside = *c;
	uint64_t before, after;

	alone.n = 1;
	before = channel_run(&alone);
	after = channel_run(&beside);
	for (size_t q = 0; q < c->n; q++)
		asked[q] = beside.cores[q].served + (beside.cores[q].age != FOREVER);
	return after > before ? (after - before) * c->d.clock_ps : 0;
}

/* The others try to do worse: one of their requests is changed at a time, and stays so where core 0 does not wait less. */
static uint64_t climb(struct oracle *o, struct channel *c, uint64_t asked[CORES])
{
	uint64_t ps = delay_of(c, asked);

	for (unsigned int step = 0; step < 30; step++) {
		struct channel other = *c;
		struct core *core = &other.cores[oracle_between(o, 0, c->n - 1)];
		struct request *r = &core->next[oracle_between(o, 0, core->n - 1)], *before = r > core->next ? r - 1 : r;
		uint64_t then, seen[CORES];

		switch (oracle_between(o, 0, 4)) {
		case 0:
			r->gap = oracle_between(o, 0, 60);
			break;
		case 1:
			r->gap = 0;
			break;
		case 2:
			r->write = !r->write;
			break;
		case 3:
			r->bank = before->bank;
			r->row = before->row;
			break;
		default:
			r->bank = pick(o, core->banks.words[0]);
			r->row = (uint32_t)oracle_between(o, 0, 31);
		}
		then = delay_of(&other, seen);
		if (then < ps)
			continue;
		ps = then;
		*c = other;
		memcpy(asked, seen, sizeof(seen));
	}
	return ps;
}

struct banks_of {
	struct vrk_colors set[CORES];
};

static struct banks_of banks_of(const struct channel *c)
{
	struct banks_of banks = { 0 };

	for (size_t q = 0; q < c->n; q++)
		banks.set[q] = c->cores[q].banks;
	return banks;
}

static void judge(struct oracle *o, const struct channel *c, uint64_t ps, uint64_t bound)
{
	if (ps > bound) {
		oracle_fail(o, "waits longer", &(struct vrk_host){ 0 }, NULL, 0);
		if (o->failed <= 10) {
			fprintf(stderr, "  %" PRIu64 " ps, not %" PRIu64 ": %zu requests, reorder %u, banks", ps, bound, c->cores[0].n, c->d.reorder);
			for (size_t q = 0; q < c->n; q++)
				fprintf(stderr, " %" PRIx64, c->cores[q].banks.words[0]);
			fprintf(stderr, "; clock %u, rp %u rcd %u cl %u wl %u wtr %u wr %u rrd %u faw %u\n", c->d.clock_ps, c->d.rp, c->d.rcd,
				c->d.cl, c->d.wl, c->d.wtr, c->d.wr, c->d.rrd, c->d.faw);
		}
	}
	o->accepted += ps > 0;
	o->refused += ps == 0;
	if (bound > 0 && ps <= bound && (unsigned __int128)ps * o->tight_den > (unsigned __int128)o->tight_num * bound) {
		o->tight_num = ps;
		o->tight_den = bound;
	}
}

static void request(struct oracle *o)
{
	struct channel c;
	struct banks_of banks;
	uint64_t asked[CORES], ps;

	channel_draw(o, &c, oracle_chance(o, 50) ? 1 : oracle_between(o, 1, 6));
	ps = climb(o, &c, asked);
	banks = banks_of(&c);
	judge(o, &c, ps, c.cores[0].n * vrk_dram_request(&c.d, banks.set, c.n, 0));
}

/* What each of the others has asked for until core 0 was done, as one task: its first job and one carried in. */
static void jobs(struct oracle *o)
{
	struct vrk_dram_task tasks[CORES];
	struct channel c;
	struct banks_of banks;
	uint64_t asked[CORES], ps;

	channel_draw(o, &c, oracle_between(o, 1, REQUESTS));
	for (size_t q = 1; q < c.n; q++)
		c.cores[q].n = oracle_between(o, 1, 4);
	ps = climb(o, &c, asked);
	banks = banks_of(&c);
	for (size_t q = 1; q < c.n; q++)
		tasks[q - 1] = (struct vrk_dram_task){ 1, NSEC_PER_SEC, NSEC_PER_SEC, (asked[q] + 1) / 2, (uint32_t)q };
	judge(o, &c, ps, vrk_dram_jobs(&c.d, banks.set, c.n, 0, tasks, c.n - 1, NSEC_PER_SEC));
}

/* ---- with a cache before it ---- */

#define LINES	   12
#define COLORS_MAX 4

/* A job's accesses, by what misses a cache of so many colours with one line each. The line says bank and row. */
static void misses_make(struct channel *c, const uint32_t *line, const uint64_t *work, const bool *write, uint32_t colors)
{
	uint32_t cached[COLORS_MAX] = { 0 };
	struct core *core = &c->cores[0];
	uint64_t gap = 0;
	uint32_t bank = 0;

	core->n = 0;
	for (size_t i = 0; i < REQUESTS; i++) {
		gap += work[i];
		if (cached[line[i] % colors] == line[i])
			continue;
		cached[line[i] % colors] = line[i];
		bank = line[i] % BANKS;
		while (!(core->banks.words[0] >> bank & 1))
			bank = (bank + 1) % BANKS;
		core->next[core->n++] = (struct request){ bank, line[i] / BANKS, write[i], gap };
		gap = 0;
	}
}

/* Alone with k colours: the curve and its misses. Beside others, no job is longer than the curve that is made of them. */
static void curve(struct oracle *o)
{
	nsec_t alone[COLORS_MAX], beside[COLORS_MAX], bound[COLORS_MAX];
	uint64_t misses[COLORS_MAX], work[REQUESTS];
	uint32_t line[REQUESTS], colors = (uint32_t)oracle_between(o, 1, COLORS_MAX);
	bool write[REQUESTS];
	struct channel c;
	struct banks_of banks;

	channel_draw(o, &c, 1);
	banks = banks_of(&c);
	for (size_t i = 0; i < REQUESTS; i++) {
		line[i] = (uint32_t)oracle_between(o, 1, LINES);
		work[i] = oracle_between(o, 0, 40);
		write[i] = oracle_chance(o, 30);
	}
	for (uint32_t k = 0; k < colors; k++) {
		struct channel only = c, all = c;

		misses_make(&only, line, work, write, k + 1);
		all.cores[0] = only.cores[0];
		only.n = 1;
		misses[k] = only.cores[0].n;
		alone[k] = (channel_run(&only) * c.d.clock_ps + 999) / 1000;
		beside[k] = (channel_run(&all) * c.d.clock_ps + 999) / 1000;
	}
	if (vrk_dram_curve(&c.d, banks.set, c.n, 0, alone, misses, colors, bound) < 0)
		oracle_fail(o, "no curve", &(struct vrk_host){ 0 }, NULL, 0);
	for (uint32_t k = 0; k < colors; k++)
		judge(o, &c, beside[k] * 1000, bound[k] * 1000);
}

static uint64_t beyond_print;

/* As it was printed, as far as is known here. */
static uint64_t printed(const struct channel *c, const struct vrk_colors *banks)
{
	struct vrk_dram_delay d;
	uint64_t ps = 0, hits;
	bool any = false;

	(void)vrk_dram_delay(&c->d, &d);
	hits = d.hit_ps;
	for (size_t q = 1; q < c->n; q++) {
		if (!(banks[0].words[0] & banks[q].words[0])) {
			ps += d.precharge_ps + d.activate_ps + d.transfer_ps;
			hits += d.transfer_ps;
			continue;
		}
		any = true;
		ps += d.conflict_ps;
		for (size_t r = 0; r < c->n; r++)
			if (!(banks[q].words[0] & banks[r].words[0]))
				ps += d.precharge_ps + d.activate_ps + d.transfer_ps;
	}
	return any ? ps + c->d.reorder * hits : ps;
}

static void published(struct oracle *o)
{
	uint32_t reorder;
	struct channel c;
	struct banks_of banks;
	uint64_t asked[CORES], ps;

	channel_draw(o, &c, 1);
	reorder = c.d.reorder;
	c.d = ddr3;
	c.d.reorder = reorder;
	ps = climb(o, &c, asked);
	banks = banks_of(&c);
	beyond_print += ps > printed(&c, banks.set);
	judge(o, &c, ps, vrk_dram_request(&c.d, banks.set, c.n, 0));
}

int main(int argc, char **argv)
{
	int r;

	if (argc > 1 && strcmp(argv[1], "jobs") == 0)
		return oracle_run_costly("dram jobs", 2000, 5, jobs);
	if (argc > 1 && strcmp(argv[1], "curve") == 0)
		return oracle_run("dram curve", 5000, curve);
	if (argc <= 1 || strcmp(argv[1], "published") != 0)
		return oracle_run_costly("dram request", 2000, 5, request);
	r = oracle_run_costly("dram published", 2000, 5, published);
	printf("dram published: %" PRIu64 " wait longer than was printed\n", beyond_print);
	return r == 0 && beyond_print == 0 && !getenv("VIRTRK_SEED") ? 1 : r;
}
