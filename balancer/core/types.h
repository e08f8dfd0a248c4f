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
#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BE16(x) ((be16)__builtin_bswap16((uint16_t)(x)))
#define BE32(x) ((be32)__builtin_bswap32((uint32_t)(x)))
#else
#define BE16(x) ((be16)(x))
#define BE32(x) ((be32)(x))
#endif
#define FROM_BE16(x) BE16(x)
#define FROM_BE32(x) BE32(x)

/* clang drops bounds checks that it can prove and the BPF verifier cannot:
 * hide the value from it before the check. */
#define BARRIER_VAR(v) __asm__ volatile("" : "+r"(v))

#endif
