#include "core/outbox.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/must.h"

/* Effects point into the arena and are pointed at by whoever reads them, so neither may move while the turn lasts:
 * both grow by whole blocks. Blocks stay for the next turn; what is too large for one is given back when it ends.
 * There is no answer to memory running out in the middle of a turn but to stop and begin again from the disk. */
#define BLOCK_EFFECTS 256u
#define BLOCK_BYTES   (64u << 10)
#define LARGE_BYTES   (16u << 10) /* from here on an item has memory of its own */
#define ALIGNMENT     16u

#define EFFECT_BLOCKS (OUTBOX_EFFECTS_MAX / BLOCK_EFFECTS)
/* A block may end unused by less than one item that is not large. */
#define BYTE_BLOCKS (OUTBOX_BYTES_MAX / (BLOCK_BYTES - LARGE_BYTES) + 1)

static_assert(OUTBOX_EFFECTS_MAX % BLOCK_EFFECTS == 0, "effects come in whole blocks");
static_assert(OUTBOX_BYTES_MAX > 8 * FRAME_MAX, "some whole frames fit one turn");

struct large {
	struct large *next;
	_Alignas(ALIGNMENT) uint8_t bytes[];
};

struct outbox {
	struct effect *effects[EFFECT_BLOCKS];
	size_t count;
	uint8_t *blocks[BYTE_BLOCKS];
	size_t block; /* the one being filled */
	size_t used;  /* of it */
	struct large *large;
	size_t bytes; /* of all effects together */
};

struct outbox *outbox_open(void)
{
	struct outbox *o = calloc(1, sizeof(*o));

	must(o != NULL);
	return o;
}

void outbox_clear(struct outbox *o)
{
	while (o->large != NULL) {
		struct large *next = o->large->next;

		free(o->large);
		o->large = next;
	}
	o->count = 0;
	o->block = 0;
	o->used = 0;
	o->bytes = 0;
}

void outbox_close(struct outbox *o)
{
	if (o == NULL)
		return;
	outbox_clear(o);
	for (size_t i = 0; i < EFFECT_BLOCKS; i++)
		free(o->effects[i]);
	for (size_t i = 0; i < BYTE_BLOCKS; i++)
		free(o->blocks[i]);
	free(o);
}

size_t outbox_count(const struct outbox *o)
{
	must(o->count <= OUTBOX_EFFECTS_MAX);

	return o->count;
}

const struct effect *outbox_at(const struct outbox *o, size_t i)
{
	must(i < o->count);

	return &o->effects[i / BLOCK_EFFECTS][i % BLOCK_EFFECTS];
}

bool outbox_room(const struct outbox *o)
{
	return o->count <= OUTBOX_EFFECTS_MAX / 2 && o->bytes <= OUTBOX_BYTES_MAX / 2;
}

/* --- the arena --- */

static void *arena_large(struct outbox *o, size_t len)
{
	struct large *l = malloc(sizeof(*l) + len);

	must(l != NULL);
	l->next = o->large;
	o->large = l;
	return l->bytes;
}

static void *arena_take(struct outbox *o, size_t len)
{
	must(len <= OUTBOX_BYTES_MAX);
	len = (len + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	o->bytes += len;
	must(o->bytes <= OUTBOX_BYTES_MAX);

	if (len > LARGE_BYTES)
		return arena_large(o, len);
	if (o->used + len > BLOCK_BYTES) {
		o->block++;
		o->used = 0;
	}
	must(o->block < BYTE_BLOCKS);
	if (o->blocks[o->block] == NULL)
		o->blocks[o->block] = malloc(BLOCK_BYTES);
	must(o->blocks[o->block] != NULL);

	void *at = o->blocks[o->block] + o->used;
	o->used += len;
	return at;
}

static struct bytes keep(struct outbox *o, struct bytes from)
{
	if (from.len == 0)
		return BYTES("");

	void *at = arena_take(o, from.len);
	memcpy(at, from.at, from.len);
	return bytes_of(at, from.len);
}

static const char *keep_str(struct outbox *o, const char *from)
{
	must(from != NULL);

	return (const char *)keep(o, bytes_of(from, strlen(from) + 1)).at;
}

static const char *keep_file(struct outbox *o, const char *file)
{
	must(file != NULL);
	must(file[0] != '\0');
	must(file[0] != '/');
	must(strlen(file) <= FILE_NAME_MAX);

	return keep_str(o, file);
}

static const char *const *keep_list(struct outbox *o, const char *const *from)
{
	size_t count = 0;

	must(from != NULL);
	while (from[count] != NULL)
		count++;
	const char **list = arena_take(o, (count + 1) * sizeof(*list));
	for (size_t i = 0; i < count; i++)
		list[i] = keep_str(o, from[i]);
	list[count] = NULL;
	return list;
}

static struct spawn keep_spawn(struct outbox *o, const struct spawn *from)
{
	struct spawn spawn = *from;

	spawn.argv = keep_list(o, from->argv);
	spawn.env = keep_list(o, from->env);
	spawn.directory = keep_str(o, from->directory);
	spawn.user = keep_str(o, from->user);
	spawn.out = keep_str(o, from->out);
	spawn.err = keep_str(o, from->err);
	spawn.cgroup = keep_str(o, from->cgroup);
	return spawn;
}

static struct tell keep_tell(struct outbox *o, const struct tell *from)
{
	struct tell tell = *from;

	switch (from->kind) {
	case TELL_MEMBER: {
		must(from->member.facts != NULL);
		struct facts *facts = arena_take(o, sizeof(*facts));
		*facts = *from->member.facts;
		tell.member.facts = facts;
		break;
	}
	case TELL_COMMIT:
	case TELL_APPLIED:
		tell.batch.batch = keep(o, from->batch.batch);
		break;
	case TELL_COMMITTED:
	case TELL_FENCE:
	case TELL_FENCED:
		tell.batch.batch = BYTES("");
		break;
	case TELL_GENERATION:
		tell.generation.text = keep(o, from->generation.text);
		break;
	case TELL_FAULT:
		tell.fault.why = keep(o, from->fault.why);
		break;
	case TELL_STANDBYS: {
		size_t len = from->standbys.count * sizeof(*from->standbys.list);
		struct standby *list = arena_take(o, len + 1);
		if (len)
			memcpy(list, from->standbys.list, len);
		tell.standbys.list = list;
		break;
	}
	case TELL_CANDIDATE:
	case TELL_JOINED:
	case TELL_LEAD:
	case TELL_RESTORED:
	case TELL_RESIGN:
	case TELL_GIVE_UP:
	case TELL_GIVEN_UP:
	case TELL_STOP:
	case TELL_STOPPED:
	case TELL_MUTE:
		break;
	}
	return tell;
}

/* --- putting --- */

static struct effect *add(struct outbox *o)
{
	size_t block = o->count / BLOCK_EFFECTS;

	must(o->count < OUTBOX_EFFECTS_MAX);
	if (o->effects[block] == NULL)
		o->effects[block] = malloc(BLOCK_EFFECTS * sizeof(struct effect));
	must(o->effects[block] != NULL);
	return &o->effects[block][o->count++ % BLOCK_EFFECTS];
}

static void keep_post(struct outbox *o, struct effect *to, const struct effect *from)
{
	must(from->post.body.len <= FRAME_MAX);
	to->post.body = keep(o, from->post.body);
}

static void keep_disk(struct outbox *o, struct effect *to, const struct effect *from)
{
	to->disk.file = keep_file(o, from->disk.file);
	to->disk.to = from->kind == EFFECT_MOVE ? keep_file(o, from->disk.to) : NULL;
	if (from->kind == EFFECT_APPEND || from->kind == EFFECT_PUT)
		to->disk.body = keep(o, from->disk.body);
	else
		to->disk.body = BYTES("");
}

static void keep_send(struct outbox *o, struct effect *to, const struct effect *from)
{
	if (from->kind == EFFECT_PACKET)
		must(from->send.body.len <= PACKET_MAX);
	if (from->kind == EFFECT_DATAGRAM || from->kind == EFFECT_BEACON)
		must(from->send.body.len <= DATAGRAM_BODY_MAX);
	to->send.body = keep(o, from->send.body);
}

/* Every way in ends here: the one place that knows what of an effect is borrowed. */
void outbox_pass(struct outbox *o, const struct effect *e)
{
	struct effect *to = add(o);

	*to = *e;
	switch (e->kind) {
	case EFFECT_DATAGRAM:
	case EFFECT_BEACON:
	case EFFECT_KEEPER:
	case EFFECT_PACKET:
	case EFFECT_AGENT:
		keep_send(o, to, e);
		break;
	case EFFECT_POST:
		keep_post(o, to, e);
		break;
	case EFFECT_APPEND:
	case EFFECT_SYNC:
	case EFFECT_PUT:
	case EFFECT_CUT:
	case EFFECT_DROP:
	case EFFECT_MOVE:
	case EFFECT_READ:
		keep_disk(o, to, e);
		break;
	case EFFECT_VERIFY:
		to->verify.body = keep(o, e->verify.body);
		break;
	case EFFECT_RESOLVE:
		to->resolve.name = keep_str(o, e->resolve.name);
		break;
	case EFFECT_LOG:
	case EFFECT_READY:
		to->log.text = keep_str(o, e->log.text);
		to->log.fields = keep_str(o, e->log.fields);
		break;
	case EFFECT_TELL:
		to->tell = keep_tell(o, &e->tell);
		break;
	case EFFECT_OUTPUT:
		to->stream.body = keep(o, e->stream.body);
		break;
	case EFFECT_SPAWN:
		to->spawn = keep_spawn(o, &e->spawn);
		break;
	case EFFECT_KILL:
		to->kill.cgroup = keep_str(o, e->kill.cgroup);
		break;
	case EFFECT_UNLINK:
	case EFFECT_EXIT:
	case EFFECT_DIAL:
	case EFFECT_HANGUP:
		break;
	}
}

/* An effect of any kind, its fields borrowed: `.field = value, …`. */
#define PUT(o, what, ...) outbox_pass(o, &(struct effect){.kind = what, __VA_ARGS__})

void outbox_datagram(struct outbox *o, enum view view, struct addr to, struct bytes body)
{
	must(view < VIEWS);
	PUT(o, EFFECT_DATAGRAM, .send = {.view = view, .to = to, .body = body});
}

void outbox_beacon(struct outbox *o, struct bytes body)
{
	PUT(o, EFFECT_BEACON, .send = {.body = body});
}

void outbox_post(struct outbox *o, const struct peer *to, enum purpose purpose, uint8_t type,
		 uint64_t request, struct bytes body)
{
	must(wire_senders(type) != 0);
	PUT(o, EFFECT_POST,
	    .post = {.peer = *to,
		     .purpose = purpose,
		     .type = type,
		     .request = request,
		     .body = body});
}

void outbox_unlink(struct outbox *o, const struct peer *peer, enum purpose purpose)
{
	PUT(o, EFFECT_UNLINK, .post = {.peer = *peer, .purpose = purpose});
}

void outbox_append(struct outbox *o, const char *file, uint64_t at, struct bytes body,
		   uint32_t reserve)
{
	PUT(o, EFFECT_APPEND, .disk = {.file = file, .at = at, .body = body, .reserve = reserve});
}

void outbox_sync(struct outbox *o, const char *file, uint64_t token)
{
	PUT(o, EFFECT_SYNC, .disk = {.file = file, .token = token});
}

void outbox_put(struct outbox *o, const char *file, struct bytes body, uint64_t token)
{
	PUT(o, EFFECT_PUT, .disk = {.file = file, .body = body, .token = token});
}

void outbox_cut(struct outbox *o, const char *file, uint64_t at, uint64_t token)
{
	PUT(o, EFFECT_CUT, .disk = {.file = file, .at = at, .token = token});
}

void outbox_drop(struct outbox *o, const char *file, uint64_t token)
{
	PUT(o, EFFECT_DROP, .disk = {.file = file, .token = token});
}

void outbox_move(struct outbox *o, const char *file, const char *to, uint64_t token)
{
	PUT(o, EFFECT_MOVE, .disk = {.file = file, .to = to, .token = token});
}

void outbox_read(struct outbox *o, const char *file, uint64_t at, uint32_t len, uint64_t token)
{
	PUT(o, EFFECT_READ, .disk = {.file = file, .at = at, .len = len, .token = token});
}

void outbox_verify(struct outbox *o, uint64_t token, const uint8_t key[32],
		   const uint8_t signature[64], struct bytes body)
{
	struct effect e = {.kind = EFFECT_VERIFY, .verify = {.token = token, .body = body}};

	memcpy(e.verify.key, key, sizeof(e.verify.key));
	memcpy(e.verify.signature, signature, sizeof(e.verify.signature));
	outbox_pass(o, &e);
}

void outbox_resolve(struct outbox *o, uint64_t token, const char *name, uint16_t port)
{
	PUT(o, EFFECT_RESOLVE, .resolve = {.token = token, .name = name, .port = port});
}

void outbox_keeper(struct outbox *o, struct bytes body)
{
	PUT(o, EFFECT_KEEPER, .send = {.body = body});
}

void outbox_tell(struct outbox *o, const struct tell *tell)
{
	PUT(o, EFFECT_TELL, .tell = *tell);
}

void outbox_ready(struct outbox *o, const char *status)
{
	PUT(o, EFFECT_READY, .log = {.level = LOG_LEVEL_INFO, .text = status, .fields = ""});
}

void outbox_exit(struct outbox *o, int code)
{
	PUT(o, EFFECT_EXIT, .code = code);
}

void outbox_packet(struct outbox *o, enum door door, struct addr to, struct bytes body)
{
	PUT(o, EFFECT_PACKET, .send = {.door = door, .to = to, .body = body});
}

void outbox_dial(struct outbox *o, uint64_t conn, struct addr to)
{
	must(!addr_is_none(to));
	PUT(o, EFFECT_DIAL, .stream = {.conn = conn, .to = to});
}

void outbox_output(struct outbox *o, uint64_t conn, struct bytes body)
{
	PUT(o, EFFECT_OUTPUT, .stream = {.conn = conn, .body = body});
}

void outbox_hangup(struct outbox *o, uint64_t conn)
{
	PUT(o, EFFECT_HANGUP, .stream = {.conn = conn});
}

void outbox_spawn(struct outbox *o, const struct spawn *spawn)
{
	must(spawn->argv != NULL);
	must(spawn->argv[0] != NULL);
	PUT(o, EFFECT_SPAWN, .spawn = *spawn);
}

void outbox_kill(struct outbox *o, int32_t pid, int signal, const char *cgroup)
{
	must(pid > 1);
	PUT(o, EFFECT_KILL, .kill = {.pid = pid, .signal = signal, .cgroup = cgroup});
}

void outbox_agent(struct outbox *o, struct bytes body)
{
	PUT(o, EFFECT_AGENT, .send = {.body = body});
}

void outbox_log_entry(struct outbox *o, enum log_level level, const char *fields, const char *text)
{
	PUT(o, EFFECT_LOG, .log = {.level = level, .text = text, .fields = fields});
}

void outbox_log(struct outbox *o, enum log_level level, const char *format, ...)
{
	char line[LOG_LINE_MAX];
	va_list with;

	va_start(with, format);
	int len = vsnprintf(line, sizeof(line), format, with);
	va_end(with);
	must(len >= 0);
	outbox_log_entry(o, level, "", line);
}
