/* What a test says to the stores: as their director, as a person, as another store. */
#include "test/proof/world.h"

uint64_t world_put(struct world *w, uint32_t at, const struct batch *b)
{
	struct wnode *n = &w->node[at];
	struct event e = {.kind = EVENT_TELL};
	struct buffer packed;
	uint64_t token = ++w->next_token;
	enum err err;

	must(n->store != NULL);
	buffer_init(&packed, BATCH_MAX);
	err = batch_pack(b, w->now, &packed);
	must(err == OK);
	e.tell.kind = TELL_COMMIT;
	e.tell.batch.token = token;
	e.tell.batch.epoch = n->epoch;
	e.tell.batch.batch = buffer_bytes(&packed);
	world_step(w, at, &e);
	buffer_fini(&packed);
	return token;
}

uint64_t world_commit_of(struct world *w, uint32_t at, size_t len)
{
	struct batch b;
	uint64_t token = w->next_token + 1;
	char key[16], *value;
	enum err err;

	if (w->node[at].store == NULL)
		return ++w->next_token;
	value = calloc(1, len + 64);
	must(value != NULL);
	batch_init(&b);
	snprintf(key, sizeof(key), "k%02u", (unsigned)rng_below(&w->rng, 40));
	snprintf(value, 64, "value %llu of this long life", (unsigned long long)token);
	err = batch_put(&b, bytes_str(key), bytes_of(value, len));
	must(err == OK);
	(void)world_put(w, at, &b);
	batch_fini(&b);
	free(value);
	return token;
}

uint64_t world_commit(struct world *w, uint32_t at)
{
	return world_commit_of(w, at, 40);
}

uint64_t world_fence(struct world *w, uint32_t at)
{
	struct event e = {.kind = EVENT_TELL};

	e.tell.kind = TELL_FENCE;
	e.tell.batch.token = ++w->next_token;
	world_step(w, at, &e);
	return e.tell.batch.token;
}

void world_give_up(struct world *w, uint32_t at, bool leaves)
{
	struct event e = {.kind = EVENT_TELL};

	e.tell.kind = TELL_GIVE_UP;
	e.tell.give.leaves = leaves;
	w->node[at].given = false;
	world_step(w, at, &e);
}

void world_resign(struct world *w, uint32_t at, struct id to)
{
	struct event e = {.kind = EVENT_TELL};

	e.tell.kind = TELL_RESIGN;
	e.tell.lead.who = to;
	world_step(w, at, &e);
}

void world_call(struct world *w, uint32_t at, uint8_t verb, bool acts, uint64_t facts,
		const char *const *names)
{
	struct event e = {.kind = EVENT_FRAME};
	struct call call = {.verb = verb};
	struct buffer arguments, body;
	struct pack p;
	uint32_t count = 0;
	enum err err;

	while (names[count] != NULL)
		count++;
	buffer_init(&arguments, 4096);
	buffer_init(&body, FRAME_MAX);
	pack_init(&p, &arguments);
	pack_array(&p, 3);
	pack_bool(&p, acts);
	pack_u64(&p, facts);
	pack_array(&p, count);
	for (uint32_t i = 0; i < count; i++)
		pack_str(&p, names[i]);
	call.arguments = buffer_bytes(&arguments);
	err = call_put(&call, &body);
	must(err == OK);
	memset(&w->told, 0, sizeof(w->told));
	e.frame.purpose = PURPOSE_LOCAL;
	e.frame.type = FRAME_CALL;
	e.frame.request = 1;
	e.frame.body = buffer_bytes(&body);
	world_step(w, at, &e);
	buffer_fini(&arguments);
	buffer_fini(&body);
}

void world_inject(struct world *w, uint32_t from, uint32_t to, struct message *m)
{
	const struct store *s = w->node[to].store;
	uint32_t seat = voters_find_node(&s->raft.voters, w->node[from].id);

	must(seat != VOTERS_NONE);
	m->store = s->wal.store;
	m->generation = s->wal.state.generation;
	m->from = s->raft.voters.seat[seat].voter;
	m->to = s->wal.voter;
	world_inject_birth(w, from, to, m);
}

void world_inject_birth(struct world *w, uint32_t from, uint32_t to, const struct message *m)
{
	struct buffer body;
	enum err err;

	buffer_init(&body, FRAME_MAX);
	err = message_put(m, &body);
	must(err == OK);
	world_resend(w, from, to, buffer_bytes(&body));
	buffer_fini(&body);
}
