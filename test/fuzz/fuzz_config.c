/* Configuration files: whatever is read ends in a sentence, or in settings that print as they were read. */
#include <string.h>

#include "core/config.h"
#include "core/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config c, again;
	static char value[8448];
	char why[CONFIG_WHY_MAX] = "";

	config_init(&c);
	config_init(&again);
	if (config_file(&c, "f", bytes_of(data, size), why) != OK) {
		must(why[0] != '\0');
		return 0;
	}
	if (config_check(&c, why) != OK)
		must(why[0] != '\0');
	for (size_t i = 0; i < SETTINGS; i++) {
		const struct setting *s = config_setting((enum setting_id)i);

		must(config_get(&c, s->name, value, sizeof(value)) == OK);
		if (c.origin[i] == ORIGIN_FILE)
			must(config_set(&again, s->name, value, ORIGIN_FILE, why) == OK);
		must(memcmp((char *)&c + s->offset, (char *)&again + s->offset, s->size) == 0);
	}
	return 0;
}
