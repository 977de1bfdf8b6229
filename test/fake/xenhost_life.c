/* SPDX-License-Identifier: MIT */
/*
 * A suspend of the fake Xen's guest: cancelled, or resumed in another domain on another host, where the shared info is another,
 * the clock stands anywhere, every port has another number or none, the grant table is empty, xenstored knows no
 * watch, and backends begin anew. Read xenhost.h first.
 */
#include "core/core.h"
#include "core/plat.h"
#include "test/fake/xenhost.h"
#include "xen/flavour.h"

#define SECOND 1000000000ull

long flavour_suspend(void)
{
	uint64_t gone = xenhost_below(2) ? xenhost_below(SECOND) : xenhost_below(100000 * SECOND);
	uint64_t wall = clock_wall();
	unsigned store = 1 + (unsigned)xenhost_below(20);

	xenhost.suspends++;
	if (xenhost.cancel) {
		xenhost.cancel = false;
		xenhost_advance(gone % SECOND);
		return 1;
	}
	xenhost.away += gone;
	xenhost_store_life();
	xenhost_grant_life();
	xenhost_net_life();
	xenhost_blk_life();
	xenhost_move(1 + xenhost_below(1000 * SECOND), wall + gone, store, store + 1 + (unsigned)xenhost_below(20));
	xenhost_set("/local/domain/%u/vm=/vm/%llx", XENHOST_GUEST, (unsigned long long)xenhost_random());
	if (xenhost.arrive)
		xenhost.arrive();
	return 0;
}
