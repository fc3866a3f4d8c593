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
import io.saeflow.sinks.topic.TopicContents;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes one autoencoder's latents as {@code <from>_<last>.safetensors}, one shard for each
 * partition, and {@code config.json} after the last shard, into the {@link #folder} of its hook
 * point. When text has been appended, they are written anew at the next end of the stream.
 *
 * <p>Every non-zero latent is kept, rounded to float16; one beyond its range becomes the largest
 * finite value of its sign, and is counted. Batches may come in any order; each once a partition.
 * They are kept in {@code .spool} below the output folder until their partition is complete, so
 * memory does not grow with the run; that folder is gone when this is closed.
 */
public final class LatentCache implements TopicContents {
  private static final Logger LOG = LoggerFactory.getLogger(LatentCache.class);
  private static final int BUFFER_BYTES = 1 << 16;

  private final RunManifest manifest;
  private final SaeManifest sae;
  private final Path folder;
  private final SpoolFolder spool;
  private final TokenSpool tokens;
  private final List<EntrySpool> partitions = new ArrayList<>();
  private int shards;
  private long clamped;
  private boolean complete;

  /**
   * Creates the spool, removing what an earlier run left there.
   *
   * @param manifest the run
   * @param sae one of its autoencoders
   * @throws IllegalArgumentException if its id or hook is not one
   */
  public LatentCache(OutputFolder out, RunManifest manifest, SaeManifest sae) throws IOException {
    this.manifest = manifest;
    this.sae = sae;
    this.folder = out.resolve(folder(manifest, sae));
    ByteBuffer buffer = Shard.littleEndian(BUFFER_BYTES);
    this.spool = SpoolFolder.create(out.root(), Topics.requireSaeId(sae.getId()));
    this.tokens =
        new TokenSpool(SpoolFile.create(spool.file("tokens")), manifest.getContextLength(), buffer);
    for (int p = 0; p < sae.getFeatureRanges(); p++) {
      FeatureRange range = new FeatureRange(p, sae.getFeatureRanges(), sae.getLatents());
      partitions.add(new EntrySpool(SpoolFile.create(spool.file("entries-" + p)), range, buffer));
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

  @Override
  public void read(int partition, byte[] value) throws IOException, MalformedMessageException {
    read(partition, ArrowMessages.decodeLatents(value));
  }

  void read(int partition, LatentMessage message) throws IOException, MalformedMessageException {
    requireOurs("run", message.run(), manifest.getRun());
    EntrySpool entries = partitions.get(partition);
    boolean done = entries.completed() != null;
    if (message instanceof LatentBatch batch) {
      requireOurs("SAE", batch.sae(), sae.getId());
      entries.add(batch);
      tokens.add(batch.batch());
    } else if (message instanceof EndOfStream end) {
      entries.add(end);
    }
    EndOfStream end = entries.completed();
    if (end == null) {
      complete = false;
    } else if (!done) {
      writeShard(entries, end);
      complete = partitions.stream().allMatch(each -> each.completedSequences() == end.sequences());
      if (complete) {
        DelphiConfig.write(folder.resolve("config.json"), manifest, sae, end);
      }
    }
  }

  @Override
  public boolean complete() {
    return complete;
  }

  /** How many shards have been written. */
  int shards() {
    return shards;
  }

  /** How many values in them were beyond float16's range. */
  long clamped() {
    return clamped;
  }

  @Override
  public void close() throws IOException {
    try (spool;
        tokens) {
      for (EntrySpool entries : partitions) {
        entries.close();
      }
    }
  }

  private void writeShard(EntrySpool entries, EndOfStream end)
      throws IOException, MalformedMessageException {
    tokens.requireContiguous(entries.batches());
    FeatureRange range = entries.range();
    String name = "%d_%d.safetensors".formatted(range.from(), range.to() - 1);
    Path aside = spool.file(name);
    new Shard(tokens, entries, end, manifest.getContextLength()).write(aside);
    AtomicFile.move(aside, folder.resolve(name), Durability.FORCED);
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

  private static void requireOurs(String what, String value, String expected)
      throws MalformedMessageException {
    if (!value.equals(expected)) {
      throw new MalformedMessageException(
          "%s: '%s' (expected: '%s')".formatted(what, value, expected));
    }
  }
}
