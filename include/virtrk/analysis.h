/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirtrk-analysis: does it fit, why not, and what would fit. Pure: no system call, no clock, no log;
 * integers only, rounded against the applicant, so that a wrong answer can only be "no".
 *
 * Every function returns 0 when it answered (the answer, yes or no, is in the verdict) and a negative
 * errno when the question was wrong (-EINVAL), too large (-ERANGE, -E2BIG) or memory ran out (-ENOMEM).
 */
#ifndef VIRTRK_ANALYSIS_H
#define VIRTRK_ANALYSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <virtrk/units.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A promise: @budget_ns in every @period_ns, delivered within @deadline_ns of the start of the period. */
struct vrk_reservation {
	nsec_t budget_ns;	/* Q, 0 < Q <= D */
	nsec_t deadline_ns;	/* D, Q <= D <= P */
	nsec_t period_ns;	/* P */
	/*
	 * It never sleeps in the middle of a budget: a guest that idles by spinning, or one burst per period that does
	 * not block and is shorter than the budget. False is the safe answer, and right for a vCPU that halts: a thread that sleeps with budget
	 * left comes back with its old deadline, so with D < P the demand it can pile up is not that of a sporadic
	 * task, and processor demand alone would say yes to what the kernel then delivers late.
	 */
	bool gapless;
};

/* The part of a host in which one EDF queue rules: a root domain of the kernel. */
struct vrk_host {
	uint32_t cpus;			/* m >= 1 */
	nsec_t fair_budget_ns;		/* the kernel's own server on every CPU (fair_server); 0 = there is none */
	nsec_t fair_period_ns;
	nsec_t tick_ns;			/* enforcement grain: a budget may be overrun by so much, and is paid back; the
					 * kernel compares budgets in units of 1024 ns, so 2048 is the least on a real host */
	nsec_t switch_ns;		/* cost of one switch to and from a reservation */
	nsec_t latency_ns;		/* replenishment timer and dispatch latency */
	bw_t kernel_limit_bw;		/* per CPU, to_ratio(sched_rt_period, sched_rt_runtime); VRK_BW_UNLIMITED at -1 */
	nsec_t period_min_ns;		/* the kernel's limits on P; 0 = the defaults of sched(7) */
	nsec_t period_max_ns;
};

#define VRK_BW_UNLIMITED UINT64_MAX
#define VRK_BUDGET_MIN_NS 1024ULL
#define VRK_PERIOD_MIN_NS (100 * NSEC_PER_USEC)
#define VRK_PERIOD_MAX_NS ((1ULL << 22) * NSEC_PER_USEC)

enum vrk_test {
	VRK_TEST_NONE = 0,
	VRK_TEST_PARAMETERS,	/* 0 < Q <= D <= P and the kernel's limits */
	VRK_TEST_KERNEL,	/* the exact mirror of the kernel's own bandwidth check */
	VRK_TEST_QPA,		/* one CPU: processor demand, exact */
	VRK_TEST_GFB,		/* m CPUs, global EDF; sufficient tests, their union is used */
	VRK_TEST_BAK,
	VRK_TEST_BCL,
	VRK_TEST_BCL_ITER,
	VRK_TEST_FAIR,		/* m CPUs: fair servers that reservations starved could take too many CPUs at once */
	VRK_TEST_GUEST_FP,	/* tasks inside: response times under fixed priority */
	VRK_TEST_GUEST_EDF,	/* tasks inside: demand against supply under EDF */
	VRK_TEST_HOST_FP,	/* fixed-priority servers */
	VRK_TEST_PLACE,		/* no CPU may take it, or the search for one was cut off */
	VRK_TEST_IRQ,		/* interrupts: the whole chain in time, and a CPU not stolen as a whole */
	VRK_TEST_MEMORY,	/* page frames by cache colour and DRAM bank */
	_VRK_TEST_MAX,
};

/*
 * Short stable name for scripts and tables: "parameters", "kernel", "qpa", "gfb", "bak", "bcl", "bcl-iter", "fair",
 * "guest-fp", "guest-edf", "host-fp", "place", "irq", "memory".
 */
const char *vrk_test_name(enum vrk_test test);

enum vrk_side_unit {
	VRK_SIDE_NS = 0,	/* lhs and rhs are times */
	VRK_SIDE_BW,		/* lhs and rhs are bandwidths, 2^20 = one CPU */
	VRK_SIDE_BYTES,		/* VRK_TEST_MEMORY: amounts of memory; or how many have what one wants for itself, and 1 */
};

/* Which rule of VRK_TEST_PARAMETERS was broken. */
enum vrk_rule {
	VRK_RULE_NONE = 0,
	VRK_RULE_BUDGET_ZERO,
	VRK_RULE_BUDGET_MIN,		/* < 1024 ns */
	VRK_RULE_BUDGET_DEADLINE,	/* Q > D */
	VRK_RULE_DEADLINE_PERIOD,	/* D > P */
	VRK_RULE_PERIOD_MIN,
	VRK_RULE_PERIOD_MAX,
	VRK_RULE_TIME_MAX,		/* a time above NSEC_MAX */
};

struct vrk_verdict {
	bool ok;
	enum vrk_test test;	/* the test that said yes; or the one that decided the no */
	enum vrk_rule rule;	/* with VRK_TEST_PARAMETERS */
	enum vrk_side_unit unit;
	uint64_t lhs;		/* the inequality lhs <= rhs, which holds or is broken */
	uint64_t rhs;
	nsec_t at_ns;		/* witness: the window length at which it was evaluated; 0 = none */
	size_t index;		/* witness: the reservation that is hit; SIZE_MAX = none in particular */
};

/**
 * vrk_reservation_check() - the rules that need no other reservation
 * @host: only period_min_ns and period_max_ns are read; NULL = the kernel's defaults
 * @r:    any numbers
 * @ret:  test = VRK_TEST_PARAMETERS, rule, lhs and rhs of the broken rule
 *
 * Return: 0. O(1), no allocation.
 */
int vrk_reservation_check(const struct vrk_host *host, const struct vrk_reservation *r,
			  struct vrk_verdict *ret);

/* A certificate: what an independent and short checker needs to believe a yes. Owned by the caller. */
struct vrk_certificate {
	enum vrk_test test;
	nsec_t horizon_ns;	/* QPA: the L below which every deadline was covered */
	size_t n_points;
	nsec_t *points_ns;	/* QPA: descending test points; BCL-iter: one slack per reservation */
};

void vrk_certificate_done(struct vrk_certificate *cert);

/**
 * vrk_certificate_check() - believes nothing: recomputes both sides at every witness
 *
 * Shares no code with the tests it checks.
 * Return: 0 the certificate proves that all @n reservations fit @host; -EBADMSG it does not. O(n * n_points).
 */
int vrk_certificate_check(const struct vrk_host *host, const struct vrk_reservation *r, size_t n,
			  const struct vrk_certificate *cert);

/*
 * The tests one by one, for tools and figures; vrk_admit() is the one to decide by. Each presumes reservations that
 * pass vrk_reservation_check() and a host with at least one CPU, fills *@ret with its own yes or no, and says -EINVAL,
 * -ERANGE, -E2BIG or -ENOMEM otherwise. What each proves, and from which paper, stands at the top of its file.
 */
int vrk_kernel_check(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, struct vrk_verdict *ret);
/*
 * One CPU, whatever host->cpus says. Exact when nothing sleeps and tick, switch and latency are 0. D > P is understood here
 * too, for what is gapless. O(n) per test point, of which there are few, and never more than a million.
 */
int vrk_edf_qpa(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, struct vrk_verdict *ret,
		struct vrk_certificate *ret_cert);
/* m CPUs, one queue. GFB also where threads sleep; the others only where all are gapless. O(n), O(n^2), O(n^2), O(n^3). */
int vrk_gedf_gfb(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, struct vrk_verdict *ret);
int vrk_gedf_bak(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, struct vrk_verdict *ret);
int vrk_gedf_bcl(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, struct vrk_verdict *ret);
int vrk_gedf_bcl_iter(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, struct vrk_verdict *ret,
		      struct vrk_certificate *ret_cert);

/**
 * vrk_admit() - do these reservations fit this root domain, all of them, always?
 * @host:     the root domain
 * @r:        all reservations: those in force and the new ones
 * @n:        how many; 0 fits
 * @ret:      yes with the test that said so, or no with the broken inequality of the test that came nearest
 * @ret_cert: filled on yes, may be NULL; release with vrk_certificate_done()
 *
 * In order: vrk_reservation_check() for each, the kernel mirror (the kernel would answer EBUSY), then on one CPU
 * QPA with the fair server, on m CPUs the union of GFB, BAK, BCL and BCL-iter beside one fair server per CPU.
 * Return: 0 with *ret filled; -EINVAL host without CPU; -ERANGE; -E2BIG; -ENOMEM.
 */
int vrk_admit(const struct vrk_host *host, const struct vrk_reservation *r, size_t n,
	      struct vrk_verdict *ret, struct vrk_certificate *ret_cert);

/* The smallest change of the newcomers that would fit. */
enum vrk_repair_kind {
	VRK_REPAIR_NONE = 0,	/* nothing of the newcomers helps: even the least budget does not fit */
	VRK_REPAIR_BUDGET,	/* every newcomer's budget scaled down; value_ns = the largest that fits for r[index] */
	VRK_REPAIR_DEADLINE,	/* a longer deadline (<= P) for r[index] fits */
	VRK_REPAIR_PERIOD,	/* a longer period (and deadline, where it was the period) for r[index] fits */
	VRK_REPAIR_TICK,	/* it would fit with fine enforcement (HRTICK_DL): value_ns = 0 */
};

struct vrk_repair {
	enum vrk_repair_kind kind;
	size_t index;
	nsec_t value_ns;
	struct vrk_reservation fits;	/* r[index] as it would fit */
};

/**
 * vrk_admit_repair() - what would have to change so that vrk_admit() says yes
 * @first: r[first..n) are the newcomers, the only ones that may change
 *
 * Every repair was confirmed by vrk_admit() before it is returned. Budgets on a grid of 1 us, rounded down.
 * Return: 0 with *ret filled; errors as vrk_admit(). O(log P) admissions.
 */
int vrk_admit_repair(const struct vrk_host *host, const struct vrk_reservation *r, size_t n, size_t first,
		     struct vrk_repair *ret);

/**
 * vrk_admit_largest() - the largest budget with which one more reservation (D = P = @period_ns) would be admitted
 * @ret_budget_ns: rounded down to 1 us; 0 = not even the kernel's least budget fits
 */
int vrk_admit_largest(const struct vrk_host *host, const struct vrk_reservation *r, size_t n,
		      nsec_t period_ns, nsec_t *ret_budget_ns);

/* The kernel's fixed point: floor(budget * 2^20 / period), truncated as kernel/sched/core.c does. */
bw_t vrk_bw(nsec_t budget_ns, nsec_t period_ns);

/*
 * Supply: what a reservation gives to what runs inside it, in any interval in which that always wants to run. The supply bound
 * function of the explicit-deadline periodic model (Easwaran, Anand, Lee, RTSS 2007; D = P: Shin, Lee, RTSS 2003), less the
 * costs of a real host. All functions: 0 for an interval of 0, never decreasing, at most one ns per ns.
 */
struct vrk_supply {
	nsec_t budget_ns;
	nsec_t deadline_ns;
	nsec_t period_ns;
	nsec_t tick_ns;			/* overrun before the interval: costs as much, up to twice when above the budget */
	nsec_t switch_ns;		/* lost per budget, and once more: a switch, and what Linux charges before it */
	nsec_t latency_ns;		/* before the first ns of an interval */
	nsec_t irq_ns;			/* stolen by interrupts, per irq_period_ns begun; 0 = none */
	nsec_t irq_period_ns;
};

/*
 * Supply of @r on @host, with the host's costs: each budget loses a switch and the latency, which the kernel charges as if the
 * thread had run meanwhile. What the return from a preemption by other reservations costs is not in it.
 */
void vrk_supply_init(const struct vrk_host *host, const struct vrk_reservation *r, struct vrk_supply *ret);
/* ns that are surely given in any interval of @t_ns; rounded down. O(1). */
nsec_t vrk_sbf(const struct vrk_supply *s, nsec_t t_ns);
/* The linear lower bound (Q/P) * (t - (P + D - 2Q)) without the host's costs; rounded down. */
nsec_t vrk_sbf_linear(const struct vrk_supply *s, nsec_t t_ns);
/*
 * The least interval in which @work_ns is surely given: the exact inverse of vrk_sbf().
 * NSEC_MAX = never (or beyond 2^62).
 */
nsec_t vrk_sbf_inverse(const struct vrk_supply *s, nsec_t work_ns);

/* A task inside a guest. */
struct vrk_task {
	nsec_t wcet_ns;			/* includes its critical sections */
	nsec_t period_ns;		/* least time between arrivals */
	nsec_t deadline_ns;		/* relative; may exceed the period where nothing suspends */
	nsec_t jitter_ns;		/* from arrival to ready, at most */
	nsec_t blocking_ns;		/* by lower priorities, once per job */
	nsec_t suspension_ns;		/* all self-suspensions of a job together, at most */
	uint32_t suspensions;		/* how many, at most */
	uint32_t priority;		/* fixed priority: smaller runs first, equal ones count both ways */
};

enum vrk_supply_mode {
	VRK_SUPPLY_SLEEPING = 0,	/* the vCPU halts when idle: supply starts anew after each suspension */
	VRK_SUPPLY_IDLING,		/* it burns its budget: supply holds over suspensions, too */
};

/**
 * vrk_guest_fp() - response times of fixed-priority tasks under a supply
 * @s:       supply
 * @t:       @n tasks
 * @ret:     ok iff all meet their deadlines; else the first that does not: lhs response (NSEC_MAX: none), rhs deadline
 * @ret_response_ns: @n response bounds from arrival, NSEC_MAX where none was found; may be NULL
 *
 * Preemptive, jitter, blocking, arbitrary deadlines (all jobs of the busy period), self-suspensions. Sources: Joseph, Pandya
 * 1986; Lehoczky RTSS 1990; supply as in Prosa's restricted-supply analysis; suspensions: each starts a new supply interval,
 * and interference of a suspending task has jitter R - C (Chen et al., RTSJ 55, 2019). Where a task suspends, deadlines must
 * not exceed periods (else its verdict is no).
 *
 * Return: 0; -EINVAL a task without wcet, period or deadline; -ENOMEM. O(n^2 * fixpoint steps), capped: the cap says no.
 */
int vrk_guest_fp(const struct vrk_supply *s, enum vrk_supply_mode mode, const struct vrk_task *t, size_t n,
		 struct vrk_verdict *ret, nsec_t *ret_response_ns);

/*
 * Locks between tasks of several vCPUs, also of several guests (vMPCP without help of the host; theory: MPCP, Rajkumar 1990; Lakshmanan, de Niz,
 * Rajkumar, RTSS 2009; counted as Yang, Chen, Huang, RTSJ 53 (2017) and Chen et al., RTSJ 55 (2019) correct it).
 *
 * The rules that a guest must keep: fixed priority; a task that holds a resource goes before every task that holds none,
 * in whatever order among such; one that waits sleeps, and ownership is handed over at release; sections do not nest and
 * do not sleep; tasks do not move between vCPUs.
 */
enum vrk_queue {
	VRK_QUEUE_FIFO = 0,
	VRK_QUEUE_PRIORITY,		/* by vrk_locks.rank */
};

struct vrk_resource {
	enum vrk_queue queue;
	nsec_t latency_ns;		/* from a release to the moment at which the next owner is ready, at most */
};

/* @count critical sections of one task in each job, of @length_ns of execution each, which are part of its wcet. */
struct vrk_section {
	size_t task;			/* of all vCPUs' tasks in a row */
	size_t resource;
	nsec_t length_ns;
	uint32_t count;
};

struct vrk_locks {
	const struct vrk_resource *resources;
	size_t n_resources;
	const struct vrk_section *sections;
	size_t n_sections;
	const uint32_t *rank;		/* per task: in queues by priority the smaller goes first, equal ones count both ways; */
					/* NULL: no queue is by priority */
};

/* A vCPU with fixed-priority tasks. */
struct vrk_lock_vcpu {
	struct vrk_supply supply;	/* budget_ns 0: its CPU promises nothing */
	enum vrk_supply_mode mode;
	nsec_t masked_ns;		/* the longest time for which the guest does not reschedule (interrupts or preemption off) */
	const struct vrk_task *tasks;
	size_t n;
	size_t n_handlers;		/* the first so many tasks are interrupt handlers: before all else, also before holders */
	nsec_t settle_ns;		/* 0: a budget that ends stops holders, too; else vrk_locks_overrun() said so */
};

/* What locks cost a task; NSEC_MAX = no bound. */
struct vrk_lock_bound {
	nsec_t wait_ns;			/* all waits of a job for resources together */
	nsec_t wait_once_ns;		/* the longest of one request, until it is ready to go on */
	nsec_t hold_ns;			/* the longest of its sections, from grant to release; 0 = it has none */
	nsec_t local_ns;		/* behind sections of lower priorities on its own vCPU, all of a job together */
	uint32_t waits;			/* how often a job may wait */
};

/**
 * vrk_locks_fp() - response times of fixed-priority tasks on @n vCPUs that share resources
 * @v:               @n vCPUs; their tasks in a row are numbered for @locks
 * @ret_vcpus:       @n verdicts, as vrk_guest_fp() gives them
 * @ret_response_ns: bounds of all tasks from arrival, NSEC_MAX where none was found
 * @ret_bounds:      of all tasks; may be NULL
 *
 * A section is over after H = latency + inv(its length and one section of every other task of the vCPU): nothing else can go
 * before, and the vCPU wants to run all the time. A request waits behind one section of every other task (FIFO), or behind
 * one of a lower rank and all those of higher ranks that arrive meanwhile, with carry-in (priority). Then vrk_guest_fp() with the
 * waits as suspensions, and one section of every lower priority per piece between them. Queues by priority need responses
 * of others: least fixpoint over all, from below. Times round up.
 *
 * Return: 0; -EINVAL a section of no task or resource, without length or count, longer together than the wcet, of a handler, or ranks
 * missing; -EOPNOTSUPP blocking_ns where the vCPU's tasks have sections (the guest's own locks may delay a holder: no proof covers that), or
 * settle_ns beside handlers or masked_ns; -ERANGE, -E2BIG, -ENOMEM. O(rounds * (sections^2 + vrk_guest_fp)), rounds capped: the cap says no.
 */
int vrk_locks_fp(const struct vrk_lock_vcpu *v, size_t n, const struct vrk_locks *locks, struct vrk_verdict *ret_vcpus,
		 nsec_t *ret_response_ns, struct vrk_lock_bound *ret_bounds);

/**
 * vrk_locks_overrun() - ESTIMATE: what a CPU would be asked if holders were not stopped when their budget ends
 * @r:             @n reservations of one CPU
 * @overrun_ns:    of each: one section of every task in it, the longest; 0 = none holds anything
 * @ret_host, @ret_r: what to ask vrk_admit() (@n reservations)
 * @ret_settle_ns: for vrk_lock_vcpu.settle_ns of all vCPUs on that CPU
 *
 * A protocol that stock Linux does not have: the vCPU goes on with the deadline that it has until no task in it holds a resource, then waits
 * for its next budget; nothing is paid back. Papers count a server of Q + O for it; under the kernel's wake-up rule that is too little
 * (simulated), so O is counted as stolen once per period. No admission is to rest on it alone. What it gains: sections that need more than one
 * budget. Times round up.
 *
 * Return: 0; errors of vrk_irq_question(). O(n).
 */
int vrk_locks_overrun(const struct vrk_host *host, const struct vrk_reservation *r, const nsec_t *overrun_ns, size_t n,
		      struct vrk_host *ret_host, struct vrk_reservation *ret_r, nsec_t *ret_settle_ns);

/*
 * Interrupts: a device's signal is taken by a hard handler on one CPU, which stops whatever runs there; a thread may go on with it,
 * and in the end a handler inside a guest may.
 */
enum vrk_irq_thread {
	VRK_IRQ_HARD = 0,		/* no thread: all of it in the hard handler */
	VRK_IRQ_RESERVED,		/* a thread with a reservation of its own on that CPU */
	VRK_IRQ_FIFO,			/* a SCHED_FIFO thread: behind every reservation of that CPU */
};

struct vrk_irq {
	nsec_t period_ns;		/* least time between two signals */
	nsec_t jitter_ns;		/* a signal may be late by so much */
	nsec_t deadline_ns;		/* of the whole chain, from the signal; <= 2^45 */
	nsec_t hard_ns;			/* execution of the hard handler, > 0 */
	enum vrk_irq_thread thread;
	nsec_t thread_ns;		/* execution of the thread, > 0 where there is one */
	struct vrk_reservation reservation;	/* VRK_IRQ_RESERVED */
	uint32_t priority;		/* VRK_IRQ_FIFO: the smaller goes first, equal ones count both ways */
};

/* From the signal to the end of each part, at most; NSEC_MAX = no bound within the deadline. */
struct vrk_irq_bound {
	nsec_t hard_ns;
	nsec_t thread_ns;		/* as hard_ns where there is no thread */
	nsec_t response_ns;		/* of the whole chain, with the guest's handler where there is one */
};

/**
 * vrk_irq_host() - the parts of @n interrupts that one CPU executes
 * @host: its fair server and costs
 * @irq:  all interrupts that this CPU takes
 * @r:    @n_r reservations of vCPUs on this CPU; the threads' own are in @irq
 * @ret:  hard_ns and thread_ns; response_ns = thread_ns
 *
 * Hard handlers do not preempt each other and may come in any order: each waits for all others. A thread with a reservation answers
 * within its deadline where signals, jitter included, are a period of it apart and its work fits the budget (CBS serving one sporadic
 * activity); else by its supply. A FIFO thread gets what reservations and the fair server leave: of each at most 2 Q + U t in any
 * window of t. Other FIFO threads of the CPU that are not in @irq must not exist.
 *
 * What thread bounds promise, they promise where vrk_admit() says yes to the question of vrk_irq_question().
 * Return: 0; -EINVAL a time that must be above zero is zero; -ERANGE, -E2BIG, -ENOMEM. O(n^2 * fixpoint steps).
 */
int vrk_irq_host(const struct vrk_host *host, const struct vrk_irq *irq, size_t n, const struct vrk_reservation *r, size_t n_r,
		 struct vrk_irq_bound *ret);

/**
 * vrk_irq_question() - what to ask vrk_admit() about a CPU from which interrupts steal
 * @ret_host: one CPU, on which stolen time is spread over costs and budgets
 * @ret_r:    @n_r + (number of VRK_IRQ_RESERVED) reservations, first those of @r
 *
 * Hard handlers take at most I0 + rho t of any window of t. So the demand must fit t - I0 - rho t; that is the ordinary question
 * with every budget and cost divided by 1 - rho, and deadlines shorter by I0 / (1 - rho). Rounded up; the kernel's own check is then
 * asked about larger budgets than it will see.
 * Return: 0; -EDOM hard handlers alone need the whole CPU; -EINVAL, -ERANGE, -E2BIG as vrk_irq_host(). O(n + n_r).
 */
int vrk_irq_question(const struct vrk_host *host, const struct vrk_irq *irq, size_t n, const struct vrk_reservation *r, size_t n_r,
		     struct vrk_host *ret_host, struct vrk_reservation *ret_r, size_t *ret_n);

/* Stolen time goes from the supply of everything on that CPU, too: kernels differ in whether a budget is charged for it. */
void vrk_irq_supply(const struct vrk_irq *irq, size_t n, struct vrk_supply *s);

/**
 * vrk_irq_sporadic() - when a reservation with nothing else to do has served what comes now and then
 * @work_ns:  of one activation; @apart_ns: least time between two
 *
 * Return: the reservation's deadline; NSEC_MAX where that is not promised: more work than the budget (as much, with a deadline below the
 * period: the kernel may cut the budget of one that slept), or activations less than a period apart.
 */
nsec_t vrk_irq_sporadic(const struct vrk_reservation *r, nsec_t work_ns, nsec_t apart_ns);

/**
 * vrk_guest_edf() - EDF tasks under a supply: demand never exceeds it
 * @ret: no: lhs demand, rhs supply at at_ns
 *
 * Preemptive, jitter, largest blocking of all. No self-suspensions (verdict no with lhs = their number). Source: Shin, Lee, RTSS
 * 2003; points walked as by QPA, from the end of the longest busy period or from where straight lines above demand and below supply
 * cross, whichever is earlier. At most 10^5 points: what needs more is refused. Same returns as vrk_guest_fp().
 */
int vrk_guest_edf(const struct vrk_supply *s, const struct vrk_task *t, size_t n, struct vrk_verdict *ret);

/*
 * The recurrence of older papers (Saewong et al., ECRTS 2002, and later ones): W = C + B + interference + ceil(that/Q) (P - Q).
 * It leaves out the time between replenishment and first service, so it is optimistic except for the server that always goes
 * first. For reproducing figures only: nothing decides by it. Same arguments as vrk_guest_fp(), D <= T.
 */
int vrk_legacy_fp(const struct vrk_supply *s, const struct vrk_task *t, size_t n, struct vrk_verdict *ret, nsec_t *ret_response_ns);

/**
 * vrk_host_fp() - fixed-priority servers on one CPU (paper reproduction; stock Linux has none)
 * @r:          servers, the earlier the higher its priority
 * @deferrable: budgets are kept until the end of the period: interference with jitter P - Q
 * @ret_delivered_ns: @n worst times from replenishment to the whole budget delivered, NSEC_MAX = none
 *
 * A server's supply is then that of (Q, P, D := delivered). Source: Strosnider, Lehoczky, Sha, IEEE TC 44 (1995).
 */
int vrk_host_fp(const struct vrk_reservation *r, size_t n, bool deferrable, struct vrk_verdict *ret, nsec_t *ret_delivered_ns);

enum vrk_guest_scheduler { VRK_GUEST_FP = 0, VRK_GUEST_EDF };

/* A vCPU to be sized: what runs in it, and how its supply is used. */
struct vrk_guest {
	enum vrk_guest_scheduler scheduler;
	enum vrk_supply_mode mode;
	const struct vrk_task *tasks;
	size_t n;
};

int vrk_guest_check(const struct vrk_supply *s, const struct vrk_guest *g, struct vrk_verdict *ret, nsec_t *ret_response_ns);

/**
 * vrk_size_budget() - the least budget for a period
 * @host:        its costs go into the supply
 * @deadline_ns: of the reservation; 0 = the period
 * @grid_ns:     budgets are multiples of this; 0 = 1 us
 * @ret_budget_ns: 0 = not even the whole deadline as budget is enough
 *
 * The guest's test is monotone in the budget, so bisection is exact on the grid. O(log(P/grid)) guest tests.
 */
int vrk_size_budget(const struct vrk_host *host, const struct vrk_guest *g, nsec_t period_ns, nsec_t deadline_ns, nsec_t grid_ns,
		    nsec_t *ret_budget_ns);

/**
 * vrk_size_period() - the period (and budget) that costs the CPU least
 * @min_ns, @max_ns: periods to look at: divisors of the tasks' periods and deadlines, and a geometric grid
 *
 * Cost is (Q + 2 switches) / P; without switch cost short periods always win. *ret has budget 0 when none fits.
 */
int vrk_size_period(const struct vrk_host *host, const struct vrk_guest *g, nsec_t min_ns, nsec_t max_ns, struct vrk_reservation *ret);

#ifdef __cplusplus
}
#endif

#endif
