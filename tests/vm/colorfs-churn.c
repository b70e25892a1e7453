/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a mount of colorfs goes through in a long life, and what goes on beside it. Called by TEST-45-firewall.sh in the host under
 * test, as root:
 *
 *   colorfs-churn churn OPERATIONS SEED DIRECTORY	makes, grows, cuts, punches, writes (by call and by mapping) and removes files,
 *							in an order that the seed says; each page is looked at again and again: it has
 *							what was written there last, or zeros; and the mount has promised exactly the
 *							pages of the files that there are. The files stay.
 *   colorfs-churn pages PID DIRECTORY		"ADDRESS FRAME" of what a process has mapped of files below a directory
 *   colorfs-churn hog MIB				takes so much memory, says so, and waits for its end
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

#include "../unit/expect.h"

#define PAGE	   4096UL
#define FILES	   8
#define FILE_PAGES 64UL		/* of the largest */

struct churned {
	int fd;
	unsigned long pages;		/* its size */
	uint64_t tag[FILE_PAGES];	/* what each page has in its first word; 0: nothing was written */
};

static struct churned file[FILES];
static const char *directory;
static uint64_t state, tags;

static unsigned long draw(unsigned long below)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned long)((state >> 33) % below);
}

static void name_of(size_t i, char *path, size_t size)
{
	snprintf(path, size, "%s/churn-%zu", directory, i);
}

static void file_begin(size_t i)
{
	char path[4096];

	name_of(i, path, sizeof(path));
	file[i] = (struct churned){ .fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) };
	if (file[i].fd < 0) {
		perror(path);
		exit(EXIT_FAILURE);
	}
}

static void file_end(size_t i)
{
	char path[4096];

	name_of(i, path, sizeof(path));
	EXPECT_INT(unlink(path), 0);
	EXPECT_INT(close(file[i].fd), 0);
}

static unsigned long promised(void)
{
	unsigned long sum = 0;
	size_t i;

	for (i = 0; i < FILES; i++)
		sum += file[i].pages;
	return sum;
}

/* --- what can happen ------------------------------------------------------------------------------------------------ */

static void do_truncate(struct churned *f)
{
	unsigned long pages = draw(FILE_PAGES + 1), i;

	if (!EXPECT_INT(ftruncate(f->fd, (off_t)(pages * PAGE)), 0))
		return;
	for (i = pages; i < f->pages; i++)
		f->tag[i] = 0;
	f->pages = pages;
}

static void do_write(struct churned *f)
{
	unsigned long page = draw(FILE_PAGES);
	uint64_t tag = ++tags;

	if (!EXPECT_INT(pwrite(f->fd, &tag, sizeof(tag), (off_t)(page * PAGE)), sizeof(tag)))
		return;
	f->tag[page] = tag;
	if (page >= f->pages) {
		f->pages = page + 1;
		EXPECT_INT(ftruncate(f->fd, (off_t)(f->pages * PAGE)), 0);	/* a whole page, as the others */
	}
}

static void do_map(struct churned *f)
{
	unsigned long i, page;
	uint64_t *p;

	if (f->pages == 0)
		return;
	p = mmap(NULL, f->pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	if (!EXPECT(p != MAP_FAILED))
		return;
	for (i = 0; i < 4; i++) {
		page = draw(f->pages);
		EXPECT_INT(p[page * (PAGE / sizeof(*p))], f->tag[page]);
		p[page * (PAGE / sizeof(*p))] = f->tag[page] = ++tags;
	}
	EXPECT_INT(munmap(p, f->pages * PAGE), 0);
}

static void do_punch(struct churned *f)
{
	unsigned long first, n, i;

	if (f->pages == 0)
		return;
	first = draw(f->pages);
	n = draw(f->pages - first) + 1;
	if (!EXPECT_INT(fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(first * PAGE), (off_t)(n * PAGE)), 0))
		return;
	for (i = first; i < first + n; i++)
		f->tag[i] = 0;
}

static void do_look(const struct churned *f)
{
	unsigned long page;
	uint64_t word = 1;

	if (f->pages == 0)
		return;
	page = draw(f->pages);
	EXPECT_INT(pread(f->fd, &word, sizeof(word), (off_t)(page * PAGE)), sizeof(word));
	EXPECT_INT(word, f->tag[page]);
}

static void step(size_t i)
{
	switch (draw(10)) {
	case 0:
		file_end(i);
		file_begin(i);
		break;
	case 1:
		do_truncate(&file[i]);
		break;
	case 2:
	case 3:
		do_punch(&file[i]);
		break;
	case 4:
	case 5:
	case 6:
		do_write(&file[i]);
		break;
	case 7:
	case 8:
		do_map(&file[i]);
		break;
	default:
		do_look(&file[i]);
	}
}

static unsigned long taken(void)
{
	struct statvfs st;

	EXPECT_INT(statvfs(directory, &st), 0);
	return (unsigned long)(st.f_blocks - st.f_bavail);
}

static int churn(const char *operations, const char *seed, const char *dir)
{
	unsigned long n = strtoul(operations, NULL, 10), i;

	CASE(seed);
	directory = dir;
	state = strtoul(seed, NULL, 10);
	for (i = 0; i < FILES; i++)
		file_begin(i);
	for (i = 0; i < n && expect_failed == 0; i++) {
		step(draw(FILES));
		if (i % 50 == 0)
			EXPECT_INT(taken(), promised());
	}
	EXPECT_INT(taken(), promised());
	printf("%lu operations, %" PRIu64 " pages written, %lu promised\n", i, tags, promised());
	return expect_result();
}

/* --- beside it ------------------------------------------------------------------------------------------------------ */

static int pages(const char *pid, const char *dir)
{
	_cleanup_(fclosep) FILE *maps = NULL;
	unsigned long start, end, at;
	uint64_t entry;
	char line[4096];
	int pagemap;

	snprintf(line, sizeof(line), "/proc/%s/pagemap", pid);
	pagemap = open(line, O_RDONLY | O_CLOEXEC);
	snprintf(line, sizeof(line), "/proc/%s/maps", pid);
	maps = fopen(line, "re");
	if (pagemap < 0 || !maps)
		return EXIT_FAILURE;
	while (fgets(line, sizeof(line), maps)) {
		if (!strstr(line, dir) || sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		for (at = start; at < end; at += PAGE) {
			if (pread(pagemap, &entry, sizeof(entry), (off_t)(at / PAGE * sizeof(entry))) == sizeof(entry) && entry >> 63)
				printf("%lx %" PRIx64 "\n", at, entry & UINT64_C(0x7fffffffffffff));
		}
	}
	close(pagemap);
	return EXIT_SUCCESS;
}

static int hog(const char *mib)
{
	size_t size = strtoul(mib, NULL, 10) << 20, i;
	volatile char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("hog");
		return EXIT_FAILURE;
	}
	for (i = 0; i < size; i += PAGE)
		p[i] = 1;
	printf("has %s MiB\n", mib);
	fflush(stdout);
	pause();
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "churn") == 0)
		return churn(argv[2], argv[3], argv[4]);
	if (argc == 4 && strcmp(argv[1], "pages") == 0)
		return pages(argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[1], "hog") == 0)
		return hog(argv[2]);
	fprintf(stderr, "usage: colorfs-churn churn OPERATIONS SEED DIRECTORY | pages PID DIRECTORY | hog MIB\n");
	return 2;
}
