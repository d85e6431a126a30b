#include "core/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/must.h"

/* The zeros behind a v4 address count too: addresses are made by the functions below, never by hand. */
bool addr_same_ip(struct addr a, struct addr b)
{
	return a.family == b.family && memcmp(a.ip, b.ip, sizeof(a.ip)) == 0 && a.scope == b.scope;
}

bool addr_same(struct addr a, struct addr b)
{
	return addr_same_ip(a, b) && a.port == b.port;
}

int addr_cmp(struct addr a, struct addr b)
{
	if (a.family != b.family)
		return a.family < b.family ? -1 : 1;
	int order = memcmp(a.ip, b.ip, sizeof(a.ip));
	if (order != 0)
		return order < 0 ? -1 : 1;
	if (a.port != b.port)
		return a.port < b.port ? -1 : 1;
	return (a.scope > b.scope) - (a.scope < b.scope);
}

bool addr_is_none(struct addr a)
{
	return a.family == ADDR_NONE;
}

bool addr_is_loopback(struct addr a)
{
	static const uint8_t one[16] = {[15] = 1};

	if (a.family == ADDR_V4)
		return a.ip[0] == 127;
	return a.family == ADDR_V6 && memcmp(a.ip, one, sizeof(one)) == 0;
}

bool addr_is_private(struct addr a)
{
	if (a.family == ADDR_V6)
		return (a.ip[0] & 0xfe) == 0xfc;
	if (a.family != ADDR_V4)
		return false;
	return a.ip[0] == 10 || (a.ip[0] == 172 && (a.ip[1] & 0xf0) == 16) ||
	       (a.ip[0] == 192 && a.ip[1] == 168) || (a.ip[0] == 100 && (a.ip[1] & 0xc0) == 64);
}

struct addr addr_with_port(struct addr a, uint16_t port)
{
	a.port = port;
	return a;
}

struct addr addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
	return (struct addr){.family = ADDR_V4, .ip = {a, b, c, d}, .port = port};
}

struct addr addr_unmapped(struct addr a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (a.family != ADDR_V6 || memcmp(a.ip, mapped, sizeof(mapped)) != 0)
		return a;
	return addr_v4(a.ip[12], a.ip[13], a.ip[14], a.ip[15], a.port);
}

/* A number without sign, space or leading zero, within low..high. */
static enum err parse_number(const char *text, uint32_t low, uint32_t high, uint32_t *out)
{
	uint64_t v = 0;
	size_t len = strnlen(text, 11);

	if (len == 0 || len > 10 || (text[0] == '0' && len > 1))
		return ERR_MALFORMED;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return ERR_MALFORMED;
		v = v * 10 + (uint64_t)(*text - '0');
	}
	if (v < low || v > high)
		return ERR_MALFORMED;
	*out = (uint32_t)v;
	return OK;
}

/* An IP address of either family; `ip` is ours to cut at the scope's '%'. */
static enum err parse_ip(char *ip, struct addr *out)
{
	struct addr a = {.family = ADDR_V6};
	char *percent = strchr(ip, '%');

	if (strchr(ip, ':') == NULL) {
		a.family = ADDR_V4;
		if (inet_pton(AF_INET, ip, a.ip) != 1)
			return ERR_MALFORMED;
		*out = a;
		return OK;
	}
	if (percent != NULL) {
		*percent = '\0';
		if (parse_number(percent + 1, 1, UINT32_MAX, &a.scope) != OK)
			return ERR_MALFORMED;
	}
	if (inet_pton(AF_INET6, ip, a.ip) != 1)
		return ERR_MALFORMED;
	*out = addr_unmapped(a);
	return OK;
}

/* Finds the port in `text` and cuts it off, brackets too; NULL when there is none or it is malformed (then *ip is NULL). */
static char *cut_port(char *text, char **ip)
{
	char *colon = strchr(text, ':');

	*ip = text;
	if (text[0] == '[') {
		char *close = strchr(text, ']');

		*ip = NULL;
		if (close == NULL || (close[1] != '\0' && close[1] != ':'))
			return NULL;
		*close = '\0';
		if (strchr(text + 1, ':') == NULL)
			return NULL;
		*ip = text + 1;
		return close[1] == ':' ? close + 2 : NULL;
	}
	if (colon == NULL || strchr(colon + 1, ':') != NULL)
		return NULL;
	*colon = '\0';
	return colon + 1;
}

enum err addr_parse(const char *text, uint16_t port, struct addr *out)
{
	char copy[ADDR_TEXT_LEN];
	struct addr a;
	char *ip;
	uint32_t number = port;

	must(text != NULL);
	size_t len = strnlen(text, sizeof(copy));
	if (len == sizeof(copy))
		return ERR_MALFORMED;
	memcpy(copy, text, len + 1);

	char *port_text = cut_port(copy, &ip);
	if (ip == NULL || parse_ip(ip, &a) != OK)
		return ERR_MALFORMED;
	if (port_text != NULL && parse_number(port_text, 1, UINT16_MAX, &number) != OK)
		return ERR_MALFORMED;
	*out = addr_with_port(a, (uint16_t)number);
	return OK;
}

struct addr_text addr_ip_text(struct addr a)
{
	struct addr_text text = {"none"};

	if (a.family == ADDR_NONE)
		return text;
	const char *s =
		inet_ntop(a.family == ADDR_V4 ? AF_INET : AF_INET6, a.ip, text.s, INET6_ADDRSTRLEN);
	must(s != NULL);
	if (a.scope != 0) {
		size_t len = strlen(text.s);

		snprintf(text.s + len, sizeof(text.s) - len, "%%%u", a.scope);
	}
	return text;
}

struct addr_text addr_text(struct addr a)
{
	struct addr_text ip = addr_ip_text(a);
	struct addr_text text = ip;

	if (a.family == ADDR_V4)
		snprintf(text.s, sizeof(text.s), "%.15s:%u", ip.s, a.port);
	else if (a.family == ADDR_V6)
		snprintf(text.s, sizeof(text.s), "[%.55s]:%u", ip.s, a.port);
	return text;
}

struct addr_text addr_member_text(struct addr a)
{
	struct addr_text ip = addr_ip_text(a);
	struct addr_text text;

	snprintf(text.s, sizeof(text.s), "[%.55s]:%u", ip.s, a.port);
	return text;
}

/* Zero but for the first `bits` bits. */
static void cut_ip(uint8_t ip[16], unsigned bits)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = bits > 8 * i ? bits - 8 * i : 0;

		if (keep < 8)
			ip[i] &= (uint8_t)(0xff00u >> keep);
	}
}

enum err cidr_parse(const char *text, struct cidr *out)
{
	char copy[ADDR_TEXT_LEN];
	struct addr base;

	must(text != NULL);
	size_t len = strnlen(text, sizeof(copy));
	if (len == sizeof(copy))
		return ERR_MALFORMED;
	memcpy(copy, text, len + 1);

	char *slash = strchr(copy, '/');
	if (slash != NULL)
		*slash = '\0';
	if (parse_ip(copy, &base) != OK || base.scope != 0)
		return ERR_MALFORMED;

	uint32_t most = base.family == ADDR_V4 ? 32 : 128;
	uint32_t bits = most;
	if (slash != NULL && parse_number(slash + 1, 0, most, &bits) != OK)
		return ERR_MALFORMED;
	cut_ip(base.ip, bits);
	*out = (struct cidr){.base = base, .bits = (uint8_t)bits};
	return OK;
}

bool cidr_has(struct cidr range, struct addr a)
{
	must(range.bits <= 128);

	cut_ip(a.ip, range.bits);
	return a.family == range.base.family && a.family != ADDR_NONE &&
	       memcmp(a.ip, range.base.ip, sizeof(a.ip)) == 0;
}
