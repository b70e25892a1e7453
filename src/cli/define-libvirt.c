/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The module that writes into libvirt's domains: their metadata, and on demand their <resource><partition> and <memoryBacking>. It
 * reads a domain's XML with the same reader as virtrkd. A change of the configuration and of the domain that runs is one call, both or none.
 *
 * Loaded by define-load.c. Nothing but these elements is ever changed.
 */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "define.h"

struct define_domain {
	virConnectPtr connection;
	virDomainPtr domain;
	bool active;
	bool persistent;
};

DEFINE_CLEANUP(xmlDocPtr, xmlFreeDoc)

extern const struct define_module virtrk_define_module;

static void on_error(void *userdata, virErrorPtr error)
{
	/* libvirt would print it; who asked says it in one line */
}

static int failed(const char *what, struct vr_error **reterr)
{
	const virError *error = virGetLastError();
	enum vr_reason reason = VR_FAILED;
	char text[400];

	if (error && (error->code == VIR_ERR_AUTH_FAILED || error->code == VIR_ERR_AUTH_CANCELLED || error->code == VIR_ERR_ACCESS_DENIED ||
		      error->code == VIR_ERR_OPERATION_DENIED || error->code == VIR_ERR_AUTH_UNAVAILABLE))
		reason = VR_NOT_PERMITTED;
	snprintf(text, sizeof(text), "%s", error && error->message ? error->message : "no reason given");
	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = ' ';
	return vr_error_set(reterr, reason == VR_NOT_PERMITTED ? -EACCES : -EIO, reason, "%s: %s", what, text);
}

static struct define_domain *domain_close(struct define_domain *domain)
{
	if (!domain)
		return NULL;
	if (domain->domain)
		(void)virDomainFree(domain->domain);
	if (domain->connection)
		(void)virConnectClose(domain->connection);
	free(domain);
	return NULL;
}
DEFINE_CLEANUP(struct define_domain *, domain_close)

static int domain_open(struct define_domain **ret, const char *uri, const char *name, struct vr_error **reterr)
{
	_cleanup_(domain_closep) struct define_domain *domain = calloc(1, sizeof(*domain));
	const virError *error;

	if (!domain)
		return -ENOMEM;
	virSetErrorFunc(NULL, on_error);
	domain->connection = virConnectOpen(uri);
	if (!domain->connection)
		return failed("cannot connect to libvirt", reterr);
	domain->domain = virDomainLookupByName(domain->connection, name);
	if (!domain->domain) {
		error = virGetLastError();
		if (error && error->code == VIR_ERR_NO_DOMAIN)
			return vr_error_set(reterr, -ENXIO, VR_NO_DOMAIN, "libvirt has no domain called %s", name);
		return failed("cannot look for the domain", reterr);
	}
	domain->active = virDomainIsActive(domain->domain) == 1;
	domain->persistent = virDomainIsPersistent(domain->domain) == 1;
	*ret = TAKE_PTR(domain);
	return 0;
}

static bool domain_active(const struct define_domain *domain)
{
	return domain->active;
}

static int domain_read(struct define_domain *domain, struct intent *ret, struct vr_error **reterr)
{
	_cleanup_(freep) char *xml = virDomainGetXMLDesc(domain->domain, 0);
	bool report;

	if (!xml)
		return failed("cannot read the domain", reterr);
	return intent_read(xml, strlen(xml), ret, &report, reterr);
}

static int domain_write(struct define_domain *domain, const char *element, struct vr_error **reterr)
{
	unsigned int flags = (domain->active ? VIR_DOMAIN_AFFECT_LIVE : 0U) | (domain->persistent ? VIR_DOMAIN_AFFECT_CONFIG : 0U);

	if (virDomainSetMetadata(domain->domain, VIR_DOMAIN_METADATA_ELEMENT, element, element ? INTENT_PREFIX : NULL, INTENT_NAMESPACE,
				 flags) < 0)
		return failed("libvirt does not take the metadata", reterr);
	return 0;
}

/* ---- the configuration ---- */

static xmlNode *child_get(xmlNode *node, const char *name)
{
	for (xmlNode *child = node->children; child; child = child->next)
		if (child->type == XML_ELEMENT_NODE && strcmp((const char *)child->name, name) == 0)
			return child;
	return xmlNewChild(node, NULL, (const xmlChar *)name, NULL);
}

/* Changes the document; 1 = it was so already. */
typedef int (*edit_fn)(xmlNode *root, const char *text);

static int partition_edit(xmlNode *root, const char *path)
{
	xmlNode *resource = child_get(root, "resource"), *partition = resource ? child_get(resource, "partition") : NULL;

	if (!partition)
		return -ENOMEM;
	xmlNodeSetContent(partition, NULL);
	xmlNodeAddContent(partition, (const xmlChar *)path);	/* this one escapes */
	return 0;
}

static int backing_edit(xmlNode *root, const char *text)
{
	xmlNode *backing = child_get(root, "memoryBacking"), *source = backing ? child_get(backing, "source") : NULL;
	xmlNode *access = backing ? child_get(backing, "access") : NULL;

	if (!source || !access)
		return -ENOMEM;
	for (const xmlNode *child = backing->children; child; child = child->next)
		if (child->type == XML_ELEMENT_NODE && strcmp((const char *)child->name, "hugepages") == 0)
			return -EMLINK;
	if (!xmlSetProp(source, (const xmlChar *)"type", (const xmlChar *)"file") ||
	    !xmlSetProp(access, (const xmlChar *)"mode", (const xmlChar *)"shared"))
		return -ENOMEM;
	return 0;
}

static int document_edit(const char *xml, edit_fn edit, const char *text, xmlChar **ret)
{
	_cleanup_(xmlFreeDocp) xmlDocPtr document = xmlReadMemory(xml, (int)strlen(xml), NULL, NULL,
								  XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	xmlNode *root = document ? xmlDocGetRootElement(document) : NULL;
	int size, r;

	if (!root)
		return -EBADMSG;
	r = edit(root, text);
	if (r < 0)
		return r;
	xmlDocDumpMemory(document, ret, &size);
	return *ret ? 0 : -ENOMEM;
}

static int configuration_change(struct define_domain *domain, const char *what, edit_fn edit, const char *text, struct vr_error **reterr)
{
	_cleanup_(freep) char *xml = NULL;
	xmlChar *changed = NULL;
	virDomainPtr defined;
	int r;

	if (!domain->persistent)
		return vr_error_set(reterr, -EOPNOTSUPP, VR_UNSUPPORTED,
				    "a transient domain has no configuration, and it keeps its %s until it ends", what);
	xml = virDomainGetXMLDesc(domain->domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
	if (!xml)
		return failed("cannot read the domain's configuration", reterr);
	r = document_edit(xml, edit, text, &changed);
	if (r == -EMLINK)
		return vr_error_set(reterr, -EINVAL, VR_FAILED,
				    "its configuration asks for huge pages, each of which has all colours: take <hugepages> out");
	if (r < 0)
		return vr_error_set(reterr, r, VR_FAILED, "cannot change the domain's configuration: %s", strerror(-r));
	defined = virDomainDefineXML(domain->connection, (const char *)changed);
	xmlFree(changed);
	if (!defined)
		return failed("libvirt does not take the changed configuration", reterr);
	(void)virDomainFree(defined);
	return 0;
}

static int domain_partition(struct define_domain *domain, const char *path, struct vr_error **reterr)
{
	return configuration_change(domain, "partition", partition_edit, path, reterr);
}

static int domain_back_by_file(struct define_domain *domain, struct vr_error **reterr)
{
	_cleanup_(freep) char *xml = virDomainGetXMLDesc(domain->domain, domain->persistent ? VIR_DOMAIN_XML_INACTIVE : 0U);
	struct intent_domain about;
	int r;

	if (!xml)
		return failed("cannot read the domain's configuration", reterr);
	r = intent_read_domain(xml, strlen(xml), &about, reterr);
	if (r >= 0 && about.file_backed)
		return 1;
	return r < 0 ? r : configuration_change(domain, "memory", backing_edit, NULL, reterr);
}

const struct define_module virtrk_define_module = {
	.version = DEFINE_MODULE_VERSION,
	.open = domain_open,
	.close = domain_close,
	.active = domain_active,
	.read = domain_read,
	.write = domain_write,
	.partition = domain_partition,
	.back_by_file = domain_back_by_file,
};
