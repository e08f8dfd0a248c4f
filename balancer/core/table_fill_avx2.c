/* SPDX-License-Identifier: Apache-2.0 */
/* The fill of table_fill.c with AVX2, where the processor has it: gathers look
 * at 8 or 16 slots of a walk together, more the fuller the table is, and in the
 * end 16 or 32 free slots are asked at once. */
#include "config.h"

#include <immintrin.h>

#include "balancer/core/table_impl.h"

#define AVX2        __attribute__((target("avx2,bmi,bmi2")))
#define AVX2_INLINE static inline __attribute__((always_inline)) AVX2

/* Up to this share of slots taken, in 256ths: measured, and not critical. */
#define LOOK_AT_8 212u

AVX2_INLINE void
take(struct fill *f, struct fill_walk *w, uint32_t p, uint16_t member)
{
	f->vacant[p >> 5] &= ~((uint32_t)1 << (p & 31));
	f->base[p] = member;
	w->pos = (p + w->skip) & (f->size - 1);
}

/* A bit for each of 8 slots: is it free? */
AVX2_INLINE uint32_t
vacant8(const uint32_t *vacant, __m256i slots)
{
	__m256i words = _mm256_i32gather_epi32(
	    (const int *)vacant, _mm256_srli_epi32(slots, 5), 4);
	__m256i to_sign = _mm256_andnot_si256(slots, _mm256_set1_epi32(31));

	words = _mm256_sllv_epi32(words, to_sign);
	return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(words));
}

/* `vectors` of 8 slots; a constant wherever this is inlined. */
AVX2_INLINE void
look_at_vectors(struct fill *f, uint32_t from, uint32_t until, unsigned vectors)
{
	const __m256i steps = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
	const __m256i mask8 = _mm256_set1_epi32((int)(f->size - 1));
	uint32_t mask = f->size - 1, found;

	for (uint32_t turn = from; turn < until; turn++) {
		struct fill_walk *w = &f->walks[f->turns[turn]];
		uint32_t p = w->pos, skip = w->skip;
		__m256i ahead = _mm256_mullo_epi32(
		    steps, _mm256_set1_epi32((int)skip));

		for (;; p = (p + 8 * vectors * skip) & mask) {
			found = 0;
			for (unsigned v = 0; v < vectors; v++) {
				__m256i slots = _mm256_add_epi32(ahead,
				    _mm256_set1_epi32((int)(p + 8 * v * skip)));

				slots = _mm256_and_si256(slots, mask8);
				found |= vacant8(f->vacant, slots) << 8 * v;
			}
			if (__builtin_expect(found != 0, 1))
				break;
		}
		p = (p + (uint32_t)__builtin_ctz(found) * skip) & mask;
		take(f, w, p, f->turns[turn]);
	}
}

AVX2 static void
look_at_8(struct fill *f, uint32_t from, uint32_t until)
{
	look_at_vectors(f, from, until, 1);
}

AVX2 static void
look_at_16(struct fill *f, uint32_t from, uint32_t until)
{
	look_at_vectors(f, from, until, 2);
}

/* The smallest number of steps from w to a free slot, of lists of 16-bit and of
 * 32-bit slots. The inverse is shifted so that a lane holds the steps in its
 * top bits: the product wraps by itself, and order is kept. Two vectors a turn
 * of the loop; the list is padded with slots that are in it already. */
AVX2_INLINE uint32_t
nearest16(const uint16_t *list, uint32_t n, uint32_t pos, uint32_t inverse)
{
	const __m256i pos16 = _mm256_set1_epi16((short)pos);
	const __m256i inverse16 = _mm256_set1_epi16((short)inverse);
	__m256i a, b, min_a = _mm256_set1_epi16(-1), min_b = min_a;
	__m128i min;

	for (uint32_t i = 0; i < n; i += 32) {
		a = _mm256_load_si256((const __m256i *)(list + i));
		b = _mm256_load_si256((const __m256i *)(list + i + 16));
		a = _mm256_mullo_epi16(_mm256_sub_epi16(a, pos16), inverse16);
		b = _mm256_mullo_epi16(_mm256_sub_epi16(b, pos16), inverse16);
		min_a = _mm256_min_epu16(min_a, a);
		min_b = _mm256_min_epu16(min_b, b);
	}
	min_a = _mm256_min_epu16(min_a, min_b);
	min = _mm_min_epu16(
	    _mm256_castsi256_si128(min_a), _mm256_extracti128_si256(min_a, 1));
	return (uint16_t)_mm_extract_epi16(_mm_minpos_epu16(min), 0);
}

AVX2_INLINE uint32_t
nearest32(const uint32_t *list, uint32_t n, uint32_t pos, uint32_t inverse)
{
	const __m256i pos32 = _mm256_set1_epi32((int)pos);
	const __m256i inverse32 = _mm256_set1_epi32((int)inverse);
	__m256i a, b, min_a = _mm256_set1_epi32(-1), min_b = min_a;
	__m128i min;

	for (uint32_t i = 0; i < n; i += 16) {
		a = _mm256_load_si256((const __m256i *)(list + i));
		b = _mm256_load_si256((const __m256i *)(list + i + 8));
		a = _mm256_mullo_epi32(_mm256_sub_epi32(a, pos32), inverse32);
		b = _mm256_mullo_epi32(_mm256_sub_epi32(b, pos32), inverse32);
		min_a = _mm256_min_epu32(min_a, a);
		min_b = _mm256_min_epu32(min_b, b);
	}
	min_a = _mm256_min_epu32(min_a, min_b);
	min = _mm_min_epu32(
	    _mm256_castsi256_si128(min_a), _mm256_extracti128_si256(min_a, 1));
	min = _mm_min_epu32(min, _mm_shuffle_epi32(min, 0x4e));
	min = _mm_min_epu32(min, _mm_shuffle_epi32(min, 0xb1));
	return (uint32_t)_mm_cvtsi128_si32(min);
}

/* What is free goes into a list, and base says of each where it stands there.
 */
AVX2_INLINE uint32_t
list_vacant(struct fill *f, bool wide)
{
	uint32_t n = 0, slot;

	for (uint32_t i = 0; i < f->words; i++) {
		for (uint32_t w = f->vacant[i]; w != 0; w &= w - 1) {
			slot = i * 32 + (uint32_t)__builtin_ctz(w);
			f->base[slot] = (uint16_t)n;
			if (wide)
				((uint32_t *)f->list)[n++] = slot;
			else
				((uint16_t *)f->list)[n++] = (uint16_t)slot;
		}
	}
	return n;
}

/* Pads the list to whole turns of the loop above with its first slot, which is
 * a free one as long as there is one. */
AVX2_INLINE void
pad16(uint16_t *list, uint32_t n)
{
	const __m256i first = _mm256_set1_epi16((short)list[0]);

	_mm256_storeu_si256((__m256i *)(list + n), first);
	_mm256_storeu_si256((__m256i *)(list + n + 16), first);
}

AVX2_INLINE void
pad32(uint32_t *list, uint32_t n)
{
	const __m256i first = _mm256_set1_epi32((int)list[0]);

	_mm256_storeu_si256((__m256i *)(list + n), first);
	_mm256_storeu_si256((__m256i *)(list + n + 8), first);
}

AVX2 static void
ask_each16(struct fill *f, uint32_t from)
{
	const unsigned unused = 16 - (unsigned)__builtin_ctz(f->size);
	uint32_t n = list_vacant(f, false), steps, p;
	uint16_t *list = f->list, at, last;

	pad16(list, n);
	for (uint32_t turn = from; turn < f->size; turn++) {
		uint16_t member = f->turns[turn];
		struct fill_walk *w = &f->walks[member];

		steps = nearest16(
		    list, n, w->pos, f->inverse[member] << unused);
		p = (w->pos + (steps >> unused) * w->skip) & (f->size - 1);
		at = f->base[p];
		last = list[--n];
		list[at] = last;
		f->base[last] = at;
		pad16(list, n);
		take(f, w, p, member);
	}
}

AVX2 static void
ask_each32(struct fill *f, uint32_t from)
{
	const unsigned unused = 32 - (unsigned)__builtin_ctz(f->size);
	uint32_t n = list_vacant(f, true), steps, p;
	uint32_t *list = f->list, last;
	uint16_t at;

	pad32(list, n);
	for (uint32_t turn = from; turn < f->size; turn++) {
		uint16_t member = f->turns[turn];
		struct fill_walk *w = &f->walks[member];

		steps = nearest32(
		    list, n, w->pos, f->inverse[member] << unused);
		p = (w->pos + (steps >> unused) * w->skip) & (f->size - 1);
		at = f->base[p];
		last = list[--n];
		list[at] = last;
		f->base[last] = at;
		pad32(list, n);
		take(f, w, p, member);
	}
}

static bool
usable(void)
{
	return __builtin_cpu_supports("avx2") &&
	    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}

/* Tables smaller than a vector's worth of slots have but one word. */
AVX2 static void
find_vacant(struct fill *f)
{
	const __m256i *base = (const __m256i *)f->base;

	if (f->size < 32) {
		f->vacant[0] = 0;
		for (uint32_t s = 0; s < f->size; s++)
			f->vacant[0] |= (uint32_t)(f->base[s] >> 15) << s;
		return;
	}
	for (uint32_t i = 0; i < f->words; i++) {
		__m256i a = _mm256_loadu_si256(base + 2 * i);
		__m256i b = _mm256_loadu_si256(base + 2 * i + 1);

		/* 32 signs; packing goes by halves of vectors. */
		a = _mm256_packs_epi16(a, b);
		a = _mm256_permute4x64_epi64(a, 0xd8);
		f->vacant[i] = (uint32_t)_mm256_movemask_epi8(a);
	}
}

static inline uint32_t
clamp(uint32_t x, uint32_t low, uint32_t high)
{
	return x < low ? low : x > high ? high : x;
}

static void
run(struct fill *f, uint32_t from)
{
	uint32_t listed = clamp(FILL_LIST_MAX, 0, f->size - from);
	uint32_t last = f->size - listed;
	uint32_t turns8 = (uint32_t)((uint64_t)f->size * LOOK_AT_8 >> 8);

	turns8 = clamp(turns8, from, last);
	find_vacant(f);
	look_at_8(f, from, turns8);
	look_at_16(f, turns8, last);
	if (f->size <= 1u << 16)
		ask_each16(f, last);
	else
		ask_each32(f, last);
}

const struct fill_kind fill_simd = {"avx2", usable, run};
