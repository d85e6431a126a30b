#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "gossip/card.h"
#include "net/node.h"
#include "net/node_parts.h"
#include "test/sim/sim.h"

#define VERIFY_US 150u

/* --- the queue: a binary heap by (time, order) --- */

static bool before(const struct happening *a, const struct happening *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void sim_later(struct sim *s, uint64_t in_us, struct happening h)
{
	if (s->queued == s->queue_room) {
		s->queue_room = s->queue_room ? s->queue_room * 2 : 1024;
		s->queue = realloc(s->queue, s->queue_room * sizeof(*s->queue));
		must(s->queue);
	}
	h.at_us = s->now_us + s->late_us + in_us;
	h.order = s->order++;
	size_t i = s->queued++;
	while (i > 0 && before(&h, &s->queue[(i - 1) / 2])) {
		s->queue[i] = s->queue[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	s->queue[i] = h;
}

static struct happening queue_take(struct sim *s)
{
	struct happening first = s->queue[0];
	struct happening last = s->queue[--s->queued];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= s->queued)
			break;
		if (child + 1 < s->queued && before(&s->queue[child + 1], &s->queue[child]))
			child++;
		if (!before(&s->queue[child], &last))
			break;
		s->queue[i] = s->queue[child];
		i = child;
	}
	s->queue[i] = last;
	return first;
}

uint8_t *sim_copy(struct bytes b)
{
	uint8_t *copy = malloc(b.len ? b.len : 1);

	must(copy);
	if (b.len)
		memcpy(copy, b.at, b.len);
	return copy;
}

/* FNV-1a: a history is one number. */
void sim_hash(struct sim *s, const void *at, size_t len)
{
	const uint8_t *b = at;

	for (size_t i = 0; i < len; i++)
		s->hash = (s->hash ^ b[i]) * UINT64_C(1099511628211);
}

void sim_break(struct sim *s, const char *what, const char *format, ...)
{
	va_list more;

	if (s->broken)
		return;
	s->broken = what;
	va_start(more, format);
	vsnprintf(s->broken_text, sizeof(s->broken_text), format, more);
	va_end(more);
}

/* --- a host's steps --- */

struct host *host_of_addr(struct sim *s, struct addr addr)
{
	uint32_t n = (uint32_t)addr.ip[2] << 8 | addr.ip[3];

	return n >= 1 && n <= s->hosts && addr_same_ip(s->host[n - 1].addr, addr) ? &s->host[n - 1]
										  : NULL;
}

struct host *host_of_id(struct sim *s, struct id id)
{
	uint32_t slot = table_find(&s->host_by_id, id);

	return slot == TABLE_NONE ? NULL : &s->host[slot];
}

uint64_t host_wall_us(const struct sim *s, const struct host *h)
{
	return WALL_BASE_US + s->now_us + h->wall_offset_us;
}

/* Two clocks differ by 5 % at most: that is all we assume of them. */
#define CLOCK_PPM_MAX UINT64_C(24000)
#define CLOCK_ZERO_US UINT64_C(900000000)
#define FAR_US        (UINT64_C(1) << 40)

static uint64_t shown_at(const struct host *h, uint64_t moment_us)
{
	int64_t went = (int64_t)(moment_us - h->clock_from_us);

	return h->clock_us + (uint64_t)(went + went * h->clock_ppm / 1000000);
}

uint64_t host_now_us(const struct sim *s, const struct host *h)
{
	return shown_at(h, s->now_us);
}

uint64_t host_when_us(const struct sim *s, const struct host *h, uint64_t at_us)
{
	uint64_t now = host_now_us(s, h);

	if (at_us <= now)
		return s->now_us;
	if (at_us - now > FAR_US)
		at_us = now + FAR_US; /* it is asked again then */
	int64_t rate = 1000000 + h->clock_ppm;
	uint64_t when =
		s->now_us + (uint64_t)(((int64_t)(at_us - now) * 1000000 + rate - 1) / rate);
	/* Rounded: a clock that does not yet show it would be asked again at once. */
	return shown_at(h, when) < at_us ? when + 1 : when;
}

void host_set_clock(struct sim *s, struct host *h)
{
	must(!h->node);
	h->clock_from_us = s->now_us;
	h->clock_us = rng_between(&s->rng, 1000000, CLOCK_ZERO_US);
	h->clock_ppm = (int64_t)rng_between(&s->rng, 0, 2 * CLOCK_PPM_MAX) - (int64_t)CLOCK_PPM_MAX;
}

static void logged(struct sim *s, struct host *h, const struct effect *e)
{
	sim_hash(s, &s->now_us, sizeof(s->now_us));
	sim_hash(s, e->log.text, strlen(e->log.text));
	if (s->daily)
		daily_logged(s, h, e);
	if (e->log.level == LOG_LEVEL_DEBUG && !s->loud)
		return;
	FILE *to = s->trace ? s->trace : s->loud ? stdout : NULL;
	if (to)
		fprintf(to, "[%llu.%03llu] %u %s%s\n", (unsigned long long)(s->now_us / 1000000),
			(unsigned long long)(s->now_us / 1000 % 1000), h->index,
			e->log.level == LOG_LEVEL_ERROR ? "ERROR " : "", e->log.text);
}

static void verify(struct sim *s, struct host *h, const struct effect *e)
{
	bool good = identity_check(e->verify.key, e->verify.body, e->verify.signature);

	sim_later(s, VERIFY_US,
		  (struct happening){.kind = HAPPEN_VERIFIED,
				     .host = h->index,
				     .life = h->life,
				     .a = e->verify.token,
				     .b = good});
}

static void carry_out(struct sim *s, struct host *h, const struct effect *e)
{
	charge_effect(s, h, e);
	switch (e->kind) {
	case EFFECT_PACKET:
		wire_packet(s, h, e);
		break;
	case EFFECT_DIAL:
		wire_dial(s, h, e);
		break;
	case EFFECT_OUTPUT:
		wire_output(s, h, e);
		break;
	case EFFECT_HANGUP:
		wire_hangup(s, h, e->stream.conn);
		break;
	case EFFECT_APPEND:
	case EFFECT_SYNC:
	case EFFECT_PUT:
	case EFFECT_CUT:
	case EFFECT_DROP:
	case EFFECT_MOVE:
	case EFFECT_READ:
		disk_effect(s, h, e);
		break;
	case EFFECT_VERIFY:
		verify(s, h, e);
		break;
	case EFFECT_RESOLVE:
		sim_later(s, 1000,
			  (struct happening){.kind = HAPPEN_RESOLVED,
					     .host = h->index,
					     .life = h->life,
					     .a = e->resolve.token});
		break;
	case EFFECT_KEEPER:
		keeper_effect(s, h, e);
		break;
	case EFFECT_LOG:
		logged(s, h, e);
		break;
	case EFFECT_READY:
		h->ready = true;
		break;
	case EFFECT_EXIT:
		host_kill(s, h);
		break;
	case EFFECT_DATAGRAM:
	case EFFECT_BEACON:
	case EFFECT_POST:
	case EFFECT_UNLINK:
	case EFFECT_TELL:
	case EFFECT_SPAWN:
	case EFFECT_KILL:
	case EFFECT_AGENT:
		never("the node keeps this to itself");
		break;
	}
}

static void arm(struct sim *s, struct host *h)
{
	if (!h->node)
		return;
	uint64_t at = node_deadline_us(h->node);
	if (at == UINT64_MAX)
		return;
	at = host_when_us(s, h, at);
	if (h->wake_at <= at && h->wake_at > s->now_us)
		return;
	h->wake_at = at;
	sim_later(s, at - s->now_us,
		  (struct happening){
			  .kind = HAPPEN_WAKE, .host = h->index, .life = h->life, .a = at});
}

static void carry_out_all(struct sim *s, struct host *h)
{
	uint64_t life = h->life;

	/* The host may end in the middle: what it asked for before that still happens. */
	for (size_t i = 0; i < outbox_count(s->outbox) && h->life == life; i++)
		carry_out(s, h, outbox_at(s->outbox, i));
	outbox_clear(s->outbox);
}

void host_tell(struct sim *s, struct host *h, struct event *e)
{
	if (!h->node)
		return;
	e->now_us = host_now_us(s, h);
	e->wall_us = host_wall_us(s, h);
	s->steps++;
	charge_begin(h);
	node_step(h->node, e, s->outbox);
	if (s->forging)
		check_forged(s, h);
	s->forging = false;
	if (!charge_turning(h))
		node_turn(h->node, e->now_us, e->wall_us, s->outbox);
	charge_end(s, h, e);
	check_step(s, h);
	ambush_look(s, h);
	carry_out_all(s, h);
	charge_alone(s, h);
	if (!charge_turning(h))
		arm(s, h);
}

void host_turn(struct sim *s, struct host *h)
{
	struct event none = {.kind = EVENT_WAKE};

	if (!h->node)
		return;
	charge_begin(h);
	node_turn(h->node, host_now_us(s, h), host_wall_us(s, h), s->outbox);
	charge_end(s, h, &none);
	check_step(s, h);
	carry_out_all(s, h);
	arm(s, h);
}

void host_start(struct sim *s, struct host *h)
{
	struct disk disk = disk_of(h);
	char why[200] = "";
	struct node_start start = {
		.config = &h->config,
		.identity = &h->identity,
		.keyring = &s->ring,
		.disk = &disk,
		.seed = rng_next(&s->rng),
		.now_us = host_now_us(s, h),
		.wall_us = host_wall_us(s, h),
		.root = s->root,
		.cards = s->cards,
		.addr = h->addr,
		.level = h->level,
	};

	if (h->node || s->now_us < h->away_until_us)
		return;
	h->life++;
	h->wake_at = UINT64_MAX;
	h->frozen_until = 0;
	h->stopped_until = 0;
	h->ready = false;
	put_u32(start.machine, h->index);
	memcpy(start.machine_boot, h->machine_boot, sizeof(start.machine_boot));
	rng_fill(&s->rng, start.random, sizeof(start.random));
	enum err err = node_open(&start, &h->node, why);
	if (err == ERR_VERSION) { /* a program too old for what a newer one left */
		struct effect said = {.kind = EFFECT_LOG,
				      .log = {.level = LOG_LEVEL_ERROR, .text = why}};

		logged(s, h, &said);
		return;
	}
	if (err != OK) {
		sim_break(s, "a node opens its own disk", "host %u did not start: %s", h->index,
			  why);
		return;
	}
	views_vary(s, h);
	truth_vary(s, h);
	struct event first = {.kind = EVENT_WAKE};
	host_tell(s, h, &first);
}

static void end(struct sim *s, struct host *h, bool silent)
{
	h->life++;
	h->wake_at = UINT64_MAX;
	h->stopped_until = 0;
	wire_host_down(s, h, silent);
	node_close(h->node);
	h->node = NULL;
	h->directed = false;
	h->led_term = 0;
	h->looked = 0;
	for (enum view v = 0; v < VIEWS; v++) {
		if (h->was_full)
			h->ver[v] = 0;
		free(h->seen[v]);
		h->seen[v] = NULL;
		h->view_sum[v] = 0;
	}
	h->was_full = h->full;
}

void host_kill(struct sim *s, struct host *h)
{
	if (!h->node)
		return;
	disk_killed(s, h);
	end(s, h, false);
	keeper_agent_gone(s, h);
}

void host_power(struct sim *s, struct host *h)
{
	if (h->node)
		end(s, h, true);
	h->life++;
	keeper_power_lost(s, h);
	disk_power_lost(s, h);
	rng_fill(&s->rng, h->machine_boot, sizeof(h->machine_boot));
	if (s->clocks_differ)
		host_set_clock(s, h);
}

void host_pause(struct sim *s, struct host *h, uint64_t for_us)
{
	if (h->node && h->stopped_until < s->now_us + for_us)
		h->stopped_until = s->now_us + for_us;
}

void host_renew(struct sim *s, struct host *h, const uint8_t seed[32])
{
	host_power(s, h);
	files_close(h->files);
	h->files = files_open();
	(void)table_take(&s->host_by_id, h->identity.id);
	identity_make(&h->identity, seed);
	enum err err = table_add(&s->host_by_id, h->identity.id, h->index - 1);
	must(err == OK);
	h->boot = h->voter_boot = 0;
	h->epoch = h->born = (struct epoch){0};
	h->full = h->was_full = false;
	for (enum view v = 0; v < VIEWS; v++) {
		h->ver[v] = 0;
		for (uint32_t i = 0; i < s->hosts; i++)
			if (s->host[i].seen[v])
				s->host[i].seen[v][h->index - 1] = (struct seen){0};
	}
}

void host_freeze(struct sim *s, struct host *h, uint64_t for_us)
{
	/* One sleep does not shorten another. */
	if (h->frozen_until < s->now_us + for_us)
		h->frozen_until = s->now_us + for_us;
	sim_later(s, for_us + THAW_US, (struct happening){.kind = HAPPEN_THAWED, .host = h->index});
}

void host_signal(struct sim *s, struct host *h, enum signal signal)
{
	struct event e = {.kind = EVENT_SIGNAL, .signal = signal};

	host_tell(s, h, &e);
}

/* --- the run --- */

void host_happens(struct sim *s, struct host *h, struct happening *what)
{
	struct event e = {.kind = EVENT_WAKE};

	switch (what->kind) {
	case HAPPEN_START:
		host_start(s, h);
		break;
	case HAPPEN_WAKE:
		if (what->a != h->wake_at)
			break; /* an earlier one was armed since, and has come */
		h->wake_at = UINT64_MAX;
		host_tell(s, h, &e);
		break;
	case HAPPEN_PACKET:
		e.kind = EVENT_PACKET;
		e.packet.door = (enum door)what->a;
		e.packet.from = what->from;
		e.packet.body = bytes_of(what->bytes, what->len);
		s->forging = what->b && h->node;
		host_tell(s, h, &e);
		break;
	case HAPPEN_DIALED:
	case HAPPEN_STREAM:
	case HAPPEN_READ:
		wire_happens(s, what);
		break;
	case HAPPEN_DISK:
		disk_happens(s, h, what);
		break;
	case HAPPEN_VERIFIED:
		e.kind = EVENT_VERIFIED;
		e.verified.token = what->a;
		e.verified.good = what->b;
		host_tell(s, h, &e);
		break;
	case HAPPEN_RESOLVED:
		e.kind = EVENT_RESOLVED;
		e.resolved.token = what->a;
		e.resolved.err = ERR_NOT_FOUND; /* nobody has a name here */
		host_tell(s, h, &e);
		break;
	case HAPPEN_TO_AGENT:
	case HAPPEN_TO_KEEPER:
	case HAPPEN_KEEPER_WAKE:
	case HAPPEN_CHILD:
		keeper_happens(s, h, what);
		break;
	case HAPPEN_THAWED:
		household_thawed(s, h);
		break;
	case HAPPEN_TURN:
		charge_turn(s, h);
		break;
	case HAPPEN_LOAD:
	case HAPPEN_PERSON:
	case HAPPEN_CHAOS:
	case HAPPEN_DAILY:
	case HAPPEN_BIRTH:
	case HAPPEN_SCRIPT:
		never("no host's business");
		break;
	}
}

/* When whom it is for is awake. */
static uint64_t back_us(const struct host *h, enum happening_kind kind)
{
	bool keepers = kind == HAPPEN_TO_KEEPER || kind == HAPPEN_KEEPER_WAKE ||
		       kind == HAPPEN_CHILD || kind == HAPPEN_THAWED;

	return !keepers && h->stopped_until > h->frozen_until ? h->stopped_until : h->frozen_until;
}

static void happens(struct sim *s, struct happening *what)
{
	if (what->kind == HAPPEN_PERSON) {
		person_happens(s);
		return;
	}
	if (what->kind == HAPPEN_LOAD) {
		load_happens(s, what);
	} else if (what->kind == HAPPEN_CHAOS) {
		chaos_happens(s, what);
	} else if (what->kind == HAPPEN_DAILY) {
		daily_happens(s, what);
	} else if (what->kind == HAPPEN_BIRTH) {
		birth_happens(s);
	} else if (what->kind == HAPPEN_SCRIPT) {
		script_happens(s, what);
	} else if (what->host == 0) {
		wire_happens(s, what);
	} else {
		struct host *h = &s->host[what->host - 1];
		if (what->life && what->life != h->life)
			return;
		uint64_t back = back_us(h, what->kind);
		if (back > s->now_us) {
			/* It sleeps: everything waits until it wakes, in order. */
			struct happening later = *what;
			if (!wire_lies_there(s, &later))
				return;
			what->bytes = NULL;
			sim_later(s, back - s->now_us, later);
			return;
		}
		if (h->charge && what->kind != HAPPEN_TURN)
			charge_wait(s, h, what);
		else
			host_happens(s, h, what);
	}
}

bool sim_run(struct sim *s, uint64_t until_us)
{
	while (!s->broken && s->queued && s->queue[0].at_us <= until_us) {
		struct happening what = queue_take(s);
		must(what.at_us >= s->now_us);
		s->now_us = what.at_us;
		happens(s, &what);
		free(what.bytes);
	}
	if (!s->broken && s->now_us < until_us)
		s->now_us = until_us;
	return !s->broken;
}

/* --- open and close --- */

static void host_make(struct sim *s, struct host *h, uint32_t index, bool scheduler)
{
	uint8_t seed[32];
	char why[CONFIG_WHY_MAX];

	h->index = index;
	h->clock_us = h->clock_from_us = s->now_us;
	h->addr = addr_v4(10, 0, (uint8_t)(index >> 8), (uint8_t)index, 8081);
	h->wake_at = UINT64_MAX;
	h->next_conn = 1;
	h->files = files_open();
	h->household = household_open();
	rng_fill(&s->rng, seed, sizeof(seed));
	identity_make(&h->identity, seed);
	rng_fill(&s->rng, h->machine_boot, sizeof(h->machine_boot));
	config_init(&h->config);
	enum err err = config_set(&h->config, "role", scheduler ? "scheduler" : "worker",
				  ORIGIN_FLAG, why);
	must(err == OK);
	snprintf(h->config.name, sizeof(h->config.name), "h%u", index);
	h->config.slots = 4;
}

struct sim *sim_open(uint64_t seed, uint32_t hosts, uint32_t schedulers)
{
	struct sim *s = calloc(1, sizeof(*s));
	uint8_t secret[32];

	must(s);
	must(hosts >= 1);
	must(hosts <= HOSTS_MAX);
	s->seed = seed;
	s->now_us = 1000000;
	s->hash = UINT64_C(14695981039346656037);
	s->delay_min_us = 100;
	s->delay_max_us = 600;
	rng_init(&s->rng, seed);
	rng_fill(&s->rng, secret, sizeof(secret));
	enum err err = keyring_make(&s->ring, "sim", secret);
	must(err == OK);
	strcpy(s->root, "/sim");
	s->outbox = outbox_open();
	s->cards = cards_open();
	s->hosts = hosts;
	s->host = calloc(hosts, sizeof(*s->host));
	s->cut = calloc((size_t)(hosts + 1) * (hosts + 1), 1);
	must(s->host);
	must(s->cut);
	table_init(&s->host_by_id, HOSTS_MAX);
	for (uint32_t i = 0; i < hosts; i++) {
		host_make(s, &s->host[i], i + 1, i < schedulers);
		err = table_add(&s->host_by_id, s->host[i].identity.id, i);
		must(err == OK);
	}
	s->truth = truth_open();
	s->reign = calloc(REIGNS, sizeof(*s->reign));
	must(s->reign);
	sim_found(s, 1);
	return s;
}

void sim_found(struct sim *s, uint32_t host)
{
	for (uint32_t i = 0; i < s->hosts; i++)
		files_drop(s->host[i].files, "founder");
	if (host)
		files_put(s->host[host - 1].files, "founder", BYTES("founder\n"));
}

void sim_close(struct sim *s)
{
	for (uint32_t i = 0; i < s->hosts; i++) {
		node_close(s->host[i].node);
		for (enum view v = 0; v < VIEWS; v++)
			free(s->host[i].seen[v]);
		files_close(s->host[i].files);
		household_close(s->host[i].household);
		charge_close(s->host[i].charge);
		free(s->host[i].ends[0].number);
		free(s->host[i].ends[1].number);
	}
	for (size_t i = 0; i < s->queued; i++)
		free(s->queue[i].bytes);
	for (size_t i = 0; i < FORGED_KEPT; i++)
		free(s->old[i].bytes);
	load_close(s);
	person_close(s);
	truth_close(s->truth);
	table_fini(&s->host_by_id);
	free(s->reign);
	outbox_close(s->outbox);
	cards_close(s->cards);
	free(s->queue);
	free(s->host);
	free(s->cut);
	free(s->stream);
	free(s->stream_free);
	free(s);
}
