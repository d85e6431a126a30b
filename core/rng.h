/* Randomness as a value: the same seed gives the same life. Production seeds it from the kernel, the simulator from one
 * number. xoshiro256**: fast and good enough for choices and spacing; never used for keys. */
#ifndef CORE_RNG_H
#define CORE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t s[4];
};

void rng_init(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
/* 0 <= result < bound, unbiased; bound > 0. */
uint64_t rng_below(struct rng *r, uint64_t bound);
/* low <= result <= high. */
uint64_t rng_between(struct rng *r, uint64_t low, uint64_t high);
void rng_fill(struct rng *r, void *at, size_t len);

#endif
