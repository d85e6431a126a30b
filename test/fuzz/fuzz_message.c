/* Gossip bodies, as they come out of an opened datagram: read whole, then message by message. */
#include <stddef.h>
#include <stdint.h>

#include "gossip/message.h"
#include "gossip/past.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read must be writable again, in the same bytes' worth or less. */
static void write_again(const struct message *m)
{
	struct buffer b;
	enum err err = OK;

	buffer_init(&b, FACTS_MAX + 64);
	if (m->type >= MESSAGE_PING && m->type <= MESSAGE_NACK)
		err = message_put_probing(&b, m->type, &m->probing);
	else if (m->type == MESSAGE_UPDATE)
		err = message_put_update(&b, &m->update);
	else if (m->type == MESSAGE_FACTS)
		err = message_put_facts(&b, m->facts);
	else if (m->type == MESSAGE_LEAVE)
		err = message_put_leave(&b, &m->leave);
	else if (m->type == MESSAGE_NEXT)
		err = message_put_next(&b, m->summary.bits, m->summary.part);
	if (err != OK)
		__builtin_trap();
	buffer_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes body = bytes_of(data, size);
	struct message m;
	struct update u;
	struct past past;

	if (past_get(body, &past) == OK)
		past_fini(&past);
	if (message_check(body) != OK)
		return 0;
	while (message_next(&body, &m)) {
		write_again(&m);
		while (m.type == MESSAGE_SUMMARY && summary_next(&m.summary, &u))
			;
	}
	return 0;
}
