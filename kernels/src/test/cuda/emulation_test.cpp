// SPDX-License-Identifier: Apache-2.0
//
// The emulation itself: what it must notice, and what it computes in place of a GPU, under several
// schedules.
#include <cstdio>

#include "device.h"

namespace {

int failures = 0;

void expect(bool holds, const char* what) {
  if (!holds) {
    std::printf("FAILED: %s\n", what);
    failures++;
  }
}

// ---- What the emulation must notice.

KERNEL void lonely_barrier() {
  if (threadIdx.x < 64) {
    __syncthreads();
  }
  if (threadIdx.x == 200) {
    shfl_xor(1, 1);
  }
}
REGISTER_KERNEL(lonely_barrier);

KERNEL void two_barriers() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}
REGISTER_KERNEL(two_barriers);

KERNEL void unawaited_copy(const uint4* from, uint32_t* seen) {
  DYN_SMEM(uint4, to);
  cp16(to, from);
  cp_commit();
  seen[0] = to[0].x;
  cp_wait<0>();
  seen[1] = to[0].x;
}
REGISTER_KERNEL(unawaited_copy);

KERNEL void count_threads(int* count) {
  int before = atomicAdd(count, 1);
  int all = syncthreads_count(before >= 0);
  int even = popcount(ballot(threadIdx.x % 2 == 0));
  if (threadIdx.x == 0) {
    count[1] = all;
    count[2] = even;
  }
}
REGISTER_KERNEL(count_threads);

/** One warp: c = a b by the tensor core's fragments. a [16, 16], b [8, 16] by column, c [16, 8]. */
KERNEL void multiply_tile(const f16* a, const f16* b, float* c) {
  DYN_SMEM(f16, tile);
  int lane = lane_id();
  for (int i = lane; i < 16 * 16; i += kLanes) {
    tile[i] = a[i];
    tile[16 * 16 + i] = i < 8 * 16 ? b[i] : f16{0};
  }
  syncwarp();
  uint32_t left[4];
  uint32_t right[4];
  float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  ldsm4(left, tile + lane % 16 * 16 + lane / 16 * 8);
  // The third and fourth matrices are not used.
  ldsm4(right, tile + 16 * 16 + lane % 8 * 16 + lane / 8 % 2 * 8);
  mma16816(sum, left, right[0], right[1]);
  for (int i = 0; i < 4; i++) {
    c[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = sum[i];
  }
}
REGISTER_KERNEL(multiply_tile);

template <class Action>
void expect_failure(const char* part, Action action) {
  try {
    action();
    expect(false, part);
  } catch (const emu::LaunchFailure& failure) {
    expect(std::string(failure.what()).find(part) != std::string::npos, failure.what());
  }
}

void emulation_notices() {
  expect_failure("__syncthreads at emulation_test.cpp", [] {
    // Threads that ended do not count for __syncthreads, and thread 200 never ends.
    device::run("lonely_barrier", {1}, {256}, 0);
  });
  expect_failure("while others wait", [] { device::run("two_barriers", {1}, {64}, 0); });

  device::Memory from(std::vector<uint4>{{7, 7, 7, 7}});
  device::Memory device_seen(std::vector<uint32_t>{0, 0});
  device::run("unawaited_copy", {1}, {1}, 16, from.data(), device_seen.data());
  std::vector<uint32_t> seen = device_seen.values();
  expect(seen[0] == 0xFFFFFFFFu, "a copy that is not awaited is not seen");
  expect(seen[1] == 7, "a copy that is awaited is");
}

void emulation_counts() {
  device::Memory device_count(std::vector<int>{0, 0, 0});
  device::run("count_threads", {3}, {96}, 0, device_count.data());
  std::vector<int> count = device_count.values();
  expect(count[0] == 288, "atomicAdd");
  expect(count[1] == 96, "syncthreads_count");
  expect(count[2] == 16, "ballot");
}

void tensor_core_multiplies() {
  // Small whole numbers: every sum is exact.
  std::vector<f16> a(16 * 16);
  std::vector<f16> b(8 * 16);
  for (int i = 0; i < 16 * 16; i++) {
    a[i] = f2h(static_cast<float>(i * 7 % 23 - 11));
  }
  for (int i = 0; i < 8 * 16; i++) {
    b[i] = f2h(static_cast<float>(i * 5 % 19 - 9));
  }
  device::Memory device_a(a);
  device::Memory device_b(b);
  device::Memory<float> device_c(16 * 8);
  device::run(
      "multiply_tile", {1}, {32}, 2 * 16 * 16 * sizeof(f16), device_a.data(), device_b.data(),
      device_c.data());
  std::vector<float> c = device_c.values();
  for (int row = 0; row < 16; row++) {
    for (int column = 0; column < 8; column++) {
      float sum = 0;
      for (int k = 0; k < 16; k++) {
        sum += h2f(a[row * 16 + k]) * h2f(b[column * 16 + k]);
      }
      expect(c[row * 8 + column] == sum, "mma16816");
    }
  }
}

void directed_rounding() {
  float third = 1.0f / 3.0f;
  expect(mul_rd(third, 3.0f) < mul_ru(third, 3.0f), "mul_ru is above mul_rd");
  expect(add_ru(1.0f, 1e-20f) == std::nextafter(1.0f, 2.0f), "add_ru");
  expect(add_rd(1.0f, -1e-20f) == std::nextafter(1.0f, 0.0f), "add_rd");
  expect(fma_ru(1.0f, 1.0f, 1e-20f) == std::nextafter(1.0f, 2.0f), "fma_ru");
  expect(fma_rn(1.0f, 1.0f, 1e-20f) == 1.0f, "fma_rn");
  expect(sqrt_ru(2.0f) == std::nextafter(std::sqrt(2.0f), 2.0f) || sqrt_ru(2.0f) == std::sqrt(2.0f),
         "sqrt_ru is at most one step up");
  expect(static_cast<double>(sqrt_ru(2.0f)) * sqrt_ru(2.0f) >= 2.0, "sqrt_ru is not below");
  expect(key_f(f_key(-3.5f)) == -3.5f && f_key(-1.0f) < f_key(-0.0f) && f_key(0.0f) < f_key(1e-45f),
         "f_key orders as floats do");
}

}  // namespace

int main() {
  for (uint64_t seed : {0, 1, 2, 3}) {
    device::set_seed(seed);
    emulation_notices();
    emulation_counts();
    tensor_core_multiplies();
  }
  directed_rounding();
  std::printf("%s\n", failures == 0 ? "ok" : "failed");
  return failures == 0 ? 0 : 1;
}
