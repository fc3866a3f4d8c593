// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.weights;

import io.saeflow.kernels.sae.ActivationFunction;
import io.saeflow.kernels.sae.DecoderWeights;
import io.saeflow.kernels.sae.SaeWeights;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.tensorfile.FileDigest;
import io.saeflow.schemas.tensorfile.TensorFileException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A published sparse autoencoder, read from disk.
 *
 * @param weights its encoder, in one form whatever the family
 * @param decoder its decoder, likewise; empty if the file has none
 * @param family {@code openai}, {@code saelens} or {@code sparsify}
 * @param architecture {@code topk}, {@code relu}, {@code jumprelu} or {@code identity}
 * @param sha256 the SHA-256 of each file it was read from, in hexadecimal, by file name
 * @param hook where its input is read, if a file says so
 */
public record SaeFile(
    SaeWeights weights,
    Optional<DecoderWeights> decoder,
    String family,
    String architecture,
    Map<String, String> sha256,
    Optional<HookPoint> hook) {

  /**
   * Reads an autoencoder: a checkpoint of OpenAI's ({@code .pt}), a folder of SAELens' ({@code
   * cfg.json} and {@code sae_weights.safetensors}), one of sparsify's ({@code cfg.json} and {@code
   * sae.safetensors}), or a folder with exactly one {@code .pt}.
   *
   * @throws SaeFileException if it is none of these, is broken, or asks for something that is not
   *     supported; the message is one line and names the file
   */
  public static SaeFile read(Path path) throws SaeFileException {
    try {
      if (Files.isDirectory(path)) {
        if (Files.exists(path.resolve(SaeLensSae.WEIGHTS))) {
          return SaeLensSae.read(path);
        }
        if (Files.exists(path.resolve(SparsifySae.WEIGHTS))) {
          return SparsifySae.read(path);
        }
        return OpenAiSae.read(onlyCheckpoint(path));
      }
      if (!Files.isRegularFile(path)) {
        throw new SaeFileException("%s (expected: a file or a folder)".formatted(path));
      }
      if (path.toString().endsWith(".safetensors")) {
        throw new SaeFileException("%s (expected: the folder that holds it)".formatted(path));
      }
      return OpenAiSae.read(path);
    } catch (TensorFileException e) {
      throw new SaeFileException(String.valueOf(e.getMessage()), e);
    } catch (IOException e) {
      throw new SaeFileException("%s: %s".formatted(path, e), e);
    }
  }

  static SaeFile of(
      SaeWeights weights,
      Optional<DecoderWeights> decoder,
      String family,
      Optional<HookPoint> hook,
      Path... files)
      throws IOException {
    Map<String, String> sha256 = new TreeMap<>();
    for (Path file : files) {
      sha256.put(String.valueOf(file.getFileName()), FileDigest.sha256(file));
    }
    return new SaeFile(
        weights,
        decoder,
        family,
        architecture(weights.activationFunction()),
        Map.copyOf(sha256),
        hook);
  }

  private static Path onlyCheckpoint(Path folder) throws IOException, SaeFileException {
    try (Stream<Path> files = Files.list(folder)) {
      List<Path> checkpoints =
          files.filter(file -> String.valueOf(file.getFileName()).endsWith(".pt")).toList();
      if (checkpoints.size() != 1) {
        throw new SaeFileException(
            "%s: %d .pt files (expected: %s, %s or one .pt)"
                .formatted(folder, checkpoints.size(), SaeLensSae.WEIGHTS, SparsifySae.WEIGHTS));
      }
      return checkpoints.get(0);
    }
  }

  private static String architecture(ActivationFunction function) {
    if (function instanceof ActivationFunction.TopK) {
      return "topk";
    }
    if (function instanceof ActivationFunction.JumpRelu) {
      return "jumprelu";
    }
    return function instanceof ActivationFunction.Relu ? "relu" : "identity";
  }
}
