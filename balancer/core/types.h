/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What the packet path needs of C, for user space and for clang -target bpf
 * alike: no libc, no errno, no allocation. Compiled for BPF with
 * -ffreestanding, so that the compiler's own stdint.h serves. */
#ifndef BALANCER_CORE_TYPES_H
#define BALANCER_CORE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In network byte order, as they stand in a packet. */
typedef uint16_t be16;
typedef uint32_t be32;

#define CORE_INLINE static inline __attribute__((always_inline))
/* For what is seldom needed, so that it takes no registers from what always is.
 * BPF, where a call costs more, has it inline too. */
#ifdef __bpf__
#define CORE_SELDOM CORE_INLINE
#else
#define CORE_SELDOM static __attribute__((noinline, cold, unused))
#endif
#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BE16(x) ((be16)__builtin_bswap16((uint16_t)(x)))
#define BE32(x) ((be32)__builtin_bswap32((uint32_t)(x)))
#define LE16(x) ((uint16_t)(x))
#define LE32(x) ((uint32_t)(x))
#else
#define BE16(x) ((be16)(x))
#define BE32(x) ((be32)(x))
#define LE16(x) __builtin_bswap16((uint16_t)(x))
#define LE32(x) __builtin_bswap32((uint32_t)(x))
#endif
#define FROM_BE16(x) BE16(x)
#define FROM_BE32(x) BE32(x)

/* Headers stand anywhere in a frame. Machines that run XDP programs load
 * unaligned words; clang for BPF, told so, would load them byte by byte. */
#ifdef __bpf__
#define CORE_UNALIGNED __attribute__((may_alias))
#else
#define CORE_UNALIGNED __attribute__((may_alias, aligned(1)))
#endif
typedef uint16_t CORE_UNALIGNED unaligned16;
typedef uint32_t CORE_UNALIGNED unaligned32;
typedef uint64_t CORE_UNALIGNED unaligned64;

CORE_INLINE uint16_t
load16(const uint8_t *from)
{
	return *(const unaligned16 *)from;
}

CORE_INLINE uint32_t
load32(const uint8_t *from)
{
	return *(const unaligned32 *)from;
}

CORE_INLINE uint64_t
load64(const uint8_t *from)
{
	return *(const unaligned64 *)from;
}

CORE_INLINE void
store16(uint8_t *to, uint16_t value)
{
	*(unaligned16 *)to = value;
}

CORE_INLINE void
store32(uint8_t *to, uint32_t value)
{
	*(unaligned32 *)to = value;
}

CORE_INLINE void
store64(uint8_t *to, uint64_t value)
{
	*(unaligned64 *)to = value;
}

/* clang drops bounds checks that it can prove and the BPF verifier cannot:
 * hide the value from it before the check. */
#define BARRIER_VAR(v) __asm__ volatile("" : "+r"(v))

#endif
