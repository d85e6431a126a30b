#include "net/select.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/must.h"

/* A sentence that grows; what does not fit is left out. */
static void say(char text[SELECT_TEXT_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(char text[SELECT_TEXT_MAX], const char *format, ...)
{
	size_t len = strlen(text);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text + len, SELECT_TEXT_MAX - len, format, args);
	va_end(args);
}

static bool in_ranges(const struct select *s, struct addr a)
{
	for (uint32_t i = 0; i < s->range_count; i++)
		if (cidr_has(s->ranges[i], a))
			return true;
	return false;
}

static bool is_usual(const struct interface *i)
{
	return i->up && addr_is_private(i->addr) && !addr_is_loopback(i->addr);
}

enum which { MATCHING, PRIVATE_ON_ROUTE, PRIVATE, ALL };

static bool belongs(const struct select *s, enum which which, const struct interface *i)
{
	switch (which) {
	case MATCHING:
		return i->up && in_ranges(s, i->addr);
	case PRIVATE_ON_ROUTE:
		return is_usual(i) && i->default_route;
	case PRIVATE:
		return is_usual(i);
	case ALL:
		return !addr_is_loopback(i->addr);
	}
	return false;
}

/* How many belong; the first of them in `first`. */
static uint32_t count(const struct select *s, enum which which, const struct interface **first)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->seen_count; i++) {
		if (!belongs(s, which, &s->seen[i]))
			continue;
		if (n++ == 0 && first)
			*first = &s->seen[i];
	}
	return n;
}

/* `10.0.0.1 (eth0), 10.1.0.1 (eth1, down)`: of those that belong, but for `not`. */
static void list(const struct select *s, enum which which, const struct interface * not,
		 char text[SELECT_TEXT_MAX])
{
	const char *comma = "";

	for (uint32_t i = 0; i < s->seen_count; i++) {
		if (&s->seen[i] == not || !belongs(s, which, &s->seen[i]))
			continue;
		say(text, "%s%s (%s%s)", comma, addr_ip_text(s->seen[i].addr).s, s->seen[i].name,
		    s->seen[i].up ? "" : ", down");
		comma = ", ";
	}
}

static void say_flag(const struct interface *i, char text[SELECT_TEXT_MAX])
{
	say(text, ": add --private_ip_selector=%s/%d", addr_ip_text(i->addr).s,
	    i->addr.family == ADDR_V4 ? 32 : 128);
}

static enum err take(const struct interface *i, struct addr *out)
{
	*out = addr_with_port(i->addr, 0);
	return OK;
}

static enum err by_ranges(const struct select *s, struct addr *out, char text[SELECT_TEXT_MAX])
{
	const struct interface *first = NULL;
	uint32_t n = count(s, MATCHING, &first);

	if (n == 0) {
		say(text, "no address is in private_ip_selector; seen: ");
		list(s, ALL, NULL, text);
		if (count(s, ALL, NULL) == 0)
			say(text, "only loopback");
		return ERR_REFUSED;
	}
	if (n > 1) {
		say(text, "private_ip_selector matches several addresses: using %s (%s), ignoring ",
		    addr_ip_text(first->addr).s, first->name);
		list(s, MATCHING, first, text);
	}
	return take(first, out);
}

static enum err refuse(const struct select *s, enum which which, const struct interface *first,
		       const char *because, char text[SELECT_TEXT_MAX])
{
	say(text, "%s: ", because);
	list(s, which, NULL, text);
	say_flag(first, text);
	return ERR_REFUSED;
}

enum err select_private(const struct select *s, struct addr *out, char text[SELECT_TEXT_MAX])
{
	const struct interface *first = NULL;
	uint32_t n;

	must(s->seen || s->seen_count == 0);
	must(s->ranges || s->range_count == 0);

	text[0] = '\0';
	if (s->range_count > 0)
		return by_ranges(s, out, text);
	if (s->dev) {
		*out = addr_v4(127, 0, 0, 1, 0);
		return OK;
	}
	n = count(s, PRIVATE_ON_ROUTE, &first);
	if (n == 1)
		return take(first, out);
	if (n > 1)
		return refuse(s, PRIVATE_ON_ROUTE, first,
			      "several private addresses on the default route's interface", text);
	n = count(s, PRIVATE, &first);
	if (n == 1)
		return take(first, out);
	if (n > 1)
		return refuse(s, PRIVATE, first, "several private addresses", text);
	n = count(s, ALL, &first);
	if (n > 0)
		return refuse(s, ALL, first,
			      "no private address, only public ones or ones that are down", text);
	say(text,
	    "no address but loopback: add --private_ip_selector=127.0.0.1/32 for a cluster on "
	    "this machine alone");
	return ERR_REFUSED;
}
