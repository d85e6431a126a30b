#include "core/must.h"

#include <stdio.h>
#include <stdlib.h>

void must_failed(const char *fact, const char *file, int line)
{
	fprintf(stderr, "witan: bug: %s:%d: must hold: %s\n", file, line, fact);
	fflush(stderr);
	abort();
}
