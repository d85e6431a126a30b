#include "sched/kv.h"

#include <stdlib.h>
#include <string.h>

#include "core/must.h"

/* Key and value, shared by every node that shows them. */
struct entry {
	uint32_t refs;
	uint32_t key_len;
	uint32_t value_len;
	uint8_t bytes[];
};

struct knot {
	uint32_t refs; /* parents and maps that point here */
	uint32_t height;
	struct knot *left;
	struct knot *right;
	struct entry *entry;
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

static struct entry *entry_make(struct bytes key, struct bytes value)
{
	struct entry *e = room(sizeof(*e) + key.len + value.len);

	e->refs = 1;
	e->key_len = (uint32_t)key.len;
	e->value_len = (uint32_t)value.len;
	memcpy(e->bytes, key.at, key.len);
	if (value.len > 0)
		memcpy(e->bytes + key.len, value.at, value.len);
	return e;
}

static void entry_drop(struct entry *e)
{
	must(e->refs > 0);
	if (--e->refs == 0)
		free(e);
}

static struct bytes entry_key(const struct entry *e)
{
	return (struct bytes){e->bytes, e->key_len};
}

static struct bytes entry_value(const struct entry *e)
{
	return (struct bytes){e->bytes + e->key_len, e->value_len};
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
	entry_drop(n->entry);
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
	copy->entry->refs++;
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
static struct knot *insert(struct knot *n, struct entry *e)
{
	int order;

	if (n == NULL) {
		n = room(sizeof(*n));
		*n = (struct knot){.refs = 1, .height = 1, .entry = e};
		return n;
	}
	n = own(n);
	order = bytes_cmp(entry_key(e), entry_key(n->entry));
	if (order == 0) {
		entry_drop(n->entry);
		n->entry = e;
		return n;
	}
	if (order < 0)
		n->left = insert(n->left, e);
	else
		n->right = insert(n->right, e);
	return balance(n);
}

/* Takes the smallest node's entry out into `*least`, with a reference of its own. */
static struct knot *take_least(struct knot *n, struct entry **least)
{
	struct knot *rest;

	n = own(n);
	if (n->left != NULL) {
		n->left = take_least(n->left, least);
		return balance(n);
	}
	*least = n->entry;
	(*least)->refs++;
	rest = share(n->right);
	knot_drop(n);
	return rest;
}

/* The key is there. */
static struct knot *take(struct knot *n, struct bytes key)
{
	int order;

	must(n != NULL);
	n = own(n);
	order = bytes_cmp(key, entry_key(n->entry));
	if (order < 0) {
		n->left = take(n->left, key);
	} else if (order > 0) {
		n->right = take(n->right, key);
	} else if (n->left == NULL || n->right == NULL) {
		struct knot *rest = share(n->left == NULL ? n->right : n->left);

		knot_drop(n);
		return rest;
	} else {
		struct entry *least;

		n->right = take_least(n->right, &least);
		entry_drop(n->entry);
		n->entry = least;
	}
	return balance(n);
}

static const struct entry *find(const struct kv *kv, struct bytes key)
{
	const struct knot *n = kv->root;

	while (n != NULL) {
		int order = bytes_cmp(key, entry_key(n->entry));

		if (order == 0)
			return n->entry;
		n = order < 0 ? n->left : n->right;
	}
	return NULL;
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
	const struct entry *e = find(kv, key);

	if (e == NULL)
		return ERR_NOT_FOUND;
	*value = entry_value(e);
	return OK;
}

enum err kv_next(const struct kv *kv, struct bytes after, struct bytes *key, struct bytes *value)
{
	const struct entry *best = NULL;

	for (const struct knot *n = kv->root; n != NULL;) {
		if (bytes_cmp(entry_key(n->entry), after) > 0) {
			best = n->entry;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	if (best == NULL)
		return ERR_NOT_FOUND;
	*key = entry_key(best);
	*value = entry_value(best);
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

/* The knot that holds the key; NULL: none. `shared`: some frozen map sees a knot on the way to it. */
static struct knot *find_knot(const struct kv *kv, struct bytes key, bool *shared)
{
	struct knot *n = kv->root;

	*shared = false;
	while (n != NULL) {
		int order = bytes_cmp(key, entry_key(n->entry));

		*shared = *shared || n->refs > 1;
		if (order == 0)
			return n;
		n = order < 0 ? n->left : n->right;
	}
	return NULL;
}

/* Another value for a key, where nobody else sees the knot: the tree stays as it is. */
static void replace(struct knot *n, struct bytes key, struct bytes value)
{
	struct entry *e = n->entry;

	if (e->refs == 1 && e->value_len == value.len) {
		if (value.len > 0)
			memcpy(e->bytes + e->key_len, value.at, value.len);
		return;
	}
	n->entry = entry_make(key, value);
	entry_drop(e);
}

enum err kv_put(struct kv *kv, struct bytes key, struct bytes value)
{
	bool shared;
	struct knot *there = find_knot(kv, key, &shared);
	const struct entry *old = there == NULL ? NULL : there->entry;
	size_t gone = old == NULL ? 0 : (size_t)old->key_len + old->value_len;
	size_t come = key.len + value.len;

	must(key.len > 0);
	must(gone <= kv->size);
	if (come > UINT32_MAX || kv->size - gone + come > kv->limit)
		return ERR_FULL;
	kv->size = kv->size - gone + come;
	kv->count += old == NULL;
	if (there != NULL && !shared)
		replace(there, key, value);
	else
		kv->root = insert(kv->root, entry_make(key, value));
	return OK;
}

void kv_drop(struct kv *kv, struct bytes key)
{
	const struct entry *old = find(kv, key);

	if (old == NULL)
		return;
	kv->size -= (size_t)old->key_len + old->value_len;
	kv->count--;
	kv->root = take(kv->root, key);
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
