/* Calls and answers from outside: refused whole, or packed again to the same. */
#include "core/call.h"
#include "core/limits.h"
#include "core/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void call_again(const struct call *c, size_t size)
{
	struct call same;
	struct buffer b;

	must(c->arguments.len < size);
	call_place(c->verb);
	buffer_init(&b, FRAME_MAX);
	must(call_put(c, &b) == OK);
	must(call_get(buffer_bytes(&b), &same) == OK);
	must(same.verb == c->verb);
	must(same.uid == c->uid);
	must(same.hops == c->hops);
	must(id_same(same.node, c->node));
	must(bytes_same(same.arguments, c->arguments));
	buffer_fini(&b);
}

static void answer_again(const struct answer *a, size_t size)
{
	struct answer same;
	struct buffer b;

	must(a->body.len + a->why.len < size);
	buffer_init(&b, FRAME_MAX);
	must(answer_put(a, &b) == OK);
	must(answer_get(buffer_bytes(&b), &same) == OK);
	must(same.code == a->code);
	must(bytes_same(same.body, a->body));
	must(bytes_same(same.why, a->why));
	buffer_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes body = bytes_of(data, size);
	struct call call;
	struct answer answer;

	if (size > FRAME_MAX / 2)
		return 0;
	if (call_get(body, &call) == OK)
		call_again(&call, size);
	if (answer_get(body, &answer) == OK)
		answer_again(&answer, size);
	return 0;
}
