/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which machine is this: from directories that look like one, as a line and back, and what differs in words. DMI tables are read as they
 * come from firmware, cut off anywhere.
 */
#include "expect.h"
#include "machine.h"

#define CPUINFO                                                                                                          \
	"processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 42\nmodel name\t: Intel(R) Core(TM) i7-2600\n"  \
	"stepping\t: 7\nmicrocode\t: 0x2f\n\nprocessor\t: 1\nvendor_id\t: GenuineIntel\nmodel\t\t: 43\nmicrocode\t: 0x30\n"

/* One device of 8 GiB and two ranks, an empty slot, one of 32 GiB (extended size), then the end. */
static const char table[] =
	"\x00\x05\x01\x00\x01" "Vendor\0\0"
	"\x11\x22\x02\x00" "aaaaaaaa" "\x00\x20" "\x09\x00\x01\x02" "xxxxxxxxx" "\x02" "\x00\x00\x00\x00" "\x00\x00" "DIMM A1\0BANK 0\0\0"
	"\x11\x15\x03\x00" "aaaaaaaa" "\x00\x00" "\x09\x00\x01\x00" "xxx" "DIMM_B1\0\0"
	"\x11\x22\x04\x00" "aaaaaaaa" "\xff\x7f" "\x09\x00\x01\x00" "xxxxxxxxx" "\x01" "\x00\x80\x00\x00" "\x00\x00" "C\0\0"
	"\x7f\x04\x05\x00" "\0";

#define DIMMS "DIMM A1:8192M:2+DIMM_B1:0M:0+C:32768M:1"

static char *fixture(void)
{
	char *tree = tree_new();

	tree_file(tree, "proc/cpuinfo", CPUINFO);
	tree_file(tree, "sys/devices/virtual/dmi/id/sys_vendor", "Dell Inc.\n");
	tree_file(tree, "sys/devices/virtual/dmi/id/product_name", "OptiPlex 990\n");
	tree_file(tree, "sys/devices/virtual/dmi/id/bios_version", "A19\n");
	tree_bytes(tree, "sys/firmware/dmi/tables/DMI", table, sizeof(table));
	tree_file(tree, "sys/devices/system/memory/block_size_bytes", "8000000\n");
	tree_file(tree, "sys/devices/system/memory/memory0/state", "online\n");
	tree_file(tree, "sys/devices/system/memory/memory1/state", "offline\n");
	tree_file(tree, "sys/devices/system/memory/memory10/state", "online\n");
	tree_file(tree, "sys/devices/system/memory/power/control", "auto\n");
	return tree;
}

#define LINE                                                                                                                             \
	"machine cpu=GenuineIntel-6-42-7 microcode=0x2f board=Dell_Inc./OptiPlex_990/none/none/none bios=none/A19/none "                     \
	"dimms=DIMM_A1:8192M:2+DIMM_B1:0M:0+C:32768M:1 memory=0-10000000,50000000-58000000"

static void test_look(void)
{
	_cleanup_(tree_freep) char *tree = fixture();
	_cleanup_(machine_done) struct machine a = { { NULL } }, b = { { NULL } };
	_cleanup_(freep) char *line = NULL, *words = NULL;
	const struct profile_door door = profile_door_directory(tree);

	CASE("a machine");
	if (!EXPECT_INT(machine_look(&door, &a), 0) || !EXPECT_INT(machine_format(&a, &line), 0))
		return;
	EXPECT_STR(line, LINE);
	if (!EXPECT_INT(machine_parse(line, &b), 0))
		return;
	EXPECT_INT(machine_differ(&a, &b, &words), 0);
	EXPECT(words == NULL);
	CASE("another one");
	free(b.value[MACHINE_MICROCODE]);
	b.value[MACHINE_MICROCODE] = strdup("0x2e");
	free(b.value[MACHINE_BIOS]);
	b.value[MACHINE_BIOS] = strdup("x");
	EXPECT_INT(machine_differ(&b, &a, &words), 0);
	EXPECT_STR(words, "microcode (0x2e then, 0x2f now), bios (x then, none/A19/none now)");
}

static void test_bare(void)
{
	_cleanup_(tree_freep) char *tree = tree_new();
	_cleanup_(machine_done) struct machine m = { { NULL } };
	_cleanup_(freep) char *line = NULL;
	const struct profile_door door = profile_door_directory(tree);

	CASE("nothing is told");
	if (EXPECT_INT(machine_look(&door, &m), 0) && EXPECT_INT(machine_format(&m, &line), 0))
		EXPECT_STR(line, "machine cpu=none microcode=none board=none/none/none/none/none bios=none/none/none dimms=none memory=none");
}

static void test_parse(void)
{
	static const struct {
		const char *name, *line;
		int r;
	} cases[] = {
		{ "as it is written", LINE, 0 },
		{ "empty", "", -EBADMSG },
		{ "the word alone", "machine", -EBADMSG },
		{ "another word", "machines cpu=a microcode=b board=c bios=d dimms=e memory=f", -EBADMSG },
		{ "all short", "machine cpu=a microcode=b board=c bios=d dimms=e memory=f", 0 },
		{ "one is empty", "machine cpu=a microcode= board=c bios=d dimms=e memory=f", -EBADMSG },
		{ "one is missing", "machine cpu=a board=c bios=d dimms=e memory=f", -EBADMSG },
		{ "another order", "machine microcode=b cpu=a board=c bios=d dimms=e memory=f", -EBADMSG },
		{ "something behind", "machine cpu=a microcode=b board=c bios=d dimms=e memory=f ", -EBADMSG },
		{ "two blanks", "machine  cpu=a microcode=b board=c bios=d dimms=e memory=f", -EBADMSG },
		{ "a letter that is none of ours", "machine cpu=a\033 microcode=b board=c bios=d dimms=e memory=f", -EBADMSG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(machine_done) struct machine m = { { NULL } };

		CASE(cases[i].name);
		EXPECT_INT(machine_parse(cases[i].line, &m), cases[i].r);
	}
}

static void test_dimms(void)
{
	_cleanup_(freep) char *whole = NULL;

	CASE("DIMMs");
	if (EXPECT_INT(machine_dimms(table, sizeof(table), &whole), 0))
		EXPECT_STR(whole, DIMMS);
	CASE("a table that is cut off anywhere");
	for (size_t size = 0; size < sizeof(table); size++) {
		_cleanup_(freep) char *copy = malloc(size ?: 1), *dimms = NULL;	/* no more, so that ASan sees each byte behind it */

		tree_must(copy != NULL, "memory");
		memcpy(copy, table, size);
		if (EXPECT_INT(machine_dimms(copy, size, &dimms), 0))
			EXPECT(dimms && *dimms);
	}
}

int main(void)
{
	test_look();
	test_bare();
	test_parse();
	test_dimms();
	return expect_result();
}
