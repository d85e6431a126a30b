#include "sched/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/call.h"
#include "core/must.h"
#include "sched/worker_part.h"

bool worker_synced(const struct worker *w)
{
	return w->epoch_token == 0 && id_same(w->spool.highest.store, w->bond.highest.store) &&
	       epoch_cmp(w->spool.highest.epoch, w->bond.highest.epoch) == 0;
}

static void copy(char *to, size_t size, const char *from, const char *otherwise)
{
	snprintf(to, size, "%s", from == NULL || from[0] == '\0' ? otherwise : from);
}

struct worker *worker_open(const struct worker_config *c, const struct disk *disk, uint64_t now_us,
			   char why[200])
{
	must(c->slots > 0);
	must(c->slots <= SLOTS_MAX);
	must(c->root != NULL);
	why[0] = '\0';
	if (c->root[0] != '/' || strlen(c->root) >= ROOT_MAX) {
		snprintf(why, 200,
			 "the data directory must be an absolute path of at most %u bytes",
			 ROOT_MAX - 1);
		return NULL;
	}
	struct worker *w = calloc(1, sizeof(*w));
	must(w != NULL);
	w->self = c->self;
	w->boot = c->boot;
	memcpy(w->machine_boot, c->machine_boot, sizeof(w->machine_boot));
	w->slots = c->slots;
	memcpy(w->name, c->name, sizeof(w->name));
	w->offers = c->offers;
	w->kill_after_ms = c->kill_after_ms;
	w->max_output = c->max_output;
	w->now_us = now_us;
	w->keeper_us = now_us;
	copy(w->root, sizeof(w->root), c->root, "/");
	copy(w->path, sizeof(w->path), c->path, "/usr/local/bin:/usr/bin:/bin");
	copy(w->home, sizeof(w->home), c->home, "");
	copy(w->lang, sizeof(w->lang), c->lang, "C.UTF-8");
	copy(w->user, sizeof(w->user), c->user, "");
	buffer_init(&w->scratch, FRAME_MAX);
	spool_init(&w->spool);
	follow_init(&w->follow, &w->token);
	if (spool_read(&w->spool, disk, w->machine_boot, why) != OK) {
		worker_close(w);
		return NULL;
	}
	bond_init(&w->bond, w->self, c->scheduler, c->lease_ms, c->seed, w->spool.highest, now_us);
	return w;
}

void worker_close(struct worker *w)
{
	if (w == NULL)
		return;
	follow_fini(&w->follow);
	spool_fini(&w->spool);
	buffer_fini(&w->scratch);
	free(w);
}

static uint32_t count_of(const struct worker *w, bool (*is)(const struct spooled *))
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < w->spool.count; i++)
		count += is(w->spool.at[i]);
	return count;
}

uint32_t worker_running(const struct worker *w)
{
	return count_of(w, run_holds_slot);
}

uint32_t worker_slots(const struct worker *w)
{
	return w->slots;
}

static bool holds(const struct worker *w)
{
	return count_of(w, run_is_held) > 0;
}

/* --- attaching --- */

static enum held_state held_state(const struct spooled *one)
{
	if (one->state == SPOOLED_ENDED)
		return HELD_ENDED;
	return one->state == SPOOLED_RUNNING || one->state == SPOOLED_CLOSING ? HELD_RUNNING
									      : HELD_TAKEN;
}

static void attach(struct worker *w, const struct peer *to, struct outbox *o)
{
	static const struct attach none;
	struct attach *a = calloc(1, sizeof(*a));

	must(a != NULL);
	must(keep_is_whole(w));
	*a = none;
	a->node = w->self;
	a->boot = w->boot;
	memcpy(a->machine_boot, w->machine_boot, sizeof(a->machine_boot));
	a->highest = w->bond.highest;
	a->slots = w->offers ? w->slots : 0;
	a->whole = true;
	for (uint32_t i = 0; i < w->spool.count; i++) {
		const struct spooled *one = w->spool.at[i];

		if (!run_is_held(one))
			continue;
		must(a->count < SLOTS_MAX);
		a->held[a->count++] =
			(struct held){.attempt = one->attempt, .state = held_state(one)};
	}
	a->serial = bond_ask(&w->bond, to, w->now_us);
	buffer_clear(&w->scratch);
	enum err err = attach_put(a, &w->scratch);
	must(err == OK);
	outbox_post(o, to, PURPOSE_RPC, FRAME_ATTACH, 0, buffer_bytes(&w->scratch));
	free(a);
}

static void bond_turn(struct worker *w, struct outbox *o)
{
	struct peer to;
	bool fresh;

	if (bond_silent(&w->bond, w->now_us, &to)) {
		outbox_log(o, LOG_LEVEL_WARN, "director does not answer: asking the others id=%s",
			   id_text(to.id).s);
		if (!id_same(to.id, w->self))
			outbox_unlink(o, &to, PURPOSE_RPC);
	}
	while (keep_is_whole(w) && bond_next(&w->bond, w->now_us, &to, &fresh)) {
		if (!fresh && !id_same(to.id, w->self))
			outbox_unlink(o, &to, PURPOSE_RPC);
		attach(w, &to, o);
	}
	if (bond_lease_due(&w->bond, w->now_us)) {
		struct lease_ask ask = {.node = w->self, .sent_us = w->now_us};

		buffer_clear(&w->scratch);
		enum err err = lease_ask_put(&ask, &w->scratch);
		must(err == OK);
		outbox_post(o, &w->bond.director, PURPOSE_RPC, FRAME_LEASE_ASK, 0,
			    buffer_bytes(&w->scratch));
	}
}

/* Invariant 3: what an older director says after this is refused, even by a later life of ours. */
static void sync_epoch(struct worker *w, struct outbox *o)
{
	if (worker_synced(w) || w->epoch_token != 0)
		return;
	w->epoch_token = ++w->token;
	w->epoch_put = w->bond.highest;
	buffer_clear(&w->scratch);
	enum err err = spool_epoch_put(&w->epoch_put, &w->scratch);
	must(err == OK);
	outbox_put(o, SPOOL_EPOCH, buffer_bytes(&w->scratch), w->epoch_token);
}

static void report_all(struct worker *w, struct outbox *o)
{
	for (uint32_t i = 0; i < w->spool.count; i++)
		if (run_is_held(w->spool.at[i]))
			run_report(w, w->spool.at[i], o);
}

static void epoch_written(struct worker *w, enum err err, struct outbox *o)
{
	w->epoch_token = 0;
	if (err != OK) {
		outbox_log(o, LOG_LEVEL_ERROR,
			   "epoch could not be spooled: obeying nobody why=\"%s\"", err_text(err));
		bond_loosen(&w->bond, w->now_us);
		return;
	}
	w->spool.highest = w->epoch_put;
	sync_epoch(w, o);
	if (worker_synced(w))
		report_all(w, o);
}

static void log_director(struct worker *w, struct outbox *o)
{
	struct id id = w->bond.director.id;
	const char *name = bond_name(&w->bond, id);

	if (id_same(w->director, id) && epoch_cmp(w->director_epoch, w->bond.highest.epoch) == 0)
		return;
	w->director = id;
	w->director_epoch = w->bond.highest.epoch;
	outbox_log(o, LOG_LEVEL_INFO, "director is %s: epoch=%llu",
		   name[0] == '\0' ? id_text(id).s : name,
		   (unsigned long long)w->bond.highest.epoch.term);
}

/* What has not begun was shown to this director, and begins by its leave and under its epoch; what it gave up it says
 * before its first lease. */
static void adopt(struct worker *w)
{
	for (uint32_t i = 0; i < w->spool.count; i++)
		if (w->spool.at[i]->state <= SPOOLED_TAKEN)
			w->spool.at[i]->epoch = w->bond.highest.epoch;
}

static void attached(struct worker *w, const struct event *e, struct outbox *o)
{
	const struct peer *from = &e->frame.peer;
	struct attached a;

	if (attached_get(e->frame.body, &a) != OK)
		return;
	switch (bond_attached(&w->bond, from, &a, holds(w), w->now_us)) {
	case BOND_IGNORED:
		break;
	case BOND_REFUSED:
		outbox_log(o, LOG_LEVEL_DEBUG, "not attached: id=%s why=\"%s\"",
			   id_text(from->id).s, a.why);
		break;
	case BOND_AGAIN:
		if (keep_is_whole(w))
			attach(w, from, o);
		else
			bond_loosen(&w->bond, w->now_us);
		break;
	case BOND_OBEYED:
		adopt(w);
		if (a.registered && !w->registered) {
			w->registered = true;
			outbox_log(o, LOG_LEVEL_INFO, "registered runner with database");
		}
		log_director(w, o);
		sync_epoch(w, o);
		report_all(w, o);
		break;
	}
}

static void direct(struct worker *w, const struct event *e, struct outbox *o)
{
	struct direct d;
	struct peer to;

	if (direct_get(e->frame.body, &d) != OK ||
	    !bond_direct(&w->bond, &e->frame.peer, d.fence, holds(w), &to))
		return;
	if (keep_is_whole(w))
		attach(w, &to, o);
	else
		bond_loosen(&w->bond, w->now_us);
}

static void lease(struct worker *w, const struct event *e, struct outbox *o)
{
	struct lease l;

	if (lease_get(e->frame.body, &l) != OK || !bond_obeys(&w->bond, &e->frame.peer, l.fence))
		return;
	if (bond_leased(&w->bond, &l, w->now_us))
		keep_lease(w, o);
}

struct id worker_store(const struct worker *w)
{
	return w->bond.highest.store;
}

void worker_retired(struct worker *w, struct id store)
{
	w->bond.retired = store;
}

void worker_offer(struct worker *w, uint64_t now_us, bool offers, struct outbox *o)
{
	if (w->offers == offers)
		return;
	w->offers = offers;
	w->now_us = now_us;
	if (w->bond.obeys && keep_is_whole(w)) { /* its offer is part of what is shown */
		struct peer to = w->bond.director;
		attach(w, &to, o);
	}
}

/* --- what comes in --- */

static void frame(struct worker *w, const struct event *e, struct outbox *o)
{
	struct call call;

	switch ((enum frame_type)e->frame.type) {
	case FRAME_DIRECT:
		direct(w, e, o);
		break;
	case FRAME_ATTACHED:
		attached(w, e, o);
		break;
	case FRAME_ORDER:
		run_order(w, e, o);
		break;
	case FRAME_REPORTED:
		run_reported(w, e, o);
		break;
	case FRAME_LEASE:
		lease(w, e, o);
		break;
	case FRAME_END:
		run_end(w, e, o);
		break;
	case FRAME_CALL:
		if (call_get(e->frame.body, &call) == OK && call.verb == CALL_OUTPUT)
			follow_call(&w->follow, e, &w->spool, o);
		break;
	case FRAME_GOSSIP:
	case FRAME_STORE:
	case FRAME_ATTACH:
	case FRAME_REPORT:
	case FRAME_LEASE_ASK:
	case FRAME_ANSWER:
		break; /* not for a worker */
	}
}

static void link_down(struct worker *w, const struct event *e, struct outbox *o)
{
	follow_link_down(&w->follow, &e->link.peer);
	if (e->link.purpose == PURPOSE_RPC && bond_link_down(&w->bond, &e->link.peer, w->now_us))
		outbox_log(o, LOG_LEVEL_INFO, "director's stream fell: asking around id=%s",
			   id_text(e->link.peer.id).s);
}

void worker_step(struct worker *w, const struct event *e, struct outbox *o)
{
	w->now_us = e->now_us;
	w->wall_us = e->wall_us;
	if (e->kind == EVENT_TELL && e->tell.kind == TELL_MEMBER)
		bond_member(&w->bond, &e->tell, w->now_us);
	else if (e->kind == EVENT_LINK && !e->link.up)
		link_down(w, e, o);
	else if (e->kind == EVENT_FRAME)
		frame(w, e, o);
	else if (e->kind == EVENT_KEEPER)
		keep_event(w, e, o);
	else if (e->kind == EVENT_DISK && e->disk.token != 0 && e->disk.token == w->epoch_token)
		epoch_written(w, e->disk.err, o);
	else if (e->kind == EVENT_DISK)
		run_disk(w, e, o);
	else if (e->kind == EVENT_READ && !follow_read(&w->follow, e, &w->spool, o))
		run_read(w, e, o);
	keep_on(w, o);
	bond_turn(w, o);
	run_turn(w, o);
	follow_turn(&w->follow, w->now_us, &w->spool, o);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t worker_deadline_us(const struct worker *w)
{
	uint64_t due = bond_deadline_us(&w->bond, keep_is_whole(w));

	due = least(due, keep_deadline_us(w));
	due = least(due, run_deadline_us(w));
	return least(due, follow_deadline_us(&w->follow));
}

bool worker_director(const struct worker *w, struct peer *out)
{
	if (w->bond.obeys)
		*out = w->bond.director;
	return w->bond.obeys;
}
