/* Making a node out of its configuration and what earlier lives left on the disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/must.h"
#include "core/text.h"
#include "discovery/configure.h"
#include "gossip/swim.h"
#include "net/link.h"
#include "net/node_parts.h"
#include "net/seal.h"
#include "sched/director.h"
#include "sched/level.h"
#include "sched/store.h"
#include "sched/worker.h"

#define SAVED_MAX (8u << 20) /* what a view left: MEMBERS_MAX times an address, and some */

/* The seed of one core: no two cores share their dice. */
static uint64_t seed_of(const struct node_start *start, uint64_t which)
{
	struct rng r;

	rng_init(&r, start->seed ^ which * UINT64_C(0x9e3779b97f4a7c15));
	return rng_next(&r);
}

static enum err read_boot(const struct node_start *start, uint64_t *boot, char why[200])
{
	struct buffer text;
	enum err err;

	buffer_init(&text, 64);
	err = start->disk->read(start->disk->self, "node/boot", &text);
	*boot = 0;
	if (err == OK) {
		char line[32] = "";
		if (text.len < sizeof(line))
			memcpy(line, text.at, text.len);
		line[strcspn(line, "\n")] = '\0';
		err = text_to_u64(line, boot);
	} else if (err == ERR_NOT_FOUND) {
		err = OK;
	}
	buffer_fini(&text);
	if (err)
		snprintf(why, 200, "node/boot in the data directory could not be read: %s",
			 err_text(err));
	return err;
}

static enum err make_facts(struct node *n, const struct node_start *start, uint64_t boot)
{
	const struct config *c = start->config;
	struct facts *f = &n->facts;

	f->id = start->identity->id;
	memcpy(f->key, start->identity->public_key, sizeof(f->key));
	f->boot = boot;
	f->addr = config_advertised(c, start->addr);
	f->roles = (uint8_t)c->role;
	if ((c->role & ROLE_SCHEDULER) && c->in_process_worker != IN_PROCESS_NO)
		f->roles |= ROLE_WORKER;
	memcpy(f->machine, start->machine, sizeof(f->machine));
	snprintf(f->name, sizeof(f->name), "%s", c->name);
	snprintf(f->zone, sizeof(f->zone), "%s", c->zone);
	snprintf(f->labels, sizeof(f->labels), "%s", c->labels);
	snprintf(f->version, sizeof(f->version), "%s", WITAN_VERSION);
	config_fingerprint(c, f->fingerprint);
	return facts_sign(f, start->identity->secret_key, bytes_str(start->keyring->cluster));
}

static void open_view(struct node *n, const struct node_start *start, enum view view)
{
	const struct config *c = start->config;
	char name[32];
	struct buffer saved;
	struct swim_config config = {
		.view = view,
		.identity = start->identity,
		.facts = &n->facts,
		.cluster = bytes_str(start->keyring->cluster),
		.seed = seed_of(start, 1 + (uint64_t)view),
		.probe_every_ms = c->probe_every_ms,
		.probe_timeout_ms = c->probe_timeout_ms,
		.gossip_every_ms = c->gossip_every_ms,
		.alpha = c->suspicion_alpha,
		.beta = c->suspicion_beta,
		.log_members_max = c->log_members_max,
		.body_max = c->packet_max - SEAL_OVERHEAD,
		.cards = n->cards,
	};

	snprintf(name, sizeof(name), "gossip/%s", view_name(view));
	buffer_init(&saved, SAVED_MAX);
	/* Without it a view begins as a new one: no error. */
	if (start->disk->read(start->disk->self, name, &saved) != OK)
		buffer_clear(&saved);
	n->view[view] = swim_open(&config, buffer_bytes(&saved), start->now_us);
	buffer_fini(&saved);
}

static void give_hello(void *with, struct hello *out)
{
	const struct node *n = with;
	struct store_where where = store_where(n->store);

	out->store = where.store;
	out->epoch = where.epoch;
	out->epoch.generation = where.mark;
	out->boot = n->facts.boot;
	out->roles = n->view[VIEW_SCHEDULERS] ? (uint8_t)(n->facts.roles | ROLE_SCHEDULER)
					      : n->facts.roles;
	out->port = n->facts.addr.port;
}

static enum err open_wire(struct node *n, const struct node_start *start, char why[200])
{
	struct links_config config = {
		.identity = start->identity,
		.keyring = start->keyring,
		.strangers = &n->strangers,
		.with = n,
		.hello = give_hello,
		.deliver = node_delivered,
	};

	memcpy(config.random, start->random, sizeof(config.random));
	strangers_init(&n->strangers);
	seal_init(&n->seal, start->keyring, start->identity->id, n->facts.boot, start->random);
	n->links = links_open(&config);
	if (n->links)
		return OK;
	snprintf(why, 200, "the node's key can not be used: is node.key damaged?");
	return ERR_MALFORMED;
}

static enum err open_store(struct node *n, const struct node_start *start, char why[200])
{
	const struct config *c = start->config;
	struct buffer mark;
	struct store_config config = {
		.self = start->identity->id,
		.roles = n->facts.roles,
		.bootstrap_expect = c->bootstrap_expect,
		.keyring = start->keyring,
		.heartbeat_ms = c->heartbeat_ms,
		.election_min_ms = c->election_ms,
		.election_max_ms = c->election_ms * 2,
		.replace_after_ms = c->replace_after_s * 1000,
		.confirm_after_ms = c->confirm_after_s > 0 ? c->confirm_after_s * 1000 : 1,
		.voters = c->voters,
		.spread = c->spread,
		.seed = seed_of(start, 4),
		.level = start->level,
	};

	buffer_init(&mark, 4096);
	config.founder = start->disk->read(start->disk->self, "founder", &mark) == OK;
	buffer_fini(&mark);
	memcpy(config.machine, start->machine, sizeof(config.machine));
	snprintf(config.zone, sizeof(config.zone), "%s", c->zone);
	n->store = store_open(&config, start->disk, start->now_us, why);
	if (!n->store)
		return ERR_CORRUPT;
	/* What a newer program left is not touched. */
	return level_fits(level_of(store_map(n->store)), start->level ? start->level : LEVEL_NOW,
			  why);
}

static void open_director(struct node *n, const struct node_start *start)
{
	const struct config *c = start->config;
	struct director_config config = {
		.self = start->identity->id,
		.boot = n->facts.boot,
		.seed = seed_of(start, 5),
		.level = start->level,
		.lease_ms = c->lease_s * 1000,
		.kill_after_ms = c->kill_after_s * 1000,
		.max_output = c->max_output,
		.hold_timeout_s = c->hold_timeout_s,
		.preferred = c->preferred,
	};

	config_fingerprint(c, config.fingerprint);
	n->life.prefer_us = UINT64_MAX;
	role_init(&n->life.role, c->confirm_after_s * 1000, start->now_us);
	n->director = director_open(&config, store_map(n->store));
}

static uint32_t slots_of(const struct config *c)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (c->slots)
		return c->slots;
	return cores < 1 ? 1 : cores > (long)SLOTS_MAX ? SLOTS_MAX : (uint32_t)cores;
}

static enum err open_worker(struct node *n, const struct node_start *start, char why[200])
{
	const struct config *c = start->config;
	struct worker_config config = {
		.self = start->identity->id,
		.boot = n->facts.boot,
		.seed = seed_of(start, 6),
		.scheduler = n->view[VIEW_SCHEDULERS] != NULL,
		.offers = true,
		.slots = slots_of(c),
		.lease_ms = c->lease_s * 1000,
		.kill_after_ms = c->kill_after_s * 1000,
		.max_output = c->max_output,
		.root = start->root,
	};

	memcpy(config.machine_boot, start->machine_boot, sizeof(config.machine_boot));
	snprintf(config.name, sizeof(config.name), "%s", c->name);
	n->worker = worker_open(&config, start->disk, start->now_us, why);
	return n->worker ? OK : ERR_CORRUPT;
}

enum err node_open(const struct node_start *start, struct node **out, char why[200])
{
	struct node *n = calloc(1, sizeof(*n));
	uint64_t boot = 0;

	must(n);
	must(start->keyring->count > 0);
	n->config = start->config;
	n->identity = start->identity;
	n->keyring = start->keyring;
	n->now_us = start->now_us;
	n->wall_us = start->wall_us;
	n->tray = outbox_open();
	n->metrics = start->metrics ? start->metrics : &n->own_metrics;
	n->api = api_open();
	n->cards = start->cards ? start->cards : cards_open();
	n->own_cards = !start->cards;
	n->life.state = LIFE_NEW;
	n->life.deadline_us = start->now_us;

	enum err err = read_boot(start, &boot, why);
	if (!err && (err = make_facts(n, start, boot + 1)) != OK)
		snprintf(why, 200, "name, zone and labels are too long to be told to others: %s",
			 err_text(err));
	if (!err) {
		struct discovery_config d = discovery_configure(start->config, n->identity->id,
								start->addr, seed_of(start, 3));
		n->discovery = discovery_open(&d, start->now_us);
		open_view(n, start, VIEW_ALL);
		if (start->config->role & ROLE_SCHEDULER)
			open_view(n, start, VIEW_SCHEDULERS);
		err = open_wire(n, start, why);
	}
	if (!err)
		err = open_store(n, start, why);
	if (!err && n->view[VIEW_SCHEDULERS])
		open_director(n, start);
	if (!err && (n->facts.roles & ROLE_WORKER))
		err = open_worker(n, start, why);
	if (err) {
		node_close(n);
		return err;
	}
	*out = n;
	return OK;
}

void node_close(struct node *n)
{
	if (!n)
		return;
	worker_close(n->worker);
	director_close(n->director);
	store_close(n->store);
	if (n->links)
		links_close(n->links);
	seal_fini(&n->seal);
	for (enum view v = 0; v < VIEWS; v++)
		swim_close(n->view[v]);
	discovery_close(n->discovery);
	if (n->own_cards)
		cards_close(n->cards);
	api_close(n->api);
	outbox_close(n->tray);
	free(n->queue);
	free(n->post);
	free(n);
}
