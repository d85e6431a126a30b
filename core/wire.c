#include "core/wire.h"

uint8_t wire_senders(uint8_t type)
{
	switch (type) {
#define X(name, number, from)                                                                      \
	case name:                                                                                 \
		return from;
		WIRE_TYPES(X)
#undef X
	default:
		return 0;
	}
}

const char *wire_name(uint8_t type)
{
	switch (type) {
#define X(name, number, from)                                                                      \
	case name:                                                                                 \
		return #name;
		WIRE_TYPES(X)
#undef X
	default:
		return "unknown";
	}
}
