#include "cli/follow.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "core/must.h"
#include "core/pack.h"
#include "core/text.h"

#define HOLD_MS       20000u /* how long a question may be held elsewhere */
#define ANSWER_MAX_MS 60000  /* then the local node is not worth waiting for */
#define NODE_BACK_MS  15000  /* how long a local node that went away is waited for */
#define RETRY_MS      100    /* between two tries when nobody could answer */

struct stream {
	uint64_t at;   /* bytes printed */
	uint64_t size; /* in all, once the job ended */
	FILE *to;
};

struct progress {
	const struct follow *f;
	struct client *c;
	struct job_news news; /* the last; its tails are not kept */
	bool known;
	bool ended;
	uint64_t wait; /* request numbers; 0: none under way */
	uint64_t output;
	uint32_t attempt; /* whose output is being printed */
	struct stream out, err;
	bool drained; /* all output of this attempt is printed, or can not be had */
	bool director_lost;
};

static void ask_wait(struct progress *p)
{
	struct wait_ask ask = {.seen = p->known ? p->news.seen : 0,
			       .wait_ms = p->f->until_end && p->known ? HOLD_MS : 0};
	struct buffer b;

	id_print(p->f->job, ask.prefix);
	buffer_init(&b, 256);
	enum err err = wait_ask_put(&ask, &b);
	must(err == OK);
	p->wait = client_ask(p->c, CALL_JOB_WAIT, id_none, buffer_bytes(&b));
	buffer_fini(&b);
}

static void ask_output(struct progress *p)
{
	struct buffer b;
	struct pack k;

	buffer_init(&b, 256);
	pack_init(&k, &b);
	pack_array(&k, 6);
	pack_id(&k, p->f->job);
	pack_u64(&k, p->news.step);
	pack_u64(&k, p->attempt);
	pack_u64(&k, p->out.at);
	pack_u64(&k, p->err.at);
	pack_u64(&k, p->f->until_end && !p->ended ? HOLD_MS : 0);
	must(pack_err(&k) == OK);
	p->output = client_ask(p->c, CALL_OUTPUT, p->news.worker, buffer_bytes(&b));
	buffer_fini(&b);
}

static void print(struct stream *s, struct bytes b)
{
	if (!b.len)
		return;
	fwrite(b.at, 1, b.len, s->to);
	fflush(s->to);
	s->at += b.len;
}

/* The end of each stream travels with the result: short output needs no question to the worker. */
static bool print_tail(struct stream *s, uint64_t size, struct bytes tail)
{
	if (s->at > size || size - s->at > tail.len)
		return s->at >= size;
	print(s, bytes_of(tail.at + tail.len - (size - s->at), (size_t)(size - s->at)));
	return true;
}

static void remark(const struct progress *p, const char *text)
{
	if (!p->f->quiet)
		fprintf(stderr, "witan: %s\n", text);
}

static void take_news(struct progress *p, const struct answer *a)
{
	struct job_news news;
	char text[160];

	if (job_news_get(a->body, &news) != OK)
		return;
	p->director_lost = false;
	if (p->known && news.unknown && !p->news.unknown)
		remark(p, "the worker can not be reached now; waiting for it");
	if (news.held && !(p->known && p->news.held))
		remark(p, news.why);
	if (news.number != p->attempt && news.number > 0 && !id_is_none(news.worker)) {
		if (p->attempt > 0) {
			snprintf(text, sizeof(text), "the job begins again: attempt %u",
				 news.number);
			remark(p, text);
		}
		p->attempt = news.number;
		p->out.at = p->err.at = 0;
		p->drained = false;
	}
	p->known = true;
	p->ended = job_is_ended(news.state);
	p->news = news;
	p->news.out_tail = p->news.err_tail = (struct bytes){0};
	if (p->ended) {
		p->out.size = news.out_size;
		p->err.size = news.err_size;
		bool out = print_tail(&p->out, news.out_size, news.out_tail);
		bool err = print_tail(&p->err, news.err_size, news.err_tail);
		p->drained = p->drained || (out && err) || id_is_none(news.worker);
	}
}

static void take_output(struct progress *p, const struct answer *a)
{
	struct unpack u;

	if (a->code != EXIT_GOOD) {
		if (p->ended) {
			p->drained = true;
			fprintf(stderr, "witan: only the end of the output is here: %.*s\n",
				(int)a->why.len, (const char *)a->why.at);
		}
		return;
	}
	unpack_init(&u, a->body);
	uint32_t count = unpack_array(&u, 5);
	bool eof = unpack_bool(&u);
	unpack_u64(&u);
	unpack_u64(&u);
	struct bytes out = unpack_bin(&u, PIECE_MAX);
	struct bytes err = unpack_bin(&u, PIECE_MAX);
	unpack_rest(&u, count - (count >= 5 ? 5 : count));
	if (unpack_err(&u))
		return;
	print(&p->out, out);
	print(&p->err, err);
	p->drained = eof || (!p->f->until_end && !out.len && !err.len);
}

static void take(struct progress *p, uint64_t request, const struct answer *a, bool *pause)
{
	if (request == p->wait) {
		p->wait = 0;
		if (a->code == EXIT_GOOD) {
			take_news(p, a);
			return;
		}
		if (!p->director_lost && a->code != EXIT_TIMEOUT)
			remark(p, "no director now; waiting for the next");
		p->director_lost = true;
		*pause = true;
	} else if (request == p->output) {
		p->output = 0;
		take_output(p, a);
		*pause = *pause || a->code != EXIT_GOOD;
	}
}

static bool over(const struct progress *p)
{
	if (!p->f->until_end)
		return p->known && (p->drained || p->attempt == 0);
	return p->ended && (p->drained || p->attempt == 0);
}

/* The local node went away: it may come back, and the job goes on without it. */
static bool reconnect(struct progress *p)
{
	p->wait = p->output = 0;
	return p->f->until_end && client_again(p->c, NODE_BACK_MS);
}

int follow(struct client *c, const struct follow *f, struct outcome *out)
{
	struct progress p = {.f = f, .c = c, .out.to = stdout, .err.to = stderr};

	while (!over(&p)) {
		struct answer a;
		uint64_t request = 0;
		bool pause = false;

		if (!p.wait && !p.ended && (f->until_end || !p.known))
			ask_wait(&p);
		/* Between two attempts, after a refusal, it is with nobody. */
		if (!p.output && p.known && p.attempt > 0 && !p.drained &&
		    !id_is_none(p.news.worker))
			ask_output(&p);
		if (client_answer(c, ANSWER_MAX_MS, &request, &a))
			take(&p, request, &a, &pause);
		else if (c->fd < 0 && !reconnect(&p))
			return EXIT_NOBODY;
		if (f->interrupted && *f->interrupted)
			return 130;
		if (pause) {
			poll(NULL, 0, RETRY_MS);
		}
	}
	out->state = p.news.state;
	out->code = p.news.code;
	memcpy(out->why, p.news.why, sizeof(out->why));
	return EXIT_GOOD;
}
