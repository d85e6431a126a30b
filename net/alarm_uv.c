#include "net/alarm_uv.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "core/must.h"

static uint64_t clock_us(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

uint64_t clock_now_us(void)
{
	return clock_us(CLOCK_BOOTTIME);
}

uint64_t clock_wall_us(void)
{
	return clock_us(CLOCK_REALTIME);
}

/* Only wakes: whoever runs the loop compares its deadline with the clock. It stays readable until it is set again, which
 * is before the loop sleeps again: so it need not be read. */
static void rang(uv_poll_t *poll, int status, int events)
{
	struct alarm *a = poll->data;

	(void)status;
	(void)events;
	a->at_us = ALARM_RANG;
}

int alarm_open(struct alarm *a, uv_loop_t *loop)
{
	a->fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (a->fd < 0)
		return errno;
	a->at_us = UINT64_MAX;
	int bad = uv_poll_init(loop, &a->poll, a->fd);
	must(bad == 0);
	a->poll.data = a;
	bad = uv_poll_start(&a->poll, UV_READABLE, rang);
	must(bad == 0);
	return 0;
}

void alarm_set(struct alarm *a, uint64_t at_us)
{
	struct itimerspec when = {{0, 0}, {0, 0}};

	must(at_us != ALARM_RANG);
	if (at_us == a->at_us)
		return;
	if (at_us != UINT64_MAX) {
		when.it_value.tv_sec = (time_t)(at_us / 1000000u);
		when.it_value.tv_nsec = (long)(at_us % 1000000u) * 1000;
	}
	int bad = timerfd_settime(a->fd, TFD_TIMER_ABSTIME, &when, NULL);
	must(bad == 0);
	a->at_us = at_us;
}

static void alarm_closed(uv_handle_t *handle)
{
	struct alarm *a = handle->data;

	close(a->fd);
}

void alarm_close(struct alarm *a)
{
	uv_close((uv_handle_t *)&a->poll, alarm_closed);
}
