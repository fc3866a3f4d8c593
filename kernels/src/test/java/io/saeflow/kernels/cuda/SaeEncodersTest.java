// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.saeflow.kernels.device.Device;
import io.saeflow.kernels.device.SaeEncoders;
import io.saeflow.kernels.engine.LibtorchEngine;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.kernels.sae.ActivationFunction;
import io.saeflow.kernels.sae.DecoderCase;
import io.saeflow.kernels.sae.DecoderCase.Numbers;
import io.saeflow.kernels.sae.EncoderMeter;
import io.saeflow.kernels.sae.InputNormalization;
import io.saeflow.kernels.sae.SaeDecoder;
import io.saeflow.kernels.sae.SaeEncoder;
import io.saeflow.kernels.sae.SaeWeights;
import io.saeflow.kernels.sae.SparseLatents;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What a run gets from {@link SaeEncoders} on the processor and on the emulated driver. */
@Tag("emulated-cuda")
class SaeEncodersTest {
  private static final int WIDTH = 48;
  private static final int LATENTS = 300;

  @Test
  void aGpuGivesTheLatentsOfTheProcessor() {
    EmulatedCuda.use();
    SaeWeights weights = weights();
    float[] activations = gaussian(new Random(2), 20 * WIDTH);
    try (TensorEngine engine = LibtorchEngine.open(1);
        SaeEncoders cpu = SaeEncoders.on(new Device.Cpu(), engine);
        SaeEncoders auto = SaeEncoders.on(new Device.Auto(), engine);
        SaeEncoders gpu = SaeEncoders.on(new Device.Cuda(0), engine)) {
      assertThat(auto.description()).startsWith("cuda:0 emulated device 0, ");

      SparseLatents expected = encode(cpu, weights, activations);
      assertThat(encode(gpu, weights, activations)).isEqualTo(expected);
      assertThat(encode(gpu, weights, activations)).isEqualTo(expected);
      assertThat(encode(auto, weights, activations)).isEqualTo(expected);
    }
  }

  @Test
  void aGpuDecodesAsTheProcessorDoes() {
    EmulatedCuda.use();
    DecoderCase.Drawn drawn =
        new DecoderCase(Numbers.ZERO_ROWS, InputNormalization.LAYER_NORM, WIDTH, LATENTS, 20, 8, 3)
            .draw();
    try (TensorEngine engine = LibtorchEngine.open(1);
        SaeEncoders cpu = SaeEncoders.on(new Device.Cpu(), engine);
        SaeEncoders gpu = SaeEncoders.on(new Device.Cuda(0), engine);
        SaeDecoder expected = cpu.createDecoder(drawn.weights());
        SaeDecoder one = gpu.createDecoder(drawn.weights());
        SaeDecoder other = gpu.createDecoder(drawn.weights())) {
      assertThat(one).isInstanceOf(CudaSaeDecoder.class);
      for (SaeDecoder decoder : List.of(one, other)) {
        assertThat(decoder.normalizedErrors(drawn.activations(), drawn.latents()))
            .isEqualTo(expected.normalizedErrors(drawn.activations(), drawn.latents()));
        assertThat(decoder.decode(drawn.activations(), drawn.latents()))
            .isEqualTo(expected.decode(drawn.activations(), drawn.latents()));
      }
    }
  }

  private static SparseLatents encode(SaeEncoders encoders, SaeWeights weights, float[] x) {
    try (SaeEncoder encoder = encoders.createEncoder(weights, new EncoderMeter())) {
      return encoder.encode(x);
    }
  }

  private static SaeWeights weights() {
    Random random = new Random(1);
    return new SaeWeights(
        WIDTH,
        LATENTS,
        InputNormalization.NONE,
        gaussian(random, WIDTH),
        gaussian(random, LATENTS * WIDTH),
        gaussian(random, LATENTS),
        new ActivationFunction.TopK(8));
  }

  private static float[] gaussian(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
