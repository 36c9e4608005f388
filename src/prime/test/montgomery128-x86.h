/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The products of montgomery128.h for x86-64 with BMI2 (mulx). Compilers lose the carries of such sums, gcc 12 more
 * than clang 14, and need up to twice the instructions. What is written in one piece here has no branch, so that the
 * processor itself interleaves the steps of several independent numbers.
 *
 * The whole product is made first, T < 2^256, and is then divided by 2^64 twice (the separated operand scanning of Koç,
 * Acar and Kaliski, 1996). That is the order for squares, in which a0·a1 occurs twice but is computed once: three
 * multiplications where a product has four. mulx takes one factor from rdx, writes both words where it is told, and
 * leaves the flags alone, so that a chain of carries may go on around it (Ozturk, Guilford, Gopal and Feghali, "New
 * instructions supporting large integer arithmetic on Intel architecture processors", 2012). With only two words one
 * chain is enough; adcx and adox are for large-x86.c.
 *
 * T is in t3:t2:t1:t0, the names of the other registers tell their order.
 */

#include "prime/test/montgomery128.h"

/* t += 2·(a0·a1), squares added; a < 2^126 for the lazy one: the doubled product of the words has no carry. */
#define X86_SQUARE_LAZY                                                                                      \
        "mov %[a0], %%rdx\n\t"                                                                               \
        "lea (%[a1],%[a1]), %[c1]\n\t"                                                                       \
        "mulx %%rdx, %[t0], %[t1]\n\t"                                                                       \
        "mulx %[c1], %[x0], %[x1]\n\t"                                                                       \
        "mov %[a1], %%rdx\n\t"                                                                               \
        "mulx %%rdx, %[t2], %[t3]\n\t"                                                                       \
        "add %[x0], %[t1]\n\t"                                                                               \
        "adc %[x1], %[t2]\n\t"                                                                               \
        "adc $0, %[t3]\n\t"

#define X86_SQUARE_EXACT                                                                                     \
        "mov %[a0], %%rdx\n\t"                                                                               \
        "mulx %%rdx, %[t0], %[t1]\n\t"                                                                       \
        "mulx %[a1], %[x0], %[x1]\n\t"                                                                       \
        "mov %[a1], %%rdx\n\t"                                                                               \
        "mulx %%rdx, %[t2], %[t3]\n\t"                                                                       \
        "add %[x0], %[x0]\n\t"                                                                               \
        "adc %[x1], %[x1]\n\t"                                                                               \
        "adc $0, %[t3]\n\t"                                                                                  \
        "add %[x0], %[t1]\n\t"                                                                               \
        "adc %[x1], %[t2]\n\t"                                                                               \
        "adc $0, %[t3]\n\t"

#define X86_PRODUCT                                                                                          \
        "mov %[a0], %%rdx\n\t"                                                                               \
        "mulx %[b0], %[t0], %[t1]\n\t"                                                                       \
        "mulx %[b1], %[x0], %[x1]\n\t"                                                                       \
        "mov %[a1], %%rdx\n\t"                                                                               \
        "mulx %[b1], %[t2], %[t3]\n\t"                                                                       \
        "add %[x0], %[t1]\n\t"                                                                               \
        "adc %[x1], %[t2]\n\t"                                                                               \
        "adc $0, %[t3]\n\t"                                                                                  \
        "mulx %[b0], %[x0], %[x1]\n\t"                                                                       \
        "add %[x0], %[t1]\n\t"                                                                               \
        "adc %[x1], %[t2]\n\t"                                                                               \
        "adc $0, %[t3]\n\t"

#define X86_REDUCE_LAZY                                                                                      \
        "mov %[t0], %%rdx\n\t"                                                                               \
        "mulx %[h0], %[x0], %[x1]\n\t"                                                                       \
        "mulx %[h1], %[t0], %[c1]\n\t"                                                                       \
        "add %[x0], %[t1]\n\t"                                                                               \
        "adc %[x1], %[t2]\n\t"                                                                               \
        "adc $0, %[t3]\n\t"                                                                                  \
        "mov %[t1], %%rdx\n\t"                                                                               \
        "imul %[negative], %%rdx\n\t"                                                                        \
        "add %[t0], %[t2]\n\t"                                                                               \
        "adc %[c1], %[t3]\n\t"                                                                               \
        "mulx %[n0], %[x0], %[x1]\n\t"                                                                       \
        "mulx %[n1], %[t0], %[c1]\n\t"                                                                       \
        "neg %[t1]\n\t" /* the lower words add up to 0, with a carry unless both are 0 */                    \
        "adc %[x1], %[t2]\n\t"                                                                               \
        "adc $0, %[t3]\n\t"                                                                                  \
        "add %[t0], %[t2]\n\t"                                                                               \
        "adc %[c1], %[t3]\n\t"

#define X86_REDUCE_EXACT                                                                                     \
        "mov %[t0], %%rdx\n\t"                                                                               \
        "imul %[inverse], %%rdx\n\t"                                                                         \
        "mulx %[n0], %[x0], %[x1]\n\t"                                                                       \
        "mulx %[n1], %[t0], %[c1]\n\t"                                                                       \
        "add %[x1], %[t0]\n\t"                                                                               \
        "adc $0, %[c1]\n\t"                                                                                  \
        "sub %[t0], %[t1]\n\t"                                                                               \
        "mov %[t1], %%rdx\n\t"                                                                               \
        "sbb %[c1], %[t2]\n\t"                                                                               \
        "sbb $0, %[t3]\n\t"                                                                                  \
        "sbb %[t1], %[t1]\n\t" /* from here on the sign */                                                   \
        "imul %[inverse], %%rdx\n\t"                                                                         \
        "mulx %[n0], %[x0], %[x1]\n\t"                                                                       \
        "mulx %[n1], %[t0], %[c1]\n\t"                                                                       \
        "add %[x1], %[t0]\n\t"                                                                               \
        "adc $0, %[c1]\n\t"                                                                                  \
        "sub %[t0], %[t2]\n\t"                                                                               \
        "sbb %[c1], %[t3]\n\t"                                                                               \
        "sbb $0, %[t1]\n\t"                                                                                  \
        "mov %[n0], %[x0]\n\t"                                                                               \
        "and %[t1], %[x0]\n\t"                                                                               \
        "and %[n1], %[t1]\n\t"                                                                               \
        "add %[x0], %[t2]\n\t"                                                                               \
        "adc %[t1], %[t3]\n\t"

#define X86_DOUBLE                                                                                           \
        "mov %[mask], %[x0]\n\t"                                                                             \
        "mov %[mask], %[x1]\n\t"                                                                             \
        "and %[t2], %[x0]\n\t"                                                                               \
        "and %[t3], %[x1]\n\t"                                                                               \
        "add %[x0], %[t2]\n\t"                                                                               \
        "adc %[x1], %[t3]\n\t"

/* Behind a sum: minus n, unless it is < n. */
#define X86_SETTLE                                                                                           \
        "mov $0, %k[t1]\n\t"                                                                                 \
        "adc $0, %[t1]\n\t"                                                                                  \
        "mov %[t2], %[x0]\n\t"                                                                               \
        "sub %[n0], %[x0]\n\t"                                                                               \
        "mov %[t3], %[x1]\n\t"                                                                               \
        "sbb %[n1], %[x1]\n\t"                                                                               \
        "sbb $0, %[t1]\n\t"                                                                                  \
        "cmovnc %[x0], %[t2]\n\t"                                                                            \
        "cmovnc %[x1], %[t3]\n\t"

#define X86_RESULTS                                                                                          \
        [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [x0] "=&r"(x0), [x1] "=&r"(x1),      \
                [c1] "=&r"(c1)

#define X86_OPERANDS_LAZY                                                                                    \
        [a0] "r"(a.low), [a1] "r"(a.high), [n0] "m"(modulus->n.low), [n1] "m"(modulus->n.high),              \
                [h0] "m"(modulus->half.low), [h1] "m"(modulus->half.high), [negative] "m"(modulus->negative)

#define X86_OPERANDS_EXACT                                                                                   \
        [a0] "r"(a.low), [a1] "r"(a.high), [n0] "m"(modulus->n.low), [n1] "m"(modulus->n.high),              \
                [inverse] "m"(modulus->inverse)

#define X86_ADD                                                                                              \
        "add %[c0], %[t2]\n\t"                                                                               \
        "adc %[c2], %[t3]\n\t"

#define X86_RUN(PARTS, OPERANDS, ...)                                                                        \
        __asm__(PARTS : X86_RESULTS : OPERANDS __VA_ARGS__ : "rdx", "cc")

#define X86_FACTOR , [b0] "rm"(b.low), [b1] "rm"(b.high)
#define X86_ADDEND , [c0] "rm"(c.low), [c2] "rm"(c.high)
#define X86_MASK , [mask] "rm"(mask)

/*
 * Sanitizers give each operand in memory a register of its own, and there are not so many. There is nothing here that
 * they could check.
 */
#define UNCHECKED_PRODUCT __attribute__((no_sanitize("address", "thread", "undefined")))

/* a·b */
UNCHECKED_PRODUCT
static inline Number128 montgomery128_multiply(const Modulus128 *modulus, Number128 a, Number128 b, bool is_lazy) {
        uint64_t t0, t1, t2, t3, x0, x1, c1;

        if (is_lazy)
                X86_RUN(X86_PRODUCT X86_REDUCE_LAZY, X86_OPERANDS_LAZY, X86_FACTOR);
        else
                X86_RUN(X86_PRODUCT X86_REDUCE_EXACT, X86_OPERANDS_EXACT, X86_FACTOR);
        return (Number128) { t2, t3 };
}

/* a·b + c, c < n */
UNCHECKED_PRODUCT
static inline Number128 montgomery128_multiply_add(const Modulus128 *modulus, Number128 a, Number128 b, Number128 c,
                                                   bool is_lazy) {
        uint64_t t0, t1, t2, t3, x0, x1, c1;

        if (is_lazy)
                X86_RUN(X86_PRODUCT X86_REDUCE_LAZY X86_ADD, X86_OPERANDS_LAZY, X86_FACTOR X86_ADDEND);
        else
                X86_RUN(X86_PRODUCT X86_REDUCE_EXACT X86_ADD X86_SETTLE, X86_OPERANDS_EXACT, X86_FACTOR X86_ADDEND);
        return (Number128) { t2, t3 };
}

/* a² + c, c < n */
UNCHECKED_PRODUCT
static inline Number128 montgomery128_square_add(const Modulus128 *modulus, Number128 a, Number128 c, bool is_lazy) {
        uint64_t t0, t1, t2, t3, x0, x1, c1;

        if (is_lazy)
                X86_RUN(X86_SQUARE_LAZY X86_REDUCE_LAZY X86_ADD, X86_OPERANDS_LAZY, X86_ADDEND);
        else
                X86_RUN(X86_SQUARE_EXACT X86_REDUCE_EXACT X86_ADD X86_SETTLE, X86_OPERANDS_EXACT, X86_ADDEND);
        return (Number128) { t2, t3 };
}

/* a², and if `mask` is all ones and not 0, its double. */
UNCHECKED_PRODUCT
static inline Number128 montgomery128_step(const Modulus128 *modulus, Number128 a, uint64_t mask, bool is_lazy) {
        uint64_t t0, t1, t2, t3, x0, x1, c1;

        if (is_lazy)
                X86_RUN(X86_SQUARE_LAZY X86_REDUCE_LAZY X86_DOUBLE, X86_OPERANDS_LAZY, X86_MASK);
        else
                X86_RUN(X86_SQUARE_EXACT X86_REDUCE_EXACT X86_DOUBLE X86_SETTLE, X86_OPERANDS_EXACT, X86_MASK);
        return (Number128) { t2, t3 };
}
