/* SPDX-License-Identifier: MIT */
/*
 * Who reads what of shared memory, and how often (XSA-155: what is read twice may have changed in between).
 *
 * Between fetch_begin() and fetch_end() the watched pages cannot be touched: each access faults, is counted by the word of four
 * bytes that it reads, and is done as a single step. Only the code under test may run meanwhile: the other side has no right to them either.
 */
#ifndef TEST_FAKE_FETCH_H
#define TEST_FAKE_FETCH_H

#include <stddef.h>

void fetch_watch(const void *page, size_t pages);
void fetch_begin(void);
void fetch_end(void);

/* How often a word of [from, from + len) was read since fetch_begin(): the most of any, and of all together. */
unsigned fetch_most(const void *from, size_t len);
unsigned fetch_all(const void *from, size_t len);

#endif
