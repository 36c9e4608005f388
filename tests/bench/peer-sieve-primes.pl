#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later

# A peer of the kernels: sieve_primes() of Math::Prime::Util::GMP in windows of WIDTH numbers from 2^BITS on.
#
#     peer-sieve-primes.pl BITS SECONDS WIDTH
#
# Prints "SECONDS PRIMES", seconds of CPU time. The library chooses how: it sieves to the square root where a window is
# wide enough for that, else it tests by BPSW what a sieve leaves over.

use strict;
use warnings;
use Math::BigInt;
use Math::Prime::Util::GMP qw(sieve_primes);

my ($bits, $seconds, $width) = @ARGV;
my $start = Math::BigInt->new(2)->bpow($bits);
my ($count, $used) = (0, 0);
my $begin = (times)[0] + (times)[1];
do {
    my $end = $start->copy->badd($width - 1);
    my @primes = sieve_primes("$start", "$end", 0);
    $count += @primes;
    $start->badd($width);
    $used = (times)[0] + (times)[1] - $begin;
} while ($used < $seconds);
printf "%.3f %d\n", $used, $count;
