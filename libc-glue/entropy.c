/* SPDX-License-Identifier: MIT */
#include "libc-glue/entropy.h"

/*
 * Random bytes: from the platform and from nothing else, so that there never is a weak answer.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/plat.h"
#include "libc-glue/glue.h"

#define WAIT_NS 10000000000u
#define RETRY_NS 10000000u
#define PIECE 256u /* other threads get their turn between pieces */

/* The device is asked every 10 ms; other threads run meanwhile. */
static int fill_piece(char *buf, size_t len, bool wait)
{
	uint64_t give_up = plat_now() + WAIT_NS;
	int rc;

	while ((rc = plat_random(buf, len)) != 0) {
		if (!wait)
			return -EAGAIN;
		if (plat_now() >= give_up) {
			log_line(LOG_ERR, "entropy: the machine has given no entropy for 10 s");
			return -EIO;
		}
		thread_sleep(plat_now() + RETRY_NS);
	}
	return 0;
}

int entropy_fill(void *buf, size_t len, bool wait)
{
	char *p = buf;
	int rc;

	while (len > 0) {
		size_t n = len < PIECE ? len : PIECE;

		loop_breathe();
		rc = fill_piece(p, n, wait);
		if (rc)
			return rc;
		p += n;
		len -= n;
	}
	return 0;
}

ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
	int rc;

	if (flags & ~(unsigned)(GRND_NONBLOCK | GRND_RANDOM))
		return fd_result(-EINVAL);
	rc = entropy_fill(buf, len, !(flags & GRND_NONBLOCK));
	return fd_result(rc ? rc : (ssize_t)len);
}

/* 256 bytes at most, by definition. */
int getentropy(void *buf, size_t len)
{
	return (int)fd_result(len > 256 ? -EIO : entropy_fill(buf, len, true));
}

/*
 * newlib's own keep a generator, and so would two machines that were restored from one snapshot, both
 * the same. There is no way to say that it failed.
 */
void arc4random_buf(void *buf, size_t len)
{
	if (entropy_fill(buf, len, true))
		abort();
}

uint32_t arc4random(void)
{
	uint32_t v;

	arc4random_buf(&v, sizeof v);
	return v;
}
