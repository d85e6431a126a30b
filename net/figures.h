/* The node's figures, gathered from its parts when somebody asks. */
#ifndef NET_FIGURES_H
#define NET_FIGURES_H

#include "net/node_parts.h"

/* Prometheus' text form, appended to `out`. */
MUST_USE enum err figures_print(struct node *n, struct buffer *out);

#endif
