#include "discovery/static.h"

#include <stdlib.h>
#include <string.h>

#include "core/facts.h"
#include "core/must.h"
#include "core/text.h"
#include "discovery/candidate.h"
#include "discovery/row.h"

#define ANSWER_MAX_US 30000000u /* a resolver that is silent this long has failed */

/* `host`, `host:port` or an address: the configuration checked the form. */
static void seed_name(struct seed *d, const char *item, size_t len, uint16_t port)
{
	char text[CONFIG_HOST_MAX + 1];
	uint32_t given = port;
	char *colon;

	must(len <= CONFIG_HOST_MAX);
	memcpy(text, item, len);
	text[len] = '\0';
	memcpy(d->name, text, len + 1);
	if (addr_parse(text, port, &d->addr[0]) == OK) {
		d->plain = true;
		d->count = 1;
		d->port = d->addr[0].port;
		return;
	}
	colon = strrchr(d->name, ':');
	if (colon) {
		must(text_to_u32(colon + 1, &given) == OK);
		must(given > 0 && given <= 65535);
		*colon = '\0';
	}
	d->port = (uint16_t)given;
}

bool static_init(struct statics *s, const struct discovery_config *config, uint64_t now_us)
{
	const char *at = config->seeds;
	size_t items = 1;

	must(config->retry_low_ms > 1);
	must(config->retry_low_ms <= config->retry_high_ms);
	must(config->retry_high_ms <= config->retry_joined_ms);

	*s = (struct statics){.config = config};
	rng_init(&s->rng, config->seed);
	for (const char *p = at; *p; p++)
		items += *p == ',';
	must(items <= SEEDS_MAX);
	s->seed = calloc(items, sizeof(*s->seed));
	if (!s->seed)
		return false;
	while (*at) {
		size_t len = strcspn(at, ",");
		struct seed *d = &s->seed[s->count];

		seed_name(d, at, len, config->port);
		d->wait_ms = config->retry_low_ms;
		/* A fleet that starts together must not ask the same name in one instant. */
		d->due_us = now_us + rng_below(&s->rng, config->retry_low_ms * 200ull + 1);
		s->count++;
		at += len + (at[len] == ',');
	}
	return true;
}

void static_fini(struct statics *s)
{
	free(s->seed);
	s->seed = NULL;
	s->count = 0;
}

/* Up to SEED_GIVEN_MAX of its addresses, from a random one on. */
static void seed_give(struct statics *s, struct seed *d, struct outbox *outbox)
{
	uint32_t from = d->count > 1 ? (uint32_t)rng_below(&s->rng, d->count) : 0, given = 0;

	for (uint32_t i = 0; i < d->count && given < SEED_GIVEN_MAX && !d->self; i++) {
		struct addr a = d->addr[(from + i) % d->count];

		if (candidate_is_self(s->config, a))
			continue;
		candidate_tell(s->config, a, ROLE_SCHEDULER | ROLE_WORKER, outbox);
		given++;
	}
}

/* The next try: between half of the wait and all of it from now; then the wait doubles. */
static void seed_wait(struct statics *s, struct seed *d, uint64_t now_us)
{
	uint32_t most = s->joined ? s->config->retry_joined_ms : s->config->retry_high_ms;

	if (d->joined)
		d->wait_ms = s->config->retry_joined_ms;
	d->state = SEED_WAITING;
	d->due_us = now_us + rng_between(&s->rng, d->wait_ms / 2, d->wait_ms) * 1000;
	d->wait_ms = d->wait_ms > most / 2 ? most : d->wait_ms * 2;
}

static void seed_try(struct statics *s, struct seed *d, uint64_t now_us, struct outbox *outbox)
{
	must(d->state == SEED_WAITING);
	if (d->plain) {
		seed_give(s, d, outbox);
		seed_wait(s, d, now_us);
		return;
	}
	d->state = SEED_ASKING;
	d->token = ++s->questions;
	d->due_us = now_us + ANSWER_MAX_US;
	outbox_resolve(outbox, d->token, d->name, d->port);
}

/* Said once, then silence until it changes. */
static void seed_failed(struct seed *d, enum err err, struct outbox *outbox)
{
	must(err != OK);
	if (d->error == OK)
		outbox_log(outbox, LOG_LEVEL_WARN,
			   "seed not resolved, trying on: seed=%s error=\"%s\" addresses_kept=%u",
			   d->name, err_text(err), d->count);
	d->error = err;
}

static void seed_answered(struct seed *d, const struct event *e, struct outbox *outbox)
{
	d->count = 0;
	for (uint32_t i = 0; i < e->resolved.count && d->count < SEED_ADDRS_MAX; i++)
		d->addr[d->count++] = addr_with_port(e->resolved.list[i], d->port);
	d->answered_us = e->now_us;
	if (d->error != OK)
		outbox_log(outbox, LOG_LEVEL_INFO, "seed resolved again: seed=%s addresses=%u",
			   d->name, d->count);
	d->error = OK;
}

void static_wake(struct statics *s, uint64_t now_us, struct outbox *outbox)
{
	for (uint32_t i = 0; i < s->count; i++) {
		struct seed *d = &s->seed[i];

		if (now_us < d->due_us)
			continue;
		if (d->state == SEED_WAITING) {
			seed_try(s, d, now_us, outbox);
			continue;
		}
		seed_failed(d, ERR_TIMEOUT, outbox);
		seed_give(s, d, outbox);
		seed_wait(s, d, now_us);
	}
}

void static_resolved(struct statics *s, const struct event *event, struct outbox *outbox)
{
	struct seed *d = NULL;

	must(event->kind == EVENT_RESOLVED);
	for (uint32_t i = 0; i < s->count && !d; i++)
		if (s->seed[i].state == SEED_ASKING && s->seed[i].token == event->resolved.token)
			d = &s->seed[i];
	if (!d)
		return; /* too late: asked anew since */
	if (event->resolved.err == OK && event->resolved.count > 0)
		seed_answered(d, event, outbox);
	else
		seed_failed(d, event->resolved.err == OK ? ERR_NOT_FOUND : event->resolved.err,
			    outbox);
	seed_give(s, d, outbox);
	seed_wait(s, d, event->now_us);
}

void static_joined(struct statics *s, struct addr a, struct id id, uint64_t now_us)
{
	bool self = id_same(id, s->config->id);

	s->joined = s->joined || !self;
	for (uint32_t i = 0; i < s->count; i++) {
		struct seed *d = &s->seed[i];

		for (uint32_t k = 0; k < d->count; k++) {
			if (!addr_same(d->addr[k], a))
				continue;
			/* A name that stands for many, ourselves among them, is still to be asked. */
			d->self = d->self || (self && d->plain);
			if (self)
				continue;
			d->answered_us = now_us;
			if (!d->joined && d->state == SEED_WAITING) {
				d->joined = true;
				seed_wait(s, d, now_us);
			}
			d->joined = true;
		}
	}
}

uint64_t static_deadline_us(const struct statics *s)
{
	uint64_t first = UINT64_MAX;

	for (uint32_t i = 0; i < s->count; i++)
		if (s->seed[i].due_us < first)
			first = s->seed[i].due_us;
	return first;
}

void static_sheet(const struct statics *s, uint64_t now_us, struct sheet *sheet)
{
	for (uint32_t i = 0; i < s->count; i++) {
		const struct seed *d = &s->seed[i];

		sheet_text(sheet, "static");
		if (d->plain)
			sheet_text(sheet, addr_text(d->addr[0]).s);
		else
			sheet_format(sheet, "%s:%u", d->name, d->port);
		if (d->self || (d->plain && candidate_is_self(s->config, d->addr[0])))
			sheet_text(sheet, "self");
		else if (d->state == SEED_ASKING)
			sheet_text(sheet, "resolving");
		else
			sheet_text(sheet, d->joined ? "joined" : "trying");
		row_times(sheet, d->answered_us, d->due_us, now_us);
		sheet_text(sheet, d->error == OK ? "" : err_text(d->error));
	}
}
