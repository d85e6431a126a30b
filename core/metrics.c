#include "core/metrics.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/must.h"

enum kind { COUNTER, GAUGE, HISTOGRAM };

static const struct row {
	const char *name, *label, *help;
	enum kind kind;
} rows[METRIC_COUNT] = {
#define X(id, kind_, name_, label_, help_)                                                         \
	{.name = name_, .label = label_, .help = help_, .kind = kind_},
	METRICS(X)
#undef X
};

/* Histograms of the table in its order. */
static const enum metric histogram_metric[] = {
#define METRIC_ID_COUNTER(id)
#define METRIC_ID_GAUGE(id)
#define METRIC_ID_HISTOGRAM(id)        id,
#define X(id, kind, name, label, help) METRIC_ID_##kind(id)
	METRICS(X)
#undef X
};

static const uint64_t bounds[] = METRIC_BOUNDS;
_Static_assert(sizeof(bounds) / sizeof(bounds[0]) + 1 == METRIC_BUCKETS, "one bucket is unbounded");

static size_t histogram_index(enum metric which)
{
	size_t i = 0;

	while (i < HISTOGRAMS && histogram_metric[i] != which)
		i++;
	must(i < HISTOGRAMS);
	return i;
}

void metrics_add(struct metrics *m, enum metric which, uint64_t more)
{
	must((unsigned)which < METRIC_COUNT);
	must(rows[which].kind == COUNTER);
	m->value[which] += more;
}

void metrics_set(struct metrics *m, enum metric which, uint64_t value)
{
	must((unsigned)which < METRIC_COUNT);
	must(rows[which].kind == GAUGE);
	m->value[which] = value;
}

void metrics_total(struct metrics *m, enum metric which, uint64_t total)
{
	must((unsigned)which < METRIC_COUNT);
	must(rows[which].kind == COUNTER);
	m->value[which] = total;
}

void metrics_observe(struct metrics *m, enum metric which, uint64_t us)
{
	must((unsigned)which < METRIC_COUNT);
	must(rows[which].kind == HISTOGRAM);

	struct histogram *h = &m->histogram[histogram_index(which)];
	size_t i = 0;

	while (i < METRIC_BUCKETS - 1 && us > bounds[i])
		i++;
	h->bucket[i]++;
	h->sum += us;
	m->value[which]++;
}

static enum err line(struct buffer *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static enum err line(struct buffer *out, const char *format, ...)
{
	char text[256];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	must(len > 0 && (size_t)len < sizeof(text));
	return buffer_add(out, bytes_of(text, (size_t)len));
}

static enum err head(struct buffer *out, const struct row *row)
{
	static const char *const kinds[] = {"counter", "gauge", "histogram"};
	enum err err = line(out, "# HELP witan_%s %s.\n", row->name, row->help);

	return err == OK ? line(out, "# TYPE witan_%s %s\n", row->name, kinds[row->kind]) : err;
}

#define SECONDS_FORMAT "%llu.%06llu"
#define SECONDS_OF(us) (unsigned long long)((us) / 1000000), (unsigned long long)((us) % 1000000)

static enum err histogram_print(const struct metrics *m, enum metric which, struct buffer *out)
{
	const struct histogram *h = &m->histogram[histogram_index(which)];
	const char *name = rows[which].name;
	unsigned long long sum = 0;
	enum err err = OK;

	for (size_t i = 0; i < METRIC_BUCKETS - 1 && err == OK; i++) {
		sum += h->bucket[i];
		err = line(out, "witan_%s_bucket{le=\"" SECONDS_FORMAT "\"} %llu\n", name,
			   SECONDS_OF(bounds[i]), sum);
	}
	sum += h->bucket[METRIC_BUCKETS - 1];
	must(sum == m->value[which]);
	if (err == OK)
		err = line(out, "witan_%s_bucket{le=\"+Inf\"} %llu\n", name, sum);
	if (err == OK)
		err = line(out, "witan_%s_sum " SECONDS_FORMAT "\n", name, SECONDS_OF(h->sum));
	return err == OK ? line(out, "witan_%s_count %llu\n", name, sum) : err;
}

enum err metrics_print(const struct metrics *m, struct buffer *out)
{
	enum err err = OK;

	for (size_t i = 0; i < METRIC_COUNT && err == OK; i++) {
		const struct row *row = &rows[i];

		if (i == 0 || strcmp(row->name, rows[i - 1].name) != 0)
			err = head(out, row);
		if (err != OK)
			break;
		if (row->kind == HISTOGRAM)
			err = histogram_print(m, (enum metric)i, out);
		else
			err = line(out, "witan_%s%s%s%s %llu\n", row->name,
				   row->label[0] ? "{" : "", row->label, row->label[0] ? "}" : "",
				   (unsigned long long)m->value[i]);
	}
	return err;
}
