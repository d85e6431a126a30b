#include "net/sockaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "core/must.h"

socklen_t sockaddr_put(struct addr a, union sockaddr_any *out)
{
	memset(out, 0, sizeof *out);
	if (a.family == ADDR_V4) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(a.port);
		memcpy(&out->v4.sin_addr, a.ip, 4);
		return sizeof out->v4;
	}
	if (a.family == ADDR_V6) {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons(a.port);
		out->v6.sin6_scope_id = a.scope;
		memcpy(&out->v6.sin6_addr, a.ip, 16);
		return sizeof out->v6;
	}
	must(a.family == ADDR_NONE);
	return 0;
}

static struct addr from_v6(const struct sockaddr_in6 *v6)
{
	struct addr a = {.family = ADDR_V6, .port = ntohs(v6->sin6_port)};

	if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		a.family = ADDR_V4;
		memcpy(a.ip, &v6->sin6_addr.s6_addr[12], 4);
		return a;
	}
	memcpy(a.ip, &v6->sin6_addr, 16);
	if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
		a.scope = v6->sin6_scope_id;
	return a;
}

struct addr sockaddr_get(const struct sockaddr *from)
{
	struct addr a = {.family = ADDR_NONE};

	if (from == NULL)
		return a;
	if (from->sa_family == AF_INET) {
		struct sockaddr_in v4;

		memcpy(&v4, from, sizeof v4);
		a.family = ADDR_V4;
		a.port = ntohs(v4.sin_port);
		memcpy(a.ip, &v4.sin_addr, 4);
	} else if (from->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;

		memcpy(&v6, from, sizeof v6);
		a = from_v6(&v6);
	}
	return a;
}

enum err socket_err(int errnum)
{
	must(errnum >= 0);

	switch (errnum) {
	case 0:
		return OK;
	case ECONNREFUSED:
		return ERR_REFUSED;
	case ETIMEDOUT:
		return ERR_TIMEOUT;
	case ECONNRESET:
	case EPIPE:
	case ECANCELED:
		return ERR_CLOSED;
	case ENOBUFS:
		return ERR_FULL;
	case EACCES:
	case EPERM:
		return ERR_DENIED;
	case EADDRINUSE:
		return ERR_EXISTS;
	case ENOENT:
		return ERR_NOT_FOUND;
	default:
		return ERR_UNREACHABLE;
	}
}

enum err file_err(int errnum)
{
	must(errnum >= 0);

	switch (errnum) {
	case 0:
		return OK;
	case ENOENT:
		return ERR_NOT_FOUND;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return ERR_NO_SPACE;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_DENIED;
	default:
		return ERR_IO;
	}
}
