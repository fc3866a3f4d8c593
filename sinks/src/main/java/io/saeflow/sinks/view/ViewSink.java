// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import io.saeflow.schemas.feature.EncodingStatistics;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.sinks.files.AtomicFile;
import io.saeflow.sinks.files.OutputFolder;
import io.saeflow.sinks.records.FeatureVersions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.BitSet;

/**
 * Appends every version of every record to {@code view/<sae id>.records}: frames of the number of
 * bytes, as a big-endian int32, and the record's bytes as they were on the topic.
 *
 * <p>A frame is handed to the operating system at once, so who tails the file sees it. The file is
 * replaced when this opens, because the topic is then read from its beginning.
 */
public final class ViewSink implements FeatureVersions {
  /** Of a record with some dozens of examples. */
  private static final int USUAL_BYTES = 1 << 16;

  private final Path file;
  private final FileChannel channel;
  private final BitSet alive;
  private final BitSet dead;
  private final BitSet dense;

  /** Outside of the heap, from where the system takes it without another copy. */
  private ByteBuffer frame = ByteBuffer.allocateDirect(USUAL_BYTES);

  private volatile EncodingStatistics statistics = EncodingStatistics.NONE;
  private volatile FeatureCounts counts = new FeatureCounts(0, 0, 0);

  /**
   * @param sae the autoencoder's id
   * @throws IllegalArgumentException if it cannot be a file's name
   */
  public ViewSink(OutputFolder out, String sae, int latents) throws IOException {
    file = out.resolve(ViewFiles.records(sae));
    Files.createDirectories(file.resolveSibling("."));
    // A new file, not an emptied one: who has the old one open can tell, however long the new one
    // has become.
    Files.deleteIfExists(file);
    channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    alive = new BitSet(latents);
    dead = new BitSet(latents);
    dense = new BitSet(latents);
  }

  @Override
  public void add(FeatureRecord record, byte[] encoded) throws IOException {
    if (Integer.BYTES + encoded.length > frame.capacity()) {
      frame = ByteBuffer.allocateDirect(2 * (Integer.BYTES + encoded.length));
    }
    frame.clear().putInt(encoded.length).put(encoded).flip();
    try {
      while (frame.hasRemaining()) {
        channel.write(frame);
      }
    } catch (IOException e) {
      throw AtomicFile.notWritten(file, e);
    }
    count(record);
    statistics = statistics.latest(EncodingStatistics.of(record));
  }

  /** What the features are by their latest records. May be called from any thread. */
  public FeatureCounts counts() {
    return counts;
  }

  /** What encoding has come to. May be called from any thread. */
  EncodingStatistics statistics() {
    return statistics;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }

  private void count(FeatureRecord record) {
    FeatureCounts before = counts;
    int latent = record.getLatent();
    counts =
        new FeatureCounts(
            before.alive() + change(alive, latent, record.getActive() > 0),
            before.dead()
                + change(
                    dead, latent, FeatureCounts.isDead(record.getTokens(), record.getActive())),
            before.dense()
                + change(
                    dense, latent, FeatureCounts.isDense(record.getTokens(), record.getActive())));
  }

  private static int change(BitSet members, int latent, boolean is) {
    boolean was = members.get(latent);
    members.set(latent, is);
    return Boolean.compare(is, was);
  }
}
