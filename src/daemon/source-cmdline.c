/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads QEMU's command line as QEMU does: options with one dash or two, of which some take the next argument whatever
 * it looks like; values are lists "key=value,key=value" in which a comma is written twice, a first value without a key
 * has an implied one ("-name x", "-machine q35"), and a key without a value is a flag.
 *
 * QMP can be offered in three ways: "-qmp unix:PATH,server=on", "-chardev socket,id=X,path=PATH,server=on" with "-mon
 * X,mode=control", and the same chardev with "-qmp chardev:X". A socket on which QEMU does not listen but connects is
 * of no use to us. Neither is libvirt's: QMP serves one client, and that is libvirtd.
 *
 * Called by source-proc for each process that is called like a QEMU. Trusts nothing: the text is what a process chose to
 * be called. Never touches the system.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "source-cmdline.h"

#define MONITORS_MAX 8	/* more than one is rare; the bound keeps the search for their sockets linear */

struct arguments {
	char **v;	/* into text */
	size_t n;
	char *text;
};

static void arguments_done(struct arguments *args)
{
	free(args->v);
	free(args->text);
}

static int arguments_split(struct arguments *ret, const char *text, size_t size)
{
	_cleanup_(arguments_done) struct arguments args = { 0 };
	size_t i, n = 0;
	char *p;

	if (size == 0)
		return -ENODATA;
	args.text = malloc(size + 1);
	if (!args.text)
		return -ENOMEM;
	memcpy(args.text, text, size);
	args.text[size] = '\0';		/* a process may have overwritten its last NUL */
	for (i = 0; i < size; i++)
		n += text[i] == '\0';
	args.v = calloc(n + 1, sizeof(char *));
	if (!args.v)
		return -ENOMEM;
	for (p = args.text; p < args.text + size; p += strlen(p) + 1)
		args.v[args.n++] = p;

	*ret = TAKE_GENERIC(args, struct arguments, (struct arguments){ 0 });
	return 0;
}

/* All options of QEMU up to 10 that do not take the next argument. */
static bool option_is_flag(const char *name)
{
	static const char *const flags[] = {
		"S", "alt-grab", "audio-help", "ctrl-grab", "curses", "daemonize", "enable-fips", "enable-kvm",
		"enable-sync-profile", "full-screen", "h", "help", "mem-prealloc", "no-acpi",
		"no-fd-bootchk", "no-frame", "no-hpet", "no-kvm", "no-kvm-irqchip",
		"no-kvm-pit", "no-kvm-pit-reinjection", "no-quit", "no-reboot", "no-shutdown", "no-user-config",
		"nodefaults", "nodefconfig", "nographic", "old-param", "one-insn-per-tb", "only-migratable", "portrait",
		"preconfig", "rtc-td-hack", "s", "sdl", "semihosting", "show-cursor", "singlestep", "snapshot", "tdf",
		"usb", "version", "win2k-hack", "xen-attach", "xen-domid-restrict",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flags); i++)
		if (strcmp(name, flags[i]) == 0)
			return true;
	return false;
}

/* The next option and its value (NULL for a flag); false at the end. Disk images given without option are passed over. */
static bool arguments_next(const struct arguments *args, size_t *i, const char **ret_name, const char **ret_value)
{
	while (*i < args->n) {
		const char *arg = args->v[(*i)++];

		if (arg[0] != '-')
			continue;
		arg += arg[1] == '-' ? 2 : 1;
		*ret_name = arg;
		*ret_value = NULL;
		if (!option_is_flag(arg) && *i < args->n)
			*ret_value = args->v[(*i)++];
		return true;
	}
	return false;
}

/* One key of a list, unescaped into @list itself, which is used up that way. */
static bool list_next(char **list, const char *implied, const char **ret_key, char **ret_value)
{
	static char on[] = "on";
	char *p = *list;
	size_t length;
	char *w;

	if (!*p)
		return false;
	length = strcspn(p, "=,");
	if (p[length] == '=') {
		p[length] = '\0';
		*ret_key = p;
		p += length + 1;
	} else if (implied) {
		*ret_key = implied;
	} else {
		*ret_key = p;
		*ret_value = on;
		*list = p + length + (p[length] == ',');
		p[length] = '\0';
		return true;
	}
	*ret_value = w = p;
	while (*p && (*p != ',' || p[1] == ',')) {
		p += *p == ',';
		*w++ = *p++;
	}
	*list = p + (*p == ',');
	*w = '\0';
	return true;
}

/* The last value of @key in @value, as QEMU takes it; *ret NULL when there is none. */
static int list_get(const char *value, const char *implied, const char *key, char **ret)
{
	_cleanup_(freep) char *copy = strdup(value);
	char *rest = copy, *found = NULL, *text;
	const char *name;

	if (!copy)
		return -ENOMEM;
	for (; list_next(&rest, implied, &name, &text); implied = NULL)
		if (strcmp(name, key) == 0)
			found = text;
	if (found) {
		found = strdup(found);
		if (!found)
			return -ENOMEM;
	}
	*ret = found;
	return 0;
}

static int list_get_into(const char *value, const char *implied, const char *key, char **target)
{
	char *found;
	int r;

	r = list_get(value, implied, key, &found);
	if (r < 0 || !found)
		return r;
	free(*target);
	*target = found;
	return 0;
}

static int list_is_on(const char *value, const char *implied, const char *key)
{
	_cleanup_(freep) char *text = NULL;
	int r;

	r = list_get(value, implied, key, &text);
	if (r < 0 || !text)
		return r;
	return strcmp(text, "on") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "true") == 0 ||
	       strcmp(text, "y") == 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool cmdline_is_qemu(const char *program)
{
	static const char deleted[] = " (deleted)";
	const char *name = base_name(program);
	size_t length;

	name += *name == '.';	/* ".qemu-system-x86_64-wrapped": some distributions put a script before it */
	length = strlen(name);
	/* the kernel appends that when the package was upgraded under a running machine */
	if (length > strlen(deleted) && strcmp(name + length - strlen(deleted), deleted) == 0)
		length -= strlen(deleted);
	if (length > strlen("qemu-system-") && strncmp(name, "qemu-system-", strlen("qemu-system-")) == 0)
		return true;
	return (length == strlen("qemu-kvm") && strncmp(name, "qemu-kvm", length) == 0) ||
	       (length == strlen("kvm") && strncmp(name, "kvm", length) == 0);
}

/* "kvm", "kvm:tcg", "tcg" */
static unsigned int accels_parse(const char *list)
{
	unsigned int accels = 0;

	while (*list) {
		size_t length = strcspn(list, ":");

		if (length == 3 && strncmp(list, "kvm", 3) == 0)
			accels |= CMDLINE_KVM;
		else if (length == 3 && strncmp(list, "tcg", 3) == 0)
			accels |= CMDLINE_TCG;
		else
			accels |= CMDLINE_OTHER;
		list += length + (list[length] == ':');
	}
	return accels;
}

static bool is_question(const char *value)
{
	return strcmp(value, "help") == 0 || strcmp(value, "?") == 0;
}

static int machine_parse(struct cmdline *cmdline, const char *value)
{
	_cleanup_(freep) char *type = NULL, *accel = NULL;
	int r;

	r = list_get(value, "type", "type", &type);
	if (r < 0)
		return r;
	/* machine "none" has no CPU: that is how libvirt asks a QEMU what it can do */
	if (type && (is_question(type) || strcmp(type, "none") == 0))
		return -ENODATA;
	r = list_get(value, "type", "accel", &accel);
	if (r == 0 && accel)
		cmdline->accels |= accels_parse(accel);
	return r;
}

static int accel_parse(struct cmdline *cmdline, const char *value)
{
	_cleanup_(freep) char *accel = NULL;
	int r;

	r = list_get(value, "accel", "accel", &accel);
	if (r < 0 || !accel)
		return r;
	if (is_question(accel))
		return -ENODATA;
	cmdline->accels |= accels_parse(accel);
	return 0;
}

static int uuid_parse(struct cmdline *cmdline, const char *value)
{
	char *uuid;
	size_t i;

	for (i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? value[i] != '-' : !value[i] || !strchr("0123456789abcdefABCDEF", value[i]))
			return 0;	/* the terminating 0 ends here too */
	}
	if (value[36])
		return 0;
	uuid = strdup(value);
	if (!uuid)
		return -ENOMEM;
	for (i = 0; i < 36; i++)
		if (uuid[i] >= 'A' && uuid[i] <= 'F')
			uuid[i] = (char)(uuid[i] - 'A' + 'a');
	free(cmdline->uuid);
	cmdline->uuid = uuid;
	return 0;
}

/* libvirt gives each of its machines a master key, and calls its monitor's chardev always the same. */
static int libvirt_parse(struct cmdline *cmdline, const char *option, const char *value)
{
	_cleanup_(freep) char *id = NULL;
	int r;

	if (strcmp(option, "object") == 0 && strstr(value, "masterKey0") && strstr(value, "/master-key.aes"))
		cmdline->origin = VM_LIBVIRT;
	if (strcmp(option, "chardev") != 0)
		return 0;
	r = list_get(value, "backend", "id", &id);
	if (r == 0 && id && strcmp(id, "charmonitor") == 0)
		cmdline->origin = VM_LIBVIRT;
	return r;
}

static int option_parse(struct cmdline *cmdline, const char *option, const char *value)
{
	if (strcmp(option, "h") == 0 || strcmp(option, "help") == 0 || strcmp(option, "version") == 0)
		return -ENODATA;
	if (strcmp(option, "enable-kvm") == 0)
		cmdline->accels |= CMDLINE_KVM;
	if (strcmp(option, "daemonize") == 0)
		cmdline->daemonizes = true;
	if (!value)
		return 0;
	if (strstr(value, "vhost"))
		cmdline->vhost = true;
	if (strcmp(option, "machine") == 0 || strcmp(option, "M") == 0)
		return machine_parse(cmdline, value);
	if (strcmp(option, "accel") == 0)
		return accel_parse(cmdline, value);
	if (strcmp(option, "name") == 0)
		return list_get_into(value, "guest", "guest", &cmdline->name);
	if (strcmp(option, "uuid") == 0)
		return uuid_parse(cmdline, value);
	if ((strcmp(option, "cpu") == 0 || strcmp(option, "device") == 0) && is_question(value))
		return -ENODATA;
	return libvirt_parse(cmdline, option, value);
}

/* The path of socket chardev @id when QEMU listens on it. */
static int chardev_find(const struct arguments *args, const char *id, char **ret)
{
	const char *option, *value;
	size_t i = 1;
	int r;

	*ret = NULL;
	while (arguments_next(args, &i, &option, &value)) {
		_cleanup_(freep) char *its_id = NULL;

		if (strcmp(option, "chardev") != 0 || !value || strncmp(value, "socket,", strlen("socket,")) != 0)
			continue;
		r = list_get(value, "backend", "id", &its_id);
		if (r < 0)
			return r;
		if (!its_id || strcmp(its_id, id) != 0)
			continue;
		r = list_is_on(value, "backend", "server");
		return r > 0 ? list_get(value, "backend", "path", ret) : r;
	}
	return 0;
}

/* The path that one "-qmp" or "-mon" stands for; *ret NULL when it is no socket on which QEMU listens. */
static int monitor_path(const struct arguments *args, const char *option, const char *value, char **ret)
{
	_cleanup_(freep) char *id = NULL, *mode = NULL;
	int r;

	*ret = NULL;
	if (strcmp(option, "mon") == 0) {
		r = list_get(value, "chardev", "mode", &mode);
		if (r < 0 || !mode || strcmp(mode, "control") != 0)
			return r;
		r = list_get(value, "chardev", "chardev", &id);
		return r == 0 && id ? chardev_find(args, id, ret) : r;
	}
	if (strncmp(value, "chardev:", strlen("chardev:")) == 0)
		return chardev_find(args, value + strlen("chardev:"), ret);
	if (strncmp(value, "unix:", strlen("unix:")) != 0)
		return 0;
	value += strlen("unix:");
	r = list_is_on(value, "path", "server");
	return r > 0 ? list_get(value, "path", "path", ret) : r;
}

static int qmp_find(struct cmdline *cmdline, const struct arguments *args)
{
	const char *option, *value;
	size_t i = 1, seen = 0;

	while (seen < MONITORS_MAX && !cmdline->qmp_path && arguments_next(args, &i, &option, &value)) {
		int r;

		if (!value ||
		    (strcmp(option, "mon") != 0 && strcmp(option, "qmp") != 0 && strcmp(option, "qmp-pretty") != 0))
			continue;
		seen++;
		r = monitor_path(args, option, value, &cmdline->qmp_path);
		if (r < 0)
			return r;
		if (cmdline->qmp_path && !cmdline->qmp_path[0])
			free(TAKE_PTR(cmdline->qmp_path));
	}
	return 0;
}

int cmdline_parse(struct cmdline *ret, const char *text, size_t size)
{
	_cleanup_(arguments_done) struct arguments args = { 0 };
	_cleanup_(cmdline_done) struct cmdline cmdline = { .origin = VM_QEMU };
	const char *option, *value;
	size_t i = 1;
	int r;

	r = arguments_split(&args, text, size);
	if (r < 0)
		return r;
	while (arguments_next(&args, &i, &option, &value)) {
		r = option_parse(&cmdline, option, value);
		if (r < 0)
			return r;
	}
	if (!cmdline.accels) {
		/* QEMU's own default: by its name, kvm with tcg to fall back on, or tcg */
		size_t length = strlen(args.v[0]);

		cmdline.accels = CMDLINE_TCG;
		if (length >= 3 && strcmp(args.v[0] + length - 3, "kvm") == 0)
			cmdline.accels |= CMDLINE_KVM;
	}
	if (cmdline.name && !cmdline.name[0])
		free(TAKE_PTR(cmdline.name));
	if (cmdline.origin != VM_LIBVIRT) {
		r = qmp_find(&cmdline, &args);
		if (r < 0)
			return r;
	}
	*ret = TAKE_GENERIC(cmdline, struct cmdline, (struct cmdline){ 0 });
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool cmdline_equal(const struct cmdline *a, const struct cmdline *b)
{
	return same_text(a->name, b->name) && same_text(a->uuid, b->uuid) && same_text(a->qmp_path, b->qmp_path) &&
	       a->origin == b->origin && a->accels == b->accels && a->daemonizes == b->daemonizes &&
	       a->vhost == b->vhost;
}

void cmdline_done(struct cmdline *cmdline)
{
	free(cmdline->name);
	free(cmdline->uuid);
	free(cmdline->qmp_path);
	*cmdline = (struct cmdline){ 0 };
}
