/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capacity in two phases: what is prepared counts against everybody else, becomes the domain's when it runs, and is free again
 * when it is aborted, when its time is over, and when virtrkd is started anew. Each refusal has its own name and one line.
 */
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <virtrk/dbus.h>

#include "expect.h"
#include "harness.h"

#define MS(x) ((uint64_t)(x) * 1000000)
#define SECONDS(x) ((uint64_t)(x) * 1000000000)

static const char *program;

/* "" and the token (or nothing), else the error's name and its line. */
struct said {
	char error[128];
	char text[512];
};

static void say(struct said *said, int r, const sd_bus_error *error, const char *text)
{
	*said = (struct said){ .error = "" };
	if (r < 0)
		snprintf(said->error, sizeof(said->error), "%s", error->name ?: strerror(-r));
	snprintf(said->text, sizeof(said->text), "%s", r < 0 ? error->message ?: "" : text ?: "");
}

static void prepare(sd_bus *bus, const char *document, uint64_t ttl_ns, struct said *ret)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const char *token = NULL;
	int r = sd_bus_call_method(bus, NULL, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "Prepare", &error, &reply, "st", document, ttl_ns);

	if (r >= 0)
		r = sd_bus_message_read(reply, "s", &token);
	say(ret, r, &error, token);
	sd_bus_message_unref(reply);
	sd_bus_error_free(&error);
}

static void token_call(sd_bus *bus, const char *method, const char *token, struct said *ret)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int r = sd_bus_call_method(bus, NULL, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, method, &error, NULL, "s", token);

	say(ret, r, &error, NULL);
	sd_bus_error_free(&error);
}

static bool expect_said(const struct said *said, const char *error)
{
	bool ok = EXPECT_STR(said->error, error);

	if (!ok)
		fprintf(stderr, "    %s\n", said->text);
	EXPECT(!*error || (said->text[0] && !strchr(said->text, '\n')));
	return ok;
}

/* "Prepared" of the one partition. */
static uint64_t prepared_bw(sd_bus *bus)
{
	sd_bus_message *reply = NULL;
	uint64_t value = UINT64_MAX;
	const char *key;

	if (sd_bus_call_method(bus, NULL, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "Capacity", NULL, &reply, NULL) >= 0 &&
	    sd_bus_message_enter_container(reply, 'a', "a{sv}") > 0 && sd_bus_message_enter_container(reply, 'a', "{sv}") > 0)
		while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
			if (sd_bus_message_read(reply, "s", &key) < 0)
				break;
			if (strcmp(key, "Prepared") == 0)
				(void)sd_bus_message_read(reply, "v", "t", &value);
			else
				(void)sd_bus_message_skip(reply, "v");
			(void)sd_bus_message_exit_container(reply);
		}
	sd_bus_message_unref(reply);
	return value;
}

static const struct {
	const char *name;
	const char *document;
	uint64_t ttl_ns;
	const char *error;
} bad[] = {
	{ "no JSON", "{", SECONDS(1), VIRTRK_ERROR_BAD_CONFIG },
	{ "empty", "", SECONDS(1), VIRTRK_ERROR_BAD_CONFIG },
	{ "no domain", "{\"reservations\":[{\"thread\":\"vcpu0\",\"budget\":\"1ms\",\"period\":\"100ms\"}]}", SECONDS(1), VIRTRK_ERROR_BAD_CONFIG },
	{ "an empty domain", "{\"domain\":\"\",\"reservations\":[{\"thread\":\"vcpu0\",\"budget\":\"1ms\",\"period\":\"100ms\"}]}", SECONDS(1),
	  VIRTRK_ERROR_BAD_CONFIG },
	{ "a domain that is no name", "{\"domain\":7,\"reservations\":[{\"thread\":\"vcpu0\",\"budget\":\"1ms\",\"period\":\"100ms\"}]}", SECONDS(1),
	  VIRTRK_ERROR_BAD_CONFIG },
	{ "no reservations", "{\"domain\":\"later\",\"reservations\":[]}", SECONDS(1), VIRTRK_ERROR_BAD_CONFIG },
	{ "an unknown key", "{\"domain\":\"later\",\"reservations\":[{\"thread\":\"vcpu0\",\"budget\":\"1ms\",\"period\":\"100ms\",\"x\":1}]}",
	  SECONDS(1), VIRTRK_ERROR_BAD_CONFIG },
	{ "a budget above the period", "{\"domain\":\"later\",\"reservations\":[{\"thread\":\"vcpu0\",\"budget\":\"11ms\",\"period\":\"10ms\"}]}",
	  SECONDS(1), VIRTRK_ERROR_BAD_BUDGET },
	{ "no time", "{\"domain\":\"later\",\"reservations\":[{\"thread\":\"vcpu0\",\"budget\":\"1ms\",\"period\":\"100ms\"}]}", 0, VIRTRK_ERROR_BAD_TTL },
	{ "too short a time", "{\"domain\":\"later\",\"reservations\":[{\"thread\":\"vcpu0\",\"budget\":\"1ms\",\"period\":\"100ms\"}]}", MS(100) - 1,
	  VIRTRK_ERROR_BAD_TTL },
	{ "too long a time", "{\"domain\":\"later\",\"reservations\":[{\"thread\":\"vcpu0\",\"budget\":\"1ms\",\"period\":\"100ms\"}]}", SECONDS(3600) + 1,
	  VIRTRK_ERROR_BAD_TTL },
	{ "the longest of all", "{\"domain\":\"later\",\"reservations\":[{\"thread\":\"vcpu0\",\"budget\":\"1ms\",\"period\":\"100ms\"}]}", UINT64_MAX,
	  VIRTRK_ERROR_BAD_TTL },
};

static void test_bad(struct daemon *d)
{
	struct said said;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CASE(bad[i].name);
		prepare(d->bus, bad[i].document, bad[i].ttl_ns, &said);
		expect_said(&said, bad[i].error);
		EXPECT_INT(prepared_bw(d->bus), 0);
	}
	CASE("no such token");
	token_call(d->bus, "Commit", "0123456789abcdef0123456789abcdef", &said);
	expect_said(&said, VIRTRK_ERROR_NO_TOKEN);
	token_call(d->bus, "Abort", "", &said);
	expect_said(&said, VIRTRK_ERROR_NO_TOKEN);
}

/* A document of @cpus threads that ask for so much of every 100 ms each. */
static char *document_of(const char *domain, unsigned int cpus, unsigned int budget_ms)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	fprintf(f, "{\"domain\":\"%s\",\"reservations\":[", domain);
	for (unsigned int i = 0; i < cpus; i++)
		fprintf(f, "%s{\"thread\":\"vcpu%u\",\"budget\":\"%ums\",\"period\":\"100ms\"}", i ? "," : "", i, budget_ms);
	fprintf(f, "]}");
	(void)fclose(f);
	return text;
}

/* Could @g's first vCPU have half a CPU? */
static bool fits(struct daemon *d, const struct guest *g, struct answer *a)
{
	const struct request r = { "vcpu0", MS(50), MS(100), 0, 0 };

	call_request(d->bus, NULL, "Check", g->name, &r, 1, a);
	return a->fits;
}

/* So much that half a CPU more does not fit, whatever the host: half of each CPU's. */
static void test_held(struct daemon *d, const struct guest *g)
{
	_cleanup_(freep) char *later = document_of("later", harness_too_many() - 1, 45), *other = document_of("other", harness_too_many() - 1, 45);
	struct said said, second;
	struct answer a;

	CASE("before");
	if (!EXPECT(fits(d, g, &a)))
		fprintf(stderr, "    %s\n", a.reason);
	CASE("held");
	prepare(d->bus, later, SECONDS(60), &said);
	if (!expect_said(&said, "") || !EXPECT_INT(strlen(said.text), 32))
		return;
	EXPECT(prepared_bw(d->bus) > 0);
	EXPECT(!fits(d, g, &a));
	CASE("not twice for one domain");
	prepare(d->bus, later, SECONDS(60), &second);
	expect_said(&second, VIRTRK_ERROR_DUPLICATE);
	CASE("nor more than there is");
	prepare(d->bus, other, SECONDS(60), &second);
	expect_said(&second, VIRTRK_ERROR_OVERLOAD);
	CASE("a domain that does not run");
	token_call(d->bus, "Commit", said.text, &second);
	expect_said(&second, VIRTRK_ERROR_NO_DOMAIN);
	EXPECT(!fits(d, g, &a));
	CASE("aborted");
	token_call(d->bus, "Abort", said.text, &second);
	expect_said(&second, "");
	EXPECT_INT(prepared_bw(d->bus), 0);
	EXPECT(fits(d, g, &a));
	token_call(d->bus, "Abort", said.text, &second);
	expect_said(&second, VIRTRK_ERROR_NO_TOKEN);
}

static bool nothing_prepared(void *userdata)
{
	struct daemon *d = userdata;

	return prepared_bw(d->bus) == 0;
}

static void test_expiry(struct daemon *d, const struct guest *g)
{
	_cleanup_(freep) char *later = document_of("later", harness_too_many() - 1, 45);
	struct said said;
	struct answer a;

	CASE("its time is over");
	prepare(d->bus, later, MS(100), &said);
	if (!expect_said(&said, ""))
		return;
	EXPECT(harness_wait(d->bus, nothing_prepared, d));
	EXPECT(fits(d, g, &a));
	token_call(d->bus, "Commit", said.text, &said);
	expect_said(&said, VIRTRK_ERROR_NO_TOKEN);
}

static void test_commit(struct daemon *d, const struct guest *g)
{
	_cleanup_(freep) char *document = document_of(g->name, 1, 30), *after = NULL;
	const struct request own = { "vcpu0", MS(30), MS(100), 0, 0 };
	struct said said, second;
	struct answer a;

	CASE("held for itself, so not against itself");
	prepare(d->bus, document, SECONDS(60), &said);
	if (!expect_said(&said, ""))
		return;
	call_request(d->bus, NULL, "Check", g->name, &own, 1, &a);
	EXPECT(a.fits);
	CASE("committed");
	token_call(d->bus, "Commit", said.text, &second);
	expect_said(&second, "");
	EXPECT_INT(prepared_bw(d->bus), 0);
	after = picture_of_thread(guest_thread(d, g, "vcpu0"));
	EXPECT(strstr(after, "deadline 30000000/100000000/100000000") != NULL);
	CASE("committed: the token is used up");
	token_call(d->bus, "Commit", said.text, &second);
	expect_said(&second, VIRTRK_ERROR_NO_TOKEN);
	CASE("reserved already");
	prepare(d->bus, document, SECONDS(60), &second);
	expect_said(&second, VIRTRK_ERROR_DUPLICATE);
	call_release(d->bus, NULL, g->name, (const char *[]) { NULL }, &a);
	EXPECT_STR(a.error, "");
}

/* @threads vCPUs that ask for so much of every 100 ms each. */
static void prepare_start_with(sd_bus *bus, const char *domain, unsigned int threads, uint64_t budget_ms, const char *option,
			       struct said *ret)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *call = NULL;
	int r;

	r = sd_bus_message_new_method_call(bus, &call, NULL, VIRTRK_OBJECT, VIRTRK_INTERFACE_MANAGER, "PrepareStart");
	if (r >= 0)
		r = sd_bus_message_append(call, "s", domain);
	if (r >= 0)
		r = sd_bus_message_open_container(call, 'a', "(stttta{sv})");
	for (unsigned int i = 0; r >= 0 && i < threads; i++) {
		char name[32];

		snprintf(name, sizeof(name), "vcpu%u", i);
		r = sd_bus_message_append(call, "(stttta{sv})", name, MS(budget_ms), MS(100), UINT64_C(0), UINT64_C(0), 0);
	}
	if (r >= 0)
		r = sd_bus_message_close_container(call);
	if (r >= 0)
		r = option ? sd_bus_message_append(call, "a{sv}", 1, option, "s", "virtrk-test.slice") :
			     sd_bus_message_append(call, "a{sv}", 0);
	if (r >= 0)
		r = sd_bus_call(bus, call, 0, &error, NULL);
	say(ret, r, &error, NULL);
	sd_bus_message_unref(call);
	sd_bus_error_free(&error);
}

static void prepare_start(sd_bus *bus, const char *domain, unsigned int threads, uint64_t budget_ms, struct said *ret)
{
	prepare_start_with(bus, domain, threads, budget_ms, NULL, ret);
}

/* What libvirt's hook asks. */
static void test_start(struct daemon *d, const struct guest *g)
{
	_cleanup_(freep) char *document = document_of("later", 1, 30);
	const uint64_t one = (MS(30) << 20) / MS(100);
	struct said said, token;
	struct answer a;

	CASE("a domain that starts");
	prepare_start(d->bus, "later", harness_too_many() - 1, 45, &said);
	expect_said(&said, "");
	EXPECT(prepared_bw(d->bus) > one);
	EXPECT(!fits(d, g, &a));
	CASE("again, with less: that counts");
	prepare_start(d->bus, "later", 1, 30, &said);
	expect_said(&said, "");
	EXPECT(prepared_bw(d->bus) >= one && prepared_bw(d->bus) <= one + 1);
	EXPECT(fits(d, g, &a));
	CASE("in a slice without CPUs, it shares those of all");
	prepare_start_with(d->bus, "later", 1, 30, "Slice", &said);
	expect_said(&said, "");
	EXPECT(prepared_bw(d->bus) >= one && prepared_bw(d->bus) <= one + 1);
	CASE("what nobody knows");
	prepare_start_with(d->bus, "later", 1, 30, "Slices", &said);
	expect_said(&said, SD_BUS_ERROR_INVALID_ARGS);
	CASE("what does not fit, and then nothing is held");
	prepare_start(d->bus, "later", harness_too_many(), 100, &said);
	expect_said(&said, VIRTRK_ERROR_OVERLOAD);
	EXPECT_INT(prepared_bw(d->bus), 0);
	CASE("what no reservation can be");
	prepare_start(d->bus, "later", 1, 101, &said);
	expect_said(&said, VIRTRK_ERROR_BAD_BUDGET);
	CASE("whoever starts it has prepared it: held once");
	prepare(d->bus, document, SECONDS(60), &token);
	expect_said(&token, "");
	prepare_start(d->bus, "later", 1, 30, &said);
	expect_said(&said, "");
	EXPECT(prepared_bw(d->bus) <= one + 1);
	token_call(d->bus, "Abort", token.text, &said);
	expect_said(&said, "");
	EXPECT_INT(prepared_bw(d->bus), 0);
}

static void test_restart(struct daemon *d, const struct guest *g)
{
	struct daemon_options options = { .program = program, .directory = d->directory };
	_cleanup_(freep) char *later = document_of("later", 1, 10);
	struct daemon again = { 0 };
	struct said said, second;
	int status = 0;

	CASE("virtrkd is started anew");
	prepare(d->bus, later, SECONDS(60), &said);
	expect_said(&said, "");
	(void)daemon_stop(d, SIGKILL);
	if (!EXPECT(daemon_start(&again, &options, &status)))
		return;
	EXPECT_INT(prepared_bw(again.bus), 0);
	token_call(again.bus, "Commit", said.text, &second);
	expect_said(&second, VIRTRK_ERROR_NO_TOKEN);
	EXPECT(guest_is_known(&again, g, 1));
	(void)daemon_stop(&again, SIGTERM);
	daemon_remove(&again);
	free(d->directory);	/* the same directory, another copy of its name */
	free(d->socket);
}

int main(int argc, char **argv)
{
	struct daemon_options options = { 0 };
	struct daemon daemon = { 0 };
	struct guest guest;
	int status = 0;

	if (argc < 2)
		return 2;
	program = argv[1];
	options.program = program;
	harness_need_deadline();
	guest_start(&guest, "prepare", 1, NULL);
	if (!EXPECT(daemon_start(&daemon, &options, &status)) || !EXPECT(guest_is_known(&daemon, &guest, 1)))
		return expect_result();
	test_bad(&daemon);
	test_held(&daemon, &guest);
	test_expiry(&daemon, &guest);
	test_commit(&daemon, &guest);
	test_start(&daemon, &guest);
	test_restart(&daemon, &guest);
	guest_stop(&guest);
	return expect_result();
}
