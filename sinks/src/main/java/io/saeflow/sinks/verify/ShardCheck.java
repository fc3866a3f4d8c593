// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.verify;

import static io.saeflow.sinks.verify.UnsoundFileException.require;

import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.tensorfile.Dtype;
import io.saeflow.schemas.tensorfile.Safetensors;
import io.saeflow.schemas.tensorfile.TensorFileException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The shards of one autoencoder's latent cache, and their config.json. Memory is bounded. */
final class ShardCheck {
  static final String CONFIG = "config.json";

  private static final Set<String> TENSORS = Set.of("tokens", "locations", "activations");
  private static final Set<String> CONFIG_FIELDS =
      Set.of(
          "dataset_repo",
          "dataset_split",
          "dataset_name",
          "dataset_column",
          "batch_size",
          "ctx_len",
          "cache_ctx_len",
          "n_tokens",
          "n_splits",
          "model_name");
  private static final int CHUNK_BYTES = 3 << 18;
  private static final int LARGEST_U16 = 0xffff;
  private static final int F16_INFINITY = 0x7c00;
  private static final int F16_MAGNITUDE = 0x7fff;

  private final RunManifest manifest;
  private final SaeManifest sae;
  private final long sequences;
  private final int contextLength;
  private final ByteBuffer buffer = ByteBuffer.allocate(CHUNK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
  private byte @Nullable [] tokens;

  ShardCheck(RunManifest manifest, SaeManifest sae) {
    this.manifest = manifest;
    this.sae = sae;
    this.sequences = manifest.getTotals().getSequences();
    this.contextLength = manifest.getContextLength();
  }

  /** The range whose shard is called so; null if none is. */
  @Nullable FeatureRange range(String name) {
    int from = Names.canonicalInt(name.substring(0, Math.max(0, name.indexOf('_'))));
    if (from < 0 || from >= sae.getLatents()) {
      return null;
    }
    FeatureRange range = FeatureRange.of(from, sae.getFeatureRanges(), sae.getLatents());
    return name.equals("%d_%d.safetensors".formatted(range.from(), range.to() - 1)) ? range : null;
  }

  void checkConfig(byte[] bytes) throws UnsoundFileException {
    JsonFields config = JsonFields.of("", JsonFields.parse(bytes), CONFIG_FIELDS);
    requireNumber(config, "batch_size", manifest.getBatchSize());
    requireNumber(config, "ctx_len", contextLength);
    requireNumber(config, "cache_ctx_len", contextLength);
    requireNumber(config, "n_tokens", manifest.getTotals().getTokens());
    requireNumber(config, "n_splits", sae.getFeatureRanges());
    require(
        config.text("model_name").equals(manifest.getSubject()),
        "model_name '%s' (expected: '%s')",
        config.text("model_name"),
        manifest.getSubject());
  }

  void checkShard(Path file, FeatureRange range, FeatureFacts facts) throws UnsoundFileException {
    try (Safetensors shard = Safetensors.open(file)) {
      require(
          shard.names().equals(TENSORS),
          "tensors %s (expected: tokens, locations, activations)",
          shard.names());
      requireTensor(shard, "tokens", Dtype.I64, List.of(sequences, (long) contextLength));
      long entries = shard.shape("activations").stream().findFirst().orElse(-1L);
      requireTensor(shard, "activations", Dtype.F16, List.of(entries));
      Dtype coordinate = shard.dtype("locations");
      require(
          coordinate == Dtype.U16 || coordinate == Dtype.U32,
          "locations: dtype %s (expected: U16 or U32)",
          coordinate);
      requireTensor(shard, "locations", coordinate, List.of(entries, 3L));
      requireTokens(shard);
      long[] active = new Entries(shard, coordinate, entries, range).count();
      for (int i = 0; i < active.length; i++) {
        facts.active(range.from() + i, active[i]);
      }
    } catch (TensorFileException e) {
      // It names the file already, as we do.
      String named = file.getFileName() + ": ";
      String message = String.valueOf(e.getMessage());
      throw new UnsoundFileException(
          message.startsWith(named) ? message.substring(named.length()) : message);
    }
  }

  private static void requireNumber(JsonFields config, String field, long expected)
      throws UnsoundFileException {
    require(
        config.integer(field) == expected,
        "%s %s (expected: %d, as manifest.json says)",
        field,
        config.get(field),
        expected);
  }

  private static void requireTensor(Safetensors shard, String name, Dtype dtype, List<Long> shape)
      throws TensorFileException, UnsoundFileException {
    require(
        shard.dtype(name) == dtype && shard.shape(name).equals(shape),
        "%s: %s %s (expected: %s %s)",
        name,
        shard.dtype(name),
        shard.shape(name),
        dtype,
        shape);
  }

  /** Every shard repeats the same matrix. */
  private void requireTokens(Safetensors shard) throws TensorFileException, UnsoundFileException {
    MessageDigest digest = RunVerification.sha256();
    long left = sequences * contextLength * Long.BYTES;
    for (long at = 0; left > 0; at += buffer.limit()) {
      buffer.clear().limit((int) Math.min(CHUNK_BYTES, left));
      shard.read("tokens", at, buffer);
      left -= buffer.limit();
      for (int i = 0; i < buffer.limit(); i += Long.BYTES) {
        long token = buffer.getLong(i);
        require(
            token >= 0 && token <= Integer.MAX_VALUE,
            "tokens: %d in sequence %d (expected: a token id)",
            token,
            (at + i) / Long.BYTES / contextLength);
      }
      digest.update(buffer);
    }
    byte[] found = digest.digest();
    require(
        tokens == null || Arrays.equals(tokens, found),
        "tokens: SHA-256 %s (expected: %s, as in the first shard)",
        HexFormat.of().formatHex(found),
        tokens == null ? "" : HexFormat.of().formatHex(tokens));
    tokens = found;
  }

  /** One shard's entries. */
  private final class Entries {
    private final Safetensors shard;
    private final Dtype coordinate;
    private final long entries;
    private final FeatureRange range;
    private final ByteBuffer values =
        ByteBuffer.allocate(CHUNK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    private final long[] active;
    private long row = -1;
    private long position;
    private long latent;
    private long largest;

    Entries(Safetensors shard, Dtype coordinate, long entries, FeatureRange range) {
      this.shard = shard;
      this.coordinate = coordinate;
      this.entries = entries;
      this.range = range;
      this.active = new long[range.size()];
    }

    /** Checks them all; how many are above zero, by latent in the range. */
    long[] count() throws TensorFileException, UnsoundFileException {
      int bytes = 3 * coordinate.bytes();
      int most = CHUNK_BYTES / bytes;
      for (long first = 0; first < entries; first += most) {
        int count = (int) Math.min(most, entries - first);
        shard.read("locations", first * bytes, buffer.clear().limit(count * bytes));
        shard.read("activations", first * Short.BYTES, values.clear().limit(count * Short.BYTES));
        for (int i = 0; i < count; i++) {
          take(first + i, i * bytes, values.getShort(i * Short.BYTES));
        }
      }
      require(
          coordinate == Dtype.U16 || largest > LARGEST_U16,
          "locations: U32 for at most %d (expected: U16)",
          largest);
      return active;
    }

    private void take(long entry, int at, short value) throws UnsoundFileException {
      long nextRow = coordinate(at);
      long nextPosition = coordinate(at + coordinate.bytes());
      long nextLatent = coordinate(at + 2 * coordinate.bytes());
      // One test for each: there are many millions, and the message is not made for the good.
      if (nextRow >= sequences || nextPosition >= contextLength || nextLatent >= range.size()) {
        throw new UnsoundFileException(
            "entry %d: sequence %d, position %d, latent %d (expected: below %d, %d, %d)"
                .formatted(
                    entry,
                    nextRow,
                    nextPosition,
                    nextLatent,
                    sequences,
                    contextLength,
                    range.size()));
      }
      boolean ascending =
          nextRow != row
              ? nextRow > row
              : nextPosition != position ? nextPosition > position : nextLatent > latent;
      if (!ascending) {
        throw new UnsoundFileException(
            "entry %d: sequence %d, position %d, latent %d after %d, %d, %d (expected: ascending)"
                .formatted(entry, nextRow, nextPosition, nextLatent, row, position, latent));
      }
      if ((value & F16_MAGNITUDE) >= F16_INFINITY) {
        throw new UnsoundFileException(
            "entry %d: an infinite value or none (expected: finite)".formatted(entry));
      }
      row = nextRow;
      position = nextPosition;
      latent = nextLatent;
      largest = Math.max(largest, Math.max(row, Math.max(position, latent)));
      // The sign outlives rounding to float16, even to zero.
      if (value >= 0) {
        active[(int) latent]++;
      }
    }

    private long coordinate(int at) {
      return coordinate == Dtype.U16
          ? Short.toUnsignedLong(buffer.getShort(at))
          : Integer.toUnsignedLong(buffer.getInt(at));
    }
  }
}
