// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import jcuda.NativePointerObject;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import org.jspecify.annotations.Nullable;

/**
 * A kernel's arguments, set in order of its parameters. They can be launched any number of times;
 * {@link #change} costs no garbage in between.
 */
final class KernelArguments {
  private final Kernel kernel;
  private final NativePointerObject[] pointers;

  /** The int of each argument that is one. */
  private final int[][] numbers;

  private int count;
  private @Nullable Pointer built;

  KernelArguments(Kernel kernel) {
    this.kernel = kernel;
    this.pointers = new NativePointerObject[kernel.parameters().size()];
    this.numbers = new int[kernel.parameters().size()][];
  }

  KernelArguments pointer(DeviceMemory memory) {
    return add(Kernel.Parameter.POINTER, Pointer.to(memory.pointer()));
  }

  KernelArguments pointerOrNull(@Nullable DeviceMemory memory) {
    return memory == null ? nullPointer() : pointer(memory);
  }

  KernelArguments nullPointer() {
    return add(Kernel.Parameter.POINTER, Pointer.to(new CUdeviceptr()));
  }

  KernelArguments number(int value) {
    int[] number = {value};
    add(Kernel.Parameter.INT, Pointer.to(number));
    numbers[count - 1] = number;
    return this;
  }

  KernelArguments number(long value) {
    return add(Kernel.Parameter.LONG, Pointer.to(new long[] {value}));
  }

  KernelArguments number(float value) {
    return add(Kernel.Parameter.FLOAT, Pointer.to(new float[] {value}));
  }

  /** Gives the int parameter of this index another value for the launches that follow. */
  void change(int index, int value) {
    if (index >= count || numbers[index] == null) {
      throw new IllegalArgumentException(
          "parameter %d of %s (expected: one that is an int)".formatted(index, kernel.entry()));
    }
    numbers[index][0] = value;
  }

  Kernel kernel() {
    return kernel;
  }

  Pointer parameters() {
    if (count != pointers.length) {
      throw new IllegalStateException(
          "%s: %d arguments (expected: %d)".formatted(kernel.entry(), count, pointers.length));
    }
    if (built == null) {
      built = Pointer.to(pointers);
    }
    return built;
  }

  private KernelArguments add(Kernel.Parameter type, Pointer value) {
    if (count == pointers.length || kernel.parameters().get(count) != type) {
      throw new IllegalArgumentException(
          "argument %d of %s: %s (expected: %s)"
              .formatted(
                  count,
                  kernel.entry(),
                  type,
                  count == pointers.length ? "no more" : kernel.parameters().get(count)));
    }
    pointers[count++] = value;
    return this;
  }
}
