#include "core/nearest.h"

#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/must.h"

#define WORD_MAX 40u /* longer words are no slip of a known one */

static char letter(char c)
{
	return c == '-' ? '_' : (char)tolower((unsigned char)c);
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Damerau-Levenshtein with adjacent swaps, three rows at a time. */
static uint32_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	uint32_t row[3][WORD_MAX + 1];

	must(a_len <= WORD_MAX);
	must(b_len <= WORD_MAX);

	for (uint32_t j = 0; j <= b_len; j++)
		row[0][j] = j;
	for (uint32_t i = 1; i <= a_len; i++) {
		uint32_t *now = row[i % 3], *up = row[(i + 2) % 3], *upper = row[(i + 1) % 3];

		now[0] = i;
		for (uint32_t j = 1; j <= b_len; j++) {
			uint32_t differs = letter(a[i - 1]) != letter(b[j - 1]);

			now[j] = least(least(up[j], now[j - 1]) + 1, up[j - 1] + differs);
			if (i > 1 && j > 1 && letter(a[i - 1]) == letter(b[j - 2]) &&
			    letter(a[i - 2]) == letter(b[j - 1]))
				now[j] = least(now[j], upper[j - 2] + 1);
		}
	}
	return row[a_len % 3][b_len];
}

const char *nearest(const char *word, const char *const *list)
{
	const char *best = NULL;
	size_t len = strlen(word);
	uint32_t best_far = UINT32_MAX;

	if (len == 0 || len > WORD_MAX)
		return NULL;
	for (; *list; list++) {
		size_t list_len = strlen(*list);

		if (list_len > WORD_MAX)
			continue;

		uint32_t far = distance(word, len, *list, list_len);
		/* A third of the letters may be wrong, two of a short word; but something must be right. */
		uint32_t allowed = (uint32_t)(len > 6 ? len / 3 : 2);

		if (far < best_far && far <= allowed && far < len) {
			best = *list;
			best_far = far;
		}
	}
	return best;
}
