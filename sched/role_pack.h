/* The two rows of the state that say who directs: `role`, written by every new director in its first batch, and `held`,
 * the mark that says for whom the role is meant: for the one that was stopped, or for a moment for
 * the one that it is handed to. While another leads, nothing new is assigned.
 *
 *     role  [node, generation, term, since, how, from, took_ms, asked, name, from's name]
 *     held  [node, since, until, votes, name, asked, boot]
 *
 * Stamps are wall-clock microseconds of the batch. Fields that later versions add behind are skipped. */
#ifndef SCHED_ROLE_PACK_H
#define SCHED_ROLE_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"
#include "core/id.h"
#include "core/limits.h"

/* How the role came to who has it. */
enum role_how {
	HOW_FOUNDED,     /* the first of this store */
	HOW_FAILED_OVER, /* elected after the one before was lost */
	HOW_SWITCHED_OVER,
	HOW_RETURNED, /* it was held for it, and it came back */
	HOWS,
};
const char *role_how_name(enum role_how how);

struct role_row {
	struct id node;
	struct epoch epoch;
	uint64_t since_us; /* when the role moved; being elected again does not change it */
	enum role_how how;
	struct id from; /* none: founded */
	uint64_t took_ms;
	bool asked; /* a person moved it: a preference does not move it back */
	char name[NAME_MAX_LEN + 1];
	char from_name[NAME_MAX_LEN + 1];
};

struct held_row {
	struct id node;
	uint64_t since_us;
	uint64_t until_us; /* 0: for ever */
	bool votes;        /* it kept its vote when it stopped */
	char name[NAME_MAX_LEN + 1];
	bool asked;    /* a person moves it */
	uint64_t boot; /* its start that ends: a later one is to have the role; 0: any */
};

MUST_USE enum err role_row_put(const struct role_row *r, struct buffer *out);
MUST_USE enum err role_row_get(struct bytes packed, struct role_row *out);
MUST_USE enum err held_row_put(const struct held_row *h, struct buffer *out);
MUST_USE enum err held_row_get(struct bytes packed, struct held_row *out);

#endif
