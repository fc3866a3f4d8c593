// SPDX-License-Identifier: Apache-2.0
//
// The one place with intrinsics and inline PTX. Kernels call these names only, so that the same
// source is compiled for the device by nvcc and for the tests by g++ (see src/test/cuda/emu.h).
//
// Rules for kernels that keep this possible:
// - blocks are one-dimensional and a whole number of warps; every lane of a warp reaches each
//   warp-wide call (shfl_xor, ballot, ldsm4, mma16816), and every thread each block-wide one;
// - dynamic shared memory is named by DYN_SMEM once a kernel; static __shared__ is allowed;
// - half-precision values travel as their bits (f16);
// - arithmetic that must have defined bits is written with fma_rn and its like, which no compiler
//   contracts or reorders;
// - every kernel is followed by REGISTER_KERNEL(name);
// - names at file scope differ between the .cu files, as one PTX image is made of all of them.
#pragma once

#include <stddef.h>
#include <stdint.h>

/** The bits of an IEEE binary16 value. */
typedef uint16_t f16;

#ifdef SAEFLOW_EMULATION
#include "emu.h"
#else

#define DEV static __device__ __forceinline__
#define KERNEL extern "C" __global__
#define REGISTER_KERNEL(name)

/** Declares `name` as a pointer to the launch's dynamic shared memory, aligned to 128 bytes. */
#define DYN_SMEM(type, name)                               \
  extern __shared__ __align__(128) unsigned char smem_[]; \
  type* name = reinterpret_cast<type*>(smem_)

constexpr unsigned kAllLanes = 0xffffffffu;

// ---- Arithmetic in float32. rn: to nearest, ties to even; ru: up; rd: down. Subnormals are kept.

DEV float fma_rn(float a, float b, float c) { return __fmaf_rn(a, b, c); }
DEV float fma_ru(float a, float b, float c) { return __fmaf_ru(a, b, c); }
DEV float fma_rd(float a, float b, float c) { return __fmaf_rd(a, b, c); }
DEV float add_rn(float a, float b) { return __fadd_rn(a, b); }
DEV float add_ru(float a, float b) { return __fadd_ru(a, b); }
DEV float add_rd(float a, float b) { return __fadd_rd(a, b); }
DEV float mul_rn(float a, float b) { return __fmul_rn(a, b); }
DEV float mul_ru(float a, float b) { return __fmul_ru(a, b); }
DEV float mul_rd(float a, float b) { return __fmul_rd(a, b); }
DEV float div_rn(float a, float b) { return __fdiv_rn(a, b); }
DEV float sqrt_rn(float a) { return __fsqrt_rn(a); }
DEV float sqrt_ru(float a) { return __fsqrt_ru(a); }

/** The float64 operations, to nearest. */
DEV double dfma_rn(double a, double b, double c) { return __fma_rn(a, b, c); }
DEV double dadd_rn(double a, double b) { return __dadd_rn(a, b); }
DEV double dmul_rn(double a, double b) { return __dmul_rn(a, b); }
DEV double ddiv_rn(double a, double b) { return __ddiv_rn(a, b); }
DEV double dsqrt_rn(double a) { return __dsqrt_rn(a); }

/** float32 to float16, to nearest; beyond 65,504 becomes infinite. */
DEV f16 f2h(float f) {
  uint16_t half;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(f));
  return half;
}

/** float16 to float32, exact. */
DEV float h2f(f16 half) {
  float f;
  asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(half));
  return f;
}

DEV uint32_t float_bits(float f) { return __float_as_uint(f); }
DEV float bits_float(uint32_t bits) { return __uint_as_float(bits); }
DEV uint64_t double_bits(double d) { return static_cast<uint64_t>(__double_as_longlong(d)); }

// ---- Threads.

DEV int shfl_xor(int value, int mask) { return __shfl_xor_sync(kAllLanes, value, mask); }
DEV float shfl_xor(float value, int mask) { return __shfl_xor_sync(kAllLanes, value, mask); }
DEV double shfl_xor(double value, int mask) { return __shfl_xor_sync(kAllLanes, value, mask); }

/** The value of lane `lane`. */
DEV int shfl(int value, int lane) { return __shfl_sync(kAllLanes, value, lane); }
DEV float shfl(float value, int lane) { return __shfl_sync(kAllLanes, value, lane); }

/** Bit l is set where lane l's predicate is not zero. */
DEV uint32_t ballot(int predicate) { return __ballot_sync(kAllLanes, predicate); }

/** Orders the memory accesses of a warp's lanes before the call before those after it. */
DEV void syncwarp() { __syncwarp(); }

/** __syncthreads, and in how many threads of the block the predicate is not zero. */
DEV int syncthreads_count(int predicate) { return __syncthreads_count(predicate); }

DEV int popcount(uint32_t bits) { return __popc(bits); }

// ---- Tensor cores and copies.

DEV uint32_t smem_address(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

/**
 * Loads four 8 x 8 matrices of halves from shared memory. Lane l passes the address of row l % 8 of
 * matrix l / 8, 16 bytes, 16-byte aligned; r[i] becomes the pair of row l / 4, columns 2 (l % 4)
 * and 2 (l % 4) + 1, of matrix i.
 */
DEV void ldsm4(uint32_t r[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(smem_address(row))
               : "memory");
}

/**
 * c += a b: a [16, 16] and b [16, 8] of halves, c [16, 8] of float32, in the fragment layout of
 * mma.m16n8k16. Products are exact; the order and rounding of their sum are the device's.
 */
DEV void mma16816(float c[4], const uint32_t a[4], uint32_t b0, uint32_t b1) {
#if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
      "{%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(b0));
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
      "{%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[2]), "r"(a[3]), "r"(b1));
#endif
}

/** Starts a copy of 16 bytes from global to shared memory, both 16-byte aligned. */
DEV void cp16(void* shared, const void* global) {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;"
               :
               : "r"(smem_address(shared)), "l"(global)
               : "memory");
#else
  *reinterpret_cast<uint4*>(shared) = *reinterpret_cast<const uint4*>(global);
#endif
}

/** Closes this thread's group of copies started since the last call. */
DEV void cp_commit() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/** Waits until at most the latest N groups of this thread's copies are unfinished. */
template <int N>
DEV void cp_wait() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
#endif
}

#endif  // SAEFLOW_EMULATION

// ---- The same for both.

constexpr int kLanes = 32;

DEV int lane_id() { return static_cast<int>(threadIdx.x) % kLanes; }

/** The index of this thread's warp in its block. */
DEV int warp_id() { return static_cast<int>(threadIdx.x) / kLanes; }

DEV float infinity() { return bits_float(0x7f800000u); }

DEV float not_a_number() { return bits_float(0x7fc00000u); }

/** Bits that order as floats do, -0 below +0; NaN has no place in the order. */
DEV uint32_t f_key(float f) {
  uint32_t bits = float_bits(f);
  return (bits & 0x80000000u) ? ~bits : (bits | 0x80000000u);
}

/** The float of f_key's bits. */
DEV float key_f(uint32_t key) {
  return bits_float((key & 0x80000000u) ? (key & 0x7fffffffu) : ~key);
}
