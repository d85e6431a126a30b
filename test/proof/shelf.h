/* A node's disk in a small world: what a read shows, and what survives when the power goes. */
#ifndef TEST_PROOF_SHELF_H
#define TEST_PROOF_SHELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/disk.h"
#include "core/rng.h"

enum { FILES_MAX = 64, SECTOR = 512 };

struct wfile {
	char name[64];
	uint8_t *cache; /* what a read shows */
	uint8_t *safe;  /* what survives the power */
	uint8_t *dirty; /* one flag for each sector */
	size_t len, safe_len, room;
	bool on_disk; /* its name is durable */
	bool removed; /* not yet for good */
	bool lost;    /* the disk was full: what was to be written at `lost_at` is not there */
	uint64_t lost_at;
};

struct shelf {
	struct wfile file[FILES_MAX];
};

/* NULL when it is not there and is not to be made. */
struct wfile *shelf_find(struct shelf *s, const char *name, bool make);
void shelf_write(struct wfile *f, uint64_t at, struct bytes body);
void shelf_lose(struct wfile *f, uint64_t at); /* no SYNC of it is good until written again */
void shelf_forgive(struct shelf *s);           /* the process that knew of it ended */
void shelf_cut(struct wfile *f, uint64_t at);  /* synced at once */
void shelf_sync(struct wfile *f);
/* Gives the file, or all beneath the directory, the name `to`; as good as synced. */
void shelf_move(struct shelf *n, const char *name, const char *to);
void shelf_clear(struct wfile *f);
/* The power goes: what was not synced is there or not, sector by sector. */
void shelf_crash(struct shelf *s, struct rng *rng);
/* All of `from`, as it would be after a quiet end; what `to` held is freed. */
void shelf_copy(struct shelf *to, const struct shelf *from);
void shelf_fini(struct shelf *s);

/* The two hands of a struct disk whose self is the shelf. */
struct disk shelf_disk(struct shelf *s);

#endif
