/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt's own test driver for what is heard of domains; sockets of this test for a libvirtd that is not there yet, that
 * hangs, that hangs up. The argument is the module.
 */
#include <libvirt/libvirt.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "expect.h"
#include "fake-proc.h"
#include "heard.h"
#include "intent.h"
#include "source-libvirt.h"

/* The locks of glib and libvirt are futexes of their own, in code that the thread sanitizer cannot see. Ours it does see. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "called_from_lib:libglib-2.0.so.0\ncalled_from_lib:libvirt.so.0\n";
}

#define QUIET (50 * 1000ULL)	/* for what must not come */

static const char *module_path;

struct setup {
	struct sysroot *root;
	struct source_libvirt *source;
	struct heard heard;
	sd_event *event;
};

static void setup_done(struct setup *setup)
{
	source_libvirt_free(setup->source);
	vm_table_done(&setup->heard.table);
	intent_free(setup->heard.intent);
	free(setup->heard.words);
	sysroot_free(setup->root);
	sd_event_unref(setup->event);
}

static void setup_start(struct setup *setup, const char *root, const char *uri)
{
	EXPECT_INT(sysroot_new(&setup->root, root), 0);
	EXPECT(sd_event_new(&setup->event) >= 0);
	EXPECT_INT(source_libvirt_new(&setup->source, setup->root, setup->event, uri, on_source, &setup->heard), 0);
	EXPECT_INT(source_libvirt_load(setup->source, module_path), 0);
	EXPECT_INT(source_libvirt_start(setup->source), 0);
}

/* Turns the loop until the domain is in that state. */
static void wait_state(struct setup *setup, const char *name, enum vm_state want)
{
	uint64_t end = now_usec() + PATIENCE;
	struct vm *vm;

	while (!(vm = vm_table_by_name(&setup->heard.table, name)) || vm->state != want)
		if (now_usec() > end || sd_event_run(setup->event, PATIENCE) < 0)
			break;
	if (EXPECT(vm != NULL))
		EXPECT_STR(vm_state_name(vm->state), vm_state_name(want));
}

static void test_driver(const char *tree)
{
	_cleanup_(setup_done) struct setup setup = { 0 };
	virConnectPtr connection;
	virDomainPtr domain;
	struct vm *vm;

	CASE("what runs already");
	tree_file(tree, "run/libvirt/qemu/test.pid", "4242\n");
	fake_stat(tree, 4242, 1, "qemu-system-x86", 777);
	setup_start(&setup, tree, "test:///default");
	wait_state(&setup, "test", VM_RUNNING);
	vm = vm_table_by_name(&setup.heard.table, "test");
	if (EXPECT(vm != NULL)) {
		EXPECT_INT(vm->pid, 4242);
		EXPECT_INT(vm->start_ticks, 777);
		EXPECT_INT(vm->origin, VM_LIBVIRT);
		EXPECT_INT(vm->n_threads, 0);
		EXPECT_STR(vm->uuid, "6695eb01-f6a4-8304-79aa-97f2502e193f");
	}
	connection = virConnectOpen("test:///default");
	domain = connection ? virDomainLookupByName(connection, "test") : NULL;
	if (!EXPECT(domain != NULL))
		return;
	CASE("suspended");
	EXPECT_INT(virDomainSuspend(domain), 0);
	wait_state(&setup, "test", VM_PAUSED);
	CASE("resumed");
	EXPECT_INT(virDomainResume(domain), 0);
	wait_state(&setup, "test", VM_RUNNING);
	CASE("ended, and started as another process");
	EXPECT_INT(virDomainDestroy(domain), 0);
	tree_file(tree, "run/libvirt/qemu/test.pid", "4343");
	fake_stat(tree, 4343, 1, "qemu-system-x86", 888);
	vm_table_done(&setup.heard.table);
	EXPECT_INT(virDomainCreate(domain), 0);
	wait_state(&setup, "test", VM_RUNNING);
	EXPECT(vm_table_by_pid(&setup.heard.table, 4343) != NULL);
	EXPECT_INT(setup.heard.gones, 0);	/* that is for source-proc to say */
	virDomainFree(domain);
	virConnectClose(connection);
}

#define RK(inside) "<reservation>" inside "</reservation>"

static void metadata_set(virDomainPtr domain, const char *uri, const char *xml)
{
	EXPECT_INT(virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, xml, INTENT_PREFIX, uri, VIR_DOMAIN_AFFECT_LIVE), 0);
}

/* Turns the loop until so many were told. */
static void wait_intents(struct setup *setup, int want)
{
	uint64_t end = now_usec() + PATIENCE;

	while (setup->heard.intents < want)
		if (now_usec() > end || sd_event_run(setup->event, PATIENCE) < 0)
			break;
	EXPECT_INT(setup->heard.intents, want);
}

static void test_metadata(const char *tree)
{
	_cleanup_(setup_done) struct setup setup = { 0 };
	virConnectPtr connection;
	virDomainPtr domain;

	CASE("a domain without metadata asks for nothing");
	tree_file(tree, "run/libvirt/qemu/test.pid", "4242\n");
	fake_stat(tree, 4242, 1, "qemu-system-x86", 777);
	setup_start(&setup, tree, "test:///default");
	wait_intents(&setup, 1);
	EXPECT(!setup.heard.intent && !setup.heard.words);
	connection = virConnectOpen("test:///default");
	domain = connection ? virDomainLookupByName(connection, "test") : NULL;
	if (!EXPECT(domain != NULL))
		return;
	CASE("others' metadata are not told");
	metadata_set(domain, "urn:x", "<x/>");
	CASE("its metadata change");
	metadata_set(domain, INTENT_NAMESPACE, RK("<thread name='vcpu0' budget='4ms' period='10ms'/>"));
	wait_intents(&setup, 2);
	if (EXPECT(setup.heard.intent && setup.heard.intent->n == 1))
		EXPECT_STR(setup.heard.intent->items[0].thread, "vcpu0");
	CASE("to what cannot be read");
	metadata_set(domain, INTENT_NAMESPACE, RK("<thread name='vcpu0' budget='4' period='10ms'/>"));
	wait_intents(&setup, 3);
	EXPECT(!setup.heard.intent && setup.heard.words && strstr(setup.heard.words, "budget: \"4\" is no time"));
	CASE("to a version that is not known");
	metadata_set(domain, "urn:virtrk:domain:7", "<reservation/>");
	metadata_set(domain, INTENT_NAMESPACE, NULL);
	wait_intents(&setup, 5);
	EXPECT(!setup.heard.intent && setup.heard.words && strstr(setup.heard.words, "urn:virtrk:domain:7"));
	CASE("taken away");
	metadata_set(domain, "urn:virtrk:domain:7", NULL);
	wait_intents(&setup, 6);
	EXPECT(!setup.heard.intent && !setup.heard.words);
	CASE("told when it starts");
	metadata_set(domain, INTENT_NAMESPACE, RK("<thread name='emulator' budget='4ms' period='10ms'/>"));
	wait_intents(&setup, 7);
	EXPECT_INT(virDomainDestroy(domain), 0);
	EXPECT_INT(virDomainCreate(domain), 0);
	wait_intents(&setup, 8);
	virDomainFree(domain);
	virConnectClose(connection);
}

static void test_pid_files(void)
{
	static const struct {
		const char *what;
		const char *text;
	} cases[] = {
		{ "no pid file", NULL }, { "empty", "" }, { "no number", "x\n" }, { "zero", "0\n" },
		{ "huge", "99999999999\n" }, { "negative", "-1\n" }, { "nobody", "4444\n" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(setup_done) struct setup setup = { 0 };
		_cleanup_(tree_freep) char *tree = tree_new();
		int turns;

		CASE(cases[i].what);
		if (cases[i].text)
			tree_file(tree, "run/libvirt/qemu/test.pid", cases[i].text);
		setup_start(&setup, tree, "test:///default");
		/* connected, the one domain, and its metadata */
		for (turns = 0; turns < 3; turns++)
			EXPECT(sd_event_run(setup.event, PATIENCE) > 0);
		EXPECT_INT(setup.heard.table.n, 0);
	}
}

static int listener(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	tree_must(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 8) == 0, path);
	return fd;
}

/* Turns the loop until somebody wants to connect to @fd. */
static int wait_client(struct setup *setup, int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	uint64_t end = now_usec() + PATIENCE;

	while (poll(&poll_fd, 1, 0) == 0 && now_usec() < end)
		(void)sd_event_run(setup->event, 10000);
	return EXPECT(poll_fd.revents) ? accept4(fd, NULL, NULL, SOCK_CLOEXEC) : -EBADF;
}

static void test_socket(const char *tree)
{
	_cleanup_(freep) char *uri = NULL;
	_cleanup_(freep) char *path = NULL;
	_cleanup_(closep) int server = -EBADF, client = -EBADF, again = -EBADF;
	uint64_t begin;

	tree_must(asprintf(&uri, "qemu+unix:///system?socket=%s/deep/er/libvirt-sock", tree) > 0, "asprintf");
	{
		_cleanup_(setup_done) struct setup setup = { 0 };

		CASE("nobody there: nothing happens");
		setup_start(&setup, NULL, uri);
		EXPECT_INT(sd_event_run(setup.event, QUIET), 0);
		CASE("its directory appears, then itself");
		path = tree_path(tree, "deep/er/libvirt-sock");
		while (sd_event_run(setup.event, QUIET) > 0)
			;
		server = listener(path);
		client = wait_client(&setup, server);
		CASE("it hangs: we do not");
		EXPECT_INT(sd_event_run(setup.event, QUIET), 0);
		CASE("it hangs up: tried again, after a while");
		begin = now_usec();
		close(TAKE_FD(client));
		/* a connection for readers failed; then one for everything; then the next attempt */
		client = wait_client(&setup, server);
		close(TAKE_FD(client));
		again = wait_client(&setup, server);
		EXPECT(now_usec() - begin > 900000);
		CASE("freed while it hangs");
		begin = now_usec();
	}
	EXPECT(now_usec() - begin < 3000000);
	CASE("the one left behind ends");
	close(TAKE_FD(again));
}

static void test_not_here(const char *tree)
{
	_cleanup_(setup_done) struct setup fake = { 0 }, none = { 0 };

	CASE("a fake root is no host");
	tree_file(tree, "run/libvirt/libvirt-sock", "");
	setup_start(&fake, tree, "qemu:///system");
	EXPECT_INT(sd_event_run(fake.event, QUIET), 0);
	CASE("no module");
	EXPECT_INT(sysroot_new(&none.root, tree), 0);
	EXPECT(sd_event_new(&none.event) >= 0);
	EXPECT_INT(source_libvirt_new(&none.source, none.root, none.event, "test:///default", on_source, &none.heard), 0);
	EXPECT_INT(source_libvirt_load(none.source, "/nonexistent/virtrk-libvirt.so"), -ENOENT);
	EXPECT_INT(source_libvirt_load(none.source, "libm.so.6"), -EPROTO);
	EXPECT(source_libvirt_free(NULL) == NULL);
}

int main(int argc, char **argv)
{
	_cleanup_(tree_freep) char *tree = tree_new();

	if (argc != 2) {
		fprintf(stderr, "usage: %s MODULE\n", argv[0]);
		return EXIT_FAILURE;
	}
	module_path = argv[1];
	test_driver(tree);
	test_metadata(tree);
	test_pid_files();
	test_socket(tree);
	test_not_here(tree);
	return expect_result();
}
