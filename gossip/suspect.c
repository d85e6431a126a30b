#include "gossip/suspect.h"

#include <stdlib.h>

#include "core/must.h"

/* Two numbers of the table per decade would do: between powers of two the logarithm is taken as a line, which errs by
 * less than 3 %. */
uint32_t log10_milli(uint32_t n)
{
	must(n > 0);

	uint32_t bits = 31u - (uint32_t)__builtin_clz(n);
	uint64_t above = n - (UINT64_C(1) << bits);
	uint64_t part = (above << 10) >> bits; /* 0..1023: how far to the next power of two */

	return (uint32_t)(((uint64_t)bits * 1024 + part) * 301030 / 1024 / 1000);
}

struct doubt doubt_of(uint32_t members, uint32_t alpha, uint32_t beta, uint32_t probe_every_ms)
{
	must(members > 0);
	must(alpha > 0 && beta > 0);

	uint64_t scale = log10_milli(members);
	if (scale < 1000)
		scale = 1000;
	uint64_t min_ms = alpha * scale * probe_every_ms / 1000;
	/* Beside the accused and the first accuser so many are left to confirm. */
	uint32_t others = members > 2 ? members - 2 : 0;

	return (struct doubt){
		.min_ms = (uint32_t)min_ms,
		.max_ms = (uint32_t)(min_ms * beta),
		.wanted = (uint8_t)(others < SUSPECT_CONFIRM_MAX ? others : SUSPECT_CONFIRM_MAX),
	};
}

struct suspicion *suspicion_open(struct doubt d, struct id accuser, uint64_t now_us)
{
	struct suspicion *s = malloc(sizeof(*s));

	must(s != NULL);
	must(d.min_ms <= d.max_ms);
	must(d.wanted <= SUSPECT_CONFIRM_MAX);
	*s = (struct suspicion){
		.began_us = now_us,
		.min_ms = d.min_ms,
		.max_ms = d.max_ms,
		.wanted = d.wanted,
		.accuser = {accuser},
	};
	return s;
}

void suspicion_close(struct suspicion *s)
{
	free(s);
}

bool suspicion_confirm(struct suspicion *s, struct id accuser)
{
	must(s->confirmed <= s->wanted);

	if (s->confirmed == s->wanted)
		return false;
	for (uint32_t i = 0; i <= s->confirmed; i++)
		if (id_same(s->accuser[i], accuser))
			return false;

	s->accuser[++s->confirmed] = accuser;
	return true;
}

uint64_t suspicion_deadline_us(const struct suspicion *s)
{
	/* 1024 * log(C + 1) / log(K + 1), by K and C. Nobody left to confirm: one accuser is all there can be. */
	static const uint16_t shrunk[SUSPECT_CONFIRM_MAX + 1][SUSPECT_CONFIRM_MAX + 1] = {
		{1024}, {0, 1024}, {0, 646, 1024}, {0, 512, 812, 1024}};

	must(s->wanted <= SUSPECT_CONFIRM_MAX);
	must(s->confirmed <= s->wanted);

	uint64_t range = s->max_ms - s->min_ms;
	uint64_t ms = s->max_ms - range * shrunk[s->wanted][s->confirmed] / 1024;
	uint64_t deadline_us = s->began_us + ms * 1000;

	must(ms >= s->min_ms && ms <= s->max_ms);
	return deadline_us > s->not_before_us ? deadline_us : s->not_before_us;
}

void suspicion_extend(struct suspicion *s, uint64_t now_us)
{
	s->not_before_us = now_us + (uint64_t)s->min_ms * 1000;
}

uint32_t suspicion_accusers(const struct suspicion *s)
{
	return s->confirmed + 1u;
}

struct id suspicion_last(const struct suspicion *s)
{
	return s->accuser[s->confirmed];
}
