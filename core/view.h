/* The two SWIM memberships of a cluster. */
#ifndef CORE_VIEW_H
#define CORE_VIEW_H

enum view {
	VIEW_SCHEDULERS, /* schedulers only, gossip on P+1000 */
	VIEW_ALL,        /* every node, gossip on P+2000 */
	VIEWS,
};

#define VIEW_PORT_STEP 1000u /* P + (view + 1) * step */

const char *view_name(enum view view);

#endif
