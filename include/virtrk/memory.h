/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory that belongs to one VM: which page frames by cache colour and DRAM bank, how many of them, and what sharing costs.
 * Pure, as all of the library; see analysis.h for the conventions.
 */
#ifndef VIRTRK_MEMORY_H
#define VIRTRK_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <virtrk/analysis.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VRK_FRAME_BYTES		4096ULL		/* the only page size that has a colour */
#define VRK_COLORS_MAX		1024		/* colours or banks of a host */
#define VRK_CELLS_MAX		65536		/* (colour, bank) pairs of a host */
#define VRK_REQUESTS_MAX	256		/* requests in one question */
#define VRK_FRAMES_MAX		(1ULL << 44)	/* frames of one pair, or of one request */

/* Colours, or banks: bit i of words[i / 64] is number i. */
struct vrk_colors {
	uint64_t words[VRK_COLORS_MAX / 64];
};

/* Nothing from VRK_COLORS_MAX on is ever in a set. O(1). */
bool vrk_colors_have(const struct vrk_colors *set, uint32_t i);
void vrk_colors_add(struct vrk_colors *set, uint32_t i);
/* How many are in it. O(VRK_COLORS_MAX / 64). */
uint32_t vrk_colors_count(const struct vrk_colors *set);

/* A host's frames that may be given away. Colour bits and bank bits may overlap: then some pairs hold nothing. */
struct vrk_memory_host {
	uint32_t colors;		/* >= 1; a host without cache colours has one */
	uint32_t banks;			/* >= 1; colors * banks <= VRK_CELLS_MAX */
	const uint64_t *frames;		/* of each pair: [color * banks + bank], each <= VRK_FRAMES_MAX */
};

/* Somebody's memory: so many bytes, in frames whose colour and bank are both in the sets. */
struct vrk_memory_request {
	uint64_t bytes;			/* > 0; rounded up to whole frames */
	struct vrk_colors colors;	/* not empty, below host->colors */
	struct vrk_colors banks;
	bool exclusive_colors;		/* nobody else may have any frame of these colours, whatever its bank */
	bool exclusive_banks;
};

enum vrk_memory_rule {
	VRK_MEMORY_FITS = 0,
	VRK_MEMORY_SHARED_COLOR,	/* two requests have a colour that one of them wants for itself */
	VRK_MEMORY_SHARED_BANK,
	VRK_MEMORY_CAPACITY,		/* some requests together want more than all frames that any of them may have */
	_VRK_MEMORY_RULE_MAX,
};

/* So many frames of one pair go to one request. */
struct vrk_memory_part {
	size_t request;
	uint32_t color;
	uint32_t bank;
	uint64_t frames;
};

/* The answer with its proof. Owned by the caller; vrk_memory_answer_done(). */
struct vrk_memory_answer {
	enum vrk_memory_rule rule;	/* VRK_MEMORY_FITS is the yes */
	size_t n_parts;			/* of a yes: who gets how many frames of which pair */
	struct vrk_memory_part *parts;
	size_t n_who;			/* of a no: the requests that cannot be satisfied together, ascending; none may be left out */
	size_t who[VRK_REQUESTS_MAX];
	uint32_t shared;		/* of VRK_MEMORY_SHARED_*: the least colour or bank that both have */
	uint64_t lhs_frames;		/* of VRK_MEMORY_CAPACITY: what they want > what there is */
	uint64_t rhs_frames;
};

void vrk_memory_answer_done(struct vrk_memory_answer *answer);

/**
 * vrk_memory_fit() - can all requests have their frames at once?
 * @host: what there is
 * @r:    @n <= VRK_REQUESTS_MAX requests
 * @ret:  yes with an assignment of frames, or no with the requests that are too much together
 *
 * Exact: for every subset G of the requests, what G wants is at most what the pairs hold that any of G may use (Hall's condition,
 * with capacities). Decided by maximum flow from requests to pairs (Ford, Fulkerson 1956); a no is a minimum cut. Used for cache
 * colours by Kim, Kandhalu, Rajkumar, ECRTS 2013, where all colours hold the same.
 *
 * Return: 0 with *ret filled; -EINVAL no colour or bank, a request of nothing, or with a set that is empty or beyond the host;
 * -ERANGE more frames than VRK_FRAMES_MAX; -E2BIG too many pairs or requests; -ENOMEM.
 * O(pairs * (n + log pairs)) and O(n * kinds) per augmenting path, kinds: pairs that the same requests may use.
 */
int vrk_memory_fit(const struct vrk_memory_host *host, const struct vrk_memory_request *r, size_t n,
		   struct vrk_memory_answer *ret);

/**
 * vrk_memory_check() - believes nothing: adds up both sides of the answer again
 *
 * Shares no code with vrk_memory_fit(). Return: 0 the answer is proved; -EBADMSG it is not; -ENOMEM. O(n * (pairs + parts + n * colours)).
 */
int vrk_memory_check(const struct vrk_memory_host *host, const struct vrk_memory_request *r, size_t n,
		     const struct vrk_memory_answer *answer);

/* What a request may have instead along one axis, colours or banks. */
struct vrk_memory_more {
	struct vrk_colors set;		/* empty: nothing along this axis helps */
	uint32_t more;			/* how many of them it does not have yet */
	bool fewest;			/* surely no fewer are enough; false: the search was cut off */
};

/* The smallest changes of one request with which all would fit, each by itself. */
struct vrk_memory_repair {
	uint64_t bytes;			/* the most that it could have of its sets, in whole frames; 0 = none, or sets that it must not have */
	struct vrk_memory_more colors;
	struct vrk_memory_more banks;
};

/**
 * vrk_memory_repair() - what would have to change about request @index
 *
 * The others stay as they are. Colours (banks) that somebody else wants for himself are left out of what is offered, and those of others
 * where the request wants its own for itself. With one flow for each colour known, flow being submodular in the set, too few are told apart
 * from enough; between the two all choices are tried, some thousand at most.
 * Return: 0 with *ret filled, all zero where the others do not fit by themselves; -EINVAL no such request; errors of vrk_memory_fit().
 */
int vrk_memory_repair(const struct vrk_memory_host *host, const struct vrk_memory_request *r, size_t n, size_t index,
		      struct vrk_memory_repair *ret);

#define VRK_COLORS_LEFT UINT32_MAX

/* How a request comes to its sets: 0 = the set that it names; VRK_COLORS_LEFT = all that others do not have for themselves; else so many. */
struct vrk_memory_wish {
	uint32_t colors;
	uint32_t banks;
};

/**
 * vrk_memory_choose() - which colours and banks, where only their number is asked for
 * @r:         @n requests; sets that are named stay, the others are filled in
 * @ret_short: SIZE_MAX; or the request for which there are not enough to choose from (its sets and others' may then be empty)
 *
 * Who wants some for itself chooses first, who wants more before who wants less; each takes those of which most is left when everybody's
 * frames are spread evenly over his set, the lowest of equals. A proposal: whether all fits then, vrk_memory_fit() says.
 * Return: 0; -EINVAL, -E2BIG, -ERANGE a host that vrk_memory_fit() would not take, or a request of nothing; -ENOMEM. O(n * colours^2 * n + pairs).
 */
int vrk_memory_choose(const struct vrk_memory_host *host, struct vrk_memory_request *r, const struct vrk_memory_wish *wish,
		      size_t n, size_t *ret_short);

#define VRK_BANK_FUNCTIONS_MAX	16

/* Two physical addresses, and whether reading them in turn was slow: one bank, but another row of it. */
struct vrk_bank_pair {
	uint64_t a;
	uint64_t b;
	bool conflict;
};

enum vrk_bank_doubt {
	VRK_BANK_SURE = 0,
	VRK_BANK_FEW,			/* too few pairs, or too few of one kind */
	VRK_BANK_NO_SIGNAL,		/* nothing tells conflicts from other pairs */
	VRK_BANK_BLIND,			/* the pairs are all alike in some way: another map would explain them as well */
	VRK_BANK_NOISE,			/* functions were found, but too many pairs are against them, or one is missing */
	_VRK_BANK_DOUBT_MAX,
};

/* What decides the bank of an address: bit i of its number is the parity of (address & functions[i]). */
struct vrk_bank_map {
	enum vrk_bank_doubt doubt;
	uint32_t n;			/* 0 unless VRK_BANK_SURE */
	uint64_t functions[VRK_BANK_FUNCTIONS_MAX];	/* reduced: each has a highest bit that no other has; ascending by it */
	uint32_t n_colorable;		/* of what can be chosen by choosing frames: functions without bits below 12 */
	uint64_t colorable[VRK_BANK_FUNCTIONS_MAX];	/* reduced, too; sums of functions[] */
	uint64_t seen;			/* bits in which the pairs differ; nothing is known about others */
	uint32_t certainty;		/* the chance that a function is there by luck is at most 2^-certainty */
	uint64_t same, same_conflicts;	/* pairs that are in one bank by the map, and those of them that were slow */
	uint64_t other, other_conflicts;
};

/**
 * vrk_bank_map_solve() - the XOR functions of a memory controller, from pairs that were timed
 * @p:   @n pairs; their differences should be as good as random in the bits in question, and independent
 *
 * A pair can conflict only where all functions agree on both addresses. A function that is none is 0 for half of all conflicts, whatever the
 * noise; so what is 0 for clearly more is one (Hoeffding's bound, over all functions of the bits seen, certainty >= 30). Found by solving
 * random subsets of conflicts over GF(2) and by trying functions of few bits. The map is believed only when at least three quarters of the
 * pairs that it puts into one bank conflict, and at most a quarter of the others; a missing function would leave it at a half.
 * For DRAM of one row buffer per bank; what the functions are called (channel, rank, bank group) it cannot know.
 *
 * Deterministic. Return: 0 with *ret filled; -E2BIG more than 2^24 pairs; -ENOMEM. O(n * bits + 10^6).
 */
int vrk_bank_map_solve(const struct vrk_bank_pair *p, size_t n, struct vrk_bank_map *ret);

/**
 * vrk_bank_pairs() - pairs from addresses that were sorted into banks
 * @address:  @n addresses
 * @cluster:  of each, the number of the group in which all conflict
 * @ret:      room for 2 * @n pairs
 *
 * Neighbours of one cluster become conflicts, and each address is paired with one of another cluster, not always the same.
 * Return: 0 with *ret_n pairs; -ENOMEM. O(n log n).
 */
int vrk_bank_pairs(const uint64_t *address, const uint32_t *cluster, size_t n, struct vrk_bank_pair *ret, size_t *ret_n);

/* ---- how many colours for whom ---- */

#define VRK_COST_NEVER UINT64_MAX

/**
 * vrk_colors_least() - the fewest colours that hold so many bytes, all banks together
 *
 * With colours of one size: ceil(bytes * colours / all). Return: 0 = not even all of them do. O(pairs + colours log colours).
 */
uint32_t vrk_colors_least(const struct vrk_memory_host *host, uint64_t bytes);

/* Makes a WCET curve (wcet_ns[k]: with k + 1 colours) safe to use: no task takes longer with more colours; what was measured so is raised. O(n). */
void vrk_wcet_raise(nsec_t *wcet_ns, size_t n);

/*
 * What a task costs with 0..@n colours: ceil(2^32 wcet / period), VRK_COST_NEVER where the wcet exceeds @deadline_ns, with fewer than
 * @least colours, and with none. @ret_cost has @n + 1. Return: 0; -EINVAL no period. O(n).
 */
int vrk_wcet_cost(const nsec_t *wcet_ns, uint32_t n, nsec_t period_ns, nsec_t deadline_ns, uint32_t least, uint64_t *ret_cost);

/**
 * vrk_colors_divide() - private colours for @n users, so that all costs together are least
 * @cost:       of user v with k colours: cost[v * (@colors + 1) + k], below 2^56, or VRK_COST_NEVER
 * @ret_colors: of each user; undefined where *ret_total is VRK_COST_NEVER: no division does it
 *
 * Optimal: F(v, m) = min over k <= m of F(v - 1, m - k) + cost(v, k). Of equal divisions that which gives the last users least.
 * Return: 0; -EINVAL no user; -ERANGE a cost; -E2BIG more than VRK_COLORS_MAX colours or VRK_REQUESTS_MAX users; -ENOMEM. O(n colors^2).
 */
int vrk_colors_divide(const uint64_t *cost, size_t n, uint32_t colors, uint32_t *ret_colors, uint64_t *ret_total);

/* The baseline: the same number for all, what does not divide to the first ones. Return: its total. n > 0. */
uint64_t vrk_colors_even(const uint64_t *cost, size_t n, uint32_t colors, uint32_t *ret_colors);

/**
 * vrk_wcet_shared() - the other baseline, complete sharing: how long a job takes whose colours everybody else uses, too, and at any time
 * @wcet_ns:  alone, with any number of colours
 * @accesses: of a job to the cache that is shared, hits and misses, at most
 * @miss_ns:  by how much a miss is longer than a hit, at most, beside others
 *
 * What it has loaded may be gone at its next access, so each one may miss. A wcet with one colour is no bound there: it counts hits of a
 * colour that nobody else has. Preemptions cost no more: what they displace is among these accesses.
 * Return: NSEC_MAX where it is that or more. O(1).
 */
nsec_t vrk_wcet_shared(nsec_t wcet_ns, uint64_t accesses, nsec_t miss_ns);

/**
 * vrk_guest_fp_reload() - response times of fixed-priority tasks that evict each other's cache colours
 * @t:         @n tasks, wcet_ns with the colours that they have; without suspensions
 * @colors:    of each task
 * @reload_ns: to load all lines of one colour again, at most
 * @warm:      wcets were measured with the task's lines in the cache: each job may have to load what others of this vCPU use, too
 *
 * A preemption by h costs whoever is preempted, down to the task in question, at most the colours that any of these uses and that h or a higher
 * priority uses, too (unions of evicting and of useful blocks by whole colours: Altmeyer, Davis, Maiza, Real-Time Systems 48, 2012). Then
 * vrk_guest_fp() with h longer by that. Presumes that nobody else has these colours: no other vCPU, and no other core.
 * Return: as vrk_guest_fp(); -EOPNOTSUPP a task suspends; -ERANGE costs beyond NSEC_MAX. O(n^3 + n vrk_guest_fp()).
 */
int vrk_guest_fp_reload(const struct vrk_supply *s, enum vrk_supply_mode mode, const struct vrk_task *t, const struct vrk_colors *colors,
			size_t n, nsec_t reload_ns, bool warm, struct vrk_verdict *ret, nsec_t *ret_response_ns);

/*
 * ---- DRAM: what requests of other cores cost. ESTIMATES ----
 *
 * For one outstanding request per core, FR-FCFS with a cap on reordering, open rows, writes not batched, one channel: Kim, de Niz, Andersson, Klein,
 * Mutlu, Rajkumar, RTAS 2014, from memory, with what a simulated controller showed to be missing (dram.c). Cores that run out of order have many
 * requests outstanding, and can suffer more than this says (Yun, Pellizzoni, Valsan, ECRTS 2015). No admission is to rest on it. Times in ps, since a
 * clock is no whole number of ns; sums saturate.
 */
struct vrk_dram {
	uint32_t clock_ps;		/* tCK; the rest in clocks */
	uint32_t rp, rcd, cl, wl, bl, wtr, wr, rrd, faw;
	uint32_t reorder;		/* row hits that may overtake one request, at most */
	uint64_t refi_ps, rfc_ps;	/* a refresh of rfc every refi; 0 = left out */
};

/* Worst delays by one request of another core. */
struct vrk_dram_delay {
	uint64_t precharge_ps;
	uint64_t activate_ps;
	uint64_t transfer_ps;
	uint64_t hit_ps;		/* of a row hit in the same bank */
	uint64_t conflict_ps;		/* of a row conflict in the same bank */
	uint64_t turn_ps;		/* by a write whose core has gone on already: the bus turns round */
	uint64_t row_ps;		/* a request's own row has been closed: the bank recovers, is precharged and activated for it again */
};

/* Return: 0; -EINVAL no clock, or a burst of nothing; -ERANGE a number of 2^16 or more. */
int vrk_dram_delay(const struct vrk_dram *dram, struct vrk_dram_delay *ret);

/* Everything done in some window by the tasks of one core. */
struct vrk_dram_task {
	nsec_t wcet_ns;			/* alone */
	nsec_t period_ns;
	nsec_t deadline_ns;		/* <= period */
	uint64_t requests;		/* to DRAM, of a job, at most */
	uint32_t core;			/* the earlier of one core's tasks has the higher priority */
};

/* How long one request of core @p may wait for the @n cores' requests, with these banks: request-driven. Return: ps. O(n^2). */
uint64_t vrk_dram_request(const struct vrk_dram *dram, const struct vrk_colors *banks, size_t n, size_t p);
/* How long all requests of core @p within @t_ns may wait, by what the others' tasks ask for: job-driven. Return: ps. O(n (n + tasks)). */
uint64_t vrk_dram_jobs(const struct vrk_dram *dram, const struct vrk_colors *banks, size_t n, size_t p,
		       const struct vrk_dram_task *tasks, size_t n_tasks, nsec_t t_ns);

/**
 * vrk_dram_curve() - a WCET curve by cache colours, beside what other cores ask DRAM for: ESTIMATE
 * @wcet_ns:  @colors times, alone with 1, 2, ... colours; own requests are in them
 * @requests: as many numbers: requests to DRAM of a job with so many colours, at most. What preemptions reload is not in them: that is charged by
 *            colour, at what a line costs beside others (vrk_guest_fp_reload())
 * @ret:      @colors times: wcet + requests * vrk_dram_request(), rounded up, raised as by vrk_wcet_raise(); may be @wcet_ns. NSEC_MAX: that
 *            or more
 *
 * Colours and banks are then judged together: more colours mean fewer requests, banks of one's own make each of them cheaper. For vrk_wcet_cost(),
 * vrk_colors_divide() and guest tests; whatever they say of it is an estimate, too. Request-driven alone: what others ask for in
 * a window depends on their colours.
 * Return: 0; -EINVAL no such core; errors of vrk_dram_delay(). O(colors + n^2).
 */
int vrk_dram_curve(const struct vrk_dram *dram, const struct vrk_colors *banks, size_t n, size_t p, const nsec_t *wcet_ns,
		   const uint64_t *requests, size_t colors, nsec_t *ret);

/**
 * vrk_dram_fp() - response times of tasks on cores of their own, slowed down by others' requests: ESTIMATE
 * @ret_response_ns: @n_tasks; NSEC_MAX = beyond the deadline
 *
 * The least R = C + sum ceil(R/T) C + min(requests at the request-driven delay, the job-driven delay in R), over tasks of higher priority.
 * Return: 0; -EINVAL a task without wcet or period, with a deadline beyond it, or on no core; errors of vrk_dram_delay().
 */
int vrk_dram_fp(const struct vrk_dram *dram, const struct vrk_colors *banks, size_t n, const struct vrk_dram_task *tasks, size_t n_tasks,
		nsec_t *ret_response_ns);

/**
 * vrk_dram_place() - moves tasks between cores so that they stand less in each other's way: ESTIMATE
 * @tasks:  their cores change; no core's load (wcet/period) is taken above one, or higher where it is above
 * @t_ns:   the window in which delays are counted
 * @ret_ps: the sum of vrk_dram_jobs() over all cores that have tasks, before and after: it never grows
 *
 * One task at a time to where the sum shrinks most, until none helps (at most @n_tasks * @n moves).
 * Return: 0; errors of vrk_dram_fp(). O(moves * n_tasks * n^2 * (n + n_tasks)).
 */
int vrk_dram_place(const struct vrk_dram *dram, const struct vrk_colors *banks, size_t n, struct vrk_dram_task *tasks, size_t n_tasks,
		   nsec_t t_ns, uint64_t ret_ps[2]);

#ifdef __cplusplus
}
#endif

#endif
