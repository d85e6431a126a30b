#include "gossip/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/must.h"
#include "core/text.h"

#define GATHER_US 100000u
#define AGREE_US  1000000u
#define WHOLE_US  10000000u
#define AGAIN_MAX 16u
#define LINE_MAX  160u

/* journalctl finds every block by it, whatever it says. */
#define MESSAGE_ID "3b9e1d5c0f6a4c0e8f7d2a61c4b5e890"

void view_log_init(struct view_log *v, enum view view, uint32_t members_max, uint64_t saved,
		   uint64_t now_us)
{
	must(members_max > 0);

	*v = (struct view_log){
		.view = view,
		.members_max = members_max,
		.version = saved + 1,
		.shown = saved,
		.flush_us = now_us,
		.agree_us = UINT64_MAX,
		.whole_us = UINT64_MAX,
		.saved = saved,
	};
	snprintf(v->cause, sizeof(v->cause), "started");
	v->changes = 1;
}

void view_log_fini(struct view_log *v)
{
	free(v->change);
	v->change = NULL;
}

struct addr view_addr(enum view view, struct addr node)
{
	must(view < VIEWS);

	return addr_with_port(node, (uint16_t)(node.port + (view + 1) * VIEW_PORT_STEP));
}

/* --- what happened --- */

static void list_change(struct view_log *v, const struct facts *who, bool gone)
{
	if (v->listed >= v->members_max)
		return;
	if (v->listed == v->room) {
		v->room = v->room == 0 ? 4 : 2 * v->room;
		v->change = realloc(v->change, v->room * sizeof(*v->change));
		must(v->change != NULL);
	}
	v->change[v->listed++] = (struct view_change){who->id, view_addr(v->view, who->addr), gone};
}

static void changed(struct view_log *v, uint64_t now_us)
{
	v->version++;
	v->changes++;
	if (v->flush_us == UINT64_MAX)
		v->flush_us = now_us + GATHER_US;
	if (v->agree_us != UINT64_MAX)
		v->agree_us = now_us + AGREE_US;
	if (v->whole_us != UINT64_MAX)
		v->whole_us = now_us + WHOLE_US;
}

static void cause(struct view_log *v, const struct facts *who, const char *verb)
{
	bool scheduler = who->roles & ROLE_SCHEDULER;
	bool worker = who->roles & ROLE_WORKER;
	char name[NAME_MAX_LEN + 1];

	memcpy(name, who->name, sizeof(name));
	text_clean(name, false);
	snprintf(v->cause, sizeof(v->cause), "%s %s (%s%s%s%s%s)", addr_ip_text(who->addr).s, verb,
		 scheduler ? "scheduler" : "", scheduler && worker ? "+" : "",
		 worker ? "worker" : "", name[0] ? " " : "", name);
}

void view_log_join(struct view_log *v, const struct facts *who, uint64_t now_us)
{
	changed(v, now_us);
	v->joined++;
	cause(v, who, "joined");
	list_change(v, who, false);
}

void view_log_again(struct view_log *v, const struct facts *who, uint64_t now_us)
{
	changed(v, now_us);
	v->version++; /* it left, and joined */
	v->joined++;
	v->gone++;
	cause(v, who, "restarted");
	list_change(v, who, false);
}

void view_log_left(struct view_log *v, const struct facts *who, uint64_t now_us)
{
	changed(v, now_us);
	v->gone++;
	snprintf(v->cause, sizeof(v->cause), "%s left", addr_ip_text(who->addr).s);
	list_change(v, who, true);
}

/* One who loses more than half of the view at once is more likely cut off than surrounded by the dead; those already
 * doubted are counted with the lost, because they will be next. */
static void tell_lost(struct view_log *v, const struct facts *who, uint32_t after_ms,
		      uint32_t accusers, uint32_t vanishing, struct outbox *outbox)
{
	if (vanishing < 3 || 2 * vanishing <= v->lost_of) {
		outbox_log(outbox, LOG_LEVEL_INFO,
			   "member failed: id=%s view=%s addr=%s after_ms=%u accusers=%u",
			   id_text(who->id).s, view_name(v->view), addr_text(who->addr).s,
			   (unsigned)after_ms, (unsigned)accusers);
	} else if (!v->isolated) {
		v->isolated = true;
		outbox_log(outbox, LOG_LEVEL_WARN,
			   "isolated: view=%s lost=%u of=%u; more than half vanished at once, "
			   "keeping on trying",
			   view_name(v->view), (unsigned)vanishing, (unsigned)v->lost_of);
	}
}

void view_log_failed(struct view_log *v, const struct facts *who, uint32_t after_ms,
		     uint32_t accusers, uint32_t size_before, uint32_t doubted, uint64_t window_us,
		     uint64_t now_us, struct outbox *outbox)
{
	must(size_before > 0);

	changed(v, now_us);
	v->gone++;
	snprintf(v->cause, sizeof(v->cause), "%s failed after %u.%u s, accused by %u",
		 addr_ip_text(who->addr).s, (unsigned)(after_ms / 1000),
		 (unsigned)(after_ms % 1000 / 100), (unsigned)accusers);
	list_change(v, who, true);

	if (v->lost == 0 || now_us - v->lost_us > window_us) {
		v->lost_us = now_us;
		v->lost = 0;
		v->lost_of = size_before;
		v->isolated = false;
	}
	v->lost++;
	tell_lost(v, who, after_ms, accusers, v->lost + doubted, outbox);
}

void view_log_agree(struct view_log *v, uint64_t version, uint64_t now_us)
{
	if (version <= v->version || version > INCARNATION_MAX)
		return;
	v->version = version;
	if (v->agree_us == UINT64_MAX)
		v->agree_us = now_us + AGREE_US;
}

/* --- when to show it --- */

uint64_t view_log_deadline_us(const struct view_log *v)
{
	uint64_t first = v->flush_us;

	if (v->saving)
		return UINT64_MAX;
	first = v->agree_us < first ? v->agree_us : first;
	return v->whole_us < first ? v->whole_us : first;
}

bool view_log_due(struct view_log *v, uint64_t now_us)
{
	if (v->saving || now_us < view_log_deadline_us(v))
		return false;
	v->saving = true;
	v->again = 0;
	v->saved = v->version;
	return true;
}

uint64_t view_log_version_to_save(const struct view_log *v)
{
	return v->saved > v->version ? v->saved : v->version;
}

/* --- how it reads --- */

struct row {
	struct addr addr;
	struct id id;
	bool gone;
};

static int row_cmp(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = addr_cmp(x->addr, y->addr);

	return order != 0 ? order : id_cmp(x->id, y->id);
}

static uint32_t size_of(const struct members *t)
{
	return t->living.count + 1; /* and ourselves */
}

static struct row *rows_of_all(const struct view_log *v, const struct members *t, uint32_t *count)
{
	struct row *rows = malloc((size_t)size_of(t) * sizeof(*rows));

	must(rows != NULL);
	*count = 0;
	for (uint32_t i = 0; i < t->top; i++) {
		const struct member *m = &t->at[i];

		if (id_is_none(m->id) || !(member_is_here(m) || m->place == SLOT_NONE))
			continue;
		must(*count < size_of(t));
		rows[(*count)++] = (struct row){view_addr(v->view, m->card->addr), m->id, false};
	}
	return rows;
}

static struct row *rows_of_changes(const struct view_log *v, uint32_t *count)
{
	struct row *rows = malloc(((size_t)v->listed + 1) * sizeof(*rows));

	must(rows != NULL);
	*count = v->listed;
	for (uint32_t i = 0; i < v->listed; i++)
		rows[i] = (struct row){v->change[i].addr, v->change[i].id, v->change[i].gone};
	return rows;
}

static void add(struct buffer *b, const char *text, size_t len)
{
	enum err err = buffer_add(b, bytes_of(text, len));

	must(err == OK);
}

/* `part`: only changes are listed, and the entry says so. */
static void show(struct view_log *v, const char *what, struct row *rows, uint32_t count, bool part,
		 uint32_t size, struct id self, struct outbox *outbox)
{
	char line[VIEW_CAUSE_MAX + LINE_MAX], fields[VIEW_CAUSE_MAX + LINE_MAX];
	struct buffer text;

	qsort(rows, count, sizeof(*rows), row_cmp);
	buffer_init(&text, sizeof(line) * 4 + (size_t)LINE_MAX * count);
	snprintf(line, sizeof(line), "%s: %s\nMembers {size:%u, ver:%" PRIu64 "} [\n",
		 view_name(v->view), what, (unsigned)size, v->version);
	add(&text, line, strlen(line));
	for (uint32_t i = 0; i < count; i++) {
		snprintf(line, sizeof(line), "        %s %s - %s%s\n",
			 rows[i].gone ? "Gone  " : "Member", addr_member_text(rows[i].addr).s,
			 id_text(rows[i].id).s, id_same(rows[i].id, self) ? " this" : "");
		add(&text, line, strlen(line));
	}
	if (part) {
		snprintf(line, sizeof(line),
			 "        only changes are listed: more than log_members_max=%u members\n",
			 (unsigned)v->members_max);
		add(&text, line, strlen(line));
	}
	add(&text, "]", sizeof("]"));
	snprintf(fields, sizeof(fields),
		 "MESSAGE_ID=" MESSAGE_ID "\nWITAN_VIEW=%s\nWITAN_SIZE=%u\nWITAN_VERSION=%" PRIu64
		 "\nWITAN_CHANGE=%s\n",
		 view_name(v->view), (unsigned)size, v->version, what);
	outbox_log_entry(outbox, LOG_LEVEL_INFO, fields, (const char *)text.at);
	buffer_fini(&text);
	free(rows);
}

void view_log_whole(struct view_log *v, const char *what, const struct members *t, struct id self,
		    struct outbox *outbox)
{
	uint32_t count;
	struct row *rows = rows_of_all(v, t, &count);

	show(v, what, rows, count, false, size_of(t), self, outbox);
}

static void name_cause(const struct view_log *v, bool whole, char out[VIEW_CAUSE_MAX])
{
	if (v->changes == 0)
		snprintf(out, VIEW_CAUSE_MAX, whole ? "the whole list" : "version agreed");
	else if (v->changes == 1)
		memcpy(out, v->cause, VIEW_CAUSE_MAX);
	else if (v->gone == 0)
		snprintf(out, VIEW_CAUSE_MAX, "+%u", (unsigned)v->joined);
	else if (v->joined == 0)
		snprintf(out, VIEW_CAUSE_MAX, "-%u", (unsigned)v->gone);
	else
		snprintf(out, VIEW_CAUSE_MAX, "+%u -%u", (unsigned)v->joined, (unsigned)v->gone);
}

/* Under a storm of changes the disk is asked to hold somewhat more than is counted, so that saving comes to an end. */
bool view_log_show(struct view_log *v, const struct members *t, struct id self, uint64_t now_us,
		   struct outbox *outbox)
{
	char what[VIEW_CAUSE_MAX];
	uint32_t count;

	must(v->saving);
	if (v->version > v->saved && v->again < AGAIN_MAX) {
		v->saved = v->version + (UINT64_C(1) << v->again++) - 1;
		return false;
	}
	bool large = size_of(t) > v->members_max;
	bool quiet = v->changes == 0 && now_us >= v->whole_us;
	name_cause(v, quiet, what);
	if (!large || quiet) {
		v->whole_us = UINT64_MAX;
		view_log_whole(v, what, t, self, outbox);
	} else {
		struct row *rows = rows_of_changes(v, &count);

		if (v->changes > 0)
			v->whole_us = now_us + WHOLE_US;
		show(v, what, rows, count, true, size_of(t), self, outbox);
	}
	v->shown = v->version;
	v->joined = v->gone = v->changes = v->listed = 0;
	v->flush_us = UINT64_MAX;
	v->agree_us = UINT64_MAX;
	v->saving = false;
	return true;
}
