/* The word somebody probably meant. */
#ifndef CORE_NEAREST_H
#define CORE_NEAREST_H

/* Of a NULL-terminated list, the word that takes the fewest letters changed, added, dropped or swapped; NULL when all
 * are too far away to be a slip of the fingers. '-' and '_' count as equal, and so do capitals. */
const char *nearest(const char *word, const char *const *list);

#endif
