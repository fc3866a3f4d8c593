// SPDX-License-Identifier: Apache-2.0
#include "emu.h"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <random>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

dim3 threadIdx;
dim3 blockIdx;
dim3 blockDim;
dim3 gridDim;

// Continues another stack: saves the registers that a call must keep on this one, stores its
// pointer in *from, and returns on the stack `to` where that one was left.
extern "C" void emu_switch_stack(void** from, void* to);
asm(R"(
  .text
  .globl emu_switch_stack
  .hidden emu_switch_stack
  .type emu_switch_stack, @function
emu_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size emu_switch_stack, . - emu_switch_stack
)");

namespace emu {
namespace {

constexpr size_t kStackBytes = 128 << 10;
constexpr size_t kSharedAlignment = 128;
constexpr int kLanes = 32;

// A NaN as f16, f32 and f64, and a number too large for an index.
constexpr unsigned char kPoison = 0xFF;

struct Copy {
  void* to;
  const void* from;
};

/** A place where some threads wait for the others. */
struct Barrier {
  int arrived = 0;
  int sum = 0;
  int result = 0;
  const char* what = nullptr;
  Site site;
  std::vector<struct Fiber*> waiting;
};

struct Fiber {
  dim3 index;
  int number = 0;
  void* stack_pointer = nullptr;
  std::unique_ptr<char[]> stack;
  void* sanitizer_stack = nullptr;
  bool ended = false;
  std::vector<Copy> open_copies;
  std::deque<std::vector<Copy>> closed_copies;
};

struct Warp {
  Barrier barrier;
  // What is read after one barrier is not yet overwritten before the next.
  uint64_t words[2][kLanes * 4];
  int current = 0;
};

/** The launch that runs: there is one at a time. */
struct Launch {
  const Kernel* kernel = nullptr;
  void** parameters = nullptr;
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  std::vector<Fiber*> ready;
  Barrier block;
  Fiber* running = nullptr;
  int live = 0;
  void* scheduler_stack_pointer = nullptr;
  void* scheduler_sanitizer_stack = nullptr;
  const void* scheduler_stack_bottom = nullptr;
  size_t scheduler_stack_size = 0;
  std::string failure;
  void* shared = nullptr;
};

Launch the_launch;
std::mutex one_launch_at_a_time;
std::mt19937_64 random_bits;
bool shuffled = false;

std::map<std::string, Kernel*>& kernels_by_name() {
  static std::map<std::string, Kernel*> by_name;
  return by_name;
}

std::string describe(const char* what, const Site& site) {
  std::string file = site.file_name();
  return std::string(what) + " at " + file.substr(file.rfind('/') + 1) + ":" +
         std::to_string(site.line());
}

std::string describe(dim3 index) {
  return "(" + std::to_string(index.x) + ", " + std::to_string(index.y) + ", " +
         std::to_string(index.z) + ")";
}

void switch_to_scheduler() {
  Fiber* self = the_launch.running;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(
      self->ended ? nullptr : &self->sanitizer_stack,
      the_launch.scheduler_stack_bottom,
      the_launch.scheduler_stack_size);
#endif
  emu_switch_stack(&self->stack_pointer, the_launch.scheduler_stack_pointer);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(self->sanitizer_stack, nullptr, nullptr);
#endif
}

/** Ends the launch as failed; its threads are given up where they are. */
[[noreturn]] void abandon() {
  switch_to_scheduler();
  std::abort();
}

void switch_to(Fiber* fiber) {
  the_launch.running = fiber;
  threadIdx = fiber->index;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(
      &the_launch.scheduler_sanitizer_stack, fiber->stack.get(), kStackBytes);
#endif
  emu_switch_stack(&the_launch.scheduler_stack_pointer, fiber->stack_pointer);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(the_launch.scheduler_sanitizer_stack, nullptr, nullptr);
#endif
  the_launch.running = nullptr;
}

void release(Barrier& barrier) {
  barrier.result = barrier.sum;
  barrier.arrived = 0;
  barrier.sum = 0;
  for (Fiber* fiber : barrier.waiting) {
    the_launch.ready.push_back(fiber);
  }
  barrier.waiting.clear();
}

/** Arrives at a barrier of `expected` threads and waits for the others. */
void arrive(Barrier& barrier, int expected, int addend, const char* what, const Site& site) {
  if (barrier.arrived == 0) {
    barrier.what = what;
    barrier.site = site;
  } else if (barrier.site.line() != site.line() || std::strcmp(barrier.what, what) != 0) {
    the_launch.failure = "thread " + describe(threadIdx) + " is in " + describe(what, site) +
                         " while others wait in " + describe(barrier.what, barrier.site);
    abandon();
  }
  barrier.sum += addend;
  barrier.arrived++;
  if (barrier.arrived == expected) {
    release(barrier);
    return;
  }
  barrier.waiting.push_back(the_launch.running);
  switch_to_scheduler();
}

void fiber_main() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(
      nullptr, &the_launch.scheduler_stack_bottom, &the_launch.scheduler_stack_size);
#endif
  the_launch.kernel->body(the_launch.parameters);
  the_launch.running->ended = true;
  the_launch.live--;
  if (the_launch.live > 0 && the_launch.block.arrived == the_launch.live) {
    release(the_launch.block);
  }
  abandon();
}

/** Lays a stack out so that the first switch to it enters fiber_main. */
void prepare(Fiber& fiber, int number) {
  if (!fiber.stack) {
    fiber.stack.reset(new char[kStackBytes]);
  }
#if defined(__SANITIZE_ADDRESS__)
  // A thread of an earlier block left the marks of its frames.
  __asan_unpoison_memory_region(fiber.stack.get(), kStackBytes);
#endif
  fiber.number = number;
  fiber.index.x = number % blockDim.x;
  fiber.index.y = number / blockDim.x % blockDim.y;
  fiber.index.z = number / (blockDim.x * blockDim.y);
  fiber.ended = false;
  fiber.open_copies.clear();
  fiber.closed_copies.clear();
  uintptr_t top = (reinterpret_cast<uintptr_t>(fiber.stack.get()) + kStackBytes) & ~uintptr_t{15};
  void** stack = reinterpret_cast<void**>(top);
  *--stack = nullptr;  // where fiber_main would return to; it also aligns the stack as a call does
  *--stack = reinterpret_cast<void*>(&fiber_main);
  for (int saved = 0; saved < 6; saved++) {
    *--stack = nullptr;
  }
  fiber.stack_pointer = stack;
}

Fiber* next_ready() {
  std::vector<Fiber*>& ready = the_launch.ready;
  size_t chosen = shuffled ? random_bits() % ready.size() : ready.size() - 1;
  std::swap(ready[chosen], ready.back());
  Fiber* fiber = ready.back();
  ready.pop_back();
  return fiber;
}

/** Which threads wait for which barrier that the others will not reach. */
std::string stuck() {
  std::string text = "no thread can go on: " + std::to_string(the_launch.live) + " live";
  auto add = [&text](const Barrier& barrier) {
    if (!barrier.waiting.empty()) {
      text += ", " + std::to_string(barrier.waiting.size()) + " wait in " +
              describe(barrier.what, barrier.site) + " (the first is thread " +
              describe(barrier.waiting.front()->index) + ")";
    }
  };
  add(the_launch.block);
  for (const Warp& warp : the_launch.warps) {
    add(warp.barrier);
  }
  return text;
}

void run_block() {
  int threads = static_cast<int>(the_launch.fibers.size());
  the_launch.warps.assign((threads + kLanes - 1) / kLanes, Warp{});
  the_launch.block = Barrier{};
  the_launch.ready.clear();
  the_launch.live = threads;
  // Taken from the back when not shuffled: the first thread comes first.
  for (int i = threads - 1; i >= 0; i--) {
    prepare(the_launch.fibers[i], i);
    the_launch.ready.push_back(&the_launch.fibers[i]);
  }
  while (the_launch.live > 0 && the_launch.failure.empty()) {
    if (the_launch.ready.empty()) {
      the_launch.failure = stuck();
    } else {
      switch_to(next_ready());
    }
  }
}

/** Dynamic shared memory of exactly the size asked for, so that a sanitizer sees its end. */
struct SharedMemory {
  explicit SharedMemory(size_t size)
      : bytes(size),
        start(::operator new(size == 0 ? 1 : size, std::align_val_t{kSharedAlignment})) {}
  ~SharedMemory() { ::operator delete(start, std::align_val_t{kSharedAlignment}); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  size_t bytes;
  void* start;
};

}  // namespace

void add_kernel(Kernel* kernel) {
  if (!kernels_by_name().emplace(kernel->name, kernel).second) {
    throw LaunchFailure("two kernels named " + kernel->name);
  }
}

const Kernel* find_kernel(const std::string& name) {
  auto found = kernels_by_name().find(name);
  return found == kernels_by_name().end() ? nullptr : found->second;
}

std::vector<const Kernel*> kernels() {
  std::vector<const Kernel*> all;
  for (const auto& entry : kernels_by_name()) {
    all.push_back(entry.second);
  }
  return all;
}

void set_seed(uint64_t seed) {
  random_bits.seed(seed);
  shuffled = seed != 0;
}

void launch(const Kernel& kernel, dim3 grid, dim3 block, size_t shared_bytes, void** parameters) {
  std::lock_guard<std::mutex> lock(one_launch_at_a_time);
  size_t threads = static_cast<size_t>(block.x) * block.y * block.z;
  if (threads == 0 || threads > 1024 || grid.x == 0 || grid.y == 0 || grid.z == 0 ||
      grid.y > 65535 || grid.z > 65535) {
    throw LaunchFailure("launch of " + kernel.name + ": grid " + describe(grid) + ", block " +
                        describe(block) + " (expected: 1 to 1024 threads and no empty grid)");
  }
  SharedMemory shared(shared_bytes);
  gridDim = grid;
  blockDim = block;
  the_launch.kernel = &kernel;
  the_launch.parameters = parameters;
  the_launch.shared = shared.start;
  the_launch.failure.clear();
  the_launch.fibers.resize(threads);
  for (unsigned z = 0; z < grid.z; z++) {
    for (unsigned y = 0; y < grid.y; y++) {
      for (unsigned x = 0; x < grid.x; x++) {
        blockIdx = {x, y, z};
        std::memset(shared.start, kPoison, shared.bytes);
        run_block();
        if (!the_launch.failure.empty()) {
          the_launch.fibers.clear();
          throw LaunchFailure(kernel.name + ", block " + describe(blockIdx) + ": " +
                              the_launch.failure);
        }
      }
    }
  }
}

void fail(const char* what, const Site& site) {
  the_launch.failure = "thread " + describe(threadIdx) + ": " + describe(what, site);
  abandon();
}

int block_barrier(int addend, const char* what, const Site& site) {
  arrive(the_launch.block, the_launch.live, addend, what, site);
  return the_launch.block.result;
}

const uint64_t* warp_barrier(const uint64_t words[4], const char* what, const Site& site) {
  int number = the_launch.running->number;
  Warp& warp = the_launch.warps[number / kLanes];
  // The barrier's generation is even or odd: the first to arrive turns it over.
  if (warp.barrier.arrived == 0) {
    warp.current ^= 1;
  }
  uint64_t* all = warp.words[warp.current];
  std::memcpy(all + 4 * (number % kLanes), words, 4 * sizeof(uint64_t));
  arrive(warp.barrier, kLanes, 0, what, site);
  return all;
}

void maybe_switch() {
  if (shuffled && random_bits() % 4 == 0) {
    the_launch.ready.push_back(the_launch.running);
    switch_to_scheduler();
  }
}

void* dynamic_shared() { return the_launch.shared; }

void start_copy(void* shared, const void* global) {
  the_launch.running->open_copies.push_back({shared, global});
}

void close_copies() {
  Fiber& self = *the_launch.running;
  self.closed_copies.push_back(std::move(self.open_copies));
  self.open_copies.clear();
}

void finish_copies(int but_latest) {
  auto& groups = the_launch.running->closed_copies;
  while (groups.size() > static_cast<size_t>(but_latest)) {
    for (const Copy& copy : groups.front()) {
      std::memcpy(copy.to, copy.from, 16);
    }
    groups.pop_front();
  }
}

}  // namespace emu
