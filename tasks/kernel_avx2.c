/* The functions of kernel.c for processors with AVX2: the same bits, sooner. */
#if defined(__x86_64__)
#pragma GCC target("avx2,popcnt")
#define NAME(function) function##_avx2
#include "kernel.c"

int32_t has_avx2(void) { return __builtin_cpu_supports("avx2") != 0; }
#endif
