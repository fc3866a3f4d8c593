// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Memory, launches and the device's thread, on the emulated driver. */
@Tag("emulated-cuda")
class CudaDeviceTest {
  private CudaDevice device;

  @BeforeEach
  void open() {
    EmulatedCuda.use();
    device = CudaDevice.open(CudaProbe.probe().devices().get(0));
  }

  @AfterEach
  void close() {
    device.close();
  }

  @Test
  void bytesComeBackAsTheyWere() {
    byte[] bytes = {1, 2, 3, -4, 5, 6, 7};

    byte[] back = device.call(() -> roundTrip(bytes));

    assertThat(back).isEqualTo(bytes);
    assertThat(device.liveAllocations()).isZero();
  }

  @Test
  void fillingStopsWhereItShould() {
    byte[] back =
        device.call(
            () -> {
              try (DeviceMemory memory = new DeviceMemory(device, 4);
                  PinnedMemory host = new PinnedMemory(device, 4)) {
                device.fill(memory, (byte) 1, 4);
                device.fill(memory, (byte) 2, 3);
                device.copy(memory, host, 4);
                device.synchronize();
                return read(host);
              }
            });

    assertThat(back).isEqualTo(new byte[] {2, 2, 2, 1});
  }

  @Test
  void aCopyMayBeginLater() {
    byte[] back =
        device.call(
            () -> {
              try (DeviceMemory memory = new DeviceMemory(device, 4);
                  PinnedMemory host = new PinnedMemory(device, 4)) {
                host.buffer().put(new byte[] {5, 6, 7, 8});
                device.fill(memory, (byte) 1, 4);
                device.copy(host, memory, 2, 2);
                device.copy(memory, host, 4);
                device.synchronize();
                return read(host);
              }
            });

    assertThat(back).isEqualTo(new byte[] {1, 1, 5, 6});
  }

  @Test
  void otherThreadsHaveNoAccess() {
    assertThatThrownBy(() -> new DeviceMemory(device, 4))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("expected: that of cuda:0");
  }

  @Test
  void theDevicesThreadDoesNotWaitForItself() {
    assertThatThrownBy(() -> device.call(() -> device.call(() -> 1)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("call: on the device's thread");
  }

  @Test
  void tooMuchMemoryIsRefusedAndTheDeviceGoesOn() {
    assertThatThrownBy(() -> device.call(() -> new DeviceMemory(device, 1L << 40)))
        .isInstanceOf(CudaException.class)
        .isNotInstanceOf(CudaFatalException.class)
        .hasMessageContaining("1099511627776 bytes of memory of cuda:0");

    assertThat(device.liveAllocations()).isZero();
    assertThat(SelfTest.passes(device)).isTrue();
  }

  @Test
  void aCopyPastTheEndIsRefused() {
    assertThatThrownBy(
            () ->
                device.call(
                    () -> {
                      try (DeviceMemory memory = new DeviceMemory(device, 4);
                          PinnedMemory host = new PinnedMemory(device, 8)) {
                        device.copy(host, memory, 8);
                        return 0;
                      }
                    }))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("bytes: 8 (expected: at most 4)");
    assertThat(device.liveAllocations()).isZero();
  }

  @Test
  void closedMemoryIsNotUsed() {
    assertThatThrownBy(
            () ->
                device.call(
                    () -> {
                      DeviceMemory memory = new DeviceMemory(device, 4);
                      memory.close();
                      memory.close();
                      return memory.pointer();
                    }))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
  }

  @Test
  void memoryLeftOpenIsNoticed() {
    CudaDevice leaking = CudaDevice.open(device.info());
    leaking.call(() -> new DeviceMemory(leaking, 4));

    assertThatThrownBy(leaking::close)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("open memory on cuda:0: 1 pieces (expected: none when it is closed)");
  }

  @Test
  void argumentsMustFitTheParameters() {
    assertThatThrownBy(() -> new KernelArguments(Kernel.DENSE_CANON).number(1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("argument 0 of dense_canon: INT (expected: POINTER)");
    assertThatThrownBy(() -> new KernelArguments(Kernel.DENSE_CANON).nullPointer().parameters())
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("dense_canon: 1 arguments (expected: 9)");
    assertThatThrownBy(() -> new KernelArguments(Kernel.DENSE_CANON).nullPointer().change(0, 1))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void theCallersExceptionsAreTheWorks() {
    IllegalStateException thrown = new IllegalStateException("mine");

    assertThatThrownBy(
            () ->
                device.call(
                    () -> {
                      throw thrown;
                    }))
        .isSameAs(thrown);
  }

  private byte[] roundTrip(byte[] bytes) {
    try (DeviceMemory memory = new DeviceMemory(device, bytes.length);
        PinnedMemory there = new PinnedMemory(device, bytes.length);
        PinnedMemory back = new PinnedMemory(device, bytes.length)) {
      there.buffer().put(bytes);
      device.copy(there, memory, bytes.length);
      device.copy(memory, back, bytes.length);
      device.synchronize();
      return read(back);
    }
  }

  private static byte[] read(PinnedMemory memory) {
    ByteBuffer buffer = memory.buffer();
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    return bytes;
  }
}
