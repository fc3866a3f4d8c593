// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.sae;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * Weights, activations and the latents they make, as src/test/golden/golden.py wrote them. Every
 * encoder reads the same files: in Java, under emulation and on a device.
 */
public record GoldenFile(
    String name, SaeWeights weights, float[] activations, SparseLatents latents) {
  private static final int MAGIC = 0x5AEF0001;

  /** All of them. */
  public static List<GoldenFile> all() {
    URL folder = Objects.requireNonNull(GoldenFile.class.getResource("/golden"));
    try (Stream<Path> files = Files.list(Path.of(folder.toURI()))) {
      return files.sorted().map(GoldenFile::read).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static GoldenFile read(Path file) {
    ByteBuffer in;
    try {
      in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    int magic = in.getInt();
    boolean layerNorm = in.getInt() != 0;
    int function = in.getInt();
    int k = in.getInt();
    int width = in.getInt();
    int latents = in.getInt();
    int tokens = in.getInt();
    int nonFiniteTokens = in.getInt();
    int entries = in.getInt();
    float[] inputBias = floats(in, width);
    float[] encoderWeights = floats(in, latents * width);
    float[] latentBias = floats(in, latents);
    float[] thresholds = floats(in, latents);
    float[] activations = floats(in, tokens * width);
    SparseLatents expected =
        new SparseLatents(
            nonFiniteTokens, ints(in, tokens + 1), ints(in, entries), floats(in, entries));
    if (magic != MAGIC || in.hasRemaining()) {
      throw new IllegalStateException("%s is not a golden file".formatted(file));
    }
    SaeWeights weights =
        new SaeWeights(
            width,
            latents,
            layerNorm ? InputNormalization.LAYER_NORM : InputNormalization.NONE,
            inputBias,
            encoderWeights,
            latentBias,
            switch (function) {
              case 0 -> new ActivationFunction.TopK(k);
              case 1 -> new ActivationFunction.Relu();
              case 2 -> new ActivationFunction.JumpRelu(thresholds);
              default -> throw new IllegalStateException("function %d".formatted(function));
            });
    return new GoldenFile(file.getFileName().toString(), weights, activations, expected);
  }

  private static int[] ints(ByteBuffer in, int count) {
    int[] values = new int[count];
    for (int i = 0; i < count; i++) {
      values[i] = in.getInt();
    }
    return values;
  }

  private static float[] floats(ByteBuffer in, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = Float.intBitsToFloat(in.getInt());
    }
    return values;
  }

  @Override
  public String toString() {
    return name;
  }
}
