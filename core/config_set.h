/* How a source (file, environment, flags) sets a value. Inside of config only. */
#ifndef CORE_CONFIG_SET_H
#define CORE_CONFIG_SET_H

#include "core/config.h"

struct source {
	enum origin origin;
	const char *where; /* begins the sentence: `FILE:12`, `WITAN_SLOTS`, `--slots` */
	uint32_t line;     /* ORIGIN_FILE */
};

#define FIELD_MAX 8448u /* the largest field: a list of hosts */

/* A field being filled beside the configuration, so that a refused value changes nothing. A list's value is added to
 * what `at` holds. */
struct field {
	const struct setting *of;
	const char *where;
	char *why; /* CONFIG_WHY_MAX */
	_Alignas(8) char at[FIELD_MAX];
};

MUST_USE enum err field_set(struct field *f, const char *value);

/* Checks the value and sets it, unless what stands there came from a stronger source. */
MUST_USE enum err config_take(struct config *c, const struct setting *s, const char *value,
			      const struct source *from, char why[CONFIG_WHY_MAX]);
/* Writes the sentence `where: …`; ERR_USAGE always. */
enum err config_refuse(char why[CONFIG_WHY_MAX], const char *where, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The sentence for a name that is no setting. */
enum err config_refuse_name(char why[CONFIG_WHY_MAX], const char *where, const char *name);
/* True for what other versions know and this one does not: `public_port`. */
bool config_is_later(const char *name);
/* Lower case, '-' as '_'; cut at size. */
void config_fold(const char *name, char *out, size_t size);
/* Names of all settings and aliases, ends with NULL. */
const char *const *config_names(void);

#endif
