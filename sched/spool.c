#include "sched/spool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/must.h"

#define SPOOL_VERSION 1u
#define ORDER_MAX     (3u * JOB_TEXT_MAX) /* a packed order: command, environment and little more */
#define FILE_MAX      (4u * JOB_TEXT_MAX)

enum {
	ORDER_FIELDS = 4,
	STATUS_FIELDS = 11,
	EPOCH_FIELDS = 4,
};

/* How far an end has come, in the status file. */
enum { END_OPEN, END_KEPT, END_LOST };

void spool_init(struct spool *s)
{
	*s = (struct spool){0};
	buffer_init(&s->scratch, FILE_MAX);
}

static void spooled_free(struct spooled *one)
{
	buffer_fini(&one->order);
	buffer_fini(&one->out_tail);
	buffer_fini(&one->err_tail);
	free(one);
}

void spool_fini(struct spool *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		spooled_free(s->at[i]);
	free(s->at);
	buffer_fini(&s->scratch);
	*s = (struct spool){0};
}

struct spooled *spool_find(struct spool *s, struct attempt a)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (attempt_same(s->at[i]->attempt, a))
			return s->at[i];
	return NULL;
}

struct spooled *spool_make(struct spool *s, struct attempt a)
{
	must(spool_find(s, a) == NULL);
	if (s->count == SPOOL_MAX)
		return NULL;
	if (s->count == s->room) {
		s->room = s->room == 0 ? 16 : s->room * 2;
		s->at = realloc(s->at, s->room * sizeof(struct spooled *));
		must(s->at != NULL);
	}
	struct spooled *one = calloc(1, sizeof(*one));
	must(one != NULL);
	one->attempt = a;
	one->repeat_us = UINT64_MAX;
	buffer_init(&one->order, ORDER_MAX);
	buffer_init(&one->out_tail, OUTPUT_TAIL_MAX);
	buffer_init(&one->err_tail, OUTPUT_TAIL_MAX);
	s->at[s->count++] = one;
	return one;
}

void spool_forget(struct spool *s, struct spooled *one)
{
	uint32_t i = 0;

	while (i < s->count && s->at[i] != one)
		i++;
	must(i < s->count);
	s->count--;
	memmove(&s->at[i], &s->at[i + 1], (s->count - i) * sizeof(struct spooled *));
	spooled_free(one);
}

static bool is_only_kept(const struct spooled *one)
{
	return one->state == SPOOLED_KEPT || one->state == SPOOLED_LOST;
}

struct spooled *spool_surplus(struct spool *s)
{
	struct spooled *oldest = NULL;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < s->count; i++) {
		if (!is_only_kept(s->at[i]))
			continue;
		kept++;
		if (oldest == NULL)
			oldest = s->at[i];
	}
	return kept > SPOOL_KEPT_MAX ? oldest : NULL;
}

/* --- names --- */

struct spool_name spool_name(struct attempt a, const char *name)
{
	struct spool_name out;
	int len = snprintf(out.s, sizeof(out.s), "spool/%s.%u.%u%s%s", id_text(a.job).s, a.step,
			   a.number, name[0] == '\0' ? "" : "/", name);

	must(len > 0);
	must((size_t)len < sizeof(out.s));
	return out;
}

enum err spool_attempt(const char *name, struct attempt *out)
{
	char job[ID_TEXT_LEN + 1];
	struct attempt a;

	if (strlen(name) <= ID_TEXT_LEN)
		return ERR_MALFORMED;
	memcpy(job, name, ID_TEXT_LEN);
	job[ID_TEXT_LEN] = '\0';
	if (id_parse(job, &a.job) != OK ||
	    sscanf(name + ID_TEXT_LEN, ".%u.%u", &a.step, &a.number) != 2 || a.number == 0)
		return ERR_MALFORMED;
	if (strcmp(spool_name(a, "").s + strlen("spool/"), name) != 0)
		return ERR_MALFORMED; /* only what we print */
	*out = a;
	return OK;
}

/* --- files --- */

static uint32_t open_file(struct unpack *u, struct bytes file, uint32_t fields)
{
	unpack_init(u, file);
	uint32_t count = unpack_array(u, fields);
	uint32_t version = unpack_u32(u);
	if (unpack_err(u) == OK && version != SPOOL_VERSION)
		unpack_refuse(u, ERR_VERSION);
	return count;
}

static enum err close_file(struct unpack *u, uint32_t count, uint32_t fields)
{
	if (unpack_err(u) == OK)
		unpack_rest(u, count - fields);
	if (unpack_err(u) == OK && !unpack_done(u))
		unpack_refuse(u, ERR_MALFORMED);
	return unpack_err(u);
}

enum err spool_order_put(const struct spooled *one, const uint8_t machine_boot[16],
			 struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, ORDER_FIELDS);
	pack_u64(&p, SPOOL_VERSION);
	pack_bin(&p, bytes_of(machine_boot, 16));
	pack_u64(&p, one->taken_us);
	pack_bin(&p, buffer_bytes(&one->order));
	return pack_end(&p);
}

enum err spool_order_get(struct bytes file, const uint8_t machine_boot[16], struct spooled *one,
			 bool *same_boot)
{
	struct unpack u;
	struct order order;
	uint32_t count = open_file(&u, file, ORDER_FIELDS);
	struct bytes boot = unpack_bin(&u, 16);
	uint64_t taken_us = unpack_u64(&u);
	struct bytes packed = unpack_bin(&u, ORDER_MAX);
	enum err err = close_file(&u, count, ORDER_FIELDS);

	if (err == OK)
		err = order_get(packed, &order);
	if (err != OK)
		return err;
	if (!attempt_same(order.attempt, one->attempt))
		return ERR_CORRUPT;
	one->epoch = order.fence.epoch;
	one->taken_us = taken_us;
	one->fresh = order.directory[0] == '\0';
	*same_boot = bytes_same(boot, bytes_of(machine_boot, 16));
	buffer_clear(&one->order);
	return buffer_add(&one->order, packed);
}

enum err spool_status_put(const struct spooled *one, struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, STATUS_FIELDS);
	pack_u64(&p, SPOOL_VERSION);
	pack_u64(&p, one->lost ? END_LOST : one->state == SPOOLED_KEPT ? END_KEPT : END_OPEN);
	pack_i64(&p, one->code);
	pack_i64(&p, one->signal);
	pack_u64(&p, one->began_wall_us);
	pack_u64(&p, one->ended_wall_us);
	pack_u64(&p, one->out_size);
	pack_u64(&p, one->err_size);
	pack_bin(&p, buffer_bytes(&one->out_tail));
	pack_bin(&p, buffer_bytes(&one->err_tail));
	pack_str(&p, one->why);
	return pack_end(&p);
}

enum err spool_status_get(struct bytes file, struct spooled *one)
{
	struct unpack u;
	uint32_t count = open_file(&u, file, STATUS_FIELDS);
	uint8_t end = unpack_u8(&u);
	int64_t code = unpack_i64(&u);
	int64_t signal = unpack_i64(&u);
	uint64_t number[4];

	for (uint32_t i = 0; i < 4; i++)
		number[i] = unpack_u64(&u);
	struct bytes out_tail = unpack_bin(&u, OUTPUT_TAIL_MAX);
	struct bytes err_tail = unpack_bin(&u, OUTPUT_TAIL_MAX);
	char why[sizeof(one->why)] = "";
	unpack_str(&u, why, sizeof(why));
	if (end > END_LOST || code < INT32_MIN || code > INT32_MAX || signal < 0 ||
	    signal > INT32_MAX)
		unpack_refuse(&u, ERR_MALFORMED);
	enum err err = close_file(&u, count, STATUS_FIELDS);
	if (err != OK)
		return err;
	one->state = end == END_OPEN   ? SPOOLED_ENDED
		     : end == END_KEPT ? SPOOLED_KEPT
				       : SPOOLED_LOST;
	one->lost = end == END_LOST;
	one->code = (int32_t)code;
	one->signal = (int32_t)signal;
	one->began_wall_us = number[0];
	one->ended_wall_us = number[1];
	one->out_size = number[2];
	one->err_size = number[3];
	memcpy(one->why, why, sizeof(why));
	buffer_clear(&one->out_tail);
	buffer_clear(&one->err_tail);
	if (end != END_OPEN)
		return OK;
	err = buffer_add(&one->out_tail, out_tail);
	return err == OK ? buffer_add(&one->err_tail, err_tail) : err;
}

enum err spool_epoch_put(const struct fence *f, struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, EPOCH_FIELDS);
	pack_u64(&p, SPOOL_VERSION);
	pack_id(&p, f->store);
	pack_u64(&p, f->epoch.generation);
	pack_u64(&p, f->epoch.term);
	return pack_end(&p);
}

enum err spool_epoch_get(struct bytes file, struct fence *out)
{
	struct unpack u;
	uint32_t count = open_file(&u, file, EPOCH_FIELDS);
	struct fence f;

	f.store = unpack_id(&u);
	f.epoch.generation = unpack_u64(&u);
	f.epoch.term = unpack_u64(&u);
	enum err err = close_file(&u, count, EPOCH_FIELDS);
	if (err == OK)
		*out = f;
	return err;
}

/* --- at start --- */

struct reading {
	struct spool *spool;
	const struct disk *disk;
	const uint8_t *machine_boot;
	enum err err;
	char *why;
};

static enum err read_file(struct reading *r, const char *name)
{
	buffer_clear(&r->spool->scratch);
	return r->disk->read(r->disk->self, name, &r->spool->scratch);
}

static void fail(struct reading *r, const char *name, enum err err)
{
	if (r->err != OK)
		return;
	r->err = err;
	snprintf(r->why, 200, "%s can not be read: %s", name, err_text(err));
}

/* A directory without an order never had one synced: the order was never answered, so nothing is lost with it. */
static void read_one(void *with, const char *name)
{
	struct reading *r = with;
	struct attempt a;
	bool same_boot = false;

	if (r->err != OK || spool_attempt(name, &a) != OK)
		return;
	struct spool_name file = spool_name(a, "order");
	enum err err = read_file(r, file.s);
	if (err == ERR_NOT_FOUND)
		return;
	struct spooled *one = err == OK ? spool_make(r->spool, a) : NULL;
	if (err == OK)
		err = one == NULL ? ERR_FULL
				  : spool_order_get(buffer_bytes(&r->spool->scratch),
						    r->machine_boot, one, &same_boot);
	if (err != OK) {
		fail(r, file.s, err);
		return;
	}
	file = spool_name(a, "status");
	err = read_file(r, file.s);
	if (err == OK)
		err = spool_status_get(buffer_bytes(&r->spool->scratch), one);
	else if (err == ERR_NOT_FOUND) {
		err = OK;
		one->state = same_boot ? SPOOLED_TAKEN : SPOOLED_LOST;
		snprintf(one->why, sizeof(one->why), "%s",
			 same_boot ? "" : "lost with the machine");
	}
	if (err != OK)
		fail(r, file.s, err);
	else if (one->state == SPOOLED_ENDED)
		one->repeat_us = 0; /* not yet heard: said as soon as somebody is obeyed */
}

/* A life before came first: the table is kept in the order of coming. */
static int by_time(const void *a, const void *b)
{
	const struct spooled *const *x = a, *const *y = b;

	return ((*x)->ended_wall_us > (*y)->ended_wall_us) -
	       ((*x)->ended_wall_us < (*y)->ended_wall_us);
}

enum err spool_read(struct spool *s, const struct disk *disk, const uint8_t machine_boot[16],
		    char why[200])
{
	struct reading r = {.spool = s, .disk = disk, .machine_boot = machine_boot, .why = why};
	enum err err = read_file(&r, SPOOL_EPOCH);

	if (err == OK)
		err = spool_epoch_get(buffer_bytes(&s->scratch), &s->highest);
	if (err != OK && err != ERR_NOT_FOUND)
		fail(&r, SPOOL_EPOCH, err);
	if (r.err == OK) {
		err = disk->list(disk->self, "spool", read_one, &r);
		if (err != OK && err != ERR_NOT_FOUND)
			fail(&r, "spool", err);
	}
	if (s->count > 0)
		qsort(s->at, s->count, sizeof(struct spooled *), by_time);
	return r.err;
}
