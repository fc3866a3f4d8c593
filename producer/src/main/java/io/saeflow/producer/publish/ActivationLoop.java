// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.publish;

import io.saeflow.producer.gpt2.Gpt2;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.arrow.ArrowMessages;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.schemas.stream.ActivationBatch;
import io.saeflow.schemas.stream.ActivationMessage;
import io.saeflow.schemas.stream.DeadLetterHeaders;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.schemas.stream.TokenBatch;
import io.saeflow.schemas.stream.TokenMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads tokens, runs the model, writes activations and the tokens' offsets in one transaction. */
final class ActivationLoop {
  private static final Logger LOG = LoggerFactory.getLogger(ActivationLoop.class);
  private static final Duration POLL = Duration.ofMillis(200);

  private final Consumer<byte[], byte[]> consumer;
  private final Producer<byte[], byte[]> producer;
  private final Gpt2 model;
  private final Topics topics;
  private final List<HookPoint> hooks;
  private final Headroom headroom;
  private long batchesLeft;
  private final LongAdder tokensDone = new LongAdder();
  private final LongAdder deadLetters = new LongAdder();

  ActivationLoop(
      Consumer<byte[], byte[]> consumer,
      Producer<byte[], byte[]> producer,
      Gpt2 model,
      Topics topics,
      List<HookPoint> hooks,
      Headroom headroom) {
    this.consumer = consumer;
    this.producer = producer;
    this.model = model;
    this.topics = topics;
    this.hooks = hooks;
    this.headroom = headroom;
  }

  /** Tokens whose activations are committed. */
  LongAdder tokensDone() {
    return tokensDone;
  }

  /** Messages that went to dead letters. */
  LongAdder deadLetters() {
    return deadLetters;
  }

  /**
   * To be called once before {@link #step}. It ends what a predecessor of the same id left open, so
   * it comes before the first look at committed offsets.
   */
  void begin() {
    producer.initTransactions();
    consumer.subscribe(List.of(topics.tokens()));
  }

  /** One poll and its transaction; does nothing if there is nothing to read or no headroom. */
  void step() {
    if (batchesLeft <= 0) {
      batchesLeft = headroom.batches();
    }
    // A consumer that waits still polls, and so stays in its group.
    if (batchesLeft > 0) {
      consumer.resume(consumer.paused());
    } else {
      consumer.pause(consumer.assignment());
    }
    ConsumerRecords<byte[], byte[]> records = consumer.poll(POLL);
    if (records.isEmpty()) {
      return;
    }
    // The model runs before the transaction begins: a slow model then never outlasts it, and one
    // that was killed leaves nothing open for readers to wait on.
    Output output = new Output();
    for (ConsumerRecord<byte[], byte[]> record : records) {
      transform(record, output);
    }
    batchesLeft -= records.count();
    if (commit(records, output.records)) {
      tokensDone.add(output.tokens);
      deadLetters.add(output.deadLetters);
    }
  }

  private void transform(ConsumerRecord<byte[], byte[]> record, Output output) {
    try {
      TokenMessage message = decode(record);
      if (message instanceof TokenBatch batch) {
        for (ActivationBatch activations : activations(batch)) {
          output.records.add(record(activations.hook(), activations));
        }
        output.tokens += batch.tokens().length;
      } else {
        for (HookPoint hook : hooks) {
          output.records.add(record(hook, (ActivationMessage) message));
        }
      }
    } catch (MalformedMessageException e) {
      LOG.warn("{}-{}@{}: {}", record.topic(), record.partition(), record.offset(), e.getMessage());
      output.records.add(deadLetter(record, e));
      output.deadLetters++;
    }
  }

  private TokenMessage decode(ConsumerRecord<byte[], byte[]> record)
      throws MalformedMessageException {
    TokenMessage message = ArrowMessages.decodeTokens(record.value());
    if (!message.run().equals(topics.run())) {
      throw new MalformedMessageException(
          "run: '%s' (expected: '%s')".formatted(message.run(), topics.run()));
    }
    return message;
  }

  private List<ActivationBatch> activations(TokenBatch batch) throws MalformedMessageException {
    Map<HookPoint, float[]> values;
    try {
      values = model.activations(batch.tokens(), batch.contextLength(), hooks);
    } catch (IllegalArgumentException e) {
      throw new MalformedMessageException(
          "batch %d: %s".formatted(batch.number(), e.getMessage()), e);
    }
    List<ActivationBatch> activations = new ArrayList<>();
    values.forEach(
        (hook, value) ->
            activations.add(new ActivationBatch(batch, hook, model.width(hook), value)));
    return activations;
  }

  private ProducerRecord<byte[], byte[]> record(HookPoint hook, ActivationMessage message) {
    String topic = topics.activations(hook);
    return NumberedRecord.of(topic, producer.partitionsFor(topic).size(), message);
  }

  private ProducerRecord<byte[], byte[]> deadLetter(
      ConsumerRecord<byte[], byte[]> record, MalformedMessageException reason) {
    ProducerRecord<byte[], byte[]> letter =
        new ProducerRecord<>(
            topics.deadLetters(), null, record.key(), record.value(), record.headers());
    DeadLetterHeaders.of(
            record.topic(),
            record.partition(),
            record.offset(),
            String.valueOf(reason.getMessage()))
        .forEach(letter.headers()::add);
    return letter;
  }

  /** Whether it was committed; if not, the records will be read again. */
  private boolean commit(
      ConsumerRecords<byte[], byte[]> records, List<ProducerRecord<byte[], byte[]>> output) {
    producer.beginTransaction();
    try {
      for (ProducerRecord<byte[], byte[]> record : output) {
        // A failure of any send comes out of commitTransaction.
        Future<RecordMetadata> unused = producer.send(record);
      }
      producer.sendOffsetsToTransaction(after(records), consumer.groupMetadata());
      producer.commitTransaction();
      return true;
    } catch (CommitFailedException e) {
      // The group gave this consumer's partitions to others meanwhile: they will do the work.
      LOG.info("{}: rebalanced during a transaction, reading again", topics.tokens());
      producer.abortTransaction();
      rewind();
      return false;
    } catch (ProducerFencedException | InvalidProducerEpochException e) {
      throw e;
    } catch (KafkaException e) {
      try {
        producer.abortTransaction();
      } catch (KafkaException suppressed) {
        e.addSuppressed(suppressed);
      }
      throw e;
    }
  }

  private static Map<TopicPartition, OffsetAndMetadata> after(
      ConsumerRecords<byte[], byte[]> records) {
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    for (ConsumerRecord<byte[], byte[]> record : records) {
      offsets.put(
          new TopicPartition(record.topic(), record.partition()),
          new OffsetAndMetadata(record.offset() + 1));
    }
    return offsets;
  }

  private void rewind() {
    Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
    for (TopicPartition partition : consumer.assignment()) {
      OffsetAndMetadata offset = committed.get(partition);
      if (offset == null) {
        consumer.seekToBeginning(List.of(partition));
      } else {
        consumer.seek(partition, offset);
      }
    }
  }

  /** What one poll's records turn into. */
  private static final class Output {
    final List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
    long tokens;
    long deadLetters;
  }
}
