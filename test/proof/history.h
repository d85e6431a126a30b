/* What clients asked of a register and a queue, and what they were told: is it linearizable?
 *
 * The store gives every change a position, and every answer to a question the position of the map it was read from. The
 * check orders operations by position (a change before the questions answered at it) and asks two things of that order:
 *
 *   - it is a life of one register and one queue: each question and each take got what that life gives;
 *   - it keeps to real time: what ended before another began stands before it.
 *
 * An order that does both is a linearization, by the definition of Herlihy and Wing; so whatever is accepted is
 * linearizable, and no search (Wing and Gong, Lowe) is needed. The other way round it is stricter: a history that only
 * another order would explain is refused too, as the store promises this very order. test/unit/sched/test_history.c holds
 * it against a search through all orders. */
#ifndef TEST_PROOF_HISTORY_H
#define TEST_PROOF_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

enum op_kind {
	OP_WRITE, /* the register becomes `value` */
	OP_READ,  /* it was `value` */
	OP_PUT,   /* `value` to the queue's end */
	OP_TAKE,  /* `value` from its beginning; 0: it was empty, which is a question, too */
};

struct op {
	enum op_kind kind;
	uint64_t value;
	uint64_t began, ended; /* in the order of happening; ended 0: nobody was told */
	uint64_t position;     /* 0: it never took effect */
};

struct history {
	struct op *ops;
	uint32_t count, room;
	uint64_t clock; /* counts beginnings and ends */
};

void history_fini(struct history *h);
uint32_t history_begin(struct history *h, enum op_kind kind, uint64_t value); /* its place */
void history_end(struct history *h, uint32_t at);
/* NULL: it is linearizable; else what is not. The order of the operations is lost. */
const char *history_check(struct history *h);

#endif
