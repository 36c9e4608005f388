/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Montgomery's products for x86-64 with BMI2 (mulx) and ADX (adcx, adox).
 *
 * A row adds the product of a number and one word to a number: mulx leaves the flags alone, so the sums of the
 * products among each other go through the carry flag, those with memory through the overflow flag, at about a limb a
 * cycle. It is for this that Intel made the three instructions (Ozturk, Guilford, Gopal and Feghali, "New instructions
 * supporting large integer arithmetic on Intel architecture processors", 2012). Rows have fixed lengths and are
 * unrolled by the assembler (.rept); there is one function per size. A row begins with both flags clear and ends by
 * adding them to its upper limb.
 *
 * A product is made of rows, then it is divided by R: the separated operand scanning of Koç, Acar and Kaliski,
 * "Analyzing and comparing Montgomery multiplication algorithms", 1996, as in large-portable.c. A square is the
 * triangle of the products of different limbs, doubled, and the squares of the limbs, which is little more than half
 * of the work. The reduction takes one row per limb, with the multiplier that makes the lowest limb 0; in its place is
 * kept what the row carries out at the top, and all of that is added at the end. Bounds are those of large-portable.c:
 * what comes out at the top is at most 1.
 */

#include "prime/test/large-kernel.h"

#if GMP_LIMB_BITS == 64 && defined(__x86_64__)

#include <cpuid.h>
#include <stdint.h>

#define N_LIMBS_MIN 3
#define N_LIMBS_MAX 18

/* t[j] += y[j] * rdx for j in [FROM, TO), relative to the registers; clears the flags first; the carry is in h0 */
#define ROW_BEGIN                                                                                            \
        "xor %k[h0], %k[h0]\n\t"

#define ROW(FROM, TO, SOURCE, TARGET, SHIFT)                                                                 \
        ROW_BEGIN ".set primed_j, " FROM "\n\t"                                                              \
                  ".rept ((" TO ") - (" FROM ")) / 2\n\t"                                                    \
                  "mulx 8*primed_j(" SOURCE "), %[x], %[h1]\n\t"                                             \
                  "adcx %[h0], %[x]\n\t"                                                                     \
                  "adox 8*(primed_j+" SHIFT ")(" TARGET "), %[x]\n\t"                                        \
                  "mov %[x], 8*(primed_j+" SHIFT ")(" TARGET ")\n\t"                                         \
                  "mulx 8*primed_j+8(" SOURCE "), %[x], %[h0]\n\t"                                           \
                  "adcx %[h1], %[x]\n\t"                                                                     \
                  "adox 8*(primed_j+" SHIFT ")+8(" TARGET "), %[x]\n\t"                                      \
                  "mov %[x], 8*(primed_j+" SHIFT ")+8(" TARGET ")\n\t"                                       \
                  ".set primed_j, primed_j+2\n\t"                                                            \
                  ".endr\n\t"                                                                                \
                  ".rept ((" TO ") - (" FROM ")) %% 2\n\t"                                                   \
                  "mulx 8*primed_j(" SOURCE "), %[x], %[h1]\n\t"                                             \
                  "adcx %[h0], %[x]\n\t"                                                                     \
                  "adox 8*(primed_j+" SHIFT ")(" TARGET "), %[x]\n\t"                                        \
                  "mov %[x], 8*(primed_j+" SHIFT ")(" TARGET ")\n\t"                                         \
                  "mov %[h1], %[h0]\n\t"                                                                     \
                  ".endr\n\t"                                                                                \
                  "mov $0, %k[x]\n\t"                                                                        \
                  "adcx %[x], %[h0]\n\t"                                                                     \
                  "adox %[x], %[h0]\n\t"

/* The first row of a product: nothing to add to. */
#define ROW_FIRST(FROM, TO, SOURCE, TARGET, SHIFT)                                                           \
        ROW_BEGIN ".set primed_j, " FROM "\n\t"                                                              \
                  ".rept (" TO ") - (" FROM ")\n\t"                                                          \
                  "mulx 8*primed_j(" SOURCE "), %[x], %[h1]\n\t"                                             \
                  "adcx %[h0], %[x]\n\t"                                                                     \
                  "mov %[x], 8*(primed_j+" SHIFT ")(" TARGET ")\n\t"                                         \
                  "mov %[h1], %[h0]\n\t"                                                                     \
                  ".set primed_j, primed_j+1\n\t"                                                            \
                  ".endr\n\t"                                                                                \
                  "mov $0, %k[x]\n\t"                                                                        \
                  "adcx %[x], %[h0]\n\t"

#define TRIANGLE(N)                                                                                          \
        "mov (%[a]), %%rdx\n\t" ROW_FIRST("1", N, "%[a]", "%[t]", "0")                                       \
        "mov %[h0], 8*" N "(%[t])\n\t"                                                                       \
        ".set primed_i, 1\n\t"                                                                               \
        ".rept " N " - 2\n\t"                                                                                \
        "mov 8*primed_i(%[a]), %%rdx\n\t" ROW("primed_i+1", N, "%[a]", "%[t]", "primed_i")                   \
        "mov %[h0], 8*(primed_i+" N ")(%[t])\n\t"                                                            \
        ".set primed_i, primed_i+1\n\t"                                                                      \
        ".endr\n\t"                                                                                          \
        /* twice the triangle, and the squares */                                                            \
        "movq $0, (%[t])\n\t"                                                                                \
        "movq $0, 8*(2*" N "-1)(%[t])\n\t"                                                                   \
        "xor %k[x], %k[x]\n\t"                                                                               \
        ".set primed_i, 0\n\t"                                                                               \
        ".rept " N "\n\t"                                                                                    \
        "mov 8*primed_i(%[a]), %%rdx\n\t"                                                                    \
        "mulx %%rdx, %[h0], %[h1]\n\t"                                                                       \
        "mov 16*primed_i(%[t]), %[x]\n\t"                                                                    \
        "adcx %[x], %[x]\n\t"                                                                                \
        "adox %[h0], %[x]\n\t"                                                                               \
        "mov %[x], 16*primed_i(%[t])\n\t"                                                                    \
        "mov 16*primed_i+8(%[t]), %[x]\n\t"                                                                  \
        "adcx %[x], %[x]\n\t"                                                                                \
        "adox %[h1], %[x]\n\t"                                                                               \
        "mov %[x], 16*primed_i+8(%[t])\n\t"                                                                  \
        ".set primed_i, primed_i+1\n\t"                                                                      \
        ".endr\n\t"

#define PRODUCT(N)                                                                                           \
        "mov (%[b]), %%rdx\n\t" ROW_FIRST("0", N, "%[a]", "%[t]", "0")                                       \
        "mov %[h0], 8*" N "(%[t])\n\t"                                                                       \
        "mov $" N "-1, %k[count]\n\t"                                                                        \
        "1:\n\t"                                                                                             \
        "add $8, %[b]\n\t"                                                                                   \
        "add $8, %[t]\n\t"                                                                                   \
        "mov (%[b]), %%rdx\n\t" ROW("0", N, "%[a]", "%[t]", "0")                                             \
        "mov %[h0], 8*" N "(%[t])\n\t"                                                                       \
        "dec %k[count]\n\t"                                                                                  \
        "jnz 1b\n\t"                                                                                         \
        "sub $8*(" N "-1), %[t]\n\t"

#define REDUCE(N)                                                                                            \
        "mov $" N ", %k[count]\n\t"                                                                          \
        "2:\n\t"                                                                                             \
        "mov (%[t]), %%rdx\n\t"                                                                              \
        "imul %[negative], %%rdx\n\t" ROW("0", N, "%[n]", "%[t]", "0")                                       \
        "mov %[h0], (%[t])\n\t"                                                                              \
        "add $8, %[t]\n\t"                                                                                   \
        "dec %k[count]\n\t"                                                                                  \
        "jnz 2b\n\t"                                                                                         \
        ".set primed_j, 0\n\t"                                                                               \
        "xor %k[x], %k[x]\n\t"                                                                               \
        ".rept " N "\n\t"                                                                                    \
        "mov 8*(primed_j-" N ")(%[t]), %[x]\n\t"                                                             \
        "adc 8*primed_j(%[t]), %[x]\n\t"                                                                     \
        "mov %[x], 8*primed_j(%[r])\n\t"                                                                     \
        ".set primed_j, primed_j+1\n\t"                                                                      \
        ".endr\n\t"                                                                                          \
        "sbb %[h0], %[h0]\n\t"

/* What came out at the top is a multiple of R = n + (R - n). */
static void subtract_carried(const LargeModulus *modulus, mp_limb_t *ret, uint64_t carry) {
        if (carry)
                (void) mpn_sub_n(ret, ret, modulus->n, (mp_size_t) modulus->n_limbs);
}

#define SIZE(N)                                                                                              \
        static void square_##N(const LargeModulus *modulus, mp_limb_t *ret, const mp_limb_t *a) {            \
                mp_limb_t *t = modulus->scratch;                                                             \
                uint64_t x, h0, h1, count;                                                                   \
                                                                                                             \
                __asm__(TRIANGLE(#N) REDUCE(#N)                                                              \
                        : [x] "=&r"(x), [h0] "=&r"(h0), [h1] "=&r"(h1), [count] "=&r"(count), [t] "+&r"(t)   \
                        : [a] "r"(a), [n] "r"(modulus->n), [r] "r"(ret), [negative] "rm"(modulus->negative)  \
                        : "rdx", "cc", "memory");                                                            \
                subtract_carried(modulus, ret, h0);                                                          \
        }                                                                                                    \
                                                                                                             \
        static void multiply_##N(const LargeModulus *modulus, mp_limb_t *ret, const mp_limb_t *a,            \
                                 const mp_limb_t *b) {                                                       \
                mp_limb_t *t = modulus->scratch;                                                             \
                uint64_t x, h0, h1, count;                                                                   \
                                                                                                             \
                __asm__(PRODUCT(#N) REDUCE(#N)                                                               \
                        : [x] "=&r"(x), [h0] "=&r"(h0), [h1] "=&r"(h1), [count] "=&r"(count), [t] "+&r"(t),  \
                          [b] "+&r"(b)                                                                       \
                        : [a] "r"(a), [n] "r"(modulus->n), [r] "r"(ret), [negative] "m"(modulus->negative)   \
                        : "rdx", "cc", "memory");                                                            \
                subtract_carried(modulus, ret, h0);                                                          \
        }

#define EACH_SIZE(DO)                                                                                        \
        DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15) DO(16) DO(17) DO(18)

EACH_SIZE(SIZE)

#define SQUARE(N) [N - N_LIMBS_MIN] = square_##N,
#define MULTIPLY(N) [N - N_LIMBS_MIN] = multiply_##N,

static LargeSquare *const squares[N_LIMBS_MAX - N_LIMBS_MIN + 1] = { EACH_SIZE(SQUARE) };
static LargeMultiply *const products[N_LIMBS_MAX - N_LIMBS_MIN + 1] = { EACH_SIZE(MULTIPLY) };

/* Not every compiler's __builtin_cpu_supports() knows ADX. */
static bool is_usable(void) {
        unsigned eax, ebx, ecx, edx;

        return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && ebx & 1U << 8 && ebx & 1U << 19;
}

const LargeKernel large_x86 = {
        .name = "x86-adx",
        .is_usable = is_usable,
        .n_limbs_min = N_LIMBS_MIN,
        .n_limbs_max = N_LIMBS_MAX,
        .multiply = products,
        .square = squares,
};

#endif
