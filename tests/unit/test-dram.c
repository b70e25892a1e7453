/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Estimates of DRAM interference: the arithmetic of DDR3-1333 with four cores, private and shared banks, and where they end. */
#include <virtrk/memory.h>

#include "expect.h"

#define CORES 4

static const struct vrk_dram ddr3 = { .clock_ps = 1500, .rp = 9, .rcd = 9, .cl = 9, .wl = 7, .bl = 8, .wtr = 5, .wr = 10, .rrd = 4, .faw = 20,
				      .reorder = 12 };
static const struct vrk_colors apart[] = { { { 1 } }, { { 2 } }, { { 4 } }, { { 8 } } };
static const struct vrk_colors together[] = { { { 15 } }, { { 15 } }, { { 15 } }, { { 15 } } };
static const struct vrk_colors crowded[] = { { { 2 } }, { { 2 } }, { { 2 } }, { { 2 } } };
static const struct vrk_colors pairwise[] = { { { 1 } }, { { 1 } }, { { 2 } }, { { 2 } } };

static void test_delays(void)
{
	struct vrk_dram bad = ddr3;
	struct vrk_dram_delay d;

	CASE("DDR3-1333");
	EXPECT_INT(vrk_dram_delay(&ddr3, &d), 0);
	EXPECT_INT(d.precharge_ps, 1500);
	EXPECT_INT(d.activate_ps, 12000);
	EXPECT_INT(d.transfer_ps, 24000);
	EXPECT_INT(d.hit_ps, 31500);
	EXPECT_INT(d.conflict_ps, 58500);
	EXPECT_INT(d.turn_ps, 7500);
	EXPECT_INT(d.row_ps, 28 * 1500 + 12000);
	CASE("a hit is never shorter than the bus takes to turn round");
	bad.wl = 1;
	bad.wr = 1;
	EXPECT_INT(vrk_dram_delay(&bad, &d), 0);
	EXPECT_INT(d.transfer_ps, 14 * 1500);
	EXPECT_INT(d.hit_ps, 14 * 1500);
	bad = ddr3;
	CASE("no clock, no burst, clocks without end, a refresh that never comes");
	bad.clock_ps = 0;
	EXPECT_INT(vrk_dram_delay(&bad, &d), -EINVAL);
	bad = ddr3;
	bad.bl = 0;
	EXPECT_INT(vrk_dram_delay(&bad, &d), -EINVAL);
	bad = ddr3;
	bad.faw = 65536;
	EXPECT_INT(vrk_dram_delay(&bad, &d), -ERANGE);
	EXPECT_INT(vrk_dram_request(&bad, apart, CORES, 0) == UINT64_MAX, true);
	bad = ddr3;
	bad.rfc_ps = 1;
	EXPECT_INT(vrk_dram_delay(&bad, &d), -EINVAL);
}

static void test_request(void)
{
	struct vrk_dram other = ddr3;

	/* turn 7.5 and row 54 are what the printed equation does not have; and what is elsewhere, of those who have several banks */
	CASE("four cores, banks of their own: printed 112.5");
	EXPECT_INT(vrk_dram_request(&ddr3, apart, CORES, 0), 112500 + 7500);
	CASE("four cores at one bank: printed 553.5");
	EXPECT_INT(vrk_dram_request(&ddr3, crowded, CORES, 0), 553500 + 7500 + 54000);
	CASE("without reordering: printed 175.5");
	other.reorder = 0;
	EXPECT_INT(vrk_dram_request(&other, crowded, CORES, 3), 175500 + 7500 + 54000);
	CASE("four cores, four banks for all: each is at another bank as well");
	EXPECT_INT(vrk_dram_request(&ddr3, together, CORES, 0), 112500 + 7500 + 54000 + 12 * (31500 + 2 * 24000) + 3 * (58500 + 2 * 37500));
	CASE("two and two: 75 on the bus, 12 hits of 31.5 + 48, a conflict of 58.5 + 75");
	EXPECT_INT(vrk_dram_request(&ddr3, pairwise, CORES, 0), 75000 + 7500 + 54000 + 12 * (31500 + 48000) + 58500 + 75000);
	CASE("alone");
	EXPECT_INT(vrk_dram_request(&ddr3, together, 1, 0), 0);
	CASE("with refresh");
	other.refi_ps = 7800000;
	other.rfc_ps = 160000;
	EXPECT_INT(vrk_dram_request(&other, crowded, CORES, 0), 237000 + 160000);
}

/* Colours and banks together. */
static void test_curve(void)
{
	const nsec_t alone[] = { 9000, 6000, 5000, 5000 };
	const uint64_t requests[] = { 100, 40, 10, 20 }, many[] = { UINT64_MAX, 0 };
	struct vrk_dram bad = ddr3;
	nsec_t curve[4];

	CASE("120 ns for each request; the last is raised into what was before it");
	EXPECT_INT(vrk_dram_curve(&ddr3, apart, CORES, 1, alone, requests, 4, curve), 0);
	EXPECT_INT(curve[0], 9000 + 12000);
	EXPECT_INT(curve[1], 6000 + 4800);
	EXPECT_INT(curve[2], 5000 + 2400);
	EXPECT_INT(curve[3], 5000 + 2400);
	CASE("615 at one bank for all: a colour is worth more there");
	EXPECT_INT(vrk_dram_curve(&ddr3, crowded, CORES, 0, alone, requests, 2, curve), 0);
	EXPECT_INT(curve[0] - curve[1], 3000 + 60 * 615);
	CASE("alone, it is what it was; in place");
	memcpy(curve, alone, sizeof(alone));
	EXPECT_INT(vrk_dram_curve(&ddr3, apart, 1, 0, curve, requests, 4, curve), 0);
	EXPECT(memcmp(curve, alone, sizeof(alone)) == 0);
	CASE("a part of a ns is one");
	bad.clock_ps = 1;
	EXPECT_INT(vrk_dram_curve(&bad, apart, 2, 0, alone, requests, 1, curve), 0);
	EXPECT_INT(curve[0], 9000 + 3);		/* 25 + 5 ps, 100 times */
	EXPECT_INT(vrk_dram_curve(&bad, apart, 2, 0, alone, &requests[2], 1, curve), 0);
	EXPECT_INT(curve[0], 9000 + 1);		/* ten times */
	CASE("more than can be told");
	EXPECT_INT(vrk_dram_curve(&ddr3, apart, 2, 0, alone, many, 2, curve), 0);
	EXPECT(curve[0] == NSEC_MAX && curve[1] == 6000);
	CASE("no such core, no clock");
	EXPECT_INT(vrk_dram_curve(&ddr3, apart, CORES, CORES, alone, requests, 4, curve), -EINVAL);
	bad.clock_ps = 0;
	EXPECT_INT(vrk_dram_curve(&bad, apart, CORES, 0, alone, requests, 4, curve), -EINVAL);
}

static void test_jobs(void)
{
	const struct vrk_dram_task tasks[] = { { 1000, 10000, 10000, 5, 1 }, { 1000, 4000, 4000, 2, 2 }, { 1, 1000, 1000, UINT64_MAX / 2, 3 } };

	CASE("what others ask for in 10 us: 10 and 8 requests");
	EXPECT_INT(vrk_dram_jobs(&ddr3, apart, CORES, 0, tasks, 2, 10000), 18 * (37500 + 7500));
	CASE("banks shared");
	EXPECT_INT(vrk_dram_jobs(&ddr3, together, CORES, 0, tasks, 2, 10000), 18 * (58500 + 54000 + 7500));
	CASE("nobody else");
	EXPECT_INT(vrk_dram_jobs(&ddr3, together, CORES, 1, tasks, 1, 10000), 0);
	CASE("more than can be counted");
	EXPECT(vrk_dram_jobs(&ddr3, together, CORES, 0, tasks, 3, 10000) == UINT64_MAX);
}

static void test_fp(void)
{
	struct vrk_dram_task tasks[] = { { 1000, 10000, 10000, 10, 0 }, { 3000, 20000, 20000, 10, 0 }, { 2000, 10000, 10000, 100, 1 } };
	nsec_t response[3];
	uint64_t ps[2];

	CASE("requests at 45 and 120 ns: the better of both views");
	EXPECT_INT(vrk_dram_fp(&ddr3, apart, CORES, tasks, 3, response), 0);
	EXPECT_INT(response[0], 1000 + 1200);	/* 10 requests, 120 each */
	EXPECT_INT(response[1], 4000 + 2400);
	EXPECT_INT(response[2], 2000 + 1800);	/* 20 + 20 of others: 40 x 45 < 100 x 120 */
	CASE("too late");
	tasks[1].deadline_ns = 6399;
	EXPECT_INT(vrk_dram_fp(&ddr3, apart, CORES, tasks, 3, response), 0);
	EXPECT(response[1] == NSEC_MAX);
	CASE("no clock: no window, no place either");
	EXPECT(vrk_dram_jobs(&(const struct vrk_dram){ .bl = 8 }, apart, CORES, 0, tasks, 3, 1000) == UINT64_MAX);
	EXPECT_INT(vrk_dram_place(&(const struct vrk_dram){ .bl = 8 }, apart, CORES, tasks, 3, 1000, ps), -EINVAL);
	CASE("bad tasks");
	tasks[1].deadline_ns = 20001;
	EXPECT_INT(vrk_dram_fp(&ddr3, apart, CORES, tasks, 3, response), -EINVAL);
	tasks[1].deadline_ns = 1;
	tasks[1].core = CORES;
	EXPECT_INT(vrk_dram_fp(&ddr3, apart, CORES, tasks, 3, response), -EINVAL);
}

static void test_place(void)
{
	struct vrk_dram_task heavy[] = { { 3000, 10000, 10000, 100, 0 }, { 3000, 10000, 10000, 100, 1 }, { 3000, 10000, 10000, 0, 0 } };
	struct vrk_dram_task full[] = { { 6000, 10000, 10000, 100, 0 }, { 6000, 10000, 10000, 100, 1 } };
	uint64_t ps[2];

	CASE("those that ask for much come together");
	EXPECT_INT(vrk_dram_place(&ddr3, apart, 2, heavy, 3, 10000, ps), 0);
	EXPECT_INT(heavy[0].core, heavy[1].core);
	EXPECT_INT(ps[0], 2 * 200 * 45000);
	EXPECT_INT(ps[1], 0);
	CASE("unless there is no room");
	EXPECT_INT(vrk_dram_place(&ddr3, apart, 2, full, 2, 10000, ps), 0);
	EXPECT(full[0].core == 0 && full[1].core == 1 && ps[0] == ps[1]);
}

int main(void)
{
	test_delays();
	test_request();
	test_curve();
	test_jobs();
	test_fp();
	test_place();
	return expect_result();
}
