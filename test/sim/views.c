/* Invariant 4: what each host's views hold, against what they held and against what is. */
#include <stdlib.h>

#include "core/must.h"
#include "gossip/swim_parts.h"
#include "net/node_parts.h"
#include "test/sim/sim.h"

#define VIEWS_LOOKED 64u /* hosts, above which views are looked at in the end only */

static void look_at(struct sim *s, struct host *h, struct seen *seen, const struct member *m,
		    enum view v)
{
	const struct host *who = host_of_id(s, m->id);
	bool gone = m->state == MEMBER_DEAD || m->state == MEMBER_LEFT;

	if (!who)
		return;
	if (m->boot < seen->boot || (m->boot == seen->boot && m->incarnation < seen->incarnation))
		sim_break(s, "4: what is known of a life never goes back",
			  "host %u, view %s, member %u: (%llu, %llu) after (%llu, %llu)", h->index,
			  view_name(v), who->index, (unsigned long long)m->boot,
			  (unsigned long long)m->incarnation, (unsigned long long)seen->boot,
			  (unsigned long long)seen->incarnation);
	bool newer = m->boot > seen->boot ||
		     (m->boot == seen->boot && m->incarnation > seen->incarnation);
	if (seen->gone && !gone && !newer)
		sim_break(s, "4: who is gone comes back by something newer only",
			  "host %u, view %s: member %u at (%llu, %llu)", h->index, view_name(v),
			  who->index, (unsigned long long)m->boot,
			  (unsigned long long)m->incarnation);
	if (seen->left && !gone && m->boot == seen->boot)
		sim_break(s, "4: who left comes back by a restart only",
			  "host %u, view %s: member %u", h->index, view_name(v), who->index);
	if (who != h && m->boot > who->boot)
		sim_break(s, "5: nobody knows a life that did not begin",
			  "host %u, view %s: member %u in boot %llu", h->index, view_name(v),
			  who->index, (unsigned long long)m->boot);
	const struct swim *own = who->node ? who->node->view[v] : NULL;
	if (own && who->node->life.state >= LIFE_UP && m->boot == who->boot &&
	    m->incarnation > swim_find(own, m->id)->incarnation)
		sim_break(s, "5: nobody but the member raises its incarnation",
			  "host %u, view %s: member %u at %llu", h->index, view_name(v), who->index,
			  (unsigned long long)m->incarnation);
	seen->boot = m->boot;
	seen->incarnation = m->incarnation;
	seen->gone = gone;
	seen->left = m->state == MEMBER_LEFT;
}

struct once {
	struct sim *s;
	uint8_t met[VIEWS_LOOKED + 1];
	bool twice;
};

static void count_once(void *with, const struct member *m)
{
	struct once *o = with;
	struct host *h = host_of_id(o->s, m->id);

	if (h && o->met[h->index]++)
		o->twice = true;
}

static void check_view(struct sim *s, struct host *h, enum view v)
{
	const struct swim *view = h->node->view[v];
	struct once once = {.s = s};

	if (!view || view->members.sum + view->members.gone.count == h->view_sum[v])
		return;
	h->view_sum[v] = view->members.sum + view->members.gone.count;
	if (!h->seen[v])
		h->seen[v] = calloc(s->hosts, sizeof(*h->seen[v]));
	must(h->seen[v]);
	for (uint32_t i = 0; i < s->hosts; i++) {
		const struct member *m = swim_find(view, s->host[i].identity.id);
		if (m)
			look_at(s, h, &h->seen[v][i], m, v);
	}
	swim_each(view, count_once, &once);
	if (once.twice)
		sim_break(s, "4: a view shows one identity once", "host %u, view %s", h->index,
			  view_name(v));
}

void check_views(struct sim *s, struct host *h)
{
	for (enum view v = 0; s->hosts <= VIEWS_LOOKED && v < VIEWS; v++)
		check_view(s, h, v);
}

void views_vary(const struct sim *s, struct host *h)
{
	for (enum view v = 0; s->dead_keep_ms && v < VIEWS; v++)
		if (h->node->view[v])
			h->node->view[v]->dead_keep_ms = s->dead_keep_ms;
}
