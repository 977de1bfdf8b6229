/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <stdio.h>

/*
 * plat_random(): core/x86/random.c against RFC 8439's vector and its own promises, and
 * kvm/viorng.c on the fake machine, with and without generators in the CPU, a slow device, one
 * that answers nothing, one that lies.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/core.h"
#include "core/err.h"
#include "core/plat.h"
#include "core/x86/random.h"
#include "test/unit/kvm_kinds.h"

static void boot(bool with_device)
{
	vmm.quiet = true;
	vmm.no_pci = kind == VMM_MMIO || kind == VMM_LEGACY;
	vmm_start();
	if (with_device)
		dev = vmm_add_rng(kind);
	plat_start();
}

/* RFC 8439 §2.3.2 */
static bool block_is_right(void)
{
	static const uint32_t want[16] = { 0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7, 0x0368c033, 0x9aaa2204, 0x4e6cd4c3,
		0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9, 0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2 };
	const uint32_t nonce[3] = { 0x09000000, 0x4a000000, 0 };
	uint32_t key[8], out[16];

	for (unsigned i = 0; i < 32; i++)
		((uint8_t *)key)[i] = (uint8_t)i;
	random_block(key, 1, nonce, out);
	return !memcmp(out, want, sizeof want);
}

/* 1024 answers: no two the same, and each bit is set about half of the time. */
static void check_answers(void)
{
	static uint64_t v[1024];
	unsigned ones[64] = { 0 };

	for (unsigned i = 0; i < 1024; i++) {
		must(!plat_random(&v[i], sizeof v[i]));
		for (unsigned b = 0; b < 64; b++)
			ones[b] += v[i] >> b & 1;
		for (unsigned k = 0; k < i; k++)
			must(v[k] != v[i]);
	}
	for (unsigned b = 0; b < 64; b++)
		must(ones[b] > 410 && ones[b] < 614);
}

static void run_nothing(void)
{
	uint8_t buf[8] = "unhurt!";

	boot(false);
	must(plat_random(buf, sizeof buf) == -ERR_AGAIN && !strcmp((char *)buf, "unhurt!"));
	plat_seal();
	must(plat_random(buf, sizeof buf) == -ERR_AGAIN && !strcmp((char *)buf, "unhurt!"));
}

static void run_cpu(void)
{
	uint8_t one[100], other[100];

	boot(false);
	must(!plat_random(one, sizeof one) && !plat_random(other, sizeof other) && memcmp(one, other, sizeof one));
	check_answers();
}

static void run_rdrand(void)
{
	vmm.rdrand = true;
	run_cpu();
}

static void run_rdseed(void)
{
	vmm.rdseed = true;
	run_cpu();
}

/* A generator that says all ones for ever counts for nothing. */
static void run_stuck(void)
{
	uint64_t v;

	vmm.rdrand = vmm.rdseed = vmm.stuck_random = true;
	boot(false);
	must(plat_random(&v, sizeof v) == -ERR_AGAIN);
}

/* Two machines that differ in nothing but one source answer differently. */
static uint64_t answer_of(uint64_t seed)
{
	uint64_t v = 0;

	random_mix(&seed, sizeof seed, 256);
	must(!random_fill(&v, sizeof v));
	return v;
}

static void run_mixing(void)
{
	uint64_t first = 0, v;

	for (unsigned i = 0; i < 64; i++) {
		v = answer_of(1ull << i);
		must(v != first && v);
		first = v;
	}
}

static void run_credit(void)
{
	uint8_t byte = 1;

	for (unsigned i = 0; i < 31; i++) {
		random_mix(&byte, 1, 8);
		must(!random_ready());
	}
	random_mix(&byte, 1, 0);
	must(!random_ready());
	random_mix(&byte, 1, 8);
	must(random_ready());
}

static void run_device(void)
{
	uint64_t v;

	boot(true);
	must(!plat_random(&v, sizeof v)); /* waits, before the seal */
	plat_seal();
	check_answers();
}

/* Found by the seal, and mixed in when it answers, without anybody waiting. */
static void run_beside_cpu(void)
{
	uint64_t v, start;

	vmm.rdrand = vmm.kvmclock = true;
	boot(true);
	dev->rng_holds = true;
	plat_seal();
	start = vmm_time();
	must(!plat_random(&v, sizeof v));
	must(vmm_time() - start < 100000);
	dev->rng_holds = false;
	must(dev->queue[0].taken == 0);
	vmm_work();
	must(dev->queue[0].returned == 1);
	must(!plat_random(&v, sizeof v));
	vmm_advance(61000000000ull);
	must(!plat_random(&v, sizeof v));
	vmm_work();
	must(dev->queue[0].returned == 2); /* asked again */
}

/* A few bytes at a time: it waits until there are enough, call by call. */
static void run_drops(void)
{
	uint64_t v;
	int rc = -ERR_AGAIN;
	unsigned calls = 0;

	boot(true);
	dev->rng_len = 5;
	plat_seal();
	for (; rc; calls++) {
		rc = plat_random(&v, sizeof v);
		vmm_advance(61000000000ull);
		must(calls < 100);
	}
	must(calls > 5);
}

/* What a fork makes of the fake machine is what two restores of one file make of a true one: two that differ in nothing. */
static uint64_t answer_of_twin(uint8_t host)
{
	uint64_t v = 0;
	int p[2], status = 1;

	must(!pipe(p));
	if (!fork()) {
		dev->rng_byte = host;
		must(!plat_random(&v, sizeof v));
		must(write(p[1], &v, sizeof v) == sizeof v);
		_exit(0);
	}
	must(wait(&status) > 0 && !status && read(p[0], &v, sizeof v) == sizeof v);
	return v;
}

/*
 * Without a generator in the CPU only the device's bytes tell twins apart: they are new for the
 * first answer already, although some lay ready when the twins were one.
 */
static void run_twins(void)
{
	uint64_t v;

	boot(true);
	plat_seal();
	must(!plat_random(&v, sizeof v));
	vmm_advance(61000000000ull);
	must(!plat_random(&v, sizeof v));
	vmm_work();
	must(answer_of_twin(1) == answer_of_twin(1));
	must(answer_of_twin(1) != answer_of_twin(2));
}

/* It answered once and then no more: waited for once, and said once; then answers come without it, and with it when it is back. */
static void run_falls_silent(void)
{
	uint64_t v, start;

	boot(true);
	plat_seal();
	must(!plat_random(&v, sizeof v));
	dev->rng_holds = true;
	must(!plat_random(&v, sizeof v) && strstr(vmm_log(), "rng0: no answer for a second"));
	vmm_log_clear();
	start = vmm_time();
	for (unsigned i = 0; i < 100; i++)
		must(!plat_random(&v, sizeof v));
	must(vmm_time() - start < 100000000 && !strstr(vmm_log(), "rng0"));
	dev->rng_holds = false;
	vmm_work();
	must(!plat_random(&v, sizeof v));
	must(answer_of_twin(1) != answer_of_twin(2));
}

static void run_silent(void)
{
	uint64_t v = 7, start;

	boot(true);
	dev->rng_holds = true;
	plat_seal();
	start = vmm_time();
	must(plat_random(&v, sizeof v) == -ERR_AGAIN && v == 7);
	must(vmm_time() - start < 1500000000ull);
}

static void run_lie(void)
{
	uint64_t v;

	boot(true);
	vmm.lie = kind == VMM_LEGACY ? LIE_ID_RANGE : LIE_LEN;
	plat_seal();
	must(plat_random(&v, sizeof v) == -ERR_AGAIN);
	must(strstr(vmm_log(), "rng0: broken: used") && !dev->status);
	must(plat_random(&v, sizeof v) == -ERR_AGAIN);
}

static void run_no_memory(void)
{
	uint64_t v;

	vmm.fail_at = 1;
	boot(true);
	plat_seal();
	must(strstr(vmm_log(), "rng0: no queue: error 12") && !dev->status);
	must(!plat_random(&v, sizeof v)); /* it is tried again */
}

int main(void)
{
	const char *seed = getenv("PITH_SEED");

	vmm.seed = seed ? strtoull(seed, NULL, 10) : 1;
	ok(block_is_right(), "the block function: RFC 8439, 2.3.2");
	ok(child_ends(run_nothing, 0), "without a source there is no answer, and the buffer is untouched");
	ok(child_ends(run_rdrand, 0), "RDRAND alone");
	ok(child_ends(run_rdseed, 0), "RDSEED alone");
	ok(child_ends(run_stuck, 0), "a generator that is stuck counts for nothing");
	ok(child_ends(run_mixing, 0), "every bit that is mixed in changes the answer");
	ok(child_ends(run_credit, 0), "nothing before 256 bits were counted");
	ok(everywhere(run_device, 0), "the device alone: waited for");
	ok(everywhere(run_beside_cpu, 0), "the device beside the CPU's: not waited for, and asked again later");
	ok(everywhere(run_drops, 0), "a device that gives five bytes at a time");
	ok(everywhere(run_twins, 0), "twins of one snapshot draw different numbers from the first on");
	ok(everywhere(run_falls_silent, 0), "a device that answers no more is waited for once");
	ok(everywhere(run_silent, 0), "a device that answers nothing is not waited for for ever");
	ok(everywhere(run_lie, 0), "a device that lies is reset and named");
	ok(everywhere(run_no_memory, 0), "no memory for its queue");
	return tap_done();
}
