#include "test/proof/world.h"

#include <inttypes.h>

/* ---- the queue ---- */

static bool is_before(const struct wevent *a, const struct wevent *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void queue_put(struct world *w, struct wevent *e)
{
	uint32_t i;

	e->order = w->order++;
	if (w->queued == w->queue_room) {
		w->queue_room = w->queue_room == 0 ? 256 : w->queue_room * 2;
		w->queue = realloc(w->queue, w->queue_room * sizeof(*w->queue));
		must(w->queue != NULL);
	}
	for (i = w->queued++; i > 0 && is_before(e, w->queue[(i - 1) / 2]); i = (i - 1) / 2)
		w->queue[i] = w->queue[(i - 1) / 2];
	w->queue[i] = e;
}

static void queue_copy(struct world *w, const struct wevent *e, struct bytes body)
{
	struct wevent *copy = malloc(sizeof(*copy) + body.len);

	must(copy != NULL);
	*copy = *e;
	copy->body = (uint8_t *)(copy + 1);
	copy->len = body.len;
	if (body.len > 0)
		memcpy(copy->body, body.at, body.len);
	queue_put(w, copy);
}

static struct wevent *queue_take(struct world *w)
{
	struct wevent *top = w->queue[0], *last = w->queue[--w->queued];
	uint32_t i = 0;

	for (;;) {
		uint32_t c = 2 * i + 1;

		if (c >= w->queued)
			break;
		if (c + 1 < w->queued && is_before(w->queue[c + 1], w->queue[c]))
			c++;
		if (!is_before(w->queue[c], last))
			break;
		w->queue[i] = w->queue[c];
		i = c;
	}
	if (w->queued > 0)
		w->queue[i] = last;
	return top;
}

/* ---- effects ---- */

uint32_t world_who(const struct world *w, struct id id)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (id_same(w->node[i].id, id))
			return i;
	return NODES_MAX;
}

/* Of two machines with one identity whichever answers. */
static uint32_t reach(struct world *w, struct id id)
{
	uint32_t to = world_who(w, id);

	for (uint32_t i = 0; i < w->count; i++)
		if (w->node[i].twin && id_same(w->node[i].id, id) && w->node[i].store != NULL &&
		    (w->node[to].store == NULL || rng_below(&w->rng, 2) == 0))
			to = i;
	return to;
}

/* What a store says to a person. */
static void do_answer(struct world *w, const struct effect *e)
{
	struct answer a;
	struct unpack u;
	enum err err = answer_get(e->post.body, &a);

	must(err == OK);
	w->told.came = true;
	w->told.code = a.code;
	w->told.facts = 0;
	snprintf(w->told.text, sizeof(w->told.text), "%.*s", (int)a.why.len,
		 (const char *)a.why.at);
	if (a.code == EXIT_GOOD) {
		unpack_init(&u, a.body);
		must(unpack_array(&u, 2) == 2);
		w->told.facts = unpack_u64(&u);
		unpack_str(&u, w->told.text, sizeof(w->told.text));
		must(unpack_err(&u) == OK);
	}
	if (w->loud)
		printf("[%8.3f] told code=%u \"%s\"\n", (double)w->now / 1e6, a.code, w->told.text);
}

static void do_post(struct world *w, uint32_t from, const struct effect *e)
{
	struct wevent v = {.kind = W_FRAME, .from = from, .to = reach(w, e->post.peer.id)};
	struct message m;
	enum err err = message_get(e->post.body, &m);
	int copies = 1;

	must(v.to < NODES_MAX);
	must(err == OK);
	watch_vote(w, &m);
	if (w->cut[from][v.to] || rng_below(&w->rng, 1000) < w->loss ||
	    (w->drop != NULL && w->drop(w, from, v.to, &m)))
		return;
	if (rng_below(&w->rng, 1000) < w->twice)
		copies = 2;
	while (copies-- > 0) {
		v.at = w->now + rng_between(&w->rng, w->delay_min, w->delay_max);
		queue_copy(w, &v, e->post.body);
	}
}

/* The disk does one thing after the other, in the order asked for: what is not its turn yet has not happened when the
 * process ends. */
static void do_disk(struct world *w, uint32_t at, const struct effect *e)
{
	struct wnode *n = &w->node[at];
	struct wevent v = {.kind = W_DISK, .to = at, .life = n->life, .act = e->kind};

	v.token = e->disk.token;
	v.offset = e->disk.at;
	v.wanted = e->disk.len;
	snprintf(v.name, sizeof(v.name), "%s", e->disk.file);
	snprintf(v.name_to, sizeof(v.name_to), "%s", e->kind == EFFECT_MOVE ? e->disk.to : "");
	if (n->lane_us < w->now)
		n->lane_us = w->now;
	if (e->kind != EFFECT_APPEND && e->kind != EFFECT_DROP)
		n->lane_us += rng_between(&w->rng, w->sync_min, w->sync_max) + n->slow_us;
	v.at = n->lane_us;
	queue_copy(w, &v, e->disk.body);
}

/* READ: the answer's bytes, lent from the file. */
static struct bytes read_file(struct wevent *v, const struct wfile *f)
{
	size_t from = (size_t)v->offset, len = 0;

	if (f != NULL && from < f->len)
		len = f->len - from < v->wanted ? f->len - from : v->wanted;
	v->err = f == NULL ? ERR_NOT_FOUND : OK;
	return bytes_of(f == NULL ? NULL : f->cache + from, len);
}

static struct bytes act_on_disk(struct wnode *n, struct wevent *v)
{
	bool makes = v->act == EFFECT_APPEND || v->act == EFFECT_PUT;
	struct wfile *f = shelf_find(&n->shelf, v->name, makes);

	switch ((int)v->act) {
	case EFFECT_APPEND:
		/* What found no room makes its SYNCs fail until it is written again. */
		if (n->full)
			shelf_lose(f, v->offset);
		else
			shelf_write(f, v->offset, bytes_of(v->body, v->len));
		break;
	case EFFECT_SYNC:
		if (n->full || (f != NULL && f->lost))
			v->err = ERR_NO_SPACE;
		else if (f != NULL)
			shelf_sync(f);
		break;
	case EFFECT_PUT:
		if (n->full) {
			v->err = ERR_NO_SPACE;
			break;
		}
		f->len = 0;
		shelf_write(f, 0, bytes_of(v->body, v->len));
		shelf_sync(f);
		break;
	case EFFECT_CUT:
		must(f != NULL);
		shelf_cut(f, v->offset);
		break;
	case EFFECT_DROP:
		/* What nobody waits for may come back when the power goes. */
		if (f != NULL && v->token != 0)
			shelf_clear(f);
		else if (f != NULL)
			f->removed = true;
		break;
	case EFFECT_MOVE:
		shelf_move(&n->shelf, v->name, v->name_to);
		break;
	default:
		must(v->act == EFFECT_READ);
		return read_file(v, f);
	}
	return bytes_of(NULL, 0);
}

static void hear_committed(struct world *w, const struct tell *t)
{
	if (t->batch.err == OK) {
		must(t->batch.position < INDEX_MAX);
		w->acked++;
		w->acked_at[t->batch.token % INDEX_MAX] = t->batch.position;
		if (!w->apart && w->committed[t->batch.position].term == 0)
			world_breach(w, "acknowledged before it was committed");
		return;
	}
	w->committed_err = t->batch.err;
	w->unknown += t->batch.err == ERR_UNKNOWN;
}

static void do_tell(struct world *w, uint32_t at, const struct tell *t)
{
	struct wnode *n = &w->node[at];

	if (t->kind == TELL_LEAD) {
		n->serving = t->lead.serving;
		n->apart = t->lead.apart;
		n->epoch = t->lead.epoch;
	} else if (t->kind == TELL_COMMITTED) {
		hear_committed(w, t);
	} else if (t->kind == TELL_FENCED) {
		w->fenced = t->batch.token;
		w->fenced_err = t->batch.err;
	} else if (t->kind == TELL_APPLIED) {
		if (t->batch.position <= n->applied)
			world_breach(w, "applied twice or out of order");
		n->applied = t->batch.position;
	} else if (t->kind == TELL_RESTORED) {
		n->applied = t->batch.position;
	} else if (t->kind == TELL_GIVEN_UP) {
		n->given = true;
	} else if (t->kind == TELL_FAULT) {
		n->faults++;
	}
	if (w->hear != NULL)
		w->hear(w->with, at, t);
}

static void keep_log(struct wnode *n, const char *text)
{
	size_t len = strlen(text);

	n->logs = realloc(n->logs, n->logs_len + len + 2);
	must(n->logs != NULL);
	memcpy(n->logs + n->logs_len, text, len);
	n->logs_len += len + 1;
	n->logs[n->logs_len - 1] = '\n';
	n->logs[n->logs_len] = '\0';
}

bool world_said(const struct wnode *n, const char *text)
{
	return n->logs != NULL && strstr(n->logs, text) != NULL;
}

static void drain(struct world *w, uint32_t at)
{
	struct wnode *n = &w->node[at];

	for (size_t i = 0; i < outbox_count(w->outbox); i++) {
		const struct effect *e = outbox_at(w->outbox, i);

		switch ((int)e->kind) {
		case EFFECT_POST:
			if (e->post.type == FRAME_ANSWER)
				do_answer(w, e);
			else
				do_post(w, at, e);
			break;
		case EFFECT_TELL:
			/* What it applied is committed: it is checked before it is believed. */
			watch_commit(w, at);
			do_tell(w, at, &e->tell);
			break;
		case EFFECT_LOG:
			keep_log(n, e->log.text);
			if (w->loud)
				printf("[%8.3f] %u %s\n", (double)w->now / 1e6, at, e->log.text);
			break;
		case EFFECT_EXIT:
			n->exits++;
			break;
		default:
			do_disk(w, at, e);
			break;
		}
	}
	outbox_clear(w->outbox);
}

/* ---- life ---- */

void world_step(struct world *w, uint32_t at, struct event *e)
{
	struct wnode *n = &w->node[at];

	w->steps++;
	e->now_us = w->now;
	store_step(n->store, e, w->outbox);
	/* Some turns gather more than one step. */
	if (rng_below(&w->rng, 8) == 0) {
		drain(w, at);
		n->wake_us = w->now + rng_below(&w->rng, 50);
		return;
	}
	store_turn(n->store, w->now, w->now, w->outbox);
	drain(w, at);
	watch_node(w, at);
	n->wake_us = store_deadline_us(n->store);
}

/* Of two machines with one identity the views know one. */
static uint8_t machine(const struct world *w, uint32_t at)
{
	return (uint8_t)(world_who(w, w->node[at].id) + 1);
}

void world_tell_member(struct world *w, uint32_t to, uint32_t about, enum member_state state)
{
	struct event e = {.kind = EVENT_TELL};
	struct wnode *n = &w->node[about];
	struct facts facts = {.id = n->id, .boot = n->life};

	if (w->node[to].store == NULL || id_same(n->id, w->node[to].id))
		return;
	facts.roles = n->scheduler ? ROLE_SCHEDULER : ROLE_WORKER;
	facts.machine[0] = machine(w, about);
	snprintf(facts.name, sizeof(facts.name), "n%u", about);
	facts.addr = addr_v4(10, 0, 0, machine(w, about), 8081);
	e.tell.kind = TELL_MEMBER;
	e.tell.member.state = state;
	e.tell.member.facts = &facts;
	e.tell.member.view = VIEW_ALL;
	world_step(w, to, &e);
	if (n->scheduler && w->node[to].scheduler) {
		e.tell.member.view = VIEW_SCHEDULERS;
		world_step(w, to, &e);
	}
}

static enum member_state state_of(const struct world *w, uint32_t at)
{
	const struct wnode *n = &w->node[at];

	return n->left ? MEMBER_LEFT : n->store == NULL ? MEMBER_DEAD : MEMBER_ALIVE;
}

bool world_start(struct world *w, uint32_t at, char why[200])
{
	struct wnode *n = &w->node[at];
	struct store_config cfg = w->base;
	struct disk disk = shelf_disk(&n->shelf);

	must(n->store == NULL);
	cfg.self = n->id;
	cfg.roles = n->scheduler ? ROLE_SCHEDULER : ROLE_WORKER;
	cfg.founder = n->founder;
	if (n->late) /* what is set where a cluster begins is not copied to who joins it */
		cfg.bootstrap_expect = 0;
	cfg.machine[0] = machine(w, at);
	cfg.keyring = &w->keys;
	cfg.seed = rng_next(&w->rng);
	n->life++;
	n->down_us = 0;
	n->told_down = false;
	n->applied = 0;
	n->checked = 0;
	n->seen = n->seen_term = 0;
	n->serving = false;
	n->store = store_open(&cfg, &disk, w->now, why);
	if (n->store == NULL) {
		n->down_us = w->now;
		return false;
	}
	n->wake_us = w->now;
	for (uint32_t i = 0; i < w->count; i++) {
		if (i == at)
			continue;
		if (!w->node[i].twin)
			world_tell_member(w, at, i, state_of(w, i));
		world_tell_member(w, i, at, MEMBER_ALIVE);
	}
	return true;
}

void world_up(struct world *w, uint32_t at)
{
	char why[200] = "";

	if (w->node[at].store != NULL || world_start(w, at, why))
		return;
	if (!w->quiet)
		fprintf(stderr, "seed %llu: node %u did not start: %s\n",
			(unsigned long long)w->seed, at, why);
	world_breach(w, "a node did not start");
}

void world_stop(struct world *w, uint32_t at)
{
	struct wnode *n = &w->node[at];

	if (n->store == NULL)
		return;
	store_close(n->store);
	n->store = NULL;
	n->serving = false;
	n->paused_us = 0;
	n->lane_us = 0;
	shelf_forgive(&n->shelf);
	n->down_us = w->now;
}

void world_kill(struct world *w, uint32_t at)
{
	if (w->node[at].store == NULL)
		return;
	world_stop(w, at);
	shelf_crash(&w->node[at].shelf, &w->rng);
}

void world_twin(struct world *w, uint32_t at, uint32_t of)
{
	struct wnode *n = &w->node[at];

	world_stop(w, at);
	n->id = w->node[of].id;
	n->scheduler = w->node[of].scheduler;
	n->twin = true;
	shelf_copy(&n->shelf, &w->node[of].shelf);
	watch_forget(w, at);
}

void world_wipe(struct world *w, uint32_t at)
{
	world_kill(w, at);
	for (int i = 0; i < FILES_MAX; i++)
		if (strcmp(w->node[at].shelf.file[i].name, "store-born") != 0)
			shelf_clear(&w->node[at].shelf.file[i]);
	w->node[at].wiped = true;
	watch_forget(w, at);
}

void world_pause(struct world *w, uint32_t at, uint64_t us)
{
	if (w->node[at].store != NULL && w->node[at].paused_us < w->now + us)
		w->node[at].paused_us = w->now + us;
}

void world_cut(struct world *w, uint32_t at, bool in, bool out)
{
	for (uint32_t i = 0; i < w->count; i++) {
		w->cut[i][at] |= in && i != at;
		w->cut[at][i] |= out && i != at;
	}
}

void world_heal(struct world *w)
{
	memset(w->cut, 0, sizeof(w->cut));
}

/* True when the event is done with; else it waits for a node that stands still. */
static bool deliver(struct world *w, struct wevent *v)
{
	struct wnode *n = &w->node[v->to];
	struct event e = {.kind = EVENT_WAKE};

	if (n->store == NULL || (v->kind != W_FRAME && v->life != n->life))
		return true;
	if (v->kind == W_FRAME && w->cut[v->from][v->to])
		return true;
	if (n->paused_us > w->now) {
		v->at = n->paused_us;
		queue_put(w, v);
		return false;
	}
	if (v->kind == W_FRAME) {
		e.kind = EVENT_FRAME;
		e.frame.peer.id = w->node[v->from].id;
		e.frame.purpose = PURPOSE_STORE;
		e.frame.type = FRAME_STORE;
		e.frame.body = bytes_of(v->body, v->len);
	} else {
		struct bytes read = act_on_disk(n, v);

		if (v->token == 0)
			return true;
		e.kind = v->act == EFFECT_READ ? EVENT_READ : EVENT_DISK;
		if (e.kind == EVENT_READ) {
			e.read.token = v->token;
			e.read.err = v->err;
			e.read.body = read;
		} else {
			e.disk.token = v->token;
			e.disk.err = v->err;
		}
	}
	world_step(w, v->to, &e);
	return true;
}

/* The views notice after two seconds. */
static void notice(struct world *w)
{
	for (uint32_t i = 0; i < w->count; i++) {
		struct wnode *n = &w->node[i];

		if (n->store != NULL || n->told_down || n->life == 0 || n->twin ||
		    n->down_us + 2000 * MS > w->now)
			continue;
		n->told_down = true;
		for (uint32_t k = 0; k < w->count; k++)
			if (k != i)
				world_tell_member(w, k, i, state_of(w, i));
	}
}

static uint64_t wakes_at(const struct wnode *n)
{
	if (n->store == NULL)
		return UINT64_MAX;
	return n->wake_us > n->paused_us ? n->wake_us : n->paused_us;
}

void world_run(struct world *w, uint64_t us)
{
	uint64_t until = w->now + us, views = 0;

	while (w->breach == NULL) {
		uint64_t at = w->queued > 0 ? w->queue[0]->at : UINT64_MAX;
		uint32_t who = NODES_MAX;

		for (uint32_t i = 0; i < w->count; i++)
			if (wakes_at(&w->node[i]) < at) {
				at = wakes_at(&w->node[i]);
				who = i;
			}
		if (at > until)
			break;
		/* A deadline in the past means now; time always moves. */
		w->now = at > w->now ? at : w->now + (who < NODES_MAX);
		if (who < NODES_MAX) {
			struct event e = {.kind = EVENT_WAKE};

			world_step(w, who, &e);
		} else {
			struct wevent *v = queue_take(w);

			if (deliver(w, v))
				free(v);
		}
		if (w->now > views) {
			notice(w);
			views = w->now + 100 * MS;
		}
	}
	if (w->now < until)
		w->now = until;
	notice(w);
}

void world_resend(struct world *w, uint32_t from, uint32_t to, struct bytes frame)
{
	struct wevent v = {.kind = W_FRAME, .from = from, .to = to, .at = w->now};

	queue_copy(w, &v, frame);
}

uint32_t world_server(const struct world *w)
{
	uint32_t best = NODES_MAX;

	for (uint32_t i = 0; i < w->count; i++)
		if (w->node[i].store != NULL && w->node[i].serving &&
		    (best == NODES_MAX || epoch_cmp(w->node[i].epoch, w->node[best].epoch) > 0))
			best = i;
	return best;
}

bool world_is_acked(const struct world *w, uint64_t token)
{
	return w->acked_at[token % INDEX_MAX] != 0;
}

static void show_node(const struct world *w, uint32_t at)
{
	static const char *const roles[] = {"follower", "precandidate", "candidate", "leader"};
	const struct store *s = w->node[at].store;
	const struct raft *r = &s->raft;

	printf("%2u %-12s term %" PRIu64 " log %" PRIu64 "-%" PRIu64 " commit %" PRIu64
	       " stored %" PRIu64 " verified %" PRIu64 " applied %" PRIu64 " boot %" PRIu64
	       "%s%s%s set %" PRIu64 ":",
	       at, roles[r->role], raft_term(r), r->log.base, log_last(&r->log), r->commit,
	       r->stored, r->verified, s->applied, s->wal.state.boot, s->awake ? "" : " asleep",
	       s->full ? " full" : "", w->node[at].scheduler ? "" : " worker", r->voters_index);
	for (uint32_t i = 0; i < r->voters.count; i++) {
		const struct seat *seat = &r->voters.seat[i];
		uint32_t who = world_who(w, seat->node);
		bool same = who < NODES_MAX && w->node[who].store != NULL &&
			    id_same(w->node[who].store->wal.voter, seat->voter);

		printf(" %u%s%s", who, seat->votes ? "" : "-", same ? "" : "?");
	}
	printf("\n");
}

void world_show(const struct world *w)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (w->node[i].store != NULL)
			show_node(w, i);
		else
			printf("%2u down%s\n", i, w->node[i].left ? ", left" : "");
}

/* ---- opening ---- */

struct world *world_open(uint64_t seed, uint32_t count, uint32_t schedulers)
{
	struct world *w = calloc(1, sizeof(*w));
	uint8_t secret[32] = {7};
	enum err err;

	must(w != NULL);
	must(count <= NODES_MAX);
	w->seed = seed;
	rng_init(&w->rng, seed);
	w->now = 1000000;
	w->count = count;
	w->delay_min = 100;
	w->delay_max = 1000;
	w->sync_min = 50;
	w->sync_max = 300;
	w->loud = getenv("WORLD_LOG") != NULL;
	w->outbox = outbox_open();
	w->committed = calloc(INDEX_MAX, sizeof(*w->committed));
	w->fact_at = calloc(INDEX_MAX, sizeof(*w->fact_at));
	w->map_crc = calloc(INDEX_MAX, sizeof(*w->map_crc));
	w->acked_at = calloc(INDEX_MAX, sizeof(*w->acked_at));
	must(w->committed != NULL && w->fact_at != NULL);
	must(w->map_crc != NULL && w->acked_at != NULL);
	err = keyring_make(&w->keys, "test", secret);
	must(err == OK);
	for (uint32_t i = 0; i < count; i++) {
		w->node[i].id.b[0] = (uint8_t)(i + 1);
		w->node[i].id.b[15] = 1;
		w->node[i].scheduler = i < schedulers;
	}
	w->base.heartbeat_ms = 50;
	w->base.wal_file = 16384;
	w->base.snapshot_every = 6000;
	return w;
}

void world_close(struct world *w)
{
	for (uint32_t i = 0; i < w->count; i++) {
		store_close(w->node[i].store);
		free(w->node[i].logs);
		shelf_fini(&w->node[i].shelf);
		shelf_fini(&w->node[i].backup);
	}
	while (w->queued > 0)
		free(queue_take(w));
	free(w->queue);
	free(w->facts);
	free(w->fact_at);
	free(w->committed);
	free(w->map_crc);
	free(w->acked_at);
	outbox_close(w->outbox);
	free(w);
}
