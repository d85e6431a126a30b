#include "core/rng.h"

#include "core/bytes.h"
#include "core/must.h"

#include <string.h>

/* splitmix64 (Steele, Lea, Flood 2014): spreads one number over the state, which must not be all zero. */
static uint64_t spread(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void rng_init(struct rng *r, uint64_t seed)
{
	must(r != NULL);

	for (int i = 0; i < 4; i++)
		r->s[i] = spread(&seed);
}

static uint64_t turn_left(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

/* xoshiro256** 1.0 (Blackman, Vigna 2018). */
uint64_t rng_next(struct rng *r)
{
	uint64_t *s = r->s;
	uint64_t result = turn_left(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	must((s[0] | s[1] | s[2] | s[3]) != 0);
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = turn_left(s[3], 45);
	return result;
}

uint64_t rng_below(struct rng *r, uint64_t bound)
{
	must(bound > 0);

	/* The first 2^64 % bound values would make the low results likelier: they are thrown again. */
	uint64_t unfair = (0 - bound) % bound;
	uint64_t v = rng_next(r);

	while (v < unfair)
		v = rng_next(r);
	return v % bound;
}

uint64_t rng_between(struct rng *r, uint64_t low, uint64_t high)
{
	must(low <= high);

	if (high - low == UINT64_MAX)
		return rng_next(r);
	return low + rng_below(r, high - low + 1);
}

void rng_fill(struct rng *r, void *at, size_t len)
{
	uint8_t *to = at;
	uint8_t word[8];

	must(at != NULL || len == 0);
	while (len > 0) {
		size_t part = len < sizeof(word) ? len : sizeof(word);

		put_u64(word, rng_next(r));
		memcpy(to, word, part);
		to += part;
		len -= part;
	}
}
