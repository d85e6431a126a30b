#include "net/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/facts.h"
#include "core/must.h"
#include "discovery/discovery.h"
#include "gossip/swim.h"
#include "net/api.h"
#include "net/link.h"
#include "net/node_parts.h"
#include "sched/director.h"
#include "sched/order.h"
#include "sched/store.h"
#include "sched/worker.h"

/* A token in flight belongs to the core that chose it: its owner travels in the highest byte. */
#define OWNER_SHIFT 56

static void queue_event(struct node *n, enum owner only, const struct event *e)
{
	if (n->queued == n->queue_room) {
		must(n->queue_room < OUTBOX_EFFECTS_MAX);
		n->queue_room = n->queue_room ? n->queue_room * 2 : 64;
		n->queue = realloc(n->queue, n->queue_room * sizeof(*n->queue));
		must(n->queue);
	}
	n->queue[n->queued++] = (struct queued){.only = only, .event = *e};
}

static void queue_post(struct node *n, const struct effect *e)
{
	if (n->posted == n->post_room) {
		must(n->post_room < OUTBOX_EFFECTS_MAX);
		n->post_room = n->post_room ? n->post_room * 2 : 64;
		n->post = realloc(n->post, n->post_room * sizeof(*n->post));
		must(n->post);
	}
	n->post[n->posted++] = *e;
}

struct event node_event(const struct node *n, enum event_kind kind)
{
	return (struct event){.kind = kind, .now_us = n->now_us, .wall_us = n->wall_us};
}

/* A frame to ourselves takes no stream: it is the next thing that happens. */
static bool is_to_self(const struct node *n, const struct effect *e)
{
	return !e->post.peer.link && id_same(e->post.peer.id, n->identity->id);
}

static void loop_back(struct node *n, const struct effect *e)
{
	struct event in = node_event(n, EVENT_FRAME);

	in.frame.peer = (struct peer){.id = n->identity->id, .addr = n->facts.addr};
	in.frame.purpose = e->post.purpose;
	in.frame.type = e->post.type;
	in.frame.request = e->post.request;
	in.frame.body = e->post.body;
	queue_event(n, OWNERS, &in);
}

/* A stream that we close ourselves brings no event: calls passed on over it would wait for their time-out. */
static void forget_calls(struct node *n, const struct effect *e)
{
	struct event down = node_event(n, EVENT_LINK);

	down.link.peer = (struct peer){.id = e->post.peer.id, .addr = e->post.peer.addr};
	down.link.purpose = e->post.purpose;
	queue_event(n, OWNER_API, &down);
}

static void send_datagram(struct node *n, enum view view, bool beacon, struct addr to,
			  struct bytes body)
{
	struct buffer packet;

	buffer_init(&packet, PACKET_MAX);
	enum err err = beacon ? seal_put_beacon(&n->seal, body, &packet)
			      : seal_put(&n->seal, view, body, &packet);
	must(err == OK); /* cores keep to DATAGRAM_BODY_MAX */
	metrics_add(n->metrics, beacon ? METRIC_BEACONS_SENT : METRIC_PACKETS_SENT, 1);
	enum door door = beacon                    ? DOOR_MULTICAST
			 : view == VIEW_SCHEDULERS ? DOOR_SCHEDULERS
						   : DOOR_ALL;
	outbox_packet(n->out, door, to, buffer_bytes(&packet));
	buffer_fini(&packet);
}

/* Carries out, or passes on, one effect that `owner` has just left in the tray. */
static void carry(struct node *n, enum owner owner, const struct effect *e)
{
	struct effect mine = *e;
	uint64_t tag = (uint64_t)owner << OWNER_SHIFT;

	switch (e->kind) {
	case EFFECT_DATAGRAM:
		send_datagram(n, e->send.view, false, e->send.to, e->send.body);
		break;
	case EFFECT_BEACON:
		send_datagram(n, VIEW_ALL, true, (struct addr){0}, e->send.body);
		break;
	case EFFECT_POST:
		if (is_to_self(n, e))
			loop_back(n, e);
		else if (e->post.purpose != PURPOSE_STORE || !life_is_mute(n))
			queue_post(n, e);
		break;
	case EFFECT_UNLINK:
		queue_post(n, e);
		forget_calls(n, e);
		break;
	case EFFECT_APPEND:
		outbox_pass(n->out, e);
		break;
	case EFFECT_SYNC:
	case EFFECT_PUT:
	case EFFECT_CUT:
	case EFFECT_DROP:
	case EFFECT_MOVE:
	case EFFECT_READ:
		must(e->disk.token >> OWNER_SHIFT == 0);
		if (mine.disk.token)
			mine.disk.token |= tag;
		outbox_pass(n->out, &mine);
		break;
	case EFFECT_VERIFY:
		mine.verify.token |= tag;
		outbox_pass(n->out, &mine);
		break;
	case EFFECT_RESOLVE:
		mine.resolve.token |= tag;
		outbox_pass(n->out, &mine);
		break;
	case EFFECT_TELL: {
		struct event told = node_event(n, EVENT_TELL);
		told.tell = e->tell;
		queue_event(n, OWNERS, &told);
		break;
	}
	case EFFECT_KEEPER:
	case EFFECT_LOG:
	case EFFECT_READY:
	case EFFECT_EXIT:
	case EFFECT_PACKET:
	case EFFECT_DIAL:
	case EFFECT_OUTPUT:
	case EFFECT_HANGUP:
		outbox_pass(n->out, e);
		break;
	case EFFECT_SPAWN:
	case EFFECT_KILL:
	case EFFECT_AGENT:
		never("a node has no children: its keeper has");
		break;
	}
}

void node_carry(struct node *n, enum owner owner)
{
	while (n->carried < outbox_count(n->tray)) {
		struct effect e = *outbox_at(n->tray, n->carried++);
		carry(n, owner, &e);
	}
}

/* One core takes one step, and what it asks for is carried out. */
static void step(struct node *n, enum owner owner, const struct event *e)
{
	switch (owner) {
	case OWNER_SCHEDULERS:
		if (n->view[VIEW_SCHEDULERS])
			swim_step(n->view[VIEW_SCHEDULERS], e, n->tray);
		break;
	case OWNER_ALL:
		swim_step(n->view[VIEW_ALL], e, n->tray);
		break;
	case OWNER_DISCOVERY:
		discovery_step(n->discovery, e, n->tray);
		break;
	case OWNER_STORE:
		store_step(n->store, e, n->tray);
		break;
	case OWNER_DIRECTOR:
		if (n->director)
			director_step(n->director, e, n->tray);
		break;
	case OWNER_WORKER:
		if (n->worker)
			worker_step(n->worker, e, n->tray);
		break;
	case OWNER_API:
		api_step(n->api, e, n->tray);
		break;
	case OWNER_NODE:
		life_step(n, e, n->tray);
		break;
	case OWNERS:
		never("nobody's step");
		break;
	}
	node_carry(n, owner);
}

static void route_call(struct node *n, const struct event *e)
{
	struct call call;
	enum api_where where = API_DONE;

	if (api_read(e, &call) != OK)
		api_answer(e, EXIT_USAGE, (struct bytes){0}, "the request could not be read",
			   n->tray);
	else
		where = here_route(n, e, &call, n->tray);
	if (where == API_HERE)
		here_answer(n, e, &call, n->tray);
	node_carry(n, OWNER_API);
	if (where != API_DIRECTOR && where != API_WORKER)
		return;

	/* Who asks is said anew, as the kernel has it: what a local program wrote there counts nothing. */
	struct event vouched = *e;
	struct buffer body;
	buffer_init(&body, FRAME_MAX);
	enum err err = call_put(&call, &body);
	must(err == OK);
	vouched.frame.body = buffer_bytes(&body);
	step(n, where == API_DIRECTOR ? OWNER_DIRECTOR : OWNER_WORKER, &vouched);
	buffer_fini(&body);
}

/* The other end of this stream lives in a generation that is not ours, nor was. */
static bool is_apart(const struct node *n, const struct event *e)
{
	const struct hello *h = links_hello(n->links, e->frame.peer.link);

	if (h == NULL)
		return false;
	struct store_where theirs = {.store = h->store, .mark = h->epoch.generation};
	return store_is_apart(n->store, &theirs);
}

/* A director's word to a worker names its epoch; who learns of a later generation by it asks for the record. */
static void hear_director(struct node *n, const struct event *e)
{
	struct attached a;
	struct direct d;
	struct fence f;

	if (e->frame.type == FRAME_DIRECT && direct_get(e->frame.body, &d) == OK)
		f = d.fence;
	else if (e->frame.type == FRAME_ATTACHED && attached_get(e->frame.body, &a) == OK)
		f = a.fence;
	else
		return;
	store_directed(n->store, &e->frame.peer, f.store, f.epoch.generation, n->tray);
	node_carry(n, OWNER_STORE);
	if (n->worker && store_is_retired(n->store, worker_store(n->worker)))
		worker_retired(n->worker, worker_store(n->worker));
	if (!is_apart(n, e))
		step(n, OWNER_WORKER, e);
}

static void route_frame(struct node *n, const struct event *e)
{
	switch ((enum frame_type)e->frame.type) {
	case FRAME_GOSSIP:
		if (e->frame.body.len && e->frame.body.at[0] < VIEWS)
			step(n, e->frame.body.at[0] == VIEW_ALL ? OWNER_ALL : OWNER_SCHEDULERS, e);
		break;
	case FRAME_STORE:
		if (!life_is_mute(n))
			step(n, OWNER_STORE, e);
		break;
	case FRAME_ATTACH:
		if (!is_apart(n, e))
			step(n, OWNER_DIRECTOR, e);
		break;
	case FRAME_REPORT:
	case FRAME_LEASE_ASK:
		step(n, OWNER_DIRECTOR, e);
		break;
	case FRAME_DIRECT:
	case FRAME_ATTACHED:
		hear_director(n, e);
		break;
	case FRAME_ORDER:
	case FRAME_REPORTED:
	case FRAME_LEASE:
	case FRAME_END:
		step(n, OWNER_WORKER, e);
		break;
	case FRAME_CALL:
		route_call(n, e);
		break;
	case FRAME_ANSWER:
		step(n, OWNER_API, e);
		break;
	}
}

/* Each end of a stream says in which generation it lives: the one that is behind is shown why. */
static void compare_generations(struct node *n, const struct event *e)
{
	const struct hello *h = e->link.up ? links_hello(n->links, e->link.peer.link) : NULL;

	if (h == NULL)
		return;
	struct store_where theirs = {.store = h->store, .mark = h->epoch.generation};
	store_meet(n->store, &e->link.peer, &theirs, n->tray);
	node_carry(n, OWNER_STORE);
}

static void route_link(struct node *n, const struct event *e)
{
	compare_generations(n, e);
	switch (e->link.purpose) {
	case PURPOSE_GOSSIP:
		step(n, OWNER_SCHEDULERS, e);
		step(n, OWNER_ALL, e);
		break;
	case PURPOSE_STORE:
		step(n, OWNER_STORE, e);
		break;
	case PURPOSE_RPC:
		step(n, OWNER_DIRECTOR, e);
		step(n, OWNER_WORKER, e);
		step(n, OWNER_API, e);
		break;
	case PURPOSE_BULK:
	case PURPOSE_LOCAL:
		step(n, OWNER_DIRECTOR, e);
		step(n, OWNER_WORKER, e);
		step(n, OWNER_API, e);
		break;
	}
}

/* Who is seen to be a scheduler among all is worth a join among schedulers: in a crowd, discovery may never hear of the
 * few. */
static void hint_at_scheduler(struct node *n, const struct event *e)
{
	const struct facts *f = e->tell.member.facts;
	struct event hint = node_event(n, EVENT_TELL);

	if (!n->view[VIEW_SCHEDULERS] || e->tell.member.view != VIEW_ALL ||
	    e->tell.member.state != MEMBER_ALIVE || !(f->roles & ROLE_SCHEDULER))
		return;
	const struct member *known = swim_find(n->view[VIEW_SCHEDULERS], f->id);
	if (known && member_is_here(known))
		return;
	hint.tell.kind = TELL_CANDIDATE;
	hint.tell.candidate.view = VIEW_SCHEDULERS;
	hint.tell.candidate.addr = f->addr;
	queue_event(n, OWNER_SCHEDULERS, &hint);
}

static void route_tell(struct node *n, const struct event *e)
{
	switch (e->tell.kind) {
	case TELL_CANDIDATE:
		step(n, e->tell.candidate.view == VIEW_ALL ? OWNER_ALL : OWNER_SCHEDULERS, e);
		break;
	case TELL_JOINED:
		step(n, OWNER_DISCOVERY, e);
		step(n, OWNER_NODE, e);
		break;
	case TELL_MEMBER:
		hint_at_scheduler(n, e);
		step(n, OWNER_DISCOVERY, e);
		step(n, OWNER_STORE, e);
		step(n, OWNER_DIRECTOR, e);
		step(n, OWNER_WORKER, e);
		step(n, OWNER_NODE, e);
		break;
	case TELL_LEAD:
		step(n, OWNER_NODE, e);
		step(n, OWNER_DIRECTOR, e);
		step(n, OWNER_WORKER, e);
		break;
	case TELL_COMMIT:
	case TELL_FENCE:
	case TELL_RESIGN:
	case TELL_GIVE_UP:
		step(n, OWNER_STORE, e);
		break;
	case TELL_COMMITTED:
	case TELL_APPLIED:
	case TELL_RESTORED:
	case TELL_FENCED:
	case TELL_GENERATION:
		step(n, OWNER_DIRECTOR, e);
		break;
	case TELL_FAULT:
	case TELL_GIVEN_UP:
		step(n, OWNER_DIRECTOR, e);
		step(n, OWNER_NODE, e);
		break;
	case TELL_STANDBYS:
	case TELL_STOP:
		step(n, OWNER_DIRECTOR, e);
		break;
	case TELL_STOPPED:
	case TELL_MUTE:
		step(n, OWNER_NODE, e);
		break;
	}
}

/* An answer goes to the core whose token it carries, and to nobody else. */
static void route_token(struct node *n, uint64_t *token, const struct event *e)
{
	enum owner owner = (enum owner)(*token >> OWNER_SHIFT);

	must(owner < OWNERS);
	*token &= (UINT64_C(1) << OWNER_SHIFT) - 1;
	step(n, owner, e);
}

static enum metric dropped_metric(enum err err)
{
	if (err == ERR_VERSION)
		return METRIC_DROPPED_VERSION;
	if (err == ERR_FOREIGN)
		return METRIC_DROPPED_FOREIGN;
	if (err == ERR_KEY)
		return METRIC_DROPPED_KEY;
	if (err == ERR_FORGED)
		return METRIC_DROPPED_FORGED;
	if (err == ERR_REPLAYED)
		return METRIC_DROPPED_REPLAYED;
	if (err == ERR_FULL)
		return METRIC_DROPPED_FULL;
	return METRIC_DROPPED_SHORT;
}

static void open_packet(struct node *n, const struct event *e)
{
	struct sealed sealed;
	bool beacon = e->packet.door == DOOR_MULTICAST;
	enum view view = e->packet.door == DOOR_SCHEDULERS ? VIEW_SCHEDULERS : VIEW_ALL;
	enum err err = beacon ? seal_open_beacon(&n->seal, e->packet.body, &sealed)
			      : seal_open(&n->seal, view, e->packet.body, &sealed);

	if (err) {
		strangers_met(&n->strangers, e->now_us, e->packet.from, err, n->tray);
		node_carry(n, OWNER_NODE);
		metrics_add(n->metrics, dropped_metric(err), 1);
		return;
	}
	metrics_add(n->metrics, beacon ? METRIC_BEACONS_RECEIVED : METRIC_PACKETS_RECEIVED, 1);

	struct event in = node_event(n, beacon ? EVENT_BEACON : EVENT_DATAGRAM);
	if (beacon) {
		in.beacon.from = e->packet.from;
		in.beacon.sender = sealed.sender;
		in.beacon.body = sealed.body;
		step(n, OWNER_DISCOVERY, &in);
	} else {
		in.datagram.view = view;
		in.datagram.from = e->packet.from;
		in.datagram.sender = sealed.sender;
		in.datagram.boot = sealed.boot;
		in.datagram.body = sealed.body;
		step(n, view == VIEW_ALL ? OWNER_ALL : OWNER_SCHEDULERS, &in);
	}
}

static uint64_t core_deadline_us(const struct node *n, enum owner owner)
{
	switch (owner) {
	case OWNER_SCHEDULERS:
		return n->view[VIEW_SCHEDULERS] ? swim_deadline_us(n->view[VIEW_SCHEDULERS])
						: UINT64_MAX;
	case OWNER_ALL:
		return swim_deadline_us(n->view[VIEW_ALL]);
	case OWNER_DISCOVERY:
		return discovery_deadline_us(n->discovery);
	case OWNER_STORE:
		return store_deadline_us(n->store);
	case OWNER_DIRECTOR:
		return n->director ? director_deadline_us(n->director) : UINT64_MAX;
	case OWNER_WORKER:
		return n->worker ? worker_deadline_us(n->worker) : UINT64_MAX;
	case OWNER_API:
		return api_deadline_us(n->api);
	case OWNER_NODE:
		return life_deadline_us(n);
	case OWNERS:
		break;
	}
	never("nobody's deadline");
	return UINT64_MAX;
}

static void wake(struct node *n, const struct event *e)
{
	for (enum owner o = 0; o < OWNERS; o++)
		if (core_deadline_us(n, o) <= e->now_us)
			step(n, o, e);
	if (links_deadline_us(n->links) <= e->now_us)
		links_step(n->links, e, n->out);
}

static void route(struct node *n, const struct event *e)
{
	struct event mine = *e;

	switch (e->kind) {
	case EVENT_WAKE:
		wake(n, e);
		break;
	case EVENT_PACKET:
		open_packet(n, e);
		break;
	case EVENT_ACCEPTED:
	case EVENT_DIALED:
	case EVENT_INPUT:
	case EVENT_CLOSED:
		links_step(n->links, e, n->out);
		break;
	case EVENT_FRAME:
		route_frame(n, e);
		break;
	case EVENT_LINK:
		route_link(n, e);
		break;
	case EVENT_TELL:
		route_tell(n, e);
		break;
	case EVENT_DISK:
		route_token(n, &mine.disk.token, &mine);
		break;
	case EVENT_READ:
		route_token(n, &mine.read.token, &mine);
		break;
	case EVENT_VERIFIED:
		route_token(n, &mine.verified.token, &mine);
		break;
	case EVENT_RESOLVED:
		route_token(n, &mine.resolved.token, &mine);
		break;
	case EVENT_KEEPER:
		step(n, OWNER_WORKER, e);
		break;
	case EVENT_SIGNAL:
		step(n, OWNER_NODE, e);
		break;
	case EVENT_DATAGRAM:
	case EVENT_BEACON:
		never("only the node opens packets");
		break;
	case EVENT_AGENT:
	case EVENT_SPAWNED:
	case EVENT_EXITED:
		never("a keeper's event came to a node");
		break;
	}
}

/* Called by the link table, in the middle of its step: cores may take theirs, posts wait until it is done. */
void node_delivered(void *self, const struct event *e)
{
	route(self, e);
}

void node_introduce(struct node *n)
{
	struct event self = node_event(n, EVENT_TELL);

	self.tell.kind = TELL_MEMBER;
	self.tell.member.view = VIEW_ALL;
	self.tell.member.state = MEMBER_ALIVE;
	self.tell.member.facts = &n->facts;
	step(n, OWNER_STORE, &self);
	step(n, OWNER_DIRECTOR, &self);
	step(n, OWNER_WORKER, &self);
}

/* Until nothing is left that one core has said to another. */
static void settle(struct node *n)
{
	for (size_t done = 0, posts = 0; done < n->queued || posts < n->posted;) {
		if (done < n->queued) {
			struct queued q = n->queue[done++];
			if (q.only == OWNERS)
				route(n, &q.event);
			else
				step(n, q.only, &q.event);
			continue;
		}
		struct effect e = n->post[posts++];
		if (e.kind == EFFECT_UNLINK)
			links_unlink(n->links, &e, n->out);
		else
			links_post(n->links, n->now_us, &e, n->out);
	}
	n->queued = 0;
	n->posted = 0;
	n->carried = 0;
	outbox_clear(n->tray);
}

static void begin(struct node *n, uint64_t now_us, uint64_t wall_us, struct outbox *outbox)
{
	must(!n->out);
	n->now_us = now_us;
	n->wall_us = wall_us;
	n->out = outbox;
}

void node_step(struct node *n, const struct event *event, struct outbox *outbox)
{
	begin(n, event->now_us, event->wall_us, outbox);
	if (n->life.state >= LIFE_UP || event->kind == EVENT_DISK)
		route(n, event);
	else if (n->life.state == LIFE_NEW)
		step(n, OWNER_NODE, event);
	settle(n);
	n->out = NULL;
}

void node_turn(struct node *n, uint64_t now_us, uint64_t wall_us, struct outbox *outbox)
{
	begin(n, now_us, wall_us, outbox);
	if (n->life.state >= LIFE_UP) {
		if (n->director) {
			director_turn(n->director, now_us, wall_us, n->tray);
			node_carry(n, OWNER_DIRECTOR);
			settle(n);
		}
		store_turn(n->store, now_us, wall_us, n->tray);
		node_carry(n, OWNER_STORE);
		settle(n);
		life_turn(n, n->tray);
		node_carry(n, OWNER_NODE);
		settle(n);
	}
	n->out = NULL;
}

uint64_t node_deadline_us(const struct node *n)
{
	if (n->life.state < LIFE_UP)
		return n->life.deadline_us;

	uint64_t first = links_deadline_us(n->links);
	for (enum owner o = 0; o < OWNERS; o++) {
		uint64_t at = core_deadline_us(n, o);
		if (at < first)
			first = at;
	}
	return first;
}
