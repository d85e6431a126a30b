/* What concerns several settings at one time, and what follows from them. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "core/config_set.h"
#include "core/facts.h"
#include "core/must.h"
#include "core/nearest.h"

#define VALUE_MAX         8448u
#define WHERE_MAX         (CONFIG_PATH_MAX + 32u)
#define INTERFACE_LEN_MAX 15u /* the kernel's */

static const char *const origin_words[] = {"default", "file", "environment", "flag"};

/* `FILE:12`, `environment`, `flag`, `default`. */
static const char *origin_text(const struct config *c, enum setting_id which, char out[WHERE_MAX])
{
	if (c->origin[which] == ORIGIN_FILE)
		(void)snprintf(out, WHERE_MAX, "%s:%u", c->path, c->line[which]);
	else
		(void)snprintf(out, WHERE_MAX, "%s", origin_words[c->origin[which]]);
	return out;
}

/* Begins a sentence: where the setting was given, nothing for a default. */
static const char *where(const struct config *c, enum setting_id which, char out[WHERE_MAX])
{
	out[0] = '\0';
	if (c->origin[which] == ORIGIN_FILE)
		return origin_text(c, which, out);
	if (c->origin[which] == ORIGIN_FLAG)
		(void)snprintf(out, WHERE_MAX, "--%s", config_setting(which)->name);
	if (c->origin[which] == ORIGIN_ENVIRONMENT) {
		size_t len = (size_t)snprintf(out, WHERE_MAX, "WITAN_");

		for (const char *p = config_setting(which)->name; *p; p++)
			out[len++] = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
		out[len] = '\0';
	}
	return out;
}

uint32_t config_discovery(const struct config *c)
{
	return c->discovery | (c->seeds[0] ? (uint32_t)DISCOVER_STATIC : 0u);
}

struct addr config_advertised(const struct config *c, struct addr self)
{
	struct addr told;

	if (!c->advertise_ip[0])
		return self;
	must(addr_parse(c->advertise_ip, 0, &told) == OK); /* checked when it was set */
	return addr_with_port(told, self.port);
}

uint16_t config_gossip_port(const struct config *c, enum view view)
{
	return (uint16_t)(c->private_port + ((uint32_t)view + 1) * VIEW_PORT_STEP);
}

static enum err ports_check(const struct config *c, char why[CONFIG_WHY_MAX])
{
	static const char *const names[] = {"private_port", "private_port + 1000",
					    "private_port + 2000"};
	char at[WHERE_MAX];

	for (uint32_t i = 0; i < 3; i++) {
		uint32_t port = c->private_port + i * VIEW_PORT_STEP;

		if (port > 65535)
			return config_refuse(why, where(c, SETTING_private_port, at),
					     "private_port = %u puts %s at %u, above 65535",
					     c->private_port, names[i], port);
		if ((config_discovery(c) & DISCOVER_MULTICAST) && port == c->multicast_port)
			return config_refuse(why, where(c, SETTING_multicast_port, at),
					     "%s and multicast_port are both %u", names[i], port);
	}
	return OK;
}

static enum err discovery_check(const struct config *c, char why[CONFIG_WHY_MAX])
{
	uint32_t all = config_discovery(c);
	char at[WHERE_MAX], seeds[WHERE_MAX];
	struct addr group;

	where(c, SETTING_discovery, at);
	if ((c->discovery & DISCOVER_STATIC) && !c->seeds[0])
		return config_refuse(why, at,
				     "discovery = static needs seeds: --seeds=host[:port],...");
	if ((c->discovery & DISCOVER_NONE) && c->seeds[0])
		return config_refuse(why, at,
				     "discovery = none leaves the seeds (%s) unused: drop one",
				     origin_text(c, SETTING_seeds, seeds));
	if ((all & DISCOVER_NONE) && all != DISCOVER_NONE)
		return config_refuse(why, at, "discovery: none stands alone");
	if (!(all & DISCOVER_MULTICAST))
		return OK;
	if (addr_parse(c->multicast_group, 0, &group) != OK ||
	    (group.family == ADDR_V4 ? (group.ip[0] & 0xf0) != 0xe0 : group.ip[0] != 0xff))
		return config_refuse(why, where(c, SETTING_multicast_group, at),
				     "multicast_group: \"%s\" is not a multicast address "
				     "(224.0.0.0/4, ff00::/8)",
				     c->multicast_group);
	return OK;
}

/* The first must be less than `times` of the second. */
static enum err order_check(const struct config *c, enum setting_id a, uint64_t less,
			    enum setting_id b, uint64_t than, const char *rule,
			    char why[CONFIG_WHY_MAX])
{
	char at[WHERE_MAX];

	if (less <= than)
		return OK;
	return config_refuse(why, where(c, c->origin[a] >= c->origin[b] ? a : b, at), "%s", rule);
}

static enum err times_check(const struct config *c, char why[CONFIG_WHY_MAX])
{
	char rule[256];
	enum err err;

	(void)snprintf(rule, sizeof(rule), "probe_timeout_ms = %u is not below probe_every_ms = %u",
		       c->probe_timeout_ms, c->probe_every_ms);
	err = order_check(c, SETTING_probe_timeout_ms, c->probe_timeout_ms + 1ull,
			  SETTING_probe_every_ms, c->probe_every_ms, rule, why);
	if (err != OK)
		return err;
	(void)snprintf(rule, sizeof(rule),
		       "election_ms = %u is less than three times heartbeat_ms = %u",
		       c->election_ms, c->heartbeat_ms);
	err = order_check(c, SETTING_heartbeat_ms, c->heartbeat_ms * 3ull, SETTING_election_ms,
			  c->election_ms, rule, why);
	if (err != OK)
		return err;
	(void)snprintf(rule, sizeof(rule), "kill_after_s = %u is more than half of lease_s = %u",
		       c->kill_after_s, c->lease_s);
	return order_check(c, SETTING_kill_after_s, c->kill_after_s * 2ull, SETTING_lease_s,
			   c->lease_s, rule, why);
}

static enum err log_check(const struct config *c, char why[CONFIG_WHY_MAX])
{
	static const char *const words[] = {"auto", "journal", "stderr", "file:PATH", NULL};
	const char *near = nearest(c->log, words);
	char at[WHERE_MAX];

	for (size_t i = 0; i < 3; i++)
		if (strcmp(words[i], c->log) == 0)
			return OK;
	if (strncmp(c->log, "file:/", 6) == 0)
		return OK;
	where(c, SETTING_log, at);
	if (strncmp(c->log, "file:", 5) == 0)
		return config_refuse(why, at, "log: \"%s\" is not an absolute path", c->log + 5);
	if (near)
		return config_refuse(why, at, "log: no \"%.64s\": did you mean \"%s\"?", c->log,
				     near);
	return config_refuse(why, at,
			     "log: no \"%.64s\": it is one of auto, journal, stderr, file:PATH",
			     c->log);
}

static enum err labels_check(const struct config *c, char why[CONFIG_WHY_MAX])
{
	const char *at = c->labels;
	struct bytes item;
	char here[WHERE_MAX];

	while (config_item(&at, &item)) {
		const uint8_t *equals = memchr(item.at, '=', item.len);

		if (!equals || equals == item.at)
			return config_refuse(why, where(c, SETTING_labels, here),
					     "labels: \"%.*s\" is not of the form name=value",
					     (int)item.len, (const char *)item.at);
	}
	return OK;
}

static enum err interfaces_check(const struct config *c, char why[CONFIG_WHY_MAX])
{
	const char *at = c->multicast_interfaces;
	struct bytes item;
	char here[WHERE_MAX];

	while (config_item(&at, &item))
		if (item.len > INTERFACE_LEN_MAX)
			return config_refuse(why, where(c, SETTING_multicast_interfaces, here),
					     "multicast_interfaces: \"%.*s\" is longer than an "
					     "interface's name can be",
					     (int)item.len, (const char *)item.at);
	return OK;
}

static enum err paths_check(const struct config *c, char why[CONFIG_WHY_MAX])
{
	char at[WHERE_MAX], dir[CONFIG_PATH_MAX + 1];

	if (c->data_dir[0] && c->data_dir[0] != '/')
		return config_refuse(why, where(c, SETTING_data_dir, at),
				     "data_dir: \"%.128s\" is not an absolute path", c->data_dir);
	config_data_dir(c, dir);
	if (!c->socket[0] && strlen(dir) + strlen("/socket") > CONFIG_SOCKET_MAX)
		return config_refuse(why, where(c, SETTING_data_dir, at),
				     "data_dir is too long for the local socket in it (%u bytes): "
				     "give a shorter one, or socket",
				     CONFIG_SOCKET_MAX);
	return OK;
}

enum err config_check(const struct config *c, char why[CONFIG_WHY_MAX])
{
	enum err err = discovery_check(c, why);
	char at[WHERE_MAX];

	if (err == OK)
		err = ports_check(c, why);
	if (err == OK)
		err = times_check(c, why);
	if (err == OK)
		err = log_check(c, why);
	if (err == OK)
		err = labels_check(c, why);
	if (err == OK)
		err = interfaces_check(c, why);
	if (err == OK)
		err = paths_check(c, why);
	if (err == OK && c->voters % 2 == 0)
		err = config_refuse(
			why, where(c, SETTING_voters, at),
			"voters = %u: an even number is no safer than one less: 1, 3 or 5",
			c->voters);
	return err;
}

static const char *role_word(const struct config *c)
{
	return c->role & ROLE_SCHEDULER ? "scheduler" : "worker";
}

void config_data_dir(const struct config *c, char out[CONFIG_PATH_MAX + 1])
{
	if (c->data_dir[0])
		(void)snprintf(out, CONFIG_PATH_MAX + 1, "%s", c->data_dir);
	else
		(void)snprintf(out, CONFIG_PATH_MAX + 1, "/var/lib/witan/%s", role_word(c));
}

void config_socket(const struct config *c, char out[CONFIG_SOCKET_MAX + 1])
{
	if (c->socket[0])
		(void)snprintf(out, CONFIG_SOCKET_MAX + 1, "%s", c->socket);
	else if (c->data_dir[0])
		(void)snprintf(out, CONFIG_SOCKET_MAX + 1, "%.100s/socket", c->data_dir);
	else
		(void)snprintf(out, CONFIG_SOCKET_MAX + 1, "/run/witan/%s.sock", role_word(c));
}

/* A value as terminated text; every value fits. */
static const char *value_text(const struct config *c, enum setting_id which, struct buffer *b)
{
	buffer_clear(b);
	must(config_print(c, which, b) == OK);
	must(buffer_add(b, bytes_of("", 1)) == OK);
	return (const char *)b->at;
}

enum err config_get(const struct config *c, const char *name, char *out, size_t size)
{
	const struct setting *s = config_find(name);
	struct buffer b;
	enum err err = OK;

	if (!s)
		return ERR_NOT_FOUND;
	buffer_init(&b, VALUE_MAX);
	(void)value_text(c, (enum setting_id)(s - config_setting((enum setting_id)0)), &b);
	if (b.len > size)
		err = ERR_TOO_BIG;
	else
		memcpy(out, b.at, b.len);
	buffer_fini(&b);
	return err;
}

const char *config_shown(const struct setting *s, const char *value)
{
	return s->marks & SECRET && value[0] ? "(secret)" : value;
}

void config_show(const struct config *c, struct sheet *s)
{
	static const char *const columns[] = {"name", "value", "origin", NULL};
	struct buffer b;
	char at[WHERE_MAX];

	sheet_init(s, columns, 64u << 10);
	buffer_init(&b, VALUE_MAX);
	for (size_t i = 0; i < SETTINGS; i++) {
		enum setting_id which = (enum setting_id)i;

		sheet_text(s, config_setting(which)->name);
		sheet_text(s, config_shown(config_setting(which), value_text(c, which, &b)));
		sheet_text(s, origin_text(c, which, at));
	}
	buffer_fini(&b);
}

void config_fingerprint(const struct config *c, uint8_t out[16])
{
	static const char protocol[] = "witan protocol 1";
	crypto_generichash_state state;
	struct buffer b;

	buffer_init(&b, VALUE_MAX);
	must(crypto_generichash_init(&state, NULL, 0, 16) == 0);
	(void)crypto_generichash_update(&state, (const uint8_t *)protocol, sizeof(protocol));
	for (size_t i = 0; i < SETTINGS; i++) {
		const struct setting *s = config_setting((enum setting_id)i);

		if (!(s->marks & SAME))
			continue;
		(void)crypto_generichash_update(&state, (const uint8_t *)s->name,
						strlen(s->name) + 1);
		(void)value_text(c, (enum setting_id)i, &b);
		(void)crypto_generichash_update(&state, b.at, b.len);
	}
	must(crypto_generichash_final(&state, out, 16) == 0);
	buffer_fini(&b);
}

bool config_reload(struct config *c, const struct config *fresh, char restart[CONFIG_WHY_MAX])
{
	size_t len = 0;

	restart[0] = '\0';
	for (size_t i = 0; i < SETTINGS; i++) {
		const struct setting *s = config_setting((enum setting_id)i);
		char *mine = (char *)c + s->offset;
		const char *theirs = (const char *)fresh + s->offset;

		if (memcmp(mine, theirs, s->size) == 0)
			continue;
		if (s->marks & RELOAD) {
			memcpy(mine, theirs, s->size);
			c->origin[i] = fresh->origin[i];
			c->line[i] = fresh->line[i];
		} else if (len < CONFIG_WHY_MAX - 64) {
			len += (size_t)snprintf(restart + len, CONFIG_WHY_MAX - len, "%s%s",
						len ? " " : "", s->name);
		}
	}
	return len > 0;
}
