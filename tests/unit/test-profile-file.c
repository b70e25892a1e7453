/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which memory profile is in force: the administrator's before the measured one, the measured one on its own machine only.
 */
#include "expect.h"
#include "machine.h"
#include "profile-file.h"

#define PROFILE "virtrk-profile 1 cache=12\n"
#define HERE	"machine cpu=none microcode=none board=none/none/none/none/none bios=none/none/none dimms=none memory=none\n"
#define THERE	"machine cpu=none microcode=none board=none/none/none/none/none bios=none/none/none dimms=none memory=0-8000000\n"

static void test_split(void)
{
	static const struct {
		const char *name, *text;
		int r;
		const char *profile, *machine;
	} cases[] = {
		{ "empty", "", 0, "", NULL },
		{ "a profile", PROFILE, 0, PROFILE, NULL },
		{ "without a newline", "virtrk-profile 1 cache=12", 0, "virtrk-profile 1 cache=12", NULL },
		{ "comments", "# one\n#two\n" PROFILE "#", 0, PROFILE, NULL },
		{ "over several lines", "virtrk-profile 1\n# of the last level\ncache=12\nmachine x", 0, "virtrk-profile 1\ncache=12\n", "machine x" },
		{ "the machine first", "machine\n" PROFILE, 0, PROFILE, "machine" },
		{ "two machines", "machine a\n" PROFILE "machine b\n", -EBADMSG, NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *profile = NULL, *machine = NULL;

		CASE(cases[i].name);
		EXPECT_INT(profile_file_split(cases[i].text, &profile, &machine), cases[i].r);
		EXPECT_STR(profile, cases[i].profile);
		EXPECT_STR(machine, cases[i].machine);
	}
}

static void test_look(void)
{
	static const struct {
		const char *name, *made, *measured;
		int r;
		const char *says;	/* the profile, or a part of the error */
	} cases[] = {
		{ "none at all", NULL, NULL, 0, NULL },
		{ "made by hand", PROFILE, NULL, 0, PROFILE },
		{ "measured here", NULL, "# when\n" PROFILE HERE, 0, PROFILE },
		{ "measured here, without a newline at the end", NULL, PROFILE "machine cpu=none microcode=none board=none/none/none/none/none bios=none/none/none "
		  "dimms=none memory=none", 0, PROFILE },
		{ "measured elsewhere", NULL, PROFILE THERE, -ESTALE, "differs in memory (0-8000000 then, none now): measure anew, by virtrk memory profile --write" },
		{ "it does not say where", NULL, PROFILE, -ESTALE, "does not say of which machine" },
		{ "the line is damaged", NULL, PROFILE "machine cpu=none\n", -EBADMSG, "/var/lib/virtrk/memory-profile: its line \"machine\"" },
		{ "two lines", NULL, PROFILE HERE HERE, -EBADMSG, "more than one" },
		{ "by hand counts more", "virtrk-profile 1 cache=13\n", PROFILE THERE, 0, "virtrk-profile 1 cache=13\n" },
		{ "copied by hand from elsewhere", PROFILE THERE, PROFILE HERE, -ESTALE, "/etc/virtrk/memory-profile is of a machine that differs" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(tree_freep) char *tree = tree_new();
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		_cleanup_(freep) char *profile = NULL;
		const struct profile_door door = profile_door_directory(tree);

		CASE(cases[i].name);
		if (cases[i].made)
			tree_file(tree, "etc/virtrk/memory-profile", cases[i].made);
		if (cases[i].measured)
			tree_file(tree, "var/lib/virtrk/memory-profile", cases[i].measured);
		EXPECT_INT(profile_file_look(&door, &profile, &err), cases[i].r);
		if (cases[i].r == 0)
			EXPECT_STR(profile, cases[i].says);
		else if (EXPECT(err && err->text) && !EXPECT(strstr(err->text, cases[i].says) != NULL))
			fprintf(stderr, "    %s\n", err->text);
	}
	CASE("a NUL in it");
	{
		_cleanup_(tree_freep) char *tree = tree_new();
		_cleanup_(freep) char *profile = NULL;
		const struct profile_door door = profile_door_directory(tree);

		tree_bytes(tree, "etc/virtrk/memory-profile", "virtrk-profile 1\0cache=12\n", 26);
		EXPECT_INT(profile_file_look(&door, &profile, NULL), -EBADMSG);
	}
}

int main(void)
{
	test_split();
	test_look();
	return expect_result();
}
