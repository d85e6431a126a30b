/* Packets and streams.
 *
 * A packet may be lost, doubled, late. A stream keeps its order: what is due while the way is cut waits, and after
 * STALL_US without getting through its sender gives up, as the doors' TCP does (user timeout); the other end learns of
 * it when it next sends. A host whose power went says nothing at all. */
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/must.h"
#include "net/link.h"
#include "test/sim/sim.h"

#define STALL_US    UINT64_C(5000000)
#define LOOK_US     UINT64_C(50000) /* how often a stalled stream tries again */
#define DIAL_US     UINT64_C(3000000)

#define RESEND_US   UINT64_C(200000)
#define STREAMS_MAX (1u << 17) /* at one time */

enum { ENDS = 2 };

/* One end; end 1 of a local stream is the user's program. */
struct side {
	uint32_t host;
	uint64_t life;
	uint64_t conn;
	bool open;
	uint64_t due_us;     /* the last bytes sent from here arrive no earlier */
	uint64_t sent;       /* pieces on their way from here, in order */
	uint64_t passed;     /* of them, those that got through */
	uint64_t stalled_us; /* since when nothing got through; 0: all flows */
};

struct stream {
	struct side end[ENDS];
	bool used;
	bool local;
	bool accepted;
	enum door door;
	uint64_t number; /* never the same twice */
};

static uint64_t delay(struct sim *s)
{
	return rng_between(&s->rng, s->delay_min_us, s->delay_max_us);
}

static bool is_cut(const struct sim *s, uint32_t from, uint32_t to)
{
	return from != to && s->cut[(size_t)from * (s->hosts + 1) + to];
}

void wire_cut(struct sim *s, uint32_t from, uint32_t to, bool cut)
{
	if (from && to)
		s->cut[(size_t)from * (s->hosts + 1) + to] = cut;
}

static void packet_comes(struct sim *s, const struct old_packet *p, bool forged)
{
	sim_later(s, delay(s),
		  (struct happening){.kind = HAPPEN_PACKET,
				     .host = p->to,
				     .a = p->door,
				     .b = forged,
				     .from = p->from,
				     .bytes = sim_copy(bytes_of(p->bytes, p->len)),
				     .len = p->len});
}

/* Somebody on the way turns a bit in a packet, and sends another that went by long ago once more. */
static void forge(struct sim *s, struct host *from, struct host *to, const struct effect *e,
		  uint16_t port)
{
	struct old_packet *kept = &s->old[rng_below(&s->rng, FORGED_KEPT)];

	if (kept->bytes)
		packet_comes(s, kept, false);
	free(kept->bytes);
	*kept = (struct old_packet){.to = to->index,
				    .from = addr_with_port(from->addr, port),
				    .door = e->send.door,
				    .bytes = sim_copy(e->send.body),
				    .len = e->send.body.len};
	uint64_t bit = rng_below(&s->rng, kept->len * 8);
	kept->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	packet_comes(s, kept, true);
	kept->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static void packet_to(struct sim *s, struct host *from, struct host *to, const struct effect *e,
		      uint16_t port)
{
	must(e->send.body.len <= PACKET_MAX); /* invariant 7 */
	if (s->forge_permille && rng_below(&s->rng, 1000) < s->forge_permille)
		forge(s, from, to, e, port);
	if (is_cut(s, from->index, to->index) || !to->node)
		return;
	if (rng_below(&s->rng, 1000) < s->loss_permille)
		return;
	uint32_t copies = 1 + (rng_below(&s->rng, 1000) < s->duplicate_permille);
	for (uint32_t i = 0; i < copies; i++) {
		s->packets++;
		sim_later(s, delay(s),
			  (struct happening){.kind = HAPPEN_PACKET,
					     .host = to->index,
					     .life = to->life,
					     .a = e->send.door,
					     .from = addr_with_port(from->addr, port),
					     .bytes = sim_copy(e->send.body),
					     .len = e->send.body.len});
	}
}

void wire_packet(struct sim *s, struct host *from, const struct effect *e)
{
	if (e->send.door == DOOR_MULTICAST) {
		for (uint32_t i = 0; i < s->hosts; i++)
			packet_to(s, from, &s->host[i], e, 54327);
		return;
	}
	struct host *to = host_of_addr(s, e->send.to);
	uint16_t step = e->send.door == DOOR_SCHEDULERS ? VIEW_PORT_STEP : 2 * VIEW_PORT_STEP;
	if (to && e->send.to.port == to->addr.port + step)
		packet_to(s, from, to, e, (uint16_t)(from->addr.port + step));
}

/* --- streams --- */

static struct stream *stream_add(struct sim *s)
{
	if (!s->stream) {
		s->stream_room = STREAMS_MAX;
		s->stream = calloc(s->stream_room, sizeof(*s->stream));
		s->stream_free = calloc(s->stream_room, sizeof(*s->stream_free));
		must(s->stream);
		must(s->stream_free);
	}
	size_t at = s->streams_free ? s->stream_free[--s->streams_free] : s->streams++;
	must(at < s->stream_room);
	struct stream *t = &s->stream[at];
	uint64_t number = (t->number ? t->number : at) + s->stream_room;
	*t = (struct stream){.used = true, .number = number};
	return t;
}

static struct stream *stream_of(const struct sim *s, uint64_t number)
{
	if (!s->stream_room)
		return NULL;
	struct stream *t = &s->stream[number % s->stream_room];
	return t->used && t->number == number ? t : NULL;
}

/* A host finds its streams by its own number for them: those it dialled are counted from 1, and those it accepted. */
static struct ends *ends_of(struct host *h, uint64_t conn)
{
	return &h->ends[(conn & LINK_DIALLED) != 0];
}

static void host_adds(struct host *h, uint64_t conn, uint64_t number)
{
	struct ends *ends = ends_of(h, conn);
	uint64_t at = conn & ~LINK_DIALLED;

	if (at >= ends->room) {
		size_t room = ends->room;
		while (at >= ends->room)
			ends->room = ends->room ? ends->room * 2 : 16;
		ends->number = realloc(ends->number, ends->room * sizeof(*ends->number));
		must(ends->number);
		memset(ends->number + room, 0, (ends->room - room) * sizeof(*ends->number));
	}
	ends->number[at] = number;
}

static struct stream *stream_at(struct sim *s, struct host *h, uint64_t conn, int *side)
{
	const struct ends *ends = ends_of(h, conn);
	uint64_t at = conn & ~LINK_DIALLED;
	struct stream *t = at < ends->room ? stream_of(s, ends->number[at]) : NULL;

	*side = (conn & LINK_DIALLED) || (t && t->local) ? 0 : 1;
	return t && t->end[*side].host == h->index && t->end[*side].conn == conn &&
			       t->end[*side].life == h->life
		       ? t
		       : NULL;
}

static void free_if_over(struct sim *s, struct stream *t)
{
	if (!t->used || t->end[0].open || t->end[1].open)
		return;
	t->used = false;
	s->stream_free[s->streams_free++] = (uint32_t)(t->number % s->stream_room);
}

/* TCP sends once more what was lost, and waits twice as long each time. */
static uint64_t resent(struct sim *s)
{
	uint64_t us = 0;

	for (uint64_t timeout = RESEND_US;
	     s->stall_permille && rng_below(&s->rng, 1000) < s->stall_permille; timeout *= 2)
		us += timeout;
	return us;
}

/* What is to come at the end `side`: bytes, or (bytes NULL) the end of the stream. */
static void due(struct sim *s, struct stream *t, int side, uint8_t *bytes, size_t len)
{
	struct side *from = &t->end[!side];
	uint64_t at = s->now_us + (t->local ? 20 : delay(s) + resent(s));

	if (at < from->due_us)
		at = from->due_us;
	from->due_us = at;
	sim_later(s, at - s->now_us,
		  (struct happening){.kind = HAPPEN_STREAM,
				     .host = t->end[side].host,
				     .a = t->number,
				     .b = from->sent++ << 1 | (uint64_t)side,
				     .bytes = bytes,
				     .len = len});
}

static void closed(struct sim *s, struct stream *t, int side, enum err why)
{
	struct side *e = &t->end[side];

	if (!e->open)
		return;
	e->open = false;
	if (t->local && side == 1) {
		load_gone(s, t->number);
		person_gone(s, t->number);
	} else {
		struct host *h = &s->host[e->host - 1];
		struct event event = {.kind = EVENT_CLOSED};
		event.stream.conn = e->conn;
		event.stream.err = why;
		if (h->life == e->life)
			host_tell(s, h, &event);
	}
	free_if_over(s, t);
}

void wire_dial(struct sim *s, struct host *from, const struct effect *e)
{
	struct host *to = host_of_addr(s, e->stream.to);
	struct happening h = {.kind = HAPPEN_DIALED,
			      .host = from->index,
			      .life = from->life,
			      .a = e->stream.conn,
			      .from = e->stream.to};
	bool silent = !to || is_cut(s, from->index, to->index) ||
		      is_cut(s, to->index, from->index) || to->frozen_until > s->now_us;

	/* A machine that is there refuses at once; a way that is not, never answers. */
	sim_later(s, silent ? DIAL_US : delay(s) + delay(s), h);
}

static bool door_of(const struct host *h, uint16_t port, enum door *door)
{
	*door = port == h->addr.port                    ? DOOR_RPC
		: port == h->addr.port + VIEW_PORT_STEP ? DOOR_SCHEDULERS
							: DOOR_ALL;
	if (*door == DOOR_SCHEDULERS)
		return h->config.role & ROLE_SCHEDULER;
	return *door == DOOR_RPC || port == h->addr.port + 2 * VIEW_PORT_STEP;
}

static void dialed(struct sim *s, const struct happening *what)
{
	struct host *from = &s->host[what->host - 1];
	struct host *to = host_of_addr(s, what->from);
	struct event e = {.kind = EVENT_DIALED};
	enum door door = DOOR_RPC;

	e.stream.conn = what->a;
	if (!to || is_cut(s, from->index, to->index) || is_cut(s, to->index, from->index))
		e.stream.err = ERR_TIMEOUT;
	else if (!to->node || !to->ready || !door_of(to, what->from.port, &door))
		e.stream.err = ERR_UNREACHABLE;
	if (e.stream.err) {
		host_tell(s, from, &e);
		return;
	}
	struct stream *t = stream_add(s);
	t->door = door;
	t->end[0] = (struct side){
		.host = from->index, .life = from->life, .conn = what->a, .open = true};
	t->end[1] = (struct side){
		.host = to->index, .life = to->life, .conn = to->next_conn++, .open = true};
	host_adds(from, t->end[0].conn, t->number);
	host_adds(to, t->end[1].conn, t->number);
	host_tell(s, from, &e);
}

static void accepted(struct sim *s, struct stream *t)
{
	struct event e = {.kind = EVENT_ACCEPTED};
	struct side *at = &t->end[1];

	if (t->accepted)
		return;
	t->accepted = true;
	e.stream.conn = at->conn;
	e.stream.door = t->door;
	e.stream.from = addr_with_port(s->host[t->end[0].host - 1].addr, 40000);
	host_tell(s, &s->host[at->host - 1], &e);
}

void wire_output(struct sim *s, struct host *from, const struct effect *e)
{
	int side = 0;
	struct stream *t = stream_at(s, from, e->stream.conn, &side);

	if (t && t->end[side].open)
		due(s, t, !side, sim_copy(e->stream.body), e->stream.body.len);
}

void wire_hangup(struct sim *s, struct host *from, uint64_t conn)
{
	int side = 0;
	struct stream *t = stream_at(s, from, conn, &side);

	if (!t || !t->end[side].open)
		return;
	t->end[side].open = false;
	if (t->end[!side].open)
		due(s, t, !side, NULL, 0);
	free_if_over(s, t);
}

/* Bytes wait while the way is cut; too long, and the sender's side gives up. True when they must wait. */
static bool stalled(struct sim *s, struct stream *t, const struct happening *what)
{
	int side = (int)(what->b & 1);
	struct side *from = &t->end[!side];
	struct side *to = &t->end[side];
	bool mine = what->b >> 1 == from->passed;

	bool there = t->local ||
		     (!is_cut(s, from->host, to->host) &&
		      (s->host[to->host - 1].node || to->life == s->host[to->host - 1].life));
	/* What arrives and is not acknowledged has arrived all the same. */
	if (t->local || (there && !is_cut(s, to->host, from->host)))
		from->stalled_us = 0;
	else if (!from->stalled_us)
		from->stalled_us = s->now_us;
	if (from->stalled_us && s->now_us - from->stalled_us > STALL_US) {
		closed(s, t, !side, ERR_TIMEOUT);
		return true;
	}
	if (mine && there) {
		from->passed++;
		return false;
	}
	struct happening again = *what;
	again.bytes = what->bytes ? sim_copy(bytes_of(what->bytes, what->len)) : NULL;
	sim_later(s, LOOK_US, again);
	return true;
}

static void stream_happens(struct sim *s, const struct happening *what)
{
	struct stream *t = stream_of(s, what->a);
	int side = (int)(what->b & 1);
	uint64_t number = what->a;

	if (!t)
		return;
	if (what->kind == HAPPEN_STREAM && stalled(s, t, what))
		return;
	struct side *to = &t->end[side];
	if (t->local && side == 1) {
		if (!to->open)
			return;
		if (what->bytes && person_read(s, t->number, bytes_of(what->bytes, what->len)))
			return;
		if (what->bytes)
			load_read(s, t->number, bytes_of(what->bytes, what->len));
		else
			closed(s, t, 1, ERR_CLOSED);
		return;
	}
	struct host *h = &s->host[to->host - 1];
	if (!to->open || h->life != to->life) {
		/* Nobody there: the machine says so. */
		closed(s, t, !side, ERR_CLOSED);
		return;
	}
	if (side == 1)
		accepted(s, t);
	t = stream_of(s, number);
	if (!t || h->life != to->life || !to->open)
		return;
	if (!what->bytes) {
		closed(s, t, side, ERR_CLOSED);
		return;
	}
	struct event e = {.kind = EVENT_INPUT};
	e.stream.conn = to->conn;
	e.stream.body = bytes_of(what->bytes, what->len);
	host_tell(s, h, &e);
}

bool wire_lies_there(struct sim *s, struct happening *what)
{
	struct stream *t = what->kind == HAPPEN_STREAM ? stream_of(s, what->a) : NULL;

	if (t && stalled(s, t, what))
		return false;
	if (t)
		what->kind = HAPPEN_READ;
	return true;
}

bool wire_knocks(const struct sim *s, const struct happening *what)
{
	const struct stream *t = what->kind == HAPPEN_STREAM ? stream_of(s, what->a) : NULL;

	return t && (what->b & 1) && !t->accepted;
}

void wire_happens(struct sim *s, const struct happening *what)
{
	if (what->kind == HAPPEN_DIALED)
		dialed(s, what);
	else
		stream_happens(s, what);
}

static void ends_down(struct sim *s, struct host *h, struct ends *ends, bool silent)
{
	for (size_t i = 0; i < ends->room; i++) {
		struct stream *t = stream_of(s, ends->number[i]);
		for (int e = 0; t && t->used && e < ENDS; e++) {
			if (t->end[e].host != h->index || !t->end[e].open || (t->local && e == 1))
				continue;
			t->end[e].open = false;
			if (t->end[!e].open && !silent)
				due(s, t, !e, NULL, 0);
			free_if_over(s, t);
		}
	}
	free(ends->number);
	*ends = (struct ends){0};
}

void wire_host_down(struct sim *s, struct host *h, bool silent)
{
	for (size_t i = 0; i < 2; i++)
		ends_down(s, h, &h->ends[i], silent);
}

/* --- a user's program on the host --- */

uint64_t wire_local(struct sim *s, struct host *h)
{
	struct stream *t = stream_add(s);
	struct event e = {.kind = EVENT_ACCEPTED};

	must(h->node);
	t->local = t->accepted = true;
	t->door = DOOR_LOCAL;
	t->end[0] = (struct side){
		.host = h->index, .life = h->life, .conn = h->next_conn++, .open = true};
	t->end[1] = (struct side){.host = h->index, .open = true};
	e.stream.conn = t->end[0].conn;
	e.stream.door = DOOR_LOCAL;
	e.stream.uid = 1000;
	uint64_t number = t->number;
	host_adds(h, t->end[0].conn, number);
	host_tell(s, h, &e);
	return number;
}

bool wire_local_open(const struct sim *s, uint64_t stream)
{
	const struct stream *t = stream_of(s, stream);

	return t && t->end[0].open && t->end[1].open;
}

void wire_local_write(struct sim *s, uint64_t stream, struct bytes bytes)
{
	struct stream *t = stream_of(s, stream);

	if (t && t->end[0].open)
		due(s, t, 0, sim_copy(bytes), bytes.len);
}

void wire_local_close(struct sim *s, uint64_t stream)
{
	struct stream *t = stream_of(s, stream);

	if (!t || !t->end[1].open)
		return;
	t->end[1].open = false;
	if (t->end[0].open)
		due(s, t, 0, NULL, 0);
	free_if_over(s, t);
}
