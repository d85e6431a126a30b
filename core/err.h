/* One list of what can go wrong with the world. A function returns an error or logs it, never both. */
#ifndef CORE_ERR_H
#define CORE_ERR_H

#define ERR_LIST(X)                                                                                \
	X(OK, "ok")                                                                                \
	X(ERR_SHORT, "the bytes end too early")                                                    \
	X(ERR_MALFORMED, "the bytes are not of the expected form")                                 \
	X(ERR_TOO_BIG, "larger than its limit")                                                    \
	X(ERR_FULL, "no room left within its limit")                                               \
	X(ERR_VERSION, "a version this program does not know")                                     \
	X(ERR_FOREIGN, "of another cluster")                                                       \
	X(ERR_KEY, "of our cluster but sealed with another key")                                   \
	X(ERR_FORGED, "authentication failed")                                                     \
	X(ERR_REPLAYED, "seen before")                                                             \
	X(ERR_NOT_FOUND, "not found")                                                              \
	X(ERR_EXISTS, "exists already")                                                            \
	X(ERR_REFUSED, "refused")                                                                  \
	X(ERR_DENIED, "permission denied")                                                         \
	X(ERR_TIMEOUT, "no answer in time")                                                        \
	X(ERR_CLOSED, "the other side closed")                                                     \
	X(ERR_UNREACHABLE, "can not be reached")                                                   \
	X(ERR_NO_SPACE, "no space left on the disk")                                               \
	X(ERR_CORRUPT, "the file is damaged")                                                      \
	X(ERR_IO, "input or output failed")                                                        \
	X(ERR_FENCED, "the epoch has ended")                                                       \
	X(ERR_UNKNOWN, "the outcome is not known")                                                 \
	X(ERR_NO_DIRECTOR, "no director now")                                                      \
	X(ERR_NO_STORE, "no store yet")                                                            \
	X(ERR_USAGE, "the request makes no sense")

enum err {
#define X(name, text) name,
	ERR_LIST(X)
#undef X
};

/* The sentence for an error; never NULL. */
const char *err_text(enum err err);

#define MUST_USE __attribute__((warn_unused_result))

#endif
