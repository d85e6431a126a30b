#include "test/proof/client.h"

#define THINK_US   (60 * MS)
#define AGAIN_US   (900 * MS)
#define GIVE_UP_US (6000 * MS)

static struct bytes row_name(char out[16], uint32_t session)
{
	snprintf(out, 16, "s/%02u", (unsigned)session);
	return bytes_str(out);
}

static struct bytes place_name(char out[16], uint64_t place)
{
	snprintf(out, 16, "q/%08x", (unsigned)place);
	return bytes_str(out);
}

/* ---- the desk ---- */

static bool find_first(const struct kv *map, struct bytes *key, struct bytes *value)
{
	return kv_next(map, bytes_str("q/"), key, value) == OK && key->len > 2 &&
	       memcmp(key->at, "q/", 2) == 0;
}

static uint64_t place_of(struct bytes key)
{
	char text[16] = "";

	must(key.len < sizeof(text));
	memcpy(text, key.at, key.len);
	return strtoull(text + 2, NULL, 16);
}

/* What the map holds is where he begins. */
static void open_desk(struct client *c, uint32_t at, struct epoch epoch)
{
	const struct kv *map = store_map(c->world->node[at].store);
	struct desk *d = &c->desk[at];
	struct bytes key = bytes_str("q/"), value;

	*d = (struct desk){.open = true, .epoch = epoch};
	if (find_first(map, &key, &value))
		d->head = d->tail = place_of(key);
	while (kv_next(map, key, &key, &value) == OK && key.len > 2 && memcmp(key.at, "q/", 2) == 0)
		d->tail = place_of(key);
	if (d->tail > 0)
		d->tail++;
	else
		d->head = d->tail = 1;
}

/* The row of the client says what it was told last. */
static bool knows(const struct kv *map, uint32_t session, uint32_t op)
{
	struct bytes value;
	char name[16];

	return kv_get(map, row_name(name, session), &value) == OK && value.len == 16 &&
	       get_u64(value.at) == op;
}

static void put_row(struct batch *b, uint32_t session, uint32_t op, uint64_t told)
{
	uint8_t row[16];
	char name[16];
	enum err err;

	put_u64(row, op);
	put_u64(row + 8, told);
	err = batch_put(b, row_name(name, session), bytes_of(row, sizeof(row)));
	must(err == OK);
}

/* What stands at a place: applied, or under way in one of the clients' puts. */
static uint64_t value_at(const struct client *c, uint32_t at, uint64_t place)
{
	const struct kv *map = store_map(c->world->node[at].store);
	struct bytes value;
	char name[16];

	if (kv_get(map, place_name(name, place), &value) != OK || value.len != 8)
		return 0;
	return get_u64(value.at);
}

/* The batch of a wish; false: there is nothing to change. */
static bool compute(struct client *c, uint32_t at, uint32_t session, uint32_t op, struct batch *b)
{
	const struct op *wish = &c->history.ops[op];
	struct desk *d = &c->desk[at];
	uint64_t value = wish->value;
	uint8_t bytes[8];
	char name[16];
	enum err err = OK;

	put_u64(bytes, value);
	if (wish->kind == OP_WRITE) {
		err = batch_put(b, bytes_str("r"), bytes_of(bytes, 8));
	} else if (wish->kind == OP_PUT) {
		err = batch_put(b, place_name(name, d->tail), bytes_of(bytes, 8));
		d->tail++;
	} else {
		must(wish->kind == OP_TAKE);
		value = d->head < d->tail ? value_at(c, at, d->head) : 0;
		if (value == 0)
			return false;
		err = batch_drop(b, place_name(name, d->head));
		d->head++;
	}
	must(err == OK);
	put_row(b, session, op, value);
	return true;
}

static struct flight *free_flight(struct client *c)
{
	for (uint32_t i = 0; i < FLIGHTS; i++)
		if (c->flight[i].token == 0)
			return &c->flight[i];
	return NULL;
}

static struct flight *find_flight(struct client *c, uint64_t token, uint32_t at)
{
	for (uint32_t i = 0; i < FLIGHTS && token != 0; i++)
		if (c->flight[i].token == token && c->flight[i].at == at)
			return &c->flight[i];
	return NULL;
}

/* ---- answers ---- */

/* The client hears; a late answer to a wish given up says nothing. */
static void end(struct client *c, uint32_t session, uint32_t op)
{
	struct session *s = &c->session[session];

	if (!s->busy || s->op != op)
		return;
	history_end(&c->history, op);
	s->busy = false;
	s->again_us = c->world->now + rng_below(&c->world->rng, THINK_US);
	c->done++;
}

/* A question's answer is read from the map as it is when the fence is answered. */
static void answer(struct client *c, uint32_t session, uint32_t op, uint32_t at)
{
	const struct store *store = c->world->node[at].store;
	struct session *s = &c->session[session];
	struct op *wish = &c->history.ops[op];
	struct bytes key, value;

	if (!s->busy || s->op != op)
		return;
	if (wish->kind == OP_TAKE) {
		/* Filled since: it is asked again, as a wish to take. */
		if (find_first(store_map(store), &key, &value) || wish->position != 0)
			return;
	} else {
		bool there = kv_get(store_map(store), bytes_str("r"), &value) == OK;

		wish->value = there && value.len == 8 ? get_u64(value.at) : 0;
	}
	wish->position = store->applied;
	end(c, session, op);
}

static void hear_answer(struct client *c, uint32_t at, const struct tell *t)
{
	struct flight *f = find_flight(c, t->batch.token, at);
	struct flight was;
	struct desk *d = &c->desk[at];

	if (f == NULL)
		return;
	was = *f;
	*f = (struct flight){0};
	if (t->kind == TELL_FENCED) {
		if (t->batch.err == OK)
			answer(c, was.session, was.op, at);
		return;
	}
	if (d->open && epoch_cmp(d->epoch, was.epoch) == 0) {
		d->flights--;
		d->under_way[was.session] = 0;
		d->stale |= t->batch.err != OK;
	}
	if (t->batch.err != OK)
		return;
	if (c->history.ops[was.op].position != t->batch.position)
		world_breach(c->world, "an acknowledged wish was applied elsewhere");
	end(c, was.session, was.op);
}

/* Whatever is applied anywhere tells where a wish took effect. */
static void hear_applied(struct client *c, const struct tell *t)
{
	struct batch_reader r;
	struct bytes key, value;
	bool drop;

	if (batch_open(t->batch.batch, &r) != OK)
		return;
	while (batch_next(&r, &key, &value, &drop) == OK) {
		struct op *op;

		if (key.len < 2 || memcmp(key.at, "s/", 2) != 0 || value.len != 16)
			continue;
		must(get_u64(value.at) < c->history.count);
		op = &c->history.ops[get_u64(value.at)];
		if (op->position != 0 && op->position != t->batch.position)
			world_breach(c->world, "one wish took effect twice");
		op->position = t->batch.position;
		op->value = get_u64(value.at + 8);
	}
}

static void hear(void *with, uint32_t at, const struct tell *t)
{
	struct client *c = with;

	if (t->kind == TELL_APPLIED) {
		hear_applied(c, t);
	} else if (t->kind == TELL_COMMITTED || t->kind == TELL_FENCED) {
		hear_answer(c, at, t);
	} else if (t->kind == TELL_LEAD) {
		if (!t->lead.serving)
			c->desk[at].open = false;
		else if (!c->desk[at].open || epoch_cmp(c->desk[at].epoch, t->lead.epoch) != 0)
			open_desk(c, at, t->lead.epoch);
	}
}

/* ---- wishes ---- */

/* Any that says it serves: an old one, too. */
static uint32_t some_server(struct world *w)
{
	uint32_t found = NODES_MAX, count = 0;

	for (uint32_t i = 0; i < w->count; i++)
		if (w->node[i].store != NULL && w->node[i].serving &&
		    w->node[i].paused_us <= w->now && rng_below(&w->rng, ++count) == 0)
			found = i;
	return found;
}

static void take_off(struct client *c, uint32_t session, uint32_t at, uint64_t token)
{
	struct flight *f = free_flight(c);

	must(f != NULL);
	*f = (struct flight){.token = token,
			     .session = session,
			     .op = c->session[session].op,
			     .at = at,
			     .life = c->world->node[at].life,
			     .epoch = c->desk[at].epoch};
}

static void ask_question(struct client *c, uint32_t session, uint32_t at)
{
	take_off(c, session, at, c->world->next_token + 1);
	world_fence(c->world, at);
}

static void ask_change(struct client *c, uint32_t session, uint32_t at)
{
	struct desk *d = &c->desk[at];
	uint32_t op = c->session[session].op;
	struct batch b;

	if (d->stale && d->flights == 0)
		open_desk(c, at, d->epoch);
	if (d->stale || d->under_way[session] != 0)
		return;
	batch_init(&b);
	if (compute(c, at, session, op, &b)) {
		d->flights++;
		d->under_way[session] = op + 1;
		take_off(c, session, at, c->world->next_token + 1);
		world_put(c->world, at, &b);
	} else if (d->flights == 0) {
		ask_question(c, session, at);
	}
	batch_fini(&b);
}

static void ask(struct client *c, uint32_t session)
{
	struct world *w = c->world;
	struct session *s = &c->session[session];
	uint32_t at = some_server(w), free = 0;

	s->again_us = w->now + rng_between(&w->rng, AGAIN_US / 4, AGAIN_US);
	for (uint32_t i = 0; i < FLIGHTS; i++)
		free += c->flight[i].token == 0;
	if (at == NODES_MAX || !c->desk[at].open || free < 8)
		return;
	if (knows(store_map(w->node[at].store), session, s->op))
		end(c, session, s->op);
	else if (c->history.ops[s->op].kind == OP_READ)
		ask_question(c, session, at);
	else
		ask_change(c, session, at);
}

static void wish(struct client *c, uint32_t session)
{
	struct session *s = &c->session[session];
	enum op_kind kind = (enum op_kind)rng_below(&c->world->rng, 4);
	uint32_t op = c->history.count;

	s->busy = true;
	s->op = history_begin(&c->history, kind, kind == OP_WRITE || kind == OP_PUT ? op + 1 : 0);
	s->began_us = c->world->now;
}

void client_act(struct client *c)
{
	struct world *w = c->world;

	/* What a node that is down owed is owed no more. */
	for (uint32_t i = 0; i < FLIGHTS; i++)
		if (c->flight[i].life != w->node[c->flight[i].at].life ||
		    w->node[c->flight[i].at].store == NULL)
			c->flight[i] = (struct flight){0};
	for (uint32_t i = 0; i < w->count; i++)
		c->desk[i].open &= w->node[i].store != NULL;
	for (uint32_t i = 0; i < SESSIONS; i++) {
		struct session *s = &c->session[i];

		if (s->busy && s->began_us + GIVE_UP_US <= w->now) {
			s->busy = false;
			c->given_up++;
		}
		if (s->again_us > w->now || (!s->busy && c->resting))
			continue;
		if (!s->busy)
			wish(c, i);
		ask(c, i);
	}
}

void client_check(struct client *c)
{
	const char *bad;

	if (c->world->breach != NULL)
		return;
	bad = history_check(&c->history);
	if (bad != NULL)
		world_breach(c->world, bad);
}

void client_init(struct client *c, struct world *w)
{
	*c = (struct client){.world = w};
	w->hear = hear;
	w->with = c;
}

void client_fini(struct client *c)
{
	history_fini(&c->history);
}
