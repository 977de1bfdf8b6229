/* SPDX-License-Identifier: MIT */
#include "test/fake/vmm.h"

/*
 * The device's side of a split virtqueue, strict about what the driver puts there (virtio 1.2
 * §2.7) and able to lie. Read vmm.h first.
 */

#include <string.h>

#define F_INDIRECT 28u
#define F_EVENT_IDX 29u

#define NEXT 1u
#define WRITE 2u
#define INDIRECT 4u

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static uint16_t *avail(const struct vmm_queue *q)
{
	return (uint16_t *)(uintptr_t)q->avail;
}

static uint8_t *used(const struct vmm_queue *q)
{
	return (uint8_t *)(uintptr_t)q->used;
}

/* §2.7.13.2: the index grows by what was added, never beyond the size of the queue. */
unsigned vmm_available(struct vmm_dev *d, struct vmm_queue *q)
{
	uint16_t n;

	(void)d;
	if (!q->ready)
		return 0;
	n = (uint16_t)(*(volatile uint16_t *)(avail(q) + 1) - q->taken);
	if (n > q->size)
		vmm_wrong("available index jumps by %u of %u", n, q->size);
	return n;
}

/* One piece of memory. */
static void add_piece(struct vmm_chain *c, const struct desc *e)
{
	if (c->out + c->in == VMM_SEGS)
		vmm_wrong("a chain of more than %u pieces", VMM_SEGS);
	if (!e->len || !vmm_is_memory(e->addr, e->len))
		vmm_wrong("%u bytes at %#lx, which nobody lent", e->len, (unsigned long)e->addr);
	if (!(e->flags & WRITE) && c->in)
		vmm_wrong("a piece to be read after one to be written");
	c->seg[c->out + c->in] = (struct vmm_seg){ (uint8_t *)(uintptr_t)e->addr, e->len };
	if (e->flags & WRITE)
		c->in++, c->in_len += e->len;
	else
		c->out++, c->out_len += e->len;
}

/* §2.7.5.3: a table of its own, whole descriptors, none of them indirect again. */
static void walk_table(struct vmm_dev *d, struct vmm_chain *c, const struct desc *e)
{
	const struct desc *t = (const struct desc *)(uintptr_t)e->addr;
	unsigned n = e->len / 16, at = 0, steps = 0;

	if (!vmm_has(d, F_INDIRECT))
		vmm_wrong("an indirect descriptor without the feature");
	if (e->flags & NEXT || !n || e->len % 16 || !vmm_is_memory(e->addr, e->len))
		vmm_wrong("indirect table at %#lx of %u bytes, flags %#x", (unsigned long)e->addr, e->len, e->flags);
	for (;;) {
		if (at >= n || ++steps > n || t[at].flags & INDIRECT)
			vmm_wrong("indirect table: entry %u of %u", at, n);
		add_piece(c, &t[at]);
		if (!(t[at].flags & NEXT))
			return;
		at = t[at].next;
	}
}

/* Marks a descriptor as the device's: until it is returned nobody may use it again. */
static void occupy(struct vmm_queue *q, unsigned at, uint8_t as)
{
	if (at >= q->size)
		vmm_wrong("descriptor %u of %u", at, q->size);
	if (q->busy[at])
		vmm_wrong("descriptor %u is the device's already", at);
	q->busy[at] = as;
}

bool vmm_take(struct vmm_dev *d, struct vmm_queue *q, struct vmm_chain *c)
{
	const struct desc *table = (const struct desc *)(uintptr_t)q->desc;
	unsigned at;

	if (!vmm_available(d, q))
		return false;
	at = *(volatile uint16_t *)(avail(q) + 2 + q->taken % q->size);
	q->taken++;
	*c = (struct vmm_chain){ .head = (uint16_t)at };
	for (uint8_t as = 2;; as = 1, at = table[at].next) {
		occupy(q, at, as);
		if (table[at].flags & INDIRECT) {
			walk_table(d, c, &table[at]);
			return true;
		}
		add_piece(c, &table[at]);
		if (!(table[at].flags & NEXT))
			return true;
	}
}

static void release(struct vmm_queue *q, unsigned at)
{
	const struct desc *table = (const struct desc *)(uintptr_t)q->desc;

	for (unsigned steps = 0; steps < q->size; steps++) {
		q->busy[at] = 0;
		if (table[at].flags & INDIRECT || !(table[at].flags & NEXT))
			return;
		at = table[at].next;
	}
}

static uint32_t wrong_id(struct vmm_queue *q, uint32_t id)
{
	if (vmm_lies(LIE_ID_RANGE))
		return q->size + 44u;
	/*
	 * One that was returned in the same breath, so that the driver cannot have lent it again.
	 */
	if (vmm.lie == LIE_ID_TWICE && q->returned != *(volatile uint16_t *)(void *)(used(q) + 2) && vmm_lies(LIE_ID_TWICE))
		return q->done[(q->ndone - 1) % 4];
	if (vmm.lie == LIE_ID_FREE)
		for (unsigned i = 0; i < q->size; i++)
			if (!q->busy[i] && vmm_lies(LIE_ID_FREE))
				return i;
	return id;
}

void vmm_return(struct vmm_dev *d, struct vmm_queue *q, const struct vmm_chain *c, uint32_t len)
{
	uint32_t entry[2] = { wrong_id(q, c->head), len };

	(void)d;
	if (c->in_len && vmm_lies(LIE_LEN))
		entry[1] = c->in_len + 1;
	release(q, c->head);
	q->done[q->ndone++ % 4] = c->head;
	memcpy(used(q) + 4 + q->returned % q->size * 8u, entry, 8);
	q->returned++;
}

/* §2.7.7.2, §2.7.10: does the driver want to hear of the entries after `old`? */
static bool wants(struct vmm_dev *d, struct vmm_queue *q, uint16_t old)
{
	uint16_t event = avail(q)[2 + q->size];

	if (!vmm_has(d, F_EVENT_IDX))
		return !(avail(q)[0] & 1);
	return (uint16_t)(q->returned - event - 1) < (uint16_t)(q->returned - old);
}

void vmm_publish(struct vmm_dev *d, struct vmm_queue *q)
{
	volatile uint16_t *idx = (volatile uint16_t *)(void *)(used(q) + 2);
	uint16_t old = *idx, to = q->returned;

	if (old == to)
		return;
	if (vmm_lies(LIE_IDX_JUMP))
		to = (uint16_t)(to + q->size + 1);
	if (vmm_lies(LIE_IDX_BACK))
		to = (uint16_t)(old - 1);
	q->returned = to; /* a lie stays told: the driver may look late */
	__asm__ volatile("" : : : "memory");
	*idx = to;
	if (vmm_lies(LIE_SCRIBBLE))
		for (unsigned i = 0; i < 4u + q->size * 8u; i++)
			used(q)[i] = (uint8_t)vmm_random();
	if (wants(d, q, old))
		vmm_raise(d, q->vector, 1);
}

/*
 * §2.7.10: it asks to be rung for the next one. While it is awake it asks for no doorbell: by the
 * flag, or by an event that lies behind.
 */
void vmm_doze(struct vmm_dev *d, struct vmm_queue *q)
{
	q->awake = false;
	if (vmm_has(d, F_EVENT_IDX))
		memcpy(used(q) + 4 + q->size * 8u, &q->taken, 2);
	else
		memcpy(used(q), (uint16_t[]){ 0 }, 2);
}

void vmm_busy(struct vmm_dev *d, struct vmm_queue *q)
{
	uint16_t behind = (uint16_t)(q->taken - 1);

	if (vmm_has(d, F_EVENT_IDX))
		memcpy(used(q) + 4 + q->size * 8u, &behind, 2);
	else
		memcpy(used(q), (uint16_t[]){ 1 }, 2);
}

void vmm_rest(struct vmm_dev *d, struct vmm_queue *q)
{
	if (vmm_below(2))
		vmm_doze(d, q);
	else
		vmm_busy(d, q);
}

void vmm_gather(const struct vmm_chain *c, void *buf, size_t len)
{
	uint8_t *to = buf;

	for (unsigned i = 0; i < c->out && len; i++) {
		size_t n = c->seg[i].len < len ? c->seg[i].len : len;

		memcpy(to, c->seg[i].base, n);
		to += n;
		len -= n;
	}
}

/* Writes buf at offset `from` of what may be written. Returns how much of it fitted. */
size_t vmm_scatter(const struct vmm_chain *c, size_t from, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	size_t done = 0;

	for (unsigned i = c->out; i < c->out + c->in && len; i++) {
		size_t room = c->seg[i].len, n;

		if (from >= room) {
			from -= room;
			continue;
		}
		n = room - from < len ? room - from : len;
		memcpy(c->seg[i].base + from, p, n);
		from = 0;
		p += n;
		len -= n;
		done += n;
	}
	return done;
}
