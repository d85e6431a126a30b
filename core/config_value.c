#include <stdio.h>
#include <string.h>

#include "core/config_set.h"
#include "core/must.h"
#include "core/nearest.h"
#include "core/text.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Words that the design knows and this version does not. */
static const struct {
	const char *name, *word;
} later_words[] = {
	{"discovery", "dns"},      {"discovery", "file"},  {"discovery", "aws"},
	{"discovery", "gcp"},      {"discovery", "azure"}, {"discovery", "kubernetes"},
	{"discovery", "registry"}, {"store", "etcd"},      {"store", "dynamodb"},
	{"store", "memory"},
};
/* "one, two or three" would be prettier, and longer to look for. */
static void words_join(const char *const *words, char out[160])
{
	size_t len = 0;

	out[0] = '\0';
	for (; *words && len < 150; words++)
		len += (size_t)snprintf(out + len, 160 - len, "%s%s", len ? ", " : "", *words);
}

static enum err word_index(struct field *f, const char *value, uint32_t *out)
{
	const struct setting *s = f->of;
	const char *near = nearest(value, s->words);
	char all[160];

	words_join(s->words, all);
	for (uint32_t i = 0; s->words[i]; i++) {
		if (strcmp(s->words[i], value) == 0) {
			*out = i;
			return OK;
		}
	}
	for (size_t i = 0; i < COUNT(later_words); i++)
		if (strcmp(later_words[i].name, s->name) == 0 &&
		    strcmp(later_words[i].word, value) == 0)
			return config_refuse(f->why, f->where,
					     "%s: \"%s\" is not in this version (%s)", s->name,
					     value, all);
	if (near)
		return config_refuse(f->why, f->where,
				     "%s: no \"%.64s\": did you mean \"%s\"? (%s)", s->name, value,
				     near, all);
	return config_refuse(f->why, f->where, "%s: no \"%.64s\": it is one of %s", s->name, value,
			     all);
}

static enum err number_set(struct field *f, const char *value)
{
	const struct setting *s = f->of;
	uint32_t v;

	if (text_to_u32(value, &v) != OK || v < s->low || v > s->high)
		return config_refuse(
			f->why, f->where, "%s: \"%.64s\" is not a number from %llu to %llu",
			s->name, value, (unsigned long long)s->low, (unsigned long long)s->high);
	memcpy(f->at, &v, sizeof(v));
	return OK;
}

static enum err size_set(struct field *f, const char *value)
{
	const struct setting *s = f->of;
	uint64_t v;

	if (text_to_size(value, &v) != OK || v < s->low || v > s->high)
		return config_refuse(f->why, f->where, "%s: \"%.64s\" is not a size from %s to %s",
				     s->name, value, text_size(s->low).s, text_size(s->high).s);
	memcpy(f->at, &v, sizeof(v));
	return OK;
}

static enum err flag_set(struct field *f, const char *value)
{
	bool yes;

	if (text_to_bool(value, &yes) != OK)
		return config_refuse(f->why, f->where, "%s: \"%.64s\" is neither yes nor no",
				     f->of->name, value);
	memcpy(f->at, &yes, sizeof(yes));
	return OK;
}

static enum err text_set(struct field *f, const char *value)
{
	size_t len = strlen(value);

	if (len > f->of->high)
		return config_refuse(f->why, f->where, "%s: %zu bytes are more than %llu",
				     f->of->name, len, (unsigned long long)f->of->high);
	if (len < f->of->low)
		return config_refuse(f->why, f->where, "%s: it can not be empty", f->of->name);
	must(len < f->of->size);
	memcpy(f->at, value, len + 1);
	return OK;
}

static enum err ip_set(struct field *f, const char *value)
{
	struct addr a;

	if (value[0] && (addr_parse(value, 0, &a) != OK || a.port != 0))
		return config_refuse(f->why, f->where, "%s: \"%.64s\" is not an IP address",
				     f->of->name, value);
	(void)snprintf(f->at, sizeof(f->at), "%s", value[0] ? addr_ip_text(a).s : "");
	return OK;
}

/* `host`, `host:8081`, `10.0.0.1`, `fd00::1`, `[fd00::1]:8081` */
static bool host_is_good(const char *item)
{
	const char *colon = strrchr(item, ':');
	struct addr a;
	uint32_t port;

	if (addr_parse(item, 1, &a) == OK)
		return a.port != 0;
	if (colon && (text_to_u32(colon + 1, &port) != OK || port < 1 || port > 65535))
		return false;
	if (strspn(item, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") !=
	    (colon ? (size_t)(colon - item) : strlen(item)))
		return false;
	/* Only digits and dots that are no address: a name can not end so, a slip can. */
	return colon != item && item[strspn(item, "0123456789.")] != (colon ? ':' : '\0');
}

static enum err item_check(struct field *f, const char *item)
{
	struct cidr range;

	if (f->of->type == TYPE_CIDRS && cidr_parse(item, &range) != OK)
		return config_refuse(f->why, f->where,
				     "%s: \"%.64s\" is not a range such as 10.0.0.0/8 or fd00::/8",
				     f->of->name, item);
	if (f->of->type == TYPE_HOSTS && !host_is_good(item))
		return config_refuse(
			f->why, f->where,
			"%s: \"%.128s\" is not host or host:port (IPv6: [fd00::1]:8081)",
			f->of->name, item);
	return OK;
}

static uint32_t list_count(const char *list)
{
	struct bytes item;
	uint32_t n = 0;

	while (config_item(&list, &item))
		n++;
	return n;
}

static enum err list_add(struct field *f, const char *item)
{
	size_t len = strlen(f->at), more = strlen(item);
	bool counted = f->of->type == TYPE_CIDRS || f->of->type == TYPE_HOSTS;
	enum err err = item_check(f, item);

	if (err != OK)
		return err;
	if (counted && list_count(f->at) >= f->of->high)
		return config_refuse(f->why, f->where, "%s: more than %llu items", f->of->name,
				     (unsigned long long)f->of->high);
	if (len + more + 2 > f->of->size)
		return config_refuse(f->why, f->where, "%s: longer than %zu bytes in all",
				     f->of->name, f->of->size - 1);
	if (len > 0)
		f->at[len++] = ',';
	memcpy(f->at + len, item, more + 1);
	return OK;
}

static enum err set_add(struct field *f, const char *item)
{
	uint32_t mask, index = 0;
	enum err err = word_index(f, item, &index);

	if (err != OK)
		return err;
	memcpy(&mask, f->at, sizeof(mask));
	mask |= 1u << index;
	memcpy(f->at, &mask, sizeof(mask));
	return OK;
}

/* Items between commas, blanks around them dropped. */
static enum err items_set(struct field *f, const char *value)
{
	bool empty = *value == '\0';
	enum err err = OK;

	while (*value && err == OK) {
		char item[CONFIG_HOST_MAX + 1];
		size_t span = strcspn(value, ","), len = span;
		const char *from = value;

		for (; len > 0 && *from == ' '; len--)
			from++;
		while (len > 0 && from[len - 1] == ' ')
			len--;
		if (len == 0)
			return config_refuse(f->why, f->where, "%s: an empty item in \"%.128s\"",
					     f->of->name, value);
		if (len >= sizeof(item))
			return config_refuse(f->why, f->where,
					     "%s: \"%.40s...\" is longer than %u bytes",
					     f->of->name, from, CONFIG_HOST_MAX);
		memcpy(item, from, len);
		item[len] = '\0';
		err = f->of->type == TYPE_SET ? set_add(f, item) : list_add(f, item);
		value += span;
		if (*value == ',' && *++value == '\0')
			return config_refuse(f->why, f->where, "%s: nothing behind the last comma",
					     f->of->name);
	}
	if (err == OK && f->of->low > 0 && empty)
		return config_refuse(f->why, f->where, "%s: it can not be empty", f->of->name);
	return err;
}

enum err field_set(struct field *f, const char *value)
{
	uint32_t index = 0;
	enum err err;

	must(f->of->type <= TYPE_IP);
	switch (f->of->type) {
	case TYPE_NUMBER:
		return number_set(f, value);
	case TYPE_SIZE:
		return size_set(f, value);
	case TYPE_FLAG:
		return flag_set(f, value);
	case TYPE_TEXT:
		return text_set(f, value);
	case TYPE_IP:
		return ip_set(f, value);
	case TYPE_CHOICE:
		err = word_index(f, value, &index);
		if (err == OK)
			memcpy(f->at, &index, sizeof(index));
		return err;
	case TYPE_SET:
	case TYPE_LIST:
	case TYPE_CIDRS:
	case TYPE_HOSTS:
		return items_set(f, value);
	}
	return ERR_USAGE;
}

static void mask_print(const struct setting *s, uint32_t mask, struct buffer *out, enum err *err)
{
	const char *comma = "";

	for (uint32_t i = 0; s->words[i] && *err == OK; i++) {
		if (!(mask & (1u << i)))
			continue;
		*err = buffer_add(out, bytes_str(comma));
		if (*err == OK)
			*err = buffer_add(out, bytes_str(s->words[i]));
		comma = ",";
	}
}

enum err config_print(const struct config *c, enum setting_id which, struct buffer *out)
{
	const struct setting *s = config_setting(which);
	const char *field = (const char *)c + s->offset;
	enum err err = OK;
	char text[32];
	uint32_t v32 = 0;
	uint64_t v64;

	if (s->type == TYPE_NUMBER || s->type == TYPE_CHOICE || s->type == TYPE_SET)
		memcpy(&v32, field, sizeof(v32));
	switch (s->type) {
	case TYPE_NUMBER:
		(void)snprintf(text, sizeof(text), "%u", v32);
		return buffer_add(out, bytes_str(text));
	case TYPE_SIZE:
		memcpy(&v64, field, sizeof(v64));
		return buffer_add(out, bytes_str(text_size(v64).s));
	case TYPE_FLAG:
		return buffer_add(out, bytes_str(*(const bool *)field ? "yes" : "no"));
	case TYPE_CHOICE:
		return buffer_add(out, bytes_str(s->words[v32]));
	case TYPE_SET:
		mask_print(s, v32, out, &err);
		return err;
	case TYPE_TEXT:
	case TYPE_LIST:
	case TYPE_CIDRS:
	case TYPE_HOSTS:
	case TYPE_IP:
		break;
	}
	return buffer_add(out, bytes_str(field));
}
