/* Names of 128 bits: nodes, jobs, stores. Printed as UUID.
 *
 * A node's id is a version 8 UUID made from BLAKE2b-128 of its public key, so that nobody can speak for another. */
#ifndef CORE_ID_H
#define CORE_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

#define ID_TEXT_LEN 36

struct id {
	uint8_t b[16];
};

/* Where the director stands in time: every order carries it, older ones are refused. Generation rises when a person
 * confirms a loss, term with every election. */
struct epoch {
	uint64_t generation;
	uint64_t term;
};

extern const struct id id_none;

bool id_same(struct id a, struct id b);
bool id_is_none(struct id id);
int id_cmp(struct id a, struct id b);
/* For tables: the first 8 bytes, which are random already. */
uint64_t id_hash(struct id id);
struct id id_of_key(const uint8_t public_key[32]);
/* Random id (UUID version 4) out of 16 random bytes. */
struct id id_of_random(const uint8_t random[16]);
MUST_USE enum err id_parse(const char *text, struct id *out);

/* Into `out`, terminated, and returned. */
char *id_print(struct id id, char out[ID_TEXT_LEN + 1]);
struct id_text {
	char s[ID_TEXT_LEN + 1];
};
/* For printf's arguments: id_text(id).s; lives until the end of the full expression. */
struct id_text id_text(struct id id);

int epoch_cmp(struct epoch a, struct epoch b);

#endif
