/* Which of the machine's addresses is the private one: a pure choice out of what the doors saw.
 *
 * With selectors: the first match in interface order; several are a warning, none is a refusal that lists what was
 * seen. Without: the one private address on the default route's interface, else the only private one; several left, or
 * only public ones, are refused with the flag to add. In `dev`, without selectors: loopback. */
#ifndef NET_SELECT_H
#define NET_SELECT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/err.h"

#define SELECT_TEXT_MAX    768u
#define INTERFACE_NAME_MAX 16u

/* One address of an interface; an interface with three has three of these. */
struct interface {
	char name[INTERFACE_NAME_MAX];
	struct addr addr; /* the port is ignored */
	bool up;
	bool default_route; /* a default route leaves through it */
};

struct select {
	const struct interface *seen; /* in the kernel's order */
	uint32_t seen_count;
	const struct cidr *ranges; /* --private_ip_selector */
	uint32_t range_count;
	bool dev;
};

/* The address, with port 0. `text` is empty, or a warning when OK, or the refusal (ERR_REFUSED). */
MUST_USE enum err select_private(const struct select *s, struct addr *out,
				 char text[SELECT_TEXT_MAX]);

#endif
