/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of a program's own: the text that says what it is given, the pages that are handed out of it, and which programs can be given it at
 * all. The pages of the area come from the kernel as a mapping, anything else is made up.
 */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>

#include "expect.h"
#include "own.h"
#include "program.h"

static void test_plan(void)
{
	static const struct {
		const char *name;
		const char *text;
		const char *rest;	/* NULL: it is none */
	} cases[] = {
		{ "all of it", "17/100/8192/1/2-3/0:3/virtrk-profile;1;cache=12", "2-3/0:3/virtrk-profile;1;cache=12" },
		{ "no lists", "1/3/0/0///", "//" },
		{ "empty", "", NULL },
		{ "a number is missing", "1/3//0///", NULL },
		{ "too few", "1/3/0", NULL },
		{ "half a page", "1/3/2048/0///", NULL },
		{ "negative", "-1/3/0/0///", NULL },
		{ "a blank", " 1/3/0/0///", NULL },
		{ "no process has that number", "2147483648/3/0/0///", NULL },
		{ "more than an address space", "1/3/140737488355328/0///", NULL },
		{ "more than a number holds", "1/3/99999999999999999999/0///", NULL },
		{ "neither yes nor no", "1/3/0/2///", NULL },
	};
	struct own_plan plan;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r = own_plan_read(cases[i].text, &plan);

		CASE(cases[i].name);
		if (EXPECT_INT(r, cases[i].rest ? 0 : -EINVAL) && r == 0)
			EXPECT_STR(plan.rest, cases[i].rest);
	}
	CASE("what it says");
	EXPECT_INT(own_plan_read(cases[0].text, &plan), 0);
	EXPECT(plan.pid == 17 && plan.fd == 100 && plan.area_bytes == 8192 && plan.text);
}

static bool all_zero(const unsigned char *p, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (p[i] != 0)
			return false;
	return true;
}

#define PAGES 130UL	/* more than two words of bits */
#define BOTH  (PROT_READ | PROT_WRITE)

static void test_area(void)
{
	unsigned char *base = mmap(NULL, PAGES * OWN_PAGE, BOTH, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *a, *b, *c;
	static uint64_t bits[3];

	if (!EXPECT(base != MAP_FAILED))
		return;
	memset(base, 0xff, PAGES * OWN_PAGE);
	own_area_init(base, PAGES * OWN_PAGE, bits);
	CASE("nothing, and more than there is");
	EXPECT(!own_area_take(0, BOTH) && !own_area_take((PAGES + 1) * OWN_PAGE, BOTH) && !own_area_take(SIZE_MAX, BOTH));
	EXPECT(!own_area_has(base, OWN_PAGE));
	CASE("the lowest, of zeros, in whole pages");
	a = own_area_take(1, BOTH);
	b = own_area_take(64 * OWN_PAGE + 1, BOTH);
	EXPECT(a == base && b == base + OWN_PAGE && all_zero(a, OWN_PAGE) && all_zero(b, 65 * OWN_PAGE));
	EXPECT(base[66 * OWN_PAGE] == 0xff);
	EXPECT(own_area_has(a, 66 * OWN_PAGE) && !own_area_has(a, 66 * OWN_PAGE + 1) && own_area_has(b + 5 * OWN_PAGE, 1));
	CASE("beside it");
	EXPECT(!own_area_has(base - OWN_PAGE, 1) && !own_area_has(base + PAGES * OWN_PAGE, 1) && !own_area_has(a, PAGES * OWN_PAGE * 2));
	CASE("to the last page");
	c = own_area_take((PAGES - 66) * OWN_PAGE, PROT_READ);
	EXPECT(c == base + 66 * OWN_PAGE && !own_area_take(1, BOTH));
	CASE("a part of it back, and zeros again");
	b[3 * OWN_PAGE] = 1;
	own_area_give(b + 3 * OWN_PAGE, 2 * OWN_PAGE);
	EXPECT(!own_area_has(b, 65 * OWN_PAGE) && own_area_has(b, 3 * OWN_PAGE));
	EXPECT(!own_area_take(3 * OWN_PAGE, BOTH));
	EXPECT(own_area_take(2 * OWN_PAGE, BOTH) == b + 3 * OWN_PAGE && b[3 * OWN_PAGE] == 0);
	CASE("smaller and larger in its place");
	own_area_give(c, (PAGES - 66) * OWN_PAGE);
	EXPECT(own_area_resize(b, 65 * OWN_PAGE, OWN_PAGE, false) == b && !own_area_has(b, 2 * OWN_PAGE));
	b[0] = 7;
	EXPECT(own_area_resize(b, OWN_PAGE, 10 * OWN_PAGE, false) == b && b[0] == 7 && all_zero(b + OWN_PAGE, 9 * OWN_PAGE));
	EXPECT(own_area_resize(b, 10 * OWN_PAGE, 10 * OWN_PAGE - 1, false) == b && own_area_has(b, 10 * OWN_PAGE));
	CASE("larger elsewhere");
	EXPECT(!own_area_resize(a, OWN_PAGE, 2 * OWN_PAGE, false));
	a[5] = 9;
	c = own_area_resize(a, OWN_PAGE, 2 * OWN_PAGE, true);
	EXPECT(c == b + 10 * OWN_PAGE && c[5] == 9 && !own_area_has(a, 1));
	CASE("larger than all");
	EXPECT(!own_area_resize(c, 2 * OWN_PAGE, PAGES * OWN_PAGE, true) && c[5] == 9 && own_area_has(c, 2 * OWN_PAGE));
	EXPECT(!own_area_resize(c, 2 * OWN_PAGE, SIZE_MAX, true));
	munmap(base, PAGES * OWN_PAGE);
}

/* A copy of this program with one thing changed, and what is said about it. */
static void judge(const char *path, mode_t mode, off_t at, unsigned char byte, int want, const char *words)
{
	char why[PROGRAM_WHY_MAX];
	int r, fd;

	fd = open(path, O_RDWR);
	EXPECT(fd >= 0 && (at < 0 || pwrite(fd, &byte, 1, at) == 1) && fchmod(fd, mode) == 0);
	(void)close(fd);
	r = program_judge(path, why);
	EXPECT_INT(r, want);
	if (!EXPECT(strstr(why, words) != NULL))
		fprintf(stderr, "    %s\n", why);
}

static void file_put(const char *path, const void *bytes, size_t size)
{
	FILE *f = fopen(path, "w");

	EXPECT(f && fwrite(bytes, 1, size, f) == size && fclose(f) == 0 && chmod(path, 0755) == 0);
}

static void test_program(void)
{
	char dir[] = "/tmp/virtrk-test-XXXXXX", path[64], script[64], text[128], command[PROGRAM_PATH_MAX + 80];
	char found[PROGRAM_PATH_MAX], why[PROGRAM_WHY_MAX];
	ssize_t n;
	static const ElfW(Ehdr) empty = { .e_ident = { 0x7f, 'E', 'L', 'F' } };

	if (!EXPECT(mkdtemp(dir) != NULL))
		return;
	snprintf(path, sizeof(path), "%s/program", dir);
	snprintf(script, sizeof(script), "%s/script", dir);
	n = readlink("/proc/self/exe", found, sizeof(found) - 1);	/* asked by ourselves: for others it is that of a checker that runs us */
	if (!EXPECT(n > 0))
		return;
	found[n] = '\0';
	snprintf(command, sizeof(command), "cp '%s' %s", found, path);
	EXPECT_INT(system(command), 0);
	CASE("this program");
	judge(path, 0755, -1, 0, 0, "");
	CASE("setuid, setgid");
	judge(path, 04755, -1, 0, -EPERM, "is given rights");
	judge(path, 02755, -1, 0, -EPERM, "is given rights");
	CASE("a script for it");
	judge(path, 0755, -1, 0, 0, "");
	file_put(script, text, (size_t)snprintf(text, sizeof(text), "#! %s -x\nexit\n", path));
	judge(script, 0755, -1, 0, 0, "");
	CASE("a script without interpreter, and one for itself");
	file_put(script, "#! \n", 4);
	judge(script, 0755, -1, 0, -ENOEXEC, "");
	file_put(script, text, (size_t)snprintf(text, sizeof(text), "#!%s\n", script));
	judge(script, 0755, -1, 0, -ELOOP, "");
	CASE("for another machine");
	judge(path, 0755, offsetof(ElfW(Ehdr), e_machine), 0xfe, -ENOEXEC, "another kind of processor");
	CASE("of another class");
	judge(path, 0755, EI_CLASS, 3, -ENOEXEC, "another kind of processor");
	CASE("no program");
	judge(path, 0755, 1, 'e', -ENOEXEC, "is no program of this system");
	file_put(path, "", 0);
	judge(path, 0755, -1, 0, -ENOEXEC, "is no program of this system");
	file_put(path, &empty, sizeof(empty));
	judge(path, 0755, -1, 0, -ENOEXEC, "another kind of processor");
	CASE("a directory, nothing");
	EXPECT_INT(program_judge(dir, why), -EACCES);
	EXPECT_INT(program_judge("/no/such/file", why), -ENOENT);
	CASE("by PATH");
	setenv("PATH", "/no/such/directory:/usr/bin:/bin", 1);
	EXPECT(program_find("sh", found) == 0 && strcmp(strrchr(found, '/'), "/sh") == 0);
	EXPECT_INT(program_find("no-such-program", found), -ENOENT);
	EXPECT_INT(program_find("", found), -ENOENT);
	CASE("by its path");
	EXPECT_INT(program_find(path, found), 0);
	EXPECT_STR(found, path);
	EXPECT_INT(program_find("/no/such/file", found), -ENOENT);
	EXPECT_INT(program_find(dir, found), -EACCES);
	(void)unlink(path);
	(void)unlink(script);
	(void)rmdir(dir);
}

int main(void)
{
	test_plan();
	test_area();
	test_program();
	return expect_result();
}
