/* An address and port, IPv4 or IPv6, as a plain value; and an address range (CIDR). */
#ifndef CORE_ADDR_H
#define CORE_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

#define ADDR_TEXT_LEN 64

enum { ADDR_NONE = 0, ADDR_V4 = 4, ADDR_V6 = 6 };

struct addr {
	uint8_t family; /* ADDR_NONE, ADDR_V4, ADDR_V6 */
	uint8_t ip[16]; /* network order; v4 in the first 4, the rest zero */
	uint16_t port;  /* host order */
	uint32_t scope; /* interface index of a link-local IPv6 address, else 0; never travels */
};

struct cidr {
	struct addr base;
	uint8_t bits;
};

struct addr_text {
	char s[ADDR_TEXT_LEN];
};

bool addr_same(struct addr a, struct addr b); /* family, ip, port; scope too */
bool addr_same_ip(struct addr a, struct addr b);
int addr_cmp(struct addr a, struct addr b); /* v4 before v6, then ip as number, then port */
bool addr_is_none(struct addr a);
bool addr_is_loopback(struct addr a);
bool addr_is_private(struct addr a); /* RFC 1918, RFC 6598, ULA */
struct addr addr_with_port(struct addr a, uint16_t port);
struct addr addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port);

/* An IPv4-mapped IPv6 address (::ffff:a.b.c.d) as the IPv4 address it is; any other as it is. */
struct addr addr_unmapped(struct addr a);

/* `10.0.0.1`, `10.0.0.1:8081`, `fd00::1`, `[fd00::1]:8081`, `fe80::1%2`; a missing port is `port`, a written one is
 * 1 to 65535. Mapped addresses become IPv4. Names are ERR_MALFORMED. */
MUST_USE enum err addr_parse(const char *text, uint16_t port, struct addr *out);
/* `10.0.0.1:8081`, `[fd00::1]:8081` */
struct addr_text addr_text(struct addr a);
/* `10.0.0.1`, `fd00::1` */
struct addr_text addr_ip_text(struct addr a);
/* `[10.0.0.1]:10081`: the member log's form, brackets for both families */
struct addr_text addr_member_text(struct addr a);

/* `10.0.0.0/8`, `fd00::/8`; without bits: that one address. */
MUST_USE enum err cidr_parse(const char *text, struct cidr *out);
bool cidr_has(struct cidr range, struct addr a);

#endif
