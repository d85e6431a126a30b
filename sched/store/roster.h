/* Whom the two views show, as far as the store cares: every scheduler, and some workers that could be witnesses. */
#ifndef SCHED_STORE_ROSTER_H
#define SCHED_STORE_ROSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "core/limits.h"

struct known {
	struct id node;
	struct addr addr;
	char name[NAME_MAX_LEN + 1];
	uint8_t roles;
	uint8_t machine[16];
	char zone[NAME_MAX_LEN + 1];
	bool leaves; /* it said so, in this boot: for good */
	bool stops;  /* it said so, in this boot: it will be back */
	bool seen[VIEWS];
	enum member_state state[VIEWS];
	uint64_t since_us; /* when it was last found dead or left; 0: it is not */
	struct id voter;   /* what it says itself in answer to a hello; none: not yet asked */
	bool empty;        /* it said that it holds no store */
	uint32_t level;    /* of the state, that it knows; 0: this start of it did not say yet */
	uint64_t boot;     /* which start of the node */
	uint64_t said_us;  /* when it last answered a hello */
	uint64_t hello_us; /* when it was last asked */
	uint64_t shown_us; /* not before then is it shown our generation again */
};

/* Sorted by node id. */
struct roster {
	uint32_t count;
	struct known known[STORE_MEMBERS_MAX];
};

/* A member's state changed. */
void roster_take(struct roster *r, enum view view, enum member_state state,
		 const struct facts *facts, uint64_t now_us);
struct known *roster_find(struct roster *r, struct id node); /* NULL: not known */
const struct known *roster_look(const struct roster *r, struct id node);
bool known_is_scheduler(const struct known *k);
/* Alive in every view that shows it. */
bool known_is_alive(const struct known *k);
/* Doubted or worse in any view. */
bool known_is_doubted(const struct known *k);

#endif
