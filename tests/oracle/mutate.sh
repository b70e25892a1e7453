#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# mutate.sh [CC]: breaks the analysis library in one place at a time, by one, and asks whether the tests notice. Each line of
# the table is FILE | sed expression. Prints what was not noticed; exit code 1 then. Takes some minutes, so it is not part of
# the ordinary tests. Not in it, since nothing changes but the speed: a QPA walk that goes on from one less than inv(h(t)) (no deadline
# there can be the one that is missed, or the next would be supplied no later). A line that changes nothing is an error: the code has moved on, so must the table.
set -u
cd "$(dirname "$0")/../.." || exit 2
cc=${1:-cc}
export VIRTRK_ORACLE_N=${VIRTRK_ORACLE_N:-4000}

table='
demand.c      | s/k = t \/ e->p + (x >= e->d);/k = t \/ e->p + (x > e->d);/
demand.c      | s/k = t >= e->d ? (t - e->d) \/ e->p + 1 : 0;/k = t > e->d ? (t - e->d) \/ e->p + 1 : 0;/
demand.c      | s/k = t >= e->d ? (t - e->d) \/ e->p + 1 : 0;/k = t >= e->d ? (t - e->d) \/ e->p : 0;/
demand.c      | s/sum += ceil_mul_div(e->q, x, e->wake_d);/sum += 0;/
demand.c      | s/sum += (u128)(late - 1) \* w->tick_ns;/sum += (u128)(late - 2) * w->tick_ns;/
demand.c      | s/t = point_below(w, (uint64_t)h < t ? (uint64_t)h : t);/t = point_below(w, (uint64_t)h < t ? (uint64_t)h - 1 : t);/
demand.c      | s/if (h > t || t - h < best_slack)/if (h > t + 1 || t - h < best_slack)/
demand.c      | s/uint64_t t = point_below(w, horizon);/uint64_t t = point_below(w, horizon \/ 2);/
demand.c      | s/constant = w->switches + (n ? (u128)(n - 1)/constant = w->switches + (n > 1 ? (u128)(n - 2)/
entity.c      | s/\.c = r->budget_ns + 2 \* host->switch_ns/.c = r->budget_ns + host->switch_ns/
entity.c      | s/return num <= den;/return num < den;/
kernel.c      | s/sum <= limit,/sum < limit,/
kernel.c      | s/vrk_bw(host->fair_budget_ns, host->fair_period_ns) \* host->cpus/vrk_bw(host->fair_budget_ns, host->fair_period_ns)/
reservation.c | s/v->ok = lhs <= rhs;/v->ok = lhs < rhs;/
gedf.c        | s/if (host->fair_budget_ns)/if (0)/
gedf.c        | s/(tick ? 3 : 2)/1/
gedf-gfb.c    | s/(u128)(g->n - 1) \* g->host->tick_ns : 0/(u128)(g->n - 1) * (g->host->tick_ns - 1) : 0/
gedf-gfb.c    | s/v.ok = m > 0 \&\& lhs <= rhs;/v.ok = m > 0 \&\& lhs < rhs;/
gedf-gfb.c    | s/rhs = m > 1 ? (m - 1) \* dens : 0;/rhs = m > 1 ? (m - 2) * dens : 0;/
gedf-bak.c    | s/return !g->sleepers \&\&/return/
gedf-bak.c    | s/\.ok = sum <= limit,/.ok = sum < limit,/
gedf-bcl.c    | s/(k->d - i->d) \/ i->p + 1;/(k->d - i->d) \/ i->p;/
gedf-bcl.c    | s/\.ok = sum < limit ||/.ok = sum <= limit ||/
gedf-bcl.c    | s/\.ok = g->n <= m,/.ok = g->n < m,/
gedf-bcl-iter.c | s/cap = e->d - e->c + 1;/cap = e->d - e->c;/
gedf-bcl-iter.c | s/if (end > e->d || (ok/if (end >= e->d || (ok/
gedf-bcl-iter.c | s/ok \&= end <= e->d;/ok \&= end <= e->d + 1;/
certificate.c | s/if (h > t)/if (h > t + 1)/
certificate.c | s/deadline_between(w, n, t, limit))/0)/
certificate.c | s/return !deadline_between(w, n, 0, limit);/return true;/
certificate.c | s/return num <= den;/return num <= den + 1;/
certificate.c | s/sum \/ m + ck + cert->points_ns\[k\] > dk/sum \/ m + ck + cert->points_ns[k] > dk + 1/
certificate-guest.c | s/w + t->jitter_ns > before + claim/w + t->jitter_ns > before + claim + 1/
certificate-guest.c | s/w + t->jitter_ns <= before + t->period_ns/true/
certificate-guest.c | s/(up(t, s->period_ns) + 2 \* pieces - 1)/(up(t, s->period_ns) + 2 * pieces - 2)/
certificate-guest.c | s/ + (wide)(s->tick_ns \/ s->budget_ns) \* s->budget_ns);/);/
certificate-guest.c | s/lost = pieces \* (blackout + s->latency_ns);/lost = pieces * blackout;/
certificate-guest.c | s/(up(t, s->irq_period_ns) + pieces - 1)/up(t, s->irq_period_ns)/
certificate-guest.c | s/chunks \* s->budget_ns + (rest < s->budget_ns ? rest : s->budget_ns) >= work;/chunks * s->budget_ns + (rest < s->budget_ns ? rest : s->budget_ns) + 1 >= work;/
certificate-guest.c | s/sum += up(w + jitter, t->period_ns)/sum += up(w, t->period_ns)/
certificate-guest.c | s/(wide)t->suspensions + 1, work/(wide)t->suspensions, work/
certificate-guest.c | s/t + x->jitter_ns >= x->deadline_ns)/t + x->jitter_ns > x->deadline_ns)/
certificate-guest.c | s/guest_deadline_between(v->g, t, limit) ||$/false ||/
certificate-guest.c | s/return !guest_deadline_between(v->g, 0, limit);/return true;/
certificate-guest.c | s/!supplied(v->s, need, 1, guest_work(v->g, t, true))/false/
certificate-guest.c | s/!supplied(v->s, v->c->horizon_ns, 1, guest_work(v->g, v->c->horizon_ns, false))/false/
certificate-guest.c | s/|| v->g->tasks\[i\].jitter_ns >= v->g->tasks\[i\].deadline_ns//
certificate-guest.c | s/(deferrable ? r\[h\].period_ns - r\[h\].budget_ns : 0)/0/
certificate-guest.c | s/if (work > w)/if (work > w + 1)/
certificate-guest.c | s/return point == v->c->n_points;/return true;/
proof.c       | s/ceil_div(window + jitter, t\[h\].period_ns)/((window + jitter) \/ t[h].period_ns)/
proof.c       | s/if (last > x->jitter_ns/if (last > x->jitter_ns + 1/
proof.c       | s/nsec_t jitter = deferrable ? r\[h\].period_ns - r\[h\].budget_ns : 0;/nsec_t jitter = 0;/
proof.c       | s/own.deadline_ns = delivered\[self\];/;/
guest-edf.c   | s/if (t->jitter_ns >= t->deadline_ns)/if (t->jitter_ns > t->deadline_ns)/
guest-edf.c   | s/if (early > x->deadline_ns)/if (0)/
guest-edf.c   | s/at = supply_blackout(s) + /at = /
guest-edf.c   | s/(u128)s->latency_ns + s->irq_ns + (work/(u128)s->latency_ns + (work/
guest-edf.c   | s/(u128)s->latency_ns + s->irq_ns + (work/s->irq_ns + (work/
guest-edf.c   | s/ + supply_debt(s) + 2 \* (u128)s->switch_ns, at;/ + 2 * (u128)s->switch_ns, at;/
guest-edf.c   | s/ + supply_debt(s) + 2 \* (u128)s->switch_ns, at;/ + supply_debt(s), at;/
guest-edf.c   | s/+ frac_up(s->switch_ns, s->budget_ns);/;/
guest-edf.c   | s/share += frac_up(s->irq_ns, s->irq_period_ns);/;/
guest-edf.c   | s/work = (u128)e->blocking + supply_debt/work = supply_debt/
guest-edf.c   | s/if (next == NSEC_MAX || next <= t)/if (next == NSEC_MAX || next <= 2 * t)/
guest-edf.c   | s/due += (u128)(jobs + 1) \* s->wcet;/due += (u128)jobs * s->wcet;/
guest-edf.c   | s/u128 due = blocking;/u128 due = 0;/
guest-edf.c   | s/\*ret_short = need > t ? t : 0;/*ret_short = 0;/
guest-edf.c   | s/if (longest >= ask->too_long)/if (longest > 0)/
repair.c      | s/\*ret_scale = lo ? lo : 1;/*ret_scale = hi;/
repair.c      | s/while (hi - lo > 1) {/while (hi - lo > 2) {/
supply.c      | s/return s->period_ns - s->budget_ns + (s->deadline_ns - s->budget_ns);/return s->period_ns - s->budget_ns + (s->deadline_ns - s->budget_ns) - 1;/
supply.c      | s/(ceil_div((uint64_t)w, s->budget_ns) - 1)/(ceil_div((uint64_t)w, s->budget_ns) - 0)/
supply.c      | s/return s->tick_ns + s->tick_ns \/ s->budget_ns \* s->budget_ns;/return s->tick_ns;/
guest-fp.c    | s/ceil_div(window + jitter, h->period_ns)/((window + jitter) \/ h->period_ns)/
guest-fp.c    | s/(uint64_t)t->suspensions + 1, 0)/(uint64_t)t->suspensions, 0)/
guest-fp.c    | s/ - h->wcet_ns;/ - h->deadline_ns;/
guest-fp.c    | s/if (done + t->jitter_ns <= before + t->period_ns)/if (true)/
guest-edf.c   | s/\.ok = lhs <= rhs,/.ok = lhs < rhs,/
guest-edf.c   | s/t + x->jitter_ns >= x->deadline_ns/t + x->jitter_ns > x->deadline_ns/
host-fp.c     | s/deferrable ? r\[h\].period_ns - r\[h\].budget_ns : 0/0/
size.c        | s/^\treturn hi;/\treturn hi + 1;/
size.c        | s/^\treturn hi;/\treturn lo;/
size.c        | s/return least > 0 ? (least - 1) \/ grid : 0;/return least > 0 ? least \/ grid + 1 : 0;/
size.c        | s/budget--;	/;	/
size.c        | s/(u128)(best->budget_ns + 2 \* host->switch_ns) \* period;/(u128)best->budget_ns * period;/
size.c        | s/unsigned int k = 1; k <= DIVISORS_MAX/unsigned int k = 2; k <= DIVISORS_MAX/
size.c        | s/whole\[n++\] = g->tasks\[i\].deadline_ns;/;/
place.c       | s/if (!ok)$/if (0)/
place.c       | s/if (how->exclusive \&\& p->count\[cpu\] > 0)/if (how->exclusive \&\& p->count[cpu] > 1)/
locks.c       | s/(u128)s->length_ns + (l->sections\[t->vcpu\] - t->section_max) + v->masked_ns/(u128)s->length_ns + v->masked_ns/
locks.c       | s/ - t->section_max) + v->masked_ns;/ - t->section_max);/
locks.c       | s/l->sections\[t->vcpu\] += s->length_ns - t->section_max;/l->sections[t->vcpu] = s->length_ns;/
locks.c       | s/ceil_div(wait + h->response, h->task->period_ns)/ceil_div(wait, h->task->period_ns)/
locks.c       | s/h->task->period_ns) \* first\[i\].hold_sum;/h->task->period_ns) * first[i].hold_max;/
locks.c       | s/u128 next = lower;/u128 next = 0;/
locks.c       | s/rank\[first\[i\].task\] > rank\[me->task\])$/rank[first[i].task] >= rank[me->task])/
locks.c       | s/wait = saturate((u128)wait + resource->latency_ns);/;/
locks.c       | s/(u128)wait \* l->users\[k\].count/(u128)wait/
locks.c       | s/(t->requests + t->task->suspensions + 1)/(t->requests + t->task->suspensions)/
locks.c       | s/once += l->lockers\[k\].section_max;/once = l->lockers[k].section_max;/
locks.c       | s/(uint32_t)pieces;/(uint32_t)pieces - (pieces > 0);/
locks.c       | s/if (used\[s->task\] > t->task->wcet_ns)/if (used[s->task] > t->task->wcet_ns + 1)/
locks.c       | s/changed \&= l->ranked;/changed = false;/
locks.c       | s/p->period_ns - p->budget_ns + end/end/
locks-overrun.c | s/\.hard_ns = overrun_ns\[i\]/.hard_ns = overrun_ns[i] > 1 ? overrun_ns[i] \/ 2 : 1/
sim-lock.c    | s/(\*at)->spec->rank <= t->spec->rank/(*at)->spec->rank > t->spec->rank/
sim-lock.c    | s/s->length_ns > left \/ s->count/s->length_ns > left/
sim-chain.c   | s/c->first = (c->first + 1)/c->first = (c->first + 0)/
sim-chain.c   | s/{ from->arrived, now + delay }/{ now, now + delay }/
sim-chain.c   | s/tasks\[i\].next - 1 <= i/tasks[i].next - 1 < i/
irq.c         | s/s.constant += irq\[i\].hard_ns + /s.constant += /
irq.c         | s/s.rate += frac_up/s.rate = frac_up/
irq.c         | s/x = ((x << FRAC_SHIFT) + left - 1) \/ left;/;/
irq.c         | s/all += irq\[i\].hard_ns;/all = irq[i].hard_ns;/
irq.c         | s/late += (u128)ceil_div(irq\[i\].jitter_ns/late += (u128)(0 * irq[i].jitter_ns/
irq.c         | s/constant += 2 \* budget + host->tick_ns;/constant += budget;/
irq.c         | s/load += budget > one->period_ns ? FRAC_ONE : frac_up/load = frac_up/
irq.c         | s/bool fits = work_ns < r->budget_ns ||/bool fits = work_ns <= r->budget_ns ||/
irq.c         | s/apart_ns >= r->period_ns ?/apart_ns + 1 >= r->period_ns ?/
irq.c         | s/lemma < NSEC_MAX \&\& lemma + jitter < response/lemma < NSEC_MAX/
irq.c         | s/response = lemma + jitter;/response = lemma;/
irq.c         | s/\.jitter_ns = irq\[i\].jitter_ns };/.priority = (uint32_t)i };/
system-inside.c | s/x->tasks\[at\].priority++;/;/
system-inside.c | s/b->thread_ns + irq->injection_ns : TASK_MAX/b->thread_ns : TASK_MAX/
system-inside.c | s/x->first\[v\] + x->v\[v\].n_handlers + (task - row);/x->first[v] + (task - row);/
system.c      | s/if (q->n_irqs > 0)$/if (0)/
system.c      | s/r.deadline_ns = delivered;/;/
sim-cbs.c     | s/return left > right;/return false;/
sim-fp-host.c | s/s->q = s->budget;/s->q += s->budget;/
sim-fp-host.c | s/\.burns = periodic,/.burns = false,/
sim-fp-host.c | s/\.d = (sim_time)priority,/.d = -(sim_time)priority,/
simulate.c    | s/sim_time due = s->cbs.fixed ? s->cbs.due : s->cbs.d;/sim_time due = s->cbs.d;/
memory-fit.c  | s/return \*ret_want > \*ret_hold;/return *ret_want >= *ret_hold;/
memory-fit.c  | s/k = f->by_kind\[i\];$/break;/
memory-fit.c  | s/color = r\[i\].exclusive_colors || r\[j\].exclusive_colors/color = r[i].exclusive_colors/
memory-check.c | s/if (got < wants(\&r\[i\]))/if (got + 1 < wants(\&r[i]))/
memory-check.c | s/return all_apart(host, r, n);/return true;/
memory-repair.c | s/\.fewest = !s->cut/.fewest = true/
memory-check.c | s/return want > hold \&\&/return want >= hold \&\&/
memory-check.c | s/left\[part->color \* host->banks + part->bank\] -= part->frames;/;/
memory-repair.c | s/k < enough \&\& !s->cut; k++/k + 1 < enough; k++/
color-divide.c | s/if (wcet_ns\[k - 2\] < wcet_ns\[k - 1\])/if (wcet_ns[k - 2] > wcet_ns[k - 1])/
color-divide.c | s/k <= m; k++/k < m; k++/
color-divide.c | s/(u128)accesses \* miss_ns;/(u128)(accesses \/ 2) * miss_ns;/
color-divide.c | s/if (sum >= memory_frames/if (sum > memory_frames/
guest-fp-reload.c | s/longer += preemption_cost(t, colors, n, h, i, reload_ns);/;/
guest-fp-reload.c | s/t\[j\].priority <= t\[h\].priority/j == h/
guest-fp-reload.c | s/longer = warm ?/longer = 0 \&\& warm ?/
dram.c        | s/ceil_div(t_ns, tasks\[i\].period_ns) + 1,/ceil_div(t_ns, tasks[i].period_ns),/
dram.c        | s/times(dram->reorder, hit_delay/(hit_delay/
dram.c        | s/requests\[k\] \* ps + 999/requests[k] * ps/
dram.c        | s/ + ret->activate_ps;/;/
dram.c        | s/, n > 1 ? d.turn_ps : 0/, 0/
dram.c        | s/d.conflict_ps + d.row_ps + d.turn_ps/d.conflict_ps/
dram-place.c  | s/if (then < \*sum)/if (then != *sum)/
bank-map.c    | s/CERTAINTY_MIN 30/CERTAINTY_MIN 0/
bank-map.c    | s/rows\[k\] ^= rows\[i\];/;/
bank-map.c    | s/differ < n \/ 8/differ < n \/ 80/
bank-map.c    | s/map->same - map->same \/ 4/map->same - map->same \/ 2/
bank-map.c    | s/k < 64 - PAGE_SHIFT/k < 64/
bank-map.c    | s/7 \* i + n/i + n/
memory-repair.c | s/most < s->need ? most : s->need/s->need/
units.c       | s/ns > NSEC_MAX)/ns > NSEC_MAX - 1)/
'

work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
flags=(-O1 -w -std=gnu17 -D_GNU_SOURCE -Iinclude -Iinclude/internal -Itests/unit -Itests/oracle -Isrc/analysis)
units=(bank-map color-divide dram guest-fp-reload units reservation kernel demand gedf host repair certificate simulate supply guest irq locks memory-fit place proof system)
oracles=("bank-map exact" "colors divide" "colors place" "colors reload" "colors shared" "dram request" "dram jobs" "dram curve" "colors curve" "demand exact" "demand safe" "gedf simulated" "gedf sustainable" "guest exact" "guest fp" "guest suspending" "guest edf" "guest windows" "size" "size period" "irq" "locks adversary" "locks convoy" "locks sustainable" "overrun settled" "memory" "place" "proof" "fp-host" "sustain")

for f in src/analysis/*.c; do
	"$cc" "${flags[@]}" -c "$f" -o "$work/$(basename "$f" .c).o" || exit 2
done
for t in "${units[@]}"; do
	"$cc" "${flags[@]}" -c "tests/unit/test-$t.c" -o "$work/unit-$t.obj" || exit 2
done
for t in bank-map colors demand dram gedf guest size irq locks memory overrun place proof fp-host sustain; do
	"$cc" "${flags[@]}" -c "tests/oracle/oracle-$t.c" -o "$work/oracle-$t.obj" || exit 2
done

# noticed: does any test fail with the objects as they are?
noticed() {
	local t

	for t in "${units[@]}"; do
		"$cc" "$work/unit-$t.obj" "$work"/*.o -o "$work/run" && timeout 60 "$work/run" >/dev/null 2>&1 || return 0
	done
	for t in "${oracles[@]}"; do
		"$cc" "$work/oracle-${t%% *}.obj" "$work"/*.o -o "$work/run" || return 0
		# shellcheck disable=SC2086 # the second word is the argument
		timeout 120 "$work/run" ${t#"${t%% *}"} >/dev/null 2>&1 || return 0
	done
	return 1
}

if noticed; then
	echo "the tests fail without any mutation"
	exit 2
fi
total=0 missed=0
while IFS='|' read -r file expression; do
	read -r file <<<"$file"
	[ -n "$file" ] || continue
	expression=${expression# }
	total=$((total + 1))
	object=$work/${file%.c}.o
	if ! sed "$expression" "src/analysis/$file" >"$work/mutant.c"; then
		echo "no such file: $file"
		exit 2
	fi
	if cmp -s "$work/mutant.c" "src/analysis/$file"; then
		echo "changes nothing: $file: $expression"
		missed=$((missed + 1))
		continue
	fi
	mv "$object" "$work/keep"
	if ! "$cc" "${flags[@]}" -c "$work/mutant.c" -o "$object"; then
		echo "does not compile: $file: $expression"
		missed=$((missed + 1))
	elif ! noticed; then
		echo "not noticed: $file: $expression"
		missed=$((missed + 1))
	fi
	mv "$work/keep" "$object"
done <<<"$table"
echo "$total mutations, $((total - missed)) noticed"
[ "$missed" -eq 0 ]
