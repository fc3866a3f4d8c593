// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.encode;

import io.saeflow.processors.deadletter.DeadLetter;
import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.stream.ActivationBatch;
import io.saeflow.schemas.stream.ActivationMessage;
import io.saeflow.schemas.stream.EndOfStream;
import io.saeflow.schemas.stream.LatentBatch;
import io.saeflow.schemas.stream.MalformedMessageException;
import java.util.Objects;
import java.util.Set;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.StoreBuilder;
import org.jspecify.annotations.Nullable;

/** Encodes activation batches with one autoencoder and forwards a message a feature range. */
final class EncodeProcessor implements Processor<byte[], byte[], Object, Object> {
  private final Supplier supplier;
  private @Nullable BatchEncoder encoder;
  private @Nullable ProcessorContext<Object, Object> context;

  private EncodeProcessor(Supplier supplier) {
    this.supplier = supplier;
  }

  @Override
  public void init(ProcessorContext<Object, Object> processorContext) {
    context = processorContext;
    encoder = new BatchEncoder(supplier.stage);
  }

  @Override
  public void process(Record<byte[], byte[]> record) {
    ProcessorContext<Object, Object> out = Objects.requireNonNull(context);
    try {
      ActivationMessage message = ArrowMessages.decodeActivations(record.value());
      requireOurs(message);
      if (message instanceof ActivationBatch batch) {
        for (LatentBatch latents : Objects.requireNonNull(encoder).encode(batch)) {
          out.forward(new Record<>(batch.number(), latents, record.timestamp()), supplier.sink());
        }
      } else {
        EndOfStream end = (EndOfStream) message;
        out.forward(new Record<>(end.number(), end, record.timestamp()), supplier.sink());
      }
    } catch (MalformedMessageException e) {
      DeadLetter.forward(out, supplier.processor(), record, e.getMessage());
    }
  }

  @Override
  public void close() {
    if (encoder != null) {
      encoder.close();
      encoder = null;
    }
  }

  private void requireOurs(ActivationMessage message) throws MalformedMessageException {
    if (!message.run().equals(supplier.run)) {
      throw new MalformedMessageException(
          "run: '%s' (expected: '%s')".formatted(message.run(), supplier.run));
    }
  }

  /** Makes one processor a task. */
  static final class Supplier implements ProcessorSupplier<byte[], byte[], Object, Object> {
    private final String run;
    private final EncodeStage stage;

    Supplier(String run, EncodeStage stage) {
      this.run = run;
      this.stage = stage;
    }

    /** The name of the node. */
    String processor() {
      return "encode-" + stage.id();
    }

    /** The name of the sink that takes its latents. */
    String sink() {
      return "latents-" + stage.id();
    }

    @Override
    public Set<StoreBuilder<?>> stores() {
      return Set.of(IdentityStore.builder("identity-" + stage.id()));
    }

    @Override
    public Processor<byte[], byte[], Object, Object> get() {
      return new EncodeProcessor(this);
    }
  }
}
