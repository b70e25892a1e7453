/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Places in documents: how they are written, and that keys of any kind do no harm. */
#include "expect.h"
#include "document-place.h"

static void test_text(void)
{
	const struct place root = { "" }, named = { "vms" };
	struct place a, b, c, d;
	char buf[PLACE_MAX];

	CASE("root");
	EXPECT_STR(place_text(buf, &root), "");
	CASE("a member of the root, made either way");
	EXPECT_STR(place_text(buf, &named), "vms");
	place_key(&a, &root, "vms");
	EXPECT_STR(place_text(buf, &a), "vms");
	CASE("down to a key");
	place_index(&b, &a, 1);
	place_key(&c, &b, "vcpus");
	place_index(&d, &c, 0);
	EXPECT_STR(place_text(buf, &d), "vms[1].vcpus[0]");
	place_key(&b, &d, "budgte");
	CASE("an element of the root");
	place_index(&a, &root, 7);
	EXPECT_STR(place_text(buf, &a), "[7]");
	CASE("an empty key");
	place_key(&b, &named, "");
	EXPECT_STR(place_text(buf, &b), "vms");
}

static void test_long(void)
{
	char key[400], buf[PLACE_MAX];
	const struct place root = { "" };
	struct place place[8];

	CASE("keys without end");
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	place_key(&place[0], &root, key);
	for (size_t i = 1; i < ARRAY_SIZE(place); i++)
		place_key(&place[i], &place[i - 1], key);
	EXPECT(strlen(place_text(buf, &place[7])) < PLACE_MAX);
	EXPECT(strlen(place_text(buf, &place[0])) < 100);
}

static void test_broken(void)
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL, *at_root = NULL;
	const struct place root = { "" };
	struct place place;

	CASE("one line, printable");
	place_key(&place, &root, "a\nb");
	EXPECT_INT(place_broken(&place, &err, "is %d, not\n%s", 1, "2"), -EBADMSG);
	EXPECT_STR(err->text, "a?b: is 1, not?2");
	EXPECT_INT(err->reason, VR_BAD_CONFIG);
	CASE("no place");
	EXPECT_INT(place_broken(&root, &at_root, "wrong"), -EBADMSG);
	EXPECT_STR(at_root->text, "wrong");
}

int main(void)
{
	test_text();
	test_long();
	test_broken();
	return expect_result();
}
