#include "cli/address.h"

#include <stdio.h>

#include "cli/command.h"
#include "core/call.h"
#include "net/interfaces_uv.h"
#include "net/select.h"

int address_choose(const struct config *c, struct addr *out)
{
	struct interface seen[INTERFACES_MAX];
	struct cidr range[CIDRS_MAX];
	char text[SELECT_TEXT_MAX] = "";
	struct select s = {.seen = seen, .ranges = range, .seen_count = interfaces_list(seen)};
	struct bytes item;

	for (const char *at = c->private_ip_selector;
	     config_item(&at, &item) && s.range_count < CIDRS_MAX;) {
		char one[ADDR_TEXT_LEN];
		snprintf(one, sizeof(one), "%.*s", (int)item.len, (const char *)item.at);
		if (cidr_parse(one, &range[s.range_count]) == OK)
			s.range_count++;
	}
	if (select_private(&s, out, text) != OK)
		return fail(EXIT_CONFIG, "%s", text);
	if (text[0])
		fprintf(stderr, "witan: %s\n", text);
	out->port = (uint16_t)c->private_port;
	return EXIT_GOOD;
}
