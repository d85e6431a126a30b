/* Assertions that stay on.
 *
 * must(x) states what holds; when it does not, the program is wrong and goes on no further: it says where and aborts,
 * and the supervisor restarts us from what is on disk. One fact for each must. The world's faults (bad bytes, a full
 * disk, a dead peer) are never a must: they are an enum err. */
#ifndef CORE_MUST_H
#define CORE_MUST_H

#define must(fact) ((fact) ? (void)0 : must_failed(#fact, __FILE__, __LINE__))

/* Where no way leads. */
#define never(why) must_failed(why, __FILE__, __LINE__)

_Noreturn void must_failed(const char *fact, const char *file, int line);

#endif
