/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads the intent out of a domain's XML, with libxml2 (which libvirt brings along in any case: what libvirt wrote has to be read
 * with the same understanding of namespaces and entities).
 *
 * What others keep in the metadata is theirs and passed over. In our own element every slip is an error with its place, because
 * it is a real-time guest without its share: unknown elements and attributes, a thread twice, times without unit, text. The
 * last number of the namespace is the version; what it may mean in another one is not guessed.
 *
 * Called by the libvirt module of virtrkd, by the hook and by virtrk define. Opens nothing: no DTD, no entity of another file.
 */
#include <ctype.h>
#include <libxml/parser.h>
#include <limits.h>
#include <string.h>

#include "intent.h"

DEFINE_CLEANUP(xmlDocPtr, xmlFreeDoc)
DEFINE_CLEANUP(xmlParserCtxtPtr, xmlFreeParserCtxt)

#define bad(reterr, ...) vr_error_set(reterr, -EBADMSG, VR_BAD_CONFIG, __VA_ARGS__)

static void xml_freep(xmlChar **text)
{
	if (*text)
		xmlFree(*text);
}

static const char *text_of(const xmlChar *text)
{
	return (const char *)text;
}

static const char *namespace_of(const xmlNode *node)
{
	return node->ns && node->ns->href ? text_of(node->ns->href) : "";
}

/* What a message may repeat: short, one line. */
#define SHOWN_MAX 41
static const char *shown(char buf[SHOWN_MAX], const xmlChar *text)
{
	size_t n = 0;

	for (const char *p = text_of(text); *p && n < SHOWN_MAX - 1; p++) {
		buf[n] = *p;
		if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
			buf[n] = '?';
		n++;
	}
	buf[n] = '\0';
	return buf;
}

/* ---- one thread ---- */

static int time_read(size_t i, const char *key, const xmlChar *value, nsec_t *ret, struct vr_error **reterr)
{
	char text[SHOWN_MAX];
	int r = vrk_nsec_parse(text_of(value), ret);

	if (r == -ERANGE)
		return bad(reterr, "thread[%zu]: %s: \"%s\" is too large", i, key, shown(text, value));
	if (r < 0)
		return bad(reterr, "thread[%zu]: %s: \"%s\" is no time: a number with ns, us, ms or s", i, key, shown(text, value));
	return 0;
}

static int attribute_read(size_t i, const char *key, const xmlChar *value, struct intent_item *item, struct vr_error **reterr)
{
	char text[SHOWN_MAX];

	if (strcmp(key, "budget") == 0)
		return time_read(i, key, value, &item->budget_ns, reterr);
	if (strcmp(key, "period") == 0)
		return time_read(i, key, value, &item->period_ns, reterr);
	if (strcmp(key, "deadline") == 0)
		return time_read(i, key, value, &item->deadline_ns, reterr);
	if (strcmp(key, "name") == 0) {
		if (!intent_thread_valid(text_of(value)))
			return bad(reterr, "thread[%zu]: name: \"%s\" names no thread: expected vcpuN, emulator, iothreadN or vhostN", i,
				   shown(text, value));
		snprintf(item->thread, sizeof(item->thread), "%s", text_of(value));
		return 0;
	}
	if (strcmp(key, "soft") == 0) {
		item->soft = strcmp(text_of(value), "yes") == 0;
		if (!item->soft && strcmp(text_of(value), "no") != 0)
			return bad(reterr, "thread[%zu]: soft: expected yes or no, not \"%s\"", i, shown(text, value));
		return 0;
	}
	if (strcmp(key, "cpus") == 0) {
		if (!intent_cpus_valid(text_of(value)))
			return bad(reterr, "thread[%zu]: cpus: expected a list of CPUs such as 2 or 2-3,5, not \"%s\"", i,
				   shown(text, value));
		snprintf(item->cpus, sizeof(item->cpus), "%s", text_of(value));
		return 0;
	}
	return bad(reterr, "thread[%zu]: unknown attribute %s (known: name, budget, period, deadline, soft, cpus)", i,
		   shown(text, (const xmlChar *)key));
}

static int item_read(xmlNode *node, size_t i, struct intent_item *item, struct vr_error **reterr)
{
	static const char *const needed[] = { "name", "budget", "period" };

	for (xmlAttr *attribute = node->properties; attribute; attribute = attribute->next) {
		_cleanup_(xml_freep) xmlChar *value = NULL;
		int r;

		if (attribute->ns)
			return bad(reterr, "thread[%zu]: an attribute of another namespace", i);
		value = xmlNodeListGetString(node->doc, attribute->children, 1);
		r = attribute_read(i, text_of(attribute->name), value ?: (const xmlChar *)"", item, reterr);
		if (r < 0)
			return r;
	}
	for (size_t k = 0; k < ARRAY_SIZE(needed); k++)
		if (!xmlHasProp(node, (const xmlChar *)needed[k]))
			return bad(reterr, "thread[%zu]: %s is missing", i, needed[k]);
	if (!xmlHasProp(node, (const xmlChar *)"deadline"))
		item->deadline_ns = item->period_ns;
	return 0;
}

/* ---- memory ---- */

static int yes_no_read(const char *where, const xmlChar *value, bool *ret, struct vr_error **reterr)
{
	char text[SHOWN_MAX];

	*ret = strcmp(text_of(value), "yes") == 0;
	if (!*ret && strcmp(text_of(value), "no") != 0)
		return bad(reterr, "%s: expected yes or no, not \"%s\"", where, shown(text, value));
	return 0;
}

static int colors_read(const char *key, const xmlChar *value, char ret[INTENT_CPUS_MAX], struct vr_error **reterr)
{
	char text[SHOWN_MAX];
	uint32_t number;

	if (!*text_of(value) || !intent_colors_valid(text_of(value), &number))
		return bad(reterr, "memory: %s: expected a number of them or a list such as 0-3, not \"%s\"", key, shown(text, value));
	snprintf(ret, INTENT_CPUS_MAX, "%s", text_of(value));
	return 0;
}

static int memory_attribute_read(const char *key, const xmlChar *value, struct intent_memory *memory, struct vr_error **reterr)
{
	char text[SHOWN_MAX];

	if (strcmp(key, "colors") == 0)
		return colors_read(key, value, memory->colors, reterr);
	if (strcmp(key, "banks") == 0)
		return colors_read(key, value, memory->banks, reterr);
	if (strcmp(key, "exclusive") == 0)
		return yes_no_read("memory: exclusive", value, &memory->exclusive, reterr);
	if (strcmp(key, "layout") == 0) {
		if (!intent_layout_read(text_of(value), &memory->preserve))
			return bad(reterr, "memory: layout: expected preserve or any, not \"%s\"", shown(text, value));
		return 0;
	}
	if (strcmp(key, "size") == 0) {
		if (vrk_bytes_parse(text_of(value), &memory->bytes) < 0 || memory->bytes == 0)
			return bad(reterr, "memory: size: \"%s\" is no size: a number with B, KiB, MiB, GiB or TiB", shown(text, value));
		return 0;
	}
	return bad(reterr, "memory: unknown attribute %s (known: size, colors, banks, exclusive, layout)", shown(text, (const xmlChar *)key));
}

static int memory_read(xmlNode *node, struct intent_memory *memory, struct vr_error **reterr)
{
	if (memory->wanted)
		return bad(reterr, "memory stands twice");
	memory->wanted = true;
	for (xmlAttr *attribute = node->properties; attribute; attribute = attribute->next) {
		_cleanup_(xml_freep) xmlChar *value = NULL;
		int r;

		if (attribute->ns)
			return bad(reterr, "memory: an attribute of another namespace");
		value = xmlNodeListGetString(node->doc, attribute->children, 1);
		r = memory_attribute_read(text_of(attribute->name), value ?: (const xmlChar *)"", memory, reterr);
		if (r < 0)
			return r;
	}
	if (memory->exclusive && !*memory->colors)
		return bad(reterr, "memory: which colours are to be nobody else's? colors is missing");
	return 0;
}

static int cache_read(xmlNode *node, struct intent_memory *memory, struct vr_error **reterr)
{
	_cleanup_(xml_freep) xmlChar *value = NULL;
	char text[SHOWN_MAX], *end;
	unsigned long ways;

	if (memory->ways > 0)
		return bad(reterr, "cache stands twice");
	for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next)
		if (attribute->ns || strcmp(text_of(attribute->name), "ways") != 0)
			return bad(reterr, "cache: unknown attribute %s (known: ways)", shown(text, attribute->name));
	value = xmlGetNoNsProp(node, (const xmlChar *)"ways");
	if (!value)
		return bad(reterr, "cache: ways is missing");
	ways = strtoul(text_of(value), &end, 10);
	if (!isdigit((unsigned char)*text_of(value)) || *text_of(value) == '0' || *end || ways > INTENT_WAYS_MAX)
		return bad(reterr, "cache: ways: expected a number from 1 to %d, not \"%s\"", INTENT_WAYS_MAX, shown(text, value));
	memory->ways = (uint32_t)ways;
	return 0;
}

/* ---- the element ---- */

/* Nothing but white space and comments may stand between elements. */
static int filler_check(const xmlNode *node, const char *where, struct vr_error **reterr)
{
	if (node->type == XML_COMMENT_NODE || (node->type == XML_TEXT_NODE && xmlIsBlankNode(node)))
		return 0;
	return bad(reterr, "%s: text has no place here", where);
}

/* An element with attributes alone; @r: how reading those went. */
static int empty_check(const xmlNode *node, int r, struct vr_error **reterr)
{
	for (const xmlNode *child = node->children; r >= 0 && child; child = child->next)
		r = filler_check(child, text_of(node->name), reterr);
	return r;
}

#define KNOWN "(known: thread, memory, cache)"

static int child_element_read(xmlNode *node, struct intent *intent, struct vr_error **reterr)
{
	struct intent_item item = { .thread = "" };
	char text[SHOWN_MAX];
	int r;

	if (strcmp(namespace_of(node), INTENT_NAMESPACE) != 0)
		return bad(reterr, "unknown element %s " KNOWN, shown(text, node->name));
	if (strcmp(text_of(node->name), "memory") == 0)
		return empty_check(node, memory_read(node, &intent->memory, reterr), reterr);
	if (strcmp(text_of(node->name), "cache") == 0)
		return empty_check(node, cache_read(node, &intent->memory, reterr), reterr);
	if (strcmp(text_of(node->name), "thread") != 0)
		return bad(reterr, "unknown element %s " KNOWN, shown(text, node->name));
	r = empty_check(node, item_read(node, intent->n, &item, reterr), reterr);
	if (r < 0)
		return r;
	if (intent_find(intent, item.thread))
		return bad(reterr, "thread[%zu]: %s stands twice", intent->n, item.thread);
	r = intent_set(intent, &item);
	return r == -E2BIG ? bad(reterr, "more than %d threads", INTENT_ITEMS_MAX) : r;
}

/* In every version the same, so that a host knows what to do about one that it cannot read. */
static bool report_read(xmlNode *node, bool *ret)
{
	_cleanup_(xml_freep) xmlChar *value = xmlGetNoNsProp(node, (const xmlChar *)"on-refusal");

	*ret = value && strcmp(text_of(value), "report") == 0;
	return !value || *ret || strcmp(text_of(value), "refuse") == 0;
}

static int element_read(xmlNode *node, struct intent *ret, struct vr_error **reterr)
{
	char text[SHOWN_MAX];
	int r = 0;

	if (strcmp(text_of(node->name), INTENT_ELEMENT) != 0)
		return bad(reterr, "unknown element %s (known: " INTENT_ELEMENT ")", shown(text, node->name));
	for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next)
		if (attribute->ns || strcmp(text_of(attribute->name), "on-refusal") != 0)
			return bad(reterr, INTENT_ELEMENT ": unknown attribute %s (known: on-refusal)", shown(text, attribute->name));
	if (!report_read(node, &ret->report))
		return bad(reterr, INTENT_ELEMENT ": on-refusal: expected refuse or report");
	for (xmlNode *child = node->children; r >= 0 && child; child = child->next)
		r = child->type == XML_ELEMENT_NODE ? child_element_read(child, ret, reterr) :
						      filler_check(child, INTENT_ELEMENT, reterr);
	if (r >= 0 && intent_empty(ret))
		return bad(reterr, INTENT_ELEMENT ": it names no thread, no memory and no cache");
	return r;
}

/* ---- the document ---- */

static bool is_ours(const xmlNode *node)
{
	return node->type == XML_ELEMENT_NODE &&
	       strncmp(namespace_of(node), INTENT_NAMESPACE_ANY, strlen(INTENT_NAMESPACE_ANY)) == 0;
}

static xmlNode *child_find(xmlNode *node, const char *name)
{
	for (xmlNode *child = node->children; child; child = child->next)
		if (child->type == XML_ELEMENT_NODE && !child->ns && strcmp(text_of(child->name), name) == 0)
			return child;
	return NULL;
}

/* The one of this version; else one of another; NULL = none. */
static xmlNode *element_find(xmlNode *root, size_t *ret_n)
{
	xmlNode *metadata, *found = NULL;

	*ret_n = 1;
	if (is_ours(root))
		return root;
	metadata = strcmp(text_of(root->name), "domain") == 0 ? child_find(root, "metadata") : NULL;
	*ret_n = 0;
	for (xmlNode *child = metadata ? metadata->children : NULL; child; child = child->next) {
		if (!is_ours(child))
			continue;
		if (strcmp(namespace_of(child), INTENT_NAMESPACE) == 0)
			(*ret_n)++;
		if (!found || strcmp(namespace_of(found), INTENT_NAMESPACE) != 0)
			found = child;
	}
	return found;
}

static int document_parse(const char *xml, size_t length, xmlDocPtr *ret, struct vr_error **reterr)
{
	_cleanup_(xmlFreeParserCtxtp) xmlParserCtxtPtr context = NULL;
	_cleanup_(xmlFreeDocp) xmlDocPtr document = NULL;

	if (length > INTENT_XML_MAX)
		return vr_error_set(reterr, -EILSEQ, VR_BAD_CONFIG, "the domain's XML is larger than %u MiB", INTENT_XML_MAX >> 20);
	context = xmlNewParserCtxt();
	if (!context)
		return -ENOMEM;
	document = xmlCtxtReadMemory(context, xml, (int)length, NULL, NULL,
				     XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
	if (!document || !xmlDocGetRootElement(document))
		return vr_error_set(reterr, -EILSEQ, VR_BAD_CONFIG, "the domain's XML cannot be read");
	if (document->intSubset || document->extSubset)
		return vr_error_set(reterr, -EILSEQ, VR_BAD_CONFIG, "the domain's XML has a DTD, which no domain has");
	*ret = TAKE_PTR(document);
	return 0;
}

int intent_read(const char *xml, size_t length, struct intent *ret, bool *ret_report, struct vr_error **reterr)
{
	_cleanup_(xmlFreeDocp) xmlDocPtr document = NULL;
	_cleanup_(vr_error_freep) struct vr_error *why = NULL;
	_cleanup_(intent_done) struct intent intent = { 0 };
	char text[SHOWN_MAX];
	xmlNode *element;
	size_t n;
	int r;

	*ret_report = false;
	r = document_parse(xml, length, &document, reterr);
	if (r < 0)
		return r;
	element = element_find(xmlDocGetRootElement(document), &n);
	if (!element)
		return -ENOENT;
	(void)report_read(element, ret_report);
	if (strcmp(namespace_of(element), INTENT_NAMESPACE) != 0)
		return vr_error_set(reterr, -EPROTONOSUPPORT, VR_BAD_CONFIG,
				    "metadata: the namespace %s is of a version that is not known here (known: " INTENT_NAMESPACE ")",
				    shown(text, element->ns->href));
	if (n > 1)
		return bad(reterr, "metadata: the namespace " INTENT_NAMESPACE " stands twice");
	r = element_read(element, &intent, &why);
	if (r < 0 && why)
		return vr_error_set(reterr, r, VR_BAD_CONFIG, "metadata: %s", why->text ?: "damaged");
	if (r < 0)
		return r;
	*ret = TAKE_GENERIC(intent, struct intent, (struct intent){ 0 });
	return 0;
}

/* ---- what else of the domain matters ---- */

/* libvirt writes KiB whatever was typed; other units are read as it does. */
static uint64_t bytes_of(xmlNode *root, const char *name)
{
	static const struct {
		const char *unit;
		uint64_t bytes;
	} units[] = { { "KiB", 1024 }, { "k", 1024 }, { "b", 1 }, { "bytes", 1 }, { "MiB", UINT64_C(1) << 20 }, { "M", UINT64_C(1) << 20 },
		      { "GiB", UINT64_C(1) << 30 }, { "G", UINT64_C(1) << 30 } };
	xmlNode *node = child_find(root, name);
	_cleanup_(xml_freep) xmlChar *text = node ? xmlNodeGetContent(node) : NULL;
	_cleanup_(xml_freep) xmlChar *unit = node ? xmlGetNoNsProp(node, (const xmlChar *)"unit") : NULL;
	uint64_t value = 0;
	char *end;

	if (!text)
		return 0;
	errno = 0;
	value = strtoull(text_of(text), &end, 10);
	for (size_t i = 0; errno == 0 && end != text_of(text) && i < ARRAY_SIZE(units); i++)
		if (strcmp(unit ? text_of(unit) : "KiB", units[i].unit) == 0 && value <= INT64_MAX / units[i].bytes)
			return value * units[i].bytes;
	return 0;
}

static bool child_says(xmlNode *node, const char *name, const char *attribute, const char *word)
{
	xmlNode *child = child_find(node, name);
	_cleanup_(xml_freep) xmlChar *value = child ? xmlGetNoNsProp(child, (const xmlChar *)attribute) : NULL;

	return value && strcmp(text_of(value), word) == 0;
}

static void partition_read(xmlNode *root, char ret[INTENT_PARTITION_MAX])
{
	xmlNode *resource = child_find(root, "resource");
	xmlNode *node = resource ? child_find(resource, "partition") : NULL;
	_cleanup_(xml_freep) xmlChar *text = node ? xmlNodeGetContent(node) : NULL;

	if (text && strlen(text_of(text)) < INTENT_PARTITION_MAX)
		strcpy(ret, text_of(text));
}

int intent_read_domain(const char *xml, size_t length, struct intent_domain *ret, struct vr_error **reterr)
{
	_cleanup_(xmlFreeDocp) xmlDocPtr document = NULL;
	_cleanup_(xml_freep) xmlChar *id = NULL;
	xmlNode *root, *backing;
	uint64_t most;
	int r = document_parse(xml, length, &document, reterr);

	if (r < 0)
		return r;
	root = xmlDocGetRootElement(document);
	if (strcmp(text_of(root->name), "domain") != 0)
		return bad(reterr, "the XML is no domain's");
	id = xmlGetNoNsProp(root, (const xmlChar *)"id");
	backing = child_find(root, "memoryBacking");
	most = bytes_of(root, "maxMemory");
	*ret = (struct intent_domain){ .id = id ? strtol(text_of(id), NULL, 10) : -1, .bytes = bytes_of(root, "memory") };
	if (most > ret->bytes)
		ret->bytes = most;
	ret->file_backed = backing && child_says(backing, "source", "type", "file") && child_says(backing, "access", "mode", "shared") &&
			   !child_find(backing, "hugepages");
	partition_read(root, ret->partition);
	return 0;
}
