/* A state that does not count any more: its generation has ended without this node, or it was put back from a copy. It is
 * not deleted: the folder gets a dated name beside the old one, and the node goes on as one that holds nothing.
 *
 *     store/ --store_set_aside--> (the disk gives it another name) --aside_moved--> empty, joins what it finds */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/must.h"
#include "sched/store/inside.h"

#define ASIDE_TRIES_MAX 8u /* names that were there already, each a second later */

static void move(struct store *s, struct outbox *o)
{
	time_t seconds = (time_t)(s->wall_us / 1000000) + s->aside_tries;
	char name[64] = "store-aside-";
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	strftime(name + strlen(name), sizeof(name) - strlen(name), "%Y%m%d-%H%M%S", &tm);
	snprintf(s->aside, sizeof(s->aside), "%s", name);
	s->aside_token = store_errand(s, ERRAND_ASIDE);
	outbox_move(o, "store", name, s->aside_token);
}

/* Everything that came of the files; what was asked of the disk for them is nobody's any more. */
static void forget(struct store *s)
{
	struct raft_config cfg = s->raft.cfg;
	uint32_t file_max = s->wal.file_max;

	snapshot_end(&s->writer);
	ship_forget(s);
	s->compact_to = 0;
	raft_fini(&s->raft);
	wal_fini(&s->wal);
	wal_init(&s->wal);
	s->wal.file_max = file_max;
	raft_init(&s->raft, &cfg, &s->rng, &s->roster, &s->wal);
	s->raft.now_us = s->now_us;
	kv_clear(s->kv);
	s->applied = s->applied_term = 0;
	s->restored = false;
	memset(&s->snapshot, 0, sizeof(s->snapshot));
	s->snapshot_size = 0;
	memset(s->shipments, 0, sizeof(s->shipments));
	s->snapshot_read = false;
	s->stale_count = 0;
	s->start_count = 0;
	s->twin_said = false;
	s->parting_count = 0;
	s->seats_round = s->votes_index = s->pair_us = 0;
	s->run_token = s->writer_token = s->receive_token = s->recall_token = 0;
	s->full = false;
	s->awake = false;
	s->ready_said = false;
	s->refused = false;
	s->hello_owed = false;
	s->lost_us = 0;
	lineage_forget(s);
}

void store_set_aside(struct store *s, const char *why, struct outbox *o)
{
	struct tell empty = {.kind = TELL_RESTORED};

	must(wal_is_made(&s->wal));
	must(s->aside_token == 0);
	if (s->raft.role != RAFT_FOLLOWER)
		raft_follow(&s->raft, raft_term(&s->raft), "set aside");
	commits_settle(s, o); /* nobody is told that something was committed */
	forget(s);
	commits_tell_nobody(s, o);
	if (store_is_scheduler(s))
		outbox_tell(o, &empty);
	s->aside_tries = 0;
	move(s, o);
	outbox_log(o, LOG_LEVEL_ERROR,
		   "state set aside: folder=%s why=\"%s\"; this node joins anew", s->aside, why);
}

bool store_is_moving(const struct store *s)
{
	return s->aside_token != 0;
}

void aside_moved(struct store *s, enum err err, struct outbox *o)
{
	s->aside_token = 0;
	if (err == ERR_EXISTS && ++s->aside_tries < ASIDE_TRIES_MAX) {
		move(s, o);
		return;
	}
	if (err != OK) {
		store_fail(s, err, "the state could not be set aside", o);
		return;
	}
	s->hello_us = s->empty_us = s->now_us;
}
