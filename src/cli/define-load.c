/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loads the module that knows libvirt: from beside the program, where a build directory has it, else from where it is installed. Called
 * by define and show --xml.
 */
#include <dlfcn.h>
#include <limits.h>
#include <string.h>

#include "define.h"

#define MODULE_NAME "virtrk-define.so"

static void *module_beside(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(MODULE_NAME) - 1);
	char *slash;

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return NULL;
	strcpy(slash + 1, MODULE_NAME);
	return access(path, R_OK) == 0 ? dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) : NULL;
}

int define_load(const struct define_module **ret, struct vr_error **reterr)
{
	void *handle = module_beside() ?: dlopen(VIRTRK_MODULE_DIRECTORY "/" MODULE_NAME, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	const struct define_module *module = handle ? dlsym(handle, DEFINE_MODULE_SYMBOL) : NULL;

	if (!handle)
		return vr_error_set(reterr, -ENOENT, VR_UNSUPPORTED, "cannot talk to libvirt: %s", dlerror());
	if (!module || module->version != DEFINE_MODULE_VERSION)
		return vr_error_set(reterr, -EPROTO, VR_UNSUPPORTED, "cannot talk to libvirt: " MODULE_NAME " is of another version");
	*ret = module;
	return 0;
}
