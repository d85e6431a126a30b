/* The rows `role`, `held` and `audit/`: refused, or read and written again to the same meaning. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/must.h"
#include "sched/audit.h"
#include "sched/role_pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void role(struct bytes packed)
{
	struct role_row row, again;
	struct buffer b;

	if (role_row_get(packed, &row) != OK)
		return;
	buffer_init(&b, 4096);
	must(role_row_put(&row, &b) == OK);
	must(role_row_get(buffer_bytes(&b), &again) == OK);
	must(id_same(row.node, again.node) && row.took_ms == again.took_ms);
	must(strcmp(row.from_name, again.from_name) == 0);
	buffer_fini(&b);
}

static void held(struct bytes packed)
{
	struct held_row row, again;
	struct buffer b;

	if (held_row_get(packed, &row) != OK)
		return;
	buffer_init(&b, 4096);
	must(held_row_put(&row, &b) == OK);
	must(held_row_get(buffer_bytes(&b), &again) == OK);
	must(id_same(row.node, again.node) && row.until_us == again.until_us);
	buffer_fini(&b);
}

static void audit(struct bytes packed)
{
	struct audit_row row, again;
	struct buffer b;

	if (audit_row_get(packed, &row) != OK)
		return;
	buffer_init(&b, 4096);
	must(audit_row_put(&row, &b) == OK);
	must(audit_row_get(buffer_bytes(&b), &again) == OK);
	must(row.uid == again.uid && strcmp(row.text, again.text) == 0);
	buffer_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	role(bytes_of(data, size));
	held(bytes_of(data, size));
	audit(bytes_of(data, size));
	return 0;
}
