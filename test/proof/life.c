#include "test/proof/life.h"

#include "test/proof/client.h"

enum { SPARES = 2, FAULTS_MS = 10000, CALM_MS = 12000 };

struct life {
	struct world *w;
	uint32_t odd; /* whose disk is not what it was; NODES_MAX: nobody's */
	uint64_t twin_until;
	struct client client;
	struct lives *sum;
};

static void say(const struct world *w, const char *what, uint32_t at)
{
	if (w->loud)
		printf("[%8.3f] ---- %s %u\n", (double)w->now / 1e6, what, at);
}

/* ---- what may be lost for good ---- */

static bool sits(const struct world *w, const struct seat *seat)
{
	uint32_t at = world_who(w, seat->node);
	const struct wnode *n;

	if (at == NODES_MAX)
		return false;
	n = &w->node[at];
	return n->store != NULL && id_same(n->store->wal.voter, seat->voter) && !n->full &&
	       n->paused_us <= w->now;
}

/* All voters are well, know the set and can be reached: one of them may be lost for good, and the set is still one that
 * has a majority. */
static bool is_whole(const struct world *w)
{
	uint32_t server = world_server(w);
	const struct raft *r;

	if (server == NODES_MAX)
		return false;
	for (uint32_t i = 0; i < w->count; i++)
		for (uint32_t k = 0; k < w->count; k++)
			if (w->cut[i][k])
				return false;
	r = &w->node[server].store->raft;
	if (!raft_is_sure(r) || r->voters_index > r->commit || voters_count(&r->voters) < 3)
		return false;
	for (uint32_t i = 0; i < r->voters.count; i++)
		if (r->voters.seat[i].votes && !sits(w, &r->voters.seat[i]))
			return false;
	for (uint32_t i = 0; i < r->follower_count; i++)
		if (voters_votes(&r->voters, r->followers[i].voter) &&
		    r->followers[i].match < r->voters_index)
			return false;
	return true;
}

static void lose_disk(struct life *l, uint32_t at)
{
	struct world *w = l->w;

	if (l->odd != NODES_MAX || !is_whole(w) || w->node[at].store == NULL)
		return;
	say(w, "disk lost", at);
	l->sum->disks_lost++;
	world_wipe(w, at);
	world_up(w, at);
}

/* It asks what becomes of its vote, and ends when it was told, or after long. */
static void end_in_order(struct life *l, uint32_t at, bool leaves)
{
	struct world *w = l->w;
	struct wnode *n = &w->node[at];

	if (n->store == NULL || n->twin || at == l->odd || n->paused_us > w->now)
		return;
	say(w, leaves ? "leaves" : "stops in order", at);
	l->sum->orderly++;
	world_give_up(w, at, leaves);
	for (int i = 0; i < 60 && !n->given && w->breach == NULL; i++) {
		client_act(&l->client);
		world_run(w, 100 * MS);
	}
	if (!n->given && w->breach == NULL)
		world_breach(w, "nobody said what became of a vote that was given up");
	world_stop(w, at);
}

/* One goes for good, but never the last but two schedulers. */
static void leave(struct life *l, uint32_t at)
{
	struct world *w = l->w;
	uint32_t schedulers = 0;

	for (uint32_t i = 0; i < w->count; i++)
		schedulers += w->node[i].scheduler && !w->node[i].left && w->node[i].life > 0;
	if (l->odd != NODES_MAX || !is_whole(w) || w->node[at].left || w->node[at].life == 0 ||
	    (w->node[at].scheduler && schedulers <= 2))
		return;
	l->sum->left++;
	if (rng_below(&w->rng, 2) == 0)
		end_in_order(l, at, true);
	world_kill(w, at);
	say(w, "left", at);
	w->node[at].left = true;
}

/* ---- a disk put back, a disk copied ---- */

static const struct seat *seat_of(const struct world *w, uint32_t at)
{
	const struct voters *v = &w->node[world_server(w)].store->raft.voters;
	uint32_t place = voters_find(v, w->node[at].store->wal.voter);

	return place == VOTERS_NONE ? NULL : &v->seat[place];
}

static void back_up(struct life *l)
{
	for (uint32_t i = 0; i < l->w->count; i++) {
		struct wnode *n = &l->w->node[i];

		/* Who was the only voter then needs nobody to lead again (test/README.md). */
		if (n->store == NULL || n->twin || !n->store->awake || n->backup_boot != 0 ||
		    voters_count(&n->store->raft.voters) < 3)
			continue;
		shelf_copy(&n->backup, &n->shelf);
		n->backup_boot = n->store->wal.state.boot;
		n->backup_voter = n->store->wal.voter;
		n->backup_set = n->store->raft.voters;
	}
}

/* Who was dismissed since may not know it: with the one that is put back it could be an old majority. */
static bool same_votes(const struct voters *then, const struct voters *now)
{
	for (uint32_t i = 0; i < then->count; i++)
		if (voters_votes(then, then->seat[i].voter) !=
		    voters_votes(now, then->seat[i].voter))
			return false;
	return voters_count(then) == voters_count(now);
}

/* What was kept of a voter's earlier start is put back; it has started since, and that is recorded. One at a time, and it is
 * let alone until it noticed: a count that rises with every further start would pass the recorded one. */
static void put_back(struct life *l, uint32_t at)
{
	struct world *w = l->w;
	struct wnode *n = &w->node[at];
	const struct seat *seat;

	if (n->backup_boot == 0 || n->store == NULL || l->odd != NODES_MAX || !is_whole(w) ||
	    !id_same(n->backup_voter, n->store->wal.voter))
		return;
	seat = seat_of(w, at);
	if (seat == NULL || seat->boot <= n->backup_boot ||
	    !same_votes(&n->backup_set, &n->store->raft.voters))
		return;
	say(w, "disk put back", at);
	l->sum->put_back++;
	l->odd = at;
	watch_doubt(w, n->backup_voter);
	watch_forget(w, at);
	world_stop(w, at);
	shelf_copy(&n->shelf, &n->backup);
	n->backup_boot = 0;
	world_up(w, at);
}

/* A machine with a copy of a voter's disk is started beside it, by mistake, and stopped after a while. */
static void copy(struct life *l, uint32_t of)
{
	struct world *w = l->w;
	uint32_t at = w->count - 1;

	if (l->odd != NODES_MAX || w->node[of].store == NULL || w->node[at].life > 0 ||
	    !is_whole(w) || seat_of(w, of) == NULL)
		return;
	say(w, "disk copied", of);
	l->sum->copied++;
	l->odd = of;
	watch_doubt(w, w->node[of].store->wal.voter);
	world_stop(w, of);
	world_twin(w, at, of);
	world_up(w, of);
	world_up(w, at);
	l->twin_until = w->now + rng_between(&w->rng, 100, 3000) * MS;
}

static void stop_copy(struct world *w, uint32_t at)
{
	say(w, "copy stopped", at);
	world_stop(w, at);
	w->node[at].left = true;
}

/* Whether the odd one has noticed, or its very start is the one that is recorded. Until then nothing else is broken: of two
 * copies that nobody recorded yet, each with its own majority, no store could tell the true one. */
static void settle_odd(struct life *l)
{
	struct world *w = l->w;
	uint32_t last = w->count - 1;
	const struct seat *seat;

	if (w->node[last].twin && !w->node[last].left && l->twin_until <= w->now)
		stop_copy(w, last);
	if (l->odd == NODES_MAX || w->node[l->odd].store == NULL || !is_whole(w) ||
	    (w->node[last].twin && !w->node[last].left))
		return;
	seat = seat_of(w, l->odd);
	for (uint32_t i = 0; i < w->forgetful_count; i++)
		if (id_same(w->forgetful[i], w->node[l->odd].store->wal.voter) &&
		    (seat == NULL || seat->boot != w->node[l->odd].store->wal.state.boot ||
		     seat->nonce != w->node[l->odd].store->raft.nonce))
			return;
	l->odd = NODES_MAX;
}

static void join(struct life *l)
{
	struct world *w = l->w;

	for (uint32_t i = 0; i < w->count; i++)
		if (w->node[i].life == 0) {
			say(w, "joins", i);
			l->sum->joined++;
			world_up(w, i);
			return;
		}
}

/* ---- faults ---- */

static void up(struct world *w, uint32_t at)
{
	if (!w->node[at].left && w->node[at].life > 0)
		world_up(w, at);
}

static void cut_some(struct world *w)
{
	bool side[NODES_MAX], one_way = rng_below(&w->rng, 4) == 0;

	say(w, one_way ? "cut one way" : "cut", 0);
	for (uint32_t i = 0; i < w->count; i++)
		side[i] = rng_below(&w->rng, 2) == 0;
	for (uint32_t i = 0; i < w->count; i++)
		for (uint32_t k = 0; k < w->count; k++)
			w->cut[i][k] = side[i] != side[k] && (!one_way || i < k);
}

/* Everybody's link to a node breaks, and some doubt it: perhaps wrongly. */
static void accuse(struct world *w, uint32_t of)
{
	for (uint32_t i = 0; i < w->count; i++) {
		struct event e = {.kind = EVENT_LINK};

		if (i == of || w->node[i].store == NULL || w->node[i].paused_us > w->now)
			continue;
		e.link.peer.id = w->node[of].id;
		e.link.purpose = PURPOSE_STORE;
		e.link.broken = true;
		world_step(w, i, &e);
		if (w->node[of].store != NULL)
			world_tell_member(w, i, of,
					  rng_below(&w->rng, 2) == 0 ? MEMBER_SUSPECT
								     : MEMBER_ALIVE);
	}
}

/* It is let alone. */
static bool is_odd(const struct life *l, uint32_t at)
{
	return at == l->odd || l->w->node[at].twin;
}

static void kill_half(struct life *l)
{
	for (uint32_t i = 0; i < l->w->count; i++)
		if (rng_below(&l->w->rng, 2) == 0 && !is_odd(l, i))
			world_kill(l->w, i);
}

static void kill_all(struct life *l)
{
	for (uint32_t i = 0; i < l->w->count; i++) {
		if (is_odd(l, i))
			continue;
		world_kill(l->w, i);
		up(l->w, i);
	}
}

static void slow_down(struct world *w, uint32_t at)
{
	struct wnode *n = &w->node[at];

	n->slow_us = n->slow_us > 0 ? 0 : rng_between(&w->rng, 20, 700) * MS;
	say(w, n->slow_us > 0 ? "slow disk" : "fast disk", at);
}

static void crash(struct life *l, uint32_t at, bool power)
{
	struct world *w = l->w;

	if (is_odd(l, at))
		return;
	say(w, power ? "power lost" : "killed", at);
	if (power)
		world_kill(w, at);
	else
		world_stop(w, at);
}

static void fault_of_leader(struct life *l, uint32_t leader)
{
	struct world *w = l->w;

	switch (rng_below(&w->rng, 6)) {
	case 0:
	case 1:
		crash(l, leader, true);
		break;
	case 2:
		say(w, "cut one way: the leader", leader);
		if (rng_below(&w->rng, 2) == 0)
			world_cut(w, leader, true, false);
		else
			world_cut(w, leader, false, true);
		break;
	case 3:
		say(w, "pause", leader);
		world_pause(w, leader, rng_between(&w->rng, 100, 1500) * MS);
		break;
	case 4:
		slow_down(w, leader);
		break;
	default:
		say(w, "resigns", leader);
		world_resign(w, leader, id_none);
		break;
	}
}

static void fault(struct life *l)
{
	struct world *w = l->w;
	uint32_t at = (uint32_t)rng_below(&w->rng, w->count);
	uint32_t leader = world_server(w);
	bool power = rng_below(&w->rng, 3) > 0;

	switch (rng_below(&w->rng, 34)) {
	case 0:
	case 1:
		crash(l, at, power);
		break;
	case 2:
	case 3:
	case 4:
		if (leader < NODES_MAX && w->node[leader].paused_us <= w->now)
			fault_of_leader(l, leader);
		break;
	case 5:
		kill_half(l);
		break;
	case 6:
	case 7:
		cut_some(w);
		break;
	case 8:
	case 9:
		world_heal(w);
		break;
	case 10:
		w->node[at].full = !w->node[at].full;
		break;
	case 11:
	case 12:
		/* Back at once, in the same term. */
		crash(l, at, power);
		up(w, at);
		break;
	case 13:
		kill_all(l);
		break;
	case 14:
		accuse(w, at);
		break;
	case 15:
	case 16:
		lose_disk(l, at);
		break;
	case 17:
		world_pause(w, at, rng_between(&w->rng, 50, 1500) * MS);
		break;
	case 18:
		slow_down(w, at);
		break;
	case 19:
		leave(l, at);
		break;
	case 20:
	case 21:
		join(l);
		break;
	case 23:
		back_up(l);
		break;
	case 24:
	case 25:
		for (uint32_t i = 0; i < w->count; i++)
			put_back(l, (at + i) % w->count);
		break;
	case 26:
		copy(l, at);
		break;
	case 27:
		end_in_order(l, at, false);
		break;
	case 22:
		world_heal(w);
		for (uint32_t i = 0; i < w->count; i++)
			up(w, i);
		break;
	default:
		up(w, at);
		break;
	}
}

static void heal(struct world *w)
{
	say(w, "calm", 0);
	world_heal(w);
	w->loss = w->twice = 0;
	for (uint32_t i = 0; i < w->count; i++)
		w->node[i].full = false;
	for (uint32_t i = 0; i < w->count; i++) {
		w->node[i].slow_us = 0;
		if (w->node[i].twin) {
			stop_copy(w, i);
			world_run(w, 300 * MS); /* and nothing of it is under way */
		}
	}
	for (uint32_t i = 0; i < w->count; i++) {
		/* Who heard the copy first refuses the true one, be it the leader, until it starts anew (test/README.md). */
		if (world_said(&w->node[i], "log copied or restored: voter="))
			world_stop(w, i);
		up(w, i);
	}
}

/* ---- a life ---- */

static struct world *some_world(uint64_t seed, uint32_t nodes)
{
	struct rng rng;
	uint32_t schedulers;
	struct world *w;

	rng_init(&rng, seed * 31 + 5);
	if (nodes == 0)
		nodes = 3 + 2 * (uint32_t)(seed % 3);
	schedulers = (uint32_t)rng_between(&rng, nodes / 2 + 1, nodes);
	w = world_open(seed, nodes + SPARES, schedulers);
	for (uint32_t i = nodes; i < w->count; i++) {
		w->node[i].scheduler = rng_below(&rng, 2) == 0;
		w->node[i].late = true;
	}
	w->loss = (uint32_t)rng_below(&rng, 3) * 50;
	w->twice = (uint32_t)rng_below(&rng, 3) * 50;
	w->delay_max = rng_below(&rng, 2) == 0 ? 1000 : rng_below(&rng, 2) == 0 ? 40000 : 250000;
	w->sync_max = rng_below(&rng, 2) == 0 ? 60000 : 500;
	w->base.replace_after_ms = rng_below(&rng, 2) == 0 ? 1000 : 600000;
	w->base.change_every_ms = 500;
	w->base.voters = 3 + 2 * (uint32_t)rng_below(&rng, (nodes - 1) / 2);
	if (rng_below(&rng, 3) == 0)
		w->base.bootstrap_expect = schedulers;
	else
		w->node[rng_below(&rng, schedulers)].founder = true;
	return w;
}

/* After the faults: one serves, what is committed is everywhere, and new commits succeed. */
static void check_alive(struct world *w)
{
	uint32_t leader = world_server(w);
	uint64_t token;

	if (leader == NODES_MAX) {
		world_breach(w, "nobody serves after the faults stopped");
		return;
	}
	token = world_commit(w, leader);
	world_run(w, 1000 * MS);
	if (!world_is_acked(w, token))
		world_breach(w, "no commit after the faults stopped");
	for (uint32_t i = 0; i < w->count; i++) {
		const struct store *s = w->node[i].store;

		if (s == NULL)
			continue;
		if (w->node[i].scheduler &&
		    (s->applied != w->node[leader].store->applied ||
		     world_map_crc(s) != world_map_crc(w->node[leader].store)))
			world_breach(w, "a standby stays behind");
		if (!id_same(s->wal.store, w->node[leader].store->wal.store) &&
		    wal_is_made(&s->wal))
			world_breach(w, "two stores were born");
		if (w->node[i].exits > 0)
			world_breach(w, "a store failed");
	}
}

static void go_on(struct life *l, uint64_t us)
{
	struct world *w = l->w;

	for (uint64_t until = w->now + us; w->now < until && w->breach == NULL;) {
		client_act(&l->client);
		world_run(w, 20 * MS);
	}
}

static void suffer(struct life *l)
{
	struct world *w = l->w;
	uint64_t until = w->now + FAULTS_MS * MS, often = 3 + w->seed % 2 * 6;

	while (w->now < until && w->breach == NULL) {
		settle_odd(l);
		for (uint32_t i = 0; i < w->count; i++)
			if (w->node[i].serving && w->node[i].paused_us <= w->now)
				for (uint64_t k = rng_below(&w->rng, 4); k > 0; k--)
					world_commit(w, i);
		client_act(&l->client);
		world_run(w, rng_between(&w->rng, 1, 60) * MS);
		if (rng_below(&w->rng, often) == 0 && l->odd == NODES_MAX)
			fault(l);
	}
}

static void add_up(struct life *l)
{
	struct world *w = l->w;
	struct lives *sum = l->sum;

	sum->lives++;
	sum->steps += w->steps;
	sum->acked += w->acked;
	sum->unknown += w->unknown;
	sum->ops += l->client.done;
	sum->given_up += l->client.given_up;
	sum->elections += w->leaders;
	for (uint64_t i = 1; i <= w->committed_max; i++)
		sum->changes += w->committed[i].kind == ENTRY_VOTERS;
	for (uint32_t i = 0; i < w->count; i++)
		sum->snapshots += world_said(&w->node[i], "snapshot installed");
}

const char *life_run(uint64_t seed, uint32_t nodes, bool loud, struct lives *sum)
{
	struct life l = {.w = some_world(seed, nodes), .sum = sum, .odd = NODES_MAX};
	struct world *w = l.w;
	const char *breach;

	w->loud |= loud;
	client_init(&l.client, w);
	for (uint32_t i = 0; i + SPARES < w->count; i++) {
		world_up(w, i);
		world_run(w, rng_below(&w->rng, 500) * MS);
	}
	go_on(&l, 2000 * MS);
	suffer(&l);
	heal(w);
	go_on(&l, CALM_MS * MS);
	l.client.resting = true;
	go_on(&l, 2000 * MS);
	if (w->breach == NULL)
		check_alive(w);
	client_check(&l.client);
	if (w->loud && w->breach != NULL)
		world_show(w);
	add_up(&l);
	breach = w->breach;
	client_fini(&l.client);
	world_close(w);
	return breach;
}
