// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import io.saeflow.schemas.stream.MalformedMessageException;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One autoencoder of a run: its index, kept up with its log. {@link #poll} is for one thread, the
 * rest for any.
 */
final class SaeView implements Closeable {
  /**
   * From the run's file.
   *
   * @param k null unless the architecture has one
   */
  record Description(
      String id, String hook, int latents, String architecture, @Nullable Integer k) {}

  private static final Logger LOG = LoggerFactory.getLogger(SaeView.class);

  /** After so many bytes what came is announced, so that a long log shows while it is read. */
  private static final long POLL_BYTES = 64L << 20;

  private final Description description;
  private final Path file;
  private final SummaryReader summaries;
  private @Nullable RecordLog damaged;
  private volatile Contents contents;

  /** An index, and the log that its places are in; without a log it is empty. */
  private record Contents(FeatureIndex index, @Nullable RecordLog log) {}

  SaeView(Description description, Path file) {
    this.description = description;
    this.file = file;
    this.summaries = new SummaryReader(description.latents());
    this.contents = new Contents(new FeatureIndex(description.latents()), null);
  }

  Description description() {
    return description;
  }

  FeatureIndex index() {
    return contents.index();
  }

  /**
   * Takes what has been appended to the log; all of it, from the beginning, if there is a new log.
   *
   * @return how many records there were
   */
  int poll() throws IOException {
    RecordLog log = contents.log();
    if (log == null || log.replaced()) {
      try {
        RecordLog opened = RecordLog.open(file);
        contents = new Contents(new FeatureIndex(description.latents()), opened);
        if (log != null) {
          log.close();
        }
        log = opened;
      } catch (NoSuchFileException e) {
        return 0;
      }
    }
    if (log == damaged) {
      return 0;
    }
    FeatureIndex index = contents.index();
    try {
      return log.poll(
          POLL_BYTES, (offset, bytes) -> index.put(summaries.read(bytes), offset, bytes.length));
    } catch (MalformedMessageException e) {
      damaged = log;
      LOG.error("{}: cannot be read on, and shows what came before: {}", file, e.getMessage());
      return 0;
    }
  }

  /**
   * The bytes of a feature's latest record.
   *
   * @return empty if there is none, or no longer
   */
  Optional<byte[]> record(int latent) throws IOException {
    Contents now = contents;
    Optional<FeatureIndex.Place> place = now.index().place(latent);
    RecordLog log = now.log();
    if (place.isEmpty() || log == null) {
      return Optional.empty();
    }
    try {
      return Optional.of(log.read(place.get().offset(), place.get().length()));
    } catch (EOFException | ClosedChannelException e) {
      return Optional.empty(); // a new log has just begun
    }
  }

  @Override
  public void close() throws IOException {
    RecordLog log = contents.log();
    if (log != null) {
      log.close();
    }
  }
}
