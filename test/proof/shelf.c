#include "test/proof/shelf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/must.h"

struct wfile *shelf_find(struct shelf *n, const char *name, bool make)
{
	struct wfile *spare = NULL;

	for (int i = 0; i < FILES_MAX; i++) {
		struct wfile *f = &n->file[i];

		if (f->name[0] != '\0' && !f->removed && strcmp(f->name, name) == 0)
			return f;
		if (f->name[0] == '\0' && spare == NULL)
			spare = f;
	}
	if (!make)
		return NULL;
	for (int i = 0; i < FILES_MAX && spare == NULL; i++)
		if (n->file[i].removed)
			spare = &n->file[i];
	must(spare != NULL);
	shelf_clear(spare);
	snprintf(spare->name, sizeof(spare->name), "%s", name);
	return spare;
}

static void make_room(struct wfile *f, size_t len)
{
	size_t room = f->room == 0 ? 8192 : f->room;

	while (room < len)
		room *= 2;
	if (room == f->room)
		return;
	f->cache = realloc(f->cache, room);
	f->safe = realloc(f->safe, room);
	f->dirty = realloc(f->dirty, room / SECTOR);
	must(f->cache != NULL && f->safe != NULL && f->dirty != NULL);
	memset(f->cache + f->room, 0, room - f->room);
	memset(f->safe + f->room, 0, room - f->room);
	memset(f->dirty + f->room / SECTOR, 0, (room - f->room) / SECTOR);
	f->room = room;
}

void shelf_write(struct wfile *f, uint64_t at, struct bytes body)
{
	size_t end = (size_t)at + body.len;

	if (at <= f->lost_at)
		f->lost = false;
	make_room(f, end + 1);
	if (body.len > 0)
		memcpy(f->cache + at, body.at, body.len);
	if (end > f->len)
		f->len = end;
	for (size_t s = (size_t)at / SECTOR; s * SECTOR < end; s++)
		f->dirty[s] = 1;
}

void shelf_lose(struct wfile *f, uint64_t at)
{
	if (!f->lost || at < f->lost_at)
		f->lost_at = at;
	f->lost = true;
}

void shelf_forgive(struct shelf *s)
{
	for (int i = 0; i < FILES_MAX; i++)
		s->file[i].lost = false;
}

void shelf_cut(struct wfile *f, uint64_t at)
{
	f->lost = false;
	must(at <= f->room);
	memset(f->cache + at, 0, f->room - (size_t)at);
	f->len = (size_t)at;
	memcpy(f->safe, f->cache, f->room);
	f->safe_len = f->len;
}

void shelf_sync(struct wfile *f)
{
	for (size_t s = 0; s * SECTOR < f->len; s++) {
		if (f->dirty[s])
			memcpy(f->safe + s * SECTOR, f->cache + s * SECTOR, SECTOR);
		f->dirty[s] = 0;
	}
	f->safe_len = f->len;
	f->on_disk = true;
}

void shelf_move(struct shelf *n, const char *name, const char *to)
{
	size_t len = strlen(name);

	for (int i = 0; i < FILES_MAX; i++) {
		struct wfile *f = &n->file[i];
		char old[sizeof(f->name)];
		size_t rest;

		if (strncmp(f->name, name, len) != 0 ||
		    (f->name[len] != '\0' && f->name[len] != '/'))
			continue;
		memcpy(old, f->name, sizeof(old));
		rest = strlen(old + len) + 1;
		must(strlen(to) + rest <= sizeof(f->name));
		memcpy(f->name, to, strlen(to));
		memcpy(f->name + strlen(to), old + len, rest);
	}
}

void shelf_clear(struct wfile *f)
{
	free(f->cache);
	free(f->safe);
	free(f->dirty);
	*f = (struct wfile){0};
}

void shelf_crash(struct shelf *n, struct rng *rng)
{
	for (int i = 0; i < FILES_MAX; i++) {
		struct wfile *f = &n->file[i];

		if (f->name[0] == '\0')
			continue;
		if (f->removed) {
			bool again = f->on_disk && rng_below(rng, 4) == 0;

			for (int k = 0; k < FILES_MAX && again; k++)
				if (k != i && strcmp(n->file[k].name, f->name) == 0)
					again = false;
			if (!again) {
				shelf_clear(f);
				continue;
			}
			f->removed = false;
		}
		if (!f->on_disk && rng_below(rng, 3) == 0) {
			shelf_clear(f);
			continue;
		}
		if (rng_below(rng, 2) == 0 && f->len > f->safe_len)
			f->len = f->safe_len + (size_t)rng_below(rng, f->len - f->safe_len + 1);
		for (size_t s = 0; s * SECTOR < f->room; s++) {
			if (f->dirty[s] && rng_below(rng, 2) == 0)
				memcpy(f->cache + s * SECTOR, f->safe + s * SECTOR, SECTOR);
			f->dirty[s] = 0;
		}
		if (f->room > f->len)
			memset(f->cache + f->len, 0, f->room - f->len);
		if (f->room > 0)
			memcpy(f->safe, f->cache, f->room);
		f->safe_len = f->len;
		f->on_disk = true;
	}
}

void shelf_copy(struct shelf *to, const struct shelf *from)
{
	must(to != from);
	shelf_fini(to);
	for (int i = 0; i < FILES_MAX; i++) {
		const struct wfile *f = &from->file[i];

		if (f->name[0] == '\0' || f->removed)
			continue;
		snprintf(to->file[i].name, sizeof(to->file[i].name), "%s", f->name);
		shelf_write(&to->file[i], 0, bytes_of(f->cache, f->len));
		shelf_sync(&to->file[i]);
	}
}

void shelf_fini(struct shelf *s)
{
	for (int i = 0; i < FILES_MAX; i++)
		shelf_clear(&s->file[i]);
}

static enum err read_file(void *self, const char *name, struct buffer *out)
{
	struct wfile *f = shelf_find(self, name, false);

	return f == NULL ? ERR_NOT_FOUND : buffer_add(out, bytes_of(f->cache, f->len));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum err list(void *self, const char *directory, void (*each)(void *with, const char *name),
		     void *with)
{
	struct shelf *n = self;
	const char *names[FILES_MAX];
	size_t count = 0, len = strlen(directory);

	for (int i = 0; i < FILES_MAX; i++)
		if (!n->file[i].removed && strncmp(n->file[i].name, directory, len) == 0 &&
		    n->file[i].name[len] == '/')
			names[count++] = n->file[i].name + len + 1;
	qsort(names, count, sizeof(names[0]), by_name);
	for (size_t i = 0; i < count; i++)
		each(with, names[i]);
	return OK;
}

struct disk shelf_disk(struct shelf *s)
{
	return (struct disk){s, read_file, list};
}
