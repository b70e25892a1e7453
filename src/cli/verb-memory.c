/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory: page frames of a domain's own, by cache colour and DRAM bank. virtrkd says which colours a domain gets; the mount of colorfs
 * that holds them is made here, with the rights of whoever calls. QEMU is then given a file on it (memory-backend-file, share=on).
 *
 *   memory                 how the host's memory is divided, and who has which part
 *   memory check DOMAIN    would it fit?
 *   memory mount DOMAIN    ask, and mount
 *   memory umount DOMAIN   give it back
 *   memory profile         how this machine maps addresses: verb-profile.c
 *
 * With --file the document says how much, which and for whom.
 *
 * Called by main.c.
 */
#include <inttypes.h>
#include <pwd.h>
#include <string.h>
#include <sys/vfs.h>

#include "cli.h"
#include "intent.h"
#include "mount.h"
#include "verb-profile.h"
#include "verb-reserve.h"

#define MEMORY_DIRECTORY "/run/virtrk/mem"
#define SOURCE_PREFIX	 "virtrk:"

/* ---- what there is ---- */

static const char *used_text(char buf[VRK_BYTES_STRLEN], const char *path)
{
	struct statfs fs;

	if (!*path)
		return "not mounted yet";
	if (statfs(path, &fs) < 0)
		return "?";
	return vrk_bytes_format(buf, ((uint64_t)fs.f_blocks - fs.f_bfree) * (uint64_t)fs.f_bsize);
}

static int pools_table(struct json_object *pools)
{
	static const struct table_column columns[] = {
		{ "DOMAIN", TABLE_LEFT }, { "SIZE", TABLE_RIGHT }, { "USED", TABLE_RIGHT }, { "COLORS", TABLE_LEFT }, { "BANKS", TABLE_LEFT },
		{ "EXCLUSIVE", TABLE_LEFT }, { "PATH", TABLE_LEFT },
	};
	_cleanup_(table_freep) struct table *table = NULL;
	int r = table_new(&table, columns, ARRAY_SIZE(columns));

	if (r < 0)
		return cli_fail(r, NULL);
	for (size_t i = 0; i < json_object_array_length(pools); i++) {
		struct json_object *pool = json_object_array_get_idx(pools, i);
		char size[VRK_BYTES_STRLEN], used[VRK_BYTES_STRLEN];
		const char *domain = answer_text(pool, "domain"), *path = answer_text(pool, "path");

		table_add(table, "%s", *domain ? domain : "-");
		table_add(table, "%s", vrk_bytes_format(size, answer_u64(pool, "bytes")));
		table_add(table, "%s", used_text(used, path));
		table_add(table, "%s", answer_text(pool, "colors"));
		table_add(table, "%s", answer_text(pool, "banks"));
		table_add(table, "%s", answer_bool(pool, "exclusive") ? "yes" : "no");
		table_add(table, "%s", *path ? path : "-");
	}
	return cli_print_table(table);
}

static int memory_show(const struct arguments *arguments, struct client *client)
{
	_cleanup_(json_object_putp) struct json_object *memory = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	char size[VRK_BYTES_STRLEN];
	int r = client_memory(client, &memory, &err);

	if (r < 0)
		return cli_fail(r, err);
	if (arguments->given[OPTION_JSON])
		return cli_print_json(memory);
	vrk_bytes_format(size, answer_u64(memory, "bytes"));
	if (*answer_text(memory, "profile"))
		cli_print("%s in %" PRIu64 " cache colours and %" PRIu64 " DRAM banks; named by nobody: colours %s, banks %s.", size,
			  answer_u64(memory, "n_colors"), answer_u64(memory, "n_banks"), answer_text(memory, "free_colors"),
			  answer_text(memory, "free_banks"));
	else
		cli_print("%s; how this host maps addresses to colours is not known: it has no memory profile (virtrk-profile(5)).", size);
	return pools_table(answer_member(memory, "pools"));
}

/* ---- what is asked for ---- */

/* "4" is a number, "0-3" and "1,5" are lists. */
static int axis_read(const struct arguments *arguments, enum option_id id, uint32_t *ret_number, const char **ret_list, struct vr_error **reterr)
{
	const char *text = arguments->value[id];

	if (!text)
		return 0;
	if (!intent_colors_valid(text, ret_number))
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "--%s %s: a number of them, at least 1, or a list such as 0-3", option_defs[id].name,
				    text);
	*ret_list = *ret_number > 0 ? NULL : text;
	return 0;
}

/* From a reservation document; strings belong to it. */
static int wish_from_file(const struct arguments *arguments, struct document *document, struct memory_wish *ret, struct vr_error **reterr)
{
	const char *path = arguments->value[OPTION_FILE], *named = arguments->n_operands > 2 ? arguments->operands[2] : NULL;
	int r;

	for (enum option_id id = OPTION_SIZE; id <= OPTION_LAYOUT; id++)
		if (arguments->given[id])
			return vr_error_set(reterr, -EINVAL, VR_FAILED, "--file says it all, --%s cannot stand beside it", option_defs[id].name);
	r = document_read(path, document, reterr);
	if (r < 0)
		return r;
	if (!document->memory.wanted)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "%s asks for no memory", path);
	if (!named && !document->domain)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "%s names no domain: name it on the command line", path);
	if (named && document->domain && strcmp(named, document->domain) != 0)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "%s is for domain %s, not for %s", path, document->domain, named);
	wish_of_memory(named ?: document->domain, &document->memory, ret);
	return 0;
}

static int wish_read(const struct arguments *arguments, struct document *document, struct memory_wish *ret, struct vr_error **reterr)
{
	const char *size = arguments->value[OPTION_SIZE];
	int r;

	*ret = (struct memory_wish){ .domain = arguments->operands[2], .exclusive = arguments->given[OPTION_EXCLUSIVE] };
	if (arguments->given[OPTION_FILE])
		return wish_from_file(arguments, document, ret, reterr);
	if (!size)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "how much memory? --size, such as 512MiB");
	r = vrk_bytes_parse(size, &ret->bytes);
	if (r < 0)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "--size %s: %s", size,
				    r == -ERANGE ? "too large" : "must be a whole number and its unit: B, KiB, MiB, GiB or TiB");
	if (arguments->given[OPTION_LAYOUT] && !intent_layout_read(arguments->value[OPTION_LAYOUT], &ret->preserve))
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "--layout %s: preserve or any", arguments->value[OPTION_LAYOUT]);
	r = axis_read(arguments, OPTION_COLORS, &ret->n_colors, &ret->colors, reterr);
	return r < 0 ? r : axis_read(arguments, OPTION_BANKS, &ret->n_banks, &ret->banks, reterr);
}

static int path_make(const struct arguments *arguments, const char *domain, char **ret, struct vr_error **reterr)
{
	if (arguments->given[OPTION_AT])
		*ret = strdup(arguments->value[OPTION_AT]);
	else if (strchr(domain, '/') || domain[0] == '.')
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "no directory can be called %s: say where, with --at", domain);
	else if (asprintf(ret, MEMORY_DIRECTORY "/%s", domain) < 0)
		*ret = NULL;
	return *ret ? 0 : -ENOMEM;
}

static int owner_find(const struct arguments *arguments, uid_t *ret_uid, gid_t *ret_gid, struct vr_error **reterr)
{
	const char *name = arguments->value[OPTION_OWNER];
	const struct passwd *user;

	*ret_uid = 0;
	*ret_gid = 0;
	if (!name)
		return 0;	/* root, however that is spelt here */
	user = getpwnam(name);
	if (!user)
		return vr_error_set(reterr, -EINVAL, VR_FAILED, "--owner %s: no user is called so", name);
	*ret_uid = user->pw_uid;
	*ret_gid = user->pw_gid;
	return 0;
}

static int memory_mount(const struct arguments *arguments, struct client *client, const struct memory_wish *wish, struct vr_error **reterr)
{
	_cleanup_(json_object_putp) struct json_object *chosen = NULL;
	_cleanup_(freep) char *path = NULL, *options = NULL, *source = NULL;
	char size[VRK_BYTES_STRLEN];
	uid_t uid = 0;
	gid_t gid = 0;
	int r = path_make(arguments, wish->domain, &path, reterr);

	if (r >= 0)
		r = owner_find(arguments, &uid, &gid, reterr);
	if (r >= 0)
		r = client_memory_ask(client, wish, true, &chosen, reterr);
	if (r >= 0 && asprintf(&options, "%s,uid=%u,gid=%u,mode=0700", json_object_get_string(chosen), uid, gid) < 0) {
		options = NULL;
		r = -ENOMEM;
	}
	if (r >= 0 && asprintf(&source, SOURCE_PREFIX "%s", wish->domain) < 0) {
		source = NULL;
		r = -ENOMEM;
	}
	if (r >= 0)
		r = mount_make("colorfs", source, path, options, reterr);
	if (r < 0 && chosen)
		(void)client_memory_abort(client, wish->domain, NULL);
	if (r >= 0)
		cli_print("%s for %s at %s (%s)", vrk_bytes_format(size, wish->bytes), wish->domain, path, json_object_get_string(chosen));
	return r;
}

static int memory_check(const struct arguments *arguments, struct client *client, const struct memory_wish *wish, struct vr_error **reterr)
{
	_cleanup_(json_object_putp) struct json_object *chosen = NULL;
	int r = client_memory_ask(client, wish, false, &chosen, reterr);

	if (r < 0)
		return r;
	return arguments->given[OPTION_JSON] ? cli_print_json(chosen) : cli_print("it fits: %s", json_object_get_string(chosen));
}

static int memory_umount(struct client *client, const char *domain, struct vr_error **reterr)
{
	_cleanup_(json_object_putp) struct json_object *memory = NULL;
	struct json_object *pools;
	int r = client_memory(client, &memory, reterr);

	if (r < 0)
		return r;
	pools = answer_member(memory, "pools");
	for (size_t i = 0; i < json_object_array_length(pools); i++) {
		struct json_object *pool = json_object_array_get_idx(pools, i);

		if (strcmp(answer_text(pool, "domain"), domain) != 0)
			continue;
		if (!*answer_text(pool, "path"))
			return client_memory_abort(client, domain, reterr);
		return mount_end(answer_text(pool, "path"), reterr);
	}
	return vr_error_set(reterr, -ENOENT, VR_NOT_RESERVED, "%s has no memory of its own", domain);
}

/* Options of memory are those from --size to --check. */
static bool option_fits(const char *deed, enum option_id id)
{
	if (strcmp(deed, "profile") == 0)
		return id == OPTION_SIZE || id == OPTION_WRITE || id == OPTION_CHECK;
	if (id == OPTION_WRITE || id == OPTION_CHECK)
		return false;
	return strcmp(deed, "mount") == 0 || (strcmp(deed, "check") == 0 && id != OPTION_AT && id != OPTION_OWNER);
}

/* Wrong use, 2, is told apart from what virtrkd or the kernel refuse. */
int verb_memory(const struct arguments *arguments)
{
	const char *deed = arguments->n_operands > 1 ? arguments->operands[1] : "";
	bool check = strcmp(deed, "check") == 0, mount = strcmp(deed, "mount") == 0, umount = strcmp(deed, "umount") == 0,
	     profile = strcmp(deed, "profile") == 0;
	_cleanup_(client_closep) struct client *client = NULL;
	_cleanup_(vr_error_freep) struct vr_error *err = NULL;
	_cleanup_(document_done) struct document document = { 0 };
	struct memory_wish wish = { 0 };
	int r = 0;

	if (*deed && !check && !mount && !umount && !profile)
		return cli_say(CLI_USAGE, "memory %s: expected check, mount, umount or profile", deed);
	if (arguments->given[OPTION_FILE] && !check && !mount)
		return cli_say(CLI_USAGE, "--file has no place without check or mount");
	if (*deed && !arguments->given[OPTION_FILE] && (arguments->n_operands < 3) != profile)
		return cli_say(CLI_USAGE, profile ? "memory %s is about this host: no DOMAIN" : "memory %s needs a DOMAIN", deed);
	for (enum option_id id = OPTION_SIZE; id <= OPTION_CHECK; id++)
		if (arguments->given[id] && !option_fits(deed, id))
			return cli_say(CLI_USAGE, "--%s has no place %s", option_defs[id].name, *deed ? "there" : "without check or mount");
	if (profile && arguments->given[OPTION_WRITE] && arguments->given[OPTION_CHECK])
		return cli_say(CLI_USAGE, "--write and --check at once: which?");
	if (profile)
		return memory_profile(arguments);
	if (check || mount)
		r = wish_read(arguments, &document, &wish, &err);
	if (r < 0)
		return question_fail(r, err);
	r = cli_connect(&client, arguments, &err);
	if (r >= 0 && !*deed)
		return memory_show(arguments, client);
	if (r >= 0 && check)
		r = memory_check(arguments, client, &wish, &err);
	else if (r >= 0 && mount)
		r = memory_mount(arguments, client, &wish, &err);
	else if (r >= 0)
		r = memory_umount(client, arguments->operands[2], &err);
	return r < 0 ? cli_fail(r, err) : r;
}
