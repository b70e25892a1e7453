/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtrkd: reads its arguments, makes manager and bus, and runs the loop until it is told to stop. Reservations outlive it:
 * the kernel holds the promise, not the daemon.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include <virtrk/dbus.h>

#include "bus.h"
#include "log.h"
#include "manager.h"

static struct manager_options arg_manager = {
	.root = "/",
	.state_directory = "/run/virtrk",
	.config_directory = "/etc/virtrk",
	.libvirt_uri = "qemu:///system",
	.repair_drift = true,
};
static const char *arg_bus;	/* NULL: the system bus where there is one */
static const char *arg_introspect;

static void help(void)
{
	printf("Usage: virtrkd [OPTIONS]\n"
	       "\n"
	       "Gives threads of virtual machines an admitted and enforced share of CPU time.\n"
	       "\n"
	       "      --bus=PATH               serve on this socket instead of the system bus\n"
	       "      --state=DIR              where the ledger is written (default /run/virtrk)\n"
	       "      --config=DIR             where domains.d is (default /etc/virtrk)\n"
	       "      --libvirt=URI|none       libvirt to listen to (default qemu:///system)\n"
	       "      --on-drift=repair|report what to do when others change a reserved thread\n"
	       "                               (default repair)\n"
	       "      --release-on-exit        give every reservation back at the end\n"
	       "                               (default: they stay)\n"
	       "      --dry-run                decide and answer, write nothing\n"
	       "      --root=DIR               take its /proc, /sys and /dev (implies --dry-run)\n"
	       "      --verbose                log more\n"
	       "      --bus-introspect=manager|domain|reservation\n"
	       "                               print that D-Bus interface as XML and exit\n"
	       "  -h, --help                   this text\n"
	       "      --version                the version\n"
	       "\n"
	       "See virtrkd(8).\n");
}

static int usage(const char *text, const char *value)
{
	fprintf(stderr, "virtrkd: %s%s (see virtrkd --help)\n", text, value ?: "");
	return -EINVAL;
}

enum {
	OPT_BUS = 256, OPT_STATE, OPT_CONFIG, OPT_LIBVIRT, OPT_ON_DRIFT, OPT_RELEASE, OPT_DRY_RUN, OPT_ROOT, OPT_VERBOSE,
	OPT_INTROSPECT, OPT_VERSION,
};

static const struct option options[] = {
	{ "bus", required_argument, NULL, OPT_BUS },
	{ "state", required_argument, NULL, OPT_STATE },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "libvirt", required_argument, NULL, OPT_LIBVIRT },
	{ "on-drift", required_argument, NULL, OPT_ON_DRIFT },
	{ "release-on-exit", no_argument, NULL, OPT_RELEASE },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "bus-introspect", required_argument, NULL, OPT_INTROSPECT },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static int option_take(int c)
{
	switch (c) {
	case OPT_BUS:
		arg_bus = optarg;
		return 1;
	case OPT_STATE:
		arg_manager.state_directory = optarg;
		return 1;
	case OPT_CONFIG:
		arg_manager.config_directory = optarg;
		return 1;
	case OPT_LIBVIRT:
		arg_manager.libvirt_uri = strcmp(optarg, "none") == 0 ? NULL : optarg;
		return 1;
	case OPT_ON_DRIFT:
		if (strcmp(optarg, "repair") != 0 && strcmp(optarg, "report") != 0)
			return usage("--on-drift is repair or report, not ", optarg);
		arg_manager.repair_drift = strcmp(optarg, "repair") == 0;
		return 1;
	case OPT_RELEASE:
		arg_manager.release_on_exit = true;
		return 1;
	case OPT_DRY_RUN:
		arg_manager.dry_run = true;
		return 1;
	case OPT_ROOT:
		arg_manager.root = optarg;
		return 1;
	case OPT_VERBOSE:
		log_set_max_priority(LOG_DEBUG);
		return 1;
	case OPT_INTROSPECT:
		arg_introspect = optarg;
		return 1;
	case OPT_VERSION:
		puts("virtrkd " VIRTRK_VERSION);
		return 0;
	case 'h':
		help();
		return 0;
	default:
		return usage("unknown option, or one without its value", NULL);
	}
}

/* 1 = go on, 0 = done, negative = wrong use. */
static int parse_argv(int argc, char *argv[])
{
	int c, r;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		r = option_take(c);
		if (r <= 0)
			return r;
	}
	if (optind < argc)
		return usage("takes no argument: ", argv[optind]);
	return 1;
}

/* The system bus where there is one; a container or a test without one gets a socket. */
static int serve(struct bus *bus, struct vr_error **reterr)
{
	const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");

	if (arg_bus)
		return bus_serve_socket(bus, arg_bus, reterr);
	if (address || access("/run/dbus/system_bus_socket", F_OK) == 0)
		return bus_serve_system(bus, reterr);
	(void)mkdir("/run/virtrk", 0755);
	log_info("there is no system bus: serving on %s", VIRTRK_PRIVATE_SOCKET);
	return bus_serve_socket(bus, VIRTRK_PRIVATE_SOCKET, reterr);
}

static int signals_set(sd_event *event)
{
	int r;

	r = sd_event_add_signal(event, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGINT | SD_EVENT_SIGNAL_PROCMASK, NULL, NULL);
	return r;
}

static int run(sd_event *event, struct vr_error **reterr)
{
	_cleanup_(manager_freep) struct manager *manager = NULL;
	_cleanup_(bus_freep) struct bus *bus = NULL;
	int r;

	r = manager_new(&manager, event, &arg_manager, reterr);
	if (r >= 0)
		r = bus_new(&bus, event, manager);
	if (r >= 0)
		r = manager_start(manager, reterr);
	if (r >= 0)
		r = serve(bus, reterr);
	if (r < 0)
		return r;
	(void)sd_notifyf(false, "READY=1\nSTATUS=%zu domains, %zu reservations", manager_vms(manager)->n,
			 manager_ledger(manager)->n);
	log_info("virtrkd " VIRTRK_VERSION " serves%s", arg_manager.dry_run ? ", writing nothing" : "");
	r = sd_event_loop(event);
	(void)sd_notify(false, "STOPPING=1");
	if (r < 0)	/* a timer or a signal cannot be read: nothing to go on with; systemd starts it again, and promises stay */
		return vr_error_set(reterr, r, VR_FAILED, "the event loop failed: %s; reservations stay in force, start virtrkd again", strerror(-r));
	return r;
}

int main(int argc, char *argv[])
{
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	sd_event *event = NULL;
	int r;

	r = parse_argv(argc, argv);
	if (r <= 0)
		return r < 0 ? 2 : 0;
	if (arg_introspect) {
		r = bus_introspect(arg_introspect);
		if (r == -EINVAL)
			(void)usage("--bus-introspect is manager, domain or reservation, not ", arg_introspect);
		return r == -EINVAL ? 2 : r < 0 ? 1 : 0;
	}
	r = sd_event_default(&event);
	if (r >= 0)
		r = signals_set(event);
	if (r >= 0)
		r = sd_event_set_watchdog(event, true);
	if (r >= 0)
		r = run(event, &err);
	if (r < 0)
		log_error("%s", err && err->text ? err->text : strerror(-r));
	sd_event_unref(event);
	return r < 0 ? 1 : 0;
}
