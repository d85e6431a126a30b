/* How long a silent member is doubted before it is called dead.
 *
 * A suspicion starts at max_ms and shrinks towards min_ms with every member that confirms it on its own: a lone
 * accuser may be the sick one, four rarely are (Lifeguard, "LHA-Suspicion"):
 *
 *     timeout = max - (max - min) * log(confirmed + 1) / log(wanted + 1)
 *
 * Invariant: min_ms <= deadline - began_us <= max_ms, never growing. The one exception is our own pause, after which
 * everybody gets at least min_ms more (suspicion_extend). */
#ifndef GOSSIP_SUSPECT_H
#define GOSSIP_SUSPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/id.h"

#define SUSPECT_CONFIRM_MAX 3u /* K of the paper */

struct suspicion {
	uint64_t began_us;
	uint64_t not_before_us;
	uint32_t min_ms;
	uint32_t max_ms;
	uint8_t wanted;    /* K: confirmations that bring the timeout down to min_ms */
	uint8_t confirmed; /* C: beside the first accuser */
	struct id accuser[SUSPECT_CONFIRM_MAX + 1];
};

/* How long a view of `members` doubts: alpha * log10(members) probe periods at least, never below alpha of them. */
struct doubt {
	uint32_t min_ms;
	uint32_t max_ms;
	uint8_t wanted;
};
struct doubt doubt_of(uint32_t members, uint32_t alpha, uint32_t beta, uint32_t probe_every_ms);

struct suspicion *suspicion_open(struct doubt d, struct id accuser, uint64_t now_us);
void suspicion_close(struct suspicion *s);
/* True when `accuser` is new, and so the deadline came nearer. */
bool suspicion_confirm(struct suspicion *s, struct id accuser);
uint64_t suspicion_deadline_us(const struct suspicion *s);
/* We were away ourselves: what we did not hear meanwhile is no proof. */
void suspicion_extend(struct suspicion *s, uint64_t now_us);
uint32_t suspicion_accusers(const struct suspicion *s);
struct id suspicion_last(const struct suspicion *s);

/* 1000 * log10(n), n > 0, without a float. */
uint32_t log10_milli(uint32_t n);

#endif
