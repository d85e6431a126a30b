/* The node as what a host drives. */
#include "net/host_uv.h"

static enum err open_node(const struct node_start *start, void **self, char why[200])
{
	struct node *n = NULL;
	enum err err = node_open(start, &n, why);

	*self = n;
	return err;
}

static void close_node(void *self)
{
	node_close(self);
}

static void step_node(void *self, const struct event *event, struct outbox *outbox)
{
	node_step(self, event, outbox);
}

static void turn_node(void *self, uint64_t now_us, uint64_t wall_us, struct outbox *outbox)
{
	node_turn(self, now_us, wall_us, outbox);
}

static uint64_t deadline_of_node(const void *self)
{
	return node_deadline_us(self);
}

const struct host_ops host_node = {
	.open = open_node,
	.close = close_node,
	.step = step_node,
	.turn = turn_node,
	.deadline = deadline_of_node,
};
