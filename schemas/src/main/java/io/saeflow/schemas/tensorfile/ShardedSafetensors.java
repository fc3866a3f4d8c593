// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.tensorfile;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * One set of tensors over several safetensors files, joined by a {@code
 * model.safetensors.index.json}. The files lie in the index's own folder: a name that leads
 * anywhere else is refused, but for the links of a Hugging Face cache, from {@code
 * snapshots/<revision>} to the {@code blobs} beside {@code snapshots}.
 */
public final class ShardedSafetensors implements TensorFile {
  private static final long MAX_INDEX = 100_000_000;
  private static final Pattern PLAIN_NAME = Pattern.compile("(?!\\.)[^/\\\\:\\p{Cntrl}]{1,255}");
  private static final JsonMapper JSON =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(8).build())
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .build())
          .build();

  private final String index;
  private final Map<String, Safetensors> shards;
  private final Map<String, Safetensors> fileOf = new LinkedHashMap<>();

  private ShardedSafetensors(String index, Map<String, Safetensors> shards) {
    this.index = index;
    this.shards = shards;
  }

  /**
   * Opens every file that the index names.
   *
   * @param index the index file
   * @throws TensorFileException if the index or a file is broken, a name leads out of the folder,
   *     or a file lacks a tensor that the index places in it
   */
  public static ShardedSafetensors open(Path index) throws TensorFileException {
    String name = String.valueOf(index.getFileName());
    ShardedSafetensors sharded = new ShardedSafetensors(name, new HashMap<>());
    try {
      sharded.openShards(index);
      return sharded;
    } catch (IOException | InvalidPathException e) {
      sharded.close();
      throw new TensorFileException("%s: %s".formatted(name, firstLine(e)), e);
    } catch (TensorFileException e) {
      sharded.close();
      throw e;
    }
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(fileOf.keySet());
  }

  @Override
  public List<Long> shape(String name) throws TensorFileException {
    return file(name).shape(name);
  }

  @Override
  public float[] floats(String name) throws TensorFileException {
    return file(name).floats(name);
  }

  @Override
  public void close() {
    shards.values().forEach(Safetensors::close);
  }

  private void openShards(Path path) throws IOException, TensorFileException {
    long size = Files.size(path);
    if (size > MAX_INDEX) {
      throw problem("%d bytes (expected: at most %d)".formatted(size, MAX_INDEX));
    }
    JsonNode weightMap = JSON.readTree(path.toFile()).path("weight_map");
    if (!weightMap.isObject()) {
      throw problem("weight_map: %s (expected: an object)".formatted(weightMap.getNodeType()));
    }
    for (Map.Entry<String, JsonNode> entry : weightMap.properties()) {
      Safetensors shard = shard(path, entry.getKey(), entry.getValue());
      if (!shard.names().contains(entry.getKey())) {
        throw problem(
            "tensor '%s' (expected: in %s)".formatted(entry.getKey(), entry.getValue().asText()));
      }
      fileOf.put(entry.getKey(), shard);
    }
  }

  private Safetensors shard(Path path, String tensor, JsonNode file)
      throws IOException, TensorFileException {
    if (!file.isTextual() || !PLAIN_NAME.matcher(file.textValue()).matches()) {
      throw problem(
          "tensor '%s': file %s (expected: a file's name, inside the index's folder)"
              .formatted(tensor, file));
    }
    Safetensors open = shards.get(file.textValue());
    if (open == null) {
      Path folder = path.toAbsolutePath().getParent().toRealPath();
      Path shard = folder.resolve(file.textValue());
      if (Files.exists(shard) && !isInside(folder, shard.toRealPath())) {
        throw problem(
            "tensor '%s': file %s is a link out of the folder (expected: a file inside it)"
                .formatted(tensor, file));
      }
      open = Safetensors.open(shard);
      shards.put(file.textValue(), open);
    }
    return open;
  }

  private static boolean isInside(Path folder, Path file) {
    Path snapshots = folder.getParent();
    return file.startsWith(folder)
        || (snapshots != null
            && snapshots.endsWith("snapshots")
            && file.startsWith(snapshots.resolveSibling("blobs")));
  }

  private Safetensors file(String name) throws TensorFileException {
    Safetensors file = fileOf.get(name);
    if (file == null) {
      throw TensorFileException.noTensor(index, name, fileOf.keySet());
    }
    return file;
  }

  private TensorFileException problem(String message) {
    return new TensorFileException(index + ": " + message);
  }

  private static String firstLine(Exception e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse("unreadable");
  }
}
