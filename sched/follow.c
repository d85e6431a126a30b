#include "sched/follow.h"

#include <string.h>

#include "core/call.h"
#include "core/must.h"

#define POLL_LOW_US  UINT64_C(5000)
#define POLL_HIGH_US UINT64_C(50000)
#define POLL_SHARE   20u /* a wait that lasts this many times as long is looked at less often */
#define WAIT_US_MAX  ((uint64_t)WAIT_MAX_MS * 1000)
#define PIECE        (PIECE_MAX / 2)

static const char *const files[2] = {"out", "err"};

void follow_init(struct follow *f, uint64_t *token)
{
	*f = (struct follow){.token = token};
}

static void end(struct follow *f, struct follower *r)
{
	must(r->used);
	must(f->used > 0);
	buffer_fini(&r->piece[0]);
	buffer_fini(&r->piece[1]);
	*r = (struct follower){0};
	f->used--;
}

void follow_fini(struct follow *f)
{
	for (uint32_t i = 0; i < FOLLOWERS_MAX; i++)
		if (f->at[i].used)
			end(f, &f->at[i]);
}

/* --- answers --- */

static void answer(const struct peer *to, enum purpose purpose, uint64_t request, uint8_t code,
		   struct bytes body, const char *why, struct outbox *o)
{
	struct buffer out;
	struct answer a = {.code = code, .body = body, .why = bytes_str(why)};

	buffer_init(&out, FRAME_MAX);
	enum err err = answer_put(&a, &out);
	must(err == OK);
	outbox_post(o, to, purpose, FRAME_ANSWER, request, buffer_bytes(&out));
	buffer_fini(&out);
}

static void refuse(const struct event *e, uint8_t code, const char *why, struct outbox *o)
{
	answer(&e->frame.peer, e->frame.purpose, e->frame.request, code, (struct bytes){0}, why, o);
}

static void give(struct follow *f, struct follower *r, const struct spooled *one, struct outbox *o)
{
	const bool eof = r->final && r->whole[0] && r->whole[1];
	const bool known = r->final && one != NULL && one->state != SPOOLED_LOST;
	uint64_t total[2] = {r->from[0] + r->piece[0].len, r->from[1] + r->piece[1].len};
	struct buffer body;
	struct pack p;

	if (known && one->out_size > total[0])
		total[0] = one->out_size;
	if (known && one->err_size > total[1])
		total[1] = one->err_size;
	buffer_init(&body, FRAME_MAX);
	pack_init(&p, &body);
	pack_array(&p, 5);
	pack_bool(&p, eof);
	pack_u64(&p, total[0]);
	pack_u64(&p, total[1]);
	pack_bin(&p, buffer_bytes(&r->piece[0]));
	pack_bin(&p, buffer_bytes(&r->piece[1]));
	must(pack_err(&p) == OK);
	answer(&r->peer, r->purpose, r->request, EXIT_GOOD, buffer_bytes(&body), "", o);
	buffer_fini(&body);
	end(f, r);
}

static void fail(struct follow *f, struct follower *r, const char *why, struct outbox *o)
{
	answer(&r->peer, r->purpose, r->request, EXIT_OTHER, (struct bytes){0}, why, o);
	end(f, r);
}

/* --- a question --- */

struct question {
	struct attempt attempt;
	uint64_t from[2];
	uint64_t wait_ms;
};

static enum err question_get(const struct event *e, struct question *out)
{
	struct call call;
	struct unpack u;
	enum err err = call_get(e->frame.body, &call);

	if (err != OK)
		return err;
	unpack_init(&u, call.arguments);
	uint32_t count = unpack_array(&u, 6);
	out->attempt.job = unpack_id(&u);
	out->attempt.step = unpack_u32(&u);
	out->attempt.number = unpack_u32(&u);
	out->from[0] = unpack_u64(&u);
	out->from[1] = unpack_u64(&u);
	out->wait_ms = unpack_u64(&u);
	if (unpack_err(&u) == OK)
		unpack_rest(&u, count - 6);
	return unpack_err(&u);
}

static bool has_ended(const struct spooled *one)
{
	return one->state == SPOOLED_CLOSING || one->state == SPOOLED_ENDED ||
	       one->state == SPOOLED_KEPT || one->state == SPOOLED_LOST;
}

static void look(struct follow *f, struct follower *r, struct spool *s, struct outbox *o)
{
	const struct spooled *one = spool_find(s, r->attempt);

	if (one == NULL || one->state == SPOOLED_REFUSED) {
		fail(f, r, "this worker has no output of that attempt (any more)", o);
		return;
	}
	r->final = has_ended(one);
	r->next_us = UINT64_MAX;
	for (uint32_t i = 0; i < 2; i++) {
		r->token[i] = ++*f->token;
		r->whole[i] = false;
		outbox_read(o, spool_name(r->attempt, files[i]).s, r->from[i], PIECE, r->token[i]);
	}
}

void follow_call(struct follow *f, const struct event *e, struct spool *s, struct outbox *o)
{
	struct question q;
	uint32_t i = 0;

	if (question_get(e, &q) != OK) {
		refuse(e, EXIT_USAGE, "the request could not be read", o);
		return;
	}
	while (i < FOLLOWERS_MAX && f->at[i].used)
		i++;
	if (i == FOLLOWERS_MAX) {
		refuse(e, EXIT_NO_DIRECTOR, "too many are reading output here: try again", o);
		return;
	}
	uint64_t wait_us = q.wait_ms < WAIT_MAX_MS ? q.wait_ms * 1000 : WAIT_US_MAX;
	f->at[i] = (struct follower){.used = true,
				     .peer = e->frame.peer,
				     .purpose = e->frame.purpose,
				     .request = e->frame.request,
				     .attempt = q.attempt,
				     .from = {q.from[0], q.from[1]},
				     .began_us = e->now_us,
				     .ends_us = e->now_us + wait_us};
	buffer_init(&f->at[i].piece[0], PIECE);
	buffer_init(&f->at[i].piece[1], PIECE);
	f->used++;
	look(f, &f->at[i], s, o);
}

/* --- its bytes --- */

static uint64_t pause_us(const struct follower *r, uint64_t now_us)
{
	uint64_t us = (now_us - r->began_us) / POLL_SHARE;

	if (us < POLL_LOW_US)
		us = POLL_LOW_US;
	return us < POLL_HIGH_US ? us : POLL_HIGH_US;
}

static void judge(struct follow *f, struct follower *r, uint64_t now_us, struct spool *s,
		  struct outbox *o)
{
	bool some = r->piece[0].len > 0 || r->piece[1].len > 0;

	if (some || r->final || now_us >= r->ends_us) {
		give(f, r, spool_find(s, r->attempt), o);
		return;
	}
	r->next_us = now_us + pause_us(r, now_us);
	if (r->next_us > r->ends_us)
		r->next_us = r->ends_us;
}

static void take(struct follow *f, struct follower *r, uint32_t which, const struct event *e,
		 struct spool *s, struct outbox *o)
{
	enum err err = e->read.err;

	r->token[which] = 0;
	r->whole[which] = err != OK || e->read.body.len < PIECE;
	if (err == OK)
		err = buffer_add(&r->piece[which], e->read.body);
	if (err != OK && err != ERR_NOT_FOUND) { /* no file: it has not begun */
		fail(f, r, err_text(err), o);
		return;
	}
	if (r->token[0] == 0 && r->token[1] == 0)
		judge(f, r, e->now_us, s, o);
}

bool follow_read(struct follow *f, const struct event *e, struct spool *s, struct outbox *o)
{
	for (uint32_t i = 0; i < FOLLOWERS_MAX && f->used > 0; i++)
		for (uint32_t which = 0; which < 2; which++)
			if (f->at[i].used && f->at[i].token[which] == e->read.token) {
				take(f, &f->at[i], which, e, s, o);
				return true;
			}
	return false;
}

void follow_link_down(struct follow *f, const struct peer *peer)
{
	for (uint32_t i = 0; i < FOLLOWERS_MAX && f->used > 0; i++)
		if (f->at[i].used && f->at[i].peer.link == peer->link && peer->link != 0)
			end(f, &f->at[i]);
}

void follow_ended(struct follow *f, struct attempt a, uint64_t now_us)
{
	for (uint32_t i = 0; i < FOLLOWERS_MAX && f->used > 0; i++)
		if (f->at[i].used && f->at[i].next_us != UINT64_MAX &&
		    attempt_same(f->at[i].attempt, a))
			f->at[i].next_us = now_us;
}

void follow_turn(struct follow *f, uint64_t now_us, struct spool *s, struct outbox *o)
{
	for (uint32_t i = 0; i < FOLLOWERS_MAX && f->used > 0; i++)
		if (f->at[i].used && now_us >= f->at[i].next_us)
			look(f, &f->at[i], s, o);
}

uint64_t follow_deadline_us(const struct follow *f)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t i = 0; i < FOLLOWERS_MAX && f->used > 0; i++)
		if (f->at[i].used && f->at[i].next_us < least)
			least = f->at[i].next_us;
	return least;
}
