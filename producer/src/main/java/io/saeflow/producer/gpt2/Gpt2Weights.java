// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.gpt2;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.saeflow.schemas.tensorfile.Safetensors;
import io.saeflow.schemas.tensorfile.ShardedSafetensors;
import io.saeflow.schemas.tensorfile.TensorFile;
import io.saeflow.schemas.tensorfile.TensorFileException;
import io.saeflow.schemas.tensorfile.TorchCheckpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * A GPT-2's weights in a Hugging Face directory, by the names of the checkpoint without a prefix.
 *
 * <p>The causal masks that older checkpoints carry, and the output matrix, which is the input's,
 * are never asked for.
 */
final class Gpt2Weights implements AutoCloseable {
  private static final String PREFIX = "transformer.";
  private static final String INDEX_SUFFIX = ".index.json";

  private final Path source;
  private final TensorFile file;
  private final String prefix;
  private final WritingWeights writing;

  private Gpt2Weights(Path source, TensorFile file, String prefix, WritingWeights writing) {
    this.source = source;
    this.file = file;
    this.prefix = prefix;
    this.writing = writing;
  }

  /**
   * Opens the first of {@code model.safetensors}, {@code model.safetensors.index.json} and {@code
   * pytorch_model.bin} that is there.
   */
  static Gpt2Weights open(Path directory, WritingWeights writing) throws ModelException {
    Path source = find(directory);
    try {
      TensorFile file = openFile(source);
      String prefix = file.names().contains(PREFIX + "wte.weight") ? PREFIX : "";
      return new Gpt2Weights(source, file, prefix, writing);
    } catch (TensorFileException e) {
      throw new ModelException(e.getMessage(), e);
    }
  }

  /**
   * The files that hold the weights in {@code directory}; for a sharded model its index and its
   * shards.
   */
  static List<Path> files(Path directory) throws ModelException {
    Path source = find(directory);
    if (!source.toString().endsWith(INDEX_SUFFIX)) {
      return List.of(source);
    }
    try {
      Set<String> shards = new TreeSet<>();
      new ObjectMapper()
          .readTree(source.toFile())
          .path("weight_map")
          .forEach(shard -> shards.add(shard.asText()));
      List<Path> files = new ArrayList<>(List.of(source));
      shards.forEach(shard -> files.add(source.resolveSibling(shard)));
      return files;
    } catch (IOException e) {
      throw new ModelException("%s: cannot be read: %s".formatted(source, e), e);
    }
  }

  private static Path find(Path directory) throws ModelException {
    for (String name :
        List.of("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")) {
      Path file = directory.resolve(name);
      if (Files.isRegularFile(file)) {
        return file;
      }
    }
    throw new ModelException(
        "%s: no weights (expected: model.safetensors, model.safetensors.index.json or pytorch_model.bin)"
            .formatted(directory));
  }

  /**
   * One tensor, row-major.
   *
   * @throws ModelException if it is missing, of another shape, or cannot be read
   */
  float[] read(String name, long... shape) throws ModelException {
    String stored = prefix + name;
    if (!file.names().contains(stored)) {
      throw new ModelException("%s: no tensor %s".formatted(source, stored));
    }
    try {
      List<Long> expected = Arrays.stream(shape).boxed().toList();
      if (!file.shape(stored).equals(expected)) {
        throw new ModelException(
            "%s: %s: %s (expected: %s)".formatted(source, stored, file.shape(stored), expected));
      }
      float[] values = file.floats(stored);
      if (writing == WritingWeights.CENTRED && writesIntoResidualStream(name)) {
        centre(values, Math.toIntExact(shape[shape.length - 1]));
      }
      return values;
    } catch (TensorFileException e) {
      throw new ModelException(e.getMessage(), e);
    }
  }

  @Override
  public void close() {
    file.close();
  }

  private static TensorFile openFile(Path source) throws TensorFileException {
    String name = source.getFileName().toString();
    if (name.endsWith(INDEX_SUFFIX)) {
      return ShardedSafetensors.open(source);
    }
    return name.endsWith(".bin") ? TorchCheckpoint.open(source) : Safetensors.open(source);
  }

  private static boolean writesIntoResidualStream(String name) {
    return name.equals("wte.weight") || name.equals("wpe.weight") || name.contains(".c_proj.");
  }

  /** Subtracts from each row of {@code width} values its mean. */
  private static void centre(float[] values, int width) {
    for (int row = 0; row < values.length; row += width) {
      double sum = 0;
      for (int i = 0; i < width; i++) {
        sum += values[row + i];
      }
      double mean = sum / width;
      for (int i = 0; i < width; i++) {
        values[row + i] = (float) (values[row + i] - mean);
      }
    }
  }
}
