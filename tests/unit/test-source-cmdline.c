/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU's command line as QEMU would read it: names, accelerators, QMP sockets, libvirt's guests, and what is no machine. */
#include "expect.h"
#include "source-cmdline.h"

#define Q	"qemu-system-x86_64\0"
#define MAX_ID	"3f2504e0-4f89-11d3-9a0c-0305e82c3301"
#define LIBVIRT                                                                                                        \
	"/usr/bin/qemu-system-x86_64\0-name\0guest=relay,debug-threads=on\0-S\0-object\0"                              \
	"{\"qom-type\":\"secret\",\"id\":\"masterKey0\",\"format\":\"raw\","                                           \
	"\"file\":\"/var/lib/libvirt/qemu/domain-1-relay/master-key.aes\"}\0-machine\0"                                \
	"pc-q35-7.2,usb=off,dump-guest-core=off,memory-backend=pc.ram\0-accel\0kvm\0-uuid\0" MAX_ID                    \
	"\0-no-user-config\0-nodefaults\0-chardev\0socket,id=charmonitor,fd=25,server=on,wait=off\0"                   \
	"-mon\0chardev=charmonitor,id=monitor,mode=control\0"

#define TEXT(s) s, sizeof(s) - 1

static void test_program(void)
{
	static const struct {
		const char *program;
		bool is;
	} cases[] = {
		{ "/usr/bin/qemu-system-x86_64", true },
		{ "qemu-system-aarch64", true },
		{ "/usr/libexec/qemu-kvm", true },
		{ "/usr/bin/kvm", true },
		{ "/usr/bin/qemu-system-x86_64 (deleted)", true },
		{ "/usr/libexec/qemu-kvm (deleted)", true },
		{ "/nix/store/x/bin/.qemu-system-x86_64-wrapped", true },
		{ "qemu-system-x86", true },		/* a comm: 15 characters */
		{ "", false },
		{ "/", false },
		{ "qemu-system-", false },
		{ "qemu-img", false },
		{ "qemu-x86_64", false },
		{ "/usr/bin/qemu-system-x86_64/wrapper", false },
		{ "kvm-pit/12", false },
		{ "kvmtool", false },
		{ "qemu-kvm-agent", false },
		{ "vim-qemu-system-x86_64", false },
		{ " (deleted)", false },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		CASE(cases[i].program);
		EXPECT_INT(cmdline_is_qemu(cases[i].program), cases[i].is);
	}
}

static const struct parse_case {
	const char *what;
	const char *text;
	size_t size;
	int r;
	const char *name;
	const char *uuid;
	const char *qmp_path;
	enum vm_origin origin;
	unsigned int accels;
} parse_cases[] = {
#define NO(what, text)	   { what, TEXT(text), -ENODATA, NULL, NULL, NULL, 0, 0 }
#define NAME(what, text, name) { what, TEXT(text), 0, name, NULL, NULL, VM_QEMU, CMDLINE_TCG }
#define ACCEL(what, text, accels) { what, TEXT(text), 0, NULL, NULL, NULL, VM_QEMU, accels }
#define QMP(what, text, path) { what, TEXT(text), 0, NULL, NULL, path, VM_QEMU, CMDLINE_TCG }
	NO("kernel thread or zombie",	""),
	NO("version",			Q "--version\0"),
	NO("help",			Q "-h\0"),
	NO("list of machines",		Q "-M\0help\0"),
	NO("list of machines, old",	Q "-machine\0?\0"),
	NO("list of CPUs",		Q "-cpu\0help\0"),
	NO("list of accelerators",	Q "-accel\0help\0"),
	NO("list of devices",		Q "-device\0help\0"),
	NO("libvirt asks for features",	Q "-S\0-no-user-config\0-nodefaults\0-nographic\0-machine\0none,accel=kvm:tcg\0"
					"-qmp\0unix:/var/lib/libvirt/qemu/qmp-X/qmp.monitor,server=on,wait=off\0"
					"-pidfile\0/x\0-daemonize\0"),
	NO("machine none by key",	Q "-machine\0type=none\0"),

	NAME("no options at all",	Q, NULL),
	NAME("a disk only",		Q "disk.img\0", NULL),
	NAME("last argument cut off",	"qemu-system-x86_64\0-name\0ab", "ab"),
	NAME("option without value",	Q "-name\0", NULL),
	NAME("implied key",		Q "-name\0relay\0", "relay"),
	NAME("guest=",			Q "-name\0guest=relay,debug-threads=on\0", "relay"),
	NAME("guest= later",		Q "-name\0debug-threads=on,guest=relay\0", "relay"),
	NAME("two dashes",		Q "--name\0relay,process=p\0", "relay"),
	NAME("escaped comma",		Q "-name\0a,,b,process=p\0", "a,b"),
	NAME("escaped comma at ends",	Q "-name\0,,a,,\0", ",a,"),
	NAME("three commas",		Q "-name\0a,,,debug-threads=on\0", "a,"),
	NAME("comma in guest=",		Q "-name\0guest=a,,b=c,process=p\0", "a,b=c"),
	NAME("a key that is not guest",	Q "-name\0process=p\0", NULL),
	NAME("last one counts",		Q "-name\0a\0-name\0b\0", "b"),
	NAME("empty name",		Q "-name\0\0-name\0guest=\0", NULL),
	NAME("name of the guest's kernel", Q "-append\0-name\0-kernel\0k\0", NULL),
	NAME("flag does not eat it",	Q "-nographic\0-name\0a\0", "a"),
	NAME("odd characters stay",	Q "-name\0a\nb/../c\0", "a\nb/../c"),

	ACCEL("enable-kvm",		Q "-enable-kvm\0", CMDLINE_KVM),
	ACCEL("accel",			Q "-accel\0kvm,kernel-irqchip=split\0", CMDLINE_KVM),
	ACCEL("accel by key",		Q "-accel\0accel=tcg,thread=multi\0", CMDLINE_TCG),
	ACCEL("machine",		Q "-machine\0q35,accel=kvm\0", CMDLINE_KVM),
	ACCEL("machine list",		Q "-M\0type=pc,accel=kvm:tcg\0", CMDLINE_KVM | CMDLINE_TCG),
	ACCEL("two of them",		Q "-accel\0kvm\0-accel\0tcg\0", CMDLINE_KVM | CMDLINE_TCG),
	ACCEL("machines merge",		Q "-machine\0q35\0-machine\0accel=kvm\0", CMDLINE_KVM),
	ACCEL("another one",		Q "-accel\0xen\0", CMDLINE_OTHER),
	ACCEL("default of qemu-kvm",	"/usr/libexec/qemu-kvm\0-S\0", CMDLINE_KVM | CMDLINE_TCG),
	ACCEL("odd list",		Q "-machine\0accel=::kvmx:\0", CMDLINE_OTHER),

	QMP("qmp",			Q "-qmp\0unix:/run/q,server=on,wait=off\0", "/run/q"),
	QMP("old flags",		Q "-qmp\0unix:/run/q,server,nowait\0", "/run/q"),
	QMP("pretty",			Q "-qmp-pretty\0unix:q.sock,server=yes\0", "q.sock"),
	QMP("comma in the path",	Q "-qmp\0unix:/run/a,,b,server\0", "/run/a,b"),
	QMP("path by key",		Q "-qmp\0unix:path=/run/q,server=on\0", "/run/q"),
	QMP("a client",			Q "-qmp\0unix:/run/q\0", NULL),
	QMP("server off",		Q "-qmp\0unix:/run/q,server=off\0", NULL),
	QMP("tcp",			Q "-qmp\0tcp:localhost:4444,server=on\0", NULL),
	QMP("stdio",			Q "-qmp\0stdio\0", NULL),
	QMP("empty path",		Q "-qmp\0unix:,server=on\0", NULL),
	QMP("mon",			Q "-chardev\0socket,path=/run/q,id=m,server=on,wait=off\0-mon\0chardev=m,mode=control\0",
					"/run/q"),
	QMP("mon first, implied key",	Q "-mon\0m,mode=control\0-chardev\0socket,id=m,path=/run/q,server\0", "/run/q"),
	QMP("human monitor",		Q "-chardev\0socket,path=/run/q,id=m,server=on\0-mon\0chardev=m,mode=readline\0", NULL),
	QMP("mode not given",		Q "-chardev\0socket,path=/run/q,id=m,server=on\0-mon\0chardev=m\0", NULL),
	QMP("chardev by fd",		Q "-chardev\0socket,id=m,fd=3,server=on\0-mon\0m,mode=control\0", NULL),
	QMP("chardev is no socket",	Q "-chardev\0pty,id=m,path=/run/q,server=on\0-mon\0m,mode=control\0", NULL),
	QMP("no such chardev",		Q "-chardev\0socket,id=n,path=/run/q,server=on\0-mon\0m,mode=control\0", NULL),
	QMP("qmp chardev:",		Q "-chardev\0socket,id=m,path=/run/q,server=on\0-qmp\0chardev:m\0", "/run/q"),
	QMP("second is usable",		Q "-qmp\0stdio\0-qmp\0unix:/run/q,server\0", "/run/q"),

	{ "libvirt", TEXT(LIBVIRT), 0, "relay", MAX_ID, NULL, VM_LIBVIRT, CMDLINE_KVM },
	{ "libvirt's old monitor", TEXT(Q "-name\0guest=r\0-chardev\0socket,id=charmonitor,path=/var/lib/libvirt/qemu/"
		"domain-1-r/monitor.sock,server,nowait\0-mon\0chardev=charmonitor,id=monitor,mode=control\0"),
		0, "r", NULL, NULL, VM_LIBVIRT, CMDLINE_TCG },
	{ "uuid in capitals", TEXT(Q "-uuid\0003F2504E0-4F89-11D3-9A0C-0305E82C3301\0"), 0, NULL, MAX_ID, NULL, VM_QEMU,
		CMDLINE_TCG },
	{ "uuid too long", TEXT(Q "-uuid\0" MAX_ID "0\0"), 0, NULL, NULL, NULL, VM_QEMU, CMDLINE_TCG },
	{ "uuid too short", TEXT(Q "-uuid\0003f2504e0\0"), 0, NULL, NULL, NULL, VM_QEMU, CMDLINE_TCG },
	{ "uuid of other letters", TEXT(Q "-uuid\0003f2504g0-4f89-11d3-9a0c-0305e82c3301\0"), 0, NULL, NULL, NULL,
		VM_QEMU, CMDLINE_TCG },
};

static void test_parse(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parse_cases); i++) {
		const struct parse_case *c = &parse_cases[i];
		_cleanup_(cmdline_done) struct cmdline cmdline = { 0 };

		CASE(c->what);
		if (!EXPECT_INT(cmdline_parse(&cmdline, c->text, c->size), c->r) || c->r < 0)
			continue;
		EXPECT_STR(cmdline.name, c->name);
		EXPECT_STR(cmdline.uuid, c->uuid);
		EXPECT_STR(cmdline.qmp_path, c->qmp_path);
		EXPECT_INT(cmdline.origin, c->origin);
		EXPECT_INT(cmdline.accels, c->accels);
	}
}

static void test_daemonize(void)
{
	_cleanup_(cmdline_done) struct cmdline yes = { 0 }, no = { 0 };

	CASE("daemonize");
	EXPECT_INT(cmdline_parse(&yes, TEXT(Q "-S\0-daemonize\0-m\0001G\0")), 0);
	EXPECT(yes.daemonizes);
	EXPECT_INT(cmdline_parse(&no, TEXT(Q "-append\0-daemonize\0")), 0);
	EXPECT(!no.daemonizes);
}

int main(void)
{
	test_program();
	test_parse();
	test_daemonize();
	return expect_result();
}
