/* What the supervisor (systemd) is told, where there is one; else nothing happens. */
#ifndef NET_NOTIFY_H
#define NET_NOTIFY_H

#include <stdint.h>

void notify_ready(const char *status);
void notify_stopping(void);
/* We live: to be said more often than every notify_watchdog_us(), which is 0 when nobody waits for it. */
void notify_alive(void);
uint64_t notify_watchdog_us(void);

#endif
