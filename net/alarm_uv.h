/* The node's one deadline, on the clock that goes on while the machine sleeps. */
#ifndef NET_ALARM_UV_H
#define NET_ALARM_UV_H

#include <stdint.h>
#include <uv.h>

#define ALARM_RANG 0u

struct alarm {
	uv_poll_t poll;
	int fd;
	uint64_t at_us; /* UINT64_MAX: not set; ALARM_RANG */
};

uint64_t clock_now_us(void);  /* CLOCK_BOOTTIME */
uint64_t clock_wall_us(void); /* CLOCK_REALTIME */

/* Returns 0 or an errno. */
int alarm_open(struct alarm *a, uv_loop_t *loop);
/* Wakes the loop at `at_us`, which is not past; UINT64_MAX: never. Before the loop may sleep, every time. */
void alarm_set(struct alarm *a, uint64_t at_us);
void alarm_close(struct alarm *a);

#endif
