#include "net/api.h"

#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/must.h"

/* A call passed on and not yet answered. */
struct forward {
	uint64_t request; /* ours; 0: free */
	struct peer to;
	struct peer from;
	enum purpose purpose; /* of the caller's stream */
	uint64_t caller;      /* the caller's request number */
	uint64_t deadline_us;
};

struct api {
	struct forward *forward;
	uint32_t room;
	uint32_t live;
	uint64_t next;
};

struct api *api_open(void)
{
	struct api *a = calloc(1, sizeof(*a));

	must(a);
	a->next = 1;
	return a;
}

void api_close(struct api *a)
{
	if (!a)
		return;
	free(a->forward);
	free(a);
}

enum err api_read(const struct event *e, struct call *call)
{
	must(e->kind == EVENT_FRAME);
	must(e->frame.type == FRAME_CALL);

	enum err err = call_get(e->frame.body, call);
	if (err)
		return err;
	/* What a local program says of itself counts nothing: the kernel names it. */
	if (e->frame.purpose == PURPOSE_LOCAL)
		call->uid = e->frame.uid;
	return OK;
}

static void answer(const struct peer *to, enum purpose purpose, uint64_t request, uint8_t code,
		   struct bytes body, const char *why, struct outbox *outbox)
{
	struct answer a = {.code = code, .body = body, .why = bytes_str(why ? why : "")};
	struct buffer b;

	must(code != 0 || !why);
	buffer_init(&b, FRAME_MAX);
	if (answer_put(&a, &b) != OK) {
		a = (struct answer){.code = EXIT_OTHER, .why = BYTES("the answer is too large")};
		buffer_clear(&b);
		enum err err = answer_put(&a, &b);
		must(err == OK);
	}
	outbox_post(outbox, to, purpose, FRAME_ANSWER, request, buffer_bytes(&b));
	buffer_fini(&b);
}

void api_answer(const struct event *e, uint8_t code, struct bytes body, const char *why,
		struct outbox *outbox)
{
	must(e->kind == EVENT_FRAME);
	answer(&e->frame.peer, e->frame.purpose, e->frame.request, code, body, why, outbox);
}

static struct forward *forward_add(struct api *a)
{
	if (a->live == a->room) {
		if (a->room == FORWARDS_MAX)
			return NULL;
		uint32_t room = a->room ? a->room * 2 : 16;
		struct forward *more = realloc(a->forward, room * sizeof(*more));
		must(more);
		a->forward = more;
		a->room = room;
	}
	must(a->live < a->room);
	return &a->forward[a->live++];
}

static void forward_drop(struct api *a, struct forward *f)
{
	must(a->live > 0);
	*f = a->forward[--a->live];
}

static void pass_on(struct api *a, const struct event *e, const struct call *call,
		    const struct peer *to, enum purpose purpose, struct outbox *outbox)
{
	if (call->hops >= CALL_HOPS_MAX) {
		api_answer(e, EXIT_NO_DIRECTOR, (struct bytes){0},
			   "no director now: the nodes disagree who directs", outbox);
		return;
	}
	struct forward *f = forward_add(a);
	if (!f) {
		api_answer(e, EXIT_NO_DIRECTOR, (struct bytes){0},
			   "too many calls are under way here", outbox);
		return;
	}
	*f = (struct forward){
		.request = a->next++,
		.to = *to,
		.from = e->frame.peer,
		.purpose = e->frame.purpose,
		.caller = e->frame.request,
		.deadline_us = e->now_us + FORWARD_MAX_MS * UINT64_C(1000),
	};

	struct call onward = *call;
	struct buffer b;

	onward.hops++;
	buffer_init(&b, FRAME_MAX);
	if (call_put(&onward, &b) != OK) {
		forward_drop(a, f);
		api_answer(e, EXIT_USAGE, (struct bytes){0}, "the request is too large", outbox);
	} else {
		outbox_post(outbox, to, purpose, FRAME_CALL, f->request, buffer_bytes(&b));
	}
	buffer_fini(&b);
}

enum api_where api_route(struct api *a, const struct event *e, const struct call *call,
			 const struct api_map *map, struct outbox *outbox)
{
	const struct peer *to = NULL;

	switch (call_place(call->verb)) {
	case AT_HERE:
		return API_HERE;
	case AT_SCHEDULER:
		if (map->scheduler)
			return API_HERE;
		to = &map->scheduler_peer;
		break;
	case AT_DIRECTOR:
		if (map->directing)
			return API_DIRECTOR;
		/* A scheduler that does not know the director must not send the call in a circle. */
		to = !id_is_none(map->director.id) || map->scheduler ? &map->director
								     : &map->scheduler_peer;
		break;
	case AT_NODE:
		if (id_same(call->node, map->self) && map->worker)
			return API_WORKER;
		if (id_same(call->node, map->self)) {
			api_answer(e, EXIT_NOBODY, (struct bytes){0}, "no jobs run on that node",
				   outbox);
			return API_DONE;
		}
		if (id_is_none(map->named.id)) {
			api_answer(e, EXIT_NOBODY, (struct bytes){0},
				   "that node can not be reached", outbox);
			return API_DONE;
		}
		pass_on(a, e, call, &map->named, PURPOSE_BULK, outbox);
		return API_DONE;
	}
	if (!to) {
		api_answer(e, EXIT_USAGE, (struct bytes){0},
			   "unknown request: is the other side newer?", outbox);
		return API_DONE;
	}
	if (id_is_none(to->id) || id_same(to->id, map->self)) {
		api_answer(e, EXIT_NO_DIRECTOR, (struct bytes){0}, "no director now", outbox);
		return API_DONE;
	}
	pass_on(a, e, call, to, PURPOSE_RPC, outbox);
	return API_DONE;
}

static void take_answer(struct api *a, const struct event *e, struct outbox *outbox)
{
	for (uint32_t i = 0; i < a->live; i++) {
		struct forward *f = &a->forward[i];
		/* The request number alone proves nothing: the answer must come from whom we asked. */
		if (f->request != e->frame.request || !id_same(f->to.id, e->frame.peer.id))
			continue;
		outbox_post(outbox, &f->from, f->purpose, FRAME_ANSWER, f->caller, e->frame.body);
		forward_drop(a, f);
		return;
	}
}

static bool is_peer(const struct peer *p, const struct event *link)
{
	const struct peer *gone = &link->link.peer;

	if (!id_is_none(gone->id))
		return id_same(p->id, gone->id);
	return addr_same(p->addr, gone->addr);
}

static void link_down(struct api *a, const struct event *e, struct outbox *outbox)
{
	for (uint32_t i = 0; i < a->live;) {
		struct forward *f = &a->forward[i];
		bool caller = e->link.peer.link && f->from.link == e->link.peer.link;

		if (caller) {
			forward_drop(a, f);
		} else if (e->link.purpose != PURPOSE_LOCAL && is_peer(&f->to, e)) {
			answer(&f->from, f->purpose, f->caller, EXIT_NO_DIRECTOR, (struct bytes){0},
			       "the node that was asked can not be reached", outbox);
			forward_drop(a, f);
		} else {
			i++;
		}
	}
}

static void expire(struct api *a, uint64_t now_us, struct outbox *outbox)
{
	for (uint32_t i = 0; i < a->live;) {
		struct forward *f = &a->forward[i];
		if (f->deadline_us > now_us) {
			i++;
			continue;
		}
		answer(&f->from, f->purpose, f->caller, EXIT_TIMEOUT, (struct bytes){0},
		       "the node that was asked did not answer", outbox);
		forward_drop(a, f);
	}
}

void api_step(struct api *a, const struct event *e, struct outbox *outbox)
{
	if (e->kind == EVENT_FRAME && e->frame.type == FRAME_ANSWER)
		take_answer(a, e, outbox);
	else if (e->kind == EVENT_LINK && !e->link.up)
		link_down(a, e, outbox);
	else if (e->kind == EVENT_WAKE)
		expire(a, e->now_us, outbox);
}

uint64_t api_deadline_us(const struct api *a)
{
	uint64_t first = UINT64_MAX;

	for (uint32_t i = 0; i < a->live; i++)
		if (a->forward[i].deadline_us < first)
			first = a->forward[i].deadline_us;
	return first;
}
