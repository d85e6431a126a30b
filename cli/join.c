/* `witan join INVITE`: from the invite to a member that was seen to be one.
 *
 * Nothing is written before a node of the cluster has answered with the invite's key. Then: keys and configuration, the
 * unit, and last the proof: what is printed was tried, in this order, from this machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/address.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/files.h"
#include "cli/hear.h"
#include "cli/keys.h"
#include "cli/place.h"
#include "cli/remote.h"
#include "cli/row.h"
#include "core/facts.h"
#include "core/invite.h"
#include "core/limits.h"
#include "core/must.h"

#define REACH_MS       5000  /* to connect and shake hands with one address */
#define HEAR_MS        20000 /* a settled node's beacons are up to 15 s apart */
#define MEMBER_MS      20000 /* from the start to a member that both sides count */
#define ADDRESSES_MAX  8u
#define SCHEDULERS_FEW 3u /* fewer do not survive the loss of one: new machines become schedulers */

struct joining {
	struct config *config;
	struct invite invite;
	struct place place;
	struct addr contact;  /* with the port where its calls are answered, P */
	bool contact_directs; /* it is a scheduler: has the schedulers' ports, too */
	uint64_t schedulers;
	const char *role;
	bool again; /* this machine has the ring already */
};

/* --- the invite --- */

static int read_words(struct joining *j, int count, char **rest, bool *start)
{
	const char *text = NULL;

	for (int i = 0; i < count; i++) {
		if (!strcmp(rest[i], "--no-start"))
			*start = false;
		else if (rest[i][0] != '-' && !text)
			text = rest[i];
		else
			return fail(
				EXIT_USAGE,
				"`witan join` takes one INVITE, --role and --no-start, not `%s`",
				rest[i]);
	}
	if (!text)
		return fail(EXIT_USAGE, "witan join INVITE: `witan invite` on a member prints one");
	enum err err = invite_parse(text, &j->invite);
	if (err == ERR_VERSION)
		return fail(EXIT_USAGE, "the invite is of a newer witan than this one");
	if (err)
		return fail(EXIT_USAGE,
			    "that is no invite, or it is mistyped: it begins with wi1-, and `witan "
			    "invite` on a member prints it");
	return EXIT_GOOD;
}

/* A machine is in one cluster. The same one again changes nothing. */
static int look_at_ring(struct joining *j)
{
	struct keyring ring = {0};
	int code = place_find(&j->place, j->config, NULL);

	j->again = code == EXIT_GOOD && file_exists(j->place.ring);
	if (code != EXIT_GOOD || !j->again)
		return code;
	code = keys_find_ring(j->config, j->place.data, &ring);
	if (code == EXIT_GOOD && strcmp(ring.cluster, j->invite.ring.cluster) != 0)
		code = fail(EXIT_CONFIG,
			    "this machine belongs to cluster \"%s\", the invite is of \"%s\"; to "
			    "move it, stop the node and remove %s and %s first",
			    ring.cluster, j->invite.ring.cluster, j->place.ring, j->place.data);
	else if (code == EXIT_GOOD && !keyring_find(&ring, j->invite.ring.key[0].id))
		code = fail(EXIT_CONFIG,
			    "this machine belongs to a cluster \"%s\", but the invite has another "
			    "key: it is of another cluster of that name, or older than the last "
			    "change of keys",
			    ring.cluster);
	keyring_wipe(&ring);
	return code;
}

/* --- somebody to ask --- */

/* The sentence for one address that did not do, with what to look at. */
static int unreachable(const struct joining *j, const char *what, struct addr at, enum reach reach)
{
	const char *cluster = j->invite.ring.cluster;
	unsigned port = at.port;

	switch (reach) {
	case REACH_NAME:
		return fail(EXIT_NOBODY, "%s: no such host", what);
	case REACH_ROUTE:
		return fail(EXIT_NOBODY, "%s: this machine's network knows no way there",
			    addr_text(at).s);
	case REACH_REFUSED:
		return fail(EXIT_NOBODY,
			    "%s tcp: connection refused: the machine answers, but nothing listens "
			    "there, or its firewall rejects. There: systemctl status scheduler; "
			    "sudo ufw allow %u/tcp, or sudo firewall-cmd --add-port=%u/tcp",
			    addr_text(at).s, port, port);
	case REACH_SILENT:
		return fail(EXIT_NOBODY,
			    "%s tcp: timeout, nothing came back: the machine is off, the address "
			    "is not its own, or a firewall drops. There: sudo ufw allow %u/tcp, or "
			    "sudo firewall-cmd --add-port=%u/tcp",
			    addr_text(at).s, port, port);
	case REACH_SHUT:
		return fail(EXIT_NOBODY,
			    "%s listens, but does not know the invite's key: it is no node of "
			    "cluster \"%s\", or the key was changed since: take a new invite",
			    addr_text(at).s, cluster);
	case REACH_GOOD:
		break;
	}
	never("it was reached");
}

/* What its STATUS says: who it is, and how many schedulers there are. */
static int learn(struct joining *j, struct remote *r)
{
	char text[ADDR_TEXT_LEN];
	struct buffer body;
	int code;

	buffer_init(&body, FRAME_MAX);
	code = remote_call(r, CALL_STATUS, REACH_MS, &body);
	if (code != EXIT_GOOD) {
		fail(code, "%s was asked, but: %s", addr_text(r->addr).s, r->why);
	} else {
		struct bytes sheet = buffer_bytes(&body);
		/* It may have been reached at a port of a view; calls and seeds want P. */
		j->contact = r->addr;
		if (row_text(sheet, 0, "address", text, sizeof(text)) &&
		    addr_parse(text, r->addr.port, &r->addr) == OK)
			j->contact.port = r->addr.port;
		j->contact_directs = row_text(sheet, 0, "role", text, sizeof(text)) &&
				     !strcmp(text, "scheduler");
		j->schedulers = row_number(sheet, 0, "schedulers");
	}
	buffer_fini(&body);
	return code;
}

static int ask_addresses(struct joining *j, const char *what, const struct addr *at, uint32_t count)
{
	enum reach reach = REACH_NAME;
	struct remote r;

	for (uint32_t i = 0; i < count; i++) {
		reach = remote_open(&r, &j->invite.ring, at[i], REACH_MS);
		if (reach != REACH_GOOD)
			continue;
		int code = learn(j, &r);
		remote_close(&r);
		return code;
	}
	return unreachable(j, what, count ? at[count - 1] : (struct addr){0}, reach);
}

static int find_contact(struct joining *j)
{
	struct addr at[ADDRESSES_MAX], ours;
	int code;

	if (j->invite.address[0]) {
		uint32_t count = remote_resolve(j->invite.address, 8081, at, ADDRESSES_MAX);
		return ask_addresses(j, j->invite.address, at, count);
	}
	code = address_choose(j->config, &ours);
	if (code != EXIT_GOOD)
		return code;
	fprintf(stderr, "listening for the cluster…\n");
	code = hear_cluster(j->config, &j->invite.ring, config_advertised(j->config, ours), HEAR_MS,
			    &at[0]);
	return code == EXIT_GOOD ? ask_addresses(j, "its beacon", at, 1) : code;
}

/* --- this machine --- */

static const char *choose_role(const struct joining *j)
{
	bool asked = j->config->origin[SETTING_role] == ORIGIN_FLAG;

	if (asked || (j->again && j->config->origin[SETTING_role] == ORIGIN_FILE))
		return j->config->role & ROLE_SCHEDULER ? "scheduler" : "worker";
	return j->schedulers < SCHEDULERS_FEW ? "scheduler" : "worker";
}

static int settle(struct joining *j, bool start)
{
	const char *seeds = j->invite.address[0] ? j->invite.address : NULL;
	char why[CONFIG_WHY_MAX];
	bool changed = false;

	j->role = choose_role(j);
	if (config_set(j->config, "role", j->role, ORIGIN_FLAG, why) != OK)
		return fail(EXIT_CONFIG, "%s", why);
	int code = place_find(&j->place, j->config, j->role);
	if (code == EXIT_GOOD)
		code = place_make(&j->place, &j->invite.ring);
	/* On the machine that the invite names, the seed would be itself. */
	if (code == EXIT_GOOD && file_exists(j->place.founder))
		seeds = NULL;
	if (code == EXIT_GOOD)
		code = place_configure(&j->place, j->config, j->role, seeds, &changed);
	if (code == EXIT_GOOD && start)
		code = place_start(&j->place, j->config, j->role, changed);
	return code;
}

/* --- the proof --- */

struct proof {
	const struct joining *joining;
	uint64_t members;
	uint64_t schedulers;
	bool datagrams;     /* we have opened some */
	char survives[128]; /* as the store says it */
};

static int ask_local(const struct config *c, enum call_verb verb, struct buffer *body)
{
	static const uint8_t none[] = {0x90}; /* an empty array */
	struct client client;
	struct bytes answer = {0};
	int code = client_open(&client, c);

	if (code == EXIT_GOOD)
		code = client_call(&client, verb, id_none, bytes_of(none, 1), REACH_MS, &answer);
	if (code == EXIT_GOOD && buffer_add(body, answer) != OK)
		code = EXIT_OTHER;
	client_close(&client);
	return code;
}

/* Whether datagrams came in that the key opened: streams alone could make us a member, too. */
static bool datagrams_came(const struct config *c)
{
	static const char name[] = "\nwitan_packets_received_total ";
	struct buffer text;
	bool came = false;

	buffer_init(&text, FRAME_MAX + 1);
	if (ask_local(c, CALL_METRICS, &text) == EXIT_GOOD &&
	    buffer_add(&text, bytes_of("", 1)) == OK) {
		const char *at = strstr((const char *)text.at, name);
		came = at && strtoull(at + sizeof(name) - 1, NULL, 10) > 0;
	}
	buffer_fini(&text);
	return came;
}

/* How many members the contact counts: it counts us when the number is ours. */
static uint64_t members_there(const struct joining *j)
{
	struct remote r;
	struct buffer body;
	uint64_t members = 0;

	buffer_init(&body, FRAME_MAX);
	if (remote_open(&r, &j->invite.ring, j->contact, REACH_MS) == REACH_GOOD) {
		if (remote_call(&r, CALL_STATUS, REACH_MS, &body) == EXIT_GOOD)
			members = row_number(buffer_bytes(&body), 0, "members");
		remote_close(&r);
	}
	buffer_fini(&body);
	return members;
}

static bool proved(void *with, struct bytes status)
{
	struct proof *p = with;
	const struct joining *j = p->joining;
	struct buffer body;

	p->members = row_number(status, 0, "members");
	p->schedulers = row_number(status, 0, "schedulers");
	if (p->members < 2 || p->members != members_there(j))
		return false;
	p->datagrams = p->datagrams || datagrams_came(j->config);
	buffer_init(&body, FRAME_MAX);
	p->survives[0] = '\0';
	if (ask_local(j->config, CALL_DIRECTOR, &body) == EXIT_GOOD)
		(void)row_text(buffer_bytes(&body), 0, "SURVIVES", p->survives,
			       sizeof(p->survives));
	buffer_fini(&body);
	if (!p->datagrams)
		return false;
	/* A third scheduler becomes a voter a moment after it has joined. */
	return p->schedulers < SCHEDULERS_FEW || !strncmp(p->survives, "tolerates ", 10);
}

/* `9081 tcp ok`, or the sentence that says what blocks it. */
static int check_port(const struct joining *j, uint16_t port, const char *kind, const char *after)
{
	struct addr at = addr_with_port(j->contact, port);
	enum reach reach = remote_try(at, REACH_MS);

	if (reach != REACH_GOOD) {
		printf("%u tcp blocked\n", port);
		fflush(stdout);
		return unreachable(j, "", at, reach);
	}
	printf("%u %stcp ok%s", port, kind, after);
	return EXIT_GOOD;
}

static void print_strength(const struct proof *p)
{
	static const char tolerates[] = "tolerates ";

	printf(" %llu of %llu; ", (unsigned long long)p->members, (unsigned long long)p->members);
	if (!strncmp(p->survives, tolerates, sizeof(tolerates) - 1))
		printf("survives %s\n", p->survives + sizeof(tolerates) - 1);
	else if (p->schedulers < SCHEDULERS_FEW)
		printf("no fail-over yet (needs %u)\n", SCHEDULERS_FEW);
	else
		printf("%s\n", p->survives[0] ? p->survives : "no director yet");
}

static int prove(const struct joining *j)
{
	struct proof p = {.joining = j};
	struct buffer status;
	bool both = j->contact_directs && !strcmp(j->role, "scheduler");
	uint16_t port = j->contact.port;
	int code;

	buffer_init(&status, FRAME_MAX);
	code = place_await(j->config, proved, &p, MEMBER_MS, &status);
	buffer_fini(&status);
	if (code != EXIT_GOOD && code != EXIT_TIMEOUT)
		return code;
	bool late = code == EXIT_TIMEOUT;
	const char *kind = p.datagrams ? "udp " : "";
	printf(p.datagrams ? "checked both ways: " : "checked from here: ");
	code = check_port(j, port, "", ", ");
	if (code == EXIT_GOOD && both)
		code = check_port(j, (uint16_t)(port + VIEW_PORT_STEP), kind, ", ");
	if (code == EXIT_GOOD)
		code = check_port(j, (uint16_t)(port + 2 * VIEW_PORT_STEP), kind, ".");
	if (code != EXIT_GOOD)
		return code;
	if (p.members < 2) {
		printf("\n");
		return fail(
			EXIT_NOBODY,
			"the node runs and goes on trying, but is no member after %d s: are its "
			"own ports open? sudo ufw allow %u,%u,%u/tcp and %u,%u/udp; journalctl -u "
			"%s",
			MEMBER_MS / 1000, port, port + 1000u, port + 2000u, port + 1000u,
			port + 2000u, j->role);
	}
	print_strength(&p);
	fflush(stdout);
	if (late && !p.datagrams)
		return fail(
			EXIT_NOBODY,
			"a member over tcp alone, no datagram came: sudo ufw allow %u,%u/udp, or "
			"sudo firewall-cmd --add-port=%u/udp --add-port=%u/udp, here and there",
			port + 1000u, port + 2000u, port + 1000u, port + 2000u);
	return EXIT_GOOD;
}

int join_command(int argc, char **argv)
{
	static struct config c;
	struct joining j = {.config = &c};
	char **rest = NULL;
	int count = 0;
	bool start = true;
	int code = settings_to_write(&c, NULL, argc, argv, &rest, &count);

	if (code == EXIT_GOOD)
		code = read_words(&j, count, rest, &start);
	if (code == EXIT_GOOD)
		code = look_at_ring(&j);
	if (code == EXIT_GOOD)
		code = find_contact(&j);
	if (code == EXIT_GOOD)
		code = settle(&j, start);
	if (code == EXIT_GOOD && start && j.place.systemd)
		code = prove(&j);
	keyring_wipe(&j.invite.ring);
	free(rest);
	return code;
}
