/* SPDX-License-Identifier: MIT */
#include "kvm/virtq.h"

/*
 * A split virtqueue, the driver's side (virtio 1.2 §2.7), with event indexes and indirect
 * descriptors.
 *
 * The device is not trusted. What it writes is the used ring and avail_event, and each of these
 * words is read once, checked, and then used; descriptors and everything else that we wrote to
 * shared memory is never read back. A used entry must name a chain in flight and no more bytes
 * than were lent; more entries than chains in flight cannot be. Whoever breaks one of these rules
 * gets one log line and is not listened to any more.
 *
 * Indexes are 16 bits wide and wrap; they are compared by difference only.
 *
 * Order between the two sides, on x86: stores are seen in the order in which they were made, and
 * loads are made in theirs. So the compiler alone has to be held back, but for one case: a store
 * followed by a load of what the other side stores (our index against its event, our event
 * against its index) needs a fence, or both sides miss each other.
 */

#include "core/core.h"
#include "core/err.h"
#include "core/x86/cpu.h"

#define DESC_NEXT 1u
#define DESC_WRITE 2u
#define DESC_INDIRECT 4u

#define AVAIL_NO_INTERRUPT 1u
#define USED_NO_NOTIFY 1u

#define LOAD(field) (*(const volatile __typeof__(field) *)&(field))
#define STORE(field, value) (*(volatile __typeof__(field) *)&(field) = (value))

/*
 * Tables for long chains: not one for each descriptor, because chains need one only when the ring
 * gets short.
 */
#define TABLES_MAX 64u

static size_t pages(size_t bytes)
{
	return (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
}

/*
 * The legacy layout (§2.7.2), which is as good as any: descriptors, available ring, and the used
 * ring on a page of its own.
 */
static size_t used_offset(uint16_t size)
{
	return pages(size * sizeof(struct virtq_desc) + sizeof(struct virtq_avail) + (size + 1) * 2u) * PAGE_SIZE;
}

static unsigned table_count(const struct virtq *q)
{
	if (!(q->flags & VIRTQ_INDIRECT))
		return 0;
	return q->size / 2 < TABLES_MAX ? q->size / 2 : TABLES_MAX;
}

/* Three runs of pages: what is shared, what is ours alone, and the tables. */
static int get_memory(struct virtq *q)
{
	size_t tables = table_count(q) * (VIRTQ_SEGS_MAX * sizeof *q->tables + sizeof *q->table_free);

	q->ring_pages = pages(used_offset(q->size) + sizeof *q->used + q->size * sizeof *q->used->ring + 2);
	q->slot_pages = pages(q->size * sizeof *q->slot);
	q->table_pages = pages(tables);
	q->desc = page_alloc(q->ring_pages);
	q->slot = page_alloc(q->slot_pages);
	q->tables = q->table_pages ? page_alloc(q->table_pages) : NULL;
	return q->desc && q->slot && (q->tables || !q->table_pages) ? 0 : -ERR_NOMEM;
}

/* For one that never came up: a live one stays for ever. */
void virtq_free(struct virtq *q)
{
	if (q->desc)
		page_free(q->desc, q->ring_pages);
	if (q->slot)
		page_free(q->slot, q->slot_pages);
	if (q->tables)
		page_free(q->tables, q->table_pages);
	*q = (struct virtq){ .broken = true };
}

static void make_tables(struct virtq *q)
{
	unsigned i, n = table_count(q);

	q->table_free = (uint16_t *)(q->tables + n * VIRTQ_SEGS_MAX);
	for (i = 0; i < n; i++)
		q->table_free[q->ntable_free++] = (uint16_t)i;
}

int virtq_init(struct virtq *q, const char *name, uint16_t size, uint16_t flags)
{
	uint16_t i;

	*q = (struct virtq){ .name = name, .size = size, .flags = flags, .nfree = size };
	if (get_memory(q)) {
		virtq_free(q);
		return -ERR_NOMEM;
	}
	__builtin_memset(q->desc, 0, q->ring_pages * PAGE_SIZE);
	__builtin_memset(q->slot, 0, q->slot_pages * PAGE_SIZE);
	q->avail = (struct virtq_avail *)(q->desc + size);
	q->used = (struct virtq_used *)((char *)q->desc + used_offset(size));
	for (i = 0; i < size; i++)
		q->slot[i].next = (uint16_t)(i + 1);
	if (q->tables)
		make_tables(q);
	if (!(flags & VIRTQ_EVENT_IDX))
		q->avail->flags = AVAIL_NO_INTERRUPT;
	return 0;
}

/*
 * Behind the rings stand the events: the index after whose use the other side wants to hear of it
 * (§2.7.7, §2.7.10).
 */
static uint16_t *used_event(struct virtq *q)
{
	return &q->avail->ring[q->size];
}

static const uint16_t *avail_event(const struct virtq *q)
{
	return (const uint16_t *)(const void *)&q->used->ring[q->size];
}

/*
 * A table saves descriptors, but the device has to map it first. So it is used where the ring is
 * more than half full, or the chain would not fit otherwise.
 */
static bool wants_table(const struct virtq *q, unsigned n)
{
	return n > 1 && q->nfree && q->ntable_free && (n > q->nfree || q->nfree < q->size / 2);
}

/* In the ring and in tables alike. */
static void fill(struct virtq_desc *d, const struct virtq_seg *seg, bool in, bool more, uint16_t next)
{
	d->addr = (uintptr_t)seg->base;
	d->len = seg->len;
	d->flags = (uint16_t)((in ? DESC_WRITE : 0) | (more ? DESC_NEXT : 0));
	d->next = next;
}

/*
 * The whole chain in a table, and one descriptor for the table. Returns the last descriptor used.
 */
static uint16_t add_table(struct virtq *q, const struct virtq_seg *v, unsigned out, unsigned n, struct virtq_slot *slot)
{
	uint16_t table = q->table_free[--q->ntable_free], head = q->free;
	struct virtq_desc *t = q->tables + table * VIRTQ_SEGS_MAX;
	unsigned i;

	for (i = 0; i < n; i++)
		fill(&t[i], &v[i], i >= out, i + 1 < n, (uint16_t)(i + 1));
	q->desc[head] = (struct virtq_desc){ (uintptr_t)t, n * (uint32_t)sizeof *t, DESC_INDIRECT, 0 };
	slot->table = (uint16_t)(table + 1);
	slot->n = 1;
	return head;
}

/* One descriptor for each piece, from the free list, in its order. Returns the last. */
static uint16_t add_chain(struct virtq *q, const struct virtq_seg *v, unsigned out, unsigned n, struct virtq_slot *slot)
{
	uint16_t at = q->free, last = at;
	unsigned i;

	for (i = 0; i < n; i++) {
		last = at;
		at = q->slot[at].next;
		fill(&q->desc[last], &v[i], i >= out, i + 1 < n, at);
	}
	slot->table = 0;
	slot->n = (uint16_t)n;
	return last;
}

/*
 * The available ring's entry is written at once, its index only by virtq_publish(): until then the
 * device sees nothing of it, and a batch costs one store of the index.
 */
int virtq_add(struct virtq *q, const struct virtq_seg *v, unsigned out, unsigned in, void *token)
{
	uint16_t head = q->free;
	struct virtq_slot *slot = &q->slot[head];
	bool table = wants_table(q, out + in);
	unsigned i;

	if (!table && out + in > q->nfree)
		return -ERR_AGAIN;
	slot->last = table ? add_table(q, v, out, out + in, slot) : add_chain(q, v, out, out + in, slot);
	slot->token = token;
	slot->lent = 0;
	for (i = out; i < out + in; i++)
		slot->lent += v[i].len;
	q->free = q->slot[slot->last].next;
	q->nfree -= slot->n;
	q->inflight++;
	STORE(q->avail->ring[q->added & (q->size - 1)], head);
	q->added++;
	return 0;
}

/* Does the device want the doorbell for one of those published since `old`? (§2.7.10, §2.7.7.2) */
static bool wanted(const struct virtq *q, uint16_t old)
{
	if (!(q->flags & VIRTQ_EVENT_IDX))
		return !(LOAD(q->used->flags) & USED_NO_NOTIFY);
	return (uint16_t)(q->published - LOAD(*avail_event(q)) - 1) < (uint16_t)(q->published - old);
}

/*
 * §2.7.13.3: the index goes out after what it covers, and is seen before we look whether a
 * notification is wanted.
 */
bool virtq_publish(struct virtq *q)
{
	uint16_t old = q->published;

	if (q->added == old)
		return false;
	q->published = q->added;
	if (q->broken)
		return false;
	cpu_barrier();
	STORE(q->avail->idx, q->added);
	cpu_fence();
	if (!wanted(q, old))
		return false;
	q->told = q->published;
	return true;
}

/*
 * The fence above is all that keeps us from reading the device's wish before it can see our index, and it reading
 * our index before we can see its wish: then it waits for a doorbell that nobody rings. Not every host
 * executes a guest's fences: QEMU's TCG before 8.0 leaves them out when there is one CPU. By now, much later, both
 * stores are where the other side sees them. Of what it has not read it has returned nothing: that is the end of what is in flight.
 */
bool virtq_missed(struct virtq *q)
{
	uint16_t since = q->told;

	if (q->broken || since == q->published)
		return false;
	q->told = q->published;
	if ((uint16_t)(q->published - since) > q->inflight)
		since = (uint16_t)(q->published - q->inflight);
	return wanted(q, since);
}

bool virtq_remindable(const struct virtq *q)
{
	return !q->broken && (q->flags & VIRTQ_EVENT_IDX || !(LOAD(q->used->flags) & USED_NO_NOTIFY));
}

void virtq_break(struct virtq *q, const char *what, unsigned value, unsigned limit)
{
	if (!q->broken)
		log_line(LOG_ERR, "%s: broken: %s %u of %u", q->name, what, value, limit);
	q->broken = true;
}

/*
 * Until somebody arms again, the device need not interrupt. With event indexes that is so by
 * itself: the event lies behind.
 */
static void disarm(struct virtq *q)
{
	q->armed = false;
	if (!(q->flags & VIRTQ_EVENT_IDX))
		STORE(q->avail->flags, AVAIL_NO_INTERRUPT);
}

unsigned virtq_pending(struct virtq *q)
{
	uint16_t n;

	if (q->broken)
		return 0;
	n = (uint16_t)(LOAD(q->used->idx) - q->seen);
	cpu_barrier(); /* the entries are loaded after the index that covers them */
	if (n > q->inflight) {
		virtq_break(q, "used index jumps by", n, q->inflight);
		return 0;
	}
	if (n && q->armed)
		disarm(q);
	return n;
}

/* A chain's descriptors go back to the free list in one piece, by our own links. */
static void retire(struct virtq *q, uint16_t head)
{
	struct virtq_slot *slot = &q->slot[head];

	q->slot[slot->last].next = q->free;
	q->free = head;
	q->nfree += slot->n;
	q->inflight--;
	slot->token = NULL;
	if (slot->table)
		q->table_free[q->ntable_free++] = (uint16_t)(slot->table - 1);
}

/*
 * The entry is copied, then judged: first whether it names a descriptor at all, then whether a
 * chain begins there, then whether its length can be. Only then is it believed.
 */
bool virtq_take(struct virtq *q, struct virtq_done *done)
{
	struct virtq_used_elem *e = &q->used->ring[q->seen & (q->size - 1)];
	uint32_t id = LOAD(e->id), len = LOAD(e->len);
	struct virtq_slot *slot;

	if (id >= q->size) {
		virtq_break(q, "used id", id, q->size);
		return false;
	}
	slot = &q->slot[id];
	if (!slot->token) {
		virtq_break(q, "used id not in flight,", id, q->size);
		return false;
	}
	if (len > slot->lent) {
		/*
		 * Where nothing was lent to write, the length says nothing, and some devices fill
		 * it in all the same.
		 */
		if (slot->lent && !(q->flags & VIRTQ_LENIENT)) {
			virtq_break(q, "used length", len, slot->lent);
			return false;
		}
		len = slot->lent;
	}
	*done = (struct virtq_done){ slot->token, len, (uint16_t)id };
	q->seen++;
	retire(q, (uint16_t)id);
	return true;
}

/*
 * The event is stored, then the index is loaded: either we see what the device did, or it sees
 * what we ask for (§2.7.7.1).
 */
bool virtq_arm(struct virtq *q, unsigned after)
{
	if (q->broken)
		return false;
	if (q->flags & VIRTQ_EVENT_IDX)
		STORE(*used_event(q), (uint16_t)(q->seen + after));
	else if (!q->armed)
		STORE(q->avail->flags, 0);
	q->armed = true;
	cpu_fence();
	return (uint16_t)(LOAD(q->used->idx) - q->seen) > after;
}

/* Slot by slot, on from where the last call ended; round again for chains added since. */
void *virtq_drain(struct virtq *q)
{
	void *token;

	for (; q->inflight && q->drained < q->size; q->drained++) {
		token = q->slot[q->drained].token;
		if (!token)
			continue;
		retire(q, q->drained);
		return token;
	}
	q->drained = 0;
	return NULL;
}
