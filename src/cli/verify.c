/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From records of a trace to a judgement per thread. What is promised, and what is not seen, stands in verify.h.
 *
 * While records come in, each reserved thread's own are kept as marks, with who ran meanwhile where it waited, and holes of the
 * trace are found and kept: a hole is often told only after later records of other CPUs, so nothing is judged before the end.
 * Then each thread's marks are walked in order of time, cut at holes and sleeps into busy periods, and each of these goes to
 * verify_busy(). Doubt counts for the kernel: times are cut to the grain, so each run is taken as longer by one.
 *
 * Called by verb-verify.c. Pure but for memory: no clock, no file.
 */
#include <assert.h>
#include <string.h>

#include "verify.h"

struct mark {
	nsec_t time_ns;
	enum { MARK_IN, MARK_READY, MARK_BLOCKED, MARK_WAKE } kind;	/* READY, BLOCKED: switched out */
	int prio;
	unsigned int cpu;
	size_t order;
	size_t culprits, n_culprits;	/* of the wait that ends here */
};

struct hole {
	unsigned int cpu;
	nsec_t from_ns;
	nsec_t to_ns;
};

struct cpu {
	bool known;		/* a record has told who is on it */
	bool lost;		/* records are missing since last_ns */
	pid_t tid;
	int prio;
	char comm[TRACE_COMM_MAX];
	nsec_t last_ns;		/* the last record of it */
};

struct thread {
	struct verify_subject subject;
	struct verify_sample *samples;
	size_t n_samples;
	struct mark *marks;
	size_t n_marks;
	struct verify_culprit *culprits;
	size_t n_culprits;
	bool waiting;		/* for who runs meanwhile; not for the judgement */
	unsigned int home;
	nsec_t since_ns;
	struct verify_culprit seen[VERIFY_CULPRITS];	/* in this wait */
	size_t n_seen;
};

struct verify {
	struct thread *threads;
	size_t n;
	nsec_t grain_ns;
	nsec_t start_ns;
	struct cpu *cpus;
	size_t n_cpus;
	struct hole *holes;	/* for the judgement sorted by to_ns */
	size_t n_holes;
	nsec_t longest_hole_ns;
};

/* Room for one more; full at 0, 16, 32, 64 ...: then it doubles. */
static bool array_grow(void *array, size_t n, size_t size)
{
	void **p = array, *more;

	if (n >= 16 ? (n & (n - 1)) != 0 : n != 0)
		return true;
	more = reallocarray(*p, n == 0 ? 16 : 2 * n, size);
	if (more)
		*p = more;
	return more != NULL;
}

int verify_new(struct verify **ret, const struct verify_subject *subjects, size_t n, nsec_t grain_ns)
{
	_cleanup_(verify_freep) struct verify *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	v->threads = calloc(n ? n : 1, sizeof(*v->threads));
	if (!v->threads)
		return -ENOMEM;
	v->n = n;
	v->grain_ns = grain_ns;
	v->start_ns = NSEC_MAX;
	for (size_t i = 0; i < n; i++)
		v->threads[i].subject = subjects[i];
	*ret = TAKE_PTR(v);
	return 0;
}

struct verify *verify_free(struct verify *v)
{
	if (!v)
		return NULL;
	for (size_t i = 0; i < v->n; i++) {
		free(v->threads[i].samples);
		free(v->threads[i].marks);
		free(v->threads[i].culprits);
	}
	free(v->threads);
	free(v->cpus);
	free(v->holes);
	free(v);
	return NULL;
}

int verify_sample(struct verify *v, size_t subject, const struct verify_sample *sample)
{
	struct thread *t = &v->threads[subject];

	assert(subject < v->n);
	if (!array_grow(&t->samples, t->n_samples, sizeof(*t->samples)))
		return -ENOMEM;
	t->samples[t->n_samples++] = *sample;
	if (sample->before_ns < v->start_ns)
		v->start_ns = sample->before_ns;
	return 0;
}

/* ---- who ran meanwhile ---- */

/* When there is no room, the longest ones are kept. */
static void culprit_add(struct verify_culprit *list, size_t *n, const struct verify_culprit *one)
{
	size_t least = 0;

	for (size_t i = 0; i < *n; i++) {
		if (list[i].tid == one->tid) {
			list[i].ran_ns += one->ran_ns;
			return;
		}
		if (list[i].ran_ns < list[least].ran_ns)
			least = i;
	}
	if (*n < VERIFY_CULPRITS)
		list[(*n)++] = *one;
	else if (list[least].ran_ns < one->ran_ns)
		list[least] = *one;
}

static int culprit_compare(const void *a, const void *b)
{
	const struct verify_culprit *p = a, *q = b;

	if (p->ran_ns != q->ran_ns)
		return p->ran_ns > q->ran_ns ? -1 : 1;
	return p->tid < q->tid ? -1 : p->tid > q->tid;
}

/* What is on @cpu has been there until @now_ns: for those who wait there. */
static void thread_credit(struct thread *t, const struct cpu *cpu, nsec_t now_ns)
{
	nsec_t from_ns = t->since_ns > cpu->last_ns ? t->since_ns : cpu->last_ns;
	struct verify_culprit one = { .tid = cpu->tid, .prio = cpu->prio, .ran_ns = now_ns - from_ns };

	if (!cpu->known || now_ns <= from_ns || cpu->tid == t->subject.tid)
		return;
	memcpy(one.comm, cpu->comm, sizeof(one.comm));
	culprit_add(t->seen, &t->n_seen, &one);
}

static void wait_begin(struct thread *t, unsigned int home, nsec_t now_ns)
{
	t->waiting = true;
	t->home = home;
	t->since_ns = now_ns;
	t->n_seen = 0;
}

/* Moves what was seen in this wait to the thread's list. */
static int wait_end(struct thread *t, size_t *ret_first, size_t *ret_n)
{
	*ret_first = t->n_culprits;
	*ret_n = t->waiting ? t->n_seen : 0;
	t->waiting = false;
	for (size_t i = 0; i < *ret_n; i++) {
		if (!array_grow(&t->culprits, t->n_culprits, sizeof(*t->culprits)))
			return -ENOMEM;
		t->culprits[t->n_culprits++] = t->seen[i];
	}
	return 0;
}

/* ---- records ---- */

static int mark_add(struct thread *t, struct mark mark)
{
	int r = 0;

	if (mark.kind == MARK_IN)
		r = wait_end(t, &mark.culprits, &mark.n_culprits);
	if (r < 0)
		return r;
	if (!array_grow(&t->marks, t->n_marks, sizeof(*t->marks)))
		return -ENOMEM;
	mark.order = t->n_marks;
	t->marks[t->n_marks++] = mark;
	return 0;
}

static int hole_add(struct verify *v, unsigned int cpu, nsec_t from_ns, nsec_t to_ns)
{
	if (from_ns < v->start_ns)
		from_ns = v->start_ns;
	if (to_ns <= from_ns)
		return 0;
	if (!array_grow(&v->holes, v->n_holes, sizeof(*v->holes)))
		return -ENOMEM;
	v->holes[v->n_holes++] = (struct hole){ cpu, from_ns, to_ns };
	if (to_ns - from_ns > v->longest_hole_ns)
		v->longest_hole_ns = to_ns - from_ns;
	return 0;
}

static struct cpu *cpu_get(struct verify *v, unsigned int cpu)
{
	if (cpu >= v->n_cpus) {
		size_t n = (size_t)cpu + 1;
		struct cpu *more = reallocarray(v->cpus, n, sizeof(*more));

		if (!more)
			return NULL;
		memset(more + v->n_cpus, 0, (n - v->n_cpus) * sizeof(*more));
		v->cpus = more;
		v->n_cpus = n;
	}
	return &v->cpus[cpu];
}

static struct thread *thread_find(struct verify *v, pid_t tid)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->threads[i].subject.tid == tid)
			return &v->threads[i];
	return NULL;
}

/* Who is switched out is who was switched in, or something is missing in between. */
static int cpu_check(struct verify *v, const struct cpu *cpu, const struct trace_record *r)
{
	if (!cpu->lost && (!cpu->known || cpu->tid == r->prev_tid))
		return 0;
	return hole_add(v, r->cpu, cpu->last_ns, r->time_ns);
}

static int record_switch(struct verify *v, struct cpu *cpu, const struct trace_record *r)
{
	struct thread *prev = thread_find(v, r->prev_tid), *next = thread_find(v, r->next_tid);
	struct mark mark = { .time_ns = r->time_ns, .cpu = r->cpu };
	int e = cpu_check(v, cpu, r);

	for (size_t i = 0; i < v->n; i++)
		if (v->threads[i].waiting && v->threads[i].home == r->cpu)
			thread_credit(&v->threads[i], cpu, r->time_ns);
	if (e >= 0 && prev && r->time_ns >= v->start_ns) {
		mark.kind = r->runnable ? MARK_READY : MARK_BLOCKED;
		mark.prio = r->prev_prio;
		e = mark_add(prev, mark);
		prev->waiting = false;
		if (r->runnable)
			wait_begin(prev, r->cpu, r->time_ns);
	}
	if (e >= 0 && next && r->time_ns >= v->start_ns) {
		if (next->waiting && next->home != r->cpu && next->home < v->n_cpus)
			thread_credit(next, &v->cpus[next->home], r->time_ns);
		mark.kind = MARK_IN;
		mark.prio = r->next_prio;
		e = mark_add(next, mark);
	}
	*cpu = (struct cpu){ .known = true, .tid = r->next_tid, .prio = r->next_prio, .last_ns = r->time_ns };
	memcpy(cpu->comm, r->next_comm, sizeof(cpu->comm));
	return e;
}

static int record_wake(struct verify *v, const struct trace_record *r)
{
	struct thread *t = thread_find(v, r->next_tid);
	struct mark mark = { .time_ns = r->time_ns, .kind = MARK_WAKE, .prio = r->next_prio, .cpu = r->target_cpu };

	if (!t || r->time_ns < v->start_ns)
		return 0;
	if (t->n_marks == 0 || t->marks[t->n_marks - 1].kind == MARK_BLOCKED)
		wait_begin(t, r->target_cpu, r->time_ns);
	return mark_add(t, mark);
}

int verify_record(struct verify *v, const struct trace_record *r)
{
	struct cpu *cpu;

	if (r->kind == TRACE_RECORD_NONE)
		return 0;
	if (r->kind == TRACE_RECORD_WAKE)	/* written by whoever woke it, wherever that ran */
		return record_wake(v, r);
	cpu = cpu_get(v, r->cpu);
	if (!cpu)
		return -ENOMEM;
	if (r->kind == TRACE_RECORD_LOST) {
		cpu->lost = true;
		return 0;
	}
	return record_switch(v, cpu, r);
}

/* ---- the judgement ---- */

struct walk {
	const struct verify *v;
	const struct thread *t;
	struct verify_result *result;
	enum { AT_UNKNOWN, AT_CPU, AT_QUEUE, AT_SLEEP, AT_READY } at;	/* READY: running or not, the next mark tells */
	nsec_t since_ns;
	unsigned int cpu;
	nsec_t got_ns;		/* in this busy period */
	struct verify_wait *waits;
	size_t n_waits;
	size_t hole;		/* the first that may still matter */
};

/* Between the last mark and @to_ns. Time goes forward: holes that are past are not looked at again. */
static bool walk_in_hole(struct walk *w, nsec_t to_ns)
{
	const struct verify *v = w->v;

	while (w->hole < v->n_holes && v->holes[w->hole].to_ns <= w->since_ns)
		w->hole++;
	for (size_t i = w->hole; i < v->n_holes; i++) {
		const struct hole *h = &v->holes[i];

		if (h->to_ns >= to_ns + v->longest_hole_ns)
			break;
		/* While it is on a CPU, it is on no other. */
		if (h->from_ns < to_ns && (w->at != AT_CPU || h->cpu == w->cpu))
			return true;
	}
	return false;
}

/* Policies that it was seen with, and who ran. The interval's waits are ended by marks [first, last]. */
static void breach_explain(const struct thread *t, size_t first, size_t last, struct verify_breach *b)
{
	for (size_t i = first > 0 ? first - 1 : 0; i <= last && i < t->n_marks; i++) {
		const struct mark *m = &t->marks[i];

		if (m->prio != VERIFY_PRIO_DEADLINE && !b->demoted) {
			b->demoted = true;
			b->prio = m->prio;
		}
		for (size_t k = 0; i >= first && k < m->n_culprits; k++)
			culprit_add(b->culprits, &b->n_culprits, &t->culprits[m->culprits + k]);
	}
	for (size_t k = 0; last >= t->n_marks && k < t->n_seen; k++)	/* it still waits */
		culprit_add(b->culprits, &b->n_culprits, &t->seen[k]);
	qsort(b->culprits, b->n_culprits, sizeof(*b->culprits), culprit_compare);
}

/* The first mark at or after @time_ns. */
static size_t mark_after(const struct thread *t, nsec_t time_ns)
{
	size_t low = 0, high = t->n_marks;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->marks[middle].time_ns < time_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Turns and CPU time between two samples as the trace has them. */
static void trace_count(const struct thread *t, const struct verify_sample *a, const struct verify_sample *b, uint64_t *ret_turns,
			nsec_t *ret_ran_ns)
{
	nsec_t since_ns = a->after_ns;
	bool running = false, known = false;

	*ret_turns = 0;
	*ret_ran_ns = 0;
	for (size_t i = mark_after(t, a->after_ns + 1); i < t->n_marks && t->marks[i].time_ns < b->before_ns; i++) {
		const struct mark *m = &t->marks[i];

		if (m->kind == MARK_WAKE)
			continue;
		if (m->kind != MARK_IN && (running || !known))
			*ret_ran_ns += m->time_ns - since_ns;
		*ret_turns += m->kind == MARK_IN;
		running = m->kind == MARK_IN;
		known = true;
		since_ns = m->time_ns;
	}
	if (running)
		*ret_ran_ns += b->before_ns - since_ns;
}

/* What the trace lacks in [from, to], as the samples next to it tell. */
struct unseen {
	bool known;		/* else it is gone, and nothing tells */
	uint64_t turns;
	nsec_t ran_ns;		/* at most: the kernel brings its count up to date at each tick only */
};

static struct unseen unseen_around(const struct thread *t, nsec_t from_ns, nsec_t to_ns)
{
	size_t a = 0, b = t->n_samples - 1, low = 0, high = t->n_samples;
	nsec_t traced_ns, counted_ns;
	uint64_t turns;

	while (low < high) {	/* the last one that was over by then */
		size_t middle = low + (high - low) / 2;

		if (t->samples[middle].after_ns <= from_ns)
			a = middle, low = middle + 1;
		else
			high = middle;
	}
	for (low = a + 1, high = t->n_samples; low < high;) {	/* the first one that began later */
		size_t middle = low + (high - low) / 2;

		if (t->samples[middle].before_ns >= to_ns)
			b = middle, high = middle;
		else
			low = middle + 1;
	}
	if (t->samples[b].gone)
		return (struct unseen){ 0 };
	trace_count(t, &t->samples[a], &t->samples[b], &turns, &traced_ns);
	counted_ns = t->samples[b].ran_ns - t->samples[a].ran_ns + t->subject.supply.tick_ns;
	return (struct unseen){
		.known = true,
		.turns = t->samples[b].turns - t->samples[a].turns > turns ? t->samples[b].turns - t->samples[a].turns - turns : 0,
		.ran_ns = counted_ns > traced_ns ? counted_ns - traced_ns : 0,
	};
}

/* Can what the trace lacks around [from, to] explain that it got @lack_ns too little there? No, when all its turns were seen. */
static bool breach_doubtful(const struct thread *t, nsec_t from_ns, nsec_t to_ns, nsec_t lack_ns)
{
	struct unseen u = unseen_around(t, from_ns, to_ns);

	return u.known && u.turns > 0 && u.ran_ns > 0 && u.ran_ns >= lack_ns;	/* unknown: then the chain alone must do */
}

static int on_broken(void *userdata, const struct verify_wait *waits, const struct verify_window *broken)
{
	struct walk *w = userdata;
	const struct verify_wait *first = &waits[broken->first], *last = &waits[broken->last];
	struct verify_result *result = w->result;
	size_t end = last->where;
	struct verify_breach *b;

	if (breach_doubtful(w->t, first->from_ns, last->to_ns, broken->promised_ns - broken->got_ns)) {
		result->doubtful++;
		return 0;
	}
	result->broken++;
	if (result->n_breaches == VERIFY_BREACHES)
		return 0;
	b = &result->breaches[result->n_breaches++];
	*b = (struct verify_breach){
		.from_ns = first->from_ns, .to_ns = last->to_ns,
		.got_ns = broken->got_ns, .promised_ns = broken->promised_ns,
	};
	b->cpu = end > 0 ? w->t->marks[end - 1].cpu : end < w->t->n_marks ? w->t->marks[end].cpu : 0;
	breach_explain(w->t, first->where, end, b);
	return 0;
}

/* The busy period ends here. */
static int walk_judge(struct walk *w)
{
	int64_t margin_ns;
	int r = verify_busy(&w->t->subject.supply, w->waits, w->n_waits, on_broken, w, &margin_ns);

	if (margin_ns < w->result->margin_ns)
		w->result->margin_ns = margin_ns;
	w->n_waits = 0;
	w->got_ns = 0;
	return r;
}

static int walk_wait(struct walk *w, nsec_t to_ns, size_t where)
{
	w->result->ready_ns += to_ns - w->since_ns;
	if (to_ns == w->since_ns)
		return 0;
	if (!array_grow(&w->waits, w->n_waits, sizeof(*w->waits)))
		return -ENOMEM;
	w->waits[w->n_waits++] = (struct verify_wait){ w->since_ns, to_ns, w->got_ns, where };
	return 0;
}

static void walk_run(struct walk *w, nsec_t to_ns)
{
	nsec_t ran_ns = to_ns - w->since_ns;

	w->result->ready_ns += ran_ns;
	w->result->ran_ns += ran_ns;
	w->got_ns += ran_ns + w->v->grain_ns;
}

/* What it did from since_ns until @to_ns cannot be told. Unless it surely ran enough there, that may hide a breach. */
static void walk_skip(struct walk *w, nsec_t to_ns)
{
	nsec_t promised_ns;

	if (to_ns <= w->since_ns)	/* in the first sample */
		return;
	promised_ns = vrk_sbf(&w->t->subject.supply, to_ns - w->since_ns);
	w->result->unjudged_ns += to_ns - w->since_ns;
	if (promised_ns > 0 && unseen_around(w->t, w->since_ns, to_ns).ran_ns < promised_ns)
		w->result->doubtful++;
	w->since_ns = to_ns;
}

static int walk_lose(struct walk *w, nsec_t to_ns)
{
	w->result->holes++;
	walk_skip(w, to_ns);
	w->at = AT_UNKNOWN;
	return walk_judge(w);
}

/*
 * Is it unknown what it did between the last mark and @to_ns? A hole does not matter when the kernel counted no turn that the trace
 * lacks: who ran still runs, who waited still waits; but who slept may have waited since, unless it is known to be still @asleep.
 */
static bool walk_lost(struct walk *w, nsec_t to_ns, bool asleep)
{
	struct unseen u;

	if (!walk_in_hole(w, to_ns))
		return false;
	u = unseen_around(w->t, w->since_ns, to_ns);
	if (!u.known || u.turns > 0 || w->at == AT_READY)
		return true;
	return w->at == AT_SLEEP && !asleep;	/* its wakeup may be in the hole */
}

static int walk_in(struct walk *w, const struct mark *m, size_t where)
{
	int r = 0;

	if (w->at == AT_UNKNOWN)
		walk_skip(w, m->time_ns);
	else if (w->at == AT_CPU)	/* it was not seen to leave */
		r = walk_lose(w, m->time_ns);
	else if (w->at == AT_QUEUE || w->at == AT_READY)
		r = walk_wait(w, m->time_ns, where);
	w->at = AT_CPU;
	return r;
}

static int walk_out(struct walk *w, const struct mark *m)
{
	int r = 0;

	if (w->at == AT_CPU || w->at == AT_READY)
		walk_run(w, m->time_ns);
	else if (w->at == AT_UNKNOWN)
		walk_skip(w, m->time_ns);
	else			/* it was not seen to come */
		r = walk_lose(w, m->time_ns);
	if (r >= 0 && m->kind == MARK_BLOCKED)
		r = walk_judge(w);
	w->at = m->kind == MARK_BLOCKED ? AT_SLEEP : AT_QUEUE;
	return r;
}

static int walk_mark(struct walk *w, size_t where)
{
	const struct mark *m = &w->t->marks[where];
	int r = 0;

	if (w->at != AT_UNKNOWN && walk_lost(w, m->time_ns, m->kind == MARK_WAKE))
		r = walk_lose(w, m->time_ns);
	if (r < 0)
		return r;
	if (m->kind == MARK_WAKE) {
		if (w->at != AT_SLEEP)
			return 0;	/* woken while it was about to sleep; or after a hole: its first run tells more */
		w->at = AT_QUEUE;
	} else {
		r = m->kind == MARK_IN ? walk_in(w, m, where) : walk_out(w, m);
	}
	w->since_ns = m->time_ns;
	w->cpu = m->cpu;
	return r;
}

/* No mark told whether it ran: its CPU time does. */
static int walk_end_ready(struct walk *w, const struct verify_sample *end)
{
	nsec_t ran_ns = end->ran_ns - w->t->samples[0].ran_ns, past_ns = end->before_ns - w->since_ns;

	if (ran_ns == 0 && !end->gone)
		return walk_wait(w, end->before_ns, w->t->n_marks);
	if (ran_ns > past_ns / 2)
		walk_run(w, end->before_ns);
	else
		return walk_lose(w, end->before_ns);
	return 0;
}

static int walk_end(struct walk *w, const struct verify_sample *end)
{
	int r = 0;

	if (end->before_ns <= w->since_ns)
		return walk_judge(w);
	if (w->at != AT_UNKNOWN && walk_lost(w, end->before_ns, !end->ready))
		return walk_lose(w, end->before_ns);
	if (w->at == AT_UNKNOWN)
		walk_skip(w, end->before_ns);
	else if (w->at == AT_CPU)
		walk_run(w, end->before_ns);
	else if (w->at == AT_QUEUE && !end->gone)
		r = walk_wait(w, end->before_ns, w->t->n_marks);
	else if (w->at == AT_READY)
		r = walk_end_ready(w, end);
	return r < 0 ? r : walk_judge(w);
}

static int hole_compare(const void *a, const void *b)
{
	const struct hole *p = a, *q = b;

	return p->to_ns < q->to_ns ? -1 : p->to_ns > q->to_ns;
}

static int mark_compare(const void *a, const void *b)
{
	const struct mark *p = a, *q = b;

	if (p->time_ns != q->time_ns)
		return p->time_ns < q->time_ns ? -1 : 1;
	return p->order < q->order ? -1 : p->order > q->order;
}

static int walk_all(struct walk *w, const struct verify_sample *end)
{
	const struct thread *t = w->t;
	const struct verify_sample *begin = &t->samples[0];
	int r = 0;

	w->since_ns = begin->after_ns;
	/* The sample counts when nothing happened while it was taken: then it is as of its end. */
	if (t->n_marks == 0 || t->marks[0].time_ns > begin->after_ns)
		w->at = begin->ready ? AT_READY : AT_SLEEP;
	for (size_t i = 0; r >= 0 && i < t->n_marks && t->marks[i].time_ns <= end->before_ns; i++)
		r = walk_mark(w, i);
	return r < 0 ? r : walk_end(w, end);
}

/* How many turns the kernel counted for sure and the trace has not. */
static uint64_t turns_missing(const struct thread *t, const struct verify_sample *end)
{
	const struct verify_sample *begin = &t->samples[0];
	uint64_t counted = end->turns - begin->turns, seen = 0;

	for (size_t i = 0; i < t->n_marks; i++)
		seen += t->marks[i].kind == MARK_IN && t->marks[i].time_ns >= begin->before_ns && t->marks[i].time_ns <= end->after_ns;
	return !end->gone && counted > seen ? counted - seen : 0;
}

static enum verify_verdict verdict_of(const struct verify_result *result)
{
	if (result->broken > 0)
		return VERIFY_BROKEN;
	return result->doubtful > 0 || result->unjudged_ns > result->ready_ns ? VERIFY_UNSURE : VERIFY_KEPT;
}

int verify_end(struct verify *v, size_t subject, const struct verify_sample *sample, struct verify_result *ret)
{
	struct thread *t = &v->threads[subject];
	struct verify_result result = { .margin_ns = INT64_MAX };
	struct walk w = { .v = v, .t = t, .result = &result };
	int r;

	assert(subject < v->n && t->n_samples > 0);
	r = verify_sample(v, subject, sample);
	for (size_t i = 0; r >= 0 && i < v->n_cpus; i++) {
		if (v->cpus[i].lost)
			r = hole_add(v, (unsigned int)i, v->cpus[i].last_ns, sample->after_ns);
		if (t->waiting && t->home == i)
			thread_credit(t, &v->cpus[i], sample->before_ns);
		v->cpus[i].lost = false;
	}
	if (r >= 0) {
		if (v->n_holes > 1)
			qsort(v->holes, v->n_holes, sizeof(*v->holes), hole_compare);
		if (t->n_marks > 1)
			qsort(t->marks, t->n_marks, sizeof(*t->marks), mark_compare);
		r = walk_all(&w, sample);
	}
	free(w.waits);
	if (r < 0)
		return r;
	result.missing = turns_missing(t, sample);
	result.verdict = verdict_of(&result);
	*ret = result;
	return 0;
}

const char *verify_verdict_name(enum verify_verdict verdict)
{
	static const char *const names[] = { "kept", "broken", "unsure" };

	assert(verdict >= 0 && (size_t)verdict < ARRAY_SIZE(names));
	return names[verdict];
}
