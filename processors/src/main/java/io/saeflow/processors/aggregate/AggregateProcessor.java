// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import io.saeflow.processors.deadletter.DeadLetter;
import io.saeflow.processors.store.ObjectStoreBuilder;
import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.LatentMessage;
import io.saeflow.schemas.stream.MalformedMessageException;
import java.util.BitSet;
import java.util.Objects;
import java.util.Set;
import java.util.function.LongSupplier;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.StoreBuilder;
import org.jspecify.annotations.Nullable;

/**
 * Adds latent batches to its task's {@link FeatureStore}, and forwards feature records inside
 * commits.
 *
 * <p>All records go out when all sequences up to an end of the stream are in, and before that those
 * that changed whenever {@link SnapshotPace} says so: a live view. What is counted depends on no
 * clock.
 *
 * <p>When sequences come after that end, all records go out once more, so that none says that it is
 * complete until the next end is reached.
 */
final class AggregateProcessor implements Processor<byte[], byte[], Object, Object> {
  private final String run;
  private final Supplier supplier;
  private final TallyObserver observer;
  private final BitSet unsent = new BitSet();

  /** Whether the last records sent were complete. */
  private boolean sentComplete;

  private @Nullable SnapshotPace pace;
  private @Nullable FeatureStore store;
  private @Nullable ProcessorContext<Object, Object> context;

  private AggregateProcessor(Supplier supplier) {
    this.supplier = supplier;
    this.run = supplier.run;
    this.observer = supplier.observer;
  }

  @Override
  public void init(ProcessorContext<Object, Object> processorContext) {
    context = processorContext;
    store = processorContext.getStateStore(supplier.store.name());
    // What was sent before a restart is not known; sending it again does no harm.
    unsent.set(0, store.tally().range().size());
    pace = new SnapshotPace(supplier.nanoClock, supplier.allRanges, store.tally().batches());
    sentComplete = store.tally().isComplete();
    store.beforeCommit(processorContext, this::emit);
    report(store.tally());
  }

  @Override
  public void process(Record<byte[], byte[]> record) {
    ProcessorContext<Object, Object> out = Objects.requireNonNull(context);
    FeatureStore features = Objects.requireNonNull(store);
    RangeTally tally = features.tally();
    LatentMessage message;
    try {
      message = ArrowMessages.decodeLatents(record.value());
      requireOurs(message, tally);
      if (message instanceof LatentBatch batch) {
        tally.add(batch);
      }
    } catch (MalformedMessageException e) {
      DeadLetter.forward(out, supplier.processor(), record, e.getMessage());
      return;
    }
    if (message instanceof LatentBatch batch) {
      for (int latent : batch.latents()) {
        unsent.set(latent - tally.range().from());
      }
    } else {
      tally.end((EndOfStream) message);
    }
    features.changed(record.timestamp());
    report(tally);
    if (tally.isComplete()) {
      out.commit();
    }
  }

  @Override
  public void close() {
    if (store != null && store.isOpen()) {
      observer.left(supplier.stage.id(), store.tally().range());
    }
  }

  private void emit() {
    FeatureStore features = Objects.requireNonNull(store);
    RangeTally tally = features.tally();
    SnapshotPace snapshots = Objects.requireNonNull(pace);
    observer.saved(supplier.stage.id(), tally.range(), tally.stateBytes());
    if (tally.isComplete() || sentComplete) {
      unsent.set(0, tally.range().size());
    } else if (!snapshots.isDue(tally.batches())) {
      return;
    }
    snapshots.take(tally.batches(), () -> send(features));
    sentComplete = tally.isComplete();
  }

  /** Forwards the records that were not sent since they changed. */
  private void send(FeatureStore features) {
    ProcessorContext<Object, Object> out = Objects.requireNonNull(context);
    RangeTally tally = features.tally();
    for (int i = unsent.nextSetBit(0); i >= 0; i = unsent.nextSetBit(i + 1)) {
      int latent = tally.range().from() + i;
      out.forward(
          new Record<>(latent, tally.record(latent), features.timestamp()), supplier.sink());
    }
    unsent.clear();
  }

  private void report(RangeTally tally) {
    observer.reached(supplier.stage.id(), tally.range(), tally.batches(), tally.tokens());
    observer.encoded(supplier.stage.id(), tally.range(), tally.statistics());
  }

  private void requireOurs(LatentMessage message, RangeTally tally)
      throws MalformedMessageException {
    if (!message.run().equals(run)) {
      throw new MalformedMessageException(
          "run: '%s' (expected: '%s')".formatted(message.run(), run));
    }
    if (message instanceof LatentBatch batch) {
      if (!batch.sae().equals(supplier.stage.id())) {
        throw new MalformedMessageException(
            "SAE: '%s' (expected: '%s')".formatted(batch.sae(), supplier.stage.id()));
      }
      if (!batch.range().equals(tally.range())) {
        throw new MalformedMessageException(
            "feature range: %s (expected: %s)".formatted(batch.range(), tally.range()));
      }
      if (batch.batch().contextLength() != supplier.stage.contextLength()) {
        throw new MalformedMessageException(
            "context length: %d (expected: %d)"
                .formatted(batch.batch().contextLength(), supplier.stage.contextLength()));
      }
    }
  }

  /** Makes one processor a task, with its store. */
  static final class Supplier implements ProcessorSupplier<byte[], byte[], Object, Object> {
    private final String run;
    private final AggregateStage stage;
    private final ObjectStoreBuilder<FeatureStore> store;
    private final TallyObserver observer;
    private final int allRanges;
    private final LongSupplier nanoClock;

    /**
     * @param observer told of every batch that was counted, and of what a restart found
     * @param allRanges of all autoencoders
     * @param nanoClock paces snapshots; as {@link System#nanoTime}
     */
    Supplier(
        String run,
        AggregateStage stage,
        TallyConfig config,
        TallyObserver observer,
        int allRanges,
        LongSupplier nanoClock) {
      this.run = run;
      this.stage = stage;
      this.store = FeatureStore.builder(stage, config);
      this.observer = observer;
      this.allRanges = allRanges;
      this.nanoClock = nanoClock;
    }

    /** The name of the node. */
    String processor() {
      return "aggregate-" + stage.id();
    }

    /** The name of the sink that takes its records. */
    String sink() {
      return "records-" + stage.id();
    }

    @Override
    public Processor<byte[], byte[], Object, Object> get() {
      return new AggregateProcessor(this);
    }

    @Override
    public Set<StoreBuilder<?>> stores() {
      return Set.of(store);
    }
  }
}
