#include "core/err.h"

const char *err_text(enum err err)
{
	switch (err) {
#define X(name, text)                                                                              \
	case name:                                                                                 \
		return text;
		ERR_LIST(X)
#undef X
	}
	return "an error without a name";
}
