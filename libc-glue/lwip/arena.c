/* SPDX-License-Identifier: MIT */
#include "libc-glue/lwip/arena.h"

/*
 * The memory of packets: pages, and blocks of equal size within a page. Read arena.h first.
 *
 * What is asked for most is the same few sizes over and over (a header, an ACK, a short answer, a
 * full frame), and runs of pages for bulk data. A block is found by the lowest set bit of its
 * page's map, so both ways are a few instructions; a page with no block left in use goes back. All
 * book-keeping lies in a table outside of the arena: a device that could write to the arena would
 * find nothing there to lead us astray but the packets themselves.
 */

#include <stdint.h>
#include <string.h>

#define CLASSES 5 /* 128, 256, 512, 1024, 2048 bytes */
#define CLASS_SHIFT 7
#define FREE 0xff
#define RUN 0xfe   /* the first page of a run */
#define NONE UINT32_MAX
#define WORD 64

struct page {
	uint32_t map;        /* class: a set bit is a free block. RUN: its length in pages. */
	uint32_t next, prev; /* pages of the class that have a free block */
	uint8_t class;
};

struct arena_state arena;

static struct page *pages;
static uint64_t *taken;      /* a bit for each page */
static size_t words;
static size_t cursor;        /* the word where the last run was found */
static uint32_t partial[CLASSES];

bool arena_init(size_t n)
{
	size_t bytes = n * sizeof(struct page) + (n + WORD - 1) / WORD * sizeof(uint64_t);
	size_t table = (bytes + PAGE_SIZE - 1) / PAGE_SIZE;

	if (arena.base) {
		page_free(arena.base, arena.pages);
		page_free(pages, (arena.pages * sizeof(struct page) + words * sizeof(uint64_t) + PAGE_SIZE - 1) / PAGE_SIZE);
	}
	arena.base = page_alloc(n);
	pages = arena.base ? page_alloc(table) : NULL;
	if (!pages) {
		if (arena.base)
			page_free(arena.base, n);
		arena.base = NULL;
		return false;
	}
	arena.pages = n;
	words = (n + WORD - 1) / WORD;
	taken = (uint64_t *)(void *)(pages + n);
	memset(pages, FREE, n * sizeof(struct page));
	memset(taken, 0, words * sizeof(uint64_t));
	if (n % WORD)
		taken[words - 1] = ~(uint64_t)0 << n % WORD;
	memset(partial, 0xff, sizeof partial);
	return true;
}

/* ---- Pages ---- */

static bool is_taken(size_t i)
{
	return taken[i / WORD] >> i % WORD & 1;
}

/* How many pages from i on are free, up to n. */
static size_t free_from(size_t i, size_t n)
{
	size_t len = 0;

	while (len < n && i + len < arena.pages && !is_taken(i + len))
		len++;
	return len;
}

/* A run of n free pages that begins in word w; NONE for none. */
static size_t find_in(size_t w, size_t n)
{
	size_t i = w * WORD, end = i + WORD < arena.pages ? i + WORD : arena.pages;

	while (i < end) {
		uint64_t rest = ~taken[i / WORD] >> i % WORD;
		size_t len;

		if (!rest)
			return NONE;
		i += (size_t)__builtin_ctzll(rest);
		len = free_from(i, n);
		if (len == n)
			return i;
		i += len;
	}
	return NONE;
}

/* Next fit: what was given back lately is not looked at again until the rest has been. */
static size_t take_pages(size_t n)
{
	for (size_t tried = 0; tried < words; tried++) {
		size_t w = cursor + tried < words ? cursor + tried : cursor + tried - words;
		size_t i = find_in(w, n);

		if (i == NONE)
			continue;
		cursor = w;
		arena.used += n;
		for (size_t k = i; k < i + n; k++)
			taken[k / WORD] |= (uint64_t)1 << k % WORD;
		return i;
	}
	return NONE;
}

static void give_pages(size_t i, size_t n)
{
	arena.used -= n;
	pages[i].class = FREE;
	for (size_t k = i; k < i + n; k++)
		taken[k / WORD] &= ~((uint64_t)1 << k % WORD);
}

/* ---- Blocks ---- */

static uint32_t full_map(unsigned class)
{
	return UINT32_MAX >> (32 - (PAGE_SIZE >> (CLASS_SHIFT + class)));
}

static void link_page(uint32_t i)
{
	struct page *p = &pages[i];

	p->prev = NONE;
	p->next = partial[p->class];
	if (p->next != NONE)
		pages[p->next].prev = i;
	partial[p->class] = i;
}

static void unlink_page(uint32_t i)
{
	struct page *p = &pages[i];

	if (p->prev == NONE)
		partial[p->class] = p->next;
	else
		pages[p->prev].next = p->next;
	if (p->next != NONE)
		pages[p->next].prev = p->prev;
}

static bool add_page(unsigned class)
{
	size_t i = take_pages(1);

	if (i == NONE)
		return false;
	pages[i].class = (uint8_t)class;
	pages[i].map = full_map(class);
	link_page((uint32_t)i);
	return true;
}

static void *take_block(unsigned class)
{
	uint32_t i = partial[class];
	unsigned block;

	if (i == NONE && !add_page(class))
		return NULL;
	i = partial[class];
	block = (unsigned)__builtin_ctz(pages[i].map);
	pages[i].map &= pages[i].map - 1;
	if (!pages[i].map)
		unlink_page(i);
	return arena.base + (size_t)i * PAGE_SIZE + ((size_t)block << (CLASS_SHIFT + class));
}

static void give_block(uint32_t i, size_t offset)
{
	struct page *p = &pages[i];
	uint32_t bit = (uint32_t)1 << (offset >> (CLASS_SHIFT + p->class));

	if (p->map & bit)
		log_panic("arena: a block at %p is freed twice", (void *)(arena.base + (size_t)i * PAGE_SIZE + offset));
	if (!p->map)
		link_page(i);
	p->map |= bit;
	/*
	 * The last page of a class stays, so that one block taken and given over and over does not move
	 * pages.
	 */
	if (p->map == full_map(p->class) && (p->next != NONE || p->prev != NONE)) {
		unlink_page(i);
		give_pages(i, 1);
	}
}

/* ---- The doors ---- */

static void *take_run(size_t size)
{
	size_t n = (size + PAGE_SIZE - 1) / PAGE_SIZE;
	size_t i = n <= arena.pages ? take_pages(n) : NONE;

	if (i == NONE)
		return NULL;
	pages[i].class = RUN;
	pages[i].map = (uint32_t)n;
	return arena.base + i * PAGE_SIZE;
}

/* The class for a size of at most half a page. */
static unsigned class_of(size_t size)
{
	return size <= 1u << CLASS_SHIFT ? 0 : 32 - (unsigned)__builtin_clz((unsigned)(size - 1) >> CLASS_SHIFT);
}

void *arena_malloc(size_t size)
{
	void *p = size <= PAGE_SIZE / 2 ? take_block(class_of(size)) : take_run(size);

	if (!p)
		arena.failures++;
	return p;
}

void *arena_calloc(size_t n, size_t size)
{
	void *p = arena_malloc(n * size);

	if (p)
		memset(p, 0, n * size);
	return p;
}

void arena_free(void *p)
{
	size_t offset = (size_t)((char *)p - arena.base);
	size_t i = offset / PAGE_SIZE;

	if (!p)
		return;
	if (i >= arena.pages || pages[i].class == FREE)
		log_panic("arena: %p is freed, but was not taken", p);
	if (pages[i].class == RUN)
		give_pages(i, pages[i].map);
	else
		give_block((uint32_t)i, offset % PAGE_SIZE);
}
