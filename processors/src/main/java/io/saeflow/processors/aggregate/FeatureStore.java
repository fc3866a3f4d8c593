// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import io.saeflow.processors.store.ObjectStoreBuilder;
import io.saeflow.schemas.stream.FeatureRange;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.StateStoreContext;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.internals.InternalProcessorContext;
import org.apache.kafka.streams.processor.internals.ProcessorNode;
import org.apache.kafka.streams.query.Position;
import org.apache.kafka.streams.state.internals.CacheFlushListener;
import org.apache.kafka.streams.state.internals.CachedStateStore;
import org.jspecify.annotations.Nullable;

/**
 * Keeps one task's {@link RangeTally} in memory, and saves it to the changelog inside the task's
 * transaction.
 *
 * <p>Under {@code exactly_once_v2} a running task's commit calls neither {@link #commit} nor {@code
 * flush}: the only code that runs before the transaction ends is {@link #flushCache()} of a store
 * that implements the internal {@link CachedStateStore}. So this class owns that hook, and is the
 * only one that touches Kafka Streams' internals; its test kills and restarts it on a real broker.
 */
final class FeatureStore implements StateStore, CachedStateStore<byte[], byte[]> {
  private final AggregateStage stage;
  private final TallyConfig config;
  private @Nullable InternalProcessorContext<?, ?> context;
  private @Nullable RangeTally tally;
  private @Nullable Runnable beforeCommit;
  private boolean changed;
  private long timestamp;

  private FeatureStore(AggregateStage stage, TallyConfig config) {
    this.stage = stage;
    this.config = config;
  }

  static ObjectStoreBuilder<FeatureStore> builder(AggregateStage stage, TallyConfig config) {
    return new ObjectStoreBuilder<>(
        nameFor(stage), ObjectStoreBuilder.Changelog.LOGGED, () -> new FeatureStore(stage, config));
  }

  @Override
  public String name() {
    return nameFor(stage);
  }

  @Override
  public void init(StateStoreContext stateStoreContext, StateStore root) {
    context = (InternalProcessorContext<?, ?>) stateStoreContext;
    FeatureRange range =
        new FeatureRange(context.taskId().partition(), stage.ranges(), stage.latents());
    RangeTally restored =
        new RangeTally(
            stage.id(),
            range,
            config,
            stage.aggregators().createAggregator(range.from(), range.size()));
    tally = restored;
    changed = false;
    context.register(root, restored::restore);
  }

  private static String nameFor(AggregateStage stage) {
    return "features-" + stage.id();
  }

  RangeTally tally() {
    if (tally == null) {
      throw new IllegalStateException("store %s: closed".formatted(name()));
    }
    return tally;
  }

  /** Says that the tally holds something that the changelog does not. */
  void changed(long recordTimestamp) {
    changed = true;
    timestamp = Math.max(timestamp, recordTimestamp);
  }

  /** The latest timestamp of what was added. */
  long timestamp() {
    return timestamp;
  }

  /**
   * Runs {@code action} inside each commit that has changes; it may forward records from the node
   * that is current now.
   */
  void beforeCommit(ProcessorContext<?, ?> processorContext, Runnable action) {
    InternalProcessorContext<?, ?> internal = (InternalProcessorContext<?, ?>) processorContext;
    ProcessorNode<?, ?, ?, ?> node = internal.currentNode();
    beforeCommit =
        () -> {
          ProcessorNode<?, ?, ?, ?> previous = internal.currentNode();
          internal.setCurrentNode(node);
          try {
            action.run();
          } finally {
            internal.setCurrentNode(previous);
          }
        };
  }

  /** Runs inside every commit's transaction. */
  @Override
  public void flushCache() {
    if (!changed || context == null) {
      return;
    }
    if (beforeCommit != null) {
      beforeCommit.run();
    }
    InternalProcessorContext<?, ?> log = context;
    tally()
        .saveChanges(
            (key, value) ->
                log.logChange(
                    name(),
                    Bytes.wrap(key),
                    value,
                    timestamp,
                    new RecordHeaders(),
                    Position.emptyPosition()));
    changed = false;
  }

  /** Nothing can be dropped: what is not yet saved is in memory only. */
  @Override
  public void clearCache() {}

  @Override
  public boolean setFlushListener(
      CacheFlushListener<byte[], byte[]> listener, boolean sendOldValues) {
    return false;
  }

  /** Nothing is on disk: the changelog is the only copy. */
  @Override
  public void commit(Map<TopicPartition, Long> changelogOffsets) {}

  /**
   * True although nothing is on disk, because it makes Kafka Streams keep its process id across
   * restarts, so that the new process fences its dead predecessor at once.
   */
  @Override
  public boolean persistent() {
    return true;
  }

  /** True, so that nobody else notes offsets: {@link #committedOffset} always says "none". */
  @Override
  @SuppressWarnings("deprecation") // the interface asks new stores to return true until it goes
  public boolean managesOffsets() {
    return true;
  }

  /** None: a restart always reads the whole changelog. */
  @Override
  public @Nullable Long committedOffset(TopicPartition partition) {
    return null;
  }

  @Override
  public void close() {
    if (tally != null) {
      tally.close();
    }
    tally = null;
    context = null;
    beforeCommit = null;
  }

  @Override
  public boolean isOpen() {
    return tally != null;
  }
}
