// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.delphi;

import io.saeflow.schemas.Topics;
import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.FeatureRange;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.LatentMessage;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.sinks.files.AtomicFile;
import io.saeflow.sinks.files.Durability;
import io.saeflow.sinks.files.OutputFolder;
import io.saeflow.sinks.topic.DurableContents;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes one autoencoder's latents as {@code <from>_<last>.safetensors}, one shard for each
 * partition, and {@code config.json} after the last shard, into the {@link #folder} of its hook
 * point. When text has been appended, they are written anew at the next end of the stream.
 *
 * <p>Every non-zero latent is kept, rounded to float16; one beyond its range becomes the largest
 * finite value of its sign, and is counted. Batches may come in any order, and again. They are kept
 * in {@code .spool} below the output folder, so memory does not grow with the run. A message that
 * is none of the run's is left out: the aggregator, which reads the same topic, sets it aside.
 *
 * <p>The spool outlives the process: {@link #save} forces it to the disk and then replaces a
 * checkpoint of its length, and of where the next process goes on reading. A spool that is damaged
 * or of another run is begun anew. One that was never saved is removed on {@link #close}, others by
 * {@link #deleteSpool}.
 */
public final class LatentCache implements DurableContents {
  private static final Logger LOG = LoggerFactory.getLogger(LatentCache.class);
  private static final int BUFFER_BYTES = 1 << 16;
  private static final String CHECKPOINT = "checkpoint";

  private final RunManifest manifest;
  private final SaeManifest sae;
  private final Path folder;
  private final SpoolFolder spool;
  private final byte[] identity;
  private final long[] begin;
  private final List<EntrySpool> partitions = new ArrayList<>();
  private TokenSpool tokens;
  private boolean saved;
  private int shards;
  private long clamped;
  private long completeSequences = INCOMPLETE;

  /**
   * Opens the spool that an earlier process saved, or makes one.
   *
   * @param manifest the run
   * @param sae one of its autoencoders
   * @throws IllegalArgumentException if its id or hook is not one
   */
  public LatentCache(OutputFolder out, RunManifest manifest, SaeManifest sae) throws IOException {
    this.manifest = manifest;
    this.sae = sae;
    this.folder = out.resolve(folder(manifest, sae));
    this.spool = SpoolFolder.open(out.root(), Topics.requireSaeId(sae.getId()));
    this.identity = Checkpoint.identity(manifest, sae);
    this.begin = new long[sae.getFeatureRanges()];
    this.tokens = open();
    try {
      restore();
    } catch (MalformedMessageException e) {
      LOG.warn("{}; the latents are read again from the beginning", e.getMessage());
      Arrays.fill(begin, 0);
      closeFiles();
      partitions.clear();
      spool.deleteFiles();
      tokens = open();
      saved = false;
    }
  }

  /**
   * Where the files go, relative to the output folder: {@code delphi/latents/<hook point>}, or
   * {@code delphi/latents/<hook point>.<sae id>} where several of the run's autoencoders read that
   * hook point, since delphi takes a folder for one autoencoder.
   *
   * @throws IllegalArgumentException if a hook or the id is not one
   */
  public static String folder(RunManifest manifest, SaeManifest sae) {
    String hook = HookPoint.parse(sae.getHook()).name();
    long sharing =
        manifest.getSaes().stream()
            .filter(other -> HookPoint.parse(other.getHook()).name().equals(hook))
            .count();
    String id = Topics.requireSaeId(sae.getId());
    return "delphi/latents/" + (sharing > 1 ? hook + "." + id : hook);
  }

  /** Also writes, once more, the shards of what is complete already. */
  @Override
  public long[] begin() throws IOException, MalformedMessageException {
    for (EntrySpool entries : partitions) {
      EndOfStream end = entries.completed();
      if (end != null) {
        writeShard(entries, end);
        completeWith(end);
      }
    }
    return begin.clone();
  }

  @Override
  public void save(long[] offsets) throws IOException {
    tokens.force();
    List<Checkpoint.Partition> all = new ArrayList<>();
    for (int p = 0; p < offsets.length; p++) {
      EntrySpool entries = partitions.get(p);
      entries.force();
      all.add(new Checkpoint.Partition(offsets[p], entries.length(), entries.endOfStream()));
    }
    new Checkpoint(all).write(spool.file(CHECKPOINT), identity);
    saved = true;
  }

  @Override
  public void read(int partition, byte @Nullable [] value) throws IOException {
    LatentMessage message;
    try {
      message = ArrowMessages.decodeLatents(value);
      requireOurs(partition, message);
    } catch (MalformedMessageException e) {
      LOG.warn("latents of {}, range {}: left out: {}", sae.getId(), partition, e.getMessage());
      return;
    }
    try {
      take(partition, message);
    } catch (MalformedMessageException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  void read(int partition, LatentMessage message) throws IOException, MalformedMessageException {
    requireOurs(partition, message);
    take(partition, message);
  }

  private void take(int partition, LatentMessage message)
      throws IOException, MalformedMessageException {
    EntrySpool entries = partitions.get(partition);
    boolean done = entries.completed() != null;
    if (message instanceof LatentBatch batch) {
      entries.add(batch);
      tokens.add(batch.batch());
    } else if (message instanceof EndOfStream end) {
      entries.add(end);
    }
    EndOfStream end = entries.completed();
    if (end == null) {
      completeSequences = INCOMPLETE;
    } else if (!done) {
      writeShard(entries, end);
      completeWith(end);
    }
  }

  @Override
  public long completeSequences() {
    return completeSequences;
  }

  /** How many shards have been written. */
  int shards() {
    return shards;
  }

  /** How many values in them were beyond float16's range. */
  long clamped() {
    return clamped;
  }

  /** Closes the files; what was saved stays. */
  @Override
  public void close() throws IOException {
    closeFiles();
    if (!saved) {
      spool.delete();
    }
  }

  /** Removes what was saved, once it is closed and the shards are not going to grow. */
  public void deleteSpool() throws IOException {
    spool.delete();
  }

  private TokenSpool open() throws IOException {
    ByteBuffer buffer = Shard.littleEndian(BUFFER_BYTES);
    for (int p = 0; p < sae.getFeatureRanges(); p++) {
      FeatureRange range = new FeatureRange(p, sae.getFeatureRanges(), sae.getLatents());
      partitions.add(new EntrySpool(SpoolFile.open(spool.file("entries-" + p)), range, buffer));
    }
    return new TokenSpool(
        SpoolFile.open(spool.file("tokens")), manifest.getContextLength(), buffer);
  }

  private void restore() throws IOException, MalformedMessageException {
    Path file = spool.file(CHECKPOINT);
    Optional<Checkpoint> found = Checkpoint.read(file, identity, manifest.getRun());
    List<Checkpoint.Partition> all =
        found.isPresent()
            ? found.get().partitions()
            : Collections.nCopies(begin.length, new Checkpoint.Partition(0, 0, null));
    if (all.size() != begin.length) {
      throw new MalformedMessageException(
          "%s: %d partitions (expected: %d)".formatted(file, all.size(), begin.length));
    }
    for (int p = 0; p < begin.length; p++) {
      partitions.get(p).restore(all.get(p).length(), all.get(p).end(), tokens);
      begin[p] = all.get(p).offset();
    }
    saved = found.isPresent();
  }

  private void closeFiles() throws IOException {
    try (TokenSpool closed = tokens) {
      for (EntrySpool entries : partitions) {
        entries.close();
      }
    }
  }

  private void completeWith(EndOfStream end) throws IOException {
    boolean all =
        partitions.stream().allMatch(each -> each.completedSequences() == end.sequences());
    if (all) {
      DelphiConfig.write(folder.resolve("config.json"), manifest, sae, end);
    }
    completeSequences = all ? end.sequences() : INCOMPLETE;
  }

  private void writeShard(EntrySpool entries, EndOfStream end)
      throws IOException, MalformedMessageException {
    tokens.requireContiguous(entries.batches());
    FeatureRange range = entries.range();
    String name = "%d_%d.safetensors".formatted(range.from(), range.to() - 1);
    Path aside = spool.file(name);
    Path shard = folder.resolve(name);
    try {
      new Shard(tokens, entries, end, manifest.getContextLength()).write(aside);
      AtomicFile.move(aside, shard, Durability.FORCED);
    } catch (IOException e) {
      throw AtomicFile.notWritten(shard, e);
    } finally {
      Files.deleteIfExists(aside);
    }
    shards++;
    if (entries.clamped() > 0) {
      clamped += entries.clamped();
      LOG.warn(
          "{}: {} of {} values are beyond float16 and became its largest",
          folder.resolve(name),
          entries.clamped(),
          entries.entries());
    }
  }

  private void requireOurs(int partition, LatentMessage message) throws MalformedMessageException {
    requireOurs("run", message.run(), manifest.getRun());
    if (message instanceof LatentBatch batch) {
      requireOurs("SAE", batch.sae(), sae.getId());
      FeatureRange range = partitions.get(partition).range();
      if (!batch.range().equals(range)) {
        throw new MalformedMessageException(
            "feature range of batch %d: %s (expected: %s)"
                .formatted(batch.number(), batch.range(), range));
      }
      if (batch.batch().contextLength() != manifest.getContextLength()) {
        throw new MalformedMessageException(
            "context length of batch %d: %d (expected: %d)"
                .formatted(
                    batch.number(), batch.batch().contextLength(), manifest.getContextLength()));
      }
    }
  }

  private static void requireOurs(String what, String value, String expected)
      throws MalformedMessageException {
    if (!value.equals(expected)) {
      throw new MalformedMessageException(
          "%s: '%s' (expected: '%s')".formatted(what, value, expected));
    }
  }
}
