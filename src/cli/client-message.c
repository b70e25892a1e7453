/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * D-Bus values into JSON, any type: what virtrkd sends is translated whole, whether or not this virtrk knows it. A
 * dictionary becomes an object with its keys spelled as answer.c says, a struct an array. A file descriptor cannot be
 * translated and is refused. Called by client.c alone, for replies and for signals.
 */
#include "client-message.h"

static int basic_read(sd_bus_message *message, char type, struct json_object **ret)
{
	union {
		uint8_t u8;
		int16_t i16;
		uint16_t u16;
		int32_t i32;
		uint32_t u32;
		int64_t i64;
		uint64_t u64;
		double d;
		int b;
		const char *s;
	} v;
	int r = sd_bus_message_read_basic(message, type, &v);

	if (r < 0)
		return r;
	switch (type) {
	case SD_BUS_TYPE_BYTE:
		*ret = json_object_new_int(v.u8);
		break;
	case SD_BUS_TYPE_BOOLEAN:
		*ret = json_object_new_boolean(v.b);
		break;
	case SD_BUS_TYPE_INT16:
		*ret = json_object_new_int(v.i16);
		break;
	case SD_BUS_TYPE_UINT16:
		*ret = json_object_new_int(v.u16);
		break;
	case SD_BUS_TYPE_INT32:
		*ret = json_object_new_int(v.i32);
		break;
	case SD_BUS_TYPE_UINT32:
		*ret = json_object_new_int64(v.u32);
		break;
	case SD_BUS_TYPE_INT64:
		*ret = json_object_new_int64(v.i64);
		break;
	case SD_BUS_TYPE_UINT64:
		*ret = json_object_new_uint64(v.u64);
		break;
	case SD_BUS_TYPE_DOUBLE:
		*ret = json_object_new_double(v.d);
		break;
	case SD_BUS_TYPE_STRING:
	case SD_BUS_TYPE_OBJECT_PATH:
	case SD_BUS_TYPE_SIGNATURE:
		*ret = json_object_new_string(v.s);
		break;
	default:		/* a file descriptor: virtrkd sends none */
		return -EBADMSG;
	}
	return *ret ? 0 : -ENOMEM;
}

/* Arrays and structs: their members in order. The container has been entered. */
static int members_read(sd_bus_message *message, struct json_object **ret)
{
	_cleanup_(json_object_putp) struct json_object *array = json_object_new_array();

	if (!array)
		return -ENOMEM;
	while (sd_bus_message_at_end(message, false) == 0) {
		struct json_object *value = NULL;
		int r = client_message_read(message, &value);

		if (r < 0)
			return r;
		if (json_object_array_add(array, value) < 0) {
			json_object_put(value);
			return -ENOMEM;
		}
	}
	*ret = TAKE_PTR(array);
	return 0;
}

static int entry_read(sd_bus_message *message, struct json_object *object)
{
	_cleanup_(json_object_putp) struct json_object *value = NULL;
	_cleanup_(freep) char *name = NULL;
	const char *key;
	int r = sd_bus_message_read_basic(message, SD_BUS_TYPE_STRING, &key);

	if (r < 0)
		return r;
	name = answer_key_name(key);
	if (!name)
		return -ENOMEM;
	r = client_message_read(message, &value);
	if (r < 0)
		return r;
	if (json_object_object_add(object, name, value) < 0)
		return -ENOMEM;
	TAKE_PTR(value);
	return 0;
}

static int dictionary_read(sd_bus_message *message, struct json_object **ret)
{
	_cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
	int r;

	if (!object)
		return -ENOMEM;
	while (sd_bus_message_at_end(message, false) == 0) {
		char type;
		const char *entry;

		r = sd_bus_message_peek_type(message, &type, &entry);
		if (r < 0)
			return r;
		r = sd_bus_message_enter_container(message, type, entry);
		if (r < 0)
			return r;
		r = entry_read(message, object);
		if (r < 0)
			return r;
		r = sd_bus_message_exit_container(message);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(object);
	return 0;
}

/* One value of any type. D-Bus allows 64 containers inside each other, so the recursion ends. */
int client_message_read(sd_bus_message *message, struct json_object **ret)
{
	_cleanup_(json_object_putp) struct json_object *value = NULL;
	const char *contents;
	char type;
	int r = sd_bus_message_peek_type(message, &type, &contents);

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	if (!contents)
		return basic_read(message, type, ret);
	r = sd_bus_message_enter_container(message, type, contents);
	if (r < 0)
		return r;
	if (type == SD_BUS_TYPE_VARIANT)
		r = client_message_read(message, &value);
	else if (type == SD_BUS_TYPE_ARRAY && *contents == SD_BUS_TYPE_DICT_ENTRY_BEGIN)
		r = dictionary_read(message, &value);
	else
		r = members_read(message, &value);
	if (r < 0)
		return r;
	r = sd_bus_message_exit_container(message);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(value);
	return 0;
}
