#include "sched/job_pack.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/must.h"
#include "core/pack.h"

enum {
	TASK_FIELDS = 10,
	RECORD_VERSION = 1,
	RECORD_FIELDS = 21,
	SUBMIT_FIELDS = 1 + TASK_FIELDS,
	NEWS_FIELDS = 15,
	KEY_FIELDS = 3,
	WORKER_FIELDS = 3,
};

static int32_t get_i32(struct unpack *u)
{
	int64_t v = unpack_i64(u);

	if (v < INT32_MIN || v > INT32_MAX)
		unpack_refuse(u, ERR_TOO_BIG);
	return unpack_err(u) == OK ? (int32_t)v : 0;
}

static uint32_t get_below(struct unpack *u, uint32_t bound)
{
	uint32_t v = unpack_u32(u);

	if (v >= bound)
		unpack_refuse(u, ERR_MALFORMED);
	return v < bound ? v : 0;
}

static enum err close_array(struct unpack *u, uint32_t count, uint32_t known)
{
	if (unpack_err(u) == OK)
		unpack_rest(u, count - known);
	if (unpack_err(u) == OK && !unpack_done(u))
		unpack_refuse(u, ERR_MALFORMED);
	return unpack_err(u);
}

/* The bytes of one whole array of text, borrowed. */
static struct bytes get_texts(struct unpack *u, uint32_t least)
{
	struct bytes from = u->left;
	uint32_t n = unpack_array(u, least);

	if (n > ARGV_MAX)
		unpack_refuse(u, ERR_TOO_BIG);
	for (uint32_t i = 0; i < n && unpack_err(u) == OK; i++)
		(void)unpack_text(u, JOB_TEXT_MAX);
	if (unpack_err(u) != OK)
		return (struct bytes){0};
	from.len -= u->left.len;
	return from;
}

/* An array that is packed already. */
static void put_packed(struct pack *p, struct bytes packed)
{
	static const uint8_t none = 0x90;

	if (p->err == OK)
		p->err = buffer_add(p->to, packed.len ? packed : bytes_of(&none, 1));
}

static void put_task(struct pack *p, const struct task *t)
{
	put_packed(p, t->command);
	put_packed(p, t->env);
	pack_str(p, t->name);
	pack_str(p, t->user);
	pack_str(p, t->directory);
	pack_u64(p, t->timeout_ms);
	pack_u64(p, t->on_lost);
	pack_u64(p, t->priority);
	pack_u64(p, t->kill_after_ms);
	pack_u64(p, t->max_output);
}

static void get_task(struct unpack *u, struct task *t)
{
	t->command = get_texts(u, 1);
	t->env = get_texts(u, 0);
	unpack_str(u, t->name, sizeof(t->name));
	unpack_str(u, t->user, sizeof(t->user));
	unpack_str(u, t->directory, sizeof(t->directory));
	t->timeout_ms = unpack_u64(u);
	t->on_lost = (enum on_lost)get_below(u, ON_LOST_HOLD + 1);
	t->priority = get_below(u, JOB_PRIORITY_MAX + 1);
	t->kill_after_ms = unpack_u32(u);
	t->max_output = unpack_u64(u);
}

enum err job_put(const struct job *job, struct buffer *out)
{
	struct pack p;

	must(job->state != JOB_NONE);
	must(job->task.command.len > 0);
	pack_init(&p, out);
	pack_array(&p, RECORD_FIELDS);
	pack_u64(&p, RECORD_VERSION);
	pack_id(&p, job->id);
	pack_u64(&p, job->state);
	pack_u64(&p, job->step);
	pack_u64(&p, job->number);
	pack_id(&p, job->worker);
	pack_u64(&p, job->worker_boot);
	pack_u64(&p, job->refusals);
	pack_u64(&p, job->uid);
	pack_u64(&p, job->submitted_us);
	pack_u64(&p, job->assigned_us);
	pack_u64(&p, job->ended_us);
	pack_array(&p, TASK_FIELDS);
	put_task(&p, &job->task);
	pack_i64(&p, job->code);
	pack_i64(&p, job->signal);
	pack_u64(&p, job->began_us);
	pack_u64(&p, job->out_size);
	pack_u64(&p, job->err_size);
	pack_bin(&p, job->out_tail);
	pack_bin(&p, job->err_tail);
	pack_str(&p, job->why);
	return pack_err(&p);
}

enum err job_get(struct bytes record, struct job *out)
{
	struct unpack u;
	struct job j = {0};
	uint32_t n, fields;

	unpack_init(&u, record);
	n = unpack_array(&u, RECORD_FIELDS);
	if (unpack_u64(&u) != RECORD_VERSION)
		unpack_refuse(&u, ERR_VERSION);
	j.id = unpack_id(&u);
	j.state = (enum job_state)get_below(&u, JOB_STATES);
	j.step = unpack_u32(&u);
	j.number = unpack_u32(&u);
	j.worker = unpack_id(&u);
	j.worker_boot = unpack_u64(&u);
	j.refusals = unpack_u32(&u);
	j.uid = unpack_u32(&u);
	j.submitted_us = unpack_u64(&u);
	j.assigned_us = unpack_u64(&u);
	j.ended_us = unpack_u64(&u);
	fields = unpack_array(&u, TASK_FIELDS);
	get_task(&u, &j.task);
	if (unpack_err(&u) == OK)
		unpack_rest(&u, fields - TASK_FIELDS);
	j.code = get_i32(&u);
	j.signal = get_i32(&u);
	j.began_us = unpack_u64(&u);
	j.out_size = unpack_u64(&u);
	j.err_size = unpack_u64(&u);
	j.out_tail = unpack_bin(&u, OUTPUT_TAIL_MAX);
	j.err_tail = unpack_bin(&u, OUTPUT_TAIL_MAX);
	unpack_str(&u, j.why, sizeof(j.why));
	if (j.state == JOB_NONE ||
	    (job_is_held(j.state) && (j.number == 0 || id_is_none(j.worker))))
		unpack_refuse(&u, ERR_MALFORMED);
	if (close_array(&u, n, RECORD_FIELDS) != OK)
		return unpack_err(&u);
	*out = j;
	return OK;
}

enum err submit_put(const struct submit *s, struct buffer *out)
{
	struct pack p;

	must(s->task.command.len > 0);
	pack_init(&p, out);
	pack_array(&p, SUBMIT_FIELDS);
	pack_str(&p, s->key);
	put_task(&p, &s->task);
	return pack_err(&p);
}

enum err submit_get(struct bytes arguments, struct submit *out)
{
	struct unpack u;
	struct submit s = {0};
	uint32_t n;

	if (arguments.len > JOB_TEXT_MAX)
		return ERR_TOO_BIG;
	unpack_init(&u, arguments);
	n = unpack_array(&u, SUBMIT_FIELDS);
	unpack_str(&u, s.key, sizeof(s.key));
	get_task(&u, &s.task);
	if (close_array(&u, n, SUBMIT_FIELDS) != OK)
		return unpack_err(&u);
	*out = s;
	return OK;
}

/* Every entry has a name before its `=`. */
static bool env_is_named(struct bytes env)
{
	struct unpack u;
	uint32_t n;

	if (env.len == 0)
		return true;
	unpack_init(&u, env);
	n = unpack_array(&u, 0);
	for (uint32_t i = 0; i < n; i++) {
		struct bytes text = unpack_text(&u, JOB_TEXT_MAX);
		const uint8_t *equals = text.len ? memchr(text.at, '=', text.len) : NULL;

		if (!equals || equals == text.at)
			return false;
	}
	return unpack_err(&u) == OK;
}

const char *submit_check(const struct submit *s)
{
	struct unpack u;

	unpack_init(&u, s->task.command);
	(void)unpack_array(&u, 1);
	if (unpack_text(&u, JOB_TEXT_MAX).len == 0)
		return "the job has no program to run";
	if (!env_is_named(s->task.env))
		return "an environment entry is not NAME=value";
	if (s->task.directory[0] != '\0' && s->task.directory[0] != '/')
		return "the directory is not an absolute path";
	return NULL;
}

enum err submitted_put(const struct submitted *s, struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, 2);
	pack_id(&p, s->job);
	pack_u64(&p, s->position);
	return pack_err(&p);
}

enum err submitted_get(struct bytes body, struct submitted *out)
{
	struct unpack u;
	struct submitted s;
	uint32_t n;

	unpack_init(&u, body);
	n = unpack_array(&u, 2);
	s.job = unpack_id(&u);
	s.position = unpack_u64(&u);
	if (close_array(&u, n, 2) != OK)
		return unpack_err(&u);
	*out = s;
	return OK;
}

enum err texts_put(const char *const *text, uint32_t count, struct buffer *out)
{
	struct pack p;

	if (count > ARGV_MAX)
		return ERR_TOO_BIG;
	pack_init(&p, out);
	pack_array(&p, count);
	for (uint32_t i = 0; i < count; i++)
		pack_str(&p, text[i]);
	return pack_err(&p);
}

void job_key_make(uint64_t wall_us, const uint8_t random[16], char out[JOB_KEY_MAX + 1])
{
	size_t at = (size_t)snprintf(out, JOB_KEY_MAX + 1, "t%" PRIu64 "-", wall_us / 1000000);

	must(at > 0);
	must(at + 32 <= JOB_KEY_MAX);
	for (int i = 0; i < 16; i++, at += 2)
		snprintf(out + at, JOB_KEY_MAX + 1 - at, "%02x", random[i]);
}

bool job_key_time(const char *key, uint64_t *made_us)
{
	uint64_t seconds = 0;
	const char *at = key + 1;

	if (key[0] != 't')
		return false;
	for (; *at >= '0' && *at <= '9' && at - key <= 11; at++)
		seconds = seconds * 10 + (uint64_t)(*at - '0');
	if (at == key + 1 || *at != '-' || strlen(at + 1) != 32 ||
	    strspn(at + 1, "0123456789abcdef") != 32)
		return false;
	*made_us = seconds * 1000000;
	return true;
}

enum err job_name_put(const char *prefix, struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, 1);
	pack_str(&p, prefix);
	return pack_err(&p);
}

enum err job_name_get(struct bytes arguments, char prefix[ID_TEXT_LEN + 1])
{
	struct unpack u;
	char text[ID_TEXT_LEN + 1];
	uint32_t n;

	unpack_init(&u, arguments);
	n = unpack_array(&u, 1);
	unpack_str(&u, text, sizeof(text));
	if (close_array(&u, n, 1) != OK)
		return unpack_err(&u);
	memcpy(prefix, text, sizeof(text));
	return OK;
}

enum err jobs_ask_put(const struct jobs_ask *a, struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, 2);
	pack_bool(&p, a->all);
	pack_u64(&p, a->limit);
	return pack_err(&p);
}

enum err jobs_ask_get(struct bytes arguments, struct jobs_ask *out)
{
	struct unpack u;
	struct jobs_ask a;
	uint32_t n;

	unpack_init(&u, arguments);
	n = unpack_array(&u, 2);
	a.all = unpack_bool(&u);
	a.limit = unpack_u32(&u);
	if (close_array(&u, n, 2) != OK)
		return unpack_err(&u);
	*out = a;
	return OK;
}

enum err wait_ask_put(const struct wait_ask *a, struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, 3);
	pack_str(&p, a->prefix);
	pack_u64(&p, a->seen);
	pack_u64(&p, a->wait_ms);
	return pack_err(&p);
}

enum err wait_ask_get(struct bytes arguments, struct wait_ask *out)
{
	struct unpack u;
	struct wait_ask a;
	uint32_t n;

	unpack_init(&u, arguments);
	n = unpack_array(&u, 3);
	unpack_str(&u, a.prefix, sizeof(a.prefix));
	a.seen = unpack_u64(&u);
	a.wait_ms = unpack_u32(&u);
	if (close_array(&u, n, 3) != OK)
		return unpack_err(&u);
	*out = a;
	return OK;
}

enum err job_news_put(const struct job_news *n, struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, NEWS_FIELDS);
	pack_id(&p, n->job);
	pack_u64(&p, n->state);
	pack_id(&p, n->worker);
	pack_u64(&p, n->step);
	pack_u64(&p, n->number);
	pack_i64(&p, n->code);
	pack_i64(&p, n->signal);
	pack_str(&p, n->why);
	pack_u64(&p, n->out_size);
	pack_u64(&p, n->err_size);
	pack_bin(&p, n->out_tail);
	pack_bin(&p, n->err_tail);
	pack_bool(&p, n->unknown);
	pack_u64(&p, n->seen);
	pack_bool(&p, n->held);
	return pack_err(&p);
}

enum err job_news_get(struct bytes body, struct job_news *out)
{
	struct unpack u;
	struct job_news w;
	uint32_t n;

	unpack_init(&u, body);
	n = unpack_array(&u, NEWS_FIELDS - 1);
	w.job = unpack_id(&u);
	w.state = (enum job_state)get_below(&u, JOB_STATES);
	w.worker = unpack_id(&u);
	w.step = unpack_u32(&u);
	w.number = unpack_u32(&u);
	w.code = get_i32(&u);
	w.signal = get_i32(&u);
	unpack_str(&u, w.why, sizeof(w.why));
	w.out_size = unpack_u64(&u);
	w.err_size = unpack_u64(&u);
	w.out_tail = unpack_bin(&u, OUTPUT_TAIL_MAX);
	w.err_tail = unpack_bin(&u, OUTPUT_TAIL_MAX);
	w.unknown = unpack_bool(&u);
	w.seen = unpack_u64(&u);
	w.held = n >= NEWS_FIELDS && unpack_bool(&u); /* the first version did not say it */
	if (close_array(&u, n, n < NEWS_FIELDS ? n : NEWS_FIELDS) != OK)
		return unpack_err(&u);
	*out = w;
	return OK;
}

/* state in the low byte, then the number of the attempt, the flags on top. */
uint64_t job_seen(enum job_state state, uint32_t number, bool unknown, bool held)
{
	must(state < JOB_STATES);
	return (uint64_t)state | (uint64_t)number << 8 | (uint64_t)unknown << 40 |
	       (uint64_t)held << 41;
}

bool job_seen_differs(uint64_t now, uint64_t seen)
{
	return seen < 256 ? (now & 255) != seen : now != seen;
}

enum err key_record_put(const struct key_record *k, struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, KEY_FIELDS);
	pack_id(&p, k->job);
	pack_u64(&p, k->digest);
	pack_u64(&p, k->until_us);
	return pack_err(&p);
}

enum err key_record_get(struct bytes record, struct key_record *out)
{
	struct unpack u;
	struct key_record k;
	uint32_t n;

	unpack_init(&u, record);
	n = unpack_array(&u, KEY_FIELDS);
	k.job = unpack_id(&u);
	k.digest = unpack_u64(&u);
	k.until_us = unpack_u64(&u);
	if (close_array(&u, n, KEY_FIELDS) != OK)
		return unpack_err(&u);
	*out = k;
	return OK;
}

/* FNV-1a, 64 bit: it tells a mistake from a repeat; a user who makes two equal on purpose cheats only himself. */
uint64_t submit_digest(struct bytes arguments, uint32_t uid)
{
	uint64_t h = 0xcbf29ce484222325u;
	uint8_t who[4];

	put_u32(who, uid);
	for (size_t i = 0; i < sizeof(who); i++)
		h = (h ^ who[i]) * 0x100000001b3u;
	for (size_t i = 0; i < arguments.len; i++)
		h = (h ^ arguments.at[i]) * 0x100000001b3u;
	return h;
}

enum err worker_record_put(const struct worker_record *w, struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, WORKER_FIELDS);
	pack_str(&p, w->name);
	pack_bin(&p, bytes_of(w->machine_boot, sizeof(w->machine_boot)));
	pack_u64(&p, w->registered_us);
	return pack_err(&p);
}

enum err worker_record_get(struct bytes record, struct worker_record *out)
{
	struct unpack u;
	struct worker_record w;
	struct bytes boot;
	uint32_t n;

	unpack_init(&u, record);
	n = unpack_array(&u, WORKER_FIELDS);
	unpack_str(&u, w.name, sizeof(w.name));
	boot = unpack_bin(&u, sizeof(w.machine_boot));
	w.registered_us = unpack_u64(&u);
	if (boot.len != sizeof(w.machine_boot))
		unpack_refuse(&u, ERR_MALFORMED);
	if (close_array(&u, n, WORKER_FIELDS) != OK)
		return unpack_err(&u);
	memcpy(w.machine_boot, boot.at, boot.len);
	*out = w;
	return OK;
}

static const char *const prefixes[] = {
	[STATE_JOB] = "job/",  [STATE_WORKER] = "worker/", [STATE_KEY] = "key/",
	[STATE_TURN] = "turn", [STATE_LEVEL] = "level",    [STATE_ROLE] = "role",
	[STATE_HELD] = "held", [STATE_AUDIT] = "audit/",
};

static struct state_key make(enum state_kind kind, struct bytes name)
{
	struct state_key k;
	size_t len = strlen(prefixes[kind]);

	must(len + name.len <= sizeof(k.at));
	memcpy(k.at, prefixes[kind], len);
	if (name.len)
		memcpy(k.at + len, name.at, name.len);
	k.len = len + name.len;
	return k;
}

struct state_key state_key_job(struct id job)
{
	return make(STATE_JOB, bytes_of(job.b, sizeof(job.b)));
}

struct state_key state_key_worker(struct id worker)
{
	return make(STATE_WORKER, bytes_of(worker.b, sizeof(worker.b)));
}

struct state_key state_key_key(const char *key)
{
	return make(STATE_KEY, bytes_str(key));
}

struct state_key state_key_turn(void)
{
	return make(STATE_TURN, (struct bytes){0});
}

struct state_key state_key_role(void)
{
	return make(STATE_ROLE, (struct bytes){0});
}

struct state_key state_key_held(void)
{
	return make(STATE_HELD, (struct bytes){0});
}

struct state_key state_key_audit(const uint8_t stamp[8])
{
	return make(STATE_AUDIT, bytes_of(stamp, 8));
}

struct bytes state_key_bytes(const struct state_key *k)
{
	return bytes_of(k->at, k->len);
}

enum state_kind state_key_kind(struct bytes key, struct bytes *name)
{
	for (enum state_kind kind = STATE_JOB; kind <= STATE_AUDIT; kind++) {
		size_t len = strlen(prefixes[kind]);
		bool named = prefixes[kind][len - 1] == '/';

		if (key.len < len || memcmp(key.at, prefixes[kind], len) != 0)
			continue;
		*name = bytes_of(key.at + len, key.len - len);
		if ((kind == STATE_JOB || kind == STATE_WORKER) && name->len != sizeof(struct id))
			break;
		if (kind == STATE_AUDIT && name->len != 8)
			break;
		if (named == (name->len > 0))
			return kind;
	}
	return STATE_OTHER;
}

bool state_find_strange(const struct kv *map, struct bytes *key)
{
	struct bytes after = {0}, name, value;
	uint8_t end[STATE_KEY_MAX];

	while (kv_next(map, after, key, &value) == OK) {
		enum state_kind kind = state_key_kind(*key, &name);

		if (kind == STATE_OTHER)
			return true;
		after = *key;
		if (name.len == 0)
			continue;
		/* To behind all that begin alike. */
		memset(end, 0xff, sizeof(end));
		memcpy(end, prefixes[kind], strlen(prefixes[kind]));
		after = bytes_of(end, sizeof(end));
	}
	return false;
}
