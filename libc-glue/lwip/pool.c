/* SPDX-License-Identifier: MIT */
#include "libc-glue/lwip/pool.h"

/*
 * Pools of objects of one size, in slabs of one page. Stands in the place of lwIP's memp.c. Read
 * pool.h first.
 *
 * lwIP's pools are arrays of a fixed number, or its heap, which here is the arena that devices see.
 * A connection's state is neither: it comes from pages of its own, so 10 connections cost 10 PCBs
 * and 100,000 cost 100,000, and when they end the pages go back. The head of a slab is found from
 * any object by rounding its address down.
 */

#include "core/core.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/igmp.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/memp.h"
#include "lwip/mld6.h"
#include "lwip/pbuf.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/raw.h"
#include "lwip/udp.h"

struct slab {
	struct list node; /* in pool->partial, or alone when it is full */
	struct pool *pool;
	void *first;      /* free objects, linked through their first word */
	uint32_t free;
};

static struct slab *slab_of(void *object)
{
	return (struct slab *)((uintptr_t)object & ~(uintptr_t)(PAGE_SIZE - 1));
}

static uint32_t per_slab(const struct pool *pool)
{
	return (uint32_t)(PAGE_SIZE - sizeof(struct slab)) / pool->size;
}

static struct slab *add_slab(struct pool *pool)
{
	struct slab *s = page_alloc(1);
	char *object;

	if (!s)
		return NULL;
	object = (char *)(s + 1);
	s->pool = pool;
	s->first = NULL;
	s->free = per_slab(pool);
	for (uint32_t i = 0; i < s->free; i++, object += pool->size) {
		*(void **)(void *)object = s->first;
		s->first = object;
	}
	list_append(&pool->partial, &s->node);
	pool->slabs++;
	return s;
}

void *pool_take(struct pool *pool)
{
	struct slab *s = container_of(pool->partial.next, struct slab, node);
	void *object;

	if (list_empty(&pool->partial) && !(s = add_slab(pool))) {
		pool->failures++;
		return NULL;
	}
	object = s->first;
	s->first = *(void **)object;
	if (--s->free == 0)
		list_remove(&s->node);
	if (++pool->used > pool->most)
		pool->most = pool->used;
	return object;
}

void pool_give(struct pool *pool, void *object)
{
	struct slab *s = slab_of(object);

	if (s->pool != pool)
		log_panic("pool: %p is given back to %s, where it is not from", object, pool->name);
	*(void **)object = s->first;
	s->first = object;
	pool->used--;
	if (s->free++ == 0)
		list_append(&pool->partial, &s->node);
	/*
	 * The last slab with room stays, so that an object taken and given over and over does not move
	 * pages.
	 */
	if (s->free == per_slab(pool) && (s->node.next != &pool->partial || s->node.prev != &pool->partial)) {
		list_remove(&s->node);
		pool->slabs--;
		page_free(s, 1);
	}
}

/* ---- lwIP's memp ---- */

static struct pool pools[MEMP_MAX];

static const struct {
	const char *name;
	uint32_t size;
} kinds[MEMP_MAX] = {
#define LWIP_MEMPOOL(name, num, size, desc) { #name, size },
#include "lwip/priv/memp_std.h"
};

void memp_init(void)
{
	for (unsigned i = 0; i < MEMP_MAX; i++) {
		pools[i] = (struct pool)POOL_INIT(pools[i], kinds[i].name, kinds[i].size);
	}
}

void *memp_malloc(memp_t type)
{
	return pool_take(&pools[type]);
}

void memp_free(memp_t type, void *object)
{
	if (object)
		pool_give(&pools[type], object);
}

const struct pool *pool_of_lwip(unsigned n)
{
	return n < MEMP_MAX ? &pools[n] : NULL;
}
