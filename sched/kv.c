#include "sched/kv.h"

#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "sched/rows.h"

enum { FRONT = 16 };

struct knot {
	uint32_t refs; /* parents and maps that point here */
	uint32_t height;
	struct knot *left;
	struct knot *right;
	struct rows *rows;
	uint8_t front
		[FRONT]; /* of the first key, zeros behind it: most ways are found without looking at rows */
};

struct kv {
	struct knot *root;
	size_t limit;
	size_t size;
	size_t count;
};

static void *room(size_t len)
{
	void *at = malloc(len);

	must(at != NULL);
	return at;
}

static void fill_front(uint8_t front[FRONT], struct bytes key)
{
	size_t len = key.len < FRONT ? key.len : FRONT;

	memset(front, 0, FRONT);
	if (len > 0)
		memcpy(front, key.at, len);
}

/* The node shows these rows from now on; their reference is its. */
static void show(struct knot *n, struct rows *rows)
{
	n->rows = rows;
	fill_front(n->front, rows_first(rows));
}

/* A key, and its front, against the first of a node's rows. */
static int order(struct bytes key, const uint8_t front[FRONT], const struct knot *n)
{
	int by_front = memcmp(front, n->front, FRONT);

	return by_front != 0 ? by_front : bytes_cmp(key, rows_first(n->rows));
}

static struct knot *share(struct knot *n)
{
	if (n != NULL)
		n->refs++;
	return n;
}

/* The tree is at most 1.44 log2(n) high, so the recursion is shallow. */
static void knot_drop(struct knot *n)
{
	if (n == NULL || --n->refs > 0)
		return;
	knot_drop(n->left);
	knot_drop(n->right);
	rows_drop(n->rows);
	free(n);
}

/* Takes one reference to `n` and gives back one to a node that nobody else sees. */
static struct knot *own(struct knot *n)
{
	struct knot *copy;

	must(n->refs > 0);
	if (n->refs == 1)
		return n;
	copy = room(sizeof(*copy));
	*copy = *n;
	copy->refs = 1;
	share(copy->left);
	share(copy->right);
	copy->rows->refs++;
	n->refs--;
	return copy;
}

static uint32_t height(const struct knot *n)
{
	return n == NULL ? 0 : n->height;
}

static void measure(struct knot *n)
{
	uint32_t l = height(n->left), r = height(n->right);

	n->height = 1 + (l > r ? l : r);
}

static struct knot *turn_right(struct knot *n)
{
	struct knot *top = own(n->left);

	n->left = top->right;
	top->right = n;
	measure(n);
	measure(top);
	return top;
}

static struct knot *turn_left(struct knot *n)
{
	struct knot *top = own(n->right);

	n->right = top->left;
	top->left = n;
	measure(n);
	measure(top);
	return top;
}

/* `n` is ours alone; its children differ in height by two at most. */
static struct knot *balance(struct knot *n)
{
	must(n->refs == 1);
	if (height(n->left) > height(n->right) + 1) {
		n->left = own(n->left);
		if (height(n->left->right) > height(n->left->left))
			n->left = turn_left(n->left);
		return turn_right(n);
	}
	if (height(n->right) > height(n->left) + 1) {
		n->right = own(n->right);
		if (height(n->right->left) > height(n->right->right))
			n->right = turn_right(n->right);
		return turn_left(n);
	}
	measure(n);
	return n;
}

/* Every function below takes one reference to `n` and gives back one to what replaces it. */
static struct knot *insert(struct knot *n, struct rows *rows)
{
	if (n == NULL) {
		n = room(sizeof(*n));
		*n = (struct knot){.refs = 1, .height = 1};
		show(n, rows);
		return n;
	}
	n = own(n);
	if (bytes_cmp(rows_first(rows), rows_first(n->rows)) < 0)
		n->left = insert(n->left, rows);
	else
		n->right = insert(n->right, rows);
	return balance(n);
}

/* `rows` in the place of those that begin with `key`, which are there. */
static struct knot *exchange(struct knot *n, struct bytes key, struct rows *rows)
{
	int where;

	must(n != NULL);
	n = own(n);
	where = bytes_cmp(key, rows_first(n->rows));
	if (where < 0) {
		n->left = exchange(n->left, key, rows);
	} else if (where > 0) {
		n->right = exchange(n->right, key, rows);
	} else {
		rows_drop(n->rows);
		show(n, rows);
	}
	return n;
}

/* Takes the smallest node's rows out into `*least`, with a reference of its own. */
static struct knot *take_least(struct knot *n, struct rows **least)
{
	struct knot *rest;

	n = own(n);
	if (n->left != NULL) {
		n->left = take_least(n->left, least);
		return balance(n);
	}
	*least = n->rows;
	(*least)->refs++;
	rest = share(n->right);
	knot_drop(n);
	return rest;
}

/* The node whose rows begin with `key` goes; it is there. */
static struct knot *take(struct knot *n, struct bytes key)
{
	int where;

	must(n != NULL);
	n = own(n);
	where = bytes_cmp(key, rows_first(n->rows));
	if (where < 0) {
		n->left = take(n->left, key);
	} else if (where > 0) {
		n->right = take(n->right, key);
	} else if (n->left == NULL || n->right == NULL) {
		struct knot *rest = share(n->left == NULL ? n->right : n->left);

		knot_drop(n);
		return rest;
	} else {
		struct rows *least;

		n->right = take_least(n->right, &least);
		rows_drop(n->rows);
		show(n, least);
	}
	return balance(n);
}

/* Where a key is, or belongs: among the rows that begin at or before it, or, before all, among the first. */
struct spot {
	struct knot *knot; /* NULL: the map is empty */
	bool shared;       /* some frozen map sees a node on the way there */
	bool found;
	struct row row; /* found: it; else where it would stand */
};

static struct spot find(const struct kv *kv, struct bytes key)
{
	struct spot s = {0};
	struct knot *least = NULL;
	bool shared = false;
	uint8_t front[FRONT];

	fill_front(front, key);
	for (struct knot *n = kv->root; n != NULL;) {
		shared = shared || n->refs > 1;
		if (order(key, front, n) < 0) {
			least = n;
			n = n->left;
		} else {
			s.knot = n;
			s.shared = shared;
			n = n->right;
		}
	}
	if (s.knot == NULL) {
		s.knot = least;
		s.shared = shared;
	}
	if (s.knot != NULL && rows_find(s.knot->rows, key, &s.row))
		s.found = bytes_same(s.row.key, key);
	return s;
}

struct kv *kv_open(size_t limit)
{
	struct kv *kv = room(sizeof(*kv));

	*kv = (struct kv){.limit = limit};
	return kv;
}

void kv_close(struct kv *kv)
{
	if (kv == NULL)
		return;
	kv_clear(kv);
	free(kv);
}

void kv_clear(struct kv *kv)
{
	knot_drop(kv->root);
	kv->root = NULL;
	kv->size = 0;
	kv->count = 0;
}

enum err kv_get(const struct kv *kv, struct bytes key, struct bytes *value)
{
	struct spot s = find(kv, key);

	if (!s.found)
		return ERR_NOT_FOUND;
	*value = s.row.value;
	return OK;
}

/* The first row of `rows` behind `after`. */
static bool next_row(const struct rows *rows, struct bytes after, struct row *row)
{
	if (!rows_find(rows, after, row))
		return false;
	if (!bytes_same(row->key, after))
		return true;
	if (row->at + row->len == rows->len)
		return false;
	*row = rows_at(rows, row->at + row->len);
	return true;
}

enum err kv_next(const struct kv *kv, struct bytes after, struct bytes *key, struct bytes *value)
{
	const struct knot *here = NULL, *next = NULL;
	struct row row;
	uint8_t front[FRONT];

	fill_front(front, after);
	for (const struct knot *n = kv->root; n != NULL;) {
		if (order(after, front, n) < 0) {
			next = n;
			n = n->left;
		} else {
			here = n;
			n = n->right;
		}
	}
	if (here == NULL || !next_row(here->rows, after, &row)) {
		if (next == NULL)
			return ERR_NOT_FOUND;
		row = rows_at(next->rows, 0);
	}
	*key = row.key;
	*value = row.value;
	return OK;
}

size_t kv_size(const struct kv *kv)
{
	return kv->size;
}

size_t kv_count(const struct kv *kv)
{
	return kv->count;
}

bool kv_has_room(const struct kv *kv, size_t more)
{
	must(kv->size <= kv->limit);
	return more <= kv->limit - kv->size;
}

/* `rows` in the place of those at the spot. */
static void set_rows(struct kv *kv, const struct spot *s, struct rows *rows)
{
	if (s->shared) {
		kv->root = exchange(kv->root, rows_first(s->knot->rows), rows);
		return;
	}
	rows_drop(s->knot->rows);
	show(s->knot, rows);
}

/* Rows that come in order fill one piece after the other. */
static bool begins_anew(const struct spot *s, size_t len)
{
	return s->knot == NULL ||
	       (s->row.at == s->knot->rows->len && s->knot->rows->len + len > ROWS_MAX);
}

static void add(struct kv *kv, const struct spot *s, struct bytes key, struct bytes value)
{
	uint32_t gone = s->found ? s->row.len : 0;
	struct rows *rows = s->knot == NULL ? NULL : s->knot->rows;
	struct rows *rest;

	if (begins_anew(s, key.len + value.len)) {
		kv->root = insert(kv->root, rows_of_one(key, value));
		return;
	}
	/* Where nobody else sees the row, and it stays as long, it is written over. */
	if (gone > 0 && !s->shared && rows->refs == 1 && s->row.value.len == value.len) {
		if (value.len > 0)
			memcpy(rows->bytes + s->row.at + (s->row.len - value.len), value.at,
			       value.len);
		return;
	}
	rows = rows_with(rows, s->row.at, gone, key, value);
	rest = rows_split(&rows);
	set_rows(kv, s, rows);
	if (rest != NULL)
		kv->root = insert(kv->root, rest);
}

enum err kv_put(struct kv *kv, struct bytes key, struct bytes value)
{
	struct spot s = find(kv, key);
	size_t gone = s.found ? s.row.key.len + s.row.value.len : 0;
	size_t come = key.len + value.len;

	must(key.len > 0);
	must(gone <= kv->size);
	if (come > UINT32_MAX / 2 || kv->size - gone + come > kv->limit)
		return ERR_FULL;
	kv->size = kv->size - gone + come;
	kv->count += !s.found;
	add(kv, &s, key, value);
	return OK;
}

void kv_drop(struct kv *kv, struct bytes key)
{
	struct spot s = find(kv, key);

	if (!s.found)
		return;
	kv->size -= s.row.key.len + s.row.value.len;
	kv->count--;
	if (s.row.len == s.knot->rows->len)
		kv->root = take(kv->root, key);
	else
		set_rows(kv, &s, rows_without(s.knot->rows, s.row.at, s.row.len));
}

bool kv_shift(struct kv *kv, void (*each)(void *with, struct bytes key, struct bytes value),
	      void *with)
{
	struct rows *rows;
	struct row row;

	if (kv->root == NULL)
		return false;
	kv->root = take_least(kv->root, &rows);
	for (uint32_t at = 0; at < rows->len; at += row.len) {
		row = rows_at(rows, at);
		kv->size -= row.key.len + row.value.len;
		kv->count--;
		each(with, row.key, row.value);
	}
	rows_drop(rows);
	return true;
}

/* Nodes that only we see are turned to the right until the top has nothing at its left: then it goes. */
bool kv_wither(struct kv *kv, size_t most)
{
	for (size_t i = 0; kv->root != NULL && i < most; i++) {
		struct knot *top = kv->root, *left = top->left;

		if (top->refs > 1) {
			top->refs--;
			kv->root = NULL;
		} else if (left != NULL && left->refs > 1) {
			left->refs--;
			top->left = NULL;
		} else if (left != NULL) {
			top->left = left->right;
			left->right = top;
			kv->root = left;
		} else {
			kv->root = top->right;
			rows_drop(top->rows);
			free(top);
		}
	}
	if (kv->root != NULL)
		return false;
	free(kv);
	return true;
}

void kv_move(struct kv *to, struct kv *from)
{
	must(to != from);
	must(from->size <= to->limit);
	kv_clear(to);
	to->root = from->root;
	to->size = from->size;
	to->count = from->count;
	from->root = NULL;
	kv_clear(from);
}

struct kv *kv_freeze(const struct kv *kv)
{
	struct kv *copy = room(sizeof(*copy));

	*copy = *kv;
	share(copy->root);
	return copy;
}
