#include "net/resolve_uv.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/must.h"
#include "net/sockaddr.h"

struct asking {
	uv_getaddrinfo_t request;
	struct resolver *all;
	struct asking *next;
	uint64_t token;
	uint16_t port;
};

struct resolver {
	uv_loop_t *loop;
	struct sink sink;
	struct asking *first;
	uint32_t count;
	bool closing;
};

struct resolver *resolver_open(uv_loop_t *loop, struct sink sink)
{
	struct resolver *r = calloc(1, sizeof *r);

	must(r != NULL);
	r->loop = loop;
	r->sink = sink;
	return r;
}

static enum err resolve_err(int status)
{
	switch (status) {
	case 0:
		return OK;
	case UV_EAI_NONAME:
	case UV_EAI_NODATA:
	case UV_EAI_ADDRFAMILY:
	case UV_ENOENT:
		return ERR_NOT_FOUND;
	case UV_EINVAL:
	case UV_ENAMETOOLONG:
		return ERR_USAGE;
	default:
		return ERR_UNREACHABLE;
	}
}

static uint32_t collect(const struct addrinfo *from, uint16_t port, struct addr *list)
{
	uint32_t count = 0;

	for (; from != NULL && count < RESOLVED_MAX; from = from->ai_next) {
		struct addr a = addr_with_port(sockaddr_get(from->ai_addr), port);
		uint32_t i = 0;

		while (i < count && !addr_same(list[i], a))
			i++;
		if (i == count && a.family != ADDR_NONE)
			list[count++] = a;
	}
	return count;
}

static void asking_forget(struct asking *a)
{
	struct resolver *r = a->all;
	struct asking **at = &r->first;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	r->count--;
	free(a);
	if (r->closing && r->count == 0)
		free(r);
}

static void answered(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
	struct asking *a = request->data;
	struct addr list[RESOLVED_MAX];
	struct event e = {.kind = EVENT_RESOLVED};

	e.resolved.token = a->token;
	e.resolved.err = resolve_err(status);
	e.resolved.list = list;
	if (status == 0)
		e.resolved.count = collect(found, a->port, list);
	if (status == 0 && e.resolved.count == 0)
		e.resolved.err = ERR_NOT_FOUND;
	uv_freeaddrinfo(found);
	if (!a->all->closing)
		sink_tell(&a->all->sink, &e);
	asking_forget(a);
}

void resolver_effect(struct resolver *r, const struct effect *e)
{
	const struct addrinfo want = {.ai_socktype = SOCK_STREAM};
	struct event no = {.kind = EVENT_RESOLVED};
	int bad = 0;

	no.resolved.token = e->resolve.token;
	if (r->count >= RESOLVES_MAX) {
		no.resolved.err = ERR_FULL;
		sink_later(&r->sink, &no);
		return;
	}
	struct asking *a = calloc(1, sizeof *a);
	must(a != NULL);
	a->all = r;
	a->token = e->resolve.token;
	a->port = e->resolve.port;
	a->request.data = a;
	a->next = r->first;
	r->first = a;
	r->count++;
	bad = uv_getaddrinfo(r->loop, &a->request, answered, e->resolve.name, NULL, &want);
	if (bad != 0) {
		no.resolved.err = resolve_err(bad);
		asking_forget(a);
		sink_later(&r->sink, &no);
	}
}

/* What has not begun is taken back; a thread that waits for a name server is not waited for longer than that takes. */
void resolver_close(struct resolver *r)
{
	r->closing = true;
	if (r->count == 0) {
		free(r);
		return;
	}
	for (struct asking *a = r->first; a != NULL; a = a->next)
		(void)uv_cancel((uv_req_t *)&a->request);
}
