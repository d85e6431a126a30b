#include "net/host_doors_uv.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/config.h"
#include "core/facts.h"
#include "core/must.h"
#include "net/interfaces_uv.h"

#define CLOSE_MAX_MS 3000u /* a sync of a slow disk, the last words on the streams */

static const char *const door_meaning[] = {
	[DOOR_SCHEDULERS] = "gossip of schedulers",
	[DOOR_ALL] = "gossip of all nodes",
	[DOOR_RPC] = "calls between nodes",
};

static enum err port_refused(enum door door, struct addr at, int errnum, char why[DOORS_WHY_MAX])
{
	const char *meaning = door_meaning[door];

	must(errnum > 0);
	if (errnum == EADDRINUSE)
		snprintf(why, DOORS_WHY_MAX, "port %u (%s) is in use", at.port, meaning);
	else if (errnum == EADDRNOTAVAIL)
		snprintf(why, DOORS_WHY_MAX, "address %s is not one of this machine's",
			 addr_ip_text(at).s);
	else
		snprintf(why, DOORS_WHY_MAX, "port %u (%s) can not be opened: %s", at.port, meaning,
			 strerror(errnum));
	return errnum == EADDRINUSE ? ERR_EXISTS : ERR_REFUSED;
}

static enum err open_port(struct doors *d, enum door door, struct addr at, char why[DOORS_WHY_MAX])
{
	int bad = streams_listen(d->streams, door, &at);

	if (bad == 0 && door != DOOR_RPC) {
		enum view view = door == DOOR_SCHEDULERS ? VIEW_SCHEDULERS : VIEW_ALL;

		bad = udp_open(&d->udp[view], &d->loop, door, &at, &d->tray, d->sink);
		d->has_udp[view] = bad == 0;
	}
	return bad == 0 ? OK : port_refused(door, at, bad, why);
}

static enum err open_ports(struct doors *d, const struct host_start *start, char why[DOORS_WHY_MAX])
{
	const struct addr p = start->addr;
	enum err err = open_port(d, DOOR_RPC, p, why);

	if (err == OK && (start->roles & ROLE_SCHEDULER))
		err = open_port(d, DOOR_SCHEDULERS,
				addr_with_port(p, (uint16_t)(p.port + VIEW_PORT_STEP)), why);
	if (err == OK)
		err = open_port(d, DOOR_ALL,
				addr_with_port(p, (uint16_t)(p.port + 2 * VIEW_PORT_STEP)), why);
	return err;
}

static enum err open_local(struct doors *d, const char *path, char why[DOORS_WHY_MAX])
{
	char parent[256];

	if (path[0] == 0)
		return OK;
	snprintf(parent, sizeof parent, "%s", path);
	char *slash = strrchr(parent, '/');
	if (slash != NULL && slash != parent) {
		*slash = 0;
		(void)mkdir(parent, 0755);
	}
	int bad = streams_listen_local(d->streams, path);
	if (bad == 0)
		return OK;
	if (bad == EADDRINUSE)
		snprintf(why, DOORS_WHY_MAX, "local socket %s is in use by another node", path);
	else if (bad == EEXIST)
		snprintf(why, DOORS_WHY_MAX, "local socket %s: a file of that name stands there",
			 path);
	else
		snprintf(why, DOORS_WHY_MAX, "local socket %s can not be made: %s", path,
			 strerror(bad));
	return ERR_REFUSED;
}

/* Beacons. */

static void add_interface(struct multicast_start *m, const char *name)
{
	for (uint32_t i = 0; i < m->count; i++)
		if (strcmp(m->interface[i], name) == 0)
			return;
	if (m->count < MULTICAST_DOORS)
		snprintf(m->interface[m->count++], INTERFACE_NAME_MAX, "%s", name);
}

/* Does the interface have our private address? Every 127.x.y.z is lo's, though only one is listed. */
static bool carries(const char *name, struct addr ours, const struct interface *seen,
		    uint32_t count)
{
	if (addr_is_loopback(ours))
		return strcmp(name, "lo") == 0;
	for (uint32_t i = 0; i < count; i++)
		if (addr_same_ip(seen[i].addr, ours) && strcmp(seen[i].name, name) == 0)
			return true;
	return false;
}

static void choose_interfaces(const struct host_start *start, struct multicast_start *m)
{
	const char *at = start->config->multicast_interfaces;
	struct interface seen[INTERFACES_MAX];
	uint32_t count = interfaces_list(seen);
	struct bytes item;
	char name[INTERFACE_NAME_MAX];

	while (config_item(&at, &item)) {
		snprintf(name, sizeof name, "%.*s", (int)item.len, (const char *)item.at);
		add_interface(m, name);
	}
	if (m->count == 0) {
		for (uint32_t i = 0; i < count; i++)
			if (carries(seen[i].name, start->addr, seen, count))
				add_interface(m, seen[i].name);
		if (start->dev)
			add_interface(m, "lo");
	}
	m->source = start->addr;
	for (uint32_t i = 0; i < m->count; i++)
		m->has_source[i] = carries(m->interface[i], start->addr, seen, count);
}

static void log_line(void *self, enum log_level level, const char *text)
{
	const struct host_start *start = self;

	start->log(start->log_self, level, clock_wall_us(), "", text);
}

static void open_multicast(struct doors *d, const struct host_start *start)
{
	const struct config *c = start->config;
	struct multicast_start m = {.ttl = (uint8_t)c->multicast_ttl,
				    .log_self = (void *)(uintptr_t)start,
				    .log = log_line};

	if (!(config_discovery(c) & DISCOVER_MULTICAST))
		return;
	enum err err = addr_parse(c->multicast_group, (uint16_t)c->multicast_port, &m.group);
	must(err == OK); /* config_check let it pass */
	m.group.port = (uint16_t)c->multicast_port;
	choose_interfaces(start, &m);
	d->multicast = multicast_open(&d->loop, &m, &d->tray, d->sink);
}

/* All. */

enum err doors_open(struct doors *d, const struct host_start *start, struct sink sink,
		    char why[DOORS_WHY_MAX])
{
	memset(d, 0, sizeof *d);
	d->sink = sink;
	enum err err = shelf_open(&d->shelf, start->root, why);
	if (err != OK)
		return err;
	int bad = uv_loop_init(&d->loop);
	if (bad == 0) {
		bad = alarm_open(&d->alarm, &d->loop);
		if (bad != 0) {
			uv_loop_close(&d->loop);
			bad = -bad;
		}
	}
	if (bad != 0) {
		snprintf(why, DOORS_WHY_MAX, "no event loop: %s", strerror(-bad));
		shelf_close(&d->shelf);
		return ERR_IO;
	}
	d->streams = streams_open(&d->loop, start->addr, sink);
	d->disk = disk_open(&d->loop, &d->shelf, sink);
	d->verifier = verifier_open(&d->loop, sink);
	d->resolver = resolver_open(&d->loop, sink);
	d->keeper = keeper_link_open(&d->loop, start->root, start->identity->id, sink);
	err = open_ports(d, start, why);
	if (err == OK)
		err = open_local(d, start->socket, why);
	if (err != OK)
		(void)doors_close(d); /* nothing hangs: nothing was asked for */
	return err;
}

void doors_start(struct doors *d, const struct host_start *start)
{
	open_multicast(d, start);
}

void doors_admit(struct doors *d)
{
	if (!d->admits)
		streams_start(d->streams);
	d->admits = true;
}

static void send_packet(struct doors *d, const struct effect *e)
{
	enum view view = e->send.door == DOOR_SCHEDULERS ? VIEW_SCHEDULERS : VIEW_ALL;

	if (e->send.door == DOOR_MULTICAST) {
		if (d->multicast != NULL)
			multicast_send(d->multicast, e->send.body);
		return;
	}
	must(e->send.door == DOOR_SCHEDULERS || e->send.door == DOOR_ALL);
	if (d->has_udp[view] && e->send.to.family != ADDR_NONE)
		udp_send(&d->udp[view], e->send.to, e->send.body);
}

int doors_effect(struct doors *d, const struct effect *e)
{
	switch ((int)e->kind) {
	case EFFECT_PACKET:
		send_packet(d, e);
		return 0;
	case EFFECT_DIAL:
		stream_dial(d->streams, e->stream.conn, e->stream.to);
		return 0;
	case EFFECT_OUTPUT:
		stream_output(d->streams, e->stream.conn, e->stream.body);
		return 0;
	case EFFECT_HANGUP:
		stream_hangup(d->streams, e->stream.conn);
		return 0;
	case EFFECT_APPEND:
	case EFFECT_SYNC:
	case EFFECT_PUT:
	case EFFECT_CUT:
	case EFFECT_DROP:
	case EFFECT_MOVE:
	case EFFECT_READ:
		disk_effect(d->disk, e);
		return 0;
	case EFFECT_VERIFY:
		verifier_effect(d->verifier, e);
		return 0;
	case EFFECT_RESOLVE:
		resolver_effect(d->resolver, e);
		return 0;
	default:
		must(e->kind == EFFECT_KEEPER);
		return keeper_link_say(d->keeper, e->send.body);
	}
}

void doors_flush(struct doors *d)
{
	stream_flush(d->streams);
	disk_flush(d->disk);
	verifier_flush(d->verifier);
}

static void too_long(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

/* Runs the loop until nothing is left in it. False when that takes too long. */
static bool run_out(struct doors *d)
{
	uv_timer_t patience;
	bool hangs = false;

	uv_timer_init(&d->loop, &patience);
	patience.data = &hangs;
	uv_timer_start(&patience, too_long, CLOSE_MAX_MS, 0);
	uv_unref((uv_handle_t *)&patience);
	while (!hangs && uv_run(&d->loop, UV_RUN_ONCE) != 0)
		continue;
	if (hangs)
		return false;
	uv_close((uv_handle_t *)&patience, NULL);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	return true;
}

bool doors_close(struct doors *d)
{
	streams_close(d->streams);
	for (int view = 0; view < VIEWS; view++)
		if (d->has_udp[view])
			udp_close(&d->udp[view]);
	if (d->multicast != NULL)
		multicast_close(d->multicast);
	resolver_close(d->resolver);
	keeper_link_close(d->keeper);
	alarm_close(&d->alarm);
	if (!run_out(d))
		return false;
	disk_close(d->disk);
	verifier_close(d->verifier);
	int bad = uv_loop_close(&d->loop);
	must(bad == 0);
	shelf_close(&d->shelf);
	return true;
}
