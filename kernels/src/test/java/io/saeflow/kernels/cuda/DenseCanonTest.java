// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.kernels.sae.ActivationFunction;
import io.saeflow.kernels.sae.InputNormalization;
import io.saeflow.kernels.sae.ReferencePreActivations;
import io.saeflow.kernels.sae.SaeWeights;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code dense_canon} against the Java reference, bit by bit, on the emulated driver. */
@Tag("emulated-cuda")
class DenseCanonTest {
  private static final int THREADS = 128;

  @RegisterExtension static final DeviceUnderTest GPU = DeviceUnderTest.emulated();

  @ParameterizedTest
  @ValueSource(ints = {1, 31, 32, 33, 64, 100, 257})
  void hasTheReferencesBits(int width) {
    Random random = new Random(width);
    int tokens = 5;
    int latents = 13;
    float[] x = gaussian(random, tokens * width, 1f);
    SaeWeights weights = weights(width, latents, random, 1f);

    assertThat(denseCanon(x, tokens, weights)).isEqualTo(reference(x, weights));
  }

  @Test
  void keepsSubnormalsAndSigns() {
    Random random = new Random(7);
    int width = 40;
    float[] x = gaussian(random, 3 * width, 0x1p-70f);
    Arrays.fill(x, 0, width, -0f);
    SaeWeights weights = weights(width, 9, random, 0x1p-70f);
    Arrays.fill(weights.latentBias(), -0f);

    float[] bits = ReferencePreActivations.of(x, weights);
    assertThat(bits[0]).isEqualTo(0f);
    assertThat(Math.abs(bits[20])).isBetween(Float.MIN_VALUE, Float.MIN_NORMAL);
    assertThat(denseCanon(x, 3, weights)).isEqualTo(reference(x, weights));
  }

  private static int[] denseCanon(float[] x, int tokens, SaeWeights weights) {
    int pairs = tokens * weights.latents();
    CudaDevice device = GPU.device();
    return device.call(
        () -> {
          try (MemoryScope memory = new MemoryScope(device)) {
            DeviceMemory onDevice = memory.upload(x);
            DeviceMemory encoder = memory.upload(weights.encoderWeights());
            DeviceMemory bias = memory.upload(weights.latentBias());
            DeviceMemory out = memory.device(pairs, Float.BYTES);
            PinnedMemory back = memory.pinned(pairs, Float.BYTES);
            KernelArguments arguments =
                new KernelArguments(Kernel.DENSE_CANON)
                    .pointer(onDevice)
                    .pointer(encoder)
                    .pointer(bias)
                    .nullPointer()
                    .number(tokens)
                    .number(weights.width())
                    .number(0)
                    .number(weights.latents())
                    .pointer(out);
            device.launch(arguments, (pairs * 32 + THREADS - 1) / THREADS, THREADS, 0);
            device.copy(out, back, out.bytes());
            device.synchronize();
            int[] bits = new int[pairs];
            back.buffer().asIntBuffer().get(bits);
            return bits;
          }
        });
  }

  private static int[] reference(float[] x, SaeWeights weights) {
    FloatBuffer values = FloatBuffer.wrap(ReferencePreActivations.of(x, weights));
    int[] bits = new int[values.remaining()];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(values.get(i));
    }
    return bits;
  }

  private static SaeWeights weights(int width, int latents, Random random, float scale) {
    return new SaeWeights(
        width,
        latents,
        InputNormalization.NONE,
        new float[width],
        gaussian(random, latents * width, scale),
        gaussian(random, latents, 1f),
        new ActivationFunction.Identity());
  }

  private static float[] gaussian(Random random, int count, float scale) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian() * scale;
    }
    return values;
  }
}
