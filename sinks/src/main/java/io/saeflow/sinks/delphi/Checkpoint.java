// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.delphi;

import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.sinks.files.AtomicFile;
import io.saeflow.sinks.files.Durability;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * How far a spool was when it was last saved: a file beside the spool's, replaced as a whole. It
 * begins with what the spool is of and ends with a checksum.
 *
 * @param partitions in their order
 */
record Checkpoint(List<Partition> partitions) {
  private static final int MAGIC = 0x73616531; // "sae1"

  /** More than any run's partitions take. */
  private static final int MOST_BYTES = 64 << 20;

  /**
   * One partition.
   *
   * @param offset of the first message that is not in the spool
   * @param length of the spool's file
   * @param end the last end of the stream that was seen; null if none was
   */
  record Partition(long offset, long length, @Nullable EndOfStream end) {}

  Checkpoint {
    partitions = List.copyOf(partitions);
  }

  /** What must be the same in a process that goes on with a spool. */
  static byte[] identity(RunManifest manifest, SaeManifest sae) {
    return List.of(
            manifest.getRun(),
            manifest.getContextLength(),
            new TreeMap<>(manifest.getModelSha256()),
            sae.getId(),
            sae.getHook(),
            sae.getLatents(),
            sae.getFeatureRanges(),
            new TreeMap<>(sae.getSha256()))
        .toString()
        .getBytes(StandardCharsets.UTF_8);
  }

  /** Replaces the file; when this returns it is on the disk. */
  void write(Path file, byte[] identity) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    out.writeInt(MAGIC);
    out.writeInt(identity.length);
    out.write(identity);
    out.writeInt(partitions.size());
    for (Partition partition : partitions) {
      out.writeLong(partition.offset);
      out.writeLong(partition.length);
      EndOfStream end = partition.end;
      out.writeBoolean(end != null);
      if (end != null) {
        out.writeLong(end.number());
        out.writeLong(end.sequences());
        out.writeLong(end.tokens());
      }
    }
    out.writeLong(checksum(bytes.toByteArray(), bytes.size()));
    AtomicFile.write(file, Durability.FORCED, bytes::writeTo);
  }

  /**
   * Reads the file.
   *
   * @param run of the ends of the stream
   * @return empty if there is none
   * @throws MalformedMessageException if it is damaged, or of something else than {@code identity}
   */
  static Optional<Checkpoint> read(Path file, byte[] identity, String run)
      throws IOException, MalformedMessageException {
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    byte[] bytes;
    try (InputStream in = Files.newInputStream(file)) {
      bytes = in.readNBytes(MOST_BYTES);
    }
    int checked = bytes.length - Long.BYTES;
    if (checked < 0) {
      throw damaged(file);
    }
    DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes));
    try {
      int magic = in.readInt();
      byte[] found = in.readNBytes(Math.max(0, in.readInt()));
      if (magic != MAGIC || checksum(bytes, checked) != lastLong(bytes)) {
        throw damaged(file);
      }
      if (!Arrays.equals(found, identity)) {
        throw new MalformedMessageException(
            "%s: of %s (expected: of %s)".formatted(file, text(found), text(identity)));
      }
      int count = in.readInt();
      List<Partition> partitions = new ArrayList<>();
      for (int p = 0; p < count; p++) {
        long offset = in.readLong();
        long length = in.readLong();
        EndOfStream end =
            in.readBoolean()
                ? new EndOfStream(run, in.readLong(), in.readLong(), in.readLong())
                : null;
        partitions.add(new Partition(offset, length, end));
      }
      return Optional.of(new Checkpoint(partitions));
    } catch (IOException | IllegalArgumentException e) {
      throw new MalformedMessageException(damaged(file).getMessage(), e);
    }
  }

  private static MalformedMessageException damaged(Path file) {
    return new MalformedMessageException(file + ": damaged (expected: as it was saved)");
  }

  private static String text(byte[] identity) {
    return new String(identity, StandardCharsets.UTF_8);
  }

  private static long checksum(byte[] bytes, int length) {
    CRC32C checksum = new CRC32C();
    checksum.update(bytes, 0, length);
    return checksum.getValue();
  }

  private static long lastLong(byte[] bytes) {
    return ByteBuffer.wrap(bytes).getLong(bytes.length - Long.BYTES);
  }
}
