/* Facts from outside: refused whole, or packed again to facts that are the same. */
#include <sodium.h>
#include <string.h>

#include "core/facts.h"
#include "core/must.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return sodium_init() < 0 ? -1 : 0;
}

static void again(const struct facts *f)
{
	struct facts same;
	struct buffer first, second;

	buffer_init(&first, FACTS_MAX);
	buffer_init(&second, FACTS_MAX);
	must(facts_put(f, &first) == OK);
	must(facts_get(buffer_bytes(&first), &same) == OK);
	must(facts_put(&same, &second) == OK);
	must(bytes_same(buffer_bytes(&first), buffer_bytes(&second)));
	must(facts_digest(f) == facts_digest(&same));
	buffer_fini(&first);
	buffer_fini(&second);
}

/* The id must be the key's, which no mutation finds: so try also with the right id put into its place. */
static void with_the_right_id(const uint8_t *data, size_t size)
{
	uint8_t copy[FACTS_MAX];
	struct facts f;

	/* array head, bin 16, bin 32 */
	if (size < 1 + 18 + 34 || size > sizeof(copy))
		return;
	memcpy(copy, data, size);
	struct id id = id_of_key(copy + 1 + 18 + 2);
	memcpy(copy + 1 + 2, id.b, sizeof(id.b));
	if (facts_get(bytes_of(copy, size), &f) == OK)
		again(&f);
}

/* Good facts with a few bytes changed: pairs of place and value. */
static void with_a_few_changes(const uint8_t *data, size_t size)
{
	struct facts good = {
		.addr = addr_v4(10, 0, 0, 1, 8081), .roles = 3, .name = "a", .zone = "z"};
	struct buffer b;

	good.id = id_of_key(good.key);
	buffer_init(&b, FACTS_MAX);
	must(facts_put(&good, &b) == OK);
	for (size_t i = 0; i + 1 < size && i < 16; i += 2)
		b.at[data[i] % b.len] = data[i + 1];
	with_the_right_id(b.at, b.len);
	buffer_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct facts f;

	with_a_few_changes(data, size);
	if (facts_get(bytes_of(data, size), &f) == OK)
		again(&f);
	with_the_right_id(data, size);
	return 0;
}
