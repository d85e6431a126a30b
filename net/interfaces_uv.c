#include "net/interfaces_uv.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "core/must.h"
#include "net/sockaddr.h"

_Static_assert(INTERFACE_NAME_MAX == IFNAMSIZ, "as the kernel has it");

static bool is_link_local(struct addr a)
{
	return (a.family == ADDR_V6 && a.ip[0] == 0xfe && (a.ip[1] & 0xc0) == 0x80) ||
	       (a.family == ADDR_V4 && a.ip[0] == 169 && a.ip[1] == 254);
}

static void mark(struct interface *list, uint32_t count, const char *name, uint8_t family)
{
	for (uint32_t i = 0; i < count; i++)
		if (list[i].addr.family == family && strcmp(list[i].name, name) == 0)
			list[i].default_route = true;
}

/* `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, hexadecimal. */
static void routes_v4(struct interface *list, uint32_t count)
{
	FILE *f = fopen("/proc/net/route", "re");
	char line[256];
	char name[INTERFACE_NAME_MAX];
	unsigned int destination, mask;

	if (f == NULL)
		return;
	while (fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "%15s %x %*x %*x %*d %*d %*d %x", name, &destination, &mask) ==
			    3 &&
		    destination == 0 && mask == 0)
			mark(list, count, name, ADDR_V4);
	fclose(f);
}

/* `destination length source length next metric refs use flags name`; the kernel's own "no route" entry is on lo. */
static void routes_v6(struct interface *list, uint32_t count)
{
	FILE *f = fopen("/proc/net/ipv6_route", "re");
	char line[256];
	char destination[33];
	char name[INTERFACE_NAME_MAX];
	unsigned int len;

	if (f == NULL)
		return;
	while (fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "%32s %x %*s %*x %*s %*x %*x %*x %*x %15s", destination, &len,
			   name) == 3 &&
		    len == 0 && strspn(destination, "0") == 32 && strcmp(name, "lo") != 0)
			mark(list, count, name, ADDR_V6);
	fclose(f);
}

uint32_t interfaces_list(struct interface list[INTERFACES_MAX])
{
	struct ifaddrs *all;
	uint32_t count = 0;

	if (getifaddrs(&all) < 0)
		return 0;
	for (const struct ifaddrs *i = all; i != NULL && count < INTERFACES_MAX; i = i->ifa_next) {
		struct addr a = sockaddr_get(i->ifa_addr);

		if (a.family == ADDR_NONE || is_link_local(a))
			continue;
		list[count] = (struct interface){.addr = addr_with_port(a, 0)};
		snprintf(list[count].name, sizeof list[count].name, "%s", i->ifa_name);
		list[count].name[strcspn(list[count].name, ":")] = 0; /* an alias, `eth0:1` */
		list[count].up = (i->ifa_flags & IFF_UP) != 0;
		count++;
	}
	freeifaddrs(all);
	routes_v4(list, count);
	routes_v6(list, count);
	must(count <= INTERFACES_MAX);
	return count;
}
