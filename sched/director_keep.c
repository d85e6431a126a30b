/* What the director deletes: ended jobs beyond the history's bounds, and idempotency keys whose time is over. A little
 * in a turn, as deletes in ordinary batches. Nothing wakes us for it: there is always another turn soon. */
#include <string.h>

#include "core/must.h"
#include "sched/director_part.h"

#define KEYS_EVERY_US 60000000u
#define KEYS_GO_ON_US 100000u

static bool is_too_old(const struct director *d, const struct entry *e)
{
	return e->ended_us + d->config.history_keep_s * UINT64_C(1000000) < d->wall_us;
}

static void history(struct director *d)
{
	const struct entries *ended = &d->ledger.ended;
	uint32_t over =
		ended->count > d->config.history_max ? ended->count - d->config.history_max : 0;
	uint32_t left = SWEEP_MAX;

	if (d->history_token || !ended->oldest || (!over && !is_too_old(d, ended->oldest)))
		return;
	for (struct entry *e = ended->oldest; e && left > 0; e = e->newer, left--) {
		struct state_key key = state_key_job(e->id);
		struct flight *flight;

		if (over == 0 && !is_too_old(d, e))
			break;
		over -= over > 0;
		if (!entry_is_settled(e))
			continue;
		flight = flights_open(&d->flights);
		flight_drop(&d->flights, flight, state_key_bytes(&key));
		flight_changes(flight, e->id);
		ledger_busy(&d->ledger, e, flight->token);
		d->history_token = flight->token;
	}
}

/* Goes through the keys from where it last was. */
static void keys(struct director *d)
{
	struct state_key first = {.at = "key/", .len = 4};
	struct bytes key, value, name;

	if (d->keys_token || d->now_us < d->keys_us)
		return;
	key = d->keys_at.len ? buffer_bytes(&d->keys_at) : state_key_bytes(&first);
	d->keys_us = d->now_us + KEYS_GO_ON_US;
	for (uint32_t left = SWEEP_MAX; left > 0; left--) {
		struct key_record record;
		enum err err;

		if (kv_next(d->map, key, &key, &value) != OK ||
		    state_key_kind(key, &name) != STATE_KEY) {
			buffer_clear(&d->keys_at);
			d->keys_us = d->now_us + KEYS_EVERY_US;
			d->keys_known = d->keys_seen;
			d->keys_seen = 0;
			return;
		}
		if (key_record_get(value, &record) != OK || record.until_us < d->wall_us) {
			struct flight *flight = flights_open(&d->flights);

			flight_drop(&d->flights, flight, key);
			d->keys_token = flight->token;
		} else {
			d->keys_seen++;
		}
		buffer_clear(&d->keys_at);
		err = buffer_add(&d->keys_at, key);
		must(err == OK);
	}
}

void keep_turn(struct director *d)
{
	must(d->serving);
	history(d);
	keys(d);
}

void keep_ended(struct director *d, uint64_t token)
{
	must(token != 0);
	if (d->level.token == token)
		d->level.token = 0;
	if (d->history_token == token)
		d->history_token = 0;
	if (d->keys_token == token)
		d->keys_token = 0;
}
