/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Candidates on x86-64: masks by AVX2, bits moved by BMI2's pext and pdep.
 *
 * AMD's processors before Zen 3 (family 0x19), and Hygon's, which descend from them, have pext in microcode, at up to
 * 300 cycles each: they take the portable tables.
 */

#if defined(__x86_64__)

#include "prime/pack/candidates-kernel.h"

#include <cpuid.h>
#include <immintrin.h>

#define HYGON_EBX 0x6f677948 /* "Hygo"; not in every <cpuid.h> */

/* Eight vectors at a time, which stay in registers. */
#define EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#define LOAD(t, i) _mm256_loadu_si256((const void *) (at[t] + done + 32 * (i)))
#define FIRST(i) __m256i v##i = LOAD(0, i);
#define NEXT(i) v##i = _mm256_and_si256(v##i, LOAD(t, i));
#define LAST(i) _mm256_storeu_si256((void *) (ret_mask + done + 32 * (i)), v##i);

__attribute__((target("avx2"))) static void mask_avx2(const uint8_t *const at[N_CANDIDATE_TABLES],
                                                      uint8_t *ret_mask) {
        for (unsigned done = 0; done < CANDIDATE_CHUNK; done += 8 * 32) {
                EACH(FIRST)
                for (unsigned t = 1; t < N_CANDIDATE_TABLES; t++) {
                        EACH(NEXT)
                }
                EACH(LAST)
        }
}

__attribute__((target("bmi2,popcnt"))) static uint64_t extract_bmi2(const CandidateBytes *bytes, const uint8_t *mask,
                                                                    const uint8_t *bitmap, BitSink *sink) {
        BitSink local = *sink;
        uint64_t lost = 0;

        for (unsigned i = 0; i < CANDIDATE_CHUNK; i += 8) {
                uint64_t m = get_le64(mask + i), b = get_le64(bitmap + i);

                lost |= b & ~m;
                bit_sink_put(&local, _pext_u64(b, m), (unsigned) _mm_popcnt_u64(m));
        }
        *sink = local;
        return lost;
}

__attribute__((target("bmi2,popcnt"))) static void deposit_bmi2(const CandidateBytes *bytes, const uint8_t *mask,
                                                                BitSource *source, uint8_t *ret_bitmap) {
        BitSource local = *source;

        for (unsigned i = 0; i < CANDIDATE_CHUNK; i += 8) {
                uint64_t m = get_le64(mask + i);

                put_le64(ret_bitmap + i, _pdep_u64(bit_source_peek(&local), m));
                local.at += (uint64_t) _mm_popcnt_u64(m);
        }
        *source = local;
}

static bool has_avx2(void) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2");
}

/* True for whom BMI2 means microcode. */
static bool has_slow_pext(void) {
        unsigned eax, ebx, ecx, edx, family;

        if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx) || (ebx != signature_AMD_ebx && ebx != HYGON_EBX))
                return false;
        if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx))
                return true;
        family = eax >> 8 & 0xf;
        if (family == 0xf)
                family += eax >> 20 & 0xff;
        return family < 0x19;
}

static bool has_avx2_bmi2(void) {
        return has_avx2() && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") && !has_slow_pext();
}

const CandidateKernel candidates_avx2 = {
        .name = "avx2",
        .is_usable = has_avx2,
        .mask = mask_avx2,
        .extract = candidates_portable_extract,
        .deposit = candidates_portable_deposit,
};

const CandidateKernel candidates_avx2_bmi2 = {
        .name = "avx2-bmi2",
        .is_usable = has_avx2_bmi2,
        .mask = mask_avx2,
        .extract = extract_bmi2,
        .deposit = deposit_bmi2,
};

#endif
