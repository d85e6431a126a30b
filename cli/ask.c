#include "cli/ask.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"
#include "core/call.h"

int ask_first(const char *what)
{
	char answer[16] = "";

	if (!isatty(STDIN_FILENO))
		return fail(EXIT_USAGE, "%s Say --yes to mean it.", what);
	fprintf(stderr, "%s Go on? [y/n] ", what);
	if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
		return EXIT_GOOD;
	return fail(EXIT_OTHER, "nothing was done");
}
