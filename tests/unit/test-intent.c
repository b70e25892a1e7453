/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intents: what is read, what is refused and with which line, what is written and read again. And the RELAX NG schema that is
 * shipped judges every case as the reader does. The argument is the schema.
 */
#include <libxml/relaxng.h>

#include "expect.h"
#include "intent.h"

#define NS "xmlns:rk='urn:virtrk:domain:1'"
#define RK(inside) "<rk:reservation " NS ">" inside "</rk:reservation>"
#define T(words) RK("<rk:thread " words "/>")
#define GOOD "<rk:thread name='vcpu0' budget='4ms' period='10ms'/>"

static const struct {
	const char *name;
	const char *xml;	/* of the element */
	int r;
	bool report;
	const char *words;	/* part of the line */
	bool schema_differs;	/* a rule that RELAX NG has no words for */
} cases[] = {
	{ "one thread", RK(GOOD), 0, false, NULL },
	{ "without a prefix", "<reservation xmlns='urn:virtrk:domain:1'><thread name='vcpu0' budget='4ms' period='10ms'/></reservation>",
	  0, false, NULL },
	{ "comments and space", RK("\n <!-- why -->\n  " GOOD "\n"), 0, false, NULL },
	{ "report", "<rk:reservation " NS " on-refusal='report'>" GOOD "</rk:reservation>", 0, true, NULL },
	{ "refuse", "<rk:reservation " NS " on-refusal='refuse'>" GOOD "</rk:reservation>", 0, false, NULL },
	{ "all attributes", T("name='vcpu3' budget='1.5ms' period='10ms' deadline='8ms' soft='yes' cpus='2-3,5'"), 0, false, NULL },
	{ "hard, said", T("name='iothread1' budget='1us' period='1s' soft='no'"), 0, false, NULL },
	{ "an unknown word on refusal", "<rk:reservation " NS " on-refusal='maybe'>" GOOD "</rk:reservation>", -EBADMSG, false, "on-refusal" },
	{ "malformed, and to be reported", "<rk:reservation " NS " on-refusal='report'/>", -EBADMSG, true, "names no thread" },
	{ "empty", RK(""), -EBADMSG, false, "names no thread, no memory and no cache" },
	{ "text", RK(GOOD "4ms"), -EBADMSG, false, "text has no place" },
	{ "text in a thread", RK("<rk:thread name='vcpu0' budget='4ms' period='10ms'>x</rk:thread>"), -EBADMSG, false, "text has no place" },
	{ "an element in a thread", RK("<rk:thread name='vcpu0' budget='4ms' period='10ms'><rk:x/></rk:thread>"), -EBADMSG, false, "no place" },
	{ "an unknown element", RK(GOOD "<rk:disk/>"), -EBADMSG, false, "unknown element disk (known: thread, memory, cache)" },
	{ "ways of the cache", RK(GOOD "<rk:cache ways='4'/>"), 0, false, NULL },
	{ "ways of the cache alone", RK("<rk:cache ways='64'/>"), 0, false, NULL },
	{ "ways of the cache, and memory", RK("<rk:memory/><rk:cache ways='1'/>"), 0, false, NULL },
	{ "cache twice", RK("<rk:cache ways='4'/><rk:cache ways='4'/>"), -EBADMSG, false, "cache stands twice" },
	{ "cache without ways", RK("<rk:cache/>"), -EBADMSG, false, "cache: ways is missing" },
	{ "no ways", RK("<rk:cache ways='0'/>"), -EBADMSG, false, "cache: ways: expected a number from 1 to 64, not \"0\"" },
	{ "too many ways", RK("<rk:cache ways='65'/>"), -EBADMSG, false, "cache: ways: expected" },
	{ "ways, and more", RK("<rk:cache ways='4,5'/>"), -EBADMSG, false, "cache: ways: expected" },
	{ "ways with a sign", RK("<rk:cache ways='+4'/>"), -EBADMSG, false, "cache: ways: expected" },
	{ "an unknown attribute of cache", RK("<rk:cache ways='4' level='2'/>"), -EBADMSG, false, "cache: unknown attribute level" },
	{ "text in cache", RK("<rk:cache ways='4'>4</rk:cache>"), -EBADMSG, false, "cache: text has no place" },
	{ "memory", RK("<rk:memory/>"), 0, false, NULL },
	{ "memory, all attributes", RK("<rk:memory size='1GiB' colors='4' banks='0-3,7' exclusive='yes'/>" GOOD), 0, false, NULL },
	{ "memory, its layout", RK("<rk:memory colors='4' layout='preserve'/>" GOOD), 0, false, NULL },
	{ "a layout that there is not", RK("<rk:memory colors='4' layout='yes'/>"), -EBADMSG, false, "memory: layout: expected preserve or any, not \"yes\"" },
	{ "memory behind a thread", RK(GOOD "<rk:memory colors='0-3' exclusive='no'/>"), 0, false, NULL },
	{ "memory twice", RK("<rk:memory/><rk:memory/>"), -EBADMSG, false, "memory stands twice" },
	{ "no colours", RK("<rk:memory colors='0'/>"), -EBADMSG, false, "memory: colors: expected a number" },
	{ "an empty list of colours", RK("<rk:memory colors=''/>"), -EBADMSG, false, "memory: colors" },
	{ "no list of banks", RK("<rk:memory banks='1-'/>"), -EBADMSG, false, "memory: banks" },
	{ "a size without unit", RK("<rk:memory size='1024'/>"), -EBADMSG, false, "memory: size" },
	{ "no size", RK("<rk:memory size='0GiB'/>"), -EBADMSG, false, "memory: size" },
	{ "colours for itself, and no word which", RK("<rk:memory exclusive='yes'/>"), -EBADMSG, false, "which colours" },
	{ "exclusive: true", RK("<rk:memory colors='1' exclusive='true'/>"), -EBADMSG, false, "memory: exclusive: expected yes or no" },
	{ "an unknown attribute of memory", RK("<rk:memory color='4'/>"), -EBADMSG, false, "memory: unknown attribute color" },
	{ "text in memory", RK("<rk:memory>4</rk:memory>"), -EBADMSG, false, "text has no place" },
	{ "a foreign element", RK(GOOD "<x xmlns='urn:x'/>"), -EBADMSG, false, "unknown element x" },
	{ "another name of the whole", "<rk:reserve " NS ">" GOOD "</rk:reserve>", -EBADMSG, false, "unknown element reserve" },
	{ "an unknown attribute", T("name='vcpu0' budget='4ms' period='10ms' color='1'"), -EBADMSG, false, "thread[0]: unknown attribute color" },
	{ "a misspelt attribute", T("name='vcpu0' buget='4ms' period='10ms'"), -EBADMSG, false, "unknown attribute buget" },
	{ "an attribute with our prefix", T("name='vcpu0' rk:budget='4ms' period='10ms'"), -EBADMSG, false, "another namespace" },
	{ "an attribute of the whole", "<rk:reservation " NS " version='1'>" GOOD "</rk:reservation>", -EBADMSG, false, "attribute version" },
	{ "no name", T("budget='4ms' period='10ms'"), -EBADMSG, false, "thread[0]: name is missing" },
	{ "no budget", T("name='vcpu0' period='10ms'"), -EBADMSG, false, "thread[0]: budget is missing" },
	{ "no period", T("name='vcpu0' budget='4ms'"), -EBADMSG, false, "thread[0]: period is missing" },
	{ "an empty name", T("name='' budget='4ms' period='10ms'"), -EBADMSG, false, "names no thread" },
	{ "no thread's name", T("name='cpu0' budget='4ms' period='10ms'"), -EBADMSG, false, "\"cpu0\" names no thread" },
	{ "a vCPU without number", T("name='vcpu' budget='4ms' period='10ms'"), -EBADMSG, false, "names no thread" },
	{ "a leading zero", T("name='vcpu01' budget='4ms' period='10ms'"), -EBADMSG, false, "names no thread" },
	{ "a high number", T("name='vcpu1000000' budget='4ms' period='10ms'"), -EBADMSG, false, "names no thread" },
	{ "a number behind emulator", T("name='emulator0' budget='4ms' period='10ms'"), -EBADMSG, false, "names no thread" },
	{ "no unit", T("name='vcpu0' budget='4' period='10ms'"), -EBADMSG, false, "budget: \"4\" is no time" },
	{ "an unknown unit", T("name='vcpu0' budget='4min' period='10ms'"), -EBADMSG, false, "is no time" },
	{ "a sign", T("name='vcpu0' budget='-4ms' period='10ms'"), -EBADMSG, false, "is no time" },
	{ "a huge time", T("name='vcpu0' budget='4ms' period='99999999999s'"), -EBADMSG, false, "too large", true },
	{ "soft: true", T("name='vcpu0' budget='4ms' period='10ms' soft='true'"), -EBADMSG, false, "yes or no" },
	{ "no CPUs", T("name='vcpu0' budget='4ms' period='10ms' cpus=''"), -EBADMSG, false, "list of CPUs" },
	{ "half a range", T("name='vcpu0' budget='4ms' period='10ms' cpus='2-'"), -EBADMSG, false, "list of CPUs" },
	{ "twice", RK(GOOD GOOD), -EBADMSG, false, "thread[1]: vcpu0 stands twice", true },
};

static const struct {
	const char *name;
	const char *xml;	/* of a domain, or of nothing at all */
	int r;
	bool report;
} documents[] = {
	{ "a domain", "<domain><name>a</name><metadata><x:a xmlns:x='urn:x'/>" RK(GOOD) "</metadata></domain>", 0, false },
	{ "no metadata", "<domain><name>a</name></domain>", -ENOENT, false },
	{ "empty metadata", "<domain><metadata/></domain>", -ENOENT, false },
	{ "only those of others", "<domain><metadata><x:a xmlns:x='urn:x'/><reservation/></metadata></domain>", -ENOENT, false },
	{ "ours, but inside those of others", "<domain><metadata><x:a xmlns:x='urn:x'>" RK(GOOD) "</x:a></metadata></domain>", -ENOENT, false },
	{ "ours, but elsewhere", "<domain><description>" RK(GOOD) "</description></domain>", -ENOENT, false },
	{ "no domain", "<network><metadata>" RK(GOOD) "</metadata></network>", -ENOENT, false },
	{ "twice", "<domain><metadata>" RK(GOOD) RK(GOOD) "</metadata></domain>", -EBADMSG, false },
	{ "version 2", "<domain><metadata><rk:reservation xmlns:rk='urn:virtrk:domain:2'/></metadata></domain>", -EPROTONOSUPPORT, false },
	{ "version 2, to be reported", "<domain><metadata><rk:x xmlns:rk='urn:virtrk:domain:2' on-refusal='report'/></metadata></domain>",
	  -EPROTONOSUPPORT, true },
	{ "no version", "<domain><metadata><rk:x xmlns:rk='urn:virtrk:domain:'/></metadata></domain>", -EPROTONOSUPPORT, false },
	{ "versions 2 and 1", "<domain><metadata><rk:x xmlns:rk='urn:virtrk:domain:2'/>" RK(GOOD) "</metadata></domain>", 0, false },
	{ "nothing", "", -EILSEQ, false },
	{ "no XML", "{}", -EILSEQ, false },
	{ "cut", "<domain><metadata>", -EILSEQ, false },
	{ "a DTD", "<!DOCTYPE domain [<!ENTITY t '4ms'>]><domain><metadata>" RK("<rk:thread name='vcpu0' budget='&t;' period='10ms'/>")
	  "</metadata></domain>", -EILSEQ, false },
};

static xmlRelaxNGPtr schema;

static bool schema_accepts(const char *xml)
{
	xmlDocPtr document = xmlReadMemory(xml, (int)strlen(xml), NULL, NULL, XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	xmlRelaxNGValidCtxtPtr context = xmlRelaxNGNewValidCtxt(schema);
	bool ok;

	xmlRelaxNGSetValidErrors(context, NULL, NULL, NULL);
	ok = document && xmlRelaxNGValidateDoc(context, document) == 0;
	xmlRelaxNGFreeValidCtxt(context);
	xmlFreeDoc(document);
	return ok;
}

/* Written and read again it is the same, and the schema accepts what is written. */
static void expect_round(const struct intent *intent)
{
	_cleanup_(intent_done) struct intent again = { 0 };
	_cleanup_(freep) char *text = NULL;
	bool report;

	EXPECT_INT(intent_write(intent, false, &text), 0);
	EXPECT(schema_accepts(text));
	EXPECT_INT(intent_read(text, strlen(text), &again, &report, NULL), 0);
	EXPECT(intent_equal(intent, &again));
	EXPECT_INT(report, intent->report);
}

static void test_elements(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(intent_done) struct intent intent = { 0 };
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		bool report;

		CASE(cases[i].name);
		EXPECT_INT(intent_read(cases[i].xml, strlen(cases[i].xml), &intent, &report, &err), cases[i].r);
		EXPECT_INT(report, cases[i].report);
		EXPECT_INT(schema_accepts(cases[i].xml), cases[i].r == 0 || cases[i].schema_differs);
		if (cases[i].r == 0) {
			expect_round(&intent);
			continue;
		}
		EXPECT_INT(intent.n, 0);
		if (EXPECT(err && err->text) && !EXPECT(strstr(err->text, cases[i].words) && !strchr(err->text, '\n')))
			fprintf(stderr, "    %s\n", err->text);
	}
}

static void test_documents(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		_cleanup_(intent_done) struct intent intent = { 0 };
		_cleanup_(vr_error_freep) struct vr_error *err = NULL;
		bool report;
		int r = intent_read(documents[i].xml, strlen(documents[i].xml), &intent, &report, &err);

		CASE(documents[i].name);
		EXPECT_INT(r, documents[i].r);
		EXPECT_INT(report, documents[i].report);
		EXPECT_INT(intent.n, r == 0);
		EXPECT((err != NULL) == (r < 0 && r != -ENOENT));
	}
}

static void test_values(void)
{
	_cleanup_(intent_done) struct intent intent = { 0 };
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	const char *all = T("name='vcpu3' budget='1.5ms' period='10ms' deadline='8ms' soft='yes' cpus='2-3,5'");
	struct intent_item item = { .thread = "emulator", .budget_ns = 1, .period_ns = 2, .deadline_ns = 2 };
	bool report;

	CASE("each attribute arrives");
	EXPECT_INT(intent_read(all, strlen(all), &intent, &report, &err), 0);
	if (!EXPECT_INT(intent.n, 1))
		return;
	EXPECT_STR(intent.items[0].thread, "vcpu3");
	EXPECT_INT(intent.items[0].budget_ns, 1500000);
	EXPECT_INT(intent.items[0].period_ns, 10000000);
	EXPECT_INT(intent.items[0].deadline_ns, 8000000);
	EXPECT(intent.items[0].soft);
	EXPECT_STR(intent.items[0].cpus, "2-3,5");
	CASE("added, changed, taken away");
	EXPECT_INT(intent_set(&intent, &item), 0);
	EXPECT_INT(intent.n, 2);
	item.budget_ns = 2;
	EXPECT_INT(intent_set(&intent, &item), 0);
	EXPECT_INT(intent.n, 2);
	EXPECT_INT(intent_find(&intent, "emulator")->budget_ns, 2);
	expect_round(&intent);
	EXPECT(intent_unset(&intent, "vcpu3"));
	EXPECT(!intent_unset(&intent, "vcpu3"));
	EXPECT_INT(intent.n, 1);
	EXPECT_STR(intent.items[0].thread, "emulator");
	CASE("no more than that");
	for (unsigned int i = 0; i + 1 < INTENT_ITEMS_MAX; i++) {
		snprintf(item.thread, sizeof(item.thread), "vcpu%u", i);
		EXPECT_INT(intent_set(&intent, &item), 0);
	}
	snprintf(item.thread, sizeof(item.thread), "vhost0");
	EXPECT_INT(intent_set(&intent, &item), -E2BIG);
	expect_round(&intent);
}

static void test_slice(void)
{
	static const struct {
		const char *name, *partition;
		bool machined;
		const char *slice;	/* NULL: none of ours */
	} slices[] = {
		{ "ours", "/virtrk", true, "virtrk.slice" },
		{ "below ours", "/virtrk/a/b", true, "virtrk.slice" },
		{ "one more of ours", "/virtrk2", true, "virtrk2.slice" },
		{ "with a dash, which would be a level to systemd", "/virtrk-a", true, "virtrk\\x2da.slice" },
		{ "with a dot", "/virtrk.slice", true, "virtrk.slice.slice" },
		{ "with a space", "/virtrk a", true, "virtrk\\x20a.slice" },
		{ "libvirt's own", "/machine", true, NULL },
		{ "ours below libvirt's", "/machine/virtrk", true, NULL },
		{ "none", "", true, NULL },
		{ "the root", "/", true, NULL },
		{ "no path", "virtrk", true, NULL },
		{ "without machined it is no slice", "/virtrk", false, NULL },
		{ "without machined, called like one", "/virtrk.slice", false, "virtrk.slice" },
		{ "the same with a dash", "/virtrk-a.slice/b", false, "virtrk-a.slice" },
		{ "without machined, another ending", "/virtrk.partition", false, NULL },
		{ "without machined, no name for a directory of ours", "/virtrk\n.slice", false, NULL },
		{ "as long as can be", "/virtrk-------------------------------------------------------", true,
		  "virtrk\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d"
		  "\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d\\x2d.slice" },
		{ "longer", "/virtrk--------------------------------------------------------", true, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(slices); i++) {
		char slice[INTENT_PARTITION_MAX];

		CASE(slices[i].name);
		if (EXPECT_INT(intent_slice(slices[i].partition, slices[i].machined, slice), slices[i].slice != NULL) && slices[i].slice)
			EXPECT_STR(slice, slices[i].slice);
	}
}

static void test_domain(void)
{
	static const struct {
		const char *name, *xml;
		struct intent_domain want;
	} domains[] = {
		{ "one that runs", "<domain id='7'><memory unit='KiB'>1048576</memory></domain>", { 7, UINT64_C(1) << 30, false } },
		{ "one that does not", "<domain><memory>1024</memory></domain>", { -1, UINT64_C(1) << 20, false } },
		{ "memory to be plugged in", "<domain><maxMemory slots='2' unit='GiB'>2</maxMemory><memory unit='MiB'>1</memory></domain>",
		  { -1, UINT64_C(2) << 30, false } },
		{ "a shared file", "<domain><memory unit='b'>4096</memory><memoryBacking><source type='file'/><access mode='shared'/></memoryBacking></domain>",
		  { -1, 4096, true } },
		{ "not shared", "<domain><memoryBacking><source type='file'/></memoryBacking></domain>", { -1, 0, false } },
		{ "huge pages", "<domain><memoryBacking><hugepages/><source type='file'/><access mode='shared'/></memoryBacking></domain>", { -1, 0, false } },
		{ "a unit that nobody knows", "<domain><memory unit='pages'>5</memory></domain>", { -1, 0, false } },
		{ "no number", "<domain><memory>lots</memory></domain>", { -1, 0, false } },
		{ "too large a number", "<domain><memory>99999999999999999</memory></domain>", { -1, 0, false } },
		{ "a partition", "<domain><resource><partition>/virtrk/a</partition></resource></domain>", { -1, 0, false, "/virtrk/a" } },
		{ "a resource without", "<domain><resource><fibrechannel/></resource></domain>", { -1, 0, false } },
		{ "a partition elsewhere", "<domain><partition>/virtrk</partition></domain>", { -1, 0, false } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(domains); i++) {
		struct intent_domain got;

		CASE(domains[i].name);
		if (!EXPECT_INT(intent_read_domain(domains[i].xml, strlen(domains[i].xml), &got, NULL), 0))
			continue;
		EXPECT_INT(got.id, domains[i].want.id);
		EXPECT_INT(got.bytes, domains[i].want.bytes);
		EXPECT_INT(got.file_backed, domains[i].want.file_backed);
		EXPECT_STR(got.partition, domains[i].want.partition);
	}
	CASE("no domain");
	EXPECT_INT(intent_read_domain("<network/>", 10, &(struct intent_domain){ 0 }, NULL), -EBADMSG);
}

int main(int argc, char **argv)
{
	xmlRelaxNGParserCtxtPtr parser;

	if (argc != 2) {
		fprintf(stderr, "usage: %s SCHEMA\n", argv[0]);
		return EXIT_FAILURE;
	}
	parser = xmlRelaxNGNewParserCtxt(argv[1]);
	schema = xmlRelaxNGParse(parser);
	xmlRelaxNGFreeParserCtxt(parser);
	if (!EXPECT(schema != NULL))
		return expect_result();
	test_elements();
	test_documents();
	test_values();
	xmlRelaxNGFree(schema);
	test_domain();
	test_slice();
	return expect_result();
}
