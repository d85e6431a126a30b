#include "net/verify_uv.h"

#include <stdlib.h>
#include <string.h>

#include "core/identity.h"
#include "core/limits.h"
#include "core/must.h"

struct question {
	struct question *next;
	uint64_t token;
	bool good;
	uint8_t key[32];
	uint8_t signature[64];
	size_t len;
	uint8_t body[];
};

struct piece {
	struct verifier *all;
	struct question *first; /* NULL: idle */
	uv_work_t work;
};

struct verifier {
	uv_loop_t *loop;
	struct sink sink;
	struct question *first; /* waiting */
	struct question **last;
	uint32_t waiting;
	struct piece piece[VERIFY_FLIGHT_MAX];
};

struct verifier *verifier_open(uv_loop_t *loop, struct sink sink)
{
	struct verifier *v = calloc(1, sizeof *v);

	must(v != NULL);
	v->loop = loop;
	v->sink = sink;
	v->last = &v->first;
	for (uint32_t i = 0; i < VERIFY_FLIGHT_MAX; i++) {
		v->piece[i].all = v;
		v->piece[i].work.data = &v->piece[i];
	}
	return v;
}

void verifier_effect(struct verifier *v, const struct effect *e)
{
	if (v->waiting >= VERIFY_QUEUE_MAX) {
		struct event no = {.kind = EVENT_VERIFIED};

		no.verified.token = e->verify.token;
		sink_later(&v->sink, &no);
		return;
	}
	struct question *q = calloc(1, sizeof *q + e->verify.body.len);
	must(q != NULL);
	q->token = e->verify.token;
	memcpy(q->key, e->verify.key, sizeof q->key);
	memcpy(q->signature, e->verify.signature, sizeof q->signature);
	q->len = e->verify.body.len;
	if (q->len > 0)
		memcpy(q->body, e->verify.body.at, q->len);
	*v->last = q;
	v->last = &q->next;
	v->waiting++;
}

static void piece_run(uv_work_t *work)
{
	struct piece *p = work->data;

	for (struct question *q = p->first; q != NULL; q = q->next)
		q->good = identity_check(q->key, bytes_of(q->body, q->len), q->signature);
}

static void piece_done(uv_work_t *work, int status)
{
	struct piece *p = work->data;
	struct question *q = p->first;
	struct verifier *v = p->all;

	must(status == 0);
	p->first = NULL;
	verifier_flush(v);
	while (q != NULL) {
		struct question *next = q->next;
		struct event e = {.kind = EVENT_VERIFIED};

		e.verified.token = q->token;
		e.verified.good = q->good;
		free(q);
		sink_tell(&v->sink, &e);
		q = next;
	}
}

static void piece_begin(struct piece *p)
{
	struct verifier *v = p->all;
	struct question *end = NULL;
	struct question *q = v->first;

	p->first = q;
	for (uint32_t i = 0; q != NULL && i < VERIFY_BATCH_MAX; i++, q = q->next) {
		v->waiting--;
		end = q;
	}
	end->next = NULL;
	v->first = q;
	if (q == NULL)
		v->last = &v->first;
	int bad = uv_queue_work(v->loop, &p->work, piece_run, piece_done);
	must(bad == 0);
}

void verifier_flush(struct verifier *v)
{
	for (uint32_t i = 0; i < VERIFY_FLIGHT_MAX; i++)
		if (v->piece[i].first == NULL && v->first != NULL)
			piece_begin(&v->piece[i]);
}

bool verifier_busy(const struct verifier *v)
{
	for (uint32_t i = 0; i < VERIFY_FLIGHT_MAX; i++)
		if (v->piece[i].first != NULL)
			return true;
	return false;
}

void verifier_close(struct verifier *v)
{
	must(!verifier_busy(v));
	must(v->first == NULL);
	free(v);
}
