// SPDX-License-Identifier: Apache-2.0
//
// CUDA kernels on the CPU, for tests: hw.h includes this instead of its device half.
//
// Every CUDA thread is a fiber and all fibers run on one thread, each until it waits at a barrier;
// blocks run one after another. A seed other than 0 shuffles which fiber continues, and makes each
// atomic operation a place where another may. The emulation is stricter than a device:
// - a barrier that can never be complete fails the launch, and names the barrier;
// - threads that meet at one barrier must have come from the same line;
// - asynchronous copies happen when they are waited for, never before;
// - shared memory begins with a pattern that is a NaN in f16, f32 and f64;
// - misaligned ldsm4 and cp16 fail the launch.
//
// x86-64 with FMA and F16C only. Not the hardware: mma16816 sums in float64 and truncates to
// float32, while devices differ in how they align and truncate.
#pragma once

#include <math.h>

#include <cfenv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

struct dim3 {
  unsigned x = 1;
  unsigned y = 1;
  unsigned z = 1;
};

// Those of the running fiber.
extern dim3 threadIdx;
extern dim3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;

namespace emu {

using Site = std::source_location;

/** A launch that a device would have got wrong, hung in or faulted in. */
struct LaunchFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/** A kernel by name, its parameters' sizes, and how to call it for one thread. */
struct Kernel {
  std::string name;
  std::vector<size_t> parameter_sizes;
  std::function<void(void** parameters)> body;
};

/** The kernel of that name, or null. */
const Kernel* find_kernel(const std::string& name);

/** All kernels linked in. */
std::vector<const Kernel*> kernels();

void add_kernel(Kernel* kernel);

/** Which schedule launches follow from here on; 0 is one fixed order. */
void set_seed(uint64_t seed);

/**
 * Runs a kernel to its end.
 *
 * @param shared_bytes of dynamic shared memory
 * @param parameters one pointer to each argument
 */
void launch(const Kernel& kernel, dim3 grid, dim3 block, size_t shared_bytes, void** parameters);

template <class... Parameters, size_t... I>
void call(void (*kernel)(Parameters...), void** parameters, std::index_sequence<I...>) {
  kernel(*static_cast<std::remove_cv_t<Parameters>*>(parameters[I])...);
}

struct Registration {
  Kernel kernel;

  template <class... Parameters>
  Registration(const char* name, void (*function)(Parameters...)) {
    kernel.name = name;
    kernel.parameter_sizes = {sizeof(Parameters)...};
    kernel.body = [function](void** parameters) {
      call(function, parameters, std::index_sequence_for<Parameters...>{});
    };
    add_kernel(&kernel);
  }
};

/** Ends the launch with a failure; does not return. */
[[noreturn]] void fail(const char* what, const Site& site);

/** Waits for all threads of the block that have not ended; the sum of what they passed. */
int block_barrier(int addend, const char* what, const Site& site);

/**
 * Waits for all 32 lanes of the warp.
 *
 * @return 32 x 4 words, those that lane l passed from 4 l on; valid until this lane's second next
 *     warp barrier
 */
const uint64_t* warp_barrier(const uint64_t words[4], const char* what, const Site& site);

/** Lets another fiber continue, under a seed. */
void maybe_switch();

/** The launch's dynamic shared memory. */
void* dynamic_shared();

void start_copy(void* shared, const void* global);
void close_copies();
void finish_copies(int but_latest);

inline int lane() { return static_cast<int>(threadIdx.x) % 32; }

/** Another rounding while this lives. Operands and results must be volatile. */
struct Rounding {
  explicit Rounding(int mode) { std::fesetround(mode); }
  ~Rounding() { std::fesetround(FE_TONEAREST); }
};

inline float fma(int mode, float a, float b, float c) {
  Rounding rounding(mode);
  volatile float p = a;
  volatile float q = b;
  volatile float r = c;
  volatile float result = std::fma(p, q, r);
  return result;
}

inline float add(int mode, float a, float b) {
  Rounding rounding(mode);
  volatile float p = a;
  volatile float q = b;
  volatile float result = p + q;
  return result;
}

inline float mul(int mode, float a, float b) {
  Rounding rounding(mode);
  volatile float p = a;
  volatile float q = b;
  volatile float result = p * q;
  return result;
}

inline float sqrt(int mode, float a) {
  Rounding rounding(mode);
  volatile float p = a;
  volatile float result = std::sqrt(p);
  return result;
}

/** `to` bytes as another type of the same size or a larger one, the rest zeros. */
template <class To, class From>
To bits_as(From from) {
  To to{};
  std::memcpy(&to, &from, sizeof(From) < sizeof(To) ? sizeof(From) : sizeof(To));
  return to;
}

template <class T>
T exchange(T value, int from_lane, const char* what, const Site& site) {
  const uint64_t words[4] = {bits_as<uint64_t>(value), 0, 0, 0};
  return bits_as<T>(warp_barrier(words, what, site)[4 * (from_lane & 31)]);
}

template <class T>
T atomic(T* target, T result) {
  T before = *target;
  *target = result;
  maybe_switch();
  return before;
}

}  // namespace emu

#define __global__
#define __device__
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(...)
#define DEV [[maybe_unused]] static inline
#define KERNEL extern "C"
#define REGISTER_KERNEL(name) static emu::Registration registration_of_##name(#name, name)
#define DYN_SMEM(type, name) type* name = static_cast<type*>(emu::dynamic_shared())

typedef uint16_t f16;

struct alignas(8) uint2 {
  uint32_t x, y;
};
struct alignas(16) uint4 {
  uint32_t x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

// ---- Arithmetic.

DEV float fma_rn(float a, float b, float c) { return std::fma(a, b, c); }
DEV float fma_ru(float a, float b, float c) { return emu::fma(FE_UPWARD, a, b, c); }
DEV float fma_rd(float a, float b, float c) { return emu::fma(FE_DOWNWARD, a, b, c); }
DEV float add_rn(float a, float b) { return a + b; }
DEV float add_ru(float a, float b) { return emu::add(FE_UPWARD, a, b); }
DEV float add_rd(float a, float b) { return emu::add(FE_DOWNWARD, a, b); }
DEV float mul_rn(float a, float b) { return a * b; }
DEV float mul_ru(float a, float b) { return emu::mul(FE_UPWARD, a, b); }
DEV float mul_rd(float a, float b) { return emu::mul(FE_DOWNWARD, a, b); }
DEV float div_rn(float a, float b) { return a / b; }
DEV float sqrt_rn(float a) { return std::sqrt(a); }
DEV float sqrt_ru(float a) { return emu::sqrt(FE_UPWARD, a); }

DEV double dfma_rn(double a, double b, double c) { return std::fma(a, b, c); }
DEV double dadd_rn(double a, double b) { return a + b; }
DEV double dmul_rn(double a, double b) { return a * b; }
DEV double ddiv_rn(double a, double b) { return a / b; }
DEV double dsqrt_rn(double a) { return std::sqrt(a); }

DEV f16 f2h(float f) { return emu::bits_as<f16>(static_cast<_Float16>(f)); }
DEV float h2f(f16 half) { return static_cast<float>(emu::bits_as<_Float16>(half)); }
DEV uint32_t float_bits(float f) { return emu::bits_as<uint32_t>(f); }
DEV float bits_float(uint32_t bits) { return emu::bits_as<float>(bits); }
DEV uint64_t double_bits(double d) { return emu::bits_as<uint64_t>(d); }

DEV int min(int a, int b) { return a < b ? a : b; }
DEV int max(int a, int b) { return a > b ? a : b; }

// ---- Threads.

DEV int shfl_xor(int value, int mask, emu::Site site = emu::Site::current()) {
  return emu::exchange(value, emu::lane() ^ mask, "shfl_xor", site);
}
DEV float shfl_xor(float value, int mask, emu::Site site = emu::Site::current()) {
  return emu::exchange(value, emu::lane() ^ mask, "shfl_xor", site);
}
DEV double shfl_xor(double value, int mask, emu::Site site = emu::Site::current()) {
  return emu::exchange(value, emu::lane() ^ mask, "shfl_xor", site);
}
DEV int shfl(int value, int lane, emu::Site site = emu::Site::current()) {
  return emu::exchange(value, lane, "shfl", site);
}
DEV float shfl(float value, int lane, emu::Site site = emu::Site::current()) {
  return emu::exchange(value, lane, "shfl", site);
}

DEV uint32_t ballot(int predicate, emu::Site site = emu::Site::current()) {
  const uint64_t words[4] = {predicate != 0, 0, 0, 0};
  const uint64_t* all = emu::warp_barrier(words, "ballot", site);
  uint32_t bits = 0;
  for (int l = 0; l < 32; l++) {
    bits |= static_cast<uint32_t>(all[4 * l]) << l;
  }
  return bits;
}

DEV void syncwarp(emu::Site site = emu::Site::current()) {
  const uint64_t words[4] = {0, 0, 0, 0};
  emu::warp_barrier(words, "syncwarp", site);
}

DEV void __syncthreads(emu::Site site = emu::Site::current()) {
  emu::block_barrier(0, "__syncthreads", site);
}

DEV int syncthreads_count(int predicate, emu::Site site = emu::Site::current()) {
  return emu::block_barrier(predicate != 0, "syncthreads_count", site);
}

DEV int popcount(uint32_t bits) { return __builtin_popcount(bits); }

DEV int atomicAdd(int* p, int v) { return emu::atomic(p, *p + v); }
DEV unsigned atomicAdd(unsigned* p, unsigned v) { return emu::atomic(p, *p + v); }
DEV unsigned long long atomicAdd(unsigned long long* p, unsigned long long v) {
  return emu::atomic(p, *p + v);
}
DEV int atomicMax(int* p, int v) { return emu::atomic(p, *p > v ? *p : v); }
DEV unsigned atomicMax(unsigned* p, unsigned v) { return emu::atomic(p, *p > v ? *p : v); }
DEV int atomicMin(int* p, int v) { return emu::atomic(p, *p < v ? *p : v); }
DEV unsigned atomicMin(unsigned* p, unsigned v) { return emu::atomic(p, *p < v ? *p : v); }
DEV unsigned atomicOr(unsigned* p, unsigned v) { return emu::atomic(p, *p | v); }

// ---- Tensor cores and copies.

DEV void ldsm4(uint32_t r[4], const void* row, emu::Site site = emu::Site::current()) {
  if (reinterpret_cast<uintptr_t>(row) % 16 != 0) {
    emu::fail("ldsm4 of a misaligned address", site);
  }
  const uint64_t words[4] = {reinterpret_cast<uint64_t>(row), 0, 0, 0};
  const uint64_t* rows = emu::warp_barrier(words, "ldsm4", site);
  for (int i = 0; i < 4; i++) {
    const char* pair = reinterpret_cast<const char*>(rows[4 * (8 * i + emu::lane() / 4)]);
    std::memcpy(&r[i], pair + 4 * (emu::lane() % 4), 4);
  }
  // The device reads before any lane goes on; here another lane might overwrite what is read.
  syncwarp(site);
}

DEV void mma16816(
    float c[4],
    const uint32_t a[4],
    uint32_t b0,
    uint32_t b1,
    emu::Site site = emu::Site::current()) {
  const uint64_t words[4] = {
      a[0] | static_cast<uint64_t>(a[1]) << 32,
      a[2] | static_cast<uint64_t>(a[3]) << 32,
      b0 | static_cast<uint64_t>(b1) << 32,
      0};
  const uint64_t* all = emu::warp_barrier(words, "mma16816", site);
  auto half_of = [all](int lane, int word, int k) {
    return static_cast<double>(h2f(static_cast<f16>(all[4 * lane + word] >> (16 * k))));
  };
  // Each register holds two neighbouring columns of a, or rows of b; a word two registers.
  auto a_at = [&](int row, int k) {
    return half_of(row % 8 * 4 + k % 8 / 2, k / 8, row / 8 * 2 + k % 2);
  };
  auto b_at = [&](int k, int column) {
    return half_of(column * 4 + k % 8 / 2, 2, k / 8 * 2 + k % 2);
  };
  for (int i = 0; i < 4; i++) {
    int row = emu::lane() / 4 + i / 2 * 8;
    int column = emu::lane() % 4 * 2 + i % 2;
    double sum = c[i];
    for (int k = 0; k < 16; k++) {
      sum += a_at(row, k) * b_at(k, column);
    }
    float rounded = static_cast<float>(sum);
    if (std::fabs(static_cast<double>(rounded)) > std::fabs(sum)) {
      rounded = std::nextafter(rounded, 0.0f);
    }
    c[i] = rounded;
  }
}

DEV void cp16(void* shared, const void* global, emu::Site site = emu::Site::current()) {
  uintptr_t both = reinterpret_cast<uintptr_t>(shared) | reinterpret_cast<uintptr_t>(global);
  if (both % 16 != 0) {
    emu::fail("cp16 of a misaligned address", site);
  }
  emu::start_copy(shared, global);
}

DEV void cp_commit() { emu::close_copies(); }

template <int N>
DEV void cp_wait() {
  emu::finish_copies(N);
}
