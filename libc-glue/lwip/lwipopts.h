/* SPDX-License-Identifier: MIT */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

/*
 * How lwIP is configured. Included by its lwip/opt.h.
 *
 * lwIP is used as a library of protocols (NO_SYS): threads switch only where they block, and lwIP
 * never blocks, so it needs neither a thread nor a lock nor a mailbox of its own. Its sockets,
 * timers and pools are left out: sock.c stands directly on the raw callbacks, stack.c drives the
 * timers, pool.c and arena.c hold the memory. Read docs/architecture.md for the path of a packet.
 */

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_TIMERS 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_TIMEVAL_PRIVATE 0
#define LWIP_PROVIDE_ERRNO 0
#define LWIP_HOOK_FILENAME "libc-glue/lwip/hooks.h"

/*
 * Asserts are for finding our mistakes. In an image for use they are off: a peer that found a way
 * to trip one could end the machine.
 */
#ifndef DEBUG
#define LWIP_NOASSERT 1
#endif

/* ---- memory: packets in the shared arena, everything else in pools ---- */

#define MEM_ALIGNMENT 8
#define MEM_LIBC_MALLOC 1
#define mem_clib_malloc arena_malloc
#define mem_clib_calloc arena_calloc
#define mem_clib_free arena_free
#define MEMP_MEM_MALLOC 1 /* no fixed numbers of anything; memp.c itself is replaced by pool.c */
#define MEMP_NUM_PBUF 16
#define PBUF_POOL_SIZE 0 /* only drivers that copy would take from it */
#define PBUF_POOL_BUFSIZE 256
#define IP_REASS_MAX_PBUFS 64
#define MEMP_NUM_REASSDATA 16

/*
 * A TCP segment that the device will cut: the flag says so, gso_size is the payload of each piece.
 * In the first pbuf of its chain. See segs.c.
 */
#define PBUF_FLAG_GSO 0x40u /* lwIP uses those up to 0x20 */
#define LWIP_PBUF_CUSTOM_DATA u16_t gso_size;
#define LWIP_SUPPORT_CUSTOM_PBUF 1

/*
 * ---- checksums: each netif says what its device does; netdev.c changes that for every packet ----
 */

#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define CHECKSUM_GEN_IP_INLINE 1

/* ---- TCP ---- */

#define TCP_MSS 32768 /* the most anywhere: of the loopback. An Ethernet's MTU makes it smaller. */
#define TCP_WND (0xffffu << TCP_RCV_SCALE) /* 1 MiB: 16 frames of 64 KiB; with less two domains on one CPU take turns more often */
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 4
#define TCP_SND_BUF (14 * 65536) /* what a ring of Xen's holds: each frame that waits for room there costs two domains a turn */
#define TCP_SND_QUEUELEN 4096
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1 /* they are about the sockets that we do not use */
#define TCP_SNDLOWAT 2048
#define TCP_SNDQUEUELOWAT 16
#define TCP_WND_UPDATE_THRESHOLD (TCP_WND / 2) /* and for smaller windows give_window() */
#define TCP_OVERSIZE 1024
#define TCP_QUEUE_OOSEQ 1
#define TCP_OOSEQ_BYTES_LIMIT(pcb) conns_ooseq_bytes()
#define TCP_OOSEQ_PBUFS_LIMIT(pcb) conns_ooseq_pbufs()
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_TIMESTAMPS 1
#define LWIP_TCP_KEEPALIVE 1
#define TCP_LISTEN_BACKLOG 1
#define SO_REUSE 1
/*
 * Delayed ACKs after at most 100 ms; retransmission after 400 to 600 ms at the least, since lwIP's
 * estimate is 3 slow ticks or more.
 */
#define TCP_TMR_INTERVAL 100
#define TCP_MSL 30000u
#define LWIP_HOOK_TCP_ISN stack_isn

/* ---- IPv4 and its helpers ---- */

#define LWIP_IPV4 1
#define IP_FORWARD 0
#define IP_REASSEMBLY 1
#define IP_FRAG 1
#define LWIP_ICMP 1
#define LWIP_BROADCAST_PING 0
#define LWIP_MULTICAST_PING 0
#define LWIP_IGMP 1
#define LWIP_MULTICAST_TX_OPTIONS 1
#define LWIP_ARP 1
#define ARP_TABLE_SIZE 64
#define ARP_QUEUEING 1
#define ARP_QUEUE_LEN 64 /* a burst of SYNs from a host that we have not seen yet */
#define ETHARP_SUPPORT_STATIC_ENTRIES 0
#define LWIP_NETIF_HWADDRHINT 1
#define LWIP_DHCP 1
#define DHCP_DOES_ARP_CHECK 0 /* it would hold back the address for a second */
#define LWIP_DHCP_MAX_DNS_SERVERS 2
#define LWIP_AUTOIP 0
#define LWIP_DNS 1
#define DNS_TABLE_SIZE 16
#define DNS_MAX_NAME_LENGTH 256
#define DNS_MAX_SERVERS 2
#define LWIP_DNS_SUPPORT_MDNS_QUERIES 0
#define LWIP_UDP 1
#define LWIP_RAW 1
#define IP_SOF_BROADCAST 1

/* ---- IPv6 ---- */

#define LWIP_IPV6 1
#define LWIP_IPV6_NUM_ADDRESSES 4
#define LWIP_IPV6_AUTOCONFIG 1
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 1
#define LWIP_IPV6_MLD 1
#define LWIP_IPV6_FRAG 1
#define LWIP_IPV6_REASS 1
#define IPV6_FRAG_COPYHEADER 1 /* pointers are too long to lie over a fragment header */
#define LWIP_IPV6_DHCP6 0
#define LWIP_ND6_NUM_NEIGHBORS 32
#define LWIP_ND6_NUM_DESTINATIONS 32
#define LWIP_ND6_QUEUEING 1
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS 2
#define LWIP_ND6_TCP_REACHABILITY_HINTS 1
#define LWIP_HOOK_ND6_GET_GW stack_gw6

/* ---- interfaces ---- */

#define LWIP_HAVE_LOOPIF 1
#define LWIP_NETIF_LOOPBACK 1
#define LWIP_LOOPBACK_MAX_PBUFS 1024
#define LWIP_NETIF_LOOPBACK_MULTITHREADING 0
#define LWIP_NETIF_STATUS_CALLBACK 1
#define LWIP_NETIF_EXT_STATUS_CALLBACK 0

/* ---- counters ---- */

#define LWIP_STATS 1
#define LWIP_STATS_LARGE 1
#define MEM_STATS 0
#define MEMP_STATS 0
#define SYS_STATS 0

#endif
